"""Curves of bifurcations in two parameters against closed forms and published points."""

import math

import numpy as np
import pandas as pd
import pytest

import trustode as tr

#: Relative, of located points; coefficients are given to as many digits as were published.
POINT = 1e-8


def special(curve, kind):
    return curve.special[curve.special["kind"] == kind]


def only(curve, kind):
    found = special(curve, kind)
    assert len(found) == 1
    return found.iloc[0]


def of_kind(branch, kind, n=0):
    return branch.special[branch.special["kind"] == kind].iloc[n]


# ---------------------------------------------------------------------- normal forms


def test_the_folds_of_a_cusp(text_model, follow, trace):
    # x' = m + l x - x^3: folds where 27 m^2 = 4 l^3, the cusp at 0, c = -1.
    model = text_model({"x": "m + l*x - x**3"}, m=0.0, l=1.0)
    branch = follow(model, "m", span=(-2, 2), start={"x": 0})
    for row in (branch.special.iloc[0], branch.special.iloc[1]):
        curve = trace(model, ("m", "l"), start=row, span={"m": (-2, 2), "l": (-1, 2)})
        assert curve.kind == "fold"
        m, l = curve.points["m"], curve.points["l"]
        np.testing.assert_allclose(27 * m**2, 4 * l**3, atol=1e-9)
        cusp = only(curve, "cusp")
        assert abs(cusp["m"]) + abs(cusp["l"]) + abs(cusp["x"]) < 1e-12
        assert cusp["coefficients"]["c"] == pytest.approx(-1.0)
        assert len(curve.special) == 1
        assert curve.points["l"].iloc[[0, -1]].tolist() == [2.0, 2.0]
        # a = 3 |x|, and x^2 = l / 3.
        np.testing.assert_allclose(curve.points["coefficient"], np.sqrt(3 * l), atol=1e-7)


def test_the_hopf_points_of_a_bautin_point(text_model, follow, trace):
    # z' = (m + i) z + n z |z|^2 - z |z|^4; with <q, q> = 1, |z|^2 = 2 |w|^2: l1 = 2 n, l2 = -4.
    square = "(x**2 + y**2)"
    model = text_model(
        {
            "x": f"m*x - y + n*x*{square} - x*{square}**2",
            "y": f"x + m*y + n*y*{square} - y*{square}**2",
        },
        m=-1.0,
        n=1.0,
    )
    branch = follow(model, "m", span=(-1, 1))
    curve = trace(
        model, ("m", "n"), start=branch.special.iloc[0], span={"m": (-1, 1), "n": (-1, 2)}
    )
    np.testing.assert_allclose(curve.points["m"], 0.0, atol=1e-12)
    np.testing.assert_allclose(curve.points["omega"], 1.0)
    np.testing.assert_allclose(curve.points["coefficient"], 2 * curve.points["n"], atol=1e-10)
    bautin = only(curve, "bautin")
    assert abs(bautin["n"]) < 1e-12
    assert bautin["coefficients"]["l2"] == pytest.approx(-4.0)
    assert bautin["period"] == pytest.approx(2 * math.pi)
    assert len(curve.special) == 1
    # The point is a start of its own: the curve through it is one of Hopf points.
    again = trace(model, ("m", "n"), start=bautin, span={"m": (-1, 1), "n": (-1, 2)})
    assert abs(only(again, "bautin")["n"]) < 1e-12


