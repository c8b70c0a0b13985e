"""Families of periodic orbits against closed forms, published points and the integrator."""

import math
import pickle

import numpy as np
import pytest
from scipy.signal import find_peaks

import trustode as tr
from trustode.bifurcation import Cycles

#: Points are good to this, relative to themselves.
POINT = 1e-7

#: Equations, parameters, the free one, its span, and where the cycle is born.
SYSTEMS = {
    # AUTO-07p demo ab.
    "reaction": (
        {
            "u1": "-u1 + p1*(1-u1)*exp(u2)",
            "u2": "-u2 + p1*p2*(1-u1)*exp(u2) - p3*u2",
        },
        {"p1": 0.0, "p2": 14.0, "p3": 3.0},
        ("p1", (0.0, 0.3)),
        {"u1": 0.405955372117, "u2": 1.42084380241, "p1": 0.1650420453236},
    ),
    # AUTO-07p demo pp2.
    "sharks": (
        {"u1": "p2*u1*(1-u1) - u1*u2 - p1*(1-exp(-p3*u1))", "u2": "-u2 + p4*u1*u2"},
        {"p1": 0.0, "p2": 3.0, "p3": 5.0, "p4": 3.0},
        ("p1", (0.0, 1.0)),
        {"u1": 1 / 3, "u2": 0.365761535977, "p1": 0.6715938474788},
    ),
    # MatCont manual, adaptx.
    "lur'e": (
        {"x": "y", "y": "z", "z": "-alpha*z - beta*y - x + x**2"},
        {"alpha": 2.0, "beta": 1.0},
        ("alpha", (0.3, 2.0)),
        {"x": 0.0, "y": 0.0, "z": 0.0, "alpha": 1.0},
    ),
    # Lorenz (1963).
    "lorenz": (
        {"x": "sigma*(y-x)", "y": "rho*x - y - x*z", "z": "x*y - beta*z"},
        {"rho": 0.0, "sigma": 10.0, "beta": 8 / 3},
        ("rho", (0.0, 30.0)),
        {
            "x": math.sqrt(8 / 3 * (470 / 19 - 1)),
            "y": math.sqrt(8 / 3 * (470 / 19 - 1)),
            "z": 470 / 19 - 1,
            "rho": 470 / 19,
        },
    ),
    # Bautin's normal form (Kuznetsov 2004, section 8.3).
    "bautin": (
        {
            "x": "b1*x - y + b2*x*(x**2+y**2) - x*(x**2+y**2)**2",
            "y": "x + b1*y + b2*y*(x**2+y**2) - y*(x**2+y**2)**2",
        },
        {"b1": -1.0, "b2": 1.0},
        ("b1", (-1.0, 1.0)),
        {"x": 0.0, "y": 0.0, "b1": 0.0},
    ),
    # Van der Pol with a slow second equation: a canard explosion.
    "canard": (
        {"x": "(y - x**3/3 + x)/eps", "y": "a - x"},
        {"a": 1.2, "eps": 0.01},
        ("a", (0.9, 1.2)),
        {"x": 1.0, "y": -2 / 3, "a": 1.0},
    ),
    # Bykov, Yablonskii & Kim (1978), CO oxidation; MatCont manual, cataloscill.
    "oxidation": (
        {
            "x": "2*q1*(1-x-y-s)**2 - 2*q5*x**2 - q3*x*y",
            "y": "q2*(1-x-y-s) - q6*y - q3*x*y",
            "s": "q4*((1-x-y-s) - k*s)",
        },
        {"q1": 2.5, "q2": 2.2, "q3": 10.0, "q4": 0.0675, "q5": 1.0, "q6": 0.1, "k": 0.4},
        ("q2", (0.5, 2.3)),
        {"x": 0.0163575430402, "y": 0.52397118459, "s": 0.328336623121, "q2": 1.051557462458},
    ),
}


@pytest.fixture(scope="module")
def followed(text_model, check_cycles):
    """Return a function that follows a system's family once."""
    known: dict[str, Cycles] = {}

    def family(name: str) -> Cycles:
        if name not in known:
            equations, params, (free, span), start = SYSTEMS[name]
            model = text_model(equations, **params)
            known[name] = tr.cycles(model, free, start=start, span=span)
            check_cycles(known[name])
        return known[name]

    return family


