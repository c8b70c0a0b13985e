"""Random expressions and models, for the tests that hold for all of them."""

import math

from hypothesis import strategies as st

import trustode as tr
from trustode.errors import ModelError
from trustode.expression import FUNCTIONS

NAMES = ("x", "y", "k", "m")
_SINGLE = [name for name in FUNCTIONS if name not in ("min", "max")]
_EXPONENTS = ["2", "3", "0.5", "(1/2)", "(-1)", "(-2)", "(1/3)", "(-1/2)", "x", "(-y)"]


def _larger(smaller: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    operator = st.sampled_from("+-*/")
    return st.one_of(
        st.tuples(smaller, operator, smaller).map(lambda a: f"({a[0]}) {a[1]} ({a[2]})"),
        st.tuples(smaller, operator, smaller).map(lambda a: f"{a[0]} {a[1]} {a[2]}"),
        st.tuples(smaller, st.sampled_from(_EXPONENTS)).map(lambda a: f"({a[0]})**{a[1]}"),
        st.tuples(st.sampled_from(_SINGLE), smaller).map(lambda a: f"{a[0]}({a[1]})"),
        st.tuples(st.sampled_from(["min", "max"]), smaller, smaller).map(
            lambda a: f"{a[0]}({a[1]}, {a[2]})"
        ),
        smaller.map(lambda a: f"-({a})"),
        smaller.map(lambda a: f"-{a}"),
    )


_leaves = st.one_of(
    st.sampled_from([*NAMES, "t"]),
    st.integers(0, 10**20).map(str),
    st.floats(0, 1e300).map(repr),
)

#: Text of expressions in `NAMES` and ``t``; some have no finite value and are refused.
expression_texts = st.recursive(_leaves, _larger, max_leaves=12)

#: Anything that may stand in a meaning, a unit or a source.
prose = st.text(
    st.characters(exclude_categories=["Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"]) | st.just("\n"),
    max_size=40,
).filter(lambda text: "__" not in text)

_numbers = st.floats(allow_nan=False, allow_infinity=False)


@st.composite
def params(draw: st.DrawFn) -> tr.Param:
    """Draw a parameter, with or without a range."""
    low, value, high = sorted(draw(st.tuples(_numbers, _numbers, _numbers)))
    return tr.Param(
        value,
        unit=draw(prose),
        min=draw(st.sampled_from([low, -math.inf])),
        max=draw(st.sampled_from([high, math.inf])),
        meaning=draw(prose),
        theme=draw(prose),
        source=draw(prose),
    )


@st.composite
def models(draw: st.DrawFn) -> tr.Model | None:
    """Draw a model of states x, y, parameter k and input m; None if its maths is refused."""
    limits = sorted(draw(st.lists(_numbers, min_size=2, max_size=2, unique=True)))
    line = prose.filter(lambda text: text.strip() and "\n" not in text)
    arguments = {
        "rhs": {"y": draw(expression_texts), "x": draw(expression_texts)},
        "params": {"k": draw(params())},
        "initial": {"x": draw(_numbers), "y": draw(st.sampled_from(["k/3", "1", "2*k + 0.1"]))},
        "inputs": {"m": draw(_numbers)},
        "observables": {"seen": draw(expression_texts)},
        "bounds": {"y": draw(st.sampled_from([limits, (-math.inf, 2), (0, math.inf)]))},
        "meanings": {"x": draw(prose), "seen": draw(prose)},
        "time_unit": draw(prose),
        "description": draw(prose),
        "source": draw(prose),
    }
    try:
        return tr.Model(draw(line), **arguments)
    except ModelError:
        return None
