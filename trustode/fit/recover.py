"""Simulate and refit under a design: the call, for one model or several.

Imports arguments brought together, and what is done with them.
"""

from __future__ import annotations

import numbers
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..errors import OptionError, checks_keywords
from ..jobs import check_how
from ..model import Model
from ..progress import Progress
from ..solve import Solver
from .bootstrap import check_whole
from .checks import check_enough, check_model, check_options, skeleton
from .confusion import CRITERIA, Confusion, confused
from .marginal import Marginal
from .mixed import integrated, is_mixed
from .objective import Problem
from .optimise import NEAR_SOLVER
from .recovery import Recovery, recovered
from .setup import assembled
from .truths import truths_of

if TYPE_CHECKING:
    import pandas as pd


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
    covariance: str = "diagonal",
    quadrature: int | str = 1,
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
    covariance, quadrature
        As in `fit`, for random values: each data set has new persons, drawn from the population
        that is true.
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
    check_options(where, solver, {})
    how = check_how(threads, executor, checkpoint, progress, where)
    models = dict(model) if isinstance(model, Mapping) else {"": model}
    if several and len(models) < 2:
        raise OptionError(f"{where}: give one model, or at least two by name")
    problems: dict[str, Problem | Marginal] = {}
    truths: dict[str, Any] = {}
    for name, each in models.items():
        check_model(each, where)
        mine = [_of_model(given, name, models) for given in
                (observed, vary, inputs, params, initial)]  # fmt: skip
        frame = skeleton(design, mine[0], where)
        if is_mixed(mine[1]):
            marginal, _ = integrated(
                each, frame, time, mine[0], mine[1], group, *mine[2:], covariance, quadrature, where
            )
            problems[name] = marginal.solved_by(solver or NEAR_SOLVER, threads)
        else:
            problem, _ = assembled(each, frame, time, mine[0], mine[1], group, *mine[2:], where)
            check_enough(problem, where)
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
