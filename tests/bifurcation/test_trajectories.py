"""Cycles that no Hopf point in the span leads to are found from trajectories."""

import math

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import trustode as tr


def test_van_der_pol_has_no_hopf_point_and_one_cycle(text_model):
    model = text_model({"x": "y", "y": "mu*(1-x**2)*y - x"}, mu=2.0)
    found = tr.diagram(model, "mu", (0.5, 5.0))
    assert len(found.special) == 0
    (family,) = found.cycles
    assert family.points["stable"].all()
    # Andersen & Geer (1982), SIAM J. Appl. Math. 42, 678: the period at mu = 1.
    (row,) = family.at(1.0).to_dict("records")
    assert row["period"] == pytest.approx(6.6632868593231301897, rel=1e-8)
    assert "the states swing on a stable cycle" in found.summary()


def test_a_cycle_beside_equilibria_that_rest_no_more(text_model):
    """Guckenheimer & Holmes (1983), section 7.3: the unfolding with a turn of the plane.

    For small a: the equilibria lose stability at m = a, the cycle around all of them has a
    homoclinic orbit at m = 4/5 a and a fold at about 0.752 a; errors are of order a.
    """
    a = 0.02
    model = text_model({"x": "y", "y": "a*x + m*y - x**3 - x**2*y"}, a=a, m=0.0)
    found = tr.diagram(model, "m", (0.5 * a, 1.5 * a))
    hopf = found.special[found.special["kind"] == "hopf"]
    assert hopf["m"].to_numpy() == pytest.approx([a, a], rel=1e-10)
    (fold,) = found.special[found.special["kind"] == "fold_of_cycles"]["m"]
    assert fold / a == pytest.approx(0.752, abs=4e-3)
    ends = found.special[found.special["kind"] == "homoclinic"]["m"]
    assert ends.to_numpy() / a == pytest.approx(0.8, abs=4e-3)
    assert len(found.cycles) == 3


def test_a_cascade_is_followed_back_to_the_cycle_that_doubles(text_model):
    """At the values that are looked at, Roessler's cycle has doubled already."""
    model = text_model({"x": "-y - z", "y": "x + 0.2*y", "z": "0.2 + z*(x - c)"}, c=3.0)
    found = tr.diagram(model, "c", (2.0, 4.6))
    doublings = found.special[found.special["kind"] == "period_doubling"]
    assert [round(p / doublings["period"].min()) for p in doublings["period"]] == [1, 2, 4]
    assert "branch_point" not in found.special["kind"].to_numpy()
    first = doublings.iloc[0]

    def moves(t, v):
        x, y, z = v[:3]
        jac = np.array([[0, -1, -1], [1, 0.2, 0], [z, 0, x - first["c"]]])
        flow = [-y - z, x + 0.2 * y, 0.2 + z * (x - first["c"])]
        return [*flow, *(jac @ v[3:].reshape(3, 3)).ravel()]

    # An independent integrator: once around, a disturbance comes back with its sign changed.
    start = first["orbit"].node.orbit.states[0]
    once = solve_ivp(
        moves, (0, first["period"]), [*start, *np.eye(3).ravel()], "DOP853", rtol=1e-11, atol=1e-12
    ).y[:, -1]
    assert once[:3] == pytest.approx(start, abs=1e-7)
    assert np.linalg.eigvals(once[3:].reshape(3, 3)).real.min() == pytest.approx(-1, abs=1e-6)


def test_a_family_is_born_on_the_edge_of_the_span(text_model):
    # Closed form: the circle of radius sqrt(mu).
    model = text_model({"x": "mu*x - y - x*(x**2+y**2)", "y": "x + mu*y - y*(x**2+y**2)"}, mu=0.5)
    found = tr.diagram(model, "mu", (0.0, 1.0))
    (family,) = found.cycles
    assert (family.origins[0].kind, family.origins[0].value) == ("hopf", 0.0)
    (row,) = family.at(0.25).to_dict("records")
    assert [row["max_x"], row["period"]] == pytest.approx([0.5, 2 * np.pi], rel=1e-9)


def test_what_runs_away_or_never_settles_has_no_cycle(text_model):
    # Neutral cycles fill the plane; no trajectory settles on one.
    model = text_model({"x": "x*(a-y)", "y": "y*(x-1)"}, {"x": 0.5, "y": 0.5}, a=1.0)
    assert not tr.diagram(model, "a", (0.5, 2.0)).cycles
    model = text_model({"x": "a + x**2", "y": "x - y"}, a=1.0)
    assert not tr.diagram(model, "a", (0.5, 2.0)).cycles


