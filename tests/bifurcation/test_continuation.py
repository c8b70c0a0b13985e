"""Branches: where they go, why they end, and that they never change to another silently."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import trustode as tr
from trustode.expression import symbol

CLOSE = 1e-9


# ------------------------------------------------------------------ special points


def test_a_circle_closes(follow, text_model):
    """x^2 + a^2 = 1: two folds, at a = 1 and -1."""
    branch = follow(text_model({"x": "1 - x**2 - a**2"}, {"x": 1.0}, a=0.0), "a", span=(-2, 2))
    assert sorted(branch.special["a"]) == pytest.approx([-1, 1], rel=CLOSE)
    assert branch.special["kind"].tolist() == ["fold", "fold"]
    assert all(end.startswith("closed branch") for end in branch.ends)
    ends = branch.points[["a", "x"]].iloc[[0, -1]].to_numpy()
    assert ends[0] == pytest.approx(ends[1], abs=1e-9)
    radius = np.hypot(branch.points["a"], branch.points["x"])
    assert radius.to_numpy() == pytest.approx(1, abs=1e-10)


def test_a_transcritical_point(follow, text_model):
    model = text_model({"x": "a*x - x**2"}, a=-0.5)
    for start, index in [({"x": 0.0}, [0, 1]), ({"x": -0.5}, [1, 0])]:
        branch = follow(model, "a", span=(-1, 1), start=start)
        (point,) = [row for _, row in branch.special.iterrows()]
        assert point["kind"] == "branch_point"
        assert [point["a"], point["x"]] == pytest.approx([0, 0], abs=CLOSE)
        assert branch.points["n_unstable"].iloc[[0, -1]].tolist() == index


def test_a_pitchfork_from_its_stem_and_from_its_prong(follow, text_model):
    model = text_model({"x": "a*x - x**3"}, a=0.5)
    stem = follow(model, "a", span=(-1, 1), start={"x": 0.0})
    prong = follow(model, "a", span=(-1, 1), start={"x": 0.7})
    for branch in (stem, prong):
        assert branch.special["kind"].tolist() == ["branch_point"]
        assert branch.special["converged"].all()
        assert branch.special[["a", "x"]].to_numpy() == pytest.approx(np.zeros((1, 2)), abs=CLOSE)
    assert stem.points["x"].abs().max() <= 1e-12
    # The prong passes its tip to the other prong, and stays stable.
    assert sorted(prong.points["x"].iloc[[0, -1]]) == pytest.approx([-1, 1])
    assert prong.points["stable"].all()


@settings(max_examples=8)
@given(st.floats(-7, -1), st.sampled_from([-1, 1]))
def test_an_imperfect_pitchfork_is_not_jumped(follow, text_model, exponent, sign):
    """x' = h + a x - x^3 with h > 0: the branch from a = -1 has x > 0 throughout, no fold."""
    model = text_model({"x": "h + a*x - x**3"}, a=-1.0, h=sign * 10.0**exponent)
    branch = follow(model, "a", span=(-1, 1))
    assert (sign * branch.points["x"] > 0).all()
    assert branch.special.empty
    assert branch.points["stable"].all()
    assert len(branch.ends) == 2


def test_a_neutral_saddle_is_no_hopf_point(follow, text_model):
    """Eigenvalues 1 + a and -1: their sum vanishes at a = 0, where nothing happens."""
    model = text_model({"x": "(1 + a)*x - x**3", "y": "-y"}, a=-0.5)
    branch = follow(model, "a", span=(-0.7, 2), start={"x": 0.0})
    assert branch.special.empty


def test_two_events_in_one_step_are_told_apart(follow, text_model):
    """A Hopf point at a = 0 and a branch point at a = .001, closer than a step."""
    equations = {"x": "a*x - y - x**3", "y": "x + a*y - y**3", "z": "(a - 0.001)*z - z**3"}
    branch = follow(text_model(equations, a=-0.5), "a", span=(-1, 1))
    assert branch.special["kind"].tolist() == ["hopf", "branch_point"]
    assert branch.special["a"].tolist() == pytest.approx([0, 0.001], abs=CLOSE)
    brackets = branch.special["bracket"].tolist()
    assert brackets[0] == brackets[1]


