"""Equilibria: closed forms, the model's specification, and what a wrong argument says."""

import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import trustode as tr
from trustode.bifurcation import equilibria
from trustode.expression import symbol

CLOSE = 1e-9


def residual(found, each):
    model, compiled = found.model, tr.compile(found.model)
    p = np.array([each.params[name] for name in model.params])
    u = np.array([each.inputs[name] for name in model.inputs])
    return compiled.rhs(0.0, each.y, p, u), np.linalg.eigvals(compiled.jac(0.0, each.y, p, u))


# ------------------------------------------------------------------ the trust models


@pytest.mark.parametrize("name", ["trust-original", "trust-updated"])
def test_a_healthy_person_has_one_equilibrium(name):
    """The model's specification: values and eigenvalues to the digits given."""
    found = equilibria(tr.models.load(name), starts=40)
    assert len(found) == 1
    rest = found[0]
    expected = {"E": 0.0038, "T": 0.8621, "L": 0.6769, "G": 0.7018, "B": 0.0049}
    expected |= {"C": 0.0, "A": 0.0} if name == "trust-updated" else {}
    assert rest.state == pytest.approx(expected, abs=6e-5)
    values = [-0.0024, -0.0996, -0.4999, -1.3623, -5.0]
    values += [-1.6667, -5.0] if name == "trust-updated" else []
    assert sorted(rest.eigenvalues.real) == pytest.approx(sorted(values), abs=6e-5)
    assert rest.eigenvalues.imag == pytest.approx(0)
    assert rest.stable
    assert rest.kind == "stable node"
    assert rest.n_unstable == 0


def test_a_healthy_dyad():
    (rest,) = equilibria(tr.models.load("trust-dyad"))
    expected = {"T": 0.8712, "L": 0.7026, "G": 0.7069, "P": 0.6491}
    assert {name: rest.state[name] for name in expected} == pytest.approx(expected, abs=6e-5)


def test_rigid_splitting_has_three():
    found = equilibria(tr.models.load("trust-updated", profile="bpd-rigid"))
    assert [each.state["T"] for each in found] == pytest.approx([-0.944, 0.538, 0.896], abs=5e-4)
    assert [each.stable for each in found] == [True, False, True]
    assert [each.kind for each in found.unstable] == ["saddle"]
    assert [each.n_unstable for each in found] == [0, 1, 0]


@pytest.mark.parametrize(
    ("profile", "trust"),
    [("healthy", [-0.91, 0.48, 0.89]), ("naive", [0.68, 0.93, 0.97])],
)
def test_over_trust(profile, trust):
    """The model's specification: trust at a partner's level of -.8, 0, .8."""
    model = tr.models.load("trust-updated", profile=profile)
    found = [equilibria(model, params={"p": p}, starts=64) for p in (-0.8, 0.0, 0.8)]
    assert [len(each) for each in found] == [1, 1, 1]
    assert [each[0].state["T"] for each in found] == pytest.approx(trust, abs=6e-3)


def test_the_bistable_range_of_the_fast_subsystem():
    """The specification at kappa = 2.2, G = .2: fold at .4509, loss of stability at .5750."""
    fast = tr.models.load("trust-updated", profile="bpd").freeze({"G": 0.2})
    for p, n_stable in [(0.445, 1), (0.455, 2), (0.57, 2), (0.578, 1)]:
        found = equilibria(fast, params={"kappa": 2.2, "p": p}, starts=128)
        assert len(found.stable) == n_stable, p


# ------------------------------------------------------------------ classics


def test_lorenz():
    found = equilibria(tr.models.load("lorenz"))
    c = math.sqrt(8 / 3 * 27)
    expected = [[-c, -c, 27], [0, 0, 0], [c, c, 27]]
    assert np.array([each.y for each in found]) == pytest.approx(np.array(expected), rel=CLOSE)
    assert [each.kind for each in found] == ["saddle-focus", "saddle", "saddle-focus"]


