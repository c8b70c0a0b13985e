"""The Taylor method: lanes, hand-over, limits, and the confirmation of its steps."""

import hashlib
import os
import subprocess
import sys
from functools import cache

import numpy as np
import pytest
import sympy
from scipy.integrate import quad

import trustode as tr
from trustode.compile import UNIT, WIDEST, recurrences
from trustode.expression import TIME
from trustode.solve import pack, parameter_vector, solve_batch
from trustode.stimulus import Table
from trustode.vector import UNITS

X, Y = tr.states("X Y")
A = tr.parameters("A")

pytestmark = pytest.mark.skipif(
    recurrences(tr.models.load("lorenz"), 1) is None, reason="no fused multiply-add here"
)


def one_state(rhs, start=1.0, **more):
    return tr.Model("one", rhs={X: rhs}, params={A: 1.0}, initial={X: start}, **more)


def bits(y):
    return hashlib.sha256(np.ascontiguousarray(y).tobytes()).hexdigest()


# ------------------------------------------------------------------ the same bits


def trust_runs(n):
    model = tr.models.load("trust-updated", profile="bpd")
    rng = np.random.default_rng(7)
    table = {"kappa": rng.uniform(0.5, 1.5, n), "D_ab": rng.uniform(0, 0.6, n)}
    return model, table, np.linspace(0, 60, 61)


def test_lanes_threads_and_single_runs_give_the_same_bits():
    model, table, t = trust_runs(67)
    wide = tr.ensemble(model, table, t, threads=1)
    assert bits(wide.y) == bits(tr.ensemble(model, table, t, threads=2).y)
    assert bits(wide.y) == bits(tr.ensemble(model, table, t, threads=5).y)
    for k in range(67):
        params = {name: values[k] for name, values in table.items()}
        assert bits(wide.y[k]) == bits(tr.simulate(model, t, params=params).y)


def test_order_of_the_runs_changes_no_bit():
    model, table, t = trust_runs(40)
    other = np.random.default_rng(1).permutation(40)
    mixed = {name: values[other] for name, values in table.items()}
    forward = tr.ensemble(model, table, t, threads=1)
    assert bits(forward.y[other]) == bits(tr.ensemble(model, mixed, t, threads=1).y)


_HASH = """
import hashlib, numpy as np, trustode as tr
t = np.linspace(0, 60, 61)
found = b""
for name in ("trust-updated", "lorenz", "van-der-pol"):
    model = tr.models.load(name)
    parameter = model.params[0]
    values = model.defaults[parameter] * np.linspace(0.9, 1.1, 33)
    found += tr.ensemble(model, {parameter: values}, t, threads=2).y.tobytes()
    vary = [*model.params[:7], *(f"{name}(0)" for name in model.states)]
    found += tr.simulate(model, t, sensitivities=vary).dydp.tobytes()
print(hashlib.sha256(found).hexdigest())
"""


