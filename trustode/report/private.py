"""Fits told without telling of single participants. Imports nothing from trustode."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

#: Groups that a mean over them must have, so that it tells of none.
FEWEST = 5

#: What follows a value of one group as results label it, "k [p1]"; not an interval, "[0, 1]".
_LABEL = re.compile(r"(?<=\S) \[(?!-?[\d.]+, ?-?[\d.]+\])([^\[\]]+)\]")


@dataclass(frozen=True)
class Discretion:
    """What a page may tell of groups.

    Parameters
    ----------
    personal : bool
        Whether it may tell of any.
    named : frozenset of str
        Groups that it may name all the same.
    """

    personal: bool = False
    named: frozenset[str] = frozenset()

    def may_name(self, group: object) -> bool:
        """Say whether a page may name a group; the empty one is all of them."""
        return self.personal or str(group) in ("", *self.named)

    def told(self, text: str) -> str:
        """Return a text in which values of groups that must not be named are of one group."""
        return _LABEL.sub(
            lambda found: found[0] if self.may_name(found[1]) else " of one group", text
        )

    def lines(self, lines: Iterable[str], groups: Iterable[object] = ()) -> list[str]:
        """Leave out lines on a group that must not be named, and its name from others.

        Parameters
        ----------
        lines : iterable of str
        groups : iterable
            Groups that lines may name without the name of a value before them.
        """
        named = self._hidden(groups)
        kept, left = [], 0
        for line in lines:
            told = self.told(line)
            # A line that begins with such a value is on that group.
            about = _LABEL.search(line)
            own = about is not None and " " not in line[: about.start()]
            of_one = own and about is not None and not self.may_name(about[1])
            if of_one or (named is not None and named.search(told)):
                left += 1
            else:
                kept.append(told)
        if left:
            kept.append(f"{left} more on single groups are left out; personal=True tells them.")
        return kept

    def table(self, frame: pd.DataFrame, groups: Iterable[object] = ()) -> pd.DataFrame:
        """Return a table whose texts name no group that must not be named."""
        named = self._hidden(groups)

        def told(cell: object) -> object:
            if not isinstance(cell, str):
                return cell
            text = self.told(cell)
            return text if named is None or not named.search(text) else "on a single group"

        return frame.map(told)

    def _hidden(self, groups: Iterable[object]) -> re.Pattern[str] | None:
        """Return what finds the groups that must not be named, if there are any."""
        hidden = [re.escape(str(group)) for group in groups if not self.may_name(group)]
        return re.compile(rf"(?<!\w)({'|'.join(hidden)})(?!\w)") if hidden else None


def spread_values(own: pd.DataFrame, value: str) -> pd.DataFrame:
    """Return how the values of single groups are distributed, a row a name.

    Parameters
    ----------
    own : DataFrame
        Columns name and the one called `value`, a row a group.
    value : str

    Returns
    -------
    DataFrame
        name, groups, mean, sd, and from `FEWEST` groups on the quartiles.
    """
    import pandas as pd

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
