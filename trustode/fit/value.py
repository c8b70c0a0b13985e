"""The objective of a fit at any values, as a thing to call.

Imports arguments brought together; pandas when a table is made.
"""

from __future__ import annotations

import math
import numbers
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import FitWarning, ModelError, SolveError, checks_keywords, listed, nearest
from ..model import Model
from ..solve import Solver
from .checks import check_model, check_options
from .information import labels
from .marginal import Marginal
from .mixed import integrated, is_mixed
from .objective import Evaluation, Failure, Problem
from .observation import Observation
from .optimise import FINAL_SOLVER
from .readout import jump_notes
from .rest import AtRest
from .setup import assembled
from .vary import Vary

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Objective:
    """What a fit minimises, at any values.

    Made by `trustode.objective`, or by `Fit.objective` around fitted values. Values are given
    as a mapping or Series of name to number; a name that is varied per column stands for all
    its levels, ``"T(0) [p1]"`` for one. Values that are not given are those of `start`.

    Attributes
    ----------
    names : tuple of str
        Of the free values.
    start : Series
        Values that `Vary` gave, by name.
    n_observations : int
    """

    _problem: Problem | Marginal = field(repr=False)
    _x: Array = field(repr=False)
    #: The last evaluation, since value and gradient are often asked of the same point.
    _last: dict[bytes, Evaluation] = field(default_factory=dict, repr=False)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the free values."""
        return tuple(labels(self._problem.layout))

    @property
    def start(self) -> pd.Series[float]:
        """Values that `Vary` gave, or fitted ones, by name."""
        return self._series(self._problem.layout.natural(self._x), "value")

    @property
    def n_observations(self) -> int:
        """Number of observations in all columns."""
        return self._problem.data.n_observations

    def nll(self, values: Mapping[str, float] | None = None) -> float:
        """Return the negative log-likelihood, minus the log-density of any priors.

        Every constant is included: the likelihood is the density, or probability, of the
        data as they stand in the table. On a logarithmic `transform` this has the term
        ``log(observed)`` (with "log10" ``log(observed log 10)``), in a `Binomial` the
        coefficient, in a `Poisson` the factorial.

        Raises
        ------
        SolveError
            If the solve fails or an observation is impossible.
        ModelError
            If a name is unknown or a value is no number.
        """
        found = self._problem.value(self._given(values))
        if isinstance(found, Failure):
            raise self._error(found)
        return found

    def loglik(self, values: Mapping[str, float] | None = None) -> float:
        """Return the log-likelihood, without priors."""
        penalty, _, _ = self._problem.layout.penalty(self._given(values))
        return penalty - self.nll(values)

    def gradient(
        self, values: Mapping[str, float] | None = None, *, scaled: bool = True
    ) -> pd.Series[float]:
        """Return the derivatives of `nll` by every free value.

        Parameters
        ----------
        values : mapping of name to float, optional
        scaled : bool
            By each value on the scale of its `Vary` (with "log10" by its decimal logarithm),
            as a search moves it; False for derivatives by the values themselves.
        """
        found = self._at(values)
        slope = self._problem.layout.slope(self._problem.layout.natural(found.x))
        return self._series(found.gradient if scaled else found.gradient / slope, "gradient")

    def information(
        self, values: Mapping[str, float] | None = None, *, scaled: bool = True
    ) -> pd.DataFrame:
        """Return the expected Fisher information of the free values, with that of priors.

        Scaled as in `gradient`.
        """
        import pandas as pd

        found = self._at(values)
        slope = self._problem.layout.slope(self._problem.layout.natural(found.x))
        matrix = found.information if scaled else found.information / np.outer(slope, slope)
        return pd.DataFrame(matrix, index=self.names, columns=self.names)

    def predict(self, values: Mapping[str, float] | None = None) -> pd.DataFrame:
        """Return what every row of the data should show, as `Fit.predict`.

        With random values, at the best values of each person.
        """
        predicted = self._problem.predict(self._given(values))
        if isinstance(predicted, Failure):
            raise self._error(predicted)
        frame = self._problem.data.frame.copy()
        for column, found in predicted.items():
            frame[column] = found
        return frame

    def __repr__(self) -> str:
        model = self._problem.readout.model.name
        return (
            f"<Objective of {model!r}: {self.n_observations} observations, {len(self.names)} free "
            f"values: {listed(self.names)}>"
        )

    def _series(self, values: Array, name: str) -> pd.Series[float]:
        import pandas as pd

        return pd.Series(values, index=self.names, name=name)

    def _given(self, values: Mapping[str, float] | None) -> Array:
        """Return x for values."""
        layout, names = self._problem.layout, self.names
        if values is None:
            return self._x
        where = f"objective({self._problem.readout.model.name})"
        found = layout.natural(self._x)
        for name, value in dict(values).items():
            number = isinstance(value, numbers.Real) and not isinstance(value, bool)
            if not number or not math.isfinite(value):
                raise ModelError(f"{where}: '{name}' = {value!r:.60} is not a finite number")
            at: Any = [k for k, label in enumerate(names) if label == name]
            if name in layout.names:
                at = np.flatnonzero(layout.owner == layout.names.index(name))
            if not len(at):
                hint = nearest(str(name), [*layout.names, *names]) or "."
                raise ModelError(f"{where}: '{name}' is no free value{hint} Free: {listed(names)}")
            found[at] = value
        x = layout.scaled(found)
        bad = np.flatnonzero(~np.isfinite(x))
        if bad.size:
            k = int(bad[0])
            raise ModelError(
                f"{where}: '{names[k]}' = {found[k]:g} is not possible on its scale "
                f"'{layout.varies[layout.owner[k]].scale}'"
            )
        return x

    def _at(self, values: Mapping[str, float] | None) -> Evaluation:
        """Evaluate, or raise."""
        x = self._given(values)
        found = self._last.get(x.tobytes())
        if found is None:
            found = self._problem.evaluate(x, settle=False)
            self._last.clear()
            self._last[x.tobytes()] = found
        if found.failure is not None:
            raise self._error(found.failure)
        return found

    def _error(self, failure: Failure) -> SolveError:
        where = f"objective({self._problem.readout.model.name})"
        return SolveError(f"{where}: {failure.message} [{failure.status.name}]", failure.status)


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
    covariance: str = "diagonal",
    quadrature: int | str = 1,
    threads: int | None = None,
) -> Objective:
    """Return what a fit would minimise, to evaluate at any values without a search.

    Parameters are those of `fit`. Nothing is moved: scales, too, are used as given. With random
    values it is the marginal likelihood, by means and spreads, as ``"a"`` and ``"sd(a)"``.

    Parameters
    ----------
    model : Model
    data : DataFrame
    time, observed, vary, group, inputs, params, initial, covariance, quadrature, threads
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

    Warns
    -----
    FitWarning
        If a varied value decides when the equations jump, which no gradient sees.
    """
    where = f"objective({getattr(model, 'name', model)!s:.60})"
    check_model(model, where)
    check_options(where, solver, {} if threads is None else {"threads": (threads, 1)})
    arguments = (group, inputs, params, initial)
    if is_mixed(vary):
        marginal, _ = integrated(
            model, data, time, observed, vary, *arguments, covariance, quadrature, where
        )
        marginal = marginal.solved_by(solver or FINAL_SOLVER, threads)
        return Objective(marginal, marginal.layout.first)
    problem, _ = assembled(model, data, time, observed, vary, *arguments, where)
    for note in jump_notes(problem.readout.model, problem.layout.names):
        warnings.warn(f"{where}: {note}", FitWarning, stacklevel=3)
    problem = replace(problem, solver=solver or FINAL_SOLVER, threads=threads)
    return Objective(problem, problem.layout.first)
