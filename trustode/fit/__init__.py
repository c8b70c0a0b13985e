"""Fit a model to data: maximum likelihood with exact gradients, from many starts.

Layers, each importing only those before it: `observation` (distributions of the data),
`columns` and `data` (data frames in), `vary` (free values), `readout` (predictions as
observables), `objective` (likelihood, gradient, information), `optimise` (searches),
`information` (covariance), `again` (searches near an optimum), `starts`,
`resample` (other data), `profile`, `bootstrap`, `sample`, `result`,
`compare`, `recovery`.
"""

from __future__ import annotations

import math
import numbers
import os
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..compile import compile
from ..errors import (
    STATUS_TEXT,
    DataError,
    FitWarning,
    ModelError,
    OptionError,
    SolveError,
    Status,
    checks_keywords,
)
from ..jobs import check_how
from ..model import Model, named
from ..progress import Progress
from ..solve import NATIVE, Solver, initial_vector, parameter_vector
from .bootstrap import check_whole
from .compare import Comparison, compare
from .data import Data, Design, is_shared, read
from .information import labels, sloppy_notes, uncertainty, undetermined_notes
from .objective import Evaluation, Problem
from .observation import Binomial, Gaussian, Observation
from .optimise import (
    FINAL_SOLVER,
    NEAR_SOLVER,
    POLISH_DISTANCE,
    SEARCH_DISTANCE,
    SEARCH_SOLVER,
    Search,
    descend,
    remaining_distance,
)
from .readout import read_out
from .recovery import CRITERIA, Confusion, Recovery, confused, recovered, truths_of
from .result import (
    Fit,
    failure_note,
    fitted_model,
    params_frame,
    residuals_frame,
)
from .starts import searched
from .vary import Layout, Vary, initial_of, limits

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Binomial",
    "Comparison",
    "Confusion",
    "Fit",
    "Gaussian",
    "Observation",
    "Recovery",
    "Vary",
    "compare",
    "fit",
    "recover",
]

#: Difference in log-likelihood below which two starts found the same optimum.
SAME = 0.01

#: Difference below which they are taken for equal: what searches leave to the polish.
TIE = 1e-5

#: Least standard deviation, as a share of the largest observation.
LEAST_SD = 1e-10


