"""Data sets: those that trustode brings along, and checked reading of a user's own copies.

Every table comes as a DataFrame whose ``attrs`` say where it comes from, under which licence
and what its columns mean. Imports the catalogue and the errors; pandas when a table is read.
"""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import DataError, checks_keywords, listed, nearest
from .catalog import BUNDLED, EXTERNAL, Column, DataSet

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["load", "names", "read"]


def names() -> tuple[str, ...]:
    """List the bundled data sets.

    Returns
    -------
    tuple of str
        What `load` takes. A set of two tables has its second one as ``"set/table"``.
    """
    return tuple(BUNDLED)


@checks_keywords
def load(name: str) -> pd.DataFrame:
    """Load a bundled data set.

    Parameters
    ----------
    name : str
        One of `names`; ``-`` and ``_`` are alike.

    Returns
    -------
    DataFrame
        Its ``attrs`` hold ``name``, ``description``, ``source``, ``licence``, ``citation``,
        ``doi``, ``url`` and ``columns`` (meaning and unit by column).

    Raises
    ------
    DataError
        If no bundled data set has this name.

    Examples
    --------
    >>> import trustode as tr
    >>> trials = tr.data.load("srndna_trust_partners")
    >>> trials.attrs["licence"]
    'MIT, Copyright (c) 2021 Temple University Neuroeconomics Lab'
    """
    import pandas as pd

    entry = _find(name, BUNDLED)
    if entry is None:
        other = _find(name, EXTERNAL)
        if other is not None:
            raise DataError(
                f"data.load: '{other.name}' is not bundled (licence {other.licence}). Get it from "
                f"{other.url} and call data.read('{other.name}', path)"
            )
        raise DataError(_unknown("data.load", name, "bundled", BUNDLED))
    with files(__name__).joinpath(entry.file).open("rb") as stream:
        frame = pd.read_csv(stream, compression="gzip")
    frame.attrs.update(_about(entry))
    return frame


