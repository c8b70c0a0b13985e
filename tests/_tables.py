"""What tests of inputs ask of every table."""

import numpy as np
from hypothesis import strategies as st

#: What the tables of smooth stimuli promise, as a share of the height.
SHARE = 1e-9


def around(knots):
    """Times inside every segment, at every knot and just before it."""
    inner = knots[:-1, None] + np.diff(knots)[:, None] * np.linspace(0, 1, 9)[:-1]
    return np.concatenate([inner.ravel(), knots, np.nextafter(knots, -np.inf)])


def check_table(table):
    """Check what the C core relies on."""
    assert table.coefficients.shape == (table.knots.size, 4)
    assert (np.diff(table.knots) > 0).all()
    assert (np.diff(table.breaks) > 0).all()
    assert not table.coefficients[0, 1:].any()
    before = table(table.knots[0] - np.array([0.0, 1e-3, 1.0, 1e4]))
    np.testing.assert_array_equal(before, table.coefficients[0, 0])


def sorted_floats(low, high, **size):
    return st.lists(st.floats(low, high), **size).map(sorted)
