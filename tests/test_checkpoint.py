"""Checkpoints: nothing finished is lost, nothing foreign is taken, nothing in them runs."""

import errno
import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import trustode as tr
from trustode import checkpoint
from trustode.checkpoint import digest, open_checkpoint
from trustode.errors import DataError, FileError, OptionError
from trustode.jobs import carry_out, check_how

ROOT = Path(__file__).resolve().parents[1]
TIMES = np.linspace(0, 30, 7)
PARTS = {"model": ("lorenz", digest(1.0))}
#: The rows of a record, as an outsider finds them.
RECORDS = re.compile(rb'\{"rows": (\[\d+, \d+\])')


def solve(path=None, n=40, **arguments):
    table = {"rho": np.linspace(0.5, 30, n)}
    given = {"model": tr.models.load("lorenz"), "table": table, "t": TIMES, "threads": 1}
    given |= arguments
    return tr.ensemble(given.pop("model"), given.pop("table"), given.pop("t"),
                       checkpoint=path, **given)  # fmt: skip


def same(first, second):
    return first.y.tobytes() == second.y.tobytes() and (first.status == second.status).all()


def child(script, *arguments):
    """Run Python in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


# ------------------------------------------------------------------ what is kept


def test_result_is_the_same_and_a_finished_one_solves_nothing(tmp_path, monkeypatch):
    path = tmp_path / "runs"
    whole = solve()
    assert same(solve(path), whole)
    size = path.stat().st_size
    monkeypatch.setattr("trustode.runs.solve_batch", None)
    assert same(solve(str(path)), whole)
    assert path.stat().st_size == size


def test_every_cut_resumes_to_the_same_bits(tmp_path):
    """A process that is killed leaves some first part of the file."""
    path = tmp_path / "runs"
    whole = solve(path)
    content = path.read_bytes()
    assert content.count(b"rows") > 10
    rng = np.random.default_rng(1)
    header = content.index(b"\n") + 1
    for cut in [0, 1, header - 1, header, header + 1, *rng.integers(header, len(content), 20)]:
        path.write_bytes(content[:cut])
        assert same(solve(path), whole)
        assert path.read_bytes() == content


def test_a_record_of_garbage_at_the_end_is_dropped(tmp_path):
    path = tmp_path / "runs"
    whole = solve(path)
    content = path.read_bytes()
    for end in (content[:-9] + bytes(9), content + b"rows" + b"\xff" * 40, content + b"?"):
        path.write_bytes(end)
        assert same(solve(path), whole)
        assert path.read_bytes() == content


def test_killed_in_the_middle_goes_on(tmp_path):
    path = tmp_path / "points"
    script = """
        import os, signal, sys
        from test_checkpoint import measure
        def report(done, total):
            if done >= 12:
                os.kill(os.getpid(), signal.SIGKILL)
        measure(sys.argv[1], report)
    """
    assert child(script, path).returncode == -signal.SIGKILL
    seen = []
    resumed = measure(path, lambda done, total: seen.append(done))
    assert seen[0] == 0
    # Nothing that was finished is done again, and nothing more than that was there.
    assert 12 in seen
    whole = measure()
    for name in whole.names:
        assert resumed[name].tobytes() == whole[name].tobytes()
    # Each row is kept once.
    rows = [json.loads(each) for each in RECORDS.findall(path.read_bytes())]
    assert sorted(rows) == [[k, min(k + 4, 25)] for k in range(0, 25, 4)]


def measure(path=None, report=False):
    return tr.scan(
        tr.models.load("van-der-pol"),
        vary={"mu": np.linspace(0.5, 2, 5), "x(0)": [0.5, 1, 2, 3, 4]},
        t=(0, 60),
        measure=["period", "regime", "max"],
        checkpoint=path,
        progress=report,
        threads=1,
    )


def test_full_disk_keeps_what_is_finished(tmp_path):
    path = tmp_path / "runs"
    script = """
        import resource, sys
        from test_checkpoint import solve
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        try:
            solve(sys.argv[1])
        except OSError as error:
            print(type(error).__name__, error)
    """
    done = child(script, path)
    assert done.stdout.startswith("FileError ensemble(lorenz): the checkpoint"), done.stderr
    assert str(path) in done.stdout
    assert "File too large" in done.stdout
    finished = int(done.stdout.split(" of 40 are finished")[0].rsplit(maxsplit=1)[1])
    assert 0 < finished < 40
    assert path.stat().st_size <= 4096
    seen = []
    resumed = solve(path, progress=lambda done, total: seen.append(done))
    assert finished in seen
    assert same(resumed, solve())


def test_what_is_reported_survives_a_power_cut(tmp_path, monkeypatch):
    """A cut takes away what was written since the system was last asked to put it on the disk."""
    path, surely, waits = tmp_path / "runs", [0], []

    def fsync(number, wait=os.fsync):
        wait(number)
        # As of a disk that turns now and then: what comes meanwhile waits for the next time.
        time.sleep(0.002)
        waits.append(number)
        surely[0] = path.stat().st_size

    def report(done, total):
        rows = [json.loads(each) for each in RECORDS.findall(path.read_bytes()[: surely[0]])]
        assert done <= sum(stop - start for start, stop in rows)
        seen.append(done)

    seen = []
    monkeypatch.setattr(os, "fsync", fsync)
    whole = solve(path, n=2000, progress=report)
    assert seen[-1] == 2000
    records = len(RECORDS.findall(path.read_bytes()))
    assert len(waits) < records / 2
    # What a killed process wrote is on the disk before the next one reports it.
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    surely[0] = 0
    seen.clear()
    assert same(solve(path, n=2000, progress=report), whole)
    assert len(seen) > records / 2


def test_little_time_is_spent_in_waiting_for_the_disk(tmp_path, monkeypatch):
    waited = []

    def fsync(number):
        began = time.monotonic()
        time.sleep(0.001)
        waited.append(time.monotonic() - began)

    monkeypatch.setattr(os, "fsync", fsync)
    with open_checkpoint(tmp_path / "runs", PARTS, 10**6, "call") as kept:
        began, n_sure = time.monotonic(), 0
        for k in range(3000):
            n_sure += kept.add(slice(k, k + 1), {"y": np.zeros(1)})
        # The first line's wait, the first record's, and then a hundredth of the time.
        assert sum(waited[2:-1]) <= 0.011 * (time.monotonic() - began)
        assert n_sure + kept.sync() == 3000
        assert kept.sync() == 0


def test_a_disk_however_slow_is_waited_for_every_second(tmp_path, monkeypatch):
    clock, waits = [0.0], []

    def fsync(number):
        clock[0] += 0.5
        waits.append(clock[0])

    monkeypatch.setattr(checkpoint, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    monkeypatch.setattr(os, "fsync", fsync)
    with open_checkpoint(tmp_path / "runs", PARTS, 100, "call") as kept:
        for k in range(100):
            clock[0] += 0.1
            kept.add(slice(k, k + 1), {"y": np.zeros(1)})
        between = np.diff(waits[1:])
        assert len(between) >= 6
        # A second, the work that was under way when it was over, and the wait itself.
        assert between.max() == pytest.approx(1.6, abs=0.11)


def test_a_disk_that_fails_keeps_what_it_surely_has(tmp_path, monkeypatch):
    path, waits = tmp_path / "runs", []

    def fsync(number, wait=os.fsync):
        waits.append(number)
        if len(waits) == 4:
            raise OSError(errno.EIO, "Input/output error")
        wait(number)

    monkeypatch.setattr(checkpoint, "_SHARE", 1.0)
    monkeypatch.setattr(os, "fsync", fsync)
    seen = []
    with pytest.raises(FileError, match=r"Input/output error\)\. (\d+) of 400 are finished") as it:
        solve(path, n=400, progress=lambda done, total: seen.append(done))
    finished = int(re.search(r"(\d+) of 400", str(it.value))[1])
    assert 0 < finished == seen[-1] < 400
    rows = [json.loads(each) for each in RECORDS.findall(path.read_bytes())]
    assert sum(stop - start for start, stop in rows) == finished
    monkeypatch.undo()
    assert same(solve(path, n=400), solve(n=400))


def test_what_a_worker_finished_waits_for_no_other(tmp_path, monkeypatch):
    """Two pieces come within one wait for the disk, and the third only when both are reported."""
    monkeypatch.setattr(checkpoint, "_SHARE", 1e-9)
    monkeypatch.setattr(checkpoint, "_LONGEST", 1e9)
    both, seen = threading.Event(), []

    def report(done, total):
        seen.append(done)
        if done == 2:
            both.set()

    class Last:
        def __init__(self, values):
            self.values = values

        def take(self, rows):
            return Last(self.values[rows])

        def solve(self, crew):
            late = self.values[0] == 2 and not both.wait(20.0)
            return {"late": np.array([late], dtype=np.int64)}

        def parts(self):
            return PARTS

    with ThreadPoolExecutor(1) as pool:
        how = check_how(None, pool, tmp_path / "kept", report, "call")
        found = carry_out(Last(np.arange(3)), 3, 1, how, "call")
    assert found["late"].tolist() == [0, 0, 0]
    assert seen == [0, 1, 2, 3]


# ------------------------------------------------------------------ what is refused


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"model": tr.models.load("lorenz").replace(initial={"X": 2})}, "model: not the same"),
        ({"table": {"rho": np.linspace(1, 30, 40)}}, "what is varied: not the same"),
        ({"n": 41}, "rho in 40 rows there, rho in 41 rows here"),
        ({"t": np.linspace(0, 31, 7)}, "times: 7 from 0 to 30 there, 7 from 0 to 31 here"),
        ({"t": TIMES**2 / 30}, "times: not the same"),
        ({"params": {"sigma": 9}}, "params: not the same"),
        ({"initial": {"X": 2}}, "initial: not the same"),
        ({"solver": tr.Solver(rtol=1e-7)}, "solver: .*rtol=1e-06.* there, .*rtol=1e-07"),
        ({"solver": tr.Solver("tsit5"), "params": {"beta": 1}}, "params: not the same; solver"),
    ],
)
def test_checkpoint_of_another_call(tmp_path, change, what):
    path = tmp_path / "runs"
    solve(path)
    before = path.read_bytes()
    with pytest.raises(DataError, match=f"belongs to another call: .*{what}.*delete it"):
        solve(path, **change)
    assert path.read_bytes() == before


def test_other_inputs_version_and_kind_of_call(tmp_path, monkeypatch):
    model, path = tr.models.load("trust-updated"), tmp_path / "runs"
    tr.ensemble(model, {"kappa": [1.0]}, [0, 1], checkpoint=path)
    with pytest.raises(DataError, match="call: inputs: not the same"):
        tr.ensemble(model, {"kappa": [1.0]}, [0, 1], inputs={"ev": 0.3}, checkpoint=path)
    with pytest.raises(DataError, match="call: ensemble there, scan here"):
        tr.scan(model, vary={"kappa": [1.0]}, t=(0, 1), checkpoint=path)
    monkeypatch.setattr("trustode.runs.__version__", "99.0")
    with pytest.raises(DataError, match=r"version of trustode: .* there, 99\.0 here"):
        tr.ensemble(model, {"kappa": [1.0]}, [0, 1], checkpoint=path)


def test_other_format(tmp_path, monkeypatch):
    path = tmp_path / "runs"
    solve(path)
    monkeypatch.setattr(checkpoint, "_FORMAT", 2)
    with pytest.raises(DataError, match="it has format 1, this trustode reads 2"):
        solve(path)


@pytest.mark.parametrize(
    "content",
    [
        b"my thesis\n",
        b"no end of line",
        b"\x80\x04\x95\x1a\x00",
        b"[1, 2]\n",
        b'{"trustode": "model"}\n',
        b"[" * 5000 + b"\n",
        b"\xff\xfe\n",
    ],
)
def test_another_file_is_left_alone(tmp_path, content):
    path = tmp_path / "mine"
    path.write_bytes(content)
    with pytest.raises(DataError, match="mine is not a checkpoint of trustode"):
        solve(path)
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    "told",
    [
        {"rows": [2, 5], "arrays": [["y", "<f8", [3]]]},
        {"rows": [3, 99], "arrays": [["y", "<f8", [96]]]},
        {"rows": [3, 3], "arrays": []},
        {"rows": ["a", "b"], "arrays": []},
        {"rows": [3, 4], "arrays": [["y", "|O", [1]]]},
        {"rows": [3, 4], "arrays": [["y", "<f8", [-1]]]},
        {"rows": [3, 4], "arrays": [["y", "<f8", []]]},
        {"rows": [3, 4]},
        [],
    ],
)
def test_records_that_were_made_by_something_else(tmp_path, told):
    path = tmp_path / "runs"
    with open_checkpoint(path, PARTS, 10, "call") as kept:
        kept.add(slice(0, 3), {"y": np.zeros(3)})
    body = json.dumps(told).encode() + b"\n" + bytes(8)
    record = checkpoint._PREFIX.pack(b"rows", len(body), checkpoint.zlib.crc32(body)) + body
    path.write_bytes(path.read_bytes() + record)
    with (
        open_checkpoint(path, PARTS, 10, "call") as kept,
        pytest.raises(DataError, match="changed by something else: the record at byte"),
    ):
        list(kept.finished())


def test_numbers_and_text_come_back(tmp_path):
    arrays = {
        "y": np.array([[np.nan, -0.0], [np.inf, 5e-324]]),
        "status": np.array([0, -3]),
        "regime": np.array(["resting", "žluť"], "U11"),
        "nothing": np.empty((2, 0)),
    }
    path = tmp_path / "runs"
    with open_checkpoint(path, PARTS, 5, "call") as kept:
        assert list(kept.finished()) == []
        kept.add(slice(3, 5), arrays)
    with open_checkpoint(path, PARTS, 5, "call") as kept:
        ((rows, found),) = kept.finished()
    assert rows == slice(3, 5)
    assert list(found) == list(arrays)
    for name, values in arrays.items():
        assert found[name].dtype == values.dtype
        assert found[name].tobytes() == values.tobytes()


def test_what_cannot_be_opened(tmp_path):
    with pytest.raises(FileError, match=r"cannot be opened \(No such file.*folder must exist"):
        solve(tmp_path / "none" / "runs")
    with pytest.raises(OSError, match=r"cannot be opened \(Is a directory"):
        solve(tmp_path)
    with pytest.raises(OptionError, match="checkpoint=3 is not the path of a file"):
        solve(3)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no locks of this kind")
def test_two_processes_never_share_one(tmp_path):
    path = tmp_path / "runs"
    script = """
        import sys
        from test_checkpoint import solve
        try:
            solve(sys.argv[1])
        except OSError as error:
            print(error)
    """
    with open_checkpoint(path, PARTS, 5, "call"):
        assert "another process writes to the checkpoint" in child(script, path).stdout


def test_digest_tells_what_differs():
    values = [
        1.0,
        2.0,
        "1.0",
        np.array([1.0]),
        np.array([[1.0]]),
        np.array([1]),
        {"a": 1.0},
        {"b": 1.0},
        [1.0, [2.0]],
        [[1.0], 2.0],
    ]
    assert len({digest(value) for value in values}) == len(values)
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
