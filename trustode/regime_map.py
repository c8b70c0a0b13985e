"""Map the long-run regimes of a model over two parameters, under its curves of bifurcations.

The grid is solved from several starts, so that regimes that coexist are seen; the curves are
followed from what diagrams along the first parameter find. Imports the long run and the
bifurcations.
"""

from __future__ import annotations

import math
import numbers
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .bifurcation import (
    CURVES,
    ArcLength,
    BifurcationCurve,
    Organising,
    check_pair,
    check_spans,
    n_diagrams,
    organising,
    sentences,
    stable_equilibria,
)
from .coexistence import coexistence
from .errors import DataError, Interrupted, ModelError, OptionError, checks_keywords
from .jobs import Arrays, How, carry_out, check_how
from .longrun import LEAST_END, long_enough
from .model import Model
from .notebook import Shown
from .progress import Progress, track
from .runs import check_solver
from .scan import check_span
from .solve import Solver, compile_ahead, refuse_too_large

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]

_POINTS_A_BLOCK = 128
#: Share of borders from which on a kind of curve explains them all.
_NEARLY_ALL = 0.9
#: Where inside a parameter's span diagrams along the other are made, as shares of it: no round
#: numbers.
_LEVELS = (0.1458980337503154, 0.5278640450004206, 0.9098300562505258)
_DEFAULT_STEPPER = ArcLength()


