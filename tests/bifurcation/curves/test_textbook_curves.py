"""Curves in two parameters, from default options, of systems that are known in closed form."""

import numpy as np
import pytest

import trustode as tr


def curves(model, pair, span, **options):
    """Return the curves of a regime map, by kind, and its organising centres."""
    found = tr.regime_map(
        model, pair, span=dict(zip(pair, span, strict=True)), n=2, t=(0, 5), **options
    )
    return {each.kind: [c for c in found.curves if c.kind == each.kind] for each in found.curves}, (
        found.special
    )


def test_both_hopf_curves_of_a_double_hopf_point(text_model):
    # The amplitudes' equations of Kuznetsov (2004), section 8.6: Hopf points at a = 0 and at b = 0.
    # No diagram along a crosses the second, which lies along it.
    model = text_model(
        {
            "x": "a*x - y - x*(x**2 + y**2) - 2*x*(u**2 + v**2)",
            "y": "x + a*y - y*(x**2 + y**2) - 2*y*(u**2 + v**2)",
            "u": "b*u - 1.7*v - u*(u**2 + v**2) - 1.5*u*(x**2 + y**2)",
            "v": "1.7*u + b*v - v*(u**2 + v**2) - 1.5*v*(x**2 + y**2)",
        },
        a=-0.5,
        b=-0.3,
    )
    found, special = curves(model, ("a", "b"), ((-1, 1), (-1, 1)), cycles=False, levels=[0.21])
    first, second = found["hopf"]
    assert first.points["a"].to_numpy() == pytest.approx(0, abs=1e-9)
    assert second.points["b"].to_numpy() == pytest.approx(0, abs=1e-9)
    assert [first.points["omega"].mean(), second.points["omega"].mean()] == pytest.approx([1, 1.7])
    assert list(special["kind"]) == ["hopf_hopf"]


def test_a_hopf_curve_leaves_a_bogdanov_takens_point_at_once(text_model):
    # The fast part of Hindmarsh & Rose (1984) with the slope as a parameter: x is double where
    # 3 x = 2 (a - 5), the trace vanishes where 3 x^2 - 2 a x + 1 = 0; both at x = 1/10.
    model = text_model(
        {"x": "y - x**3 + a*x**2 + c", "y": "1 - 5*x**2 - y"}, {"x": 0.2, "y": 0.8}, a=3.0, c=0.0
    )
    found, special = curves(model, ("c", "a"), ((-4, 6), (1, 6)), cycles=False, levels=[3.0, 5.9])
    centres = {row["kind"]: (row["c"], row["a"]) for row in special.to_dict("records")}
    assert centres["bogdanov_takens"] == pytest.approx((-1.0005, 5.15), rel=1e-8)
    assert centres["cusp"] == pytest.approx((-1, 5), rel=1e-8)
    assert set(special["kind"]) == {"bogdanov_takens", "cusp"}
    for each in found["hopf"]:
        x, a = each.points["x"].to_numpy(), each.points["a"].to_numpy()
        assert a == pytest.approx((3 * x**2 + 1) / (2 * x), rel=1e-8)
        assert len(each) < 200


def test_two_cusps_of_the_swallowtail(text_model):
    # Degenerate where b = 1.2 x - 4 x^3 and 1.2 = 12 x^2.
    model = text_model({"x": "a + b*x - 0.6*x**2 + x**4"}, a=0.0, b=0.0)
    found, special = curves(model, ("a", "b"), ((-0.5, 0.5), (-0.6, 0.6)))
    (fold,) = found["fold"]
    x = np.array([-1, 1]) * 0.1**0.5
    # Which of them comes first at one value of a is rounding.
    special = special.sort_values("b")
    assert special["b"].to_numpy() == pytest.approx(1.2 * x - 4 * x**3, rel=1e-8)
    assert special["a"].to_numpy() == pytest.approx([-0.03, -0.03], rel=1e-8)
    at = fold.points["x"].to_numpy()
    assert fold.points["b"].to_numpy() == pytest.approx(1.2 * at - 4 * at**3, abs=1e-9)


