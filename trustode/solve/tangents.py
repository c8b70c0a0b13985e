"""Sensitivities: what solves are differentiated by, and where tangents begin."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ..compile import CompiledModel
from ..errors import ModelError, nearest
from ..model import Model

Array = NDArray[np.float64]

NO_INDICES = np.empty(0, dtype=np.int32)


def vary_indices(compiled: CompiledModel, which: Sequence[str], where: str) -> NDArray[np.int32]:
    """Return the parameter index of each name, or -1 - j for the initial value of state j.

    It is not to be written to.
    """
    return _indices(compiled, tuple(which), where) if which else NO_INDICES


@lru_cache(maxsize=256)
def _indices(compiled: CompiledModel, which: tuple[str, ...], where: str) -> NDArray[np.int32]:
    """Look up once what comes again."""
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
    found = np.array(indices, dtype=np.int32)
    found.flags.writeable = False
    return found


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
    rows = np.empty((len(p), 1 + len(vary), y0.shape[1]))
    rows[:, 0] = y0
    if tangents is None:
        _start_tangents(compiled, vary, p, given, rows[:, 1:])
    else:
        rows[:, 1:] = tangents
    return rows.reshape(len(p), -1)


def _start_tangents(
    compiled: CompiledModel,
    vary: NDArray[np.int32],
    p: Array,
    given: Collection[str],
    out: Array,
) -> None:
    """Write the derivatives of the model's own initial values."""
    free = _following(compiled.model, tuple(given))
    indices = tuple(vary.tolist())
    out[...] = _units(indices, out.shape[2])
    for r in range(len(p)) if free else ():
        by = compiled.initial_dp(p[r])
        for column, index in enumerate(indices):
            if index >= 0:
                out[r, column, free] = by[free, index]


@lru_cache(maxsize=256)
def _units(indices: tuple[int, ...], n_state: int) -> Array:
    """Return the derivatives of initial values that follow from no parameter."""
    rows = np.zeros((len(indices), n_state))
    for column, index in enumerate(indices):
        if index < 0:
            rows[column, -1 - index] = 1.0
    return rows


@lru_cache(maxsize=256)
def _following(model: Model, given: tuple[str, ...]) -> list[int]:
    """Return the states whose initial value follows from parameters."""
    initial = enumerate(model.states)
    return [j for j, name in initial if name not in given and not model.initial[name].is_number]
