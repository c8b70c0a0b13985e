"""Events: what to watch for while solving, what it changes, and what was seen.

Events become a compiled model of their own, whose states are those of the watched model,
then time, then its inputs, and whose observables are the events' functions and the values
that states are set to. Imports the model and compiled layers.
"""

from __future__ import annotations

import numbers
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy
from numpy.typing import NDArray

from ._core import Watch
from .compile import compile
from .errors import ModelError, OptionError, checks_keywords, listed, nearest
from .expression import TIME, check_prose, symbol, write
from .model import Model, named
from .notebook import Shown

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]


@checks_keywords
@dataclass(frozen=True)
class Event:
    """A time at which a function of the solution crosses zero, and what happens then.

    Crossings are found on each step's dense output, all of them, in order of time, each as
    exactly as time can be told. Touching zero is no crossing; a jump from one side to the
    other is. A function that is zero at the start has not crossed yet.

    Parameters
    ----------
    expression : expression or str
        Function of states, parameters, inputs and time ``t``.
    direction : {0, -1, 1}
        Which crossings count: 1 upwards, -1 downwards, 0 both.
    terminal : bool
        Whether the run ends with the first such crossing.
    set : mapping of state to expression or float, optional
        New values, all computed from the values just before. Events at the same instant
        happen in the order in which they are listed; so do those that a reset sets off,
        except that an event's own reset does not set it off again.
    name : str
        What results call it; without one its position.

    Raises
    ------
    OptionError
        If a value is not of its kind.
    """

    expression: Any
    direction: int = 0
    terminal: bool = False
    set: Any = field(default=None, hash=False)
    name: str = ""

    def __post_init__(self) -> None:
        if isinstance(self.expression, bool) or not isinstance(
            self.expression, str | sympy.Expr | numbers.Real
        ):
            kind = type(self.expression).__name__
            raise OptionError(
                f"Event: {self.expression!r:.60} ({kind}) is not an expression. It happens where "
                "the expression is zero: for T == 0.5 write T - 0.5"
            )
        direction = self.direction
        if isinstance(direction, bool) or direction not in (-1, 0, 1):
            raise OptionError(f"Event: direction={direction!r:.60} must be -1, 0 or 1")
        if not isinstance(self.terminal, bool | np.bool_):
            raise OptionError(f"Event: terminal={self.terminal!r:.60} must be True or False")
        check_prose(self.name, "Event: the name")
        put = object.__setattr__
        put(self, "direction", int(direction))
        put(self, "terminal", bool(self.terminal))
        put(self, "set", MappingProxyType(named(self.set, "Event: set")))

    def __reduce__(self) -> tuple[Any, ...]:
        # Expressions travel as text, as a model's do.
        values = {name: _text(value) for name, value in self.set.items()}
        return Event, (_text(self.expression), self.direction, self.terminal, values, self.name)


def _text(value: Any) -> Any:
    return write(value) if isinstance(value, sympy.Expr) else value


@dataclass(frozen=True, eq=False, repr=False)
class EventLog(Shown):
    """The events of a solution, in order of time; ``log["name"]`` is one event's part.

    Attributes
    ----------
    names : tuple of str or int
        What each listed event is called: its name, or its position.
    states : tuple of str
    event : ndarray of int, shape (n_seen,)
        Position of each event in the list that was given.
    t : ndarray, shape (n_seen,)
        When it happened.
    direction : ndarray of int, shape (n_seen,)
        Way in which the function crossed zero, 1 or -1.
    y : ndarray, shape (n_seen, n_state)
        States just before the event changed anything.
    dtdp : ndarray, shape (n_seen, n_vary), or None
        Derivatives of `t` by what the solve was asked to differentiate by.
    dydp : ndarray, shape (n_seen, n_state, n_vary), or None
        Derivatives of `y`, the time's part in them included.
    """

    names: tuple[str | int, ...]
    states: tuple[str, ...]
    event: NDArray[np.int64]
    t: Array
    direction: NDArray[np.int64]
    y: Array
    dtdp: Array | None = None
    dydp: Array | None = None

    @classmethod
    def none(cls, states: tuple[str, ...]) -> EventLog:
        """Return the log of a run in which nothing was watched for; there is one a model."""
        return _nothing(states)

    def __len__(self) -> int:
        return len(self.t)

    def __getitem__(self, key: str | int) -> EventLog:
        """Return the part of one event, by name or position."""
        if key in self.names:
            position = self.names.index(key)
        elif isinstance(key, numbers.Integral) and 0 <= int(key) < len(self.names):
            position = int(key)
        else:
            known = [str(name) for name in self.names]
            raise OptionError(
                f"events: no event {key!r:.60}{nearest(str(key), known) or '.'} "
                f"There are: {listed(known) or 'none'}"
            )
        own = self.event == position
        return EventLog(
            self.names,
            self.states,
            self.event[own],
            self.t[own],
            self.direction[own],
            self.y[own],
            None if self.dtdp is None else self.dtdp[own],
            None if self.dydp is None else self.dydp[own],
        )

    def __iter__(self) -> Iterator[Any]:
        raise TypeError("events have no rows to iterate over; use .t, .y or .to_frame()")

    def to_frame(self) -> pd.DataFrame:
        """Return a table, one row an event seen: event, t, direction, then the states."""
        import pandas as pd

        columns: dict[str, Any] = {
            "event": [self.names[k] for k in self.event],
            "t": self.t,
            "direction": self.direction,
        }
        for i, name in enumerate(self.states):
            columns[f"{name}_state" if name in columns else name] = self.y[:, i]
        return pd.DataFrame(columns)

    def __repr__(self) -> str:
        lines = [f"<EventLog: {len(self)} of {len(self.names)} listed"]
        for k, name in enumerate(self.names):
            t = self.t[self.event == k]
            first = ", ".join(f"{value:.6g}" for value in t[:4])
            more = ", ..." if len(t) > 4 else ""
            lines.append(f"  {name}: {len(t)}" + (f" at t = {first}{more}" if len(t) else ""))
        return "\n".join(lines) + ">"


