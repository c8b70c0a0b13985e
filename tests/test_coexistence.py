"""Which attractors several starts lead to, of models that are known in closed form."""

import numpy as np
import pytest

import trustode as tr

SHORT = {"n": 2, "curves": False, "t": (0, 200)}


def where_it_ends(model, starts, span):
    """Return the grid of a map over two parameters."""
    return tr.regime_map(model, tuple(span), span=span, initial=starts, **SHORT).grid


def test_two_cycles_around_each_other():
    # The radius 1 attracts, and of 5 -+ sqrt(d) = r^2 the larger, where there is one.
    x, y = tr.states("x y")
    d, w = tr.parameters("d w")
    square = x**2 + y**2
    grow = (1 - square) * ((square - 5) ** 2 - d) / 10
    model = tr.Model(
        "nested",
        rhs={x: x * grow - w * y, y: y * grow + w * x},
        params={d: 4, w: 1},
        initial={x: 0.5, y: 0},
    )
    grid = where_it_ends(model, [{"x": 0.5}, {"x": 2.5}], {"d": (-1, 4), "w": (1, 2)})
    assert list(grid["regime"]) == ["cycling", "cycling", "two cycles", "two cycles"]
    assert list(grid["n_attractors"]) == [1, 1, 2, 2]
    assert grid["period"].to_numpy() == pytest.approx([2 * np.pi, np.pi] * 2, rel=1e-4)


def test_an_unstable_rest_is_left():
    # x = 0 repels where a > 0; a run that starts there is pushed aside.
    x = tr.states("x")
    a, b = tr.parameters("a b")
    model = tr.Model("fork", rhs={x: a * x - b * x**3}, params={a: 1, b: 1}, initial={x: 0})
    grid = where_it_ends(model, [{"x": 0.0}, {"x": -2.0}], {"a": (-1, 1), "b": (1, 2)})
    assert list(grid["regime"]) == ["resting", "resting", "bistable", "bistable"]
    assert list(grid["n_attractors"]) == [1, 1, 2, 2]


def test_rigid_splitting_is_split():
    """The model's specification: bpd-rigid (kappa 2.2, p .46) ends trusting or mistrusting."""
    model = tr.models.load("trust-updated", profile="bpd")
    span = {"p": (0.46, 0.5), "kappa": (2.15, 2.2)}
    found = tr.regime_map(model, ("p", "kappa"), span=span, n=2, curves=False)
    row = found.grid.query("p == .46 and kappa == 2.2").iloc[0]
    assert row["regime"] == "split"
    assert row["n_attractors"] == 2
    assert len(found.curves) == 0
    assert "where no curve was found" in found.summary() or len(found.share) == 1
