"""Fuzz sensitivities: random models, each method against scipy on the variational equations.

    python tests/fuzz/sensitivities.py --models 300 --seed 0

A model has up to five states and fourteen parameters, an input that jumps, one that moves, and at
times an event that sets states. The variational equations are derived by sympy here and solved by
scipy; through events, where these do not hold, differences of solutions stand for them. Many
runs side by side have to give the bits of single ones.
"""

import argparse
import random
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import sympy
from scipy.integrate import solve_ivp

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from fuzz.core import expression  # noqa: E402

import trustode as tr  # noqa: E402

METHODS = ("auto", "taylor", "tsit5", "dop853", "rodas5p")
RTOL, ATOL = 1e-9, 1e-11
#: Beyond this errors grow on the way by more than is allowed here.
LARGEST = 1e3
#: Of the largest sensitivity to the same parameter.
ALLOWED = 1e-7
END, JUMP, KNOT = 2.0, 0.7, 1.1
STEP = 1e-4


@dataclass(frozen=True)
class Case:
    """A model, what it is solved with, and what it is differentiated by."""

    model: tr.Model
    inputs: dict[str, Any]
    vary: tuple[str, ...]
    events: tuple[tr.Event, ...] = ()

    def solved(self, method: str, vary: tuple[str, ...] = (), **changed: Any) -> Any:
        """Solve it with one method."""
        fine = {"rtol": 1e-12, "atol": 1e-14} if not vary else {"rtol": RTOL, "atol": ATOL}
        solver = tr.Solver(method, **fine, max_steps=20_000, time_limit=5.0)
        keywords = {"events": self.events} if self.events else {}
        return tr.simulate(
            self.model, TIMES, solver=solver, sensitivities=vary, inputs=self.inputs, **keywords,
            **changed,
        )  # fmt: skip


TIMES = np.linspace(0.0, END, 9)


def case(chance: random.Random) -> Case | None:
    """Draw a case; None where there is no such model."""
    states = [f"y{i}" for i in range(chance.randint(1, 5))]
    params = [f"p{k}" for k in range(chance.randint(1, 14))]
    names = [*states, *states, *params, "u", "v", "t"]
    rhs = {s: f"({expression(chance, names, 3)}) - {s}" for s in states}
    values = {p: round(chance.uniform(0.2, 1.5), 3) for p in params}
    start: dict[str, Any] = {s: round(chance.uniform(-1.0, 1.0), 3) for s in states}
    if chance.random() < 0.3:
        start[states[0]] = f"{params[0]}**2 - {params[-1]}"
    try:
        model = tr.Model("fuzzed", rhs, values, start, {"u": 0.3, "v": 0.5})
    except tr.ModelError:
        return None
    inputs: dict[str, Any] = {}
    if chance.random() < 0.5:
        inputs["u"] = tr.Steps([JUMP], [chance.uniform(-1.0, 1.0)], before=0.3)
    if chance.random() < 0.4:
        inputs["v"] = tr.Samples([0.0, KNOT, END], [0.5, chance.uniform(-1.0, 1.0), 0.2])
    every = [*params, *(f"{s}(0)" for s in states if not isinstance(start[s], str))]
    vary = tuple(chance.sample(every, chance.randint(1, len(every))))
    events: tuple[tr.Event, ...] = ()
    if chance.random() < 0.25:
        # Crossed at most once or twice, so that differences see the same crossings.
        at = round(chance.uniform(-0.5, 0.8), 3)
        sets = {chance.choice(states): f"{chance.choice(states)}/2 + {chance.choice(params)}"}
        events = (tr.Event(f"{states[0]} - ({at})*{params[0]}", set=sets),)
    return Case(model, inputs, vary, events)


def by_variation(each: Case) -> np.ndarray | None:
    """Sensitivities from the variational equations, or None where scipy fails or they are large."""
    model, vary = each.model, each.vary
    n = len(model.states)
    states, params = list(map(sympy.Symbol, model.states)), list(map(sympy.Symbol, model.params))
    u, v, t = map(sympy.Symbol, "uvt")
    f = sympy.Matrix(
        [e.xreplace({x: sympy.Symbol(str(x)) for x in e.free_symbols}) for e in model.rhs.values()]
    )
    by = [params[model.params.index(k)] for k in vary if not k.endswith("(0)")]
    arguments = (t, states, params, u, v)
    value = sympy.lambdify(
        arguments, [f, f.jacobian(states), f.jacobian(by) if by else sympy.zeros(n, 1)],
        "numpy", cse=True,
    )  # fmt: skip
    column = {k: i for i, k in enumerate(k for k in vary if not k.endswith("(0)"))}
    p = list(model.defaults.values())

    calls = 0

    def rhs(time_: float, z: np.ndarray, side: float) -> np.ndarray:
        nonlocal calls
        calls += 1
        if calls > 20_000:
            raise ArithmeticError
        ins = [
            _at(each.inputs.get(name), default, time_, side)
            for name, default in model.input_defaults.items()
        ]
        dydt, fy, fp = value(time_, z[:n], p, *ins)
        tangents = z[n:].reshape(len(vary), n)
        out = tangents @ np.asarray(fy, dtype=float).T
        for k, i in column.items():
            out[vary.index(k)] += np.asarray(fp, dtype=float)[:, i]
        return np.concatenate([np.ravel(np.asarray(dydt, dtype=float)), out.ravel()])

    begin = np.zeros((len(vary), n))
    initial = list(model.initial.values())
    point = dict(zip(model.params, p, strict=True))
    for j, k in enumerate(vary):
        for i, value0 in enumerate(initial):
            if k == f"{model.states[i]}(0)":
                begin[j, i] = 1.0
            elif not k.endswith("(0)"):
                (symbol,) = [x for x in value0.free_symbols if str(x) == k] or [None]
                if symbol is not None:
                    slope = sympy.diff(value0, symbol)
                    begin[j, i] = slope.subs({x: point[str(x)] for x in slope.free_symbols})
    z = np.concatenate(
        [
            [float(e.subs({x: point[str(x)] for x in e.free_symbols})) for e in initial],
            begin.ravel(),
        ]
    )
    rows = [z]
    stops = sorted({0.0, JUMP, KNOT, END, *TIMES})
    for a, b in pairwise(stops):
        with np.errstate(all="ignore"):
            found = solve_ivp(
                rhs, (a, b), z, "DOP853", [b], args=(0.5 * (a + b),), rtol=1e-12, atol=1e-14
            )
        if not found.success or not np.isfinite(found.y).all() or np.abs(found.y).max() > LARGEST:
            return None
        z = found.y[:, -1]
        if b in TIMES:
            rows.append(z)
    return np.array(rows)[:, n:].reshape(len(TIMES), len(vary), n).transpose(0, 2, 1)


