"""What all inputs share, and the table of any of them."""

import pickle

import numpy as np
import pytest

from trustode import stimulus
from trustode.errors import ModelError
from trustode.stimulus import Episodes, Pulses, Sessions, Steps


def test_stimuli_are_values():
    a, b = Pulses(np.array([1, 2]), width=0.5), Pulses([1.0, 2.0], width=0.5)
    assert a == b
    assert hash(a) == hash(b)
    assert a.table is a.table
    assert pickle.loads(pickle.dumps(a)) == a
    with pytest.raises(AttributeError):
        a.width = 2
    assert Pulses(5) == Pulses([5])


@pytest.mark.parametrize("kind", [Pulses(0.5), Episodes(0.5), Sessions(0.5), Steps([0], [1])])
def test_evaluation_keeps_shape_and_order(kind):
    t = np.array([[3.0, 0.5], [np.nan, -2.0]])
    values = kind(t)
    assert values.shape == (2, 2)
    assert np.isnan(values[1, 0])
    assert values[0, 1] == kind(0.5)
    assert values[0, 0] == kind(3.0)


def test_table_of_a_number_and_of_a_stimulus():
    constant = stimulus.table(np.float32(2.5), "here")
    np.testing.assert_array_equal(constant([-1e9, 0, 1e9]), 2.5)
    assert constant.breaks.size == 0
    steps = Steps([1], [2])
    assert stimulus.table(steps, "here") is steps.table
    assert stimulus.table(steps.table, "here") is steps.table


@pytest.mark.parametrize("value", [[1, 2], "3", None, True, np.ones(2), 1j, {"u": 1}])
def test_table_refuses_anything_else(value):
    with pytest.raises(ModelError) as caught:
        stimulus.table(value, "simulate(m): input 'u'")
    text = str(caught.value)
    assert text.startswith("simulate(m): input 'u': an input is a number or one of Steps, Pulses")
    assert type(value).__name__ in text


def test_table_tells_what_to_do_with_a_function():
    with pytest.raises(ModelError, match=r"Samples\(t, f\(t\)"):
        stimulus.table(np.sin, "simulate(m): input 'u'")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_table_refuses_a_number_that_is_not_finite(value):
    with pytest.raises(ModelError, match=f"input 'u': the value {value} is not finite"):
        stimulus.table(value, "input 'u'")
