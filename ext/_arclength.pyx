"""Thin wrapper around the arclength kernel; no arithmetic here.

Arrays that come in are contiguous and of float64: the callers' own.
"""

cimport numpy as cnp
from cpython.pycapsule cimport PyCapsule_GetName, PyCapsule_GetPointer
from libc.stdlib cimport free, malloc

import numpy as np
from scipy.linalg import cython_lapack

cnp.import_array()

cdef extern from "trustode.h":
    int TRO_ABI
    ctypedef struct tro_model:
        int abi, n_state, n_param, n_input
        void *context

cdef extern from "arclength.h":
    cdef enum:
        TRO_POINT_DETERMINANT, TRO_POINT_PAIRS, TRO_POINT_TOLERANCE, TRO_POINT_UNSTABLE
        TRO_POINT_STABLE, TRO_POINT_CORRECTIONS, TRO_POINT_ASIDE, TRO_POINT_OUTSIDE
        TRO_POINT_GROWS, TRO_POINT_EXTRA
        TRO_FOLD, TRO_HOPF, TRO_BRANCH
    ctypedef struct tro_dgeev
    ctypedef struct tro_arclength:
        const tro_model *model
        double *p
        double *u
        int n, free, input
        const double *low
        const double *high
        tro_dgeev *dgeev
        double *work
        int *rows
    size_t tro_arclength_work(const tro_model *) nogil
    size_t tro_arclength_point_size(int) nogil
    int tro_arclength_at(const tro_arclength *, const double *, const double *, const double *,
                         double, double *) nogil
    int tro_arclength_landing(const tro_arclength *, const double *, const double *,
                              const double *, const double *, double, double *) nogil
    int tro_arclength_describe(const tro_arclength *, const double *, const double *,
                               double *) nogil
    int tro_arclength_newton(const tro_arclength *, const double *, double, double *,
                             double *) nogil
    int tro_arclength_define(const tro_arclength *, int, const double *, const double *, double,
                             double *) nogil

#: Where the numbers after the eigenvalues stand in a point.
EXTRA = {
    "determinant": TRO_POINT_DETERMINANT, "pairs": TRO_POINT_PAIRS,
    "tolerance": TRO_POINT_TOLERANCE, "unstable": TRO_POINT_UNSTABLE,
    "stable": TRO_POINT_STABLE, "corrections": TRO_POINT_CORRECTIONS,
    "aside": TRO_POINT_ASIDE, "outside": TRO_POINT_OUTSIDE, "grows": TRO_POINT_GROWS,
}

KINDS = {"fold": TRO_FOLD, "hopf": TRO_HOPF, "branch_point": TRO_BRANCH}


cdef void *_lapack(str name) except NULL:
    capsule = cython_lapack.__pyx_capi__[name]
    return PyCapsule_GetPointer(capsule, PyCapsule_GetName(capsule))


cdef inline double *_data(cnp.ndarray array):
    return <double *>cnp.PyArray_DATA(array)


