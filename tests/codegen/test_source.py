"""Generated code against sympy: every built-in, at random points and on every corner."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import sympy

import trustode as tr
from trustode.codegen import Source, source
from trustode.codegen.interpret import FLOATS, evaluator
from trustode.expression import TIME, symbol

NAMES = tr.models.names()

#: Rounding against another order of the same operations, relative to the largest entry.
RHS_TOLERANCE = 1e-13
STEP_TOLERANCE = 1e-10
#: A complex step this small has no truncation error left.
TINY = 1e-30


def lambdified(model):
    arguments = [
        [symbol(name) for name in names] for names in (model.states, model.params, model.inputs)
    ]
    expressions = [sympy.Matrix(list(model.rhs.values()))]
    function = sympy.lambdify([TIME, *arguments], expressions[0], "numpy", cse=True)
    return lambda t, y, p, u: np.asarray(function(t, y, p, u))[:, 0]


def box(model):
    """Lower and upper corner of the states' region; unbounded states around their start."""
    start = tr.compile(model).initial()
    low, high = [], []
    for name, value in zip(model.states, start, strict=True):
        a, b = model.bounds.get(name, (-np.inf, np.inf))
        low.append(a if np.isfinite(a) else value - 1.0 - abs(value))
        high.append(b if np.isfinite(b) else value + 1.0 + abs(value))
    return np.array(low), np.array(high)


def points(model, n_random):
    """Random points inside, one on each face, and every corner of the states' region."""
    low, high = box(model)
    rng = np.random.default_rng(7)
    yield from rng.uniform(low, high, (n_random, len(low)))
    for i, edge in itertools.product(range(len(low)), (low, high)):
        y = rng.uniform(low, high)
        y[i] = edge[i]
        yield y
    yield from (np.array(corner) for corner in itertools.product(*zip(low, high, strict=True)))


@pytest.mark.parametrize("name", NAMES)
def test_rhs_equals_lambdify(name):
    model = tr.models.load(name)
    compiled, oracle = tr.compile(model), lambdified(model)
    p = np.array(list(model.defaults.values()))
    u = np.array([0.3, -0.2, 0.5][: len(model.inputs)])
    for y in points(model, 1000):
        wanted = oracle(0.7, y, p, u)
        got = compiled.rhs(0.7, y, p, u)
        assert np.abs(got - wanted).max() <= RHS_TOLERANCE * max(np.abs(wanted).max(), 1e-300)


@pytest.mark.parametrize("name", NAMES)
def test_bends_are_the_differences_of_slopes(name):
    """Along any tangent of states and parameters together, inputs that move included."""
    model = tr.models.load(name)
    source, rng = Source(model), np.random.default_rng(3)
    slopes, bends = (
        evaluator(source.graph, source.outputs(each), FLOATS) for each in ("slopes", "bends")
    )
    y, dy = tr.compile(model).initial() + 0.1, rng.normal(size=len(model.states))
    p = np.array(list(model.defaults.values()))
    dp = np.abs(p) * rng.normal(size=len(p))
    u = rng.uniform(0.1, 0.3, 2 * len(model.inputs))
    wanted, n = 0.0, len(y)
    for shift, weight in ((-2, 1.0), (-1, -8.0), (1, 8.0), (2, -1.0)):
        h = 1e-3 * shift
        moved = slopes(0.7, list(y + h * dy), list(p + h * dp), list(u))[n:]
        wanted = wanted + weight * np.array(moved) / (12.0 * 1e-3)
    got = np.array(bends(0.7, [*y, *dy], [*p, *dp], list(u)))
    np.testing.assert_allclose(got, wanted, rtol=1e-8, atol=1e-9 * np.abs(wanted).max())


@pytest.mark.parametrize("name", NAMES)
def test_derivatives_equal_complex_steps(name):
    model = tr.models.load(name)
    compiled, oracle = tr.compile(model), lambdified(model)
    p = np.array(list(model.defaults.values()))
    u = np.array([0.3, -0.2, 0.5][: len(model.inputs)])

    def by_complex_step(function, x):
        columns = []
        for k in range(len(x)):
            moved = x.astype(complex)
            moved[k] += 1j * TINY
            columns.append(function(moved).imag / TINY)
        return np.array(columns).T

    for y in points(model, 10):
        checks = [
            (compiled.jac, lambda x, y=y: oracle(0.7, x, p, u), y),
            (compiled.dfdp, lambda x, y=y: oracle(0.7, y, x, u), p),
        ]
        if len(u):
            checks.append((compiled.dfdu, lambda x, y=y: oracle(0.7, y, p, x), u))
        for function, along, at in checks:
            got, wanted = function(0.7, y, p, u), by_complex_step(along, at)
            assert np.isfinite(got).all()
            assert np.abs(got - wanted).max() <= STEP_TOLERANCE * max(np.abs(wanted).max(), 1e-300)


def test_explicit_time_observables_and_initial_values_have_derivatives():
    """Against derivatives taken by hand."""
    x = tr.states("x")
    a, b = tr.parameters("a b")
    t = TIME
    model = tr.Model(
        "by hand",
        {x: -a * x + sympy.sin(b * t)},
        params={a: 2.0, b: 3.0},
        initial={x: a**2 / b},
        observables={"square": b * x**2},
    )
    compiled = tr.compile(model)
    assert compiled.initial() == pytest.approx([4.0 / 3.0])
    assert compiled.initial_dp() == pytest.approx(np.array([[4.0 / 3.0, -4.0 / 9.0]]))
    assert compiled.dfdt(0.5, [1.0]) == pytest.approx([3.0 * np.cos(1.5)])
    assert compiled.observe(0.0, [0.5]) == pytest.approx([0.75])
    assert compiled.observe_dy(0.0, [0.5]) == pytest.approx(np.array([[3.0]]))
    assert compiled.observe_dp(0.0, [0.5]) == pytest.approx(np.array([[0.0, 0.25]]))


def test_key_knows_every_part_of_the_generator(monkeypatch):
    """Else a library of an older generator would be taken from the cache."""
    read, original = set(), Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda self: read.add(self.name) or original(self))
    source._generator_digest.__wrapped__()
    assert read >= {"recurrences.py", "sums.py", "tangents.py", "variational.py", "tangents.h"}


def test_key_ignores_names_and_values_but_not_equations():
    def model(rate, equation, value):
        x, r = tr.states("x"), tr.parameters(rate)
        return tr.Model("m", {x: equation(x, r)}, params={r: value}, initial={x: 1.0})

    key = Source(model("r", lambda x, r: -r * x, 1.0)).key
    assert Source(model("rate", lambda x, r: -r * x, 2.0)).key == key
    assert Source(model("r", lambda x, r: -r * x**2, 1.0)).key != key


def test_text_holds_no_name_of_the_user():
    x, r = tr.states("xylophone"), tr.parameters("rhubarb")
    text = Source(tr.Model("m", {x: -r * x}, params={r: 1.0}, initial={x: 1.0})).text
    assert "xylophone" not in text
    assert "rhubarb" not in text
