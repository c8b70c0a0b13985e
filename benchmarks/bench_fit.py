"""How long do one objective of a fit and one gradient take, and with other programs?

Lotka and Volterra's model with 101 times of both states, Gaussian noise, and four rates and two
standard deviations free. Each program is used as its manual says: PINTS by the model that it
brings along, with its sensitivities; lmfit by a residual function around scipy's `odeint`, and
without a gradient, which it takes by differences.
"""

import itertools
import time

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import odeint, solve_ivp

import trustode as tr

START, TRUTH, SD = (2.0, 1.5), (0.5, 0.15, 1.0, 0.3), (0.2, 0.3)
TIMES = np.linspace(0.0, 20.0, 101)
NAMES = ("a", "b", "c", "d", "s", "r")


def rates(z, t, a, b, c, d):
    return [a * z[0] - b * z[0] * z[1], -c * z[1] + d * z[0] * z[1]]


def reference(values):
    """Solve at the tightest tolerances that scipy's DOP853 takes."""
    solved = solve_ivp(
        lambda t, z: rates(z, t, *values), (0, 20), START, "DOP853", TIMES, rtol=1e-13, atol=1e-13
    )
    return solved.y.T


DATA = reference(TRUTH) + np.random.default_rng(1).normal(0.0, SD, (len(TIMES), 2))


def nll(predicted, sd):
    z = (DATA - predicted) / sd
    return float(0.5 * (z**2 + np.log(2.0 * np.pi * np.square(sd))).sum())


def trustode():
    model = tr.Model(
        "lotka-volterra",
        rhs={"x": "a*x - b*x*y", "y": "-c*y + d*x*y"},
        params=dict(zip("abcd", TRUTH, strict=True)),
        initial=dict(zip("xy", START, strict=True)),
    )
    objective = tr.objective(
        model,
        pd.DataFrame({"t": TIMES, "x": DATA[:, 0], "y": DATA[:, 1]}),
        time="t",
        observed={"x": tr.Gaussian("x", sd="s"), "y": tr.Gaussian("y", sd="r")},
        vary={
            name: tr.Vary(value, min=0, max=10)
            for name, value in zip(NAMES, (*TRUTH, *SD), strict=True)
        },
        solver=tr.Solver(rtol=1e-7, atol=1e-9),
        threads=1,
    )

    def named(x):
        return dict(zip(NAMES, x, strict=True))

    return lambda x: objective.nll(named(x)), lambda x: objective.gradient(named(x))


def pints():
    pints = pytest.importorskip("pints", reason="races PINTS, which is not installed")
    toy = pytest.importorskip("pints.toy")
    model = toy.LotkaVolterraModel(START)
    likelihood = pints.GaussianLogLikelihood(pints.MultiOutputProblem(model, TIMES, DATA))
    return lambda x: -likelihood(x), likelihood.evaluateS1


def lmfit():
    lmfit = pytest.importorskip("lmfit", reason="races lmfit, which is not installed")
    parameters = lmfit.Parameters()
    for name, value in zip(NAMES, (*TRUTH, *SD), strict=True):
        parameters.add(name, value, min=0, max=10)

    def evaluate(x):
        for name, value in zip(NAMES, x, strict=True):
            parameters[name].set(value=value)
        values = parameters.valuesdict()
        rest = tuple(values[name] for name in "abcd")
        return nll(odeint(rates, START, TIMES, rest), (values["s"], values["r"]))

    return evaluate, None


def cpu(call, points, rounds=7):
    """Return the least processor time of a call, at points that change from call to call."""
    least = np.inf
    for _ in range(rounds):
        start = time.process_time()
        for x in points:
            call(x)
        least = min(least, (time.process_time() - start) / len(points))
    return least


@pytest.mark.parametrize("who", [trustode, pints, lmfit])
def test_objective_and_gradient(benchmark, who):
    value, gradient = who()
    rng = np.random.default_rng(2)
    points = np.array([*TRUTH, *SD]) * rng.uniform(0.95, 1.05, (20 if benchmark.enabled else 1, 6))
    exact = [nll(reference(x[:4]), x[4:]) for x in points]
    wrong = [abs(value(x) / right - 1.0) for x, right in zip(points, exact, strict=True)]
    assert max(wrong) < 1e-4
    several = itertools.cycle(points)
    benchmark.pedantic(lambda: value(next(several)), rounds=20, warmup_rounds=2)
    benchmark.extra_info["largest_relative_error"] = max(wrong)
    benchmark.extra_info["objective_cpu_ms"] = 1e3 * cpu(value, points)
    if gradient is not None:
        benchmark.extra_info["gradient_cpu_ms"] = 1e3 * cpu(gradient, points)
