"""Find the equilibria of a model and say what kind they are.

Imports the systems of this folder.
"""

from __future__ import annotations

import numbers
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError, OptionError, checks_keywords, listed, nearest
from ..model import Model
from ..notebook import Shown
from .conserved import Sums, conserved_sums
from .system import Array, System

if TYPE_CHECKING:
    import pandas as pd

#: Half the width of the region of a state that has no bounds, times max(1, |initial value|).
_REACH = 10.0
#: Every other start lies this much nearer to the initial value in a state without bounds.
_NEAR = 0.1
#: A start is given up when an iterate is this many half widths away from it; farther for
#: models with a state that has no bounds, as then nothing says how large it may be.
_LEASH, _LONG_LEASH = 7.0, 1e4
#: Equilibria that reach no farther than this share of the region's half width are looked for
#: once more where they are.
_SMALL = 1e-3
#: Two roots closer than this, in the size of the states, are one ...
_SAME = 1e-6
#: ... or than this, in half widths of the region.
_FINEST = 1e-9
#: While a root is found less often than this, up to so many times as many starts are made.
_OFTEN, _MOST_TIMES = 5, 8
#: Where roots meet Newton's method creeps: it stops several steps of its last length away.
_CREEP = 16.0
#: Equilibria that a repr lists.
_SHOWN = 20
#: A root may lie outside by this share of the half width: an equilibrium on a face.
_EDGE = 1e-9
#: Places at which the Jacobian is asked for sums that never change.
_PLACES = 8
#: Newton's steps go on to a small root while each is shorter than this share of the last.
_FASTER = 0.1
_EPSILON = float(np.finfo(float).eps)
#: Smallest singular value of a Jacobian with rows of length 1, in roundings, that counts.
_SINGULAR = 64.0


@dataclass(frozen=True, eq=False)
class Equilibrium:
    """A state in which nothing changes.

    Attributes
    ----------
    state : dict of str to float
        Value of each state.
    y : ndarray, shape (n_state,)
        The same, in the order of ``model.states``.
    eigenvalues : ndarray of complex, shape (n_state,)
        Of the Jacobian, the largest real part first.
    kind : str
        See `kind_of`.
    stable : bool
        Whether every eigenvalue has a negative real part.
    n_unstable : int
        Eigenvalues with a positive real part.
    residual : float
        Largest absolute value of the right-hand side there.
    params, inputs : dict of str to float
        Values it was found for.
    """

    state: dict[str, float]
    y: Array
    eigenvalues: NDArray[np.complex128]
    kind: str
    stable: bool
    n_unstable: int
    residual: float
    params: dict[str, float]
    inputs: dict[str, float]

    def __getitem__(self, name: Any) -> float:
        """Return the value of a state, by its name or symbol."""
        key = getattr(name, "name", name)
        if key not in self.state:
            raise ModelError(
                f"the equilibrium has no state {key!r:.60}{nearest(str(key), self.state) or '.'} "
                f"Its states are: {listed(self.state, 40)}"
            )
        return self.state[key]

    def __repr__(self) -> str:
        values = ", ".join(f"{name} = {value:.5g}" for name, value in self.state.items())
        return f"<{self.kind} at {values}>"


