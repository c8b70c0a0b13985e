"""How long does one stiff trajectory take, at which achieved error, and how long with others?"""

import pytest

from problems import error_of, problem

PEERS = "alone numbalsoda-lsoda cyrk-radau cyrk-lsoda".split()
PROBLEMS = "van-der-pol-1000 robertson hires orego".split()


@pytest.mark.parametrize("peer", PEERS)
@pytest.mark.parametrize("name", PROBLEMS)
def test_stiff(against, name, peer):
    case = problem(name)
    against(peer, lambda who, rtol: who.trajectory(case, rtol), error_of(name))
