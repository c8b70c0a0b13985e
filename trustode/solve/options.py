"""How to integrate: the methods there are, and the options of a solve."""

from __future__ import annotations

import math
import numbers
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._core import methods
from ..compile import CompiledModel
from ..errors import OptionError, SolveWarning, checks_keywords, nearest

Array = NDArray[np.float64]

#: Native methods, by name, with what each is for.
NATIVE: dict[str, dict[str, Any]] = methods()
#: Methods that scipy's solve_ivp brings; its DOP853 is not the native "dop853".
SCIPY = ("RK45", "RK23", "DOP853", "Radau", "BDF", "LSODA")
_SMALLEST_RTOL = 100 * float(np.finfo(float).eps)
#: Relative tolerance above which errors of the steps may add up to the size of the solution.
_LOOSE = 0.01
#: What a C long holds everywhere; nobody waits for more.
_MOST_STEPS = 2**31 - 1


def _positive(name: str, value: object, smallest: float = 0.0) -> float:
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or math.isnan(float(value)):
        raise OptionError(f"Solver: {name}={value!r:.60} is not a number")
    if float(value) < smallest or float(value) <= 0.0:
        rule = f"is below the smallest allowed, {smallest:g}" if smallest else "must be above 0"
        raise OptionError(f"Solver: {name}={value!r} {rule}")
    return float(value)


@checks_keywords
@dataclass(frozen=True)
class Solver:
    """How to integrate.

    Parameters
    ----------
    method : str
        "auto" starts with "taylor" (where the equations are not analytic or an input is cut
        into many smooth pieces with "tsit5", or with "dop853" at tight tolerances) and hands
        over to "rodas5p" when the problem turns out stiff; or one of these by name; or a method
        of scipy's ``solve_ivp`` ("RK45", "DOP853", "LSODA", "BDF", "Radau"), which then gets the
        compiled functions.
        In lower case "dop853" is compiled and does all that the others of ours do; in capitals
        "DOP853" is scipy's, slower, without events or sensitivities. "taylor" goes on with
        "dop853" where it has no series. Each of ours carries sensitivities, also through events.
    rtol : float
        Relative tolerance of a step's error, at least 100 machine epsilons. One above 0.01 is
        warned of, unless `h_max` keeps the steps short.
    atol : float or sequence of float
        Absolute tolerance, one for all states or one a state.
    max_steps : int
        Steps, tried or taken, after which a solve gives up.
    h_max : float
        Longest step, in the model's unit of time.
    time_limit : float
        Seconds on the clock after which a solve gives up.

    Raises
    ------
    OptionError
        If a value is outside what it may be.
    """

    method: str = "auto"
    rtol: float = 1e-6
    atol: float | tuple[float, ...] = 1e-9
    max_steps: int = 10**6
    h_max: float = math.inf
    time_limit: float = math.inf

    def __post_init__(self) -> None:
        known = ("auto", *NATIVE, *SCIPY)
        if self.method not in known:
            hint = nearest(str(self.method), known) or "."
            raise OptionError(
                f"Solver: unknown method {self.method!r:.60}{hint} "
                f"Methods: {', '.join(('auto', *NATIVE))}; scipy's: {', '.join(SCIPY)}"
            )
        object.__setattr__(self, "method", str(self.method))
        rtol = _positive("rtol", self.rtol, _SMALLEST_RTOL)
        if not rtol < 1.0:
            raise OptionError(f"Solver: rtol={self.rtol!r} must be below 1")
        object.__setattr__(self, "rtol", rtol)
        if isinstance(self.atol, Sequence | np.ndarray) and not isinstance(self.atol, str):
            every = tuple(_positive("atol", value) for value in self.atol)
            object.__setattr__(self, "atol", every)
        else:
            object.__setattr__(self, "atol", _positive("atol", self.atol))
        if not np.all(np.isfinite(self.atol)):
            raise OptionError(f"Solver: atol={self.atol!r} is not finite")
        steps = self.max_steps
        if isinstance(steps, bool) or not isinstance(steps, numbers.Integral) or steps < 1:
            raise OptionError(f"Solver: max_steps={steps!r:.60} is not a positive whole number")
        object.__setattr__(self, "max_steps", min(int(steps), _MOST_STEPS))
        for name in ("h_max", "time_limit"):
            object.__setattr__(self, name, _positive(name, getattr(self, name)))
        if rtol > _LOOSE and math.isinf(self.h_max):
            warnings.warn(
                f"Solver: rtol={rtol:g} lets each step be wrong by {rtol:.0%}, which can add up to "
                "another course altogether; 1e-6 is usual, and 1e-3 is loose",
                SolveWarning,
                stacklevel=4,
            )

    def atol_vector(self, compiled: CompiledModel) -> Array:
        """Return the absolute tolerance of each state, shape (n_state,)."""
        names = compiled.model.states
        if isinstance(self.atol, tuple):
            if len(self.atol) != len(names):
                raise OptionError(
                    f"{compiled.model.name}: atol has {len(self.atol)} values for {len(names)} "
                    f"states ({', '.join(names)})"
                )
            return np.array(self.atol)
        return np.array([self.atol] * len(names))
