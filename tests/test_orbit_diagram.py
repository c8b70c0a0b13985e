"""Orbit diagrams against normal forms and published cascades."""

import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest

import trustode as tr
from trustode.errors import DataError, ModelError, OptionError, Status


def hopf():
    """Radius sqrt(mu), period 2 pi."""
    x, y = tr.states("x y")
    mu = tr.parameters("mu")
    r2 = x**2 + y**2
    return tr.Model(
        "hopf", rhs={x: mu * x - y - x * r2, y: x + mu * y - y * r2}, params={mu: 0.5},
        initial={x: 0.3, y: 0.0},
    )  # fmt: skip


def roessler():
    x, y, z = tr.states("x y z")
    c = tr.parameters("c")
    return tr.Model(
        "roessler", rhs={x: -y - z, y: x + y / 5, z: 0.2 + z * (x - c)}, params={c: 5.7},
        initial={x: 1, y: 1, z: 0},
    )  # fmt: skip


def test_radius_of_the_hopf_normal_form():
    found = tr.orbit_diagram(hopf(), "mu", [-0.5, 0.25, 0.5, 1.0], t=(0, 300), discard=200)
    frame = found.to_frame()
    for mu in (0.25, 0.5, 1.0):
        part = frame[frame["mu"] == mu]
        np.testing.assert_allclose(part["x"], np.sqrt(mu), rtol=1e-6)
        np.testing.assert_allclose(np.diff(part["t"]), 2 * np.pi, rtol=1e-6)
        assert not part["rest"].any()
    assert frame[frame["mu"] == -0.5]["x"].abs().max() < 1e-6
    assert found.count().tolist() == [1, 1, 1, 1]
    assert "maxima of x along mu" in repr(found)


def test_section_of_the_hopf_normal_form():
    """Where y rises through zero, x is the radius; where it falls, its opposite."""
    how = {"t": (0, 300), "discard": 200}
    up = tr.orbit_diagram(hopf(), "mu", [0.25, 0.5], section="y", **how).to_frame()
    np.testing.assert_allclose(up["x"], np.sqrt(up["mu"]), rtol=1e-6)
    event = tr.Event("y", -1, terminal=True, set={"x": 0})
    down = tr.orbit_diagram(hopf(), "mu", [0.25, 0.5], section=event, **how).to_frame()
    np.testing.assert_allclose(down["x"], -np.sqrt(down["mu"]), rtol=1e-6)


def test_cascade_of_roessler():
    """Period 1, 2 and 4, then chaos (Strogatz 1994, section 12.3, after Olsen & Degn 1985)."""
    found = tr.orbit_diagram(roessler(), "c", [2.5, 3.5, 4.0, 5.0], t=(0, 1500), discard=1000)
    assert found.count()[:3].tolist() == [1, 2, 4]
    assert found.count()[3] > 16


def test_period_of_van_der_pol():
    """2 pi (1 + mu^2 / 16 - 5 mu^4 / 3072), its expansion for small mu."""
    mu = np.array([0.1, 0.2, 0.3])
    found = tr.orbit_diagram(
        tr.models.load("van-der-pol"), "mu", mu, t=(0, 500), discard=400,
        solver=tr.Solver(rtol=1e-10, atol=1e-12),
    ).to_frame()  # fmt: skip
    period = found.groupby("mu")["t"].apply(lambda t: np.diff(t).mean())
    np.testing.assert_allclose(period, 2 * np.pi * (1 + mu**2 / 16 - 5 * mu**4 / 3072), rtol=1e-6)


def test_threads_pieces_and_workers_change_nothing(monkeypatch, tmp_path):
    how = {"n": 12, "t": (0, 60)}
    whole = tr.orbit_diagram(hopf(), "mu", (-1, 1), threads=1, **how).to_frame()
    monkeypatch.setattr(sys.modules["trustode.orbit_diagram"], "_RUNS_A_BLOCK", 5)
    with ThreadPoolExecutor(2) as pool:
        for other in ({"threads": 2}, {"executor": pool}, {"checkpoint": tmp_path / "kept"}):
            again = tr.orbit_diagram(hopf(), "mu", (-1, 1), **other, **how).to_frame()
            pd.testing.assert_frame_equal(whole, again)


def test_failed_values_have_no_points():
    y = tr.states("y")
    gain = tr.parameters("gain")
    model = tr.Model("explosion", rhs={y: gain * y**2 - y}, params={gain: 0.5}, initial={y: 1})
    found = tr.orbit_diagram(model, gain, [0.5, 2.0], t=(0, 40))
    assert (found.status == Status.SUCCESS).tolist() == [True, False]
    assert found.count().tolist() == [1, 0]
    (point,) = found.to_frame().itertuples(index=False)
    assert point.gain == 0.5
    assert abs(point.y) < 1e-8


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"name": "nu"}, ModelError, "neither a parameter"),
        ({"state": "z"}, ModelError, "'z' is not a state"),
        ({"span": (1, 0)}, DataError, "must increase"),
        ({"span": "wide"}, DataError, "neither a span"),
        ({"n": 1}, OptionError, "n=1 must be"),
        ({"section": "q"}, ModelError, "q"),
        ({"solver": tr.Solver("LSODA")}, OptionError, "native method"),
    ],
)
def test_arguments_that_are_refused(given, error, message):
    arguments = {"name": "mu", "span": (0, 1), "t": (0, 1)} | given
    with pytest.raises(error, match=message):
        tr.orbit_diagram(hopf(), arguments.pop("name"), arguments.pop("span"), **arguments)
