"""Curves of bifurcations of cycles against closed forms."""

import math

import numpy as np
import pytest

import trustode as tr


@pytest.fixture(scope="module")
def bautin(text_model):
    return text_model(
        {
            "x": "b1*x - y + b2*x*(x**2+y**2) - x*(x**2+y**2)**2",
            "y": "x + b1*y + b2*y*(x**2+y**2) - y*(x**2+y**2)**2",
        },
        b1=-1.0,
        b2=1.0,
    )


@pytest.fixture(scope="module")
def lure(text_model):
    return text_model(
        {"x": "y", "y": "z", "z": "-alpha*z - beta*y - x + x**2"}, alpha=2.0, beta=1.0
    )


def test_folds_of_cycles_run_into_the_bautin_point(bautin):
    """Kuznetsov (2004), section 8.3: b2^2 + 4 b1 = 0 for b2 > 0."""
    family = tr.cycles(bautin, "b1", start={"x": 0, "y": 0, "b1": 0}, span=(-1, 1))
    row = family.special.query("kind == 'fold_of_cycles'").iloc[0]
    curve = tr.curve(bautin, ("b1", "b2"), start=row, span={"b1": (-1, 1), "b2": (-1, 3)})
    assert curve.kind == "fold_of_cycles"
    b1, b2 = curve.points["b1"].to_numpy(), curve.points["b2"].to_numpy()
    assert b1 == pytest.approx(-(b2**2) / 4, abs=1e-8)
    assert curve.points["period"].to_numpy() == pytest.approx(2 * math.pi, rel=1e-8)
    assert curve.points["max_x"].to_numpy() == pytest.approx(np.sqrt(b2 / 2), abs=1e-4)
    ends = " ".join(curve.ends)
    assert "Bautin point" in ends
    assert "b1 = -1" in ends
    assert len(curve.special) == 0