def test_a_bogdanov_takens_point(text_model, follow, trace):
    # Kuznetsov (2004), section 8.4: folds at 4 b1 = b2^2, Hopf points at b1 = 0 < -b2.
    model = text_model({"x": "y", "y": "b1 + b2*x + x**2 - x*y"}, {"x": -1.0}, b1=-1.0, b2=-0.5)
    span = {"b1": (-2, 1), "b2": (-2, 2)}
    branch = follow(model, "b1", span=(-2, 1), start={"x": -1})
    folds = trace(model, ("b1", "b2"), start=of_kind(branch, "fold"), span=span)
    np.testing.assert_allclose(4 * folds.points["b1"], folds.points["b2"] ** 2, atol=1e-10)
    hopfs = trace(model, ("b1", "b2"), start=of_kind(branch, "hopf"), span=span)
    np.testing.assert_allclose(hopfs.points["b1"], 0.0, atol=1e-12)
    for curve in (folds, hopfs):
        point = only(curve, "bogdanov_takens")
        assert len(curve.special) == 1
        assert abs(point["b1"]) + abs(point["b2"]) < 1e-11
        assert point["coefficients"] == pytest.approx({"a": 1.0, "b": -1.0})
    # The curve of Hopf points ends there, and can be started there.
    assert hopfs.ends[1].startswith("a Bogdanov-Takens point")
    assert hopfs.points["b2"].iloc[-1] == 0.0
    np.testing.assert_allclose(
        hopfs.points["omega"][:-1] ** 2, -hopfs.points["b2"][:-1], atol=1e-10
    )
    back = trace(model, ("b1", "b2"), start=only(folds, "bogdanov_takens"), kind="hopf", span=span)
    assert back.points["b2"].min() == -2.0
    assert len(special(back, "bogdanov_takens")) == len(back.special) == 1
    with pytest.raises(tr.ModelError, match=r'several curves.*kind="fold" or kind="hopf"'):
        tr.curve(model, ("b1", "b2"), start=only(folds, "bogdanov_takens"), span=span)


def test_a_zero_hopf_point(text_model, follow, trace):
    # Truncated normal form of Kuznetsov (2004), section 8.5, with s = 1 and theta = -3/2:
    # b of x^2 is 1; |y + i z|^2 = 2 |w|^2 makes c 2; d = -3/2.
    model = text_model(
        {
            "x": "m + x**2 + y**2 + z**2",
            "y": "(n - 1.5*x)*y - 2*z",
            "z": "2*y + (n - 1.5*x)*z",
        },
        {"x": -1.0},
        m=-1.0,
        n=-0.6,
    )
    span = {"m": (-2, 1), "n": (-1, 1)}
    branch = follow(model, "m", span=(-2, 1), start={"x": -1.0})
    folds = trace(model, ("m", "n"), start=of_kind(branch, "fold"), span=span)
    hopfs = trace(model, ("m", "n"), start=of_kind(branch, "hopf"), span=span)
    # Hopf points where x = n / 1.5 = -sqrt(-m) or +sqrt(-m).
    np.testing.assert_allclose(hopfs.points["m"], -((hopfs.points["n"] / 1.5) ** 2), atol=1e-10)
    for curve in (folds, hopfs):
        point = only(curve, "zero_hopf")
        assert len(curve.special) == 1
        assert abs(point["m"]) + abs(point["n"]) < 1e-10
        assert point["omega"] == pytest.approx(2.0)
        expected = {"b": 1.0, "c": 2.0, "d": -1.5, "s": 1.0, "theta": -1.5}
        assert point["coefficients"] == pytest.approx(expected)


def test_a_double_hopf_point(text_model, follow, trace):
    # Amplitudes r' = r (m - r^2 - 2 s^2), s' = s (n - 1.5 r^2 - s^2); |z|^2 = 2 |w|^2.
    one, two = "(x**2 + y**2)", "(u**2 + v**2)"
    model = text_model(
        {
            "x": f"m*x - y - x*({one} + 2*{two})",
            "y": f"x + m*y - y*({one} + 2*{two})",
            "u": f"n*u - 1.7*v - u*(1.5*{one} + {two})",
            "v": f"1.7*u + n*v - v*(1.5*{one} + {two})",
        },
        m=-0.5,
        n=-0.3,
    )
    branch = follow(model, "m", span=(-1, 1))
    curve = trace(
        model, ("m", "n"), start=branch.special.iloc[0], span={"m": (-1, 1), "n": (-1, 1)}
    )
    point = only(curve, "hopf_hopf")
    assert len(curve.special) == 1
    assert abs(point["m"]) + abs(point["n"]) < 1e-12
    assert (point["omega"], point["other_omega"]) == pytest.approx((1.0, 1.7))
    expected = {"p11": -2, "p12": -4, "p21": -3, "p22": -2, "theta": 2, "delta": 1.5}
    assert point["coefficients"] == pytest.approx(expected)


