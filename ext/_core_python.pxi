# Models whose functions come from Python.

cdef class PythonModel:
    """A model whose functions come from Python: as callables, or compiled in parts.

    ``functions`` maps each name of the contract to a callable of lists (t, y, p, u) that
    returns a flat list. An exception is kept, its output filled with NaN. Where a name is
    missing, ``opener(name)`` is asked once, when the function is first wanted, for the part
    that holds it: the address of a compiled model, or 0; the part's names, each with its callable
    or with None where the compiled model has it; and what must stay alive.
    """

    cdef tro_model model
    cdef dict functions
    cdef object opener
    cdef list kept
    cdef object raised
    #: Whether something was raised, for loops in C.
    cdef int failed

    def __cinit__(self, dict functions, sizes, opener=None):
        self.functions = dict(functions)
        self.opener = opener
        self.kept = []
        self.raised = None
        self.model.abi = TRO_ABI
        self.model.n_state, self.model.n_param, self.model.n_input, self.model.n_observable = sizes
        self.model.rhs = _python_rhs
        self.model.jac = _python_jac
        self.model.dfdp = _python_dfdp
        self.model.tangent = _python_tangent
        self.model.dfdt = _python_dfdt
        self.model.dfdu = _python_dfdu
        self.model.observe = _python_observe
        self.model.observe_dy = _python_observe_dy
        self.model.observe_dp = _python_observe_dp
        self.model.initial = _python_initial
        self.model.initial_dp = _python_initial_dp
        self.model.slopes = _python_slopes
        self.model.bends = _python_bends
        self.model.factor = self.model.solve = self.model.stage = NULL
        self.model.context = <void *>self

    cdef _keep_raised(self, error):
        self.raised = error
        self.failed = 1

    cdef _take_raised(self):
        raised, self.raised = self.raised, None
        self.failed = 0
        return raised

    @property
    def address(self):
        """Address of the C struct; valid while this object lives."""
        return <size_t>&self.model

    def need(self, str name):
        """Make a function ready, so that its first call does not wait for a compiler."""
        if self.opener is None or name in self.functions:
            return
        address, functions, kept = self.opener(name)
        self.kept.append(kept)
        if address:
            self._take(<const tro_model *><size_t>address)
        # Last: who finds its name here uses what stands in the struct.
        self.functions.update(functions)

    cdef _take(self, const tro_model *part):
        cdef tro_function_ptr *mine = &self.model.rhs
        cdef const tro_function_ptr *theirs = &part.rhs
        cdef int k
        if part.abi != TRO_ABI:
            raise ValueError(f"the compiled model has ABI {part.abi}; this is {TRO_ABI}")
        # The factors first: whoever uses them has called `slopes` of the same part before.
        if part.factor != NULL:
            self.model.solve = part.solve
            self.model.stage = part.stage
            self.model.factor = part.factor
        TRO_PUBLISH()
        for k in range(N_FUNCTION):
            if theirs[k] != NULL:
                mine[k] = theirs[k]


cdef void _python_call(const tro_model *model, str name, const tro_function_ptr *place, double t,
                       const double *y, const double *p, const double *u, double *out,
                       int n_out) noexcept with gil:
    cdef PythonModel owner = <PythonModel>model.context
    cdef int i, n_input = model.n_input * (2 if name in ("slopes", "bends") else 1)
    cdef int paired = 2 if name == "bends" else 1
    # After an exception nothing more is asked, so that the solve ends and raises it.
    if owner.raised is not None:
        for i in range(n_out):
            out[i] = float("nan")
        return
    try:
        owner.need(name)
        function = owner.functions[name]
    except BaseException as error:
        owner._keep_raised(error)
        for i in range(n_out):
            out[i] = float("nan")
        return
    if function is None:
        place[0](model, t, y, p, u, out)
        return
    try:
        values = function(
            t,
            [] if y == NULL else [y[i] for i in range(paired * model.n_state)],
            [p[i] for i in range(paired * model.n_param)],
            [] if u == NULL else [u[i] for i in range(n_input)],
        )
        if len(values) != n_out:
            raise RuntimeError(f"{name} gave {len(values)} values, not {n_out}")
        for i in range(n_out):
            out[i] = values[i]
    except BaseException as error:
        if not isinstance(error, (ArithmeticError, ValueError)):
            owner._keep_raised(error)
        for i in range(n_out):
            out[i] = float("nan")