def test_a_start_at_rest_is_left(text_model):
    # The symmetric state is an unstable equilibrium, on which the initial state would rest.
    ring = {a: f"k/(1 + {b}**3) - {a}" for a, b in (("x", "z"), ("y", "x"), ("z", "y"))}
    model = text_model(ring, k=8.0)
    family = tr.cycles(model, "k", span=(6.0, 9.0))
    (row,) = family.at(8.0).to_dict("records")

    def moves(t, y):
        return [8 / (1 + y[2] ** 3) - y[0], 8 / (1 + y[0] ** 3) - y[1], 8 / (1 + y[1] ** 3) - y[2]]

    def crosses(t, y):
        return y[0] - 1.5

    crosses.direction = 1.0
    solved = solve_ivp(
        moves, (0, 400), [0.1, 1.0, 2.0], method="DOP853", rtol=1e-11, atol=1e-12, events=crosses
    )
    times = solved.t_events[0][-2:]
    assert row["period"] == pytest.approx(times[1] - times[0], rel=1e-8)


BAUTIN = {
    "x": "b1*x - y + b2*x*(x**2+y**2) - x*(x**2+y**2)**2",
    "y": "x + b1*y + b2*y*(x**2+y**2) - y*(x**2+y**2)**2",
}


@pytest.mark.parametrize(
    ("free", "span", "fold"),
    [("b1", (-0.5, -0.05), -0.25), ("b2", (0.0, 2.0), 2 * 0.1**0.5)],
)
def test_a_cycle_beside_a_rest_with_no_hopf_point_in_the_span(text_model, free, span, fold):
    # Closed form: a fold of cycles where b2^2 + 4 b1 = 0, both circles leaving the span.
    found = tr.diagram(text_model(BAUTIN, b1=-0.1, b2=1.0), free, span)
    assert found.special["kind"].tolist() == ["fold_of_cycles"]
    assert found.special[free][0] == pytest.approx(fold, rel=1e-8)
    assert len(found.cycles) == 1
    assert "beside a stable cycle" in found.summary()


def test_a_closed_family_of_cycles(text_model):
    # Closed form: r^2 = 1 +- sqrt(1/50 - (m - 3/10)^2), around a stable rest.
    growth = "(0.02 - (m-0.3)**2 - (x**2+y**2-1)**2)"
    model = text_model({"x": f"x*{growth} - y", "y": f"y*{growth} + x"}, m=0.0)
    found = tr.diagram(model, "m", (-1.0, 1.0))
    folds = found.special["m"].to_numpy()
    assert folds == pytest.approx([0.3 - 0.02**0.5, 0.3 + 0.02**0.5], rel=1e-8)
    (family,) = found.cycles
    assert family.ends[0].startswith("closed family")


def test_two_rhythms_beside_each_other(text_model):
    # Closed form: m = (s - 1)(s - 2)(s - 3) for s = r^2, whose folds lie outside the span.
    growth = "(m - (x**2+y**2-1)*(x**2+y**2-2)*(x**2+y**2-3))"
    model = text_model({"x": f"x*{growth} - y", "y": f"y*{growth} + x"}, m=0.0)
    found = tr.diagram(model, "m", (-0.3, 0.3))
    (inner, outer) = sorted(float(each.at(0.0)["max_x"].iloc[0]) for each in found.cycles)
    assert [inner, outer] == pytest.approx([1.0, 3**0.5], rel=1e-8)
    assert len(found.cycles_at(0.1)) == 2


def test_hodgkin_and_huxley_fire_below_their_hopf_point(text_model):
    """Rinzel & Miller (1980), Math. Biosci. 49, 27: firing begins at a fold at I = 6.26.

    Two more folds of cycles lie at 7.85 and 7.92; the Hopf point, at 9.78, is not in the span.
    """
    model = text_model(
        {
            "V": "I0 - 120*m**3*h*(V-115) - 36*n**4*(V+12) - 0.3*(V-10.599)",
            "m": "0.1*(25-V)/(exp((25-V)/10)-1)*(1-m) - 4*exp(-V/18)*m",
            "h": "0.07*exp(-V/20)*(1-h) - h/(exp((30-V)/10)+1)",
            "n": "0.01*(10-V)/(exp((10-V)/10)-1)*(1-n) - 0.125*exp(-V/80)*n",
        },
        {"V": 0.01, "m": 0.05, "h": 0.6, "n": 0.32},
        I0=0.0,
    )
    found = tr.diagram(model, "I0", (0.0, 9.5))
    folds = found.cycles[0].special
    folds = np.sort(folds["I0"][folds["kind"] == "fold_of_cycles"])
    assert folds == pytest.approx([6.26, 7.85, 7.92], abs=0.01)


