"""What grows is not damped away by steps that are longer than it takes."""

import ctypes
import subprocess
from pathlib import Path

import numpy as np
import pytest
from _compilers import COMPILER
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp
from scipy.linalg import expm

import trustode as tr

SOURCES = Path(__file__).parents[2] / "ext"
INCLUDE = Path(tr.__file__).with_name("include")


POINTER = np.ctypeslib.ndpointer(dtype=float, flags="C_CONTIGUOUS")


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """The C code of eigenvalues and of the bound on a step."""
    if COMPILER is None:
        pytest.skip("no C compiler")
    path = tmp_path_factory.mktemp("dense") / "dense.so"
    command = [COMPILER, "-O1", "-shared", "-fPIC", f"-I{INCLUDE}", "-o", str(path)]
    sources = [str(SOURCES / name) for name in ("dense.c", "instability.c")]
    subprocess.run([*command, *sources, "-lm"], check=True)
    return ctypes.CDLL(str(path))


@pytest.fixture(scope="module")
def eigenvalues(library):
    """The C function, as one from a matrix to its eigenvalues."""
    function = library.tro_dense_eigenvalues
    function.argtypes = [ctypes.c_int, POINTER, POINTER, POINTER]

    def found(matrix):
        n = len(matrix)
        re, im = np.full(n, np.nan), np.full(n, np.nan)
        assert function(n, np.array(matrix, dtype=float, order="C"), re, im)
        return re + 1j * im

    return found


@pytest.fixture(scope="module")
def bound(library):
    """The C function, as one from a matrix of states that all move to the longest step."""
    function, room = library.tro_instability_bound, library.tro_instability_work
    function.argtypes = [ctypes.c_int, POINTER, POINTER, ctypes.c_double, POINTER]
    function.restype = ctypes.c_double
    room.restype = ctypes.c_size_t

    def found(matrix):
        n = len(matrix)
        work = np.full(room(n), np.nan)
        return function(n, np.ones(n), np.array(matrix, dtype=float, order="C"), np.inf, work)

    return found


def farthest(found, wanted):
    """Largest distance of values found from those wanted, each taken once."""
    left = list(wanted)
    return max(abs(value - left.pop(np.argmin(np.abs(left - value)))) for value in found)


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 24), st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.5, 0.9]))
def test_eigenvalues_are_those_of_lapack(eigenvalues, n, seed, gaps):
    rng = np.random.default_rng(seed)
    matrix = rng.standard_normal((n, n)) * (rng.random((n, n)) >= gaps)
    matrix *= 10.0 ** rng.integers(-3, 4, (n, 1))
    # The backward error of either is some roundings of the norm; a sparse matrix may be
    # defective, where k equal values move by its k-th root.
    norm = np.linalg.norm(matrix) + 1e-300
    far = farthest(eigenvalues(matrix), np.linalg.eigvals(matrix))
    spread = np.abs(np.linalg.eigvals(matrix + 1e-14 * norm * rng.standard_normal((n, n)))[:, None]
                    - np.linalg.eigvals(matrix)).min(axis=1).max()  # fmt: skip
    assert far <= 1e-12 * norm * n + 100 * spread


@pytest.mark.parametrize(
    "matrix",
    [np.zeros((4, 4)), np.eye(5), np.roll(np.eye(6), 1, axis=0), np.diag(np.ones(3), 1),
     [[0.0, 1.0], [-1.0, 0.0]], [[1e200, 1.0], [0.0, -1e200]]],
    ids=["zero", "one", "cycle", "chain", "turn", "large"],
)  # fmt: skip
def test_eigenvalues_of_matrices_that_are_hard_on_shifts(eigenvalues, matrix):
    norm = np.linalg.norm(matrix, 2)
    assert farthest(eigenvalues(matrix), np.linalg.eigvals(matrix)) <= 1e-10 * norm


def longest_step(matrix):
    """1.5 over |lambda|, less by a fifth root where the growth is a small share of it."""
    values = np.linalg.eigvals(matrix)
    growing = values[values.real > 0]
    share = np.minimum(growing.real / (0.05 * np.abs(growing)), 1.0)
    return np.min(1.5 / np.abs(growing) * share**0.2, initial=np.inf)


@settings(max_examples=300, deadline=None)
@given(st.integers(1, 24), st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.5, 0.8, 0.95]),
       st.floats(0.0, 8.0))  # fmt: skip
def test_bound_is_that_of_the_eigenvalues_of_the_whole(bound, n, seed, gaps, shift):
    """Sparse matrices fall into parts; those far enough left are passed without eigenvalues."""
    rng = np.random.default_rng(seed)
    matrix = rng.standard_normal((n, n)) * (rng.random((n, n)) >= gaps) - shift * np.eye(n)
    values = np.linalg.eigvals(matrix)
    moved = matrix + 1e-13 * rng.standard_normal((n, n)) * (matrix != 0)
    assume(np.abs(np.sort_complex(np.linalg.eigvals(moved)) - np.sort_complex(values)).max() < 1e-9)
    assume(np.abs(values.real).min() > 1e-8)
    assert bound(matrix) == pytest.approx(longest_step(matrix), rel=1e-6)


@settings(max_examples=100, deadline=None)
@given(st.integers(2, 20), st.integers(0, 2**32 - 1))
def test_compartments_that_lose_nothing_bound_no_step(bound, n, seed):
    """What leaves one enters others: the largest eigenvalue is 0."""
    rng = np.random.default_rng(seed)
    matrix = 10.0 ** rng.uniform(-6, 6, (n, n)) * (rng.random((n, n)) < 0.5)
    np.fill_diagonal(matrix, 0.0)
    np.fill_diagonal(matrix, -matrix.sum(axis=0))
    assert bound(matrix) == np.inf


