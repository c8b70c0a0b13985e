"""Second and third derivatives against sympy and against differences of the Jacobian."""

import math

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

import trustode as tr
from trustode.bifurcation.multilinear import Multilinear
from trustode.expression import symbol

#: sympy's derivatives are evaluated in double precision too: a few roundings.
EXACT = 1e-11
#: On a circle of this radius the fifth derivative loses 5! / RADIUS^5 roundings.
RADIUS = 0.2
HIGH = 1e-8

x, y = symbol("x"), symbol("y")
# Each at a point of its domain; together every operation that an equation may hold.
EXPRESSIONS = {
    "exp": sympy.exp(x * y),
    "log": sympy.log(x + y**2),
    "sqrt": sympy.sqrt(x + 2 * y),
    "tanh": sympy.tanh(x - y),
    "sinh": sympy.sinh(x * y),
    "cosh": sympy.cosh(x - y**2),
    "sin": sympy.sin(3 * x + y),
    "cos": sympy.cos(x * y),
    "tan": sympy.tan(x - y),
    "asin": sympy.asin(x * y / 2),
    "acos": sympy.acos(x - y / 2),
    "atan": sympy.atan(2 * x - y),
    "asinh": sympy.asinh(x + y**2),
    "acosh": sympy.acosh(2 + x * y),
    "atanh": sympy.atanh(x * y / 2),
    "quotient": x / (1 + y**2),
    "power": (1 + x) ** sympy.Float(2.7),
    "power of both": (1 + x) ** y,
    "integer powers": x**5 - x**-3,
    "abs": sympy.Abs(x - y) ** 3,
    "sign": sympy.sign(x - y) * x**3,
    "min": sympy.Min(x**3, y),
    "max": sympy.Max(x**3, y * x),
    "smooth": 1 / (1 + sympy.exp(-x / (y + sympy.sqrt(x)))),
}


def tensor(expression, names, point, order):
    """Return the derivatives of one expression of some order at a point."""
    shape = (len(names),) * order
    values = dict(zip(names, point, strict=True))
    out = np.empty(shape)
    for index in np.ndindex(shape):
        out[index] = float(expression.diff(*[names[k] for k in index]).doit().subs(values))
    return out


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_every_operation_agrees_with_sympy(name):
    expression = EXPRESSIONS[name]
    if name in ("min", "max"):
        # sympy's own derivative of an extreme is a Heaviside step; here x**3 is smaller.
        smooth = x**3 if name == "min" else x * y
    elif name in ("abs", "sign"):
        smooth = (y - x) ** 3 if name == "abs" else -(x**3)
    else:
        smooth = expression
    point = np.array([0.4, 0.9])
    model = tr.Model("one", rhs={x: expression, y: y}, initial={x: 0.4, y: 0.9})
    forms = Multilinear(model, point, [], [])
    rng = np.random.default_rng(3)
    v, w, z = rng.normal(size=(3, 2)) + 1j * rng.normal(size=(3, 2))
    second, third = (tensor(smooth, [x, y], point, order) for order in (2, 3))
    expected = np.einsum("jk,j,k", second, v, w)
    assert forms.B(v, w)[0] == pytest.approx(expected, rel=EXACT, abs=EXACT)
    expected = np.einsum("jkl,j,k,l", third, v, w, z)
    assert forms.C(v, w, z)[0] == pytest.approx(expected, rel=EXACT, abs=EXACT)
    assert forms.B(v, w)[1] == forms.C(v, w, z)[1] == 0.0
    # The fourth and fifth, as Bautin points need them, against Cauchy's integral on a circle.
    circle = RADIUS * np.exp(2j * np.pi * np.arange(64) / 64)
    along = v.real / np.linalg.norm(v.real)
    values = sympy.lambdify((x, y), smooth, "numpy")(*(point[:, None] + along[:, None] * circle))
    for order in (4, 5):
        expected = math.factorial(order) * np.mean(values / circle**order).real
        found = forms.applied(*[along] * order)[0]
        assert found == pytest.approx(expected, rel=HIGH, abs=HIGH)


