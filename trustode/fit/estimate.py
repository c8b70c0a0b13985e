"""Estimate a model's values from data: the call that fits.

Imports all that a fit needs: arguments brought together, searches, and what they come to.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..errors import checks_keywords
from ..jobs import check_how
from ..model import Model
from ..progress import Progress
from ..solve import Solver
from .checks import check_enough, check_model, check_options
from .marginal import ADAPTIVE, Marginal
from .mixed import integrated, is_mixed, without_random
from .objective import Evaluation
from .observation import Observation
from .onward import searched_on
from .optimise import NEAR_SOLVER, SEARCH_SOLVER, Search
from .outcome import is_rough, refined_population, single, with_persons
from .rest import AtRest
from .result import Fit
from .setup import assembled
from .starts import searched, searched_population, searched_through
from .vary import Vary

if TYPE_CHECKING:
    import pandas as pd

#: Width, in scales, to which kinks of a likelihood are rounded off while searching.
SEARCH_WIDTH = 1e-2


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
    quadrature: int | str = 1,
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
        Column of times, in the model's unit. A group's solve starts at its first row, with the
        initial values there; a row without an answer may be the first.
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
        a Latin hypercube. A start that cannot be evaluated is drawn anew up to 9 times. One start
        may end at a local optimum, and nothing would tell. With random values the starts are of
        a fit to all persons alike; the population, which takes longer, is searched from the given
        values and from the best two optima found so, and the fit's ``starts`` are these three.
    seed : int
        Of the starts, and of the draws that check the integral over random values.
    covariance : {"diagonal", "full"}
        Whether random values of a person are independent, or correlations are estimated too.
    quadrature : int or "adaptive"
        Nodes for each random value of the Gauss-Hermite quadrature that integrates them, around
        each person's best values; one is Laplace's method. "adaptive" integrates one random value
        over all it may be, whatever the shape of a person's likelihood; so does a fit by
        Laplace's method that stalls where that is rough.
    executor : concurrent.futures.Executor, optional
        Who searches; this process unless given. A start is a piece of work.
    checkpoint : path, optional
        File that keeps finished starts: after an interrupt or a kill the same call goes on
        with the others.
    progress : bool, callable or None
        True shows a bar, None one on a terminal or in a notebook if it takes long; a callable gets
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
    check_model(model, where)
    check_options(where, solver, {"starts": (starts, 1), "seed": (seed, 0)})
    how = check_how(threads, executor, checkpoint, progress, where)
    if is_mixed(vary):
        arguments = (group, inputs, params, initial)
        marginal, design = integrated(
            model, data, time, observed, vary, *arguments, covariance, quadrature, where
        )
        # Laplace's method finds the way; other integrals are for where it ends.
        marginal = replace(marginal.solved_by(solver or NEAR_SOLVER, threads), quadrature=1)
        _, alike, _ = without_random(vary, group, where)
        pooled, _ = assembled(model, data, time, observed, alike, *arguments, where)
        pooled = replace(pooled, solver=solver or SEARCH_SOLVER, threads=threads)
        sought = marginal.factored() if covariance == "full" else marginal

        def reached(found: list[Search], integral: int | str) -> tuple[Marginal, Evaluation]:
            return refined_population(marginal, found, integral, solver is None, where)

        def ended_mixed(found: list[Search], integral: int | str = quadrature) -> Fit:
            best = reached(found, integral)
            return with_persons(marginal, design, found, best, quadrature, seed, progress, where)

        found = searched_population(sought, pooled, starts, seed, how, where, ended_mixed)
        if quadrature != ADAPTIVE:
            best = reached(found, quadrature)
            if not is_rough(*best):
                return with_persons(
                    marginal, design, found, best, quadrature, seed, progress, where
                )
        adaptive = replace(sought, quadrature=ADAPTIVE)

        def ended_adaptive(found: list[Search]) -> Fit:
            return ended_mixed(found, ADAPTIVE)

        return ended_adaptive(searched_through(adaptive, found, seed, how, where, ended_adaptive))
    problem, design = assembled(
        model, data, time, observed, vary, group, inputs, params, initial, where
    )
    problem = replace(problem, solver=solver or SEARCH_SOLVER, threads=threads)
    check_enough(problem, where)

    def ended(found: list[Search]) -> Fit:
        return single(problem, design, found, solver is None, seed, where)

    searching = problem if problem.smooth else problem.rounded(SEARCH_WIDTH)
    found = searched(searching, starts, seed, how, where, ended)
    return ended(searched_on(searching, found, seed, how, where, ended))
