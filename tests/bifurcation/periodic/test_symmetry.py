"""Families that break a symmetry: one half is walked, the other one is its image."""

import numpy as np
import pytest

import trustode as tr

#: Shimizu & Morioka (1980): x and y change their signs together.
BUTTERFLY = {"x": "y", "y": "x - lam*y - x*z", "z": "-0.5*z + x**2"}
SPAN = (0.44, 0.55)


@pytest.fixture(scope="module")
def broken(text_model):
    model = text_model(BUTTERFLY, {"x": 0.5}, lam=0.45)
    symmetric = tr.cycles(model, "lam", span=SPAN)
    row = symmetric.special.query("kind == 'branch_point'").iloc[0]
    return tr.cycles(model, "lam", start=row, span=SPAN)


def test_both_halves_are_images_of_each_other(broken):
    points, middle = broken.points, broken.start
    assert middle == len(points) - 1 - middle
    assert broken.ends == ("span reached, lam = 0.55",) * 2
    before, after = points.iloc[:middle][::-1], points.iloc[middle + 1 :]
    for name in ("lam", "period"):
        np.testing.assert_array_equal(before[name], after[name])
    np.testing.assert_allclose(before["min_x"], -after["max_x"], rtol=1e-12)
    np.testing.assert_allclose(before["max_y"], -after["min_y"], rtol=1e-12)
    np.testing.assert_allclose(before["max_z"], after["max_z"], rtol=1e-12)
    # They are no images of themselves.
    assert (np.abs(after["min_x"] + after["max_x"])[3:] > 0.01).all()


@pytest.mark.parametrize("share", [0.1, 0.4, 0.6, 0.9])
def test_each_orbit_returns_by_itself(broken, share):
    orbit = broken.orbit(int(share * len(broken)))
    first = dict(zip(("x", "y", "z"), orbit.y[0], strict=True))
    again = tr.simulate(
        broken.model,
        orbit.t[[0, -1]],
        initial=first,
        params={"lam": orbit.params["lam"]},
        solver=tr.Solver(rtol=1e-12, atol=1e-14),
    )
    np.testing.assert_allclose(again.y[-1], orbit.y[0], atol=1e-6)


def test_orbits_next_to_the_start_are_found_on_both_sides(broken):
    near = float(broken.points["lam"].iloc[[broken.start, broken.start + 1]].mean())
    found = broken.at(near)
    assert len(found) == 2
    np.testing.assert_allclose(found["min_x"].iloc[0], -found["max_x"].iloc[1], rtol=1e-8)
    assert found["period"].iloc[0] == pytest.approx(found["period"].iloc[1], rel=1e-10)


def test_a_family_that_breaks_nothing_is_walked_on_both_sides(text_model):
    """The Hopf normal form times a transcritical point: the new cycles have z = mu - 1/2."""
    equations = {
        "x": "mu*x - y - x*(x**2 + y**2)",
        "y": "x + mu*y - y*(x**2 + y**2)",
        "z": "z*(mu - 0.5) - z**2",
    }
    model = text_model(equations, {"x": 1.0}, mu=0.4)
    flat = tr.cycles(model, "mu", start={"x": 0, "y": 0, "z": 0, "mu": 0}, span=(-0.5, 1.0))
    row = flat.special.query("kind == 'branch_point'").iloc[0]
    assert row["mu"] == pytest.approx(0.5, abs=1e-9)
    crossing = tr.cycles(model, "mu", start=row, span=(-0.5, 1.0)).points
    np.testing.assert_allclose(crossing["max_z"], crossing["mu"] - 0.5, atol=1e-8)
    assert crossing["max_z"].min() < -0.1
    assert crossing["max_z"].max() > 0.1


def test_a_ring_of_cycles_has_the_points_where_it_crosses_others_once(text_model):
    """A cycle r = 1 with w (1/4 - m^2 - w^2) beside it: a ring that crosses w = 0 at m = +-1/2."""
    model = text_model(
        {
            "x": "x*(1 - x**2 - y**2) - y",
            "y": "y*(1 - x**2 - y**2) + x",
            "w": "w*(1/4 - m**2 - w**2)",
        },
        {"x": 1.0},
        m=0.0,
    )
    orbit = tr.simulate(model, (0, 20), params={"m": 0.8})
    plain = tr.cycles(model, "m", start=orbit, span=(-1, 1), params={"m": 0.8})
    assert list(plain.special["kind"]) == ["branch_point"] * 2
    ring = tr.cycles(model, "m", start=plain.special.iloc[0], span=(-1, 1))
    assert ring.ends[0].startswith("closed family")
    assert list(ring.special["kind"]) == ["branch_point"] * 2
    assert sorted(ring.special["m"]) == pytest.approx([-0.5, 0.5], rel=1e-8)
    at = ring.points[["m", "max_w"]].to_numpy()
    assert (at**2).sum(axis=1) == pytest.approx(0.25, abs=1e-7)
    assert at[0] == pytest.approx(at[-1])
