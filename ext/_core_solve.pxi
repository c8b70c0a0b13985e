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


cdef _set_options(tro_options *options, Functions functions, str method, stiff, double rtol,
                  cnp.ndarray atol, double h_max, long max_steps, double time_limit,
                  const int *cancel, list raised):
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
    options.cancel = cancel
    options.failed = functions._failed()
    options.poll = NULL
    if raised is not None:
        options.poll = _signals
    options.poll_context = <void *>raised
    options.events = NULL
    options.measures = NULL
    options.hand_back = 0


def fill(cnp.ndarray values not None, dict places, dict given):
    """Put numbers into a float64 vector, by name; return the names of what is not plainly right.

    ``places`` holds a position, a least and a largest value for each name. An unknown name, and
    what is not a float between these, is left to who can say what is wrong with it.
    """
    cdef double *data = <double *>cnp.PyArray_DATA(values)
    cdef list rest = []
    cdef tuple place
    cdef double number
    for name, value in given.items():
        place = places.get(name)
        if place is not None and isinstance(value, float):
            number = value
            if <double>place[1] <= number <= <double>place[2]:
                data[<Py_ssize_t>place[0]] = number
                continue
        rest.append(name)
    return rest


def increases(cnp.ndarray t not None):
    """Say whether a contiguous float64 vector, not empty, is finite and increases strictly."""
    cdef const double *values = <const double *>cnp.PyArray_DATA(t)
    cdef Py_ssize_t n = cnp.PyArray_SIZE(t), k
    for k in range(1, n):
        if not values[k - 1] < values[k]:
            return False
    return isfinite(values[0]) and isfinite(values[n - 1])


cdef void _finish(const tro_report *report, const double *begun, double *rows, Py_ssize_t n_time,
                  Py_ssize_t dim, double *state, Py_ssize_t n_state) noexcept:
    """Take the state reached out of a run's rows; what was not reached becomes NaN."""
    cdef Py_ssize_t k, written
    if report.n_written == 0:
        memcpy(rows, begun, dim * sizeof(double))
        if n_time > 1:
            memcpy(rows + dim, rows, dim * sizeof(double))
    # Behind the last row written is the state that was reached.
    written = min(max(report.n_written, 1), n_time)
    memcpy(state, rows + min(written, n_time - 1) * dim, n_state * sizeof(double))
    for k in range(written * dim, n_time * dim):
        rows[k] = NAN


def finish(cnp.ndarray report, cnp.ndarray start, cnp.ndarray y, Py_ssize_t n_state):
    """Return which runs stopped early (n_stopped,) and the states that they reached.

    What they did not reach becomes NaN in y. One that did not begin has reached its ``start``
    (n_run, dim).
    """
    cdef const tro_report *reports = <const tro_report *>_data(report)
    cdef const double *begun = <const double *>_data(start)
    cdef double *rows = <double *>_data(y)
    cdef Py_ssize_t n_run = cnp.PyArray_DIM(y, 0), n_time = cnp.PyArray_DIM(y, 1)
    cdef Py_ssize_t dim = cnp.PyArray_DIM(y, 2), run_, at = 0
    cdef list stopped = []
    for run_ in range(n_run):
        if reports[run_].n_written < n_time:
            stopped.append(run_)
    cdef cnp.ndarray states = np.empty((len(stopped), n_state))
    for run_ in stopped:
        _finish(&reports[run_], begun + run_ * dim, rows + run_ * n_time * dim, n_time, dim,
                <double *>_data(states) + at * n_state, n_state)
        at += 1
    return np.array(stopped, dtype=np.intp), states


cdef struct runs_:
    # What a queue of runs is given and writes, as `run` describes it.
    Py_ssize_t n_run, n_time
    const double *t
    const double *p
    const double *start
    double *y
    tro_report *reports
    tro_queue *queue
    int n_tangent
    const int *vary
    const void *series
    const tro_lanes_method *lanes_method
    int order
    const int *seed


cdef _check_begun(int status, tro_queue *queue):
    """Raise where there was no memory to begin with; what ends on the way has a report."""
    if status == TRO_NO_MEMORY and tro_queue_next(queue) >= 0:
        raise MemoryError


