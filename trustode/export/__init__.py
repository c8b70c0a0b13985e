"""Models in the formats of other programs: `export`. Imports the model layer and codegen."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from ..errors import FileError, ModelError, OptionError, checks_keywords, listed, nearest
from ..model import Model
from .auto import auto, constants
from .c_functions import c
from .cython_module import cython
from .julia import julia
from .latex import latex
from .sbml import sbml
from .xpp import xpp

#: What writes each format.
_WRITERS: dict[str, Callable[[Model], str]] = {
    "xpp": xpp,
    "auto": auto,
    "sbml": sbml,
    "julia": julia,
    "cython": cython,
    "c": c,
    "latex": latex,
}

#: Names of the formats.
FORMATS = tuple(_WRITERS)

#: Suffixes that say which format is meant.
_SUFFIXES = {
    ".ode": "xpp",
    ".f90": "auto",
    ".xml": "sbml",
    ".sbml": "sbml",
    ".jl": "julia",
    ".pyx": "cython",
    ".c": "c",
    ".tex": "latex",
}


@checks_keywords
def export(model: Model, path: str | os.PathLike[str], format: str | None = None) -> Path:
    """Write a model in the format of another program.

    Parameters
    ----------
    model : Model
    path : path
        File to write; one that exists is replaced.
    format : str, optional
        "xpp" (XPPAUT), "auto" (AUTO-07p: equations in Fortran, and beside them a file of
        constants, ``c.NAME`` for ``NAME.f90``), "sbml" (level 3), "julia" (a function and
        an ``ODEProblem``), "cython" (a module to build), "c" (functions with no
        dependencies) or "latex" (equations and a table of parameters). Unless given, what
        the suffix says: .ode, .f90, .xml or .sbml, .jl, .pyx, .c, .tex.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ModelError
        If it is no model.
    OptionError
        If there is no such format, or the suffix does not say which.
    FileError
        If the file cannot be written.

    Notes
    -----
    Numbers keep all their digits. A name that the other language reserves, or takes for
    another, gets an underscore, and a comment in the file says so. Inputs are held at
    their values: what arrives from outside is not part of a model. `read_model` reads
    what was written as "sbml" or "xpp".
    """
    if not isinstance(model, Model):
        raise ModelError(f"export: expected a Model, got {model!r:.60}")
    where = f"export({model.name})"
    if not isinstance(path, str | os.PathLike) or not os.fspath(path):
        raise OptionError(f"{where}: path must be the file to write, got {path!r:.60}")
    file = Path(os.fsdecode(path))
    if format is None:
        format = _SUFFIXES.get(file.suffix.lower())
        if format is None:
            raise OptionError(
                f"{where}: the suffix of {file.name!r:.80} does not say which format. Give "
                f"format=, one of {listed(_WRITERS)}, or end it in {listed(_SUFFIXES)}"
            )
    elif not isinstance(format, str) or format not in _WRITERS:
        hint = nearest(format[:60], _WRITERS) if isinstance(format, str) else ""
        raise OptionError(
            f"{where}: there is no format {format!r:.60}{hint or '.'} "
            f"The formats are: {listed(_WRITERS)}"
        )
    try:
        file.write_text(_WRITERS[format](model), encoding="utf-8")
        if format == "auto":
            file.with_name(f"c.{file.stem}").write_text(constants(model), encoding="utf-8")
    except OSError as error:
        raise FileError(
            f"{where}: {str(file)!r:.200} cannot be written: {error.strerror}"
        ) from None
    return file
