"""Python's arithmetic of floats against C's, where Python raises."""

import math

import numpy as np
import pytest

from trustode.codegen.interpret import FLOATS

EDGES = [0.0, -0.0, 1.0, -1.0, 0.25, -2.5, 3.0, -3.0, -10.0, 309.0, -309.0, 1e300]
EDGES += [math.inf, -math.inf, math.nan]


@pytest.mark.parametrize(("name", "of_c"), [("pow", np.power), ("div", np.divide)])
def test_operations_of_two(name, of_c):
    for a in EDGES:
        for b in EDGES:
            with np.errstate(all="ignore"):
                expected = float(of_c(np.float64(a), np.float64(b)))
            assert FLOATS[name](a, b) == pytest.approx(expected, rel=1e-15, nan_ok=True)


@pytest.mark.parametrize(("name", "of_c"), [("atanh", np.arctanh), ("log", np.log)])
def test_functions_of_one(name, of_c):
    for a in EDGES:
        with np.errstate(all="ignore"):
            expected = float(of_c(np.float64(a)))
        assert FLOATS[name](a) == pytest.approx(expected, rel=1e-15, nan_ok=True)
