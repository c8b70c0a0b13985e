# What runs are given beside a model: inputs, events to watch for, what to measure.

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
