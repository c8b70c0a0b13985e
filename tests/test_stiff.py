"""The stiff method: its order, its fallbacks, published end values, achieved errors."""

from pathlib import Path

import numpy as np
import pytest
import sympy
from scipy.integrate import solve_ivp

import trustode as tr
from trustode.expression import TIME

REFERENCES = Path(__file__).resolve().parents[2] / "shared" / "perf" / "refs"
TOLERANCES = 10.0 ** -np.arange(4, 12)

#: Problem: model, parameters, initial values, end, absolute over relative tolerance, and the
#: end values published with the test set for IVP solvers (Mazzia & Magherini 2008).
PROBLEMS = {
    "hires": (
        "hires", {}, {}, 321.8122, 1e-3,
        [0.7371312573325668e-3, 0.1442485726316185e-3, 0.5888729740967575e-4,
         0.1175651343283149e-2, 0.2386356198831331e-2, 0.6238968252742796e-2,
         0.2849998395185769e-2, 0.2850001604814231e-2],
    ),
    "orego": (
        "orego", {}, {}, 360.0, 1e-2,
        [0.1000814870318523e1, 0.1228178521549917e4, 0.1320554942846706e3],
    ),
    "vdp1000": (
        "van-der-pol", {"mu": 1000.0}, (2.0, 0.0), 2000.0, 1e-3,
        [0.1706167732170469e1, -0.8928097010248125e-3],
    ),
    "rober": (
        "robertson", {}, {}, 1e11, 1e-6,
        [0.2083340149701255e-7, 0.8333360770334713e-13, 0.9999999791665050],
    ),
}  # fmt: skip


def solve(problem, rtol, t):
    name, params, initial, _, factor, _ = PROBLEMS[problem]
    model = tr.models.load(name)
    initial = dict(zip(model.states, initial, strict=True)) if initial else {}
    solver = tr.Solver(method="rodas5p", rtol=rtol, atol=rtol * factor)
    return tr.simulate(model, t, params=params, initial=initial, solver=solver)


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("rtol", TOLERANCES)
def test_end_values_are_the_published_ones(problem, rtol):
    known, end = np.array(PROBLEMS[problem][-1]), PROBLEMS[problem][3]
    y = solve(problem, rtol, np.linspace(0.0, end, 3)).y[-1]
    factor = PROBLEMS[problem][4]
    # The published digits end at 1e-14 or so; Robertson's smallest is far below its tolerance.
    np.testing.assert_array_less(
        np.abs(y - known), 10 * rtol * (np.abs(known) + 10 * factor) + 1e-13 * np.abs(known)
    )


@pytest.mark.parametrize("problem", PROBLEMS)
def test_achieved_error_is_within_ten_times_the_tolerance(problem):
    path = REFERENCES / f"{problem}.npz"
    if not path.exists():
        pytest.skip("needs the reference solutions of the measurements")
    known = np.load(path)["single"]
    end = 1e4 if problem == "rober" else PROBLEMS[problem][3]
    t = np.linspace(0.0, end, len(known))
    if problem == "rober":
        t = np.concatenate([[0.0], np.geomspace(1e-3, end, len(known) - 1)])
    for rtol in TOLERANCES:
        error = (solve(problem, rtol, t).y - known) / np.abs(known).max(axis=0)
        assert np.sqrt(np.mean(error**2)) < 10 * rtol, rtol


def stepped(model, h, end):
    """Solve with steps of h: tolerances that never bind, past a start of short steps."""
    solver = tr.Solver(method="rodas5p", rtol=0.9, atol=1e3, h_max=h)
    return tr.simulate(model, [0.0, end], solver=solver).y[-1]