cdef class Kernel:
    """A compiled model with everything but the states and one value held.

    ``p`` and ``u`` are read at each call, and the free one is written into them. ``free`` is
    the index of a parameter, or of an input if ``is_input``; -1 for none.
    """

    cdef tro_arclength view
    cdef object functions
    cdef cnp.ndarray p, u, low, high
    cdef cnp.npy_intp size
    cdef bint foreign

    def __cinit__(self):
        self.view.work = NULL
        self.view.rows = NULL

    def __init__(self, functions, cnp.ndarray p, cnp.ndarray u, int free, bint is_input,
                 low, high):
        cdef const tro_model *model = <const tro_model *><size_t>functions.address
        if model.abi != TRO_ABI:
            raise ValueError(f"the compiled model has ABI {model.abi}; this is {TRO_ABI}")
        self.functions = functions
        self.p, self.u = p, u
        self.low = np.ascontiguousarray(low, dtype=float)
        self.high = np.ascontiguousarray(high, dtype=float)
        self.view.model = model
        self.view.p, self.view.u = _data(self.p), _data(self.u)
        self.view.low, self.view.high = _data(self.low), _data(self.high)
        self.view.n = model.n_state
        self.view.free, self.view.input = free, is_input
        self.view.dgeev = <tro_dgeev *>_lapack("dgeev")
        self.view.work = <double *>malloc(tro_arclength_work(model) * sizeof(double))
        self.view.rows = <int *>malloc((3 * model.n_state + 2) * sizeof(int))
        if self.view.work == NULL or self.view.rows == NULL:
            raise MemoryError
        self.size = tro_arclength_point_size(model.n_state)
        self.foreign = model.context != NULL

    def __dealloc__(self):
        free(self.view.work)
        free(self.view.rows)

    cdef cnp.ndarray _point(self):
        return cnp.PyArray_EMPTY(1, &self.size, cnp.NPY_DOUBLE, 0)

    cdef object _result(self, int status, cnp.ndarray values):
        if self.foreign:
            self.functions.reraise()
        return values if status == 0 else None

    def at(self, cnp.ndarray x, cnp.ndarray tangent, cnp.ndarray scale, double s):
        """Return the point whose projection on a tangent is at a length, or None."""
        cdef cnp.ndarray point = self._point()
        cdef int status = tro_arclength_at(
            &self.view, _data(x), _data(tangent), _data(scale), s, _data(point))
        return self._result(status, point)

    def landing(self, cnp.ndarray x, cnp.ndarray beyond, cnp.ndarray tangent,
                cnp.ndarray scale, double value):
        """Return the point between two at which the parameter has a value, or None."""
        cdef cnp.ndarray point = self._point()
        cdef int status = tro_arclength_landing(
            &self.view, _data(x), _data(beyond), _data(tangent), _data(scale), value,
            _data(point))
        return self._result(status, point)

    def describe(self, cnp.ndarray x, cnp.ndarray direction, cnp.ndarray scale):
        """Return a solved point with its tangent along a direction, or None."""
        cdef cnp.ndarray point = self._point()
        cdef int k, status
        cdef double *extra = _data(point) + 4 * self.view.n + 2
        for k in range(self.view.n + 1):
            _data(point)[k] = _data(x)[k]
        extra[<int>TRO_POINT_CORRECTIONS] = extra[<int>TRO_POINT_ASIDE] = 0.0
        status = tro_arclength_describe(&self.view, _data(direction), _data(scale), _data(point))
        return self._result(status, point)

    def newton(self, cnp.ndarray start, cnp.ndarray scale, double reach):
        """Return the zero of the right-hand side that Newton's method finds, or None."""
        cdef cnp.ndarray x = start.copy()
        cdef double left
        cdef int status = tro_arclength_newton(&self.view, _data(scale), reach, _data(x), &left)
        return self._result(status, x)

    def search(self, cnp.ndarray starts, cnp.ndarray scale, double reach):
        """Return the zeros found from rows of starts, and how long the next step would be."""
        cdef cnp.ndarray x = starts.copy()
        cdef Py_ssize_t width = cnp.PyArray_DIM(x, 1), k, found = 0, j
        cdef double *rows = _data(x)
        cdef cnp.npy_intp n_rows = cnp.PyArray_DIM(x, 0)
        cdef cnp.ndarray lengths = cnp.PyArray_EMPTY(1, &n_rows, cnp.NPY_DOUBLE, 0)
        cdef double *left = _data(lengths)
        for k in range(cnp.PyArray_DIM(x, 0)):
            if tro_arclength_newton(
                    &self.view, _data(scale), reach, rows + k * width, left + found) == 0:
                for j in range(width):
                    rows[found * width + j] = rows[k * width + j]
                found += 1
        return self._result(0, x)[:found], lengths[:found]

    def define(self, str kind, cnp.ndarray scale, cnp.ndarray border, double omega,
               cnp.ndarray start):
        """Return the solution of a defining system near a start, or None."""
        cdef cnp.ndarray z = start.copy()
        cdef int status = tro_arclength_define(
            &self.view, KINDS[kind], _data(scale), _data(border), omega, _data(z))
        return self._result(status, z)
