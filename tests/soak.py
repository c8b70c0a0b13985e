"""Random work for as long as you like, killed and out of disk on the way: nothing may be lost.

    python tests/soak.py --minutes 60 --seed 0

Ensembles, scans, fits, diagrams and compilations are done once undisturbed, then by forks of
this process that are killed (-9) at a random moment or find a full disk, and then gone on with
here. What was acknowledged has to be in the checkpoint, the results have to be the same bit for
bit, and this process may not grow. It ends with 1 at the first thing that is wrong. Not collected
by pytest. Needs Linux.
"""

import argparse
import gc
import hashlib
import os
import random
import re
import resource
import select
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import trustode as tr

Call = Callable[..., Any]
POLE = tr.Model("pole", {"x": "k*x**2 - c*x"}, {"k": 0.1, "c": 0.2}, {"x": 1.0})
DUFFING = tr.Model(
    "duffing", {"x": "v", "v": "x - x**3 - d*v"}, {"d": 0.3}, {"x": 0.5, "v": 0.0}
)  # fmt: skip
CUSP = tr.Model("cusp", {"x": "p + r*x - x**3"}, {"p": 0.0, "r": 1.0}, {"x": 1.0})
#: Failures of a fork that were expected, and others.
FULL, WRONG = 3, 4


def ensemble(seed: int) -> Call:
    rng = np.random.default_rng(seed)
    table = {"rho": rng.uniform(5, 30, 200), "X(0)": rng.normal(1, 1, 200)}
    t = np.linspace(0, rng.uniform(1, 20), 30)
    return lambda **how: tr.ensemble(tr.models.load("lorenz"), table, t, threads=2, **how)


def scan(seed: int) -> Call:
    rng = np.random.default_rng(seed)
    vary = {"mu": np.sort(rng.uniform(0.3, 3, 12)), "x(0)": [0.5, 1.5, 2.5]}
    measure = ["period", "regime", "max"]
    model = tr.models.load("van-der-pol")
    return lambda **how: tr.scan(model, vary=vary, t=(0, 80), measure=measure, threads=2, **how)


def fit(seed: int) -> Call:
    """Beyond k = 0.2 + 1/9 or so the solution has a pole before the last time: solves fail."""
    rng = np.random.default_rng(seed)
    t = np.linspace(0.0, 5.0, 12)
    true = tr.simulate(POLE, t, params={"k": rng.uniform(0.05, 0.25)})["x"]
    data = pd.DataFrame({"t": t, "x": true + rng.normal(0, 0.02, len(t))})
    vary = {"k": tr.Vary(0.1, min=0.0, max=0.5), "c": tr.Vary(0.2, min=0.0, max=1.0)}
    return lambda **how: tr.fit(
        POLE, data, time="t", observed={"x": tr.Gaussian("x", sd=0.02)}, vary=vary, starts=12,
        seed=seed, threads=1, **how,
    )  # fmt: skip


def orbits(seed: int) -> Call:
    span = (0.5, float(np.random.default_rng(seed).uniform(1, 3)))
    model = tr.models.load("van-der-pol")
    return lambda **how: tr.orbit_diagram(model, "mu", span, n=24, t=(0, 80), threads=2, **how)


def basins(seed: int) -> Call:
    edge = float(np.random.default_rng(seed).uniform(1, 2))
    region = {"x": (-edge, edge), "v": (-edge, edge)}
    return lambda **how: tr.basins(DUFFING, region, n=(10, 10), t=(0, 200), threads=2, **how)


def diagram(seed: int) -> Call:
    r = float(np.random.default_rng(seed).uniform(0.3, 2))
    return lambda **how: tr.diagram(CUSP, "p", (-2, 2), params={"r": r}, seed=seed)


KINDS = {each.__name__: each for each in (ensemble, scan, fit, orbits, basins, diagram)}


def digest(result: Any) -> str:
    """Return a hash of all bits of a result."""
    frames = [result.to_frame()]
    if hasattr(result, "starts"):
        frames = [result.params, result.starts.drop(columns="seconds", errors="ignore")]
    if hasattr(result, "special"):
        frames.append(result.special)
    total = hashlib.sha256()
    for frame in frames:
        for name in frame:
            column = frame[name].to_numpy()
            total.update(f"{name} {column.dtype} {len(column)}".encode())
            plain = column.dtype.kind in "fiub"
            total.update(column.tobytes() if plain else repr(column.tolist()).encode())
    return total.hexdigest()


def fork(work: Callable[[int], None], after: float | None, most: int | None) -> tuple[int, int]:
    """Do work in a fork, kill it after some seconds, and let no file grow beyond so many bytes.

    Returns how it ended, as a process does, and the last number that it wrote to its pipe.
    """
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = WRONG
        try:
            os.close(reading)
            if most is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))
            work(writing)
            code = 0
        except OSError as error:
            code = FULL if most is not None else WRONG
            if code == WRONG or not str(error):
                traceback.print_exc()
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    os.close(writing)
    acknowledged, began, killed = 0, time.monotonic(), after is None
    with os.fdopen(reading, "rb", buffering=0) as pipe:
        while True:
            left = None if killed else max(0.0, after - (time.monotonic() - began))  # type: ignore[operator]
            if not select.select([pipe], [], [], left)[0]:
                os.kill(pid, signal.SIGKILL)
                killed = True
                continue
            number = pipe.read(8)
            if len(number) < 8:
                break
            acknowledged = int.from_bytes(number, "little")
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), acknowledged