@checks_keywords
def fit(
    model: Model,
    data: pd.DataFrame,
    *,
    time: str,
    observed: Mapping[str, Observation],
    vary: Mapping[Any, Vary],
    group: str | Sequence[str] | None = None,
    inputs: Mapping[Any, Any] | None = None,
    params: Mapping[Any, float] | None = None,
    initial: Mapping[Any, float] | None = None,
    solver: Solver | None = None,
    starts: int = 20,
    seed: int = 0,
    executor: Executor | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    progress: Progress = None,
    threads: int | None = None,
) -> Fit:
    """Fit a model to data by maximum likelihood.

    Parameters
    ----------
    model : Model
    data : DataFrame
        One row an occasion, sorted by time within a group. A missing value in an observed
        column is a missing observation; two rows may share a time.
    time : str
        Column of times, in the model's unit. A group's solve starts at its first row.
    observed : mapping of column to Gaussian or Binomial
        How each measured column arises from the model.
    vary : mapping of name to Vary
        What is estimated: parameters, initial values as ``"T(0)"``, and names that only
        observation models use (a standard deviation, the slope of a scale).
    group : str or sequence of str, optional
        Columns that tell series apart; each group is solved on its own.
    inputs : mapping of input to column, stimulus, or mapping or function of group
        A column's value holds from its row's time until the next row's; the first also
        before. A number or stimulus is for all groups; a mapping or function gives each
        group (by its label, a tuple for several columns) its own.
    params, initial : mapping of name to float, optional
        Values that are held instead of the model's defaults.

    Other Parameters
    ----------------
    solver : Solver
        A native method, used throughout. Without it, searches solve with a
        relative tolerance of 1e-6 and the best point is refined with 1e-11.
    starts : int
        Searches: the first from the given values, the others spread over the bounds by
        a Latin hypercube. A start that cannot be evaluated is drawn anew up to 9 times.
    seed : int
        Of the starts.
    executor : concurrent.futures.Executor, optional
        Who searches; this process unless given. A start is a piece of work.
    checkpoint : path, optional
        File that keeps finished starts: after an interrupt or a kill the same call goes on
        with the others.
    progress : bool, callable or None
        True shows a bar, None one on a terminal if it takes long; a callable gets
        ``(done, total)`` starts.
    threads : int or None
        Threads that share the groups; None takes every processor.

    Returns
    -------
    Fit

    Raises
    ------
    DataError
        For any mistake in the data; names column, rows and remedy.
    ModelError, OptionError
        For a name or value that cannot be.
    SolveError
        If no start could be evaluated; its status is the commonest one.

    Warns
    -----
    FitWarning
        If the data do not determine some value, or the optimum was not reached.

    Notes
    -----
    The likelihood's gradient is exact (forward sensitivities). Searches take scoring steps
    within the bounds, with the expected Fisher information, which also gives the standard
    errors. Standard deviations that stand nowhere else are at their best value in every
    evaluation.
    """
    where = f"fit({getattr(model, 'name', model)!s:.60})"
    if not isinstance(model, Model):
        raise ModelError(f"fit: expected a Model, got {model!r:.60} ({type(model).__name__})")
    _check_options(where, starts, seed, threads, solver)
    how = check_how(threads, executor, checkpoint, progress, where)
    problem, design = _problem(
        model, data, time, observed, vary, group, inputs, params, initial, where
    )
    problem = replace(problem, solver=solver or SEARCH_SOLVER, threads=threads)
    layout = problem.layout
    found = searched(problem, starts, seed, how, where)
    lowest = min(search.best.nll for search in found)
    # Of equal optima (two exponentials that may change places) the nearest to the given values.
    best = next(search for search in found if search.best.nll <= lowest + TIE)
    if best.status == "failed":
        raise _all_failed(found, where)
    point = problem.evaluate(best.best.x)
    if solver is None:
        problem, point = _refined(problem, point)
    point, _ = descend(problem.evaluate, point, layout, POLISH_DISTANCE)
    return _result(problem, design, point, found)


