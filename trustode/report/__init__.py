"""Pages of results: `report` writes one for any result.

`page` makes a page of paragraphs, pictures and tables; `kinds` says which of them tell a kind of
result; `folder` writes them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..errors import FileError, OptionError, checks_keywords
from ..model import Model
from .folder import Folder
from .kinds import TELLERS, teller
from .model_section import model_section
from .page import CAUTION as CAUTION
from .page import CAUTION_ANY as CAUTION_ANY
from .page import Link as Link
from .page import Picture as Picture
from .page import Section as Section
from .page import Table as Table
from .page import Text as Text
from .page import save_picture as save_picture
from .page import save_table as save_table
from .page import versions as versions
from .page import write_page as write_page
from .private import Discretion

_UNKNOWN = "not recorded: give call="


@checks_keywords
def report(
    result: Any,
    folder: str | os.PathLike[str],
    *,
    title: str = "",
    call: str = "",
    personal: bool = False,
    named: Iterable[Hashable] = (),
) -> Path:
    """Write a page about a result: figures, tables, the call, versions and seed.

    Parameters
    ----------
    result : Solution, Ensemble, Scan, Diagram, Fit, ..., or mapping of name to such
        What a function of trustode returned; several share a page, and their names begin those
        of their files and head their sections.
    folder : path
        Where the page, ``index.html``, goes with its pictures (PNG), its tables with all digits
        (CSV) and the model (``model.toml``); made if it is absent. Files of these names in it
        are replaced.
    title : str
        Heading of the page; what the result is of, unless given.
    call : str
        How the result was made; the call that it remembers, unless given.
    personal : bool
        Whether the page may tell of single participants. Unless asked, values of single groups
        are told by their distribution, data by means over at least five groups, and nothing names
        a group.
    named : iterable of labels
        Groups that are no participants, such as the diagnoses of a column in ``Vary(per=)``: what
        a result says of them is told in any case.

    Returns
    -------
    Path
        The page. It refers to nothing outside its folder.

    Raises
    ------
    OptionError
        If there are no pages of such results.
    FileError
        If the folder cannot be made or written to.
    """
    results = dict(result) if isinstance(result, Mapping) else {"": result}
    if not results:
        raise OptionError("report: there is nothing to tell of; the mapping of results is empty")
    for each in results.values():
        if teller(each) is None:
            known = ", ".join(sorted(kind.__name__ for kind in TELLERS))
            raise OptionError(
                f"report: there is no page of {each!r:.60} ({type(each).__name__}). There is one "
                f"of each of {known}"
            )
    if not isinstance(personal, bool):
        raise OptionError(f"report: personal={personal!r:.60} must be True or False")
    if isinstance(named, str):
        raise OptionError(
            f"report: named={named!r:.60} must be a list of groups, as [{named!r:.40}]"
        )
    may = Discretion(personal, frozenset(map(str, named)))
    place = Path(os.fsdecode(folder)).expanduser()
    try:
        place.mkdir(parents=True, exist_ok=True)
        return _write(results, place, title, call, may)
    except OSError as error:
        raise FileError(
            f"report: {str(place)!r:.200} cannot be written to: {error.strerror or error}"
        ) from None


def _write(results: Mapping[str, Any], place: Path, title: str, call: str, may: Discretion) -> Path:
    """Write the page of results whose kinds are known."""
    sections: list[Section] = []
    models: dict[Model, dict[str, Any]] = {}
    taken: set[str] = set()
    for key, result in results.items():
        name = str(key)
        plain = re.sub(r"[^\w-]+", "-", name)
        while plain in taken:
            plain += "-2"
        taken.add(plain)
        told = teller(result)
        assert told is not None
        for section in told(result, Folder(place, f"{plain}-" if plain else ""), may):
            sections.append(replace(section, title=_headed(name, section.title)))
        model = getattr(result, "model", None)
        if isinstance(model, Model):
            models.setdefault(model, {})[name] = result
    about = "" if not models else next(iter(models)).name
    heading = ", ".join(str(name) for name in results if name) or sections[0].title
    for k, (model, of_it) in enumerate(models.items(), 1):
        into = Folder(place, f"{k}-" if k > 1 else "")
        sections.append(model_section(model, of_it, into, alone=len(models) == 1))
    calls = [getattr(result, "called", None) for result in results.values()]
    seeds = [str(made.seed) for made in calls if made is not None and made.seed is not None]
    return write_page(
        place,
        title or _headed(about, heading),
        next(iter(models)).description if models else "",
        sections,
        call=call or "; ".join(_UNKNOWN if made is None else str(made) for made in calls),
        facts={"Seed": ", ".join(seeds) or "none, nothing was drawn at random"},
        caution=CAUTION_ANY,
    )


def _headed(name: str, title: str) -> str:
    """Put a name before a heading that does not say the same."""
    if title.lower().endswith(name.lower().replace("-", " ")):
        return title
    return f"{name}: {title[0].lower()}{title[1:]}"
