"""Curves of connections, and of what begins where Hopf curves meet something."""

import math

import numpy as np
import pytest

import trustode as tr
from trustode.errors import ModelError, SolveError


def test_homoclinic_orbits_begin_at_a_bogdanov_takens_point(text_model):
    """Kuznetsov (2004), section 8.4: b1 = -(6/25) b2^2 + o(b2^2), b2 < 0."""
    model = text_model({"x": "y", "y": "b1 + b2*x + x**2 - x*y"}, b1=0.0, b2=-0.5)
    start = {"kind": "bogdanov_takens", "x": 0, "y": 0, "b1": 0, "b2": 0}
    span = {"b1": (-1, 1), "b2": (-0.5, 1)}
    curve = tr.curve(model, ("b1", "b2"), start=start, kind="homoclinic", span=span)
    b1, b2 = (curve.points[name].to_numpy() for name in ("b1", "b2"))
    assert b2.max() < 0
    near = (b2 > -0.1) & (b2 < -0.02)
    # The next term of the ratio is of the order of b2.
    assert b1[near] / b2[near] ** 2 == pytest.approx(-6 / 25, rel=0.1 * 0.25)
    first, second = np.argsort(-b2[near])[:2]
    ratio = b1[near] / b2[near] ** 2
    slope = (ratio[second] - ratio[first]) / (b2[near][second] - b2[near][first])
    assert ratio[first] - slope * b2[near][first] == pytest.approx(-6 / 25, rel=1e-3)
    assert curve.points["error"][near].max() < 1e-6
    ends = " ".join(curve.ends)
    assert "shrinks to a Bogdanov-Takens point near b1 = " in ends
    assert "b2 = -0.5" in ends


def test_lorenz_homoclinic_at_its_known_value(text_model):
    """Reference cases: rho = 13.926557407 at sigma = 10, beta = 8/3."""
    model = text_model(
        {"x": "sigma*(y-x)", "y": "rho*x - y - x*z", "z": "x*y - beta*z"},
        rho=28.0, sigma=10.0, beta=8 / 3,
    )  # fmt: skip
    rho = 470 / 19
    side = math.sqrt(8 / 3 * (rho - 1))
    start = {"x": side, "y": side, "z": rho - 1, "rho": rho}
    family = tr.cycles(model, "rho", start=start, span=(5, 30))
    row = family.special.query("kind == 'homoclinic'").iloc[0]
    span = {"rho": (5, 30), "sigma": (9, 11)}
    curve = tr.curve(model, ("rho", "sigma"), start=row, span=span)
    assert curve.kind == "homoclinic"
    at = curve.points.iloc[curve.start]
    assert at["sigma"] == pytest.approx(10, abs=1e-6)
    assert at["rho"] == pytest.approx(13.926557407, abs=1e-6)
    assert (curve.points["error"] < 1e-9).all()
    assert (curve.points["n_unstable"] == 1).all()
    # The origin's slowest rates: (sigma + 1)/2 times a root, and -8/3.
    s, r = curve.points["sigma"], curve.points["rho"]
    growth = (-(s + 1) + np.sqrt((s + 1) ** 2 + 4 * s * (r - 1))) / 2
    assert curve.points["coefficient"].to_numpy() == pytest.approx(growth - 8 / 3, rel=1e-6)
    assert "homoclinic orbits" in curve.summary()
    # Another value of sigma, reached by the family along rho alone.
    last = curve.points.iloc[-1]
    held = {"sigma": float(last["sigma"])}
    hopf = held["sigma"] * (held["sigma"] + 8 / 3 + 3) / (held["sigma"] - 8 / 3 - 1)
    side = math.sqrt(8 / 3 * (hopf - 1))
    start = {"x": side, "y": side, "z": hopf - 1, "rho": hopf}
    alone = tr.cycles(model, "rho", start=start, span=(5, 40), params=held)
    found = alone.special.query("kind == 'homoclinic'").iloc[0]
    assert last["rho"] == pytest.approx(found["rho"], abs=1e-6)


def test_heteroclinic_loop_of_the_predator_and_its_prey(text_model):
    """Reference cases, pp2: p1 = .7080728 at p4 = 3."""
    model = text_model(
        {"u1": "p2*u1*(1-u1) - u1*u2 - p1*(1-exp(-p3*u1))", "u2": "-u2 + p4*u1*u2"},
        p1=0.0, p2=3.0, p3=5.0, p4=3.0,
    )  # fmt: skip
    start = {"u1": 1 / 3, "u2": 0.365761535977, "p1": 0.6715938474788}
    family = tr.cycles(model, "p1", start=start, span=(0.5, 0.8))
    row = family.special.query("kind == 'heteroclinic'").iloc[0]
    curve = tr.curve(model, ("p1", "p4"), start=row, span={"p1": (0.3, 1.2), "p4": (2.8, 3.6)})
    assert curve.kind == "heteroclinic"
    p4 = curve.points["p4"].to_numpy()
    order = np.argsort(p4)
    p1 = curve.points["p1"].to_numpy()[order]
    k = np.clip(np.searchsorted(p4[order], 3.0) - 2, 0, len(p4) - 4)
    near = np.polyfit(p4[order][k : k + 4] - 3.0, p1[k : k + 4], 3)
    assert near[-1] == pytest.approx(0.7080728, abs=1e-5)
    # A loop that stays long at one saddle and short at the other has an error too.
    assert (curve.points["error"] < 1e-6).all()


def test_folds_of_cycles_begin_at_a_bautin_point(text_model):
    """Kuznetsov (2004), section 8.3: b2^2 + 4 b1 = 0 for b2 > 0."""
    model = text_model(
        {
            "x": "b1*x - y + b2*x*(x**2+y**2) - x*(x**2+y**2)**2",
            "y": "x + b1*y + b2*y*(x**2+y**2) - y*(x**2+y**2)**2",
        },
        b1=-1.0,
        b2=1.0,
    )
    span = {"b1": (-1, 1), "b2": (-1, 1)}
    hopf = tr.curve(
        model, ("b1", "b2"), start={"kind": "hopf", "x": 0, "y": 0, "b1": 0, "b2": 0.5}, span=span
    )
    row = hopf.special.query("kind == 'bautin'").iloc[0]
    curve = tr.curve(model, ("b1", "b2"), start=row, kind="fold_of_cycles", span=span)
    b1, b2 = (curve.points[name].to_numpy() for name in ("b1", "b2"))
    assert b1 == pytest.approx(-(b2**2) / 4, abs=1e-8)
    assert b2.min() < 1e-2
    assert b2.max() == pytest.approx(1)


def test_what_does_not_begin_there_is_said(text_model):
    model = text_model(
        {"x": "mu*x - y - x*(x**2+y**2)", "y": "x + mu*y - nu*y*(x**2+y**2)"}, mu=0.0, nu=1.0
    )
    start = {"x": 0, "y": 0, "mu": 0, "nu": 1}
    span = {"mu": (-1, 1), "nu": (0.5, 1.5)}
    with pytest.raises(SolveError, match="met no curve of folds of cycles"):
        tr.curve(model, ("mu", "nu"), start=start, kind="fold_of_cycles", span=span)
    with pytest.raises(ModelError, match="needs an orbit to start from"):
        tr.curve(model, ("mu", "nu"), start=start | {"orbit": None}, kind="homoclinic", span=span)
