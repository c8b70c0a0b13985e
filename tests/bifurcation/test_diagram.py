"""The whole diagram of a parameter: every branch and special point, each once."""

import math
import pickle
import re

import matplotlib.pyplot as plt
import numpy as np
import pytest

import trustode as tr

#: What Newton's method on the defining equations leaves, relative.
EXACT = 1e-9


@pytest.fixture(scope="module")
def draw(check_branch):
    """Return `diagram` that checks the invariants of every branch and of the table."""

    def drawn(*arguments, **options):
        found = tr.diagram(*arguments, cycles=False, **options)
        for branch in found.equilibria:
            check_branch(branch)
        assert found.special["converged"].all()
        names = [found.parameter, *found.model.states]
        rows = found.special[names].to_numpy(dtype=float)
        for k, row in enumerate(rows):
            same = found.special["kind"].to_numpy()[:k] == found.special["kind"][k]
            assert not (np.abs(rows[:k][same] - row).max(axis=1, initial=0.0) < 1e-6).any()
        for branch in found.branches:
            held = branch.special[branch.special["converged"]]
            for value, kind in zip(held[found.parameter], held["kind"], strict=True):
                same = found.special[found.special["kind"] == kind]
                assert np.abs(same[found.parameter] - value).min() < 1e-6
        return found

    return drawn


def points(found, kind):
    """Return parameter and states of the special points of a kind, in the table's order."""
    rows = found.special[found.special["kind"] == kind]
    return rows[[found.parameter, *found.model.states]].to_numpy(dtype=float)


def test_two_folds_of_the_cusp(draw, text_model):
    found = draw(text_model({"x": "mu + lam*x - x**3"}, mu=0.0, lam=1.0), "mu", (-2, 2))
    assert len(found.branches) == 1
    # Closed form: x^2 = 1/3.
    edge = 2 / 27**0.5
    assert points(found, "fold") == pytest.approx(
        np.array([[-edge, 3**-0.5], [edge, -(3**-0.5)]]), rel=EXACT
    )


def test_a_pitchfork_and_its_branches(draw, text_model):
    found = draw(text_model({"x": "r*x - x**3"}, r=-1.0), "r", (-1, 1))
    assert len(found.branches) == 2
    (row,) = found.special.to_dict("records")
    assert (row["kind"], row["type"], row["criticality"]) == (
        "branch_point", "pitchfork", "supercritical",
    )  # fmt: skip
    assert [row["r"], row["x"]] == pytest.approx([0, 0], abs=EXACT)
    # The equation is its own normal form, w' = -w^3.
    assert row["coefficient"] == pytest.approx(-1, rel=EXACT)
    assert [len(found.stable_at(r)) for r in (-0.5, 0.5)] == [1, 2]
    # The tip lies inside the new branch, that reaches both arms: x^2 = r.
    arms = found.branches[1].points.iloc[[0, -1]]
    assert sorted(arms["x"]) == pytest.approx([-1, 1], rel=EXACT)


def test_subcritical_pitchfork_that_folds_back(draw, text_model):
    found = draw(text_model({"x": "r*x + x**3 - x**5"}, r=-1.0), "r", (-1, 1))
    pitchfork = found.special[found.special["kind"] == "branch_point"].iloc[0]
    assert pitchfork["criticality"] == "subcritical"
    # Folds where 1 = 2 x^2: r = -1/4.
    folds = points(found, "fold")
    assert folds[:, 0] == pytest.approx([-0.25, -0.25], rel=EXACT)
    assert sorted(folds[:, 1]) == pytest.approx([-(0.5**0.5), 0.5**0.5], rel=EXACT)


def test_transcritical(draw, text_model):
    found = draw(text_model({"x": "r*x - 3*x**2"}, r=-1.0), "r", (-1, 1))
    (row,) = found.special.to_dict("records")
    assert (row["type"], row["criticality"]) == ("transcritical", "")
    assert row["coefficient"] == pytest.approx(3, rel=EXACT)
    assert len(found.branches) == 2


