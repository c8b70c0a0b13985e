"""Normal-form coefficients against closed forms and an independent planar formula."""

import math

import numpy as np
import pytest
import sympy

import trustode as tr
from trustode.expression import symbol

#: Points are exact to rounding; the coefficients lose a few digits more.
CLOSE = 1e-8


def planar_lyapunov(model, params, state, omega):
    """Re(c1)/omega in the plane by Guckenheimer & Holmes (1983), eq. (3.4.11).

    Written for x' = -w y + f, y' = w x + g; the coordinates are those in which the unit
    critical eigenvector is (1, -i)/2, so that r' = a r^3 has a = Re(c1).
    """
    names = [symbol(name) for name in model.states]
    values = {symbol(name): value for name, value in params.items()}
    rhs = sympy.Matrix([expression.subs(values) for expression in model.rhs.values()])
    jac = np.array(rhs.jacobian(names).subs(dict(zip(names, state, strict=True))), dtype=float)
    eigenvalues, vectors = np.linalg.eig(jac)
    q = vectors[:, np.argmax(eigenvalues.imag)]
    turn = 2 * np.column_stack([q.real, -q.imag])
    u, v = sympy.symbols("u v")
    line = sympy.Matrix(state) + sympy.Matrix(turn) * sympy.Matrix([u, v])
    f, g = sympy.Matrix(np.linalg.inv(turn)) * rhs.subs(dict(zip(names, line, strict=True)))

    def d(expression, *by):
        return float(expression.diff(*by).subs({u: 0, v: 0}))

    cubic = d(f, u, u, u) + d(f, u, v, v) + d(g, u, u, v) + d(g, v, v, v)
    square = (
        d(f, u, v) * (d(f, u, u) + d(f, v, v))
        - d(g, u, v) * (d(g, u, u) + d(g, v, v))
        - d(f, u, u) * d(g, u, u)
        + d(f, v, v) * d(g, v, v)
    )
    return (cubic / 16 + square / (16 * omega)) / omega


def only(branch, kind):
    rows = branch.special.query(f"kind == '{kind}'")
    assert len(rows) == 1
    assert rows["converged"].all()
    return rows.iloc[0]


@pytest.mark.parametrize("a", [0.5, 1.0, 2.0])
def test_brusselator(follow, a):
    """Rest at (a, b/a); Hopf at b = 1 + a^2 with omega = a, always supercritical."""
    model = tr.models.load("brusselator")
    branch = follow(model, "b", span=(0.5, 8), params={"a": a}, start={"x": a, "y": 1 / a})
    hopf = only(branch, "hopf")
    assert hopf["b"] == pytest.approx(1 + a * a, rel=CLOSE)
    assert [hopf["x"], hopf["y"]] == pytest.approx([a, (1 + a * a) / a], rel=CLOSE)
    assert hopf["omega"] == pytest.approx(a, rel=CLOSE)
    expected = planar_lyapunov(model, {"a": a, "b": 1 + a * a}, [a, (1 + a * a) / a], a)
    assert hopf["coefficient"] == pytest.approx(expected, rel=CLOSE)
    assert hopf["coefficient"] < 0


@pytest.mark.parametrize(("b", "c"), [(0.8, 3.0), (0.6, 1.5), (0.9, 1.1)])
def test_fitzhugh_nagumo(follow, b, c):
    """Hopf points where x^2 = 1 - b/c^2, with omega^2 = 1 - b^2/c^2."""
    model = tr.models.load("fitzhugh-nagumo")
    branch = follow(model, "z", span=(-3, 3), params={"b": b, "c": c})
    rows = branch.special.query("kind == 'hopf'")
    size = math.sqrt(1 - b / c**2)
    omega = math.sqrt(1 - (b / c) ** 2)
    assert sorted(rows["x"]) == pytest.approx([-size, size], rel=CLOSE)
    for _, row in rows.iterrows():
        y = (0.7 - row["x"]) / b
        z = row["x"] ** 3 / 3 - row["x"] - y
        assert [row["y"], row["z"]] == pytest.approx([y, z], rel=CLOSE)
        assert row["omega"] == pytest.approx(omega, rel=CLOSE)
        values = {"a": 0.7, "b": b, "c": c, "z": z}
        expected = planar_lyapunov(model, values, [row["x"], y], omega)
        assert row["coefficient"] == pytest.approx(expected, rel=1e-7)