# ---------------------------------------------------------------------- textbook models


def test_the_brusselator(text_model, follow, trace):
    # Hopf points at B = 1 + A^2 with omega = A, all supercritical.
    model = text_model(
        {"x": "A - (B + 1)*x + x**2*y", "y": "B*x - x**2*y"}, {"x": 1, "y": 1}, A=1, B=1
    )
    branch = follow(model, "B", span=(0.5, 3), start={"x": 1, "y": 1})
    curve = trace(
        model, ("B", "A"), start=branch.special.iloc[0], span={"B": (0.5, 10), "A": (0.2, 2.5)}
    )
    np.testing.assert_allclose(curve.points["B"], 1 + curve.points["A"] ** 2, rtol=1e-9)
    np.testing.assert_allclose(curve.points["omega"], curve.points["A"], rtol=1e-9)
    assert (curve.points["coefficient"] < 0).all()
    assert len(curve.special) == 0
    assert curve.points["A"].min() == 0.2
    assert curve.points["A"].max() == 2.5
    assert "Stable cycles are born all along it" in curve.summary()


def test_predators_and_prey(text_model, follow, trace):
    # Rosenzweig & MacArthur (1963): x* = m / (2 - m); predators can live from K = x* on and
    # cycle from K = 1 + 2 x* on.
    model = text_model(
        {"x": "x*(1 - x/K) - 2*x*y/(1 + x)", "y": "2*x*y/(1 + x) - m*y"},
        {"x": 0.5, "y": 0.3},
        K=1,
        m=0.5,
    )
    branch = follow(model, "K", span=(0.1, 8), start={"x": 0.5, "y": 0.3})
    span = {"K": (0.1, 8), "m": (0.1, 1.9)}
    for kind, offset, factor in (("branch_point", 0, 1), ("hopf", 1, 2)):
        curve = trace(model, ("K", "m"), start=of_kind(branch, kind), span=span)
        m = curve.points["m"]
        np.testing.assert_allclose(curve.points["K"], offset + factor * m / (2 - m), rtol=1e-9)
        assert len(curve.special) == 0


def test_the_lorenz_equations(text_model, follow, trace):
    # Hopf points of the outer equilibria at rho = sigma (sigma + beta + 3) / (sigma - beta - 1).
    model = text_model(
        {"x": "s*(y - x)", "y": "r*x - y - x*z", "z": "x*y - b*z"}, s=10.0, r=20.0, b=8 / 3
    )
    x = math.sqrt(19 * 8 / 3)
    branch = follow(model, "r", span=(15, 30), start={"x": x, "y": x, "z": 19})
    curve = trace(
        model, ("r", "s"), start=of_kind(branch, "hopf"), span={"r": (15, 60), "s": (5, 40)}
    )
    s, b = curve.points["s"], 8 / 3
    np.testing.assert_allclose(curve.points["r"], s * (s + b + 3) / (s - b - 1), rtol=1e-9)


#: BifurcationKit.jl, test suite and tutorial of the extended Lorenz-84 model (Shil'nikov,
#: Nicolis & Nicolis 1995): coefficients of the Bogdanov-Takens point.
LORENZ_84_BT = {"a": 0.2144233509273467, "b": 0.6065145518280868}


