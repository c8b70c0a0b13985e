# What is asked of functions that are polynomials on each interval of a mesh.

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
