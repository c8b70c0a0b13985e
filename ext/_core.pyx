"""Thin wrappers around the C core; no arithmetic here.

A `Functions` object is a compiled model as Python sees it; `Inputs` holds the tables of
its inputs; `run` hands a batch of solves to C with the GIL released.
"""

cimport cython
cimport numpy as cnp
from cpython.exc cimport PyErr_CheckSignals
from libc.math cimport NAN, isfinite
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy

import numpy as np

from trustode.errors import DataError

cnp.import_array()

cdef extern from "<fenv.h>" nogil:
    ctypedef struct fenv_t:
        pass
    const fenv_t *FE_DFL_ENV
    int fegetenv(fenv_t *environment)
    int fesetenv(const fenv_t *environment)

cdef extern from "trustode.h":
    int TRO_ABI
    ctypedef struct tro_model
    ctypedef void (*tro_function_ptr "tro_function *")(
        const tro_model *, double, const double *, const double *, const double *, double *
    ) noexcept nogil
    ctypedef struct tro_model:
        int abi, n_state, n_param, n_input, n_observable
        tro_function_ptr rhs, jac, dfdp, tangent, dfdt, dfdu, observe, observe_dy, observe_dp
        tro_function_ptr initial, initial_dp, slopes, bends
        void *factor
        void *solve
        void *stage
        void *context

cdef extern from "core.h":
    cdef enum:
        TRO_SUCCESS, TRO_NONFINITE, TRO_STEP_TOO_SMALL, TRO_MAX_STEPS, TRO_DIVERGED
        TRO_SINGULAR, TRO_INTERRUPTED, TRO_NO_MEMORY, TRO_ENDLESS, TRO_TIME_LIMIT, TRO_HANDOVER
    ctypedef struct tro_table:
        long n
        const double *knots
        const double *coefs
    ctypedef struct tro_stimulus:
        int n_input
        const tro_table *tables
        long n_break
        const double *breaks
        long n_stop
        const double *stops
    ctypedef struct tro_method:
        const char *name
        const char *documentation
        int order, error_order, n_coef, implicit
    ctypedef struct tro_trace:
        double *rows
        long n, capacity
        int width
    ctypedef struct tro_events:
        int n_event, n_set, n_input
        const tro_model *model
        const int *direction
        const int *terminal
        const int *set_event
        const int *set_state
        tro_trace log
        int ended
    ctypedef struct tro_measures
    ctypedef struct tro_options:
        const tro_method *method
        const tro_method *stiff
        double rtol
        const double *atol
        double h_max
        long max_steps
        double time_limit
        const int *cancel
        int (*poll)(void *) noexcept nogil
        void *poll_context
        tro_events *events
        const tro_measures *measures
    ctypedef struct tro_report:
        long long status, stiff, n_steps, n_rejected, n_rhs, n_jac
        double t, h
        long long n_written, worst
    const tro_method tro_tsit5, tro_dop853, tro_rodas5p
    void tro_stimulus_values(
        const tro_stimulus *, double, double, double, double *, double *) nogil
    size_t tro_solve_work(const tro_model *, int, const tro_options *) nogil
    int tro_solve(const tro_model *, const double *, const tro_stimulus *, int, const int *,
                  const double *, long, const tro_options *, double *, double *, tro_trace *,
                  tro_report *) nogil
    void tro_trace_free(tro_trace *) nogil
    long long TRO_NEXT(long long *) nogil
    ctypedef struct tro_probe:
        const tro_model *model
        const tro_options *options
        double *work
    int tro_solve_probe(void *, const double *, const tro_stimulus *, double, const double *,
                        double) nogil
    ctypedef struct tro_piece
    ctypedef struct tro_look:
        const tro_options *options
    void tro_solve_watch(const tro_model *, const double *, const tro_stimulus *,
                         const tro_options *, double *, tro_look *) nogil
    int tro_solve_look(void *, const tro_piece *, double, double, double *, double *, int *,
                       int *) nogil

