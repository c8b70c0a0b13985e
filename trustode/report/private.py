"""Fits told without telling of single participants. Imports nothing from trustode."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

#: Groups that a mean over them must have, so that it tells of none.
FEWEST = 5


def shared_values(params: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of values that all groups share."""
    return params[params["group"].astype(str) == ""].drop(columns="group")


def spread_values(params: pd.DataFrame, value: str) -> pd.DataFrame:
    """Return how the values of single groups are distributed, a row a name.

    Parameters
    ----------
    params : DataFrame
        Columns name, group and the one called `value`.
    value : str

    Returns
    -------
    DataFrame
        name, groups, mean, sd, and from `FEWEST` groups on the quartiles.
    """
    import pandas as pd

    own = params[params["group"].astype(str) != ""]
    rows = []
    for name, part in own.groupby("name", sort=False):
        values = part[value].astype(float)
        row = {"name": name, "groups": len(values), "mean": values.mean(), "sd": values.std()}
        if len(values) >= FEWEST:
            quartiles = values.quantile([0.25, 0.5, 0.75])
            row |= dict(zip(("lower quartile", "median", "upper quartile"), quartiles, strict=True))
        else:
            row |= {"mean": float("nan"), "sd": float("nan")}
        rows.append(row)
    return pd.DataFrame(rows)


def means_over_groups(residuals: pd.DataFrame) -> pd.DataFrame:
    """Return means of what was observed and predicted, where enough groups have data.

    Parameters
    ----------
    residuals : DataFrame
        As in `Fit.residuals`, with numbers for what was observed and predicted.
    """
    by = residuals.groupby(["column", "time"], sort=False)
    means = by[["observed", "predicted"]].mean()
    means["groups"] = by["group"].nunique()
    return means[means["groups"] >= FEWEST].reset_index()


def without_groups(lines: Iterable[str], groups: Sequence[object]) -> list[str]:
    """Leave out lines that name a group."""
    names = [re.escape(str(group)) for group in groups if str(group)]
    if not names:
        return list(lines)
    named = re.compile(rf"(?<!\w)({'|'.join(names)})(?!\w)")
    kept, left = [], 0
    for line in lines:
        if named.search(line):
            left += 1
        else:
            kept.append(line)
    if left:
        kept.append(f"{left} more on single groups are left out; personal=True tells them.")
    return kept
