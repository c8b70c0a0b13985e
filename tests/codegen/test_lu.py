"""Straight-line factors against numpy's solver, on random patterns and on bad pivots."""

import ctypes
import subprocess

import numpy as np
import pytest
from _compilers import COMPILER

from trustode.codegen import lu

#: As in ext/rodas5p.c: above this the core searches for pivots.
MOST_GROWTH = 1e12


def compiled(n, pattern, folder):
    """Return factor(matrix, shift) -> (factors, growth) and solve(factors, b) of a pattern."""
    if COMPILER is None:
        pytest.skip("no C compiler here")
    text = lu.text(n, pattern, ([], ["y[0]"] * n)).replace("static ", "")
    source, library = folder / "lu.c", folder / "lu.so"
    source.write_text(f"typedef struct tro_model tro_model;\n{text}")
    flags = ["-O2", "-ffp-contract=off", "-shared", "-fPIC"]
    subprocess.run([COMPILER, *flags, source, "-o", library], check=True)
    handle = ctypes.CDLL(str(library))
    handle.factor.restype = ctypes.c_double
    vector = np.ctypeslib.ndpointer(dtype=float, flags="C")
    handle.factor.argtypes = [vector, ctypes.c_double, vector]
    handle.solve.argtypes = [vector, vector]
    handle.solve.restype = None
    pointer = ctypes.c_void_p
    handle.stage.argtypes = [pointer, ctypes.c_double, vector, vector, vector, vector, vector]
    handle.stage.restype = None
    return handle


@pytest.mark.parametrize("n", [1, 2, 3, 5, 6])
@pytest.mark.parametrize("density", [0.0, 0.2, 0.5, 1.0])
def test_solution_equals_numpys(n, density, tmp_path):
    rng = np.random.default_rng(n + int(100 * density))
    mask = rng.uniform(size=(n, n)) < density
    handle = compiled(n, {(i, j) for i, j in np.argwhere(mask)}, tmp_path)
    for shift in (0.7, 30.0, 1e6):
        jacobian = np.where(mask, rng.standard_normal((n, n)), 0.0) - 3.0 * mask * np.eye(n)
        factors, b = np.full(n * n, np.nan), rng.standard_normal(n)
        growth = handle.factor(np.ascontiguousarray(jacobian), shift, factors)
        assert growth < 1e6
        matrix = shift * np.eye(n) - jacobian
        x = b.copy()
        handle.solve(factors, x)
        # Residual against the factors' own growth: no search for pivots.
        scale = np.abs(matrix) @ np.abs(x) + np.abs(b)
        assert np.max(np.abs(matrix @ x - b) / scale) < 1e-15 * n * (10.0 + growth)
        known = np.linalg.solve(matrix, b)
        np.testing.assert_allclose(
            x, known, rtol=0, atol=1e-12 * (1 + growth) * np.abs(known).max()
        )
        y, staged = np.full(n, 0.25), b - 0.25
        handle.stage(None, 0.0, y, y, y, factors, staged)
        np.testing.assert_allclose(staged, x, rtol=0, atol=1e-12 * (1 + growth) * np.abs(x).max())


@pytest.mark.parametrize(
    ("jacobian", "shift"),
    [
        ([[2.0, 1.0], [1.0, 0.0]], 2.0),  # a pivot that is exactly zero
        ([[2.0, -1.0], [1.0, 2.0]], 2.0 + 1e-12),  # tiny against its column
        ([[1.0, 1.0], [1.0, 1.0]], 2.0),  # singular
        ([[np.nan, 1.0], [1.0, 1.0]], 2.0),
        ([[np.inf, 1.0], [1.0, 1.0]], 2.0),
    ],
)
def test_growth_tells_of_bad_pivots(jacobian, shift, tmp_path):
    handle = compiled(2, {(0, 0), (0, 1), (1, 0), (1, 1)}, tmp_path)
    growth = handle.factor(np.array(jacobian), shift, np.zeros(4))
    assert not growth < MOST_GROWTH


def test_solution_equals_numpys_on_sparse_patterns(tmp_path):
    """A band that is hidden by shuffling: the order of pivots finds it again."""
    rng = np.random.default_rng(3)
    n = 20
    shuffled = rng.permutation(n)
    mask = np.abs(np.subtract.outer(shuffled, shuffled)) <= 1
    handle = compiled(n, {(i, j) for i, j in np.argwhere(mask)}, tmp_path)
    jacobian = np.where(mask, rng.standard_normal((n, n)), 0.0) - 3.0 * np.eye(n)
    factors, x = np.full(n * n, np.nan), rng.standard_normal(n)
    known = np.linalg.solve(2.0 * np.eye(n) - jacobian, x)
    assert handle.factor(jacobian, 2.0, factors) < 1e6
    handle.solve(factors, x)
    np.testing.assert_allclose(x, known, rtol=0, atol=1e-13 * np.abs(known).max())
    assert np.isnan(factors).sum() > n * n - 3 * n


def test_order_avoids_filling():
    """An arrow whose tip comes first would fill completely; last, it fills nothing."""
    n = 30
    arrow = {(0, j) for j in range(n)} | {(i, 0) for i in range(n)}
    order, filled, products = lu.elimination(n, arrow)
    assert sorted(order) == list(range(n))
    assert order.index(0) >= n - 2
    assert len(filled) == 3 * n - 2
    assert products == 3 * (n - 1)


def test_long_text_is_not_written():
    n = 12
    assert lu.text(n, {(i, j) for i in range(n) for j in range(n)}, ([], ["y[0]"] * n)) == ""