@pytest.mark.parametrize(
    ("name", "kind", "value", "period"),
    [
        # Recomputed by multiple shooting with a Taylor method of tolerance 1e-16.
        ("reaction", "fold_of_cycles", 0.161696128898, 7.11375493),
        ("lur'e", "period_doubling", 0.63030200616, 6.3640713394),
        ("oxidation", "fold_of_cycles", 1.05361028079, 293.53257185),
        ("oxidation", "fold_of_cycles", 1.03916296537, 298.61244538),
        # Closed form: r^2 = 1/2 where b1 + b2 r^2 - r^4 has a double root.
        ("bautin", "fold_of_cycles", -0.25, 2 * math.pi),
        # AUTO at a period of 1000; Kuznetsov (2004), section 6: 13.926557407.
        ("lorenz", "homoclinic", 13.926557407, math.inf),
        # AUTO at a period of 107: 0.70807281.
        ("sharks", "heteroclinic", 0.7080728, math.inf),
    ],
)
def test_published_points_are_found_once(followed, name, kind, value, period):
    family = followed(name)
    near = family.special[
        (np.abs(family.special[family.parameter] / value - 1) < 1e-3)
        & (family.special["kind"] == kind)
    ]
    assert len(near) == 1
    row = near.iloc[0]
    assert row["converged"]
    assert row[family.parameter] == pytest.approx(value, rel=POINT)
    assert row["period"] == pytest.approx(period, rel=POINT)


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("reaction", ["fold_of_cycles"]),
        ("sharks", ["heteroclinic"]),
        ("lur'e", ["period_doubling"]),
        ("lorenz", ["homoclinic"]),
        ("bautin", ["fold_of_cycles"]),
        ("canard", []),
        ("oxidation", ["fold_of_cycles", "fold_of_cycles"]),
    ],
)
def test_nothing_spurious_is_reported(followed, name, kinds):
    assert list(followed(name).special["kind"]) == kinds


@pytest.mark.parametrize(
    ("name", "value", "period", "others"),
    [
        # Shooting with a Taylor method, as above.
        ("reaction", 0.25, 2.22034189046, [7.75545e-09]),
        ("sharks", 0.69, 13.4387056301, [0.667816]),
        ("lur'e", 0.8, 6.32862720646, [0.107209, 0.0590171]),
        ("canard", 0.9, 2.86529070736, [0.0]),
    ],
)
def test_an_orbit_at_a_value_of_the_parameter(followed, name, value, period, others):
    found = followed(name).at(value)
    assert len(found) == 1
    row = found.iloc[0]
    assert row["period"] == pytest.approx(period, rel=POINT)
    assert row["multipliers"][0] == pytest.approx(1.0, abs=1e-6)
    assert row["multipliers"][1:] == pytest.approx(others, abs=1e-6)
    assert row["trivial_error"] < 1e-6
    assert row["stable"]


def test_orbits_of_bautins_normal_form_are_circles(followed):
    family = followed("bautin")
    for _, row in family.points.iloc[1:].iterrows():
        square = row["max_x"] ** 2
        assert row["b1"] == pytest.approx(square**2 - square, abs=1e-6)
        assert row["min_x"] == pytest.approx(-row["max_x"], rel=1e-6)
        assert row["period"] == pytest.approx(2 * math.pi, rel=1e-9)
        # d/dr (b1 r + b2 r^3 - r^5), over one period.
        slope = row["b1"] + 3 * square - 5 * square**2
        assert row["multipliers"][1] == pytest.approx(math.exp(2 * math.pi * slope), rel=1e-6)


