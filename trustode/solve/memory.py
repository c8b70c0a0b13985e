"""Memory: what results need, and what is free."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import DataError

#: Bytes that are had without asking the system, which takes as long as some short solves.
_ALWAYS_FREE = 2**24


def refuse_too_large(shape: tuple[int, ...], where: str, advice: str) -> None:
    """Raise if an array of floats would not fit into the memory that is free.

    Raises
    ------
    DataError
        With the bytes wanted, the bytes free and what to do instead.
    """
    wanted = 8
    for size in shape:
        wanted *= int(size)
    if wanted <= _ALWAYS_FREE:
        return
    free = free_memory()
    if free is not None and wanted > free:
        raise DataError(
            f"{where}: a result of shape {shape} needs {wanted / 1e9:.3g} GB ({wanted} bytes), "
            f"but {free / 1e9:.3g} GB ({free} bytes) are free. {advice}"
        )


def free_memory() -> int | None:
    """Return the bytes of memory that can be had, or None where the system does not tell."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(1024 * int(x.split()[1]) for x in lines if x.startswith("MemAvailable:"))
    except (OSError, StopIteration):
        pass
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None