def test_every_vector_unit_gives_the_same_bits():
    """On a processor with fused multiply-add "plain" would not choose Taylor's method."""
    lesser = [unit for unit in UNITS if unit not in ("plain", UNIT)]
    if UNIT == "plain" or list(UNITS).index(UNIT) < 2:
        pytest.skip(f"this processor has one unit to compare, {UNIT}")
    hashes = {
        subprocess.run(
            [sys.executable, "-c", _HASH],
            env={**os.environ, "TRUSTODE_VECTOR": unit},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for unit in (*lesser, UNIT)
    }
    assert len(hashes) == 1


def test_sensitivities_do_not_depend_on_their_company():
    """The others change the steps, within the tolerance, and nothing else."""
    model = tr.models.load("lorenz")
    t = np.linspace(0, 2, 21)
    vary = [*model.params, *(f"{name}(0)" for name in model.states)]
    solver = tr.Solver(rtol=1e-10, atol=1e-12)
    together = tr.simulate(model, t, solver=solver, sensitivities=vary).dydp
    for k, name in enumerate(vary):
        alone = tr.simulate(model, t, solver=solver, sensitivities=[name]).dydp
        scale = np.abs(together[:, :, k]).max()
        assert np.abs(alone[:, :, 0] - together[:, :, k]).max() < 1e-7 * scale


def test_a_tangent_that_is_nearly_too_large_keeps_its_steps_short():
    """x(t) = x(0) exp(800 t), whose square overflows; the other tangent is small."""
    model = tr.Model("m", {"x": "800*x", "y": "-b*y"}, {"b": 1.0}, {"x": 0.0, "y": 1.0})
    found = tr.simulate(model, [0.0, 0.6], sensitivities=["x(0)", "b"]).dydp[-1]
    assert found[0, 0] == pytest.approx(np.exp(480.0), rel=1e-4)
    assert found[1, 1] == pytest.approx(-0.6 * np.exp(-0.6), rel=1e-5)


# ------------------------------------------------------------------ accuracy


@cache
def known_solution(name):
    model = tr.models.load(name, **({"profile": "bpd"} if name == "trust-updated" else {}))
    t = np.linspace(0, 10 if name == "lorenz" else 100, 401)
    return model, t, tr.simulate(model, t, solver=tr.Solver("DOP853", rtol=3e-14, atol=1e-15)).y


@pytest.mark.parametrize("rtol", [10.0**-k for k in range(4, 12)])
@pytest.mark.parametrize("name", ["van-der-pol", "lorenz", "trust-updated"])
def test_error_is_within_ten_times_the_tolerance(name, rtol):
    """Against DOP853 at 1e-13, over the output grid, relative to each state's largest value."""
    model, t, exact = known_solution(name)
    found = tr.simulate(model, t, solver=tr.Solver("taylor", rtol=rtol, atol=rtol)).y
    scaled = (found - exact) / np.abs(exact).max(axis=0)
    assert np.sqrt(np.mean(scaled**2)) < 10 * rtol


def test_time_dependence_is_not_stepped_over():
    """exp(-(t - 50)^2) and all its derivatives vanish at the start, to the last bit."""
    model = one_state(sympy.exp(-((TIME - 50) ** 2)), start=0.0)
    y = tr.simulate(model, [0, 100], solver=tr.Solver("taylor")).y
    assert y[-1, 0] == pytest.approx(np.sqrt(np.pi), rel=1e-6)


@pytest.mark.parametrize("every", [2, 3, 7])
def test_rows_do_not_depend_on_the_rows_beside_them(every):
    """Within a step they are written in pairs, the last one with the step's end."""
    model = tr.models.load("trust-updated", profile="bpd")
    t, vary = np.linspace(0, 20, 421), ["tau_E", "T(0)", "g_s"]
    dense = tr.simulate(model, t, sensitivities=vary)
    found = tr.simulate(model, t[::every], sensitivities=vary)
    assert found.stats["n_steps"] == dense.stats["n_steps"]
    assert np.array_equal(found.dydp, dense.dydp[::every])
    assert np.array_equal(found.y, dense.y[::every])


def test_tangents_do_not_depend_on_who_goes_beside_them():
    """In any order, twice, alone or with so many that no block has code of its own."""
    model = tr.models.load("trust-updated", profile="bpd")
    t, solver = np.linspace(0, 40, 9), tr.Solver("taylor", rtol=1e-11, atol=1e-12)
    rng = np.random.default_rng(5)
    names = [*model.params[:40], "T(0)", "E(0)"]

    def tangents(which):
        return tr.simulate(model, t, solver=solver, sensitivities=which).dydp

    many = tangents(names)
    few = [names[k] for k in (3, 17, 41, 8, 0, 40, 12)]
    some = tangents(few)
    order = rng.permutation(len(few))
    np.testing.assert_array_equal(tangents([few[k] for k in order]), some[:, :, order])
    np.testing.assert_array_equal(tangents([*few, few[2], few[0]])[:, :, -2:], some[:, :, [2, 0]])
    places = [names.index(name) for name in few]
    np.testing.assert_allclose(some, many[:, :, places], rtol=1e-8, atol=1e-9)
    for k, name in enumerate(few):
        np.testing.assert_allclose(tangents([name])[:, :, 0], some[:, :, k], rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("rtol", [1e-4, 1e-9])
def test_time_in_oscillations_does_not_bound_the_step(rtol):
    """y = sin(w t + c) and a growing one of t sin(w t): closed forms, in fewer than 100 steps."""
    phase = 3 * TIME / 2 + sympy.Rational(1, 2)
    model = one_state(sympy.cos(phase) + TIME * sympy.sin(phase) / 8, start=0.0)
    t = np.linspace(0, 10, 30)
    found = tr.simulate(model, t, solver=tr.Solver("taylor", rtol=rtol, atol=rtol))
    integral = sympy.lambdify(TIME, sympy.integrate(model.rhs["X"], (TIME, 0, TIME)), "numpy")
    assert found.stats["n_steps"] < 50
    np.testing.assert_allclose(found.y[:, 0], integral(t), atol=10 * rtol)


@pytest.mark.parametrize(
    "pulse",
    [
        sympy.tanh(3 * sympy.cos(TIME / 100) - 2.9),
        sympy.exp(30 * sympy.sin(TIME / 100) - 30),
        sympy.sin(TIME / 100) ** 50,
        1 / (1 + (TIME - 500) ** 2),
        sympy.exp(X * TIME / 1000) / (1 + sympy.exp(40 - TIME)),
    ],
    ids=["tanh", "exp", "power", "rational", "state"],
)
def test_time_that_may_wake_the_equations_up_bounds_the_step(pulse):
    model = one_state(pulse / 10 - X, start=0.0)
    found = tr.simulate(model, [0, 400, 1000], solver=tr.Solver("taylor"))
    assert found.stats["n_steps"] >= 100
    short = tr.Solver("DOP853", rtol=1e-11, atol=1e-11, h_max=0.5)
    np.testing.assert_allclose(
        found.y, tr.simulate(model, [0, 400, 1000], solver=short).y, atol=1e-5
    )


def test_step_over_a_pole_is_taken_back():
    """y = tan(t) has no solution past pi/2: no number may come from behind it."""
    model = one_state(1 + X**2, start=0.0)
    solution = tr.simulate(model, [0, 1, 2], on_error="return", solver=tr.Solver("taylor"))
    assert solution.status is tr.Status.DIVERGED
    assert solution.stats["n_steps"] > 10
    assert solution.y[-1, 0] == pytest.approx(np.tan(1), rel=1e-5)


def test_pair_of_times_keeps_the_method_s_own_steps_and_their_order():
    model = tr.models.load("lorenz")
    solver = tr.Solver("taylor", rtol=1e-10, atol=1e-10)
    own = tr.simulate(model, (0, 5), solver=solver)
    t = np.linspace(0, 5, 1001)
    exact = tr.simulate(model, t, solver=tr.Solver("DOP853", rtol=1e-13, atol=1e-13)).y
    assert np.abs(own(t) - exact).max() < 1e-7
    assert np.abs(own(own.t) - own.y).max() < 1e-12


def test_constant_inputs_jump_exactly():
    u = tr.inputs("u")
    model = tr.Model("driven", rhs={X: u - X}, params={A: 1.0}, initial={X: 0.0}, inputs={u: 0.0})
    steps = tr.Steps([1.0, 2.5], [1.0, -2.0])
    t = np.linspace(0, 4, 41)
    y = tr.simulate(model, t, inputs={"u": steps}, solver=tr.Solver("taylor", rtol=1e-12)).y[:, 0]
    first = np.where(t > 1, 1 - np.exp(-(t - 1)), 0)
    at = 1 - np.exp(-1.5)
    wanted = np.where(t > 2.5, -2 + (at + 2) * np.exp(-(t - 2.5)), first)
    assert np.abs(y - wanted).max() < 1e-10


def test_inputs_stand_still_unless_they_move_or_jump_unseen():
    # A knot where nothing changes is no break, and need not be one.
    still = tr.Steps([1.0, 2.0, 3.0], [0.0, 0.0, 1.0], before=0.0).table
    assert pack([still]).moving == ()
    assert pack([still, tr.Samples([0.0, 1.0], [0.0, 1.0]).table]).moving == (1,)
    unseen = Table(np.array([0.0, 1.0]), np.array([[0.0] * 4, [1.0, 0, 0, 0]]), np.empty(0))
    assert pack([unseen]).moving == (0,)


# ------------------------------------------------------------------ inputs that move


def driven(rhs=None):
    u, w = tr.inputs("u w")
    rhs = {X: A * u - X, Y: w * X - Y} if rhs is None else rhs
    return tr.Model("driven", rhs, {A: 1.5}, {X: 0.0, Y: 0.5}, {u: 0.0, w: 0.0})


def test_a_series_follows_straight_lines_exactly():
    """x' = a u - x with u = t up to 1, 2 - t up to 2, then 0; x has a closed form."""
    t = np.linspace(0, 3, 31)
    ramp = tr.Samples([0.0, 1.0, 2.0], [0.0, 1.0, 0.0])
    solver = tr.Solver("taylor", rtol=1e-13, atol=1e-15)
    solution = tr.simulate(driven(), t, inputs={"u": ramp}, solver=solver, sensitivities=["A"])
    up = t - 1 + np.exp(-t)
    top = np.exp(-1.0)
    down = 3 - t + (top - 2) * np.exp(1 - t)
    after = (1 + (top - 2) * np.exp(-1)) * np.exp(2 - t)
    wanted = np.select([t <= 1, t <= 2], [up, down], after)
    assert np.abs(solution["X"] - 1.5 * wanted).max() < 1e-13
    assert np.abs(solution.dydp[:, 0, 0] - wanted).max() < 1e-13
    # Three segments, each one step or two, and nothing was taken back at the corners.
    assert solution.stats["n_steps"] < 12
    assert solution.stats["n_rejected"] == 0


def test_an_input_may_jump_between_pieces_that_move():
    """x' = 1.5 u - x with u = t^3 up to 1 and then 2: the jump belongs to neither side."""
    pieces = np.array([[0.0] * 4, [0.0, 0.0, 0.0, 1.0], [2.0, 0.0, 0.0, 0.0]])
    jumping = Table(np.array([-1.0, 0.0, 1.0]), pieces, np.array([1.0]))
    t = np.linspace(0, 2, 21)
    x = tr.simulate(
        driven(), t, inputs={"u": jumping}, solver=tr.Solver("taylor", rtol=1e-13, atol=1e-15)
    )["X"]
    cubic = t**3 - 3 * t**2 + 6 * t - 6 + 6 * np.exp(-t)
    at = -2 + 6 * np.exp(-1.0)
    wanted = np.where(t <= 1, cubic, 2 + (at - 2) * np.exp(1 - t))
    assert np.abs(x - 1.5 * wanted).max() < 1e-13


def moving_inputs():
    rng = np.random.default_rng(3)
    return {
        "ev": tr.Samples(np.arange(40.0), rng.normal(0, 0.5, 40)),
        "u": tr.Samples(np.arange(0.5, 40, 3), rng.normal(0, 0.2, 14), kind="cubic"),
        "h": tr.Steps([15.0, 30.0], [0.3, 0.6]),
    }


def test_error_through_moving_inputs_is_within_ten_times_the_tolerance():
    """Against scipy's DOP853 at 1e-13, whose steps are kept below a third of a knot's gap."""
    model, t = tr.models.load("trust-updated", profile="bpd"), np.linspace(0, 40, 161)
    fine = tr.Solver("DOP853", rtol=1e-13, atol=1e-14, h_max=0.3)
    exact = tr.simulate(model, t, inputs=moving_inputs(), solver=fine).y
    for rtol in (1e-4, 1e-6, 1e-8, 1e-10, 1e-11):
        solver = tr.Solver("taylor", rtol=rtol, atol=rtol)
        found = tr.simulate(model, t, inputs=moving_inputs(), solver=solver)
        scaled = (found.y - exact) / np.abs(exact).max(axis=0)
        assert np.sqrt(np.mean(scaled**2)) < 10 * rtol
        # Fewer series than two a step: this was not Runge-Kutta.
        assert found.stats["n_rhs"] < 2 * found.stats["n_steps"]


def test_sensitivities_through_moving_inputs_are_those_of_runge_kutta():
    model, t = tr.models.load("trust-updated"), np.linspace(0, 40, 9)
    # Of a Runge-Kutta method that was itself tested against complex steps.
    solvers = (
        tr.Solver("taylor", rtol=1e-10, atol=1e-11),
        tr.Solver("dop853", rtol=1e-12, atol=1e-13),
    )
    more = {"inputs": moving_inputs(), "sensitivities": ["kappa", "T(0)"]}
    made = [tr.simulate(model, t, solver=solver, **more) for solver in solvers]
    found, wanted = (each.dydp for each in made)
    assert np.abs(found - wanted).max() < 1e-8 * np.abs(wanted).max()
    assert made[0].stats["n_steps"] < made[1].stats["n_steps"]


def test_moving_inputs_give_the_same_bits_in_every_company():
    model, table, _ = trust_runs(35)
    t, inputs = np.linspace(0, 40, 41), moving_inputs()
    wide = tr.ensemble(model, table, t, inputs=inputs, threads=1)
    assert bits(wide.y) == bits(tr.ensemble(model, table, t, inputs=inputs, threads=2).y)
    for k in (0, 17, 34):
        params = {name: values[k] for name, values in table.items()}
        assert bits(wide.y[k]) == bits(tr.simulate(model, t, params=params, inputs=inputs).y)


def test_auto_leaves_inputs_that_were_cut_into_many_pieces_to_a_pair():
    assert pack([tr.Episodes([5.0, 9.0]).table]).fitted
    assert not pack([each.table for each in moving_inputs().values()]).fitted
    model, t = driven(), np.linspace(0, 12, 13)
    inputs = {"u": tr.Episodes([5.0, 9.0])}
    auto = tr.simulate(model, t, inputs=inputs)
    assert bits(auto.y) == bits(tr.simulate(model, t, inputs=inputs, solver=tr.Solver("tsit5")).y)
    # Asked for, the series goes from knot to knot.
    series = tr.simulate(model, t, inputs=inputs, solver=tr.Solver("taylor"))
    assert series.stats["n_steps"] > auto.stats["n_steps"]
    assert np.abs(series.y - auto.y).max() < 1e-5


def test_dense_output_between_knots_is_as_good_as_the_steps():
    model, inputs = driven(), {"u": tr.Samples([0.0, 1.0, 2.0], [0.0, 1.0, 0.0])}
    solver = tr.Solver("taylor", rtol=1e-12, atol=1e-13)
    t = np.linspace(0, 3, 61)
    own = tr.simulate(model, (0, 3), inputs=inputs, solver=solver)
    assert {1.0, 2.0} <= set(own.t)
    assert np.abs(own(t) - tr.simulate(model, t, inputs=inputs, solver=solver).y).max() < 1e-11


# ------------------------------------------------------------------ events on a series


def test_events_on_a_series_are_where_they_are():
    """x = sin t crosses zero at every multiple of pi; a series takes few steps between them."""
    model = tr.Model("circle", {X: Y, Y: -X}, {A: 1.0}, {X: 0.0, Y: 1.0})
    solver = tr.Solver("taylor", rtol=3e-14, atol=1e-15)
    solution = tr.simulate(model, [0.0, 31.0], events=[tr.Event(X)], solver=solver)
    found = solution.events.t
    assert found == pytest.approx(np.pi * np.arange(1, 10), rel=1e-12)
    assert solution.stats["n_steps"] < 40


def test_a_reset_starts_the_series_anew_and_rows_behind_it_are_written_again():
    """x' = -x, set to 1 whenever it falls to a half: every log 2."""
    model = one_state(-X)
    t = np.linspace(0, 3, 301)
    reset = tr.Event(X - 0.5, direction=-1, set={X: 1.0})
    solver = tr.Solver("taylor", rtol=1e-13, atol=1e-15)
    solution = tr.simulate(model, t, events=reset, solver=solver)
    assert solution.events.t == pytest.approx(np.log(2) * np.arange(1, 5), rel=1e-12)
    assert solution["X"] == pytest.approx(np.exp(-(t % np.log(2))), rel=1e-11)


def test_events_go_on_when_a_stiff_method_takes_over():
    model = tr.Model("relaxing", {X: -1e5 * (X - sympy.cos(TIME))}, {A: 1.0}, {X: 1.0})
    solution = tr.simulate(
        model, [0.0, 20.0], events=[tr.Event(X), tr.Event(TIME - 1e-3)],
        solver=tr.Solver(rtol=1e-8, atol=1e-10),
    )  # fmt: skip
    assert solution.stats["stiff"]
    # x lags behind cos t by 1e-5.
    assert solution.events[0].t == pytest.approx(np.pi * (np.arange(6) + 0.5) + 1e-5, abs=1e-7)
    assert solution.events[1].t == pytest.approx([1e-3], rel=1e-12)


# ------------------------------------------------------------------ handing over


def test_singular_recurrence_is_carried_on_by_runge_kutta():
    """x^1.5 has no series at 0, where this starts; x = 1 - exp(-t) is not touched by it."""
    model = tr.Model(
        "two", rhs={X: 1 - X + 0 * Y, Y: X**1.5 - Y}, params={A: 1.0}, initial={X: 0.0, Y: 0.0}
    )
    t = np.linspace(0, 3, 7)
    solution = tr.simulate(model, t)
    assert solution["X"] == pytest.approx(1 - np.exp(-t), abs=1e-5)
    exact = tr.simulate(model, t, solver=tr.Solver("Radau", rtol=1e-10, atol=1e-12)).y
    assert np.abs(solution.y - exact).max() < 1e-5


def test_stiff_problem_goes_to_the_stiff_method_and_a_calm_one_comes_back():
    fast = tr.Model(
        "relaxing", rhs={X: -1e5 * (X - sympy.cos(TIME))}, params={A: 1.0}, initial={X: 0.0}
    )
    solution = tr.simulate(fast, [0.0, 10.0])
    assert solution.stats["stiff"]
    assert solution.stats["n_steps"] < 2000
    assert solution.y[-1, 0] == pytest.approx(np.cos(10), abs=1e-4)
    # Stiff until t = 20, then as slow as the cosine: explicit steps need no Jacobian.
    rate = 1 + 1e4 / (1 + sympy.exp(5 * (TIME - 20)))
    calms = tr.Model("calming", rhs={X: -rate * (X - sympy.cos(TIME))}, params={A: 1.0},
                     initial={X: 1.0})  # fmt: skip
    solution = tr.simulate(calms, np.linspace(0, 400, 401))
    assert solution.stats["stiff"]
    assert solution.stats["n_jac"] < 0.8 * solution.stats["n_steps"]


def test_step_limit_holds_in_every_lane():
    model = tr.models.load("lorenz")
    compiled = tr.compile(model)
    p = np.tile(parameter_vector(compiled, None, "test"), (40, 1))
    y0 = np.tile(compiled.initial(), (40, 1))
    batch = solve_batch(
        compiled, np.array([0.0, 100.0]), p, y0, [pack([])], tr.Solver(max_steps=25)
    )
    assert (batch.status == tr.Status.MAX_STEPS).all()
    assert (batch.n_steps <= 25).all()
    assert (batch.t_reached < 100).all()
    assert np.isnan(batch.y[:, 1]).all()


def test_bad_lanes_leave_the_others_alone():
    model = one_state(A * X**2)
    starts = np.where(np.arange(50) % 5 == 0, 2.0, -2.0)
    ens = tr.ensemble(model, {"X(0)": starts}, [0.0, 1.0, 3.0], threads=1)
    good = starts < 0
    assert (ens.status[good] == tr.Status.SUCCESS).all()
    assert (ens.status[~good] == tr.Status.DIVERGED).all()
    # x = x0 / (1 - x0 t)
    assert ens.y[good, -1, 0] == pytest.approx(-2 / 7, rel=1e-5)


@pytest.mark.parametrize("n", [1, 40])
def test_a_line_that_leaves_all_numbers_is_no_success(n):
    """x = k t is beyond the largest double, 1.798e308, before t = 2; nothing tells but x itself."""
    model = tr.Model("line", {"x": "k"}, {"k": 1e308}, {"x": 0.0})
    found = tr.ensemble(model, {"k": np.full(n, 1e308)}, [0.0, 1.0, 2.0])
    assert (found.status == tr.Status.DIVERGED).all()
    assert (found.y[:, 1] == 1e308).all()
    assert np.isnan(found.y[:, 2]).all()


def test_widest_batch_is_that_of_the_unit():
    assert WIDEST in UNITS[UNIT].widths


# ------------------------------------------------------------------ what no coefficient shows


@pytest.mark.parametrize("rtol", [1e-6, 1e-9])
@pytest.mark.parametrize("width", [1e-3, 3e-4])
def test_a_bump_that_a_state_passes_is_not_stepped_over(width, rtol):
    """With y = exp(-t / 10) the integral over all t is that of 10 exp(-(y - 1/2)^2 / w) / y."""
    bump = f"exp(-(y - 0.5)**2/{width})"
    model = tr.Model("bump", {"x": bump, "y": "-0.1*y"}, initial={"x": 0.0, "y": 1.0})

    def by_y(y):
        return 10.0 * np.exp(-((y - 0.5) ** 2) / width) / y

    exact = quad(by_y, np.exp(-4.0), 1.0, points=[0.4, 0.5, 0.6], epsabs=1e-13, epsrel=1e-13)[0]
    for n in (1, 8):
        runs = tr.ensemble(
            model, {"x(0)": np.zeros(n)}, [0.0, 40.0], solver=tr.Solver(rtol=rtol, atol=rtol)
        )
        assert runs.y[:, -1, 0] == pytest.approx(exact, abs=2 * rtol)


@pytest.mark.parametrize("rtol", [1e-6, 1e-9])
def test_a_bump_of_a_sine_is_not_stepped_over(rtol):
    """The mean of sin(pi t)^20 is 20! / (2^20 10!^2)."""
    model = tr.Model("clock", {"x": "sin(pi*y)**20", "y": 1}, initial={"x": 0.0, "y": 0.0})
    found = tr.simulate(model, [0.0, 1.0], solver=tr.Solver(rtol=rtol, atol=rtol))
    assert found.y[-1, 0] == pytest.approx(184756 / 2**20, abs=rtol)


@pytest.mark.parametrize("rtol", [1e-6, 1e-9])
def test_sensitivities_are_right_where_the_states_feel_nothing(rtol):
    """x' = a H(y) - x with a = 0: dx/da is the integral of exp(s - t) H(y(s))."""

    def hill(s):
        y = 1.0 - np.exp(-0.1 * s)
        return y**20 / (0.5**20 + y**20)

    model = tr.Model(
        "silent", {"x": "a*y**20/(0.5**20 + y**20) - x", "y": "0.1*(1 - y)"}, {"a": 0.0},
        {"x": 0.0, "y": 0.0},
    )  # fmt: skip
    t = np.array([0.0, 5.0, 10.0, 20.0, 40.0])
    exact = [
        quad(lambda s, end=end: np.exp(s - end) * hill(s), 0, end, epsabs=1e-13, limit=200)[0]
        for end in t
    ]
    solver = tr.Solver(rtol=rtol, atol=rtol)
    found = tr.simulate(model, t, solver=solver, sensitivities=["a"])
    assert found.dydp[:, 0, 0] == pytest.approx(exact, abs=10 * rtol)
    power = tr.Model("power", {"x": "a*y**25", "y": 1}, {"a": 0.0}, {"x": 0.0, "y": 0.0})
    found = tr.simulate(power, [0.0, 1.0], solver=solver, sensitivities=["a"])
    assert found.dydp[-1, 0, 0] == pytest.approx(1 / 26, abs=10 * rtol)


def test_short_steps_on_request_are_no_sign_of_stiffness():
    model = tr.Model("swing", {"x": "y", "y": "-x"}, initial={"x": 1.0, "y": 0.0})
    found = tr.simulate(model, [0.0, 20.0], solver=tr.Solver(h_max=0.01))
    assert not found.stats["stiff"]
    assert found.stats["n_jac"] == 0
    assert found.y[-1, 0] == pytest.approx(np.cos(20.0), abs=1e-9)