def test_cubic_coefficient_counts_the_slaved_states(draw, text_model):
    # On the centre manifold y = x^2 / 2 + ..., so that x' = r x - x^3 + 4 x y = r x + x^3.
    model = text_model({"x": "r*x - x**3 + 4*x*y", "y": "-2*y + x**2"}, r=-0.5)
    found = draw(model, "r", (-0.5, 0.25), region={"x": (-0.3, 0.3), "y": (-0.3, 0.3)})
    row = found.special[found.special["type"] == "pitchfork"].iloc[0]
    assert row["coefficient"] == pytest.approx(1, rel=1e-8)
    assert row["criticality"] == "subcritical"


def test_secondary_branches_are_followed_too(draw, text_model):
    # Greenspan: pure modes from r = 0 and c, mixed ones from the first where r - c = b r.
    model = text_model({"x": "r*x - x**3 - b*x*y**2", "y": "(r-c)*y - y**3 - b*y*x**2"},
                       r=-1.0, b=0.5, c=0.2)  # fmt: skip
    found = draw(model, "r", (-1, 1))
    assert len(found.branches) == 5
    crossed = points(found, "branch_point")
    assert crossed[:, 0] == pytest.approx([0, 0.2, 0.4, 0.4], abs=EXACT)
    assert sorted(crossed[2:, 1]) == pytest.approx([-(0.4**0.5), 0.4**0.5], rel=EXACT)


def test_three_cells_that_are_alike(text_model):
    """At a point with a two-dimensional null space more than two branches cross."""
    equations = {a: f"r*{a} - {a}**3 - 2*{a}*({b}**2)" for a, b in (("x", "y"), ("y", "x"))}
    found = tr.diagram(text_model(equations, r=-1.0), "r", (-1, 1))
    assert found.special["kind"].tolist() == ["branch_point"]
    assert found.special["r"][0] == pytest.approx(0, abs=1e-7)
    # Eight arms: two on each axis and two on each diagonal, four of them stable.
    assert len(found.branches) == 5
    assert len(found.stable_at(0.5)) == 4


def test_equal_eigenvalues_vanish_together(text_model):
    """Golubitsky, Stewart & Schaeffer (1988), ch. XV: a triangle's symmetry, z' = a z - conj(z)^2.

    With the cubic term, rests lie at x^2 + x = a on three axes, which turn at a = -1/4.
    """
    model = text_model(
        {"x": "a*x - x**2 + y**2 - x*(x**2+y**2)", "y": "a*y + 2*x*y - y*(x**2+y**2)"}, a=0.5
    )
    found = tr.diagram(model, "a", (-1, 1))
    assert found.special["converged"].all()
    assert points(found, "branch_point") == pytest.approx(np.zeros((1, 3)), abs=1e-12)
    a, x, _ = points(found, "fold").T
    assert a == pytest.approx([-0.25] * 3)
    assert np.sort(x) == pytest.approx([-0.5, 0.25, 0.25])
    assert len(found.branches) == 4