def test_a_power_with_a_vanishing_base_is_finite_where_its_derivative_is():
    q = symbol("q")
    model = tr.Model("face", rhs={x: x**q + sympy.sqrt(y)}, params={q: 2.0, y: 0.0}, initial={x: 0})
    forms = Multilinear(model, [0.0], [2.0, 0.0], [])
    assert forms.B([1.0], [1.0]) == pytest.approx([2.0])
    assert forms.C([1.0], [1.0], [1.0]) == pytest.approx([0.0])


@pytest.mark.parametrize("name", ["trust-original", "trust-updated", "trust-dyad"])
def test_the_trust_models_against_differences_of_the_compiled_jacobian(name):
    model = tr.models.load(name, profile="bpd")
    compiled = tr.compile(model)
    p, u = np.array(list(model.defaults.values())), np.zeros(len(model.inputs))
    rng = np.random.default_rng(5)
    at = np.array([rng.uniform(*model.bounds[state]) for state in model.states]) / 2
    v, w, z = rng.normal(size=(3, len(at)))
    forms = Multilinear(model, at, p, u)

    def jac(point):
        return compiled.jac(0.0, point, p, u)

    h = 1e-5
    second = (jac(at + h * v) - jac(at - h * v)) @ w / (2 * h)
    scale = np.abs(second).max()
    # Central differences: h^2 times a fifth derivative, eps/h in rounding.
    assert forms.B(v, w) == pytest.approx(second, abs=1e-6 * scale)
    h = 1e-4
    third = sum(a * b * jac(at + h * (a * v + b * w)) @ z for a in (1, -1) for b in (1, -1)) / (
        4 * h * h
    )
    assert forms.C(v, w, z) == pytest.approx(third, abs=1e-3 * np.abs(third).max())


def test_the_trust_model_agrees_with_sympy():
    model = tr.models.load("trust-original", profile="bpd")
    values = model.defaults | dict.fromkeys(model.inputs, 0.0)
    names = [symbol(state) for state in model.states]
    at = np.array([0.4, 0.3, 0.1, 0.2, 0.3])
    forms = Multilinear(model, at, list(model.defaults.values()), [0.0] * 3)
    rng = np.random.default_rng(7)
    v, w, z = rng.normal(size=(3, len(at)))
    s = sympy.symbols("s0:3")
    line = {
        name: sympy.Float(a) + v[k] * s[0] + w[k] * s[1] + z[k] * s[2]
        for k, (name, a) in enumerate(zip(names, at, strict=True))
    }
    zero = dict.fromkeys(s, 0)
    fixed = {symbol(key): value for key, value in values.items()}
    for k, expression in enumerate(model.rhs.values()):
        along = expression.xreplace(fixed).xreplace(line)
        second, third = along.diff(s[0], s[1]), along.diff(*s)
        scale = 1 + abs(float(third.subs(zero)))
        assert forms.B(v, w)[k] == pytest.approx(float(second.subs(zero)), abs=EXACT * scale)
        assert forms.C(v, w, z)[k] == pytest.approx(float(third.subs(zero)), abs=EXACT * scale)


NUMBERS = st.floats(-2, 2).map(lambda value: round(value, 3))


@settings(max_examples=40)
@given(st.lists(NUMBERS, min_size=6, max_size=6), NUMBERS, NUMBERS)
def test_forms_are_symmetric_and_linear(directions, a, b):
    model = tr.models.load("fitzhugh-nagumo")
    forms = Multilinear(model, [0.7, -0.3], list(model.defaults.values()), [])
    v, w, z = np.array(directions).reshape(3, 2)
    assert forms.B(v, w) == pytest.approx(forms.B(w, v), abs=1e-12)
    assert forms.C(v, w, z) == pytest.approx(forms.C(z, v, w), abs=1e-12)
    combined = a * forms.B(v, z) + b * forms.B(w, z)
    assert forms.B(a * v + b * w, z) == pytest.approx(combined, abs=1e-10)
    # x' = c (y + x - x^3/3 + z): B = -2 c x v_x w_x and C = -2 c v_x w_x z_x.
    assert forms.B(v, w)[0] == pytest.approx(-2 * 3 * 0.7 * v[0] * w[0], abs=1e-12)
    assert forms.C(v, w, z)[0] == pytest.approx(-2 * 3 * v[0] * w[0] * z[0], abs=1e-12)
