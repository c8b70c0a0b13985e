"""What the result of a fit holds: its tables, its model and its notes.

Imports the objective and the model layer; pandas when a table is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import SolveError
from ..model import Model
from .data import Design
from .information import NORMAL_975, Uncertainty
from .objective import Evaluation, Failure, Problem
from .vary import Layout, as_fitted, initial_of

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]


def params_frame(point: Evaluation, layout: Layout, found: Uncertainty) -> pd.DataFrame:
    """Tabulate the free values."""
    import pandas as pd

    x = point.x
    error = np.sqrt(np.diagonal(found.covariance))
    values = layout.natural(x)
    names = [layout.names[k] for k in layout.owner]
    levels = [level for levels in layout.levels for level in levels]
    return pd.DataFrame(
        {
            "name": names,
            "group": ["" if level is None else level for level in levels],
            "value": values,
            "stderr": error * layout.slope(values),
            "low": layout.natural(np.maximum(x - NORMAL_975 * error, layout.lower)),
            "high": layout.natural(np.minimum(x + NORMAL_975 * error, layout.upper)),
            "at_bound": (x <= layout.lower) | (x >= layout.upper),
        },
        index=names,
    )


def raised(predicted: dict[str, Any] | Failure, where: str) -> dict[str, Any]:
    """Return predictions, or raise for a solve that failed."""
    if isinstance(predicted, Failure):
        raise SolveError(
            f"{where}: {predicted.message} [{predicted.status.name}]", predicted.status
        )
    return predicted


def residuals_frame(problem: Problem, design: Design, x: Array, seed: int) -> pd.DataFrame:
    """Tabulate the observations beside what is predicted."""
    import pandas as pd

    where = f"fit({problem.readout.model.name})"
    found = raised(problem.quantities(x), where)
    rng = np.random.default_rng(seed)
    data, parts = problem.data, []
    for column, rows in data.measured.items():
        observation, predicted = problem.observed[column], found[column][rows.row]
        terms = observation.terms(rows.values, rows.known, predicted)
        share = rng.random(len(rows.values))
        parts.append(
            pd.DataFrame(
                {
                    "group": [data.labels[g] for g in rows.group],
                    "time": data.frame[design.time].to_numpy()[rows.row],
                    "column": column,
                    "observed": rows.given,
                    "predicted": observation.shown(predicted),
                    "residual": observation.residual(rows.values, rows.known, predicted, share),
                    "loglik": -terms.nll,
                },
                index=data.frame.index[rows.row],
            )
        )
    return pd.concat(parts)


def fitted_model(problem: Problem, x: Array, group: int | None) -> Model:
    """Return the model with the values of one group, or with those all groups share."""
    model, layout = problem.readout.model, problem.layout
    values = layout.natural(x)
    params: dict[str, Any] = {n: v for n, v in problem.fixed.items() if n in model.params}
    initial: dict[str, float] = dict(problem.initial)
    if group is not None and problem.data.rest is not None:
        start = problem.initial_values(problem.parameters(values), values)
        if not isinstance(start, Failure):
            initial |= dict(zip(model.states, start.y[group].tolist(), strict=True))
    for name, held in problem.data.held.items() if group is not None else ():
        state = initial_of(name, model)
        if state is not None:
            initial[state] = float(held[group])
        elif name in model.params:
            params[name] = float(held[group])
    at = problem.index[0 if group is None else group]
    estimates = {
        name: float(values[at[k]])
        for k, (name, vary) in enumerate(zip(layout.names, layout.varies, strict=True))
        if vary.per is None or group is not None
    }
    fitted, begun = as_fitted(model, estimates)
    return model.replace(params=params | fitted, initial=initial | begun)


def failure_note(failures: Mapping[str, int], n_evaluations: int) -> list[str]:
    """Say how many evaluations failed and why."""
    if not failures:
        return []
    kinds = ", ".join(f"{count} {status}" for status, count in failures.items())
    return [f"{sum(failures.values())} of {n_evaluations} evaluations failed ({kinds})"]