@pytest.mark.parametrize("kind", ["fold", "hopf"])
def test_a_closed_curve_is_walked_once(text_model, kind):
    equations = {"x": "a**2 + b**2 - 1 + x**2"}
    if kind == "hopf":
        growth = "(1 - a**2 - b**2 - x**2 - y**2)"
        equations = {"x": f"x*{growth} - y", "y": f"y*{growth} + x"}
    model = text_model(equations, a=0.3, b=0.1)
    found, special = curves(model, ("a", "b"), ((-2, 2), (-2, 2)), cycles=False)
    (only,) = found[kind]
    assert only.closed
    assert special.empty
    assert np.hypot(only.points["a"], only.points["b"]).to_numpy() == pytest.approx(1, rel=1e-9)


@pytest.mark.parametrize("pair", [("a", "b"), ("b", "a")])
@pytest.mark.parametrize("free", ["a", "b"])
def test_branch_points_along_a_curve(text_model, pair, free):
    model = text_model({"x": "x*(a - b**2) - x**2"}, a=0.3, b=0.5)
    branch = tr.diagram(model, free, (-1, 1), cycles=False)
    span = {"a": (-1, 1), "b": (-1.2, 1.2)}
    for _, start in branch.special.iterrows():
        curve = tr.curve(model, pair, start=start, span=span)
        points = curve.points
        assert points["a"].to_numpy() == pytest.approx(points["b"].to_numpy() ** 2, abs=1e-9)
        assert curve.ends == ("span reached, a = 1",) * 2
        assert curve.special.empty


def test_a_map_finds_what_lies_along_its_first_parameter(text_model):
    # Kuznetsov (2004), section 7.4: a fork at a = 0 whatever b, which leads to no change of x.
    model = text_model({"x": "y", "y": "a*x + b*y + x**3 - x**2*y"}, {"x": 0.1}, a=-0.5, b=0.2)
    found, special = curves(model, ("b", "a"), ((-1, 1), (-1, 1)), cycles=False, levels=[-0.4])
    (forks,) = found["branch_point"]
    assert forks.points["a"].to_numpy() == pytest.approx(0, abs=1e-12)
    assert forks.ends == ("span reached, b = -1", "span reached, b = 1")
    assert list(special["kind"]) == ["bogdanov_takens"]


def hopf_curves(model, free, pair, span):
    """Return the curve through each Hopf point of a diagram along the first parameter."""
    found = tr.diagram(model, free, span[free], cycles=False).special
    return [
        tr.curve(model, pair, start=row, span=span)
        for _, row in found[found["kind"] == "hopf"].iterrows()
    ]


def test_a_hopf_curve_passes_the_double_zero_of_a_symmetric_system(text_model):
    # Kuznetsov (2004), section 7.4: rests at x^2 = a, no trace there where b = x^2, and omega^2 =
    # 2 x^2, which touches zero where the curves of both rests meet.
    model = text_model({"x": "y", "y": "a*x + b*y - x**3 - x**2*y"}, {"x": 0.1}, a=0.5, b=0.2)
    for curve in hopf_curves(model, "b", ("b", "a"), {"b": (-0.3, 1), "a": (-0.5, 0.8)}):
        (row,) = curve.special.to_dict("records")
        assert row["kind"] == "bogdanov_takens"
        assert [row[name] for name in ("a", "b", "x", "y")] == pytest.approx([0, 0, 0, 0], abs=1e-9)
        assert curve.points["a"].to_numpy() == pytest.approx(curve.points["b"].to_numpy())
        assert curve.ends == ("span reached, a = 0.8", "span reached, a = 0.8")


