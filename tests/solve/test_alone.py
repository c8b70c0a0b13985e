"""One solve, beside the same solve in a batch."""

import numpy as np
import pytest

import trustode as tr
from trustode.solve import NATIVE, pack, parameter_vector, solve_alone, solve_batch


@pytest.mark.parametrize("method", ["auto", *NATIVE])
@pytest.mark.parametrize("differentiated", [False, True])
def test_it_has_the_digits_of_a_batch(method, differentiated):
    """Robertson's equations, of which "auto" hands the greater part over."""
    model = tr.models.load("robertson")
    compiled = tr.compile(model)
    which = (model.params[0], f"{model.states[0]}(0)") if differentiated else ()
    p = parameter_vector(compiled, None, "here")
    y0, t, solver = compiled.initial(p), np.linspace(0.0, 0.5, 9), tr.Solver(method=method)
    alone = solve_alone(compiled, t, p, y0, pack([]), solver, which=which)
    batch = solve_batch(compiled, t, p[None], y0[None], [pack([])], solver, which=which)
    n = len(model.states)
    assert alone.rows[:, :n].tobytes() == batch.y[0].tobytes()
    if which:
        tangents = alone.rows[:, n:].reshape(len(t), len(which), n)
        assert (tangents.transpose(0, 2, 1) == batch.dydp[0]).all()
    assert alone.report == tuple(batch.report[0].tolist()[: len(alone.report)])
    assert (alone.reached == batch.y_reached[0]).all()


@pytest.mark.parametrize("method", ["auto", "dop853"])
def test_what_was_not_reached_is_nan(method):
    """x' = x^2 from 1 has its pole at t = 1."""
    model = tr.Model("pole", {"x": "x**2"}, initial={"x": 1.0})
    compiled, solver = tr.compile(model), tr.Solver(method=method)
    t = np.array([0.0, 0.5, 0.9, 2.0])
    alone = solve_alone(compiled, t, np.empty(0), np.ones(1), pack([]), solver)
    assert alone.rows[:3, 0] == pytest.approx([1.0, 2.0, 10.0], rel=1e-4)
    assert np.isnan(alone.rows[3]).all()
    assert alone.report[8] == 3
    assert alone.reached[0] > 1e6


def test_steps_are_kept_on_request():
    model = tr.Model("decay", {"x": "-x"}, initial={"x": 1.0})
    compiled = tr.compile(model)
    given = compiled, np.array([0.0, 3.0]), np.empty(0), np.ones(1), pack([]), tr.Solver()
    assert solve_alone(*given).steps is None
    steps = solve_alone(*given, keep_steps=True).steps
    assert steps[:, 2] == pytest.approx(np.exp(-steps[:, 0]), rel=1e-6)
    assert steps[:, 1].sum() == pytest.approx(3.0)
