"""How long do 20 sensitivities take, in milliseconds and in plain solves?"""

import pytest

import peers
from problems import gradient
from race import race

TOLERANCES = (1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9)


@pytest.mark.parametrize("peer", ["alone", "heyoka", "heyoka-unrolled"])
def test_sensitivities(against, peer):
    wanted = gradient()
    against(peer, lambda who, rtol: who.gradient(wanted, rtol), wanted.achieved, TOLERANCES)


def test_in_plain_solves(benchmark):
    wanted, own = gradient(), peers.load("trustode")
    contestants = {
        "trustode": lambda rtol: own.gradient(wanted, rtol),
        "plain": lambda rtol: own.trajectory(wanted.problem, rtol, wanted.t),
    }
    tolerances = TOLERANCES if benchmark.enabled else TOLERANCES[:1]
    ladders = race(contestants, lambda _: 0.0, tolerances)
    pairs = zip(ladders["trustode"], ladders["plain"], strict=True)
    multiples = {f"{own.rtol:.0e}": own.seconds / plain.seconds for own, plain in pairs}
    dydp = benchmark.pedantic(contestants["trustode"](1e-6), rounds=3, iterations=1)
    benchmark.extra_info["achieved_error"] = wanted.achieved(dydp)
    benchmark.extra_info["plain_solves_by_rtol"] = multiples
