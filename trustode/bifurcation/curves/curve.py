"""Follow a curve of bifurcations in two parameters.

The kind of the start decides which follower does it: `FOLLOWERS`. Imports the rest of this
folder.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...errors import ModelError, OptionError, SolveError, Status, checks_keywords, listed, nearest
from ...model import Model
from ..arclength import ArcLength
from ..periodic.connections import CONNECTIONS, follow_connections
from ..periodic.curves import KINDS, follow
from ..system import Array, System
from .augmented import Augmented, BranchPoints, Folds, Hopfs
from .beside import beside
from .bifurcation_curve import NAMES, SINGULAR, BifurcationCurve
from .codim2 import WATCHES, Locator, Special2
from .plane import check_number, check_pair, check_spans
from .second_order import SecondOrder
from .tracing import Point, Stretch, Tracer

_DEFAULT_STEPPER = ArcLength()
#: For curves of cycles, whose lengths also hold the change of a vector along the orbit.
STEPPER_OF_CYCLES = ArcLength(ds=0.02, ds_max=0.1)
#: An unfolding above this share of the Jacobian means that branches no longer cross.
_IMPERFECT = 1e-7
_ROUNDING = 1e-15
#: How far beside a point its speed is looked at, too, as a share of the spans.
_BESIDE = 1e-3
#: A double zero eigenvalue is this much of the Jacobian to rounding.
_DOUBLE = 1e-7


@dataclass(frozen=True)
class Request:
    """What `curve` was asked, checked.

    Attributes
    ----------
    model : Model
    parameters : pair of str
    start : mapping of str to object
        What is known of the start, by name: the kind, states, parameters, omega, ...
    met : object
        The kind that the start's own row gives: also that of a point where curves meet.
    spans : ndarray, shape (2, 2)
    params, inputs : dict of str to float
        Values that differ from the model's defaults, those of the start included.
    stepper : ArcLength
    """

    model: Model
    parameters: tuple[str, str]
    start: Mapping[str, Any]
    met: Any
    spans: Array
    params: dict[str, Any]
    inputs: dict[str, Any]
    stepper: ArcLength

    @property
    def where(self) -> str:
        """The call, for messages."""
        return f"curve({self.model.name})"


@checks_keywords
def curve(
    model: Model,
    parameters: tuple[Any, Any],
    *,
    start: Any,
    span: Mapping[Any, tuple[float, float]],
    kind: str | None = None,
    params: Mapping[Any, float] | None = None,
    inputs: Mapping[Any, float] | None = None,
    stepper: ArcLength = _DEFAULT_STEPPER,
) -> BifurcationCurve:
    """Follow a bifurcation through two parameters by pseudo-arclength, in both directions.

    Parameters
    ----------
    model : Model
        Autonomous: its equations do not hold ``t``.
    parameters : pair of str or Symbol
        The parameters, or inputs, to vary.
    start : row of a table of special points, or mapping
        A row of `Branch.special`, or of another table with its columns: the kind ("fold",
        "hopf", "branch_point"), the states, and one parameter or both; or a row of
        `Cycles.special` ("fold_of_cycles", "period_doubling", "torus", "homoclinic",
        "heteroclinic"). It brings the values
        that were held where it was found; a parameter that neither it nor `params` gives has
        its value in the model.
    span : mapping of parameter to pair of float
        Ends of both parameters; also their units of length, see `ArcLength`.
    kind : str, optional
        What to follow, if it is not the kind of the start: where curves meet, as at a
        Bogdanov-Takens point, the start is of a kind of its own. From a Bautin point also
        "fold_of_cycles", from zero-Hopf and double Hopf points "torus", from a Bogdanov-Takens
        point "homoclinic".
    params, inputs : mapping of name to float, optional
        Values that differ from the model's defaults, or from those that the start brings.
    stepper : ArcLength
        Step lengths, and how many; by default longer ones for curves of cycles.

    Returns
    -------
    BifurcationCurve
        In order from one end to the other; the start lies inside.

    Raises
    ------
    ModelError
        For an unknown name or kind, a value that is not allowed, or a start outside the span.
    OptionError
        If `stepper` is not an `ArcLength`.
    SolveError
        If there is no bifurcation of this kind near the start, or if it is no curve: a branch
        point that unfolds as soon as the second parameter moves.

    Notes
    -----
    A curve of Hopf points ends at a Bogdanov-Takens point; beyond it two real eigenvalues are
    opposite (neutral saddles), which is no bifurcation of the equilibrium.

    Curves of cycles that begin where Hopf curves meet something are started beside it: the cycle
    that is born a little off that point is followed to what is looked for. A connection is
    followed as a periodic orbit whose period, times the slowest rate of its saddles, stays above
    26; the column error estimates, from a longer period, how far the parameters are off, as a
    share of their spans.

    References
    ----------
    Kuznetsov (2004), Elements of Applied Bifurcation Theory, 3rd ed., chapters 8 and 10;
    Govaerts (2000), Numerical Methods for Bifurcations of Dynamical Equilibria.
    """
    request = _request(model, parameters, start, span, kind, params, inputs, stepper)
    return FOLLOWERS[request.start["kind"]](request)


# ---------------------------------------------------------------------- followers


def _of_equilibria(equations_of: type[Augmented]) -> Callable[[Request], BifurcationCurve]:
    """Return what follows a kind of bifurcation of equilibria."""

    def follow(request: Request) -> BifurcationCurve:
        functions = SecondOrder(
            request.model, request.params, request.inputs, "curve", request.parameters
        )
        equations = equations_of(functions)
        hopf = equations_of is Hopfs
        tracer = Tracer(
            equations,
            request.stepper,
            request.spans,
            (lambda z: float(z[-1])) if hopf else None,
            "a Bogdanov-Takens point, beyond which the saddle is neutral" if hopf else "",
        )
        first = _start(request, tracer)
        forward, backward = tracer.both(first)
        if equations_of is BranchPoints:
            _check_unfolding(request, forward, backward)
        locator = Locator(tracer, WATCHES[equations_of](equations))
        return _assembled(request, functions, locator, forward, backward)

    return follow


#: Kinds of curves that begin where curves of Hopf points meet something.
_BORN = ("fold_of_cycles", "torus", "homoclinic", "heteroclinic")


def _of_cycles(request: Request) -> BifurcationCurve:
    """Follow a kind of bifurcation of periodic orbits, or of connections."""
    system = System(request.model, request.params, request.inputs, "curve")
    start = request.start
    if "orbit" not in start and start["kind"] in _BORN:
        params, inputs = (
            {key: value for key, value in each.items() if key not in request.parameters}
            for each in (request.params, request.inputs)
        )
        start = beside(
            start["kind"],
            request.model,
            request.parameters,
            FOLLOWERS["hopf"](
                replace(request, start={**start, "kind": "hopf"}, stepper=_DEFAULT_STEPPER)
            ),
            request.spans,
            params,
            inputs,
            request.where,
        )
    following = follow_connections if start["kind"] in CONNECTIONS else follow
    return following(
        request.model,
        request.parameters,
        start,
        request.spans,
        system.p,
        system.u,
        STEPPER_OF_CYCLES if request.stepper is _DEFAULT_STEPPER else request.stepper,
        request.where,
    )


#: Kind of the start: what follows it. Each takes a `Request` and returns a curve.
FOLLOWERS: dict[str, Callable[[Request], BifurcationCurve]] = {
    "fold": _of_equilibria(Folds),
    "hopf": _of_equilibria(Hopfs),
    "branch_point": _of_equilibria(BranchPoints),
    **dict.fromkeys((*KINDS, *CONNECTIONS), _of_cycles),
}


#: Kinds of points on curves: the curves that run through each.
MEETING = {
    "cusp": ("fold",),
    "bautin": ("hopf",),
    "bogdanov_takens": ("fold", "hopf"),
    "zero_hopf": ("fold", "hopf"),
    "hopf_hopf": ("hopf",),
}


def _start(request: Request, tracer: Tracer) -> Point:
    """Return the bifurcation next to the start."""
    equations = tracer.equations
    functions, n = equations.functions, equations.n
    row, where = request.start, request.where
    shown = ", ".join(f"{name} = {row[name]:.6g}" for name in request.parameters)
    if equations.kind == "hopf" and n < 2:
        raise ModelError(f"{where}: start is a Hopf point, but the model has one state only")
    x = np.array([row[name] for name in (*request.model.states, *request.parameters)])
    full = functions.full(x)
    if not np.isfinite(full).all():
        raise SolveError(f"{where}: the Jacobian is not finite at {shown}", Status.NONFINITE)
    jac = full[:, :n]
    # Where the Jacobian of one state vanishes, that beside the point tells how fast it is.
    aside = np.zeros((3, n + 2))
    aside[1, n], aside[2, n + 1] = _BESIDE * np.ptp(request.spans, axis=1)
    rates = [_rate(functions.full(x + step)[:, :n]) for step in aside]
    rate = max(rates) or float(np.abs(full).max()) or 1.0
    z = np.append(x, equations.extras(x, jac, float(row.get("omega", math.nan))))
    hold = n + 1
    if equations.kind == "hopf" and request.met == "bogdanov_takens":
        # Just there, and not beside it on the side of neutral saddles.
        z[-1], hold = 0.0, n + 2
    point = tracer.start(z, rate, hold)
    near = point is not None and float(np.abs((point.z - z) / point.frame.scale)[:-1].max()) < 0.1
    if point is None or not near or (equations.kind == "hopf" and point.z[-1] < -1e-12 * rate**2):
        name = SINGULAR[equations.kind]
        raise SolveError(
            f"{where}: found no {name} that can be followed near {shown}. Start from a row of the "
            "special points of a branch, with the params= of that branch",
            Status.MAX_STEPS,
        )
    return point


def _rate(jac: Array) -> float:
    """Return how fast the model is, whatever the units of its states; 0 if nothing tells.

    Eigenvalues may all vanish, as at a Bogdanov-Takens point of two states; the loops of one or
    two states do not.
    """
    if not np.isfinite(jac).all():
        return 0.0
    fastest = float(np.abs(np.linalg.eigvals(jac)).max())
    loops = float(np.sqrt(np.abs(jac * jac.T)).max())
    rate = max(fastest, loops)
    return 0.0 if rate <= _DOUBLE * float(np.abs(jac).max()) else rate


def _check_unfolding(request: Request, forward: Stretch, backward: Stretch) -> None:
    for stretch in (forward, backward):
        for point in stretch.points:
            if abs(point.z[-1]) > _IMPERFECT * point.frame.scale[-1]:
                first, second = request.parameters
                raise SolveError(
                    f"{request.where}: the branch point at {first} = {request.start[first]:.6g} "
                    f"does not persist: as {second} changes, the branches no longer cross. Follow "
                    "the folds on either side of it, which `tr.continuation` finds at another "
                    f"value of {second}",
                    Status.SINGULAR,
                )


# ---------------------------------------------------------------------- request


def _request(
    model: Any,
    parameters: Any,
    start: Any,
    span: Any,
    kind: Any,
    params: Mapping[Any, float] | None,
    inputs: Mapping[Any, float] | None,
    stepper: Any,
) -> Request:
    if not isinstance(model, Model):
        raise ModelError(f"curve: expected a Model, got {model!r:.60} ({type(model).__name__})")
    where = f"curve({model.name})"
    if not isinstance(stepper, ArcLength):
        raise OptionError(
            f"{where}: stepper={stepper!r:.60} is not an ArcLength; write "
            "stepper=tr.ArcLength(ds=..., ds_max=...)"
        )
    pair = check_pair(model, parameters, where)
    row = _row(start, where)
    met = row.get("kind")
    row["kind"] = _kind(met, kind, where, has_orbit="orbit" in row)
    held = getattr(start, "attrs", {})
    given = dict(model.known(params, "parameter", model.params))
    constant = dict(model.known(inputs, "input", model.inputs))
    params_held = {**_known(held.get("params"), model.params), **given}
    inputs_held = {**_known(held.get("inputs"), model.inputs), **constant}
    defaults = {**model.defaults, **model.input_defaults, **params_held, **inputs_held}
    # What the row says of its own parameters goes before everything else.
    for name in (*model.params, *model.inputs):
        if name in row:
            (params_held if name in model.params else inputs_held)[name] = row[name]
    states = () if "orbit" in row else model.states
    missing = [name for name in states if name not in row]
    if missing:
        raise ModelError(f"{where}: start gives no value of {listed(missing, 20)}")
    for name in pair:
        row.setdefault(name, defaults[name])
    for name in (*states, *pair):
        row[name] = check_number(row[name], f"{where}: start: {name}")
    spans = check_spans(pair, span, where)
    for name, (low, high) in zip(pair, spans, strict=True):
        if not low <= row[name] <= high:
            raise ModelError(
                f"{where}: start has {name} = {row[name]:g}, outside its span ({low:g}, {high:g})"
            )
    return Request(model, pair, row, met, spans, params_held, inputs_held, stepper)


def _known(held: Any, names: tuple[str, ...]) -> dict[str, float]:
    return {key: value for key, value in (held or {}).items() if key in names}


def _row(start: Any, where: str) -> dict[str, Any]:
    if not hasattr(start, "items") or getattr(start, "ndim", 1) != 1:
        raise ModelError(
            f"{where}: start={start!r:.60}; give one row of a table of special points, as in "
            "branch.special.query(\"kind == 'hopf'\").iloc[0]"
        )
    return {str(getattr(key, "name", key)): value for key, value in start.items()}


def _kind(of_start: Any, asked: Any, where: str, *, has_orbit: bool) -> str:
    kind = of_start if asked is None else asked
    if has_orbit and kind == "branch_point":
        raise ModelError(
            f"{where}: a branch point of cycles persists in two parameters only where a symmetry "
            "keeps it, and is not followed. Follow the folds beside it"
        )
    if kind in FOLLOWERS:
        return str(kind)
    known = ", ".join(FOLLOWERS)
    if asked is not None:
        hint = nearest(str(asked), FOLLOWERS) or "."
        raise ModelError(f"{where}: kind={asked!r:.40}{hint} The kinds are: {known}")
    if of_start in MEETING:
        curves = MEETING[of_start]
        if len(curves) == 1:
            return curves[0]
        choices = " or ".join(f'kind="{each}"' for each in curves)
        raise ModelError(
            f"{where}: several curves run through a {NAMES[of_start]}; say which to follow: "
            f"{choices}"
        )
    hint = nearest(str(of_start), FOLLOWERS) or "."
    raise ModelError(
        f"{where}: start is of the kind {of_start!r:.40}, which cannot be followed{hint} "
        f"The kinds are: {known}"
    )


# ---------------------------------------------------------------------- result


def _assembled(
    request: Request,
    functions: SecondOrder,
    locator: Locator,
    forward: Stretch,
    backward: Stretch,
) -> BifurcationCurve:
    """Join the two stretches into one curve."""
    import pandas as pd

    model, (first, second), n = request.model, request.parameters, functions.n
    ahead = [locator.read(point) for point in forward.points]
    behind = [ahead[0], *(locator.read(point) for point in backward.points[1:])]
    found_behind = locator.along(backward, behind, None)
    found_ahead = locator.along(forward, ahead, behind[1] if len(behind) > 1 else None)
    points = [*backward.points[:0:-1], *forward.points]
    readings = [*behind[:0:-1], *ahead]
    start = len(backward.points) - 1
    z = np.array([point.z for point in points])
    z[np.abs(z) <= _ROUNDING * points[0].frame.scale] = 0.0
    columns: dict[str, Any] = {"step": np.arange(len(z)), first: z[:, n], second: z[:, n + 1]}
    columns |= {name: z[:, k] for k, name in enumerate(model.states)}
    columns["n_unstable"] = [reading.count for reading in readings]
    if request.start["kind"] == "hopf":
        omega = np.array([reading.omega for reading in readings])
        with np.errstate(divide="ignore"):
            columns |= {"omega": omega, "period": 2.0 * math.pi / omega}
    if request.start["kind"] != "branch_point":
        columns["coefficient"] = [reading.coefficient for reading in readings]
    located = [
        *((start - 1 - k, each) for k, each in reversed(found_behind)),
        *((start + k, each) for k, each in found_ahead),
    ]
    special = _table(request, _distinct(located, functions))
    held_params, held_inputs = functions.system.names()
    for name in request.parameters:
        held_params.pop(name, None)
        held_inputs.pop(name, None)
    special.attrs = {"params": held_params, "inputs": held_inputs}
    return BifurcationCurve(
        model,
        request.start["kind"],
        request.parameters,
        pd.DataFrame(columns),
        special,
        (backward.end, forward.end),
        start,
        forward.closed,
        held_params,
        held_inputs,
    )


def _table(request: Request, located: list[tuple[int, Special2]]) -> Any:
    import pandas as pd

    model, n = request.model, len(request.model.states)
    columns = ["kind", *request.parameters, *model.states]
    rows = [
        [
            *(each.kind, *each.z[n : n + 2], *each.z[:n]),
            *(each.omega, 2.0 * math.pi / each.omega, each.other_omega, each.coefficients),
            *(each.converged, (before, before + 1)),
        ]
        for before, each in located
    ]
    added = ["omega", "period", "other_omega", "coefficients", "converged", "bracket"]
    return pd.DataFrame(rows, columns=[*columns, *added])


def _distinct(
    located: list[tuple[int, Special2]], functions: SecondOrder
) -> list[tuple[int, Special2]]:
    """Leave out a point that the curve comes through a second time."""
    kept: list[tuple[int, Special2]] = []
    size = functions.n + 2
    for step, each in located:
        x = each.z[:size]
        again = any(
            each.kind == other.kind
            and np.allclose(x, other.z[:size], rtol=1e-7, atol=1e-9 * (1.0 + np.abs(x).max()))
            for _, other in kept
        )
        if not again:
            kept.append((step, each))
    return kept
