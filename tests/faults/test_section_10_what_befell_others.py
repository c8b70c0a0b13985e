"""Section 10: what befell other programs, where no row of the list asks for it already.

NaN that loops (rows 7 and 8), steps without a floor (10 and 12), interrupts (17), threads (35), the
compile cache (21 to 25), lost work (30 to 33) and text that runs (27 to 29) have their rows.
"""

import math
import time

import numpy as np
import pandas as pd
import pytest

import trustode as tr

OURS = ["auto", "taylor", "tsit5", "dop853", "rodas5p"]
SCIPYS = ["RK45", "DOP853", "Radau", "BDF", "LSODA"]
POLE = tr.Model("pole", {"x": "a*x**2"}, {"a": 1.0}, {"x": 1.0})


@pytest.mark.parametrize("method", [*OURS, *SCIPYS])
def test_section_10_a_failure_is_raised_and_prints_nothing(method, capfd):
    """odeint only printed it (scipy 1801), and a Fortran STOP ended Python (10587)."""
    for model, t in ((POLE, [0.0, 2.0]), (tr.models.load("lorenz"), [0.0, 1e9])):
        with pytest.raises(tr.SolveError):
            tr.simulate(model, t, solver=tr.Solver(method, max_steps=200))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("method", [*OURS, *SCIPYS])
@pytest.mark.parametrize("end", [0.1, 1 / 3, 12345.678])
def test_section_10_nothing_is_asked_outside_the_span(method, end):
    """x' = sqrt(end - t) has no value behind its end (scipy 17341); x(end) = 2/3 end**1.5."""
    model = tr.Model("edge", {"x": f"sqrt({end!r} - t)"}, {}, {"x": 0.0})
    found = tr.simulate(model, [0.0, end], solver=tr.Solver(method))
    assert found["x"][-1] == pytest.approx(2 / 3 * end**1.5, rel=1e-3)


@pytest.mark.parametrize("method", [*OURS, *SCIPYS])
def test_section_10_output_times_change_no_step(method):
    """300 points were fine and 301 failed (libRoadRunner 286).

    Only "dop853" looks at the error between two steps, where some output lies between them.
    """
    model, solver = tr.models.load("lorenz"), tr.Solver(method)
    two, many, more = (
        tr.simulate(model, np.linspace(0.0, 5.0, n), solver=solver) for n in (2, 300, 301)
    )
    assert many.y[-1].tobytes() == more.y[-1].tobytes()
    assert many.stats["n_steps"] == more.stats["n_steps"]
    if method != "dop853":
        assert two.y[-1].tobytes() == many.y[-1].tobytes()
    assert two.y[-1] == pytest.approx(many.y[-1], rel=1e-5)