def test_bound_of_more_states_than_are_parted(bound):
    """A chain of 70 of which one pair turns outwards."""
    matrix = -np.eye(70) + np.diag(np.ones(69), -1)
    matrix[40:42, 40:42] = [[0.1, -2.0], [2.0, 0.1]]
    assert bound(matrix) == pytest.approx(longest_step(matrix), rel=1e-6)


@pytest.mark.parametrize("method", ["auto", "rodas5p"])
@pytest.mark.parametrize("seed", range(12))
def test_what_grows_beside_what_decays_fast_grows_as_it_should(method, seed):
    """y' = A y from far below the tolerances: the matrix exponential, in the logarithm."""
    rng = np.random.default_rng(seed)
    growth, turn = rng.uniform(0.02, 0.1), rng.choice([0.0, 0.3, 1.0])
    n = 3 + seed % 6
    core = np.diag(-(10.0 ** rng.uniform(1, 4, n)))
    core[:2, :2] = [[growth, turn], [-turn, growth * (1 if turn else 0.5)]]
    basis = np.linalg.qr(rng.standard_normal((n, n)))[0]
    matrix = basis @ core @ basis.T
    names = [f"x{i}" for i in range(n)]
    rhs = {
        x: " + ".join(f"({a!r})*{y}" for a, y in zip(row.tolist(), names, strict=True))
        for x, row in zip(names, matrix, strict=True)
    }
    start = 1e-12 * basis @ rng.standard_normal(n)
    model = tr.Model(f"linear-{seed}", rhs, initial=dict(zip(names, start.tolist(), strict=True)))
    end = 25.0 / growth
    found = tr.simulate(model, [0, end], solver=tr.Solver(method, atol=1e-6)).y[-1]
    wanted = expm(matrix * end) @ start
    assert np.log(np.linalg.norm(found) / 1e-12) == pytest.approx(
        np.log(np.linalg.norm(wanted) / 1e-12), rel=0.03
    )


#: A transient of trust-updated beyond its Hopf point (nu = 2.3488) comes near the rest, whose
#: stability is lost meanwhile, and swings out of it at .039 a day.
SWINGING = np.r_[0, np.linspace(3500, 4000, 1501)]


@pytest.fixture(scope="module")
def swing():
    """Least and largest trust at last, by scipy's DOP853."""
    compiled = tr.compile(tr.models.load("trust-updated", profile="bpd"))
    names = [*compiled.model.params]
    p = np.array([2.4 if name == "nu" else compiled.model.defaults[name] for name in names])
    y0 = compiled.initial(p)
    found = solve_ivp(compiled.rhs, (0, 4000), y0, "DOP853", SWINGING, args=(p,), rtol=1e-8)
    trust = found.y[compiled.model.states.index("T"), 1:]
    assert np.ptp(trust) > 0.3
    return trust.min(), trust.max()


@pytest.mark.parametrize("method", ["auto", "rodas5p"])
def test_unstable_rest_is_left(method, swing):
    model = tr.models.load("trust-updated", profile="bpd")
    found = tr.simulate(model, SWINGING, params={"nu": 2.4}, solver=tr.Solver(method))["T"][1:]
    assert (found.min(), found.max()) == pytest.approx(swing, abs=1e-3)


def test_rest_that_is_stable_is_crossed_in_long_steps():
    model = tr.models.load("trust-updated", profile="bpd")
    found = tr.simulate(model, [0, 1e5, 1e6], params={"nu": 1.5}, solver=tr.Solver("rodas5p"))
    assert np.ptp(found.y[1:], axis=0).max() < 1e-6
    assert found.stats["n_steps"] < 1500


def test_what_could_grow_and_is_not_there_costs_nothing():
    """An extinct predator stays extinct, and the prey's rest is crossed in few steps."""
    model = tr.Model(
        "extinct", {"x": "k*x*(1 - x - y)", "y": "0.5*y*(x - 0.2)"}, {"k": 1}, {"x": 0.1, "y": 0.0}
    )
    for method in ("auto", "rodas5p"):
        found = tr.simulate(model, [0, 1e6], solver=tr.Solver(method))
        np.testing.assert_allclose(found.y[-1], [1.0, 0.0], atol=1e-6)
        assert found.stats["n_steps"] < 1000


def test_what_rests_by_itself_beside_what_moves_may_still_be_left():
    """x rests on an unstable point until y, which has no hand in it at first, pushes."""
    model = tr.Model(
        "pushed", {"x": "0.05*x - x**3 + (y - 1)**2/1000", "y": "z", "z": "-y - z/100"},
        initial={"x": 0.0, "y": 1.0, "z": 0.0},
    )  # fmt: skip
    found = tr.simulate(model, [0, 2000], solver=tr.Solver("rodas5p")).y[-1]
    exact = tr.simulate(model, [0, 2000], solver=tr.Solver("DOP853", rtol=1e-10)).y[-1]
    np.testing.assert_allclose(found, exact, atol=1e-4)


def test_a_step_that_ends_a_rounding_beyond_the_bound_is_taken():
    """The bound is 1 here; the stop lies 2e-13 behind where a step of that length ends."""
    model = tr.Model("growth", {"x": "k*x"}, {"k": 1.5}, {"x": 1e-300})
    solver = tr.Solver("rodas5p", max_steps=2000)
    ends = tr.simulate(model, (0, 60.0), solver=solver).t
    for share in (1e-13, 2e-13, 4e-13):
        stop = ends[-3] + (ends[-2] - ends[-3]) * (1 + share)
        assert tr.simulate(model, [0, stop], solver=solver).status is tr.Status.SUCCESS
