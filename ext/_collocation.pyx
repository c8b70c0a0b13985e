"""Thin wrapper around the collocation of periodic orbits; no arithmetic here."""

cimport numpy as cnp
from cpython.pycapsule cimport PyCapsule_GetName, PyCapsule_GetPointer

import numpy as np
from scipy.linalg import cython_lapack

cnp.import_array()

cdef extern from "trustode.h":
    int TRO_ABI
    ctypedef struct tro_model:
        int abi, n_state, n_param, n_input

cdef extern from "collocation.h":
    ctypedef struct tro_collocation:
        const tro_model *model
        int n_point, n_interval, n_free, n_right
        const int *slot
        const double *sign
        const double *mesh
        const double *value
        const double *slope
        const double *weight
    size_t tro_collocation_work(const tro_collocation *) noexcept nogil
    int tro_collocation_solve(
        const tro_collocation *, const double *, double, const double *, const double *,
        const double *, const double *, const double *, double *, double *, double *, double *
    ) noexcept nogil
    int tro_collocation_correct(
        const tro_collocation *, double, const double *, const double *, const double *,
        const double *, const double *, double, double *, double *, double *, double *, double *,
        double *, double *, double *, int *
    ) noexcept nogil
    ctypedef struct tro_collocation_point:
        const double *states
        const double *free
        const double *tangent
        const double *tangent_free
        const double *second
        const double *second_free
        const double *third
        const double *third_free
        const double *scale
        const double *free_scale
    ctypedef struct tro_collocation_arrival:
        double sign, logarithm, cosine, aside, volume
        int corrections
    void tro_collocation_length(
        const tro_collocation *, const tro_collocation_point *, const double *, double *, double *,
        double *
    ) noexcept nogil
    int tro_collocation_advance(
        const tro_collocation *, const tro_collocation_point *, double, double, const double *,
        const double *, const double *, const double *, double, double *, double *, double *,
        double *, double *, tro_collocation_arrival *
    ) noexcept nogil

cdef extern from "collocation_maps.h":
    size_t tro_collocation_maps_work(const tro_collocation *) noexcept nogil
    int tro_collocation_maps_pieces(
        const tro_collocation *, const double *, double, const double *, const double *, double *,
        int *
    ) noexcept nogil
    void tro_collocation_maps(
        const tro_collocation *, const double *, const double *, const double *,
        const double *, const int *, double *, double *, double *, double *
    ) noexcept nogil
    size_t tro_collocation_maps_beside_work(int) noexcept nogil
    void tro_collocation_maps_beside(
        int, int, const double *, const double *, double *, double *, double *
    ) noexcept nogil

cdef extern from "collocation_path.h":
    ctypedef struct tro_collocation_path:
        int n, n_point, n_interval
        const double *mesh
    double tro_collocation_path_form(
        const tro_collocation_path *, const double *, int, const double *, const double *,
        const double *
    ) noexcept nogil
    void tro_collocation_path_row(
        const tro_collocation_path *, const double *, int, const double *, const double *, double *
    ) noexcept nogil
    void tro_collocation_path_integral(
        const tro_collocation_path *, const double *, const double *, double *
    ) noexcept nogil
    void tro_collocation_path_at(
        const tro_collocation_path *, const double *, const double *, const double *, int, double *
    ) noexcept nogil
    void tro_collocation_path_extremes(
        const tro_collocation_path *, const double *, const double *, double *, double *
    ) noexcept nogil
    void tro_collocation_path_highest(
        const tro_collocation_path *, const double *, const double *, const double *, double *
    ) noexcept nogil


    void tro_collocation_path_bend(
        size_t, double, double, const double *, const double *, const double *, const double *,
        double *, double *
    ) noexcept nogil
    void tro_collocation_path_extent(
        const tro_collocation_path *, const double *, double, const double *, double *
    ) noexcept nogil
    void tro_collocation_path_equal(
        const tro_collocation_path *, const double *, int, const double *const *,
        const double *const *, int, double *, double *
    ) noexcept nogil
    void tro_collocation_path_moved(
        const tro_collocation_path *, const double *, const double *, int, int,
        const double *const *, double *const *
    ) noexcept nogil
    double tro_collocation_path_beside(
        const tro_collocation_path *, const double *, const double *, const double *,
        const double *, const double *
    ) noexcept nogil