def test_order_is_five():
    x, v = tr.states("x v")
    model = tr.Model(
        name="turning",
        rhs={x: v * sympy.cos(TIME), v: -x * sympy.cos(TIME) - (x**2 + v**2 - 1) * v},
        initial={x: 0.0, v: 1.0},
    )
    end = 3.0
    known = np.array([np.sin(np.sin(end)), np.cos(np.sin(end))])
    steps = end / np.array([96.0, 192.0, 384.0])
    errors = [np.linalg.norm(stepped(model, h, end) - known) for h in steps]
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    np.testing.assert_allclose(orders, 5.0, atol=0.15)


def test_inputs_enter_the_time_derivative():
    """A fast state follows an input; without the input's rate the order would drop."""
    x = tr.states("x")
    u = tr.inputs("u")
    model = tr.Model(name="follower", rhs={x: 1e3 * (u - x)}, initial={x: 0.0}, inputs={u: 0.0})
    t = np.linspace(0.0, 6.0, 61)
    drive = tr.Samples(t, np.sin(t))
    stiff, other = (
        tr.simulate(
            model, [0.0, 5.0], inputs={"u": drive},
            solver=tr.Solver(method=method, rtol=1e-10, atol=1e-12),
        )
        for method in ("rodas5p", "tsit5")
    )  # fmt: skip
    np.testing.assert_allclose(stiff.y[-1], other.y[-1], rtol=1e-9)
    assert stiff.stats["n_steps"] < other.stats["n_steps"]


def reference(model, end):
    """Solve with scipy's Radau and the compiled right-hand side, tightly."""
    compiled = tr.compile(model)
    return solve_ivp(
        compiled.rhs, (0.0, end), compiled.initial(), method="Radau", jac=compiled.jac,
        rtol=1e-11, atol=1e-13,
    ).y[:, -1]  # fmt: skip


def test_growth_of_fixed_pivots_falls_back_to_a_search():
    """The first pivot, the inverse step, is 1e-8 of what stands below it."""
    x, v = tr.states("x v")
    k = 1e9
    model = tr.Model(
        name="stiff spring", rhs={x: v, v: -k * (x - 2.0) - k * v}, initial={x: 0.0, v: 0.0}
    )
    solver = tr.Solver(method="rodas5p", rtol=1e-8, atol=1e-10)
    y = tr.simulate(model, [0.0, 1.0], solver=solver).y[-1]
    slow = (k - np.sqrt(k**2 - 4 * k)) / 2
    np.testing.assert_allclose(y[0], 2.0 * (1.0 - np.exp(-slow)), rtol=1e-6)


def test_many_states_with_a_dense_pattern_keep_the_dense_factors():
    n = 14
    states = tr.states(" ".join(f"y{i}" for i in range(n)))
    mean = sum(states) / n
    model = tr.Model(
        name="coupled",
        rhs={y: 50.0 * (i + 1) * (mean - y) + y * (1 - y) for i, y in enumerate(states)},
        initial={y: 0.1 * (i + 1) / n for i, y in enumerate(states)},
    )
    solver = tr.Solver(method="rodas5p", rtol=1e-8, atol=1e-10)
    y = tr.simulate(model, [0.0, 2.0], solver=solver).y[-1]
    np.testing.assert_allclose(y, reference(model, 2.0), rtol=1e-6)


def test_a_jacobian_that_is_not_finite_ends_the_solve():
    x = tr.states("x")
    model = tr.Model(name="root", rhs={x: -sympy.sqrt(x) - 1}, initial={x: 1.0})
    solution = tr.simulate(model, [0.0, 5.0], solver=tr.Solver(method="rodas5p"), on_error="return")
    assert solution.status != 0
    assert solution.t[-1] < 1.0


