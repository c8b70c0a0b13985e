# What _core uses of C: the contract of compiled models, and the entries of the C core.

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
        const int *failed
        int (*poll)(void *) noexcept nogil
        void *poll_context
        tro_events *events
        const tro_measures *measures
        int hand_back
    ctypedef struct tro_report:
        long long status, stiff, n_steps, n_rejected, n_rhs, n_jac
        double t, h
        long long n_written, worst
        double began, taken
    const tro_method tro_tsit5, tro_dop853, tro_rodas5p
    void tro_stimulus_values(
        const tro_stimulus *, double, double, double, double *, double *) nogil
    size_t tro_solve_work(const tro_model *, int, const tro_options *) nogil
    int tro_solve(const tro_model *, const double *, const tro_stimulus *, int, const int *,
                  const double *, long, const tro_options *, double *, double *, tro_trace *,
                  tro_report *) nogil
    void tro_trace_free(tro_trace *) nogil
    ctypedef struct tro_queue:
        long long *shared
        long long n, parts, next, end
    long long tro_queue_next(tro_queue *) nogil
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
        tro_queue *queue
        const long *resumed
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
    int tro_alternate(const tro_lanes_method *, const tro_lanes_job *, const tro_model *,
                      double *) nogil

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
