"""Work on many rows, piece by piece: here or by an executor, kept in a checkpoint, reported.

What the rows are is the task's business. Results do not depend on where the work is done or
how it is cut. Imports the progress, the checkpoint and the interrupt.
"""

from __future__ import annotations

import os
import time
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
    wait,
)
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from . import __version__
from .checkpoint import MANY, Checkpoint, Parts, beside, open_checkpoint
from .errors import Interrupted, OptionError, SolveWarning, Status, TrustodeError, listed
from .interrupt import remembered
from .progress import Progress, check_progress, track

#: Named arrays with a row for each row of the task. One whose name begins with `MANY` has any
#: number of rows for each: its first column says which, counted within the piece.
Arrays = dict[str, NDArray[Any]]

#: Makes a result of the arrays of some rows, and the rows' numbers.
Finish = Callable[[Arrays, NDArray[np.intp]], Any]

#: Pieces of a task that is shared out or kept: some for each of many workers.
_PIECES = 128
#: Rows that keep a thread busy between two records of a checkpoint, at least; where there are many
#: rows, enough to go side by side.
_ROWS_A_THREAD, _ROWS_ABREAST = 4, 32
#: Seconds of work between two reports, where nothing is shared or kept.
_SPELL = 1.0
#: Of so many rows the first few show how long all take. Where that is no longer than two spells,
#: these are done again with the others: to put the results of pieces together would take longer.
_MANY = 1024
#: Pieces that an executor is given before it has finished some.
_MOST_WAITING = 1024
#: The status of rows whose worker died twice, where statuses are words.
LOST = "lost"
#: Seconds between two looks at whether the caller wants to stop.
_WAKE = 0.1


@dataclass(frozen=True)
class How:
    """How a long call is carried out; nothing here changes its results.

    Attributes
    ----------
    threads : int or None
        Threads that share a piece; None takes every processor, or one in each worker of an
        executor.
    executor : Executor or None
        Who solves the pieces; this process if None.
    checkpoint : path or None
        File that keeps finished pieces.
    progress : bool, callable or None
    """

    threads: int | None
    executor: Executor | None
    checkpoint: str | os.PathLike[str] | None
    progress: Progress

    def part(self, name: str) -> How:
        """Return how a part of the call is carried out, with a checkpoint of its own."""
        if self.checkpoint is None:
            return self
        return replace(self, checkpoint=beside(self.checkpoint, name))


@dataclass(frozen=True)
class Crew:
    """Who solves a piece: threads, and a flag that tells them to stop once it is not 0."""

    threads: int | None
    cancel: NDArray[np.int32]


class Task(Protocol):
    """Work on rows of which each can be done without the others; it must survive pickling."""

    def take(self, rows: slice) -> Task:
        """Return the task of some rows, with what these need and no more."""

    def solve(self, crew: Crew) -> Arrays:
        """Do it: arrays whose names, types and shapes beyond the rows are those of all rows."""

    def parts(self) -> Parts:
        """Return all that the results depend on, for the checkpoint."""


def check_how(
    threads: object, executor: object, checkpoint: object, progress: object, where: str
) -> How:
    """Put the how-arguments together, or raise.

    Raises
    ------
    OptionError
        Naming the argument and what it may be.
    """
    whole = isinstance(threads, int | np.integer) and not isinstance(threads, bool)
    if threads is not None and not (whole and threads >= 1):  # type: ignore[operator]
        raise OptionError(
            f"{where}: threads={threads!r:.60} must be a positive whole number, or None for "
            "every processor"
        )
    if executor is not None and not isinstance(executor, Executor):
        hint = ": give client.get_executor()" if hasattr(executor, "get_executor") else ""
        raise OptionError(
            f"{where}: executor={executor!r:.60} is not a concurrent.futures.Executor{hint}"
        )
    if checkpoint is not None and not isinstance(checkpoint, str | os.PathLike):
        raise OptionError(f"{where}: checkpoint={checkpoint!r:.60} is not the path of a file")
    check_progress(progress, where)
    return How(threads, executor, checkpoint, progress)  # type: ignore[arg-type]


