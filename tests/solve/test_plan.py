"""Which method solves."""

import numpy as np
import pytest

import trustode as tr


@pytest.mark.parametrize(
    ("method", "rtol", "same"),
    [("taylor", 1e-4, "dop853"), ("auto", 1e-4, "tsit5"), ("auto", 1e-11, "dop853")],
)
def test_what_solves_where_there_is_no_series(method, rtol, same):
    """An absolute value has no Taylor recurrence."""
    model = tr.Model("kinked", {"x": "v", "v": "-abs(x)*x"}, initial={"x": 1, "v": 0})
    t = np.linspace(0.0, 5.0, 11)
    found = tr.simulate(model, t, solver=tr.Solver(method, rtol=rtol)).y
    assert np.array_equal(found, tr.simulate(model, t, solver=tr.Solver(same, rtol=rtol)).y)
