"""What is checked before a fit, or a study of one, begins.

Imports the model layer, the objective and the marginal.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..errors import DataError, ModelError, OptionError
from ..model import Model
from ..solve import NATIVE, Solver
from .bootstrap import check_whole
from .marginal import Marginal
from .objective import Problem
from .observation import Observation
from .setup import check_members

if TYPE_CHECKING:
    import pandas as pd


def check_model(model: object, where: str) -> None:
    """Raise unless a model is one."""
    if not isinstance(model, Model):
        raise ModelError(f"{where}: expected a Model, got {model!r:.60} ({type(model).__name__})")


def check_enough(problem: Problem, where: str) -> None:
    """Raise if there are fewer observations than free values, and no priors."""
    n, layout = problem.data.n_observations, problem.layout
    if n < layout.n_free and not layout.has_priors:
        raise DataError(
            f"{where}: {n} observations cannot determine {layout.n_free} free values; vary fewer, "
            "or hold some in params= or initial="
        )


def check_options(where: str, solver: object, whole: Mapping[str, tuple[object, int]]) -> None:
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


def check_marginal(marginal: Marginal, where: str) -> None:
    """Raise for a likelihood that cannot be integrated, or too few observations."""
    if not marginal.smooth:
        raise OptionError(
            f"{where}: random values need a likelihood without kinks, which tr.Laplace has; use "
            "tr.StudentT for outliers"
        )
    n, layout = marginal.data.n_observations, marginal.layout
    if n < layout.n_free:
        raise DataError(f"{where}: {n} observations cannot determine {layout.n_free} free values")


def skeleton(design: Any, observed: Any, where: str) -> pd.DataFrame:
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
