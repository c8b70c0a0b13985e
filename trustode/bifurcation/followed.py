"""What results that have special points share: how they are shown, counted and asked for a row.

Imports the models, and what notebooks show.
"""

from __future__ import annotations

import numbers
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..errors import ModelError
from ..model import Model
from ..notebook import Shown

if TYPE_CHECKING:
    import pandas as pd


class WithSpecial(Shown):
    """A result whose special points stand in the table `special`."""

    # A dataclass would take a property that it inherits for a field's default.
    if TYPE_CHECKING:

        @property
        def special(self) -> pd.DataFrame:
            """One row a special point."""
            ...

    def _heading(self) -> str:
        """Return what the result is, in half a line."""
        raise NotImplementedError

    def _special_sentences(self) -> Iterator[str]:
        """Yield a sentence on each special point."""
        raise NotImplementedError

    def _ending(self) -> Iterator[str]:
        """Yield what is said after the special points."""
        yield from ()

    def _shown(self) -> pd.DataFrame:
        return self.special

    def __repr__(self) -> str:
        kinds = self.special["kind"].value_counts().to_dict()
        counted = ", ".join(f"{n} {kind}" for kind, n in kinds.items()) or "no special point"
        lines = [f"<{self._heading()}, {counted}>"]
        lines += [f"  {text}" for text in (*self._special_sentences(), *self._ending())]
        return "\n".join(lines)


class Followed(WithSpecial):
    """A curve that was followed, whose points stand in the table `points`."""

    model: Model
    ends: tuple[str, str]

    if TYPE_CHECKING:

        @property
        def points(self) -> pd.DataFrame:
            """One row a point."""
            ...

    @property
    def _counted(self) -> tuple[str, tuple[str, ...]]:
        """What its points are called, and the parameters along which they lie."""
        raise NotImplementedError

    def _heading(self) -> str:
        kind = type(self).__name__
        return f"{kind} of {self.model.name!r}: {len(self)} {self._counted[0]}, {self._extent()}"

    def _extent(self) -> str:
        """Return from where to where each parameter goes."""
        values = ((name, self.points[name]) for name in self._counted[1])
        return ", ".join(f"{name} from {v.min():.6g} to {v.max():.6g}" for name, v in values)

    def _ending(self) -> Iterator[str]:
        yield f"ends: {self.ends[0]}; {self.ends[1]}"

    def __len__(self) -> int:
        return len(self.points)

    def to_frame(self) -> pd.DataFrame:
        """Return a copy of `points`."""
        return self.points.copy()

    def _row(self, row: Any, where: str, noun: str) -> Any:
        """Return the row of `special` that a number stands for, and anything else as it is."""
        if not isinstance(row, numbers.Integral):
            return row
        if not -len(self.special) <= int(row) < len(self.special):
            raise ModelError(
                f"{where}: there is no special point {row}; the {noun} has {len(self.special)}"
            )
        return self.special.iloc[int(row)]
