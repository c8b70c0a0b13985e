"""Progress: who sees it, and when."""

import io
import sys
from types import SimpleNamespace

import pytest

from trustode.errors import OptionError
from trustode.progress import check_progress, track


class Screen(io.StringIO):
    """A stream that takes itself for a terminal."""

    def isatty(self) -> bool:
        return True


def work(progress, total=3, label="work"):
    with track(total, progress, label) as advance:
        for _ in range(total):
            advance(1)


def test_callable_gets_done_and_total():
    seen = []
    work(lambda done, total: seen.append((done, total)))
    assert seen == [(0, 3), (1, 3), (2, 3), (3, 3)]


def test_exception_of_the_callable_comes_through():
    def stop(done, total):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        work(stop)


@pytest.mark.parametrize("progress", [None, False])
def test_silent_away_from_a_terminal(progress, monkeypatch):
    screen = io.StringIO()
    monkeypatch.setattr(sys, "stderr", screen)
    work(progress)
    assert screen.getvalue() == ""


def test_false_is_silent_on_a_terminal(monkeypatch):
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    work(False)
    assert screen.getvalue() == ""


def test_quick_work_shows_no_bar_that_nobody_asked_for(monkeypatch):
    pytest.importorskip("tqdm")
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    work(None)
    assert "work" not in screen.getvalue()


def test_long_work_shows_a_bar_on_a_terminal(monkeypatch):
    pytest.importorskip("tqdm")
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr("trustode.progress._PATIENCE", 0.0)
    work(None)
    assert "work" in screen.getvalue()
    assert "3/3" in screen.getvalue()


def test_true_shows_a_bar_anywhere(monkeypatch):
    pytest.importorskip("tqdm")
    screen = io.StringIO()
    monkeypatch.setattr(sys, "stderr", screen)
    work(True)
    assert "3/3" in screen.getvalue()


def test_without_tqdm_true_is_silent(monkeypatch):
    screen = io.StringIO()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr("trustode.progress.find_spec", lambda name: None)
    work(True)
    assert screen.getvalue() == ""


@pytest.mark.parametrize("progress", ["yes", 3, [1]])
def test_nonsense_is_refused(progress):
    with pytest.raises(OptionError, match="must be True, False, None or a callable"):
        check_progress(progress, "work")


def test_a_notebook_shows_a_bar_that_nobody_asked_for_if_work_is_long(monkeypatch):
    pytest.importorskip("tqdm")
    kernel = SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel="a kernel"))
    monkeypatch.setitem(sys.modules, "IPython", kernel)
    # Without ipywidgets the bar is text there too.
    monkeypatch.setattr("trustode.progress.find_spec", lambda name: name == "tqdm" or None)
    monkeypatch.setattr("trustode.progress._PATIENCE", 0.0)
    screen = io.StringIO()
    monkeypatch.setattr(sys, "stderr", screen)
    work(None)
    assert "3/3" in screen.getvalue()
    shell = SimpleNamespace(get_ipython=lambda: None)
    monkeypatch.setitem(sys.modules, "IPython", shell)
    screen.truncate(0)
    work(None)
    assert screen.getvalue() == ""
