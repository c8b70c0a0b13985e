"""Branches past corners of piecewise-linear equations, whose equilibria are known in closed form.

What happens there: di Bernardo, Budd, Champneys & Kowalczyk (2008), Piecewise-smooth Dynamical
Systems, section 5.1: an equilibrium persists, two meet, or the stability changes.
"""

import numpy as np
import pytest

import trustode as tr


@pytest.fixture
def draw(check_branch):
    def drawn(*arguments, **options):
        found = tr.diagram(*arguments, cycles=False, **options)
        for branch in found.equilibria:
            check_branch(branch)
        return found

    return drawn


def test_two_equilibria_meet_at_a_corner(draw, text_model):
    # x = mu stable and x = -mu unstable, for mu > 0.
    found = draw(text_model({"x": "mu - abs(x)"}, mu=1.0), "mu", (-1, 1))
    (branch,) = found.equilibria
    (row,) = found.special.to_dict("records")
    assert (row["kind"], row["type"], row["mu"], row["x"]) == ("corner", "fold", 0.0, 0.0)
    assert branch.points["mu"].iloc[[0, -1]].tolist() == [1, 1]
    assert "two equilibria meet; they exist for mu above it" in found.summary()


def test_hysteresis_between_corners(draw, text_model):
    # x = mu below 0, x = -mu from 0 to 1, x = (mu + 3) / 2 above.
    model = text_model({"x": "mu - x + 2*max(x, 0) - 3*max(x - 1, 0)"}, mu=-1.0)
    found = draw(model, "mu", (-2, 2))
    assert len(found.equilibria) == 1
    assert list(found.special["kind"]) == ["corner", "corner"]
    places = found.special[["mu", "x"]].to_numpy()
    assert places == pytest.approx(np.array([[-1.0, 1.0], [0.0, 0.0]]), abs=1e-12)
    assert [len(found.stable_at(mu)) for mu in (-1.5, -0.5, 0.5)] == [1, 2, 1]
    assert "two stable equilibria coexist" in found.summary()


def test_an_equilibrium_that_persists_is_followed_past_a_corner(draw, text_model):
    # x' = mu - x - max(x, 0): x = mu, then mu / 2, stable on both sides.
    found = draw(text_model({"x": "mu - x - 9*max(x, 0)"}, mu=-1.0), "mu", (-1, 1))
    (branch,) = found.equilibria
    assert found.special.empty
    assert branch.points["stable"].all()
    ends = branch.points[["mu", "x"]].iloc[[0, -1]].to_numpy()
    assert ends == pytest.approx(np.array([[-1.0, -1.0], [1.0, 0.1]]))


def test_branches_reach_the_corner_that_they_begin_at(draw, text_model):
    # x = 0, and x = +-r for r > 0, which begin where |x| has no second derivative.
    found = draw(text_model({"x": "r*x - abs(x)*x"}, r=1.0), "r", (-1, 1))
    assert list(found.special["kind"]) == ["branch_point"]
    arms = [each for each in found.equilibria if abs(each.points["x"]).max() > 0.5]
    assert [each.points["r"].min() for each in arms] == [0, 0]
    assert "For r from 0 to 1 two stable equilibria coexist" in found.summary()


def test_stability_that_changes_at_a_corner(draw, text_model):
    # x = mu; trace -1/2 where x < 0 and 3/10 where x > 0, of the matrix of a focus.
    model = text_model({"x": "y", "y": "mu - x - 0.1*y + 0.4*y*sign(x)"}, mu=-1.0)
    found = draw(model, "mu", (-2, 2))
    (row,) = found.special.to_dict("records")
    assert (row["kind"], row["type"]) == ("corner", "")
    assert (row["mu"], row["x"]) == pytest.approx((0.0, 0.0), abs=1e-12)
    assert "on one side stable, on the other unstable in 2 directions" in found.summary()


def test_chua_s_circuit_with_corners(draw, text_model):
    # Chua, Komuro & Matsumoto (1986), IEEE Trans. Circuits Syst. 33, 1072: beta = 100/7, slopes
    # -1/7 and 2/7; equilibria at x = 3/2, -3/2 for all alpha, and at 0. The outer ones lose
    # stability where the cubic of their matrix, with s = 2/7, has a1 a2 = a0.
    model = text_model(
        {
            "x": "alpha*(y - 2/7*x + 3/14*(abs(x + 1) - abs(x - 1)))",
            "y": "x - y + z",
            "z": "-100/7*y",
        },
        initial={"x": 0.1},
        alpha=6.5,
    )
    found = draw(model, "alpha", (6, 9))
    hopf = found.special[found.special["kind"] == "hopf"]
    beta, slope = 100 / 7, 2 / 7
    # l^3 + (1 + s a) l^2 + (s a + beta - a) l + s a beta, a = alpha.
    roots = np.roots([slope * (slope - 1), slope - 1, beta])
    (onset,) = roots[(roots > 6) & (roots < 9)]
    assert hopf["alpha"].to_numpy() == pytest.approx([onset, onset], rel=1e-9)
    assert sorted(hopf["x"]) == pytest.approx([-1.5, 1.5], rel=1e-9)
