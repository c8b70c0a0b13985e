"""A model's equations, for others: as plain expressions, and as a Python function's source."""

import math

import sympy

from trustode.expression import symbol

#: Functions that peers know by these names.
FUNCTIONS = ("exp", "log", "sqrt", "tanh", "sin", "cos", "sinh", "cosh")


def equations(model):
    """Return symbols of states and parameters, and the right-hand sides with inputs at rest."""
    rest = {symbol(name): value for name, value in model.input_defaults.items()}
    rhs = [expression.subs(rest) for expression in model.rhs.values()]
    return [symbol(name) for name in model.states], [symbol(name) for name in model.params], rhs


def function(model, arguments, *, out="dydt"):
    """Return a scalar Python function that numba can compile.

    Parameters
    ----------
    model : Model
    arguments : str
        The function's arguments in order; ``y`` and ``p`` are read, `out` is written.
    """
    states, params, rhs = equations(model)
    short = {s: sympy.Symbol(f"y_{i}") for i, s in enumerate(states)}
    short |= {s: sympy.Symbol(f"p_{i}") for i, s in enumerate(params)}
    shared, results = sympy.cse([e.xreplace(short) for e in rhs], sympy.numbered_symbols("s_"))
    lines = [f"def rhs({arguments}):"]
    lines += [f"    y_{i} = y[{i}]" for i in range(len(states))]
    lines += [f"    p_{i} = p[{i}]" for i in range(len(params))]
    lines += [f"    {name} = {_text(value)}" for name, value in shared]
    lines += [f"    {out}[{i}] = {_text(value)}" for i, value in enumerate(results)]
    namespace = {name: getattr(math, name) for name in FUNCTIONS}
    exec("\n".join(lines), namespace)
    return namespace["rhs"]


def _text(expression):
    return sympy.pycode(expression, fully_qualified_modules=False)
