"""The one door to the C core: options, and a batch of solves with the GIL released.

Imports the compiled layer and the stimuli. `simulate`, `ensemble` and fitting stand on it.
"""

from __future__ import annotations

import math
import numbers
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, TypeGuard

import numpy as np
from numpy.typing import NDArray

from ._core import FORMS as _FORMS
from ._core import REPORT, Gauge, Inputs, Watch, finish, increases, methods, run, sum_misfit
from .compile import WIDEST, CompiledModel, Recurrences, recurrences
from .errors import DataError, ModelError, OptionError, Status, checks_keywords, nearest
from .model import Param
from .stimulus import Table, table

Array = NDArray[np.float64]

#: Native methods, by name, with what each is for.
NATIVE: dict[str, dict[str, Any]] = methods()
#: How rows are summed in C, by name.
FORMS: dict[str, int] = _FORMS
#: Methods that scipy's solve_ivp brings; its DOP853 is not the native "dop853".
SCIPY = ("RK45", "RK23", "DOP853", "Radau", "BDF", "LSODA")
#: Where "auto" begins to use the method of order 8. Ratio of right-hand sides to tsit5's at equal
#: error, mean over trust models with and without moving inputs, a model with abs and max, Lorenz'
#: and van der Pol's equations: with outputs between steps 1.4 at 1e-3, 1.09 at 1e-6, 0.94 at
#: 1e-8, 0.63 at 1e-11; with ends only 1.09, 0.96, 0.85 and 0.5. Trust models gain from 1e-10 on.
_TIGHT_RTOL = 1e-8
_EPSILON = float(np.finfo(float).eps)
_SMALLEST_RTOL = 100 * _EPSILON
_LARGEST = float(np.finfo(float).max)
#: What a C long holds everywhere; nobody waits for more.
_MOST_STEPS = 2**31 - 1
#: Bytes that are had without asking the system, which takes as long as some short solves.
_ALWAYS_FREE = 2**24


def _positive(name: str, value: object, smallest: float = 0.0) -> float:
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or math.isnan(float(value)):
        raise OptionError(f"Solver: {name}={value!r:.60} is not a number")
    if float(value) < smallest or float(value) <= 0.0:
        raise OptionError(f"Solver: {name}={value!r} is below the smallest allowed, {smallest:g}")
    return float(value)


@checks_keywords
@dataclass(frozen=True)
class Solver:
    """How to integrate.

    Parameters
    ----------
    method : str
        "auto" starts with "taylor" (where the equations are not analytic or an input is cut
        into many smooth pieces with "tsit5", or with "dop853" at tight tolerances) and hands
        over to "rodas5p" when the problem turns out stiff; or one of these by name; or a method
        of scipy's ``solve_ivp`` ("RK45", "DOP853", "LSODA", "BDF", "Radau"), which then gets the
        compiled functions.
        In lower case "dop853" is compiled and does all that the others of ours do; in capitals
        "DOP853" is scipy's, slower, without events or sensitivities. "taylor" goes on with
        "dop853" where it has no series. Each of ours carries sensitivities, also through events.
    rtol : float
        Relative tolerance of a step's error, at least 100 machine epsilons.
    atol : float or sequence of float
        Absolute tolerance, one for all states or one a state.
    max_steps : int
        Steps, tried or taken, after which a solve gives up.
    h_max : float
        Longest step, in the model's unit of time.
    time_limit : float
        Seconds on the clock after which a solve gives up.

    Raises
    ------
    OptionError
        If a value is outside what it may be.
    """

    method: str = "auto"
    rtol: float = 1e-6
    atol: float | tuple[float, ...] = 1e-9
    max_steps: int = 10**6
    h_max: float = math.inf
    time_limit: float = math.inf

    def __post_init__(self) -> None:
        known = ("auto", *NATIVE, *SCIPY)
        if self.method not in known:
            hint = nearest(str(self.method), known) or "."
            raise OptionError(
                f"Solver: unknown method {self.method!r:.60}{hint} "
                f"Methods: {', '.join(('auto', *NATIVE))}; scipy's: {', '.join(SCIPY)}"
            )
        object.__setattr__(self, "method", str(self.method))
        rtol = _positive("rtol", self.rtol, _SMALLEST_RTOL)
        if not rtol < 1.0:
            raise OptionError(f"Solver: rtol={self.rtol!r} must be below 1")
        object.__setattr__(self, "rtol", rtol)
        if isinstance(self.atol, Sequence | np.ndarray) and not isinstance(self.atol, str):
            every = tuple(_positive("atol", value) for value in self.atol)
            object.__setattr__(self, "atol", every)
        else:
            object.__setattr__(self, "atol", _positive("atol", self.atol))
        if not np.all(np.isfinite(self.atol)):
            raise OptionError(f"Solver: atol={self.atol!r} is not finite")
        steps = self.max_steps
        if isinstance(steps, bool) or not isinstance(steps, numbers.Integral) or steps < 1:
            raise OptionError(f"Solver: max_steps={steps!r:.60} is not a positive whole number")
        object.__setattr__(self, "max_steps", min(int(steps), _MOST_STEPS))
        for name in ("h_max", "time_limit"):
            object.__setattr__(self, name, _positive(name, getattr(self, name)))

    def atol_vector(self, compiled: CompiledModel) -> Array:
        """Return the absolute tolerance of each state, shape (n_state,)."""
        names = compiled.model.states
        if isinstance(self.atol, tuple):
            if len(self.atol) != len(names):
                raise OptionError(
                    f"{compiled.model.name}: atol has {len(self.atol)} values for {len(names)} "
                    f"states ({', '.join(names)})"
                )
            return np.array(self.atol)
        return np.array([self.atol] * len(names))