def test_equal_pairs_reach_the_axis_together(text_model):
    """Golubitsky, Stewart & Schaeffer (1988), ch. XVII: two waves in a ring, each |z|^2 = a.

    Brusselators in a ring of three lose their balance in two unlike ways at once: the block of
    either has no trace at b = 1 + 7/10, and the determinant 3/10 b + 7/10.
    """
    one = "{0}*(a - {0}**2 - {1}**2 - 2*({2}**2+{3}**2))"
    model = text_model(
        {
            "x": one.format(*"xyuv") + " - y", "y": one.format(*"yxuv") + " + x",
            "u": one.format(*"uvxy") + " - v", "v": one.format(*"vuxy") + " + u",
        }, a=-0.5,
    )  # fmt: skip
    found = tr.diagram(model, "a", (-1, 1))
    (row,) = found.special.to_dict("records")
    assert (row["kind"], row["converged"]) == ("hopf", True)
    assert [row["a"], row["omega"]] == pytest.approx([0, 1], abs=1e-12)
    assert math.isnan(row["coefficient"])
    assert "equal pairs of eigenvalues" in found.branches[0].summary()
    ring = {
        f"{kind}{i}": rate.format(i, (i + 1) % 3, (i + 2) % 3)
        for i in range(3)
        for kind, rate in (
            ("x", "1 - (b+1)*x{0} + x{0}**2*y{0}"),
            ("y", "b*x{0} - x{0}**2*y{0} - 0.1*(y{1} - 2*y{0} + y{2})"),
        )
    }
    start = {name: 1.0 if name[0] == "x" else 1.7 for name in ring}
    special = tr.diagram(text_model(ring, start, b=1.6), "b", (1.5, 1.9), cycles=False).special
    (row,) = special.to_dict("records")
    assert (row["kind"], row["converged"]) == ("hopf", True)
    assert [row["b"], row["omega"]] == pytest.approx([1.7, (0.3 * 1.7 + 0.7) ** 0.5], rel=1e-10)


@pytest.mark.parametrize("gap", [1e-2, 1e-3, 1e-4])
def test_two_points_within_a_step(draw, text_model, gap):
    """Two changes that undo each other are seen however close they lie."""
    hopf = text_model(
        {
            "x": "(mu**2 - d)*x - y - x*(x**2 + y**2)",
            "y": "x + (mu**2 - d)*y - y*(x**2 + y**2)",
        },
        mu=-1.0,
        d=gap**2,
    )
    assert points(draw(hopf, "mu", (-1, 1)), "hopf")[:, 0] == pytest.approx([-gap, gap], rel=1e-8)
    fold = text_model({"x": "mu + d*x - x**3"}, mu=-1.0, d=3 * gap**2)
    # x = gap at a fold, mu = -2 gap^3.
    assert points(draw(fold, "mu", (-1, 1)), "fold")[:, 1] == pytest.approx([gap, -gap], rel=1e-6)


@pytest.mark.parametrize(
    ("equations", "span", "kind"),
    [
        ({"x": "r - x**2"}, (0, 1), "fold"),
        ({"x": "r + x**2"}, (-1, 0), "fold"),
        ({"x": "r*x - x**2"}, (0, 1), "branch_point"),
        ({"x": "r*x - x**3"}, (0, 1), "branch_point"),
        ({"x": "r*x - y - x**3", "y": "x + r*y - y**3"}, (0, 1), "hopf"),
        ({"x": "r*x - y - x**3", "y": "x + r*y - y**3"}, (-1, 0), "hopf"),
    ],
)
def test_on_the_edge_of_the_span(text_model, equations, span, kind):
    found = tr.diagram(text_model(equations, r=0.5), "r", span, cycles=False)
    assert found.special["kind"].tolist() == [kind]
    assert found.special["converged"].all()
    assert found.special["r"][0] == pytest.approx(0, abs=EXACT)
    for branch in found.branches:
        assert branch.points["r"].between(*span).all()
        assert all("span reached" in end for end in branch.ends)


def test_a_closed_branch(draw, text_model):
    found = draw(text_model({"x": "(x-1)**2 + r**2 - 0.25"}, r=-1.0), "r", (-1, 1))
    assert points(found, "fold") == pytest.approx(np.array([[-0.5, 1], [0.5, 1]]), rel=EXACT)
    assert "closed" in found.branches[0].ends[0]


def test_a_line_of_equilibria_is_no_branch(text_model):
    found = tr.diagram(text_model({"x": "r*x"}, r=-1.0), "r", (-1, 1))
    assert len(found.branches) == 1
    assert found.special["type"].tolist() == [""]


