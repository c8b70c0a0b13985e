"""What is true in data sets that are simulated.

Imports the objective and the names of its values.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, OptionError, listed, nearest
from .information import labels
from .marginal import Marginal
from .objective import Problem

Array = NDArray[np.float64]


def truths_of(problem: Problem | Marginal, truth: object, n: int, seed: int, where: str) -> Array:
    """Return what is true in each data set, on the scale of the search, shape (n, n_free).

    Raises
    ------
    OptionError
        If the truth is none of what it may be, or values without bounds are to be drawn.
    DataError
        If a table of truths lacks a column, or has another number of rows.
    """
    import pandas as pd

    layout, names = problem.layout, labels(problem.layout)
    if isinstance(truth, str):
        if truth != "bounds":
            raise OptionError(
                f"{where}: truth={truth!r:.60} must be 'bounds', a mapping of name to value, or a "
                "DataFrame with a row a data set"
            )
        endless = ~(np.isfinite(layout.lower) & np.isfinite(layout.upper))
        if endless.any():
            without = listed(names[k] for k in np.flatnonzero(endless))
            raise OptionError(
                f"{where}: truth='bounds' draws between bounds, and {without} has none on a side; "
                "give min and max in Vary"
            )
        share = np.random.default_rng([seed, 0]).random((n, layout.n_free))
        every: Array = layout.lower + share * (layout.upper - layout.lower)
        return every
    values = np.tile(layout.natural(layout.first), (n, 1))
    if isinstance(truth, pd.DataFrame):
        if len(truth) != n:
            raise DataError(
                f"{where}: truth has {len(truth)} rows for n={n} data sets; give as many"
            )
        given = {str(name): np.asarray(truth[name], dtype=float) for name in truth.columns}
    elif isinstance(truth, Mapping):
        given = {str(getattr(name, "name", name)): value for name, value in truth.items()}
    elif truth is None:
        given = {}
    else:
        raise OptionError(
            f"{where}: truth={truth!r:.60} must be 'bounds', a mapping of name to value, or a "
            "DataFrame with a row a data set"
        )
    owners = [layout.names[k] for k in layout.owner]
    for name, value in given.items():
        mine = [k for k in range(layout.n_free) if name in (names[k], owners[k])]
        if not mine:
            raise OptionError(
                f"{where}: truth names {name!r:.60}, which is not varied"
                f"{nearest(name, [*names, *owners]) or '.'} Varied are {listed(layout.names)}"
            )
        values[:, mine] = np.reshape(value, (-1, 1))
    x = np.array([layout.scaled(each) for each in values])
    if not np.isfinite(x).all() or (x < layout.lower).any() or (x > layout.upper).any():
        wrong = ~np.isfinite(x) | (x < layout.lower) | (x > layout.upper)
        k = int(np.flatnonzero(wrong.any(axis=0))[0])
        found = values[int(np.argmax(wrong[:, k])), k]
        raise OptionError(f"{where}: the truth {names[k]} = {found:g} is outside its bounds")
    return x