@pytest.mark.parametrize("rtol", [1e-2, 1e-3, 1e-4, 1e-6, 1e-8])
@pytest.mark.parametrize("problem", ["hires", "orego", "vdp1000", "rober"])
def test_auto_finds_the_stiff_method_at_any_tolerance(problem, rtol):
    """It once missed Robertson's at 1e-3, and took ten million steps to say so."""
    name, params, initial, end, factor, _ = PROBLEMS[problem]
    model = tr.models.load(name)
    start = dict(zip(model.states, initial, strict=True)) if initial else {}
    found = {
        method: tr.simulate(
            model, [0.0, min(end, 1e4)], params=params, initial=start,
            solver=tr.Solver(method, rtol=rtol, atol=rtol * factor),
        )
        for method in ("auto", "rodas5p")
    }  # fmt: skip
    assert found["auto"].stats["stiff"]
    assert found["auto"].stats["n_steps"] < 6 * found["rodas5p"].stats["n_steps"] + 100


#: Of each problem: parameters to differentiate by, and the tolerance. Where van der Pol's
#: oscillator jumps, its sensitivities are 1e5 times what they are elsewhere, as are their errors.
DIFFERENTIATED = {
    "hires": (["k1", "k5"], 1e-10),
    "orego": (["s", "q", "w"], 1e-10),
    "vdp1000": (["mu"], 1e-12),
    "rober": (["k1", "k2", "k3", "y1(0)"], 1e-10),
}


def sensitivities(problem, method, rtol, t, which):
    name, params, initial, _, factor, _ = PROBLEMS[problem]
    model = tr.models.load(name)
    initial = dict(zip(model.states, initial, strict=True)) if initial else {}
    solver = tr.Solver(method, rtol=rtol, atol=rtol * factor)
    return tr.simulate(model, t, params=params, initial=initial, solver=solver, sensitivities=which)


def differences(problem, t, name):
    """Differentiate solves at the tightest tolerances with five points, an error of order 4."""
    load, params, initial, _, factor, _ = PROBLEMS[problem]
    model = tr.models.load(load)
    start = dict(zip(model.states, initial, strict=True)) if initial else {}
    solver = tr.Solver("rodas5p", rtol=1e-13, atol=1e-13 * factor)
    value = {**model.defaults, **params, "y1(0)": 1.0}[name]
    total, step = 0.0, 4e-4 * value
    for shift, weight in ((-2, 1.0), (-1, -8.0), (1, 8.0), (2, -1.0)):
        given, moved = {"params": params, "initial": start}, value + shift * step
        if name == "y1(0)":
            given["initial"] = start | {"y1": moved}
        else:
            given["params"] = params | {name: moved}
        total = total + weight * tr.simulate(model, t, **given, solver=solver).y
    return total / (12.0 * step)


@pytest.mark.parametrize("method", ["rodas5p", "auto"])
@pytest.mark.parametrize("problem", PROBLEMS)
def test_sensitivities_are_those_of_differences_of_tight_solves(problem, method):
    which, rtol = DIFFERENTIATED[problem]
    end = min(PROBLEMS[problem][3], 1e4)
    t = np.array([0.0, 0.3, 0.7, 1.0]) * end
    solution = sensitivities(problem, method, rtol, t, which)
    for k, name in enumerate(which):
        known = differences(problem, t, name)
        error = np.abs(solution.dydp[:, :, k] - known) / np.abs(known).max(axis=0)
        assert error.max() < 1e-7, name
    assert solution.stats["n_steps"] < 100_000


def test_sensitivities_have_order_five():
    """Of dx/dt = p x cos t, dv/dt = -v^2 p: exact steps' derivatives have the method's order."""
    x, v, p = *tr.states("x v"), tr.parameters("p")
    model = tr.Model(
        "known", {x: p * x * sympy.cos(TIME), v: -p * v**2}, {p: 1.3}, {x: 1.0, v: 1.0}
    )
    end, errors = 3.0, []
    grown = np.exp(1.3 * np.sin(end))
    known = np.array([np.sin(end) * grown, -end / (1.0 + 1.3 * end) ** 2])
    for n in (96, 192, 384):
        solver = tr.Solver(method="rodas5p", rtol=0.9, atol=1e3, h_max=end / n)
        found = tr.simulate(model, [0.0, end], solver=solver, sensitivities=["p"]).dydp[-1, :, 0]
        errors.append(np.linalg.norm(found - known))
    np.testing.assert_allclose(np.log2(np.array(errors[:-1]) / errors[1:]), 5.0, atol=0.15)


