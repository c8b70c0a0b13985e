"""The options of a step refuse what makes no sense."""

import math

import pytest

import trustode as tr


def test_defaults_are_the_documented_ones():
    step = tr.ArcLength()
    assert (step.ds, step.ds_min, step.ds_max, step.max_steps) == (0.01, 1e-6, 0.05, 2000)


def test_options_are_frozen():
    with pytest.raises(AttributeError):
        tr.ArcLength().ds = 1.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ds": 0}, "ds=0 must be positive"),
        ({"ds": -0.1}, "must be positive"),
        ({"ds": math.nan}, "ds=nan"),
        ({"ds_max": math.inf}, "ds_max=inf"),
        ({"ds": "small"}, "ds='small' is not a number"),
        ({"ds": True}, "not a number"),
        ({"ds": 0.1}, "must be in this order"),
        ({"ds_min": 0.02}, "must be in this order"),
        ({"max_steps": 0}, "max_steps=0"),
        ({"max_steps": 1.5}, "max_steps=1.5"),
    ],
)
def test_nonsense(options, message):
    with pytest.raises(tr.OptionError, match=message):
        tr.ArcLength(**options)
