"""How results look: their text, and in a notebook above the first rows of a table.

Results inherit from `Shown`. Imports nothing of the package.
"""

from __future__ import annotations

import numbers
import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

#: More would push the next cell off the screen; the whole table is in the result.
_ROWS = 10
_COLUMNS = 16
#: Of a table as text; wider ones go on below.
_WIDTH, _LINES = 80, 60
#: Letters that a number and a readable part of a name need.
_NARROWEST = 12
#: Six digits, which is more than any estimate here is worth.
_NUMBER = "{:.6g}".format


class Shown:
    """A result that a notebook shows as text above a table."""

    def to_frame(self) -> pd.DataFrame:
        """Return the result as a table."""
        raise NotImplementedError

    def _headline(self) -> str:
        """Return the text; a result whose text ends in a table leaves that out."""
        return repr(self)

    def _shown(self) -> pd.DataFrame:
        """Return the table."""
        return self.to_frame()

    def _repr_html_(self) -> str:
        rows = self._shown()
        shown = html_of_text(self._headline())
        return f"{shown}\n{html_of_table(rows)}" if len(rows) else shown


def text_of_table(rows: pd.DataFrame) -> str:
    """Return a table as text with all of its columns, whatever the width of the display."""
    return rows.to_string(line_width=_WIDTH, max_rows=_LINES, float_format=_NUMBER)


def text_of_columns(rows: pd.DataFrame) -> str:
    """Return a table of few rows and many figures as text, with a column for each row.

    Long names of rows go over several lines; where even so there is no room, columns go on below.
    """
    figures, heads = [str(name) for name in rows.columns], [str(name) for name in rows.index]
    left = max(map(len, figures))
    room = (_WIDTH - left) // max(len(heads), 1) - 2
    if room < _NARROWEST:
        return text_of_table(rows.T)
    wrapped = [textwrap.wrap(head, room) for head in heads]
    tall = max(map(len, wrapped))
    columns = [
        [*[""] * (tall - len(head)), *head, *map(_cell, values)]
        for head, values in zip(wrapped, rows.to_numpy(dtype=object), strict=True)
    ]
    columns = [[each.rjust(max(map(len, column))) for each in column] for column in columns]
    lines = zip([*[""] * tall, *figures], *columns, strict=True)
    return "\n".join("  ".join([line[0].ljust(left), *line[1:]]) for line in lines)


def _cell(value: object) -> str:
    return _NUMBER(value) if isinstance(value, numbers.Real) else str(value)


def html_of_text(words: str) -> str:
    """Return text as HTML, escaped, its lines kept."""
    # Loaded here: it takes longer to load than a short solve.
    from html import escape

    return f'<pre style="white-space: pre-wrap">{escape(words)}</pre>'


def html_of_table(rows: pd.DataFrame, most: int = _ROWS) -> str:
    """Return the first rows of a table as HTML, escaped."""
    shown = rows.head(most).to_html(max_cols=_COLUMNS, border=0, float_format=_NUMBER, na_rep="")
    more = f"\n<p>{most} of {len(rows)} rows</p>" if len(rows) > most else ""
    return shown + more