@checks_keywords
def recover(
    model: Model | Mapping[str, Model],
    design: pd.DataFrame,
    *,
    time: str,
    observed: Mapping[str, Any],
    vary: Mapping[Any, Any],
    group: str | Sequence[str] | None = None,
    inputs: Mapping[Any, Any] | None = None,
    params: Mapping[Any, Any] | None = None,
    initial: Mapping[Any, Any] | None = None,
    truth: Any = None,
    n: int = 200,
    starts: int = 1,
    level: float = 0.95,
    criterion: str = "bic",
    solver: Solver | None = None,
    seed: int = 0,
    executor: Executor | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    progress: Progress = None,
    threads: int | None = None,
) -> Recovery | Confusion:
    """Simulate data under a design, fit them, and see what comes back.

    Parameters
    ----------
    model : Model, or mapping of name to Model
        With several models, data are drawn from each and fitted by all, and it is counted
        which is chosen.
    design : DataFrame
        The study without its outcomes: a row an occasion, with times, groups and inputs as in
        `fit`. Of an observed column that is there only the missing values count: these
        occasions stay unobserved. A column that is not there is observed in every row.
    time, observed, vary, group, inputs, params, initial
        As in `fit`. With several models, each may be a mapping of a model's name to its own;
        `vary` has to be one.
    truth : None, "bounds", mapping of name to value, or DataFrame
        What is true: the values in `vary`; values drawn between their bounds, evenly on the
        scale of the search, anew for each data set; other values; or a row of values for each
        data set. With several models, None, "bounds", or a mapping of model to truth.
    n : int
        Data sets, of each model.
    starts : int
        Searches a data set: the first begins at the truth, the others are spread over the
        bounds. One says what the data could tell; more also whether a search would find it.
    level : float
        Confidence level of the intervals whose coverage is counted.
    criterion : {"bic", "aic"}
        By which one of several models is chosen.

    Other Parameters
    ----------------
    solver : Solver
        As in `fit`. Without it, with a relative tolerance of 1e-8.
    seed : int
        Of truths and data; those of each data set depend on it and the data set's number alone.
    executor : concurrent.futures.Executor, optional
        Who fits; this process unless given.
    checkpoint : path, optional
        File that keeps finished fits, so that the same call goes on after a kill.
    progress : bool, callable or None
        As in `fit`; counts data sets.
    threads : int or None
        Threads that share the groups of one objective.

    Returns
    -------
    Recovery, or Confusion for several models

    Raises
    ------
    DataError, ModelError, OptionError
        As in `fit`; also for a truth that cannot be.
    SolveError
        If no data set could be simulated and fitted.
    """
    several = isinstance(model, Mapping)
    called = (
        ", ".join(map(str, model)) if isinstance(model, Mapping) else getattr(model, "name", model)
    )
    where = f"recover({called!s:.60})"
    for name, value, least in (("n", n, 2), ("starts", starts, 1), ("seed", seed, 0)):
        check_whole(value, name, least, where)
    if isinstance(level, bool) or not isinstance(level, numbers.Real) or not 0.0 < level < 1.0:
        raise OptionError(f"{where}: level={level!r:.60} must be a number between 0 and 1")
    if criterion not in CRITERIA:
        raise OptionError(f"{where}: criterion={criterion!r:.60} must be 'aic' or 'bic'")
    _check_options(where, starts, seed, None, solver)
    how = check_how(threads, executor, checkpoint, progress, where)
    models = dict(model) if isinstance(model, Mapping) else {"": model}
    if several and len(models) < 2:
        raise OptionError(f"{where}: give one model, or at least two by name")
    problems: dict[str, Problem] = {}
    truths: dict[str, Any] = {}
    for name, each in models.items():
        if not isinstance(each, Model):
            raise ModelError(f"{where}: expected a Model, got {each!r:.60} ({type(each).__name__})")
        mine = [_of_model(given, name, models) for given in
                (observed, vary, inputs, params, initial)]  # fmt: skip
        frame = _skeleton(design, mine[0], where)
        problem, _ = _problem(each, frame, time, mine[0], mine[1], group, *mine[2:], where)
        problems[name] = replace(problem, solver=solver or NEAR_SOLVER, threads=threads)
        told = truth.get(name) if several and isinstance(truth, Mapping) else truth
        truths[name] = truths_of(problems[name], told, n, seed, where)
    if several:
        return confused(problems, truths, starts, criterion, seed, how, where)
    return recovered(problems[""], truths[""], starts, float(level), seed, how, where)


def _of_model(given: Any, name: str, models: Mapping[str, Any]) -> Any:
    """Return what one of several models was given, if each was given its own."""
    if len(models) > 1 and isinstance(given, Mapping) and set(given) <= set(models):
        return given.get(name)
    return given


def _skeleton(design: Any, observed: Any, where: str) -> pd.DataFrame:
    """Return a design with possible values wherever something is to be observed."""
    import pandas as pd

    if not isinstance(design, pd.DataFrame):
        raise DataError(
            f"{where}: design must be a pandas DataFrame with times, groups and inputs, got "
            f"{type(design).__name__}"
        )
    _check_members(observed, "observed", Observation, "tr.Gaussian('rating', sd='sigma')", where)
    frame = design.copy()
    for column in observed:
        filled = pd.Series(1.0, index=frame.index)
        if column in frame and not frame[column].isna().all():
            filled = filled.mask(frame[column].isna())
        frame[column] = filled
    return frame


def _refined(problem: Problem, point: Evaluation) -> tuple[Problem, Evaluation]:
    """Go on with the final solver, if it manages the point."""
    final = replace(problem, solver=FINAL_SOLVER)
    refined = final.evaluate(point.x)
    if refined.failure is not None:
        return problem, point
    return final, refined


def _check_options(
    where: str, starts: object, seed: object, threads: object, solver: object
) -> None:
    """Raise for an option that cannot be."""
    least = {"starts": (starts, 1), "seed": (seed, 0), "threads": (threads, 1)}
    for name, (value, low) in least.items():
        if name == "threads" and value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < low:
            raise OptionError(f"{where}: {name}={value!r:.60} must be a whole number from {low}")
    if solver is None:
        return
    if not isinstance(solver, Solver):
        raise OptionError(f"{where}: solver must be a Solver, got {solver!r:.60}")
    if solver.method not in ("auto", *NATIVE):
        raise OptionError(
            f"{where}: the solver has the method {solver.method!r}; a fit's sensitivities need a "
            f"native method: {', '.join(('auto', *NATIVE))}"
        )


