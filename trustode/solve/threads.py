"""Threads that share the runs of a batch."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..interrupt import remembered

if TYPE_CHECKING:
    from concurrent.futures import Future


def count_threads(threads: int | None, n_run: int) -> int:
    """Return how many threads share the runs of a batch; None asks for every processor."""
    return max(1, min(threads or os.cpu_count() or 1, n_run))


def share(part: Callable[[bool], Any], threads: int, cancel: NDArray[np.int32]) -> None:
    """Let threads take runs from their queue; an interrupt, or what one raises, stops all.

    The caller's own is one of them and watches for signals: ``part(True)``. While it waits for
    the others, it looks now and then.
    """
    if threads == 1:
        part(True)
        return
    # Loaded here, where it is wanted: it takes longer to load than a short solve.
    from concurrent.futures import ThreadPoolExecutor

    with remembered() as raise_lost, ThreadPoolExecutor(threads - 1) as pool:
        # An interrupt may come while threads begin, and no loop stands in this function: CPython
        # 3.11 leaves out ``except`` where an interrupt meets some of the jumps of a loop.
        try:
            others = [pool.submit(_beside, part, cancel) for _ in range(threads - 1)]
            raise_lost()
            part(True)
            _wait(others, raise_lost)
        except BaseException:
            cancel[0] = 1
            raise


def _beside(part: Callable[[bool], Any], cancel: NDArray[np.int32]) -> None:
    """Do a part in a thread of its own; if it fails, nobody need go on."""
    try:
        part(False)
    except BaseException:
        cancel[0] = 1
        raise


def _wait(others: list[Future[None]], raise_lost: Callable[[], None]) -> None:
    """Wait until all have ended or one has failed."""
    from concurrent.futures import FIRST_EXCEPTION, wait

    pending = {*others}
    while pending:
        done, pending = wait(pending, timeout=0.1, return_when=FIRST_EXCEPTION)
        raise_lost()
        for future in done:
            future.result()
