"""Where special points lie over a sample of parameter sets.

Imports the systems, movable points and families of this folder.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, ModelError, SolveError, Status, checks_keywords, listed, nearest
from ..model import Model
from ..notebook import Shown
from ..progress import Progress, track
from .branch import SPECIAL_NAMES
from .continuation import free_name, span_of
from .movable import KINDS, Movable, MovableCycle, MovableEquilibrium, Place
from .movable_fold import MovableFold
from .periodic import CYCLE_NAMES
from .periodic.branch import Start
from .periodic.family import slot_of
from .system import Array, System

if TYPE_CHECKING:
    import pandas as pd

#: Halvings of the way from one parameter set to the next before it is given up.
_HALVINGS = 4
#: Ends of a band, unless others are asked for.
_LEVELS = (0.025, 0.5, 0.975)
_NAMES = SPECIAL_NAMES | CYCLE_NAMES


@dataclass(frozen=True, eq=False)
class Bands(Shown):
    """Special points over a sample of parameter sets.

    Attributes
    ----------
    model : Model
    parameter : str
        What the points are located along.
    table : DataFrame
        The parameter sets, one a row.
    special : DataFrame
        The points that were followed, one a row: kind, location, period and n_unstable at the
        values that they were found with.
    points : DataFrame
        One row a point and set: point (row of `special`, from 0), set (row of `table`, from
        0), kind, status ("found"; "outside", beyond the span or the states' bounds; "lost",
        not reached from any neighbour, as where it has vanished), the parameter, period (of a
        cycle, or of what is born at a Hopf point), and n_unstable, how many eigenvalues or
        multipliers are unstable besides the critical ones: where there are none stability is
        lost or gained, elsewhere what meets there is unstable on both sides. The last three are
        NaN unless found.
    span : pair of float
    params, inputs : dict of str to float
        The values that the points were found with.
    """

    model: Model
    parameter: str
    table: pd.DataFrame
    special: pd.DataFrame
    points: pd.DataFrame
    span: tuple[float, float]
    params: dict[str, float]
    inputs: dict[str, float]

    def __len__(self) -> int:
        return len(self.table)

    def to_frame(self) -> pd.DataFrame:
        """Return `points` with the parameters of each set beside it."""
        sets = self.table.reset_index(drop=True).iloc[self.points["set"].to_numpy()]
        frame = self.points.copy()
        for name in sets.columns:
            frame[name] = sets[name].to_numpy()
        return frame

    def share(self, point: int = 0) -> float:
        """Return the share of the sets in which a point was found, and is what it was at first.

        That is: stability is lost or gained there, or is not, as at the values it was found with.
        """
        return len(self._alike(point)) / len(self)

    def quantiles(self, levels: Sequence[float] = _LEVELS) -> pd.DataFrame:
        """Return quantiles of location and period over the sets that `share` counts.

        Parameters
        ----------
        levels : sequence of float
            Each from 0 to 1.

        Returns
        -------
        DataFrame
            One row a point and quantity: point, kind, quantity (the parameter, or "period"),
            share, and a column a level.

        Raises
        ------
        DataError
            If a level is not between 0 and 1.
        """
        import pandas as pd

        marks = np.array(levels, dtype=float).ravel()
        if not np.all((marks >= 0.0) & (marks <= 1.0)):
            raise DataError(
                f"quantiles({self.model.name}): levels={levels!r:.60} must lie between 0 and 1"
            )
        rows: list[dict[Any, Any]] = []
        for k in range(len(self.special)):
            found = self._alike(k)
            for quantity in (self.parameter, "period"):
                values = found[quantity].dropna().to_numpy()
                if quantity == "period" and self.special["kind"].iloc[k] == "fold":
                    continue
                at = np.quantile(values, marks) if len(values) else np.full(len(marks), np.nan)
                first = {
                    "point": k,
                    "kind": self.special["kind"].iloc[k],
                    "quantity": quantity,
                    "share": self.share(k),
                }
                rows.append(first | dict(zip(marks.tolist(), at.tolist(), strict=True)))
        return pd.DataFrame(rows)

    def summary(self) -> str:
        """Describe each point's band in sentences, one a line."""
        lines = [
            f"{self.model.name}: {_counted(len(self.special), 'special point')} along "
            f"{self.parameter} over {_counted(len(self), 'parameter set')}."
        ]
        return "\n".join([*lines, *(f"{each}." for each in self._sentences())])

    def _shown(self) -> pd.DataFrame:
        return self.special

    def __repr__(self) -> str:
        varied = listed([str(name) for name in self.table.columns])
        lines = [
            f"<Bands of {self.model.name!r}: {_counted(len(self.special), 'special point')} along "
            f"{self.parameter}, {_counted(len(self), 'parameter set')}>",
            f"  varied: {varied}",
            *(f"  {sentence}" for sentence in self._sentences()),
        ]
        return "\n".join(lines)

    @checks_keywords
    def plot(self, ax: Any = None) -> Any:
        """Draw how each point's location is distributed; needs matplotlib.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; a new figure if not given.

        Returns
        -------
        matplotlib Axes
        """
        from ..plot import plot_bands

        return plot_bands(self, ax)

    def name(self, point: int) -> str:
        """Return what a point is called in a sentence, and where it was at first."""
        row = self.special.iloc[point]
        return f"the {_NAMES[row['kind']]} at {self.parameter} = {row[self.parameter]:.5g}"

    def values(self, point: int) -> NDArray[np.float64]:
        """Return the locations of a point in the sets that `share` counts."""
        return np.asarray(self._alike(point)[self.parameter], dtype=float)

    def _of(self, point: int) -> pd.DataFrame:
        return self.points[self.points["point"] == point]

    def _alike(self, point: int) -> pd.DataFrame:
        """Return the rows in which a point was found, and changes stability or not as at first."""
        found = self._of(point).query("status == 'found'")
        return found[(found["n_unstable"] == 0) == self._decides(point)]

    def _decides(self, point: int) -> bool:
        """Return whether stability is lost or gained at a point, where it was at first."""
        return bool(self.special["n_unstable"].iloc[point] == 0)

    def _sentences(self) -> Iterator[str]:
        """Yield a sentence on each point."""
        unit = f" {self.model.time_unit}" if self.model.time_unit else ""
        for k in range(len(self.special)):
            own, alike = self._of(k), self._alike(k)
            n_found, n_outside, n_lost = (
                int((own["status"] == status).sum()) for status in ("found", "outside", "lost")
            )
            other = n_found - len(alike)
            among, unlike = "it is found", ""
            if other:
                changes = "stability is lost or gained there"
                stays = "something else is unstable there, so that none is lost or gained"
                among, unlike = (changes, stays) if self._decides(k) else (stays, changes)
            text = self.name(k)[0].upper() + self.name(k)[1:]
            if not n_found:
                text += " is found in no set"
            elif len(alike):
                low, middle, high = np.quantile(alike[self.parameter], _LEVELS)
                text += (
                    f" lies between {low:.5g} and {high:.5g} in 95 % of the sets in which {among}, "
                    f"median {middle:.5g}"
                )
                if alike["period"].notna().all():
                    low, middle, high = np.quantile(alike["period"], _LEVELS)
                    text += f"; its period between {low:.4g} and {high:.4g}{unit}"
            for count, told in (
                (other, unlike),
                (n_outside, "it lies outside the span or the states' bounds"),
                (n_lost, "there is none that it leads to"),
            ):
                if count:
                    text += f"; in {100 * count / len(self):.3g} % {told}"
            yield text


