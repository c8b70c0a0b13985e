"""How far a bifurcation moves with other parameters: closed forms and differences."""

import math

import numpy as np
import pytest

import trustode as tr


def test_a_fold_in_closed_form(text_model, follow):
    # x' = m + a x - b x^2 turns at m = -a^2 / (4 b).
    model = text_model({"x": "m + a*x - b*x**2"}, {"x": 1}, m=1.0, a=2.0, b=3.0, unused=5.0)
    branch = follow(model, "m", span=(-2, 2), start={"x": 1})
    table = branch.sensitivity(0)
    assert table.index.name == "parameter"
    assert list(table.columns) == ["value", "derivative", "per_log"]
    assert table["derivative"].to_dict() == pytest.approx({"a": -1 / 3, "b": 1 / 9, "unused": 0})
    assert table["per_log"].to_dict() == pytest.approx({"a": -2 / 3, "b": 1 / 3, "unused": 0})
    # The strongest first.
    assert list(table.index) == ["a", "b", "unused"]
    assert branch.sensitivity(branch.special.iloc[0]).equals(table)


def test_a_hopf_point_in_closed_form(text_model, follow):
    # Brusselator with rates: B = (k4 + k2' A^2 ...) = k4 + k1^2 A^2 k3 / k4^2 over k2 = 1,
    # omega^2 = k3 k1^2 A^2 / k4.
    model = text_model(
        {"x": "k1*A - (B + k4)*x + k3*x**2*y", "y": "B*x - k3*x**2*y"},
        {"x": 1, "y": 1},
        A=1.2,
        B=1.0,
        k1=1.0,
        k3=1.5,
        k4=0.8,
    )
    branch = follow(model, "B", span=(0.5, 6), start={"x": 1, "y": 1})
    row = branch.special.iloc[0]
    A, k3, k4 = 1.2, 1.5, 0.8
    assert row["B"] == pytest.approx(k4 + k3 * A**2 / k4**2)
    table = branch.sensitivity(row)
    expected = {
        "A": 2 * k3 * A / k4**2,
        "k1": 2 * k3 * A**2 / k4**2,
        "k3": A**2 / k4**2,
        "k4": 1 - 2 * k3 * A**2 / k4**3,
    }
    assert table["derivative"].to_dict() == pytest.approx(expected)
    omega = math.sqrt(k3 / k4) * A
    assert row["omega"] == pytest.approx(omega)
    turned = {"A": omega / A, "k1": omega, "k3": omega / (2 * k3), "k4": -omega / (2 * k4)}
    assert table["omega"].to_dict() == pytest.approx(turned)
    period = {name: -2 * math.pi / omega**2 * value for name, value in turned.items()}
    assert table["period"].to_dict() == pytest.approx(period)


#: What the specification asks for.
DIFFERENCES = 1e-6


@pytest.mark.parametrize("kind", ["hopf", "fold"])
def test_the_trust_model_against_differences(kind):
    model = tr.models.load("trust-updated", profile="bpd").freeze({"G": 0.2})
    start = {"T": 0.9, "L": 0.7, "E": 1.0, "p": 0.9}
    branch = tr.continuation(model, "p", start=start, span=(0.3, 1.0), params={"kappa": 2.2})
    row = branch.special[branch.special["kind"] == kind].iloc[0]
    table = branch.sensitivity(row)
    assert np.all(np.diff(table["per_log"].abs()) <= 0)

    def moved(name, value):
        """Return location and frequency with one value changed."""
        params = branch.params | ({name: value} if name in model.params else {})
        inputs = branch.inputs | ({name: value} if name in model.inputs else {})
        near = branch.points.iloc[row["bracket"][0]]
        again = tr.continuation(
            model,
            "p",
            start=near[["p", *model.states]],
            span=(row["p"] - 0.03, row["p"] + 0.03),
            params=params,
            inputs=inputs,
        )
        found = again.special[again.special["kind"] == kind].iloc[0]
        return np.array([found["p"], found["omega"]])

    h = 1e-5
    for name in ("kappa", "nu", "u"):
        value = table.loc[name, "value"]
        slope = (moved(name, value + h) - moved(name, value - h)) / (2 * h)
        assert table.loc[name, "derivative"] == pytest.approx(slope[0], rel=DIFFERENCES)
        if kind == "hopf":
            assert table.loc[name, "omega"] == pytest.approx(slope[1], rel=DIFFERENCES)


def test_what_has_no_derivative_is_explained(text_model, follow):
    model = text_model({"x": "m*x - x**3 + 0*n"}, m=-1.0, n=0.0)
    branch = follow(model, "m", span=(-1, 1), start={"x": 0})
    with pytest.raises(tr.ModelError, match="is a branch point; only folds and Hopf points move"):
        branch.sensitivity(0)
    with pytest.raises(tr.ModelError, match="there is no special point 3; the branch has 1"):
        branch.sensitivity(3)
    with pytest.raises(tr.ModelError, match="row='fold'"):
        branch.sensitivity("fold")