cdef extern from "floquet.h":
    ctypedef struct tro_dggev
    ctypedef struct tro_dgeev
    double TRO_FLOQUET_LARGEST
    ctypedef struct tro_floquet_facts:
        double error, mismatch, smallest
        int n_unstable
    size_t tro_floquet_work(int) noexcept nogil
    void tro_floquet(int, const double *, double, tro_dggev *, double *, double *) nogil
    void tro_floquet_look(int, const double *, double, double, tro_floquet_facts *) noexcept nogil
    size_t tro_floquet_product_work(int) noexcept nogil
    int tro_floquet_product(int, int, const double *, tro_dgeev *, double *, double *) nogil
    void tro_floquet_tests(int, const double *, double *) noexcept nogil

#: What an infinite multiplier counts as.
LARGEST = TRO_FLOQUET_LARGEST


cdef void *_lapack(str name) except NULL:
    capsule = cython_lapack.__pyx_capi__[name]
    return PyCapsule_GetPointer(capsule, PyCapsule_GetName(capsule))


cdef void *_dggev = _lapack("dggev")
cdef void *_dgeev = _lapack("dgeev")


def floquet(const double[:, :, ::1] pair, double volume):
    """Return the multipliers of a pair of matrices, shape (n_state,); see floquet.h."""
    cdef int n = <int>pair.shape[1]
    if pair.shape[0] != 2 or pair.shape[2] != n or n < 1:
        raise ValueError("pair must have shape (2, n, n)")
    cdef cnp.ndarray values = np.empty(n, complex), work = np.empty(tro_floquet_work(n))
    tro_floquet(n, &pair[0, 0, 0], volume, <tro_dggev *>_dggev,
                <double *>cnp.PyArray_DATA(work), <double *>cnp.PyArray_DATA(values))
    return values


def floquet_look(const double complex[::1] values, double volume, double rounding):
    """Return what multipliers say; see floquet.h.

    Returns
    -------
    tuple
        Error of the first, mismatch of the product, the smallest size of the others, how many are
        outside the unit circle, and the three tests of all but the first.
    """
    cdef tro_floquet_facts facts
    cdef double[3] tests
    cdef int n = <int>values.shape[0]
    if n < 1:
        raise ValueError("there must be a multiplier")
    cdef const double *first = <const double *>&values[0]
    tro_floquet_look(n, first, volume, rounding, &facts)
    tro_floquet_tests(n - 1, first + 2, tests)
    return (facts.error, facts.mismatch, facts.smallest, facts.n_unstable, tests[0], tests[1],
            tests[2])


def product_eigenvalues(const double[:, :, ::1] matrices):
    """Return the eigenvalues of a product of matrices (count, n, n), or None; see floquet.h."""
    cdef int n = <int>matrices.shape[1], count = <int>matrices.shape[0]
    if count < 1 or n < 1 or matrices.shape[2] != n:
        raise ValueError("matrices must have shape (count, n, n)")
    cdef cnp.ndarray values = np.empty(n, complex), work = np.empty(tro_floquet_product_work(n))
    if tro_floquet_product(n, count, &matrices[0, 0, 0], <tro_dgeev *>_dgeev,
                           <double *>cnp.PyArray_DATA(work),
                           <double *>cnp.PyArray_DATA(values)) != 0:
        return None
    return values


def floquet_tests(const double complex[::1] values):
    """Return what vanishes where one of some values is -1, a product of two is 1, one is 1."""
    cdef double[3] tests
    cdef double complex nothing = 0.0
    cdef const double complex *first = &values[0] if values.shape[0] else &nothing
    tro_floquet_tests(<int>values.shape[0], <const double *>first, tests)
    return tests[0], tests[1], tests[2]