@checks_keywords
def read(name: str, path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read and check a user's own copy of a data set that is not bundled.

    Some data cannot be brought along, mostly because their licence (GPL-3.0) is not that of
    trustode. Get them from where ``attrs["url"]`` or an error message says, bring them into
    the form below, and read them with this function.

    ``"king-casas-2008"`` (``rounds.csv``)
        Ten-round trust game with BPD and healthy trustees: ``dyad``, ``trustee_group`` (BPD or
        HC), ``round`` (1 to 10), ``investment`` (0 to 20), ``repayment`` (0 to 60).
    ``"rties-couples"`` (``dial.csv``)
        Couples' emotional experience every two seconds: ``couple``, ``time`` (1, 2, ...),
        ``seconds``, ``dial_man``, ``dial_woman``.
    ``"fried-2021"`` (``ema.csv``)
        Students, four times a day: ``subject``, ``day``, ``beep``, ``hours`` and the 18 ratings
        of the article (1 to 5).
    ``"lynx-hare"`` (``lynx_hare.csv``)
        Yearly pelts: ``year``, ``t``, ``hare``, ``lynx`` (thousands).

    Parameters
    ----------
    name : str
        Name of the data set; ``-`` and ``_`` are alike.
    path : str or path
        The CSV file, or the folder that holds it under its usual name.

    Returns
    -------
    DataFrame
        With ``attrs`` as in `load`, and ``attrs["path"]``. Further columns are kept.

    Raises
    ------
    DataError
        If the name is unknown, there is no such file, a column is missing, or a value cannot
        be; it names the file, the column and the line.
    """
    entry = _find(name, EXTERNAL)
    if entry is None:
        other = _find(name, BUNDLED)
        if other is not None:
            raise DataError(f"data.read: '{other.name}' is bundled; call data.load('{other.name}')")
        raise DataError(_unknown("data.read", name, "known", EXTERNAL))
    file = _locate(entry, path)
    where = f"data.read('{entry.name}'): {file}"
    frame = _parse(entry, file, where)
    missing = [column for column in entry.columns if column not in frame.columns]
    if missing:
        raise DataError(
            f"{where} has no column '{missing[0]}'"
            f"{nearest(missing[0], map(str, frame.columns)) or '.'} "
            f"It has {listed(map(str, frame.columns))}. Rename or add it; needed are "
            f"{listed(entry.columns, 30)}: {entry.description}"
        )
    for column, rule in entry.columns.items():
        frame[column] = _checked(frame[column], rule, f"{where}, column '{column}'")
    if entry.key:
        _refuse_repeated(frame[list(entry.key)], where)
    frame.attrs.update(_about(entry), path=str(file))
    return frame


def _find(name: object, entries: dict[str, DataSet]) -> DataSet | None:
    """Find a data set by its name, taking - and _ as alike."""
    if not isinstance(name, str):
        raise DataError(f"data: a name must be text, got {name!r:.60} ({type(name).__name__})")
    folded = {known.replace("-", "_"): entry for known, entry in entries.items()}
    return folded.get(name.replace("-", "_"))


def _unknown(call: str, name: str, what: str, entries: dict[str, DataSet]) -> str:
    """Say that a name is unknown, what is near and what there is."""
    return (
        f"{call}: no data set is called {name!r:.60}{nearest(name, [*BUNDLED, *EXTERNAL]) or '.'} "
        f"{what.capitalize()} are {listed(entries)}"
    )


def _about(entry: DataSet) -> dict[str, Any]:
    """Return what a table's ``attrs`` say."""
    about: dict[str, Any] = {
        field: getattr(entry, field)
        for field in ("name", "description", "source", "licence", "citation", "doi", "url")
    }
    about["columns"] = {
        name: f"{column.meaning} [{column.unit}]" if column.unit else column.meaning
        for name, column in entry.columns.items()
    }
    return about


def _locate(entry: DataSet, path: str | os.PathLike[str]) -> Path:
    """Return the file of a data set from a path to it or to its folder."""
    try:
        given = Path(path).expanduser()
    except TypeError:
        raise DataError(
            f"data.read('{entry.name}'): path must be a file or a folder, got {path!r:.60}"
        ) from None
    file = given / entry.file if given.is_dir() else given
    if not file.is_file():
        raise DataError(
            f"data.read('{entry.name}'): there is no file {file}. Get the data from {entry.url} "
            f"({entry.source}) and give the path of a CSV file, or of a folder with {entry.file}"
        )
    return file


def _parse(entry: DataSet, file: Path, where: str) -> pd.DataFrame:
    """Read a CSV file, or say that it is none."""
    import pandas as pd

    try:
        return pd.read_csv(file, compression=None)
    except (ValueError, OSError) as error:
        raise DataError(
            f"{where} could not be read as CSV ({type(error).__name__}: {str(error)[:120]}). It "
            f"must be a text file with a header line: {', '.join(entry.columns)}"
        ) from error


def _checked(values: pd.Series[Any], rule: Column, where: str) -> pd.Series[Any]:
    """Return a column with the type it should have, or say which value cannot be."""
    import pandas as pd

    absent = values.isna()
    if not rule.may_miss:
        _refuse(values, absent, where, "no value may be missing; fill or drop the row")
    if rule.levels:
        _refuse(values, ~values.isin(rule.levels) & ~absent, where, f"use {listed(rule.levels)}")
        return values
    converted: pd.Series[Any] = pd.to_numeric(values, errors="coerce")
    _refuse(values, converted.isna() & ~absent, where, "it must be a number")
    if rule.low is not None:
        _refuse(values, converted < rule.low, where, f"the smallest possible is {rule.low:g}")
    if rule.high is not None:
        _refuse(values, converted > rule.high, where, f"the largest possible is {rule.high:g}")
    _refuse(values, converted.abs() == float("inf"), where, "it must be finite")
    if rule.whole:
        _refuse(values, (converted % 1 != 0) & ~absent, where, "it must be a whole number")
        if not rule.may_miss:
            converted = converted.astype("int64")
    return converted


def _refuse_repeated(keys: pd.DataFrame, where: str) -> None:
    """Raise if two rows have the same key, naming the first that comes again."""
    repeated = keys.duplicated().to_numpy()
    if repeated.any():
        first = int(repeated.argmax())
        which = ", ".join(f"{column} {value}" for column, value in keys.iloc[first].items())
        raise DataError(
            f"{where}: {which} comes again in line {first + 2} ({int(repeated.sum())} such rows). "
            f"Keep one row for each {' and '.join(map(str, keys.columns))}"
        )


def _refuse(values: pd.Series[Any], bad: pd.Series[Any], where: str, rule: str) -> None:
    """Raise if any value is bad, naming the first with its line in the file."""
    if bad.any():
        first = int(bad.to_numpy().argmax())
        raise DataError(
            f"{where}: {values.tolist()[first]!r:.60} in line {first + 2} ({int(bad.sum())} such "
            f"values); {rule}"
        )
