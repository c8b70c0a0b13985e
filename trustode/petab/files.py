"""The files of a PEtab problem: what names them, and their tables.

Imports nothing else of PEtab; yaml and pandas when a file is read.
"""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

from ..errors import FileError, ModelError, listed, nearest, needs

#: Columns that a table must have.
_NEEDED = {
    "condition": ("conditionId",),
    "measurement": ("observableId", "simulationConditionId", "measurement", "time"),
    "observable": ("observableId", "observableFormula", "noiseFormula"),
    "parameter": ("parameterId", "parameterScale", "estimate"),
}


def described(path: Path, where: str) -> dict[str, Any]:
    """Return what the file that names the others says."""
    with needs("petab", f"{where}: reading it"):
        import yaml
    try:
        about = yaml.safe_load(_text(path, where))
    except yaml.YAMLError as error:
        raise ModelError(f"{where}: not YAML: {' '.join(str(error).split()):.200}") from None
    if not isinstance(about, dict):
        raise ModelError(f"{where}: not the file of a PEtab problem: it holds no names")
    return about


def _text(path: Path, where: str) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise FileError(f"{where}: {str(path)!r:.200} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise FileError(f"{where}: {str(path)!r:.200} is not text in UTF-8") from None


def files_of(parts: Any, key: str, path: Path, where: str) -> list[Path]:
    """Return the files that a problem names, all in its own folder."""
    names = parts.get(key) if isinstance(parts, dict) else None
    if not isinstance(names, list) or not all(isinstance(name, str) and name for name in names):
        raise ModelError(f"{where}: {key} must be a list of names of files")
    folder = path.resolve().parent
    for name in names:
        if not (folder / name).resolve().is_relative_to(folder):
            raise ModelError(f"{where}: {key} names {name!r:.80}, which is outside its folder")
    return [folder / name for name in names]


def rows_of(path: Path, kind: str, where: str) -> list[dict[str, str]]:
    """Read a table as texts, without what is empty."""
    import pandas as pd

    try:
        frame = pd.read_csv(StringIO(_text(path, where)), sep="\t", dtype=str, comment=None)
    except ValueError as error:
        raise ModelError(f"{where}: {path.name} is no table: {error!s:.200}") from None
    frame.columns = frame.columns.str.strip()
    for column in _NEEDED[kind]:
        if column not in frame.columns:
            raise ModelError(
                f"{where}: {path.name} has no column {column!r}"
                f"{nearest(column, frame.columns) or '.'} It has {listed(frame.columns)}"
            )
    return [
        {
            str(name): cell.strip()
            for name, cell in row.items()
            if isinstance(cell, str) and cell.strip()
        }
        for row in frame.to_dict("records")
    ]