cdef _solve(Functions functions, runs_ *runs, list stimuli, tro_options *options, list raised,
            bint watch_signals, bint keep_steps, Watch events, list seen, Gauge gauge):
    """Solve the runs that wait in a queue; return the steps, if they are to be kept."""
    if events is not None and gauge is not None:
        raise ValueError("a run is measured or watched for events, not both")
    cdef const tro_model *model = functions.model
    cdef const tro_stimulus *stimulus
    cdef tro_measures measures
    cdef tro_trace trace
    cdef tro_probe probe
    cdef tro_lanes_job job
    cdef tro_look look
    cdef Py_ssize_t n_time = runs.n_time, n_run = runs.n_run, n_stimuli = len(stimuli)
    cdef int n_coef
    cdef Py_ssize_t dim = model.n_state * (1 + runs.n_tangent)
    cdef double *work = NULL
    cdef double *row
    cdef const tro_stimulus **views = NULL
    cdef long *handed = NULL
    cdef long n_handed = 0, k
    cdef long long next_run
    cdef int status
    cdef tro_queue only
    if events is not None:
        options.events = &events.view
    if gauge is not None:
        measures = gauge.view
        options.measures = &measures
    trace.rows = NULL
    trace.n = trace.capacity = 0
    n_coef = max(runs.order + 1, <int>options.method.n_coef)
    if options.stiff != NULL:
        n_coef = max(n_coef, <int>options.stiff.n_coef)
    trace.width = 2 + n_coef * model.n_state
    # Others may have left another rounding, or denormals that count as zero.
    cdef fenv_t before
    fegetenv(&before)
    fesetenv(FE_DFL_ENV)
    try:
        work = <double *>malloc(tro_solve_work(model, runs.n_tangent, options) * sizeof(double))
        views = <const tro_stimulus **>malloc(n_stimuli * sizeof(void *))
        handed = <long *>malloc((n_run if runs.series != NULL else 1) * sizeof(long))
        if work == NULL or views == NULL or handed == NULL:
            raise MemoryError
        for k in range(n_stimuli):
            views[k] = &(<Inputs>stimuli[k]).view
        if runs.series != NULL:
            probe.model = model
            probe.options = options
            probe.work = work
            job.series = runs.series
            job.order = runs.order
            job.queue = runs.queue
            job.resumed = NULL
            job.p = runs.p
            job.stimuli = views
            job.n_stimuli = <long>n_stimuli
            job.t_out = runs.t
            job.n_out = <long>n_time
            job.start = runs.start
            job.y_out = runs.y
            job.n_tangent = runs.n_tangent
            job.vary = runs.vary
            job.seed = runs.seed
            job.options = options
            job.trace = NULL
            if keep_steps:
                job.trace = &trace
            job.reports = runs.reports
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
                    status = tro_alternate(runs.lanes_method, &job, model, work)
                functions._reraise()
                if raised:
                    raise raised[0]
                _check_begun(status, runs.queue)
        while not options.cancel[0]:
            next_run = tro_queue_next(runs.queue)
            if next_run < 0:
                break
            row = runs.y + next_run * n_time * dim
            memcpy(row, runs.start + next_run * dim, dim * sizeof(double))
            if gauge is not None:
                measures.run = <long>next_run
            stimulus = views[next_run if n_stimuli > 1 else 0]
            if runs.series != NULL and events is not None:
                # Events are watched for in one run at a time.
                only = tro_queue(NULL, 1, 1, 0, 1)
                job.queue, job.n_stimuli = &only, 1
                job.p = runs.p + next_run * model.n_param
                job.stimuli = &stimulus
                job.start = NULL
                job.y_out = row
                job.reports = &runs.reports[next_run]
                job.look = tro_solve_look
                n_handed = 0
                tro_solve_watch(model, job.p, stimulus, options, work, &look)
                with nogil:
                    status = tro_alternate(runs.lanes_method, &job, model, work)
                _check_begun(status, &only)
            else:
                with nogil:
                    tro_solve(model, runs.p + next_run * model.n_param, stimulus, runs.n_tangent,
                              runs.vary, runs.t, <long>n_time, options, work, row,
                              &trace if keep_steps else NULL, &runs.reports[next_run])
            functions._reraise()
            if events is not None:
                events.functions._reraise()
                if seen is not None:
                    seen.append((next_run, events.log))
            if raised:
                raise raised[0]
            if runs.reports[next_run].status == TRO_INTERRUPTED:
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


