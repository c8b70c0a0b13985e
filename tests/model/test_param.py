"""Parameters: what they hold, and which are refused."""

import math

import numpy as np
import pytest
import sympy

import trustode as tr
from trustode.errors import ModelError


def test_param_keeps_floats() -> None:
    param = tr.Param(1, min=0, max=np.float64(2))
    assert (param.value, param.min, param.max) == (1.0, 0.0, 2.0)
    assert all(type(v) is float for v in (param.value, param.min, param.max))
    assert tr.Param(1.0).min == -math.inf
    assert tr.Param(1.0, max=np.inf) == tr.Param(1, max=sympy.oo)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"value": "1"}, "value: expected a number, got '1'"),
        ({"value": None}, "value: expected a number"),
        ({"value": True}, "value: expected a number"),
        ({"value": 1j}, "value: expected a number"),
        ({"value": [1.0]}, "value: expected a number"),
        ({"value": math.nan}, "value: the value nan is not finite"),
        ({"value": math.inf}, "value: the value inf is not finite"),
        ({"value": 10**400}, "value: the value is too large"),
        ({"min": math.nan}, "min: the value nan is not finite"),
        ({"min": "0"}, "min: expected a number"),
        ({"max": False}, "max: expected a number"),
        ({"min": 2.0}, r"value 1 is outside \[2, inf\]"),
        ({"max": 0.5}, r"value 1 is outside \[-inf, 0.5\]"),
        ({"min": 3, "max": 2}, "min=3 is above max=2"),
        ({"unit": None}, "unit must be text"),
        ({"meaning": 3}, "meaning must be text"),
        ({"theme": "a__b"}, "theme: .* two underscores"),
        ({"source": "a\0"}, "source: the character"),
    ],
)
def test_wrong_param_is_refused(changes: dict[str, object], words: str) -> None:
    with pytest.raises(ModelError, match=f"Param: {words}"):
        tr.Param(**{"value": 1.0} | changes)  # type: ignore[arg-type]
