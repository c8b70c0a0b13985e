"""What a solve is given: checked, and in the form that the C core reads."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, TypeGuard

import numpy as np
from numpy.typing import NDArray

from .._core import Inputs, fill, increases
from ..compile import CompiledModel
from ..errors import DataError, ModelError
from ..model import Param
from ..stimulus import Table, table

Array = NDArray[np.float64]

_LARGEST = float(np.finfo(float).max)


def pack(tables: Sequence[Table]) -> Inputs:
    """Return the tables of all inputs in the form the C core reads."""
    return _packed(tuple(tables))


@lru_cache(maxsize=16)
def _packed(tables: tuple[Table, ...]) -> Inputs:
    """Pack tables once as long as they come again; tables and what is packed never change."""
    breaks = np.sort(np.concatenate([each.breaks for each in tables] or [np.empty(0)]))
    # Not np.unique, which loads masked arrays: longer than a short solve.
    breaks = breaks[np.append(True, breaks[1:] != breaks[:-1])[: len(breaks)]]
    return Inputs([(each.knots, each.coefficients) for each in tables], breaks)


class _Fixed(NamedTuple):
    """What solves of one model share while nothing else is given; not to be written to."""

    p: Array
    #: Initial values, where they are finite numbers.
    y0: Array | None
    #: Position of each parameter, and its smallest and largest finite value; and of each state.
    ranges: dict[str, tuple[int, float, float]]
    states: dict[str, tuple[int, float, float]]
    tables: dict[str, Table]


@lru_cache(maxsize=256)
def _fixed(compiled: CompiledModel) -> _Fixed:
    model = compiled.model
    ranges = {
        name: (k, max(param.min, -_LARGEST), min(param.max, _LARGEST))
        for k, (name, param) in enumerate(model.parameters.items())
    }
    tables = {
        name: table(value, f"{model.name}: input {name}")
        for name, value in model.input_defaults.items()
    }
    p = np.array(list(model.defaults.values()), dtype=float)
    y0 = np.asarray(compiled.initial(p), dtype=float)
    known = all(start.is_number for start in model.initial.values()) and np.isfinite(y0).all()
    states = {name: (k, -_LARGEST, _LARGEST) for k, name in enumerate(model.states)}
    return _Fixed(p, y0 if known else None, ranges, states, tables)


def parameter_vector(
    compiled: CompiledModel, params: Mapping[Any, float] | None, where: str
) -> Array:
    """Return parameter values in the model's order, shape (n_param,).

    Raises
    ------
    ModelError
        For an unknown name, or a value that is not finite or outside its range.
    """
    model = compiled.model
    fixed = _fixed(compiled)
    values = fixed.p.copy()
    # What is plainly right need not be judged.
    if params is None or (type(params) is dict and not fill(values, fixed.ranges, params)):
        return values
    given = model.known(params, "parameter", model.params)
    for name in fill(values, fixed.ranges, given):
        values[fixed.ranges[name][0]] = in_range(model.parameters[name], name, given[name], where)
    return values


def _is_real(value: object) -> TypeGuard[numbers.Real]:
    """Say whether a value is a real number and no truth value; a float is asked for first."""
    if isinstance(value, float):
        return True
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def _scalar(value: object) -> object:
    """Return the number that an array without axes holds, and anything else as it is."""
    return value[()] if isinstance(value, np.ndarray) and value.ndim == 0 else value


def in_range(param: Param, name: str, value: object, where: str) -> float:
    """Return a parameter's value as a float, or raise."""
    value = _scalar(value)
    if not _is_real(value):
        raise ModelError(f"{where}: {name} = {value!r:.60} is not a number")
    number = float(value)
    if not math.isfinite(number):
        raise ModelError(f"{where}: {name} = {number} is not finite")
    if not param.min <= number <= param.max:
        raise ModelError(
            f"{where}: {name} = {number:g} is outside its range [{param.min:g}, {param.max:g}]"
        )
    return number


def initial_vector(
    compiled: CompiledModel, p: Array, initial: Mapping[Any, float] | None, where: str
) -> Array:
    """Return the initial state for parameter values, shape (n_state,).

    Raises
    ------
    ModelError
        For an unknown state or a value that is not finite.
    """
    model, fixed = compiled.model, _fixed(compiled)
    if initial is None and fixed.y0 is not None:
        return fixed.y0.copy()
    if type(initial) is dict and len(initial) == len(model.states):
        y0 = np.empty(len(initial))
        if not fill(y0, fixed.states, initial):
            return y0
    given = model.known(initial, "state", model.states)
    every = len(given) == len(model.states)
    # Where all are given, those that follow from parameters need not be worked out.
    y0 = np.empty(len(given)) if every else np.asarray(compiled.initial(p), dtype=float)
    unjudged = fill(y0, fixed.states, given)
    for name in unjudged:
        value = _scalar(given[name])
        if not _is_real(value):
            raise ModelError(f"{where}: initial {name} = {value!r:.60} is not a number")
        y0[fixed.states[name][0]] = float(value)
    for name, number in (
        zip(model.states, y0.tolist(), strict=True) if unjudged or not every else ()
    ):
        if not math.isfinite(number):
            raise ModelError(f"{where}: initial {name} = {number} is not finite")
    return y0


def input_tables(
    compiled: CompiledModel, inputs: Mapping[Any, Any] | None, where: str
) -> list[Table]:
    """Return the table of each input, in the model's order.

    Raises
    ------
    ModelError
        For an unknown input, or something that is neither a number nor a stimulus.
    """
    model = compiled.model
    if inputs is None:
        return list(_fixed(compiled).tables.values())
    given = model.known(inputs, "input", model.inputs)
    return [
        table(given[name], f"{where}: input {name}") if name in given else default
        for name, default in _fixed(compiled).tables.items()
    ]


_NO_TIMES = {"c": "complex numbers", "U": "text", "S": "text", "b": "truth values"}


def check_times(t: object, where: str) -> Array:
    """Return output times as an array, or raise.

    Raises
    ------
    DataError
        Unless they are finite, one-dimensional and strictly increasing.
    """
    try:
        given = np.asarray(t)
        if given.dtype.kind in "mM":
            raise DataError(
                f"{where}: t holds dates ({given.dtype}), not numbers. Give the time since the "
                "start in the model's time unit"
            )
        if given.dtype.kind in _NO_TIMES:
            what = _NO_TIMES[given.dtype.kind]
            raise DataError(f"{where}: t holds {what}, got {t!r:.60}")
        times = given.astype(float, order="C")
    except (TypeError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{where}: t must be times, got {t!r:.60}") from None
    if times.ndim != 1 or times.size == 0:
        raise DataError(f"{where}: t must be a list of times or a pair (start, end), got {t!r:.60}")
    if increases(times):
        return times
    bad = np.flatnonzero(~np.isfinite(times))
    if bad.size:
        hint = (
            " Give an end, or use tr.equilibria for the long run." if np.isinf(times).any() else ""
        )
        raise DataError(f"{where}: t[{bad[0]}] = {times[bad[0]]} is not finite.{hint}")
    k = int(np.flatnonzero(np.diff(times) <= 0)[0])
    hint = ""
    if len(times) == 3 and k == 1 and 0.0 < times[2] < times[1] - times[0]:
        start, end, step = times
        n = int((end - start) / step + 1e-9)
        last = start + n * step
        hint = f". For a time every {step:g} write np.linspace({start:g}, {last:g}, {n + 1})"
    raise DataError(
        f"{where}: t must increase strictly, but t[{k}] = {times[k]:g} and "
        f"t[{k + 1}] = {times[k + 1]:g}{hint}"
    )
