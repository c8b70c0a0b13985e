"""A slow twin of a model, by sympy's lambdify: what these tests compute numbers with."""

from collections.abc import Mapping

import numpy as np
import pytest
import sympy


class SlowTwin:
    """Right-hand side and Jacobian of a model as Python functions of a state vector."""

    def __init__(self, model, params: Mapping[str, float] | None = None) -> None:
        self.model = model
        self.values = model.defaults | dict(params or {})
        self.inputs = dict(model.input_defaults)
        symbols = [
            [sympy.Symbol(name, real=True) for name in names]
            for names in (model.states, model.params, model.inputs)
        ]
        rhs = list(model.rhs.values())
        flow = [term for row in model.jacobian.tolist() for term in row]
        self._rhs = sympy.lambdify(symbols, rhs, "math", cse=True)
        self._jac = sympy.lambdify(symbols, flow, "math", cse=True)

    def with_values(self, **params: float) -> "SlowTwin":
        """Return the same model at other parameter values, without building it again."""
        twin = object.__new__(SlowTwin)
        twin.__dict__ |= self.__dict__
        twin.values = self.values | params
        return twin

    def _arguments(self, y):
        values = [float(self.values[name]) for name in self.model.params]
        return [float(v) for v in y], values, [self.inputs[name] for name in self.model.inputs]

    def rhs(self, y):
        return np.array(self._rhs(*self._arguments(y)), dtype=float)

    def jac(self, y):
        n = len(self.model.states)
        return np.array(self._jac(*self._arguments(y)), dtype=float).reshape(n, n)

    def start(self):
        return np.array([float(value) for value in self.model.initial.values()])

    def rest(self, guess):
        """Return the equilibrium that Newton's method reaches from a guess."""
        y = np.array(guess, dtype=float)
        for _ in range(60):
            step = np.linalg.solve(self.jac(y), self.rhs(y))
            y -= step
            if np.max(np.abs(step)) < 1e-13:
                return y
        raise AssertionError(f"Newton's method did not converge from {guess}")

    def eigenvalues(self, y):
        return np.linalg.eigvals(self.jac(y))

    def solve(self, t_end, y0=None, tolerance=1e-8):
        """Return the state at the end of a solve by scipy's LSODA."""
        from scipy.integrate import solve_ivp

        start = self.start() if y0 is None else np.asarray(y0, dtype=float)
        solution = solve_ivp(
            lambda t, y: self.rhs(y),
            (0, t_end),
            start,
            method="LSODA",
            jac=lambda t, y: self.jac(y),
            rtol=tolerance,
            atol=tolerance,
        )
        assert solution.success
        return solution.y[:, -1]


@pytest.fixture(scope="session")
def slow_twin():
    """Return the class, so that a test builds what it needs."""
    return SlowTwin