def test_a_fold_beside_a_hopf_point(follow, text_model):
    """x' = a + x^2 and a rotation with growth x - .02: at x = 0 and at x = .02."""
    equations = {"x": "-a - x**2", "u": "(0.02 + x)*u - v", "v": "u + (0.02 + x)*v"}
    model = text_model(equations, {"x": 1.0}, a=-1.0)
    branch = follow(model, "a", span=(-1.5, 1), start={"x": 1.0})
    assert sorted(branch.special["kind"]) == ["fold", "hopf"]
    fold = branch.special.query("kind == 'fold'").iloc[0]
    hopf = branch.special.query("kind == 'hopf'").iloc[0]
    assert [fold["a"], fold["x"]] == pytest.approx([0, 0], abs=CLOSE)
    assert [hopf["a"], hopf["x"]] == pytest.approx([-4e-4, -0.02], abs=CLOSE)
    assert hopf["omega"] == pytest.approx(1)


def test_two_pitchforks_at_once(follow, text_model):
    """Two identical pitchforks: the kernel has two dimensions, which no simple point has."""
    model = text_model({"x": "a*x - x**3", "y": "a*y - y**3"}, a=-0.5)
    (point,) = follow(model, "a", span=(-1, 1)).special.to_dict("records")
    assert (point["kind"], point["type"], point["converged"]) == ("branch_point", "", True)
    assert [point[name] for name in ("a", "x", "y")] == pytest.approx([0, 0, 0], abs=CLOSE)


def test_a_crossing_of_unlike_kinds_is_reported_as_not_converged(follow, text_model):
    """A pitchfork and a Hopf point at one value of the parameter, which no test tells apart."""
    model = text_model({"x": "a*x - x**3", "u": "a*u - v - u**3", "v": "u + a*v - v**3"}, a=-0.5)
    branch = follow(model, "a", span=(-1, 1))
    (point,) = [row for _, row in branch.special.iterrows()]
    assert not point["converged"]
    assert point["a"] == pytest.approx(0, abs=1e-5)
    assert "not converged" in branch.summary()
    assert branch.points["a"].iloc[-1] == 1


def test_a_stiff_slow_direction_does_not_hide_points(follow, text_model):
    """Time scales of 1e-3 and 1e3 around one fold and one Hopf point at a = .25 and .5."""
    equations = {
        "x": "1000*(x - a - 0.5)",
        "u": "(x - 1)*u - 7*v",
        "v": "7*u + (x - 1)*v",
        "w": "0.001*(u - w)",
    }
    branch = follow(text_model(equations, {"x": 0.5}, a=0.0), "a", span=(-1, 1))
    (point,) = [row for _, row in branch.special.iterrows()]
    assert [point["a"], point["omega"]] == pytest.approx([0.5, 7], rel=CLOSE)


def test_units_do_not_matter(follow, text_model):
    """The same cusp with the state and the parameter in other units."""
    for size in (1e-6, 1.0, 1e5):
        model = text_model({"x": f"b + x - x**3/{size}**2"}, {"x": -1.3 * size}, b=-size)
        branch = follow(model, "b", span=(-2 * size, 2 * size))
        edge = 2 / (3 * math.sqrt(3)) * size
        assert sorted(branch.special["b"]) == pytest.approx([-edge, edge], rel=CLOSE)
        assert len(branch) < 200


def test_morris_lecar(follow):
    """Rinzel & Ermentrout (1998): rest is unstable between I = 93.86 and 212.0."""
    branch = follow(tr.models.load("morris-lecar"), "I", span=(0, 300))
    assert branch.special["kind"].tolist() == ["hopf", "hopf"]
    assert branch.special["I"].tolist() == pytest.approx([93.86, 212.0], rel=2e-4)


# ------------------------------------------------------------------ ends


def test_the_span_is_reached_exactly(follow, text_model):
    branch = follow(text_model({"x": "a - x"}, a=0.3), "a", span=(-1.7, 2.9))
    assert branch.points["a"].iloc[[0, -1]].tolist() == [-1.7, 2.9]
    assert branch.ends == ("span reached, a = -1.7", "span reached, a = 2.9")
    assert branch.points["a"].iloc[branch.start] == 0.3


