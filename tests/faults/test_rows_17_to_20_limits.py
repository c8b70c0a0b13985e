"""Rows 17 to 20: what comes from outside a solve: an interrupt, an exception, a full memory."""

import _thread
import os
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest

import trustode as tr

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
LONG = tr.Solver(max_steps=2**31 - 1)


def interrupted(call, begun=lambda: True, after=0.15):
    """Interrupt a call some seconds after it has begun; returns those that it took to end."""
    sent, ended = [], threading.Event()

    def interrupt():
        deadline = time.perf_counter() + 60.0
        while not begun() and time.perf_counter() < deadline:
            time.sleep(0.01)
        if not ended.wait(after):
            sent.append(time.perf_counter())
            os.kill(os.getpid(), signal.SIGINT)

    sender = threading.Thread(target=interrupt)
    sender.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            call()
        return time.perf_counter() - sent[0]
    finally:
        ended.set()
        sender.join()


@posix
@pytest.mark.parametrize("method", ["auto", "taylor", "tsit5", "dop853", "rodas5p", "LSODA"])
def test_row_17_interrupt_in_one_solve(method):
    """The row asks for 0.2 s with a limit of 1 s; this machine may be busy with others."""
    solver = tr.Solver(method, max_steps=2**31 - 1)
    model = tr.models.load("lorenz")
    assert interrupted(lambda: tr.simulate(model, [0.0, 1e9], solver=solver)) < 1.0
    assert tr.simulate(model, [0.0, 1.0], solver=solver).status is tr.Status.SUCCESS


@posix
def test_row_17_interrupt_in_threads_keeps_what_is_finished(tmp_path):
    """The first rows are short, the last ones never end."""
    pole = tr.Model("turn", {"x": "w*y", "y": "-w*x"}, {"w": 1.0}, {"x": 1.0, "y": 0.0})
    table, path = {"w": np.concatenate([np.ones(40), np.full(4, 1e9)])}, tmp_path / "kept"
    assert len(tr.ensemble(pole, {"w": np.ones(40)}, [0.0, 50.0], solver=LONG, threads=2)) == 40
    before = threading.active_count()

    def call():
        tr.ensemble(pole, table, [0.0, 50.0], solver=LONG, threads=2, checkpoint=path)

    def kept():
        return path.exists() and path.read_bytes().count(b'{"rows"') >= 1

    assert interrupted(call, kept) < 1.0
    deadline = time.perf_counter() + 1.0
    while threading.active_count() > before and time.perf_counter() < deadline:
        time.sleep(0.01)
    assert threading.active_count() == before
    assert kept()


def test_row_17_interrupt_while_threads_begin(monkeypatch):
    """The first beside the caller's has begun a solve that would go on for long."""
    submit, begun = ThreadPoolExecutor.submit, []

    def interrupted_submit(self, *given):
        if begun:
            raise KeyboardInterrupt
        begun.append(time.perf_counter())
        return submit(self, *given)

    monkeypatch.setattr(ThreadPoolExecutor, "submit", interrupted_submit)
    solver = tr.Solver(max_steps=2**31 - 1, time_limit=20.0)
    table = {"rho": [28.0, 29.0, 30.0]}
    with pytest.raises(KeyboardInterrupt):
        tr.ensemble(tr.models.load("lorenz"), table, [0.0, 1e9], solver=solver, threads=3)
    assert time.perf_counter() - begun[0] < 1.0


@posix
def test_row_17_interrupt_from_another_thread_as_in_a_notebook():
    """A notebook's kernel interrupts the main thread without a signal of the system."""
    sender = threading.Timer(0.15, _thread.interrupt_main)
    sender.start()
    began = time.perf_counter()
    with pytest.raises(KeyboardInterrupt):
        tr.simulate(tr.models.load("lorenz"), [0.0, 1e9], solver=LONG)
    assert time.perf_counter() - began < 1.2


class Own(Exception):
    pass