def test_lorenz_84(text_model, follow, trace):
    start = {"X": 2.9787, "Y": -0.0387, "Z": 0.0582, "U": -0.0211}
    model = text_model(
        {
            "X": "-Y**2 - Z**2 - al*X + al*F - ga*U**2",
            "Y": "X*Y - be*X*Z - Y + G",
            "Z": "be*X*Y + X*Z - Z",
            "U": "-de*U + ga*U*X + T",
        },
        start,
        al=0.25,
        be=1.0,
        G=0.25,
        de=1.04,
        ga=0.987,
        F=1.7620532879639,
        T=0.0001265,
    )
    branch = follow(model, "F", span=(-1.5, 3), start=start)
    span = {"F": (-3, 5), "T": (-0.2, 0.2)}
    folds = trace(model, ("F", "T"), start=of_kind(branch, "fold"), span=span)
    assert sorted(folds.special["kind"]) == [
        *["bogdanov_takens"] * 2,
        "cusp",
        *["zero_hopf"] * 2,
    ]
    for _, point in special(folds, "bogdanov_takens").iterrows():
        assert point["coefficients"] == pytest.approx(LORENZ_84_BT, rel=1e-9)
    # The model does not change when U and T change sign: so do curves and points.
    mirrored = folds.special.iloc[::-1].assign(T=lambda table: -table["T"])
    np.testing.assert_allclose(
        folds.special[["F", "T"]].to_numpy(), mirrored[["F", "T"]].to_numpy(), atol=1e-9
    )
    assert abs(only(folds, "cusp")["T"]) < 1e-10
    one, two = (
        trace(model, ("F", "T"), start=of_kind(branch, "hopf", n), span=span) for n in (0, 1)
    )
    # One curve ends where the folds have their double zero, the other one meets them twice.
    ends = only(one, "bogdanov_takens")[["F", "T"]].to_numpy(dtype=float)
    known = special(folds, "bogdanov_takens")[["F", "T"]].to_numpy()
    assert np.abs(known - ends).max(axis=1).min() < 1e-9
    np.testing.assert_allclose(
        special(two, "zero_hopf")[["F", "T"]].to_numpy(),
        special(folds, "zero_hopf")[["F", "T"]].to_numpy(),
        atol=1e-9,
    )
    # Both pass through the same double Hopf point, each with its own pair first.
    first, second = only(one, "hopf_hopf"), special(two, "hopf_hopf").iloc[1]
    assert first[["F", "T"]].tolist() == pytest.approx(second[["F", "T"]].tolist(), abs=1e-9)
    assert first["omega"] == pytest.approx(second["other_omega"])
    assert first["coefficients"]["p12"] == pytest.approx(second["coefficients"]["p21"])


CO = {
    "x": "2*q1*(1-x-y-s)**2 - 2*q5*x**2 - q3*x*y",
    "y": "q2*(1-x-y-s) - q6*y - q3*x*y",
    "s": "q4*((1-x-y-s) - k*s)",
}
#: MatCont manual and BifurcationKit.jl's test of the CO oxidation model, recomputed to more
#: digits by the project's specification; l2 and c as MatCont 7.2 prints them.
CO_POINTS = {
    "fold": [
        ("bogdanov_takens", 1.161198708822, 0.7223390725222, ("a", 0.048225645244, 1e-8)),
        ("cusp", 1.006408329678, 0.3559912732087, ("c", 0.362789, 1e-5)),
        ("bogdanov_takens", 1.417627637601, 0.9713975734853, ("b", 2.1362799251, 1e-8)),
    ],
    "hopf": [
        ("bogdanov_takens", 1.161198708822, 0.7223390725222, ("b", 1.9376325696, 1e-8)),
        ("bautin", 0.8913189807743, 0.232487354203, ("l2", -776.900, 1e-6)),
        ("bautin", 0.9242550152186, 0.3058792674779, ("l2", -240.123, 1e-5)),
        ("bogdanov_takens", 1.417627637601, 0.9713975734853, ("a", 0.083784441423, 1e-8)),
    ],
}


