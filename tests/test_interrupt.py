"""Ctrl-C that Python drops, because it came amid a callback of a weak reference, is heard."""

import gc
import signal
import threading

import pytest

import trustode as tr
from trustode import scipy_engine
from trustode.interrupt import remembered

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
