"""How far a bifurcation moves when another parameter changes.

By the implicit-function theorem on the equations that define it, with exact derivatives.
Imports the systems and multilinear forms of this folder.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ModelError, SolveError, Status
from ..model import Model
from .multilinear import Multilinear
from .normal_form import hopf_vectors
from .system import Array, System

if TYPE_CHECKING:
    import pandas as pd

#: Kinds of points whose location moves smoothly with any parameter.
MOVABLE = ("fold", "hopf")


@np.errstate(all="ignore")
def location_derivatives(
    model: Model,
    parameter: str,
    row: Mapping[str, Any],
    params: Mapping[str, float],
    inputs: Mapping[str, float],
    where: str,
) -> pd.DataFrame:
    """Return the derivatives of a fold's or Hopf point's location by every other parameter.

    Parameters
    ----------
    model : Model
    parameter : str
        What the location is a value of.
    row : mapping
        A row of the special points of a branch.
    params, inputs : mapping of str to float
        The values that were held.
    where : str
        The call, for messages.

    Returns
    -------
    DataFrame
        See `Branch.sensitivity`.

    Raises
    ------
    ModelError
        If the point is neither a fold nor a Hopf point.
    SolveError
        If the location has no derivative, as at a cusp.

    Notes
    -----
    f = 0 and Re(lambda) = 0 move by A dy + f_p dp = 0 and Re <p, dA q> = 0, where
    dA = B(., dy) + A_p dp, A q = lambda q and A^T p = conj(lambda) p; omega by Im <p, dA q>.
    """
    import pandas as pd

    kind = row["kind"]
    if kind not in MOVABLE:
        raise ModelError(
            f"{where}: the row is a {str(kind).replace('_', ' ')}; only folds and Hopf points "
            "move smoothly with every parameter"
        )
    system = System(model, params, inputs, "sensitivity", parameter)
    n = system.n
    x = np.array([float(row[name]) for name in (*model.states, parameter)])
    full = system.full(x)
    forms = Multilinear(model, x[:n], system.p, system.u)
    omega = float(row["omega"]) if kind == "hopf" else 0.0
    left, right = _vectors(full[:, :n], omega)
    names = [*model.params, *model.inputs]
    others = [name for name in names if name != parameter]
    slopes = np.column_stack(
        [
            system.compiled.dfdp(0.0, x[:n], system.p, system.u),
            system.compiled.dfdu(0.0, x[:n], system.p, system.u),
        ]
    )
    # What lambda moves by with the states, and with each parameter at states that stand still.
    by_state = np.array([np.vdot(left, forms.B(right, unit)) for unit in np.eye(n)])
    by_value = np.array([np.vdot(left, forms.by_parameter(right, name)) for name in names])
    where_free = names.index(parameter)
    matrix = np.empty((n + 1, n + 1))
    matrix[:n, :n], matrix[:n, n] = full[:, :n], full[:, n]
    matrix[n, :n], matrix[n, n] = by_state.real, by_value[where_free].real
    chosen = [names.index(name) for name in others]
    values = np.concatenate([system.p, system.u])[chosen]
    try:
        moved = np.linalg.solve(matrix, -np.vstack([slopes[:, chosen], by_value.real[chosen]]))
    except np.linalg.LinAlgError:
        moved = np.full((n + 1, len(others)), np.nan)
    if not np.isfinite(moved).all():
        raise SolveError(
            f"{where}: the location of this {kind} has no derivative: it is no longer isolated, as "
            "at a cusp or where two Hopf points meet",
            Status.SINGULAR,
        )
    table = pd.DataFrame({"value": values, "derivative": moved[n]}, index=others)
    table.index.name = "parameter"
    table["per_log"] = table["value"] * table["derivative"]
    if kind == "hopf":
        turned = by_state.imag @ moved[:n] + by_value.imag[where_free] * moved[n]
        table["omega"] = turned + by_value.imag[chosen]
        table["period"] = -2.0 * math.pi / omega**2 * table["omega"]
    order = np.lexsort((-table["derivative"].abs(), -table["per_log"].abs()))
    return table.iloc[order]


def _vectors(jac: Array, omega: float) -> tuple[Any, Any]:
    """Return p and q of the eigenvalue i omega, with <p, q> = 1 where it is simple."""
    if omega:
        return hopf_vectors(jac, omega)
    left, _, right = np.linalg.svd(jac)
    return left[:, -1], right[-1]
