# Arrays that arrive from Python, and the functions of a compiled model.

cdef void *_data(cnp.ndarray array):
    return cnp.PyArray_DATA(array)


cdef _check_real(object values):
    """Raise TypeError for what numpy would read numbers from though it holds none."""
    given = np.asarray(values)
    if given.dtype.kind == "O":
        for value in given.flat:
            if value is None or isinstance(value, (str, bytes)):
                raise TypeError
    elif given.dtype.kind not in "fiub":
        raise TypeError


cdef cnp.ndarray _vector(object values, Py_ssize_t size, str what):
    """Return values as a contiguous float64 vector of the wanted size."""
    cdef cnp.ndarray array
    try:
        if not (cnp.PyArray_Check(values) and cnp.PyArray_TYPE(<cnp.ndarray>values) == cnp.NPY_DOUBLE):
            _check_real(values)
        array = cnp.PyArray_FROMANY(
            values, cnp.NPY_DOUBLE, 0, 0, cnp.NPY_ARRAY_CARRAY_RO | cnp.NPY_ARRAY_ENSUREARRAY)
    except (TypeError, ValueError):
        raise DataError(f"{what} must be {size} real numbers, got {values!r:.60}") from None
    if cnp.PyArray_SIZE(array) != size:
        raise DataError(
            f"{what} has {cnp.PyArray_SIZE(array)} values; this model needs {size}")
    return array


#: What a function of the parameters alone is given as its state.
_NO_STATE = object()


cdef inline bint _is_state(object value):
    """Say whether a first argument is a state: odeint gives the state before the time."""
    return cnp.PyArray_Check(value) and cnp.PyArray_NDIM(<cnp.ndarray>value) == 1


