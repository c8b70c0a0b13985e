# Batches of solves, and their sums against data, with the GIL released.

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


cdef _set_options(tro_options *options, str method, stiff, double rtol, cnp.ndarray atol,
                  double h_max, long max_steps, double time_limit, cnp.ndarray cancel, list raised):
    """Fill options, without events or measures; ``raised`` gets what a signal raises, if heard."""
    options.method = _method(method)
    options.stiff = NULL
    if stiff is not None:
        options.stiff = _method(stiff)
    options.rtol = rtol
    options.atol = <const double *>_data(atol)
    options.h_max = h_max
    options.max_steps = max_steps
    options.time_limit = time_limit
    options.cancel = <const int *>_data(cancel)
    options.poll = NULL
    if raised is not None:
        options.poll = _signals
    options.poll_context = <void *>raised
    options.events = NULL
    options.measures = NULL
    options.hand_back = 0


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
    ``events`` the recurrences are those of one lane, and ``seen`` gets each run and its log;
    a ``gauge`` cannot measure these, since it asks for a run's start again when a series ends.
    """
    if events is not None and gauge is not None:
        raise ValueError("a run is measured or watched for events, not both")
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
    cdef long n_handed = 0, k
    cdef long long next_run, only
    cdef list raised = []
    _set_options(&options, method, stiff, rtol, atol, h_max, max_steps, time_limit, cancel,
                 raised if watch_signals else None)
    if events is not None:
        options.events = &events.view
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
            job.resumed = NULL
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
                    tro_alternate(<const tro_lanes_method *>lanes_method, &job, model, work)
                functions._reraise()
                if raised:
                    raise raised[0]
        while not cancel_data[0]:
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
                    tro_alternate(<const tro_lanes_method *>lanes_method, &job, model, work)
            else:
                with nogil:
                    tro_solve(model, p_data + next_run * model.n_param, stimulus, n_tangent,
                              vary_data, t_data, <long>n_time, &options, work,
                              y_data + next_run * n_time * dim,
                              &trace if keep_steps else NULL, &reports[next_run])
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
    _set_options(&options, method, stiff, rtol, atol, h_max, max_steps, time_limit, cancel,
                 raised if watch_signals else None)
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
