"""Models as a Cython module, with the C text that trustode itself compiles.

Imports the model layer and codegen.
"""

from __future__ import annotations

from ..model import Model
from .c_functions import functions
from .names import Language, heading

_CYTHON = Language("Cython", frozenset())

_MODULE = '''\
# cython: language_level=3, boundscheck=False
{heading}
#
# Build it with: cythonize -i FILE

from array import array as doubles

from cpython.array cimport array

ctypedef void (*function_type)(double, const double *, const double *, const double *, double *)

cdef extern from *:
    """
{text}
    """
{declared}

STATES = {states}
PARAMETERS = {parameters}
INPUTS = {inputs}
OBSERVABLES = {observables}


cdef array _vector(values, names, defaults, str what):
    """Return values in order, from a mapping or a sequence; the defaults for None."""
    if values is None:
        values = defaults
    elif hasattr(values, "keys"):
        for name in values:
            if name not in names:
                raise ValueError(f"unknown {{what}} {{name!r}}")
        values = [values.get(name, default) for name, default in zip(names, defaults)]
    cdef array numbers = doubles("d", values)
    if len(numbers) != len(names):
        raise ValueError(f"{{len(numbers)}} values of {{what}}s, not {{len(names)}}")
    # One more, so that there is an address where there are no values.
    numbers.append(0.0)
    return numbers


def rhs(double t, y, p=None, u=None):
    """Return dydt, as an array of doubles."""
    return _called(model_rhs, len(STATES), t, y, p, u)


def jac(double t, y, p=None, u=None):
    """Return the derivatives of dydt[i] by y[j], row by row."""
    return _called(model_jac, len(STATES) ** 2, t, y, p, u)


def observe(double t, y, p=None, u=None):
    """Return the observables."""
    return _called(model_observe, len(OBSERVABLES), t, y, p, u)


def initial(p=None):
    """Return the start of each state."""
    return _called(model_initial, len(STATES), 0.0, [0.0] * len(STATES), p, None)


cdef _called(function_type function, int size, double t, y, p, u):
    cdef array states = _vector(y, STATES, (), "state")
    cdef array parameters = _vector(p, PARAMETERS, PARAMETERS.values(), "parameter")
    cdef array inputs = _vector(u, INPUTS, INPUTS.values(), "input")
    # One more, so that there is an address where there is nothing to give.
    cdef array made = doubles("d", bytes(8 * (size + 1)))
    function(
        t, states.data.as_doubles, parameters.data.as_doubles, inputs.data.as_doubles,
        made.data.as_doubles,
    )
    made.pop()
    return made
'''

_DECLARED = """\
    void model_rhs(double, const double *, const double *, const double *, double *)
    void model_jac(double, const double *, const double *, const double *, double *)
    void model_observe(double, const double *, const double *, const double *, double *)
    void model_initial(double, const double *, const double *, const double *, double *)"""


def cython(model: Model) -> str:
    """Return a model as a Cython module with ``rhs``, ``jac``, ``observe`` and ``initial``."""
    return _MODULE.format(
        heading="\n".join(heading(model, _CYTHON, {}, "#")),
        text=functions(model, "model_").rstrip(),
        declared=_DECLARED,
        states=model.states,
        parameters=dict(model.defaults),
        inputs=dict(model.input_defaults),
        observables=tuple(model.observables),
    )