def bend(double length, double cosine, before, tangent_before, here, tangent):
    """Return second and third derivatives at the end of a step, each like `here`.

    Arrays are contiguous, of float64 and of one shape; see collocation_path.h.
    """
    cdef cnp.ndarray second = np.empty_like(here), third = np.empty_like(here)
    cdef double *from_[4]
    for k, each in enumerate((before, tangent_before, here, tangent)):
        from_[k] = sized(each, second.size)
    tro_collocation_path_bend(
        <size_t>second.size, length, cosine, from_[0], from_[1], from_[2], from_[3],
        <double *>cnp.PyArray_DATA(second), <double *>cnp.PyArray_DATA(third)
    )
    return second, third


cdef double *sized(cnp.ndarray array, Py_ssize_t size) except NULL:
    """Return the first element of an array of some size."""
    if cnp.PyArray_TYPE(array) != cnp.NPY_DOUBLE or not cnp.PyArray_IS_C_CONTIGUOUS(array) or (
        array.size != size
    ):
        raise ValueError(f"an array must be contiguous, of float64 and of size {size}")
    return <double *>cnp.PyArray_DATA(array)


def beside(const double[:, :, ::1] maps, const double[:, ::1] flows):
    """Write maps in frames beside an orbit's direction; shapes as in collocation_maps.h.

    Returns
    -------
    tuple
        The maps (count, n_state - 1, n_state - 1), and what they do to the direction.
    """
    cdef int n = <int>flows.shape[1], count = <int>maps.shape[0]
    if n < 2 or count < 1 or maps.shape[1] != n or maps.shape[2] != n or (
        flows.shape[0] != count + 1
    ):
        raise ValueError("maps and flows must have shapes (count, n, n), (count + 1, n)")
    cdef cnp.ndarray work = np.empty(tro_collocation_maps_beside_work(n))
    cdef cnp.ndarray result = np.empty((count, n - 1, n - 1))
    cdef double along
    tro_collocation_maps_beside(n, count, &maps[0, 0, 0], &flows[0, 0],
                                <double *>cnp.PyArray_DATA(work),
                                <double *>cnp.PyArray_DATA(result), &along)
    return result, along