cdef extern from "measures.h":
    cdef enum:
        TRO_CYCLING, TRO_IRREGULAR
    ctypedef struct tro_measures:
        int n_seen
        const int *seen
        double begin, end
        const double *level
        const double *smallest
        long run
        double *out
    size_t tro_measures_work(const tro_measures *) nogil
    void tro_measures_samples(const tro_measures *, long, const double *, const double *, long,
                              double *) nogil

cdef extern from "lanes_run.h":
    ctypedef struct tro_lanes_job:
        const void *series
        int order
        long n_run
        long long *queue
        const double *p
        const tro_stimulus *const *stimuli
        long n_stimuli
        const double *t_out
        long n_out
        const double *start
        double *y_out
        int n_tangent
        const int *vary
        const int *seed
        const tro_options *options
        tro_trace *trace
        tro_report *reports
        long *handed
        long *n_handed
        int (*probe)(void *, const double *, const tro_stimulus *, double, const double *,
                     double) noexcept nogil
        void *probe_context
        int (*look)(void *, const tro_piece *, double, double, double *, double *, int *,
                    int *) noexcept nogil
        void *look_context
    ctypedef struct tro_lanes_method:
        int lanes
        int (*run)(const tro_lanes_job *) noexcept nogil

cdef extern from "objective.h":
    cdef enum:
        TRO_ROWS, TRO_SQUARES, TRO_BINOMIAL
    ctypedef struct tro_objective:
        const tro_model *model
        const tro_options *options
        const tro_lanes_method *lanes
        const void *series
        int order
        const int *seed
        int n_tangent
        const int *vary
        long long n_run
        long long *queue
        const double *p
        const double *start
        const tro_stimulus *const *stimuli
        const long long *first_time
        const double *times
        int n_column
        const int *form
        const int *observable
        int n_name
        const int *tangent
        const int *param
        const long long *first_row
        const int *column
        const long long *time
        const double *values
        const double *size
        tro_report *reports
        double *sums
        double *located
        double *slopes
    int tro_objective_run(const tro_objective *) nogil

cdef extern from *:
    """
    static int best_vector_unit(void)
    {
    #if (defined(__x86_64__) || defined(__i386__)) && defined(__GNUC__)
        if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
            __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("fma"))
            return 2;
        if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return 1;
    #endif
        return 0;
    }
    """
    int best_vector_unit()

cdef extern from *:
    """
    /* Functions of a model, from rhs on. */
    enum {
        N_FUNCTION =
            (offsetof(tro_model, factor) - offsetof(tro_model, rhs)) / sizeof(tro_function *)
    };
    #if defined(_MSC_VER)
    #define TRO_PUBLISH() _ReadWriteBarrier()
    #else
    #define TRO_PUBLISH() __atomic_thread_fence(__ATOMIC_RELEASE)
    #endif
    """
    int N_FUNCTION
    void TRO_PUBLISH()

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
    ("n_written", np.int64), ("worst", np.int64),
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
        """Address of the C struct; valid while this object lives."""
        return <size_t>self.model

    def reraise(self):
        """Raise what a function of Python raised while C code called it."""
        self._reraise()

    @property
    def sizes(self):
        """Numbers of states, parameters, inputs and observables."""
        m = self.model
        return m.n_state, m.n_param, m.n_input, m.n_observable

    @property
    def address(self):
        """Address of the C struct, for other parts of the C core."""
        return <size_t>self.model

    def reraise(self):
        """Raise what a function in Python raised while C was calling it."""
        self._reraise()

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

    cdef _reraise(self):
        if self.model.context != NULL:
            raised = (<PythonModel>self.model.context).raised
            if raised is not None:
                (<PythonModel>self.model.context).raised = None
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
    cdef public object raised

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
        owner.raised = error
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
            owner.raised = error
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


def _stands_still(knots, coefs, breaks):
    """Say whether an input holds one value between breaks."""
    coefs = np.asarray(coefs).reshape(-1, 4)
    if len(coefs) == 1:
        return not np.any(coefs[0, 1:])
    jumps = np.asarray(knots)[1:][np.diff(coefs[:, 0]) != 0]
    return not np.any(coefs[:, 1:]) and bool(np.isin(jumps, breaks).all())