class Batch(NamedTuple):
    """Results of many solves.

    Attributes
    ----------
    y : ndarray, shape (n_run, n_time, n_state)
        States; NaN from where a run stopped early.
    dydp : ndarray, shape (n_run, n_time, n_state, n_vary), or None
        Sensitivities.
    report : ndarray, shape (n_run,)
        Status, counts and the time reached of each run.
    y_reached : ndarray, shape (n_run, n_state)
        State at the time that each run reached.
    steps : ndarray or None
        Steps for dense output, of a single run that kept them.
    seen : dict
        Each run to its log, where events were watched for: event, time, direction and the
        states just before, shape (n_seen, 3 + n_state).
    """

    y: Array
    dydp: Array | None
    report: NDArray[Any]
    y_reached: Array
    steps: Array | None = None
    seen: Mapping[int, Array] = MappingProxyType({})

    @property
    def status(self) -> NDArray[np.int64]:
        """Status of each run, shape (n_run,); see `Status`."""
        return np.asarray(self.report["status"])

    @property
    def t_reached(self) -> Array:
        """Time that each run reached, shape (n_run,)."""
        return np.asarray(self.report["t"])

    @property
    def n_steps(self) -> NDArray[np.int64]:
        """Accepted steps of each run, shape (n_run,)."""
        return np.asarray(self.report["n_steps"])


def pack(tables: Sequence[Table]) -> Inputs:
    """Return the tables of all inputs in the form the C core reads."""
    return _packed(tuple(tables))


@lru_cache(maxsize=16)
def _packed(tables: tuple[Table, ...]) -> Inputs:
    """Pack tables once as long as they come again; tables and what is packed never change."""
    breaks = np.sort(np.concatenate([each.breaks for each in tables] or [np.empty(0)]))
    # Not np.unique, which loads masked arrays: longer than a short solve.
    breaks = breaks[np.append(True, breaks[1:] != breaks[:-1])[: len(breaks)]]
    return Inputs([(each.knots, each.coefficients) for each in tables], breaks)


class _Fixed(NamedTuple):
    """What solves of one model share while nothing else is given; not to be written to."""

    p: Array
    #: Initial values, where they are finite numbers.
    y0: Array | None
    #: Position of each parameter, and its smallest and largest finite value.
    ranges: dict[str, tuple[int, float, float]]
    tables: dict[str, Table]


@lru_cache(maxsize=256)
def _fixed(compiled: CompiledModel) -> _Fixed:
    model = compiled.model
    ranges = {
        name: (k, max(param.min, -_LARGEST), min(param.max, _LARGEST))
        for k, (name, param) in enumerate(model.parameters.items())
    }
    tables = {
        name: table(value, f"{model.name}: input {name}")
        for name, value in model.input_defaults.items()
    }
    p = np.array(list(model.defaults.values()), dtype=float)
    y0 = np.asarray(compiled.initial(p), dtype=float)
    known = all(start.is_number for start in model.initial.values()) and np.isfinite(y0).all()
    return _Fixed(p, y0 if known else None, ranges, tables)


