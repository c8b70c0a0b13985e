"""Faults and bad inputs, row by row: what must happen, and that all still works afterwards."""

import math
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import trustode as tr

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def decay():
    """x' = u - k x, whose solution without input is exp(-k t)."""
    x, k, u = tr.states("x"), tr.parameters("k"), tr.inputs("u")
    return tr.Model(
        "decay", {x: u - k * x}, {k: tr.Param(1.0, min=0, max=10)}, {x: 1.0}, {u: 0.0},
        observables={"twice": 2 * x},
    )  # fmt: skip


def works(model, **how):
    """Solve a model of the form of `decay`, whatever was asked of it before."""
    found = tr.simulate(model, [0.0, 1.0], **how)
    assert found.status is tr.Status.SUCCESS
    assert found["x"][-1] == pytest.approx(math.exp(-1.0), rel=1e-4)


@pytest.fixture(name="works")
def _works():
    return works


@pytest.fixture(autouse=True)
def afterwards(decay):
    """Every fault leaves the models, the cache and the solvers as they were."""
    yield
    works(decay)


@pytest.fixture(scope="session")
def child():
    """Run Python in a process of its own, with the package and the tests in reach."""

    def run(script, *arguments, check=True, timeout=120, options=(), **environment):
        path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
        given = {**os.environ, "PYTHONPATH": path, **environment}
        done = subprocess.run(
            [sys.executable, *options, "-c", textwrap.dedent(script), *map(str, arguments)],
            env={name: value for name, value in given.items() if value is not None},
            capture_output=True, text=True, timeout=timeout, check=False,
        )  # fmt: skip
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    return run