def test_van_der_pol_is_degenerate(follow):
    """x'' = mu (1 - x^2) x' - x: at mu = 0 the cubic term vanishes with the linear one."""
    branch = follow(tr.models.load("van-der-pol"), "mu", span=(-1, 1))
    hopf = only(branch, "hopf")
    assert [hopf["mu"], hopf["x"], hopf["v"]] == pytest.approx([0, 0, 0], abs=CLOSE)
    assert hopf["omega"] == pytest.approx(1)
    assert hopf["coefficient"] == pytest.approx(0, abs=CLOSE)
    assert "degenerate" in branch.summary()


@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
def test_what_is_born_does_not_depend_on_units(follow, text_model, unit):
    """Bautin's normal form to third order: l1 = -2 for radii in units of one."""
    grown = f"(x**2 + y**2)/{unit**2:.0e}"
    model = text_model({"x": f"r*x - y - x*{grown}", "y": f"x + r*y - y*{grown}"}, r=0.0)
    branch = follow(model, "r", span=(-1, 1))
    hopf = only(branch, "hopf")
    assert hopf["coefficient"] == pytest.approx(-2 / unit**2, rel=1e-8)
    assert hopf["criticality"] == "supercritical"
    assert "supercritical, l1" in branch.summary()


@pytest.mark.parametrize("eps", [1.0, 0.1, 0.01])
def test_van_der_pol_as_lienard(follow, text_model, eps):
    """x' = (y - x^3/3 + x)/eps, y' = a - x: Hopf at a = 1 with omega = eps^(-1/2)."""
    model = text_model({"x": "(y - x**3/3 + x)/eps", "y": "a - x"}, {"x": 1.2}, a=1.2, eps=eps)
    hopf = only(follow(model, "a", span=(0.5, 1.5)), "hopf")
    assert hopf["a"] == pytest.approx(1, rel=CLOSE)
    assert hopf["y"] == pytest.approx(-2 / 3, rel=CLOSE)
    assert hopf["period"] == pytest.approx(2 * math.pi * math.sqrt(eps), rel=CLOSE)
    expected = planar_lyapunov(model, {"a": 1.0, "eps": eps}, [1.0, -2 / 3], eps**-0.5)
    assert hopf["coefficient"] == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize("sign", [-1.0, 2.0])
def test_hopf_normal_form(follow, text_model, sign):
    """z' = (b + i w) z + s z |z|^2 with z = x + i y has Re(c1) = 2 s for the unit vector."""
    equations = {
        "x": "b*x - w*y + s*x*(x**2 + y**2)",
        "y": "w*x + b*y + s*y*(x**2 + y**2)",
    }
    model = text_model(equations, b=-1.0, w=3.0, s=sign)
    hopf = only(follow(model, "b", span=(-1, 1), start={"x": 0.0}), "hopf")
    assert hopf["b"] == pytest.approx(0, abs=CLOSE)
    assert hopf["omega"] == pytest.approx(3)
    assert hopf["coefficient"] == pytest.approx(2 * sign / 3)


def test_fold_normal_form(follow, text_model):
    """x' = b - s x^2 has a = s (its size: the sign is a choice)."""
    model = text_model({"x": "b - s*x**2", "y": "x - y"}, {"x": 0.5, "y": 0.5}, b=0.25, s=0.7)
    fold = only(follow(model, "b", span=(-1, 1)), "fold")
    assert [fold["b"], fold["x"], fold["y"]] == pytest.approx([0, 0, 0], abs=CLOSE)
    # The kernel is (1, 1)/sqrt 2 and <p, q> = 1 makes p = (sqrt 2, 0).
    assert fold["coefficient"] == pytest.approx(0.7 / math.sqrt(2), rel=CLOSE)


def test_lorenz(follow):
    """Sparrow (1982): Hopf at rho = s (s + b + 3)/(s - b - 1), omega^2 = 2 s b (s+1)/(s-b-1)."""
    s, b = 10.0, 8 / 3
    model = tr.models.load("lorenz")
    branch = follow(model, "rho", span=(0.5, 30), start=tr.equilibria(model)[-1])
    rows = branch.special.query("kind == 'hopf'")
    assert rows["rho"].tolist() == pytest.approx([s * (s + b + 3) / (s - b - 1)] * 2, rel=CLOSE)
    omega = math.sqrt(2 * s * b * (s + 1) / (s - b - 1))
    assert rows["omega"].tolist() == pytest.approx([omega] * 2, rel=CLOSE)
    # Subcritical (Marsden & McCracken 1976, section 4B).
    assert (rows["coefficient"] > 0).all()
    # Both wings in one branch: it passes the tip of the pitchfork at rho = 1.
    tip = only(branch, "branch_point")
    assert tip["rho"] == pytest.approx(1, rel=CLOSE)
    assert rows["X"].iloc[0] == pytest.approx(-rows["X"].iloc[1])
