"""Threads that share the runs of a batch."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..interrupt import remembered

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor


def share(
    part: Callable[[bool], Any],
    n_run: int,
    threads: int | None,
    cancel: NDArray[np.int32],
    prepare: Callable[[slice], Any] | None = None,
) -> None:
    """Let threads take runs from their queue; an interrupt stops all of them.

    Where one is enough it is the caller's own, which watches for signals: ``part(True)``. Before
    they begin, several each ``prepare`` some of the runs.
    """
    workers = min(threads or os.cpu_count() or 1, n_run)
    if workers <= 1:
        part(True)
        return
    ends = [n_run * k // workers for k in range(workers + 1)]
    before = [partial(prepare, slice(*pair)) for pair in pairwise(ends)] if prepare else []
    # Loaded here, where it is wanted: it takes longer to load than a short solve.
    from concurrent.futures import ThreadPoolExecutor

    with remembered() as raise_lost, ThreadPoolExecutor(workers) as pool:
        # An interrupt may come while threads begin, and no loop stands in this function: CPython
        # 3.11 leaves out ``except`` where an interrupt meets some of the jumps of a loop.
        try:
            _all_of_it(before, pool, raise_lost)
            _all_of_it([partial(part, False)] * workers, pool, raise_lost)
        except BaseException:
            cancel[0] = 1
            raise


def _all_of_it(
    parts: Sequence[Callable[[], Any]], pool: ThreadPoolExecutor, raise_lost: Callable[[], None]
) -> None:
    """Begin parts in threads, and wait until all have ended or one has failed."""
    from concurrent.futures import FIRST_EXCEPTION, wait

    pending = {pool.submit(part) for part in parts}
    while pending:
        done, pending = wait(pending, timeout=0.1, return_when=FIRST_EXCEPTION)
        raise_lost()
        for future in done:
            future.result()
