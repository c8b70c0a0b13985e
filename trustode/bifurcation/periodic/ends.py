"""Recognise that a family of periodic orbits ends at connections between equilibria.

The period grows without bound while the orbit's path stays what it is; the time goes into slow
passages of equilibria. Imports the families of this folder.

References
----------
Kuznetsov (2004), Elements of Applied Bifurcation Theory, 3rd ed., chapters 6 and 7: near a
homoclinic orbit to a saddle the parameter's distance falls like exp(-lambda T), near one to a
saddle-node like T ** -2.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .collocation import PERIOD, Array, Orbit, Problem
from .family import Node
from .symmetry import half_turn

#: The period has to have grown by this since the orbit's path and the parameter stand still,
_GROWTH = 1.3
#: which they do within these shares, of the path's length and of the parameter's span ...
_SAME_PATH = 2e-3
#: The path may still creep towards a saddle, by this share, where so much of the time that the
#: period has grown by is spent near it.
_ALIKE_PATH, _LINGERING = 0.05, 0.95
_SAME_VALUE = 1e-7
#: ... or within this one, while the period goes up by `_SLOW_GROWTH`: a saddle-node.
_NEARLY_SAME_VALUE = 1e-3
#: Where no further orbit is found the value has to stand still within this share.
_STUCK_VALUE = 1e-6
#: Multipliers above this say that it is only rounding by which a value goes to and fro.
_UNBOUNDED = 1e12
_SLOW_GROWTH = 3.0
#: Least multiple of the family's shortest period.
_LONG = 4.0
#: Speeds below this share of the largest belong to a slow passage.
_SLOW = 1e-2
#: A slow passage that no equilibrium explains counts if it takes this share of the period.
_LASTING = 0.05
#: The period has grown by this while the parameter stood still: whatever the orbit passes, no more
#: is to be seen of it.
_ENDLESS = 10.0
#: Turns on the way to a saddle-focus by which it is recognised, and how evenly periods grow from
#: one to the next; multipliers that swing beyond the third blur the next; and how well, as a share
#: of the span, the values that they are said to tend to agree.
_TURNS, _EVEN = 4, 0.1
_BLURRED, _AGREE = 1e7, 3e-6
#: Distance, in extents, within which a slow passage sees its equilibrium.
_NEAR = 0.1
#: Two equilibria nearer than this, in extents, are one.
_ONE = 1e-3
#: Times the period, the rate at which an orbit leaves a saddle that it has stayed at for long.
_LEAVING = 3.0
#: Distance, in extents, within which an orbit is one that a symmetry has turned.
_TURNED = 1e-3
_NEWTON_STEPS = 40
#: Share of its extent by which a state goes up and down in a swing.
_SWING = 0.1
#: Step of differences, in extents, and what Newton's method leaves where they are used.
_DIFFERENCE, _EXACT = 1e-5, 1e-9
#: A Hopf point near the end of a family: first length of the secant method and how far it may
#: go, in spans, and how many steps.
_FIRST_SECANT, _AROUND, _SECANTS = 1e-4, 1e-2, 20

NAMES = {
    "homoclinic": "a homoclinic orbit",
    "saddle_node_homoclinic": "a homoclinic orbit to a saddle-node",
    "heteroclinic": "a heteroclinic loop",
}


@dataclass(frozen=True, eq=False)
class Limit:
    """What a family tends to as its period grows.

    Attributes
    ----------
    kind : {"homoclinic", "saddle_node_homoclinic", "heteroclinic"}
    value : float
        Of the parameter, in the limit.
    equilibria : ndarray, shape (n, n_state)
        Those that the orbits come near to.
    sentence : str
    """

    kind: str
    value: float
    equilibria: Array
    sentence: str


def limit(
    nodes: Sequence[Node], problem: Problem, name: str, *, stuck: bool = False
) -> Limit | None:
    """Return what the orbits tend to, if their period grows without bound; else None.

    `stuck` tells that no further orbit is found. The last ones may pass a saddle twice: such an
    orbit all but solves its equations however long it stays there the first time, so the value
    that it tends to is known less well.
    """
    where = problem.slots.index(PERIOD)
    last = nodes[-1]
    period = float(last.orbit.free[where])
    if len(nodes) < 6 or last.tangent.free[where] <= 0.0:
        return None
    wavers = _wavers(nodes, where, period / _GROWTH)
    recent = [
        (
            growth,
            _since(nodes, where, period / growth, same * float(last.free_scale[-1])),
        )
        for growth, same in (
            (_GROWTH, _STUCK_VALUE if stuck or wavers else _SAME_VALUE),
            (_SLOW_GROWTH, _NEARLY_SAME_VALUE),
        )
    ]
    if all(first is None for _, first in recent) or period < _LONG * min(
        float(node.orbit.free[where]) for node in nodes
    ):
        return None
    for growth, first in recent:
        if first is None:
            continue
        lengths = [_path(nodes[k], last) for k in (first, len(nodes) - 1)]
        change = abs(lengths[1] - lengths[0]) / lengths[1]
        if change > _ALIKE_PATH:
            continue
        found, ghosts = passed(last, problem, period)
        alike = change <= _SAME_PATH
        # Other slow places, as of slow and fast motion, take no more time than before.
        if (
            growth == _GROWTH
            and len(found)
            and ((alike and not ghosts) or _lingers(nodes[first], last, found, where))
        ):
            late = [node.value for node in nodes[first:]]
            return _connection(last, float(np.median(late)) if wavers else late[-1], found, name)
        if growth == _SLOW_GROWTH and alike and ghosts == 1 and not len(found):
            rough = _in_the_limit(nodes, where)
            value = _fold_near(last, problem, rough)
            kind = "saddle_node_homoclinic"
            return _limit(kind, rough if value is None else value, found, name, NAMES[kind])
    return None


def _wavers(nodes: Sequence[Node], where: int, period: float) -> bool:
    """Return whether the value goes to and fro from a period on, multipliers being without bounds.

    Then meshes as fine as others are tell it no better.
    """
    late: list[float] = []
    for node in reversed(nodes):
        if node.orbit.free[where] <= period:
            break
        if np.abs(node.multipliers.others).max() < _UNBOUNDED:
            return False
        late.append(node.value)
    return bool(len(late) > 2 and np.ptp(np.sign(np.diff(late))) > 0.0)


def _since(nodes: Sequence[Node], where: int, period: float, same: float) -> int | None:
    """Return the last orbit of a period and no more, if the parameter stood still from there."""
    low = high = nodes[-1].value
    for k in range(len(nodes) - 1, -1, -1):
        value = nodes[k].value
        low, high = min(low, value), max(high, value)
        if high - low > same:
            return None
        if nodes[k].orbit.free[where] <= period:
            return k
    return None


def endless(nodes: Sequence[Node], problem: Problem) -> bool:
    """Return whether the period goes on growing while the parameter stands still."""
    where = problem.slots.index(PERIOD)
    last = nodes[-1]
    if last.tangent.free[where] <= 0.0 or len(nodes) < 2:
        return False
    if abs(last.value - nodes[-2].value) > _SAME_VALUE * float(last.free_scale[-1]):
        return False
    period = float(last.orbit.free[where])
    before = next(
        (node for node in reversed(nodes) if node.orbit.free[where] <= period / _ENDLESS), None
    )
    if before is None:
        return False
    since = [before.value, *(n.value for n in nodes if n.orbit.free[where] >= period / _ENDLESS)]
    return (max(since) - min(since)) / float(last.free_scale[-1]) <= _SAME_VALUE


def swings(orbit: Orbit) -> NDArray[np.int_]:
    """Return how often each state goes up and down in a period, by a share of its extent."""
    counts = []
    for column in orbit.states[:-1].T:
        extent = float(np.ptp(column))
        count = 0
        if extent > 0.0:
            # From its lowest place on: up by the share from the last low, then down by it.
            turn = np.append(np.roll(column, -int(np.argmin(column))), column.min())
            rises = np.diff(turn) > 0.0
            rising, mark = True, float(turn[0])
            # Only where it turns round can it be lowest or highest.
            for value in turn[np.append(np.flatnonzero(np.diff(rises)) + 1, -1)].tolist():
                if rising == (value > mark) and abs(value - mark) > _SWING * extent:
                    count += rising
                    rising, mark = not rising, value
                else:
                    mark = min(mark, value) if rising else max(mark, value)
        counts.append(count)
    return np.array(counts)


def _lingers(before: Node, last: Node, saddles: Array, where: int) -> bool:
    """Return whether the time by which a period has grown is spent near some saddles."""
    extent = np.maximum(np.ptp(last.orbit.states, axis=0), 1e-12 * last.scale)
    stays = []
    for node in (before, last):
        away = np.abs((node.orbit.states[:, None] - saddles) / extent).max(axis=2).min(axis=1)
        near = (away[1:] < _NEAR) & (away[:-1] < _NEAR)
        stays.append(node.orbit.free[where] * float(np.diff(node.orbit.nodes)[near].sum()))
    growth = float(last.orbit.free[where] - before.orbit.free[where])
    return bool(stays[1] - stays[0] >= _LINGERING * growth)


def spiral(
    nodes: Sequence[Node], turns: Sequence[Node], problem: Problem, name: str
) -> Limit | None:
    """Return the connection to a saddle-focus that orbits tend to in turns, once these blur.

    From turn to turn the orbit stays half a swing longer at the saddle, and the value goes to
    where it tends from both sides, by the same share each time; multipliers swing farther and
    farther, until folds and the doublings beside them are one to all digits.

    Parameters
    ----------
    nodes : sequence of Node
        Of the family, the last turn before its last one.
    turns : sequence of Node
        Folds on the way, in order.
    problem : Problem
    name : str
        Of the parameter.
    """
    if len(turns) < _TURNS:
        return None
    where, last = problem.slots.index(PERIOD), nodes[-1]
    values = [turn.value for turn in turns[-_TURNS:]]
    periods = [float(turn.orbit.free[where]) for turn in turns[-_TURNS:]]
    swings, pauses = np.diff(values), np.diff(periods)
    alternate = (swings[1:] * swings[:-1] < 0.0) & (np.abs(swings[1:]) < np.abs(swings[:-1]))
    even = np.abs(pauses[1:] / pauses[:-1] - 1.0) < _EVEN
    if not ((pauses > 0.0).all() and alternate.all() and even.all()):
        return None
    since = [node for node in nodes if periods[-2] < node.orbit.free[where] < periods[-1]]
    peak = max((np.abs(node.multipliers.others).max() for node in since), default=0.0)
    before, value = (values[k] - swings[k] ** 2 / (swings[k] - swings[k - 1]) for k in (-2, -1))
    agree = abs(value - before) <= _AGREE * float(last.free_scale[-1])
    if not (peak > _BLURRED and agree):
        return None
    # What is left by Aitken's formula shrinks by the square of what the swings do.
    share = (swings[-1] / swings[-2]) ** 2
    value += (value - before) * share / (1.0 - share)
    found, ghosts = passed(last, problem, periods[-1])
    return _connection(last, float(value), found, name) if len(found) and not ghosts else None


def _connection(last: Node, value: float, found: Array, name: str) -> Limit:
    """Return the limit of orbits that pass some saddles."""
    kind = "heteroclinic" if len(found) > 1 else "homoclinic"
    what = NAMES[kind]
    turn = half_turn(last, found[0], _TURNED) if kind == "homoclinic" else None
    # Not one that turns nothing, of an orbit that goes round twice.
    if turn is not None and np.trace(turn) < found.shape[1] - 1.0:
        what = "a symmetric pair of homoclinic orbits (a figure eight)"
    return _limit(kind, value, found, name, what)


def _limit(kind: str, value: float, found: Array, name: str, what: str) -> Limit:
    """Return a limit with its sentence."""
    sentence = f"{what} at {name} = {value:.8g}, the period grows without bound"
    return Limit(kind, value, found, sentence)


def _path(node: Node, last: Node) -> float:
    """Return the length of an orbit's path, in the last one's extents."""
    extent = np.maximum(np.ptp(last.orbit.states, axis=0), 1e-12 * last.scale)
    return float(np.linalg.norm(np.diff(node.orbit.states, axis=0) / extent, axis=1).sum())


def passed(node: Node, problem: Problem, period: float) -> tuple[Array, int]:
    """Return the saddles that an orbit passes slowly, and in how many slow places there is none.

    Just beyond a saddle-node there is no equilibrium, though the orbit lingers where it was.
    """
    problem.set(node.orbit.free)
    functions, p, u = problem.functions, problem.p, problem.u
    least, largest = node.orbit.extremes
    extent = np.maximum(largest - least, 1e-12 * node.scale)
    states = node.orbit.states[:-1]
    speeds = np.array([np.abs(functions.rhs(0.0, y, p, u) / extent).max() for y in states])
    slow = speeds < _SLOW * speeds.max()
    if slow.all() or not slow.any():
        return np.empty((0, problem.n)), 0
    positions = node.orbit.nodes
    # Each stretch of slow nodes, around the circle, is one passage.
    begins = np.flatnonzero(slow & ~np.roll(slow, 1))
    found: list[Array] = []
    ghosts = 0
    for begin in begins.tolist():
        stretch = []
        k = begin
        while slow[k]:
            stretch.append(k)
            k = (k + 1) % len(slow)
        nearest = min(stretch, key=lambda at: speeds[at])
        lasts = (positions[stretch[-1]] - positions[begin]) % 1.0 >= _LASTING
        root = newton(problem, states[nearest])
        if root is None or np.abs((root - states[nearest]) / extent).max() > _NEAR:
            ghosts += lasts
            continue
        rates = np.linalg.eigvals(functions.jac(0.0, root, p, u)).real
        if rates.max() * period < _LEAVING:
            ghosts += 1
        elif all(np.abs((root - other) / extent).max() > _ONE for other in found):
            found.append(root)
    return np.array(found).reshape(-1, problem.n), ghosts


def newton(problem: Problem, y: Array) -> Array | None:
    """Return the equilibrium near a point, or None."""
    functions, p, u = problem.functions, problem.p, problem.u
    for _ in range(_NEWTON_STEPS):
        f, jac = functions.rhs(0.0, y, p, u), functions.jac(0.0, y, p, u)
        try:
            step = np.linalg.solve(jac, -f)
        except np.linalg.LinAlgError:
            return None
        y = y + step
        if not np.isfinite(y).all():
            return None
        if np.abs(step).max() <= 1e-10 * (1.0 + np.abs(y).max()):
            return np.asarray(y)
    return None


def _fold_near(node: Node, problem: Problem, rough: float) -> float | None:
    """Return the parameter of the fold of equilibria whose ghost an orbit lingers at, or None."""
    problem.set(node.orbit.free)
    functions, slot, n = problem.functions, problem.slots[-1], problem.n
    p, u = problem.p.copy(), problem.u.copy()
    states = node.orbit.states
    least, largest = node.orbit.extremes
    extent = np.maximum(largest - least, 1e-12 * node.scale)
    width = float(node.free_scale[-1])
    speeds = [np.abs(functions.rhs(0.0, y, p, u) / extent).max() for y in states]

    def at(y: Array, value: float) -> tuple[Array, Array]:
        vector, k = (p, slot) if slot < len(p) else (u, slot - len(p))
        vector[k] = value
        return functions.rhs(0.0, y, p, u), functions.jac(0.0, y, p, u) * extent

    def by(function: Callable[[Array], Array], x: Array) -> Array:
        columns = []
        for k in range(len(x)):
            h = np.zeros(len(x))
            h[k] = _DIFFERENCE
            columns.append((function(x + h) - function(x - h)) / (2.0 * _DIFFERENCE))
        return np.array(columns).T

    start = states[int(np.argmin(speeds))]
    q = np.linalg.svd(at(start, node.value)[1])[2][-1]
    rows = 1.0 / np.maximum(np.abs(at(start, node.value)[1]).max(axis=1), 1e-300)

    def gap(x: Array) -> Array:
        f, jac = at(start + extent * x[:n], node.value + width * x[n])
        v = x[n + 1 :]
        return np.concatenate([rows * f, rows * (jac @ v), [q @ v - 1.0]])

    x = np.concatenate([np.zeros(n + 1), q])
    for _ in range(_NEWTON_STEPS):
        try:
            step = np.linalg.solve(by(gap, x), -gap(x))
        except np.linalg.LinAlgError:
            return None
        x = x + step
        if not np.abs(x[: n + 1]).max() < _NEAR:
            return None
        if np.abs(step).max() <= _EXACT:
            value = float(node.value + width * x[n])
            near = abs(value - rough) <= _NEARLY_SAME_VALUE * width
            return value if near else None
    return None


def hopf_near(problem: Problem, y: Array, value: float, period: float, width: float) -> float:
    """Return the parameter of the Hopf point near an equilibrium, by the secant method.

    Where it finds none, the value that was given.
    """
    free = np.array([period, value])

    def rate(at: float) -> tuple[float, Array] | None:
        free[-1] = at
        problem.set(free)
        root = newton(problem, y)
        if root is None:
            return None
        functions, p, u = problem.functions, problem.p, problem.u
        found = np.linalg.eigvals(functions.jac(0.0, root, p, u))
        pair = found[found.imag > 0.0]
        if not len(pair):
            return None
        best = pair[np.argmin(np.abs(pair - 2j * np.pi / period))]
        return float(best.real), root

    a, b = value, value + _FIRST_SECANT * width
    at_a, at_b = rate(a), rate(b)
    for _ in range(_SECANTS):
        if at_a is None or at_b is None or at_a[0] == at_b[0]:
            return value
        c = b - at_b[0] * (b - a) / (at_b[0] - at_a[0])
        if not abs(c - value) <= _AROUND * width:
            return value
        if abs(c - b) <= 1e-13 * width:
            return c
        a, at_a, b, at_b = b, at_b, c, rate(c)
        y = y if at_b is None else at_b[1]
    return value


def _in_the_limit(nodes: Sequence[Node], where: int) -> float:
    """Extrapolate the parameter to an infinite period, its distance being of order T ** -2."""
    last = nodes[-1]
    period = float(last.orbit.free[where])
    early = next(node for node in reversed(nodes) if node.orbit.free[where] <= period / 1.5)
    a, b = float(early.orbit.free[where]) ** -2, period**-2
    return float((last.value * a - early.value * b) / (a - b))
