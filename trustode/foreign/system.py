"""What a file of another program says, and the `Model` that it makes.

Imports the model layer.
"""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import ModelError, listed
from ..expression import FUNCTIONS
from ..model import Model, Param
from .tree import ZERO, Node, names, number, resolve, substitute, write


@dataclass
class System:
    """A system of equations in another program's names.

    Attributes
    ----------
    rhs : dict of str to Node
        Time derivative of each state.
    starts : dict of str to Node
        Value at time 0 of each state, and of other names that one is assigned to.
    params : dict of str to Param
    inputs : dict of str to float
    definitions : dict of str to Node
        Names that stand for an expression at every time.
    shown : list of str
        Definitions that are read-outs.
    bounds, meanings : dict
    optional : set of str
        Parameters that are left out where nothing uses them.
    """

    rhs: dict[str, Node] = field(default_factory=dict)
    starts: dict[str, Node] = field(default_factory=dict)
    params: dict[str, Param] = field(default_factory=dict)
    inputs: dict[str, float] = field(default_factory=dict)
    definitions: dict[str, Node] = field(default_factory=dict)
    shown: list[str] = field(default_factory=list)
    bounds: dict[str, tuple[float, float]] = field(default_factory=dict)
    meanings: dict[str, str] = field(default_factory=dict)
    optional: set[str] = field(default_factory=set)

    def model(self, title: str, where: str, time: str, **about: Any) -> Model:
        """Return the model.

        Parameters
        ----------
        title : str
            Its name.
        where : str
            What is being read, for messages.
        time : str
            What time is called here.
        about : str
            time_unit, description and source.

        Raises
        ------
        ModelError
            If a name is not known, a definition depends on itself, or the model breaks a rule.
        """
        if not self.rhs:
            raise ModelError(f"{where}: it holds no differential equation")
        every = [*self.rhs, *self.params, *self.inputs, *self.shown]
        try:
            rhs, starts, shown = self._settled(where, time)
        except RecursionError:
            raise ModelError(f"{where}: an expression is nested too deeply") from None
        used = set().union(*map(names, (*rhs.values(), *starts.values(), *shown.values())))
        params = {
            key: param
            for key, param in self.params.items()
            if key in used or key not in self.optional
        }
        known = {*self.rhs, *params, *self.inputs, time}
        for unknown in sorted(used - known):
            raise ModelError(
                f"{where}: {unknown[:60]!r} is used, but has no value and no equation. "
                f"Known: {listed(every)}"
            )
        renamed = {**_renamed(every), time: "t"}
        try:
            return Model(
                title,
                rhs={renamed[key]: write(node, renamed) for key, node in rhs.items()},
                params={renamed[key]: param for key, param in params.items()},
                initial={renamed[key]: write(starts[key], renamed) for key in rhs},
                inputs={renamed[key]: value for key, value in self.inputs.items()},
                observables={renamed[key]: write(node, renamed) for key, node in shown.items()},
                bounds={
                    renamed[key]: pair
                    for key, pair in self.bounds.items()
                    if key in rhs or key in self.inputs
                },
                meanings={
                    renamed[key]: text
                    for key, text in self.meanings.items()
                    if text and (key in rhs or key in self.inputs or key in shown)
                },
                **about,
            )
        except RecursionError:
            raise ModelError(f"{where}: an expression is nested too deeply") from None
        except ModelError as error:
            raise ModelError(f"{where}: {error}") from None

    def _settled(
        self, where: str, time: str
    ) -> tuple[dict[str, Node], dict[str, Node], dict[str, Node]]:
        """Return right-hand sides, starts and read-outs with every definition put in."""
        inputs = {key: number(value) for key, value in self.inputs.items()}
        at_start = resolve({**self.definitions, **self.starts, **inputs, time: ZERO}, where)
        fixed = {key: at_start[key] for key in self.starts if key not in self.rhs}
        settled = resolve({**self.definitions, **fixed}, where)
        rhs = {key: substitute(node, settled) for key, node in self.rhs.items()}
        shown = {key: settled[key] for key in self.shown}
        return rhs, {key: at_start[key] for key in self.rhs}, shown


def _renamed(given: Iterable[str]) -> Mapping[str, str]:
    """Return a name that a model may have for each name."""
    every = list(given)
    renamed: dict[str, str] = {}
    taken = {key for key in every if _plain(key) == key}
    for key in every:
        new = _plain(key)
        while new != key and new in taken:
            new = f"{new.rstrip('_')[:95]}_{len(taken)}"
        taken.add(new)
        renamed[key] = new
    return renamed


def _plain(key: str) -> str:
    plain = re.sub("__+", "_", key)[:95]
    reserved = keyword.iskeyword(plain) or plain in FUNCTIONS or plain == "t"
    return f"{plain}_" if reserved else plain


def prose(text: str | None) -> str:
    """Return text as a model may hold it: one line without what cannot be seen."""
    seen = (
        " " if unicodedata.category(character) in ("Cc", "Zl", "Zp") else character
        for character in (text or "")
        if unicodedata.category(character) not in ("Cf", "Cs", "Co", "Cn")
    )
    return re.sub("__+", "_", " ".join("".join(seen).split()))[:2000]
