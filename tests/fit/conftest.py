"""Models whose fits are known in closed form."""

import numpy as np
import pandas as pd
import pytest

import trustode as tr


@pytest.fixture(scope="session")
def decay() -> tr.Model:
    """Return y' = -k y, whose solution is y0 exp(-k t)."""
    return tr.Model("decay", rhs={"y": "-k * y"}, params={"k": 0.5}, initial={"y": 1.0})


@pytest.fixture(scope="session")
def drift() -> tr.Model:
    """Return y' = a, whose solution is linear in a and y(0): ordinary regression."""
    return tr.Model("drift", rhs={"y": "a"}, params={"a": 0.0}, initial={"y": 0.0})


@pytest.fixture
def line() -> pd.DataFrame:
    """Return noisy points on a line."""
    rng = np.random.default_rng(4)
    t = np.linspace(0.0, 4.0, 25)
    return pd.DataFrame({"t": t, "y": 1.0 + 0.7 * t + rng.normal(0.0, 0.3, t.size)})
