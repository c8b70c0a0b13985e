"""What the tests of branches share: models from text, and the invariants of any branch."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import trustode as tr
from trustode.bifurcation import BifurcationCurve, Branch
from trustode.expression import parse, symbol

#: Rounding of the right-hand side that a residual may have, relative to |J| |x|.
RESIDUAL = 1e-11
#: A located point's eigenvalue on the axis, relative to the largest.
ON_AXIS = 1e-7
#: How near to a corner the points beside it are, as shares of the branch's extent.
CORNER = 1e-5


def _model(equations: dict[str, str], initial: Any = None, bounds: Any = None, **params: float):
    """Build a model from texts; every state starts at 0 unless told otherwise."""
    known = {name: symbol(name) for name in (*equations, *params)}
    return tr.Model(
        "test model",
        rhs={name: parse(text, known, name) for name, text in equations.items()},
        params=params,
        initial=dict.fromkeys(equations, 0.0) | (initial or {}),
        bounds=bounds,
    )


def _functions(branch: Branch) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Return f and its Jacobian as functions of the states and the branch's parameter."""
    model, compiled = branch.model, tr.compile(branch.model)
    held = branch.params | branch.inputs

    def arguments(value: float) -> tuple[np.ndarray, np.ndarray]:
        values = held | {branch.parameter: value}
        return (
            np.array([values[name] for name in model.params], dtype=float),
            np.array([values[name] for name in model.inputs], dtype=float),
        )

    return (
        lambda y, value: compiled.rhs(0.0, y, *arguments(value)),
        lambda y, value: compiled.jac(0.0, y, *arguments(value)),
    )


def _check_branch(branch: Branch) -> None:
    """Assert what must hold for every branch, whatever the model."""
    rhs, jac = _functions(branch)
    names, free = list(branch.model.states), branch.parameter
    points, special = branch.points, branch.special
    y, values = points[names].to_numpy(), points[free].to_numpy()
    assert list(points["step"]) == list(range(len(points)))
    assert len(branch.eigenvalues) == len(points) == len(branch)
    for k in range(len(points)):
        matrix = jac(y[k], values[k])
        noise = np.abs(matrix) @ np.abs(y[k]) + np.abs(matrix).max() + 1e-300
        assert np.all(np.abs(rhs(y[k], values[k])) <= RESIDUAL * noise)
        eigenvalues = np.linalg.eigvals(matrix)
        margin = 1e-9 * np.abs(eigenvalues).max()
        count = points["n_unstable"].iloc[k]
        assert np.sum(eigenvalues.real > margin) <= count <= np.sum(eigenvalues.real > -margin)
        if np.all(np.abs(eigenvalues.real) > margin):
            assert points["stable"].iloc[k] == (count == 0)
        leading = points["leading"].iloc[k]
        # Of a double eigenvalue only half the digits are certain.
        assert leading.real == pytest.approx(eigenvalues.real.max(), abs=100 * margin)
    _check_special(branch, jac, y, values)
    explained = {row["bracket"][0] for _, row in special.iterrows()}
    for k in np.flatnonzero(np.diff(points["n_unstable"])).tolist():
        # A point of the branch that is a special point to rounding belongs to both its sides.
        beside = {k}
        for at, neighbour in ((k, k - 1), (k + 1, k + 1)):
            rates = np.abs(branch.eigenvalues[at].real)
            if rates.min() <= ON_AXIS * rates.max():
                beside.add(neighbour)
        assert beside & explained