def test_lotka_volterra_has_a_centre():
    found = equilibria(tr.models.load("lotka-volterra"))
    assert [each.kind for each in found] == ["saddle", "centre"]
    # A centre is neither stable nor unstable by its eigenvalues.
    assert found.stable == []
    assert found[1].n_unstable == 0


def test_oregonator():
    """Closed form: y1 = y3 with y1^2 + y1 = 2/q, and y2 = y1/(1 + y1)."""
    model = tr.models.load("orego")
    q = model.defaults["q"]
    positive = equilibria(model, region={"y1": (1, 1e4), "y2": (0, 1e4), "y3": (0, 1e4)})
    y = (math.sqrt(1 + 8 / q) - 1) / 2
    assert len(positive) == 1
    assert positive[0].y == pytest.approx([y, y / (1 + y), y], rel=CLOSE)


def test_kinds_in_the_plane(text_model):
    cases = {
        "stable node": ("-x", "-2*y"),
        "unstable node": ("x", "2*y"),
        "stable focus": ("-x - 3*y", "3*x - y"),
        "unstable focus": ("x - 3*y", "3*x + y"),
        "saddle": ("x", "-y"),
        "centre": ("y", "-x"),
    }
    for kind, (f, g) in cases.items():
        (origin,) = equilibria(text_model({"x": f, "y": g}))
        assert origin.kind == kind
        assert origin.stable == (kind in ("stable node", "stable focus"))


@settings(max_examples=15)
@given(st.lists(st.floats(-0.95, 0.95), min_size=1, max_size=5, unique_by=lambda r: round(r, 1)))
def test_every_root_of_a_polynomial_is_found(text_model, roots):
    roots = sorted(roots)
    if len(roots) > 1 and min(np.diff(roots)) < 0.01:
        return
    names = [f"r{k}" for k in range(5)]
    values = dict.fromkeys(names, 2.0) | dict(zip(names, roots, strict=False))
    text = "*".join(f"(x - {name})" for name in names)
    model = text_model({"x": text}, bounds={"x": (-1, 1)}, **values)
    found = equilibria(model, starts=64)
    assert [each.y[0] for each in found] == pytest.approx(roots, abs=1e-7)
    # Stability alternates along a line; the polynomial rises to the right of the last root
    # that is inside if an even number of factors is negative there.
    assert all(a.stable != b.stable for a, b in zip(found, list(found)[1:], strict=False))


# ------------------------------------------------------------------ the result


@pytest.mark.parametrize("b", [0.25, 0.33])
def test_all_of_many_roots_are_found(text_model, b):
    """Thomas (1999), IJBC 9, 1889: x' = sin y - b x and so on in a circle, one equation for x."""
    model = text_model({"x": "sin(y) - b*x", "y": "sin(z) - b*y", "z": "sin(x) - b*z"}, b=b)
    x = np.linspace(-1.001 / b, 1.0 / b, 200_000)
    rest = np.sin(np.sin(np.sin(x) / b) / b) / b - x
    assert len(equilibria(model)) == np.sum(rest[1:] * rest[:-1] < 0.0)


def test_the_result():
    model = tr.models.load("lorenz")
    found = equilibria(model, params={"rho": 20})
    assert len(found) == 3
    assert found[0] is next(iter(found))
    assert len(found.stable) == 2
    assert len(found.unstable) == 1
    frame = found.to_frame()
    expected = ["X", "Y", "Z", "kind", "stable", "n_unstable", "residual", "eigenvalues"]
    assert list(frame.columns) == expected
    for each, (_, row) in zip(found, frame.iterrows(), strict=True):
        f, eigenvalues = residual(found, each)
        assert np.abs(f).max() <= 1e-10
        assert each.residual == np.abs(f).max()
        assert sorted(each.eigenvalues.real) == pytest.approx(sorted(eigenvalues.real))
        assert row["n_unstable"] == np.sum(eigenvalues.real > 0)
        assert each.params == model.defaults | {"rho": 20}
        assert list(each.state.values()) == each.y.tolist()
        assert np.all(np.diff(each.eigenvalues.real) <= 0)
    text = repr(found)
    assert "3 equilibria, 2 stable" in text
    assert text.count("\n") == 3
    again = pickle.loads(pickle.dumps(found))
    assert [each.state for each in again] == [each.state for each in found]