def test_a_corner_stops_at_the_step_floor(follow, text_model):
    """|x| = a has a corner at a = 0; here it is rounded off, but far too sharply for any step."""
    model = text_model({"x": "x*tanh(1e12*x) - a"}, {"x": 0.5}, a=0.5)
    branch = follow(model, "a", span=(-1, 1), start={"x": 0.5})
    assert "step floor" in branch.ends[0]
    assert "span reached" in branch.ends[1]


def test_leaving_the_bounds_is_named(follow, text_model):
    model = text_model({"x": "a - x"}, {"x": 0.5}, bounds={"x": (0, 1)}, a=0.5)
    branch = follow(model, "a", span=(-2, 2))
    assert "left the bounds, x = 0" in branch.ends[0]
    assert "left the bounds, x = 1" in branch.ends[1]
    assert branch.points["x"].between(0, 1).all()


def test_the_step_limit_is_named(follow):
    stepper = tr.ArcLength(ds=0.001, ds_max=0.001, max_steps=7)
    branch = follow(tr.models.load("lorenz"), "rho", span=(0.5, 40), stepper=stepper)
    assert all(end.startswith("step limit, 7") for end in branch.ends)
    assert len(branch) == 15


def test_steps_are_no_longer_than_asked(follow, text_model):
    model = text_model({"x": "a - x"}, bounds={"x": (-1, 1)}, a=0.0)
    branch = follow(model, "a", span=(-0.5, 0.5), stepper=tr.ArcLength(ds=0.004, ds_max=0.02))
    lengths = np.hypot(np.diff(branch.points["a"]), np.diff(branch.points["x"]))
    assert lengths.max() <= 0.02 * (1 + 1e-9)


# ------------------------------------------------------------------ starts


def test_starts_agree(follow):
    model = tr.models.load("trust-updated")
    (rest,) = tr.equilibria(model)
    span = (0.2, 3.0)
    branches = [
        follow(model, "nu", span=span),
        follow(model, symbol("nu"), span=span, start=rest),
        follow(model, "nu", span=span, start=rest.state | {"nu": 0.5}),
        follow(model, "nu", span=span, start={symbol("T"): 0.8, "L": 0.6}),
    ]
    ends = [branch.points[list(model.states)].iloc[-1].to_numpy() for branch in branches]
    for end in ends[1:]:
        assert end == pytest.approx(ends[0], abs=1e-9)
    row = branches[0].points.iloc[5]
    again = follow(model, "nu", span=span, start=row)
    assert again.points["nu"].iloc[again.start] == row["nu"]


def test_an_equilibrium_brings_its_parameters(follow):
    model = tr.models.load("lorenz")
    start = tr.equilibria(model, params={"sigma": 12.0, "rho": 20})[-1]
    branch = follow(model, "rho", span=(10, 40), start=start)
    assert branch.params == {"sigma": 12.0, "beta": model.defaults["beta"]}
    assert branch.points["rho"].iloc[branch.start] == 20
    overridden = follow(model, "rho", span=(10, 40), start=start, params={"sigma": 10})
    assert overridden.params["sigma"] == 10


def test_without_a_start_it_begins_where_the_initial_state_settles(follow, text_model):
    """x' = x - x^3 + a from x = -.1 settles at -1, not at the nearer root 0."""
    model = text_model({"x": "x - x**3 + a"}, {"x": -0.1}, a=0.0)
    branch = follow(model, "a", span=(-0.2, 0.2))
    assert branch.points["x"].iloc[branch.start] == pytest.approx(-1)


def test_a_default_outside_the_span_starts_at_its_nearer_end(follow):
    branch = follow(tr.models.load("lorenz"), "rho", span=(2, 10))
    assert branch.points["rho"].iloc[branch.start] == 10


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("more", [{}, {"y": "x - y"}])
def test_a_start_on_a_fold(follow, text_model, sign, more):
    """x' = sign r - x^2: a fold at (0, 0), where it is started."""
    model = text_model({"x": f"{sign}*r - x**2", **more}, r=0.0)
    branch = follow(model, "r", span=(-1, 1), start={"x": 0.0})
    assert branch.special["kind"].tolist() == ["fold"]
    assert branch.special["converged"].all()
    assert branch.special[["r", "x"]].to_numpy() == pytest.approx(np.zeros((1, 2)), abs=CLOSE)
    assert sorted(branch.points["x"].iloc[[0, -1]]) == pytest.approx([-1, 1])


