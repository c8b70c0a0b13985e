"""A model beside its derivatives in a direction."""

import numpy as np
import pytest
import sympy

import trustode as tr
from trustode.bifurcation.multilinear import Multilinear
from trustode.codegen import Source, Variational
from trustode.compile import variational

#: A few roundings, whatever order they are added in.
EXACT = 1e-12


def test_directional_derivatives_against_sympy():
    x, y = tr.states("x y")
    a, b = tr.parameters("a b")
    f = [a * x**2 * y - sympy.exp(b * y), sympy.tanh(x * y) + a * b]
    model = tr.Model("two", rhs={x: f[0], y: f[1]}, params={a: 1.5, b: 0.7}, initial={x: 0, y: 0})
    functions = variational(model, ("b",))
    at, direction = np.array([0.4, -0.3, 0.7]), np.array([0.8, 0.2, -0.5])
    given = dict(zip((x, y, b), at, strict=True)) | {a: 1.5}

    def value(expression):
        return float(expression.subs(given))

    full = [[value(each.diff(s)) for s in (x, y, b)] for each in f]
    second = [[[value(each.diff(s, t)) for t in (x, y, b)] for s in (x, y, b)] for each in f]
    state = np.concatenate([at, direction])
    p = np.array([1.5, np.nan])
    rhs = functions.rhs(0.0, state, p)
    # The parameter that is a state stands still, and its own slot is not read.
    assert rhs[:2] == pytest.approx([value(each) for each in f], rel=EXACT)
    assert rhs[2] == rhs[5] == 0.0
    assert rhs[3:5] == pytest.approx(np.array(full) @ direction, rel=EXACT)
    jac = functions.jac(0.0, state, p)
    np.testing.assert_allclose(jac[:2, :3], full, rtol=EXACT)
    np.testing.assert_allclose(jac[3:5, :3], np.array(second) @ direction, rtol=EXACT, atol=EXACT)
    np.testing.assert_allclose(jac[3:5, 3:], full, rtol=EXACT)


def test_higher_derivatives_of_the_trust_model():
    model = tr.models.load("trust-original", profile="bpd")
    functions = variational(model, ("kappa", "u"))
    n = len(model.states)
    rng = np.random.default_rng(2)
    y, q = rng.uniform(-0.5, 0.5, size=(2, n))
    p, u = np.array(list(model.defaults.values())), np.zeros(len(model.inputs))
    state = np.concatenate([y, [model.defaults["kappa"], 0.0], q, [0.0, 0.0]])
    found = functions.observe(0.0, state, p, u)
    forms = Multilinear(model, y, p, u)
    np.testing.assert_allclose(found[:n], forms.B(q, q), rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(found[n:], forms.C(q, q, q), rtol=1e-11, atol=1e-13)


def test_the_key_tells_directions_apart():
    model = tr.models.load("van-der-pol")
    keys = {Variational(model, along).key for along in ((), ("mu",))}
    assert len(keys) == 2
    assert Source(model).key not in keys