def test_the_seed_alone_decides():
    model = tr.models.load("trust-updated", profile="bpd-rigid")
    first, second = (equilibria(model, starts=32, seed=4) for _ in range(2))
    assert [e.y.tolist() for e in first] == [e.y.tolist() for e in second]


def test_a_region_limits_what_is_kept():
    model = tr.models.load("trust-updated", profile="bpd-rigid")
    found = equilibria(model, region={symbol("T"): (0, 1)})
    assert [each.state["T"] for each in found] == pytest.approx([0.538, 0.896], abs=5e-4)
    half_open = equilibria(tr.models.load("lorenz"), region={"X": (0.5, math.inf)})
    assert len(half_open) == 1


def test_inputs_are_held():
    model = tr.models.load("trust-updated")
    (rest,) = equilibria(model, inputs={"ev": -1.0})
    (same,) = equilibria(model, params={"p": -0.4})
    assert rest.y == pytest.approx(same.y)
    assert rest.inputs == {"ev": -1.0, "u": 0.0, "h": 0.0}


def test_no_equilibrium_is_an_empty_result(text_model):
    found = equilibria(text_model({"x": "1 + x**2"}))
    assert len(found) == 0
    assert found.to_frame().empty
    assert "0 equilibria" in repr(found)


# ------------------------------------------------------------------ nonsense


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"params": {"rhoo": 1}}, tr.ModelError, "did you mean 'rho'"),
        ({"params": {"rho": "high"}}, tr.ModelError, "rho = 'high' is not a number"),
        ({"params": {"rho": math.nan}}, tr.ModelError, "not finite"),
        ({"params": 3}, tr.ModelError, "mapping"),
        ({"inputs": {"u": 0}}, tr.ModelError, "unknown input 'u'"),
        ({"region": {"x": (0, 1)}}, tr.ModelError, "did you mean 'X'"),
        ({"region": {"X": 3}}, tr.ModelError, "pair of numbers"),
        ({"region": {"X": (1, 0)}}, tr.ModelError, "1 is not below 0"),
        ({"region": {"X": (0, math.nan)}}, tr.ModelError, "not below"),
        ({"starts": 0}, tr.OptionError, "starts=0"),
        ({"starts": 2.5}, tr.OptionError, "starts=2.5"),
        ({"seed": "one"}, tr.OptionError, "seed='one'"),
        ({"seed": -1}, tr.OptionError, "seed=-1"),
    ],
)
def test_nonsense(options, error, message):
    with pytest.raises(error, match=message):
        equilibria(tr.models.load("lorenz"), **options)


def test_something_that_is_no_model():
    with pytest.raises(tr.ModelError, match="expected a Model"):
        equilibria("lorenz")


def test_an_input_must_stay_constant():
    with pytest.raises(tr.ModelError, match="stay constant"):
        equilibria(
            tr.models.load("trust-updated"), inputs={"ev": tr.Pulses([1], height=1, width=1)}
        )


def test_a_model_that_depends_on_time(text_model):
    x = symbol("x")
    model = tr.Model("forced", rhs={x: "-x + cos(t)"}, initial={x: 0})
    with pytest.raises(tr.ModelError, match=r"equilibria\(forced\): dx/dt depends on t"):
        equilibria(model)


# ------------------------------------------------------------------ what is said of a result


@pytest.mark.parametrize("name", ["robertson", "hires"])
def test_a_conserved_quantity_is_said(name):
    found = equilibria(tr.models.load(name), starts=64)
    assert not found.isolated
    assert "conserved quantity has no isolated equilibria" in repr(found)