@pytest.mark.parametrize("kind", CO_POINTS)
def test_carbon_monoxide(text_model, follow, trace, kind):
    start = {"x": 0.00107, "y": 0.8496, "s": 0.1067}
    parameters = {"q1": 2.5, "q2": 2.204678, "q3": 10, "q4": 0.0675, "q5": 1, "q6": 0.1, "k": 0.4}
    model = text_model(CO, start, **parameters)
    branch = follow(model, "q2", span=(0.5, 2.3), start=start)
    for n in (0, 1):
        curve = trace(
            model,
            ("q2", "k"),
            start=of_kind(branch, kind, n),
            span={"q2": (0.5, 2.3), "k": (0.1, 1.2)},
        )
        # Fold and first Lyapunov coefficient: here by compiled, there by interpreted forms.
        expected = of_kind(branch, kind, n)["coefficient"]
        assert curve.points["coefficient"].iloc[curve.start] == pytest.approx(expected, rel=1e-9)
        assert len(curve.special) == len(CO_POINTS[kind])
        rows = [row for _, row in curve.special.iterrows()]
        if rows[0]["q2"] > 1.3:
            rows.reverse()
        for row, (name, q2, k, (key, value, digits)) in zip(rows, CO_POINTS[kind], strict=True):
            assert row["kind"] == name
            assert (row["q2"], row["k"]) == pytest.approx((q2, k), rel=POINT)
            assert row["coefficients"][key] == pytest.approx(value, rel=digits)


def test_every_point_of_the_reference_file(shared, text_model, trace):
    """Curves from all points of a case hold every point of codimension two, and no other."""
    yaml = pytest.importorskip("yaml", reason="reads the reference cases, needs pyyaml")
    kinds = {"CP": "cusp", "BT": "bogdanov_takens", "GH": "bautin", "ZH": "zero_hopf"}
    spans = {"cusp": (-1, 2), "bautin": (-1, 2), "fhn": (0.5, 5), "tm": (0.5, 2.5)}
    for case in yaml.safe_load((shared / "cases" / "bifurcation.yaml").read_text())["cases"]:
        if case["id"] not in spans:
            continue
        values = {name: float(eval_fraction(v)) for name, v in case["parameters"].items()}
        model = text_model(case["equations"], case["start"], **values)
        free, other = case["free"], case["free2"]
        low, high = case["range"]
        branch = tr.continuation(model, free, start=case["start"], span=(low, high))
        found = []
        for _, row in branch.special.iterrows():
            span = {free: (2 * low - high, high), other: spans[case["id"]]}
            curve = trace(model, (free, other), start=row, span=span)
            found += [each for _, each in curve.special.iterrows()]
        for point in case["codim2_points"]:
            near = [
                row
                for row in found
                if row["kind"] == kinds[point["kind"]]
                and all(
                    row[name] == pytest.approx(value, rel=POINT, abs=POINT)
                    for name, value in point["par"].items()
                )
            ]
            assert near, (case["id"], point)
            if "omega" in point:
                assert near[0]["omega"] == pytest.approx(point["omega"], rel=POINT)


def eval_fraction(value):
    """Read a number that may be written as a fraction."""
    above, _, below = str(value).partition("/")
    return float(above) / float(below or 1)


@pytest.fixture(scope="module")
def trust():
    """Return the fast subsystem of the updated model, and its branch along p."""
    model = tr.models.load("trust-updated", profile="bpd").freeze({"G": 0.2})
    start = {"T": 0.9, "L": 0.7, "E": 1.0, "p": 0.9}
    branch = tr.continuation(model, "p", start=start, span=(0.3, 1.0), params={"kappa": 2.2})
    return model, branch


