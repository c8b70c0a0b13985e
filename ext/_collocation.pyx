"""Thin wrapper around the collocation of periodic orbits; no arithmetic here.

Each of the included files is about one subject.
"""

cimport numpy as cnp
from cpython.pycapsule cimport PyCapsule_GetName, PyCapsule_GetPointer

import numpy as np
from scipy.linalg import cython_lapack

cnp.import_array()

cdef extern from "trustode.h":
    int TRO_ABI
    ctypedef struct tro_model
    ctypedef void tro_function(
        const tro_model *, double, const double *, const double *, const double *, double *
    ) noexcept nogil
    ctypedef struct tro_model:
        int abi, n_state, n_param, n_input
        tro_function *jac


cdef double *sized(cnp.ndarray array, Py_ssize_t size) except NULL:
    """Return the first element of an array of some size."""
    if cnp.PyArray_TYPE(array) != cnp.NPY_DOUBLE or not cnp.PyArray_IS_C_CONTIGUOUS(array) or (
        array.size != size
    ):
        raise ValueError(f"an array must be contiguous, of float64 and of size {size}")
    return <double *>cnp.PyArray_DATA(array)


include "_collocation_floquet.pxi"
include "_collocation_path.pxi"
include "_collocation_orbit.pxi"