def test_the_sums_that_are_conserved_are_named_with_the_remedy(text_model):
    # A substrate in either of two forms, an enzyme free or bound: two totals.
    model = text_model({"s": "c - s*e", "e": "2*c - s*e", "c": "s*e - 2*c", "p": "c"})
    found = equilibria(model, starts=16)
    assert found.conserved.constant == ("s + c + p", "e + c")
    assert "p = total1 - s - c and e = total2 - c" in repr(found)
    # Two of y make one of x, so x + y/2 stays: its remedy has the weights.
    found = equilibria(text_model({"x": "y**2 - x", "y": "2*x - 2*y**2"}), starts=16)
    assert found.conserved.constant == ("x + 0.5*y",)
    assert "y = 2*total - 2*x" in repr(found)


def test_what_grows_and_what_nothing_reads_is_named(text_model):
    found = equilibria(text_model({"a": "1 - a*b", "b": "a*b"}), starts=16)
    assert found.conserved.growing == (("a + b", 1.0),)
    assert "a + b changes at the constant rate 1" in repr(found)
    # How many were ever ill moves nobody.
    found = equilibria(text_model({"i": "1 - i", "ever": "i"}), starts=16)
    assert found.conserved.constant == ()
    assert "no rate depends on ever: leave it out" in repr(found)


def test_a_line_of_equilibria_is_said(text_model):
    found = equilibria(text_model({"x": "x - x", "y": "-y"}), starts=16)
    assert not found.isolated
    assert "no isolated equilibria" in repr(found)


@pytest.mark.parametrize("name", [n for n in tr.models.names() if n not in ("robertson", "hires")])
def test_isolated_equilibria_are_not_doubted(name):
    found = equilibria(tr.models.load(name), starts=32)
    assert found.isolated
    assert "isolated" not in repr(found)


def test_states_of_any_size_do_not_make_a_jacobian_singular(text_model):
    """The same model in other units: x in 1e-9 and z in 1e9 of those of the textbook."""
    model = text_model({"x": "1e9*x*(x - 3e-10)*(1 - 1e9*x)", "z": "1e18*x - z"})
    found = equilibria(model, region={"x": (-2e-9, 2e-9), "z": (-2e9, 2e9)})
    assert [each["x"] for each in found] == pytest.approx([0.0, 3e-10, 1e-9])
    assert found.isolated


def test_a_degenerate_equilibrium_is_still_isolated(text_model):
    assert equilibria(text_model({"x": "-x**3"})).isolated


def test_nothing_found_says_where_it_looked(text_model):
    model = text_model({"x": "1 + x**2", "y": "-y"}, bounds={"y": (-1, 2)})
    found = equilibria(model, starts=16)
    assert len(found) == 0
    assert found.region == {"x": (-10.0, 10.0), "y": (-1.0, 2.0)}
    assert "searched from x in [-10, 10], y in [-1, 2]" in repr(found)


def test_a_state_of_an_equilibrium_by_name_and_symbol(text_model):
    (found,) = equilibria(text_model({"x": "2 - x"}))
    assert found["x"] == found[symbol("x")] == found.state["x"] == pytest.approx(2)
    with pytest.raises(tr.ModelError, match=r"no state 'X'; did you mean 'x'\? Its states are: x"):
        found["X"]


@pytest.mark.parametrize(
    ("equations", "roots"),
    [
        ({"x": "-x**2"}, [0]),
        ({"x": "-x", "y": "x - y**3"}, [0]),
        ({"x": "(x - 1)**3*(x + 2)"}, [-2, 1]),
        ({"x": "(x - 1)**2*(x - 2)"}, [1, 2]),
        ({"x": "(x - 0.3)**2 - 1e-8"}, [0.2999, 0.3001]),
    ],
)
def test_where_roots_meet_there_is_one(text_model, equations, roots):
    """Newton's method creeps there, and stops somewhere else from each start."""
    found = equilibria(text_model(equations))
    assert [e.y[0] for e in found] == pytest.approx(roots, abs=1e-6)
    kinds = {"degenerate"} if roots == [0] else {e.kind for e in found}
    assert {e.kind for e in found} == kinds


