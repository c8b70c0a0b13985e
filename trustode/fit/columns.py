"""Columns of a data frame as numbers, or a `DataError` that says which rows are wrong.

Imports the errors.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, listed, nearest

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]

#: Numbers as much of Europe writes them.
_WITH_COMMA = r"[+-]?(\d+|\d{1,3}(\.\d{3})+)(,\d+)?"
#: What to do about rows that cannot be used.
DROP = "Drop these rows or correct them"


def check_frame(frame: object, wanted: Sequence[tuple[object, str]], where: str) -> None:
    """Raise unless a frame has rows and once each the columns wanted, given with their use."""
    import pandas as pd

    if not isinstance(frame, pd.DataFrame):
        is_file = isinstance(frame, str | os.PathLike)
        how = f"pandas.read_csv({str(frame)[:60]!r})" if is_file else "pandas.DataFrame(...)"
        raise DataError(
            f"{where}: data must be a pandas DataFrame, got {type(frame).__name__}; make one "
            f"with {how}"
        )
    if not len(frame):
        raise DataError(f"{where}: data has no rows")
    columns: list[object] = list(frame.columns)
    for name, use in wanted:
        if columns.count(name) == 0:
            hint = nearest(str(name), map(str, columns)) or "."
            if name in frame.index.names:
                hint = "; it is the index: give data.reset_index()."
            raise DataError(
                f"{where}: data has no column {name!r:.60} ({use}){hint} "
                f"Its columns: {listed(map(str, columns))}"
            )
        if columns.count(name) > 1:
            raise DataError(
                f"{where}: data has {columns.count(name)} columns named {name!r:.60}; rename one"
            )


def refuse(bad: NDArray[Any], what: str, rows: Sequence[Any], where: str, remedy: str) -> None:
    """Raise if any row is bad, naming the rows."""
    named = [str(row) for row, is_bad in zip(rows, bad, strict=True) if is_bad]
    if named:
        count = f"{len(named)} row{'s' if len(named) > 1 else ''}"
        raise DataError(f"{where}: {what} in {count} ({listed(named, 8)}). {remedy}")


def check_labels(frame: pd.DataFrame, column: str, use: str, where: str) -> None:
    """Raise if two labels of a column differ by spaces only."""
    spelt: dict[str, str] = {}
    for label in frame[column].unique():
        if not isinstance(label, str):
            continue
        plain = " ".join(label.split())
        other = spelt.setdefault(plain, label)
        if other != label:
            rows = list(frame.index)
            refuse(
                (frame[column] == label).to_numpy(),
                f"column '{column}' ({use}) has {label!r:.40} beside {other!r:.40}, which differ "
                "by spaces only,",
                rows,
                where,
                f"Correct it with data['{column}'] = data['{column}'].str.strip(), or rename one",
            )


def numbers(frame: pd.DataFrame, column: str, where: str, infinite: bool = False) -> Array:
    """Return a column as floats, missing values as NaN, perhaps with infinite ones."""
    import pandas as pd

    series = frame[column]
    rows = list(frame.index)
    if pd.api.types.is_datetime64_any_dtype(series) or pd.api.types.is_timedelta64_dtype(series):
        raise DataError(
            f"{where}: column '{column}' holds dates, not numbers. Count from an origin, as in "
            f"(data['{column}'] - data['{column}'].min()) / pandas.Timedelta(days=1)"
        )
    numeric = pd.to_numeric(series, errors="coerce")
    if pd.api.types.is_complex_dtype(numeric):
        raise DataError(f"{where}: column '{column}' holds complex numbers; give real ones")
    values = np.asarray(numeric.to_numpy(dtype=float, na_value=np.nan), dtype=float)
    text = np.isnan(values) & series.notna().to_numpy()
    if text.any():
        found = series.iloc[int(np.argmax(text))]
        refuse(
            text,
            f"column '{column}' is not a number ({found!r:.40})",
            rows,
            where,
            _remedy(series[text], column),
        )
    if not infinite:
        refuse(np.isinf(values), f"column '{column}' is infinite", rows, where, DROP)
    return values


def _remedy(texts: pd.Series, column: str) -> str:
    """Say what to do about texts where numbers are wanted, by what they look like."""
    named = f"data['{column}']"
    found = [str(each).strip() for each in texts.unique()]
    words = [each for each in found if each and not re.search(r"\d", each)]
    digits = [each for each in found if re.search(r"\d", each)]
    if digits and len(words) < 5 and all(re.fullmatch(_WITH_COMMA, each) for each in digits):
        points = ", thousands='.'" if any("." in each for each in digits) else ""
        missing = f", na_values={words!r:.80}" if words else ""
        what = " and words for missing answers" if words else ""
        return (
            f"Read the file with pandas.read_csv(..., decimal=','{points}{missing}), for commas in "
            f"its numbers{what}"
        )
    if all(re.match(r"\d{1,4}[-./]\d{1,2}[-./]\d{1,4}|\d{1,2}:\d{2}", each) for each in found):
        return (
            f"These look like dates: with when = pandas.to_datetime({named}, dayfirst=True), or "
            f"without dayfirst, {named} = (when - when.min()) / pandas.Timedelta(days=1) is days"
        )
    if 1 < len(found) < 5 and not any(re.search(r"\d", each) for each in found):
        codes = ", ".join(f"{each!r:.40}: {code}" for code, each in enumerate(sorted(found)))
        return f"Code them as numbers, as in {named} = {named}.map({{{codes}}})"
    return "Correct these rows, or make them missing with pandas.to_numeric(..., errors='coerce')"


def places(frame: pd.DataFrame, column: str, options: Sequence[Any], where: str) -> Array:
    """Return where each value of a column stands among options, missing values as NaN."""
    series = frame[column]
    missing = series.isna().to_numpy()
    place = {option: k for k, option in enumerate(options)}
    given = list(series)
    found = np.array(
        [np.nan if none else place.get(x, -1) for x, none in zip(given, missing, strict=True)],
        dtype=float,
    )
    unknown = found == -1.0
    if unknown.any():
        first = given[int(np.argmax(unknown))]
        texts = [str(option) for option in options]
        hint = nearest(str(first), texts) if isinstance(first, str) else ""
        if isinstance(first, str) and first in texts:
            hint = ", which are numbers; convert the column with pandas.to_numeric."
        refuse(
            unknown,
            f"column '{column}' has {first!r:.40}, which is none of its values",
            list(frame.index),
            where,
            f"They are {listed(map(repr, options), 24)}{hint or '.'} Correct these rows, set them "
            "to missing, or change the values in observed=",
        )
    return found