def test_the_organising_centres_of_trust(trust, trace):
    """The model's specification: the fast subsystem in (p, kappa), and one Hopf curve."""
    model, branch = trust
    span = {"p": (-1, 1.5), "kappa": (0, 3.5)}
    folds = trace(model, ("p", "kappa"), start=of_kind(branch, "fold"), span=span)
    expected = {
        "bogdanov_takens": [(0.8006, 1.8271), (0.8588, 2.6828)],
        "cusp": [(0.514, 2.007), (0.556, 2.551), (0.8578, 1.7702)],
        "bautin": [(0.929, 0.814), (0.992, 1.646)],
    }

    def check(curve, kind, digits):
        rows = special(curve, kind)[["p", "kappa"]].sort_values("p").to_numpy()
        np.testing.assert_allclose(rows, expected[kind], atol=digits)

    check(folds, "bogdanov_takens", 5e-5)
    check(folds, "cusp", 5e-4)
    assert len(folds.special) == 5
    hopfs = trace(model, ("p", "kappa"), start=of_kind(branch, "hopf"), span=span)
    check(hopfs, "bogdanov_takens", 5e-5)
    check(hopfs, "bautin", 5e-4)
    assert len(hopfs.special) == 4
    assert all(end.startswith("a Bogdanov-Takens point") for end in hopfs.ends)
    # kappa = 2.2 came with the row, not from the profile.
    assert folds.params["nu"] == 3.0
    assert 2.2 in folds.points["kappa"].round(9).tolist()


# ---------------------------------------------------------------------- what makes it hard


def test_closed_curves_are_recognised(text_model, follow, trace):
    # x' = x^2 + m^2 + n^2 - 1: folds on the unit circle.
    model = text_model({"x": "x**2 + m**2 + n**2 - 1"}, {"x": -0.9}, m=0.3, n=0.1)
    branch = follow(model, "m", span=(-2, 2), start={"x": -0.9})
    span = {"m": (-2, 2), "n": (-2, 2)}
    curve = trace(model, ("m", "n"), start=branch.special.iloc[0], span=span)
    assert curve.closed
    assert curve.points["m"].iloc[0] == pytest.approx(curve.points["m"].iloc[-1])
    radius = np.hypot(curve.points["m"], curve.points["n"])
    np.testing.assert_allclose(radius, 1.0, rtol=1e-9)
    turns = np.diff(np.unwrap(np.arctan2(curve.points["n"], curve.points["m"]))).sum()
    assert abs(turns) == pytest.approx(2 * math.pi)
    assert "the curve is closed" in repr(curve)


def test_two_cusps_in_one_step(text_model, follow, trace):
    # The swallowtail x' = a + b x + c x^2 + x^4 has cusps at x^2 = -c / 6, b = 8 x^3.
    c = -1e-4
    model = text_model({"x": "a + b*x + c*x**2 + x**4"}, {"x": -1}, a=-1.0, b=0.1, c=c)
    branch = follow(model, "a", span=(-2, 2), start={"x": -1})
    curve = trace(
        model, ("a", "b"), start=branch.special.iloc[0], span={"a": (-2, 2), "b": (-1, 1)}
    )
    expected = 8 * math.sqrt(-c / 6) ** 3
    assert sorted(special(curve, "cusp")["b"]) == pytest.approx([-expected, expected])
    assert len(curve.special) == 2


def test_two_bautin_points_in_one_step(text_model, follow, trace):
    square = "(x**2 + y**2)"
    cubic = "((n - 0.3)**2 - 0.003**2)"
    model = text_model(
        {
            "x": f"m*x - y + {cubic}*x*{square} - x*{square}**2",
            "y": f"x + m*y + {cubic}*y*{square} - y*{square}**2",
        },
        m=-1.0,
        n=1.0,
    )
    branch = follow(model, "m", span=(-1, 1))
    curve = trace(
        model, ("m", "n"), start=branch.special.iloc[0], span={"m": (-1, 1), "n": (-1, 1)}
    )
    assert sorted(special(curve, "bautin")["n"]) == pytest.approx([0.297, 0.303])


