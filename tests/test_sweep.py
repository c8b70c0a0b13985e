"""Sweeps against normal forms whose folds are known."""

import numpy as np
import pytest

import trustode as tr
from trustode.errors import DataError, ModelError, OptionError, Status

FOLD = 2 / (3 * np.sqrt(3))


def cusp():
    """Bistable between the folds at h = -+ 2 / (3 sqrt 3)."""
    x = tr.states("x")
    h, k = tr.parameters("h k")
    return tr.Model("cusp", rhs={x: h + k * x - x**3}, params={h: 0, k: 1}, initial={x: -1})


def test_hysteresis_of_the_cusp():
    grid = np.linspace(-1, 1, 81)
    found = tr.sweep(cusp(), "h", grid, t=400)
    ((low, high),) = found.loops
    # The state jumps at the first value behind the fold, so the last apart is before it.
    assert low == grid[grid > -FOLD][0]
    assert high == grid[grid < FOLD][-1]
    up, down = found.up["mean_x"].to_numpy(), found.down["mean_x"].to_numpy()
    assert (up[grid < FOLD] < 0).all()
    assert (down[grid > -FOLD] > 0).all()
    # Every state is a root of the equation.
    np.testing.assert_allclose(grid + up - up**3, 0, atol=1e-4)
    assert list(found.to_frame()["direction"].unique()) == ["up", "down"]
    assert "hysteresis at h = -0.375 to 0.375" in repr(found)


def test_without_bistability_there_is_no_loop():
    found = tr.sweep(cusp(), "h", (-1, 1), n=21, t=100, params={"k": -0.5})
    assert not found.differ.any()
    assert found.loops == []
    assert "no hysteresis" in repr(found)


def test_a_cycle_that_persists_below_its_onset():
    """r' = mu r + r^3 - r^5: the cycle lives down to mu = -1/4, the rest up to 0."""
    x, y = tr.states("x y")
    mu = tr.parameters("mu")
    grow = mu + (x**2 + y**2) - (x**2 + y**2) ** 2
    model = tr.Model(
        "bautin", rhs={x: x * grow - y, y: y * grow + x + 1e-3}, params={mu: 0},
        initial={x: 0.01, y: 0},
    )  # fmt: skip
    grid = np.array([-0.4, -0.3, -0.2, -0.1, 0.1, 0.2])
    found = tr.sweep(model, mu, grid, t=300)
    assert found.up["kind"].tolist() == ["resting"] * 4 + ["cycling"] * 2
    assert found.down["kind"].tolist() == ["resting"] * 2 + ["cycling"] * 4
    assert found.loops == [(-0.2, -0.1)]
    radius = np.sqrt((1 + np.sqrt(1 + 4 * grid[2:])) / 2)
    np.testing.assert_allclose(found.down["max_x"][2:], radius, rtol=5e-3)


def test_a_way_that_fails_goes_on_from_where_it_was():
    y = tr.states("y")
    gain = tr.parameters("gain")
    model = tr.Model("explosion", rhs={y: gain + y**2 - 1}, params={gain: 0}, initial={y: 0})
    found = tr.sweep(model, gain, [0.0, 0.5, 2.0], t=20)
    good = (found.up["status"] == Status.SUCCESS).tolist()
    assert good == [True, True, False]
    assert found.down["mean_y"][0] == pytest.approx(-1, abs=1e-4)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"name": "g"}, ModelError, "neither a parameter"),
        ({"grid": (1, 0)}, DataError, "must increase"),
        ({"t": 0}, OptionError, "t=0 must be"),
        ({"t": "long"}, OptionError, "time spent at each value"),
        ({"solver": "tsit5"}, OptionError, "must be a Solver"),
    ],
)
def test_arguments_that_are_refused(given, error, message):
    arguments = {"name": "h", "grid": (0, 1), "t": 1} | given
    with pytest.raises(error, match=message):
        tr.sweep(cusp(), arguments.pop("name"), arguments.pop("grid"), **arguments)


def test_a_start_that_settles_slowly_is_no_hysteresis():
    x, y = tr.states("x y")
    m = tr.parameters("m")
    # The amplitude of van der Pol's cycle grows by exp(m t / 2), here 0.15 in the time at a value.
    model = tr.Model(
        "slow", rhs={x: y, y: m * (1 - x**2) * y - x}, params={m: 0.01}, initial={x: 1, y: 0}
    )
    found = tr.sweep(model, "m", (0.01, 1), n=4, t=100)
    assert "no hysteresis" in repr(found)
    # Averaging: the amplitude is 2 for small m.
    assert found.up["max_x"][0] == pytest.approx(2, rel=0.02)
