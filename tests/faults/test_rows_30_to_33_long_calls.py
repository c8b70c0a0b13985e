"""Rows 30 to 33: long calls that are killed, run out of disk, or lose a worker."""

import multiprocessing
import os
import signal
import sys
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial

import numpy as np
import pandas as pd
import pytest
from faults.points import GRID, measure

import trustode as tr
from trustode import checkpoint, jobs
from trustode.fit import bootstrap, left_out, profile, ratios, starts

FORKS = multiprocessing.get_context("forkserver") if hasattr(os, "fork") else None
if FORKS is not None:
    # Each worker that dies is followed by another, which then need not load all this again.
    FORKS.set_forkserver_preload([__name__])


def same(first, second):
    return all(first[name].tobytes() == second[name].tobytes() for name in first.names)


@pytest.mark.skipif(FORKS is None, reason="needs SIGKILL")
def test_row_17_interrupt_of_a_process_pool(tmp_path):
    """What is finished is kept; the pool stays the caller's, and works on."""
    path, sent = tmp_path / "kept", []
    lorenz, table = tr.models.load("lorenz"), {"rho": np.linspace(5.0, 30.0, 4000)}

    def progress(done, total):
        if done and not sent:
            sent.append(time.perf_counter())
            signal.raise_signal(signal.SIGINT)

    with ProcessPoolExecutor(1, mp_context=FORKS) as pool:
        call = partial(tr.ensemble, lorenz, table, [0.0, 5.0], executor=pool, checkpoint=path)
        with pytest.raises(KeyboardInterrupt):
            call(progress=progress)
        assert time.perf_counter() - sent[0] < 1.0
        assert path.read_bytes().count(b'{"rows": [') >= 1
        assert pool.submit(abs, -2).result() == 2
        again = call()
    assert again.y.tobytes() == tr.ensemble(lorenz, table, [0.0, 5.0]).y.tobytes()
    assert not multiprocessing.active_children()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_row_30_killed_and_resumed_with_other_workers(tmp_path, child):
    """Killed twice, the second time a little later, as forks of one process."""
    path = tmp_path / "points"
    script = """
        import os, signal, sys
        from faults.points import measure
        for most in (5, 11):
            def report(done, total):
                if done >= most:
                    os.kill(os.getpid(), signal.SIGKILL)
            pid = os.fork()
            if pid == 0:
                measure(sys.argv[1], progress=report, threads=2)
            assert os.waitpid(pid, 0)[1] == signal.SIGKILL
            print(open(sys.argv[1], "rb").read().count(b'{"rows": ['), flush=True)
    """
    records = [int(line) for line in child(script, path).stdout.split()]
    assert records == [1, 2]
    seen = []
    resumed = measure(path, progress=lambda done, total: seen.append(done), threads=1)
    # What was acknowledged, eight rows each time, is there before four new ones are done.
    assert seen == [0, 8, 16, 20, 24]
    assert same(resumed, measure())


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_row_30_killed_at_random_moments(tmp_path, child):
    """Twelve times or until it is done: what was acknowledged is never lost or done again."""
    path = tmp_path / "points"
    script = """
        import os, random, signal, sys, time
        from faults.points import measure
        measure()
        chance, kills, kept = random.Random(3), 0, 0
        for _ in range(12):
            pid = os.fork()
            if pid == 0:
                measure(sys.argv[1], threads=2, progress=lambda done, total: time.sleep(0.01))
                os._exit(0)
            time.sleep(chance.uniform(0.005, 0.08))
            os.kill(pid, signal.SIGKILL)
            kills += os.waitpid(pid, 0)[1] == signal.SIGKILL
            content = open(sys.argv[1], "rb").read() if os.path.exists(sys.argv[1]) else b""
            now = content.count(b'{"rows": [')
            assert now >= kept, (now, kept)
            kept = now
        print(kills, kept)
    """
    kills, kept = map(int, child(script, path).stdout.split())
    assert kills >= 3
    seen = []
    assert same(measure(path, progress=lambda done, total: seen.append(done)), measure())
    assert 8 * kept in seen


