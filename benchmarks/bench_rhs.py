"""How long does one call of the right-hand side take from Python?"""

import numpy as np
import pytest
import sympy

import trustode as tr
from peers.translate import equations, function
from problems import problem


@pytest.fixture(params=["trust-like", "trust-updated"])
def case(request):
    return problem(request.param)


def record(benchmark, case, dydt):
    """Record how far the values are from trustode's, relative to the largest."""
    exact = tr.compile(case.model).rhs(0.0, case.y0, case.p)
    benchmark.extra_info["achieved_error"] = float(np.abs(dydt - exact).max() / np.abs(exact).max())


def test_compiled(benchmark, case):
    record(benchmark, case, benchmark(tr.compile(case.model).rhs, 0.0, case.y0, case.p))


def test_lambdify(benchmark, case):
    states, params, right = equations(case.model)
    rhs = sympy.lambdify([states, params], right, "math", cse=True)
    record(benchmark, case, np.array(benchmark(rhs, case.y0.tolist(), case.p.tolist())))


def test_numba(benchmark, case):
    numba = pytest.importorskip("numba", reason="numba takes no part: not installed")
    rhs, dydt = numba.njit(function(case.model, "t, y, dydt, p")), np.empty(len(case.y0))
    rhs(0.0, case.y0, dydt, case.p)
    benchmark(rhs, 0.0, case.y0, dydt, case.p)
    record(benchmark, case, dydt)