cdef class Pieces:
    """Functions that are polynomials on each interval of a mesh; see collocation_path.h.

    Parameters
    ----------
    powers : ndarray, shape (n_point + 1, n_point + 1)
        [j, k] is the coefficient of s ** j of node k's polynomial.
    """

    cdef const double[:, ::1] powers

    def __init__(self, powers):
        self.powers = np.ascontiguousarray(powers, dtype=np.float64)
        if self.powers.shape[0] != self.powers.shape[1] or self.powers.shape[0] < 3:
            raise ValueError("powers must be square, of at least three nodes")

    def form(self, const double[:, ::1] matrix, int power, const double[::1] mesh,
             const double[::1] unit, const double[:, ::1] a, const double[:, ::1] b):
        """Return the quadratic form of two functions."""
        cdef tro_collocation_path path = self.path(mesh, a)
        self.fits(path, matrix, unit)
        self.path(mesh, b)
        if a.shape[1] != b.shape[1]:
            raise ValueError("a and b must have as many components")
        return tro_collocation_path_form(&path, &matrix[0, 0], power, &unit[0], &a[0, 0], &b[0, 0])

    def row(self, const double[:, ::1] matrix, int power, const double[::1] mesh,
            const double[::1] unit, const double[:, ::1] b):
        """Return the form as a functional of its other function, shape (nodes, n)."""
        cdef tro_collocation_path path = self.path(mesh, b)
        self.fits(path, matrix, unit)
        cdef cnp.ndarray out = np.empty((b.shape[0], b.shape[1]))
        tro_collocation_path_row(&path, &matrix[0, 0], power, &unit[0], &b[0, 0],
                                 <double *>cnp.PyArray_DATA(out))
        return out

    def integral(self, const double[::1] weights, const double[::1] mesh,
                 const double[:, ::1] values):
        """Return the integral of each component, shape (n,)."""
        cdef tro_collocation_path path = self.path(mesh, values)
        if weights.shape[0] != path.n_point + 1:
            raise ValueError(f"weights must have {path.n_point + 1} entries")
        cdef cnp.ndarray out = np.empty(path.n)
        tro_collocation_path_integral(&path, &weights[0], &values[0, 0],
                                      <double *>cnp.PyArray_DATA(out))
        return out

    def at(self, const double[::1] mesh, const double[:, ::1] values, const double[::1] s):
        """Return a function at positions, shape (len(s), n)."""
        cdef tro_collocation_path path = self.path(mesh, values)
        cdef cnp.ndarray out = np.empty((s.shape[0], values.shape[1]))
        if s.shape[0]:
            tro_collocation_path_at(&path, &self.powers[0, 0], &values[0, 0], &s[0],
                                    <int>s.shape[0], <double *>cnp.PyArray_DATA(out))
        return out

    def extremes(self, const double[::1] mesh, const double[:, ::1] values):
        """Return the least and the largest values, shape (2, n)."""
        cdef tro_collocation_path path = self.path(mesh, values)
        cdef cnp.ndarray out = np.empty((2, values.shape[1]))
        cdef double *least = <double *>cnp.PyArray_DATA(out)
        tro_collocation_path_extremes(&path, &self.powers[0, 0], &values[0, 0], least,
                                      least + path.n)
        return out

    def highest(self, const double[::1] mesh, const double[:, ::1] values,
                const double[::1] unit):
        """Return the size of the derivative beyond the degree, shape (n_interval,)."""
        cdef tro_collocation_path path = self.path(mesh, values)
        if unit.shape[0] != path.n:
            raise ValueError(f"unit must have {path.n} entries")
        cdef cnp.ndarray out = np.empty(path.n_interval)
        tro_collocation_path_highest(&path, &self.powers[0, 0], &values[0, 0], &unit[0],
                                     <double *>cnp.PyArray_DATA(out))
        return out

    def extent(self, const double[::1] mesh, const double[:, ::1] values, double share,
               const double[::1] unit):
        """Return how far each component moves, and at least a share of its unit, shape (n,)."""
        cdef tro_collocation_path path = self.path(mesh, values)
        if unit.shape[0] != path.n:
            raise ValueError(f"unit must have {path.n} entries")
        cdef cnp.ndarray out = np.empty(path.n)
        tro_collocation_path_extent(&path, &values[0, 0], share, &unit[0],
                                    <double *>cnp.PyArray_DATA(out))
        return out

    def equal(self, const double[::1] mesh, values, units, int intervals):
        """Return a mesh that shares functions' error of interpolation, shape (intervals + 1,).

        `values` are up to 4 functions, `units` what their components count in.
        """
        cdef const double[:, ::1] first = values[0]
        cdef tro_collocation_path path = self.path(mesh, first)
        cdef const double *values_[4]
        cdef const double *units_[4]
        cdef int k, count = <int>len(values)
        if not 0 < count <= 4 or len(units) != count or intervals < 1:
            raise ValueError("there are 1 to 4 functions, each with its unit, and intervals")
        for k in range(count):
            values_[k] = sized(values[k], first.size)
            units_[k] = sized(units[k], path.n)
        cdef cnp.ndarray density = np.empty(2 * path.n_interval), out = np.empty(intervals + 1)
        tro_collocation_path_equal(&path, &self.powers[0, 0], count, values_, units_, intervals,
                                   <double *>cnp.PyArray_DATA(density),
                                   <double *>cnp.PyArray_DATA(out))
        return out

    def moved(self, const double[::1] mesh, values, const double[::1] other):
        """Return up to 4 functions at the nodes of another mesh, a list of arrays."""
        cdef const double[:, ::1] first = values[0]
        cdef tro_collocation_path path = self.path(mesh, first)
        cdef const double *values_[4]
        cdef double *out_[4]
        cdef int k, count = <int>len(values), intervals = <int>(other.shape[0] - 1)
        if not 0 < count <= 4 or intervals < 1:
            raise ValueError("there are 1 to 4 functions, and intervals")
        out = [np.empty((intervals * path.n_point + 1, path.n)) for k in range(count)]
        for k in range(count):
            values_[k] = sized(values[k], first.size)
            out_[k] = <double *>cnp.PyArray_DATA(out[k])
        tro_collocation_path_moved(&path, &self.powers[0, 0], &other[0], intervals, count, values_,
                                   out_)
        return out

    def beside(self, const double[:, ::1] matrix, const double[::1] weights,
               const double[::1] mesh, const double[::1] unit, const double[:, ::1] a,
               const double[:, ::1] b):
        """Return the product of two functions less their means."""
        cdef tro_collocation_path path = self.path(mesh, a)
        self.fits(path, matrix, unit)
        self.path(mesh, b)
        if a.shape[1] != b.shape[1] or weights.shape[0] != path.n_point + 1:
            raise ValueError("a and b must have as many components, and weights one a node")
        return tro_collocation_path_beside(&path, &matrix[0, 0], &weights[0], &unit[0], &a[0, 0],
                                           &b[0, 0])

    cdef tro_collocation_path path(self, const double[::1] mesh,
                                   const double[:, ::1] values) except *:
        cdef tro_collocation_path path
        path.n = <int>values.shape[1]
        path.n_point = <int>(self.powers.shape[0] - 1)
        path.n_interval = <int>(mesh.shape[0] - 1)
        path.mesh = &mesh[0]
        if path.n < 1 or path.n_interval < 1 or (
            values.shape[0] != path.n_interval * path.n_point + 1
        ):
            raise ValueError("values must have a row a node of the mesh")
        return path

    cdef int fits(self, tro_collocation_path path, const double[:, ::1] matrix,
                  const double[::1] unit) except -1:
        if matrix.shape[0] != path.n_point + 1 or matrix.shape[1] != path.n_point + 1:
            raise ValueError("matrix must be as large as powers")
        if unit.shape[0] != path.n:
            raise ValueError(f"unit must have {path.n} entries")
        return 0


