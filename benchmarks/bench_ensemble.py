"""How long does one run of many take on one thread, and how much does a second thread save?"""

import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest

import peers
from problems import ensemble, ensemble_span

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
    """Wall time, so that it means something on a free machine only.

    Beside it stands what two processes save that solve half of the runs each, with nothing in
    common: no threads can save more than the machine lets them.
    """
    many = ensemble(SHARED)
    every, halves = slice(None), [slice(SHARED // 2), slice(SHARED // 2, None)]
    wall = {"one": [], "two": [], "apart": []}
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        for _ in range(25 if benchmark.enabled else 1):
            for name, threads in (("one", 1), ("two", 2)):
                start, end, _ = many.solve(every, threads)
                wall[name].append(end - start)
            starts, ends = zip(*pool.map(ensemble_span, [SHARED] * 2, halves), strict=True)
            wall["apart"].append(max(ends) - min(starts))
    y = benchmark.pedantic(lambda: many.solve(every, 2)[2], rounds=3, iterations=1)
    benchmark.extra_info["achieved_error"] = many.achieved(y)
    for name in ("two", "apart"):
        for told, share in (("least", 0.0), ("quartile", 0.25)):
            one, more = (float(np.quantile(wall[each], share)) for each in ("one", name))
            benchmark.extra_info[f"times_quicker_{name}_{told}"] = one / more
    benchmark.extra_info["load"] = os.getloadavg()[0]


def test_peers_agree():
    """The reference, the peers' translation and trustode are one problem."""
    many = ensemble(16)
    assert many.achieved(peers.load("trustode").ensemble(many, 1e-9)()) < 1e-6
