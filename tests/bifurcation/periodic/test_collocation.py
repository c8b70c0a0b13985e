"""Collocation against orbits that are known in closed form or to many digits."""

import math

import numpy as np
import pytest

import trustode as tr
from trustode.bifurcation.periodic.collocation import (
    PERIOD,
    POINTS,
    Conditions,
    Orbit,
    Problem,
    at_points,
    by_interval,
    equidistributed,
    functional,
    inner,
    interpolated,
    interpolation_error,
    nodes_of,
    slopes_at_points,
)
from trustode.bifurcation.periodic.floquet import multipliers

#: Period of van der Pol's oscillator at mu = 1 (Amore, Boyd & Fernandez 2018, to 60 digits).
VAN_DER_POL = 6.66328685932313018969968203048


def solved(n_interval: int):
    """Solve for van der Pol's cycle on a uniform mesh."""
    model = tr.models.load("van-der-pol")
    settled = tr.simulate(
        model, (0, 80), params={"mu": 1.0}, solver=tr.Solver(rtol=1e-11, atol=1e-12)
    )
    mesh = np.linspace(0.0, 1.0, n_interval + 1)
    states = np.ascontiguousarray(settled(70.0 + VAN_DER_POL * nodes_of(mesh)))
    orbit = Orbit(mesh, states, np.array([6.7]))
    problem = Problem(tr.compile(model).functions, np.array([1.0]), np.empty(0), [PERIOD])
    row = functional(mesh, slopes_at_points(mesh, states))[None]
    phase = Conditions(row, np.zeros((1, 1)), np.array([float((row[0] * states).sum())]))
    return problem.correct(orbit, phase, np.array([2.0, 2.7]), np.array([6.7]))


def test_the_period_converges_with_twice_the_number_of_points():
    errors = [abs(solved(n).orbit.free[0] - VAN_DER_POL) for n in (20, 40, 80)]
    orders = np.log2(np.array(errors[:-1]) / np.array(errors[1:]))
    assert orders == pytest.approx([2 * POINTS] * 2, abs=0.4)
    assert errors[-1] < 1e-9


@pytest.mark.parametrize("first", ["x", "y"])
def test_maps_of_equations_that_are_not_finite_are_none(first: str):
    # Beyond the edge of x**a, whichever row of the Jacobian that is.
    rhs = {"x": "x**a - y", "y": "x - y"}
    model = tr.Model(
        "edge",
        rhs={name: rhs[name] for name in sorted(rhs, key=first.__ne__)},
        params={"a": 1.5},
        initial={"x": 1.0, "y": 1.0},
    )
    problem = Problem(tr.compile(model).functions, np.array([1.5]), np.empty(0), [PERIOD])
    mesh = np.linspace(0.0, 1.0, 5)
    states = np.full((len(nodes_of(mesh)), 2), -0.5)
    assert problem.maps(Orbit(mesh, states, np.array([1.0]))) is None


def test_multipliers_are_one_and_the_exponential_of_the_trace():
    """Liouville's formula: the product is exp of the integral of mu (1 - x^2)."""
    found = solved(60)
    orbit = found.orbit
    trace = 1.0 - at_points(orbit.states)[:, :, 0] ** 2
    weights = np.polynomial.legendre.leggauss(POINTS)[1] / 2.0
    integral = float(trace @ weights @ np.diff(orbit.mesh)) * orbit.free[0]
    values = multipliers(found.pair)
    assert values.values[0] == pytest.approx(1.0, abs=1e-9)
    assert values.values[1] == pytest.approx(math.exp(integral), rel=1e-7)
    assert values.n_unstable == 0
    assert values.is_stable


def test_polynomials_of_the_degree_are_exact():
    mesh = np.array([0.0, 0.1, 0.35, 0.4, 1.0])
    nodes = nodes_of(mesh)
    values = np.column_stack([nodes**POINTS, 1.0 - 3.0 * nodes**2])
    s = np.linspace(0.0, 1.0, 37)
    assert interpolated(mesh, values, s) == pytest.approx(
        np.column_stack([s**POINTS, 1.0 - 3.0 * s**2]), abs=1e-13
    )
    assert inner(
        mesh, *(np.ascontiguousarray(each[:, None]) for each in values.T)
    ) == pytest.approx(1 / 5 - 3 / 7, abs=1e-14)
    slopes = slopes_at_points(mesh, values)
    gauss = (np.polynomial.legendre.leggauss(POINTS)[0] + 1.0) / 2.0
    points = mesh[:-1, None] + np.diff(mesh)[:, None] * gauss
    assert slopes[:, :, 0] == pytest.approx(POINTS * points ** (POINTS - 1), abs=1e-12)
    assert by_interval(values).shape == (4, POINTS + 1, 2)


def test_a_functional_is_the_integral_against_its_density():
    mesh = np.linspace(0.0, 1.0, 9) ** 1.3
    nodes = nodes_of(mesh)
    density = at_points(np.column_stack([nodes**2, nodes]))
    weights = functional(mesh, density)
    values = np.column_stack([nodes**3, 1.0 + nodes])
    assert float((weights * values).sum()) == pytest.approx(1 / 6 + 1 / 2 + 1 / 3, abs=1e-13)


def test_the_mesh_goes_where_the_orbit_is_hard_to_interpolate():
    mesh = np.linspace(0.0, 1.0, 41)
    values = np.tanh(60.0 * (nodes_of(mesh) - 0.5))[:, None]
    values = values * np.sin(np.pi * nodes_of(mesh))[:, None] ** 2
    before = interpolation_error(mesh, values, np.array([1.0])).max()
    for _ in range(4):
        new = equidistributed(mesh, values, np.array([1.0]), 40)
        s = nodes_of(new)
        values = (np.tanh(60.0 * (s - 0.5)) * np.sin(np.pi * s) ** 2)[:, None]
        mesh = new
    after = interpolation_error(mesh, values, np.array([1.0])).max()
    assert after < before / 50.0
    assert np.all(np.diff(mesh) > 0.0)
    dense = np.linspace(0.0, 1.0, 2001)
    exact = np.tanh(60.0 * (dense - 0.5)) * np.sin(np.pi * dense) ** 2
    found = interpolated(mesh, values, dense)[:, 0]
    assert np.abs(found - exact).max() < 30.0 * after


def test_extremes_are_those_between_the_nodes():
    mesh = np.linspace(0.0, 1.0, 31)
    angle = 2.0 * np.pi * nodes_of(mesh) + 0.3
    orbit = Orbit(mesh, np.column_stack([np.sin(angle), 5.0 + np.cos(angle)]), np.array([1.0]))
    least, largest = orbit.extremes
    assert least == pytest.approx([-1.0, 4.0], abs=1e-7)
    assert largest == pytest.approx([1.0, 6.0], abs=1e-7)