def test_row_30_cut_anywhere(tmp_path):
    """A process that is killed leaves some first part of the file."""
    path, whole = tmp_path / "points", measure()
    assert same(measure(path), whole)
    content = path.read_bytes()
    header = content.index(b"\n") + 1
    for cut in np.random.default_rng(2).integers(header, len(content), 8):
        path.write_bytes(content[:cut])
        assert same(measure(path), whole)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a disk that is full")
def test_row_31_disk_full(tmp_path, monkeypatch):
    path, whole = tmp_path / "points", measure()
    begun = []
    write = checkpoint.Checkpoint._write

    def full(self, pieces):
        begun.append(1)
        if len(begun) == 4:
            # Half of it fits.
            os.pwrite(self._file.fileno(), bytes(pieces[-1])[:10], self._end)
            with open("/dev/full", "r+b", buffering=0) as disk:
                self._file, kept = disk, self._file
                try:
                    write(self, pieces)
                finally:
                    self._file = kept
                    kept.truncate(self._end)
        write(self, pieces)

    monkeypatch.setattr(checkpoint.Checkpoint, "_write", full)
    with pytest.raises(OSError, match=r"scan\(van-der-pol\): the checkpoint .*points could not be "
                       r"written \(No space left.*are finished and kept"):  # fmt: skip
        measure(path)
    monkeypatch.undo()
    assert path.read_bytes().count(b'{"rows": [') == 2
    seen = []
    assert same(measure(path, progress=lambda done, total: seen.append(done)), whole)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"model": tr.models.load("van-der-pol").replace(initial={"v": 1})}, "model: not the same"),
        ({"vary": GRID | {"mu": np.linspace(0.5, 2.1, 6)}}, "what is varied: not the same"),
        ({"t": (0, 61)}, "there, .*61"),
        ({"solver": tr.Solver(rtol=1e-7)}, "solver: .*1e-06.* there, .*1e-07.* here"),
        ({"measure": ["period"]}, "there"),
    ],
    ids=["model", "grid", "span", "solver", "measures"],
)
def test_row_32_another_call(tmp_path, change, what, monkeypatch):
    path = tmp_path / "points"
    how = {"model": tr.models.load("van-der-pol"), "vary": GRID, "t": (0, 60),
           "measure": ["period", "regime", "max"], "threads": 1, "checkpoint": path}  # fmt: skip
    tr.scan(**how)
    before = path.read_bytes()
    with pytest.raises(tr.DataError, match=f"belongs to another call: .*{what}.*, or delete it"):
        tr.scan(**how | change)
    assert path.read_bytes() == before
    # To begin anew is to delete it.
    path.unlink()
    assert len(tr.scan(**how | change | {"vary": {"mu": [1.0]}}).to_frame()) == 1


def test_row_32_another_version(tmp_path, monkeypatch):
    path = tmp_path / "points"
    measure(path)
    monkeypatch.setattr("trustode.runs.__version__", "99.0")
    with pytest.raises(tr.DataError, match=r"version of trustode: .* there, 99\.0 here"):
        measure(path)


class Deadly(jobs.Task):
    """Squares; the number 13 ends whoever computes it, 7 does so the first time only."""

    def __init__(self, values, folder, by):
        self.values, self.folder, self.by = np.asarray(values), folder, by

    def take(self, rows):
        return Deadly(self.values[rows], self.folder, self.by)

    def solve(self, crew):
        once = self.folder / "once"
        if (self.values == 13).any() or ((self.values == 7).any() and not once.exists()):
            once.touch()
            os.kill(os.getpid(), self.by)
        status = np.zeros(len(self.values), dtype=np.int64)
        return {"square": self.values.astype(float) ** 2, "status": status}

    def parts(self):
        return {"values": ("", str(self.values.tolist()))}


