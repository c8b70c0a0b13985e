"""Achieved errors on the classes of problems that solvers are compared on.

References owe nothing to trustode's integrators: closed forms, matrix exponentials, or scipy's
methods at tolerances of 1e-12 and below.
"""

from collections.abc import Callable

import numpy as np
import pytest
from _ivp_problems import NONSTIFF, STIFF, Problem
from scipy.integrate import solve_ivp
from scipy.linalg import expm
from scipy.optimize import brentq

import trustode as tr

TOLERANCES = 1e-4, 1e-6, 1e-8, 1e-10

#: Stiff problems with constant coefficients, solved by exponentials of their matrix.
LINEAR = {"A1", "A2", "A3", "A4", "B1", "B2", "B3", "B4", "B5"}
#: Stiff problems that an explicit method gets through.
MILD = {"C1", "C2", "C3", "C4", "C5", "E1", "E2"}
#: Times the tolerance: what is promised, and where errors of a pair may add up, as nothing damps
#: them (scipy's RK45 has 113 on E3 at 1e-4).
PROMISED, ADDED_UP = 10.0, 50.0


def by_scipy(problem: Problem, method: str, rtol: float, move: float = 0.0) -> np.ndarray:
    compiled = tr.compile(problem.model("reference"))
    y0 = np.array(problem.initial, dtype=float)
    y0 += move * np.maximum(1.0, np.abs(y0))
    options = {} if method == "DOP853" else {"jac": compiled.jac}
    solved = solve_ivp(
        lambda t, y: compiled.rhs(t, y),
        (0.0, problem.end),
        y0,
        method,
        problem.t,
        rtol=rtol,
        atol=0.1 * rtol * problem.atol,
        **options,
    )
    assert solved.success
    return solved.y.T


def by_exponentials(problem: Problem) -> np.ndarray:
    compiled = tr.compile(problem.model("reference"))
    origin, n = np.zeros(len(problem.initial)), len(problem.initial)
    matrix = np.zeros((n + 1, n + 1))
    matrix[:n, :n], matrix[:n, n] = compiled.jac(0.0, origin), compiled.rhs(0.0, origin)
    start = np.append(problem.initial, 1.0)
    return np.array([(expm(t * matrix) @ start)[:n] for t in problem.t])


def two_bodies(problem: Problem) -> np.ndarray:
    """Kepler's equation, of an orbit with half axis 1 that starts where it is nearest."""
    e = 1.0 - problem.initial[0]
    anomaly = np.array(
        [brentq(lambda x, t=t: x - e * np.sin(x) - t, t - 1.0, t + 1.0, xtol=1e-15)
         for t in problem.t]
    )  # fmt: skip
    minor, rate = np.sqrt(1.0 - e**2), 1.0 / (1.0 - e * np.cos(anomaly))
    return np.column_stack(
        [np.cos(anomaly) - e, minor * np.sin(anomaly),
         -rate * np.sin(anomaly), minor * rate * np.cos(anomaly)]
    )  # fmt: skip


def bessel(problem: Problem) -> np.ndarray:
    """The function J of order 1/2, at t + 1."""
    x = problem.t + 1.0
    value = np.sqrt(2.0 / (np.pi * x)) * np.sin(x)
    return np.column_stack([value, np.sqrt(2.0 / (np.pi * x)) * np.cos(x) - value / (2.0 * x)])


#: End values that the test set for IVP solvers prints (Mazzia & Magherini 2008): places of the
#: seven bodies, and all substances.
PUBLISHED = {
    "pleiades": [
        0.3706139143970502, 3.237284092057233, -3.222559032418324, 0.6597091455775310,
        0.3425581707156584, 1.562172101400631, -0.7003092922212495, -3.943437585517392,
        -3.271380973972550, 5.225081843456543, -2.590612434977470, 1.198213693392275,
        -0.2429682344935824, 1.091449240428980,
    ],
    "pollution": [
        0.5646255480022769e-1, 0.1342484130422339, 0.4139734331099427e-8, 0.5523140207484359e-2,
        0.2018977262302196e-6, 0.1464541863493966e-6, 0.7784249118997964e-1, 0.3245075353396018,
        0.7494013383880406e-2, 0.1622293157301561e-7, 0.1135863833257075e-7, 0.2230505975721359e-2,
        0.2087162882798630e-3, 0.1396921016840158e-4, 0.8964884856898295e-2, 0.4352846369330103e-17,
        0.6899219696263405e-2, 0.1007803037365946e-3, 0.1772146513969984e-5, 0.5682943292316392e-4,
    ],
}  # fmt: skip

CLOSED: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "A1": lambda t: np.exp(-t),
    "A2": lambda t: 1.0 / np.sqrt(1.0 + t),
    "A3": lambda t: np.exp(np.sin(t)),
    "A4": lambda t: 20.0 / (1.0 + 19.0 * np.exp(-t / 4.0)),
}


def nonstiff_reference(name: str, problem: Problem) -> np.ndarray:
    if name in CLOSED:
        return CLOSED[name](problem.t)[:, None]
    if name.startswith("D"):
        return two_bodies(problem)
    if name == "E1":
        return bessel(problem)
    return by_scipy(problem, "DOP853", 1e-13)


def stiff_reference(name: str, problem: Problem) -> np.ndarray:
    if name in LINEAR:
        return by_exponentials(problem)
    if name in MILD:
        return by_scipy(problem, "DOP853", 1e-11)
    return by_scipy(problem, "Radau", 1e-12)


def achieved(problem: Problem, method: str, tolerance: float, exact: np.ndarray) -> float:
    """Return the largest error of any state at any time, as a multiple of the tolerance."""
    solver = tr.Solver(method, rtol=tolerance, atol=tolerance * problem.atol)
    solution = tr.simulate(problem.model("tried"), problem.t, solver=solver)
    scale = problem.atol + np.abs(exact).max(axis=0)
    return float((np.abs(solution.y - exact) / scale).max() / tolerance)


def amplified(problem: Problem, exact: np.ndarray) -> float:
    """Return how far what is wrong at the start by one is wrong later, at least one."""
    move = 1e-6
    moved = by_scipy(problem, "DOP853", 1e-11, move)
    scale = problem.atol + np.abs(exact).max(axis=0)
    return max(1.0, float((np.abs(moved - exact) / scale).max() / move))


@pytest.mark.parametrize("name", NONSTIFF)
def test_nonstiff_errors_are_those_asked_for(name):
    problem = NONSTIFF[name]
    exact = nonstiff_reference(name, problem)
    limits = {"auto": PROMISED, "taylor": PROMISED, "tsit5": ADDED_UP, "dop853": ADDED_UP}
    grown = amplified(problem, exact)
    for method, limit in limits.items():
        for tolerance in TOLERANCES:
            found = achieved(problem, method, tolerance, exact)
            assert found <= limit * grown, (method, tolerance)


@pytest.mark.parametrize("name", STIFF)
def test_stiff_errors_are_those_asked_for(name):
    problem = STIFF[name]
    exact = stiff_reference(name, problem)
    for method in ("auto", "rodas5p"):
        for tolerance in TOLERANCES:
            assert achieved(problem, method, tolerance, exact) <= PROMISED, (method, tolerance)


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_end_values_are_met(name):
    problem, known = (NONSTIFF | STIFF)[name], np.array(PUBLISHED[name])
    solver = tr.Solver(rtol=1e-12, atol=1e-12 * problem.atol)
    end = tr.simulate(problem.model(name), problem.t, solver=solver).y[-1, : len(known)]
    np.testing.assert_allclose(end, known, rtol=1e-9, atol=1e-9 * problem.atol)
