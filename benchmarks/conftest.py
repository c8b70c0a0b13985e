"""What the benchmarks share: a problem, its reference, and the achieved error."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import trustode as tr


@pytest.fixture(scope="session")
def problem():
    """The updated trust model's cycle: model, compiled functions, times, reference."""
    model = tr.models.load("trust-updated", profile="bpd")
    compiled = tr.compile(model)
    t = np.linspace(0.0, 100.0, 1001)
    reference = solve_ivp(
        compiled.rhs, (t[0], t[-1]), compiled.initial(), "DOP853", t, rtol=1e-12, atol=1e-13
    ).y.T
    return model, compiled, t, reference


@pytest.fixture
def achieved(problem, benchmark):
    """Record the rms error over the output grid, relative to each state's largest value."""

    def record(y):
        reference = problem[3]
        scaled = (y - reference) / np.abs(reference).max(axis=0)
        benchmark.extra_info["achieved_error"] = float(np.sqrt(np.mean(scaled**2)))

    return record
