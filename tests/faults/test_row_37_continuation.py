"""Row 37: a branch ends with a reason that has a name, and is never left for another unseen."""

import math

import numpy as np
import pytest

import trustode as tr


def line(rhs, start, parameter=0.0, **given):
    return tr.Model("line", {"x": rhs}, {"p": parameter}, {"x": start}, **given)


def follow(model, span, **how):
    stepper = tr.ArcLength(**{"ds": 0.05, "ds_max": 0.1} | how.pop("stepper", {}))
    return tr.continuation(model, "p", span=span, stepper=stepper, **how)


def on(branch, residual, most=1e-8):
    """Every point solves its equation."""
    points = branch.points
    assert np.abs(residual(points["p"].to_numpy(), points["x"].to_numpy())).max() < most
    return points


def test_row_37_a_start_that_is_no_equilibrium():
    """It is where the search for one begins; where there is none, that is said."""
    branch = follow(line("p - x", 0.0), (0.0, 1.0), start={"x": 0.9, "p": 0.5})
    assert on(branch, lambda p, x: p - x)["p"].max() == pytest.approx(1.0)
    with pytest.raises(tr.SolveError, match=r"continuation\(line\): "):
        follow(line("1 + x**2 + p**2", 0.0), (0.0, 1.0), start={"x": 0.0, "p": 0.5})


def test_row_37_newton_diverges_and_the_step_floor_is_named():
    """The branch x = p**2 ends at 0, where sqrt(x) ends with an infinite slope."""
    branch = follow(line("p - sqrt(x)", 0.5, 0.5), (-1.0, 1.0))
    points = on(branch, lambda p, x: p - np.sqrt(x))
    assert 0.0 < points["p"].min() < 1e-3
    low, high = branch.ends
    assert low.startswith("step floor: Newton's method fails at p = ")
    assert high == "span reached, p = 1"


def test_row_37_a_corner_is_passed():
    """p = abs(x) turns at 0, where it has no slope."""
    branch = follow(line("p - abs(x)", 0.5, 0.5), (-1.0, 1.0))
    assert branch.ends == ("span reached, p = 1",) * 2
    points = on(branch, lambda p, x: p - abs(x))
    assert points["x"].min() == pytest.approx(-1.0)
    assert points["x"].max() == pytest.approx(1.0)


def test_row_37_a_fold_at_the_end():
    """p = x**2 folds at p = 0, where the span ends."""
    branch = follow(line("p - x**2", 1.0, 1.0), (0.0, 1.0))
    points = on(branch, lambda p, x: p - x**2)
    assert points["p"].min() >= 0.0
    assert points["p"].min() < 0.02
    assert branch.ends == ("span reached, p = 1",) * 2


def test_row_37_leaving_the_range_is_named():
    branch = follow(line("p - x", 0.0, bounds={"x": (-0.5, 0.5)}), (-1.0, 1.0))
    assert on(branch, lambda p, x: p - x)["x"].abs().max() <= 0.5 + 1e-9
    assert any("bound" in end for end in branch.ends)


def test_row_37_a_closed_branch_closes():
    branch = follow(line("1 - p**2 - x**2", 1.0), (-2.0, 2.0))
    points = on(branch, lambda p, x: 1 - p**2 - x**2)
    assert any("closed" in end for end in branch.ends)
    kinds = branch.special.query("kind == 'fold'")
    assert sorted(kinds["p"]) == pytest.approx([-1.0, 1.0], abs=1e-6)
    assert np.ptp(points["x"]) == pytest.approx(2.0, abs=1e-2)


@pytest.mark.parametrize("gap", [1e-2, 1e-3, 1e-4])
def test_row_37_two_branches_nearer_than_a_step(gap):
    """(x - p)**2 = gap**2 are two parallel lines; a step of 0.1 is longer than their distance."""
    model = line(f"(x - p)**2 - {gap!r}**2", -0.5 + gap, -0.5)
    branch = follow(model, (-0.5, 0.5))
    points = branch.points
    side = (points["x"] - points["p"]).to_numpy()
    assert np.abs(np.abs(side) - gap).max() < 1e-8
    assert (np.sign(side) == np.sign(side[0])).all()
    assert math.isclose(points["p"].max(), 0.5)