@pytest.mark.parametrize("by", ["SIGKILL", "SIGSEGV"], ids=["out of memory", "segfault"])
@pytest.mark.skipif(FORKS is None, reason="needs SIGKILL")
def test_row_33_a_worker_that_dies_loses_its_rows_alone(tmp_path, by):
    how = jobs.check_how(None, ProcessPoolExecutor(1, mp_context=FORKS), None, False, "call")
    with how.executor, pytest.warns(tr.SolveWarning, match=r"call: rows 13 to 13 .*LOST"):
        found = jobs.carry_out(
            Deadly(np.arange(20), tmp_path, getattr(signal, by)), 20, 1, how, "call"
        )
    lost = np.arange(20) == 13
    assert (found["status"] == np.where(lost, tr.Status.LOST, 0)).all()
    assert np.isnan(found["square"][lost]).all()
    assert found["square"][~lost].tolist() == (np.arange(20.0)[~lost] ** 2).tolist()


class DeadlyStarts(starts.Starts):
    """Start 1 kills whoever searches from it."""

    def solve(self, crew):
        if (self.number == 1).any():
            os.kill(os.getpid(), signal.SIGKILL)
        return super().solve(crew)


class DeadlyRefits(bootstrap.Refits):
    """Refit 2 kills whoever does it."""

    def solve(self, crew):
        if (self.number == 2).any():
            os.kill(os.getpid(), signal.SIGKILL)
        return super().solve(crew)


@pytest.mark.skipif(FORKS is None, reason="needs SIGKILL")
def test_row_33_a_fit_goes_on_without_the_start_whose_worker_dies(decay, tmp_path, monkeypatch):
    """It says which start that was; the same call with its checkpoint tries that one again."""
    t = np.linspace(0.0, 2.0, 6)
    data, path = pd.DataFrame({"t": t, "x": np.exp(-0.7 * t)}), tmp_path / "starts"
    call = partial(
        tr.fit, decay, data, time="t", observed={"x": tr.Gaussian("x", sd=0.1)}, seed=1,
        vary={"k": tr.Vary(0.5, min=0.01, max=5.0)}, starts=3, checkpoint=path,
    )  # fmt: skip
    whole = call(checkpoint=None)
    monkeypatch.setattr(starts, "Starts", DeadlyStarts)
    with (
        ProcessPoolExecutor(1, mp_context=FORKS) as pool,
        pytest.warns(tr.SolveWarning, match=r"fit\(decay\): rows 1 to 1 .*the status 'lost'"),
    ):
        found = call(executor=pool)
    assert found.starts["status"].tolist() == ["converged", "lost", "converged"]
    assert found.params.loc["k", "value"] == pytest.approx(0.7, rel=1e-4)
    assert any("from start 1 died" in note for note in found.notes)
    assert np.isfinite(found.starts["nll"][[0, 2]]).all()
    monkeypatch.undo()
    assert path.read_bytes().count(b'{"rows": [') == 2
    again = call()
    assert again.starts.equals(whole.starts)
    assert again.params.equals(whole.params)
    # Likewise a bootstrap: the intervals are those of the others.
    monkeypatch.setattr(bootstrap, "Refits", DeadlyRefits)
    with (
        ProcessPoolExecutor(1, mp_context=FORKS) as pool,
        pytest.warns(tr.SolveWarning, match=r"rows 2 to 2 .*the status 'lost'"),
    ):
        refits = whole.bootstrap(6, executor=pool)
    assert (refits.status["status"] == "lost").tolist() == [k == 2 for k in range(6)]
    assert np.isnan(refits.estimates["k"]).tolist() == [k == 2 for k in range(6)]
    assert "6 parametric bootstrap refits of 'decay', 1 of which failed" in refits.summary()


def deadly(task, name, deadly_row):
    """Return a task one of whose rows kills whoever does it."""

    class Deadly(task):
        def solve(self, crew):
            if deadly_row in list(getattr(self, name)):
                os.kill(os.getpid(), signal.SIGKILL)
            return super().solve(crew)

    Deadly.__qualname__ = Deadly.__name__ = f"Deadly{task.__name__.strip('_')}"
    return Deadly


