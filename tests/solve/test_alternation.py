"""Runs that a Taylor series and Rodas5P carry on in turn: relaxation oscillations."""

import threading
import time

import numpy as np
import pandas as pd
import pytest

import trustode as tr
from trustode.compile import compile
from trustode.solve import Solver, pack, solve_batch

#: What "auto" is compared with here is one method throughout.
TIGHT = tr.Solver("rodas5p", rtol=1e-11, atol=1e-13)


def oscillator(mu):
    """Slow stretches that are stiff, and jumps between them that are not."""
    return tr.models.load("van-der-pol").replace(params={"mu": mu})


def test_each_jump_goes_back_to_the_series():
    """Van der Pol's period is (3 - 2 log 2) mu + 7.01432 mu^(-1/3) + ... (Dorodnicyn 1947)."""
    mu = 100.0
    period = (3 - 2 * np.log(2)) * mu + 7.01432 * mu ** (-1 / 3)
    solver = tr.Solver(rtol=1e-7, atol=1e-9)

    def series_steps(n):
        stats = tr.simulate(oscillator(mu), [0.0, n * period], solver=solver).stats
        assert stats["n_jac"] > 20 * n
        return stats["n_steps"] - stats["n_jac"]

    assert series_steps(8) > 6 * series_steps(1)


def test_states_and_sensitivities_are_those_of_one_method():
    model, t = oscillator(100.0), np.linspace(0.0, 250.0, 41)
    varied = ["mu", "x(0)"]
    both = tr.simulate(model, t, solver=tr.Solver(rtol=1e-8, atol=1e-10), sensitivities=varied)
    assert both.stats["stiff"]
    one = tr.simulate(model, t, solver=TIGHT, sensitivities=varied)
    assert np.abs(both.y - one.y).max() < 1e-6
    assert np.abs(both.dydp - one.dydp).max() < 1e-5 * np.abs(one.dydp).max()
    between = np.linspace(0.0, 250.0, 5001)
    assert np.abs(both(between) - one(between)).max() < 1e-5 * np.abs(one.y).max()


def test_events_are_those_of_one_method():
    model, crossings = oscillator(100.0), [tr.Event("x", name="crossing")]
    both, one = (
        tr.simulate(model, (0.0, 2000.0), events=crossings, solver=solver).events.t
        for solver in (tr.Solver(rtol=1e-9, atol=1e-11), TIGHT)
    )
    assert len(both) == 24
    assert both == pytest.approx(one, rel=1e-7)


def test_bits_do_not_depend_on_lanes_or_threads():
    sets = pd.DataFrame({"mu": np.geomspace(2.0, 400.0, 50)})
    t, solver = np.linspace(0.0, 300.0, 31), tr.Solver(rtol=1e-8, atol=1e-10)
    model = oscillator(1.0)
    one, two = (tr.ensemble(model, sets, t, solver=solver, threads=n) for n in (1, 2))
    assert np.array_equal(one.y, two.y)
    alone = [tr.simulate(model, t, params=each, solver=solver) for each in sets.to_dict("records")]
    assert 10 < sum(each.stats["stiff"] for each in alone) < 50
    assert np.array_equal(one.y, [each.y for each in alone])


def test_a_limit_of_time_or_steps_counts_all_turns():
    endless = oscillator(1000.0), (0.0, 1e9)
    late = tr.Solver(rtol=1e-8, atol=1e-10, max_steps=10**9, time_limit=0.1)
    assert tr.simulate(*endless, solver=late, on_error="return").status is tr.Status.TIME_LIMIT
    short = tr.Solver(rtol=1e-8, atol=1e-10, max_steps=20_000)
    stopped = tr.simulate(*endless, solver=short, on_error="return")
    assert stopped.status is tr.Status.MAX_STEPS
    assert stopped.stats["n_steps"] + stopped.stats["n_rejected"] == 20_000


def stiff_and_others(span, cancel=None, **options):
    """Solve 20 runs that are handed over at once, and 44 that the series keeps for long."""
    mu = np.repeat([1000.0, 1.0], [20, 44])[:, None]
    start = np.tile([2.0, 0.0], (len(mu), 1))
    solver = Solver(rtol=1e-8, **options)
    return solve_batch(
        compile(oscillator(1.0)), np.array([0.0, span]), mu, start, [pack([])], solver,
        cancel=cancel,
    )  # fmt: skip


def test_an_interrupt_ends_also_what_waits_for_the_pair():
    cancel = np.zeros(1, dtype=np.int32)
    timer = threading.Timer(0.1, cancel.__setitem__, (0, 1))
    timer.start()
    found = stiff_and_others(1e6, cancel)
    timer.join()
    assert set(found.status.tolist()) <= {tr.Status.SUCCESS, tr.Status.INTERRUPTED}
    assert (found.status[:20] == tr.Status.INTERRUPTED).all()


def test_a_time_limit_does_not_count_the_wait_for_others():
    """Alone a stiff run takes a small share of what the others take before it."""
    span = 3e5
    begun = time.perf_counter()
    stiff_and_others(span)
    whole = time.perf_counter() - begun
    assert (stiff_and_others(span, time_limit=0.6 * whole).status[:20] == tr.Status.SUCCESS).all()
