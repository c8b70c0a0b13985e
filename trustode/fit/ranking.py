"""Rank designs of a study by what they are expected to tell, before there are data.

Imports arguments brought together and what the information matrix says.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, OptionError, SolveError, checks_keywords, listed
from ..model import Model
from ..notebook import Shown, text_of_columns
from ..solve import Solver
from .checks import check_model, check_options, skeleton
from .information import labels, sloppy_notes, uncertainty, undetermined_notes
from .marginal import Marginal
from .mixed import integrated, is_mixed
from .objective import Evaluation, Failure, Problem
from .observation import Observation
from .optimise import NEAR_SOLVER
from .rest import AtRest
from .setup import assembled
from .truths import truths_of
from .vary import Vary

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]

#: Criteria by which designs are ranked: the determinant of the information, or the mean variance.
RANKINGS = ("d", "a")


@dataclass(frozen=True, eq=False)
class Ranking(Shown):
    """What each of several designs is expected to tell.

    Attributes
    ----------
    table : DataFrame
        One row a design, the best first: n_observations; logdet, the logarithm of the determinant
        of the expected information; d_efficiency, the share of its observations with which the
        best design would tell as much by the determinant; variance, the sum of the values'
        expected variances; a_efficiency, the least such sum over this one. All by the values on
        the scales of the search, minus infinity or infinite where a value is not determined.
    stderrs : DataFrame
        Expected standard errors of the values themselves, a row a design, a column a value.
    information : mapping of design to DataFrame
        Expected Fisher information of the values on the scales of the search.
    criterion : {"d", "a"}
    notes : tuple of str
        What a design cannot tell, in words.
    """

    table: pd.DataFrame
    stderrs: pd.DataFrame
    information: Mapping[str, pd.DataFrame]
    criterion: str
    notes: tuple[str, ...]
    _model: str = field(repr=False)

    def to_frame(self) -> pd.DataFrame:
        """Return the table with the standard errors."""
        return self.table.join(self.stderrs.add_prefix("stderr "))

    def summary(self) -> str:
        """Return the answer in sentences."""
        best = str(self.table.index[0])
        kind = "determinant of the information" if self.criterion == "d" else "sum of variances"
        lines = [f"By the {kind}, '{best}' tells most of '{self._model}'."]
        if not math.isfinite(self.table["logdet"].iloc[0]):
            lines = [f"None of the designs determines every value of '{self._model}'."]
        share = f"{self.criterion}_efficiency"
        for name, row in self.table.iloc[1:].iterrows():
            if math.isfinite(row["logdet"]):
                lines.append(
                    f"'{name}', with {row['n_observations']:g} observations against "
                    f"{self.table['n_observations'].iloc[0]:g}, tells {100.0 * row[share]:.3g} % "
                    "of that."
                )
        return "\n".join([*lines, *self.notes])

    def _headline(self) -> str:
        return f"<Ranking of {len(self.table)} designs>"

    def __repr__(self) -> str:
        return f"{self._headline()}\n{text_of_columns(self.to_frame())}"


def ranked(
    problems: Mapping[str, Problem | Marginal],
    points: Mapping[str, Array],
    criterion: str,
    where: str,
) -> Ranking:
    """Evaluate the expected information of each design and rank them."""
    import pandas as pd

    first = next(iter(problems))
    names = labels(problems[first].layout)
    rows, errors, matrices, notes = {}, {}, {}, []
    for name, problem in problems.items():
        if labels(problem.layout) != names:
            raise DataError(
                f"{where}: design '{name}' has the values {listed(labels(problem.layout), 6)}, "
                f"'{first}' has {listed(names, 6)}; designs are compared for the same values, so "
                "levels of per= must be the same"
            )
        information = _information(problem, points[name])
        if isinstance(information, Failure):
            raise SolveError(f"{where}: design '{name}': {information.message}",
                             information.status)  # fmt: skip
        layout, n = problem.layout, len(names)
        # An optimum is not sought, so no gradient holds a value at a bound.
        point = Evaluation(points[name], 0.0, np.zeros(n), information)
        known = uncertainty(point, layout, problem.solver.rtol)
        scale = np.sqrt(np.maximum(np.diagonal(point.information), 0.0))
        determined = not known.undetermined.any()
        logdet = -math.inf
        if determined:
            whole = np.linalg.slogdet(point.information / np.outer(scale, scale))[1]
            logdet = float(whole + 2.0 * np.log(scale).sum())
        variance = np.diagonal(known.covariance)
        rows[name] = {
            "n_observations": problem.data.n_observations,
            "logdet": logdet,
            "variance": float(variance.sum()) if determined else math.inf,
        }
        errors[name] = np.sqrt(variance) * layout.slope(layout.natural(point.x))
        matrices[name] = pd.DataFrame(point.information, index=names, columns=names)
        doubts = undetermined_notes(layout, known) or sloppy_notes(point, layout, known)
        notes += [f"'{name}': {doubt}" for doubt in doubts]
    table = pd.DataFrame.from_dict(rows, orient="index")
    with np.errstate(invalid="ignore"):
        behind = table["logdet"] - table["logdet"].max()
        table.insert(2, "d_efficiency", np.exp(behind / len(names)).fillna(0.0))
        table["a_efficiency"] = (table["variance"].min() / table["variance"]).fillna(0.0)
    by, up = ("logdet", False) if criterion == "d" else ("variance", True)
    table = table.sort_values(by, ascending=up, kind="stable")
    stderrs = pd.DataFrame.from_dict(errors, orient="index", columns=names).loc[table.index]
    model = problems[first].readout.model.name
    return Ranking(table, stderrs, matrices, criterion, tuple(notes), model)


def _information(problem: Problem | Marginal, x: Array) -> Array | Failure:
    """Return what a design is expected to tell."""
    if isinstance(problem, Marginal):
        return problem.foreseen(x)
    point = problem.evaluate(x, settle=False)
    return point.information if point.failure is None else point.failure


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
    covariance: str = "diagonal",
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
    covariance : {"diagonal", "full"}
        Of random values, as in `fit`. Designs are judged for persons near the population's means.
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
    check_model(model, where)
    check_options(where, solver, {} if threads is None else {"threads": (threads, 1)})
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
    problems: dict[str, Problem | Marginal] = {}
    points: dict[str, Any] = {}
    for name, design in designs.items():
        here = f"{where}: design {str(name)!r:.40}"
        frame = skeleton(design, observed, here)
        arguments = (group, inputs, params, initial)
        if is_mixed(vary):
            marginal, _ = integrated(
                model, frame, time, observed, vary, *arguments, covariance, 1, here
            )
            whole: Problem | Marginal = marginal.solved_by(solver or NEAR_SOLVER, threads)
        else:
            problem, _ = assembled(model, frame, time, observed, vary, *arguments, here)
            whole = replace(problem, solver=solver or NEAR_SOLVER, threads=threads)
        problems[str(name)] = whole
        points[str(name)] = truths_of(whole, truth, 1, 0, here)[0]
    return ranked(problems, points, criterion, where)