cdef class Functions:
    """The functions of a compiled model, callable from Python.

    ``rhs(t, y)`` and ``jac(t, y)`` are what scipy's integrators take. Each function also
    takes ``p`` and ``u``, parameter and input values in the model's order; without them
    the defaults given here are used.
    """

    cdef const tro_model *model
    cdef cnp.ndarray p, u
    cdef object owner

    def __init__(self, size_t address, p, u, owner=None):
        self.model = <const tro_model *>address
        if self.model.abi != TRO_ABI:
            raise ValueError(f"the compiled model has ABI {self.model.abi}; this is {TRO_ABI}")
        self.owner = owner
        self.p = _vector(p, self.model.n_param, "p").copy()
        self.u = _vector(u, self.model.n_input, "u").copy()

    @property
    def address(self):
        """Address of the C struct, for other parts of the C core; valid while this object lives."""
        return <size_t>self.model

    def reraise(self):
        """Raise what a function in Python raised while C was calling it."""
        self._reraise()

    @property
    def sizes(self):
        """Numbers of states, parameters, inputs and observables."""
        m = self.model
        return m.n_state, m.n_param, m.n_input, m.n_observable

    def need(self, str name):
        """Make a function ready, so that its first call does not wait for a compiler."""
        if self.model.context != NULL:
            (<PythonModel>self.model.context).need(name)

    def bound(self, p, u):
        """Return the same functions with other default values."""
        return Functions(<size_t>self.model, p, u, (self, self.owner))

    cdef object _call(self, tro_function_ptr function, double t, object y, object p, object u,
                      int n_row, int n_column):
        cdef cnp.npy_intp shape[2]
        shape[0] = n_row
        shape[1] = n_column
        cdef cnp.ndarray out = cnp.PyArray_EMPTY(1 if n_column < 0 else 2, shape,
                                                 cnp.NPY_DOUBLE, 0)
        cdef cnp.ndarray y_ = self.p if y is _NO_STATE else _vector(y, self.model.n_state, "y")
        cdef cnp.ndarray p_ = self.p if p is None else _vector(p, self.model.n_param, "p")
        cdef cnp.ndarray u_ = self.u if u is None else _vector(u, self.model.n_input, "u")
        function(self.model, t, <double *>cnp.PyArray_DATA(y_),
                 <double *>cnp.PyArray_DATA(p_), <double *>cnp.PyArray_DATA(u_),
                 <double *>cnp.PyArray_DATA(out))
        self._reraise()
        return out

    cdef const int *_failed(self):
        """Return where it is told, not 0, that a function in Python raised."""
        return NULL if self.model.context == NULL else &(<PythonModel>self.model.context).failed

    cdef _reraise(self):
        if self.model.context != NULL:
            raised = (<PythonModel>self.model.context)._take_raised()
            if raised is not None:
                raise raised

    def rhs(self, t, y, p=None, u=None):
        """Return dy/dt, shape (n_state,); also called as ``rhs(y, t)``, odeint's order."""
        if _is_state(t):
            t, y = y, t
        return self._call(self.model.rhs, t, y, p, u, self.model.n_state, -1)

    def jac(self, t, y, p=None, u=None):
        """Return df_i/dy_j, shape (n_state, n_state); also called as ``jac(y, t)``."""
        if _is_state(t):
            t, y = y, t
        return self._call(self.model.jac, t, y, p, u, self.model.n_state, self.model.n_state)

    def dfdp(self, double t, y, p=None, u=None):
        """Return the parameter derivative df_i/dp_k, shape (n_state, n_param)."""
        return self._call(self.model.dfdp, t, y, p, u, self.model.n_state, self.model.n_param)

    def dfdt(self, double t, y, p=None, u=None):
        """Return the explicit time derivative of the right-hand side, shape (n_state,)."""
        return self._call(self.model.dfdt, t, y, p, u, self.model.n_state, -1)

    def dfdu(self, double t, y, p=None, u=None):
        """Return the input derivative df_i/du_l, shape (n_state, n_input)."""
        return self._call(self.model.dfdu, t, y, p, u, self.model.n_state, self.model.n_input)

    def observe(self, double t, y, p=None, u=None):
        """Return the observables, shape (n_observable,)."""
        return self._call(self.model.observe, t, y, p, u, self.model.n_observable, -1)

    def observe_dy(self, double t, y, p=None, u=None):
        """Return the observables' derivative by the states, (n_observable, n_state)."""
        return self._call(self.model.observe_dy, t, y, p, u,
                          self.model.n_observable, self.model.n_state)

    def observe_dp(self, double t, y, p=None, u=None):
        """Return the observables' derivative by the parameters, (n_observable, n_param)."""
        return self._call(self.model.observe_dp, t, y, p, u,
                          self.model.n_observable, self.model.n_param)

    def initial(self, p=None):
        """Return the initial state, shape (n_state,)."""
        return self._call(self.model.initial, 0.0, _NO_STATE, p, None, self.model.n_state, -1)

    def initial_dp(self, p=None):
        """Return the initial state's derivative by the parameters, (n_state, n_param)."""
        return self._call(self.model.initial_dp, 0.0, _NO_STATE, p, None,
                          self.model.n_state, self.model.n_param)

    def observe_many(self, t, y, p, Inputs inputs):
        """Return the observables at each time, shape (n_time, n_observable).

        ``t`` has shape (n_time,), ``y`` (n_time, n_state), ``p`` (n_param,).
        """
        cdef const tro_model *model = self.model
        cdef cnp.ndarray t_ = np.ascontiguousarray(t, dtype=np.float64)
        cdef Py_ssize_t n = cnp.PyArray_SIZE(t_), k
        cdef cnp.ndarray y_ = _vector(y, n * model.n_state, "y")
        cdef cnp.ndarray p_ = _vector(p, model.n_param, "p")
        cdef cnp.ndarray u = np.empty(model.n_input)
        cdef cnp.ndarray out = np.empty((n, model.n_observable))
        cdef double *times = <double *>cnp.PyArray_DATA(t_)
        cdef double *rows = <double *>cnp.PyArray_DATA(y_)
        cdef double *written = <double *>cnp.PyArray_DATA(out)
        for k in range(n):
            tro_stimulus_values(&inputs.view, times[k], -np.inf, np.inf,
                                <double *>cnp.PyArray_DATA(u), NULL)
            model.observe(model, times[k], rows + k * model.n_state,
                          <double *>cnp.PyArray_DATA(p_), <double *>cnp.PyArray_DATA(u),
                          written + k * model.n_observable)
        self._reraise()
        return out
