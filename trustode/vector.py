"""Which vector unit of the processor the Taylor method uses, chosen when it is imported.

Every unit gives the same bits. The environment variable TRUSTODE_VECTOR names a lesser one
("plain", "avx2"), to compare them.
"""

from __future__ import annotations

import os
from typing import NamedTuple


class Unit(NamedTuple):
    """A vector unit: how many runs go side by side, and what the C compiler is told."""

    widths: tuple[int, ...]
    flags: tuple[str, ...]


#: Scalars stay scalars: pairs of them would wait for each other's stores.
_SCALARS = ("-fno-tree-slp-vectorize",)
#: From the least to the best.
UNITS = {
    "plain": Unit((1,), ()),
    "avx2": Unit((1, 4), ("-mavx2", "-mfma", *_SCALARS)),
    "avx512": Unit((1, 8), ("-mavx512f", "-mavx512dq", "-mavx512vl", "-mfma", *_SCALARS)),
}


def unit(found: str) -> str:
    """Return the unit to use where `found` is the best there is."""
    asked = os.environ.get("TRUSTODE_VECTOR", found)
    order = list(UNITS)
    return asked if asked in order and order.index(asked) <= order.index(found) else found


def is_slow(name: str) -> bool:
    """Say whether a unit has no fused multiply-add, which the Taylor method lives on."""
    if name != "plain":
        return False
    import platform

    return platform.machine().lower() in ("x86_64", "amd64", "i686", "x86")