def test_period_doublings_keep_a_multiplier_at_minus_one(lure):
    start = {"x": 0, "y": 0, "z": 0, "alpha": 1}
    family = tr.cycles(lure, "alpha", start=start, span=(0.3, 2.0))
    row = family.special.query("kind == 'period_doubling'").iloc[0]
    spans = {"alpha": (0.5, 2.0), "beta": (0.7, 1.3)}
    curve = tr.curve(lure, ("alpha", "beta"), start=row, span=spans)
    for values in curve.points["multipliers"]:
        assert np.abs(values + 1.0).min() < 1e-6
    # The same point of the curve, met along the other parameter.
    at = curve.points.iloc[len(curve) // 4]
    held = {"beta": float(at["beta"])}
    start = {"x": 0, "y": 0, "z": 0, "alpha": 1 / held["beta"]}
    again = tr.cycles(lure, "alpha", start=start, span=(0.3, 2.0), params=held)
    found = again.special.query("kind == 'period_doubling'")["alpha"]
    assert np.abs(found - at["alpha"]).min() < 1e-7


def test_torus_bifurcations_of_langfords_system(text_model):
    """With rotational symmetry the torus is a Hopf point of the radius and height.

    Langford (1979): the orbit of radius r at height z = b has r^2 = c + a b - b^3/3, and turns
    into a torus where the trace a - b^2 vanishes.
    """
    model = text_model(
        {
            "x": "(z - b)*x - d*y",
            "y": "d*x + (z - b)*y",
            "z": "c + a*z - z**3/3 - (x**2 + y**2)",
        },
        a=0.5,
        b=0.9,
        c=0.6,
        d=3.5,
    )
    radius = math.sqrt(0.6 + 0.5 * 0.9 - 0.9**3 / 3)
    settled = tr.simulate(model, (0, 200), initial={"x": radius, "y": 0.0, "z": 0.9})
    family = tr.cycles(model, "b", start=settled, span=(0.5, 1.2))
    row = family.special.query("kind == 'torus'").iloc[0]
    assert row["b"] == pytest.approx(math.sqrt(0.5), rel=1e-8)
    curve = tr.curve(model, ("b", "a"), start=row, span={"b": (0.5, 1.2), "a": (0.3, 0.9)})
    a, b = curve.points["a"].to_numpy(), curve.points["b"].to_numpy()
    assert a == pytest.approx(b**2, abs=1e-8)
    assert curve.points["period"].to_numpy() == pytest.approx(2 * math.pi / 3.5, rel=1e-8)
    squares = 0.6 + a * b - b**3 / 3
    # Radius and height turn with omega^2 = 2 r^2, at each return by omega times the period.
    angle = np.sqrt(2.0 * squares) * 2 * math.pi / 3.5
    turned = np.abs((curve.points["angle"].to_numpy() + np.pi) % (2 * np.pi) - np.pi)
    assert turned == pytest.approx(np.abs((angle + np.pi) % (2 * np.pi) - np.pi), abs=1e-6)


def test_a_generalised_period_doubling(text_model):
    """A circle, and across it a direction a that turns by half a turn each time around.

    a' = a (m + (c - 3/10 + m) a^2 - a^4): multiplier -exp(2 pi m), doubled cycles where
    m (1 + a^2) = a^4 - (c - 3/10) a^2, super- or subcritical for c below or above 3/10.
    """
    square = "((1+x)/2*u**2 + y*u*v + (1-x)/2*v**2)"
    growth = f"(1 + m + (c - 0.3 + m)*{square} - {square}**2)"
    model = text_model(
        {
            "x": "x*(1 - x**2 - y**2) - y",
            "y": "y*(1 - x**2 - y**2) + x",
            "u": f"-v/2 - u + ((1+x)/2*u + y/2*v)*{growth}",
            "v": f"u/2 - v + (y/2*u + (1-x)/2*v)*{growth}",
        },
        {"x": 0.5},
        m=-0.2,
        c=-1.0,
    )
    family = tr.cycles(model, "m", span=(-0.5, 0.5))
    (row,) = (row for _, row in family.special.iterrows())
    found = tr.curve(model, ("m", "c"), start=row, span={"m": (-1, 1), "c": (-2, 2)})
    assert found.points["m"].to_numpy() == pytest.approx(0, abs=1e-9)
    (point,) = found.special.to_dict("records")
    assert point["kind"] == "generalised_period_doubling"
    assert point["converged"]
    assert [point["m"], point["c"]] == pytest.approx([0, 0.3], abs=1e-8)
    assert "a fold of doubled cycles begins" in found.summary()


def test_folds_of_cycles_among_canards_are_walked_once(text_model):
    """AUTO-07p, demo abc (Doedel & Heinemann 1983): A to B to C in a stirred tank.

    One curve of folds joins two Bautin points by way of a cusp, one leaves the third for orbits
    that pass a saddle ever more slowly. The Bautin points as the Hopf curve has them.
    """
    model = text_model(
        {
            "u1": "-u1 + D*(1-u1)*exp(u3)",
            "u2": "-u2 + D*exp(u3)*(1-u1 - s*u2)",
            "u3": "-u3 - beta*u3 + D*B*exp(u3)*(1-u1 + alpha*s*u2)",
        },
        **{"D": 0.0, "alpha": 1.0, "beta": 1.55, "B": 8.0, "s": 0.04},
    )
    pair, span = ("D", "beta"), {"D": (0, 0.6), "beta": (1, 2.5)}
    found = tr.diagram(model, "D", (0, 0.4))
    hopf = found.special[found.special["kind"] == "hopf"].iloc[0]
    points = tr.curve(model, pair, start=hopf, span=span).special
    bautin = sorted(points[points["kind"] == "bautin"]["beta"])
    folds = found.special[found.special["kind"] == "fold_of_cycles"]
    assert len(bautin) == len(folds) == 3
    for _, row in folds.iterrows():
        curve = tr.curve(model, pair, start=row, span=span)
        ends = [float(end.split("beta = ")[1]) for end in curve.ends if "Bautin point" in end]
        alone = row["D"] < 0.213 and row["period"] > 8
        assert sorted(ends) == pytest.approx(bautin[2:] if alone else bautin[:2], rel=1e-4)
        assert list(curve.special["kind"]) == ([] if alone else ["cusp_of_cycles"])
        assert curve.special["converged"].all()
        if alone:
            assert curve.points["period"].max() == curve.points["period"].iloc[0] > 40


def test_a_closed_curve_of_period_doublings_is_walked_once(text_model):
    """Hastings & Powell (1991), Ecology 72, 896: a food chain of three species.

    After one turn what doubles comes back with its sign changed, at the same orbits.
    """
    model = text_model(
        {
            "x": "x*(1-x) - a1*x*y/(1+b1*x)",
            "y": "a1*x*y/(1+b1*x) - a2*y*z/(1+b2*y) - d1*y",
            "z": "a2*y*z/(1+b2*y) - d2*z",
        },
        {"x": 0.8, "y": 0.1, "z": 9.0},
        **{"a1": 5.0, "b1": 3.0, "a2": 0.1, "b2": 2.0, "d1": 0.4, "d2": 0.01},
    )
    start = {"x": 0.760264, "y": 0.125, "z": 13.226257, "b1": 2.113787}
    family = tr.cycles(model, "b1", start=start, span=(0.5, 2.4))
    row = family.special.query("kind == 'period_doubling'").iloc[0]
    span = {"b1": (1, 6), "d2": (0.005, 0.02)}
    curve = tr.curve(model, ("b1", "d2"), start=row, span=span)
    assert curve.closed
    assert curve.ends == ("closed curve: back at the start",) * 2
    at = curve.points[["b1", "d2"]].to_numpy() / [5, 0.015]
    assert at[0] == pytest.approx(at[-1], abs=1e-9)
    # One way and back.
    ways = np.sign(np.diff(at[:, 0]))
    assert np.count_nonzero(np.diff(np.append(ways, ways[0]))) == 2
    for values in curve.points["multipliers"]:
        assert np.abs(values + 1.0).min() < 1e-6


def test_what_cannot_be_followed_is_said(bautin):
    family = tr.cycles(bautin, "b1", start={"x": 0, "y": 0, "b1": 0}, span=(-1, 1))
    row = family.special.iloc[0].copy()
    row["kind"] = "branch_point"
    with pytest.raises(tr.ModelError, match="branch point of cycles"):
        tr.curve(bautin, ("b1", "b2"), start=row, span={"b1": (-1, 1), "b2": (-1, 3)})
    start = {"kind": "fold_of_cycles", "orbit": None, "b1": -0.25}
    with pytest.raises(tr.ModelError, match="a row of the special points"):
        tr.curve(bautin, ("b1", "b2"), start=start, span={"b1": (-1, 1), "b2": (-1, 3)})