@dataclass(frozen=True, eq=False)
class Equilibria(Shown):
    """The equilibria that a search found, in the order of their states.

    Iterate over it, index it, take its length.

    Attributes
    ----------
    model : Model
    found : tuple of Equilibrium
    starts : int
        Starting points of the search. It is a search: an equilibrium with a small basin of
        Newton's method can be missed, and more `starts` then help.
    region : dict of str to pair of float
        Where the starting points lie, by state.
    isolated : bool
        False if the Jacobian is singular at every start and every equilibrium found, as with
        a conserved quantity: equilibria then form curves, of which a search can give no list.
    conserved : Sums
        Sums of states that never change; looked for where nothing is isolated.
    """

    model: Model
    found: tuple[Equilibrium, ...]
    starts: int
    region: dict[str, tuple[float, float]]
    isolated: bool
    conserved: Sums = field(default_factory=Sums)

    @property
    def stable(self) -> list[Equilibrium]:
        """The stable ones."""
        return [each for each in self.found if each.stable]

    @property
    def unstable(self) -> list[Equilibrium]:
        """The others: unstable, or undecided by the eigenvalues."""
        return [each for each in self.found if not each.stable]

    def __len__(self) -> int:
        return len(self.found)

    def __iter__(self) -> Iterator[Equilibrium]:
        return iter(self.found)

    def __getitem__(self, index: int) -> Equilibrium:
        return self.found[index]

    def to_frame(self) -> pd.DataFrame:
        """Tabulate: one row an equilibrium.

        Returns
        -------
        DataFrame
            A column a state, then kind, stable, n_unstable, residual and eigenvalues (a
            tuple of complex numbers, the largest real part first).
        """
        import pandas as pd

        columns = [*self.model.states, "kind", "stable", "n_unstable", "residual", "eigenvalues"]
        rows = [
            [*e.y, e.kind, e.stable, e.n_unstable, e.residual, tuple(e.eigenvalues.tolist())]
            for e in self.found
        ]
        return pd.DataFrame(rows, columns=columns)

    def __repr__(self) -> str:
        n = len(self.found)
        counted = f"{n} equilibri{'um' if n == 1 else 'a'}, {len(self.stable)} stable"
        lines = [f"<Equilibria of {self.model.name!r}: {counted} ({self.starts} starts)>"]
        lines += [f"  {each!r}" for each in self.found[:_SHOWN]]
        if n > _SHOWN:
            lines.append(f"  ... and {n - _SHOWN} more, see to_frame()")
        if not n:
            edges = [f"{name} in [{a:.5g}, {b:.5g}]" for name, (a, b) in self.region.items()]
            lines.append(f"  searched from {listed(edges)}")
        if not self.isolated:
            lines.append(f"  {self.conserved.told()}")
        return "\n".join(lines)


@checks_keywords
def equilibria(
    model: Model,
    *,
    params: Mapping[Any, float] | None = None,
    inputs: Mapping[Any, float] | None = None,
    region: Mapping[Any, tuple[float, float]] | None = None,
    starts: int = 256,
    seed: int = 0,
) -> Equilibria:
    """Find the equilibria of a model by Newton's method from many starts.

    Parameters
    ----------
    model : Model
        Autonomous: its equations do not hold ``t``.
    params, inputs : mapping of name to float, optional
        Values that differ from the model's defaults; inputs are held constant.
    region : mapping of state to pair of float, optional
        Where to look, and to keep what is found; for states that are not named, the model's
        bounds. A state that has no bounds either is started from within
        10 max(1, ``|initial value|``) of its initial value, and kept wherever it ends.
    starts : int
        Starting points: the model's initial value, and points spread evenly.
    seed : int
        Seed of where these lie; the same seed gives the same equilibria.

    Returns
    -------
    Equilibria
        Sorted by the states in their order; empty if none was found. `Equilibria.isolated`
        says whether the model can have isolated equilibria at all.

    Raises
    ------
    ModelError
        For an unknown name, a value that is not allowed, or a model that depends on time.
    OptionError
        If `starts` is not a positive whole number, or the seed not a whole number.

    References
    ----------
    Deuflhard (2004), Newton Methods for Nonlinear Problems, section 3.3 (damping).
    """
    whole("equilibria", "starts", starts, 1)
    whole("equilibria", "seed", seed, 0)
    system = System(_model(model, "equilibria"), params, inputs, "equilibria")
    search = Search(system, region, seed)
    roots, isolated = search(starts)
    found = tuple(_described(system, root) for root in roots)
    sums = Sums() if isolated else search.conserved()
    return Equilibria(model, found, starts, search.searched(), isolated, sums)