@checks_keywords
def bands(
    model: Model,
    parameter: str,
    *,
    start: Any,
    table: Any,
    span: tuple[float, float],
    params: Mapping[Any, float] | None = None,
    inputs: Mapping[Any, float] | None = None,
    progress: Progress = None,
) -> Bands:
    """Locate special points over a sample of parameter sets.

    Parameters
    ----------
    model : Model
        Autonomous: its equations do not hold ``t``.
    parameter : str or Symbol
        What the points are located along.
    start : row or table of special points
        A row of `Branch.special`, `Cycles.special` or `Diagram.special`, or several of them as a
        DataFrame: folds, Hopf points, folds of cycles, period doublings and tori.
    table : DataFrame or mapping of name to array_like
        One row a parameter set. A column is a parameter or an input.
    span : pair of float
        Ends of the parameter. What lies beyond is not reported.
    params, inputs : mapping of name to float, optional
        What the points were found with, where it differs from the model's defaults; and what the
        sets have beside their columns.
    progress : bool, callable or None
        True shows a bar; None does so on a terminal or in a notebook, after a second; a
        callable gets ``(done, total)``.

    Returns
    -------
    Bands
        `Bands.points`, `Bands.quantiles`, `Bands.summary` and `Bands.plot`.

    Raises
    ------
    ModelError
        For an unknown name, a value that is not allowed, a model that depends on time, or a
        kind of point that does not move smoothly, as a branch point.
    DataError
        If the table is empty, or a value is not a finite number.
    SolveError
        If a point is not where its row says.

    Notes
    -----
    From set to set, always to the one that is nearest to a set that is solved, where a
    parameter counts as far as it moves the point. Newton's method on the equations that define
    the point, from a prediction by the implicit-function theorem; where that does not lead to
    it, half-way first. A point counts as found if its eigenvalues or multipliers are those of
    its kind and it is crossed in the same sense as at the start: at a cusp, where two folds
    meet and vanish, it is not taken for the other one. On the way something else may have become
    unstable there, as at a point where a fold meets a Hopf point: then no stability is lost or
    gained at it any more, `Bands.points` says so, and shares and quantiles leave it out. What
    is born elsewhere in a set, without a path to it from the start, is not seen.
    """
    if not isinstance(model, Model):
        raise ModelError(f"bands: expected a Model, got {model!r:.60} ({type(model).__name__})")
    name = free_name(model, parameter, "bands")
    system = System(model, params, inputs, "bands", name)
    low, high = span_of(system, span)
    rows = _rows(start, name, system.where)
    frame = _frame(table, model, name, system.where)
    columns = [str(each) for each in frame.columns]
    sets = frame.to_numpy(dtype=float)
    held_params, held_inputs = system.names()
    held_params.pop(name, None)
    held_inputs.pop(name, None)
    parts, first = [], []
    with track(len(rows) * len(sets), progress, f"bands({model.name})") as advance:
        for k, row in enumerate(rows):
            movable = _movable(
                System(model, params, inputs, "bands", name), row, columns, (low, high)
            )
            begin = movable.first
            if begin is None or abs(begin.location - float(row[name])) > 1e-3 * (high - low):
                raise SolveError(
                    f"{system.where}: there is no {_NAMES[row['kind']]} at the start, {name} = "
                    f"{float(row[name]):.6g}. If it was found with other parameters than the "
                    "model's, give them as params= here too",
                    Status.MAX_STEPS,
                )
            first.append(
                {
                    "kind": row["kind"],
                    name: begin.location,
                    "period": begin.period,
                    "n_unstable": begin.n_unstable,
                }
            )
            found = _walk(movable, begin, sets, advance)
            parts.append(_part(k, row["kind"], name, movable, found, (low, high)))
    import pandas as pd

    return Bands(
        model,
        name,
        frame,
        pd.DataFrame(first),
        pd.concat(parts, ignore_index=True),
        (low, high),
        held_params,
        held_inputs,
    )


