"""Profile likelihood: how far one value can move while all others follow it.

At each point the others are at their best, found by scoring with the exact gradient from the
point before. The slope of a profile is the gradient's own component, so steps and the ends of
intervals are found by Newton's method. Imports the objective, the search and the jobs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from ..checkpoint import Parts, digest
from ..errors import OptionError, SolveError, checks_keywords, listed, nearest
from ..jobs import LOST, Arrays, Crew, How, carry_out
from ..notebook import Shown, text_of_table
from .again import Held, following, near, problem_parts, with_threads
from .information import chosen, labels, uncertainty
from .marginal import Marginal
from .objective import Evaluation, Problem
from .optimise import scaled_solution
from .scales import SCALES

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
Indices = NDArray[np.intp]

#: Steps from the optimum to the end of an interval, were the profile a parabola.
STEPS = 4

#: Points on one side, and halvings of a step, at most.
MOST_POINTS, MOST_HALVINGS = 60, 10

#: An end of an interval is found when the root of the excess is this near, relative to its level.
CLOSE = 1e-6

#: Without a bound, a side ends once the value is this many of its own sizes away; on another
#: scale than the linear one, so many times the reach of starts: a factor of a million.
FAR, FURTHER = 1e6, 3.0

#: Gain in log-likelihood from which another optimum was found.
BETTER = 0.01

#: Largest fall of a log-likelihood that counts as none.
NO_FALL = 1e-3


@dataclass(frozen=True, eq=False)
class Profile(Shown):
    """Profile likelihoods and the intervals that they give.

    Attributes
    ----------
    intervals : DataFrame
        One row a profiled value, labelled as in `Fit.params`: name, group, value, low, high,
        low_end, high_end, fall_low, fall_high, identifiable. An end is a "crossing" of the
        level, or it is open: at the "bound" of the value, "flat" as far as was looked,
        "failed" where the model could not be solved, or "lost" where a worker died; `low` and
        `high` then tell how far the profile came. `fall_low` and `fall_high` are the largest
        falls of the log-likelihood.
    points : DataFrame
        One row a point: name, group, value, loglik, excess (twice the fall of the
        log-likelihood), and all free values there.
    level : float
        Confidence level of the intervals.
    threshold : float
        The excess at which they end, a quantile of chi-squared with one degree of freedom.
    loglik : float
        Log-likelihood at the optimum.
    logarithmic : mapping of label to bool
        Which values were moved on a logarithmic scale.
    notes : tuple of str
        What deserves a look, in words.
    """

    intervals: pd.DataFrame
    points: pd.DataFrame
    level: float
    threshold: float
    loglik: float
    logarithmic: Mapping[str, bool]
    notes: tuple[str, ...]
    _model: str = field(repr=False)

    def to_frame(self) -> pd.DataFrame:
        """Return the points."""
        return self.points.copy()

    def summary(self) -> str:
        """Return a sentence for each value."""
        sentences = [_sentence(label, row, self) for label, row in self._rows()]
        return "\n".join([*sentences, *self.notes])

    def _rows(self) -> list[tuple[str, dict[str, Any]]]:
        rows = self.intervals.to_dict("records")
        named = [{str(key): value for key, value in row.items()} for row in rows]
        return list(zip(map(str, self.intervals.index), named, strict=True))

    @checks_keywords
    def plot(self, name: str | None = None, ax: Any = None) -> Any:
        """Draw the profile of a value, the first unless named; returns the matplotlib Axes."""
        from ..plot import plot_profile

        known = [str(label) for label in self.intervals.index]
        label = known[0] if name is None else str(getattr(name, "name", name))
        if label not in known:
            raise OptionError(
                f"profile({self._model}): there is no profile of {label!r:.60}"
                f"{nearest(label, known) or '.'} There are {listed(known)}"
            )
        return plot_profile(self, label, ax)

    def _headline(self) -> str:
        return f"<Profile of {self._model!r}, {100 * self.level:g} % intervals>"

    def _shown(self) -> pd.DataFrame:
        shown = self.intervals[["value"]].copy()
        for side in ("low", "high"):
            ends = zip(self.intervals[side], self.intervals[f"{side}_end"], strict=True)
            shown[side] = [
                f"{value:.6g}" if end == "crossing" else _OPEN[end].format(value)
                for value, end in ends
            ]
        return shown

    def __repr__(self) -> str:
        return f"{self._headline()}\n{text_of_table(self._shown())}"


def profile(
    problem: Problem | Marginal,
    x: Array,
    names: Sequence[object],
    level: float,
    how: How,
    where: str,
) -> Profile:
    """Follow the profiles of values to both sides of an optimum."""
    number = isinstance(level, int | float) and not isinstance(level, bool)
    if not number or not 0.0 < level < 1.0:
        raise OptionError(f"{where}: level={level!r:.60} must be a number between 0 and 1")
    layout = problem.layout
    numbers = np.array(chosen(names, layout, where), dtype=np.intp)
    root = float(ndtri(0.5 * (1.0 + level)))
    task = _Sides(near(problem), x, np.repeat(numbers, 2), np.tile([-1, 1], len(numbers)), root)
    found = carry_out(task, 2 * len(numbers), 1, how, where)
    best = near(problem).evaluate(x)
    if best.failure is not None:
        raise SolveError(f"{where}: {best.failure.message}", best.failure.status)
    sides = [
        _Side(
            found["x"][k, : found["count"][k]],
            found["nll"][k, : found["count"][k]] - best.nll,
            str(found["status"][k]),
            float(x[task.number[k]] if found["status"][k] == LOST else found["last"][k]),
        )
        for k in range(2 * len(numbers))
    ]
    return _assembled(problem, x, best, numbers, sides, level, root)


@dataclass(frozen=True, eq=False)
class _Side:
    """One side of a profile, from the optimum outwards.

    `x` has shape (n_point, n_free); `fall` is that of the log-likelihood; `last` is where the
    side ends, on the scale of the search.
    """

    x: Array
    fall: Array
    end: str
    last: float


@dataclass(frozen=True, eq=False)
class _Sides:
    """The task: sides of profiles, one a row."""

    problem: Problem | Marginal
    x: Array
    number: Indices
    way: NDArray[Any]
    root: float

    def take(self, rows: slice) -> _Sides:
        """Return the task of some sides."""
        return replace(self, number=self.number[rows], way=self.way[rows])

    def solve(self, crew: Crew) -> Arrays:
        """Follow the sides."""
        n, n_free = len(self.number), len(self.x)
        problem = with_threads(self.problem, crew.threads or self.problem.threads)
        every = {
            "x": np.full((n, MOST_POINTS, n_free), np.nan),
            "nll": np.full((n, MOST_POINTS), np.nan),
            "count": np.zeros(n, dtype=np.int64),
            "status": np.full(n, "failed", dtype="U16"),
            "last": np.zeros(n),
        }
        for row, (k, way) in enumerate(zip(self.number, self.way, strict=True)):
            climb = _Climb(problem, self.x, int(k), int(way), self.root, crew)
            end = climb.run()
            points = climb.points[:MOST_POINTS]
            for i, point in enumerate(points):
                every["x"][row, i] = point.x
                every["nll"][row, i] = point.nll
            every["count"][row] = len(points)
            every["status"][row] = end
            every["last"][row] = climb.last
        return every

    def parts(self) -> Parts:
        """Return all that the profiles depend on."""
        names = labels(self.problem.layout)
        wanted = listed(dict.fromkeys(names[k] for k in self.number))
        return {
            "call": ("profile", ""),
            **problem_parts(self.problem),
            "optimum": ("", digest(self.x)),
            "names": (wanted, digest(self.number)),
            "level": (f"excess of {self.root**2:g}", ""),
        }


class _Climb:
    """One side of one profile, step by step.

    The root of the excess, r, grows by `root` / `STEPS` a step where the profile is a parabola.

    References
    ----------
    Raue et al. (2009), Bioinformatics 25, 1923-1929 (profiles and what they tell of
    identifiability; steps that adapt). Murphy & van der Vaart (2000), JASA 95, 449-465.
    """

    def __init__(
        self, problem: Problem | Marginal, x: Array, number: int, way: int, root: float, crew: Crew
    ) -> None:
        self.problem, self.number, self.way, self.root = following(problem), number, way, root
        self.crew = crew
        self.moving = np.arange(len(x)) != number
        self.best = problem.evaluate(x)
        self.points: list[Evaluation] = []
        layout = problem.layout
        self.edge = float((layout.upper if way > 0 else layout.lower)[number])
        reach = FURTHER * SCALES[layout.varies[layout.owner[number]].scale].reach
        if not layout.curved[number]:
            reach = FAR * max(abs(x[number]), self._error())
        self.stop = min(abs(self.edge - x[number]), reach)
        self.last = float(x[number])

    def _error(self) -> float:
        """Return a length for the first step: the standard error, or what stands in for it."""
        k, layout = self.number, self.problem.layout
        known = uncertainty(self.best, layout, self.problem.solver.rtol)
        variance, alone = known.covariance[k, k], self.best.information[k, k]
        if np.isfinite(variance) and variance > 0.0:
            return float(math.sqrt(variance))
        if alone > 0.0:
            return float(1.0 / math.sqrt(alone))
        return 0.1 if layout.curved[k] else 0.1 * max(abs(float(self.best.x[k])), 1.0)

    def rise(self, point: Evaluation) -> float:
        """Return the root of the excess."""
        return math.sqrt(2.0 * max(point.nll - self.best.nll, 0.0))

    def slope(self, point: Evaluation) -> float:
        """Return how fast it grows outwards: the others are at their best, so this is exact."""
        r = self.rise(point)
        return self.way * float(point.gradient[self.number]) / r if r > 0.0 else 0.0

    def at(self, value: float, point: Evaluation) -> Evaluation:
        """Return the best point with the profiled value held, searched from a known point."""
        x, some, k = point.x.copy(), self.moving, self.number
        along = point.information[some, k] * (value - x[k])
        x[some] -= scaled_solution(point.information[np.ix_(some, some)], along)
        layout = self.problem.layout
        x = np.clip(x, layout.lower, layout.upper)
        x[k] = value
        found = Held(self.problem, x, some, self.crew).least()
        if found.failure is None:
            return found
        # What the model cannot do there, it may do where the others stayed.
        x = point.x.copy()
        x[k] = value
        return Held(self.problem, x, some, self.crew).least()

    def run(self) -> str:
        """Go outwards until the level is crossed or the way ends; return how it ended."""
        if self.best.failure is not None:
            return "failed"
        origin, point = float(self.best.x[self.number]), self.best
        gone, halvings, part = 0.0, 0, self.root / STEPS
        step = self._error() * part
        while gone < self.stop and len(self.points) < MOST_POINTS // 2:
            ahead = min(gone + step, self.stop)
            value = self.edge if ahead == abs(self.edge - origin) else origin + self.way * ahead
            tried = self.at(value, point)
            failed = tried.failure is not None
            rough = self.rise(tried) - self.rise(point) > 2.5 * part
            if (failed or rough) and halvings < MOST_HALVINGS:
                step = 0.5 * (ahead - gone)
                halvings += 1
                continue
            if failed:
                return "failed"
            self.points.append(tried)
            if self.rise(tried) >= self.root:
                self.last = self._crossing(point, tried)
                return "crossing"
            slope = self.slope(tried)
            wanted = part / slope if slope > 0.0 else math.inf
            step = min(max(wanted, 0.25 * step), 2.0 * step)
            gone, point, halvings = ahead, tried, 0
            self.last = value
        return "bound" if gone == abs(self.edge - origin) else "flat"

    def _crossing(self, inside: Evaluation, outside: Evaluation) -> float:
        """Return where the level is crossed, by Newton's method within a bracket."""
        k = self.number
        near_by = outside
        for _ in range(MOST_HALVINGS):
            low, high = float(inside.x[k]), float(outside.x[k])
            missing, slope = self.root - self.rise(near_by), self.slope(near_by)
            value = float(near_by.x[k])
            if slope > 0.0:
                value += self.way * missing / slope
            if abs(missing) < CLOSE * self.root:
                return value
            if slope <= 0.0 or not min(low, high) < value < max(low, high):
                share = (self.root - self.rise(inside)) / (self.rise(outside) - self.rise(inside))
                value = low + min(max(share, 0.05), 0.95) * (high - low)
            tried = self.at(value, near_by)
            if tried.failure is not None:
                break
            self.points.append(tried)
            near_by = tried
            inside, outside = (inside, tried) if self.rise(tried) >= self.root else (tried, outside)
        return float(near_by.x[k])


