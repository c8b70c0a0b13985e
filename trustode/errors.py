"""What can go wrong, by layer, and how a solve can end.

Imports the calls that results remember. Messages say, in this order: which call and model, what
was found (with values), the rule, and what to do about it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from enum import IntEnum
from functools import cached_property
from typing import Any, TypeVar, cast

from .called import Called

_Called = TypeVar("_Called", bound=Callable[..., Any])


class TrustodeError(Exception):
    """Base of every error that trustode raises on purpose."""


class ModelError(TrustodeError, ValueError):
    """A model, or a name or value given for one, breaks a rule."""


class CompileError(TrustodeError, RuntimeError):
    """A model could not be compiled; the message holds the compiler's first lines."""


class SolveError(TrustodeError, RuntimeError):
    """A solve stopped before its end.

    Attributes
    ----------
    status : Status
        Why it stopped.
    solution : Solution or None
        The part that was reached.
    """

    def __init__(self, message: str, status: Status, solution: Any = None) -> None:
        super().__init__(message)
        self.status = status
        self.solution = solution

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.args[0], self.status, self.solution)


class SolveMemoryError(SolveError, MemoryError):
    """A solve stopped because memory ran out."""


class DataError(TrustodeError, ValueError):
    """Data or an array argument does not have the form that the call needs."""


class OptionError(TrustodeError, ValueError):
    """An option's value is outside what it may be."""


class FileError(TrustodeError, OSError):
    """A file of ours could not be opened or written."""


class KeywordError(OptionError, TypeError):
    """A call has a keyword that the function does not take, or lacks an argument."""


class PackageError(OptionError, ImportError):
    """What was asked needs a package that trustode itself does not."""


class Interrupted(KeyboardInterrupt):
    """An interrupt by the user (Ctrl-C) of a long call; a `KeyboardInterrupt`.

    Attributes
    ----------
    n_finished, n : int
        Pieces of work that were finished, and that there are: runs, points, starts, refits.
    partial : Fit, Bootstrap, Recovery, Ensemble or None
        What the finished ones give, of the calls that return one of these; worked out when it
        is first asked for.
    """

    def __init__(
        self, message: str, n_finished: int, n: int, finish: Callable[[], Any] | None = None
    ) -> None:
        super().__init__(message)
        self.n_finished, self.n = n_finished, n
        self._finish = finish

    @cached_property
    def partial(self) -> Any:
        """What the finished ones give, or None."""
        return None if self._finish is None else self._finish()


class CompileWarning(UserWarning):
    """A model runs by a slower door than a C compiler would give."""


class SolveWarning(UserWarning):
    """A solve succeeded but something about it deserves a look."""


class FitWarning(UserWarning):
    """A fit returned but something about it deserves a look."""


class Status(IntEnum):
    """How a solve ended; the same numbers as in ``ext/core.h``."""

    SUCCESS = 0
    NONFINITE = -1
    STEP_TOO_SMALL = -2
    MAX_STEPS = -3
    DIVERGED = -4
    NEWTON = -5
    INTERRUPTED = -6
    NO_MEMORY = -7
    EVENTS = -8
    LOST = -9
    TIME_LIMIT = -10
    NO_LIKELIHOOD = -11
    # Other names of two of them.
    SINGULAR = -5
    ENDLESS = -8


