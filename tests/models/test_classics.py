"""The classics against published behaviour: closed forms, and printed values with source."""

import math

import numpy as np
import pytest
import sympy
from scipy.integrate import solve_ivp

from trustode import models


def value(twin, y):
    """Return the eigenvalue with the largest imaginary part."""
    eigenvalues = twin.eigenvalues(y)
    return eigenvalues[np.argmax(eigenvalues.imag)]


def ends(twin, t_end, rtol=1e-11, atol=1e-14):
    """Return the state at the end of a solve by scipy's Radau at a tight tolerance."""
    solution = solve_ivp(
        lambda t, y: twin.rhs(y),
        (0, t_end),
        twin.start(),
        method="Radau",
        jac=lambda t, y: twin.jac(y),
        rtol=rtol,
        atol=atol,
    )
    assert solution.success
    return solution.y[:, -1]


# ------------------------------------------------------------------ van der Pol


def test_van_der_pol_has_its_hopf_point_at_zero_damping(slow_twin):
    twin = slow_twin(models.load("van-der-pol"))
    for mu in (-0.2, 0, 0.2):
        # Closed form: eigenvalues mu/2 +- i sqrt(1 - mu^2/4).
        found = value(twin.with_values(mu=mu), [0, 0])
        assert found == pytest.approx(complex(mu / 2, math.sqrt(1 - mu**2 / 4)), abs=1e-14)


def test_van_der_pol_cycle_has_its_published_period(slow_twin):
    # Andersen & Geer (1982), SIAM Journal on Applied Mathematics 42, 678-693: the series of
    # the frequency in mu; the next term is below 1e-6 at mu = .5. At mu = 1: 6.6633.
    terms = (1, -1 / 16, 17 / 3072, 35 / 884736, -678899 / 5096079360)
    frequency = sum(term * 0.5 ** (2 * k) for k, term in enumerate(terms))
    twin = slow_twin(models.load("van-der-pol"))

    def crossing(t, y):
        return y[0]

    crossing.direction = 1
    for mu, period, digits in ((0.5, 2 * math.pi / frequency, 1e-6), (1, 6.6633, 5e-5)):
        there = twin.with_values(mu=mu)
        solution = solve_ivp(
            lambda t, y, there=there: there.rhs(y),
            (0, 150),
            twin.start(),
            rtol=1e-10,
            atol=1e-12,
            events=crossing,
        )
        assert np.diff(solution.t_events[0])[-1] == pytest.approx(period, abs=digits)


# ------------------------------------------------------------------ FitzHugh-Nagumo


def test_fitzhugh_nagumo_rests_where_fitzhugh_says(slow_twin):
    # FitzHugh (1961): the resting point is x = 1.1994, y = -.6243.
    twin = slow_twin(models.load("fitzhugh-nagumo"))
    rest = twin.rest(twin.start())
    assert rest == pytest.approx([1.1994, -0.6243], abs=5e-5)
    assert np.all(twin.eigenvalues(rest).real < 0)


def test_fitzhugh_nagumo_hopf_points(slow_twin):
    twin = slow_twin(models.load("fitzhugh-nagumo"))
    a, b, c = 0.7, 0.8, 3
    # Closed form: the trace c (1 - x^2) - b/c vanishes.
    for x in (math.sqrt(1 - b / c**2), -math.sqrt(1 - b / c**2)):
        y = (a - x) / b
        there = twin.with_values(z=x**3 / 3 - x - y)
        assert there.rhs([x, y]) == pytest.approx([0, 0], abs=1e-14)
        found = value(there, [x, y])
        assert found.real == pytest.approx(0, abs=1e-14)
        assert found.imag > 0


def test_fitzhugh_nagumo_hopf_point_of_the_auto_demo(slow_twin):
    # AUTO-07p, demo fhn, recomputed to more digits: a = .4228176294, omega = .9637888197.
    twin = slow_twin(models.load("fitzhugh-nagumo")).with_values(a=0.4228176294242)
    rest = twin.rest([0.95, -0.66])
    assert rest == pytest.approx([0.954521404218, -0.664629718493], abs=1e-10)
    assert value(twin, rest) == pytest.approx(0.963788819653j, abs=1e-10)


# ------------------------------------------------------------------ Morris-Lecar


@pytest.mark.parametrize(("current", "digits"), [(93.86, 0.005), (212.0, 0.05)])
def test_morris_lecar_hopf_points(current, digits, slow_twin):
    # Rinzel & Ermentrout (1998), the case of their figures 1 to 3: I = 93.86 and 212.
    twin = slow_twin(models.load("morris-lecar"))

    def growth(level):
        there = twin.with_values(I=level)
        return value(there, there.rest([0, 0.3])).real

    low, high = growth(current - digits), growth(current + digits)
    assert low * high < 0


def test_morris_lecar_rests_without_current(slow_twin):
    twin = slow_twin(models.load("morris-lecar")).with_values(I=0)
    rest = twin.rest(twin.start())
    assert np.all(twin.eigenvalues(rest).real < 0)
    # Rinzel & Ermentrout (1998): rest near -60 mV.
    assert rest[0] == pytest.approx(-60, abs=1.5)