def _problem(
    model: Model,
    data: pd.DataFrame,
    time: str,
    observed: Mapping[str, Observation],
    vary: Mapping[Any, Vary],
    group: str | Sequence[str] | None,
    inputs: Mapping[Any, Any] | None,
    params: Mapping[Any, float] | None,
    initial: Mapping[Any, float] | None,
    where: str,
) -> tuple[Problem, Design]:
    """Check every argument and bring them together."""
    _check_members(observed, "observed", Observation, "tr.Gaussian('rating', sd='sigma')", where)
    _check_members(vary, "vary", Vary, "tr.Vary(1.0, min=0, max=5)", where)
    varies = {str(getattr(name, "name", name)): given for name, given in vary.items()}
    fixed = _held(params, where)
    for name in varies:
        if name in model.states:
            raise ModelError(
                f"{where}: vary names '{name}', which is a state; write '{name}(0)' for its "
                "initial value"
            )
        if name in model.inputs:
            raise ModelError(
                f"{where}: vary names '{name}', which is an input; only parameters and initial "
                "values can vary. Make it a parameter of the model"
            )
    held = model.known(initial, "state", model.states)
    compiled = compile(model)
    given = {name: value for name, value in fixed.items() if name in model.params}
    initial_vector(compiled, parameter_vector(compiled, given, where), held, where)
    for name in varies:
        if initial_of(name, model) in held:
            raise OptionError(f"{where}: '{name}' is both varied and held in initial=; keep one")
    readout = read_out(model, observed, varies, fixed, where)
    groups = (group,) if isinstance(group, str) else tuple(group or ())
    levels = dict.fromkeys(each.per for each in varies.values() if each.per is not None)
    sources = model.known(inputs, "input", model.inputs)
    design = Design(time, groups, dict(observed), sources, tuple(levels))
    found = read(data, design, model, where)
    design = replace(design, inputs=_by_group(sources, model, found))
    layout = _layout(varies, found, readout.model, readout.scales, design)
    if found.n_observations < layout.n_free:
        raise DataError(
            f"{where}: {found.n_observations} observations cannot determine {layout.n_free} free "
            "values; vary fewer, or hold some in params= or initial="
        )
    index = layout.indices(found.levels, len(found.labels), where)
    solved = Problem(
        readout, found, dict(observed), layout, index, fixed, held, SEARCH_SOLVER, None
    )
    return solved, design


def _check_members(given: object, what: str, kind: type, example: str, where: str) -> None:
    """Raise unless an argument is a mapping with values of one kind."""
    if not isinstance(given, Mapping) or not given:
        raise OptionError(
            f"{where}: {what} must be a mapping with at least one entry, got {given!r:.60}"
        )
    for name, value in given.items():
        if not isinstance(value, kind):
            raise OptionError(
                f"{where}: {what}[{name!r:.40}] must be made as {example}, got {value!r:.60} "
                f"({type(value).__name__})"
            )


def _held(params: Mapping[Any, float] | None, where: str) -> dict[str, float]:
    """Return the values held, by name."""
    fixed: dict[str, float] = {}
    for name, value in named(params, f"{where}: params").items():
        number = isinstance(value, numbers.Real) and not isinstance(value, bool)
        if not number or not math.isfinite(value):
            raise ModelError(f"{where}: params['{name}'] = {value!r:.60} is not a finite number")
        fixed[name] = float(value)
    return fixed


def _by_group(sources: Mapping[str, Any], model: Model, data: Data) -> dict[str, Any]:
    """Replace functions of the group by what they gave, so that a result can be pickled."""
    resolved = dict(sources)
    for name, source in sources.items():
        if not isinstance(source, str) and not is_shared(source):
            k = model.inputs.index(name)
            each = zip(data.labels, data.tables, strict=True)
            resolved[name] = {label: tables[k] for label, tables in each}
    return resolved


