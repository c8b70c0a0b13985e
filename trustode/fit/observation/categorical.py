"""Choices between several options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray
from scipy.special import log_softmax

from ...errors import OptionError, checks_keywords
from .base import Array, check_quantity
from .levels import Levels, check_levels


@checks_keywords
@dataclass(frozen=True)
class Categorical(Levels):
    """A choice of one of several options, likelier the larger its utility.

    Parameters
    ----------
    utilities : mapping of option to str, sympy expression or float
        Utility of each option, by its value in the data: expressions of states, parameters,
        inputs, observables and names in `vary`. Only differences count, so one may be 0; an
        inverse temperature is written as a factor, ``{"stay": "beta * trust", "leave": 0}``.

    Raises
    ------
    OptionError
        If there are fewer than two options.

    Notes
    -----
    Option k has the probability ``exp(u_k) / sum_j exp(u_j)``: McFadden (1974), Conditional
    logit analysis of qualitative choice behavior. A prediction shown is the likeliest option.
    """

    utilities: Any

    def __post_init__(self) -> None:
        if not isinstance(self.utilities, Mapping):
            raise OptionError(
                "Categorical: utilities must map each option to its utility, as {'stay': "
                f"'beta * T', 'leave': 0}}; got {self.utilities!r:.60}"
            )
        check_levels(self.utilities, "Categorical")
        checked = {
            option: check_quantity(
                utility if isinstance(utility, str | sympy.Expr) else _number(utility),
                f"the utility of {option!r:.30}",
                "Categorical",
            )
            for option, utility in self.utilities.items()
        }
        object.__setattr__(self, "utilities", checked)

    def __hash__(self) -> int:
        return hash(tuple(self.utilities.items()))

    @property
    def roles(self) -> tuple[str, ...]:  # type: ignore[override]
        """What each quantity is called."""
        return tuple(f"utilities[{option!r}]" for option in self.utilities)

    @property
    def quantities(self) -> tuple[Any, ...]:
        """Utilities, in the order of the options."""
        return tuple(self.utilities.values())

    @property
    def options(self) -> tuple[Any, ...]:
        """The options."""
        return tuple(self.utilities)

    def table(self, predicted: Array) -> tuple[Array, Array]:
        """Evaluate the logarithm of the softmax."""
        value: Array = log_softmax(predicted, axis=1)
        slopes = np.eye(predicted.shape[1]) - np.exp(value)[:, None, :]
        return value, slopes

    def shown(self, predicted: Array) -> NDArray[Any]:
        """Return the likeliest option."""
        options = np.empty(len(self.utilities), dtype=object)
        options[:] = list(self.utilities)
        return np.array(options[np.argmax(predicted, axis=1)].tolist())


def _number(value: object) -> object:
    """Return a whole number as a float, anything else as it is."""
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value
