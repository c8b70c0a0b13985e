"""How long does one run of many take on one thread, and how much does a second thread save?"""

import os
import time

import pytest

import peers
import trustode as tr
from problems import ensemble

#: Enough that the first and the last run in lanes do not count.
RUNS = 500
#: Enough that starting threads does not count.
SHARED = 10_000


@pytest.mark.parametrize("peer", ["alone", "heyoka", "heyoka-8", "cyrk-tsit5", "numbalsoda-dop853"])
def test_one_thread(against, benchmark, peer):
    many = ensemble(RUNS)
    tolerances = (1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10)
    against(peer, lambda who, rtol: who.ensemble(many, rtol), many.achieved, tolerances, rounds=2)
    benchmark.extra_info["runs"] = RUNS


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one processor")
def test_two_threads(benchmark):
    """Wall time, so that it means something on a free machine only."""
    many = ensemble(SHARED)
    solver = tr.Solver(rtol=1e-6, atol=1e-6)
    table = dict(zip(many.problem.model.params, many.sets.T, strict=True))

    def solve(threads):
        how = {"solver": solver, "threads": threads, "progress": False}
        return tr.ensemble(many.problem.model, table, many.t, **how).y

    wall = {1: [], 2: []}
    for _ in range(25 if benchmark.enabled else 1):
        for threads, times in wall.items():
            start = time.perf_counter()
            solve(threads)
            times.append(time.perf_counter() - start)
    y = benchmark.pedantic(solve, args=(2,), rounds=3, iterations=1)
    benchmark.extra_info["achieved_error"] = many.achieved(y)
    benchmark.extra_info["times_quicker"] = min(wall[1]) / min(wall[2])
    benchmark.extra_info["load"] = os.getloadavg()[0]


def test_peers_agree():
    """The reference, the peers' translation and trustode are one problem."""
    many = ensemble(16)
    assert many.achieved(peers.load("trustode").ensemble(many, 1e-9)()) < 1e-6
