"""trustode through its public functions, as a user calls it."""

import pandas as pd

import trustode as tr


class Trustode:
    def __init__(self, method):
        self.method = method

    def _solver(self, problem, rtol):
        return tr.Solver(method=self.method, max_steps=10**7, **problem.tolerances(rtol))

    def trajectory(self, problem, rtol, t=None):
        model, solver = problem.model, self._solver(problem, rtol)
        times = problem.t if t is None else t
        return lambda: tr.simulate(model, times, solver=solver).y

    def ensemble(self, many, rtol):
        model, solver = many.problem.model, self._solver(many.problem, rtol)
        table = pd.DataFrame(many.sets, columns=list(model.params))
        how = {"solver": solver, "threads": 1, "progress": False}
        return lambda: tr.ensemble(model, table, many.t, **how).y

    def gradient(self, wanted, rtol):
        model, solver = wanted.problem.model, self._solver(wanted.problem, rtol)
        how = {"solver": solver, "sensitivities": wanted.names}
        return lambda: tr.simulate(model, wanted.t, **how).dydp