def _check_special(branch: Branch, jac: Any, y: np.ndarray, values: np.ndarray) -> None:
    names, free = list(branch.model.states), branch.parameter
    special = branch.special
    size = np.append(np.ptp(y, axis=0), np.ptp(values))
    # What is constant or zero but for rounding has no length of its own.
    size = np.maximum(size, 1e-6 * np.append(np.abs(y).max(axis=0), np.abs(values).max()))
    size[:-1] = np.maximum(size[:-1], 1e-9 * np.abs(y).max())
    size[size == 0.0] = 1.0
    rows = np.column_stack([y, values]) / size
    counts = branch.points["n_unstable"].to_numpy()
    jumps: dict[int, list[str]] = {}
    for _, row in special.iterrows():
        before, after = row["bracket"]
        assert after == before + 1
        jumps.setdefault(before, []).append(row["kind"])
        if not row["converged"]:
            continue
        at = np.append(row[names].to_numpy(dtype=float), row[free])
        reach = 1.01 * np.linalg.norm(rows[after] - rows[before]) + 1e-9
        if row["kind"] == "corner":
            # The branch may turn there at any angle, between points that are close to it.
            reach = max(reach, CORNER)
        assert np.linalg.norm(at / size - rows[before]) <= reach
        assert np.linalg.norm(at / size - rows[after]) <= reach
        eigenvalues = np.linalg.eigvals(jac(at[:-1], at[-1]))
        scale = np.abs(eigenvalues).max()
        if row["kind"] == "corner":
            # There is no derivative there; what changes shows in the points beside it.
            turned = np.prod(np.diff(values)[max(before - 1, 0) : before + 2 : 2]) < 0
            assert turned == (row["type"] == "fold")
            assert turned or counts[before] != counts[after]
            continue
        if row["kind"] == "hopf":
            assert np.abs(eigenvalues - 1j * row["omega"]).min() <= ON_AXIS * scale
            assert row["period"] == pytest.approx(2 * np.pi / row["omega"])
            assert np.isfinite(row["coefficient"])
        else:
            assert np.abs(eigenvalues).min() <= ON_AXIS * max(scale, 1.0)
            assert np.isnan(row["omega"])
    weights = {"fold": 1, "branch_point": 1, "hopf": 2}
    for before, kinds in jumps.items():
        if "corner" in kinds:
            continue
        change = abs(int(counts[before + 1] - counts[before]))
        turns = np.diff(values)[max(before - 1, 0) : before + 2]
        if before in (0, len(counts) - 2) and change == 0:
            # What lies exactly on the edge of the span shows only beyond it.
            continue
        if kinds == ["branch_point"] and (turns.max() > 0 > turns.min() or change != 1):
            # The tip of a pitchfork keeps its index.
            continue
        total = sum(weights[kind] for kind in kinds)
        assert change <= total
        assert (total - change) % 2 == 0
        assert change > 0 or len(kinds) > 1


def _check_curve(curve: BifurcationCurve) -> None:
    """Assert what must hold for every curve of bifurcations, whatever the model."""
    model, compiled = curve.model, tr.compile(curve.model)
    held = curve.params | curve.inputs
    rows = [(row, False) for row in curve.points.to_dict("records")]
    rows += [(row, True) for row in curve.special.to_dict("records")]
    assert list(curve.points["step"]) == list(range(len(curve.points)))
    for row, is_special in rows:
        values = held | {name: row[name] for name in curve.parameters}
        p = np.array([values[name] for name in model.params], dtype=float)
        u = np.array([values[name] for name in model.inputs], dtype=float)
        y = np.array([row[name] for name in model.states], dtype=float)
        jac = compiled.jac(0.0, y, p, u)
        noise = np.abs(jac) @ np.abs(y) + np.abs(jac).max() + np.abs(values[curve.parameters[0]])
        assert np.all(np.abs(compiled.rhs(0.0, y, p, u)) <= RESIDUAL * noise + 1e-300)
        eigenvalues = np.linalg.eigvals(jac)
        double = is_special and row["kind"] == "bogdanov_takens"
        # A defective eigenvalue moves by the square root of a rounding.
        margin = (1e-5 if double else ON_AXIS) * max(np.abs(eigenvalues).max(), 1e-300)
        on_axis = 0.0
        if curve.kind == "hopf" and np.isfinite(row["omega"]):
            on_axis = 1j * row["omega"]
        if np.abs(on_axis) > 0.0:
            assert row["period"] == pytest.approx(2 * np.pi / row["omega"])
        if np.abs(eigenvalues).max() > 1e-5:
            assert np.abs(eigenvalues - on_axis).min() <= max(margin, 1e-7)
        if is_special:
            before, after = row["bracket"]
            assert after == before + 1
            assert row["converged"]


@pytest.fixture(scope="session")
def trace() -> Callable[..., BifurcationCurve]:
    """Return `curve` that checks the invariants of every curve it returns."""

    def traced(*arguments: Any, **options: Any) -> BifurcationCurve:
        curve = tr.curve(*arguments, **options)
        _check_curve(curve)
        return curve

    return traced


@pytest.fixture(scope="session")
def text_model() -> Callable[..., tr.Model]:
    return _model


@pytest.fixture(scope="session")
def check_branch() -> Callable[[Branch], None]:
    return _check_branch


@pytest.fixture(scope="session")
def follow() -> Callable[..., Branch]:
    """Return `continuation` that checks the invariants of every branch it returns."""

    def followed(*arguments: Any, **options: Any) -> Branch:
        branch = tr.continuation(*arguments, **options)
        _check_branch(branch)
        return branch

    return followed
