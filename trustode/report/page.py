"""Pages of results: one HTML file beside its pictures and tables, readable offline.

Every text is escaped, and a page refers to nothing outside its own folder. Imports the
errors; pandas tables and matplotlib figures are taken as they come.
"""

from __future__ import annotations

import html
import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import __version__
from ..errors import DataError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

#: What every page about the trust models says first.
CAUTION = (
    "The equations are this project's formalisation of verbal theories, not the words of "
    "their authors. Unless a table says that a value was fitted, it is an assumption: no "
    "parameter of a clinical profile was estimated from patients. Nothing here is a "
    "diagnostic tool, a prognosis or advice about treatment."
)

#: What a page about any model says first.
CAUTION_ANY = (
    "What follows is said of a model. Unless a table says that a value was fitted, or gives its "
    "source, it is an assumption. Nothing here is a diagnostic tool, a prognosis or advice about "
    "treatment."
)

#: Packages whose versions decide the numbers and pictures of a page.
_PACKAGES = ("numpy", "scipy", "sympy", "pandas", "matplotlib")

_DOTS_PER_INCH = 144

_STYLE = """
body { font: 17px/1.55 Georgia, 'Times New Roman', serif; color: #1a1a1a; background: #fff;
  max-width: 46rem; margin: 2.5rem auto; padding: 0 1.2rem; }
h1, h2, th, figcaption, caption, .caution, footer {
  font-family: 'Helvetica Neue', Arial, sans-serif; }
h1 { font-size: 1.75rem; line-height: 1.2; margin-bottom: .4rem; }
h2 { font-size: 1.2rem; margin-top: 2.8rem; border-top: 1px solid #bbb; padding-top: 1.1rem; }
.caution { border-left: 4px solid #b5651d; background: #fdf6ec; padding: .7rem 1rem;
  font-size: .88rem; margin: 1.5rem 0; }
.finding { font-size: 1.12rem; margin: 1rem 0; }
figure { margin: 1.6rem 0; }
img { max-width: 100%; height: auto; }
figcaption, caption { font-size: .86rem; color: #444; text-align: left; padding: .3rem 0; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .88rem; margin: 1.2rem 0; }
th { text-align: left; border-bottom: 2px solid #333; padding: .3rem .9rem .3rem 0; }
td { border-bottom: 1px solid #ddd; padding: .3rem .9rem .3rem 0; vertical-align: top; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
footer { margin-top: 3rem; border-top: 1px solid #bbb; padding-top: .8rem; font-size: .82rem;
  color: #444; }
code { font: .92em Menlo, Consolas, monospace; }
""".strip()


@dataclass(frozen=True)
class Text:
    """A paragraph; `finding` sets it apart as an answer."""

    text: str
    finding: bool = False


@dataclass(frozen=True)
class Picture:
    """A picture in the page's folder.

    Parameters
    ----------
    file : str
        Its name in the folder.
    caption : str
        What it shows and how to read it.
    alt : str
        What it shows, for those who cannot see it.
    """

    file: str
    caption: str
    alt: str


@dataclass(frozen=True)
class Table:
    """A table, shown with the digits given, and the CSV file that holds all of them.

    Parameters
    ----------
    frame : DataFrame
        Its columns are the headings; its index is not shown.
    caption : str
        What it holds.
    file : str
        Name of the CSV file in the folder, or empty.
    digits : int
        Significant digits that are shown.
    """

    frame: pd.DataFrame
    caption: str
    file: str = ""
    digits: int = 4


@dataclass(frozen=True)
class Link:
    """A paragraph that leads to another page in the folder.

    Parameters
    ----------
    file : str
        Its name in the folder.
    text : str
        What is there.
    """

    file: str
    text: str


@dataclass(frozen=True)
class Section:
    """A heading and what stands under it."""

    title: str
    parts: tuple[Text | Picture | Table | Link, ...]


def save_picture(folder: Path, file: str, figure: Figure, caption: str, alt: str) -> Picture:
    """Write a figure as PNG into a folder and return what a page says of it.

    Parameters
    ----------
    folder : Path
    file : str
        Name in the folder.
    figure : Figure
    caption, alt : str
        See `Picture`.
    """
    figure.savefig(folder / file, dpi=_DOTS_PER_INCH)
    return Picture(file, caption, alt)


