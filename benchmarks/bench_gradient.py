"""How long do 20 sensitivities take, in milliseconds and in plain solves, and a whole fit?"""

import pytest

import peers
import trustode as tr
from problems import cohort, gradient
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
    # A solve is a few hundredths of a millisecond: the clock changes between any few of them.
    ladders = race(contestants, lambda _: 0.0, tolerances, 60 if benchmark.enabled else 1)
    pairs = zip(ladders["trustode"], ladders["plain"], strict=True)
    multiples = {f"{own.rtol:.0e}": own.seconds / plain.seconds for own, plain in pairs}
    dydp = benchmark.pedantic(contestants["trustode"](1e-6), rounds=3, iterations=1)
    benchmark.extra_info["achieved_error"] = wanted.achieved(dydp)
    benchmark.extra_info["plain_solves_by_rtol"] = multiples


def test_fit_of_60_people(benchmark):
    wanted = cohort()
    observed = {"E": tr.Gaussian("E", sd=0.05)}
    vary = {
        name: tr.Vary(1.1 * value, min=0.5 * value, max=2 * value)
        for name, value in wanted.truth.items()
    }

    def fit():
        return tr.fit(
            wanted.model, wanted.data, time="t", group="g", observed=observed, vary=vary,
            starts=1, threads=1,
        )  # fmt: skip

    found = benchmark.pedantic(fit, rounds=3, iterations=1, warmup_rounds=1)
    benchmark.extra_info["achieved_error"] = wanted.achieved(found)
    benchmark.extra_info["n_search_evaluations"] = int(found.starts["n_evaluations"].sum())
