"""Names, profiles and loading of the built-in models."""

import itertools
import math
import subprocess
import sys

import numpy as np
import pytest

from trustode import models
from trustode.errors import ModelError

TRUST = ["trust-original", "trust-updated", "trust-dyad"]
CLASSICS = [
    "van-der-pol",
    "fitzhugh-nagumo",
    "morris-lecar",
    "lorenz",
    "lotka-volterra",
    "robertson",
    "hires",
    "orego",
    "brusselator",
]


def test_names_lists_every_model():
    assert models.names() == TRUST + CLASSICS


@pytest.mark.parametrize("name", TRUST + CLASSICS)
def test_every_model_loads_and_describes_itself(name):
    model = models.load(name)
    assert model.name == name
    assert model.description
    assert model.source
    assert set(model.states) <= set(model.meanings)
    for label, param in model.parameters.items():
        assert param.meaning, label
        assert param.source, label
        assert math.isfinite(param.min), label
        assert math.isfinite(param.max), label
    assert model == models.load(name)


@pytest.mark.parametrize("name", TRUST + CLASSICS)
def test_derivatives_are_finite_on_every_face_and_corner_of_the_bounds(name, slow_twin):
    model = models.load(name)
    corners = itertools.product(*(model.bounds.get(state, (-1, 1)) for state in model.states))
    middle = [sum(model.bounds.get(state, (-1, 1))) / 2 for state in model.states]
    faces = [
        [*middle[:k], edge, *middle[k + 1 :]]
        for k, state in enumerate(model.states)
        for edge in model.bounds.get(state, (-1, 1))
    ]
    default = slow_twin(model)
    least = default.with_values(**{name: p.min for name, p in model.parameters.items()})
    greatest = default.with_values(**{name: p.max for name, p in model.parameters.items()})
    for y in [*corners, *faces]:
        for twin in (default, least, greatest):
            assert np.all(np.isfinite(twin.rhs(y)))
            assert np.all(np.isfinite(twin.jac(y)))


def test_unknown_names_are_answered_with_the_nearest():
    with pytest.raises(ModelError, match=r"no model 'trust-updatet'; did you mean 'trust-updated'"):
        models.load("trust-updatet")
    with pytest.raises(ModelError, match=r"no profile 'bdp'; did you mean 'bpd'"):
        models.load("trust-updated", profile="bdp")
    with pytest.raises(ModelError, match=r"no therapy 'dbt'; did you mean 'DBT'"):
        models.load("trust-updated", therapy="dbt")
    with pytest.raises(ModelError, match="no model 'lorentz'; did you mean 'lorenz'"):
        models.profiles("lorentz")


@pytest.mark.parametrize("name", [None, 3, "", ["lorenz"]])
def test_nonsense_for_a_name_raises_our_error(name):
    with pytest.raises(ModelError, match="there is no model"):
        models.load(name)


@pytest.mark.parametrize("severity", [-0.1, 1.1, math.nan, "0.5", True])
def test_severity_outside_its_range_raises(severity):
    with pytest.raises(ModelError, match="severity="):
        models.load("trust-updated", severity=severity)


@pytest.mark.parametrize("option", [{"profile": "bpd"}, {"severity": 0.5}, {"therapy": "DBT"}])
def test_a_classic_has_no_profile(option):
    assert models.profiles("lorenz") == []
    with pytest.raises(ModelError, match="only the trust models"):
        models.load("lorenz", **option)


def test_importing_the_list_of_models_loads_no_model_and_no_sympy():
    code = (
        "import sys, trustode.models as m; m.names(); m.profiles('trust-updated'); m.therapies();"
        "print('sympy' in sys.modules, 'trustode.models.trust' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
