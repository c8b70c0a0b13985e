"""The table of an input: what it evaluates to, and what it refuses."""

import numpy as np
import pytest

from trustode.errors import ModelError
from trustode.stimulus import Steps, Table


def test_table_evaluates_each_segment_from_its_own_start():
    table = Table([0, 1, 3], [[5, 0, 0, 0], [1, -2, 3, -4], [0, 1, 0, 0]], [1, 3])
    expected = [5, 5, 1, 1 - 2 * 0.5 + 3 * 0.25 - 4 * 0.125, 0, 97]
    np.testing.assert_array_equal(table([-7, 0.5, 1, 1.5, 3, 100]), expected)
    assert table(np.zeros((2, 3))).shape == (2, 3)
    assert table(1.5).shape == ()
    assert np.isnan(table(np.nan))


def test_table_takes_the_value_from_the_right():
    table = Steps([2], [7]).table
    np.testing.assert_array_equal(table([np.nextafter(2, 0), 2]), [0, 7])


def test_table_cannot_be_changed():
    table = Steps([2], [7]).table
    with pytest.raises(ValueError, match="read-only"):
        table.knots[0] = 3


@pytest.mark.parametrize(
    ("knots", "coefficients", "breaks", "message"),
    [
        ([0, 0], np.zeros((2, 4)), [], "knots must increase strictly"),
        ([0, 1], np.zeros((2, 4)), [1, 0], "breaks must increase strictly"),
        ([0, 1], np.zeros((2, 3)), [], r"shape \(2, 4\)"),
        ([], np.zeros((0, 4)), [], "at least one knot"),
        ([0, np.inf], np.zeros((2, 4)), [], "knots holds a value that is not finite"),
        ([0], [[0, 1, 0, 0]], [], r"must be constant; its coefficients are \[0.0, 1.0"),
        ([[0]], np.zeros((1, 4)), [], "knots has 2 dimensions"),
    ],
)
def test_table_refuses_what_the_core_could_not_read(knots, coefficients, breaks, message):
    with pytest.raises(ModelError, match=message):
        Table(knots, coefficients, breaks)