def test_hopf_points_of_linear_oscillators_are_no_bautin_points(text_model, follow, trace):
    model = text_model({"x": "m*x - y*n", "y": "n*x + m*y"}, m=-1.0, n=1.0)
    branch = follow(model, "m", span=(-1, 1))
    curve = trace(
        model, ("m", "n"), start=branch.special.iloc[0], span={"m": (-1, 1), "n": (0.5, 2)}
    )
    assert len(curve.special) == 0


def test_a_pitchfork_on_a_fold_is_no_double_zero_of_bogdanov_and_takens(text_model, follow, trace):
    # Two zero eigenvalues, each with its own eigenvector.
    model = text_model({"x": "m - x**2", "y": "(n - 0.1)*y - y**3"}, {"x": 1}, m=1.0, n=-0.5)
    branch = follow(model, "m", span=(-1, 2), start={"x": 1})
    curve = trace(
        model, ("m", "n"), start=of_kind(branch, "fold"), span={"m": (-1, 2), "n": (-1, 1)}
    )
    assert len(curve.special) == 0
    assert sorted(set(curve.points["n_unstable"])) == [0, 1]


def test_states_of_very_unlike_sizes(text_model, follow, trace):
    # The Bogdanov-Takens normal form in other units: a million, and a millionth.
    model = text_model(
        {"x": "1e-6*y", "y": "1e-6*(1e6*b1 + b2*x + x**2/1e6 - x*y/1e6)"},
        {"x": -1e6},
        b1=-1.0,
        b2=-0.5,
    )
    branch = follow(model, "b1", span=(-2, 1), start={"x": -1e6})
    for kind in ("fold", "hopf"):
        curve = trace(
            model,
            ("b1", "b2"),
            start=of_kind(branch, kind),
            span={"b1": (-2, 1), "b2": (-2, 2)},
        )
        point = only(curve, "bogdanov_takens")
        assert len(curve.special) == 1
        assert abs(point["b1"]) + abs(point["b2"]) < 1e-8


def test_branch_points_that_do_not_persist(text_model, follow):
    model = text_model({"x": "n + m*x - x**3"}, m=-1.0, n=0.0)
    branch = follow(model, "m", span=(-1, 1), start={"x": 0})
    with pytest.raises(tr.SolveError, match="does not persist: as n changes"):
        tr.curve(model, ("m", "n"), start=branch.special.iloc[0], span={"m": (-1, 1), "n": (-1, 1)})


def test_an_input_can_be_varied(trust, trace):
    model, branch = trust
    span = {"p": (0.3, 1.5), "ev": (-0.1, 0.1)}
    curve = trace(model, ("p", "ev"), start=of_kind(branch, "hopf"), span=span)
    # p and ev enter as their sum, but for the partner's own share.
    total = curve.points["p"] + curve.points["ev"]
    np.testing.assert_allclose(total, total.iloc[0], rtol=1e-9)


# ---------------------------------------------------------------------- starts and results


@pytest.fixture
def cusp(text_model):
    model = text_model({"x": "m + l*x - x**3"}, m=0.0, l=1.0)
    branch = tr.continuation(model, "m", span=(-2, 2), start={"x": 0}, params={"l": 0.5})
    return model, branch


SPAN = {"m": (-2, 2), "l": (-1, 2)}


def test_held_values_travel_with_the_row(cusp):
    model, branch = cusp
    row = branch.special.query("kind == 'fold'").iloc[0]
    curve = tr.curve(model, ("m", "l"), start=row, span=SPAN)
    assert curve.points["l"].iloc[curve.start] == 0.5
    # Without them, what is asked decides, and the point next to it is found.
    bare = dict(row)
    curve = tr.curve(model, ("m", "l"), start=bare, span=SPAN, params={"l": 0.5})
    assert curve.points["l"].iloc[curve.start] == 0.5