# ------------------------------------------------------------------ Lorenz


def test_lorenz_fixed_points_and_hopf_point(slow_twin):
    twin = slow_twin(models.load("lorenz"))
    sigma, beta = 10, 8 / 3
    critical = sigma * (sigma + beta + 3) / (sigma - beta - 1)
    assert critical == pytest.approx(24.74, abs=5e-3)
    for rho in (10, critical, 28):
        there = twin.with_values(rho=rho)
        side = math.sqrt(beta * (rho - 1))
        for fixed in ([0, 0, 0], [side, side, rho - 1], [-side, -side, rho - 1]):
            assert there.rhs(fixed) == pytest.approx([0, 0, 0], abs=1e-12)
    there = twin.with_values(rho=critical)
    side = math.sqrt(beta * (critical - 1))
    # Closed form: omega^2 = 2 sigma (sigma + 1) beta / (sigma - beta - 1).
    omega = math.sqrt(2 * sigma * (sigma + 1) * beta / (sigma - beta - 1))
    assert value(there, [side, side, critical - 1]) == pytest.approx(1j * omega, abs=1e-9)


def test_lorenz_contracts_volumes_at_a_constant_rate():
    model = models.load("lorenz")
    sigma, beta = (sympy.Symbol(name, real=True) for name in ("sigma", "beta"))
    assert sympy.expand(model.jacobian.trace() + sigma + 1 + beta) == 0


# ------------------------------------------------------------------ Lotka-Volterra


def test_lotka_volterra_conserves_volterras_integral():
    model = models.load("lotka-volterra")
    N, P = model.rhs
    a, b, c, d = (sympy.Symbol(name, real=True) for name in "abcd")
    conserved = c * N - d * sympy.log(N) + b * P - a * sympy.log(P)
    rate = sum(conserved.diff(state) * equation for state, equation in model.rhs.items())
    assert sympy.simplify(rate) == 0


def test_lotka_volterra_small_cycles(slow_twin):
    twin = slow_twin(models.load("lotka-volterra"))
    v = twin.model.defaults
    rest = [v["d"] / v["c"], v["a"] / v["b"]]
    assert twin.rhs(rest) == pytest.approx([0, 0], abs=1e-13)
    assert value(twin, rest) == pytest.approx(1j * math.sqrt(v["a"] * v["d"]), abs=1e-13)


# ------------------------------------------------------------------ stiff chemistry


def test_robertson_conserves_mass():
    assert sum(models.load("robertson").rhs.values()) == 0


def test_robertson_end_values(slow_twin):
    twin = slow_twin(models.load("robertson"))
    # LSODE's demonstration and CVODE's cvRoberts_dns print five digits at t = 4e1.
    assert ends(twin, 40) == pytest.approx([7.1583e-1, 9.1855e-6, 2.8416e-1], rel=2e-5)
    # Mazzia & Magherini (2008), Test Set for IVP Solvers 2.4, ROBER: t = 1e11.
    published = [0.2083340149701255e-7, 0.8333360770334713e-13, 0.9999999791665050]
    assert ends(twin, 1e11, atol=1e-22) == pytest.approx(published, rel=1e-7)


def test_hires_end_values(slow_twin):
    # Mazzia & Magherini (2008), Test Set for IVP Solvers 2.4, HIRES: t = 321.8122.
    published = [
        *(0.7371312573325668e-3, 0.1442485726316185e-3, 0.5888729740967575e-4),
        *(0.1175651343283149e-2, 0.2386356198831331e-2, 0.6238968252742796e-2),
        *(0.2849998395185769e-2, 0.2850001604814231e-2),
    ]
    twin = slow_twin(models.load("hires"))
    assert ends(twin, 321.8122) == pytest.approx(published, rel=1e-8)


def test_hires_conserves_its_receptor():
    model = models.load("hires")
    symbols = {symbol.name: symbol for symbol in model.rhs}
    assert model.rhs[symbols["y7"]] + model.rhs[symbols["y8"]] == 0


def test_orego_end_values(slow_twin):
    # Mazzia & Magherini (2008), Test Set for IVP Solvers 2.4, OREGO: t = 360.
    published = [0.1000814870318523e1, 0.1228178521549917e4, 0.1320554942846706e3]
    twin = slow_twin(models.load("orego"))
    assert ends(twin, 360) == pytest.approx(published, rel=1e-7)


def test_brusselator_hopf_point(slow_twin):
    twin = slow_twin(models.load("brusselator"))
    for a in (0.5, 1, 2):
        there = twin.with_values(a=a, b=1 + a**2)
        rest = [a, (1 + a**2) / a]
        assert there.rhs(rest) == pytest.approx([0, 0], abs=1e-13)
        # Closed form: at b = 1 + a^2 the trace vanishes and the determinant is a^2.
        assert value(there, rest) == pytest.approx(1j * a, abs=1e-12)
