"""Fixtures that several test files use."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

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


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder of shared material beside the repository, or skip."""
    folder = Path(__file__).resolve().parents[2] / "shared"
    if not folder.is_dir():
        pytest.skip(f"needs the shared material beside the repository, {folder} is absent")
    return folder