def test_a_rounded_start_will_do(cusp):
    model, branch = cusp
    row = branch.special.iloc[0].copy()
    row["m"], row["x"] = round(row["m"], 3), round(row["x"], 3)
    curve = tr.curve(model, ("m", "l"), start=row, span=SPAN)
    exact = tr.curve(model, ("m", "l"), start=branch.special.iloc[0], span=SPAN)
    k = curve.start
    assert curve.points["m"].iloc[k] == pytest.approx(exact.points["m"].iloc[exact.start])


def test_the_result_can_be_read(cusp):
    model, branch = cusp
    curve = tr.curve(model, ("m", "l"), start=branch.special.iloc[0], span=SPAN)
    assert repr(curve).startswith("<BifurcationCurve of 'test model': ")
    assert "cusp at m = 0, l = 0: two folds meet, and hysteresis begins (c = -1)" in repr(curve)
    assert "It begins where: span reached, l = 2" in curve.summary()
    frame = curve.to_frame()
    assert isinstance(frame, pd.DataFrame)
    assert list(frame) == ["step", "m", "l", "x", "n_unstable", "coefficient"]
    frame["m"] = 0.0
    assert curve.points["m"].abs().max() > 0
    with pytest.raises(AttributeError):
        curve.kind = "hopf"


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"parameters": ("m", "ll")}, tr.ModelError, "'ll' is not a parameter; did you mean 'l'"),
        ({"parameters": ("m", "m")}, tr.ModelError, "m is given twice"),
        ({"parameters": "m"}, tr.ModelError, "give two of: m, l"),
        ({"span": (0, 1)}, tr.ModelError, "give the ends of both parameters"),
        ({"span": {"m": (0, 1)}}, tr.ModelError, "span gives no ends of l"),
        ({"span": SPAN | {"l": (1, 0)}}, tr.ModelError, "span of l: 1 is not below 0"),
        ({"span": SPAN | {"k": (0, 1)}}, tr.ModelError, "span of 'k'"),
        ({"span": SPAN | {"l": 3}}, tr.ModelError, "span of l must be a pair"),
        ({"span": SPAN | {"l": (0, math.nan)}}, tr.ModelError, "not a finite number"),
        ({"span": SPAN | {"l": (0, 0.1)}}, tr.ModelError, "start has l = 0.5, outside its span"),
        ({"start": None}, tr.ModelError, "give one row of a table of special points"),
        ({"start": {"kind": "fold", "m": 0}}, tr.ModelError, "start gives no value of x"),
        ({"start": {"kind": "fould", "m": 0, "x": 0}}, tr.ModelError, "did you mean 'fold'"),
        ({"start": {"kind": "fold", "m": 1, "x": "a"}}, tr.ModelError, "not a finite number"),
        ({"start": {"kind": "hopf", "m": 0, "x": 0}}, tr.ModelError, "one state only"),
        ({"start": {"kind": "fold", "m": 1.9, "x": 9}}, tr.SolveError, "found no fold"),
        ({"kind": "hopff"}, tr.ModelError, "did you mean 'hopf'"),
        ({"stepper": 3}, tr.OptionError, "is not an ArcLength"),
        ({"params": {"mm": 3}}, tr.ModelError, "'mm'"),
        ({"model": 3}, tr.ModelError, "expected a Model"),
        ({"spann": 3}, tr.KeywordError, "did you mean 'span'"),
    ],
)
def test_wrong_questions_are_explained(cusp, change, error, message):
    model, branch = cusp
    call = {"model": model, "parameters": ("m", "l"), "start": branch.special.iloc[0], "span": SPAN}
    with pytest.raises(error, match=message):
        tr.curve(**(call | change))


def test_steps_are_limited(cusp):
    model, branch = cusp
    stepper = tr.ArcLength(max_steps=3)
    curve = tr.curve(model, ("m", "l"), start=branch.special.iloc[0], span=SPAN, stepper=stepper)
    assert len(curve) == 7
    assert all(end.startswith("step limit, 3 at m = ") for end in curve.ends)