def test_sensitivities_between_steps_are_as_exact():
    k, x = tr.parameters("k"), tr.states("x")
    model = tr.Model("settling", {x: -k * (x - sympy.cos(TIME))}, {k: 50.0}, {x: 0.0})
    t = np.linspace(0.0, 3.0, 400)
    k_, c, s, e = 50.0, np.cos(t), np.sin(t), np.exp(-50.0 * t)
    a = k_ / (1.0 + k_**2)  # x = a (k cos t + sin t - k exp(-k t))
    by_a = (1.0 - k_**2) / (1.0 + k_**2) ** 2
    known = by_a * (k_ * c + s - k_ * e) + a * (c - e + k_ * t * e)
    for method in ("rodas5p", "auto"):
        solver = tr.Solver(method, rtol=1e-9, atol=1e-11)
        found = tr.simulate(model, t, solver=solver, sensitivities=["k"]).dydp[:, 0, 0]
        np.testing.assert_allclose(found, known, atol=1e-8 * np.abs(known).max())


def test_sensitivities_where_the_search_for_pivots_is_needed():
    """The stiff spring above, where x = c (1 - exp(-s t)) with s = 1 + 1/k."""
    (x, v), (k, c) = tr.states("x v"), tr.parameters("k c")
    rhs = {x: v, v: -k * (x - c) - k * v}
    model = tr.Model("stiff spring", rhs, {k: 1e9, c: 2.0}, {x: 0.0, v: 0.0})
    solver = tr.Solver(method="rodas5p", rtol=1e-8, atol=1e-10)
    found = tr.simulate(model, [0.0, 1.0], solver=solver, sensitivities=["c", "x(0)"]).dydp[-1, 0]
    np.testing.assert_allclose(found, [1.0 - np.exp(-1.0), np.exp(-1.0)], rtol=1e-7)


def test_sensitivities_with_an_input_that_moves():
    """The input's rate enters the time derivative, and this one's derivative too."""
    x, k, u = tr.states("x"), tr.parameters("k"), tr.inputs("u")
    model = tr.Model("led", {x: 30.0 * (k * u**2 * x - x**3)}, {k: 1.2}, {x: 1.0}, {u: 0.0})
    t = np.linspace(0.0, 4.0, 41)
    drive = tr.Samples(t, 1.0 + 0.3 * np.sin(3.0 * t))
    found = [
        tr.simulate(model, t, inputs={"u": drive}, sensitivities=["k"],
                    solver=tr.Solver(method, rtol=rtol, atol=1e-2 * rtol)).dydp
        for method, rtol in (("rodas5p", 1e-9), ("tsit5", 1e-11))
    ]  # fmt: skip
    np.testing.assert_allclose(found[0], found[1], rtol=1e-8)


def test_auto_carries_tangents_over_and_back():
    """The oscillator is stiff along its slow arcs; at its jumps the stiff method gives back."""
    model = tr.models.load("van-der-pol")
    t = np.linspace(0.0, 300.0, 21)
    how = {"params": {"mu": 100.0}, "sensitivities": ["mu", "x(0)"]}
    exact, auto, stiff = (
        tr.simulate(model, t, solver=tr.Solver(method, rtol=rtol, atol=1e-2 * rtol), **how)
        for method, rtol in (("tsit5", 1e-11), ("auto", 1e-8), ("rodas5p", 1e-8))
    )
    assert auto.stats["stiff"]
    assert auto.stats["n_steps"] < stiff.stats["n_steps"] < exact.stats["n_steps"]
    error = np.abs(auto.dydp - exact.dydp) / np.abs(exact.dydp).max(axis=0)
    assert error.max() < 5e-6
