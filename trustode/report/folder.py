"""A folder that a page is made in. Imports the page."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import needs
from .page import Link, Picture, Table, Text, save_picture, save_table

if TYPE_CHECKING:
    import pandas as pd

#: Inches.
_SIZE = (7.2, 4.2)

#: Rows of a long table that a page shows; the file has all.
_MOST_ROWS = 15


class Folder:
    """Writes pictures and tables into a folder.

    Parameters
    ----------
    place : Path
    prefix : str
        What the names of pictures and tables begin with.
    """

    def __init__(self, place: Path, prefix: str = "") -> None:
        self.place, self._prefix = place, prefix

    def picture(
        self,
        name: str,
        draw: Callable[[Any], Any],
        caption: str,
        alt: str,
        size: tuple[float, float] = _SIZE,
    ) -> Picture:
        """Draw on the Axes of a new figure, of a size in inches, and save it."""
        with needs("plot", "report"):
            from matplotlib.figure import Figure

        figure = Figure(figsize=size, layout="constrained")
        draw(figure.subplots())
        return save_picture(self.place, f"{self._prefix}{name}.png", figure, caption, alt)

    def table(
        self,
        name: str,
        frame: pd.DataFrame,
        caption: str,
        hide: Iterable[str] = (),
        digits: int = 5,
        most: int = _MOST_ROWS,
    ) -> Table:
        """Save a table; show its first rows, without columns that need more room."""
        plain = _plain(frame)
        made = save_table(self.place, f"{self._prefix}{name}.csv", plain, caption, digits)
        shown = plain.drop(columns=[column for column in hide if column in plain])
        if len(shown) > most:
            caption = f"{caption} The first {most} of {len(shown)} rows."
            shown = shown.head(most)
        return Table(shown, caption, made.file, digits)

    def samples(
        self, name: str, frame: pd.DataFrame, caption: str, hide: Iterable[str] = ()
    ) -> Table | Link:
        """Save a table of which no single row tells anything, as points of a curve.

        It is shown only if it is short.
        """
        if len(frame) <= _MOST_ROWS:
            return self.table(name, frame, caption, hide)
        made = save_table(self.place, f"{self._prefix}{name}.csv", _plain(frame), caption)
        return Link(made.file, f"{caption.rstrip('.')}: {len(frame)} rows, {made.file}.")

    def text(self, name: str, content: str) -> str:
        """Save a text; return the name of its file."""
        file = f"{self._prefix}{name}"
        (self.place / file).write_text(content, encoding="utf-8")
        return file


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table without its index, and without columns of objects that no file holds."""
    named = frame.index.name is not None or frame.index.dtype.kind == "O"
    doubled = frame.index.name in frame.columns or "name" in frame.columns
    plain = frame.reset_index(drop=not named or doubled)
    return plain.drop(columns=[column for column in ("orbit", "bracket") if column in plain])


def sentences(text: str, finding: int = 1) -> list[Text]:
    """Return the lines of a text as paragraphs, the first ones set apart."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return [Text(line, finding=k < finding) for k, line in enumerate(lines)]