@pytest.mark.parametrize("name", ["reaction", "lur'e", "oxidation", "lorenz"])
def test_orbits_close_and_multipliers_are_those_of_the_variational_equations(followed, name):
    family = followed(name)
    model, states = family.model, list(family.model.states)
    tight = tr.Solver(rtol=1e-11, atol=1e-13)
    for step in (3, len(family) // 2):
        orbit, row = family.orbit(step), family.points.iloc[step]
        params = family.params | {family.parameter: row[family.parameter]}
        there = tr.simulate(
            model,
            (0.0, row["period"]),
            params=params,
            initial=dict(zip(states, orbit.y[0], strict=True)),
            solver=tight,
            sensitivities=[f"{state}(0)" for state in states],
        )
        growth = np.abs(row["multipliers"]).max()
        assert there.y[-1] == pytest.approx(orbit.y[0], rel=1e-6 * growth)
        monodromy = np.linalg.eigvals(there.dydp[-1])
        ours, theirs = (np.sort(np.abs(each)) for each in (row["multipliers"], monodromy))
        assert ours == pytest.approx(theirs, rel=1e-5, abs=1e-7 * growth)


def test_a_canard_explosion_is_crossed(followed):
    family = followed("canard")
    points = family.points
    small, large = points[points["max_x"] < 1.2], points[points["max_x"] > 1.9]
    # Between the two the parameter changes by less than 1e-5, at 0.998740451245.
    assert small["a"].min() == pytest.approx(0.998740451245, abs=1e-5)
    assert large["a"].max() == pytest.approx(0.998740451245, abs=1e-8)


def test_folds_inside_a_canard_explosion_that_stands_still(text_model):
    # FitzHugh (1961) with the usual eps = .08: v, w, I0 -> -v, 2 a / b - w, 2 a / b - I0 maps the
    # equations to themselves, so that the folds mirror each other though nothing else agrees.
    model = text_model(
        {"v": "v - v**3/3 - w + I0", "w": "eps*(v + a - b*w)"}, I0=0.0, eps=0.08, a=0.7, b=0.8
    )
    v = -math.sqrt(1 - 0.08 * 0.8)
    start = {"v": v, "w": (v + 0.7) / 0.8}
    start["I0"] = start["w"] + v**3 / 3 - v
    family = tr.cycles(model, "I0", start=start, span=(0, 2))
    special = family.special
    assert list(special["kind"]) == ["fold_of_cycles"] * 2
    assert special["converged"].all()
    assert special["I0"].sum() == pytest.approx(1.75, abs=1e-11)
    assert special["period"].iloc[0] == pytest.approx(special["period"].iloc[1], rel=POINT)
    # Liouville's formula: the other multiplier is exp of the divergence's integral.
    for k in np.flatnonzero(np.abs(family.points["I0"] - special["I0"].iloc[0]) < 1e-8).tolist():
        orbit = family.orbit(k)
        s = np.linspace(0, orbit.t[-1], 20001)
        divergence = 1 - orbit(s)[:, 0] ** 2 - 0.08 * 0.8
        exact = math.exp(np.trapezoid(divergence, s))
        assert family.multipliers[k, 1].real == pytest.approx(exact, rel=0.02, abs=1e-6)


def test_a_family_between_two_hopf_points_is_walked_once(followed):
    family = followed("oxidation")
    assert family.ends[0].startswith("a Hopf point at q2 = 1.051557")
    assert family.ends[1].startswith("ends at a Hopf point at q2 = 1.0409")


def test_the_doubled_family_starts_at_the_period_doubling(followed):
    family = followed("lur'e")
    row = family.special.iloc[0]
    doubled = tr.cycles(family.model, "alpha", start=row, span=(0.3, 2.0))
    assert doubled.points["period"].iloc[0] == pytest.approx(2 * row["period"], rel=1e-9)
    assert doubled.ends[0].startswith("a period doubling at alpha = 0.6303020")
    stable = doubled.points.iloc[1]
    assert stable["stable"]
    # Beside the point the old orbit is unstable and the new one is not.
    assert not family.at(float(stable["alpha"])).iloc[0]["stable"]
    # The next one of the cascade.
    assert list(doubled.special["kind"]) == ["period_doubling"]


def test_a_family_ends_at_its_period_doubling_whatever_it_starts_from(text_model):
    """A ring around which others wind twice, at a distance r: r' = (m - 1) r + r^3 - r^5.

    They begin where m = 1, and turn back where r^2 = 1/2, at m = 3/4.
    """
    # z = r exp(i t / 2), where exp(i t) = x + i y; its part along itself half a turn on is
    # w = (z + conj(z) exp(i t)) / 2.
    along, across = "(p + p*x + q*y)/2", "(q + p*y - q*x)/2"
    square = "(p**2 + q**2)"
    model = text_model(
        {
            "x": "x*(1 - x**2 - y**2) - y",
            "y": "y*(1 - x**2 - y**2) + x",
            "p": f"-q/2 + m*{along} + p*({square} - {square}**2 - 1)",
            "q": f"p/2 + m*{across} + q*({square} - {square}**2 - 1)",
        },
        {"x": 1.0},
        m=0.5,
    )
    ring = tr.cycles(model, "m", span=(0, 2))
    (born,) = ring.special.to_dict("records")
    assert [born["kind"], born["m"]] == ["period_doubling", pytest.approx(1.0, rel=POINT)]
    doubled = tr.cycles(model, "m", start=born, span=(0, 2))
    fold = doubled.special.iloc[0]
    assert [fold["kind"], fold["m"]] == ["fold_of_cycles", pytest.approx(0.75, rel=POINT)]
    again = tr.cycles(model, "m", start=fold, span=(0, 2))
    values = [origin and origin.value for origin in again.origins]
    assert sorted(values, key=bool) == [None, pytest.approx(1.0, rel=1e-6)]
    assert any(end.startswith("ends at a period doubling") for end in again.ends)
    radius = np.hypot(again.points["max_p"], 0.0)
    assert again.points["m"].to_numpy() == pytest.approx(1 - radius**2 + radius**4, rel=1e-6)


def test_steep_folds_have_their_doublings_beside_them(text_model, check_cycles):
    # Chua's circuit with a cubic resistor, towards a homoclinic orbit to a saddle-focus: between
    # two folds the multiplier goes through 1, 0 and -1 and far beyond (Glendinning & Sparrow 1984).
    model = text_model(
        {"x": "a*(y - x**3/6 + x/6)", "y": "x - y + z", "z": "-14*y"}, {"x": 1.0}, a=6.0
    )
    start = {"x": 1.0, "y": 0.0, "z": -1.0, "a": 6.577747}
    family = tr.cycles(model, "a", start=start, span=(2, 12))
    check_cycles(family)
    steep = family.special[family.special["period"].between(4.0, 10.0)]
    assert set(steep["kind"]) == {"fold_of_cycles", "period_doubling"}
    assert (steep["kind"] == "fold_of_cycles").sum() == len(steep) // 2 == 5
    assert family.special["converged"].all()
    for kind, multipliers in zip(steep["kind"], steep["multipliers"], strict=True):
        known = 1.0 if kind == "fold_of_cycles" else -1.0
        assert np.abs(multipliers[1:] - known).min() < 1e-4
    # Values of folds go to the connection's from both sides, by exp(-pi rate / frequency) each time
    # of the saddle-focus at 0.
    end = family.special.iloc[-1]
    assert family.ends[1].startswith("a homoclinic orbit at a = ")
    jac = np.array([[end["a"] / 6, end["a"], 0.0], [1.0, -1.0, 1.0], [0.0, -14.0, 0.0]])
    rates = np.linalg.eigvals(jac)
    spiral = rates[rates.imag > 0.0].item()
    share = -math.exp(-math.pi * abs(spiral.real) / spiral.imag)
    folds = steep["a"][steep["kind"] == "fold_of_cycles"].to_numpy()
    apart = folds - end["a"]
    assert apart[-1] / apart[-2] == pytest.approx(share, rel=3e-3)


def test_symmetric_orbits_lose_their_symmetry_at_a_branch_point(text_model):
    """Two identical oscillators: in-phase orbits meet others at branch points."""
    model = text_model(
        {
            "x": "a*x - y - x*(x**2 + y**2) + k*(u - x)",
            "y": "x + a*y - y*(x**2 + y**2)",
            "u": "a*u - v - u*(u**2 + v**2) + k*(x - u)",
            "v": "u + a*v - v*(u**2 + v**2)",
        },
        a=-0.5,
        k=-0.2,
    )
    start = {"x": 0.0, "y": 0.0, "u": 0.0, "v": 0.0, "a": 0.0}
    family = tr.cycles(model, "a", start=start, span=(-0.5, 1.0))
    points = family.special[family.special["kind"] == "branch_point"]
    assert len(points) == 1
    # In-phase orbits are circles of radius sqrt(a) and period 2 pi.
    assert points["period"].iloc[0] == pytest.approx(2 * math.pi, rel=1e-9)
    assert points["max_x"].iloc[0] == pytest.approx(math.sqrt(points["a"].iloc[0]), rel=1e-6)
    other = tr.cycles(model, "a", start=points.iloc[0], span=(-0.5, 1.0))
    aside = np.abs(other.points["max_x"] - other.points["max_u"])
    assert aside.max() > 0.05


def test_the_branch_point_of_coupled_brusselators(text_model, check_cycles):
    # Where the in-phase orbit is that of one Brusselator and its linearisation across has a
    # multiplier 1: bisection on DOP853 solutions at a tolerance of 1e-12.
    model = text_model(
        {
            "x": "A - (B + 1)*x + x**2*y + D*(u - x)",
            "y": "B*x - x**2*y + 4*D*(v - y)",
            "u": "A - (B + 1)*u + u**2*v + D*(x - u)",
            "v": "B*u - u**2*v + 4*D*(y - v)",
        },
        {"x": 2, "y": 2, "u": 2, "v": 2},
        A=2.0,
        B=4.0,
        D=0.2,
    )
    found = tr.diagram(model, "B", (3, 8))
    point = found.special[(found.special["kind"] == "branch_point") & (found.special["B"] > 5)]
    assert len(point) == 1
    assert point["converged"].all()
    assert point["B"].iloc[0] == pytest.approx(5.736088097415345, rel=1e-10)
    assert point["period"].iloc[0] == pytest.approx(4.7036920568735425, rel=1e-10)
    # The family that crosses there is followed too, though its middle lies on the first.
    assert len(found.cycles) == 2
    aside = found.cycles[1].points
    assert (aside["max_x"] - aside["max_u"]).abs().max() > 1.0
    # The point belongs to both families, whose stability changes there.
    for family in found.cycles:
        check_cycles(family)
        assert family.special["B"].to_numpy() == pytest.approx(5.736088097415345, rel=1e-10)


def test_a_point_on_which_newton_s_method_fails_is_found(text_model):
    """The symmetric orbits hand their stability over, and Brent's method hits the very point."""
    model = text_model(
        {"T": "tanh(a*T - R) - T", "R": "3*T - R - S", "S": "c*(R - S)"}, a=2.0, c=0.2
    )
    start = {"T": 0.0, "R": 0.0, "S": 0.0, "a": 2.1272}
    family = tr.cycles(model, "a", start=start, span=(2, 3.5))
    assert list(family.special["kind"]) == ["branch_point"]
    point = family.special.iloc[0]
    assert point["converged"]
    assert point["max_T"] == pytest.approx(-point["min_T"], abs=1e-6)
    changes = np.flatnonzero(np.diff(family.points["n_unstable"].iloc[1:]))
    assert len(changes) == 1
    before, after = family.points["a"].iloc[changes[0] + 1 : changes[0] + 3]
    assert before < point["a"] < after
    assert f"stable for a from {family.points['a'].iloc[0]:.6g} to {point['a']:.6g}" in (
        family.summary()
    )


def test_a_trajectory_that_settles_is_a_start():
    """Van der Pol's period at mu = 1 is 6.66328686 (Andersen & Geer 1982)."""
    model = tr.models.load("van-der-pol")
    family = tr.cycles(model, "mu", span=(0.5, 2.0))
    assert family.at(1.0).iloc[0]["period"] == pytest.approx(6.66328686, abs=1e-8)
    assert family.points["mu"].iloc[0] == pytest.approx(0.5)
    assert family.points["mu"].iloc[-1] == pytest.approx(2.0)
    assert family.points["stable"].all()
    solution = tr.simulate(model, (0.0, 60.0), params={"mu": 1.0})
    again = tr.cycles(model, "mu", start=solution, params={"mu": 1.0}, span=(0.5, 2.0))
    assert again.at(1.5).iloc[0]["period"] == pytest.approx(family.at(1.5).iloc[0]["period"])


def test_a_saddle_node_on_a_cycle_is_where_the_equilibria_meet(text_model):
    # On the unit circle the angle's rate is m - sin: two equilibria for m < 1, the period
    # 2 pi / sqrt(m^2 - 1) beyond.
    model = text_model(
        {"x": "x*(1 - x**2 - y**2) - y*(m - y)", "y": "y*(1 - x**2 - y**2) + x*(m - y)"},
        {"x": 1.0},
        m=2.0,
    )
    family = tr.cycles(model, "m", span=(0.5, 2.5))
    end = family.special.iloc[0]
    assert end["kind"] == "saddle_node_homoclinic"
    assert end["m"] == pytest.approx(1.0, abs=1e-9)
    m = family.points["m"].to_numpy()
    assert family.points["period"].to_numpy() == pytest.approx(2 * math.pi / np.sqrt(m**2 - 1))


def test_the_hopf_point_at_which_a_family_ends_is_exact(followed):
    # MatCont manual, cataloscill: H at q2 = 1.040991.
    assert followed("oxidation").origins[1].value == pytest.approx(1.040991569533, rel=1e-10)


def test_an_orbit_is_a_solution(followed):
    family = followed("lur'e")
    orbit = family.orbit(5)
    row = family.points.iloc[5]
    assert orbit.t[[0, -1]] == pytest.approx([0.0, row["period"]])
    assert orbit.y[0] == pytest.approx(orbit.y[-1], abs=1e-9)
    assert orbit["x"].max() <= row["max_x"] + 1e-9
    assert orbit(0.3 * row["period"]).shape == (3,)
    assert orbit.params["alpha"] == row["alpha"]
    with pytest.raises(tr.DataError, match="steps 0 to"):
        family.orbit(10_000)


def test_the_summary_says_what_was_found(followed):
    text = followed("reaction").summary()
    assert "fold of cycles at p1 = 0.16169613, period 7.11375" in text
    assert "It begins where: a Hopf point at p1 = 0.16504205" in text
    assert "unstable in 1 direction" in text
    assert "homoclinic orbit at rho = 13.926557" in repr(followed("lorenz"))


def test_a_symmetric_family_ends_where_both_halves_of_a_figure_eight_do(text_model):
    """Shimizu & Morioka (1980): x and y change sign together, and so do their cycles."""
    equations = {"x": "y", "y": "x - lam*y - x*z", "z": "-0.5*z + x**2"}
    model = text_model(equations, {"x": 0.5}, lam=1.05)
    whole = tr.cycles(model, "lam", span=(1.0, 1.3))
    assert "a symmetric pair of homoclinic orbits (a figure eight) at lam" in whole.ends[1]
    both = whole.special.iloc[-1]
    assert both["kind"] == "homoclinic"
    assert both["min_x"] == pytest.approx(-both["max_x"], rel=1e-6)
    # The equilibrium with z = 1 loses its stability to a cycle of one half.
    hopf = tr.diagram(model, "lam", (1.0, 1.3), cycles=False).special.query("kind == 'hopf'")
    half = tr.cycles(model, "lam", start=hopf.iloc[0], span=(1.0, 1.3))
    one = half.special.iloc[-1]
    assert half.ends[1].startswith("a homoclinic orbit at lam")
    assert one["kind"] == "homoclinic"
    assert both["lam"] == pytest.approx(one["lam"], abs=1e-6)


def test_what_is_no_start_is_said():
    x, y = tr.states("x y")
    a = tr.parameters("a")
    model = tr.Model("spiral", rhs={x: a * x - y, y: x - y}, params={a: 0.5}, initial={x: 1, y: 0})
    with pytest.raises(tr.SolveError, match="no Hopf point"):
        tr.cycles(model, "a", start={"x": 0, "y": 0, "a": 0.5}, span=(0, 1))
    with pytest.raises(tr.ModelError, match="start has no value of y"):
        tr.cycles(model, "a", start={"x": 0, "a": 0.5}, span=(0, 1))
    with pytest.raises(tr.ModelError, match="outside span"):
        tr.cycles(model, "a", start={"x": 0, "y": 0, "a": 2.5}, span=(0, 1))
    with pytest.raises(tr.ModelError, match="no cycle is born at a 'fold'"):
        tr.cycles(model, "a", start={"kind": "fold", "x": 0, "y": 0}, span=(0, 1))
    with pytest.raises(tr.ModelError, match="'b' is not a parameter"):
        tr.cycles(model, "b", span=(0, 1))
    with pytest.raises(tr.SolveError, match="no periodic orbit"):
        tr.cycles(model, "a", span=(0, 1))


def test_a_family_travels(followed):
    family = followed("reaction")
    again = pickle.loads(pickle.dumps(family))
    assert repr(again) == repr(family)
    assert again.summary() == family.summary()
    np.testing.assert_array_equal(again.orbit(5).y, family.orbit(5).y)
    assert again.at(0.25)["period"].iloc[0] == family.at(0.25)["period"].iloc[0]
    orbit = pickle.loads(pickle.dumps(family.orbit(5)))
    np.testing.assert_array_equal(orbit(0.3), family.orbit(5)(0.3))
    # Another family starts from what arrived.
    row = again.special.iloc[0]
    here = tr.cycles(again.model, "p1", start=row, span=(0.16, 0.17))
    assert len(here) > 3


def test_multipliers_of_all_sizes_are_known_at_once(text_model):
    """A circle of radius 1, its surroundings bent: multipliers exp(2 pi rate)."""
    dx, dy = "(a*x - y - x*(x**2+y**2))", "(x + a*y - y*(x**2+y**2))"
    dz = f"(grows*(z-x**2) + 2*x*{dx})"
    model = text_model(
        {"x": dx, "y": dy, "z": dz, "w": f"-fades*(w-z*y) + {dz}*y + z*{dy}"},
        a=-0.5,
        grows=math.log(1e8) / (2 * math.pi),
        fades=math.log(1e12) / (2 * math.pi),
    )
    start = {"x": 0.0, "y": 0.0, "z": 0.0, "w": 0.0, "a": 0.0}
    last = tr.cycles(model, "a", start=start, span=(-0.5, 1.0)).points.iloc[-1]
    expected = [1.0, 1e8, math.exp(-4 * math.pi), 1e-12]
    np.testing.assert_allclose(last["multipliers"], expected, rtol=1e-6)
    assert last["trivial_error"] < 1e-6
    assert last["n_unstable"] == 1


def test_multipliers_are_known_up_to_a_homoclinic_orbit(text_model):
    # Lorenz' equations with b = 2: one multiplier leaves all bounds as the family nears the saddle.
    # By Liouville's formula the product of all is exp(-(sigma + 1 + b) T).
    model = text_model(
        {"x": "s*(y - x)", "y": "r*x - y - x*z", "z": "x*y - b*z"}, s=10.0, b=2.0, r=20.0
    )
    at, z = 150 / 7, 143 / 7
    start = {"r": at, "x": math.sqrt(2 * z), "y": math.sqrt(2 * z), "z": z}
    family = tr.cycles(model, "r", start=start, span=(0, 30))
    assert family.ends[1].startswith("a homoclinic orbit")
    assert (family.points["n_unstable"][1:] == 1).all()
    assert family.points["trivial_error"].max() < 1e-6
    assert abs(family.multipliers[-1, 1]) > 1e15
    periods = family.points["period"].to_numpy()
    products = np.log(np.abs(family.multipliers)).sum(axis=1)
    assert products == pytest.approx(-13.0 * periods, abs=2e-6)


def test_multipliers_of_a_nerve_span_thirty_decades(text_model):
    model = text_model(
        {
            "V": "i - 120*m**3*h*(V-50) - 36*n**4*(V+77) - 0.3*(V+54.387)",
            "m": "0.1*(V+40)/(1-exp(-(V+40)/10))*(1-m) - 4*exp(-(V+65)/18)*m",
            "h": "0.07*exp(-(V+65)/20)*(1-h) - h/(1+exp(-(V+35)/10))",
            "n": "0.01*(V+55)/(1-exp(-(V+55)/10))*(1-n) - 0.125*exp(-(V+65)/80)*n",
        },
        initial={"V": -43.0, "m": 0.42, "h": 0.07, "n": 0.64},
        i=154.0,
    )
    hopf = tr.continuation(model, "i", span=(150, 160)).special.iloc[0]
    family = tr.cycles(model, "i", start=hopf, span=(50, 160))
    # At the Hopf point they are exponentials of the eigenvalues.
    rates = np.linalg.eigvals(
        tr.compile(model).jac(
            0.0, hopf[["V", "m", "h", "n"]].to_numpy(dtype=float), np.array([hopf["i"]]), []
        )
    )
    born = sorted(np.exp(rates * hopf["period"]), key=abs)[::-1]
    np.testing.assert_allclose(family.multipliers[0], born, rtol=1e-6)
    last = family.points.iloc[-1]
    # The variational equations along pieces of the orbit (Dormand & Prince's 8(5,3), tolerance
    # 1e-13), multiplied with 400 digits.
    expected = [1.0, 0.207433251923, 7.28397523264e-8, 1.59454270739e-32]
    assert last["period"] == pytest.approx(8.54438041, rel=1e-8)
    np.testing.assert_allclose(last["multipliers"], expected, rtol=1e-6)


def test_both_folds_of_a_symmetric_system_converge(text_model):
    # (x, y, I) -> (-x, 7/4 - y, 7/4 - I) maps these equations onto themselves.
    model = text_model({"x": "3*(x - x**3/3 - y + I)", "y": "(x + 0.7 - 0.8*y)/3"}, I=0.2)
    drawn = tr.diagram(model, "I", (-0.5, 2.5))
    folds = drawn.special[drawn.special["kind"] == "fold_of_cycles"]
    assert folds["converged"].all()
    first, second = folds["I"]
    assert first + second == pytest.approx(1.75, abs=1e-10)
    assert np.ptp(folds["period"]) < 1e-6


def test_langford_s_torus(text_model):
    # Langford (1979), SIAM J. Appl. Math. 37, 22, without his asymmetric terms: the cycle is the
    # circle z = b, r**2 = b - b**3/3, whose linearisation has the trace 1 - b**2.
    model = text_model(
        {
            "x": "(z - b)*x - w*y",
            "y": "w*x + (z - b)*y",
            "z": "z - z**3/3 - x**2 - y**2",
        },
        b=1.2,
        w=3.5,
    )
    drawn = tr.diagram(model, "b", (0.3, 2.2))
    hopf = drawn.special[drawn.special["kind"] == "hopf"]
    assert hopf["b"].tolist() == pytest.approx([math.sqrt(3)], rel=1e-10)
    (family,) = drawn.cycles
    assert list(family.special["kind"]) == ["torus"]
    torus = family.special.iloc[0]
    assert torus["b"] == pytest.approx(1.0, rel=1e-9)
    assert torus["period"] == pytest.approx(2 * math.pi / 3.5, rel=1e-10)
    angle = 2 * math.pi / 3.5 * math.sqrt(4 / 3)
    assert max(torus["multipliers"][1:], key=lambda value: value.imag) == pytest.approx(
        complex(math.cos(angle), math.sin(angle)), abs=1e-8
    )


def test_a_family_that_adds_spikes_says_so(text_model):
    # Hindmarsh & Rose (1984) near rest: bursts add spikes one by one (Terman 1991, SIAM J. Appl.
    # Math. 51, 1418), each between a pair of folds.
    model = text_model(
        {"x": "y - x**3 + 3*x**2 - z + i", "y": "1 - 5*x**2 - y", "z": "0.005*(4*(x+1.6) - z)"},
        initial={"x": -1.3, "y": -8.0, "z": 1.2},
        i=1.3,
    )
    hopf = tr.continuation(model, "i", span=(1.2, 1.5)).special.iloc[0]
    stepper = tr.ArcLength(ds=0.02, ds_max=0.05, max_steps=520)
    family = tr.cycles(model, "i", start=hopf, span=(0.0, 6.0), stepper=stepper)
    orbit = family.orbit(-1)
    y = orbit(np.linspace(0.0, orbit.t[-1], 20000))
    low = [np.roll(column, -int(np.argmin(column))) for column in y.T]
    spikes = max(len(find_peaks(each, prominence=0.1 * np.ptp(each))[0]) for each in low)
    assert spikes > 2
    assert f"gone from 1 to {spikes} swings" in family.summary()


def test_a_conservative_family_stands_upright(text_model):
    # At mu = 0 every circle is a cycle; that of radius 2 goes on to mu > 0 (van der Pol).
    model = text_model({"x": "y", "y": "mu*(1 - x**2)*y - x"}, mu=1.0)
    family = tr.cycles(model, "mu", start={"x": 0.0, "y": 0.0, "mu": 0.0}, span=(-1, 5))
    assert family.ends[1] == "stands upright at mu = 0: cycles of every size there"
    assert list(family.special["kind"]) == ["branch_point"]
    assert family.special["max_x"][0] == pytest.approx(2.0, rel=1e-6)
    assert len(family) <= 102


def test_one_turn_of_an_orbit_is_followed(text_model):
    # Next to Roessler's first doubling, c = 2.832, a trajectory nears its cycle from both sides
    # in turn, and comes back more closely after two turns than after one.
    model = text_model({"x": "-y - z", "y": "x + a*y", "z": "b + z*(x - c)"}, a=0.2, b=0.2, c=2.75)
    family = tr.cycles(model, "c", span=(2.7, 2.8))
    assert family.points["period"].between(5.7, 5.8).all()


@pytest.mark.parametrize("height", [1e-4, 1e-6, 1e-9])
def test_a_hopf_point_at_which_states_are_nearly_zero(text_model, height):
    # The circle of radius sqrt(mu) about (height, height), which the size of a state there hides.
    model = text_model(
        {
            "x": "mu*(x - h) - (y - h) - (x - h)*((x - h)**2 + (y - h)**2)",
            "y": "(x - h) + mu*(y - h) - (y - h)*((x - h)**2 + (y - h)**2)",
        },
        initial={"x": height, "y": height},
        mu=0.0,
        h=height,
    )
    start = {"x": height, "y": height, "mu": 0.0}
    family = tr.cycles(model, "mu", start=start, span=(-1, 1))
    assert family.ends[1] == "span reached, mu = 1"
    assert not len(family.special)
    radius = family.points["max_x"].to_numpy() - height
    assert radius == pytest.approx(np.sqrt(family.points["mu"].to_numpy()), abs=1e-6)


def test_a_population_that_all_but_vanishes_comes_back_in_time(text_model, check_cycles):
    # Rosenzweig & MacArthur (1963): the prey goes down to 1e-17 of its largest number. Periods by
    # the equations of the logarithms (Dormand & Prince's 8(5,3), tolerance 1e-12).
    model = text_model(
        {"x": "x*(1 - x/K) - x*y/(0.16129 + x)", "y": "0.4*x*y/(0.16129 + x) - 0.08*y"},
        {"x": 0.1, "y": 0.2},
        K=0.3,
    )
    hopf = tr.diagram(model, "K", (0.2, 1.2), cycles=False).special.query("kind == 'hopf'").iloc[0]
    family = tr.cycles(model, "K", start=hopf, span=(0.2, 1.2))
    check_cycles(family)
    assert family.ends[1] == "span reached, K = 1.2"
    for value, period in {0.6: 53.22675994, 1.0: 81.34956344, 1.2: 95.11058971}.items():
        (found,) = family.at(value)["period"]
        assert found == pytest.approx(period, rel=1e-7)
    assert family.points["min_x"].iloc[-1] < 1e-17
