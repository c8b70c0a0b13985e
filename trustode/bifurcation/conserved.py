"""Sums of states that never change, whatever the states are: why nothing is isolated, in words.

A weighted sum c y stays as it is if c f = 0 everywhere. Then c is a left null vector of every
Jacobian: Horn & Jackson (1972), Arch. Rational Mech. Anal. 47, 81, for networks of reactions.
Imports the systems of this folder.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .system import Array, System

#: What a Jacobian that is singular everywhere means.
NOT_ISOLATED = (
    "The Jacobian is singular wherever it was looked at: a model with a conserved quantity has no "
    "isolated equilibria"
)
#: What of a singular value, of a weight and of a rate is rounding.
_NOTHING = 1e-9
_TINY = float(np.finfo(float).tiny)


@dataclass(frozen=True)
class Sums:
    """Weighted sums of states whose rates do not depend on the states.

    Attributes
    ----------
    constant : tuple of str
        Those that never change, as text.
    growing : tuple of (str, float)
        Those that change at a constant rate other than zero, with that rate.
    remedy : str
        How to write the model without the constant ones; empty if there are none.
    unread : tuple of str
        States on which no rate depends.
    """

    constant: tuple[str, ...] = ()
    growing: tuple[tuple[str, float], ...] = ()
    remedy: str = ""
    unread: tuple[str, ...] = ()

    def told(self) -> str:
        """Return why no equilibrium is isolated and what to do about it, in sentences."""
        parts = [NOT_ISOLATED]
        if self.constant:
            verb = "never changes" if len(self.constant) == 1 else "never change"
            parts.append(f"Here {' and '.join(self.constant)} {verb}. {self.remedy}")
        elif self.unread:
            parts.append(f"Here no rate depends on {' or '.join(self.unread)}: leave it out")
        elif not self.growing:
            parts.append(
                "No sum of states is conserved here; if another quantity is, leave out one state: "
                "write it through that quantity, as a parameter, and the others"
            )
        parts += [
            f"Here {text} changes at the constant rate {rate:.6g}, so that nothing can rest: give "
            "one of these states a loss, or leave it out if no other depends on it"
            for text, rate in self.growing
        ]
        return ". ".join(parts)


@np.errstate(all="ignore")
def conserved_sums(system: System, places: Sequence[Array]) -> Sums:
    """Find the linear sums whose rate is the same at all places.

    Parameters
    ----------
    system : System
    places : sequence of ndarray, shape (n_state,)
        States in general position: a sum is taken as constant if it is one at all of them.
    """
    tail = [] if system.free is None else [system.value]
    slopes, rates = [], []
    for y in places:
        x = np.append(y, tail)
        slope, rate = system.jac(x), system.rhs(x)
        if np.isfinite(slope).all() and np.isfinite(rate).all():
            slopes.append(slope)
            rates.append(rate)
    if not slopes:
        return Sums()
    kept = _reduced(_left_null(np.hstack(slopes)))
    speeds = kept @ np.array(rates).T
    moves = np.abs(speeds).max(axis=1) > _NOTHING * (np.abs(kept) @ np.abs(rates).T).max(axis=1)
    # Sums that grow differ by sums that do not.
    drifting = kept[moves]
    rate = speeds[moves].mean(axis=1)
    resting = kept[~moves]
    if len(drifting) > 1:
        others = drifting[1:] - np.outer(rate[1:] / rate[0], drifting[0])
        resting = _reduced(np.vstack([resting, others]))
        drifting, rate = drifting[:1], rate[:1]
    names = system.model.states
    return Sums(
        tuple(_written(row, names) for row in resting),
        tuple(
            (_written(row, names), float(f"{r:.12g}"))
            for row, r in zip(drifting, rate, strict=True)
        ),
        _remedy(resting, names),
        tuple(n for n, used in zip(names, np.any(slopes, axis=(0, 1)), strict=True) if not used),
    )


def _left_null(matrix: Array) -> Array:
    """Return a basis of the vectors c with c A = 0, one a row."""
    vectors, sizes, _ = np.linalg.svd(matrix)
    return np.asarray(vectors[:, sizes <= _NOTHING * max(sizes[0], _TINY)].T.copy())


def _reduced(rows: Array) -> Array:
    """Return sums reduced as by hand: each state that leads one stands in no other."""
    rows = rows.copy()
    for k in range(len(rows)):
        lead = int(np.argmax(np.abs(rows[k:]).max(axis=0) > _NOTHING))
        best = k + int(np.argmax(np.abs(rows[k:, lead])))
        rows[[k, best]] = rows[[best, k]]
        rows[k] /= rows[k, lead]
        others = [i for i in range(len(rows)) if i != k]
        rows[others] -= np.outer(rows[others, lead], rows[k])
    rows[np.abs(rows) <= _NOTHING] = 0.0
    return rows


def _remedy(rows: Array, names: Sequence[str]) -> str:
    """Return which states to leave out and what to write for them."""
    out, taken = [], set[str]()
    for k, row in enumerate(rows):
        totals = "total" if len(rows) == 1 else f"total{k + 1}"
        alone = [i for i in range(len(row)) if row[i] and np.count_nonzero(rows[:, i]) == 1]
        last = alone[-1]
        rest = _written(np.where(np.arange(len(row)) == last, 0.0, -row / row[last]), names)
        scale = 1.0 / row[last]
        size = "" if abs(abs(scale) - 1.0) <= _NOTHING else f"{abs(scale):.6g}*"
        sign = "-" if scale < 0.0 else ""
        joined = f" - {rest[2:]}" if rest.startswith("- ") else f" + {rest}"
        out.append(f"{names[last]} = {sign}{size}{totals}{joined if rest else ''}")
        taken.add(totals)
    if not out:
        return ""
    word, where = ("one state", "it") if len(out) == 1 else ("a state of each", "them")
    return (
        f"Leave out {word}: write {' and '.join(out)} wherever the model names {where}, with "
        f"{' and '.join(sorted(taken))} as {'a parameter' if len(out) == 1 else 'parameters'}"
    )


def _written(row: Array, names: Sequence[str]) -> str:
    """Return a weighted sum as text."""
    terms = [_term(c, name) for c, name in zip(row.tolist(), names, strict=True) if c]
    return " ".join(terms).removeprefix("+ ")


def _term(coefficient: float, name: str) -> str:
    """Return one term of a sum, its sign first."""
    sign = "-" if coefficient < 0.0 else "+"
    size = abs(coefficient)
    return f"{sign} {name}" if abs(size - 1.0) <= _NOTHING else f"{sign} {size:.6g}*{name}"
