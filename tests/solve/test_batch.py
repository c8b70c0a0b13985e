"""Batches, and the order of the native methods."""

import importlib

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import trustode as tr
from trustode import _core
from trustode.solve import NATIVE, pack, parameter_vector, solve_batch

stimulus = importlib.import_module("trustode.stimulus")

#: STYLE: the measured slope is this near the claimed order.
ORDER_TOLERANCE = 0.15


def run_with_steps(method, h, t, rtol=0.9):
    """Solve Lorenz' equations with every step h: the tolerance has no say."""
    model = tr.models.load("lorenz")
    solver = tr.Solver(method=method, rtol=rtol, atol=1e6, h_max=h)
    compiled = tr.compile(model)
    p, y0 = parameter_vector(compiled, None, "test")[None], compiled.initial()[None]
    return solve_batch(compiled, t, p, y0, [pack([])], solver).y[0]


def slopes_at(method, t, counts, rtol=0.9):
    """Orders seen between step counts, against scipy's DOP853 at 1e-13."""
    compiled = tr.compile(tr.models.load("lorenz"))
    span, y0 = (t[0], t[-1]), compiled.initial()
    exact = solve_ivp(compiled.rhs, span, y0, "DOP853", t, rtol=3e-14, atol=1e-15).y.T
    errors = [np.abs(run_with_steps(method, t[-1] / n, t, rtol) - exact).max() for n in counts]
    return np.log2(np.array(errors[:-1]) / np.array(errors[1:]))


#: Methods of order 5; Taylor's has one for each tolerance, and roundoff soon hides an eighth.
ORDER_5 = ["rodas5p", "tsit5"]


@pytest.mark.parametrize("method", ORDER_5)
def test_order_of_the_solution(method):
    slopes = slopes_at(method, np.array([0.0, 2.0]), (600, 1200, 2400))
    assert slopes == pytest.approx(NATIVE[method]["order"], abs=ORDER_TOLERANCE)


@pytest.mark.parametrize(
    ("rtol", "order", "counts"),
    [(0.5, 7, (150, 300, 600)), (0.1, 8, (100, 200, 400)), (0.01, 9, (100, 200, 400))],
)
@pytest.mark.parametrize("between_steps", [False, True])
def test_order_of_the_taylor_method(rtol, order, counts, between_steps):
    """The solution and its dense output are of the order that the tolerance chooses."""
    t = np.linspace(0.0, 2.0, 997 if between_steps else 201)
    slopes = slopes_at("taylor", t, counts, rtol)
    assert slopes == pytest.approx(order, abs=ORDER_TOLERANCE)


@pytest.mark.parametrize("method", ORDER_5)
def test_order_of_the_dense_output(method):
    """An interpolant of order 4 leaves an error of h^5 between the steps."""
    slopes = slopes_at(method, np.linspace(0.0, 2.0, 997), (200, 400, 800))
    assert (slopes > 4.5).all()


#: Closed forms on which the eighth order shows before roundoff does.
CLOSED_FORMS = {
    "oscillator": (
        tr.Model("oscillator", {"x": "v", "v": "-x"}, initial={"x": 1, "v": 0}),
        lambda t: np.column_stack([np.cos(t), -np.sin(t)]),
        20.0,
    ),
    "logistic": (
        tr.Model("logistic", {"x": "x*(1 - x)"}, initial={"x": 0.01}),
        lambda t: 1.0 / (1.0 + 99.0 * np.exp(-t))[:, None],
        10.0,
    ),
}


def slopes_of_dop853(name, counts, between_steps):
    """Orders seen between step lengths; a few shorter steps at the start do no harm."""
    model, exact, end = CLOSED_FORMS[name]
    t = np.linspace(0.0, end, 997) if between_steps else np.array([0.0, end])
    errors = []
    for n in counts:
        solver = tr.Solver(method="dop853", rtol=0.9, atol=1e6, h_max=end / n)
        errors.append(np.abs(tr.simulate(model, t, solver=solver).y - exact(t)).max())
    return np.diff(np.log(errors)) / -np.diff(np.log(counts))


@pytest.mark.parametrize(
    ("name", "counts"), [("oscillator", (48, 64, 96)), ("logistic", (20, 24, 28, 32))]
)
def test_eighth_order_of_dop853(name, counts):
    assert slopes_of_dop853(name, counts, False) == pytest.approx(8, abs=ORDER_TOLERANCE)


