"""Inputs that come and go smoothly, by closed forms: episodes, and sessions of a therapy.

Imports what inputs share.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import checks_keywords
from .base import Stimulus
from .cubics import FIT_SHARE, Array, Table, apart, fitted, pieces_table
from .given import check_extent, ordered, per_event

#: Standard deviations after which a Gaussian is cut off: exp(-7**2 / 2) is 2.3e-11.
EPISODE_REACH = 7.0

#: Standard deviations at which a solver ends a step, so that an episode is not stepped over;
#: what lies before the first is below 1e-9 of the area.
EPISODE_BREAKS = np.array([-6.0, -4.0, -2.0, 0.0, 2.0, 4.0, 6.0])

#: Effect of a session, how steeply it sets in (1/day) and how long it lasts (days), from the
#: model's specification: h = 1 - exp(-0.12 sum w), w(s) = (1 + tanh 8s)/2 exp(-max(s, 0)/45).
SESSION_EFFECT = 0.12
SESSION_RISE = 8.0
SESSION_DECAY = 45.0

#: Days around a session at which a solver ends a step.
SESSION_BREAKS = np.array([-1.0, -0.5, -0.25, 0.0, 0.25, 0.5, 1.0])

#: Days before a session from which it is felt, and after which its onset is over, both to
#: double precision of the dose: (1 + tanh(-8 * 2.5))/2 is 4e-18.
SESSION_ONSET = 2.5

#: Days after the last session at which the dose is set to zero: exp(-1800/45) is 4e-18.
SESSION_REACH = 1800.0


@checks_keywords
@dataclass(frozen=True)
class Episodes(Stimulus):
    """Episodes that come and go: a sum of Gaussians in time.

    The value is ``sum(height * exp(-((t - times) / sd)**2 / 2))``. Its table is within 1e-9 of
    the height of the largest episode at hand (for each one that overlaps): segments are halved
    until the cubic through four points is within 4e-10 where its error is largest, and an
    episode is cut off beyond 7 sd, where 2.3e-11 of it is left.

    Parameters
    ----------
    times : float or array_like, shape (n,)
        Times of the peaks, sorted, in the model's time unit.
    height : float or array_like, shape (n,)
        Value at the peak: one for all, or one an episode. -1 is about a visit that the partner
        cancels.
    sd : float or array_like, shape (n,)
        Standard deviation in time, positive: one for all, or one an episode. The default is
        that of the trust models, in days.

    Raises
    ------
    ModelError
        If a number is not finite, the times are not sorted, the lengths differ, or an `sd` is
        not positive or too small for its time in double precision.
    """

    times: npt.ArrayLike
    height: npt.ArrayLike = -1.0
    sd: npt.ArrayLike = 0.25

    def __post_init__(self) -> None:
        times = ordered(self.times, "Episodes")
        object.__setattr__(self, "times", tuple(times.tolist()))
        object.__setattr__(self, "height", per_event(self.height, times, "Episodes", "height"))
        sd = per_event(self.sd, times, "Episodes", "sd")
        check_extent(sd, times, "Episodes", "sd")
        object.__setattr__(self, "sd", sd)

    def _events(self) -> tuple[Array, Array, Array]:
        """Return times, heights and standard deviations, one an episode."""
        times = np.array(self.times)
        heights = np.broadcast_to(np.array(self.height), times.shape)
        return times, heights, np.broadcast_to(np.array(self.sd), times.shape)

    def __call__(self, t: npt.ArrayLike) -> Array:
        """Evaluate exactly, by the closed form, at times of any shape."""
        return _in_order(self._sum, t)

    def _sum(self, t: Array) -> Array:
        """Sum the episodes at sorted times."""
        total = np.zeros_like(t)
        for time, height, sd in zip(*self._events(), strict=True):
            # Beyond 39 sd a Gaussian is below the smallest double.
            here = slice(*np.searchsorted(t, [time - 39.0 * sd, time + 39.0 * sd]))
            total[here] += height * np.exp(-0.5 * ((t[here] - time) / sd) ** 2)
        return total

    def _build(self) -> Table:
        times, heights, sds = self._events()
        grid = np.linspace(-EPISODE_REACH, EPISODE_REACH, 57)
        edges = apart((times[:, None] + sds[:, None] * grid).ravel(), 1e-9 * sds.min())
        middle = 0.5 * (edges[:-1] + edges[1:])
        allowed, finest = np.zeros(middle.size), np.full(middle.size, np.inf)
        for time, height, sd in zip(times, heights, sds, strict=True):
            reach = EPISODE_REACH * sd
            here = slice(*np.searchsorted(middle, [time - reach, time + reach]))
            allowed[here] = np.maximum(allowed[here], FIT_SHARE * abs(height))
            finest[here] = np.minimum(finest[here], sd / 500.0)
        covered = allowed > 0.0
        starts, pieces = fitted(
            self, edges[:-1][covered], edges[1:][covered], allowed[covered], finest[covered]
        )
        # Zero where no episode is at hand, and for ever after the last.
        quiet = np.append(edges[:-1][~covered], edges[-1])
        starts = np.append(starts, quiet)
        order = np.argsort(starts)
        pieces = np.vstack([pieces, np.zeros((quiet.size, 4))])
        breaks = (times[:, None] + sds[:, None] * EPISODE_BREAKS).ravel()
        return pieces_table(starts[order], pieces[order], 0.0, apart(breaks, 1e-3 * sds.min()))


@checks_keywords
@dataclass(frozen=True)
class Sessions(Stimulus):
    """The dose of a therapy given in sessions, between 0 and 1; times are in days.

    The dose is ``1 - exp(-0.12 sum(w(t - times)))`` with ``w(s) = (1 + tanh(8 s))/2 *
    exp(-max(s, 0)/45)``, from the specification of the trust models: a session sets in within
    hours and fades over weeks. Its table is within 1e-9 of the largest dose (segments are
    halved as in `Episodes`) and follows the decay for 1800 days after the last session.

    Parameters
    ----------
    times : float or array_like, shape (n,)
        Times of the sessions, sorted, in days; a few hundred are quick.

    Raises
    ------
    ModelError
        If a time is not finite, or they are not sorted or too large for double precision.
    """

    times: npt.ArrayLike

    def __post_init__(self) -> None:
        times = ordered(self.times, "Sessions")
        check_extent(1.0 / (2.0 * SESSION_RISE), times, "Sessions", "the onset")
        object.__setattr__(self, "times", tuple(times.tolist()))

    def __call__(self, t: npt.ArrayLike) -> Array:
        """Evaluate exactly, by the closed form, at times of any shape."""
        return _in_order(self._dose, t)

    def _dose(self, t: Array) -> Array:
        """Return the dose at sorted times."""
        sessions = np.array(self.times)
        # Sessions whose onset is over fade alike, so their sum is carried from one to the next.
        fading = np.empty(sessions.size)
        fading[0] = 1.0
        for k, gap in enumerate(np.diff(sessions), start=1):
            fading[k] = 1.0 + fading[k - 1] * np.exp(-gap / SESSION_DECAY)
        total = np.zeros_like(t)
        last = np.searchsorted(sessions + SESSION_ONSET, t, side="right") - 1
        past = last >= 0
        since = t[past] - sessions[last[past]]
        total[past] = fading[last[past]] * np.exp(-since / SESSION_DECAY)
        for session in sessions:
            here = slice(*np.searchsorted(t, [session - SESSION_ONSET, session + SESSION_ONSET]))
            s = t[here] - session
            onset = 0.5 * (1.0 + np.tanh(SESSION_RISE * s))
            total[here] += onset * np.exp(-np.maximum(s, 0.0) / SESSION_DECAY)
        return -np.expm1(-SESSION_EFFECT * total)

    def _build(self) -> Table:
        sessions = np.array(self.times)
        # Within a few days the onsets are resolved from the start; elsewhere halving suffices.
        around = np.concatenate([[-SESSION_ONSET], np.linspace(-2.0, 2.0, 17), [SESSION_ONSET]])
        wanted = (sessions[:, None] + around).ravel()
        edges = apart(np.append(wanted, sessions[-1] + SESSION_REACH), 1e-9)
        n_segment = edges.size - 1
        peak = float(self(edges).max())
        starts, pieces = fitted(
            self,
            edges[:-1],
            edges[1:],
            np.full(n_segment, FIT_SHARE * peak),
            np.full(n_segment, 1e-4),
        )
        starts = np.append(starts, edges[-1])
        pieces = np.vstack([pieces, np.zeros((1, 4))])
        breaks = apart((sessions[:, None] + SESSION_BREAKS).ravel(), 1e-9)
        return pieces_table(starts, pieces, 0.0, breaks)


def _in_order(function: Callable[[Array], Array], t: npt.ArrayLike) -> Array:
    """Evaluate a function of sorted times at times of any shape and order."""
    times = np.asarray(t, dtype=np.float64)
    flat = times.ravel()
    order = np.argsort(flat)
    values = np.empty_like(flat)
    values[order] = function(flat[order])
    values[np.isnan(flat)] = np.nan
    return values.reshape(times.shape)