def test_hopf_curves_of_a_food_chain_meet_where_the_top_predator_enters(text_model):
    """Rosenzweig-MacArthur with a predator of the predator: Kuznetsov, De Feo & Rinaldi (2001).

    Without it x = 2/19 and the prey's nullcline is flat at k = 2 x + 1/3; it enters at d =
    y / 20 / (1/2 + y). Both curves of Hopf points pass there, the second along a double root.
    """
    model = text_model(
        {
            "x": "x*(1-x/k) - 5/3*x*y/(1/3+x)",
            "y": "5/3*x*y/(1/3+x) - 0.4*y - 0.05*y*z/(0.5+y)",
            "z": "0.05*y*z/(0.5+y) - d*z",
        },
        {"x": 0.5, "y": 0.2, "z": 5.0}, k=0.8, d=0.01,
    )  # fmt: skip
    k = 4 / 19 + 1 / 3
    y = 0.6 * (1 - 2 / 19 / k) * (1 / 3 + 2 / 19)
    curves = hopf_curves(model, "k", ("k", "d"), {"k": (0.2, 1.4), "d": (0.005, 0.03)})
    assert len(curves) == 2
    for curve in curves:
        rows = curve.special[curve.special["kind"] == "zero_hopf"].to_dict("records")
        found = [[row[name] for name in ("k", "d", "x", "y", "z")] for row in rows]
        known = [k, 0.05 * y / (0.5 + y), 2 / 19, y, 0]
        assert found == [pytest.approx(known, rel=1e-8, abs=1e-8)]
        assert curve.special["converged"].all()
    # On the plane without it l1 keeps its sign; the others are where l1 vanishes.
    assert [sorted(curve.special["kind"]) for curve in curves] == [
        ["zero_hopf"], ["bautin", "bautin", "zero_hopf"]
    ]  # fmt: skip


def test_folds_pass_the_plane_without_infection(text_model):
    """Limited treatment of an infection: Zhang & Liu (2008), J. Math. Anal. Appl. 348, 433.

    Nobody is infected where S = A/d. Both curves meet there: b l A = d (d + g + m + c) b and c =
    b l^2 A / d^2, where the fold's quadratic coefficient vanishes and its equations are singular.
    """
    model = text_model(
        {"S": "8 - 0.1*S - l*S*I", "I": "l*S*I - 0.13*I - c*I/(1 + I)"}, {"S": 40.0, "I": 10.0},
        l=0.1, c=2.0,
    )  # fmt: skip
    span = {"l": (0.002, 0.2), "c": (0.2, 8)}
    branch = tr.diagram(model, "l", span["l"], cycles=False)
    start = branch.special.query("kind == 'fold'").iloc[0]
    special = tr.curve(model, ("l", "c"), start=start, span=span).special
    assert list(special["kind"]) == ["bogdanov_takens", "bogdanov_takens", "cusp"]
    assert special["converged"].all()
    rate = (80 + np.sqrt(80**2 - 4 * 800 * 0.13)) / 1600
    row = special.iloc[2]
    assert [row["l"], row["c"], row["S"]] == pytest.approx([rate, 800 * rate**2, 80], rel=1e-8)


def test_homoclinic_orbits_leave_a_bogdanov_takens_point_of_a_map(text_model):
    # Holling's fourth response: the prey's nullcline and the predator's rests x = 1/sqrt(2), where
    # they merge, meet at K = sqrt(2).
    model = text_model(
        {"x": "x*(1-x/K) - x*y/(1/2+x**2)", "y": "y*(x/(1/2+x**2) - D)"}, {"x": 1.0, "y": 0.5},
        K=2.0, D=0.5,
    )  # fmt: skip
    found, special = curves(model, ("K", "D"), ((0.3, 3), (0.3, 1)), cycles=False, levels=[0.6])
    centre = special[special["kind"] == "bogdanov_takens"].iloc[0]
    assert [centre["K"], centre["D"]] == pytest.approx([2**0.5, 2**-0.5], rel=1e-8)
    (only,) = found["homoclinic"]
    assert any("shrinks to a Bogdanov-Takens point near K = 1.414" in each for each in only.ends)