@dataclass(frozen=True, eq=False, repr=False)
class WatchedEvents:
    """Events of one model, checked and compiled."""

    model: Model
    events: tuple[Event, ...]
    functions: Any
    resets: tuple[tuple[int, int], ...]

    def __reduce__(self) -> tuple[Any, ...]:
        return _prepared, (self.model, self.events)

    @property
    def names(self) -> tuple[str | int, ...]:
        """Name of each event, or its position."""
        return tuple(event.name or k for k, event in enumerate(self.events))

    def watch(self) -> Watch:
        """Return what the C core needs to watch for them in one run."""
        # Here and not in the run, where an interrupt of the compiler would not end it.
        self.functions.need("observe_dy")
        return Watch(
            self.functions,
            len(self.model.inputs),
            [event.direction for event in self.events],
            [event.terminal for event in self.events],
            [event for event, _ in self.resets],
            [state for _, state in self.resets],
        )

    def log(self, watch: Watch) -> EventLog:
        """Return what was seen in a run."""
        rows, n = watch.log, len(self.model.states)
        n_vary = (rows.shape[1] - 3 - n) // (1 + n)
        times = rows[:, 3 + n : 3 + n + n_vary].copy()
        states = rows[:, 3 + n + n_vary :].reshape(len(rows), n_vary, n)
        return EventLog(
            self.names,
            self.model.states,
            rows[:, 0].astype(np.int64),
            rows[:, 1].copy(),
            rows[:, 2].astype(np.int64),
            rows[:, 3 : 3 + n].copy(),
            times if n_vary else None,
            states.transpose(0, 2, 1) if n_vary else None,
        )


@lru_cache(maxsize=64)
def _nothing(states: tuple[str, ...]) -> EventLog:
    whole, times, rows = np.empty(0, dtype=np.int64), np.empty(0), np.empty((0, len(states)))
    return EventLog((), states, whole, times, whole, rows)


def watch_for(model: Model, events: Any, where: str) -> WatchedEvents | None:
    """Check and compile the events to watch for in a model; None for none.

    Raises
    ------
    OptionError
        If something is not an `Event`, or a name is given twice.
    ModelError
        If an event uses or sets what the model does not have.
    """
    if events is None or (isinstance(events, tuple) and not events):
        return None
    given = (events,) if isinstance(events, Event) else events
    if isinstance(given, Mapping | str) or not isinstance(given, Sequence):
        raise OptionError(f"{where}: events must be a list of tr.Event, got {events!r:.60}")
    for event in given:
        if not isinstance(event, Event):
            raise OptionError(
                f"{where}: {event!r:.60} is not an event; write tr.Event({event!r:.60})"
            )
    names = [event.name for event in given if event.name]
    for name in names:
        if names.count(name) > 1:
            raise OptionError(f"{where}: two events are called {name!r}; rename one")
    return _prepared(model, tuple(given)) if given else None


@lru_cache(maxsize=64)
def _prepared(model: Model, events: tuple[Event, ...]) -> WatchedEvents:
    """Compile the events of a model once a process."""
    now = _fresh("now", model)
    functions: dict[str, sympy.Expr] = {}
    values: dict[str, sympy.Expr] = {}
    resets: list[tuple[int, int]] = []
    for k, event in enumerate(events):
        label = f"event {event.name or k}"
        expression = model.formula(event.expression, label)
        functions[_fresh(f"event{k}", model)] = expression.xreplace({TIME: symbol(now)})
        for state, value in event.set.items():
            if state not in model.states:
                raise ModelError(
                    f"{model.name}: {label} sets {state!r}, which is not a state"
                    f"{nearest(state, model.states) or '.'} "
                    f"The states are: {listed(model.states, 100)}"
                )
            after = model.formula(value, f"{label}, set {state}")
            values[_fresh(f"set{len(resets)}", model)] = after.xreplace({TIME: symbol(now)})
            resets.append((k, model.states.index(state)))
    states = (*model.states, now, *model.inputs)
    watched = Model(
        f"{model.name} (events)",
        rhs=dict.fromkeys(states, 0),
        params=dict(model.parameters),
        initial=dict.fromkeys(states, 0),
        observables=functions | values,
    )
    return WatchedEvents(model, events, compile(watched).functions, tuple(resets))


def _fresh(name: str, model: Model) -> str:
    """Return a name that the model does not use."""
    taken = {*model.states, *model.params, *model.inputs}
    while name in taken:
        name += "x"
    return name
