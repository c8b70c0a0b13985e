"""What must hold for every family of periodic orbits, whatever the model."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest

import trustode as tr
from trustode._collocation import LARGEST
from trustode.bifurcation import Cycles

#: An orbit is met again to within this, of its states' largest values, where the largest
#: multiplier is below the second number.
CLOSED, MODERATE = 1e-6, 1e3
#: Orbits of a family that are integrated, in how many pieces, and the points of an interval.
INTEGRATED, PIECES, POINTS = 4, 6, 4
#: Orbits of a family whose volume is integrated, and how well the logarithm of the product of its
#: multipliers agrees, where no multiplier is too small to be a number.
MEASURED, LIOUVILLE, SMALLEST = 12, 2e-6, -600.0
#: Bracket of a special point: what its parameter may lie outside, as a share of the span.
OUTSIDE = 1e-6
TIGHT = tr.Solver(rtol=1e-11, atol=1e-13)
#: Multipliers that swing this far within a step ask more of it than it has digits: a fold and the
#: doubling beside it are 2 / STEEP of the swing apart, orbits along it known to 1e-9 of its length.
STEEP = 1e7
#: By how many the multipliers outside the circle change.
WEIGHTS = {"fold_of_cycles": 1, "branch_point": 1, "period_doubling": 1, "torus": 2}


def _check_cycles(family: Cycles) -> None:
    """Assert the invariants of a family."""
    points, special, name = family.points, family.special, family.parameter
    assert list(points["step"]) == list(range(len(family)))
    assert family.multipliers.shape == (len(family), len(family.model.states))
    assert (points["period"] > 0.0).all()
    for state in family.model.states:
        assert (points[f"min_{state}"] <= points[f"max_{state}"]).all()
    _check_closing(family)
    _check_volumes(family)
    sure = points["trivial_error"].to_numpy() < 1e-6
    counts, values = points["n_unstable"].to_numpy(), points[name].to_numpy()
    assert not (points["stable"] & (counts > 0)).any()
    steps = np.array([before for before, _ in special["bracket"]], dtype=int)
    kinds: dict[int, list[str]] = {}
    for _, row in special.iterrows():
        before, after = row["bracket"]
        if before == after:
            # The limit at an end.
            assert before in (0, len(family) - 1)
            continue
        assert after == before + 1
        kinds.setdefault(before, []).append(row["kind"])
        # A family that breaks a symmetry turns where it does.
        ways = np.sign(np.diff(values[max(before - 1, 0) : after + 2]))
        tip = row["kind"] == "branch_point" and ways[0] != ways[-1]
        if row["kind"] != "fold_of_cycles" and not tip:
            # A family that turns within a step goes as far as its fold.
            folds = special[(special["kind"] == "fold_of_cycles") & (steps == before)]
            reached = [*values[[before, after]], *folds[name]]
            low, high = min(reached), max(reached)
            margin = OUTSIDE * np.ptp(values) + (high - low)
            assert low - margin <= row[name] <= high + margin
    born = {0 if origin is None else k for k, origin in zip((1, 2), family.origins, strict=True)}
    for k in range(len(family) - 1):
        if not (sure[k] and sure[k + 1]):
            continue
        if (k == 0 and 1 in born) or (k == len(family) - 2 and 2 in born):
            # At its birth a family's own multiplier is 1.
            continue
        total = sum(WEIGHTS[kind] for kind in kinds.get(k, ()))
        change = abs(int(counts[k + 1]) - int(counts[k]))
        assert change <= total, f"step {k}: {counts[k]} to {counts[k + 1]}, {kinds.get(k)}"
        even = (total - change) % 2 == 0
        # Where multipliers swing by more than digits tell, a fold and the doubling beside it are
        # one point.
        steep = np.abs(family.multipliers[k : k + 2]).max(axis=1).min() > STEEP
        assert even or "branch_point" in kinds[k] or (steep and kinds[k] == ["fold_of_cycles"])


def _check_closing(family: Cycles) -> None:
    """Assert that the integrator goes along orbits that do not throw it off.

    Piece by piece: where an orbit passes a saddle for long, errors of rounding grow by more than
    any multiplier says.
    """
    largest = np.abs(family.multipliers).max(axis=1)
    values = family.points[family.parameter].to_numpy()
    # Where the parameter stands still among canards, an integrator leaves the orbit on the way.
    moves = np.abs(np.gradient(values)) > 1e-7 * np.ptp(values)
    calm = np.flatnonzero((largest < MODERATE) & (family.points["trivial_error"] < 1e-6) & moves)
    for k in calm[np.linspace(0, len(calm) - 1, min(INTEGRATED, len(calm))).astype(int)].tolist():
        orbit = family.orbit(k)
        size = np.abs(orbit.y).max(axis=0) + 1e-3 * np.abs(orbit.y).max()
        size[size == 0.0] = 1.0
        # Orbits are most accurate at the points of their mesh.
        mesh = orbit.t[::POINTS]
        near = np.searchsorted(mesh, np.linspace(0.0, mesh[-1], PIECES + 1)) * POINTS
        for begin, end in pairwise(np.unique(near).tolist()):
            again = tr.simulate(
                family.model,
                orbit.t[[begin, end]],
                params=family.params | {family.parameter: values[k]},
                initial=dict(zip(family.model.states, orbit.y[begin], strict=True)),
                solver=TIGHT,
            )
            gap = np.abs((again.y[-1] - orbit.y[end]) / size).max()
            assert gap <= CLOSED * max(1.0, largest[k])


def _check_volumes(family: Cycles) -> None:
    """Assert Liouville's formula: multipliers multiply to exp of the divergence's integral."""
    model, compiled = family.model, tr.compile(family.model)
    points, weights = np.polynomial.legendre.leggauss(3)
    steps = np.linspace(0, len(family) - 1, min(MEASURED, len(family))).astype(int)
    for k in steps[family.points["trivial_error"].iloc[steps].to_numpy() < 1e-6].tolist():
        orbit = family.orbit(k)
        held = family.params | family.inputs
        held |= {family.parameter: float(family.points[family.parameter].iloc[k])}
        p = np.array([held[name] for name in model.params], dtype=float)
        u = np.array([held[name] for name in model.inputs], dtype=float)
        half, middle = np.diff(orbit.t) / 2, (orbit.t[1:] + orbit.t[:-1]) / 2
        times = (middle[:, None] + half[:, None] * points).ravel()
        spread = np.array([np.trace(compiled.jac(0.0, y, p, u)) for y in orbit(times)])
        volume = float((np.outer(half, weights).ravel() * spread).sum())
        if volume > SMALLEST:
            sizes = np.abs(family.multipliers[k])
            product, error = float(np.log(sizes).sum()), LIOUVILLE * max(1.0, abs(volume))
            assert product <= volume + error
            # One that is given as the largest number there is for it is larger than that.
            assert product >= volume - error or sizes.max() >= (1.0 - 1e-9) * LARGEST


@pytest.fixture(scope="session")
def check_cycles() -> Callable[[Cycles], None]:
    return _check_cycles
