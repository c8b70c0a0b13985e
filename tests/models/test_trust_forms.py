"""Forms of the trust models: the same equations, asked another way."""

import numpy as np
import pytest

import trustode as tr
from trustode.models.trust_forms import FACTORS, game, one_load


def test_forms_are_compiled_with_trustode():
    for model in tr.models.built_in():
        assert tr.compile(model).backend == "builtin"


@pytest.mark.parametrize("kind", ["original", "updated", "dyad"])
def test_one_load_moves_the_three_factors(kind):
    model = one_load(f"trust-{kind}")
    built_in = tr.models.load(f"trust-{kind}", profile="bpd").replace(
        params=dict.fromkeys(FACTORS, 0.37)
    )
    mine = tr.compile(model.replace(params={"D": 0.37}))
    theirs = tr.compile(built_in)
    rng = np.random.default_rng(1)
    for y in rng.uniform(0.05, 0.95, (20, len(model.states))):
        np.testing.assert_allclose(mine.rhs(0.0, y), theirs.rhs(0.0, y), rtol=1e-13, atol=1e-15)
    assert not set(FACTORS) & set(model.params)


def test_game_model_is_the_updated_model_with_a_read_out():
    form, updated = game(), tr.models.load("trust-updated")
    assert form.rhs == updated.rhs
    assert str(form.initial["T"]) == str(form.initial["L"]) == "trust_0"
    values = {"b_0": 0.1, "b_T": 2.0, "b_low": -0.3, "b_high": 0.2, "b_readiness": 0.5}
    inputs = {"low": 2.0, "high": 8.0, "readiness": 0.4}
    solution = tr.simulate(form, [0.0, 1.0], params=values, inputs=inputs)
    odds = 0.1 + 2.0 * solution["T"] - 0.3 * 2 + 0.2 * 8 + 0.5 * 0.4
    np.testing.assert_allclose(solution["choice"], 1 / (1 + np.exp(-odds)))
