"""How long does one trajectory take, at which achieved error, and how long with others?"""

import numpy as np
import pytest

import trustode as tr
from problems import error_of, problem

PEERS = "alone heyoka cyrk-tsit5 cyrk-dop853 numbalsoda-dop853 numbalsoda-lsoda".split()
COARSE = (1e-4, 1e-6, 1e-8, 1e-10)


@pytest.mark.parametrize("given", [False, True], ids=["defaults", "values-given"])
def test_call_beside_its_solve(benchmark, given):
    """A thousand times within a few steps: what a call costs before and after C."""
    model, t = tr.models.load("trust-updated", profile="bpd"), np.linspace(0.0, 0.01, 1000)
    values = {"params": model.defaults, "initial": dict.fromkeys(model.states, 0.1)}
    solver, keywords = tr.Solver(method="tsit5"), values if given else {}
    benchmark(lambda: tr.simulate(model, t, solver=solver, **keywords))


@pytest.mark.parametrize("peer", PEERS)
@pytest.mark.parametrize("name", ["trust-like", "trust-updated", "van-der-pol", "lorenz"])
def test_trajectory(against, name, peer):
    case = problem(name)
    against(peer, lambda who, rtol: who.trajectory(case, rtol), error_of(name))


@pytest.mark.parametrize("peer", ["scipy-dop853", "scipy-lsoda", "odeint"])
@pytest.mark.parametrize("name", ["trust-like", "trust-updated"])
def test_trajectory_against_scipy(against, name, peer):
    # Tens of times slower: every other tolerance says as much.
    case = problem(name)
    against(peer, lambda who, rtol: who.trajectory(case, rtol), error_of(name), COARSE, rounds=2)