def test_a_family_that_closes_through_branch_points_is_walked_once(text_model):
    # Closed form: the circle r = 1, z = 0, and crossing it where m^2 = 1/10 those with
    # z^2 = 1/10 - m^2: one ring, through both points.
    model = text_model(
        {
            "x": "x*(1 - x**2 - y**2) - y",
            "y": "y*(1 - x**2 - y**2) + x",
            "z": "z*(0.1 - m**2 - z**2)",
        },
        {"x": 0.5},
        m=0.0,
    )
    found = tr.diagram(model, "m", (-1.0, 1.0))
    (first, ring) = found.cycles
    crossed = first.special[first.special["kind"] == "branch_point"]
    assert crossed["m"].to_numpy() == pytest.approx([-(0.1**0.5), 0.1**0.5], rel=1e-9)
    assert ring.ends[0].startswith("closed family")
    assert set(ring.special["kind"]) == {"branch_point"}
    radius = np.hypot(ring.points["m"], ring.points["max_z"])
    assert radius.to_numpy() == pytest.approx(0.1**0.5, rel=1e-7)


def test_cycles_around_an_equilibrium_without_a_derivative(text_model):
    """AUTO-07p, demo lcbp: circles of radius r with r^2 - 3 r + 2 + p = 0, period 1."""
    grow = "sqrt(x**2 + y**2)*3 - x**2 - y**2 - 2 - p"
    tau = repr(2.0 * math.pi)
    model = text_model(
        {"x": f"x*({grow}) - {tau}*y", "y": f"y*({grow}) + {tau}*x"}, {"x": 1.5, "y": 0.0}, p=0.0
    )
    with pytest.raises(tr.SolveError, match="no derivative at any of them"):
        tr.diagram(model, "p", (-1, 1))
    settled = tr.simulate(model, [0.0, 50.0, 50.5])
    (fold,) = tr.cycles(model, "p", start=settled, span=(-1, 1)).special.to_dict("records")
    assert fold["kind"] == "fold_of_cycles"
    assert [fold["p"], fold["period"], fold["max_x"]] == pytest.approx([0.25, 1.0, 1.5], rel=1e-7)


def test_families_of_a_forced_predator_and_its_prey(text_model):
    """Kuznetsov, Muratori & Rinaldi (1992), Int. J. Bifurcation Chaos 2, 117; BifurcationKit.jl.

    A season of length 1: every cycle lasts whole seasons. Cycles of two and of three seasons form
    closed families, and the latter double; a family that is left at one doubling and
    ends at another has the values of what doubles.
    """
    model = text_model(
        {
            "x": "6.28*(1-x)*x - 12.56*x*y/(b0*(1+eps*u)+x)",
            "y": "12.56*x*y/(b0*(1+eps*u)+x) - 6.28*y",
            "u": "u - 2*pi*v - (u**2+v**2)*u",
            "v": "2*pi*u + v - (u**2+v**2)*v",
        },
        {"x": 0.1, "y": 0.1, "u": 1.0},
        b0=0.25,
        eps=0.2,
    )
    found = tr.diagram(model, "b0", (0.1, 0.9))
    assert {2, 3} <= set(found.special["period"].dropna().round(9))
    closed = [family for family in found.cycles if "closed" in family.ends[0]]
    assert closed
    for family in closed:
        ends = family.points[["b0", "period", "max_x", "min_x", "max_y", "min_y"]].to_numpy()
        assert ends[0] == pytest.approx(ends[-1])
        special = family.special
        assert set(special["kind"]) <= {"fold_of_cycles", "period_doubling"}
        assert len(special[["kind", "b0"]].round(9).drop_duplicates()) == len(special)
        assert (special["kind"] == "fold_of_cycles").sum() % 2 == 0
        assert special["period"].to_numpy() == pytest.approx(special["period"].round(), abs=1e-9)
    doublings = found.special[found.special["kind"] == "period_doubling"]
    origins = [
        (origin.value, family.points["period"].iloc[end])
        for family in found.cycles
        for end, origin in zip((0, -1), family.origins, strict=True)
        if origin is not None and origin.kind == "period_doubling"
    ]
    assert origins
    for value, period in origins:
        parents = doublings[(doublings["period"] * 2 / period - 1).abs() < 1e-6]
        assert (parents["b0"] / value - 1).abs().min() < 1e-8
