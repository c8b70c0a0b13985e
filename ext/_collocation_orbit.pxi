# Newton's method for orbits, and what the linearisation along them does.

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

    def jacobians(self, const double[:, ::1] states, const double[::1] p, const double[::1] u):
        """Return the Jacobian at each of some states, shape (len(states), n_state, n_state)."""
        cdef int n = self.c.model.n_state
        cdef Py_ssize_t k, count = states.shape[0]
        if states.shape[1] != n:
            raise ValueError(f"states must have shape (count, {n})")
        if p.shape[0] != self.c.model.n_param or u.shape[0] != self.c.model.n_input:
            raise ValueError("p and u must be as long as the model's parameters and inputs")
        cdef cnp.ndarray out = np.empty((count, n, n))
        cdef double *first = <double *>cnp.PyArray_DATA(out)
        cdef double nothing = 0.0
        cdef const double *p_ = &p[0] if p.shape[0] else &nothing
        cdef const double *u_ = &u[0] if u.shape[0] else &nothing
        for k in range(count):
            self.c.model.jac(self.c.model, 0.0, &states[k, 0], p_, u_, first + k * n * n)
        self.functions.reraise()
        return out

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
