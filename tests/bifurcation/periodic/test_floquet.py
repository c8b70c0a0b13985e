"""Floquet multipliers of condensed pairs, and the tests that change sign with stability."""

import numpy as np
import pytest

from trustode._collocation import product_eigenvalues
from trustode.bifurcation.periodic.floquet import (
    along,
    crossing_pair,
    doubling_test,
    multipliers,
    torus_test,
    unit_test,
)


def pair_of(values: list[complex], seed: int = 0) -> np.ndarray:
    """Return a pair of real matrices whose multipliers are given, the second not the identity."""
    rng = np.random.default_rng(seed)
    blocks, k = np.zeros((len(values), len(values))), 0
    while k < len(values):
        value = complex(values[k])
        if value.imag:
            blocks[k : k + 2, k : k + 2] = [[value.real, -value.imag], [value.imag, value.real]]
            k += 2
        else:
            blocks[k, k] = value.real
            k += 1
    basis = rng.standard_normal(blocks.shape)
    left = rng.standard_normal(blocks.shape)
    return np.stack([left @ basis @ blocks @ np.linalg.inv(basis), -left])


def test_multipliers_come_with_the_trivial_one_first():
    found = multipliers(pair_of([0.2, -3.0, 1.0, 0.5]))
    assert found.values == pytest.approx([1.0, -3.0, 0.5, 0.2])
    assert found.trivial_error < 1e-10
    assert found.n_unstable == 1
    assert not found.is_stable
    assert multipliers(pair_of([1.0, 0.2, -0.9])).is_stable


def turned(rng: np.random.Generator, n: int) -> np.ndarray:
    """Return a random orthogonal matrix."""
    return np.linalg.qr(rng.standard_normal((n, n)))[0]


@pytest.mark.parametrize("n", [3, 5])
def test_maps_along_an_orbit_have_the_other_multipliers_across_it(n):
    rng = np.random.default_rng(n)
    maps = rng.normal(size=(40, n, n))
    flows = np.empty((41, n))
    flows[0] = rng.normal(size=n)
    for k, each in enumerate(maps):
        # Growth along the orbit that hides all else, and at its end none.
        ahead = each @ flows[k]
        aim = flows[0] if k == 39 else rng.normal(size=n) * 10.0 ** (min(k, 38 - k) / 2)
        each += np.outer(aim - ahead, flows[k]) / (flows[k] @ flows[k])
        flows[k + 1] = each @ flows[k]
    flows[-1] = flows[0]
    found = along(maps, flows, 0.0)
    assert found.values[0] == pytest.approx(1.0, abs=1e-10)
    beside, product = np.linalg.qr(np.column_stack([flows[0], np.eye(n)[:, :-1]]))[0], np.eye(n)
    for each in maps:
        # What goes along the orbit is a row of its own in any frames beside it.
        product = each @ product
    known = np.linalg.eigvals((beside.T @ product @ beside)[1:, 1:])
    values, known = np.sort_complex(found.others), np.sort_complex(known)
    largest = np.abs(known).max()
    np.testing.assert_allclose(values / largest, known / largest, atol=1e-6)


def test_eigenvalues_of_a_product_are_known_however_far_they_are_apart():
    rng = np.random.default_rng(1)
    # A turning pair, and what grows and shrinks by turns beyond all digits of a product.
    logs = rng.normal(size=(60, 5)) + np.array([1.4, 1.4, 0.3, -1.0, -9.0])
    logs[:, 1] = logs[:, 0]
    angles, frames = rng.normal(size=60), [turned(rng, 5) for _ in range(60)]
    maps = []
    for k in range(60):
        inner = np.diag(np.exp(logs[k]))
        cos, sin = np.cos(angles[k]), np.sin(angles[k])
        inner[:2, :2] = np.exp(logs[k, 0]) * np.array([[cos, -sin], [sin, cos]])
        inner += np.triu(rng.normal(size=(5, 5)), 2)
        maps.append(frames[(k + 1) % 60] @ inner @ frames[k].T)
    found, total = product_eigenvalues(np.array(maps)), logs.sum(axis=0)
    np.testing.assert_allclose(np.log(np.abs(found)), total[[0, 1, 2, 3, 4]], atol=1e-9)
    turn = np.exp(1j * angles.sum())
    assert found[0] / np.abs(found[0]) in (pytest.approx(turn), pytest.approx(turn.conjugate()))
    assert (found[2:].imag == 0.0).all()
    assert (found[2:].real > 0.0).all()


def test_maps_that_are_no_numbers_give_no_multipliers():
    assert along(np.full((2, 3, 3), np.nan), np.ones((3, 3)), 0.0) is None


def test_an_infinite_multiplier_is_large_and_unstable():
    found = multipliers(np.stack([np.diag([1.0, 2.0]), -np.diag([1.0, 0.0])]))
    assert found.n_unstable == 1
    assert np.isfinite(found.values).all()


@pytest.mark.parametrize(
    ("test", "before", "after", "other"),
    [
        (doubling_test, [-0.9], [-1.1], [0.3, 2.0]),
        (unit_test, [0.9], [1.1], [-0.3, -2.0]),
        (torus_test, [0.9j, -0.9j], [1.1j, -1.1j], [0.3]),
    ],
)
def test_a_test_changes_sign_where_its_multipliers_cross(test, before, after, other):
    low, high = (test(np.array([*values, *other], dtype=complex)) for values in (before, after))
    assert low * high < 0.0
    # What else there is changes nothing.
    again = test(np.array([*before, *[0.9 * each for each in other]], dtype=complex))
    assert low * again > 0.0


def test_the_pair_nearest_to_the_circle_is_found():
    values = np.array([0.2 + 0.1j, 0.2 - 0.1j, 0.6 + 0.8j, 0.6 - 0.8j, 5.0])
    assert crossing_pair(values) == pytest.approx(0.6 + 0.8j)
    assert np.isnan(crossing_pair(np.array([0.5, -0.5], dtype=complex)))
