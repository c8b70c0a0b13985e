"""C compilers that are found here, and what the processor can, for the tests that need it."""

import shutil
from pathlib import Path

COMPILERS = list(filter(None, map(shutil.which, ("gcc", "clang", "clang-19", "clang-14", "cc"))))
COMPILER = next(iter(COMPILERS), None)


def processor_flags():
    """What the processor can, as Linux tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return frozenset()
    return frozenset(next((line for line in lines if line.startswith("flags")), "").split())