@dataclass(frozen=True, eq=False)
class RegimeMap(Shown):
    """Long-run regimes over two parameters, and the bifurcations that bound them.

    Attributes
    ----------
    model : Model
    parameters : pair of str
        What was varied.
    span : dict of str to pair of float
    grid : DataFrame
        One row a point: both parameters; regime; n_attractors, how many different ones there
        are; period, of the longest cycle among them; and status, the worst of
        the runs'.
    curves : tuple of BifurcationCurve
        Curves of folds, Hopf points, folds of cycles and others that were found.
    special : DataFrame
        The organising centres of all curves, each once: kind, both parameters, the states,
        coefficients, converged and curve, an index of `curves`.
    shape : pair of int
        Points along both parameters.
    starts : DataFrame
        The initial states from which each point was solved.
    t : pair of float
        Span that was solved.
    discard : float
        Length of the transient at its start that was not looked at.
    params, inputs : dict of str to float
        The values that were held.
    failed : tuple of str
        Curves that could not be followed, and why.
    """

    model: Model
    parameters: tuple[str, str]
    span: dict[str, tuple[float, float]]
    grid: pd.DataFrame
    curves: tuple[BifurcationCurve, ...]
    special: pd.DataFrame
    shape: tuple[int, int]
    starts: pd.DataFrame
    t: tuple[float, float]
    discard: float
    params: dict[str, float]
    inputs: dict[str, float]
    failed: tuple[str, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """Return a copy of `grid`."""
        return self.grid.copy()

    @property
    def share(self) -> dict[str, float]:
        """Share of the grid that each regime takes, the largest first."""
        counts = self.grid["regime"].value_counts()
        return {str(name): float(n) / len(self.grid) for name, n in counts.items()}

    def borders(self) -> pd.DataFrame:
        """Tell what lies between neighbouring points of different regimes.

        Returns
        -------
        DataFrame
            One row for each pair of regimes that meet: ``regime``, ``other``, ``n``, how many
            pairs of neighbours these are, and for each kind of curve the share of them
            that such a curve passes between; ``unexplained`` is the share that none does.
        """
        import pandas as pd

        kinds = list(dict.fromkeys(curve.kind for curve in self.curves))
        unit = np.array([high - low for low, high in self.span.values()])
        points = self.grid[list(self.parameters)].to_numpy().reshape(*self.shape, 2) / unit
        regime = self.grid["regime"].to_numpy(dtype=str).reshape(self.shape)
        meeting: dict[tuple[str, str], list[tuple[Array, Array]]] = {}
        for a, b in (
            (np.s_[:-1, :], np.s_[1:, :]),
            (np.s_[:, :-1], np.s_[:, 1:]),
        ):
            for k in np.argwhere(regime[a] != regime[b]):
                first, second = str(regime[a][tuple(k)]), str(regime[b][tuple(k)])
                pair = (min(first, second), max(first, second))
                meeting.setdefault(pair, []).append((points[a][tuple(k)], points[b][tuple(k)]))
        # A neighbour may also be told apart a little beside the curve.
        reach = 1.0 / np.array([max(n - 1, 1) for n in self.shape])
        rows = []
        for pair, between in sorted(meeting.items(), key=lambda each: -len(each[1])):
            passes = {kind: np.zeros(len(between), dtype=bool) for kind in kinds}
            for curve in self.curves:
                line = curve.points[list(self.parameters)].to_numpy() / unit
                passes[curve.kind] |= _between(line, between, reach)
            some = np.any(list(passes.values()), axis=0) if kinds else np.zeros(len(between))
            rows.append(
                {"regime": pair[0], "other": pair[1], "n": len(between)}
                | {kind: float(passed.mean()) for kind, passed in passes.items()}
                | {"unexplained": float(1.0 - np.mean(some))}
            )
        return pd.DataFrame(rows, columns=["regime", "other", "n", *kinds, "unexplained"])

    def summary(self) -> str:
        """Describe the map in sentences, one a line.

        Returns
        -------
        str
            The share of each regime, what bounds it, and the organising centres.
        """
        where = " and ".join(f"{k} from {a:.6g} to {b:.6g}" for k, (a, b) in self.span.items())
        lines = [f"{self.model.name}: long-run regimes over {where}."]
        shares = ", ".join(f"{name} {share:.1%}" for name, share in self.share.items())
        lines.append(f"Of {len(self.grid)} points: {shares}.")
        for row in self.borders().to_dict("records"):
            passed = {kind: row[kind] for kind in CURVES if kind in row and row[kind] > 0.0}
            most = sorted(passed, key=lambda kind: -passed[kind])
            # A second kind is named where the first does not explain it all.
            most = most[: 1 if most and passed[most[0]] > _NEARLY_ALL else 2]
            bounds = " and ".join(f"{CURVES[kind]} ({passed[kind]:.0%})" for kind in most)
            lines.append(
                f"{row['regime']} and {row['other']} meet along {bounds} of {row['n']} borders."
                if most
                else f"{row['regime']} and {row['other']} meet where no curve was found."
            )
        for text in sentences(self.special, self.parameters):
            lines.append(f"{text}.")
        lines += [f"Not followed: {text}." for text in self.failed]
        return "\n".join(lines)

    @checks_keywords
    def plot(self, ax: Any = None) -> Any:
        """Draw the regimes with the curves on top; needs matplotlib.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; a new figure if not given.

        Returns
        -------
        matplotlib Axes
        """
        from .plot import plot_regime_map

        return plot_regime_map(self, ax)

    def _shown(self) -> pd.DataFrame:
        return self.special

    def __repr__(self) -> str:
        axes = ", ".join(
            f"{name} from {low:.6g} to {high:.6g} ({n})"
            for (name, (low, high)), n in zip(self.span.items(), self.shape, strict=True)
        )
        kinds: dict[str, int] = {}
        for curve in self.curves:
            kinds[curve.kind] = kinds.get(curve.kind, 0) + 1
        curves = ", ".join(f"{n} of {CURVES[kind]}" for kind, n in kinds.items()) or "none"
        shares = ", ".join(f"{name} {share:.1%}" for name, share in self.share.items())
        lines = [
            f"<RegimeMap of {self.model.name!r}: {axes}, {len(self.starts)} starts",
            f"  {shares}",
            f"  curves: {curves}",
            *(f"  {text}" for text in sentences(self.special, self.parameters)),
        ]
        return "\n".join(lines) + ">"


@checks_keywords
def regime_map(
    model: Model,
    parameters: tuple[Any, Any],
    *,
    span: Mapping[Any, tuple[float, float]],
    n: int | tuple[int, int] = 40,
    params: Mapping[Any, float] | None = None,
    inputs: Mapping[Any, float] | None = None,
    initial: Mapping[Any, float] | Sequence[Mapping[Any, float]] | None = None,
    t: tuple[float, float] | None = None,
    discard: float | None = None,
    levels: Sequence[float] | None = None,
    region: Mapping[Any, tuple[float, float]] | None = None,
    curves: bool = True,
    cycles: bool = True,
    seed: int = 0,
    stepper: ArcLength = _DEFAULT_STEPPER,
    solver: Solver | None = None,
    threads: int | None = None,
    executor: Executor | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    progress: Progress = None,
) -> RegimeMap:
    """Map where a model ends up over two parameters, and the bifurcations in between.

    Every point of a grid is solved from several starts, past a transient, and named by what
    the runs end in; where they end differently, regimes coexist. On top lie the curves of
    folds, Hopf points, folds of cycles and other bifurcations, followed from the special points
    of diagrams along the first parameter.

    Parameters
    ----------
    model : Model
        Autonomous: its equations do not hold ``t``.
    parameters : pair of str or Symbol
        The parameters, or inputs, to vary.
    span : mapping of parameter to pair of float
        Ends of both.
    n : int or pair of int
        Points of the grid along each parameter, or along both.
    params, inputs : mapping of name to float, optional
        Values that differ from the model's defaults.
    initial : mapping, or sequence of mappings, optional
        Where to start besides what is found: one initial state, or several. States that are
        not named start as the model says, which is also the start if none is given.
    t, discard
        Span to solve and the transient at its start, as in `scan`. Given `t`, nothing is solved
        any longer.
    levels : sequence of float, optional
        Values of the second parameter at which diagrams along the first are made; three inside
        its span unless given.
    region : mapping of state to pair of float, optional
        Where equilibria are looked for, by the diagrams and at each point, see `equilibria`.
    curves : bool
        Whether to make diagrams, follow curves and look for the stable equilibria of each point;
        without, regimes are what the starts of `initial` lead to.
    cycles : bool
        Whether the diagrams follow periodic orbits, which folds of cycles and starts on cycles
        come from.
    seed : int
        Seed of the searches for equilibria.
    stepper : ArcLength
        Step lengths along curves.

    Other Parameters
    ----------------
    solver, threads, executor, progress
        As in `scan`; threads and the executor are for the grid. A bar also shows how many diagrams
        are finished with their curves; a callable is told of the grid alone.
    checkpoint : path, optional
        As in `scan`. Diagrams and curves are kept beside it, in a file of that name and
        ``.curves``.

    Returns
    -------
    RegimeMap

    Raises
    ------
    ModelError
        For an unknown name, or a value that is not allowed.
    DataError
        If `t` is no span, or the checkpoint belongs to another call.
    OptionError
        If an option is not valid.
    FileError
        If the checkpoint cannot be written.
    Interrupted
        If the user interrupts; what is finished is kept in the checkpoint.

    Notes
    -----
    Starts are the initial states given and, found by the diagrams, a stable equilibrium of each
    stretch and a state on each stretch of stable cycles, the six that lie farthest apart; of the
    trust models also the idealised and the devalued start of `scan`. Each is moved aside by a
    thousandth, so that none stays on an unstable equilibrium. A stable equilibrium counts as an
    attractor even if no run ends there, however small its basin: where states have no bounds,
    `region` leaves out what the model does not mean. Cycles that no start leads to are not seen.

    A regime is named by the attractors at a point, which are those of `basins`: "resting",
    "cycling", "irregular", of the trust models "trusting" and "mistrusting" for rest with T
    above and below 0; "bistable" where several equilibria attract ("split" of the trust models,
    whose T must differ in sign or by .1); "two cycles"; or both names, as in "cycling or
    resting". A run has settled once the extremes of its cycles stay, or where it rests at an
    equilibrium that is stable. Without `t`, runs that have not settled are solved on, each up to
    some thirty times as long; those that then still move say nothing. A point is "unsettled" only
    where no run settles.

    Curves start where a diagram crosses them (those at the `levels`, and of equilibria alone three
    along the second parameter and one along each edge), or where curves that do meet others: at
    Bogdanov-Takens, zero-Hopf, double Hopf and Bautin points. One that no diagram crosses is not
    found; other `levels` look elsewhere. Curves of cycles and of connections are twelve at most,
    connections and short cycles first, with at most 60 points to a side: `curve` goes farther.
    """
    if not isinstance(model, Model):
        raise ModelError(
            f"regime_map: expected a Model, got {model!r:.60} ({type(model).__name__})"
        )
    where = f"regime_map({model.name})"
    solver = check_solver(solver, where)
    how = check_how(threads, executor, checkpoint, progress, where)
    start, end, discarded = check_span((0.0, LEAST_END) if t is None else t, discard, where)
    if not isinstance(stepper, ArcLength):
        raise OptionError(
            f"{where}: stepper={stepper!r:.60} is not an ArcLength; write "
            "stepper=tr.ArcLength(ds=..., ds_max=...)"
        )
    for name, value in (("curves", curves), ("cycles", cycles)):
        if not isinstance(value, bool):
            raise OptionError(f"{where}: {name}={value!r:.60} must be True or False")
    pair = check_pair(model, parameters, where)
    ends = check_spans(pair, span, where).tolist()
    spans = {name: (low, high) for name, (low, high) in zip(pair, ends, strict=True)}
    shape = _check_shape(n, where)
    at = _check_levels(levels, spans[pair[1]], pair[1], where)
    across = _check_levels(None, spans[pair[0]], pair[0], where)
    held = dict(model.known(params, "parameter", model.params))
    constant = dict(model.known(inputs, "input", model.inputs))
    for name in pair:
        if name in held or name in constant:
            raise ModelError(f"{where}: {name} is varied; leave it out of params and inputs")
    given = _check_initial(model, initial, where)
    axes = [np.linspace(*spans[name], m) for name, m in zip(pair, shape, strict=True)]
    grid = np.meshgrid(*axes, indexing="ij")
    columns = {name: values.ravel() for name, values in zip(pair, grid, strict=True)}
    found: Organising | None = None
    rests = np.empty((math.prod(shape), 0, len(model.states)))
    if curves:
        found, rests = _looked_for(
            model, pair, spans, at, across, columns, held, constant, region, stepper, cycles, seed,
            how, where,
        )  # fmt: skip
    task, starts = coexistence(
        model,
        columns,
        given,
        [] if found is None else [*found.cycles, *found.rests],
        rests,
        {} if found is None else found.reach,
        held,
        constant,
        (start, discarded, end),
        t is None,
        solver,
        where,
    )
    if t is None:
        start, end, discarded = check_span((0.0, long_enough(task.every[0])), discard, where)
        task = replace(task, plan=replace(task.plan, begin=start + discarded, end=end))
    if how.executor is not None:
        compile_ahead(task.every[0].compiled, solver)
    n_point = math.prod(shape)
    refuse_too_large((n_point, len(task.every)), where, "Take fewer points")
    measured = carry_out(task, n_point, _POINTS_A_BLOCK, how, where)
    return _present(
        model, pair, spans, columns, shape, measured, found, starts, (start, end), discarded,
        held, constant,
    )  # fmt: skip


# ------------------------------------------------------------------ before the grid


def _looked_for(
    model: Model,
    pair: tuple[str, str],
    spans: dict[str, tuple[float, float]],
    levels: list[float],
    across: list[float],
    columns: dict[str, Array],
    params: dict[str, float],
    inputs: dict[str, float],
    region: Mapping[Any, tuple[float, float]] | None,
    stepper: ArcLength,
    cycles: bool,
    seed: int,
    how: How,
    where: str,
) -> tuple[Organising, Array]:
    """Return the curves that diagrams lead to, and the stable equilibria of each point."""
    kept = None if how.checkpoint is None else f"{os.fspath(how.checkpoint)}.curves"
    # A callable counts the points of the grid; what it is told has one total.
    shown = False if callable(how.progress) else how.progress
    n_finished, n_made = 0, n_diagrams(levels, across)

    def finish(count: int) -> None:
        nonlocal n_finished
        n_finished += count
        advance(count)

    try:
        with track(n_made, shown, f"{where}, diagrams and curves") as advance:
            found = organising(
                model,
                pair,
                spans,
                levels,
                across,
                params=params,
                inputs=inputs,
                region=region,
                stepper=stepper,
                cycles=cycles,
                seed=seed,
                checkpoint=kept,
                advance=finish,
            )
        n_point = len(columns[pair[0]])
        with track(n_point, shown, f"{where}, equilibria") as advance:
            rests = stable_equilibria(
                model, columns, params, inputs, region, seed, "regime_map", advance
            )
    except KeyboardInterrupt:
        message = (
            f"{where}: interrupted before the grid, with {n_finished} of {n_made} diagrams and "
            "their curves finished"
        )
        if kept is not None:
            message += (
                f". Each branch, family and curve that is finished is kept in '{kept}': the same "
                "call goes on"
            )
        raise Interrupted(message, n_finished, n_made) from None
    return found, rests


# ------------------------------------------------------------------ result


def _present(
    model: Model,
    pair: tuple[str, str],
    spans: dict[str, tuple[float, float]],
    columns: dict[str, Array],
    shape: tuple[int, int],
    measured: Arrays,
    found: Organising | None,
    starts: pd.DataFrame,
    t: tuple[float, float],
    discarded: float,
    params: dict[str, float],
    inputs: dict[str, float],
) -> RegimeMap:
    """Put the grid and the curves together."""
    import pandas as pd

    names = ("regime", "n_attractors", "period", "status")
    grid = pd.DataFrame({**columns, **{name: measured[name] for name in names}})
    empty = ["kind", *pair, *model.states, "coefficients", "converged", "curve"]
    return RegimeMap(
        model=model,
        parameters=pair,
        span=spans,
        grid=grid,
        curves=() if found is None else found.curves,
        special=pd.DataFrame(columns=empty) if found is None else found.special,
        shape=shape,
        starts=starts,
        t=t,
        discard=discarded,
        params={k: v for k, v in {**model.defaults, **params}.items() if k not in pair},
        inputs={k: v for k, v in {**model.input_defaults, **inputs}.items() if k not in pair},
        failed=() if found is None else found.failed,
    )


def _between(line: Array, pairs: list[tuple[Array, Array]], reach: Array) -> NDArray[np.bool_]:
    """Return whether a polygon passes between two points, or less than a grid step beside."""
    passed = np.zeros(len(pairs), dtype=bool)
    begin, chord = line[:-1], np.diff(line, axis=0)
    for k, (a, b) in enumerate(pairs):
        along = (b - a) * 2.0
        first = a - (b - a) / 2.0
        # first + s along = begin + r chord, by Cramer's rule.
        cross = along[0] * chord[:, 1] - along[1] * chord[:, 0]
        gap = begin - first
        with np.errstate(divide="ignore", invalid="ignore"):
            s = (gap[:, 0] * chord[:, 1] - gap[:, 1] * chord[:, 0]) / cross
            r = (gap[:, 0] * along[1] - gap[:, 1] * along[0]) / cross
        passed[k] = bool(np.any((s >= 0.0) & (s <= 1.0) & (r >= 0.0) & (r <= 1.0)))
    return passed


# ------------------------------------------------------------------ checks


def _check_shape(n: Any, where: str) -> tuple[int, int]:
    """Return the points along both parameters, or raise."""
    sizes = [n, n] if isinstance(n, numbers.Integral) else n
    if (
        not isinstance(sizes, Sequence)
        or len(sizes) != 2
        or not all(
            isinstance(m, numbers.Integral) and not isinstance(m, bool) and int(m) >= 2
            for m in sizes
        )
    ):
        raise OptionError(f"{where}: n={n!r:.60} must be a whole number from 2 on, or two of them")
    return int(sizes[0]), int(sizes[1])


def _check_levels(levels: Any, span: tuple[float, float], name: str, where: str) -> list[float]:
    """Return the values at which diagrams are made, or raise."""
    low, high = span
    if levels is None:
        return [low + share * (high - low) for share in _LEVELS]
    try:
        values = [float(each) for each in levels]
    except (TypeError, ValueError):
        raise OptionError(f"{where}: levels={levels!r:.60} must be values of {name}") from None
    for value in values:
        if not low <= value <= high:
            raise OptionError(
                f"{where}: levels: {name} = {value:g} is outside its span, {low:g} to {high:g}"
            )
    return values


def _check_initial(model: Model, initial: Any, where: str) -> list[dict[str, float]]:
    """Return the starts that were given, or the model's own, or raise."""
    several = [initial] if initial is None or isinstance(initial, Mapping) else initial
    if not isinstance(several, Sequence) or isinstance(several, str) or not several:
        raise DataError(
            f"{where}: initial={initial!r:.60} must map states to values, or be a list of such"
        )
    return [dict(model.known(each, "state", model.states)) for each in several]
