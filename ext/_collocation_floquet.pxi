# Floquet multipliers, by LAPACK's routines.

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
