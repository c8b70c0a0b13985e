"""The expression graph: values and derivatives against sympy and complex steps."""

import math

import numpy as np
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

from trustode.codegen.graph import Graph
from trustode.codegen.interpret import FLOATS, evaluator
from trustode.expression import symbol

X, Y, Z = (symbol(name) for name in "xyz")
LEAVES = {X: ("y", 0), Y: ("y", 1), Z: ("p", 0)}

#: Rounding of a few dozen operations.
ROUNDING = 1e-13


def graph_of(expression):
    graph = Graph()
    leaves = {s: graph.node(*parts) for s, parts in LEAVES.items()}
    return graph, leaves, graph.read(expression, leaves)


def values_at(graph, outputs, x, y, z):
    return evaluator(graph, outputs, FLOATS)(0.0, [x, y], [z], [])


FUNCTIONS = [
    sympy.exp(X * Y),
    sympy.log(X**2 + 1),
    sympy.sqrt(X**2 + Y**2 + 1),
    sympy.tanh(3 * X - Y / Z),
    sympy.sinh(X) * sympy.cosh(Y),
    sympy.sin(X * Z) + sympy.cos(Y) - sympy.tan(X / 5),
    sympy.asin(X / 10) + sympy.acos(Y / 10) + sympy.atan(Z * X),
    sympy.asinh(X) + sympy.acosh(Y**2 + 2) + sympy.atanh(X / 10),
    (X**2 + 1) ** Z,
    Z ** (X * Y),
    X**7 / (1 + Y**2) - Y**-3,
    X**3 * Y**2 * Z - sympy.Rational(2, 7) * X / (3 * Y),
    -(X - Y) * (-Z) / (-2.5 * X),
]


@pytest.mark.parametrize("expression", FUNCTIONS, ids=str)
def test_value_and_derivatives_agree_with_sympy(expression):
    graph, leaves, number = graph_of(expression)
    rng = np.random.default_rng(1)
    for x, y, z in rng.uniform(0.2, 2.0, (20, 3)):
        point = {X: x, Y: y, Z: z}
        wanted = float(expression.subs(point))
        scale = max(abs(wanted), 1.0)
        assert values_at(graph, [number], x, y, z)[0] == pytest.approx(wanted, abs=scale * ROUNDING)
        for s in (X, Y, Z):
            slope = graph.derivatives([number], leaves[s])
            exact = float(expression.diff(s).subs(point))
            got = values_at(graph, slope, x, y, z)[0]
            assert got == pytest.approx(exact, rel=ROUNDING, abs=scale * ROUNDING)


@pytest.mark.parametrize(
    ("expression", "low", "high"),
    [(sympy.Min(X, Y), 0.5, 2.0), (sympy.Max(X, Y), 2.0, 0.5), (sympy.Abs(X - Y), 0.5, 2.0)],
)
def test_kinked_functions_take_the_branch_they_are_on(expression, low, high):
    graph, leaves, number = graph_of(expression)
    assert values_at(graph, [number], low, high, 0.0)[0] == float(
        expression.subs({X: low, Y: high})
    )
    slope = values_at(graph, graph.derivatives([number], leaves[X]), low, high, 0.0)[0]
    assert slope == (-1.0 if isinstance(expression, sympy.Abs) else 1.0)


def test_hill_term_has_finite_derivatives_at_zero():
    """x^n / (K^n + x^n): every derivative exists at x = 0 for n > 1 (0 by inspection)."""
    hill = X**Z / (2**Z + X**Z)
    graph, leaves, number = graph_of(hill)
    for s in (X, Z):
        assert values_at(graph, graph.derivatives([number], leaves[s]), 0.0, 0.0, 2.5) == [0.0]


def test_second_derivative_by_an_exponent_is_finite_at_zero():
    graph, leaves, number = graph_of(X**Z)
    first = graph.derivatives([number], leaves[Z])
    second = graph.derivatives(first, leaves[Z])
    assert values_at(graph, second, 0.0, 0.0, 1.5) == [0.0]
    exact = 0.7**1.5 * math.log(0.7) ** 2
    assert values_at(graph, second, 0.7, 0.0, 1.5)[0] == pytest.approx(exact, rel=ROUNDING)


def test_equal_subexpressions_are_one_node():
    graph, leaves, _ = graph_of(X)
    before = len(graph.nodes)
    a = graph.read(sympy.tanh(X + Y) * Z, leaves)
    grown = len(graph.nodes)
    b = graph.read(sympy.tanh(X + Y) + Z, leaves)
    assert grown - before >= 3
    assert len(graph.nodes) == grown + 1
    assert a != b


numbers = st.floats(-3.0, 3.0).filter(lambda v: v == 0.0 or abs(v) > 1e-3)
expressions = st.recursive(
    st.sampled_from([X, Y, Z]) | numbers.map(sympy.Float) | st.integers(-4, 4).map(sympy.Integer),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda p: p[0] + p[1]),
        st.tuples(inner, inner).map(lambda p: p[0] * p[1]),
        inner.map(sympy.tanh),
        inner.map(lambda e: 1 / (1 + e**2)),
        inner.map(lambda e: -e),
    ),
    max_leaves=12,
)


@given(expressions, st.tuples(*[st.floats(-2.0, 2.0)] * 3))
def test_random_expressions_agree_with_lambdify(expression, point):
    graph, _, number = graph_of(expression)
    wanted = float(sympy.lambdify([X, Y, Z], expression, "math")(*point))
    got = values_at(graph, [number], *point)[0]
    assert got == pytest.approx(wanted, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("function", [sympy.Min, sympy.Max])
def test_an_extreme_of_nan_is_nan(function):
    """log(y) has no value at y = -.5, whichever argument it is."""
    for pair in ((X + 100, sympy.log(Y)), (sympy.log(Y), X + 100)):
        graph, _, number = graph_of(function(*pair, evaluate=False))
        assert math.isnan(values_at(graph, [number], 1.0, -0.5, 0.0)[0])


def test_a_numbers_sign_keeps_nan():
    graph, _, number = graph_of(sympy.sign(sympy.log(Y)))
    assert math.isnan(values_at(graph, [number], 1.0, -0.5, 0.0)[0])
    assert values_at(graph, [number], 1.0, 0.5, 0.0) == [-1.0]
