"""Normal-form coefficients of cycles against closed forms and what is born beside them."""

import math

import numpy as np
import pytest

import trustode as tr

CIRCLE = {"x": "x*(1-x**2-y**2) - y", "y": "y*(1-x**2-y**2) + x"}


@pytest.mark.parametrize("shear", [0.5, 1.0])
def test_a_fold_of_circles_has_the_coefficient_of_its_radius(text_model, shear):
    # r' = r (b + r^2 - r^4), phi' = 1 + s (r^2 - 1/2) folds at r^2 = 1/2, b = -1/4. The vector that
    # changes the speed by 1 is -1 / (2 s r) long, so b = g'' / 2 times that, with g'' = -4 r.
    growth, speed = "(b + x**2+y**2 - (x**2+y**2)**2)", "(1 + s*(x**2+y**2-1/2))"
    model = text_model(
        {"x": f"x*{growth} - y*{speed}", "y": f"y*{growth} + x*{speed}"}, b=0, s=shear
    )
    family = tr.cycles(model, "b", start={"x": 0.0, "y": 0.0, "b": 0.0}, span=(-1.0, 1.0))
    fold = family.special.iloc[0]
    assert fold["kind"] == "fold_of_cycles"
    assert fold["coefficient"] == pytest.approx(1.0 / shear, rel=1e-7)


def test_a_doubled_cycle_is_as_large_as_the_coefficient_says(text_model):
    # MatCont manual, adaptx: supercritical. Beside the point xi' = nu xi + c xi^3, where nu is the
    # logarithm of the multiplier over the period, and xi^2 the integral of the square of what the
    # doubled orbit's turns differ by.
    model = text_model({"x": "y", "y": "z", "z": "-a*z - b*y - x + x**2"}, a=2.0, b=1.0)
    family = tr.cycles(model, "a", start={"x": 0, "y": 0, "z": 0, "a": 1.0}, span=(0.3, 2.0))
    special = family.special
    row = special[special["kind"] == "period_doubling"].iloc[0]
    short = tr.ArcLength(ds=0.002, ds_max=0.01, max_steps=4)
    doubled = tr.cycles(model, "a", start=row, span=(0.3, 2.0), stepper=short)
    orbit, value = doubled.orbit(3), float(doubled.points["a"].iloc[3])
    end = orbit.t[-1]
    places, weights = np.polynomial.legendre.leggauss(100)
    times = (places + 1.0) / 2.0 * end
    apart = (orbit(times) - orbit((times + end / 2.0) % end)) / 2.0
    square = float((apart**2).sum(axis=1) @ weights) * end / 4.0
    others = family.at(value).iloc[0]["multipliers"]
    multiplier = abs(others[np.argmin(np.abs(others + 1.0))])
    expected = -math.log(multiplier) / (end / 2.0) / square
    assert row["coefficient"] == pytest.approx(expected, rel=1e-3)
    # BifurcationKit.jl, testLure.jl: b3, by ApproxFun, at a point that is known to 1e-5.
    assert row["coefficient"] == pytest.approx(-0.30509421737255177, rel=1e-3)
    assert "supercritical" in family.summary()
    assert "a stable cycle of twice the period is born" in family.summary()
    assert doubled.points["stable"].iloc[1:].all()


@pytest.mark.parametrize(("cubic", "birth"), [(-1.0, "supercritical"), (2.0, "subcritical")])
def test_a_torus_around_a_circle_has_the_coefficient_of_its_hopf_point(text_model, cubic, birth):
    # Beside a circle, and without knowing of it, two states pass a Hopf point: Re d is Re c1 over
    # the period, 2 pi, in which l1 = Re c1 / omega of the Hopf point alone.
    planar = {
        "u": "a*u - 0.3*w + k*u*(u**2+w**2) + 0.4*u**2 - 0.1*u*w",
        "w": "0.3*u + a*w + k*w*(u**2+w**2) + 0.2*u*w + 0.3*w**2",
    }
    alone = text_model(planar, a=-0.1, k=cubic)
    hopf = tr.continuation(alone, "a", span=(-0.1, 0.1)).special.iloc[0]
    model = text_model(CIRCLE | planar, initial={"x": 1.0}, a=-0.05, k=cubic)
    start = tr.simulate(model, (0, 40))
    family = tr.cycles(model, "a", start=start, span=(-0.1, 0.1))
    torus = family.special[family.special["kind"] == "torus"].iloc[0]
    expected = hopf["coefficient"] * hopf["omega"] / (2.0 * math.pi)
    assert torus["coefficient"] == pytest.approx(expected, rel=1e-6)
    assert (hopf["coefficient"] < 0.0) == (birth == "supercritical")
    assert f"{birth}, d = " in family.summary()


def test_a_fold_with_two_eigenvectors_has_no_coefficient(text_model):
    # Independent eigenvectors: the period does not change with the radius.
    growth = "(b + x**2+y**2 - (x**2+y**2)**2)"
    model = text_model({"x": f"x*{growth} - y", "y": f"y*{growth} + x"}, b=0.0)
    family = tr.cycles(model, "b", start={"x": 0.0, "y": 0.0, "b": 0.0}, span=(-1.0, 1.0))
    assert np.isnan(family.special["coefficient"]).all()


def test_mirror_images_have_one_coefficient_or_none(text_model):
    """Both halves of a family that breaks a symmetry end in doublings that only rounding parts.

    Freire, Rodriguez-Luis, Gamero & Ponce (1993), Physica D 62, 230.
    """
    rhs = {
        "x": "(-(0.5 + nu)*x + 0.5*y - 0.328578*x**3 + 0.933578*(y - x)**3)/0.6",
        "y": "0.5*x + 0.1*y - z - 0.933578*(y - x)**3",
        "z": "y",
    }
    model = text_model(rhs, nu=-0.9)
    hopf = tr.diagram(model, "nu", (-1, 0), cycles=False).special.query("kind == 'hopf'").iloc[0]
    symmetric = tr.cycles(model, "nu", start=hopf, span=(-1, 0)).special
    broken = tr.cycles(
        model, "nu", start=symmetric.query("kind == 'branch_point'").iloc[0], span=(-1, 0)
    )
    doublings = broken.special.query("kind == 'period_doubling'")
    half = len(doublings) // 2
    assert half > 8
    there, back = doublings["coefficient"].to_numpy()[:half], doublings["coefficient"].to_numpy()
    back = back[::-1][:half]
    known = np.isfinite(there) & np.isfinite(back)
    assert known.sum() > 6
    assert np.allclose(there[known], back[known], rtol=1e-2)
    told = [text for text in broken.summary().splitlines() if text.startswith("period doubling")]
    assert len(told) == len({*told}) <= 12