@pytest.mark.parametrize("method", OURS)
def test_section_10_an_event_at_the_edge_of_a_step(method):
    """At the first time, at a step's own end, and at the last (scipy 17066, 15262, 19418)."""
    model = tr.Model("clock", {"x": "1"}, {}, {"x": 0.0})
    solver = tr.Solver(method, h_max=0.25)
    steps = tr.simulate(model, (0.0, 2.0), solver=solver).t
    for at in (float(steps[k]) for k in (1, len(steps) // 2, -2)):
        seen = tr.simulate(model, (0.0, 2.0), events=tr.Event(f"x - {at!r}"), solver=solver)
        assert seen.events.t == pytest.approx([at], rel=1e-12)
    for at in (0.0, 2.0):
        seen = tr.simulate(model, (0.0, 2.0), events=tr.Event(f"x - {at!r}"), solver=solver)
        assert seen.status is tr.Status.SUCCESS
        assert all(t == pytest.approx(at) for t in seen.events.t)


@pytest.mark.parametrize("method", OURS)
def test_section_10_a_rate_that_jumps_at_an_event(method):
    """x' = 1 until x = 1, then -2 (SUNDIALS 722): y, which an event sets, holds the rate."""
    model = tr.Model("turn", {"x": "y", "y": "0"}, {}, {"x": 0.0, "y": 1.0})
    turn = tr.Event("x - 1", direction=1, set={"y": -2.0})
    found = tr.simulate(model, [0.0, 0.5, 1.25, 2.0], events=turn, solver=tr.Solver(method))
    assert found["x"] == pytest.approx([0.0, 0.5, 0.5, -1.0], abs=1e-9)
    assert found.events.t == pytest.approx([1.0], abs=1e-9)


def test_section_10_one_short_run_leaves_the_summary_whole():
    """A trajectory that ended early broke it (SciMLBase 1276)."""
    many = tr.ensemble(POLE, {"a": [-1.0, 0.1, 1.0]}, [0.0, 0.5, 2.0])
    assert "2 of 3 reached the end" in repr(many)
    frame = many.to_frame()
    assert frame["x"].isna().tolist() == [False] * 8 + [True]
    # 1/(1 - a t): the middle one of three, then the mean of the two that came there.
    low, middle = 1 / 3, 1 / 0.95
    assert many.quantiles("x", [0.5])[0] == pytest.approx(
        [1.0, middle, (low + 1 / 0.8) / 2], rel=1e-4
    )
    assert many["x"][:, 1] == pytest.approx([1 / 1.5, middle, 2.0], rel=1e-4)


def test_section_10_results_that_are_not_asked_for_take_no_memory(child):
    """Memory grew with the time though the end alone was wanted (scipy 10070)."""
    script = """
        import resource
        import trustode as tr
        model = tr.models.load("lorenz")
        def most(end):
            tr.simulate(model, [0.0, end], solver=tr.Solver(max_steps=10**8))
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        short = most(10.0)
        print(most(2000.0) - short)
    """
    # Some 30,000 steps of three states, each kept with its polynomial, would be 15 MB.
    assert int(child(script).stdout) < 4096


def test_section_10_the_number_of_threads_changes_no_fit():
    """Shared tolerances gave another fit from the same seed (rxode2 1064)."""
    t = np.linspace(0.0, 2.0, 9)
    data = pd.DataFrame({"t": t, "x": 1 / (1 - 0.3 * t)})
    vary = {"a": tr.Vary(0.4, min=0.0, max=0.6)}

    def fit(threads):
        return tr.fit(POLE, data, time="t", observed={"x": tr.Gaussian("x", sd=0.1)}, vary=vary,
                      starts=4, seed=3, threads=threads)  # fmt: skip

    one, two = fit(1), fit(2)
    assert one.params.equals(two.params)
    assert one.starts.drop(columns="seconds", errors="ignore").equals(
        two.starts.drop(columns="seconds", errors="ignore")
    )


def test_section_10_a_pitchfork_is_seen_from_its_side_branch():
    """It was missed there (BifurcationKit 223): x**2 = p meets x = 0 at p = 0."""
    model = tr.Model("fork", {"x": "p*x - x**3"}, {"p": 1.0}, {"x": 1.0})
    branch = tr.continuation(model, "p", span=(-1.0, 1.0))
    (row,) = branch.special.to_dict("records")
    assert row["kind"] == "branch_point"
    assert (row["p"], row["x"]) == (pytest.approx(0.0, abs=1e-8), pytest.approx(0.0, abs=1e-6))


@pytest.mark.parametrize(
    ("rhs", "kinds"),
    [
        # A saddle whose eigenvalues are 1 and -1 as their sum passes zero.
        ({"x": "p*x + y", "y": "x - p*y/2"}, set()),
        # One eigenvalue passes zero beside another of -1e-9.
        ({"x": "p*x - x**3", "y": "-y/10**9"}, {"branch_point"}),
        # Both are zero at p = 0 and real on both sides.
        ({"x": "p*x - x**3", "y": "p*y - y**3"}, {"branch_point"}),
    ],
    ids=["neutral saddle", "beside a small one", "two zeros"],
)
def test_section_10_eigenvalues_near_zero_are_no_hopf_point(rhs, kinds):
    """They were called one (BifurcationKit 187)."""
    model = tr.Model("near", rhs, {"p": -0.5}, {"x": 0.0, "y": 0.0})
    branch = tr.continuation(model, "p", span=(-0.5, 0.5))
    assert set(branch.special["kind"]) == kinds


def test_section_10_a_checkpoint_grows_by_what_is_new(tmp_path):
    """Writing the whole file each time is quadratic (sktime 10297)."""
    sizes, path = [], tmp_path / "points"
    began = time.perf_counter()
    tr.scan(
        POLE, vary={"a": np.linspace(-1.0, 0.1, 2000)}, t=(0, 1), measure=["final"],
        checkpoint=path, progress=lambda done, total: sizes.append(path.stat().st_size),
    )  # fmt: skip
    assert time.perf_counter() - began < 60.0
    assert all(np.diff(sizes) >= 0)
    # Two numbers a point, and what says which points they are.
    assert sizes[-1] < 2000 * 8 * 4
    assert math.isfinite(sizes[-1])
