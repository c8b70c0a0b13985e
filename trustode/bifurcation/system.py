"""A compiled model as a system of equations f(y, one parameter) = 0, and Newton on it.

The engines of this folder share what is here: the checks of their arguments, the closed-over
parameters, and the damped Newton iteration. Imports the compiled and the solve layers.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray

from .._arclength import Kernel
from ..compile import CompiledModel, compile
from ..errors import ModelError, nearest
from ..expression import TIME
from ..model import Model
from ..solve import in_range, parameter_vector

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]

#: Functions that have no derivative somewhere.
_CORNERS = (sympy.Abs, sympy.Max, sympy.Min, sympy.sign, sympy.Heaviside)


def has_corners(model: Model) -> bool:
    """Return whether equations have no derivative somewhere, as abs, min and max have."""
    return any(expression.has(*_CORNERS) for expression in model.rhs.values())


class System:
    """A model's right-hand side with everything but the states and one parameter fixed.

    Parameters
    ----------
    model : Model
        Autonomous: its equations do not hold ``t``.
    params : mapping of parameter to float, or None
    inputs : mapping of input to float, or None
        Constant values.
    where : str
        Which call this serves, for messages.
    free : str, optional
        The parameter, or input, that is the last component of `x`.

    Attributes
    ----------
    p, u : ndarray
        Values in the model's order; the free one's is what was used last.
    """

    def __init__(
        self,
        model: Model,
        params: Mapping[Any, Any] | None,
        inputs: Mapping[Any, Any] | None,
        where: str,
        free: str | None = None,
    ) -> None:
        self.compiled: CompiledModel = compile(model)
        self.model = model
        self.where = f"{where}({model.name})"
        self.n = len(model.states)
        moving = [s.name for s, expression in model.rhs.items() if TIME in expression.free_symbols]
        if moving:
            raise ModelError(
                f"{self.where}: d{moving[0]}/dt depends on t; equilibria exist only where the "
                "equations do not change in time. Replace t by a parameter or an input"
            )
        self.p = parameter_vector(self.compiled, params, self.where)
        self.u = _constant_inputs(model, inputs, self.where)
        self.free = free
        self._slot, self._index = self.p, -1
        if free is not None and free in model.params:
            self._index = model.params.index(free)
        elif free is not None:
            self._slot, self._index = self.u, model.inputs.index(free)

        edges = [model.bounds.get(name, (-math.inf, math.inf)) for name in model.states]
        self.bounds = np.array(edges, dtype=float).reshape(self.n, 2)
        #: The C functions of this folder on these very values.
        self.kernel = Kernel(
            self.compiled.functions,
            self.p,
            self.u,
            self._index,
            self._slot is self.u,
            self.bounds[:, 0],
            self.bounds[:, 1],
        )

    @cached_property
    def has_corners(self) -> bool:
        """Whether the equations have no derivative somewhere, as abs, min and max have."""
        return has_corners(self.model)

    @property
    def value(self) -> float:
        """Value of the free parameter."""
        return float(self._slot[self._index])

    def set(self, x: Array) -> Array:
        """Take the free parameter from a point and return its states."""
        if self.free is not None:
            self._slot[self._index] = x[-1]
        return x[: self.n]

    def rhs(self, x: Array) -> Array:
        """Return f at x = (states, free parameter), shape (n_state,)."""
        y = self.set(x)
        return np.asarray(self.compiled.rhs(0.0, y, self.p, self.u))

    def jac(self, x: Array) -> Array:
        """Return df/dy at x, shape (n_state, n_state)."""
        y = self.set(x)
        return np.asarray(self.compiled.jac(0.0, y, self.p, self.u))

    def full(self, x: Array) -> Array:
        """Return df/dx at x, states then free parameter, shape (n_state, n_state + 1)."""
        y = self.set(x)
        by = self.compiled.dfdp if self._slot is self.p else self.compiled.dfdu
        out = np.empty((self.n, self.n + 1))
        out[:, :-1] = self.compiled.jac(0.0, y, self.p, self.u)
        out[:, -1] = by(0.0, y, self.p, self.u)[:, self._index]
        return out

    def names(self) -> tuple[dict[str, float], dict[str, float]]:
        """Return the values of all parameters and of all inputs, by name."""
        model = self.model
        return (
            dict(zip(model.params, self.p.tolist(), strict=True)),
            dict(zip(model.inputs, self.u.tolist(), strict=True)),
        )

    def check_free_range(self, value: object, what: str) -> float:
        """Return a value of the free parameter, or raise if it is outside its range."""
        where = f"{self.where}: {what}"
        name = str(self.free)
        if name in self.model.params:
            return in_range(self.model.parameters[name], name, value, where)
        return _finite(value, f"{where}: {name}")


def _finite(value: object, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise ModelError(f"{where} = {value!r:.60} is not a number")
    if not math.isfinite(float(value)):
        raise ModelError(f"{where} = {float(value)} is not finite")
    return float(value)


def _constant_inputs(model: Model, inputs: Mapping[Any, Any] | None, where: str) -> Array:
    """Return the inputs' values in the model's order, shape (n_input,)."""
    given = model.known(inputs, "input", model.inputs)
    values = []
    for name in model.inputs:
        value = given.get(name, model.input_defaults[name])
        if not isinstance(value, numbers.Real):
            raise ModelError(
                f"{where}: input {name} = {value!r:.60}; an equilibrium needs inputs that stay "
                "constant: give a number"
            )
        values.append(_finite(value, f"{where}: input {name}"))
    return np.array(values)


def shown_state(model: Model, state: object) -> str:
    """Return the name of the state that a figure is to show, the first one for None.

    Raises
    ------
    ModelError
        If the model has no such state.
    """
    name = str(getattr(state, "name", state)) if state is not None else model.states[0]
    if name not in model.states:
        raise ModelError(
            f"plot({model.name}): {name!r:.60} is not a state"
            f"{nearest(name, model.states) or '.'} "
            f"The states are: {', '.join(model.states)}"
        )
    return name


def state_values(model: Model, given: Mapping[Any, Any], base: Array, where: str) -> Array:
    """Return `base` with the states that a mapping names replaced, shape (n_state,).

    Raises
    ------
    ModelError
        For a name that is not a state, or a value that is not a finite number.
    """
    y = base.copy()
    for name, value in model.known(given, "state", model.states).items():
        y[model.states.index(name)] = _finite(value, f"{where}: {name}")
    return y


def newton(system: System, y: Array, scale: Array, reach: float = math.inf) -> Array | None:
    """Solve f = 0 for the states by damped Newton iteration.

    The natural test of monotonicity (the next simplified step must be shorter) does not
    depend on how equations are scaled: Deuflhard (2004), Newton Methods for Nonlinear
    Problems, section 3.3.

    Parameters
    ----------
    system : System
    y : ndarray, shape (n_state,)
        Where to start.
    scale : ndarray, shape (n_state,)
        Size of each state.
    reach : float
        Give up farther than this, in scales, from the start.

    Returns
    -------
    ndarray, shape (n_state,), or None
        None if it did not converge.
    """
    x = np.append(y, system.value) if system.free is not None else np.array(y, dtype=float)
    root = system.kernel.newton(x, scale, reach)
    return None if root is None else np.asarray(root[: system.n])
