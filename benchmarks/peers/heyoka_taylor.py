"""heyoka.py: Taylor series compiled by LLVM. Integrators are made once and kept."""

import heyoka as hy
import numpy as np
import sympy

from trustode.expression import TIME

from .translate import FUNCTIONS, equations


class Heyoka:
    """``compact``, ``unrolled``, or ``lanes-WIDTH``.

    The width is that of the batches that an ensemble is cut into. Unrolled code is quicker for
    sensitivities and takes many seconds to compile.
    """

    def __init__(self, told):
        self.compact = told == "compact"
        self.width = int(told.partition("-")[2] or hy.recommended_simd_size())

    def _system(self, model):
        states, params, rhs = equations(model)
        variables = hy.make_vars(*(s.name for s in states))
        functions = {name: getattr(hy, name) for name in FUNCTIONS}
        made = sympy.lambdify([states, params, TIME], rhs, [functions], cse=True)
        right = made(variables, [hy.par[i] for i in range(len(params))], hy.time)
        return list(zip(variables, right, strict=True))

    def trajectory(self, problem, rtol, t=None):
        y0, times = problem.y0, problem.t if t is None else t
        system = self._system(problem.model)
        integrator = hy.taylor_adaptive(system, y0, tol=rtol, fast_math=True)
        # It counts parameters up to the last one that the equations name.
        p = problem.p[: len(integrator.pars)]

        def solve():
            integrator.time = times[0]
            integrator.state[:] = y0
            integrator.pars[:] = p
            return integrator.propagate_grid(times)[-1]

        return solve

    def ensemble(self, many, rtol):
        y0, width = many.problem.y0[:, None], self.width
        system = self._system(many.problem.model)
        integrator = hy.taylor_adaptive_batch(system, np.tile(y0, width), tol=rtol, fast_math=True)
        short = -len(many.sets) % width
        rows = np.concatenate([many.sets, np.repeat(many.sets[-1:], short, axis=0)])
        batches = [np.ascontiguousarray(rows[i : i + width].T) for i in range(0, len(rows), width)]
        grid = np.ascontiguousarray(np.repeat(many.t[:, None], width, axis=1))

        def solve():
            y = np.empty((len(rows), len(many.t), len(y0)))
            for k, batch in enumerate(batches):
                integrator.set_time(many.t[0])
                integrator.state[:] = y0
                integrator.pars[:] = batch
                found = integrator.propagate_grid(grid)
                y[k * width : (k + 1) * width] = found[-1].transpose(2, 0, 1)
            return y[: len(many.sets)]

        return solve

    def gradient(self, wanted, rtol):
        problem, n_state = wanted.problem, len(wanted.problem.y0)
        by = [hy.par[problem.model.params.index(name)] for name in wanted.names]
        system = hy.var_ode_sys(self._system(problem.model), by, order=1)
        how = {"tol": rtol, "compact_mode": self.compact, "fast_math": True}
        integrator = hy.taylor_adaptive(system, problem.y0, **how)
        p = problem.p[: len(integrator.pars)]

        def solve():
            integrator.time = wanted.t[0]
            integrator.state[:] = 0.0
            integrator.state[:n_state] = problem.y0
            integrator.pars[:] = p
            z = integrator.propagate_grid(wanted.t)[-1]
            return z[:, n_state:].reshape(len(wanted.t), n_state, len(by))

        return solve
