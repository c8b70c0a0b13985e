"""A model as one page to play with, offline: `explore`.

`javascript` prints the model's functions; `content` gathers what the page shows; ``page.html``,
``page.css``, ``solver.js`` and ``page.js`` are the page. Imports the model layer, codegen,
stimulus, simulate and bifurcation.
"""

from __future__ import annotations

import base64
import html
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..bifurcation import Diagram
from ..digest import sha256
from ..errors import FileError, ModelError, OptionError, checks_keywords
from ..model import Model
from .content import content
from .javascript import functions

_HERE = Path(__file__).parent


@checks_keywords
def explore(
    model: Model,
    path: str | os.PathLike[str],
    *,
    t: tuple[float, float] = (0.0, 60.0),
    params: Mapping[Any, float] | None = None,
    initial: Mapping[Any, float] | None = None,
    inputs: Mapping[Any, Any] | None = None,
    show: Sequence[Any] | None = None,
    names: Sequence[Any] | None = None,
    plane: tuple[Any, Any] | None = None,
    diagram: Diagram | str | None = None,
    span: tuple[float, float] | None = None,
) -> Path:
    """Write a page on which a model is moved by sliders, in any browser and offline.

    The page solves the model itself: its right-hand side and Jacobian are printed as JavaScript
    from the same equations that are compiled elsewhere. It shows states over time, two states
    against each other with the flow and nullclines, and a diagram with a mark at the present
    value. All that was moved is in the page's address, so that a picture can be sent to others
    who have the page.

    Parameters
    ----------
    model : Model
    path : path
        File to write; one that exists is replaced.
    t : pair of float
        Span that is solved, in the model's time unit.
    params, initial : mapping of name to float, optional
        Where the sliders stand at first, if not at the model's defaults.
    inputs : mapping of name to float or stimulus, optional
        What arrives from outside at first. A single episode or pulse gets sliders for its time,
        height and width; any other stimulus can be chosen "as given". Where the unit of time is
        the day, therapy sessions can be too.
    show : sequence of name, optional
        Parameters whose sliders come first. Unless given: all where they are at most twelve, else
        the twelve by which a tenth of their range moves this time course most.
    names : sequence of name, optional
        States and observables that are drawn over time at first: the first four states unless
        given.
    plane : pair of name, optional
        The states that are drawn against each other at first: the first two unless given.
    diagram : Diagram or str, optional
        What `tr.diagram` returned, or the parameter for which to compute one now.
    span : pair of float, optional
        Ends of that parameter, if a name was given: its range unless given.

    Returns
    -------
    Path
        The file. It refers to nothing outside of itself, and tells the browser to refuse.

    Raises
    ------
    ModelError
        If it is no model, or a name or value breaks a rule of the model.
    OptionError
        If `t`, `span` or `plane` is no pair, or the diagram is of another model.
    FileError
        If the file cannot be written.

    Notes
    -----
    The page's method is Rodas5P with a relative tolerance of 1e-9 (Steinebach 2023, BIT 63:27),
    which stiff models need and others do not mind; it agrees with `simulate` at tight tolerances
    to about 1e-7 unless the model is chaotic.
    """
    if not isinstance(model, Model):
        raise ModelError(f"explore: expected a Model, got {model!r:.60} ({type(model).__name__})")
    where = f"explore({model.name})"
    if not isinstance(path, str | os.PathLike) or not os.fspath(path):
        raise OptionError(f"{where}: path must be the file to write, got {path!r:.60}")
    data = content(model, where, t, params, initial, inputs, show, names, plane, diagram, span)
    file = Path(os.fsdecode(path)).expanduser()
    try:
        file.write_text(_page(model, data), encoding="utf-8")
    except OSError as error:
        raise FileError(
            f"{where}: {str(file)!r:.200} cannot be written: {error.strerror}"
        ) from None
    return file


def _page(model: Model, data: Mapping[str, Any]) -> str:
    """Return the page; a browser may run these very scripts on it and fetch nothing."""
    # No "<" reaches the page, so that no text of a model can end the block it stands in.
    held = json.dumps(data, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
    scripts = [f"\n{functions(model)}", f"\n{_part('solver.js')}", f"\n{_part('page.js')}"]
    style = f"\n{_part('page.css')}"
    allowed = " ".join(_digest(script) for script in scripts)
    policy = f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'"
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(model.name)}</title>\n<style>{style}</style>\n</head>\n<body>\n"
        f"{_part('page.html')}"
        f'<script type="application/json" id="data">{held}</script>\n'
        + "".join(f"<script>{script}</script>\n" for script in scripts)
        + "</body>\n</html>\n"
    )


def _part(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


def _digest(script: str) -> str:
    digest = base64.b64encode(sha256(script.encode()).digest()).decode()
    return f"'sha256-{digest}'"