@pytest.mark.parametrize(
    ("name", "counts"), [("oscillator", (32, 48, 64)), ("logistic", (16, 32, 64))]
)
def test_order_of_the_dense_output_of_dop853(name, counts):
    """An interpolant of order 7 leaves an error of h^8 between the steps."""
    assert slopes_of_dop853(name, counts, True) == pytest.approx(8, abs=ORDER_TOLERANCE)


@pytest.mark.parametrize("rtol", [10.0**-k for k in range(2, 12)])
@pytest.mark.parametrize("name", ["van-der-pol", "lorenz", "trust-updated"])
def test_dop853_errs_between_its_steps_by_a_few_tolerances_at_most(name, rtol):
    """Its interpolant alone would be wrong by up to 300 times the tolerance.

    Against scipy's DOP853 at 3e-14, relative to each state's largest value.
    """
    model = tr.models.load(name, **({"profile": "bpd"} if name == "trust-updated" else {}))
    t = np.linspace(0.0, 10.0 if name == "lorenz" else 50.0, 2001)
    exact = tr.simulate(model, t, solver=tr.Solver("DOP853", rtol=3e-14, atol=1e-15)).y
    solution = tr.simulate(model, t, solver=tr.Solver("dop853", rtol=rtol, atol=rtol))
    scaled = np.abs(solution.y - exact) / np.abs(exact).max(axis=0)
    assert scaled.max() < 20 * rtol
    assert np.sqrt(np.mean(scaled**2)) < 5 * rtol
    # Nor does it matter who asks for what is inside the steps.
    own = tr.simulate(model, (0.0, t[-1]), solver=tr.Solver("dop853", rtol=rtol, atol=rtol))
    assert (np.abs(own(t) - exact) / np.abs(exact).max(axis=0)).max() < 20 * rtol


def test_steps_of_dop853_do_not_depend_on_the_output_times():
    model = tr.models.load("lorenz")
    solver = tr.Solver("dop853", rtol=1e-8)
    ends = tr.simulate(model, [0.0, 5.0], solver=solver)
    inside = tr.simulate(model, np.linspace(0.0, 5.0, 501), solver=solver)
    assert ends.stats == inside.stats
    assert np.array_equal(ends.y[-1], inside.y[-1])


def test_dop853_steps_to_the_breaks_of_its_inputs():
    """x' = u - x, in pieces of closed form; and a table that bends at its knots."""
    u = tr.inputs("u")
    x = tr.states("x")
    model = tr.Model("driven", rhs={x: u - x}, initial={x: 0.0}, inputs={u: 0.0})
    t = np.linspace(0.0, 4.0, 41)
    solver = tr.Solver("dop853", rtol=1e-12, atol=1e-14)
    y = tr.simulate(model, t, inputs={"u": tr.Steps([1.0, 2.5], [1.0, -2.0])}, solver=solver).y
    first = np.where(t > 1, 1 - np.exp(-(t - 1)), 0)
    wanted = np.where(t > 2.5, -2 + (3 - np.exp(-1.5)) * np.exp(-(t - 2.5)), first)
    assert np.abs(y[:, 0] - wanted).max() < 1e-12
    ramp = tr.Samples([0.0, 1.0, 4.0], [0.0, 1.0, 1.0])
    y = tr.simulate(model, t, inputs={"u": ramp}, solver=solver).y
    rising = t - 1 + np.exp(-t)
    wanted = np.where(t > 1, 1 + (np.exp(-1) - 1) * np.exp(-(t - 1)), rising)
    assert np.abs(y[:, 0] - wanted).max() < 1e-12


def test_dop853_carries_sensitivities():
    """Against the variational equations solved by another method."""
    model = tr.models.load("lorenz")
    t = np.linspace(0.0, 2.0, 41)
    vary = [*model.params, "X(0)"]
    found = tr.simulate(
        model, t, solver=tr.Solver("dop853", rtol=1e-11, atol=1e-13), sensitivities=vary
    ).dydp
    wanted = tr.simulate(
        model, t, solver=tr.Solver("tsit5", rtol=1e-13, atol=1e-15), sensitivities=vary
    ).dydp
    assert np.abs(found - wanted).max() < 1e-8 * np.abs(wanted).max()