cdef class Inputs:
    """Tables of all inputs of one run, and the times at which a step has to end.

    ``tables`` is a sequence of (knots, coefficients) with shapes (n,) and (n, 4).
    """

    cdef tro_stimulus view
    cdef tro_table *tables
    cdef list kept
    #: Which of the inputs do not stand still between breaks.
    cdef readonly tuple moving
    #: Whether most knots lie inside smooth pieces, which a fit cut up.
    cdef readonly bint fitted

    def __cinit__(self, tables, breaks):
        cdef cnp.ndarray array
        self.kept = []
        self.tables = <tro_table *>calloc(len(tables) + 1, sizeof(tro_table))
        if self.tables == NULL:
            raise MemoryError
        for i, (knots, coefs) in enumerate(tables):
            array = np.array(knots, dtype=np.float64, order="C")
            self.kept.append(array)
            self.tables[i].n = cnp.PyArray_SIZE(array)
            self.tables[i].knots = <const double *>cnp.PyArray_DATA(array)
            array = _vector(coefs, 4 * self.tables[i].n, "coefficients").copy()
            self.kept.append(array)
            self.tables[i].coefs = <const double *>cnp.PyArray_DATA(array)
        array = np.array(breaks, dtype=np.float64, order="C")
        self.kept.append(array)
        self.moving = tuple(
            [i for i, table in enumerate(tables) if not _stands_still(*table, breaks)])
        self.view.n_input = <int>len(tables)
        self.view.tables = self.tables
        self.view.n_break = cnp.PyArray_SIZE(array)
        self.view.breaks = <const double *>cnp.PyArray_DATA(array)
        if self.moving:
            array = np.sort(np.concatenate([array, *(tables[i][0][1:] for i in self.moving)]))
            array = array[np.append(True, np.diff(array) > 0)]
            self.kept.append(array)
        self.view.n_stop = cnp.PyArray_SIZE(array)
        self.fitted = self.view.n_stop > 2 * self.view.n_break
        self.view.stops = <const double *>cnp.PyArray_DATA(array)

    def __dealloc__(self):
        free(self.tables)


cdef class Watch:
    """Events to watch for in one run, and what was seen of them.

    ``functions`` observes the events' functions, then the values that states are set to;
    its states are those of the model that is solved, then time, then its ``n_input`` inputs.
    ``direction`` and ``terminal`` have one entry an event, ``set_event`` and ``set_state`` one
    for each state that is set.
    """

    cdef tro_events view
    cdef Functions functions
    cdef list kept

    def __cinit__(self, Functions functions, int n_input, direction, terminal, set_event,
                  set_state):
        self.functions = functions
        self.kept = [np.array(each, dtype=np.int32)
                     for each in (direction, terminal, set_event, set_state)]
        self.view.model = functions.model
        self.view.n_event = <int>len(direction)
        self.view.n_set = <int>len(set_event)
        self.view.n_input = n_input
        self.view.direction = <const int *>cnp.PyArray_DATA(<cnp.ndarray>self.kept[0])
        self.view.terminal = <const int *>cnp.PyArray_DATA(<cnp.ndarray>self.kept[1])
        self.view.set_event = <const int *>cnp.PyArray_DATA(<cnp.ndarray>self.kept[2])
        self.view.set_state = <const int *>cnp.PyArray_DATA(<cnp.ndarray>self.kept[3])
        self.view.log.width = 2 + functions.model.n_state - n_input
        self.view.ended = -1

    def __dealloc__(self):
        tro_trace_free(&self.view.log)

    def twin(self):
        """Return another one for the same events, for another thread."""
        return Watch(self.functions, self.view.n_input, *self.kept)

    @property
    def log(self):
        """Rows of event, time, direction and the states just before, (n_seen, 3 + n_state).

        With tangents, then of the time's derivatives (n_tangent) and the states' there
        (n_tangent, n_state).
        """
        return _rows(&self.view.log)

    @property
    def ended(self):
        """Position of the event that ended the run, or -1."""
        return self.view.ended


CYCLING, IRREGULAR = TRO_CYCLING, TRO_IRREGULAR


