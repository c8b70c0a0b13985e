"""How far a bifurcation moves when another parameter changes.

By the implicit-function theorem on the equations that define it, with exact derivatives.
Imports the systems and multilinear forms of this folder.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

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
    """
    import pandas as pd

    kind = row["kind"]
    if kind not in MOVABLE:
        raise ModelError(
            f"{where}: the row is a {str(kind).replace('_', ' ')}; only folds and Hopf points "
            "move smoothly with every parameter"
        )
    system = System(model, params, inputs, "sensitivity", parameter)
    x = np.array([float(row[name]) for name in (*model.states, parameter)])
    omega = float(row["omega"]) if kind == "hopf" else 0.0
    moved = moved_point(system, kind, x, omega)
    if moved is None:
        raise SolveError(
            f"{where}: the location of this {kind} has no derivative: it is no longer isolated, as "
            "at a cusp or where two Hopf points meet",
            Status.SINGULAR,
        )
    names = [*model.params, *model.inputs]
    chosen = [names.index(name) for name in moved.names]
    table = pd.DataFrame(
        {
            "value": np.concatenate([system.p, system.u])[chosen],
            "derivative": moved.by_value[-1],
        },
        index=list(moved.names),
    )
    table.index.name = "parameter"
    table["per_log"] = table["value"] * table["derivative"]
    if kind == "hopf":
        table["omega"] = moved.omega
        table["period"] = -2.0 * math.pi / omega**2 * table["omega"]
    order = np.lexsort((-table["derivative"].abs(), -table["per_log"].abs()))
    return table.iloc[order]


class MovedPoint(NamedTuple):
    """How a fold or Hopf point moves.

    Attributes
    ----------
    names : tuple of str
        Parameters and inputs other than the free one.
    by_value : ndarray, shape (n_state + 1, n_name)
        Derivatives of the states and of the location.
    omega : ndarray, shape (n_name,)
        Derivatives of a Hopf point's angular frequency.
    """

    names: tuple[str, ...]
    by_value: Array
    omega: Array


@np.errstate(all="ignore")
def moved_point(system: System, kind: str, x: Array, omega: float) -> MovedPoint | None:
    """Return how a fold or Hopf point moves, or None if it is no longer isolated.

    Parameters
    ----------
    system : System
        Its free parameter is what the point is located along.
    kind : {"fold", "hopf"}
    x : ndarray, shape (n_state + 1,)
    omega : float
        Angular frequency of a Hopf point.

    Notes
    -----
    f = 0 and Re(lambda) = 0 move by A dy + f_p dp = 0 and Re <p, dA q> = 0, where
    dA = B(., dy) + A_p dp, A q = lambda q and A^T p = conj(lambda) p; omega by Im <p, dA q>.
    """
    model, n = system.model, system.n
    full = system.full(x)
    forms = Multilinear(model, x[:n], system.p, system.u)
    left, right = _vectors(full[:, :n], omega if kind == "hopf" else 0.0)
    names = [*model.params, *model.inputs]
    others = [name for name in names if name != system.free]
    slopes = np.column_stack(
        [
            system.compiled.dfdp(0.0, x[:n], system.p, system.u),
            system.compiled.dfdu(0.0, x[:n], system.p, system.u),
        ]
    )
    # What lambda moves by with the states, and with each parameter at states that stand still.
    by_state = np.array([np.vdot(left, forms.B(right, unit)) for unit in np.eye(n)])
    by_value = np.array([np.vdot(left, forms.by_parameter(right, name)) for name in names])
    where_free = names.index(str(system.free))
    matrix = np.empty((n + 1, n + 1))
    matrix[:n, :n], matrix[:n, n] = full[:, :n], full[:, n]
    matrix[n, :n], matrix[n, n] = by_state.real, by_value[where_free].real
    chosen = [names.index(name) for name in others]
    try:
        moved = np.linalg.solve(matrix, -np.vstack([slopes[:, chosen], by_value.real[chosen]]))
    except np.linalg.LinAlgError:
        return None
    if not np.isfinite(moved).all():
        return None
    turned = by_state.imag @ moved[:n] + by_value.imag[where_free] * moved[n]
    return MovedPoint(tuple(others), moved, turned + by_value.imag[chosen])


def _vectors(jac: Array, omega: float) -> tuple[Any, Any]:
    """Return p and q of the eigenvalue i omega, with <p, q> = 1 where it is simple."""
    if omega:
        return hopf_vectors(jac, omega)
    left, _, right = np.linalg.svd(jac)
    return left[:, -1], right[-1]
