"""numbalsoda and CyRK: integrators in C++ and Fortran that call a right-hand side of numba."""

from functools import cache

import numba
import numpy as np

from .translate import function


class Numbalsoda:
    def __init__(self, method):
        # Here, not above: CyRK runs without it.
        import numbalsoda

        self.method, self.solve = method, getattr(numbalsoda, method)
        self.signature = numbalsoda.lsoda_sig
        self.callback = cache(self._callback)

    def _callback(self, model):
        return numba.cfunc(self.signature)(function(model, "t, y, dydt, p"))

    def trajectory(self, problem, rtol, t=None):
        address = self.callback(problem.model).address
        times, y0, p = problem.t if t is None else t, problem.y0, problem.p
        how = problem.tolerances(rtol) | ({"mxstep": 10**7} if self.method == "lsoda" else {})
        return lambda: _reached(*self.solve(address, y0, times, data=p, **how))

    def ensemble(self, many, rtol):
        address, solve = self.callback(many.problem.model).address, self.solve
        y0, how = many.problem.y0, many.problem.tolerances(rtol)
        return lambda: _loop_numbalsoda(
            solve, address, y0, many.sets, many.t, how["rtol"], how["atol"]
        )


@numba.njit
def _loop_numbalsoda(solve, address, y0, sets, t, rtol, atol):
    y = np.empty((len(sets), len(t), len(y0)))
    for k in range(len(sets)):
        y[k] = solve(address, y0, t, sets[k], rtol, atol)[0]
    return y


class Cyrk:
    def __init__(self, method):
        import CyRK

        self.method, self.library = method, CyRK
        self.solver = cache(self._solver)

    def _solver(self, model):
        """Return a compiled function that makes the solve, and the right-hand side's address."""
        method, library_solve = self.method, self.library.nbsolve2_ivp

        @numba.njit
        def solve(address, y0, p, t, rtol, atol):
            found = library_solve(
                address, (t[0], t[-1]), y0, method=method, t_eval=t, args=p, rtol=rtol, atol=atol
            )
            y, ok = found.y.copy(), found.success
            found.free()
            return y, ok

        return solve, self.library.nb_diffeq_addr(function(model, "dydt, t, y, p"))

    def trajectory(self, problem, rtol, t=None):
        solve, address = self.solver(problem.model)
        times, y0, p = problem.t if t is None else t, problem.y0, problem.p
        how = tuple(problem.tolerances(rtol).values())
        return lambda: _upright(_reached(*solve(address, y0, p, times, *how)), len(times))

    def ensemble(self, many, rtol):
        solve, address = self.solver(many.problem.model)
        y0, how = many.problem.y0, tuple(many.problem.tolerances(rtol).values())
        n_time = len(many.t)
        return lambda: np.stack(
            [_upright(solve(address, y0, p, many.t, *how)[0], n_time) for p in many.sets]
        )


def _reached(y, ok):
    if not ok:
        raise RuntimeError("the peer did not reach the end")
    return y


def _upright(y, n_time):
    """Return states with one row a time."""
    return y if len(y) == n_time else y.T