# ---------------------------------------------------------------------- the walk


def _walk(movable: Movable, first: Place, sets: Array, advance: Any) -> list[Place | None]:
    """Return the point in each set, visited so that steps stay short."""
    places: list[Place | None] = [None] * len(sets)
    if not sets.shape[1]:
        for k in range(len(sets)):
            places[k] = first
            advance(1)
        return places
    values, vectors = np.linalg.eigh(movable.gram())
    metric = vectors * np.sqrt(np.maximum(values, 0.0))
    at = (sets - first.values) @ metric
    distance = np.linalg.norm(at, axis=1)
    parent = np.full(len(sets), -1)
    again: list[int] = []
    for turn in range(2):
        waiting = np.ones(len(sets), dtype=bool) if turn == 0 else np.zeros(len(sets), dtype=bool)
        if turn == 1:
            waiting[again] = True
            solved = np.array([k for k, place in enumerate(places) if place is not None], dtype=int)
            tried = parent.copy()
            for k in again:
                apart = np.linalg.norm(at[solved] - at[k], axis=1)
                if len(solved) and solved[np.argmin(apart)] != tried[k]:
                    parent[k], distance[k] = solved[np.argmin(apart)], apart.min()
                else:
                    # Nothing nearer has been found since.
                    waiting[k] = False
                    advance(1)
        while waiting.any():
            k = int(np.argmin(np.where(waiting, distance, np.inf)))
            waiting[k] = False
            source = places[parent[k]] if parent[k] >= 0 else first
            assert source is not None
            place = _along(movable, source, sets[k])
            if place is None and turn == 0:
                again.append(k)
                continue
            advance(1)
            if place is None:
                continue
            places[k] = place
            apart = np.linalg.norm(at - at[k], axis=1)
            nearer = waiting & (apart < distance)
            distance[nearer], parent[nearer] = apart[nearer], k
    return places


def _along(movable: Movable, source: Place, values: Array) -> Place | None:
    """Return the point at other values, by way of points between where that is needed."""
    begin, here = source.values, source
    done, step = 0.0, 1.0
    while done < 1.0:
        ahead = min(done + step, 1.0)
        target = values if ahead == 1.0 else begin + ahead * (values - begin)
        place = movable.step(here, target)
        if place is not None:
            here, done = place, ahead
            step *= 2.0
        elif (own := movable.fresh(here)) is not None:
            here = own
        else:
            step /= 2.0
            if step < 2.0**-_HALVINGS:
                return None
    return here


# ---------------------------------------------------------------------- arguments and result


