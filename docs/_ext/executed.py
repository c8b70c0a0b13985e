"""Pages whose blocks run: the same code for the build, which wants pictures, and for the tests.

In a page's order, in one namespace and one folder:

- a ``python`` block is executed; what it prints must be the ``text`` block that follows it,
  if one does (``...`` there stands for anything, and white space is not compared);
- a ``python raises`` block must raise an error of trustode's, and the ``text`` block shows
  its message;
- a ``toml``, ``csv`` or other block after a line ``<!-- file: NAME -->`` is written to a file;
- a ``sh`` block that begins with ``trustode`` runs on trustode's command line, line by line.
  Others are for the shell itself, to install for instance, and do not run;
- a line ``<!-- needs: NAME ... -->`` names packages without which a page cannot run.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_FENCE = re.compile(
    r"(?:^<!-- file: (?P<file>\S+) -->\n)?"
    r"^```(?P<kind>\w+)(?P<raises> raises)?\n(?P<body>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_COMPARE = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


class StaleError(AssertionError):
    """A page shows what its code does not print."""


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    kind: str
    body: str
    line: int
    raises: bool
    file: str | None

    @property
    def commands(self) -> bool:
        """Whether it holds lines for trustode's command line."""
        return self.kind == "sh" and self.body.startswith("trustode ")


def blocks(text: str) -> list[Block]:
    """Return the fenced blocks of a page, in order."""
    return [
        Block(
            found["kind"],
            found["body"],
            text[: found.start("body")].count("\n"),
            found["raises"] is not None,
            found["file"],
        )
        for found in _FENCE.finditer(text)
    ]


def needs(text: str) -> list[str]:
    """Return the packages that a page cannot do without."""
    found = re.search(r"^<!-- needs: (.+) -->$", text, re.MULTILINE)
    return found[1].split() if found else []


def executes(text: str) -> bool:
    """Return whether a page has anything to run."""
    return any(block.kind == "python" or block.commands for block in blocks(text))


def run(text: str, name: str, folder: Path) -> None:
    """Run a page's blocks in order.

    Parameters
    ----------
    text : str
        The page, in Markdown.
    name : str
        What tracebacks and messages call it.
    folder : Path
        Where its files go.

    Raises
    ------
    StaleError
        If the page shows what its code does not print.
    """
    namespace: dict[str, Any] = {"__name__": "__main__"}
    every = blocks(text)
    with contextlib.chdir(folder), _closed_figures():
        for block, after in zip(every, [*every[1:], None], strict=True):
            if block.file is not None:
                Path(block.file).write_text(block.body, encoding="utf-8")
            if block.kind == "python":
                printed = _python(block, name, namespace)
            elif block.commands:
                printed = _command_line(block, name)
            else:
                continue
            if after is not None and after.kind == "text" and after.file is None:
                _compare(printed, after, name)


@contextlib.contextmanager
def _closed_figures() -> Iterator[None]:
    """Draw without a screen, and forget the figures afterwards."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    try:
        # The same text in every build of a picture: no date and no random names in it.
        with matplotlib.rc_context({"svg.hashsalt": "trustode", "figure.figsize": (6.4, 3.6)}):
            yield
    finally:
        pyplot.close("all")


def _python(block: Block, name: str, namespace: dict[str, Any]) -> str:
    """Execute a block and return what it printed, or the message it must raise."""
    from trustode import TrustodeError

    # Lines before it, so that a traceback names the page's own lines.
    code = compile("\n" * block.line + block.body, name, "exec")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        if not block.raises:
            exec(code, namespace)
            return printed.getvalue()
        try:
            exec(code, namespace)
        except TrustodeError as error:
            return f"{printed.getvalue()}{type(error).__name__}: {error}\n"
    raise StaleError(f"{name}, line {block.line}: this block should raise an error")


def _command_line(block: Block, name: str) -> str:
    """Run the lines of a block on trustode's command line and return what they printed."""
    from trustode.cli import main

    printed = io.StringIO()
    for line in block.body.replace("\\\n", " ").splitlines():
        arguments = shlex.split(line)[1:]
        with contextlib.redirect_stdout(printed):
            code = main(arguments)
        if code != 0:
            raise StaleError(f"{name}, line {block.line}: {line!r} ended with {code}")
    return printed.getvalue()


def _compare(printed: str, shown: Block, name: str) -> None:
    """Raise unless a page shows what was printed."""
    if not doctest.OutputChecker().check_output(shown.body, printed, _COMPARE):
        raise StaleError(f"{name}, line {shown.line}: shown\n{shown.body}but printed\n{printed}")
