"""Find the equilibria of a model and say what kind they are.

Imports the systems and the search of this folder.
"""

from __future__ import annotations

import numbers
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError, OptionError, checks_keywords, listed, nearest
from ..model import Model
from ..notebook import Shown
from .conserved import Sums
from .search import Search
from .system import Array, System

if TYPE_CHECKING:
    import pandas as pd

#: Equilibria that a repr lists.
_SHOWN = 20
#: Starting points at each of many points; where roots are rare the search adds more.
_STARTS_OF_MANY = 64
_EPSILON = float(np.finfo(float).eps)


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
        Starting points of the search, with those that it added where roots were rare. It is a
        search: an equilibrium with a small basin of Newton's method can be missed, and more
        `starts` then help.
    region : dict of str to pair of float
        Where the starting points lie, by state.
    isolated : bool
        False if the Jacobian is singular at every start and every equilibrium found, as with
        a conserved quantity: equilibria then form curves, of which a search can give no list.
    conserved : Sums
        Sums of states that never change; looked for where nothing is isolated.
    rare : bool
        Whether some were found so seldom, at the end, that there may be others.
    """

    model: Model
    found: tuple[Equilibrium, ...]
    starts: int
    region: dict[str, tuple[float, float]]
    isolated: bool
    conserved: Sums = field(default_factory=Sums)
    rare: bool = False

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
        if self.rare:
            lines.append("  some of them were seldom found: with more starts there may be others")
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
    roots = search(starts)
    found = tuple(_described(system, root) for root in roots.found)
    sums = Sums() if roots.isolated else search.conserved()
    return Equilibria(
        model, found, roots.starts, search.searched(), roots.isolated, sums, roots.rare
    )


def stable_equilibria(
    model: Model,
    columns: Mapping[str, Array],
    params: Mapping[str, float],
    inputs: Mapping[str, float],
    region: Mapping[Any, tuple[float, float]] | None,
    seed: int,
    where: str,
    advance: Callable[[int], object],
) -> Array:
    """Return the stable equilibria at each of many points.

    Parameters
    ----------
    model : Model
    columns : mapping of str to ndarray, shape (n_point,)
        Values of parameters and inputs that vary.
    params, inputs : mapping of str to float
        Those that differ from the model's defaults.
    region, seed
        As in `equilibria`.
    where : str
        The call, for messages.
    advance : callable
        Gets 1 when a point is finished.

    Returns
    -------
    ndarray, shape (n_point, n_most, n_state)
        NaN where a point has fewer than another one.
    """
    system = System(model, params, inputs, where)
    every: list[list[Array]] = []
    for values in zip(*columns.values(), strict=True):
        for name, value in zip(columns, values, strict=True):
            if name in model.params:
                system.p[model.params.index(name)] = value
            else:
                system.u[model.inputs.index(name)] = value
        roots = Search(system, region, seed)(_STARTS_OF_MANY).found
        every.append([y for y in roots if _described(system, y).stable])
        advance(1)
    made = np.full((len(every), max(map(len, every)), system.n), np.nan)
    for k, found in enumerate(every):
        made[k, : len(found)] = np.array(found).reshape(-1, system.n)
    return made


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