def save_table(
    folder: Path, file: str, frame: pd.DataFrame, caption: str, digits: int = 4
) -> Table:
    """Write a table as CSV into a folder, with all its digits, and return it for a page."""
    frame.to_csv(folder / file, index=False)
    return Table(frame, caption, file, digits)


def write_page(
    folder: Path,
    title: str,
    lead: str,
    sections: Iterable[Section],
    *,
    call: str,
    facts: Mapping[str, str],
    caution: str = CAUTION,
) -> Path:
    """Write ``index.html`` into a folder.

    Parameters
    ----------
    folder : Path
        Where the pictures and tables of the sections are.
    title, lead : str
        Heading of the page, and the paragraph under it.
    sections : iterable of Section
    call : str
        What was typed to make the page.
    facts : mapping of str to str
        What else is needed to make it again, such as the seed; versions are added.
    caution : str
        What a reader must know before the first number.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    DataError
        If a picture or table that the page refers to is not in the folder.
    """
    body = [f"<h1>{_escape(title)}</h1>", f"<p>{_escape(lead)}</p>"]
    body.append(f'<p class="caution">{_escape(caution)}</p>')
    for section in sections:
        body.append(f"<h2>{_escape(section.title)}</h2>")
        for part in section.parts:
            file = "" if isinstance(part, Text) else part.file
            if file and not (folder / file).is_file():
                raise DataError(
                    f"write_page: the page refers to {file!r}, which is not in {folder}. Write "
                    "it first, with save_picture or save_table"
                )
            body.append(_part(part))
    made_with = ", ".join(f"{name} {number}" for name, number in versions().items())
    rows = {"Call": call, **facts, "Versions": made_with}
    listing = "".join(
        f"<br>{_escape(name)}: <code>{_escape(value)}</code>" for name, value in rows.items()
    )
    body.append(f"<footer>How this page was made{listing}</footer>")
    page = folder / "index.html"
    page.write_text(
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{_escape(title)}</title>\n<style>\n{_STYLE}\n</style>\n</head>\n<body>\n"
        + "\n".join(body)
        + "\n</body>\n</html>\n",
        encoding="utf-8",
    )
    return page


def versions() -> dict[str, str]:
    """Return the versions of trustode, Python and the packages that decide the numbers."""
    found = {"trustode": __version__, "Python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def _escape(text: object) -> str:
    return html.escape(str(text), quote=True)


def _part(part: Text | Picture | Table | Link) -> str:
    """Return the HTML of a paragraph, picture or table."""
    if isinstance(part, Text):
        kind = ' class="finding"' if part.finding else ""
        return f"<p{kind}>{_escape(part.text)}</p>"
    if isinstance(part, Link):
        return f'<p><a href="{_escape(part.file)}">{_escape(part.text)}</a></p>'
    if isinstance(part, Picture):
        return (
            f'<figure><img src="{_escape(part.file)}" alt="{_escape(part.alt)}">'
            f"<figcaption>{_escape(part.caption)}</figcaption></figure>"
        )
    return _table(part)


def _table(table: Table) -> str:
    """Return the HTML of a table."""
    frame = table.frame
    numeric = [frame[name].dtype.kind in "fiu" for name in frame.columns]
    marks = [' class="number"' if right else "" for right in numeric]
    head = "".join(
        f"<th{mark}>{_escape(name)}</th>" for name, mark in zip(frame.columns, marks, strict=True)
    )
    rows = []
    for values in frame.itertuples(index=False, name=None):
        cells = (
            f"<td{mark}>{_escape(_shown(value, table.digits))}</td>"
            for value, mark in zip(values, marks, strict=True)
        )
        rows.append(f"<tr>{''.join(cells)}</tr>")
    link = f' All digits: <a href="{_escape(table.file)}">{_escape(table.file)}</a>.'
    caption = _escape(table.caption) + (link if table.file else "")
    return (
        f'<div class="scroll"><table><caption>{caption}</caption>\n<thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{chr(10).join(rows)}\n</tbody></table></div>"
    )


def _shown(value: Any, digits: int) -> str:
    """Write a cell for reading: few digits, and nothing where there is no value."""
    if value is None or value != value:
        return ""
    if isinstance(value, float):
        return f"{value:.{digits}g}"
    return str(value)