cdef class Gauge:
    """What is measured of each of some runs over a span, of the states ``seen`` (positions).

    Without ``level``, how far these go: ``out`` has shape (n_run, 3, 3, n_seen), for the first
    half, the next three tenths and the last fifth of the span the least and greatest values
    and the integrals. With it, the cycles of the first of them, which rise through ``level``
    (n_run,) and swing by more than ``smallest`` (n_run,): ``out`` has shape
    (n_run, 5 + n_seen), what they are (`CYCLING`, `IRREGULAR` or 0), their period, its spread,
    start and end of whole cycles, and the states' means between these.
    """

    cdef tro_measures view
    cdef list kept
    cdef readonly object out

    def __cinit__(self, seen, Py_ssize_t n_run, double begin, double end, level=None,
                  smallest=None):
        cdef cnp.ndarray array = np.array(seen, dtype=np.int32, order="C")
        self.kept = [array]
        self.view.n_seen = <int>cnp.PyArray_SIZE(array)
        self.view.seen = <const int *>cnp.PyArray_DATA(array)
        self.view.begin, self.view.end = begin, end
        if level is None:
            self.out = np.empty((n_run, 3, 3, self.view.n_seen))
        else:
            self.out = np.empty((n_run, 5 + self.view.n_seen))
            self.kept += [_vector(level, n_run, "level").copy(),
                          _vector(smallest, n_run, "smallest").copy()]
            self.view.level = <const double *>cnp.PyArray_DATA(<cnp.ndarray>self.kept[1])
            self.view.smallest = <const double *>cnp.PyArray_DATA(<cnp.ndarray>self.kept[2])
        self.view.out = <double *>cnp.PyArray_DATA(<cnp.ndarray>self.out)

    @property
    def seen(self):
        """Positions of the states that are seen."""
        return self.kept[0]

    def samples(self, Py_ssize_t run, t, y):
        """Measure a run of whose states seen samples (n, n_seen) at n > 2 uniform times are known."""
        cdef cnp.ndarray t_ = np.ascontiguousarray(t, dtype=np.float64)
        cdef Py_ssize_t n = cnp.PyArray_SIZE(t_)
        cdef cnp.ndarray y_ = _vector(y, n * self.view.n_seen, "y")
        cdef cnp.ndarray work = np.empty(
            tro_measures_work(&self.view) + 4 * self.view.n_seen)
        tro_measures_samples(
            &self.view, <long>run, <const double *>cnp.PyArray_DATA(t_),
            <const double *>cnp.PyArray_DATA(y_), <long>n, <double *>cnp.PyArray_DATA(work))


cdef int _signals(void *context) noexcept with gil:
    # A signal is heard once, but whoever takes the solve over must hear of it too.
    if <list>context:
        return 1
    try:
        PyErr_CheckSignals()
    except BaseException as error:
        (<list>context).append(error)
        return 1
    return 0


def increases(cnp.ndarray t not None):
    """Say whether a contiguous float64 vector, not empty, is finite and increases strictly."""
    cdef const double *values = <const double *>cnp.PyArray_DATA(t)
    cdef Py_ssize_t n = cnp.PyArray_SIZE(t), k
    for k in range(1, n):
        if not values[k - 1] < values[k]:
            return False
    return isfinite(values[0]) and isfinite(values[n - 1])


def finish(cnp.ndarray report, cnp.ndarray start, cnp.ndarray y, cnp.ndarray reached):
    """Take the states reached (n_run, n_state) out of y; what was not reached becomes NaN.

    A run that did not begin has reached its ``start`` (n_run, dim).
    """
    cdef const tro_report *reports = <const tro_report *>cnp.PyArray_DATA(report)
    cdef Py_ssize_t n_time = cnp.PyArray_DIM(y, 1), dim = cnp.PyArray_DIM(y, 2), run_, k, written
    cdef Py_ssize_t n_state = cnp.PyArray_DIM(reached, 1)
    cdef double *rows = <double *>cnp.PyArray_DATA(y)
    cdef double *states = <double *>cnp.PyArray_DATA(reached)
    cdef const double *begun = <const double *>cnp.PyArray_DATA(start)
    for run_ in range(cnp.PyArray_DIM(y, 0)):
        if reports[run_].n_written == 0:
            memcpy(rows, begun + run_ * dim, dim * sizeof(double))
            if n_time > 1:
                memcpy(rows + dim, rows, dim * sizeof(double))
        # Behind the last row written is the state that was reached.
        written = min(max(reports[run_].n_written, 1), n_time)
        memcpy(states + run_ * n_state, rows + min(written, n_time - 1) * dim,
               n_state * sizeof(double))
        for k in range(written * dim, n_time * dim):
            rows[k] = NAN
        rows += n_time * dim