def run(Functions functions, cnp.ndarray t, cnp.ndarray p, cnp.ndarray start, cnp.ndarray y, list stimuli,
        cnp.ndarray vary, str method, stiff, double rtol, cnp.ndarray atol, double h_max,
        long max_steps, double time_limit, cnp.ndarray cancel, cnp.ndarray report,
        cnp.ndarray queue, bint watch_signals, size_t series, size_t lanes_method, int order,
        cnp.ndarray seed, Watch events, list seen, Gauge gauge):
    """Solve the runs of a batch that wait in a queue into ``y`` and ``report``.

    All arrays are C-contiguous: ``t`` (n_time,), ``p`` (n_run, n_param), ``start`` (n_run, dim)
    initial values, ``y`` (n_run, n_time, dim), ``atol`` (n_state,),
    ``vary`` (n_tangent,) int32, ``cancel`` (1,) int32, ``report`` (n_run,) of `REPORT`.
    ``queue`` (2,) int64 holds the next run that no thread has taken, and how many parts of what
    is left a thread takes one of; threads share it. ``stimuli`` holds one `Inputs`
    for all runs or one a run. Where ``series`` and ``lanes_method`` are not 0, the Taylor method
    of that order begins, and ``method`` takes over what it cannot carry on; ``seed`` (n_tangent,)
    int32 is then each tangent's place among the parameters of the recurrences, or -1. With
    ``events`` the recurrences are those of one lane, and ``seen`` gets each run and its log;
    a ``gauge`` cannot measure these, since it asks for a run's start again when a series ends.
    """
    cdef tro_options options
    cdef list raised = []
    _set_options(&options, functions, method, stiff, rtol, atol, h_max, max_steps, time_limit,
                 <const int *>_data(cancel), raised if watch_signals else None)
    cdef long long *shared = <long long *>_data(queue)
    cdef tro_queue own = tro_queue(shared, cnp.PyArray_SIZE(report), shared[1], 0, 0)
    cdef runs_ runs = runs_(
        cnp.PyArray_SIZE(report), cnp.PyArray_SIZE(t), <const double *>_data(t),
        <const double *>_data(p), <const double *>_data(start), <double *>_data(y),
        <tro_report *>_data(report), &own, <int>cnp.PyArray_SIZE(vary),
        <const int *>_data(vary), <const void *>series, <const tro_lanes_method *>lanes_method,
        order, <const int *>_data(seed))
    _solve(functions, &runs, stimuli, &options, raised, watch_signals, False, events, seen, gauge)


def run_alone(Functions functions, cnp.ndarray t, cnp.ndarray p, cnp.ndarray start,
              Inputs stimulus, cnp.ndarray vary, str method, stiff, double rtol, cnp.ndarray atol,
              double h_max, long max_steps, double time_limit, bint keep_steps, size_t series,
              size_t lanes_method, int order, cnp.ndarray seed, Watch events):
    """Solve one run as `run` does, without arrays for what is one number.

    Returns ``y`` (n_time, dim), the state reached (n_state,), the steps or None, and of the
    report status, stiff, n_steps, n_rejected, n_rhs, n_jac, t, h, n_written and worst.
    """
    cdef tro_options options
    cdef tro_report report
    cdef list raised = []
    cdef int cancel = 0
    cdef tro_queue queue = tro_queue(NULL, 1, 1, 0, 1)
    cdef int n_tangent = <int>cnp.PyArray_SIZE(vary)
    cdef cnp.npy_intp shape[2]
    cdef cnp.npy_intp n_state = functions.model.n_state
    shape[0] = cnp.PyArray_SIZE(t)
    shape[1] = n_state * (1 + n_tangent)
    cdef cnp.ndarray y = cnp.PyArray_EMPTY(2, shape, cnp.NPY_DOUBLE, 0)
    cdef cnp.ndarray reached = cnp.PyArray_EMPTY(1, &n_state, cnp.NPY_DOUBLE, 0)
    memset(&report, 0, sizeof(report))
    report.status = TRO_INTERRUPTED
    _set_options(&options, functions, method, stiff, rtol, atol, h_max, max_steps, time_limit,
                 &cancel, raised)
    cdef runs_ runs = runs_(
        1, shape[0], <const double *>_data(t), <const double *>_data(p),
        <const double *>_data(start), <double *>_data(y), &report, &queue, n_tangent,
        <const int *>_data(vary), <const void *>series, <const tro_lanes_method *>lanes_method,
        order, <const int *>_data(seed))
    steps = _solve(functions, &runs, [stimulus], &options, raised, True, keep_steps, events, None,
                   None)
    _finish(&report, runs.start, runs.y, shape[0], shape[1], <double *>_data(reached), n_state)
    return y, reached, steps, (
        report.status, report.stiff, report.n_steps, report.n_rejected, report.n_rhs, report.n_jac,
        report.t, report.h, report.n_written, report.worst)


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
    _set_options(&options, functions, method, stiff, rtol, atol, h_max, max_steps, time_limit,
                 <const int *>_data(cancel), raised if watch_signals else None)
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
