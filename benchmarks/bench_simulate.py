"""How long does one trajectory take, at which achieved error?"""

import numpy as np
import pytest
from scipy.integrate import odeint, solve_ivp

import trustode as tr

TOLERANCES = (1e-4, 1e-6, 1e-9)


@pytest.mark.parametrize("given", [False, True], ids=["defaults", "values-given"])
def test_call_beside_its_solve(benchmark, given):
    """A thousand times within a few steps: what a call costs before and after C."""
    model, t = tr.models.load("trust-updated", profile="bpd"), np.linspace(0.0, 0.01, 1000)
    values = {"params": model.defaults, "initial": dict.fromkeys(model.states, 0.1)}
    solver, keywords = tr.Solver(method="tsit5"), values if given else {}
    benchmark(lambda: tr.simulate(model, t, solver=solver, **keywords))


@pytest.mark.parametrize("rtol", TOLERANCES)
@pytest.mark.parametrize("method", ["tsit5", "rodas5p"])
def test_native(benchmark, problem, achieved, method, rtol):
    model, _, t, _ = problem
    solver = tr.Solver(method=method, rtol=rtol, atol=rtol * 1e-2)
    achieved(benchmark(lambda: tr.simulate(model, t, solver=solver).y))


@pytest.mark.parametrize("rtol", TOLERANCES)
@pytest.mark.parametrize("method", ["RK45", "DOP853", "LSODA"])
def test_scipy_with_compiled_functions(benchmark, problem, achieved, method, rtol):
    _, compiled, t, _ = problem
    keywords = {"jac": compiled.jac} if method == "LSODA" else {}
    y0, span = compiled.initial(), (t[0], t[-1])

    def solve():
        tolerances = {"rtol": rtol, "atol": rtol * 1e-2}
        return solve_ivp(compiled.rhs, span, y0, method, t, **tolerances, **keywords).y.T

    achieved(benchmark.pedantic(solve, rounds=3, iterations=1))


@pytest.mark.parametrize("rtol", TOLERANCES)
def test_odeint_with_compiled_functions(benchmark, problem, achieved, rtol):
    _, compiled, t, _ = problem

    def solve():
        return odeint(
            compiled.rhs, compiled.initial(), t, Dfun=compiled.jac, tfirst=True,
            rtol=rtol, atol=rtol * 1e-2,
        )  # fmt: skip

    achieved(np.asarray(benchmark.pedantic(solve, rounds=3, iterations=1)))