#: Fewer runs than this advance one by one.
_FEWEST_IN_LANES = 32
_NO_INDICES = np.empty(0, dtype=np.int32)


def vary_indices(compiled: CompiledModel, which: Sequence[str], where: str) -> NDArray[np.int32]:
    """Return the parameter index of each name, or -1 - j for the initial value of state j."""
    if not which:
        return _NO_INDICES
    model = compiled.model
    indices = []
    for name in which:
        if name in model.params:
            indices.append(model.params.index(name))
        elif name.endswith("(0)") and name[:-3] in model.states:
            indices.append(-1 - model.states.index(name[:-3]))
        else:
            known = [*model.params, *(f"{state}(0)" for state in model.states)]
            raise ModelError(
                f"{where}: {name!r:.60} is neither a parameter nor an initial value "
                f"('{model.states[0]}(0)') of {model.name}{nearest(str(name), known)}"
            )
    return np.array(indices, dtype=np.int32)


def parameter_vector(
    compiled: CompiledModel, params: Mapping[Any, float] | None, where: str
) -> Array:
    """Return parameter values in the model's order, shape (n_param,).

    Raises
    ------
    ModelError
        For an unknown name, or a value that is not finite or outside its range.
    """
    model = compiled.model
    fixed = _fixed(compiled)
    values, ranges = fixed.p.copy(), fixed.ranges
    if params is None:
        return values
    for name, value in model.known(params, "parameter", model.params).items():
        k, low, high = ranges[name]
        # What is plainly right need not be judged.
        right = isinstance(value, float) and low <= value <= high
        values[k] = value if right else in_range(model.parameters[name], name, value, where)
    return values


def _is_real(value: object) -> TypeGuard[numbers.Real]:
    """Say whether a value is a real number and no truth value; a float is asked for first."""
    if isinstance(value, float):
        return True
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def _scalar(value: object) -> object:
    """Return the number that an array without axes holds, and anything else as it is."""
    return value[()] if isinstance(value, np.ndarray) and value.ndim == 0 else value


def in_range(param: Param, name: str, value: object, where: str) -> float:
    """Return a parameter's value as a float, or raise."""
    value = _scalar(value)
    if not _is_real(value):
        raise ModelError(f"{where}: {name} = {value!r:.60} is not a number")
    number = float(value)
    if not math.isfinite(number):
        raise ModelError(f"{where}: {name} = {number} is not finite")
    if not param.min <= number <= param.max:
        raise ModelError(
            f"{where}: {name} = {number:g} is outside its range [{param.min:g}, {param.max:g}]"
        )
    return number


def initial_vector(
    compiled: CompiledModel, p: Array, initial: Mapping[Any, float] | None, where: str
) -> Array:
    """Return the initial state for parameter values, shape (n_state,).

    Raises
    ------
    ModelError
        For an unknown state or a value that is not finite.
    """
    model, fixed = compiled.model, _fixed(compiled).y0
    if initial is None and fixed is not None:
        return fixed.copy()
    y0 = np.asarray(compiled.initial(p), dtype=float)
    for name, value in model.known(initial, "state", model.states).items():
        value = _scalar(value)
        if not _is_real(value):
            raise ModelError(f"{where}: initial {name} = {value!r:.60} is not a number")
        y0[model.states.index(name)] = float(value)
    for name, value in zip(model.states, y0.tolist(), strict=True):
        if not math.isfinite(value):
            raise ModelError(f"{where}: initial {name} = {value} is not finite")
    return y0


def input_tables(
    compiled: CompiledModel, inputs: Mapping[Any, Any] | None, where: str
) -> list[Table]:
    """Return the table of each input, in the model's order.

    Raises
    ------
    ModelError
        For an unknown input, or something that is neither a number nor a stimulus.
    """
    model = compiled.model
    if inputs is None:
        return list(_fixed(compiled).tables.values())
    given = model.known(inputs, "input", model.inputs)
    return [
        table(given[name], f"{where}: input {name}") if name in given else default
        for name, default in _fixed(compiled).tables.items()
    ]


_NO_TIMES = {"c": "complex numbers", "U": "text", "S": "text", "b": "truth values"}


