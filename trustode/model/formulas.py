"""Formulas as they are given and as they are kept: expressions that are what their text reads.

Imports the expressions, what checks numbers, and the errors.
"""

from __future__ import annotations

import numbers
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import sympy

from ..digest import sha256
from ..errors import ModelError, listed, nearest
from ..expression import TIME, check, parse, write
from .param import number


class Formulas(Mapping[Any, sympy.Expr]):
    """Expressions by symbol or name; each is read when it is wanted, or all by `read`."""

    def __init__(self, texts: Mapping[Any, tuple[str, str]], known: Mapping[str, sympy.Symbol]):
        self._texts = texts
        self._known = known
        self._made: dict[Any, sympy.Expr] = {}

    def read(self) -> None:
        """Read all of them, so that what is wrong with one is found now."""
        for key in self:
            self[key]

    def __getitem__(self, key: Any) -> sympy.Expr:
        key = self._own(key)
        made = self._made.get(key)
        if made is None:
            text, where = self._texts[key]
            made = self._made[key] = parse(text, self._known, where)
        return made

    def __contains__(self, key: object) -> bool:
        return self._own(key) in self._texts

    def _own(self, key: object) -> object:
        """Return a key as it is kept: equations by symbol, read-outs by name."""
        return self._known.get(key, key) if isinstance(key, str) and key not in self._texts else key

    def __iter__(self) -> Iterator[Any]:
        return iter(self._texts)

    def __len__(self) -> int:
        return len(self._texts)

    def __repr__(self) -> str:
        return repr(dict(self))


@lru_cache(maxsize=1)
def reader() -> str:
    """Digest of everything that decides which texts are right, and what they become."""
    package = Path(__file__).parents[1]
    digest = sha256(f"{sys.version} {sympy.__version__}".encode())
    for pattern in ("model/*.py", "expression.py", "codegen/*.py", "include/*.h"):
        for path in sorted(package.glob(pattern)):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def text_of(
    value: Any,
    known: Mapping[str, sympy.Symbol],
    where: str,
    state_names: Sequence[str],
    param_names: Sequence[str],
) -> tuple[str, str]:
    """Return the text of a formula, and where it stands, as `Formulas` takes them.

    Raises
    ------
    ModelError
        If it is no formula, or uses a symbol that is not `known`; with no `state_names`, it is
        one of parameters alone.
    """
    if isinstance(value, str):
        return value, where
    if isinstance(value, bool) or not isinstance(value, sympy.Expr | numbers.Real):
        raise ModelError(
            f"{where}: expected an expression, got {value!r:.60} ({type(value).__name__})"
        )
    if not isinstance(value, sympy.Expr):
        found = number(value, where)
        return str(int(value)) if isinstance(value, numbers.Integral) else repr(found), where
    renamed: dict[sympy.Symbol, sympy.Symbol] = {}
    for used in value.free_symbols:
        if used.name == "t":
            renamed[used] = TIME
        elif used.name in known:
            renamed[used] = known[used.name]
        else:
            what, places = f"not a parameter ({listed(param_names) or 'none'})", "params="
            if state_names:
                what = (
                    f"neither a state ({listed(state_names)}) nor a parameter "
                    f"({listed(param_names) or 'none'}) nor an input"
                )
                places = "params= or inputs="
            raise ModelError(
                f"{where} uses the symbol '{used.name}', which is {what}. "
                f"Add it to {places}{nearest(used.name, known)}"
            )
    expression = value.xreplace(renamed)
    check(expression, where)
    # Kept as its text reads, so that a model, its file and its pickle are one thing.
    return write(expression), where