def _assembled(
    problem: Problem | Marginal,
    x: Array,
    best: Evaluation,
    numbers: Indices,
    sides: Sequence[_Side],
    level: float,
    root: float,
) -> Profile:
    """Put the result together."""
    import pandas as pd

    layout = problem.layout
    names, levels = labels(layout), [each for levels in layout.levels for each in levels]
    rows, parts, notes = [], [], list[str]()
    gains = [0.0]
    for i, k in enumerate(numbers):
        low, high = sides[2 * i], sides[2 * i + 1]
        gains += [-fall for side in (low, high) for fall in side.fall]
        name = layout.names[layout.owner[k]]
        group = "" if levels[k] is None else levels[k]
        for word, side in (("lower", low), ("upper", high)):
            notes += _stopped(names[k], word, side, x, int(k), problem)
            if side.end == LOST:
                notes.append(
                    f"the worker that followed the {word} side of {names[k]} died; with "
                    "checkpoint= the same call tries it again"
                )
        every = np.concatenate([low.x, x[None], high.x])
        fall = np.concatenate([low.fall, [0.0], high.fall])
        order = np.argsort(every[:, k], kind="stable")
        values = np.array([layout.natural(each) for each in every[order]])
        ends = [layout.natural(np.where(np.arange(len(x)) == k, side.last, x))[k]
                for side in (low, high)]  # fmt: skip
        rows.append(
            {
                "name": name,
                "group": group,
                "value": layout.natural(x)[k],
                "low": ends[0],
                "high": ends[1],
                "low_end": low.end,
                "high_end": high.end,
                "fall_low": float(low.fall.max(initial=0.0)),
                "fall_high": float(high.fall.max(initial=0.0)),
                "identifiable": low.end == high.end == "crossing",
                "low_follows": _followers(low, x, int(k), problem),
                "high_follows": _followers(high, x, int(k), problem),
            }
        )
        told = pd.DataFrame(
            {
                "name": name,
                "group": group,
                "value": values[:, k],
                "loglik": -best.nll - fall[order],
                "excess": 2.0 * fall[order],
            },
        )
        parts.append(pd.concat([told, pd.DataFrame(values, columns=names)], axis=1))
    if max(gains) > BETTER:
        notes.append(
            f"a profile found a point whose log-likelihood is {max(gains):.3g} larger than the "
            "fit's: fit again with more starts; the intervals here are not to be trusted"
        )
    return Profile(
        intervals=pd.DataFrame(rows, index=[names[k] for k in numbers]),
        points=pd.concat(parts, ignore_index=True),
        level=level,
        threshold=root**2,
        loglik=-best.nll,
        logarithmic={names[k]: bool(layout.log[k]) for k in numbers},
        notes=tuple(notes),
        _model=problem.readout.model.name,
    )


