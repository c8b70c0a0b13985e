"""What the benchmarks share: the race against one peer, and the facts of a run for its JSON."""

import os
import shutil
import subprocess
from functools import partial
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

import peers
from race import TOLERANCES, race, summary

#: Not to be searched for examples: what these import need not be installed.
collect_ignore = ["harness", "peers"]

#: Packages whose versions belong to a result.
_VERSIONS = "trustode numpy scipy sympy numba heyoka numbalsoda CyRK pints lmfit".split()

_START = pytest.StashKey[dict]()


def pytest_configure(config):
    """Keep the commit and the load from before anything ran: both may change meanwhile."""
    found = _printed(
        "git", "-C", str(Path(__file__).parent), "describe", "--always", "--abbrev=10", "--dirty"
    )
    config.stash[_START] = {"commit": found, "load": os.getloadavg()[0]}


@pytest.fixture
def against(benchmark):
    """Race trustode against one peer, or "alone", and record what each needed and achieved.

    pytest-benchmark's own figures are trustode's wall time at 1e-6; the comparison, in
    processor time at equal achieved error, stands in ``extra_info``.
    """

    def run(peer, make, error, tolerances=TOLERANCES, rounds=3):
        names = ["trustode"] if peer == "alone" else ["trustode", peer]
        contestants = {who: peers.load(who) for who in names}
        if not benchmark.enabled:
            tolerances, rounds = tolerances[:1], 1
        prepared = {who: partial(make, each) for who, each in contestants.items()}
        ladders = race(prepared, error, tolerances, rounds)
        assert all(np.isfinite(rung.error) for rungs in ladders.values() for rung in rungs)
        solve = prepared["trustode"](1e-6)
        y = benchmark.pedantic(solve, rounds=rounds, iterations=1, warmup_rounds=1)
        benchmark.extra_info["achieved_error"] = error(y)
        benchmark.extra_info |= summary(ladders)

    return run


def pytest_benchmark_update_machine_info(config, machine_info):
    """Add what decides a time beside the processor's name: its vectors, compiler and load."""
    flags = _first_line("/proc/cpuinfo", "flags").split()
    machine_info["vectors"] = [name for name in ("avx2", "fma", "avx512f") if name in flags]
    machine_info["processors"] = len(os.sched_getaffinity(0))
    machine_info["compiler"] = _printed(os.environ.get("CC", "cc"), "--version")
    machine_info["load_at_start"] = config.stash[_START]["load"]


def pytest_benchmark_update_json(config, benchmarks, output_json):
    """Add the versions of everything that was timed."""
    output_json["versions"] = {name: _version(name) for name in _VERSIONS}
    output_json["commit_at_start"] = config.stash[_START]["commit"]
    output_json["load_at_end"] = os.getloadavg()[0]


def _printed(*command):
    """Return the first line that a command prints, or nothing if there is no such command."""
    program = shutil.which(command[0])
    if program is None:
        return ""
    done = subprocess.run([program, *command[1:]], capture_output=True, text=True, check=False)
    return done.stdout.partition("\n")[0]


def _first_line(file, start):
    try:
        lines = Path(file).read_text().splitlines()
    except OSError:
        return ""
    return next((line for line in lines if line.startswith(start)), "")


def _version(name):
    if name == "trustode":
        import trustode

        return trustode.__version__
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
