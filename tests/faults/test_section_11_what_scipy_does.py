"""Section 11: inputs on which scipy 1.17's solve_ivp hangs, or succeeds with a wrong answer.

Each with the native methods and with scipy's own, which take the same door here.
"""

import math
import time

import numpy as np
import pytest

import trustode as tr

METHODS = ["auto", "tsit5", "rodas5p", "RK45", "Radau", "LSODA"]
DECAY = tr.Model("decay", {"x": "-x"}, {}, {"x": 1.0})


@pytest.fixture(params=METHODS)
def solver(request):
    """Fifteen seconds, as in the table, are the most that any may take."""
    began = time.perf_counter()
    yield tr.Solver(request.param, time_limit=10.0)
    assert time.perf_counter() - began < 15.0


def ends(model, t, solver, *statuses):
    with pytest.raises(tr.SolveError) as caught:
        tr.simulate(model, t, solver=solver)
    assert caught.value.status.name in statuses
    assert np.isfinite(caught.value.solution.y).all()
    assert tr.simulate(DECAY, [0, 1], solver=solver)["x"][-1] == pytest.approx(0.3679, abs=2e-3)


def test_section_11_nan_on_the_way(solver):
    model = tr.Model(
        "late", {"x": "-x + 0*log(1/2 - t)", "y": "log(1/2 - t)"}, {}, {"x": 1, "y": 0}
    )
    ends(model, [0.0, 1.0], solver, "NONFINITE")


def test_section_11_inf_at_once(solver):
    ends(tr.Model("inf", {"x": "1/(x - 1)"}, {}, {"x": 1.0}), [0.0, 1.0], solver, "NONFINITE")


@pytest.mark.parametrize(
    "given", [{"rtol": math.nan}, {"rtol": -1e-6}, {"atol": -1e-6}, {"atol": math.nan}]
)
def test_section_11_tolerances(given):
    for method in METHODS:
        with pytest.raises(tr.OptionError, match=r"Solver: [ra]tol="):
            tr.Solver(method, **given)


@pytest.mark.parametrize(
    "t", [[0, math.nan, 1], [0, 2, 1], [0, 1, 1], [0, math.nan], (0, math.inf), (0, math.nan)]
)
def test_section_11_times(t):
    for method in METHODS:
        with pytest.raises(tr.DataError, match=r"simulate\(decay\): t"):
            tr.simulate(DECAY, t, solver=tr.Solver(method))


def test_section_11_past_a_pole(solver):
    ends(tr.Model("pole", {"x": "x**2"}, {}, {"x": 1.0}), [0.0, 2.0], solver, "DIVERGED")


@pytest.mark.parametrize("method", ["auto", "rodas5p", "Radau", "LSODA", "BDF"])
def test_section_11_van_der_pol_to_2e6(method):
    """A milder one, eps = 1e-6 in slow time, for which there are published values."""
    equations = {"x": "v", "v": "k*((1 - x**2)*v - x)"}
    model = tr.Model("relax", equations, {"k": 1e6}, {"x": 2.0, "v": 0.0})
    found = tr.simulate(model, [0.0, 1.0, 2.0], solver=tr.Solver(method, rtol=1e-7))
    # Hairer & Wanner's reference for the test set VDPOL, at t = 1 and 2.
    assert found["x"][1:] == pytest.approx([-1.863646254808130, 1.706167732170456], rel=1e-3)


@pytest.mark.parametrize("method", ["auto", "rodas5p", "Radau", "LSODA"])
def test_section_11_van_der_pol_at_a_million(method):
    """mu = 1e6 to 2e6, where x follows mu x' = x/(1 - x**2) between its jumps from 1 to -2.

    With T = t/mu, log(x) - x**2/2 = T + log(2) - 2 on the way from 2 to 1, which takes
    3/2 - log(2); two such ways are over at T = 2. What this leaves out is of order mu**(-4/3).
    """
    equations = {"x": "v", "v": "mu*(1 - x**2)*v - x"}
    model = tr.Model("relax", equations, {"mu": 1e6}, {"x": 2.0, "v": 0.0})
    found = tr.simulate(model, [0.0, 2e6], solver=tr.Solver(method, rtol=1e-7, time_limit=15.0))
    x, since = found["x"][-1], 2.0 - 2 * (1.5 - math.log(2.0))
    assert 1.0 < x < 2.0
    assert math.log(x) - x**2 / 2 == pytest.approx(since + math.log(2.0) - 2.0, abs=1e-4)


@pytest.mark.parametrize("method", ["tsit5", "RK45"])
def test_section_11_van_der_pol_on_an_explicit_method(method):
    equations = {"x": "v", "v": "k*((1 - x**2)*v - x)"}
    model = tr.Model("relax", equations, {"k": 1e6}, {"x": 2.0, "v": 0.0})
    solver = tr.Solver(method, max_steps=1000)
    with pytest.raises(tr.SolveError, match=r"stiff for .*rodas5p"):
        tr.simulate(model, [0.0, 2.0], solver=solver)


def test_section_11_a_right_hand_side_of_another_length():
    """A model's equations and states are one mapping, so they cannot differ in number."""
    with pytest.raises(tr.ModelError, match="y"):
        tr.Model("m", {"x": "-x"}, {}, {"x": 1.0, "y": 1.0})
    with pytest.raises(tr.DataError, match="y has 2 values; this model needs 1"):
        tr.compile(DECAY).rhs(0.0, [1.0, 2.0])
