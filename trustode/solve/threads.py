"""Threads that share the runs of a batch."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray


def share(
    part: Callable[[bool], Any], n_run: int, threads: int | None, cancel: NDArray[np.int32]
) -> Any:
    """Let threads take runs from their queue; an interrupt stops all of them.

    Where one is enough it is the caller's own, which watches for signals: ``part(True)``, whose
    result is returned.
    """
    workers = min(threads or os.cpu_count() or 1, n_run)
    if workers <= 1:
        return part(True)
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
    return None