def run(Functions functions, cnp.ndarray t, cnp.ndarray p, cnp.ndarray start, cnp.ndarray y, list stimuli,
        cnp.ndarray vary, str method, stiff, double rtol, cnp.ndarray atol, double h_max,
        long max_steps, double time_limit, cnp.ndarray cancel, cnp.ndarray report,
        cnp.ndarray queue, bint watch_signals, bint keep_steps, size_t series, size_t lanes_method, int order,
        cnp.ndarray seed, Watch events, list seen, Gauge gauge):
    """Solve the runs of a batch that wait in a queue into ``y`` and ``report``.

    All arrays are C-contiguous: ``t`` (n_time,), ``p`` (n_run, n_param), ``start`` (n_run, dim)
    initial values, ``y`` (n_run, n_time, dim), ``atol`` (n_state,),
    ``vary`` (n_tangent,) int32, ``cancel`` (1,) int32, ``report`` (n_run,) of `REPORT`.
    ``queue`` (1,) int64 holds the next run; threads share it. ``stimuli`` holds one `Inputs`
    for all runs or one a run. With ``keep_steps`` (one run only) the steps for dense output
    are returned. Where ``series`` and ``lanes_method`` are not 0, the Taylor method of that
    order begins, and ``method`` takes over what it cannot carry on; ``seed`` (n_tangent,)
    int32 is then each tangent's place among the parameters of the recurrences, or -1. With
    ``events`` the recurrences are those of one lane, and ``seen`` gets each run and its log.
    """
    cdef const tro_model *model = functions.model
    cdef const tro_stimulus *stimulus
    cdef tro_options options
    cdef tro_measures measures
    cdef tro_trace trace
    cdef tro_probe probe
    cdef tro_lanes_job job
    cdef tro_look look
    cdef Py_ssize_t n_time = cnp.PyArray_SIZE(t), n_run = cnp.PyArray_SIZE(report)
    cdef Py_ssize_t n_stimuli = len(stimuli)
    cdef int n_coef
    cdef int n_tangent = <int>cnp.PyArray_SIZE(vary)
    cdef Py_ssize_t dim = model.n_state * (1 + n_tangent)
    cdef double *y_data = <double *>cnp.PyArray_DATA(y)
    cdef const double *start_data = <const double *>cnp.PyArray_DATA(start)
    cdef const double *p_data = <const double *>cnp.PyArray_DATA(p)
    cdef const double *t_data = <const double *>cnp.PyArray_DATA(t)
    cdef const int *vary_data = <const int *>cnp.PyArray_DATA(vary)
    cdef const int *cancel_data = <const int *>cnp.PyArray_DATA(cancel)
    cdef tro_report *reports = <tro_report *>cnp.PyArray_DATA(report)
    cdef long long *queue_data = <long long *>cnp.PyArray_DATA(queue)
    cdef double *work = NULL
    cdef const tro_stimulus **views = NULL
    cdef long *handed = NULL
    cdef long n_handed = 0, k = 0
    cdef long long next_run, only
    cdef list raised = []
    options.method = _method(method)
    options.stiff = NULL if stiff is None else _method(stiff)
    options.rtol = rtol
    options.atol = <const double *>cnp.PyArray_DATA(atol)
    options.h_max = h_max
    options.max_steps = max_steps
    options.time_limit = time_limit
    options.cancel = cancel_data
    options.poll = NULL
    if watch_signals:
        options.poll = _signals
    options.poll_context = <void *>raised
    options.events = NULL if events is None else &events.view
    options.measures = NULL
    if gauge is not None:
        measures = gauge.view
        options.measures = &measures
    trace.rows = NULL
    trace.n = trace.capacity = 0
    n_coef = max(order + 1, <int>options.method.n_coef)
    if options.stiff != NULL:
        n_coef = max(n_coef, <int>options.stiff.n_coef)
    trace.width = 2 + n_coef * model.n_state
    # Others may have left another rounding, or denormals that count as zero.
    cdef fenv_t before
    fegetenv(&before)
    fesetenv(FE_DFL_ENV)
    try:
        work = <double *>malloc(tro_solve_work(model, n_tangent, &options) * sizeof(double))
        views = <const tro_stimulus **>malloc(n_stimuli * sizeof(void *))
        handed = <long *>malloc((n_run if series else 1) * sizeof(long))
        if work == NULL or views == NULL or handed == NULL:
            raise MemoryError
        for k in range(n_stimuli):
            views[k] = &(<Inputs>stimuli[k]).view
        if series:
            probe.model = model
            probe.options = &options
            probe.work = work
            job.series = <const void *>series
            job.order = order
            job.n_run = <long>n_run
            job.queue = queue_data
            job.p = p_data
            job.stimuli = views
            job.n_stimuli = <long>n_stimuli
            job.t_out = t_data
            job.n_out = <long>n_time
            job.start = start_data
            job.y_out = y_data
            job.n_tangent = n_tangent
            job.vary = vary_data
            job.seed = <const int *>cnp.PyArray_DATA(seed)
            job.options = &options
            job.trace = NULL
            if keep_steps:
                job.trace = &trace
            job.reports = reports
            job.handed = handed
            job.n_handed = &n_handed
            job.probe = NULL
            if options.stiff != NULL:
                job.probe = tro_solve_probe
            job.probe_context = &probe
            job.look = NULL
            job.look_context = &look
            if events is None:
                with nogil:
                    (<const tro_lanes_method *>lanes_method).run(&job)
                functions._reraise()
                if raised:
                    raise raised[0]
        k = 0
        while not cancel_data[0]:
            if k < n_handed:
                next_run = handed[k]
                k += 1
            else:
                next_run = TRO_NEXT(queue_data)
                if next_run >= n_run:
                    break
                memcpy(y_data + next_run * n_time * dim, start_data + next_run * dim,
                       dim * sizeof(double))
            if gauge is not None:
                measures.run = <long>next_run
            stimulus = views[next_run if n_stimuli > 1 else 0]
            if series and events is not None:
                # Events are watched for in one run at a time.
                only = 0
                job.n_run, job.queue, job.n_stimuli = 1, &only, 1
                job.p = p_data + next_run * model.n_param
                job.stimuli = &stimulus
                job.start = NULL
                job.y_out = y_data + next_run * n_time * dim
                job.reports = &reports[next_run]
                job.look = tro_solve_look
                n_handed = 0
                tro_solve_watch(model, job.p, stimulus, &options, work, &look)
                with nogil:
                    (<const tro_lanes_method *>lanes_method).run(&job)
            if not series or events is None or n_handed:
                with nogil:
                    tro_solve(model, p_data + next_run * model.n_param, stimulus, n_tangent,
                              vary_data, t_data, <long>n_time, &options, work,
                              y_data + next_run * n_time * dim,
                              &trace if keep_steps else NULL, &reports[next_run])
            n_handed = 0 if events is not None else n_handed
            functions._reraise()
            if events is not None:
                events.functions._reraise()
                if seen is not None:
                    seen.append((next_run, events.log))
            if raised:
                raise raised[0]
            if reports[next_run].status == TRO_INTERRUPTED:
                break
            if watch_signals:
                PyErr_CheckSignals()
        return _rows(&trace) if keep_steps else None
    finally:
        fesetenv(&before)
        free(work)
        free(views)
        free(handed)
        tro_trace_free(&trace)


