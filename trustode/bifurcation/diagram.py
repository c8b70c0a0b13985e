"""The whole diagram of one parameter from one call.

Imports the searches and continuations of this folder.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..errors import ModelError, OptionError, SolveError, Status, checks_keywords
from ..journal import Journal
from ..model import Model
from ..progress import Progress, track
from .arclength import ArcLength
from .branch import Branch
from .continuation import assembled, free_name, span_of
from .equilibria import whole
from .families import MOST_FAMILIES, Families
from .kept import opened
from .periodic.settling import beside
from .portrait import Diagram, Member, extent_of, gathered
from .reach import Reach
from .scouts import swinging
from .search import Search
from .system import Array, System, newton

_DEFAULT_STEPPER = ArcLength()
#: Where inside the span equilibria are looked for, as shares of it: no round numbers, as on
#: those something may happen.
_INSIDE = (0.3819660112501051, 0.7639320225002103, 0.1458980337503154)
#: At how many values of the parameter trajectories may fail to settle, and how many begin at each;
#: and at how many where no cycle doubles: behind doublings there are windows of every period.
_FAILURES, _MOST_STARTS, _UNDOUBLED = 2, 4, 3
#: An initial state this near to an equilibrium, in the states' extents, is at rest.
_AT_REST = 1e-3
#: Starting points of the search at each end of the span, and at each value inside it.
_AT_ENDS, _AT_OTHERS = 128, 64


@checks_keywords
def diagram(
    model: Model,
    parameter: str,
    span: tuple[float, float],
    *,
    params: Mapping[Any, float] | None = None,
    inputs: Mapping[Any, float] | None = None,
    region: Mapping[Any, tuple[float, float]] | None = None,
    stepper: ArcLength = _DEFAULT_STEPPER,
    cycles: bool = True,
    seed: int = 0,
    checkpoint: str | os.PathLike[str] | None = None,
    progress: Progress = None,
) -> Diagram:
    """Find every branch of a model along one parameter, and all special points on the way.

    Equilibria are looked for at several values of the parameter, the ends of the span among
    them. Each branch is followed in both directions, and at each branch point the branches
    that cross it are followed too; from each Hopf point the family of periodic orbits is, and
    those that leave it where a period doubles or families cross. Where no equilibrium and no
    cycle found so far is stable, a trajectory is followed to the cycle that it settles on, if it
    does; elsewhere a few trajectories tell whether a cycle coexists with what is stable. A branch
    that is found twice is one branch.

    Parameters
    ----------
    model : Model
        Autonomous: its equations do not hold ``t``.
    parameter : str or Symbol
        The parameter, or input, to vary.
    span : pair of float
        Ends of the parameter.
    params, inputs : mapping of name to float, optional
        Values that differ from the model's defaults.
    region : mapping of state to pair of float, optional
        Where equilibria are looked for, see `equilibria`; a branch may leave it.
    stepper : ArcLength
        Step lengths along equilibria, and how many.
    cycles : bool
        Whether to follow periodic orbits, and what branches off them.
    seed : int
        Seed of the search for equilibria.
    checkpoint : path, optional
        File that keeps each branch and family once it is finished. The same call, given again
        after an interruption, goes on from there and gives the same diagram; another call
        refuses the file.
    progress : bool, callable or None
        True shows a bar; None does so on a terminal or in a notebook, after a second; a
        callable gets ``(done, total)``. Families of cycles are not known beforehand: the total
        counts as many as there may be.

    Returns
    -------
    Diagram
        Its branches, its special points in one table, and `Diagram.summary`.

    Raises
    ------
    ModelError
        For an unknown name, a value that is not allowed, or a model that depends on time.
    OptionError
        If `stepper` is not an `ArcLength`, `cycles` no truth value, the seed not a whole
        number, or `checkpoint` not the path of a file.
    DataError
        If the checkpoint belongs to another call.
    FileError
        If the checkpoint cannot be read or written.
    SolveError
        If the model has no isolated equilibria.

    Notes
    -----
    Directions at a branch point come from the algebraic branching equation, so that no
    amplitude has to be given: see `Diagram.special` for the normal form's coefficient. What
    neither the search nor a branch leads to is not found: an isolated closed branch between
    the values that were looked at may be missed, and so may an unstable family, or a stable one
    that no trajectory from around the equilibria goes to; other values of `seed` look elsewhere. A
    period is doubled once on the way along a cascade; a family has at most 1000 orbits and 30
    special points to a side, one that branches off 300 orbits, and fewer where each has more than
    150 mesh intervals; and next to a homoclinic orbit, where families branch off without end, long
    orbits are left alone. What is born at Hopf points comes first, then what branches off from
    there, and so on; twenty families at most branch off what was found, and fewer where each takes
    long, which `Diagram.failed` says. `cycles` goes on from the rows of `Diagram.special`.
    """
    if not isinstance(model, Model):
        raise ModelError(f"diagram: expected a Model, got {model!r:.60} ({type(model).__name__})")
    if not isinstance(stepper, ArcLength):
        raise OptionError(
            f"diagram({model.name}): stepper={stepper!r:.60} is not an ArcLength; "
            "write stepper=tr.ArcLength(ds=..., ds_max=...)"
        )
    if not isinstance(cycles, bool):
        raise OptionError(f"diagram({model.name}): cycles={cycles!r:.60} must be True or False")
    if checkpoint is not None and not isinstance(checkpoint, str | os.PathLike):
        raise OptionError(
            f"diagram({model.name}): checkpoint={checkpoint!r:.60} is not the path of a file"
        )
    name = free_name(model, parameter, "diagram")
    system = System(model, params, inputs, "diagram", name)
    low, high = span_of(system, span)
    held_params, held_inputs = system.names()
    search = Search(system, region, whole("diagram", "seed", seed, 0))
    told = {
        "parameter": f"{name} from {low!r} to {high!r}",
        "region": repr(search.searched()),
        "cycles": str(cycles),
        "seed": str(seed),
    }
    with opened(checkpoint, "diagram", model, held_params, held_inputs, stepper, told) as journal:
        return drawn(system, (low, high), search, stepper, cycles, journal, progress)


def drawn(
    system: System,
    span: tuple[float, float],
    search: Search,
    stepper: ArcLength,
    cycles: bool,
    journal: Journal,
    progress: Progress,
) -> Diagram:
    """Return the diagram of a system along its free parameter; see `diagram`."""
    model, name = system.model, str(system.free)
    low, high = span
    own = system.value
    held_params, held_inputs = system.names()
    inside = [low + share * (high - low) for share in _INSIDE]
    values = [low, high, *inside, *([own] if low < own < high else [])]
    found: list[Array] = []
    isolated = False
    for value in values:
        roots, regular, *_ = search(_AT_ENDS if value in (low, high) else _AT_OTHERS, value)
        isolated = isolated or regular
        if regular:  # where nothing is isolated, a root is one of a line of them
            found += [np.append(y, value) for y in roots]
    if not isolated:
        raise SolveError(
            f"{system.where}: found no isolated equilibria. {search.conserved().told()}",
            Status.SINGULAR,
        )
    reach = Reach(system, stepper, low, high, journal)
    total = len(found) + (MOST_FAMILIES if cycles else 0)
    with track(total, progress, f"diagram({model.name})") as advance:
        for x in found:
            reach.start(x)
            advance(1)
        if found and not reach.tracks:
            place = ", ".join(
                f"{state} = {value:.4g}"
                for state, value in zip(model.states, found[0].tolist(), strict=False)
            )
            raise SolveError(
                f"{system.where}: found equilibria, as at {place}, but none that can be "
                f"followed: {_why_not(system, search, found)}",
                Status.SINGULAR,
            )
        held_params.pop(name, None)
        held_inputs.pop(name, None)
        branches: list[Member] = [
            assembled(system, each.forward, each.backward, dict(held_params), dict(held_inputs))
            for each in reach.tracks
        ]
        branches.sort(key=_place)
        special = gathered(branches, name, model.states, high - low)
        families = Families(model, name, span, held_params, held_inputs, journal, advance)
        if cycles:
            for _, row in special[special["kind"] == "hopf"].iterrows():
                families.from_hopf(row)
            families.branch_off()

        def portrait() -> Diagram:
            members = [*branches, *families.found]
            table = gathered(members, name, model.states, high - low) if families.found else special
            table.attrs = {"params": held_params, "inputs": held_inputs}
            return Diagram(
                model,
                name,
                span,
                tuple(members),
                table,
                held_params,
                held_inputs,
                tuple(families.failed),
            )

        if cycles and system.n > 1:
            made = _with_trajectories(system, families, portrait)
            made = _with_scouts(system, families, made, portrait)
        else:
            made = portrait()
        if cycles:
            advance(max(0, MOST_FAMILIES - len(families.found)))
    return made


def _why_not(system: System, search: Search, found: list[Array]) -> str:
    """Say why no branch begins at any of some equilibria, and what to do."""
    if not any(np.isfinite(system.jac(x)).all() for x in found):
        return (
            "the equations have no derivative at any of them. Cycles can be followed without: give "
            "`cycles` a simulation that settles on one as its start"
        )
    sums = search.conserved()
    why = "A diagram follows isolated equilibria: fix what the model conserves"
    if sums.constant or sums.growing or sums.unread:
        why = sums.told()
    return f"the Jacobian is singular at all of them, as where they form lines. {why}"


def _with_trajectories(
    system: System, families: Families, portrait: Callable[[], Diagram]
) -> Diagram:
    """Return the diagram with the cycles that trajectories settle on, where nothing is stable."""
    made, tried = portrait(), set[float]()
    waiting = made.restless()
    while (value := next(waiting, None)) is not None:
        doubles = (made.special["kind"] == "period_doubling").any()
        if len(tried) >= (_FAILURES if doubles else _UNDOUBLED):
            break
        if value in tried:
            continue
        if families.from_trajectory(value, _starts(system, made, value)):
            made = portrait()
            waiting = made.restless()
        else:
            tried.add(value)
    return made


def _with_scouts(
    system: System, families: Families, made: Diagram, portrait: Callable[[], Diagram]
) -> Diagram:
    """Return the diagram with cycles beside what is stable, as far as trajectories lead there."""
    failures = 0
    for value, starts in swinging(system, made):
        if failures == _FAILURES:
            break
        if families.from_trajectory(value, starts):
            made = portrait()
        else:
            failures += 1
    return made


def _starts(system: System, made: Diagram, value: float) -> list[Array]:
    """Return where trajectories begin: the initial state, or beside what is unstable."""
    system.set(np.append(np.zeros(system.n), value))
    initial = np.array(system.compiled.initial(system.p), dtype=float)
    size = np.array([extent_of(made.branches, state) for state in system.model.states])
    starts = [initial] if newton(system, initial, size, _AT_REST) is None else []
    around = [beside(system, y, value, size) for y, _ in made.rests_at(value)]
    # A direction that turns leads to a cycle more often than one that does not.
    starts += [y for each in sorted(around, key=len) for y in each]
    return starts[:_MOST_STARTS]


def _place(branch: Any) -> tuple[float, ...]:
    """Return what branches are ordered by: where they begin."""
    assert isinstance(branch, Branch)
    names = [branch.parameter, *branch.model.states]
    return tuple(round(float(branch.columns[name][0]), 9) for name in names)