cdef void _python_rhs(const tro_model *m, double t, const double *y, const double *p,
                      const double *u, double *out) noexcept nogil:
    with gil:
        _python_call(m, "rhs", &m.rhs, t, y, p, u, out, m.n_state)


cdef void _python_jac(const tro_model *m, double t, const double *y, const double *p,
                      const double *u, double *out) noexcept nogil:
    with gil:
        _python_call(m, "jac", &m.jac, t, y, p, u, out, m.n_state * m.n_state)


cdef void _python_dfdp(const tro_model *m, double t, const double *y, const double *p,
                       const double *u, double *out) noexcept nogil:
    with gil:
        _python_call(m, "dfdp", &m.dfdp, t, y, p, u, out, m.n_state * m.n_param)


cdef void _python_tangent(const tro_model *m, double t, const double *y, const double *p,
                          const double *u, double *out) noexcept nogil:
    with gil:
        _python_call(m, "tangent", &m.tangent, t, y, p, u, out,
                     m.n_state * (1 + m.n_state + m.n_param))


cdef void _python_dfdt(const tro_model *m, double t, const double *y, const double *p,
                       const double *u, double *out) noexcept nogil:
    with gil:
        _python_call(m, "dfdt", &m.dfdt, t, y, p, u, out, m.n_state)


cdef void _python_dfdu(const tro_model *m, double t, const double *y, const double *p,
                       const double *u, double *out) noexcept nogil:
    with gil:
        _python_call(m, "dfdu", &m.dfdu, t, y, p, u, out, m.n_state * m.n_input)


cdef void _python_observe(const tro_model *m, double t, const double *y, const double *p,
                          const double *u, double *out) noexcept nogil:
    with gil:
        _python_call(m, "observe", &m.observe, t, y, p, u, out, m.n_observable)


cdef void _python_observe_dy(const tro_model *m, double t, const double *y, const double *p,
                             const double *u, double *out) noexcept nogil:
    with gil:
        _python_call(m, "observe_dy", &m.observe_dy, t, y, p, u, out, m.n_observable * m.n_state)


cdef void _python_observe_dp(const tro_model *m, double t, const double *y, const double *p,
                             const double *u, double *out) noexcept nogil:
    with gil:
        _python_call(m, "observe_dp", &m.observe_dp, t, y, p, u, out, m.n_observable * m.n_param)


cdef void _python_initial(const tro_model *m, double t, const double *y, const double *p,
                          const double *u, double *out) noexcept nogil:
    with gil:
        _python_call(m, "initial", &m.initial, t, NULL, p, NULL, out, m.n_state)


cdef void _python_initial_dp(const tro_model *m, double t, const double *y, const double *p,
                             const double *u, double *out) noexcept nogil:
    with gil:
        _python_call(m, "initial_dp", &m.initial_dp, t, NULL, p, NULL, out, m.n_state * m.n_param)


cdef void _python_slopes(const tro_model *m, double t, const double *y, const double *p,
                         const double *u, double *out) noexcept nogil:
    with gil:
        _python_call(m, "slopes", &m.slopes, t, y, p, u, out, m.n_state * (2 + m.n_state))


cdef void _python_bends(const tro_model *m, double t, const double *y, const double *p,
                        const double *u, double *out) noexcept nogil:
    with gil:
        _python_call(m, "bends", &m.bends, t, y, p, u, out, m.n_state * (1 + m.n_state))
