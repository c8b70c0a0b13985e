"""Text of a sum, in an order in which what is known last is added last.

Coefficients of a series wait for each other from order to order, so a step takes as long as the
longest chain of operations, not as all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

#: Characters beyond which part of a sum gets a name: compilers limit how deep brackets nest.
LONGEST = 400
#: Operations by which a term may wait for those before it, rather than begin a sum of its own.
_PATIENCE = 2


class Part(NamedTuple):
    """Part of a sum: after how many operations it is known, and its text.

    A factor is yet to be multiplied with; a sign, "-" or nothing, stands where there is none.
    """

    depth: int
    text: str
    factor: str = ""
    sign: str = ""

    @property
    def whole(self) -> str:
        """The text with its factor or sign."""
        return f"{self.factor} * {self.text}" if self.factor else f"{self.sign}{self.text}"

    def plus(self, other: Part) -> Part:
        """Return the sum with another part."""
        depth = max(self.depth, other.depth) + 1
        for one, rest in ((other, self), (self, other)):
            if one.factor:
                return Part(depth, f"tro_fma({one.factor}, {one.text}, {rest.whole})")
        one, rest = (other, self) if self.sign and not other.sign else (self, other)
        return Part(depth, f"({one.whole} {rest.sign or '+'} {rest.text})")


def joined(parts: Iterable[Part], name: Callable[[str], str]) -> str:
    """Return the text of a sum; `name` gives a long text a name."""
    sums: list[Part] = []
    for new in sorted(parts, key=lambda part: part.depth):
        first = min(range(len(sums)), key=lambda n: sums[n].depth, default=None)
        if first is not None and sums[first].depth <= new.depth + _PATIENCE:
            new = sums.pop(first).plus(new)
            if len(new.text) > LONGEST:
                new = Part(new.depth, name(new.text))
        sums.append(new)
    while len(sums) > 1:
        sums.sort(key=lambda part: part.depth)
        sums[:2] = [sums[0].plus(sums[1])]
    return sums[0].whole if sums else ""
