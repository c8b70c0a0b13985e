"""How long does one call of the right-hand side take from Python?"""

import numpy as np
import sympy

from trustode.expression import TIME, symbol


def test_compiled(benchmark, problem):
    _, compiled, _, _ = problem
    benchmark(compiled.rhs, 0.0, compiled.initial())


def test_lambdify(benchmark, problem):
    model, compiled, _, _ = problem
    groups = [[symbol(n) for n in names] for names in (model.states, model.params, model.inputs)]
    rhs = sympy.lambdify([TIME, *groups], list(model.rhs.values()), "math", cse=True)
    p, u = list(model.defaults.values()), list(model.input_defaults.values())
    y = compiled.initial().tolist()
    assert np.allclose(benchmark(rhs, 0.0, y, p, u), compiled.rhs(0.0, y))