# ------------------------------------------------------------------ nonsense


@pytest.mark.parametrize(
    ("parameter", "options", "error", "message"),
    [
        ("roh", {}, tr.ModelError, "did you mean 'rho'"),
        (3, {}, tr.ModelError, "not a parameter"),
        ("X", {}, tr.ModelError, "not a parameter"),
        ("rho", {"span": 3}, tr.ModelError, "pair of numbers"),
        ("rho", {"span": (1, 2, 3)}, tr.ModelError, "pair of numbers"),
        ("rho", {"span": (30, 10)}, tr.ModelError, "30 is not below 10"),
        ("rho", {"span": (10, math.nan)}, tr.ModelError, "not finite"),
        ("rho", {"span": (10, "thirty")}, tr.ModelError, "not a number"),
        ("rho", {"params": {"sgima": 1}}, tr.ModelError, "did you mean 'sigma'"),
        ("rho", {"inputs": {"u": 1}}, tr.ModelError, "unknown input"),
        ("rho", {"start": 5}, tr.ModelError, "give an Equilibrium"),
        ("rho", {"start": {"x": 5}}, tr.ModelError, "did you mean 'X'"),
        ("rho", {"start": {"X": math.inf}}, tr.ModelError, "not finite"),
        ("rho", {"start": {"X": 1.0, "rho": 90}}, tr.ModelError, "outside span"),
        ("rho", {"start": {"X": 1.0}, "span": (1, 2)}, tr.ModelError, "outside span"),
        ("rho", {"stepper": 0.01}, tr.OptionError, "ArcLength"),
    ],
)
def test_nonsense(parameter, options, error, message):
    options = {"span": (10, 30), **options}
    with pytest.raises(error, match=message):
        tr.continuation(tr.models.load("lorenz"), parameter, **options)


def test_something_that_is_no_model():
    with pytest.raises(tr.ModelError, match="expected a Model"):
        tr.continuation("lorenz", "rho", span=(10, 30))


def test_a_span_outside_the_parameters_range():
    with pytest.raises(tr.ModelError, match="outside its range"):
        tr.continuation(tr.models.load("trust-updated"), "D_ab", span=(0, 2))


def test_a_model_that_depends_on_time():
    model = tr.Model("forced", rhs={"x": "a - x + sin(t)"}, params={"a": 1.0}, initial={"x": 0})
    with pytest.raises(tr.ModelError, match="depends on t"):
        tr.continuation(model, "a", span=(0, 1))


def test_no_equilibrium_to_start_from(text_model):
    with pytest.raises(tr.SolveError, match="no equilibrium"):
        tr.continuation(text_model({"x": "1 + x**2 + a"}, a=0.0), "a", span=(-0.5, 1))


def test_a_conserved_quantity_is_said(text_model):
    model = text_model({"x": "y - x + 0*a", "y": "x - y"}, a=0.0)
    with pytest.raises(tr.SolveError, match=r"x \+ y never changes.* write y = total - x"):
        tr.continuation(model, "a", span=(-1, 1))


def test_a_conserved_quantity_is_said_where_nothing_is_found():
    with pytest.raises(tr.SolveError, match="conserved quantity") as caught:
        tr.continuation(tr.models.load("robertson"), "k1", span=(0.01, 0.1))
    assert "Leave out one state" in str(caught.value) or "isolated" in str(caught.value)


@pytest.mark.parametrize(
    ("equation", "sort"), [("r*x - x**3", "pitchfork"), ("r*x - x**2", "transcritical")]
)
def test_a_start_on_a_branch_point_follows_the_branch_along_the_parameter(
    follow, text_model, equation, sort
):
    branch = follow(text_model({"x": equation}, r=0.0), "r", span=(-1, 1))
    (row,) = branch.special.to_dict("records")
    assert (row["type"], row["r"], row["x"]) == (sort, 0.0, 0.0)
    assert (branch.points["r"].min(), branch.points["r"].max()) == (-1, 1)
    assert len(branch) < 50


def test_a_start_on_a_hopf_point_does_not_hide_the_stability_beside_it(follow, text_model):
    model = text_model({"x": "r*x - y - x**3", "y": "x + r*y - y**3"}, r=0.0)
    assert "It is stable for r from -1 to 0." in follow(model, "r", span=(-1, 1)).summary()
