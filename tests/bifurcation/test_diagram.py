"""The whole diagram of a parameter: every branch and special point, each once."""

import pytest

import trustode as tr


def test_two_folds_of_the_cusp(text_model):
    model = text_model({"x": "mu + lam*x - x**3"}, mu=0.0, lam=1.0)
    found = tr.diagram(model, "mu", (-2, 2))
    assert len(found.branches) == 1
    assert found.special["kind"].tolist() == ["fold", "fold"]
    # Closed form: x^2 = 1/3.
    edge = 2 / 27**0.5
    assert found.special["mu"].tolist() == pytest.approx([-edge, edge], rel=1e-12)
    assert len(found.stable_at(0.0)) == 2
    assert len(found.stable_at(1.0)) == 1
    assert "two stable equilibria coexist" in found.summary()
    assert repr(found).startswith("<Diagram of 'test model': mu from -2 to 2, 1 branch, 2 fold>")
