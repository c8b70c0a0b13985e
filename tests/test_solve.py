"""Options, batches and the order of the native methods."""

import importlib
import math

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


#: Methods of one order; Taylor's has one for each tolerance.
RUNGE_KUTTA = sorted(set(NATIVE) - {"taylor"})


@pytest.mark.parametrize("method", RUNGE_KUTTA)
def test_order_of_the_solution(method):
    slopes = slopes_at(method, np.array([0.0, 2.0]), (600, 1200, 2400))
    assert slopes == pytest.approx(NATIVE[method]["order"], abs=ORDER_TOLERANCE)


@pytest.mark.parametrize(
    ("rtol", "order", "counts"),
    [(0.5, 4, (600, 1200, 2400)), (0.1, 5, (300, 600, 1200)), (0.01, 6, (200, 400, 800))],
)
@pytest.mark.parametrize("between_steps", [False, True])
def test_order_of_the_taylor_method(rtol, order, counts, between_steps):
    """The solution and its dense output are of the order that the tolerance chooses."""
    t = np.linspace(0.0, 2.0, 997 if between_steps else 201)
    slopes = slopes_at("taylor", t, counts, rtol)
    assert slopes == pytest.approx(order, abs=ORDER_TOLERANCE)


@pytest.mark.parametrize("method", RUNGE_KUTTA)
def test_order_of_the_dense_output(method):
    """An interpolant of order 4 leaves an error of h^5 between the steps."""
    slopes = slopes_at(method, np.linspace(0.0, 2.0, 997), (200, 400, 800))
    assert (slopes > 4.5).all()


def test_status_numbers_are_those_of_the_core():
    assert {name: int(tr.Status[name]) for name in _core.STATUS} == _core.STATUS


def test_methods_describe_themselves():
    for facts in NATIVE.values():
        assert facts["documentation"].endswith(".")


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"method": "tsitouras"}, "unknown method 'tsitouras'.*Methods: auto, tsit5"),
        ({"method": "tsit"}, "did you mean 'tsit5'"),
        ({"rtol": -1e-6}, r"rtol=-1e-06 is below the smallest allowed, 2\.2"),
        ({"rtol": 0}, "rtol=0 is below"),
        ({"rtol": math.nan}, "rtol=nan is not a number"),
        ({"rtol": math.inf}, "rtol=inf must be below 1"),
        ({"rtol": 1e-15}, "smallest allowed"),
        ({"rtol": "1e-6"}, "is not a number"),
        ({"atol": 0.0}, "atol=0.0 is below"),
        ({"atol": math.inf}, "is not finite"),
        ({"atol": (1e-6, -1.0)}, "atol=-1.0 is below"),
        ({"max_steps": 0}, "max_steps=0 is not a positive whole number"),
        ({"max_steps": 1e6}, "max_steps"),
        ({"h_max": -1}, "h_max=-1 is below"),
        ({"h_max": math.nan}, "h_max=nan"),
    ],
)
def test_options_are_checked_when_they_are_made(option, message):
    with pytest.raises(tr.OptionError, match=message):
        tr.Solver(**option)


def test_atol_needs_one_value_a_state():
    model = tr.models.load("van-der-pol")
    with pytest.raises(tr.OptionError, match=r"atol has 3 values for 2 states \(x, v\)"):
        tr.simulate(model, [0, 1], solver=tr.Solver(atol=(1e-6, 1e-6, 1e-6)))
    tight = tr.simulate(model, [0, 1], solver=tr.Solver(atol=(1e-12, 1e-12), rtol=1e-12)).y
    loose = tr.simulate(model, [0, 1], solver=tr.Solver(atol=(1e-3, 1e-12), rtol=1e-12)).y
    assert not np.array_equal(tight, loose)


def batch_of(n, threads, **keywords):
    model = tr.models.load("trust-updated", profile="bpd")
    compiled = tr.compile(model)
    p = np.tile(parameter_vector(compiled, None, "test"), (n, 1))
    p[:, model.params.index("nu")] = np.linspace(1.0, 4.0, n)
    y0 = np.tile(compiled.initial(), (n, 1))
    tables = [stimulus.table(0.0, "test") for _ in model.inputs]
    t = np.linspace(0.0, 60.0, 31)
    return solve_batch(compiled, t, p, y0, [pack(tables)], tr.Solver(), threads=threads, **keywords)


def test_threads_change_no_bit():
    one, two = (batch_of(37, threads, which=["nu"]) for threads in (1, 3))
    assert np.array_equal(one.y, two.y)
    assert np.array_equal(one.dydp, two.dydp)
    assert np.array_equal(one.report, two.report)


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


def test_sensitivities_need_an_explicit_method():
    model = tr.models.load("van-der-pol")
    with pytest.raises(tr.OptionError, match="sensitivities need an explicit method"):
        tr.simulate(model, [0, 1], solver=tr.Solver(method="rodas5p"), sensitivities=["mu"])