STATUS_TEXT: dict[Status, str] = {
    Status.SUCCESS: "reached the end",
    Status.NONFINITE: "the right-hand side is not finite",
    Status.STEP_TOO_SMALL: "the step size fell below what the time can resolve",
    Status.MAX_STEPS: "the step limit was reached",
    Status.DIVERGED: "the solution grows without bound",
    Status.NEWTON: "the iteration matrix is singular or not finite",
    Status.INTERRUPTED: "interrupted",
    Status.NO_MEMORY: "memory ran out",
    Status.LOST: "the worker that ran it was lost",
    Status.NO_LIKELIHOOD: "the data have no likelihood there",
    Status.TIME_LIMIT: "the time limit was reached",
    Status.EVENTS: "an event happens again and again within an instant",
}


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the closest known name, or an empty string."""
    candidates = list(known)
    folded = {candidate.casefold(): candidate for candidate in reversed(candidates)}
    if name.casefold() in folded:
        return f"; did you mean '{folded[name.casefold()]}'?"
    # Letters that changed places are the commonest slip, and difflib takes one for a letter lost.
    for candidate in candidates:
        if _swapped(name.casefold(), candidate.casefold()):
            return f"; did you mean '{candidate}'?"
    import difflib

    # Two letters of which one is right are half alike, and worth a try.
    cutoff = 0.5 if len(name) <= 3 else 0.6
    close = difflib.get_close_matches(name, candidates, n=1, cutoff=cutoff)
    if not close:
        lower = difflib.get_close_matches(name.casefold(), list(folded), n=1, cutoff=cutoff)
        close = [folded[lower[0]]] if lower else []
    return f"; did you mean '{close[0]}'?" if close else ""


#: Keywords of `Solver`, which calls that solve are often given themselves.
_OF_SOLVER = ("method", "rtol", "atol", "h_max", "max_steps", "time_limit")


def _meant(name: str, known: Iterable[str]) -> str:
    """Return what an unknown keyword was meant to be, as the end of a sentence."""
    if name in _OF_SOLVER and "solver" in known:
        return f"; write solver=tr.Solver({name}=...)."
    return nearest(name, known) or "."


def _swapped(one: str, other: str) -> bool:
    """Return whether two texts differ by two neighbouring letters that changed places."""
    apart = [k for k, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]]
    if len(one) != len(other) or len(apart) != 2 or apart[1] != apart[0] + 1:
        return False
    k = apart[0]
    return one[k : k + 2] == other[k + 1] + other[k]


def checks_keywords(function: _Called) -> _Called:
    """Make a function or class say which of its keywords an unknown one was meant to be.

    A result remembers the call that made it, as ``called``.

    Raises
    ------
    KeywordError
        From the call, naming the keyword, the nearest one and all there are; or what is
        missing.
    """
    target: Any = function
    called = target.__init__ if isinstance(function, type) else target
    code = called.__code__
    count = code.co_argcount + code.co_kwonlyargcount
    known = {name: None for name in code.co_varnames[:count] if name != "self"}
    takes = frozenset(known).issuperset

    @functools.wraps(called)
    def call(*arguments: Any, **keywords: Any) -> Any:
        if not takes(keywords):
            name = next(name for name in keywords if name not in known)
            raise KeywordError(
                f"{target.__name__}: unknown keyword {name!r}{_meant(name, known)} "
                f"It takes {listed(known, 30)}"
            )
        try:
            made = called(*arguments, **keywords)
        except TypeError as error:
            if isinstance(error, TrustodeError):
                raise
            missed = _not_bound(called, arguments, keywords)
            if not missed:
                raise
            raise KeywordError(
                f"{target.__name__}: {missed}. It takes {listed(known, 30)}"
            ) from None
        if _is_result(type(made)):  # type: ignore[arg-type]
            made.__dict__["called"] = Called(called, arguments, keywords)
        return made

    if isinstance(function, type):
        target.__init__ = call
        return function
    return cast("_Called", call)


@functools.lru_cache(maxsize=256)
def _is_result(kind: Any) -> bool:
    """Say whether a type is one of ours that is tabled or drawn."""
    ours = str(kind.__module__).startswith("trustode.")
    return ours and (hasattr(kind, "to_frame") or hasattr(kind, "plot"))


def _not_bound(called: Any, arguments: Any, keywords: Any) -> str:
    """Return what is wrong with the arguments of a call, if that is why it failed."""
    import inspect

    try:
        inspect.signature(called).bind(*arguments, **keywords)
    except TypeError as error:
        return str(error)
    return ""


@contextmanager
def needs(extra: str, where: str) -> Iterator[None]:
    """Say which extra brings a package that is imported here.

    Raises
    ------
    PackageError
        If it is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        missing = (error.name or "").split(".")[0]
        raise PackageError(
            f"{where} needs the package {missing}; install it with: pip install 'trustode[{extra}]'"
        ) from None


def listed(names: Iterable[str], limit: int = 12) -> str:
    """Join names for a message, cutting long lists."""
    every = list(names)
    shown = ", ".join(every[:limit])
    return shown + f", ... ({len(every)} in all)" if len(every) > limit else shown