def _followers(side: _Side, x: Array, number: int, problem: Problem | Marginal) -> str:
    """Name the other values that move most along an open side, and whither."""
    if side.end == "crossing" or not len(side.x):
        return ""
    layout = problem.layout
    moved = (side.x[-1] - x) / np.where(layout.curved, 1.0, np.maximum(np.abs(x), 1e-3))
    moved[number] = 0.0
    most = [int(k) for k in np.argsort(-np.abs(moved)) if abs(moved[k]) > 0.1][:3]
    names = labels(layout)
    return listed(f"{names[k]} {'grows' if moved[k] > 0.0 else 'falls'}" for k in most)


def _stopped(
    label: str, word: str, side: _Side, x: Array, number: int, problem: Problem | Marginal
) -> list[str]:
    """Say where an end of an interval is owed to the bound of another value."""
    if side.end != "crossing":
        return []
    layout, last = problem.layout, side.x[-1]
    at = ((last <= layout.lower) & (x > layout.lower)) | (
        (last >= layout.upper) & (x < layout.upper)
    )
    at[number] = False
    if not at.any():
        return []
    names = labels(layout)
    who = listed(names[k] for k in np.flatnonzero(at)[:4])
    return [f"the {word} end of {label} is where {who} came to a bound; wider bounds may move it"]


