"""Progress of long calls, in one place: a bar on a terminal, a callable, or silence.

Imports the errors.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from .errors import OptionError

#: What the ``progress`` argument of long calls takes.
Progress = bool | Callable[[int, int], None] | None

#: Seconds that a call may take before a bar appears that nobody asked for.
_PATIENCE = 1.0
#: Seconds between two states of a bar: on a terminal, and where each may stay as a line.
_OFTEN, _SELDOM = 0.1, 1.0


def check_progress(progress: object, where: str) -> None:
    """Raise unless `progress` is None, a truth value or a callable.

    Raises
    ------
    OptionError
        If it is anything else.
    """
    if progress is not None and not isinstance(progress, bool) and not callable(progress):
        raise OptionError(
            f"{where}: progress={progress!r:.60} must be True, False, None or a callable that "
            "takes (done, total)"
        )


@contextmanager
def track(total: int, progress: Progress, label: str) -> Iterator[Callable[[int], object]]:
    """Report how far a call has come.

    Parameters
    ----------
    total : int
        Pieces of work there are.
    progress : bool, callable or None
        True shows a bar on standard error if tqdm is installed, or in a notebook as a widget if
        ipywidgets is; None does so only on a terminal or in a notebook, and once the call has
        taken a second; False is silent. A callable gets ``(done, total)``, first with 0 done.
    label : str
        What the bar is of.

    Yields
    ------
    callable
        Takes the number of pieces that were finished since it was last called.

    Raises
    ------
    OptionError
        If `progress` is none of these.
    """
    check_progress(progress, label)
    if progress is None or isinstance(progress, bool):
        notebook = _in_notebook()
        wanted = (sys.stderr.isatty() or notebook) if progress is None else progress
        if not wanted or find_spec("tqdm") is None:
            yield _ignore
            return
        if notebook and find_spec("ipywidgets"):
            from tqdm.notebook import tqdm
        else:
            from tqdm import tqdm

        delay = _PATIENCE if progress is None else 0.0
        pause = _OFTEN if sys.stderr.isatty() else _SELDOM
        with tqdm(total=total, desc=label, delay=delay, mininterval=pause, file=sys.stderr) as bar:
            yield bar.update
        return
    report, done = progress, 0

    def advance(n: int) -> None:
        nonlocal done
        done += n
        report(done, total)

    report(0, total)
    yield advance


def _in_notebook() -> bool:
    """Tell whether this process is the kernel of a notebook."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")


def _ignore(n: int) -> None:
    """Report nothing."""
