"""Ctrl-C in code that is not ours, where Python may lose it. Imports nothing of trustode."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def remembered() -> Iterator[Callable[[], None]]:
    """Remember what the handler of SIGINT raises, and yield a function that raises it again.

    Python drops what a handler raises while it runs a callback of a weak reference or a
    ``__del__``; whoever asks now and then still hears of it. The handler stays the caller's: what
    it does, and whether it raises, is up to it. In threads, which hear no signals, there is
    nothing to remember.
    """
    handler: Any = signal.getsignal(signal.SIGINT)
    raised = list[BaseException]()

    def listen(number: int, frame: Any) -> None:
        try:
            handler(number, frame)
        except BaseException as error:
            raised.append(error)
            raise

    def raise_again() -> None:
        if raised:
            raise raised[0]

    if not callable(handler) or not _replace(handler, listen):
        yield raise_again
        return
    try:
        yield raise_again
    finally:
        # A handler that was set meanwhile stays.
        _replace(listen, handler)


def _replace(old: Callable[..., Any], new: Callable[..., Any]) -> bool:
    """Put a handler of SIGINT in another's place, where this thread may."""
    try:
        if signal.getsignal(signal.SIGINT) is old:
            signal.signal(signal.SIGINT, new)
    except ValueError:
        return False
    return True
