"""What searches come to: the best one refined, and the result put together.

Imports the searches and the result.
"""

from __future__ import annotations

import math
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..errors import STATUS_TEXT, FitWarning, SolveError, Status, listed
from ..jobs import LOST
from ..progress import Progress
from .contents import failure_note, fitted_model, params_frame, residuals_frame
from .data import Design
from .information import (
    cut_notes,
    labels,
    lost_note,
    sloppy_notes,
    uncertainty,
    undetermined_notes,
)
from .marginal import ADAPTIVE, Marginal
from .mixed import population_model, told
from .objective import Evaluation, Failure, Problem
from .onward import agreeing
from .optimise import (
    FINAL_SOLVER,
    PATIENCE,
    POLISH_DISTANCE,
    SEARCH_DISTANCE,
    Search,
    descend,
    free_to_move,
    remaining_distance,
)
from .readout import jump_notes, shared_notes
from .result import Fit
from .slips import begun_apart, slips

#: Widths, in scales, to which kinks of a likelihood are rounded off while polishing.
POLISH_WIDTHS = (1e-3, 1e-4, 1e-5, 1e-6)

#: Distance to the optimum, in standard errors, up to which several starts that found the same
#: may end: where a model is stiff, the gradient has errors that no step can lower.
AGREED = 0.01

#: Distance, in standard errors, at which a fit with random values ends, and how often it is
#: looked whether it is still there with the persons' best values searched anew.
MIXED_DISTANCE, POLISHES = 1e-4, 3

#: Difference below which they are taken for equal: what searches leave to the polish.
TIE = 1e-5


def single(
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


def _polished(marginal: Marginal, point: Evaluation) -> Evaluation:
    """Search to the end; what is found there by modes searched anew may be another beginning."""
    for _ in range(POLISHES):
        point, _ = descend(marginal.following().evaluate, point, marginal.layout, MIXED_DISTANCE)
        point = marginal.evaluate(point.x)
        if remaining_distance(point, marginal.layout) < MIXED_DISTANCE:
            break
    return point


def refined_population(
    marginal: Marginal, found: Sequence[Search], quadrature: int | str, refine: bool, where: str
) -> tuple[Marginal, Evaluation]:
    """Refine the best search with random values, by an integral."""
    best = min(found, key=lambda search: search.best.nll)
    if not math.isfinite(best.best.nll):
        raise _all_failed(found, where)
    sought = marginal.factored() if marginal.population.corr else marginal
    sought = replace(sought, quadrature=quadrature)
    point, final = sought.evaluate(best.best.x), sought
    # Without second differences of the likelihood nothing is won by more digits.
    if refine and quadrature != ADAPTIVE:
        final = replace(sought, inner=replace(sought.inner, solver=FINAL_SOLVER))
        refined = final.evaluate(point.x)
        final, point = (sought, point) if refined.failure is not None else (final, refined)
    return final, _polished(final, point)


def is_rough(final: Marginal, point: Evaluation) -> bool:
    """Return whether the best point is none by Laplace's method that another integral may end."""
    by_laplace = final.quadrature == 1 and len(final.population.names) == 1
    return by_laplace and remaining_distance(point, final.layout) >= SEARCH_DISTANCE


def with_persons(
    marginal: Marginal,
    design: Design,
    found: Sequence[Search],
    reached: tuple[Marginal, Evaluation],
    asked: int | str,
    seed: int,
    progress: Progress,
    where: str,
) -> Fit:
    """Put the result with random values together, from the best search refined.

    It is said where the quadrature is not the one `asked` for.
    """
    layout, (final, point) = marginal.layout, reached
    left = remaining_distance(point, final.layout)
    observed = final.observed_information(point, free_to_move(point, final.layout))
    notes = []
    if final.quadrature != asked:
        notes.append(
            "Laplace's method is rough here, and a search by it stopped before its optimum; the "
            f"random values were integrated by quadrature='{final.quadrature}'"
        )
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
    mixed, persons, more = told(final, modes[0], point.penalty - point.nll, seed, progress, where)
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
    doubts += jump_notes(problem.readout.model, layout.names)
    doubts += slips(problem.data, problem.observed, design.time)
    doubts += begun_apart(problem, at, design.time)
    spread = sorted(problem.readout.scales.intersection(layout.names))
    if spread and n <= layout.n_free and not layout.has_priors:
        doubts.append(
            f"{n} observations for {layout.n_free} values that vary, {listed(spread)} among them: "
            "nothing is left to judge the size of errors by, so standard errors mean little; vary "
            "fewer values, or give priors"
        )
    reached = left < (AGREED if hits >= 2 else SEARCH_DISTANCE)
    if not reached:
        doubts.append(
            f"the best search stopped {left:.2g} standard errors from its optimum; raise starts, "
            "or tighten the solver's rtol"
        )
    if len(found) > 1 and hits < 2:
        doubts.append(
            f"only one of {len(found)} starts reached the best value, so there may be a better "
            "one; raise starts, or begin from other values"
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