def test_a_line_of_equilibria_on_the_edge_is_no_branch(text_model):
    # Moore & Spiegel (1966), Astrophys. J. 143, 871: with T = 0 every x rests.
    equations = {"x": "y", "y": "z", "z": "-z - (T - 20 + 20*x**2)*y - T*x"}
    found = tr.diagram(text_model(equations, T=1.0), "T", (0, 50), cycles=False)
    (branch,) = found.branches
    assert np.abs(branch.points["x"]).max() == 0.0


@pytest.mark.parametrize("low", [-2.0, -1.1, -0.3, 0.0, 0.7, 1.3])
def test_the_tip_of_a_pitchfork_is_no_fold(draw, text_model, low):
    # AUTO-07p, demo enz, in numbers that a step past the tip may come to in many ways.
    rate = "100*{0}/(1 + {0} + {0}**2)"
    model = text_model(
        {x: f"s0 + {y} - 2*{x} - {rate.format(x)}" for x, y in (("x", "y"), ("y", "x"))}, s0=30.0
    )
    found = draw(model, "s0", (low, 40.0 + low / 7.0))
    rows = found.special
    at = {kind: rows["s0"][rows["kind"] == kind].to_numpy() for kind in ("fold", "branch_point")}
    assert at["branch_point"] == pytest.approx([22.18163792612, 34.22288654419], rel=EXACT)
    folds = [18.88706765792, *[25.37271483812] * 2, *[26.62207177004] * 2, 34.35692499853]
    assert at["fold"] == pytest.approx(folds, rel=EXACT)
    assert len(rows) == 8


def test_an_eigenvalue_that_fades_changes_no_index(draw, text_model):
    # Where x grows, its own rate of change 1 / (1 + x)^2 becomes rounding beside the other one.
    model = text_model({"x": "x/(1 + x) - a", "y": "-1000*y"}, {"x": 1.0}, a=0.5)
    found = draw(model, "a", (0, 2))
    counts = [set(branch.points["n_unstable"]) for branch in found.branches]
    assert counts == [{1}] * len(found.branches)


def test_an_end_where_everything_rests(text_model):
    """At r = 0 nothing changes anywhere: that is one line, not a branch a start."""
    found = tr.diagram(text_model({"x": "r*x*(1 - x/2)"}, r=0.5), "r", (0, 1))
    assert len(found.branches) == 2


def test_an_end_where_the_equations_have_no_value(text_model):
    found = tr.diagram(text_model({"x": "x*(1 - x/K)"}, K=2.0), "K", (0, 1e9))
    assert len(found.branches) == 2


def test_a_conserved_quantity_is_told(text_model):
    model = text_model({"s": "-b*s*i + g*r", "i": "b*s*i - v*i", "r": "v*i - g*r"},
                       b=0.5, g=0.1, v=0.2)  # fmt: skip
    with pytest.raises(tr.SolveError, match=r"conserved quantity.* s \+ i \+ r never changes"):
        tr.diagram(model, "b", (0, 1))
    # A substrate in either of two forms, an enzyme free or bound.
    model = text_model({"s": "c - k*s*e", "e": "2*c - k*s*e", "c": "k*s*e - 2*c", "p": "c"}, k=1.0)
    with pytest.raises(tr.SolveError, match=r"s \+ c \+ p and e \+ c never change"):
        tr.diagram(model, "k", (0.1, 3))


def test_a_sum_that_grows_at_a_constant_rate_is_not_told_as_one_that_stays(text_model):
    model = text_model({"a": "1 - k*a*b", "b": "k*a*b"}, k=1.0)
    with pytest.raises(tr.SolveError, match="singular wherever") as caught:
        tr.diagram(model, "k", (0.1, 3))
    assert "never changes" not in str(caught.value)


def test_lines_of_equilibria_are_told(text_model):
    # Euler's rigid body rests on each of its axes, at any speed.
    model = text_model({"x": "(1-k)*y*z", "y": "(k-2)*x*z", "z": "x*y"}, {"x": 1.0}, k=0.5)
    with pytest.raises(tr.SolveError, match="form lines"):
        tr.diagram(model, "k", (0.1, 0.9))


