"""Sensitivities: what solves are differentiated by, and where tangents begin."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from ..compile import CompiledModel
from ..errors import ModelError, nearest

Array = NDArray[np.float64]

NO_INDICES = np.empty(0, dtype=np.int32)


def vary_indices(compiled: CompiledModel, which: Sequence[str], where: str) -> NDArray[np.int32]:
    """Return the parameter index of each name, or -1 - j for the initial value of state j."""
    if not which:
        return NO_INDICES
    model = compiled.model
    indices = []
    for name in which:
        if name in model.params:
            indices.append(model.params.index(name))
        elif name.endswith("(0)") and name[:-3] in model.states:
            indices.append(-1 - model.states.index(name[:-3]))
        else:
            known = [*model.params, *(f"{state}(0)" for state in model.states)]
            raise ModelError(
                f"{where}: {name!r:.60} is neither a parameter nor an initial value "
                f"('{model.states[0]}(0)') of {model.name}{nearest(str(name), known)}"
            )
    return np.array(indices, dtype=np.int32)


def start_rows(
    compiled: CompiledModel,
    vary: NDArray[np.int32],
    p: Array,
    y0: Array,
    given: Collection[str],
    tangents: Array | None = None,
) -> Array:
    """Return what runs begin with, shape (n_run, n_state * (1 + n_vary)): states, then tangents.

    Parameters
    ----------
    compiled : CompiledModel
    vary : ndarray, shape (n_vary,)
        See `vary_indices`.
    p : ndarray, shape (n_run, n_param)
    y0 : ndarray, shape (n_run, n_state)
    given : collection of str
        States whose initial value was given and so depends on no parameter.
    tangents : ndarray, shape (n_run, n_vary, n_state), optional
        Derivatives of the initial values, where the model's own are not meant.
    """
    if not len(vary):
        return np.ascontiguousarray(y0, dtype=float)
    if tangents is None:
        tangents = _start_tangents(compiled, vary, p, given)
    return np.hstack([y0, tangents.reshape(len(p), -1)])


def _start_tangents(
    compiled: CompiledModel, vary: NDArray[np.int32], p: Array, given: Collection[str]
) -> Array:
    """Return the derivatives of the model's own initial values."""
    model = compiled.model
    tangents = np.zeros((len(p), len(vary), len(model.states)))
    for k, index in enumerate(vary):
        if index < 0:
            tangents[:, k, -1 - index] = 1.0
    free = [j for j, name in enumerate(model.states) if name not in given]
    by_parameter = np.flatnonzero(vary >= 0)
    if by_parameter.size and any(not model.initial[model.states[j]].is_number for j in free):
        for r in range(len(p)):
            by = compiled.initial_dp(p[r])
            for column in by_parameter:
                tangents[r, column, free] = by[free, vary[column]]
    return tangents