#: What a table says in the place of an end that was not found, and how far was looked.
_OPEN = {
    "bound": "open (bound {:.4g})",
    "flat": "open (seen to {:.4g})",
    "failed": "open (fails at {:.4g})",
    LOST: "not known",
}


def _sentence(label: str, row: dict[str, Any], found: Profile) -> str:
    """Say what a profile tells about a value."""
    percent, needed = f"{100 * found.level:g} %", 0.5 * found.threshold
    begin = f"{label} = {row['value']:.4g}"
    if row["identifiable"]:
        return f"{begin}: {percent} interval {row['low']:.4g} to {row['high']:.4g}."
    open_sides = [side for side in ("low", "high") if row[f"{side}_end"] != "crossing"]
    known = not any(row[f"{side}_end"] == LOST for side in open_sides)
    if known and len(open_sides) == 2 and max(row["fall_low"], row["fall_high"]) < NO_FALL:
        told = f"{begin}: not identifiable; the data do not change with it"
        follows = row["high_follows"] or row["low_follows"]
        return told + (f" as {follows} along with it." if follows else ".")
    told = f"{begin}: "
    if len(open_sides) == 1:
        kept = "high" if open_sides == ["low"] else "low"
        word = "at most" if kept == "high" else "at least"
        told += f"{word} {row[kept]:.4g} ({percent}), but "
    return told + "; ".join(_open_side(row, side, needed) for side in open_sides) + "."


def _open_side(row: dict[str, Any], side: str, needed: float) -> str:
    """Say that an end of an interval is open, and why."""
    way = "downwards" if side == "low" else "upwards"
    if row[f"{side}_end"] == LOST:
        return f"{way} nothing is known, because the worker that looked died"
    if row[f"{side}_end"] == "bound" and row[side] == row["value"]:
        return f"{way} it is at its bound"
    reached = {
        "bound": f"to its bound {row[side]:.4g}",
        "flat": f"as far as {row[side]:.4g}",
        "failed": f"to {row[side]:.4g}, where the model can no longer be solved,",
    }[row[f"{side}_end"]]
    follows = row[f"{side}_follows"]
    return (
        f"{way} practically not identifiable: {reached} the log-likelihood falls by no more than "
        f"{row[f'fall_{side}']:.2g} of the {needed:.3g} needed"
        + (f", as {follows} along with it" if follows else "")
    )