DeadlySides = deadly(profile._Sides, "way", 1)
DeadlyRatios = deadly(ratios._Ratios, "number", 2)
DeadlyScores = deadly(left_out._Scores, "rows", (0, 1))


@pytest.mark.skipif(FORKS is None, reason="needs SIGKILL")
def test_row_33_profiles_and_comparisons_go_on_without_a_dead_worker(decay, monkeypatch):
    """They say what is missing: a side, data sets of a bootstrap, what was left out."""
    t = np.tile(np.linspace(0.0, 2.0, 5), 3)
    rng = np.random.default_rng(2)
    data = pd.DataFrame({"t": t, "who": np.repeat(["a", "b", "c"], 5), "x": np.exp(-0.7 * t)})
    data["x"] += rng.normal(0.0, 0.05, len(data))
    call = partial(
        tr.fit, decay, data, time="t", group="who", observed={"x": tr.Gaussian("x", sd=0.05)},
        starts=1,
    )  # fmt: skip
    rate, both = {"k": tr.Vary(0.5, min=0.01, max=5.0)}, {"x(0)": tr.Vary(1.0, min=0.1, max=9.0)}
    fits = {"one": call(vary=rate), "two": call(vary=rate | both)}
    whole = fits["one"].profile("k")

    def lost(change, rows):
        monkeypatch.setattr(*change)
        return pytest.warns(tr.SolveWarning, match=f"rows {rows} .*the status 'lost'")

    with (
        ProcessPoolExecutor(1, mp_context=FORKS) as pool,
        lost((profile, "_Sides", DeadlySides), "1 to 1"),
    ):
        found = fits["one"].profile("k", executor=pool)
    row, known = found.intervals.loc["k"], whole.intervals.loc["k"]
    assert (row["low_end"], row["high_end"]) == ("crossing", "lost")
    assert row["low"] == known["low"]
    assert row["high"] == row["value"]
    assert "upwards nothing is known, because the worker that looked died" in found.summary()
    assert any("upper side of k died" in note for note in found.notes)
    with (
        ProcessPoolExecutor(1, mp_context=FORKS) as pool,
        lost((ratios, "_Ratios", DeadlyRatios), "2 to 2"),
    ):
        compared = tr.compare(fits, bootstrap=4, executor=pool)
    assert compared.ratios["n_bootstrap"].tolist() == [3]
    assert any("workers of 1 of 4 data sets drawn from 'one' died" in n for n in compared.notes)
    monkeypatch.undo()
    with (
        ProcessPoolExecutor(1, mp_context=FORKS) as pool,
        lost((left_out, "_Scores", DeadlyScores), "1 to 1"),
    ):
        compared = tr.compare(fits, folds="all", executor=pool)
    assert np.isnan(compared.table["cv_loglik"]).tolist() == [True, False]
    assert "the workers of 1 of 3 refits of 'one' died; it has no cv" in compared.notes


def test_row_33_a_worker_of_another_version(decay, monkeypatch):
    work = jobs._work
    monkeypatch.setattr(jobs, "_work", lambda task, crew, _: work(task, crew, "9.9"))
    with ThreadPoolExecutor(1) as pool, pytest.raises(tr.TrustodeError, match=r"has 9\.9; results"):
        tr.ensemble(decay, {"k": [1.0, 2.0]}, [0, 1], executor=pool)


@pytest.mark.skipif(sys.platform == "win32", reason="needs processes that start quickly")
def test_row_33_a_worker_that_lacks_trustode(decay, tmp_path, monkeypatch):
    """A worker that cannot read what it is sent is told of at once; nothing waits for it."""
    with ThreadPoolExecutor(1) as pool:
        submit = pool.submit

        def without(function, *arguments):
            def missing():
                raise ModuleNotFoundError("No module named 'trustode'")

            return submit(missing)

        monkeypatch.setattr(pool, "submit", without)
        with pytest.raises(tr.TrustodeError, match=r"rows 0 to .*No module named 'trustode'"):
            tr.ensemble(decay, {"k": [1.0, 2.0]}, [0, 1], executor=pool)