def rows_kept(path: Path) -> int:
    """Count the rows whose records a checkpoint file holds, as an outsider reads it."""
    content = path.read_bytes() if path.exists() else b""
    found = re.findall(rb'\{"rows": \[(\d+), (\d+)\]', content)
    return sum(int(stop) - int(start) for start, stop in found)


def resident() -> int:
    """Return the bytes that this process holds in memory."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def disturbed(
    kind: str, seed: int, folder: Path, chance: random.Random, seen: Counter[str]
) -> None:
    """One piece of work: undisturbed, disturbed some times, gone on with, and compared."""
    call = KINDS[kind](seed)
    began = time.monotonic()
    wanted = digest(call())
    took = time.monotonic() - began
    path = folder / "kept"
    how: dict[str, Any] = {} if kind == "diagram" else {"checkpoint": path}

    def work(pipe: int) -> None:
        def report(done: int, total: int) -> None:
            os.write(pipe, done.to_bytes(8, "little"))

        found = call(**how, **({"progress": report} if how else {}))
        if digest(found) != wanted:
            raise AssertionError(f"{kind} {seed}: another result in a fork")

    for _ in range(chance.randint(1, 3)):
        full = bool(how) and chance.random() < 0.3
        most = int(chance.uniform(0, 12000)) if full else None
        after = chance.uniform(0.0, 1.3 * took)
        code, acknowledged = fork(work, None if full and chance.random() < 0.7 else after, most)
        if code not in (0, -signal.SIGKILL, FULL):
            raise AssertionError(f"{kind} {seed}: a fork ended with {code}")
        seen[{0: "finished", FULL: "full disks"}.get(code, "kills")] += 1
        if how:
            kept = rows_kept(path)
            seen["rows acknowledged"] += acknowledged
            if kept < acknowledged:
                raise AssertionError(f"{kind} {seed}: {acknowledged} acknowledged, {kept} kept")
    if digest(call(**how)) != wanted:
        raise AssertionError(f"{kind} {seed}: another result after it was gone on with")
    path.unlink(missing_ok=True)
    seen[kind] += 1


def compiled(number: int, chance: random.Random, seen: Counter[str]) -> None:
    """A model that is new, compiled by a fork that is killed or out of disk, then by another."""

    def work(pipe: int) -> None:
        rate = 0.5 + number / 2**20
        model = tr.Model("new", {"x": f"-{rate!r}*x"}, {}, {"x": 3.0})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            value = float(tr.compile(model).rhs(0.0, [3.0])[0])
        if value != -3.0 * rate:
            raise AssertionError(f"{value} from a compiled model, {-3.0 * rate} is right")

    full = chance.random() < 0.3
    most = int(chance.uniform(0, 40000)) if full else None
    code, _ = fork(work, None if full else chance.uniform(0.0, 0.8), most)
    seen[{0: "finished", FULL: "full disks"}.get(code, "kills")] += 1
    if code not in (0, -signal.SIGKILL):
        raise AssertionError(f"compile {number}: a fork ended with {code}")
    if fork(work, None, None)[0]:
        raise AssertionError(f"compile {number}: wrong after a fork that ended with {code}")
    seen["compile"] += 1


def main() -> int:
    """Work until the time is up; say what was seen."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--growth", type=float, default=20.0, help="MB that it may grow")
    given = parser.parse_args()
    chance, seen = random.Random(given.seed), Counter[str]()
    warnings.simplefilter("ignore")
    folder = Path(tempfile.mkdtemp())
    os.environ["TRUSTODE_CACHE_DIR"] = str(folder / "cache")
    began, told, number = time.monotonic(), 0.0, 0
    first, sizes = None, list[int]()
    try:
        # Each kind once, so that all is loaded before memory is looked at.
        for kind in KINDS:
            disturbed(kind, 10**6, folder, chance, seen)
        while time.monotonic() - began < 60.0 * given.minutes:
            number += 1
            if chance.random() < 0.1:
                compiled(given.seed * 10**6 + number, chance, seen)
            else:
                disturbed(chance.choice(list(KINDS)), number, folder, chance, seen)
            sizes.append(resident())
            if number == 30:
                first = float(np.median(sizes[-10:]))
            elapsed = time.monotonic() - began
            if elapsed - told > 60.0:
                told = elapsed
                size = f"{sizes[-1] / 1e6:.1f} MB"
                print(f"{elapsed / 60:.0f} min, {size}: {dict(seen)}", flush=True)
    except KeyboardInterrupt:
        print("interrupted")
    except AssertionError as error:
        print(f"WRONG after {(time.monotonic() - began) / 60:.1f} min: {error}; {dict(seen)}")
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    grown = 0.0 if first is None else (float(np.median(sizes[-10:])) - first) / 1e6
    minutes = (time.monotonic() - began) / 60
    print(
        f"{minutes:.1f} min: {dict(seen)}; nothing lost, nothing differs; grown by {grown:.1f} MB"
    )
    return int(grown > given.growth)


if __name__ == "__main__":
    sys.exit(main())