cdef cnp.ndarray _rows(tro_trace *trace):
    cdef cnp.ndarray rows = np.empty((trace.n, trace.width))
    memcpy(cnp.PyArray_DATA(rows), trace.rows, trace.n * trace.width * sizeof(double))
    return rows


def sum_misfit(Functions functions, cnp.ndarray p, cnp.ndarray start, list stimuli,
               cnp.ndarray vary, tuple times, tuple columns, tuple names, tuple rows, str method,
               stiff, double rtol, cnp.ndarray atol, double h_max, long max_steps,
               double time_limit, cnp.ndarray cancel, cnp.ndarray report, cnp.ndarray queue,
               bint watch_signals, size_t series, size_t lanes_method, int order,
               cnp.ndarray seed, cnp.ndarray sums, cnp.ndarray located, slopes):
    """Solve the runs that wait in a queue and sum what separates them from data.

    As `run`, but each run has its own times and ``stimuli`` one `Inputs` each. ``start``
    (n_run, dim) holds initial values. The tuples hold arrays: ``times`` where each run's
    begin (n_run + 1,) int64, and all; ``columns`` form and observable of each, int32;
    ``names`` tangent and parameter of each, or -1, int32; ``rows`` where each run's begin
    (n_run + 1,) int64, then of each row its column, int32, its place among the run's times,
    int64, value and size. Written are ``sums`` (n_run, n_column, 1 + n_name + n_name**2), which
    must be zero, ``located`` (n_row,) and, unless None, ``slopes`` (n_row, n_name).
    """
    cdef tro_options options
    cdef tro_objective job
    cdef const tro_stimulus **views = NULL
    cdef Py_ssize_t n_run = cnp.PyArray_SIZE(report), k
    cdef list raised = []
    cdef int status
    options.method = _method(method)
    options.stiff = NULL if stiff is None else _method(stiff)
    options.rtol = rtol
    options.atol = <const double *>cnp.PyArray_DATA(atol)
    options.h_max = h_max
    options.max_steps = max_steps
    options.time_limit = time_limit
    options.cancel = <const int *>cnp.PyArray_DATA(cancel)
    options.poll = NULL
    if watch_signals:
        options.poll = _signals
    options.poll_context = <void *>raised
    options.events = NULL
    options.measures = NULL
    job.model = functions.model
    job.options = &options
    job.lanes = <const tro_lanes_method *>lanes_method
    job.series = <const void *>series
    job.order = order
    job.seed = <const int *>_data(seed)
    job.n_tangent = <int>cnp.PyArray_SIZE(vary)
    job.vary = <const int *>_data(vary)
    job.n_run = n_run
    job.queue = <long long *>_data(queue)
    job.p = <const double *>_data(p)
    job.start = <const double *>_data(start)
    job.first_time = <const long long *>_data(times[0])
    job.times = <const double *>_data(times[1])
    job.n_column = <int>cnp.PyArray_SIZE(columns[0])
    job.form = <const int *>_data(columns[0])
    job.observable = <const int *>_data(columns[1])
    job.n_name = <int>cnp.PyArray_SIZE(names[0])
    job.tangent = <const int *>_data(names[0])
    job.param = <const int *>_data(names[1])
    job.first_row = <const long long *>_data(rows[0])
    job.column = <const int *>_data(rows[1])
    job.time = <const long long *>_data(rows[2])
    job.values = <const double *>_data(rows[3])
    job.size = <const double *>_data(rows[4])
    job.reports = <tro_report *>_data(report)
    job.sums = <double *>_data(sums)
    job.located = <double *>_data(located)
    job.slopes = NULL if slopes is None else <double *>_data(slopes)
    cdef fenv_t before
    fegetenv(&before)
    fesetenv(FE_DFL_ENV)
    try:
        views = <const tro_stimulus **>malloc((n_run + 1) * sizeof(void *))
        if views == NULL:
            raise MemoryError
        for k in range(n_run):
            views[k] = &(<Inputs>stimuli[k]).view
        job.stimuli = views
        with nogil:
            status = tro_objective_run(&job)
        functions._reraise()
        if raised:
            raise raised[0]
        if status == TRO_NO_MEMORY:
            raise MemoryError
    finally:
        fesetenv(&before)
        free(views)


cdef void *_data(cnp.ndarray array):
    return cnp.PyArray_DATA(array)