def _layout(
    varies: Mapping[str, Vary], data: Data, model: Model, scales: frozenset[str], design: Design
) -> Layout:
    """Lay the free values out in one vector."""
    levels: list[tuple[Any, ...]] = []
    bounds = []
    used = {observation.scale for observation in design.observed.values()}
    largest = max(float(np.abs(rows.values).max()) for rows in data.measured.values())
    for name, each in varies.items():
        found = (None,) if each.per is None else tuple(dict.fromkeys(data.levels[each.per]))
        levels.append(found)
        smallest = LEAST_SD * (largest or 1.0) if name in used else -math.inf
        bounds.append(limits(name, each, model, smallest))
    return Layout(tuple(varies), tuple(varies.values()), tuple(levels), tuple(bounds))


def _all_failed(found: Sequence[Search], where: str) -> SolveError:
    """Return the error for a fit none of whose starts could be evaluated."""
    failures = sum((search.failures for search in found), Counter[str]())
    name, count = failures.most_common(1)[0]
    status = Status[name]
    example = next(s.last for s in reversed(found) if s.last and s.last.status is status)
    advice = "Try values and bounds with which the model can be solved"
    if 2 * (failures["MAX_STEPS"] + failures["STIFF"]) > sum(failures.values()):
        advice = (
            "Narrow the bounds so that no rate is needlessly fast. An explicit method needs too "
            "many steps for a stiff model: leave the solver out, or take tr.Solver() or "
            "tr.Solver(method='rodas5p')"
        )
    return SolveError(
        f"{where}: none of {len(found)} starts could be evaluated; {count} of "
        f"{sum(failures.values())} evaluations ended with {name} ({STATUS_TEXT[status]}). The "
        f"last: {example.message}. {advice}",
        status,
    )


def _result(problem: Problem, design: Design, point: Evaluation, found: Sequence[Search]) -> Fit:
    """Put the result together, with what deserves a look."""
    import pandas as pd

    layout, n = problem.layout, problem.data.n_observations
    best = min(search.best.nll for search in found)
    hits = sum(search.best.nll < best + SAME for search in found)
    left = remaining_distance(point, layout)
    known = uncertainty(point, layout, problem.solver.rtol)
    doubts = undetermined_notes(layout, known)
    if not left < SEARCH_DISTANCE:
        doubts.append(
            f"the best search stopped {left:.2g} standard errors from its optimum; raise starts, "
            "or tighten the solver's rtol"
        )
    for doubt in doubts:
        warnings.warn(f"fit({problem.readout.model.name}): {doubt}", FitWarning, stacklevel=3)
    names = labels(layout)
    notes = [*doubts, *sloppy_notes(point, layout, known)]
    if len(found) > 1 and hits < 2:
        notes.append("only one start reached the best value; raise starts")
    if known.held.any():
        at = ", ".join(names[k] for k in np.flatnonzero(known.held)[:12])
        notes.append(f"at a bound, and held there for the other standard errors: {at}")
    failures = sum((search.failures for search in found), Counter[str]())
    notes += failure_note(failures, sum(search.n_evaluations for search in found))
    values = layout.slope(layout.natural(point.x))
    covariance = known.covariance * values[:, None] * values
    rows = [
        {
            "start": k,
            "nll": search.best.nll,
            "status": search.status,
            "message": search.last.message if search.last else "",
            "n_evaluations": search.n_evaluations,
            "n_failed": sum(search.failures.values()),
        }
        for k, search in enumerate(found)
    ]
    return Fit(
        params=params_frame(point, layout, known),
        loglik=-point.nll,
        aic=2.0 * layout.n_free + 2.0 * point.nll,
        bic=layout.n_free * math.log(n) + 2.0 * point.nll,
        n_observations=n,
        n_free=layout.n_free,
        converged=bool(left < SEARCH_DISTANCE and (len(found) == 1 or hits >= 2)),
        distance=left,
        starts=pd.DataFrame(rows),
        residuals=residuals_frame(problem, design, point.x),
        model=fitted_model(problem, point.x, None),
        covariance=pd.DataFrame(covariance, index=names, columns=names),
        notes=tuple(notes),
        _problem=problem,
        _design=design,
        _x=point.x,
    )
