"""A model's right-hand side and its second derivatives, with two parameters free.

Imports the systems of this folder and the compiled layer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...compile import variational
from ...model import Model
from ..system import Array, System


class SecondOrder:
    """f, its derivative and its second derivative in a direction, at x = (states, two parameters).

    Parameters
    ----------
    model : Model
        Autonomous: its equations do not hold ``t``.
    params, inputs : mapping of name to float, or None
        Values that are held.
    where : str
        Which call this serves, for messages.
    free : pair of str
        Parameters or inputs that are the last two components of `x`.

    Attributes
    ----------
    system : System
        The same model with nothing free, for its checks and its values.
    """

    def __init__(
        self,
        model: Model,
        params: Mapping[Any, Any] | None,
        inputs: Mapping[Any, Any] | None,
        where: str,
        free: tuple[str, str],
    ) -> None:
        self.system = System(model, params, inputs, where)
        self.model, self.free = model, free
        self.n = self.system.n
        self._functions = variational(model, free)
        self._p, self._u = self.system.p, self.system.u
        self._y = np.zeros(2 * (self.n + 2))

    def rhs(self, x: Array) -> Array:
        """Return f, shape (n_state,)."""
        self._y[: self.n + 2] = x
        return np.asarray(self._functions.rhs(0.0, self._y, self._p, self._u)[: self.n])

    def full(self, x: Array) -> Array:
        """Return df/dx, shape (n_state, n_state + 2)."""
        self._y[: self.n + 2] = x
        return np.asarray(self._functions.jac(0.0, self._y, self._p, self._u))[
            : self.n, : self.n + 2
        ]

    def second(self, x: Array, direction: Array) -> Array:
        """Return the derivative by x of (df/dx) times a direction, shape (n_state, n_state + 2).

        Parameters
        ----------
        x : ndarray, shape (n_state + 2,)
        direction : ndarray, shape (n_state,) or (n_state + 2,)
        """
        n, y = self.n, self._y
        y[: n + 2], y[n + 2 :] = x, 0.0
        y[n + 2 : n + 2 + len(direction)] = direction
        jac = np.asarray(self._functions.jac(0.0, y, self._p, self._u))
        return jac[n + 2 : 2 * n + 2, : n + 2]

    def third(self, x: Array, direction: Array) -> Array:
        """Return the third derivative of f by the states, thrice along one, shape (n_state,)."""
        n, y = self.n, self._y
        y[: n + 2], y[n + 2 :] = x, 0.0
        y[n + 2 : 2 * n + 2] = direction
        return np.asarray(self._functions.observe(0.0, y, self._p, self._u)[n:])

    def values(self, x: Array) -> tuple[Array, Array]:
        """Return all parameters and all inputs at x, in the model's order."""
        p, u = self._p.copy(), self._u.copy()
        for name, value in zip(self.free, x[self.n : self.n + 2], strict=True):
            if name in self.model.params:
                p[self.model.params.index(name)] = value
            else:
                u[self.model.inputs.index(name)] = value
        return p, u