def _at(given: Any, default: float, time_: float, side: float) -> float:
    """An input's value as seen from inside the interval that a time in it marks."""
    if given is None:
        return float(default)
    if isinstance(given, tr.Steps):
        return float(given.values[0] if side > JUMP else 0.3)
    return float(np.interp(time_, [0.0, KNOT, END], given.values))


def by_differences(each: Case) -> np.ndarray | None:
    """Sensitivities from differences, or None where solutions fail or cross otherwise."""
    columns = []
    model = each.model
    start = dict(zip(model.states, tr.compile(model).initial(), strict=True))
    for name in each.vary:
        moved, seen = [], set()
        for by in (-2.0, -1.0, 1.0, 2.0):
            if name.endswith("(0)"):
                changed = {"initial": {name[:-3]: start[name[:-3]] + by * STEP}}
            else:
                changed = {"params": {name: model.defaults[name] + by * STEP}}
            found = each.solved("dop853", **changed)
            if np.abs(found.y).max() > LARGEST:
                return None
            crossed = [float(x) for x in found.events.t]
            # A row behind a crossing in one solution and before it in another compares nothing.
            seen.add((len(crossed), *np.searchsorted(TIMES, crossed)))
            if any(np.abs(TIMES - x).min() < 0.01 for x in crossed):
                return None
            moved.append(found.y)
        if len(seen) != 1:
            return None
        columns.append((moved[0] - 8 * moved[1] + 8 * moved[2] - moved[3]) / (12 * STEP))
    return np.stack(columns, axis=2)


def check(each: Case) -> dict[str, float] | None:
    """Return each method's worst error, of what is allowed; None where nothing is known."""
    oracle: Callable[[Case], np.ndarray | None] = by_differences if each.events else by_variation
    try:
        wanted = oracle(each)
    except (tr.SolveError, ArithmeticError, TypeError, ValueError, NotImplementedError):
        return None
    if wanted is None or np.abs(wanted).max() > LARGEST:
        return None
    errors = {}
    scale = np.abs(wanted).max(axis=(0, 1)) + 1.0
    for method in METHODS:
        found = each.solved(method, each.vary).dydp
        loose = 30.0 if each.events else 1.0
        errors[method] = float((np.abs(found - wanted) / scale).max() / (loose * ALLOWED))
    if not each.events:
        _side_by_side(each)
    return errors


def _side_by_side(each: Case) -> None:
    """Runs in lanes give the bits of single ones."""
    name = each.model.params[0]
    values = each.model.defaults[name] * np.linspace(0.9, 1.1, 40)
    many = tr.ensemble(each.model, {name: values}, TIMES, inputs=each.inputs)
    for k in (0, 17, 39):
        if many.status[k] != tr.Status.SUCCESS:
            continue
        one = tr.simulate(each.model, TIMES, params={name: float(values[k])}, inputs=each.inputs)
        assert np.array_equal(one.y, many.y[k]), f"run {k} differs in company"


def main() -> int:
    """Try models until there were enough; returns 1 if anything broke."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--models", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=1e9)
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    tried = known = bad = 0
    worst = dict.fromkeys(METHODS, 0.0)
    began = time.monotonic()
    for number in range(asked.models):
        if time.monotonic() - began > asked.seconds:
            break
        drawn = case(random.Random(asked.seed * 1_000_003 + number))
        if drawn is None:
            continue
        tried += 1
        try:
            errors = check(drawn)
        except Exception as error:
            bad += 1
            print(f"{number}: {type(error).__name__}: {str(error)[:300]}\n  {drawn}", flush=True)
            continue
        if errors is None:
            continue
        known += 1
        for method, size in errors.items():
            worst[method] = max(worst[method], size)
            if not size <= 1.0:
                bad += 1
                print(
                    f"{number}: {method} errs by {size:.3g} of what is allowed\n  {drawn}",
                    flush=True,
                )
    print(
        f"{tried} models, {known} compared, {bad} bad; worst of what is allowed: "
        + ", ".join(f"{m} {w:.2g}" for m, w in worst.items())
    )
    return min(bad, 1)


if __name__ == "__main__":
    sys.exit(main())