def test_predator_and_prey(draw, text_model):
    """Rosenzweig & MacArthur (1963): closed forms of both points."""
    model = text_model(
        {"x": "x*(1-x/K) - a*x*y/(1+a*h*x)", "y": "e*a*x*y/(1+a*h*x) - m*y"},
        {"x": 0.5, "y": 0.5}, K=2.0, a=2.0, h=0.5, e=0.5, m=0.3,
    )  # fmt: skip
    found = draw(model, "K", (0.1, 6))
    prey = 0.3 / (2.0 * (0.5 - 0.3 * 0.5))
    assert points(found, "branch_point") == pytest.approx(np.array([[prey, prey, 0]]), abs=EXACT)
    # The prey's nullcline has its top at (K - 1 / (a h)) / 2.
    assert points(found, "hopf")[:, 0] == pytest.approx([2 * prey + 1], rel=EXACT)


def test_the_model_s_specification(draw):
    """The folds and the Hopf point of the fast subsystem, as the model's specification says."""
    model = tr.models.load("trust-updated", profile="bpd").freeze({"G": 0.2})
    found = draw(model, "p", (0.3, 1.5), params={"kappa": 2.2})
    folds = points(found, "fold")[:, 0]
    assert folds.round(4).tolist() == [0.4509, 0.5411, 0.5801, 0.6271]
    hopf = found.special[found.special["kind"] == "hopf"].iloc[0]
    assert (round(hopf["p"], 4), round(hopf["coefficient"])) == (0.5750, 411)
    assert found.params["kappa"] == 2.2
    assert "two stable equilibria coexist" in found.summary()


# ---------------------------------------------------------------------- with cycles


def test_cycles_are_branches_too(text_model):
    """Kuznetsov's normal form of a Bautin point: the cycle folds at b1 = -1/4."""
    radius = "(x**2 + y**2)"
    found = tr.diagram(
        text_model(
            {
                "x": f"b1*x - y + x*{radius} - x*{radius}**2",
                "y": f"x + b1*y + y*{radius} - y*{radius}**2",
            },
            b1=-1.0,
        ),
        "b1",
        (-1, 1),
    )
    assert [len(found.equilibria), len(found.cycles)] == [1, 1]
    assert found.special["kind"].tolist() == ["fold_of_cycles", "hopf"]
    assert found.special["b1"].tolist() == pytest.approx([-0.25, 0], abs=1e-7)
    assert found.special["max_x"][0] == pytest.approx(0.5**0.5, rel=1e-6)
    text = found.summary()
    assert "a family of" in text
    assert "For b1 from -0.25 to 0 one equilibrium is stable" in text
    assert text.count("beside a stable cycle") == 1
    assert (
        "For b1 from 0 to 1 no equilibrium is stable: the states swing on a stable cycle." in text
    )
    assert found.failed == ()
    ax = found.plot("x")
    assert {"stable cycle", "unstable cycle"} <= {each.get_label() for each in ax.lines}
    plt.close(ax.figure)


def test_a_family_between_two_hopf_points_is_one(text_model):
    """Sel'kov (1968): cycles between the two values of b at which the trace vanishes."""
    model = text_model(
        {"x": "-x + a*y + x**2*y", "y": "b - a*y - x**2*y"}, {"x": 0.5, "y": 1.0}, a=0.1, b=0.5
    )
    found = tr.diagram(model, "b", (0.05, 1.5))
    # b^4 + (2 a - 1) b^2 + a^2 + a = 0.
    squares = np.roots([1, -0.8, 0.11])
    hopf = found.special[found.special["kind"] == "hopf"]
    assert sorted(hopf["b"]) == pytest.approx(sorted(squares**0.5), rel=EXACT)
    assert len(found.cycles) == 1
    assert "ends at a Hopf point" in found.cycles[0].ends[1]


