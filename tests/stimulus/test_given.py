"""What is refused where it is given."""

import numpy as np
import pytest
from hypothesis import strategies as st

from trustode.errors import ModelError
from trustode.stimulus import Episodes, Pulses, Samples, Sessions, Steps

numbers = st.floats(-1e6, 1e6, allow_nan=False)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Steps([], []), "Steps: times is empty"),
        (lambda: Steps([1, 2], []), "Steps: values is empty"),
        (lambda: Steps([1, 2], [1]), "Steps: 2 times but 1 values"),
        (lambda: Steps([2, 1], [1, 2]), r"must be sorted, but 2 \(position 0\) is followed by 1"),
        (lambda: Steps([1, 1], [1, 2]), "times must increase, but 1 .* comes twice"),
        (lambda: Steps([1, np.nan], [1, 2]), "times has nan at position 1"),
        (lambda: Steps([1, 2], [1, np.inf]), "values has inf at position 1"),
        (lambda: Steps([1, 2], [1, None]), "values must be numbers, got None"),
        (lambda: Steps([1], ["a"]), "values must be numbers, got 'a'"),
        (lambda: Steps([1], [1j]), "values must be numbers"),
        (lambda: Steps([1], [True]), "values must be numbers, got True"),
        (lambda: Steps(np.array(["2020-01-01"], "M8[D]"), [1]), "numbers in the model's time unit"),
        (lambda: Steps([[1]], [1]), r"one row of numbers, got shape \(1, 1\)"),
        (lambda: Steps([1, [2, 3]], [1, 2]), "must be numbers in one row"),
        (lambda: Steps([1], [1e99]), r"values has 1e\+99; sizes up to 1e\+60"),
        (lambda: Steps([1], [1], before=np.nan), "Steps: before: the value nan"),
        (lambda: Steps([1], [1], before="x"), "Steps: before: expected a number, got 'x'"),
        (lambda: Pulses([]), "Pulses: times is empty"),
        (lambda: Pulses([2, 1]), "Pulses: times must be sorted"),
        (lambda: Pulses([1], width=0), r"width is 0 \(at time 1\); it must be positive"),
        (lambda: Pulses([1, 2], width=[1, -3]), r"width is -3 \(at time 2\)"),
        (lambda: Pulses([1], width=np.nan), "width has nan"),
        (lambda: Pulses([1, 2], height=[1, 2, 3]), "2 times but 3 values of height"),
        (lambda: Pulses([1], height=np.inf), "height has inf"),
        (lambda: Pulses([1], baseline=np.nan), "Pulses: baseline"),
        (lambda: Pulses(1e12, width=1e-6), r"width of 1e-06 is too small for the time 1e\+12"),
        (lambda: Samples([1, 2], [1, 2], kind="spline"), "'linear', 'previous' or 'cubic'"),
        (lambda: Samples([1, 2], [1, np.nan]), "Samples: values has nan"),
        (lambda: Samples([1, 1], [1, 2]), "Samples: times must increase"),
        (lambda: Episodes([1], sd=-1), r"sd is -1 \(at time 1\)"),
        (lambda: Episodes([1], sd=0), "sd is 0"),
        (lambda: Episodes([1], height=np.nan), "height has nan"),
        (lambda: Episodes([1, np.nan]), "Episodes: times has nan"),
        (lambda: Sessions([]), "Sessions: times is empty"),
        (lambda: Sessions([3, 2]), "Sessions: times must be sorted"),
        (lambda: Sessions([1e12]), "too small for the time"),
    ],
)
def test_nonsense_is_refused_where_it_is_given(make, message):
    with pytest.raises(ModelError, match=message):
        make()