def test_dop853_says_that_a_problem_is_stiff():
    mu = {"mu": 1000.0}
    with pytest.warns(tr.SolveWarning, match=r"stiff for .dop853"):
        tr.simulate(
            tr.models.load("van-der-pol"), [0.0, 20.0], params=mu, solver=tr.Solver("dop853")
        )


def test_a_stage_of_the_dense_output_outside_the_domain_shortens_the_step():
    """log(x) is not finite below 0: whatever is written is finite, or the solve failed."""
    model = tr.Model("log", {"x": "-sqrt(x)*abs(log(x))"}, initial={"x": 0.9})
    solution = tr.simulate(model, np.linspace(0.0, 2.0, 201), solver=tr.Solver("dop853", rtol=1e-3))
    assert np.isfinite(solution.y).all()


def test_status_numbers_are_those_of_the_core():
    assert {name: int(tr.Status[name]) for name in _core.STATUS} == _core.STATUS


def batch_of(n, threads, **keywords):
    model = tr.models.load("trust-updated", profile="bpd")
    compiled = tr.compile(model)
    p = np.tile(parameter_vector(compiled, None, "test"), (n, 1))
    p[:, model.params.index("nu")] = np.linspace(1.0, 4.0, n)
    y0 = np.tile(compiled.initial(), (n, 1))
    tables = [stimulus.table(0.0, "test") for _ in model.inputs]
    t = np.linspace(0.0, 60.0, 31)
    return solve_batch(compiled, t, p, y0, [pack(tables)], tr.Solver(), threads=threads, **keywords)


@pytest.mark.parametrize("threads", [2, 3, 5, 50])
def test_threads_change_no_bit(threads):
    """Nor do they leave a run out or take one twice: its steps would be another's, or none."""
    one, many = (batch_of(37, number, which=["nu"]) for number in (1, threads))
    assert np.array_equal(one.y, many.y)
    assert np.array_equal(one.dydp, many.dydp)
    assert np.array_equal(one.report, many.report)


def test_a_failing_run_leaves_the_others_alone():
    x, k = tr.states("x"), tr.parameters("k")
    compiled = tr.compile(tr.Model("m", {x: k * x**2}, params={k: 1.0}, initial={x: 1.0}))
    t = np.array([0.0, 0.5, 2.0])
    p, y0 = np.array([[0.1], [1.0], [-1.0]]), np.ones((3, 1))
    solver = tr.Solver(rtol=1e-10, atol=1e-12)
    batch = solve_batch(compiled, t, p, y0, [pack([])], solver)
    assert batch.status.tolist() == [tr.Status.SUCCESS, tr.Status.DIVERGED, tr.Status.SUCCESS]
    exact = 1.0 / (1.0 - p * t)
    assert batch.y[[0, 2], :, 0] == pytest.approx(exact[[0, 2]], rel=1e-8)
    assert batch.y[1, :2, 0] == pytest.approx([1.0, 2.0], rel=1e-8)
    assert np.isnan(batch.y[1, 2])
    assert batch.t_reached[1] == pytest.approx(1.0, abs=1e-6)


def test_a_run_is_measured_or_watched():
    compiled = tr.compile(tr.Model("m", {"x": "-x"}, initial={"x": 1.0}))
    gauge = _core.Gauge([0], 1, 0.0, 1.0)
    watch = _core.Watch(compiled.functions, 0, [], [], [], [])
    given = (
        compiled,
        np.array([0.0, 1.0]),
        np.empty((1, 0)),
        np.ones((1, 1)),
        [pack([])],
        tr.Solver(),
    )
    assert solve_batch(*given, gauge=gauge).status.tolist() == [tr.Status.SUCCESS]
    with pytest.raises(ValueError, match="not both"):
        solve_batch(*given, gauge=gauge, events=watch)


def test_a_step_whose_dense_output_overflows_writes_finite_rows_alone():
    """From near the largest number there is, sums of slopes may overflow where states do not."""
    rhs = {"x": "-y - x", "y": "x - 0.3*y", "z": "-0.8*z"}
    model = tr.Model("huge", rhs, initial={"x": 1.0, "y": 0.5, "z": -1e308})
    t, solver = np.linspace(0.0, 3.0, 300), tr.Solver("tsit5", rtol=1e-3)
    solution = tr.simulate(model, t, solver=solver, on_error="return")
    assert solution.status is tr.Status.DIVERGED
    assert np.isfinite(solution.y).all()
