"""The options of a solve, and what is known of its methods."""

import math

import numpy as np
import pytest

import trustode as tr
from trustode.solve import NATIVE


def test_methods_describe_themselves():
    for facts in NATIVE.values():
        assert facts["documentation"].endswith(".")


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"method": "tsitouras"}, "unknown method 'tsitouras'.*Methods: auto, tsit5"),
        ({"method": "tsit"}, "did you mean 'tsit5'"),
        ({"method": "Dop853"}, "did you mean 'dop853'.*auto, tsit5, dop853.*scipy's.*DOP853"),
        ({"method": "dop835"}, "did you mean 'dop853'"),
        ({"rtol": -1e-6}, r"rtol=-1e-06 is below the smallest allowed, 2\.2"),
        ({"rtol": 0}, "rtol=0 is below"),
        ({"rtol": math.nan}, "rtol=nan is not a number"),
        ({"rtol": math.inf}, "rtol=inf must be below 1"),
        ({"rtol": 1e-15}, "smallest allowed"),
        ({"rtol": "1e-6"}, "is not a number"),
        ({"atol": 0.0}, "atol=0.0 must be above 0"),
        ({"atol": math.inf}, "is not finite"),
        ({"atol": (1e-6, -1.0)}, "atol=-1.0 must be above 0"),
        ({"max_steps": 0}, "max_steps=0 is not a positive whole number"),
        ({"max_steps": 1e6}, "max_steps"),
        ({"time_limit": 0}, "time_limit=0"),
        ({"time_limit": np.nan}, "time_limit=nan"),
        ({"time_limit": "1 s"}, "time_limit='1 s' is not a number"),
        ({"h_max": -1}, "h_max=-1 must be above 0"),
        ({"h_max": math.nan}, "h_max=nan"),
    ],
)
def test_options_are_checked_when_they_are_made(option, message):
    with pytest.raises(tr.OptionError, match=message):
        tr.Solver(**option)


def test_a_tolerance_that_lets_the_course_go_astray_is_warned_of():
    decay = tr.Model("decay", rhs={"x": "-x"}, initial={"x": 1})
    with pytest.warns(tr.SolveWarning, match=r"rtol=0.9 lets each step be wrong by 90%") as told:
        solver = tr.Solver(rtol=0.9, atol=1)
    assert told[0].filename == __file__
    assert abs(tr.simulate(decay, [0, 2], solver=solver).y[-1, 0] - math.exp(-2)) > 1e-3
    tr.Solver(rtol=0.9, h_max=0.1)
    tr.Solver(rtol=0.01)


def test_atol_needs_one_value_a_state():
    model = tr.models.load("van-der-pol")
    with pytest.raises(tr.OptionError, match=r"atol has 3 values for 2 states \(x, v\)"):
        tr.simulate(model, [0, 1], solver=tr.Solver(atol=(1e-6, 1e-6, 1e-6)))
    tight = tr.simulate(model, [0, 9], solver=tr.Solver(atol=(1e-12, 1e-12), rtol=1e-12)).y
    loose = tr.simulate(model, [0, 9], solver=tr.Solver(atol=(1e-3, 1e-12), rtol=1e-12)).y
    assert not np.array_equal(tight, loose)