cdef class Collocation:
    """The linear equations of Newton's method for one model's periodic orbits.

    Parameters
    ----------
    functions : Functions
        Of the compiled model; must outlive the calls.
    value, slope : ndarray, shape (n_point, n_point + 1)
        The nodes' polynomials at the collocation points of an interval, and their derivatives.
    weight : ndarray, shape (n_point,)
        Of the Gauss points.
    slot : ndarray of int32, shape (n_free,)
        The unknown scalars: a parameter, n_param + an input, or -1 for the period.
    sign : ndarray, shape (n_state,)
        y(1) = sign * y(0).
    """

    cdef tro_collocation c
    cdef object functions
    cdef cnp.ndarray value, slope, weight, slot, sign, work

    def __init__(self, functions, value, slope, weight, slot, sign):
        self.functions = functions
        self.c.model = <const tro_model *><size_t>functions.address
        if self.c.model.abi != TRO_ABI:
            raise ValueError(f"the compiled model has ABI {self.c.model.abi}; this is {TRO_ABI}")
        self.value = np.ascontiguousarray(value, dtype=np.float64)
        self.slope = np.ascontiguousarray(slope, dtype=np.float64)
        self.weight = np.ascontiguousarray(weight, dtype=np.float64)
        self.slot = np.ascontiguousarray(slot, dtype=np.int32)
        self.sign = np.ascontiguousarray(sign, dtype=np.float64)
        points, nodes = self.value.shape[0], self.value.shape[1]
        if nodes != points + 1 or points < 2 or self.slope.shape[0] != points:
            raise ValueError("value and slope must have shape (n_point, n_point + 1)")
        if len(self.weight) != points:
            raise ValueError("weight has an entry a point")
        if len(self.sign) != self.c.model.n_state or len(self.slot) == 0:
            raise ValueError("sign has an entry a state; slot is not empty")
        if self.slot.max() >= self.c.model.n_param + self.c.model.n_input or self.slot.min() < -1:
            raise ValueError("slot holds -1, parameters and inputs")
        self.c.n_point = points
        self.c.n_free = len(self.slot)
        self.c.slot = <const int *>cnp.PyArray_DATA(self.slot)
        self.c.sign = <const double *>cnp.PyArray_DATA(self.sign)
        self.c.value = <const double *>cnp.PyArray_DATA(self.value)
        self.c.slope = <const double *>cnp.PyArray_DATA(self.slope)
        self.c.weight = <const double *>cnp.PyArray_DATA(self.weight)
        self.work = np.empty(0)

    def solve(self, const double[::1] mesh, const double[:, ::1] states, double period,
              const double[::1] p, const double[::1] u, const double[:, :, ::1] rows,
              const double[:, ::1] rows_free, const double[:, ::1] right):
        """Solve a Newton step's equations; shapes as in collocation.h.

        Returns
        -------
        tuple
            status, steps (n_right, nodes n_state + n_free), pair (2, n_state, n_state; NaN where
            an interval's equations were singular), sign and logarithm of the determinant, volume.
        """
        cdef int n = self.c.model.n_state, k = self.c.n_free, status
        cdef Py_ssize_t nodes = self.check(mesh, states, p, u, rows, rows_free)
        cdef Py_ssize_t equations = nodes * n + k
        if right.shape[0] < 1 or right.shape[1] != equations:
            raise ValueError(f"right must have {equations} columns")
        cdef double *work = self.room(mesh, <int>right.shape[0])
        steps = np.empty((self.c.n_right, equations))
        pair = np.full((2, n, n), np.nan)
        cdef double[3] determinant
        cdef double *steps_ = <double *>cnp.PyArray_DATA(steps)
        cdef double *pair_ = <double *>cnp.PyArray_DATA(pair)
        # Empty vectors have no first element to point to.
        cdef double nothing = 0.0
        cdef const double *p_ = &p[0] if p.shape[0] else &nothing
        cdef const double *u_ = &u[0] if u.shape[0] else &nothing
        with nogil:
            status = tro_collocation_solve(
                &self.c, &states[0, 0], period, p_, u_, &rows[0, 0, 0], &rows_free[0, 0],
                &right[0, 0], work, steps_, pair_, determinant
            )
        self.functions.reraise()
        return status, steps, pair, determinant[0], determinant[1], determinant[2]

    def correct(self, const double[::1] mesh, double[:, ::1] states, double[::1] free,
                double period, double[::1] p, double[::1] u, const double[:, :, ::1] rows,
                const double[:, ::1] rows_free, const double[::1] target,
                const double[::1] scale, const double[::1] free_scale, double enough):
        """Solve for an orbit in place; shapes as in collocation.h.

        Returns
        -------
        tuple
            status, tangent's states (nodes, n_state) and scalars (n_free), pair (2, n_state,
            n_state), sign and logarithm of the determinant, volume, corrections.
        """
        cdef int n = self.c.model.n_state, k = self.c.n_free, status, corrections = 0
        cdef Py_ssize_t nodes = self.check(mesh, states, p, u, rows, rows_free)
        if free.shape[0] != k or free_scale.shape[0] != k or target.shape[0] != k:
            raise ValueError(f"free, free_scale and target must have {k} entries")
        if scale.shape[0] != n:
            raise ValueError(f"scale must have {n} entries")
        cdef double *work = self.room(mesh, 2)
        step = np.empty(nodes * n + k)
        pair = np.empty((2, n, n))
        cdef double[3] determinant
        cdef double *step_ = <double *>cnp.PyArray_DATA(step)
        cdef double *pair_ = <double *>cnp.PyArray_DATA(pair)
        cdef double nothing = 0.0
        cdef double *p_ = &p[0] if p.shape[0] else &nothing
        cdef double *u_ = &u[0] if u.shape[0] else &nothing
        with nogil:
            status = tro_collocation_correct(
                &self.c, period, &rows[0, 0, 0], &rows_free[0, 0], &target[0], &scale[0],
                &free_scale[0], enough, p_, u_, &states[0, 0], &free[0], work, step_, pair_,
                determinant, &corrections
            )
        self.functions.reraise()
        cut = nodes * n
        return (status, step[:cut].reshape(nodes, n), step[cut:], pair, determinant[0],
                determinant[1], determinant[2], corrections)

    def length(self, const double[::1] mesh, origin, const double[:, ::1] mass,
               double[:, :, ::1] rows):
        """Write the last of some conditions, the length on a tangent; see collocation.h.

        Parameters
        ----------
        origin : tuple
            As of `advance`.
        rows : ndarray, shape (n_free, nodes, n_state)
            All but the last are given.

        Returns
        -------
        tuple
            rows_free (n_free, n_free), target (n_free,).
        """
        cdef int n = self.c.model.n_state, k = self.c.n_free
        cdef cnp.ndarray free = np.zeros((k, k)), target = np.empty(k)
        cdef tro_collocation_point at
        cdef Py_ssize_t intervals = mesh.shape[0] - 1, nodes = intervals * self.c.n_point + 1
        if rows.shape[0] != k or rows.shape[1] != nodes or rows.shape[2] != n or intervals < 1:
            raise ValueError(f"rows must have shape ({k}, {nodes}, {n})")
        self.point(origin, nodes, &at)
        self.room(mesh, 1)
        tro_collocation_length(&self.c, &at, &mass[0, 0], &rows[0, 0, 0],
                               <double *>cnp.PyArray_DATA(free),
                               <double *>cnp.PyArray_DATA(target))
        return free, target

    cdef int point(self, origin, Py_ssize_t nodes, tro_collocation_point *at) except -1:
        """Take a point of a curve apart."""
        cdef int n = self.c.model.n_state, k = self.c.n_free
        at.states = sized(origin[0], nodes * n)
        at.free = sized(origin[1], k)
        at.tangent = sized(origin[2], nodes * n)
        at.tangent_free = sized(origin[3], k)
        at.second = at.second_free = at.third = at.third_free = NULL
        if origin[4] is not None:
            at.second, at.second_free = sized(origin[4], nodes * n), sized(origin[5], k)
            at.third, at.third_free = sized(origin[6], nodes * n), sized(origin[7], k)
        at.scale, at.free_scale = sized(origin[8], n), sized(origin[9], k)
        return 0

    def advance(self, const double[::1] mesh, origin, double s, double period, double[::1] p,
                double[::1] u, conditions, const double[:, ::1] mass, double enough):
        """Solve for the orbit at a length from another one; see collocation.h.

        Parameters
        ----------
        origin : tuple
            states, free, tangent, its free, then its second and third derivatives, each with its
            free, or None for all four, scale, free_scale.
        conditions : tuple
            rows, rows_free, target for length 0.

        Returns
        -------
        tuple
            status, then states and scalars of the orbit, of the unit tangent, and of its second
            and third derivatives (nothing where s is 0), pair, sign and logarithm of the
            determinant, volume, corrections, the tangents' cosine, square of the distance from the first
            tangent.
        """
        cdef int n = self.c.model.n_state, k = self.c.n_free, status
        cdef const double[:, ::1] states = origin[0]
        cdef const double[:, :, ::1] rows = conditions[0]
        cdef const double[:, ::1] rows_free = conditions[1]
        cdef const double[::1] target = conditions[2]
        cdef Py_ssize_t nodes = self.check(mesh, states, p, u, rows, rows_free)
        cdef cnp.ndarray out = np.empty((4, nodes * n + k)), pair = np.empty((2, n, n))
        cdef double *out_ = <double *>cnp.PyArray_DATA(out)
        cdef double *pair_ = <double *>cnp.PyArray_DATA(pair)
        cdef tro_collocation_point at
        cdef tro_collocation_arrival to
        self.point(origin, nodes, &at)
        if target.shape[0] != k or mass.shape[0] != self.c.n_point + 1 or (
            mass.shape[1] != self.c.n_point + 1
        ):
            raise ValueError(f"target must have {k} entries, and mass a row a node")
        cdef double *work = self.room(mesh, 2)
        cdef double nothing = 0.0
        cdef double *p_ = &p[0] if p.shape[0] else &nothing
        cdef double *u_ = &u[0] if u.shape[0] else &nothing
        cdef Py_ssize_t cut = nodes * n
        with nogil:
            status = tro_collocation_advance(
                &self.c, &at, s, period, &rows[0, 0, 0], &rows_free[0, 0], &target[0], &mass[0, 0],
                enough, p_, u_, work, out_, pair_, &to
            )
        self.functions.reraise()
        if status != 0:
            return (status,)
        found = [status]
        for each in out:
            found += (each[:cut].reshape(nodes, n), each[cut:])
        return (*found, pair, to.sign, to.logarithm, to.volume, to.corrections, to.cosine,
                to.aside)

    def maps(self, const double[::1] mesh, const double[:, ::1] states, double period,
             const double[::1] p, const double[::1] u, const double[:, ::1] powers):
        """Solve the variational equations piece by piece; shapes as in collocation_maps.h.

        Returns
        -------
        tuple or None
            maps (pieces, n_state, n_state), flows (pieces + 1, n_state), volume. None where the
            equations are not finite.
        """
        cdef int n = self.c.model.n_state, count
        self.fits(mesh, states, p, u)
        if powers.shape[0] != self.c.n_point or powers.shape[1] != self.c.n_point:
            raise ValueError(f"powers must be square with {self.c.n_point} rows")
        self.room(mesh, 1)
        cdef cnp.ndarray work = np.empty(tro_collocation_maps_work(&self.c))
        cdef cnp.ndarray pieces = np.empty(self.c.n_interval, np.int32)
        cdef double *work_ = <double *>cnp.PyArray_DATA(work)
        cdef int *pieces_ = <int *>cnp.PyArray_DATA(pieces)
        cdef double volume, nothing = 0.0
        cdef const double *p_ = &p[0] if p.shape[0] else &nothing
        cdef const double *u_ = &u[0] if u.shape[0] else &nothing
        with nogil:
            count = tro_collocation_maps_pieces(
                &self.c, &states[0, 0], period, p_, u_, work_, pieces_
            )
        self.functions.reraise()
        if count < 0:
            return None
        maps, flows = np.empty((count, n, n)), np.empty((count + 1, n))
        cdef double *maps_ = <double *>cnp.PyArray_DATA(maps)
        cdef double *flows_ = <double *>cnp.PyArray_DATA(flows)
        with nogil:
            tro_collocation_maps(&self.c, &states[0, 0], p_, u_, &powers[0, 0], pieces_, work_,
                                 maps_, flows_, &volume)
        self.functions.reraise()
        return maps, flows, volume

    cdef Py_ssize_t fits(self, const double[::1] mesh, const double[:, ::1] states,
                         const double[::1] p, const double[::1] u) except -1:
        """Check an orbit's shapes and return the number of nodes."""
        cdef int n = self.c.model.n_state
        cdef Py_ssize_t intervals = mesh.shape[0] - 1
        cdef Py_ssize_t nodes = intervals * self.c.n_point + 1
        if states.shape[0] != nodes or states.shape[1] != n or intervals < 1:
            raise ValueError(f"states must have shape ({nodes}, {n})")
        if p.shape[0] != self.c.model.n_param or u.shape[0] != self.c.model.n_input:
            raise ValueError("p and u must be as long as the model's parameters and inputs")
        return nodes

    cdef Py_ssize_t check(self, const double[::1] mesh, const double[:, ::1] states,
                          const double[::1] p, const double[::1] u, const double[:, :, ::1] rows,
                          const double[:, ::1] rows_free) except -1:
        """Check shapes and return the number of nodes."""
        cdef int n = self.c.model.n_state, k = self.c.n_free
        cdef Py_ssize_t nodes = self.fits(mesh, states, p, u)
        if rows.shape[0] != k or rows.shape[1] != nodes or rows.shape[2] != n:
            raise ValueError(f"rows must have shape ({k}, {nodes}, {n})")
        if rows_free.shape[0] != k or rows_free.shape[1] != k:
            raise ValueError(f"rows_free must have shape ({k}, {k})")
        return nodes

    cdef double *room(self, const double[::1] mesh, int n_right) except NULL:
        """Take a mesh, and return work space that begins at a multiple of 64 bytes."""
        self.c.mesh = &mesh[0]
        self.c.n_interval = <int>(mesh.shape[0] - 1)
        self.c.n_right = n_right
        cdef size_t size = tro_collocation_work(&self.c) + 8
        if <size_t>len(self.work) < size:
            self.work = np.empty(size)
        cdef size_t address = <size_t>cnp.PyArray_DATA(self.work)
        return <double *>((address + 63) // 64 * 64)
