"""Sensitivities: what solves are differentiated by, and where tangents begin."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..compile import CompiledModel
from ..errors import ModelError, nearest
from ..model import Model

Array = NDArray[np.float64]

NO_INDICES = np.empty(0, dtype=np.int32)


class Directions(NamedTuple):
    """What solves are differentiated by; nothing of it is to be written to.

    Attributes
    ----------
    indices : tuple of int
        The parameter index of each name, or -1 - j for the initial value of state j.
    vary : ndarray, shape (n_vary,)
        The same for the C core: the parameter index, or -1 for an initial value.
    start : ndarray, shape (1, n_state * (1 + n_vary))
        Places for the initial values, then their tangents where they follow from no parameter.
    """

    indices: tuple[int, ...]
    vary: NDArray[np.int32]
    start: Array


_NONE = Directions((), NO_INDICES, np.empty((1, 0)))


def directions(compiled: CompiledModel, which: Sequence[str], where: str) -> Directions:
    """Return what solves are differentiated by, from parameters' names and ``"T(0)"``.

    Raises
    ------
    ModelError
        For what is neither a parameter nor an initial value.
    """
    return _directions(compiled, tuple(which), where) if which else _NONE


@lru_cache(maxsize=256)
def _directions(compiled: CompiledModel, which: tuple[str, ...], where: str) -> Directions:
    """Look up once what comes again."""
    model = compiled.model
    indices = []
    tangents = np.zeros((1 + len(which), len(model.states)))
    for row, name in zip(tangents[1:], which, strict=True):
        if name in model.params:
            indices.append(model.params.index(name))
        elif name.endswith("(0)") and name[:-3] in model.states:
            j = model.states.index(name[:-3])
            indices.append(-1 - j)
            row[j] = 1.0
        else:
            known = [*model.params, *(f"{state}(0)" for state in model.states)]
            raise ModelError(
                f"{where}: {name!r:.60} is neither a parameter nor an initial value "
                f"('{model.states[0]}(0)') of {model.name}{nearest(str(name), known)}"
            )
    vary, start = np.maximum(np.array(indices, dtype=np.int32), -1), tangents.reshape(1, -1)
    vary.flags.writeable = start.flags.writeable = False
    return Directions(tuple(indices), vary, start)


def start_rows(
    compiled: CompiledModel,
    along: Directions,
    p: Array,
    y0: Array,
    given: Collection[str],
    tangents: Array | None = None,
) -> Array:
    """Return what runs begin with, shape (n_run, n_state * (1 + n_vary)): states, then tangents.

    Parameters
    ----------
    compiled : CompiledModel
    along : Directions
    p : ndarray, shape (n_run, n_param)
    y0 : ndarray, shape (n_run, n_state)
    given : collection of str
        States whose initial value was given and so depends on no parameter.
    tangents : ndarray, shape (n_run, n_vary, n_state), optional
        Derivatives of the initial values, where the model's own are not meant.
    """
    if not along.indices:
        return np.ascontiguousarray(y0, dtype=float)
    n_run, n_state = y0.shape
    rows = np.empty((n_run, along.start.size))
    rows[:] = along.start
    rows[:, :n_state] = y0
    if tangents is not None:
        rows[:, n_state:] = tangents.reshape(n_run, -1)
        return rows
    free = _following(compiled.model, tuple(given))
    by_parameter = (
        [(k, index) for k, index in enumerate(along.indices) if index >= 0] if free else []
    )
    for row, values in zip(rows, p, strict=True) if by_parameter else ():
        by, own = compiled.initial_dp(values), row.reshape(-1, n_state)[1:]
        for k, index in by_parameter:
            own[k, free] = by[free, index]
    return rows


@lru_cache(maxsize=256)
def _following(model: Model, given: tuple[str, ...]) -> list[int]:
    """Return the states whose initial value follows from parameters."""
    initial = enumerate(model.states)
    return [j for j, name in initial if name not in given and not model.initial[name].is_number]