def carry_out(
    task: Task, n: int, most: int, how: How, where: str, finish: Finish | None = None
) -> Arrays:
    """Do a task on all of its rows.

    Parameters
    ----------
    task : Task
    n : int
        Rows there are.
    most : int
        Rows that are done in one go, at most.
    how : How
    where : str
        Call and model, for messages.
    finish : callable, optional
        Gets the arrays of finished rows, in order, and the rows' numbers, and makes a result of
        them. After an interrupt by the user the error offers it as `partial`.

    Returns
    -------
    dict of str to ndarray, shape (n, ...)

    Raises
    ------
    TrustodeError
        If a worker of the executor died or raised; it says which rows.
    DataError
        If the checkpoint belongs to another call.
    FileError
        If the checkpoint cannot be read or written.
    Interrupted
        If the user interrupts; the finished rows are kept.
    """
    if how.executor is not None:
        most = min(most, -(-n // _PIECES))
    elif how.checkpoint is not None:
        each = _ROWS_A_THREAD * (how.threads or os.cpu_count() or 1)
        most = min(most, max(each, _ROWS_ABREAST if n >= _MANY else 1, -(-n // _PIECES)))
    found: Arrays = {}
    many: dict[str, dict[int, NDArray[Any]]] = {}
    done = np.zeros(n, dtype=bool)
    with (
        remembered() as raise_lost,
        _opened(how.checkpoint, task, n, where) as checkpoint,
        track(n, how.progress, where) as advance,
    ):

        def keep(rows: slice, arrays: Arrays) -> None:
            for name, values in arrays.items():
                if name.startswith(MANY):
                    counted = values.copy()
                    counted[:, 0] += rows.start
                    many.setdefault(name, {})[rows.start] = counted
                    continue
                if len(values) == n:
                    # All of it in one piece need not be copied.
                    found[name] = values
                    continue
                if name not in found:
                    found[name] = np.empty((n, *values.shape[1:]), values.dtype)
                found[name][rows] = values
            done[rows] = True

        def report(n_more: int) -> None:
            if n_more:
                advance(n_more)

        def look() -> None:
            raise_lost()
            if checkpoint is not None:
                report(checkpoint.sync())

        if checkpoint is not None:
            for rows, arrays in checkpoint.finished():
                keep(rows, arrays)
                report(rows.stop - rows.start)
        threads = how.threads if how.executor is None else how.threads or 1
        crew = Crew(threads, np.zeros(1, dtype=np.int32))
        waiting: dict[Future[Arrays], slice] = {}
        left = list(_pieces(done, most))
        if how.executor is not None:
            work = _shared(task, left, how.executor, crew, waiting, look, where)
        elif how.checkpoint is not None:
            work = _here(task, left, crew)
        else:
            work = _in_spells(task, n, most, crew)

        def all_of_it() -> None:
            with closing(work):
                for rows, arrays in work:
                    # What a power cut could still take away is not reported.
                    n_more = rows.stop - rows.start
                    if checkpoint is not None:
                        n_more = checkpoint.add(rows, arrays)
                    keep(rows, arrays)
                    report(n_more)
                    raise_lost()
            look()

        try:
            all_of_it()
        except KeyboardInterrupt:
            raise _interrupted(found, done, finish, how, where) from None
        except _Lost as died:
            # Not in the checkpoint: the same call tries them again.
            _mark_lost(found, died, where)
        finally:
            # Not where the loop is: CPython 3.11 leaves out ``finally`` where an interrupt meets
            # some of the jumps of a loop in the same function.
            crew.cancel[0] = 1
            for future in waiting:
                future.cancel()
    for name, pieces in many.items():
        found[name] = np.concatenate([pieces[start] for start in sorted(pieces)])
    return found


class _Lost(Exception):
    """Workers died twice over some pieces; all others are finished."""

    def __init__(self, rows: list[slice], error: BaseException) -> None:
        super().__init__(rows, error)
        self.rows, self.error = rows, error


def _mark_lost(found: Arrays, died: _Lost, where: str) -> None:
    """Say in the results which rows nobody could solve, or raise where they have no status."""
    status = found.get("status")
    if status is None or status.dtype.kind not in "iU":
        raise _failure(died.error, died.rows, where)
    told = "LOST" if status.dtype.kind == "i" else f"'{LOST}'"
    warnings.warn(
        f"{where}: rows {_told(died.rows)} (counted from 0) have the status {told}: whichever "
        "process ran them died, twice. Look at the memory that they need",
        SolveWarning,
        stacklevel=3,
    )
    for name, values in found.items():
        nothing: object = np.nan if values.dtype.kind == "f" else 0
        if values.dtype.kind == "U":
            nothing = ""
        if name == "status":
            nothing = int(Status.LOST) if values.dtype.kind == "i" else LOST
        for rows in died.rows:
            values[rows] = nothing


@contextmanager
def _opened(
    path: str | os.PathLike[str] | None, task: Task, n: int, where: str
) -> Iterator[Checkpoint | None]:
    """Open the checkpoint, if there is to be one."""
    if path is None:
        yield None
        return
    with open_checkpoint(path, task.parts(), n, where) as checkpoint:
        yield checkpoint


def _interrupted(
    found: Arrays, done: NDArray[np.bool_], finish: Finish | None, how: How, where: str
) -> Interrupted:
    """Return what to raise after an interrupt by the user."""
    n_finished, n = int(done.sum()), len(done)
    message, late = f"{where}: interrupted with {n_finished} of {n} finished", None
    if how.checkpoint is not None:
        message += f", which are kept in '{os.fspath(how.checkpoint)}': the same call goes on"
    if finish is not None and n_finished:
        kept = {name: values[done] for name, values in found.items()}
        late = partial(finish, kept, np.flatnonzero(done))
        message += "; the error's attribute `partial` is the result of these"
    return Interrupted(message, n_finished, n, late)


def _pieces(done: NDArray[np.bool_], most: int) -> Iterator[slice]:
    """Cut the rows that are not done into pieces of so many rows at most."""
    edges = np.flatnonzero(np.diff(done, prepend=True, append=True))
    for start, stop in edges.reshape(-1, 2).tolist():
        for first in range(start, stop, most):
            yield slice(first, min(first + most, stop))


def _here(
    task: Task, pieces: list[slice], crew: Crew
) -> Generator[tuple[slice, Arrays], None, None]:
    """Do the pieces one after the other in this process."""
    for rows in pieces:
        yield rows, task.take(rows).solve(crew)


def _in_spells(
    task: Task, n: int, most: int, crew: Crew
) -> Generator[tuple[slice, Arrays], None, None]:
    """Do all rows in this process, in pieces that take a spell each: the first few show how many.

    So there is something to report, and to keep when the user interrupts.
    """
    showing = n >= _MANY
    start, size = 0, min(most, _ROWS_ABREAST if showing else n)
    while start < n:
        rows = slice(start, min(start + size, n))
        began = time.perf_counter()
        arrays = task.take(rows).solve(crew)
        seconds = max(time.perf_counter() - began, 1e-9) / (rows.stop - rows.start)
        size = max(1, min(most, int(_SPELL / seconds)))
        if showing and n <= most and n * seconds <= 2.0 * _SPELL:
            showing, size = False, n
            continue
        showing = False
        yield rows, arrays
        start = rows.stop


def _shared(
    task: Task,
    pieces: list[slice],
    executor: Executor,
    crew: Crew,
    waiting: dict[Future[Arrays], slice],
    look: Callable[[], None],
    where: str,
) -> Generator[tuple[slice, Arrays], None, None]:
    """Let an executor do the pieces; they come as they are finished.

    What was given to it and has not ended is in ``waiting``. While nothing comes, ``look`` is
    called now and then.
    """
    ended: SimpleQueue[Future[Arrays]] = SimpleQueue()
    error: BaseException | None = None
    left, lost = deque(pieces), list[slice]()
    while waiting or (left and error is None):
        while left and error is None and len(waiting) < _MOST_WAITING:
            try:
                future = executor.submit(_work, task.take(left[0]), crew, __version__)
            except (RuntimeError, OSError) as refused:
                error, lost = refused, list(left)
            else:
                waiting[future] = left.popleft()
                future.add_done_callback(ended.put)
        taken = _taken(ended, _WAKE if error is None else 0.0)
        if taken is None and error is None:
            look()
            continue
        if taken is None:
            break
        rows = waiting.pop(taken)
        raised = CancelledError() if taken.cancelled() else taken.exception()
        if raised is None:
            yield rows, taken.result()
        else:
            # What others have finished by now is still worth keeping.
            error = error or raised
            lost.append(rows)
    if error is not None:
        if isinstance(error, BrokenExecutor):
            lost = [*lost, *waiting.values(), *left]
            waiting.clear()
            if isinstance(executor, ProcessPoolExecutor):
                yield from _elsewhere(task, lost, executor, crew, error, look, where)
                return
        raise _failure(error, lost, where)


def _taken(ended: SimpleQueue[Future[Arrays]], seconds: float) -> Future[Arrays] | None:
    """Return the next that has ended, or None."""
    try:
        return ended.get(timeout=seconds) if seconds else ended.get_nowait()
    except Empty:
        return None


def _elsewhere(
    task: Task,
    pieces: list[slice],
    broken: ProcessPoolExecutor,
    crew: Crew,
    error: BaseException,
    look: Callable[[], None],
    where: str,
) -> Generator[tuple[slice, Arrays], None, None]:
    """Do the pieces of a pool that a dying worker broke, each in a process of its own pool.

    So the piece that kills its worker is known. At the end `_Lost` says which they were.
    """
    # A pool does not tell how it was made.
    most: int = getattr(broken, "_max_workers", 1)
    context = getattr(broken, "_mp_context", None)
    left, lost = deque(pieces), list[slice]()
    pools = [ProcessPoolExecutor(1, mp_context=context) for _ in range(min(most, len(pieces)))]
    waiting: dict[Future[Arrays], tuple[slice, int]] = {}
    try:
        while left or waiting:
            for k in set(range(len(pools))) - {k for _, k in waiting.values()}:
                if left:
                    rows = left.popleft()
                    future = pools[k].submit(_work, task.take(rows), crew, __version__)
                    waiting[future] = rows, k
            ended = wait(waiting, _WAKE, FIRST_COMPLETED).done
            if not ended:
                look()
            for future in ended:
                rows, k = waiting.pop(future)
                raised = future.exception()
                if raised is None:
                    yield rows, future.result()
                elif isinstance(raised, BrokenExecutor):
                    lost.append(rows)
                    pools[k].shutdown(wait=False)
                    pools[k] = ProcessPoolExecutor(1, mp_context=context)
                else:
                    raise _failure(raised, [rows, *left], where)
    finally:
        for pool in pools:
            pool.shutdown(wait=False, cancel_futures=True)
    if lost:
        raise _Lost(lost, error)


def _work(task: Task, crew: Crew, version: str) -> Arrays:
    """Do a piece, wherever this runs."""
    if version != __version__:
        raise TrustodeError(
            f"a worker has trustode {__version__} and the caller has {version}; results could "
            "differ. Install one version everywhere"
        )
    arrays = task.solve(crew)
    if crew.cancel[0]:
        raise CancelledError
    return arrays


def _failure(error: BaseException, lost: list[slice], where: str) -> BaseException:
    """Return what to raise for rows that an executor did not solve."""
    if not isinstance(error, Exception):
        return error
    if isinstance(error, TrustodeError):
        # The same as without an executor.
        error.add_note(f"{where}: in rows {_told(lost)} (counted from 0)")
        return error
    what = "died" if isinstance(error, BrokenExecutor) else "raised"
    what = "was cancelled" if isinstance(error, CancelledError) else what
    failure = TrustodeError(
        f"{where}: rows {_told(lost)} (counted from 0) were not solved: a worker of the executor "
        f"{what} ({type(error).__name__}: {str(error).strip() or 'no reason given'}). With "
        "checkpoint= the next call goes on from what is finished"
    )
    failure.__cause__ = error
    return failure


def _told(rows: list[slice]) -> str:
    """Name pieces of rows, those that touch as one."""
    joined: list[list[int]] = []
    for each in sorted(rows, key=lambda piece: int(piece.start)):
        if joined and joined[-1][1] == each.start:
            joined[-1][1] = each.stop
        else:
            joined.append([each.start, each.stop])
    return listed(f"{start} to {stop - 1}" for start, stop in joined)
