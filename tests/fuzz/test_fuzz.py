"""The short form of the fuzzing: a few cases of each target, and those that once broke one.

`run.py` beside this file is the long form.
"""

import signal
import subprocess

import pytest
from _compilers import COMPILER
from fuzz.core import build
from fuzz.run import cases, quick_cases
from fuzz.targets import QUICK, TARGETS
from sanitizers.run import ROOT

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="needs SIGALRM")

#: Cases a unit of a target's share.
FEW = 8


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.filterwarnings("ignore")
def test_a_few_cases(name):
    tried, value, error = cases(name, FEW * TARGETS[name][2], 1)
    assert tried
    assert error is None, f"{value!r}: {error!r}"


@pytest.mark.parametrize("name", QUICK)
@pytest.mark.filterwarnings("ignore")
def test_a_few_quick_cases(name):
    tried, value, error = quick_cases(name, 4 * QUICK[name][2], 2)
    assert tried == 4 * QUICK[name][2]
    assert error is None, f"{value!r}: {error!r}"


@pytest.mark.skipif(COMPILER is None, reason="no C compiler here")
@pytest.mark.skipif(not (ROOT / "ext").is_dir(), reason="needs the sources of the C core")
def test_a_few_cases_of_the_core(tmp_path):
    """Without sanitizers, which watch the core in tests/sanitizers."""
    program = build(tmp_path, COMPILER, ["-O0", "-DALONE"], 1, 0, False)
    done = subprocess.run([program, "500", "1"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("500 cases")
