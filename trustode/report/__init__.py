"""Pages of results: `report` writes one for any result.

`page` makes a page of paragraphs, pictures and tables; `kinds` says which of them tell a kind of
result; `folder` writes them.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ..errors import FileError, OptionError, checks_keywords
from ..model import Model
from .folder import Folder
from .kinds import TELLERS, teller
from .model_section import model_section
from .page import CAUTION as CAUTION
from .page import CAUTION_ANY as CAUTION_ANY
from .page import Picture as Picture
from .page import Section as Section
from .page import Table as Table
from .page import Text as Text
from .page import save_picture as save_picture
from .page import save_table as save_table
from .page import versions as versions
from .page import write_page as write_page

_UNKNOWN = "not recorded: give call="


@checks_keywords
def report(
    result: Any,
    folder: str | os.PathLike[str],
    *,
    title: str = "",
    call: str = "",
    personal: bool = False,
) -> Path:
    """Write a page about a result: figures, tables, the call, versions and seed.

    Parameters
    ----------
    result : Solution, Ensemble, Scan, Diagram, Fit, ...
        What a function of trustode returned.
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
    told = teller(result)
    if told is None:
        known = ", ".join(sorted(kind.__name__ for kind in TELLERS))
        raise OptionError(
            f"report: there is no page of {result!r:.60} ({type(result).__name__}). There is one "
            f"of each of {known}"
        )
    if not isinstance(personal, bool):
        raise OptionError(f"report: personal={personal!r:.60} must be True or False")
    place = Path(os.fsdecode(folder)).expanduser()
    model = getattr(result, "model", None)
    model = model if isinstance(model, Model) else None
    try:
        place.mkdir(parents=True, exist_ok=True)
        into = Folder(place)
        sections = told(result, into, personal)
        if model is not None:
            sections.append(model_section(model, result, into))
        made = getattr(result, "called", None)
        seed = getattr(made, "seed", None)
        kind = type(result).__name__
        return write_page(
            place,
            title or (f"{kind} of {model.name}" if model is not None else kind),
            "" if model is None else model.description,
            sections,
            call=call or (str(made) if made is not None else _UNKNOWN),
            facts={"Seed": "none, nothing was drawn at random" if seed is None else str(seed)},
            caution=CAUTION_ANY,
        )
    except OSError as error:
        raise FileError(
            f"report: {str(place)!r:.200} cannot be written to: {error.strerror or error}"
        ) from None
