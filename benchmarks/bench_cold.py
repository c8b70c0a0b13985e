"""How long until the first result in a fresh process, with and without a compiled model at hand?

Processor time of the process and of the compiler it starts, beyond a process that imports numpy
and sympy. Python's own bytecode files are kept, as an installed package has them.
"""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from problems import achieved, reference

MODEL = Path(__file__).with_name("trust_like.toml")
#: What every symbolic model needs: the first sum makes sympy load its tensors.
FLOORS = {
    "sympy": "import numpy, sympy",
    "sympy_and_one_sum": "import numpy, sympy; sympy.Symbol('x') + sympy.Symbol('y')",
}
FIRST_RESULT = """
import json, sys, time
marks, since = {}, time.process_time()
def mark(name):
    global since
    now = time.process_time()
    marks[name], since = now - since, now
import numpy as np
import sympy
mark("numpy and sympy")
import trustode as tr
tr.read_model, tr.compile, tr.simulate
mark("import")
model = tr.read_model(sys.argv[1])
mark("read")
tr.compile(model)
mark("compile")
y = tr.simulate(model, np.linspace(0, 1000, 1000)).y
mark("solve")
np.save(sys.argv[2], y)
print(json.dumps(marks))
"""


def fresh(program, *arguments, cache):
    """Return the processor seconds of a fresh process with its children, and what it printed."""
    environment = os.environ | {"TRUSTODE_CACHE_DIR": str(cache)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [sys.executable, "-c", program, *arguments]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, done.stdout


@pytest.mark.parametrize("kept", [False, True], ids=["without-cache", "with-cache"])
def test_first_result(benchmark, tmp_path, kept):
    rounds = 7 if benchmark.enabled else 1
    arguments = (str(MODEL), str(tmp_path / "y.npy"))
    seconds = {name: [] for name in ("first", *FLOORS)}
    stages = []
    fresh(FIRST_RESULT, *arguments, cache=tmp_path / "kept")

    def one_round():
        for name, program in FLOORS.items():
            seconds[name].append(fresh(program, cache=tmp_path)[0])
        cache = tmp_path / ("kept" if kept else f"new-{len(stages)}")
        needed, printed = fresh(FIRST_RESULT, *arguments, cache=cache)
        seconds["first"].append(needed)
        stages.append(json.loads(printed))

    benchmark.pedantic(one_round, rounds=rounds, iterations=1)
    y = np.load(arguments[1])
    least = {name: min(values) for name, values in seconds.items()}
    benchmark.extra_info["achieved_error"] = achieved(y, reference("trust-like"))
    benchmark.extra_info["cpu_s"] = least["first"]
    for name in FLOORS:
        benchmark.extra_info[f"cpu_s_beyond_{name}"] = least["first"] - least[name]
    benchmark.extra_info["cpu_s_by_stage"] = {
        name: min(each[name] for each in stages) for name in stages[0]
    }


@pytest.mark.parametrize("what", ["trustode", "trustode.simulate", "sympy", "numpy"])
def test_import(benchmark, tmp_path, what):
    rounds = 7 if benchmark.enabled else 1
    program, seconds = f"import {what}", []
    fresh(program, cache=tmp_path)
    benchmark.pedantic(
        lambda: seconds.append(fresh(program, cache=tmp_path)[0]), rounds=rounds, iterations=1
    )
    benchmark.extra_info["cpu_s"] = min(seconds)