def test_folds_that_pass_through_a_transcritical_point(text_model):
    """AUTO-07p, demo pp3: harvested prey of a food chain meets folds and extinction in one point.

    Without the third species the second grows as (p4 - p2 - p1 p6) + u (p1 p6^2 / 2 - p4^2) + ...
    """
    model = text_model(
        {
            "u1": "u1*(1-u1) - p4*u1*u2",
            "u2": "-p2*u2 + p4*u1*u2 - p5*u2*u3 - p1*(1-exp(-p6*u2))",
            "u3": "-p3*u3 + p5*u2*u3",
        },
        {"u1": 1.0},
        **{"p1": 0.0, "p2": 0.25, "p3": 0.5, "p4": 4.0, "p5": 3.0, "p6": 5.0},
    )
    p4 = (2.5 + 3.75**0.5) / 2
    for start in (3.0, 4.0):
        branch = tr.diagram(model, "p1", (0, 1), params={"p4": start}, cycles=False)
        fold = branch.special[branch.special["kind"] == "fold"].iloc[0]
        curve = tr.curve(
            model, ("p1", "p4"), start=fold, span={"p1": (0, 2), "p4": (2, 6)}, params={"p4": start}
        )
        (point,) = curve.special.to_dict("records")
        assert point["kind"] == "cusp"
        assert point["converged"]
        assert (point["p1"], point["p4"]) == pytest.approx(((p4 - 0.25) / 5, p4), rel=1e-8)
        assert (point["u1"], point["u2"]) == pytest.approx((1, 0), abs=1e-8)


def test_a_zero_hopf_point_on_an_invariant_plane(text_model):
    """Hastings & Powell (1991): the top predator enters where the others begin to swing.

    Without it the isocline of the prey is flat at x = 1/2 - 1/(2 b1), y from its growth; the
    predator's own eigenvalue is a2 y / (1 + b2 y) - d2. The first Lyapunov coefficient is that of
    the plane whatever d2.
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
    branch = tr.diagram(model, "b1", (0.5, 6), cycles=False)
    hopf = branch.special[(branch.special["kind"] == "hopf") & (branch.special["z"].abs() < 1e-9)]
    curve = tr.curve(
        model, ("b1", "d2"), start=hopf.iloc[0], span={"b1": (0.5, 6), "d2": (1e-3, 0.03)}
    )
    b1 = (23 - 329**0.5) / 4
    x = 0.5 - 0.5 / b1
    y = (1 - x) * (1 + b1 * x) / 5
    (point,) = curve.special.to_dict("records")
    assert point["kind"] == "zero_hopf"
    assert (point["b1"], point["d2"]) == pytest.approx((b1, 0.1 * y / (1 + 2 * y)), rel=1e-8)


def test_a_hopf_curve_passes_a_pitchfork(text_model):
    # The pair q +- i and the symmetric state z know nothing of each other: l1 = -1 all along the
    # curve, and the eigenvalue m of z passes zero where it crosses that of pitchforks.
    model = text_model(
        {
            "x": "q*x - y - x*(x**2 + y**2)",
            "y": "x + q*y - y*(x**2 + y**2)",
            "z": "m*z - z**3",
        },
        q=0.0,
        m=-0.4,
    )
    start = {"kind": "hopf", "x": 0.0, "y": 0.0, "z": 0.0, "q": 0.0, "m": -0.437, "omega": 1.0}
    found = tr.curve(model, ("q", "m"), start=start, span={"q": (-1, 1), "m": (-1, 1)})
    (row,) = found.special.to_dict("records")
    assert row["kind"] == "zero_hopf"
    assert [row["q"], row["m"]] == pytest.approx([0, 0], abs=1e-8)