def test_mirrored_families_are_two(text_model):
    """Lorenz (1963): the two cycles of the mirrored Hopf points, and their homoclinic ends."""
    model = text_model({"x": "10*(y-x)", "y": "rho*x - y - x*z", "z": "x*y - 8*z/3"}, rho=0.0)
    found = tr.diagram(model, "rho", (0, 30))
    assert len(found.cycles) == 2
    ends = found.special[found.special["kind"] == "homoclinic"]
    # What is said of both is said once, and no stable cycle is claimed where all are unstable.
    text = found.summary()
    assert text.count("rest gives way to a swing") == 1
    assert "For rho from 24.7368 to 30 no equilibrium is stable: the states keep moving." in text
    # Sparrow (1982): 13.926.
    assert ends["rho"].tolist() == pytest.approx([13.926557] * 2, abs=1e-4)


# ---------------------------------------------------------------------- what it shows


@pytest.fixture(scope="module")
def toggle(text_model):
    """Gardner, Cantor & Collins (2000) with equal arms: a pitchfork at al = 2, u = v = 1."""
    model = text_model({"u": "al/(1+v**2) - u", "v": "al/(1+u**2) - v"}, al=1.0)
    return tr.diagram(model, "al", (0.5, 6))


def test_it_prints_itself(toggle):
    text = repr(toggle)
    assert text.startswith(
        "<Diagram of 'test model': al from 0.5 to 6, 2 branches, 1 branch_point>"
    )
    assert "supercritical pitchfork" in text


def test_the_summary_says_where_two_attitudes_coexist(toggle):
    text = toggle.summary()
    assert "For al from 0.5 to 2 one equilibrium is stable" in text
    assert "For al from 2 to 6 two stable equilibria coexist" in text


def test_the_frame_has_every_branch(toggle):
    frame = toggle.to_frame()
    assert frame["branch"].unique().tolist() == [0, 1]
    assert len(frame) == sum(len(each) for each in toggle.branches)


def test_it_draws_itself(toggle):
    ax = toggle.plot("u")
    styles = {line.get_linestyle() for line in ax.lines if len(line.get_xdata()) > 1}
    assert {"-", "--"} <= styles
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("al", "u")
    plt.close(ax.figure)
    with pytest.raises(tr.ModelError, match="did you mean 'u'"):
        toggle.plot("uu")


def test_it_can_be_stored(toggle):
    again = pickle.loads(pickle.dumps(toggle))
    assert again.special.equals(toggle.special)


def test_it_is_the_same_again(text_model, toggle):
    model = text_model({"u": "al/(1+v**2) - u", "v": "al/(1+u**2) - v"}, al=1.0)
    assert tr.diagram(model, "al", (0.5, 6)).special.equals(toggle.special)


def test_progress_is_reported(text_model):
    seen = []
    tr.diagram(text_model({"x": "r - x**3"}, r=0.0), "r", (-1, 1),
               progress=lambda *done: seen.append(done))  # fmt: skip
    assert seen[0][0] == 0
    assert seen[-1][0] == seen[-1][1] > 0


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"parameter": "rr"}, tr.ModelError, "did you mean 'r'"),
        ({"span": (1, 0)}, tr.ModelError, "not below"),
        ({"span": 3}, tr.ModelError, "pair of numbers"),
        ({"span": (0, float("nan"))}, tr.ModelError, "nan"),
        ({"params": {"q": 1}}, tr.ModelError, "q"),
        ({"region": {"y": (0, 1)}}, tr.ModelError, "y"),
        ({"stepper": 0.1}, tr.OptionError, "ArcLength"),
        ({"cycles": "yes"}, tr.OptionError, "cycles='yes'"),
        ({"seed": 0.5}, tr.OptionError, "seed=0.5"),
        ({"model": "r"}, tr.ModelError, "expected a Model"),
        ({"progress": 3}, tr.OptionError, "progress=3"),
        ({"steps": 3}, tr.KeywordError, "steps"),
    ],
)
def test_nonsense(text_model, change, error, words):
    asked = {"model": text_model({"x": "r - x"}, r=0.0), "parameter": "r", "span": (0, 1)} | change
    with pytest.raises(error, match=words):
        tr.diagram(asked.pop("model"), asked.pop("parameter"), asked.pop("span"), **asked)