class Search:
    """Newton's method from many starts, the same ones at each call.

    Parameters
    ----------
    system : System
    region : mapping of state to pair of float, or None
    seed : int
    """

    def __init__(self, system: System, region: Mapping[Any, Any] | None, seed: int) -> None:
        self._system = system
        initial = np.asarray(system.compiled.initial(system.p), dtype=float)
        self._box, kept, free = _regions(system, region, initial)
        self._half = (self._box[:, 1] - self._box[:, 0]) / 2
        self._low, self._high = kept[:, 0] - _EDGE * self._half, kept[:, 1] + _EDGE * self._half
        self._leash = _LEASH if np.isfinite(kept).all() else _LONG_LEASH
        self._free = free
        self._shift = np.random.default_rng(seed).random(system.n)

    def searched(self) -> dict[str, tuple[float, float]]:
        """Return where the starting points lie, by state."""
        pairs = zip(self._system.model.states, self._box.tolist(), strict=True)
        return {name: (low, high) for name, (low, high) in pairs}

    @np.errstate(all="ignore")
    def __call__(self, starts: int, value: float | None = None) -> tuple[list[Array], bool]:
        """Return the equilibria, sorted, and whether any can be isolated.

        Parameters
        ----------
        starts : int
        value : float, optional
            Of the system's free parameter.
        """
        system, half = self._system, self._half
        tail = [] if value is None else [value]
        if value is not None:
            system.set(np.append(np.zeros(system.n), value))
        initial = np.asarray(system.compiled.initial(system.p), dtype=float)
        points = self._points(initial, starts)
        found, left = self._found(points, tail)
        roots, steps, rare = self._distinct(found, left, initial, half, tail)
        # Where some roots are seldom found there are others that were not found; where most
        # are, they form a line.
        while rare and 2 * len(roots) < len(found) and len(points) < _MOST_TIMES * starts:
            wider = self._points(initial, 2 * len(points))
            more, rest = self._found(wider[len(points) :], tail)
            points, found, left = wider, np.vstack([found, more]), np.append(left, rest)
            roots, steps, rare = self._distinct(found, left, initial, half, tail)
        small = self._small(roots, steps, initial)
        if small.any():
            # What is there is too small for starts from all over the region to fall between.
            size = np.abs(np.vstack([*roots, initial])).max(axis=0)
            half = np.where(small, 2.0 * size, half)
            low, high = np.where(small, np.clip([-half, half], *self._box.T), self._box.T)
            more, rest = self._found(self._spread(low, high, starts), tail)
            found, left = np.vstack([found, more]), np.append(left, rest)
            roots, *_ = self._distinct(found, left, initial, half, tail)
            roots = [_polished(system, root, self._half, tail) for root in roots]
        for root in roots:
            root[np.abs(root) <= _EPSILON * half] = 0.0
        # Rounded, so that the last bits of an equal component do not decide the order.
        roots.sort(key=lambda y: tuple(np.round(y / half, 7)))
        points = np.hstack([points, np.tile(tail, (len(points), 1))])
        looked = (*(np.append(y, tail) for y in roots), *points)
        return roots, not all(_singular(system, x) for x in looked)

    def _found(self, points: Array, tail: list[float]) -> tuple[Array, Array]:
        """Return what Newton's method finds where it is kept, and its next step's length there."""
        starts = np.hstack([points, np.tile(tail, (len(points), 1))])
        found, left = self._system.kernel.search(starts, self._half, self._leash)
        found = found[:, : self._system.n]
        found[np.abs(found) <= _EPSILON * _FINEST * self._half] = 0.0
        inside = ((found >= self._low) & (found <= self._high)).all(axis=1)
        return found[inside], left[inside]

    def _distinct(
        self, found: Array, left: Array, initial: Array, half: Array, tail: list[float]
    ) -> tuple[list[Array], list[float], bool]:
        """Return each root once, the next step's length at each, and if one was seldom found."""
        # As fine as the states are small, but no finer than Newton's method is.
        size = np.abs(np.vstack([found, initial])).max(axis=0)
        near = np.clip(_SAME * size, _FINEST * half, _SAME * half)
        roots: list[Array] = []
        steps: list[float] = []
        rare = False
        while len(found):
            roots.append(found[0].copy())
            steps.append(float(left[0]))
            others = (np.abs(found - found[0]) > near).any(axis=1)
            rare = rare or len(found) - int(others.sum()) < _OFTEN
            found, left = found[others], left[others]
        # What has settled to rounding creeps nowhere.
        settled = min(_SINGULAR * _EPSILON, float((near / self._half).min()) / _CREEP)
        if max(steps, default=0.0) > settled:
            roots = self._merged(roots, near, tail)
        return roots, steps, rare

    def _small(self, roots: list[Array], steps: list[float], initial: Array) -> NDArray[np.bool_]:
        """Return which states are small beside the region wherever something rests."""
        longest = max(steps, default=0.0) * self._half.max()
        # The size of a root that Newton's method creeps to says nothing.
        if not roots or longest > _SAME * max(float(np.abs(root).max()) for root in roots):
            return np.zeros(self._system.n, dtype=bool)
        size = np.abs(np.vstack([*roots, initial])).max(axis=0)
        return np.asarray((size > 0.0) & (size < _SMALL * self._half))

    def conserved(self) -> Sums:
        """Return the sums of states that never change, as far as they are linear."""
        system = self._system
        initial = np.asarray(system.compiled.initial(system.p), dtype=float)
        return conserved_sums(system, list(self._points(initial, _PLACES)))

    def _merged(self, roots: list[Array], near: Array, tail: list[float]) -> list[Array]:
        """Return roots with those taken together that creep towards the same one.

        At a root of multiplicity m Newton's steps shrink by 1 - 1/m only, and the iteration
        stops where rounding hides the rest of the way, somewhere else from each start. Steps
        m times as long go there at once; what they leave is at most a few steps.
        """
        system = self._system
        merged: list[tuple[Array, Array]] = []
        for root in roots:
            y, step = root, _newton_step(system, root, tail)
            # A line of equilibria has no step at all, and each of its points is kept.
            if step is not None and (np.abs(step) > _SINGULAR * _EPSILON * self._half).any():
                y, step = _hurried(system, y, step, tail)
            size = near
            creeps = step is not None and ((_CREEP * np.abs(step) > near).any())
            if creeps or y is not root:
                size = np.maximum(near, 0.0 if step is None else _CREEP * np.abs(step))
            for k, (other, spread) in enumerate(merged):
                # Roots that were left as they were are apart already.
                if size is near and spread is near:
                    continue
                if (np.abs(y - other) <= np.maximum(size, spread)).all():
                    if (size < spread).any():
                        merged[k] = y, size
                    break
            else:
                merged.append((y, size))
        return [y for y, _ in merged]

    def _points(self, initial: Array, starts: int) -> Array:
        """Return the initial value and points spread over the region, (starts, n_state).

        Where nothing says how large a state may be, every other point lies near its initial value.
        """
        low, high = self._box.T
        points = self._spread(low, high, starts - 1)
        near = initial + (points - initial) * _NEAR
        points[1::2] = np.where(self._free, near[1::2], points[1::2])
        return np.vstack([initial, points])

    def _spread(self, low: Array, high: Array, starts: int) -> Array:
        """Return points spread evenly over a region, (starts, n_state).

        A Kronecker sequence with the powers of the generalised golden ratio: Roberts (2018),
        The unreasonable effectiveness of quasirandom sequences.
        """
        ratio = 1.5
        for _ in range(50):
            ratio = (1.0 + ratio) ** (1.0 / (len(low) + 1))
        steps = ratio ** -np.arange(1.0, len(low) + 1.0)
        unit = (self._shift + np.outer(np.arange(starts), steps)) % 1.0
        return np.asarray(low + unit * (high - low))


