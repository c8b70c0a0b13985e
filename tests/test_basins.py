"""Basins of attraction that are known in closed form or by symmetry."""

import numpy as np
import pandas as pd
import pytest

import trustode as tr
from trustode.errors import DataError, ModelError, OptionError

SHORT = {"t": (0, 60)}


def bistable():
    """Both x = -1 and x = 1 are stable; 0 is between their basins."""
    x = tr.states("x")
    return tr.Model("bistable", rhs={x: x - x**3}, initial={x: 0})


def test_boundary_of_a_bistable_form():
    found = tr.basins(bistable(), {"x": (-1.0, 2.0)}, n=60, **SHORT)
    assert found.attractors["name"].tolist() == ["resting 1", "resting 2"]
    assert found.share == {"resting 1": pytest.approx(2 / 3), "resting 2": pytest.approx(1 / 3)}
    np.testing.assert_allclose(found.attractors["mean_x"], [1, -1], atol=1e-6)
    table = found.to_frame()
    assert ((table["x"] > 0) == (table["attractor"] == "resting 1")).all()
    assert found.attractors["stderr"].isna().all()
    assert "resting 1: 66.7%; mean x 1" in repr(found)


def test_random_starts_have_standard_errors():
    found = tr.basins(bistable(), {"x": (-1.5, 1.5)}, n=900, seed=5, **SHORT)
    row = found.attractors.iloc[0]
    assert row["stderr"] == pytest.approx(np.sqrt(row["share"] * (1 - row["share"]) / 900))
    assert abs(row["share"] - 0.5) < 4 * row["stderr"]
    again = tr.basins(bistable(), {"x": (-1.5, 1.5)}, n=900, seed=5, threads=2, **SHORT)
    pd.testing.assert_frame_equal(found.to_frame(), again.to_frame())


def test_symmetric_wells_share_alike():
    """Duffing's oscillator with damping: turning it round swaps the wells."""
    x, v = tr.states("x v")
    model = tr.Model("duffing", rhs={x: v, v: x - x**3 - 0.3 * v}, initial={x: 0, v: 0})
    found = tr.basins(model, {"x": (-2, 2), "v": (-2, 2)}, n=(20, 30), t=(0, 200))
    assert found.shape == (20, 30)
    assert found.attractors["n"].tolist() == [300, 300]
    np.testing.assert_allclose(found.attractors["mean_x"].abs(), 1, atol=1e-6)


def test_rest_and_cycle_side_by_side():
    """r' = mu r + r^3 - r^5: a disk of radius^2 (1 - sqrt(1 + 4 mu)) / 2 comes to rest."""
    x, y = tr.states("x y")
    mu = tr.parameters("mu")
    grow = mu + (x**2 + y**2) - (x**2 + y**2) ** 2
    model = tr.Model(
        "bautin", rhs={x: x * grow - y, y: y * grow + x}, params={mu: 0}, initial={x: 0, y: 0}
    )
    found = tr.basins(model, {"x": (-1, 1), "y": (-1, 1)}, {"mu": -0.2}, n=2500, t=(0, 200))
    inner, outer = (1 - np.sqrt(0.2)) / 2, (1 + np.sqrt(0.2)) / 2
    assert set(found.share) == {"resting", "cycling"}
    # The middles of 50 x 50 cells: the disk's edge crosses about 4 * 2 * radius * 25 of them.
    assert found.share["resting"] == pytest.approx(np.pi * inner / 4, abs=0.01)
    start = found.to_frame()
    inside = start["x"] ** 2 + start["y"] ** 2 < inner
    assert (inside == (start["attractor"] == "resting")).all()
    cycle = found.attractors.set_index("name").loc["cycling"]
    assert cycle["period"] == pytest.approx(2 * np.pi, rel=1e-6)
    assert cycle["max_x"] == pytest.approx(np.sqrt(outer), rel=1e-5)
    assert cycle["mean_y"] == pytest.approx(0, abs=1e-6)


def test_trust_is_named_by_its_regimes():
    rigid = tr.models.load("trust-updated", profile="bpd-rigid")
    region = {"T": (-0.95, 0.95), "L": (-0.95, 0.95), "G": (-0.4, 0.6)}
    found = tr.basins(rigid, region, n=(3, 3, 2))
    assert set(found.share) == {"trusting", "mistrusting"}
    # The two stable equilibria of the models' specification.
    np.testing.assert_allclose(sorted(found.attractors["mean_T"]), [-0.944, 0.896], atol=1e-3)


def test_what_fails_is_no_attractor():
    y = tr.states("y")
    model = tr.Model("explosion", rhs={y: y**2 - y}, initial={y: 0})
    found = tr.basins(model, {"y": (0, 2)}, n=8, t=(0, 40))
    assert found.share == {"resting": 0.5, "failed": 0.5}


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"region": {"z": (0, 1)}}, ModelError, "unknown state 'z'"),
        ({"region": {}}, DataError, "region must map"),
        ({"region": {"x": 1.0}}, DataError, "not a pair"),
        ({"region": {"x": (1, 1)}}, DataError, "must be finite and increase"),
        ({"n": 0}, OptionError, "n=0"),
        ({"n": (3, 4)}, OptionError, "one for each state"),
        ({"seed": -1}, OptionError, "seed=-1"),
        ({"seed": 1, "n": (4, 4)}, OptionError, "where a seed is given"),
        ({"params": {"k": 1}}, ModelError, "k"),
    ],
)
def test_arguments_that_are_refused(given, error, message):
    arguments = {"region": {"x": (0, 1)}, "t": (0, 1)} | given
    with pytest.raises(error, match=message):
        tr.basins(bistable(), **arguments)


@pytest.mark.parametrize("power", [3, 5])
def test_a_slow_decay_is_one_attractor(power):
    # y' = -y^n gets to 0 like t^(-1/(n-1)): at t = 2000 it is still .016 and .11.
    y = tr.states("y")
    model = tr.Model("slow", rhs={y: -(y**power)}, params={}, initial={y: 1})
    found = tr.basins(model, {"y": (-2, 2)}, n=20)
    assert list(found.share.items()) == [("resting", 1.0)]
    assert found.attractors["mean_y"][0] == pytest.approx(0, abs=1e-8)


def test_near_attractors_of_a_wide_region_stay_apart():
    y = tr.states("y")
    model = tr.Model("two", rhs={y: y - y**3}, params={}, initial={y: 1})
    found = tr.basins(model, {"y": (-200, 200)}, n=20)
    assert sorted(found.attractors["mean_y"]) == pytest.approx([-1, 1], rel=1e-9)


def test_a_whole_state_may_be_where_the_rest_starts():
    x, y = tr.states("x y")
    model = tr.Model("plane", rhs={x: x - x**3, y: -y}, params={}, initial={x: 0, y: 0})
    start = tr.equilibria(model).stable[0].state
    found = tr.basins(model, {"x": (-2, 2)}, initial=start, n=10)
    assert sorted(found.share.values()) == [0.5, 0.5]
