"""How long does one trajectory take, at which achieved error, and how long with others?"""

import pytest

from problems import error_of, problem

PEERS = "alone heyoka cyrk-tsit5 cyrk-dop853 numbalsoda-dop853 numbalsoda-lsoda".split()


@pytest.mark.parametrize("peer", PEERS)
@pytest.mark.parametrize("name", ["trust-like", "trust-updated", "van-der-pol", "lorenz"])
def test_trajectory(against, name, peer):
    case = problem(name)
    against(peer, lambda who, rtol: who.trajectory(case, rtol), error_of(name))


@pytest.mark.parametrize("peer", ["scipy-dop853", "scipy-lsoda", "odeint"])
def test_trajectory_against_scipy(against, peer):
    # Tens of times slower: fewer tolerances and rounds say as much.
    case = problem("trust-updated")
    tolerances = (1e-5, 1e-7, 1e-9)
    against(
        peer,
        lambda who, rtol: who.trajectory(case, rtol),
        error_of("trust-updated"),
        tolerances,
        rounds=2,
    )