def test_what_is_nearest_to_hopf_points_is_followed_first(text_model, monkeypatch):
    # Two cells that are alike: one Hopf point in phase, one in antiphase, branch points on both.
    equations = {}
    for x, y, u in (("x", "y", "u"), ("u", "v", "x")):
        square = f"({x}**2 + {y}**2)"
        equations[x] = f"a*{x} - {y} - {x}*{square} + k*({u} - {x})"
        equations[y] = f"{x} + a*{y} - {y}*{square}"
    model = text_model(equations, a=-0.5, k=-0.2)
    monkeypatch.setattr("trustode.bifurcation.families.MOST_FAMILIES", 1)
    found = tr.diagram(model, "a", (-0.5, 1.0))
    assert len(found.cycles) == (found.special["kind"] == "hopf").sum() == 2
    assert found.failed
    assert all("as 2 families were followed" in each for each in found.failed)
    assert "Not followed: what branches off at" in found.summary()


def test_cycles_are_found_where_no_hopf_point_leads_to_them(text_model):
    # Roessler (1976) with a = b = .2: its equilibrium is unstable wherever it exists. The first
    # doublings by multiple shooting with DOP853 at a tolerance of 1e-12.
    model = text_model({"x": "-y - z", "y": "x + a*y", "z": "b + z*(x - c)"}, a=0.2, b=0.2, c=2.0)
    found = tr.diagram(model, "c", (0.5, 5))
    doublings = found.special[found.special["kind"] == "period_doubling"]
    assert doublings["c"].to_numpy()[:2] == pytest.approx(
        [2.832445027899, 3.837358168411], rel=1e-9
    )
    assert len(found.cycles) == 2


def test_a_branch_that_runs_away_cuts_the_span(draw, text_model):
    # x = 1 / p, stable for p < 0 only; half-way along the span there is none.
    found = draw(text_model({"x": "p*x - 1"}, {"x": 1.0}, p=1.0), "p", (-1, 1))
    (first, *_, last) = (line for line in found.summary().splitlines() if line.startswith("For p"))
    assert first.startswith("For p from -1 to ")
    assert "one equilibrium is stable" in first
    assert "no equilibrium is stable" in last


def test_what_follows_a_subcritical_hopf_point_is_told_with_its_own_period() -> None:
    model = tr.models.load("fitzhugh-nagumo")
    found = tr.diagram(model, "z", (-0.6, 0))
    rows = found.special.query("kind == 'hopf' and criticality == 'subcritical'")
    assert len(rows)
    line = next(line for line in found.summary().splitlines() if "large at once" in line)
    assert "or to another" not in line
    period = float(line.split("period of ")[1].rstrip("."))
    assert period > 1.2 * rows["period"].max()
    ax = found.plot("period")
    assert ax.get_ylabel().startswith("period")
    drawn = np.concatenate([each.get_ydata() for each in ax.lines])
    assert drawn.max() == pytest.approx(found.cycles[0].points["period"].max())
    with pytest.raises(tr.OptionError, match="no cycles"):
        tr.diagram(model, "z", (-0.1, 0.1)).plot("period")


def test_folds_that_mirror_each_other_are_told_apart(text_model):
    # mu = x^4 - x^2 has its least value, -1/4, at x^2 = 1/2.
    made = tr.diagram(text_model({"x": "mu*x + x**3 - x**5"}, mu=-1.0), "mu", (-1, 1))
    folds = [line for line in repr(made).splitlines() if line.startswith("  fold at mu = -0.25")]
    assert sorted(re.findall(r"x = (\S+)\)", " ".join(folds))) == ["-0.70711", "0.70711"]
