"""scipy with trustode's own compiled functions: what is left is what scipy does in a step."""

from scipy.integrate import odeint, solve_ivp

import trustode as tr


class SolveIvp:
    def __init__(self, method):
        self.method = method

    def trajectory(self, problem, rtol, t=None):
        compiled = tr.compile(problem.model)
        times, y0 = problem.t if t is None else t, problem.y0
        how = problem.tolerances(rtol)
        if self.method in ("Radau", "LSODA", "BDF"):
            how["jac"] = compiled.jac
        span = (times[0], times[-1])
        return lambda: solve_ivp(compiled.rhs, span, y0, self.method, times, **how).y.T


class Odeint:
    def __init__(self, _):
        pass

    def trajectory(self, problem, rtol, t=None):
        compiled = tr.compile(problem.model)
        times, y0 = problem.t if t is None else t, problem.y0
        how = problem.tolerances(rtol) | {"Dfun": compiled.jac, "tfirst": True, "mxstep": 10**7}
        return lambda: odeint(compiled.rhs, y0, times, **how)
