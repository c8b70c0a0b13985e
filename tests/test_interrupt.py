"""Ctrl-C that Python drops, because it came amid a callback of a weak reference, is heard."""

import gc
import multiprocessing
import os
import signal
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest

import trustode as tr
from trustode import scipy_engine
from trustode.interrupt import remembered
from trustode.jobs import carry_out, check_how

ENDLESS = tr.Solver("LSODA", max_steps=2**31 - 1, time_limit=60.0)


def drop_an_interrupt():
    """Raise one where Python ignores what is raised, and says so on standard error."""

    def interrupt(phase, info):
        gc.callbacks.remove(interrupt)
        signal.raise_signal(signal.SIGINT)

    gc.callbacks.append(interrupt)
    gc.collect()


@pytest.fixture
def dropped_amid_a_solve(monkeypatch):
    """Let the hundredth right-hand side of scipy's method drop an interrupt."""
    made = scipy_engine._scipy_functions

    def functions(*given):
        rhs, jac = made(*given)
        calls = []

        def counted(t, y):
            calls.append(t)
            if len(calls) == 100:
                drop_an_interrupt()
            return rhs(t, y)

        return counted, jac

    monkeypatch.setattr(scipy_engine, "_scipy_functions", functions)


def solve():
    return tr.simulate(tr.models.load("lorenz"), [0.0, 1e9], solver=ENDLESS)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_that_python_drops_ends_scipys_solve(dropped_amid_a_solve):
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        solve()
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_what_the_users_own_handler_raises_is_what_comes(dropped_amid_a_solve, monkeypatch):
    wrong = RuntimeError("mine")

    def own(number, frame):
        raise wrong

    before = signal.signal(signal.SIGINT, own)
    try:
        with pytest.raises(RuntimeError) as caught:
            solve()
        assert signal.getsignal(signal.SIGINT) is own
    finally:
        signal.signal(signal.SIGINT, before)
    assert caught.value is wrong


@pytest.mark.parametrize("handler", [signal.SIG_IGN, lambda number, frame: None])
def test_a_handler_that_raises_nothing_ends_nothing(handler):
    before = signal.signal(signal.SIGINT, handler)
    try:
        with remembered() as raise_lost:
            signal.raise_signal(signal.SIGINT)
            raise_lost()
        assert signal.getsignal(signal.SIGINT) is handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_handler_that_was_set_meanwhile_stays():
    before = signal.getsignal(signal.SIGINT)
    try:
        with remembered():
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_threads_hear_nothing_and_solve():
    found = []
    before = signal.getsignal(signal.SIGINT)

    def work():
        model = tr.models.load("lorenz")
        found.append(tr.simulate(model, [0.0, 1.0], solver=tr.Solver("LSODA")).status)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [tr.Status.SUCCESS]
    assert signal.getsignal(signal.SIGINT) is before


class Waits:
    """A task that lasts until it is told to stop."""

    def __init__(self, values):
        self.values = np.asarray(values)

    def take(self, rows):
        return type(self)(self.values[rows])

    def solve(self, crew):
        deadline = time.monotonic() + 20.0
        while not crew.cancel[0] and time.monotonic() < deadline:
            time.sleep(0.01)
        return {"value": self.values}

    def parts(self):
        return {"values": ("", str(self.values.tolist()))}


class Quick(Waits):
    def solve(self, crew):
        return {"value": self.values}


class Dies(Waits):
    """A task whose first row ends who does it; the others need a second each."""

    def solve(self, crew):
        if self.values[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(1.0)
        return {"value": self.values, "status": np.zeros(len(self.values), dtype=np.int64)}


@pytest.fixture
def dropped_at_submit(monkeypatch):
    """Let an executor of a kind drop an interrupt when it is given its n-th piece."""

    def patch(kind, n):
        submit, calls = kind.submit, []

        def submitted(self, *given):
            calls.append(given)
            future = submit(self, *given)
            if len(calls) == n:
                drop_an_interrupt()
            return future

        monkeypatch.setattr(kind, "submit", submitted)

    return patch


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_call_that_waits_for_others_hears_of_it(dropped_at_submit):
    dropped_at_submit(ThreadPoolExecutor, 1)
    began = time.monotonic()
    with ThreadPoolExecutor(1) as pool:
        how = check_how(None, pool, None, False, "call")
        with pytest.raises(KeyboardInterrupt, match="0 of 3 finished"):
            carry_out(Waits(np.arange(3)), 3, 1, how, "call")
    assert time.monotonic() - began < 5.0


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_call_that_goes_on_without_a_dead_worker_hears_of_it(dropped_at_submit):
    dropped_at_submit(ProcessPoolExecutor, 5)
    context = multiprocessing.get_context("forkserver")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        how = check_how(None, pool, None, False, "call")
        with pytest.raises(KeyboardInterrupt, match="of 4 finished"):
            carry_out(Dies(np.arange(4)), 4, 1, how, "call")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_call_that_works_itself_hears_of_it_between_two_pieces():
    def progress(done, total):
        if done == 1:
            drop_an_interrupt()

    how = check_how(None, None, None, progress, "call")
    with pytest.raises(KeyboardInterrupt, match="1 of 5 finished"):
        carry_out(Quick(np.zeros(5)), 5, 1, how, "call")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_call_that_waits_for_its_own_threads_hears_of_it(dropped_at_submit):
    dropped_at_submit(ThreadPoolExecutor, 1)
    solver, table = tr.Solver(max_steps=2**31 - 1, time_limit=20.0), {"rho": [28.0, 29.0]}
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        tr.ensemble(tr.models.load("lorenz"), table, [0.0, 1e9], solver=solver, threads=2)
    assert time.monotonic() - began < 5.0
