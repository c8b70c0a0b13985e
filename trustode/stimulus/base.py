"""What every kind of input has in common, and the table of any of them.

Imports the table, what checks numbers, and the errors.
"""

from __future__ import annotations

import math
import numbers
from abc import ABC, abstractmethod
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt

from ..errors import ModelError
from .cubics import Array, Table
from .given import single


class Stimulus(ABC):
    """What every kind of input has in common: a table, and its exact value at a time."""

    @cached_property
    def table(self) -> Table:
        """The input as a `Table`, made once."""
        return self._build()

    def __call__(self, t: npt.ArrayLike) -> Array:
        """Evaluate exactly at times of any shape, with the value from the right at a jump."""
        return self.table(t)

    @property
    def begins(self) -> float:
        """Time up to which nothing changes; infinite where nothing ever does."""
        breaks = self.table.breaks
        return float(breaks[0]) if breaks.size else math.inf

    @abstractmethod
    def _build(self) -> Table:
        """Make the table."""


def table(value: object, where: str) -> Table:
    """Turn a number or a stimulus into the table that the C core reads.

    Parameters
    ----------
    value : float, Stimulus or Table
        What an input of a model is set to.
    where : str
        Call, model and input, to begin an error message with.

    Returns
    -------
    Table

    Raises
    ------
    ModelError
        If it is something else, or a number that is not finite.
    """
    if isinstance(value, Table):
        return value
    if isinstance(value, Stimulus):
        return value.table
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        return _constant(single(value, where).hex())
    hint = "give measured values with their times, as Samples(times, values)"
    if callable(value):
        hint = "evaluate a function at enough times t, as Samples(t, f(t), kind='cubic')"
    raise ModelError(
        f"{where}: an input is a number or one of Steps, Pulses, Samples, Episodes, Sessions; "
        f"got {value!r:.60} ({type(value).__name__}); {hint}"
    )


@lru_cache(maxsize=64)
def _constant(text: str) -> Table:
    """Make the table of a constant from its text, in which 0.0 and -0.0 differ."""
    pieces = np.array([[float.fromhex(text), 0.0, 0.0, 0.0]])
    return Table(np.zeros(1), pieces, np.empty(0))
