"""Time contestants side by side, each along its own tolerances, and compare at equal error.

Processor time, because machines are shared; contestants take turns in random order, and the least
of all rounds counts. What one asked for by a tolerance is not what it got, so two are compared at
the same achieved error only, by interpolation between the tolerances of each.
"""

import math
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

#: Errors at which contestants are compared.
ERRORS = (1e-4, 1e-6, 1e-9)
TOLERANCES = tuple(10.0**-k for k in range(4, 12))
#: A solve shorter than this, in seconds, is repeated until it lasts so long.
_SHORTEST = 2e-3
#: Seconds that one solve may take for tighter tolerances to be tried.
_PATIENCE = 2.0

Solve = Callable[[], np.ndarray]
#: Prepares a solve at a relative tolerance; everything that may be kept is done there.
Prepare = Callable[[float], Solve]


@dataclass
class Rung:
    """One tolerance of one contestant: what it achieved, and the least time so far."""

    rtol: float
    error: float
    seconds: float
    solve: Solve
    repeats: int

    def run(self):
        start = time.process_time()
        for _ in range(self.repeats):
            self.solve()
        self.seconds = min(self.seconds, (time.process_time() - start) / self.repeats)


def _climb(prepare: Prepare, tolerances: Sequence[float], error: Callable) -> list[Rung]:
    """Return the rungs that a contestant reaches, each solved once to warm up and once timed."""
    rungs = []
    for rtol in tolerances:
        solve = prepare(rtol)
        found = error(solve())
        start = time.process_time()
        solve()
        seconds = time.process_time() - start
        repeats = max(1, math.ceil(_SHORTEST / max(seconds, 1e-6)))
        rungs.append(Rung(rtol, found, seconds, solve, repeats))
        if seconds > _PATIENCE:
            break
    return rungs


def race(
    contestants: Mapping[str, Prepare],
    error: Callable[[np.ndarray], float],
    tolerances: Sequence[float] = TOLERANCES,
    rounds: int = 3,
) -> dict[str, list[Rung]]:
    """Run every contestant at every tolerance, in random order within a round."""
    ladders = {who: _climb(made, tolerances, error) for who, made in contestants.items()}
    everything = [rung for rungs in ladders.values() for rung in rungs]
    for _ in range(rounds):
        random.shuffle(everything)
        for rung in everything:
            rung.run()
    return ladders


def time_at(rungs: Sequence[Rung], target: float) -> float:
    """Return the seconds a contestant needs for an error, NaN if it never got there.

    Between two rungs by interpolation of logarithms; one that was more accurate than asked at its
    loosest is charged that run.
    """
    enough = [rung for rung in rungs if rung.error <= target]
    if not enough:
        return math.nan
    best = min(enough, key=lambda rung: rung.seconds)
    looser = [rung for rung in rungs if rung.error > target and rung.seconds < best.seconds]
    if not looser:
        return best.seconds
    near = min(looser, key=lambda rung: rung.error)
    share = math.log(target / near.error) / math.log(best.error / near.error)
    return math.exp((1 - share) * math.log(near.seconds) + share * math.log(best.seconds))


def summary(ladders: Mapping[str, Sequence[Rung]], ours: str = "trustode") -> dict[str, object]:
    """Return what a race showed, as JSON takes it: every rung, times at errors, ratios."""
    rungs = {
        who: [
            {"rtol": rung.rtol, "achieved_error": rung.error, "cpu_ms": 1e3 * rung.seconds}
            for rung in found
        ]
        for who, found in ladders.items()
    }
    at = {f"{e:.0e}": {who: time_at(found, e) for who, found in ladders.items()} for e in ERRORS}
    ratios = {
        e: {who: times[ours] / other for who, other in times.items() if who != ours}
        for e, times in at.items()
    }
    return {
        "ladders": rungs,
        "cpu_ms_at_error": {e: _numbers(times, 1e3) for e, times in at.items()},
        f"{ours}_over_peer_at_error": {e: _numbers(each) for e, each in ratios.items()},
    }


def _numbers(values: Mapping[str, float], factor: float = 1.0) -> dict[str, float | None]:
    """Return rounded numbers; JSON has no NaN."""
    return {k: None if math.isnan(v) else float(f"{factor * v:.4g}") for k, v in values.items()}
