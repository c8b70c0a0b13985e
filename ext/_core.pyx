"""Thin wrappers around the C core; no arithmetic here.

A `Functions` object is a compiled model as Python sees it; `Inputs` holds the tables of
its inputs; `run` hands a batch of solves to C with the GIL released. Each subject stands in a
file of its own, which is included here.
"""

cimport cython
cimport numpy as cnp
from cpython.exc cimport PyErr_CheckSignals
from libc.math cimport NAN, isfinite
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset

import numpy as np

from trustode.errors import DataError

cnp.import_array()

include "_core_entries.pxi"

ABI = TRO_ABI

STATUS = {
    "SUCCESS": TRO_SUCCESS, "NONFINITE": TRO_NONFINITE, "STEP_TOO_SMALL": TRO_STEP_TOO_SMALL,
    "MAX_STEPS": TRO_MAX_STEPS, "DIVERGED": TRO_DIVERGED, "SINGULAR": TRO_SINGULAR,
    "INTERRUPTED": TRO_INTERRUPTED, "NO_MEMORY": TRO_NO_MEMORY, "ENDLESS": TRO_ENDLESS,
    "TIME_LIMIT": TRO_TIME_LIMIT,
}

FORMS = {"ROWS": TRO_ROWS, "SQUARES": TRO_SQUARES, "BINOMIAL": TRO_BINOMIAL}

REPORT = np.dtype([
    ("status", np.int64), ("stiff", np.int64), ("n_steps", np.int64), ("n_rejected", np.int64),
    ("n_rhs", np.int64), ("n_jac", np.int64), ("t", np.float64), ("h", np.float64),
    ("n_written", np.int64), ("worst", np.int64), ("began", np.float64),
    ("taken", np.float64),
])


def vector_unit():
    """Return the best vector unit of this processor, as `trustode.vector` names them."""
    return ("plain", "avx2", "avx512")[best_vector_unit()]


cdef const tro_method *_method(str name) except NULL:
    if name == "tsit5":
        return &tro_tsit5
    if name == "dop853":
        return &tro_dop853
    if name == "rodas5p":
        return &tro_rodas5p
    raise KeyError(name)


def methods():
    """Return what is known of each native method, by name."""
    found = {}
    for name in ("tsit5", "dop853", "rodas5p"):
        method = _method(name)
        found[name] = {
            "order": method.order, "implicit": bool(method.implicit),
            "documentation": method.documentation.decode(),
        }
    found["taylor"] = {
        "order": None, "implicit": False,
        "documentation": "Taylor series of an order that the tolerance chooses, with dense output "
        "of that order; where an expression has no recurrence, \"dop853\".",
    }
    return found


include "_core_functions.pxi"
include "_core_python.pxi"
include "_core_given.pxi"
include "_core_solve.pxi"