def _movable(
    system: System, row: Mapping[str, Any], columns: list[str], span: tuple[float, float]
) -> Movable:
    """Return what solves for a special point."""
    model, name, kind = system.model, str(system.free), str(row["kind"])
    width = span[1] - span[0]
    if kind in SPECIAL_NAMES:
        missing = [state for state in model.states if state not in row]
        if missing:
            raise ModelError(f"{system.where}: start has no value of {missing[0]}")
        x = np.array([float(row[each]) for each in (*model.states, name)])
        return MovableEquilibrium(system, kind, x, columns, width)
    orbit = row.get("orbit")
    if not isinstance(orbit, Start):
        raise ModelError(
            f"{system.where}: a {_NAMES[kind]} needs its orbit to start from: give a row of the "
            "special points of tr.cycles or tr.diagram"
        )
    if orbit.node.orbit.states.shape[1] != system.n:
        raise ModelError(f"{system.where}: start is an orbit of another model")
    movable = MovableFold if kind == "fold_of_cycles" else MovableCycle
    return movable(model, kind, orbit.node, system.p, system.u, slot_of(model, name), columns, span)


def _rows(start: Any, name: str, where: str) -> list[dict[str, Any]]:
    """Return the special points to start from."""
    import pandas as pd

    if isinstance(start, pd.DataFrame):
        rows = [dict(row) for row in start.to_dict("records")]
    elif hasattr(start, "items"):
        rows = [dict(start.items())]
    else:
        rows = []
    if not rows or any("kind" not in row or name not in row for row in rows):
        raise ModelError(
            f"{where}: start={start!r:.60}; give a row of the special points of a branch, a "
            f"family or a diagram along {name}, or several as a table"
        )
    for row in rows:
        if row["kind"] not in KINDS:
            known = listed([_NAMES[kind] for kind in KINDS])
            raise ModelError(
                f"{where}: start is a {str(row['kind']).replace('_', ' ')}, which does not move "
                f"smoothly with every parameter. The kinds that do: {known}"
            )
    return [{str(key): value for key, value in row.items()} for row in rows]


def _frame(table: Any, model: Model, name: str, where: str) -> pd.DataFrame:
    """Return the parameter sets as a table of floats that are in range."""
    import pandas as pd

    try:
        frame = pd.DataFrame(table).copy()
    except (TypeError, ValueError) as error:
        raise DataError(f"{where}: table is no table of parameter sets: {error}") from None
    frame.columns = pd.Index([str(getattr(each, "name", each)) for each in frame.columns])
    if not len(frame) or not len(frame.columns):
        raise DataError(f"{where}: the table is empty; one row is one parameter set")
    twice = frame.columns[frame.columns.duplicated()]
    if len(twice):
        raise DataError(f"{where}: the table has the column {twice[0]!r} twice")
    known = [each for each in (*model.params, *model.inputs) if each != name]
    for column in frame.columns:
        if column == name:
            raise ModelError(
                f"{where}: the table has a column {name!r}, along which the points are located; "
                "drop it"
            )
        if column not in known:
            raise ModelError(
                f"{where}: column {column!r:.60} is not a parameter"
                f"{nearest(column, known) or '.'} The parameters are: {listed(known, 100)}"
            )
        kinds = pd.api.types
        if not kinds.is_numeric_dtype(frame[column]) or kinds.is_bool_dtype(frame[column]):
            raise DataError(f"{where}: column {column!r} must hold numbers")
        values = frame[column].to_numpy(dtype=float, na_value=np.nan)
        frame[column] = values
        if not np.isfinite(values).all():
            at = int(np.flatnonzero(~np.isfinite(values))[0])
            raise DataError(f"{where}: column {column!r}, row {at}: {values[at]} is not finite")
        if column in model.params:
            param = model.parameters[column]
            beyond = np.flatnonzero((values < param.min) | (values > param.max))
            if len(beyond):
                at = int(beyond[0])
                raise ModelError(
                    f"{where}: column {column!r}, row {at}: {values[at]:g} is outside its range "
                    f"[{param.min:g}, {param.max:g}]"
                )
    return frame


def _part(
    point: int,
    kind: str,
    name: str,
    movable: Movable,
    found: list[Place | None],
    span: tuple[float, float],
) -> pd.DataFrame:
    """Return one point in every set."""
    import pandas as pd

    location, period, n_unstable = np.full((3, len(found)), np.nan)
    status = []
    for k, place in enumerate(found):
        if place is None:
            status.append("lost")
        elif not span[0] <= place.location <= span[1] or not movable.inside(place):
            status.append("outside")
        else:
            status.append("found")
            location[k], period[k] = place.location, place.period
            n_unstable[k] = place.n_unstable
    return pd.DataFrame(
        {
            "point": point,
            "set": np.arange(len(found)),
            "kind": kind,
            "status": status,
            name: location,
            "period": period,
            "n_unstable": n_unstable,
        }
    )


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
