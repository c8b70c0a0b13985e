"""Symbols: how they are made, and which names are refused."""

import pytest
import sympy

import trustode as tr
from trustode.errors import ModelError


def test_one_name_gives_a_symbol_and_several_a_tuple() -> None:
    assert tr.states("x") == sympy.Symbol("x", real=True)
    assert tr.parameters("a, b") == tr.parameters("a b") == tr.parameters(["a", "b"])
    assert tr.inputs(["u"]) == (tr.inputs("u"),)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ("", "no name given"),
        ([], "no name given"),
        (None, "expected names"),
        (3, "expected names"),
        ([3], "must be text"),
        ("x x", "'x' is given twice"),
        ("2x", "cannot be a name"),
        ("x-y", "cannot be a name"),
        ("t", "reserved"),
        ("exp", "reserved"),
        ("lambda", "reserved"),
    ],
)
@pytest.mark.parametrize("maker", [tr.states, tr.parameters, tr.inputs])
def test_wrong_names_are_refused(maker: object, names: object, words: str) -> None:
    with pytest.raises(ModelError, match=words) as caught:
        maker(names)  # type: ignore[operator]
    assert maker.__name__ in str(caught.value)  # type: ignore[attr-defined]