def test_a_pitchfork_is_one_equilibrium(text_model):
    model = text_model({"T": "tanh(a*T - R) - T", "R": "T - R - S", "S": "c*(R - S)"}, a=1.5, c=0.2)
    (found,) = equilibria(model)
    assert found.y == pytest.approx(np.zeros(3), abs=1e-8)
    assert found.kind == "degenerate"


def test_states_that_are_tiny_beside_the_region(text_model):
    """A gene that activates itself, in moles a litre: roots of k c^3 - 5.1 c^2 + k c = 0.1."""
    model = text_model({"c": "1e-9 + 5e-8*c**2/(c**2 + 1e-16) - k*c"}, {"c": 1e-9}, k=2.0)
    found = equilibria(model)
    known = np.sort(np.roots([2, -5.1, 2, -0.1]).real) * 1e-8
    assert [e["c"] for e in found] == pytest.approx(known, rel=1e-12)
    assert [e.stable for e in found] == [True, False, True]
    # k = (5.1 c^2 + 0.1) / (c^3 + c) is least and largest where 5.1 c^4 - 4.8 c^2 + 0.1 = 0.
    diagram = tr.diagram(model, "k", (0.2, 6))
    at = np.sqrt((4.8 + np.array([-1, 1]) * 21**0.5) / 10.2)
    assert diagram.special["c"].to_numpy() == pytest.approx(at * 1e-8, rel=1e-9)
    assert diagram.special["k"].to_numpy() == pytest.approx(
        (5.1 * at**2 + 0.1) / (at**3 + at), rel=1e-9
    )
    assert len(diagram.branches) == 1


def test_a_long_list_is_cut(text_model):
    found = equilibria(text_model({"x": "sin(x)"}), region={"x": (0.5, 100)})
    assert len(found) == 31
    assert len(repr(found).splitlines()) == 22
    assert "... and 11 more, see to_frame()" in repr(found)


@pytest.mark.parametrize("power", [5, 7])
def test_a_root_of_high_multiplicity(text_model, power):
    # Newton's steps shrink by 1 / power only, and to nothing long before the function does.
    model = text_model({"x": f"-x**{power}", "y": "x - y"}, {"x": 1.3, "y": 0.2})
    (found,) = tr.equilibria(model)
    assert found.y == pytest.approx([0, 0], abs=1e-6)
    assert not found.stable


def test_roots_far_below_the_region_have_all_their_digits(text_model):
    model = text_model({"x": "(x - 1e-12)*(x - 3e-12)*(x - 6e-12)*1e24*a"}, {"x": 0.0}, a=1.0)
    found = [each["x"] for each in tr.equilibria(model)]
    assert found == pytest.approx([1e-12, 3e-12, 6e-12], rel=1e-9, abs=0.0)


def test_where_equations_are_nothing_by_nothing_nothing_rests(text_model):
    # Leslie (1948), Biometrika 35, 213, with a saturating predator: y = x and x^2 + a x = a, or
    # y = 0 and x = 1. At (0, 0) and (-a, 0) a fraction is 0/0, and Newton's method leads there.
    a = 0.2
    model = text_model(
        {"x": "x*(1 - x) - x*y/(a + x)", "y": "s*y*(1 - y/x)"}, {"x": 0.5, "y": 0.4}, a=a, s=0.1
    )
    root = math.sqrt(a**2 + 4 * a)
    found = np.array([each.y for each in tr.equilibria(model, starts=2000)])
    x = np.array([(-a - root) / 2, (root - a) / 2])
    assert found == pytest.approx(np.array([[x[0], x[0]], [x[1], x[1]], [1, 0]]), abs=1e-12)
