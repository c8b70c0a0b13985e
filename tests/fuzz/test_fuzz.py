"""The short form of the fuzzing: a few cases of each target, and those that once broke one.

`run.py` beside this file is the long form.
"""

import signal

import pytest
from fuzz.run import cases
from fuzz.targets import TARGETS

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="needs SIGALRM")

#: Cases a unit of a target's share.
FEW = 8


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.filterwarnings("ignore")
def test_a_few_cases(name):
    tried, value, error = cases(name, FEW * TARGETS[name][2], 1)
    assert tried
    assert error is None, f"{value!r}: {error!r}"
