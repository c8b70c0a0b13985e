"""How long until the first result in a fresh process, from a model that nobody compiled before?

Processor time of the process and of the compiler it starts, beyond a process that imports sympy.
"""

import os
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from problems import achieved, problem, reference

HERE = Path(__file__).parent
FIRST_RESULT = """
import sys
import numpy as np
import trustode as tr
model = tr.read_model(sys.argv[1])
y = tr.simulate(model, np.linspace(0, 1000, 1000)).y
np.save(sys.argv[2], y)
"""


def cpu(program, *arguments, cache):
    """Return the processor seconds of a fresh process and its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = os.environ | {"TRUSTODE_CACHE_DIR": str(cache)}
    subprocess.run([sys.executable, "-c", program, *arguments], env=environment, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.mark.parametrize("kept", [False, True], ids=["without-cache", "with-cache"])
def test_first_result(benchmark, tmp_path, kept):
    rounds = 5 if benchmark.enabled else 1
    arguments = (str(HERE / "trust_like.toml"), str(tmp_path / "y.npy"))
    seconds = {"first": [], "sympy": []}
    caches = (tmp_path / ("kept" if kept else f"fresh-{k}") for k in range(rounds + 2))
    if kept:
        cpu(FIRST_RESULT, *arguments, cache=next(caches))

    def fresh_process():
        cache = next(caches)
        seconds["sympy"].append(cpu("import sympy, numpy", cache=cache))
        seconds["first"].append(cpu(FIRST_RESULT, *arguments, cache=cache))

    benchmark.pedantic(fresh_process, rounds=rounds, iterations=1)
    y = np.load(tmp_path / "y.npy")
    benchmark.extra_info["achieved_error"] = achieved(y, reference("trust-like"))
    benchmark.extra_info["cpu_s"] = min(seconds["first"])
    benchmark.extra_info["cpu_s_beyond_sympy"] = min(seconds["first"]) - min(seconds["sympy"])
    assert len(problem("trust-like").t) == len(y)


@pytest.mark.parametrize("what", ["trustode", "trustode.simulate", "sympy", "numpy"])
def test_import(benchmark, tmp_path, what):
    rounds = 5 if benchmark.enabled else 1
    seconds = []
    program = f"import {what}"
    benchmark.pedantic(
        lambda: seconds.append(cpu(program, cache=tmp_path)), rounds=rounds, iterations=1
    )
    benchmark.extra_info["cpu_s"] = min(seconds)
