"""The command line: ``trustode demo``, ``simulate``, ``scan``, ``diagram``, ``fit``, ...

Every command is a thin layer over the functions of the same name. What went wrong is one
line on standard error and exit code 2, never a traceback. `parser` says what can be typed,
`reading` reads it, `commands` does it. Imports everything.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence

from ..errors import TrustodeError
from .parser import parser_of_all

#: Exit codes: a mistake in what was asked, and an interrupt (as shells count signals).
_MISTAKE, _INTERRUPTED = 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    argv : sequence of str, optional
        What follows ``trustode``; the process's own arguments unless given.

    Returns
    -------
    int
        0 after success, 1 if `doctor` found trouble or a fit did not converge, 2 after a
        mistake in what was asked, 130 after an interrupt.
    """
    arguments = None
    try:
        arguments = parser_of_all().parse_args(argv)
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            code: int = arguments.run(arguments)
    except SystemExit as stop:
        # --help and --version leave by it.
        return int(stop.code or 0)
    except KeyboardInterrupt:
        kept = getattr(arguments, "checkpoint", None) or getattr(arguments, "folder", None)
        _complain(f"interrupted; what was finished is in {kept}" if kept else "interrupted")
        return _INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has seen enough; nothing is left to be flushed to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (TrustodeError, OSError, MemoryError) as error:
        _complain(" ".join(str(error).split()))
        return _MISTAKE
    return code


def _complain(text: str) -> None:
    print(f"trustode: {text}", file=sys.stderr)


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    _complain(f"warning: {message}")
