"""Names and prose of a model in another language: what clashes is renamed, and said.

Imports the model layer.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ..expression import symbol
from ..model import Model

#: Characters of a line of comment.
_WIDTH = 96


@dataclass(frozen=True)
class Language:
    """What decides which names a language takes.

    Parameters
    ----------
    title : str
        Its name, for readers.
    reserved : frozenset of str
        Words that cannot be names; in lower case where case does not count.
    folds : bool
        Whether ``T`` and ``t`` are one name.
    longest : int
        Characters that a name may have.
    """

    title: str
    reserved: frozenset[str]
    folds: bool = False
    longest: int = 100

    def rename(self, names: Iterable[str]) -> dict[str, str]:
        """Return a name in this language for each name: its own wherever that is possible."""
        given = list(names)
        taken = {self._folded(name) for name in given if self._free(name)}
        seen: set[str] = set()
        renamed: dict[str, str] = {}
        for name in given:
            new = name
            if not self._free(name) or self._folded(name) in seen:
                new = self._other(name, taken)
                taken.add(self._folded(new))
            seen.add(self._folded(new))
            renamed[name] = new
        return renamed

    def _folded(self, name: str) -> str:
        return name.lower() if self.folds else name

    def _free(self, name: str) -> bool:
        return len(name) <= self.longest and self._folded(name) not in self.reserved

    def _other(self, name: str, taken: set[str]) -> str:
        """Return a name that is neither taken nor reserved."""
        number = 1
        while True:
            ending = "_" if number == 1 else f"_{number}"
            new = name[: self.longest - len(ending)] + ending
            if self._folded(new) not in taken and self._free(new):
                return new
            number += 1


def every_name(model: Model) -> list[str]:
    """Return all names of a model, states first."""
    return [*model.states, *model.params, *model.inputs, *model.observables]


def comment(text: str, mark: str) -> list[str]:
    """Return text as lines of comment; nothing in it can end the comment."""
    # A backslash at the end of a line would take the next line along.
    plain = " ".join(text.replace("\\", "/").split())
    return [f"{mark} {line}" for line in textwrap.wrap(plain, _WIDTH)]


def heading(model: Model, language: Language, renamed: Mapping[str, str], mark: str) -> list[str]:
    """Return the comment that a file begins with: what it is, and which names changed."""
    time = f" Time is in units of {model.time_unit}." if model.time_unit else ""
    lines = comment(f"{model.name}, written by trustode for {language.title}.{time}", mark)
    for text in (model.description, model.source and f"Source: {model.source}"):
        lines += comment(text, mark)
    changed = [f"{old} is {new}" for old, new in renamed.items() if old != new]
    if changed:
        lines += comment(
            f"Names that {language.title} does not take, or takes for others, are changed: "
            + ", ".join(changed),
            mark,
        )
    return lines


def described(model: Model, name: str) -> str:
    """Return what a name stands for, as one line; nothing if that is not known."""
    if name not in model.parameters:
        return str(model.meanings.get(name, ""))
    param = model.parameters[name]
    unit, source = param.unit and f"[{param.unit}]", param.source and f"({param.source})"
    return " ".join(part for part in (param.meaning, unit, source) if part)


def starts(model: Model) -> dict[str, float]:
    """Return the start of each state at the default parameters."""
    values = {symbol(name): value for name, value in model.defaults.items()}
    return {name: float(start.subs(values)) for name, start in model.initial.items()}


def folded(text: str, end: str, width: int = 100) -> str:
    """Break a long line at its blanks, with what a language wants at the end of each."""
    return f"{end}\n".join(
        textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)
    )