@np.errstate(all="ignore")
def _newton_step(system: System, y: Array, tail: list[float]) -> Array | None:
    """Return a Newton step at `y`, or None if there is none."""
    x = np.append(y, tail)
    try:
        step = np.linalg.solve(system.jac(x), -system.rhs(x))
    except np.linalg.LinAlgError:
        return None
    return np.asarray(step, dtype=float) if np.isfinite(step).all() else None


def _polished(system: System, y: Array, half: Array, tail: list[float]) -> Array:
    """Return a root beside `y` to its own last digits: the search stops at those of the region."""
    step = _newton_step(system, y, tail)
    while step is not None:
        nearer = y + step
        last, step = float(np.abs(step / half).max()), _newton_step(system, nearer, tail)
        if step is None or not float(np.abs(step / half).max()) < _FASTER * last:
            break
        y = nearer
    return y


def _hurried(
    system: System, y: Array, step: Array, tail: list[float]
) -> tuple[Array, Array | None]:
    """Go on from `y` by steps some times as long while that shortens them: a multiple root."""
    for _ in range(20):
        best = None
        for times in (2.0, 3.0, 5.0, 7.0):
            there = y + times * step
            after = _newton_step(system, there, tail)
            if after is None:
                return there, None
            length = float(np.abs(after).max())
            if length < 0.5 * np.abs(step).max() and (best is None or length < best[0]):
                best = length, there, after
        if best is None:
            break
        _, y, step = best
    return y, step


@np.errstate(all="ignore")
def _singular(system: System, y: Array) -> bool:
    """Return whether the Jacobian is singular to rounding, or has no value."""
    jac = system.jac(y)  # of states, then the free parameter if there is one
    if not np.isfinite(jac).all():
        return True
    # Rows, then columns, of length 1: equations and states may be of any size.
    for axis in (1, 0):
        length = np.linalg.norm(jac, axis=axis, keepdims=True)
        jac = jac / np.where(length > 0.0, length, 1.0)
    sizes = np.linalg.svd(jac, compute_uv=False)
    return bool(sizes[-1] <= _SINGULAR * len(sizes) * _EPSILON * sizes[0])