@pytest.mark.parametrize("threads", [1, 2])
def test_row_18_an_exception_of_a_callback_comes_unchanged(decay, threads):
    wrong = Own("mine")

    def progress(done, total):
        raise wrong

    table = {"k": np.linspace(0.1, 2.0, 500)}
    for call in (
        lambda: tr.ensemble(decay, table, [0, 1], progress=progress, threads=threads),
        lambda: tr.scan(decay, vary=table, t=(0, 1), progress=progress, threads=threads),
    ):
        with pytest.raises(Own) as caught:
            call()
        assert caught.value is wrong


def test_row_18_also_from_a_fit(decay):
    wrong = Own("mine")

    def progress(done, total):
        raise wrong

    data = pd.DataFrame({"t": [0.0, 1.0, 2.0], "x": [1.0, 0.4, 0.1]})
    with pytest.raises(Own) as caught:
        tr.fit(decay, data, time="t", observed={"x": tr.Gaussian("x", sd=0.1)},
               vary={"k": tr.Vary(1.0, min=0.1, max=5)}, starts=3, progress=progress)  # fmt: skip
    assert caught.value is wrong


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for the size of the process")
def test_row_19_memory_that_ends_is_a_memory_error(child):
    """The address space ends a little above what is in use: allocations fail, none crashes.

    Each single allocation of the C core fails once in tests/sanitizers, under AddressSanitizer.
    """
    script = """
        import resource
        import trustode as tr
        model = tr.models.load("lorenz")
        def limit(most):
            resource.setrlimit(resource.RLIMIT_AS, (most, resource.RLIM_INFINITY))
        def solve(end):
            solver = tr.Solver(method, max_steps=2**31 - 1)
            return tr.simulate(model, (0.0, end), solver=solver, events=watch)
        for method in ("tsit5", "taylor", "rodas5p"):
            for watch in ((), tr.Event("X")):
                solve(1.0)
                used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
                for more in (2**20, 2**24):
                    limit(used + more)
                    try:
                        solve(1e5)
                    except MemoryError as error:
                        print("MemoryError", isinstance(error, tr.SolveError))
                    limit(resource.RLIM_INFINITY)
                    print(solve(1.0).status.name)
    """
    lines = child(script).stdout.splitlines()
    assert len(lines) == 24
    assert set(lines[::2]) <= {"MemoryError True", "MemoryError False"}
    assert set(lines[1::2]) == {"SUCCESS"}


def test_row_20_what_would_not_fit_is_refused_before_solving(decay, monkeypatch):
    began = time.perf_counter()
    model = tr.models.load("lorenz")
    # A table and times that are cheap themselves: 1e5 runs of 1e5 times.
    with pytest.raises(
        tr.DataError, match=r"240 GB \(240000000000 bytes\), but .* are free\. Ask .*\(save=\)"
    ):
        tr.ensemble(model, {"rho": np.ones(10**5)}, np.linspace(0, 1, 10**5))
    with pytest.raises(tr.DataError, match=r"needs .* bytes\), but .* are free\."):
        tr.scan(model, vary={"rho": np.ones(10**5), "sigma": np.ones(10**6)}, t=(0, 1))
    monkeypatch.setattr("trustode.solve.memory.free_memory", lambda: 10**8)
    with pytest.raises(tr.DataError, match=r"simulate\(lorenz\): .* but 0.1 GB .*Ask for fewer"):
        tr.simulate(model, np.linspace(0, 1, 10**6), sensitivities=["rho", "X(0)", "Y(0)", "Z(0)",
                    "sigma"])  # fmt: skip
    assert time.perf_counter() - began < 2.0


def test_row_20_what_fits_if_less_is_saved(monkeypatch):
    monkeypatch.setattr("trustode.solve.memory.free_memory", lambda: 2 * 10**7)
    model, table, t = tr.models.load("lorenz"), {"rho": np.ones(1000)}, np.linspace(0, 1, 1001)
    with pytest.raises(tr.DataError, match=r"shape \(1000, 1001, 3\) needs .*save="):
        tr.ensemble(model, table, t)
    assert tr.ensemble(model, table, t, save=["Z", "X"]).y.shape == (1000, 1001, 2)
