"""Solve one initial-value problem and present it by name.

Native methods run in C; scipy's get the compiled right-hand side and Jacobian. Imports the
solve layer.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .compile import compile
from .engine import Array, Dense, Outcome, Problem, native
from .errors import (
    STATUS_TEXT,
    DataError,
    ModelError,
    OptionError,
    SolveError,
    SolveMemoryError,
    SolveWarning,
    Status,
    checks_keywords,
    nearest,
    needs,
)
from .event import Event, EventLog, watch_for
from .model import Model
from .notebook import Shown
from .scipy_engine import by_scipy
from .solve import (
    NATIVE,
    Solver,
    check_times,
    directions,
    initial_vector,
    input_tables,
    pack,
    parameter_vector,
)
from .stimulus import Stimulus

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr


@dataclass(frozen=True, eq=False, repr=False)
class Solution(Shown):
    """A trajectory, by name.

    ``sol["T"]`` is a state, observable or input over time; ``sol(12.5)`` evaluates the
    states between output times with the method's dense output.

    Attributes
    ----------
    t : ndarray, shape (n_time,)
    y : ndarray, shape (n_time, n_state)
        Columns in the order of ``model.states``.
    status : Status
    stats : dict
        Steps taken and rejected, evaluations, method, and the compiled model's door.
    dydp : ndarray, shape (n_time, n_state, n_vary), or None
        Sensitivities to what `sensitivities` named.
    message : str
        How it ended, in words.
    events : EventLog
        What was seen of the events that were watched for.
    """

    t: Array
    y: Array
    status: Status
    stats: dict[str, Any]
    dydp: Array | None
    message: str
    events: EventLog
    _problem: Problem = field(repr=False)
    _dense: Dense = field(repr=False)

    @property
    def model(self) -> Model:
        """The model that was solved."""
        return self._problem.compiled.model

    @cached_property
    def params(self) -> dict[str, float]:
        """Parameter values that were used."""
        return dict(zip(self.model.params, self._problem.p.tolist(), strict=True))

    @cached_property
    def initial(self) -> dict[str, float]:
        """Initial values that were used."""
        return dict(zip(self.model.states, self._problem.y0.tolist(), strict=True))

    @cached_property
    def outside(self) -> tuple[str, ...]:
        """States that left their declared bounds; their values are kept as computed."""
        model, solver = self.model, self._problem.solver
        y = dict(zip(model.states, self.y.T, strict=True))
        return tuple(name for name in y if leaves(model, name, y[name], y[name], solver).any())

    def __getitem__(self, name: str) -> Array:
        """Return a state, observable or input over the output times, shape (n_time,)."""
        key = getattr(name, "name", name)
        model = self.model
        if key in model.states:
            return np.asarray(self.y[:, model.states.index(key)])
        if key in model.inputs:
            return np.asarray(self._problem.tables[model.inputs.index(key)](self.t))
        if key in model.observables:
            return np.asarray(self._observed()[:, list(model.observables).index(key)])
        known = [*model.states, *model.observables, *model.inputs]
        raise ModelError(
            f"{model.name}: the solution has no {key!r:.60}{nearest(str(key), known) or '.'} "
            f"It has {', '.join(known)}"
        )

    def _observed(self) -> Array:
        problem = self._problem
        values: Array = problem.compiled.functions.observe_many(
            self.t, self.y, problem.p, pack(problem.tables)
        )
        return values

    def __call__(self, t: ArrayLike) -> Array:
        """Evaluate the states at times inside the span.

        Parameters
        ----------
        t : array_like
            Times; the first call solves once more, keeping the steps.

        Returns
        -------
        ndarray, shape (n_state,) or (n_time, n_state)

        Raises
        ------
        DataError
            If a time is outside the span that was solved.
        """
        try:
            times = np.asarray(t, dtype=float)
        except (TypeError, ValueError):
            raise DataError(f"{self.model.name}: {t!r:.60} are not times") from None
        low, high = self.t[0], self.t[-1]
        outside = times[~((times >= low) & (times <= high))]
        if outside.size:
            raise DataError(
                f"{self.model.name}: the solution spans {low:g} to {high:g}; "
                f"{outside.ravel()[0]} is outside"
            )
        values: Array = self._dense(times)
        return values

    def smooth(self, n: int = 500) -> Solution:
        """Return a solution at the solver's own steps at more times, as for a curve.

        Parameters
        ----------
        n : int
            Times, at least; they are spread over the steps, and the steps stay among them.

        Returns
        -------
        Solution
            Itself if times were asked for, if it failed, or if it has as many times.
        """
        own = len(self._problem.t) == 2
        if not own or self.status or len(self.t) >= n or self.t[0] == self.t[-1]:
            return self
        times = np.union1d(self.t, np.linspace(self.t[0], self.t[-1], n))
        y = self(times)
        y[np.searchsorted(times, self.t)] = self.y
        return replace(self, t=times, y=y, dydp=None)

    def extremes(self) -> pd.DataFrame:
        """Return where each state and observable begins, how far it goes and where it ends.

        Returns
        -------
        DataFrame
            One row a name: start, lowest, t_lowest, highest, t_highest, end. Extremes between
            the first and the last output time are found; `to_frame` holds none but these times.
        """
        import pandas as pd

        names = [*self.model.states, *self.model.observables]
        columns: dict[str, list[float]] = {"start": [self[name][0] for name in names]}
        for word, which in (("lowest", np.argmin), ("highest", np.argmax)):
            found = [self._extreme(name, which) for name in names]
            columns[word] = [value for value, _ in found]
            columns[f"t_{word}"] = [t for _, t in found]
        columns["end"] = [self[name][-1] for name in names]
        return pd.DataFrame(columns, index=pd.Index(names, name="name"))

    def _extreme(self, name: str, which: Callable[[Array], Any]) -> tuple[float, float]:
        """Return the least or greatest value of a name, and its time."""
        seen, low, high = self, self.t[0], self.t[-1]
        for _ in range(0 if self.status or low == high else _ZOOMS):
            inside = seen.t[(seen.t >= low) & (seen.t <= high)]
            steps = self._dense.begins
            steps = steps[(steps >= low) & (steps <= high)]
            times = np.unique(np.concatenate([inside, steps, np.linspace(low, high, _ZOOM)]))
            seen = replace(self, t=times, y=self(times), dydp=None)
            k = int(which(seen[name]))
            low, high = times[max(k - 1, 0)], times[min(k + 1, len(times) - 1)]
        k = int(which(seen[name]))
        return float(seen[name][k]), float(seen.t[k])

    def to_frame(self) -> pd.DataFrame:
        """Return a table: column ``t``, then states and observables."""
        import pandas as pd

        columns: dict[str, Array] = {"t": self.t}
        columns |= {name: self.y[:, i] for i, name in enumerate(self.model.states)}
        if self.model.observables:
            observed = self._observed()
            columns |= {name: observed[:, i] for i, name in enumerate(self.model.observables)}
        return pd.DataFrame(columns)

    def to_xarray(self) -> xr.Dataset:
        """Return an xarray Dataset with dimensions time, state (and vary)."""
        with needs("xarray", "to_xarray"):
            import xarray as xr

        unit = {"units": self.model.time_unit}
        made = xr.Dataset(
            {"y": (("time", "state"), self.y)},
            coords={"time": ("time", self.t, unit), "state": list(self.model.states)},
        )
        if self.dydp is not None:
            made["dydp"] = (("time", "state", "vary"), self.dydp)
        return made

    @checks_keywords
    def plot(
        self,
        names: Sequence[str] | None = None,
        ax: Any = None,
        *,
        plane: Sequence[Any] | None = None,
        equilibria: Any = (),
    ) -> Any:
        """Draw states or observables over time, or two states against each other.

        Parameters
        ----------
        names : str or sequence of str, optional
            What to draw over time; all states unless given.
        ax : matplotlib Axes, optional
            Where to draw; a new figure unless given.

        Other Parameters
        ----------------
        plane : pair of name
            Instead: the states across and up, with the flow and where each stands still
            (nullclines), for other states and inputs as they are at the end.
        equilibria : Equilibria
            Points to mark in the plane, as `trustode.equilibria` finds them.

        Returns
        -------
        matplotlib Axes
        """
        from .plot import plot_phase, plot_solution

        if plane is not None:
            return plot_phase(self, plane, ax, equilibria=equilibria)
        return plot_solution(self, names, ax)

    def __repr__(self) -> str:
        ends = ", ".join(
            f"{name} = {value:.4g}"
            for name, value in zip(self.model.states, self.y[-1], strict=True)
        )
        unit = f" {self.model.time_unit}" if self.model.time_unit else ""
        lines = [
            f"<Solution of {self.model.name!r}: t = {self.t[0]:g} to {self.t[-1]:g}{unit}, "
            f"{len(self.t)} time{'' if len(self.t) == 1 else 's'}, "
            + (self.message if not self.status else STATUS_TEXT[Status(self.status)]),
            f"  end: {ends}",
            f"  {self.stats['method']}, {self.stats['n_steps']} steps, {self.stats['backend']}>",
        ]
        if len(self.events):
            n = len(self.events)
            lines.insert(2, f"  {n} event{'' if n == 1 else 's'}, see .events")
        if self.status:
            lines.insert(1, f"  {self.message}")
        if self.outside:
            lines.insert(2, f"  left their bounds: {', '.join(self.outside)}")
        return "\n".join(lines)


#: How often a solution is looked at more closely around an extreme, and at how many times.
_ZOOMS, _ZOOM = 4, 200
_SOLVER = Solver()
_EXPLICIT_OF_SCIPY = ("RK45", "RK23", "DOP853")
#: Steps that are worth asking whether another method would take fewer.
_MANY_STEPS = 3000
#: Lengths |h lambda| of a mean step that stability bounds, with room for Taylor's order 20.
_STABLE = (0.5, 20.0)
#: Time constants after which a decay is over, whatever it began with.
_LONG_OVER = 1000.0
# Members of an enumeration take longer to find than what is done with them here.
_SUCCESS = Status.SUCCESS
_REACHED_THE_END = STATUS_TEXT[_SUCCESS]


@checks_keywords
def simulate(
    model: Model,
    t: ArrayLike,
    *,
    params: Mapping[Any, float] | None = None,
    initial: Mapping[Any, float] | None = None,
    inputs: Mapping[Any, Any] | None = None,
    events: Event | Sequence[Event] = (),
    solver: Solver | None = None,
    sensitivities: Sequence[Any] = (),
    on_error: str = "raise",
) -> Solution:
    """Solve the initial-value problem of a model.

    Parameters
    ----------
    model : Model
    t : array_like, shape (n_time,), or pair (t0, t1)
        Output times in the model's time unit, strictly increasing. A tuple of two keeps
        the solver's own steps; one of two equal times is the start alone.
    params, initial : mapping of name to float, optional
        Values that replace the model's defaults.
    inputs : mapping of name to float or stimulus, optional
        What arrives from outside: a number, `Steps`, `Pulses`, `Samples`, `Episodes` or
        `Sessions`. Its jumps end a step exactly. One that begins after the last output time,
        as of hours for days, is warned of.
    events : sequence of Event, optional
        What to watch for on the way; ``solution.events`` holds what was seen. A state that
        is reset has its new value at that very time. A terminal event ends the run with
        success: the output times up to it remain, and of a pair the last time is the event's.

    Other Parameters
    ----------------
    solver : Solver
        Method, tolerances and limits.
    sensitivities : sequence of name
        Parameters, or ``"T(0)"`` for initial values, to differentiate the states by. They
        jump where an event resets states; ``solution.events`` differentiates its times too.
    on_error : {"raise", "return"}
        Whether a failed solve raises `SolveError` or comes back with its status.

    Returns
    -------
    Solution
        ``y`` has shape (n_time, n_state), columns in the order of ``model.states``.

    Raises
    ------
    ModelError
        If a name is not in the model, or a value is not finite or outside its range.
    DataError
        If `t` does not increase strictly or is not finite.
    SolveError
        If the solver stopped early; ``error.solution`` holds the part that was reached.

    References
    ----------
    Hairer, Norsett & Wanner (1993), Solving ODEs I, II.4 (step size), II.6 (dense output).
    Galan, Feehery & Barton (1999), Applied Numerical Mathematics 31, 17-47 (sensitivities
    through events).
    """
    if on_error not in ("raise", "return"):
        raise OptionError(f"simulate: on_error={on_error!r:.60} must be 'raise' or 'return'")
    solver = _SOLVER if solver is None else solver
    if not isinstance(solver, Solver):
        raise OptionError(f"simulate: solver must be a Solver, got {solver!r:.60}")
    compiled = compile(model)
    where = f"simulate({model.name})"
    own_steps = isinstance(t, tuple) and len(t) == 2
    empty_span = isinstance(t, tuple) and len(t) == 2 and t[0] == t[1]
    times = check_times(t[:1] if isinstance(t, tuple) and empty_span else t, where)
    own_steps = own_steps and not empty_span
    which = _names(sensitivities, where) if sensitivities != () else ()
    directions(compiled, which, where)
    p = parameter_vector(compiled, params, where)
    y0 = initial_vector(compiled, p, initial, where)
    given = tuple(model.known(initial, "state", model.states)) if which else ()
    tables = input_tables(compiled, inputs, where)
    _tell_of_late(model, inputs, times, where)
    watched = watch_for(model, events, where)
    problem = Problem(compiled, times, p, y0, given, tables, solver, which, where, watched)
    engine = native if solver.method in ("auto", *NATIVE) else by_scipy
    raw = engine(problem, own_steps)
    solution = _present(problem, raw)
    if solution.status is not _SUCCESS and on_error == "raise":
        kind = SolveMemoryError if solution.status is Status.NO_MEMORY else SolveError
        raise kind(solution.message, solution.status, solution)
    return solution


def _tell_of_late(model: Model, inputs: Mapping[Any, Any] | None, times: Array, where: str) -> None:
    """Warn of inputs of which the run sees nothing, as they begin after its end."""
    for name, given in (inputs or {}).items():
        if not isinstance(given, Stimulus) or times[-1] == times[0]:
            continue
        before = float(given(times[0]))
        rest = before == model.input_defaults[str(getattr(name, "name", name))]
        if rest and times[-1] < given.begins and (given(given.table.breaks) != before).any():
            unit = f" ({model.time_unit})" if model.time_unit else ""
            warnings.warn(
                f"{where}: input {name} changes nothing before t = {given.begins:g}, after the end "
                f"at {times[-1]:g}; are its times in the model's unit{unit}, counted from the same "
                "beginning?",
                SolveWarning,
                stacklevel=4,
            )


def _names(given: Any, where: str) -> tuple[str, ...]:
    """Return names, given as text or symbols, one or several."""
    if given is None:
        return ()
    if isinstance(given, str) or hasattr(given, "name"):
        given = [given]
    try:
        return _texts(tuple(given))
    except TypeError:
        raise OptionError(f"{where}: sensitivities must be names, got {given!r:.60}") from None


@lru_cache(maxsize=256)
def _texts(names: tuple[Any, ...]) -> tuple[str, ...]:
    """Return names as text, read once where they come again."""
    return tuple([str(getattr(name, "name", name)) for name in names])


def _present(problem: Problem, raw: Outcome) -> Solution:
    message = _REACHED_THE_END
    if raw.ended >= 0 and problem.events is not None:
        name = problem.events.names[raw.ended]
        message = f"ended by event {name} at t = {raw.t_reached:.6g}"
    if raw.status is not _SUCCESS:
        message = _failure(problem, raw)
    elif raw.stats["n_steps"] > _MANY_STEPS and _is_stiff(problem, raw):
        warnings.warn(
            f"{problem.where}: the problem is stiff for {raw.stats['method']!r}, which took "
            f'{raw.stats["n_steps"]} steps. Solver(method="rodas5p") or "auto" is quicker',
            SolveWarning,
            stacklevel=4,
        )
    solution = Solution.__new__(Solution)
    # A frozen dataclass sets its fields one by one, which takes a tenth of a short solve.
    solution.__dict__.update(
        t=raw.t,
        y=raw.y,
        status=raw.status,
        stats=raw.stats,
        dydp=raw.dydp,
        message=message,
        events=EventLog.none(problem.compiled.model.states) if raw.events is None else raw.events,
        _problem=problem,
        _dense=raw.dense,
    )
    return solution


def _is_stiff(problem: Problem, raw: Outcome) -> bool:
    """Say whether an explicit method's steps were bound by stability, not by accuracy.

    Taylor's method and scipy's do not tell. They were if the quickest motion decays, is long
    over, and the mean step is what an explicit method can take of it.
    """
    method = raw.stats["method"]
    if method == "auto" or method not in (*NATIVE, *_EXPLICIT_OF_SCIPY):
        return False
    if method not in ("taylor", *_EXPLICIT_OF_SCIPY):
        return bool(raw.stats["stiff"])
    t, y = raw.t_reached, raw.y_reached
    dfdy = problem.compiled.functions.jac(t, y, problem.p, _inputs(problem, t))
    if not np.isfinite(dfdy).all():
        return False
    rates = np.linalg.eigvals(dfdy)
    quickest = rates[np.argmax(np.abs(rates))]
    turns = float(abs(quickest) * (t - problem.t[0]))
    low, high = _STABLE
    # Where none was taken, there is none to judge.
    bound = low <= turns / max(raw.stats["n_steps"], 1) <= high
    return bool(quickest.real < -0.5 * abs(quickest) and turns > _LONG_OVER and bound)


def _inputs(problem: Problem, t: float) -> Array:
    """Return the value of each input at a time."""
    return np.array([float(table(t)) for table in problem.tables])


def leaves(
    model: Model, state: str, lowest: Array, highest: Array, solver: Solver
) -> NDArray[np.bool_]:
    """Say where a state leaves its declared bounds by more than the tolerances explain."""
    low, high = model.bounds.get(state, (-math.inf, math.inf))
    slack = 100 * (np.max(solver.atol) + solver.rtol)
    return np.asarray((lowest < low - slack) | (highest > high + slack))


_ADVICE = {
    Status.STEP_TOO_SMALL: (
        "The solution has a singularity there, or the problem is stiff: try "
        'Solver(method="rodas5p").'
    ),
    Status.DIVERGED: "It leaves every finite range; look at the equation's sign and parameters.",
    Status.MAX_STEPS: (
        "Raise max_steps in Solver, loosen rtol, or, if the problem is stiff, use "
        'Solver(method="rodas5p").'
    ),
    Status.TIME_LIMIT: "Raise time_limit in Solver, loosen rtol, or solve a shorter span.",
    Status.INTERRUPTED: "Run it again to go on.",
    Status.EVENTS: (
        "Its resets bring it back to zero, or set off events that set it off; let a reset leave "
        "zero by more, or end the run there (terminal=True)."
    ),
    Status.NO_MEMORY: "Give output times instead of a pair, or a shorter span.",
}


def _worst_row(problem: Problem, raw: Outcome) -> str:
    """Say which row of the Jacobian a Newton iteration failed by, most likely."""
    model, t = problem.compiled.model, raw.t_reached
    dfdy = problem.compiled.functions.jac(t, raw.y_reached, problem.p, _inputs(problem, t))
    bad = np.argwhere(~np.isfinite(dfdy))
    if len(bad):
        i, j = bad[0]
        value = dfdy[i, j]
        return f"The derivative of d{model.states[i]}/dt by {model.states[j]} is {value} there"
    i = int(np.argmax(np.abs(dfdy).max(axis=1)))
    return f"The Jacobian's largest row is that of d{model.states[i]}/dt"


def _read_by(problem: Problem, raw: Outcome) -> str:
    """Say what the equation reads that is not finite."""
    model = problem.compiled.model
    name, rhs = list(model.rhs.items())[raw.worst]
    known = dict(zip(model.params, problem.p, strict=True))
    known |= dict(zip(model.states, raw.y_reached, strict=True))
    known |= dict(zip(model.inputs, _inputs(problem, raw.t_reached), strict=True))
    known["t"] = raw.t_reached
    symbols = sorted(rhs.free_symbols, key=lambda s: s.name)
    read = ", ".join(f"{s.name} = {known[s.name]:.4g}" for s in symbols if s.name in known)
    return f"Equation d{name}/dt reads {read}."


def _slipped(problem: Problem, raw: Outcome) -> str:
    """Name the state that changed its sign though it stands still where it is zero, if any."""
    model = problem.compiled.model
    for start, now, (state, rhs) in zip(problem.y0, raw.y_reached, model.rhs.items(), strict=True):
        if min(start, now) < 0.0 < max(start, now) and rhs.subs(state, 0).is_zero:
            return str(state)
    return ""


def _failure(problem: Problem, raw: Outcome) -> str:
    """Say where a solve stopped, with the states there, and what to do."""
    model = problem.compiled.model
    state = ", ".join(
        f"{name} = {value:.4g}" for name, value in zip(model.states, raw.y_reached, strict=True)
    )
    text = STATUS_TEXT[raw.status]
    if raw.status is Status.STEP_TOO_SMALL and raw.h:
        text += f" ({raw.h:.2g})"
    advice = _ADVICE.get(raw.status, "")
    if raw.status is Status.DIVERGED and raw.ended < 0 and (slipped := _slipped(problem, raw)):
        advice = (
            f"{slipped} cannot change its sign, but an error within atol let it: lower atol in "
            f"Solver below the smallest {slipped} that counts."
        )
    if problem.solver.method == "rodas5p" and "rodas5p" in advice:
        advice = "Look at the equations near that state, or loosen rtol."
    if raw.ended >= 0 and problem.events is not None:
        text = f"event {problem.events.names[raw.ended]}: {text}"
        if raw.status is Status.NONFINITE:
            what = "its function or a value it sets"
            if problem.which:
                what = "its function, a value it sets, or a derivative of its time or these"
            text = text.replace("the right-hand side", what)
            advice = "Look at its expressions near that state."
            if problem.which:
                advice += " A time has a derivative only where the function crosses with a slope."
    elif raw.status is Status.NONFINITE and raw.worst >= len(model.states):
        k, i = divmod(raw.worst - len(model.states), len(model.states))
        name, by = model.states[i], problem.which[k]
        text = f"the sensitivity of {name} to {by} is not finite"
        advice = (
            f"The states are: it grows beyond all numbers, or the equations have no derivative by "
            f"{by} there. End the run sooner, or leave {by} out of sensitivities."
        )
    elif raw.status is Status.NONFINITE:
        advice = _read_by(problem, raw)
    elif raw.status is Status.NEWTON:
        advice = f"{_worst_row(problem, raw)}; try an explicit method, or look at that equation."
    elif raw.status in (Status.MAX_STEPS, Status.TIME_LIMIT) and _is_stiff(problem, raw):
        advice = (
            f'The problem is stiff for {raw.stats["method"]!r}: use Solver(method="rodas5p") '
            'or "auto".'
        )
    steps = f"{raw.stats['n_steps']} steps"
    return (
        f"{problem.where}: {text} at t = {raw.t_reached:.6g} ({state}) after {steps} "
        f"[{raw.status.name}]. {advice} error.solution holds t <= {raw.t[-1]:.6g}."
    )