def _described(system: System, y: Array) -> Equilibrium:
    """Return the equilibrium at `y` with its eigenvalues and kind."""
    eigenvalues = ordered_eigenvalues(system.jac(y))
    params, inputs = system.names()
    tolerance = undecided(eigenvalues)
    return Equilibrium(
        state=dict(zip(system.model.states, y.tolist(), strict=True)),
        y=y,
        eigenvalues=eigenvalues,
        kind=kind_of(eigenvalues),
        stable=bool(np.all(eigenvalues.real < -tolerance)),
        n_unstable=int(np.sum(eigenvalues.real > tolerance)),
        residual=float(np.abs(system.rhs(y)).max()),
        params=params,
        inputs=inputs,
    )


def ordered_eigenvalues(jac: Array) -> NDArray[np.complex128]:
    """Return the eigenvalues of a matrix, the largest real part first."""
    values = np.linalg.eigvals(jac).astype(complex)
    return np.asarray(values[np.lexsort((-values.imag, -values.real))])


def undecided(eigenvalues: NDArray[np.complex128]) -> float:
    """Return the real part below which rounding decides an eigenvalue's sign."""
    return 64.0 * len(eigenvalues) * _EPSILON * float(np.abs(eigenvalues).max())


def kind_of(eigenvalues: NDArray[np.complex128]) -> str:
    """Name an equilibrium by the eigenvalues of its Jacobian.

    "stable node" or "stable focus", "unstable node" or "unstable focus" where all
    eigenvalues lie on one side of the imaginary axis; it is a focus if the one nearest to
    the axis is complex. "saddle" where both sides are taken, "saddle-focus" if an unstable
    one is complex. "centre" and "degenerate" where some lie on the axis and none to the
    right of it: as pairs, or at zero. Then the linear part does not decide.
    """
    tolerance = undecided(eigenvalues)
    unstable = eigenvalues[eigenvalues.real > tolerance]
    stable = eigenvalues[eigenvalues.real < -tolerance]
    neutral = len(eigenvalues) - len(unstable) - len(stable)
    if neutral and not len(unstable):
        on_axis = eigenvalues[np.abs(eigenvalues.real) <= tolerance]
        return "centre" if np.all(np.abs(on_axis.imag) > tolerance) else "degenerate"
    if len(unstable) and (len(stable) or neutral):
        return "saddle-focus" if np.any(np.abs(unstable.imag) > tolerance) else "saddle"
    nearest = eigenvalues[np.argmin(np.abs(eigenvalues.real))]
    shape = "focus" if abs(nearest.imag) > tolerance else "node"
    return f"{'unstable' if len(unstable) else 'stable'} {shape}"


def _model(model: object, call: str) -> Model:
    if not isinstance(model, Model):
        raise ModelError(f"{call}: expected a Model, got {model!r:.60} ({type(model).__name__})")
    return model


def whole(call: str, name: str, value: object, smallest: int) -> int:
    """Return a whole number, or raise."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < smallest:
        raise OptionError(
            f"{call}: {name}={value!r:.60}; it must be a whole number, at least {smallest}"
        )
    return int(value)


def _regions(
    system: System, region: Mapping[Any, Any] | None, initial: Array
) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Return where to start and what to keep, (n_state, 2), and which states nothing limits."""
    model = system.model
    given = model.known(region, "state", model.states)
    box, kept = np.empty((system.n, 2)), np.empty((system.n, 2))
    free = np.zeros(system.n, dtype=bool)
    for i, name in enumerate(model.states):
        width = _REACH * max(1.0, abs(initial[i]))
        box[i] = initial[i] - width, initial[i] + width
        kept[i] = -np.inf, np.inf
        pair = given.get(name, model.bounds.get(name))
        if pair is None:
            free[i] = True
            continue
        try:
            low, high = (float(edge) for edge in pair)
        except (TypeError, ValueError):
            raise ModelError(
                f"{system.where}: region of {name} must be a pair of numbers, got {pair!r:.60}"
            ) from None
        if not low < high:
            raise ModelError(f"{system.where}: region of {name}: {low:g} is not below {high:g}")
        kept[i] = low, high
        box[i] = _finite_box(low, high, box[i])
    return box, kept, free


def _finite_box(low: float, high: float, around: Array) -> tuple[float, float]:
    """Return a region with its infinite ends replaced by those of a finite one."""
    width = float(around[1] - around[0])
    if np.isfinite(low):
        return low, high if np.isfinite(high) else max(low, float(around[0])) + width
    if np.isfinite(high):
        return min(high, float(around[1])) - width, high
    return float(around[0]), float(around[1])