def check_times(t: object, where: str) -> Array:
    """Return output times as an array, or raise.

    Raises
    ------
    DataError
        Unless they are finite, one-dimensional and strictly increasing.
    """
    try:
        given = np.asarray(t)
        if given.dtype.kind in "mM":
            raise DataError(
                f"{where}: t holds dates ({given.dtype}), not numbers. Give the time since the "
                "start in the model's time unit"
            )
        if given.dtype.kind in _NO_TIMES:
            what = _NO_TIMES[given.dtype.kind]
            raise DataError(f"{where}: t holds {what}, got {t!r:.60}")
        times = given.astype(float, order="C")
    except (TypeError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{where}: t must be times, got {t!r:.60}") from None
    if times.ndim != 1 or times.size == 0:
        raise DataError(f"{where}: t must be a list of times or a pair (start, end), got {t!r:.60}")
    if increases(times):
        return times
    bad = np.flatnonzero(~np.isfinite(times))
    if bad.size:
        hint = (
            " Give an end, or use tr.equilibria for the long run." if np.isinf(times).any() else ""
        )
        raise DataError(f"{where}: t[{bad[0]}] = {times[bad[0]]} is not finite.{hint}")
    k = int(np.flatnonzero(np.diff(times) <= 0)[0])
    hint = ""
    if len(times) == 3 and k == 1 and 0.0 < times[2] < times[1] - times[0]:
        start, end, step = times
        n = int((end - start) / step + 1e-9)
        last = start + n * step
        hint = f". For a time every {step:g} write np.linspace({start:g}, {last:g}, {n + 1})"
    raise DataError(
        f"{where}: t must increase strictly, but t[{k}] = {times[k]:g} and "
        f"t[{k + 1}] = {times[k + 1]:g}{hint}"
    )


def refuse_too_large(shape: tuple[int, ...], where: str, advice: str) -> None:
    """Raise if an array of floats would not fit into the memory that is free.

    Raises
    ------
    DataError
        With the bytes wanted, the bytes free and what to do instead.
    """
    wanted = 8
    for size in shape:
        wanted *= int(size)
    if wanted <= _ALWAYS_FREE:
        return
    free = free_memory()
    if free is not None and wanted > free:
        raise DataError(
            f"{where}: a result of shape {shape} needs {wanted / 1e9:.3g} GB ({wanted} bytes), "
            f"but {free / 1e9:.3g} GB ({free} bytes) are free. {advice}"
        )


def free_memory() -> int | None:
    """Return the bytes of memory that can be had, or None where the system does not tell."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(1024 * int(x.split()[1]) for x in lines if x.startswith("MemAvailable:"))
    except (OSError, StopIteration):
        pass
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None


def solve_batch(
    compiled: CompiledModel,
    t: Array,
    p: Array,
    y0: Array,
    stimuli: Sequence[Inputs],
    solver: Solver,
    *,
    which: Sequence[str] = (),
    given: Collection[str] = (),
    threads: int | None = 1,
    cancel: NDArray[np.int32] | None = None,
    keep_steps: bool = False,
    events: Watch | None = None,
    gauge: Gauge | None = None,
) -> Batch:
    """Solve many initial-value problems of one model with a native method.

    Parameters
    ----------
    compiled : CompiledModel
    t : ndarray, shape (n_time,)
        Output times; the first is the start.
    p : ndarray, shape (n_run, n_param)
        Parameter values.
    y0 : ndarray, shape (n_run, n_state)
        Initial values.
    stimuli : sequence of Inputs
        One for all runs, or one a run; see `pack`.
    solver : Solver
        A native method.
    which : sequence of str
        Names to differentiate by; parameters, or ``"T(0)"`` for an initial value.
    given : collection of str
        States whose initial value was given and so depends on no parameter.
    threads : int or None
        Threads that share the runs; None takes every processor. Results do not depend on it.
    cancel : ndarray, shape (1,), optional
        Another thread may set it to 1; the runs then stop as interrupted.
    keep_steps : bool
        Keep a single run's steps for dense output.
    events : Watch, optional
        Events to watch for. Holds afterwards what was seen in the last run; ``Batch.seen``
        holds that of all.
    gauge : Gauge, optional
        What to measure of each run; not with sensitivities.

    Returns
    -------
    Batch
        A failed run is data: its status says why, its rest is NaN.
    """
    n_run, n_time, n = len(p), len(t), len(compiled.model.states)
    vary = vary_indices(compiled, which, "sensitivities")
    # Events are watched for in one run at a time.
    side = n_run if events is None else 1
    watched = events is not None
    method, stiff, taylor, seed, atol = _plan(compiled, side, vary, stimuli, solver, watched)
    # A span of no length takes no step, and a series would count one.
    taylor = taylor if n_time > 1 else (0, 0, 0)
    y = np.empty((n_run, n_time, n * (1 + len(vary))))
    y_reached = np.empty((n_run, n))
    # Threads write it into the first rows, so that each is the first to touch its results.
    start = np.empty((n_run, n * (1 + len(vary))))
    start[:, :n] = y0
    if which:
        _start_tangents(compiled, vary, p, given, start[:, None])
    report = np.zeros(n_run, dtype=REPORT)
    report["status"] = int(Status.INTERRUPTED)
    cancel = np.zeros(1, dtype=np.int32) if cancel is None else cancel
    t = np.ascontiguousarray(t, dtype=float)
    p = np.ascontiguousarray(p, dtype=float)
    vary = np.maximum(vary, -1) if which else vary
    stimuli = list(stimuli)

    queue = np.zeros(1, dtype=np.int64)
    seen: list[tuple[int, Array]] = []

    def part(watch: bool) -> Any:
        own = events.twin() if events is not None and not watch else events
        return run(
            compiled.functions, t, p, start, y, stimuli, vary, method, stiff, solver.rtol, atol,
            solver.h_max, solver.max_steps, solver.time_limit, cancel, report, queue, watch,
            keep_steps, *taylor, seed, own, seen, gauge,
        )  # fmt: skip

    workers = min(threads or os.cpu_count() or 1, n_run)
    steps = None
    if workers <= 1:
        steps = part(True)
    else:
        _share(part, workers, cancel)
    finish(report, start, y, y_reached)
    if not len(vary):
        return Batch(y, None, report, y_reached, steps, dict(seen))
    tangents = y[:, :, n:].reshape(n_run, n_time, len(vary), n)
    return Batch(y[:, :, :n], tangents.transpose(0, 1, 3, 2), report, y_reached, steps)


class _Plan(NamedTuple):
    """What some runs are solved with."""

    method: str
    stiff: str | None
    #: Addresses of the series that begins and of its method, and the order; zeros for none.
    taylor: tuple[int, int, int]
    #: Each tangent's place in the series.
    seed: NDArray[np.int32]
    #: Not to be written to.
    atol: Array


def _plan(
    compiled: CompiledModel,
    n_run: int,
    vary: NDArray[np.int32],
    stimuli: Sequence[Inputs],
    solver: Solver,
    watched: bool = False,
) -> _Plan:
    """Return what some runs are solved with; it is the same for all runs of one kind."""
    driven: tuple[int, ...] = ()
    fitted = False
    for each in stimuli:
        if each.moving and each.moving != driven:
            driven = tuple(sorted({*driven, *each.moving}))
        fitted = fitted or each.fitted
    wide = n_run >= _FEWEST_IN_LANES
    return _planned(compiled, solver, wide, tuple(vary.tolist()), driven, fitted, watched)


@lru_cache(maxsize=256)
def _planned(
    compiled: CompiledModel,
    solver: Solver,
    wide: bool,
    which: tuple[int, ...],
    driven: tuple[int, ...],
    fitted: bool,
    watched: bool,
) -> _Plan:
    """Plan once what comes again."""
    vary = np.array(which, dtype=np.int32)
    atol = solver.atol_vector(compiled)
    method = _explicit(solver)
    stiff = "rodas5p" if solver.method == "auto" else None
    series, seed = None, _NO_INDICES
    # The series know nothing of the tangents' jumps at events.
    if watched and len(vary):
        return _Plan(method, stiff, (0, 0, 0), seed, atol)
    # A series ends at each knot, a pair only at breaks: through an input that a fit cut into many
    # smooth pieces tsit5 was 1.3 to 3 times quicker (down to 1e-7), through measured ones, whose
    # knots are breaks, the series was 1.8 to 6 times quicker.
    if solver.method == "taylor" or (solver.method == "auto" and not fitted):
        series, seed = _series(compiled, wide, vary, driven)
    if series is None:
        return _Plan(method, stiff, (0, 0, 0), seed, atol)
    order = _order(solver.rtol, len(compiled.model.states))
    return _Plan(method, stiff, (series.series, series.method, order), seed, atol)


def _start_tangents(
    compiled: CompiledModel,
    vary: NDArray[np.int32],
    p: Array,
    given: Collection[str],
    y: Array,
) -> None:
    """Fill the first row's tangents: derivatives of the initial values."""
    model = compiled.model
    n = len(model.states)
    tangents = y[:, 0, n:].reshape(len(p), len(vary), n)
    tangents[:] = 0.0
    for k, index in enumerate(vary):
        if index < 0:
            tangents[:, k, -1 - index] = 1.0
    free = [j for j, name in enumerate(model.states) if name not in given]
    by_parameter = np.flatnonzero(vary >= 0)
    if by_parameter.size and any(not model.initial[model.states[j]].is_number for j in free):
        for r in range(len(p)):
            by = compiled.initial_dp(p[r])
            for column in by_parameter:
                tangents[r, column, free] = by[free, vary[column]]
    y[:, 0, n:] = tangents.reshape(len(p), -1)


def compile_ahead(compiled: CompiledModel, solver: Solver) -> None:
    """Compile what `solve_batch` will want, so that other processes find it."""
    if solver.method in ("auto", "taylor"):
        for lanes in {1, WIDEST}:
            recurrences(compiled.model, lanes)


def _series(
    compiled: CompiledModel, wide: bool, vary: NDArray[np.int32], driven: tuple[int, ...]
) -> tuple[Recurrences | None, NDArray[np.int32]]:
    """Return the Taylor recurrences for some runs, and each tangent's place among theirs."""
    if not len(vary):
        return recurrences(compiled.model, WIDEST if wide else 1, None, driven), _NO_INDICES
    params = tuple(sorted({int(k) for k in vary if k >= 0}))
    seed = np.array([params.index(k) if k >= 0 else -1 for k in vary], dtype=np.int32)
    return recurrences(compiled.model, 1, params, driven), seed


def _explicit(solver: Solver) -> str:
    """Return the method that solves, or takes over from a Taylor series."""
    if solver.method == "taylor":
        return "dop853"
    if solver.method == "auto":
        return "dop853" if solver.rtol <= _TIGHT_RTOL else "tsit5"
    return solver.method


def _order(rtol: float, n_state: int) -> int:
    """Return the order of the Taylor method that is quickest at a tolerance.

    It grows with the digits asked for, as Jorba & Zou (2005), section 3.2, derive; the
    constants were measured on trust models, van der Pol's and Lorenz' equations. Of few
    states a further order costs little beside what every step costs.
    """
    few = 2 if n_state <= 3 else 0
    return min(24, math.ceil(4.5 - 0.53 * math.log(rtol)) + few)


def _share(part: Any, workers: int, cancel: NDArray[np.int32]) -> None:
    """Let threads take runs from their queue; an interrupt stops all of them."""
    # Loaded here, where it is wanted: it takes longer to load than a short solve.
    from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait

    with ThreadPoolExecutor(workers) as pool:
        futures: list[Future[Any]] = [pool.submit(part, False) for _ in range(workers)]
        try:
            pending = set(futures)
            while pending:
                done, pending = wait(pending, timeout=0.1, return_when=FIRST_EXCEPTION)
                for future in done:
                    future.result()
        except BaseException:
            cancel[0] = 1
            raise


class Rows(NamedTuple):
    """Observations of many runs, each run's sorted by time.

    Attributes
    ----------
    times : ndarray, shape (n_time,)
        Times of all runs, one run after the other; a run starts at its first.
    first_time : ndarray of int64, shape (n_run + 1,)
        Where each run's times begin.
    form, observable : ndarray of int32, shape (n_column,)
        How a column is summed, by `_core.FORMS`, and the observable that predicts it.
    column : ndarray of int32, shape (n_row,)
    time : ndarray of int64, shape (n_row,)
        Place of each row's time among those of its run.
    values, size : ndarray, shape (n_row,)
        What was observed; of how many trials.
    first_row : ndarray of int64, shape (n_run + 1,)
        Where each run's rows begin.
    """

    times: Array
    first_time: NDArray[np.int64]
    form: NDArray[np.int32]
    observable: NDArray[np.int32]
    column: NDArray[np.int32]
    time: NDArray[np.int64]
    values: Array
    size: Array
    first_row: NDArray[np.int64]


class Compared(NamedTuple):
    """Predictions beside observations.

    Attributes
    ----------
    report : ndarray, shape (n_run,)
        What became of each run. After the first that failed the others may not have run.
    located : ndarray, shape (n_row,)
        Predictions.
    slopes : ndarray, shape (n_row, n_name), or None
        Their derivatives, of columns that are not summed; None where all are.
    total : ndarray, shape (n_run, n_column)
        Sums over rows, infinite or NaN where a row cannot be; zero if a column is not summed.
    gradient : ndarray, shape (n_run, n_column, n_name)
        Their derivatives by each name.
    information : ndarray, shape (n_run, n_column, n_name, n_name)
        Their expected information.
    """

    report: NDArray[Any]
    located: Array
    slopes: Array | None
    total: Array
    gradient: Array
    information: Array


def compare_batch(
    compiled: CompiledModel,
    rows: Rows,
    p: Array,
    y0: Array,
    stimuli: Sequence[Inputs],
    solver: Solver,
    *,
    names: Sequence[str] = (),
    which: Sequence[str] = (),
    direct: Collection[str] = (),
    given: Collection[str] = (),
    tangents: Array | None = None,
    threads: int | None = 1,
) -> Compared:
    """Solve many runs and compare them with observations, without keeping a trajectory.

    Parameters
    ----------
    compiled : CompiledModel
    rows : Rows
    p : ndarray, shape (n_run, n_param)
    y0 : ndarray, shape (n_run, n_state)
    stimuli : sequence of Inputs
        One a run; see `pack`.
    solver : Solver
        A native method.
    names : sequence of str
        What predictions are differentiated by.
    which : sequence of str
        Names that the states depend on.
    direct : collection of str
        Parameters among the names that an observable depends on.
    given : collection of str
        States whose initial value was given and so depends on no parameter.
    tangents : ndarray, shape (n_run, n_which, n_state), optional
        Derivatives of the initial values, where the model's own are not meant.
    threads : int or None
        Threads that share the runs; None takes every processor. Results do not depend on it.
    """
    n_run, n_column, n_name = len(p), len(rows.form), len(names)
    vary = vary_indices(compiled, which, "sensitivities")
    start = np.empty((n_run, 1, y0.shape[1] * (1 + len(vary))))
    start[:, 0, : y0.shape[1]] = y0
    if which and tangents is None:
        _start_tangents(compiled, vary, p, given, start)
    elif tangents is not None:
        start[:, 0, y0.shape[1] :] = tangents.reshape(n_run, -1)
    method, stiff, taylor, seed, atol = _plan(compiled, 1, vary, stimuli, solver)
    params = compiled.model.params
    by = (
        np.array([which.index(name) if name in which else -1 for name in names], dtype=np.int32),
        np.array([params.index(name) if name in direct else -1 for name in names], dtype=np.int32),
    )
    sums = np.zeros((n_run, n_column, 1 + n_name + n_name**2))
    located = np.full(len(rows.values), np.nan)
    slopes = np.zeros((len(located), n_name)) if n_name and not rows.form.all() else None
    report = np.zeros(n_run, dtype=REPORT)
    report["status"] = int(Status.INTERRUPTED)
    cancel = np.zeros(1, dtype=np.int32)
    queue = np.zeros(1, dtype=np.int64)
    p = np.ascontiguousarray(p, dtype=float)
    each = (rows.first_row, rows.column, rows.time, rows.values, rows.size)
    vary = np.maximum(vary, -1)

    def part(watch: bool) -> Any:
        sum_misfit(
            compiled.functions, p, start, list(stimuli), vary, (rows.first_time, rows.times),
            (rows.form, rows.observable), by, each, method, stiff, solver.rtol, atol,
            solver.h_max, solver.max_steps, solver.time_limit, cancel, report, queue, watch,
            *taylor, seed, sums, located, slopes,
        )  # fmt: skip

    workers = min(threads or os.cpu_count() or 1, n_run)
    if workers <= 1:
        part(True)
    else:
        _share(part, workers, cancel)
    matrices = sums[:, :, 1 + n_name :].reshape(n_run, n_column, n_name, n_name)
    gradient = sums[:, :, 1 : 1 + n_name]
    return Compared(report, located, slopes, sums[:, :, 0], gradient, matrices)
