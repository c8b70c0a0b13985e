"""How far bifurcations of cycles move with other parameters: closed forms and differences."""

import math

import numpy as np
import pytest

import trustode as tr

#: What the specification asks for.
DIFFERENCES = 1e-6


def test_a_fold_of_cycles_in_closed_form(text_model):
    # Kuznetsov (2004), section 8.3, with an angular frequency: b1 = -b2^2 / (4 c).
    model = text_model(
        {
            "x": "b1*x - w*y + b2*x*(x**2+y**2) - c*x*(x**2+y**2)**2",
            "y": "w*x + b1*y + b2*y*(x**2+y**2) - c*y*(x**2+y**2)**2",
        },
        b1=-1.0,
        b2=1.2,
        c=0.9,
        w=2.0,
        unused=4.0,
    )
    family = tr.cycles(model, "b1", start={"x": 0, "y": 0, "b1": 0}, span=(-1, 1))
    table = family.sensitivity(0)
    assert table.index.name == "parameter"
    assert list(table.columns) == ["value", "derivative", "per_log", "period"]
    expected = {"b2": -1.2 / 1.8, "c": 1.44 / (4 * 0.81), "w": 0.0, "unused": 0.0}
    assert table["derivative"].to_dict() == pytest.approx(expected, abs=1e-8)
    turned = {"b2": 0.0, "c": 0.0, "w": -2 * math.pi / 4, "unused": 0.0}
    assert table["period"].to_dict() == pytest.approx(turned, abs=1e-7)
    # The strongest first.
    assert list(table.index[:2]) == ["b2", "c"]
    assert family.sensitivity(family.special.iloc[0]).equals(table)


def test_a_torus_in_closed_form(text_model):
    # Langford (1979), see test_curves: b^2 = a.
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
    table = family.sensitivity(family.special.query("kind == 'torus'").iloc[0])
    expected = {"a": 1 / (2 * math.sqrt(0.5)), "c": 0.0, "d": 0.0}
    assert table["derivative"].to_dict() == pytest.approx(expected, abs=1e-7)
    turned = {"a": 0.0, "c": 0.0, "d": -2 * math.pi / 3.5**2}
    assert table["period"].to_dict() == pytest.approx(turned, abs=1e-7)


def test_a_period_doubling_scales_as_its_equations_do(text_model):
    # In x''' + alpha x'' + beta x' + c x = q x^2 time times s changes alpha, beta, c and the
    # period by 1/s, 1/s^2, 1/s^3 and s, whatever q: Euler's theorem on homogeneous functions.
    model = text_model(
        {"x": "y", "y": "z", "z": "-alpha*z - beta*y - c*x + q*x**2"},
        alpha=2.0,
        beta=1.0,
        c=1.0,
        q=1.0,
    )
    start = {"x": 0, "y": 0, "z": 0, "alpha": 1}
    family = tr.cycles(model, "alpha", start=start, span=(0.5, 1.1))
    row = family.special.query("kind == 'period_doubling'").iloc[0]
    table = family.sensitivity(row)
    slope, period = table["derivative"], table["period"]
    assert 2 * slope["beta"] + 3 * slope["c"] == pytest.approx(row["alpha"], rel=1e-7)
    assert 2 * period["beta"] + 3 * period["c"] == pytest.approx(-row["period"], rel=1e-7)
    assert [slope["q"], period["q"]] == pytest.approx([0, 0], abs=1e-7)


@pytest.mark.parametrize("mu", [0.1, 1.0])
def test_the_period_of_van_der_pol(text_model, mu):
    model = text_model({"x": "k*y", "y": "k*(mu*(1 - x**2)*y - x)"}, {"x": 2}, mu=mu, k=1.0)
    settled = tr.simulate(model, (0, 200 / mu))
    family = tr.cycles(model, "mu", start=settled, span=(0.9 * mu, 1.1 * mu))
    # The family passes the value itself, and the values beside it for differences.
    h = 1e-3 * mu
    rows = {s: family.at(mu + s * h).iloc[0] for s in (-2, -1, 0, 1, 2)}
    table = family.sensitivity(rows[0])
    assert table.loc["k", "derivative"] == pytest.approx(-rows[0]["period"], rel=1e-8)
    names = {"derivative": "period"} | {c: c for c in table.columns[3:]}
    assert set(names) == {"derivative", "min_x", "max_x", "min_y", "max_y"}
    for column, name in names.items():
        one, two = (rows[s][name] - rows[-s][name] for s in (1, 2))
        difference = (8 * one - two) / (12 * h)
        assert table.loc["mu", column] == pytest.approx(difference, rel=DIFFERENCES, abs=1e-6)
    if mu == 0.1:
        # T = 2 pi (1 + mu^2/16 - 5 mu^4/3072 + ...): Andersen & Geer (1982), SIAM J. Appl.
        # Math. 42, 678.
        series = 2 * math.pi * (mu / 8 - 5 * mu**3 / 768)
        assert table.loc["mu", "derivative"] == pytest.approx(series, abs=1e-5)
    assert family.sensitivity(family.points.iloc[3]).index.tolist()[0] == "k"


def test_the_trust_model_against_differences():
    model = tr.models.load("trust-updated", profile="bpd")

    def folds(value):
        """Return location and period of both folds for a value of kappa."""
        params = {"kappa": value}
        branch = tr.continuation(model, "D_ab", span=(0.1, 0.3), params=params)
        hopf = branch.special.iloc[0]
        return tr.cycles(model, "D_ab", start=hopf, span=(0.2, 0.24), params=params)

    family = folds(1.3)
    # The specification's numbers.
    assert family.special["D_ab"].to_numpy() == pytest.approx([0.2262, 0.2117], abs=6e-5)
    h = 2e-3
    above, below = folds(1.3 + h).special, folds(1.3 - h).special
    far_above, far_below = folds(1.3 + 2 * h).special, folds(1.3 - 2 * h).special
    for k in range(2):
        table = family.sensitivity(k)
        assert np.all(np.diff(table["per_log"].abs()) <= 0)
        for column, name in (("derivative", "D_ab"), ("period", "period")):
            one = above[name][k] - below[name][k]
            two = far_above[name][k] - far_below[name][k]
            difference = (8 * one - two) / (12 * h)
            assert table.loc["kappa", column] == pytest.approx(difference, rel=DIFFERENCES)


def test_what_has_no_derivative_is_explained(text_model):
    model = text_model({"x": "b*x - y - x*(x**2+y**2)", "y": "x + b*y - y*(x**2+y**2)"}, b=0.5)
    family = tr.cycles(model, "b", start={"x": 0, "y": 0, "b": 0}, span=(-1, 1))
    with pytest.raises(tr.ModelError, match="there is no special point 0; the family has 0"):
        family.sensitivity(0)
    with pytest.raises(tr.ModelError, match="row='fold' is neither"):
        family.sensitivity("fold")
    with pytest.raises(tr.ModelError, match="neither a number nor a row"):
        family.sensitivity({"step": 1e4})
