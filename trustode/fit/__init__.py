"""Fit a model to data: maximum likelihood with exact gradients, from many starts.

Layers, each importing only those before it: `observation` (distributions of the data),
`columns`, `groups` and `data` (data frames in), `scales`, `prior` and `vary` (free values),
`readout` (predictions as observables), `rest` (steady states to begin in), `predictor` (solves
beside data), `objective` (likelihood, gradient, information), `optimise` (searches), `setup`
(all arguments checked), `population` (who the persons are), `persons` (the likelihood of each),
`modes` (the likeliest values of each), `integral` (around these), `marginal` (random values
integrated out), `information` (covariance), `mixed` (populations set up and told), `value` (the
objective at any values),
`again` (searches near an optimum), `starts`, `onward` (from local optima), `resample` (other
data), `profile`, `bootstrap`, `criteria` (WAIC, leave-one-out), `hierarchy` (populations and
persons together), `sample`, `result`, `compare`, `recovery`, `ranking`.
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
from numpy.typing import NDArray

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
from ..jobs import LOST, check_how
from ..model import Model
from ..progress import Progress
from ..solve import NATIVE, Solver
from .bootstrap import check_whole
from .compare import Comparison, compare
from .data import Design, code_notes
from .information import (
    cut_notes,
    labels,
    lost_note,
    sloppy_notes,
    uncertainty,
    undetermined_notes,
)
from .marginal import Marginal
from .mixed import (
    check_how_mixed,
    is_mixed,
    populated,
    population_model,
    refuse_random,
    told,
    without_random,
)
from .objective import Evaluation, Failure, Problem
from .observation import (
    Binomial,
    Categorical,
    Gaussian,
    GridGaussian,
    Laplace,
    Observation,
    Ordinal,
    Poisson,
    StudentT,
)
from .onward import agreeing, searched_on
from .optimise import (
    FINAL_SOLVER,
    NEAR_SOLVER,
    PATIENCE,
    POLISH_DISTANCE,
    SEARCH_DISTANCE,
    SEARCH_SOLVER,
    Search,
    descend,
    free_to_move,
    remaining_distance,
)
from .ranking import RANKINGS, Ranking, ranked
from .readout import shared_notes
from .recovery import CRITERIA, Confusion, Recovery, confused, recovered, truths_of
from .rest import AtRest
from .result import (
    Fit,
    failure_note,
    fitted_model,
    params_frame,
    residuals_frame,
)
from .setup import assembled, check_members
from .starts import searched, searched_population
from .value import Objective
from .vary import Vary

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "AtRest",
    "Binomial",
    "Categorical",
    "Comparison",
    "Confusion",
    "Fit",
    "Gaussian",
    "GridGaussian",
    "Laplace",
    "Objective",
    "Observation",
    "Ordinal",
    "Poisson",
    "Ranking",
    "Recovery",
    "StudentT",
    "Vary",
    "compare",
    "fit",
    "objective",
    "rank_designs",
    "recover",
]

#: Widths, in scales, to which kinks of a likelihood are rounded off: while searching, then while
#: polishing.
SEARCH_WIDTH = 1e-2
POLISH_WIDTHS = (1e-3, 1e-4, 1e-5, 1e-6)

#: Distance to the optimum, in standard errors, up to which several starts that found the same
#: may end: where a model is stiff, the gradient has errors that no step can lower.
AGREED = 0.01

#: Distance, in standard errors, at which a fit with random values ends.
MIXED_DISTANCE = 1e-4

#: Difference below which they are taken for equal: what searches leave to the polish.
TIE = 1e-5


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
    params: Mapping[Any, Any] | None = None,
    initial: Mapping[Any, Any] | str | AtRest | None = None,
    solver: Solver | None = None,
    starts: int = 20,
    seed: int = 0,
    covariance: str = "diagonal",
    quadrature: int = 1,
    executor: Executor | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    progress: Progress = None,
    threads: int | None = None,
) -> Fit:
    """Fit a model to data by maximum likelihood, or with priors by maximum posterior density.

    Parameters
    ----------
    model : Model
    data : DataFrame
        One row an occasion, sorted by time within a group. A missing value in an observed
        column is a missing observation; two rows may share a time.
    time : str
        Column of times, in the model's unit. A group's solve starts at its first row.
    observed : mapping of column to observation model
        How each measured column arises from the model: `Gaussian`, `StudentT`, `Laplace`,
        `Ordinal`, `Binomial`, `Categorical`, `GridGaussian` or `Poisson`.
    vary : mapping of name to Vary
        What is estimated: parameters, initial values as ``"T(0)"``, and names that only
        observation models use (a standard deviation, the slope of a scale).
    group : str or sequence of str, optional
        Columns that tell series apart; each group is solved on its own.
    inputs : mapping of input to column, stimulus, or mapping or function of group
        A column's value holds from its row's time until the next row's; the first also
        before. A number or stimulus is for all groups; a mapping or function gives each
        group (by its label, a tuple for several columns) its own.
    params, initial : mapping of name to float, column, or mapping of group to float, optional
        Values that are held instead of the model's defaults; a column with one value a group
        (a diagnosis, an age), or a mapping, gives each group its own. ``"equilibrium"`` or
        `AtRest` begins each group in its steady state.

    Other Parameters
    ----------------
    solver : Solver
        A native method, used throughout. Without it, searches solve with a
        relative tolerance of 1e-6 and the best point is refined with 1e-11.
    starts : int
        Searches: the first from the given values, the others spread over the bounds by
        a Latin hypercube. A start that cannot be evaluated is drawn anew up to 9 times.
    seed : int
        Of the starts, and of the draws that check the integral over random values.
    covariance : {"diagonal", "full"}
        Whether random values of a person are independent, or correlations are estimated too.
    quadrature : int
        Nodes for each random value of the Gauss-Hermite quadrature that integrates them, around
        each person's best values; one is Laplace's method.
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
    Interrupted
        After an interrupt (Ctrl-C); its `partial` is the fit of the starts that were finished.

    Warns
    -----
    FitWarning
        If the data do not determine some value, or the optimum was not reached.

    Notes
    -----
    The likelihood's gradient is exact (forward sensitivities). Searches take scoring steps
    within the bounds, with the expected Fisher information, which also gives the standard
    errors. Standard deviations that stand nowhere else are at their best value in every
    evaluation. Where starts end at different optima, the lowest of these are searched on from
    with one value moved to other parts of its range; starts that ended at the same optimum go on
    together, and ``starts`` of the result keeps where each had ended by itself.
    """
    where = f"fit({getattr(model, 'name', model)!s:.60})"
    _check_model(model, where)
    _check_options(where, solver, {"starts": (starts, 1), "seed": (seed, 0)})
    how = check_how(threads, executor, checkpoint, progress, where)
    if is_mixed(vary):
        check_whole(quadrature, "quadrature", 1, where)
        n_random = sum(bool(each.random) for each in vary.values() if isinstance(each, Vary))
        check_how_mixed(covariance, quadrature, n_random, where)
        inner, alike, person = without_random(vary, group, where)
        problem, design = assembled(
            model, data, time, observed, inner, group, inputs, params, initial, where
        )
        problem = replace(problem, solver=solver or NEAR_SOLVER, threads=threads)
        outer, people = populated(problem, data, vary, person, covariance, where)
        marginal = Marginal(problem, outer, people, 1, threads)
        _check_marginal(marginal, where)
        pooled, _ = assembled(
            model, data, time, observed, alike, group, inputs, params, initial, where
        )
        pooled = replace(pooled, solver=solver or SEARCH_SOLVER, threads=threads)
        sought = marginal.factored() if covariance == "full" else marginal

        def ended_mixed(found: list[Search]) -> Fit:
            return _mixed(marginal, design, found, quadrature, solver is None, seed, where)

        return ended_mixed(
            searched_population(sought, pooled, starts, seed, how, where, ended_mixed)
        )
    problem, design = assembled(
        model, data, time, observed, vary, group, inputs, params, initial, where
    )
    problem = replace(problem, solver=solver or SEARCH_SOLVER, threads=threads)
    _check_enough(problem, where)

    def ended(found: list[Search]) -> Fit:
        return _single(problem, design, found, solver is None, seed, where)

    searching = problem if problem.smooth else problem.rounded(SEARCH_WIDTH)
    found = searched(searching, starts, seed, how, where, ended)
    return ended(searched_on(searching, found, seed, how, where, ended))


@checks_keywords
def objective(
    model: Model,
    data: pd.DataFrame,
    *,
    time: str,
    observed: Mapping[str, Observation],
    vary: Mapping[Any, Vary],
    group: str | Sequence[str] | None = None,
    inputs: Mapping[Any, Any] | None = None,
    params: Mapping[Any, Any] | None = None,
    initial: Mapping[Any, Any] | str | AtRest | None = None,
    solver: Solver | None = None,
    threads: int | None = None,
) -> Objective:
    """Return what a fit would minimise, to evaluate at any values without a search.

    Parameters are those of `fit`. Nothing is moved: scales, too, are used as given.

    Parameters
    ----------
    model : Model
    data : DataFrame
    time, observed, vary, group, inputs, params, initial, threads
        As in `fit`; `vary` gives the values to begin with.
    solver : Solver
        A native method. Without it a relative tolerance of 1e-11.

    Returns
    -------
    Objective

    Raises
    ------
    DataError, ModelError, OptionError
        As in `fit`.
    """
    where = f"objective({getattr(model, 'name', model)!s:.60})"
    _check_model(model, where)
    refuse_random(vary, "objective", where)
    _check_options(where, solver, {} if threads is None else {"threads": (threads, 1)})
    problem, _ = assembled(model, data, time, observed, vary, group, inputs, params, initial, where)
    problem = replace(problem, solver=solver or FINAL_SOLVER, threads=threads)
    return Objective(problem, problem.layout.first)


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
    _check_options(where, solver, {})
    how = check_how(threads, executor, checkpoint, progress, where)
    models = dict(model) if isinstance(model, Mapping) else {"": model}
    if several and len(models) < 2:
        raise OptionError(f"{where}: give one model, or at least two by name")
    problems: dict[str, Problem] = {}
    truths: dict[str, Any] = {}
    for name, each in models.items():
        _check_model(each, where)
        mine = [_of_model(given, name, models) for given in
                (observed, vary, inputs, params, initial)]  # fmt: skip
        refuse_random(mine[1], "recover", where)
        frame = _skeleton(design, mine[0], where)
        problem, _ = assembled(each, frame, time, mine[0], mine[1], group, *mine[2:], where)
        _check_enough(problem, where)
        problems[name] = replace(problem, solver=solver or NEAR_SOLVER, threads=threads)
        told = truth.get(name) if several and isinstance(truth, Mapping) else truth
        truths[name] = truths_of(problems[name], told, n, seed, where)
    if several:
        return confused(problems, truths, starts, criterion, seed, how, where)
    return recovered(problems[""], truths[""], starts, float(level), seed, how, where)


@checks_keywords
def rank_designs(
    model: Model,
    designs: Mapping[str, pd.DataFrame],
    *,
    time: str,
    observed: Mapping[str, Observation],
    vary: Mapping[Any, Vary],
    group: str | Sequence[str] | None = None,
    inputs: Mapping[Any, Any] | None = None,
    params: Mapping[Any, Any] | None = None,
    initial: Mapping[Any, Any] | str | AtRest | None = None,
    truth: Mapping[Any, float] | None = None,
    criterion: str = "d",
    solver: Solver | None = None,
    threads: int | None = None,
) -> Ranking:
    """Rank designs of a study by the information that they are expected to bring.

    Nothing is simulated or fitted, so designs by the hundred can be looked at; `recover` then
    says of the best whether fits keep the promise.

    Parameters
    ----------
    model : Model
    designs : mapping of name to DataFrame
        Studies without their outcomes, each as the design of `recover`.
    time, observed, vary, group, inputs, params, initial
        As in `fit`.
    truth : mapping of name to value, optional
        Values at which the designs are judged, instead of those in `vary`.
    criterion : {"d", "a"}
        By the determinant of the information, whatever the values' units, or by the sum of the
        values' variances on the scales of `vary`.

    Other Parameters
    ----------------
    solver : Solver
        As in `fit`. Without it, with a relative tolerance of 1e-8.
    threads : int or None
        Threads that share the groups.

    Returns
    -------
    Ranking

    Raises
    ------
    DataError, ModelError, OptionError
        As in `fit`; also for designs with different free values.
    SolveError
        If the model cannot be solved under a design.

    References
    ----------
    Atkinson, Donev & Tobias (2007), Optimum Experimental Designs, with SAS, chapters 10 and 11.
    """
    where = f"rank_designs({getattr(model, 'name', model)!s:.60})"
    _check_model(model, where)
    _check_options(where, solver, {} if threads is None else {"threads": (threads, 1)})
    if not isinstance(designs, Mapping) or len(designs) < 2:
        raise OptionError(
            f"{where}: give at least two designs by name, as {{'ten rounds': frame, ...}}; got "
            f"{designs!r:.60}"
        )
    if criterion not in RANKINGS:
        raise OptionError(f"{where}: criterion={criterion!r:.60} must be 'd' or 'a'")
    if truth is not None and not isinstance(truth, Mapping):
        raise OptionError(
            f"{where}: truth={truth!r:.60} must be a mapping of name to value, or be left out"
        )
    refuse_random(vary, "rank_designs", where)
    problems: dict[str, Problem] = {}
    points: dict[str, Any] = {}
    for name, design in designs.items():
        here = f"{where}: design {str(name)!r:.40}"
        frame = _skeleton(design, observed, here)
        problem, _ = assembled(
            model, frame, time, observed, vary, group, inputs, params, initial, here
        )
        problems[str(name)] = replace(problem, solver=solver or NEAR_SOLVER, threads=threads)
        points[str(name)] = truths_of(problem, truth, 1, 0, here)[0]
    return ranked(problems, points, criterion, where)


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
    check_members(observed, "observed", Observation, "tr.Gaussian('rating', sd='sigma')", where)
    frame = design.copy()
    for column, observation in observed.items():
        options = observation.options
        filled = pd.Series(1.0 if options is None else options[0], index=frame.index)
        if column in frame and not frame[column].isna().all():
            filled = filled.mask(frame[column].isna())
        frame[column] = filled
    return frame


def _single(
    problem: Problem,
    design: Design,
    found: Sequence[Search],
    refine: bool,
    seed: int,
    where: str,
) -> Fit:
    """Refine the best search, and put the result together."""
    layout = problem.layout
    lowest = min(search.best.nll for search in found)
    # Of equal optima (two exponentials that may change places) the nearest to the given values.
    best = next(search for search in found if search.best.nll <= lowest + TIE)
    if not math.isfinite(lowest):
        raise _all_failed(found, where)
    point = problem.evaluate(best.best.x)
    if refine:
        problem, point = _refined(problem, point)
    if problem.smooth:
        point, _ = descend(problem.evaluate, point, layout, POLISH_DISTANCE)
        return _result(problem, design, point, found, seed, remaining_distance(point, layout))
    for width in POLISH_WIDTHS:
        rounded = problem.rounded(width).evaluate
        point, _ = descend(rounded, rounded(point.x), layout, POLISH_DISTANCE, PATIENCE)
    left = remaining_distance(point, layout)
    return _result(problem, design, problem.evaluate(point.x), found, seed, left)


def _refined(problem: Problem, point: Evaluation) -> tuple[Problem, Evaluation]:
    """Go on with the final solver, if it manages the point."""
    final = replace(problem, solver=FINAL_SOLVER)
    refined = final.evaluate(point.x)
    if refined.failure is not None:
        return problem, point
    return final, refined


def _check_model(model: object, where: str) -> None:
    """Raise unless a model is one."""
    if not isinstance(model, Model):
        raise ModelError(f"{where}: expected a Model, got {model!r:.60} ({type(model).__name__})")


def _check_enough(problem: Problem, where: str) -> None:
    """Raise if there are fewer observations than free values, and no priors."""
    n, layout = problem.data.n_observations, problem.layout
    if n < layout.n_free and not layout.has_priors:
        raise DataError(
            f"{where}: {n} observations cannot determine {layout.n_free} free values; vary fewer, "
            "or hold some in params= or initial="
        )


def _check_options(where: str, solver: object, whole: Mapping[str, tuple[object, int]]) -> None:
    """Raise for an option that cannot be: whole numbers, each with the least it may be."""
    for name, (value, low) in whole.items():
        check_whole(value, name, low, where)
    if solver is None:
        return
    if not isinstance(solver, Solver):
        raise OptionError(f"{where}: solver must be a Solver, got {solver!r:.60}")
    if solver.method not in ("auto", *NATIVE):
        raise OptionError(
            f"{where}: the solver has the method {solver.method!r}; a fit's sensitivities need a "
            f"native method: {', '.join(('auto', *NATIVE))}"
        )


def _all_failed(found: Sequence[Search], where: str) -> SolveError:
    """Return the error for a fit none of whose starts could be evaluated."""
    failures = sum((search.failures for search in found), Counter[str]())
    name, count = failures.most_common(1)[0]
    status = Status[name]
    reasons = [search.last for search in found if search.last is not None]
    example = next((each for each in reasons if each.status is status), reasons[0])
    advice = "Try values and bounds with which the model can be solved"
    if "steady state" in example.message:
        advice = (
            "Look with tr.simulate whether the model comes to rest while its inputs are held; "
            "otherwise give initial= values"
        )
    elif status is Status.NO_LIKELIHOOD:
        advice = "Try values and bounds with which the data are possible"
    elif 2 * failures["MAX_STEPS"] > sum(failures.values()):
        advice = (
            "Narrow the bounds so that no rate is needlessly fast. An explicit method needs too "
            "many steps for a stiff model: leave the solver out, or take tr.Solver() or "
            "tr.Solver(method='rodas5p')"
        )
    return SolveError(
        f"{where}: none of {len(found)} starts could be evaluated; {count} of "
        f"{sum(failures.values())} evaluations ended with {name} ({STATUS_TEXT[status]}). The "
        f"first: {example.message}. {advice}",
        status,
    )


def _check_marginal(marginal: Marginal, where: str) -> None:
    """Raise for a likelihood that cannot be integrated, or too few observations."""
    if not marginal.smooth:
        raise OptionError(
            f"{where}: random values need a likelihood without kinks, which tr.Laplace has; use "
            "tr.StudentT for outliers"
        )
    n, layout = marginal.data.n_observations, marginal.layout
    if n < layout.n_free:
        raise DataError(f"{where}: {n} observations cannot determine {layout.n_free} free values")


def _mixed(
    marginal: Marginal,
    design: Design,
    found: Sequence[Search],
    quadrature: int,
    refine: bool,
    seed: int,
    where: str,
) -> Fit:
    """Refine the best search with random values, and put the result together."""
    layout = marginal.layout
    best = min(found, key=lambda search: search.best.nll)
    if not math.isfinite(best.best.nll):
        raise _all_failed(found, where)
    sought = marginal.factored() if marginal.population.corr else marginal
    point = sought.evaluate(best.best.x)
    final = sought
    if refine:
        final = replace(sought, inner=replace(sought.inner, solver=FINAL_SOLVER))
        refined = final.evaluate(point.x)
        final, point = (sought, point) if refined.failure is not None else (final, refined)
    if quadrature > 1:
        final = replace(final, quadrature=quadrature)
        point = final.evaluate(point.x)
    point, _ = descend(final.evaluate, point, final.layout, MIXED_DISTANCE)
    left = remaining_distance(point, final.layout)
    observed = final.observed_information(point, free_to_move(point, final.layout))
    notes = []
    if observed is None:
        notes.append(
            "second differences of the marginal likelihood are not positive at the best values, "
            "so standard errors are from the expected information"
        )
    else:
        point = replace(point, information=observed)
    if marginal.population.corr:
        point = final.unfactored(point, layout)
        final = replace(final, layout=layout, population=marginal.population)
    modes = final.modes(point.x)
    if isinstance(modes, Failure):
        raise SolveError(f"{where}: {modes.message}", modes.status)
    at = final.inner_x(modes[0])
    mixed, persons, more = told(final, modes[0], point.penalty - point.nll, seed)
    result = _result(final, design, point, found, seed, left, [*notes, *more], at)
    problem = final.inner
    return replace(
        result,
        persons=persons,
        mixed=mixed,
        _marginal=(final, point.x),
        model=population_model(fitted_model(problem, at, None), final, point.x),
    )


def _result(
    whole: Problem | Marginal,
    design: Design,
    point: Evaluation,
    found: Sequence[Search],
    seed: int,
    left: float,
    more: Sequence[str] = (),
    at: NDArray[np.float64] | None = None,
) -> Fit:
    """Put the result together, with what deserves a look.

    `at` are the values of predictions, if they are not those estimated.
    """
    import pandas as pd

    problem = whole.inner if isinstance(whole, Marginal) else whole
    at = point.x if at is None else at
    layout, n = whole.layout, problem.data.n_observations
    nll = point.nll - point.penalty
    hits = agreeing(found)
    known = uncertainty(point, layout, problem.solver.rtol)
    doubts = undetermined_notes(layout, known)
    doubts += shared_notes(problem.readout.model, problem.observed)
    doubts += code_notes(problem.data.measured)
    reached = left < (AGREED if hits >= 2 else SEARCH_DISTANCE)
    if not reached:
        doubts.append(
            f"the best search stopped {left:.2g} standard errors from its optimum; raise starts, "
            "or tighten the solver's rtol"
        )
    lost = ""
    if known.undetermined.any() and isinstance(whole, Problem):
        given = whole.evaluate(layout.first)
        begun = uncertainty(given, layout, problem.solver.rtol) if given.failure is None else None
        lost = lost_note(layout, known, begun)
        doubts += [lost] if lost else []
    stopped = sum(search.status == "interrupted" for search in found)
    if stopped:
        doubts.append(
            f"interrupted: this is the best of the {len(found) - stopped} finished starts of "
            f"{len(found)}; with checkpoint= the same call would go on with the others"
        )
    for doubt in doubts:
        # Up to the line that called fit: through its check of keywords, and what it ends with.
        warnings.warn(
            f"fit({problem.readout.model.name}): {doubt}",
            FitWarning,
            stacklevel=6,
        )
    names = labels(layout)
    notes = [*doubts, *more, *sloppy_notes(point, layout, known)]
    dead = [str(k) for k, search in enumerate(found) if search.status == LOST]
    if dead:
        notes.append(
            f"the workers that searched from start {', '.join(dead)} died: this is the best of the "
            f"other {len(found) - len(dead)}; with checkpoint= the same call tries them again"
        )
    if len(found) > 1 and hits < 2:
        notes.append("only one start reached the best value; raise starts")
    if known.held.any():
        held = ", ".join(names[k] for k in np.flatnonzero(known.held)[:12])
        notes.append(f"at a bound, and held there for the other standard errors: {held}")
    notes += cut_notes(point, layout, known)
    failures = sum((search.failures for search in found), Counter[str]())
    notes += failure_note(failures, sum(search.n_evaluations for search in found))
    values = layout.slope(layout.natural(point.x))
    covariance = known.covariance * values[:, None] * values
    rows = [
        {
            "start": k,
            "nll": search.best.nll,
            "own_nll": search.ended,
            "status": search.status,
            "message": search.last.message if search.last else "",
            "n_evaluations": search.n_evaluations,
            "n_failed": sum(search.failures.values()),
        }
        for k, search in enumerate(found)
    ]
    return Fit(
        params=params_frame(point, layout, known),
        loglik=-nll,
        aic=2.0 * layout.n_free + 2.0 * nll,
        bic=layout.n_free * math.log(n) + 2.0 * nll,
        log_prior=-point.penalty,
        n_observations=n,
        n_free=layout.n_free,
        converged=bool(reached and not lost and (len(found) == 1 or hits >= 2)),
        distance=left,
        starts=pd.DataFrame(rows),
        residuals=residuals_frame(problem, design, at, seed),
        model=fitted_model(problem, at, None),
        covariance=pd.DataFrame(covariance, index=names, columns=names),
        notes=tuple(notes),
        _problem=problem,
        _design=design,
        _x=at,
    )
