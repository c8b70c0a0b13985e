"""A fit, or its objective, as a PEtab problem. Imports the models, their export and the fits."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import sympy

from ..errors import FileError, OptionError, checks_keywords
from ..export import export
from ..expression import TIME, parse, symbol
from ..fit import Fit, Gaussian, Laplace, Objective
from ..fit.objective import Problem
from ..fit.vary import initial_of
from ..model import Model, Param
from ..stimulus import Table
from .formulas import SCALES, told, written

#: What the file of a problem holds.
_PROBLEM = """\
format_version: 1
parameter_file: parameters.tsv
problems:
- sbml_files:
  - model.xml
  condition_files:
  - conditions.tsv
  observable_files:
  - observables.tsv
  measurement_files:
  - measurements.tsv
"""

Row = dict[str, Any]


@checks_keywords
def write_petab(problem: Fit | Objective, folder: str | os.PathLike[str]) -> Path:
    """Write what a fit minimises as a PEtab problem, which other programs read.

    Parameters
    ----------
    problem : Fit or Objective
        A fit, with its values, or what `trustode.objective` returns, with those it begins with.
    folder : path
        Where the files go; made if it is not there. Files of an earlier problem are replaced.

    Returns
    -------
    Path
        ``problem.yaml``; beside it are the model (SBML) and four tables.

    Raises
    ------
    OptionError
        For what PEtab has no words for: random values, observation models other than
        `Gaussian` and `Laplace`, detection limits, smooth inputs, some priors.
    FileError
        If a file cannot be written.

    Notes
    -----
    A group is a condition, and its time counts from its first row. Initial values that vary or
    are held become parameters ``initial_T``; a value per column is one parameter a level, as
    ``alpha_p1``. Inputs that change in steps become sums of steps in the equations; groups that
    begin at rest get a condition to rest under (preequilibration). Scales "logit" and "atanh"
    become "lin".
    """
    if not isinstance(problem, Fit | Objective):
        raise OptionError(
            "write_petab: expected a fit or an objective (tr.objective(...) makes one without a "
            f"search), got {problem!r:.60}"
        )
    chosen = problem.objective if isinstance(problem, Fit) else problem
    if not isinstance(chosen._problem, Problem):
        raise OptionError(
            f"write_petab({chosen._problem.readout.model.name}): PEtab has no words for random "
            "values; fit with per= for a value of each person"
        )
    tables = _Tables(chosen._problem, chosen._x)
    files = {
        "conditions": tables.conditions(),
        "observables": tables.observables(),
        "measurements": tables.measurements(),
        "parameters": tables.parameters(),
    }
    place = Path(folder)
    try:
        place.mkdir(parents=True, exist_ok=True)
        export(tables.model(), place / "model.xml")
        for name, rows in files.items():
            (place / f"{name}.tsv").write_text(_table(rows), encoding="utf-8")
        file = place / "problem.yaml"
        file.write_text(_PROBLEM, encoding="utf-8")
    except OSError as error:
        raise FileError(
            f"{tables.where}: {str(place)!r:.200} cannot be written: {error.strerror}"
        ) from None
    return file


def _table(rows: list[Row]) -> str:
    """Return rows as tab-separated text; numbers keep all their digits."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    lines = [columns]
    for row in rows:
        cells = (row.get(name, "") for name in columns)
        lines.append([repr(each) if isinstance(each, float) else str(each) for each in cells])
    return "".join("\t".join(line) + "\n" for line in lines)


class _Names:
    """Identifiers as SBML and PEtab take them, each once."""

    def __init__(self, taken: Iterable[str]) -> None:
        self.taken = set(taken)

    def new(self, wish: object) -> str:
        plain = re.sub(r"[\W_]+", "_", str(wish), flags=re.ASCII).strip("_")[:80] or "_"
        plain = plain if re.match("[A-Za-z]", plain) else f"c_{plain}".rstrip("_")
        number, name = 1, plain
        while name in self.taken:
            number += 1
            name = f"{plain}_{number}"
        self.taken.add(name)
        return name


@dataclass(frozen=True)
class _Moving:
    """An input that changes in steps: parameters of its values, and of when they begin."""

    values: tuple[str, ...]
    times: tuple[str, ...]

    @property
    def expression(self) -> sympy.Expr:
        """The input at time t."""
        total: sympy.Expr = symbol(self.values[0])
        for k, time in enumerate(self.times, 1):
            risen = symbol(self.values[k]) - symbol(self.values[k - 1])
            total += risen * (1 + sympy.sign(TIME - symbol(time))) / 2
        return total


class _Tables:
    """The parts of a PEtab problem, from a fit's."""

    def __init__(self, problem: Problem, x: np.ndarray) -> None:
        self.problem = problem
        self.given = given = problem.readout.model
        self.where = f"write_petab({given.name})"
        self.data, self.layout = problem.data, problem.layout
        self.values = self.layout.natural(x)
        self.ids = _Names({*given.states, *given.params, *given.inputs, *self.layout.names, "time"})
        self._refuse()
        self.starts = [float(times[0]) for times in self.data.times]
        #: Parameters of the model by name, and what differs by group.
        self.params: dict[str, Param] = dict(given.parameters)
        self.by_group: dict[str, list[float | str]] = {}
        self.initial = dict(given.initial)
        for name, value in problem.fixed.items():
            self._set(name, value)
        for state, value in problem.initial.items():
            self.initial[state] = sympy.Float(value)
        for name, values in self.data.held.items():
            target = self._target(name, float(values[0]))
            self.by_group[target] = [float(value) for value in values]
        self.free = self._free()
        self.moving: dict[str, _Moving] = {}
        #: Values of inputs while groups come to rest.
        self.resting: dict[str, list[float | str]] = {}
        for k, name in enumerate(given.inputs):
            self._input(name, [tables[k] for tables in self.data.tables])
            if self.data.rest is not None:
                held: list[float | str] = [float(value) for value in self.data.rest[:, k]]
                moving = self.moving.get(name)
                self.resting |= dict.fromkeys(moving.values if moving else (name,), held)
        self.columns = {column: self.ids.new(column) for column in problem.observed}
        self.groups = {label: self.ids.new(_text(label)) for label in self.data.labels}
        self.rests = {
            label: self.ids.new(f"rest_{name}") if self.data.rest is not None else ""
            for label, name in self.groups.items()
        }
        for name in self.resting:
            if name not in self.by_group:
                value = self.params[name].value
                self.by_group[name] = [value] * len(self.groups)

    def _refuse(self) -> None:
        """Raise for what PEtab has no words for."""
        for column, each in self.problem.observed.items():
            if type(each) not in (Gaussian, Laplace):
                raise OptionError(
                    f"{self.where}: observed['{column}'] is {type(each).__name__}, and PEtab has "
                    "normal and Laplace distributions only"
                )
            if each.columns:
                raise OptionError(
                    f"{self.where}: observed['{column}'] has detection limits, which PEtab has not"
                )
        used = set().union(*(each.free_symbols for each in self.given.rhs.values()))
        late = [times[0] for times in self.data.times if times[0] != 0.0]
        if TIME in used and late:
            raise OptionError(
                f"{self.where}: the equations depend on time, and a group starts at {late[0]:g}; "
                "in PEtab every condition starts at 0. Count time from there"
            )
        set_later = [n for n in (*self.data.held, *self.layout.names) if n.endswith("(0)")]
        if self.data.rest is not None and (set_later or self.problem.initial):
            raise OptionError(
                f"{self.where}: states that are set after all came to rest (AtRest(then=...)) "
                "cannot be written"
            )

    def _set(self, name: str, value: float) -> None:
        known = self.params.get(name)
        self.params[name] = replace(known, value=value) if known else Param(value)

    def _target(self, name: str, value: float) -> str:
        """Return the model's parameter that stands for a value, made if there is none."""
        state = initial_of(name, self.given)
        if state is None:
            self._set(name, value)
            return name
        made = self.ids.new(f"initial_{state}")
        self.params[made] = Param(value, meaning=f"{state} at the start")
        self.initial[state] = symbol(made)
        return made

    def _free(self) -> list[str]:
        """Return the identifier of each free value; put those of levels into the conditions."""
        found: list[str] = []
        for k, name in enumerate(self.layout.names):
            first, levels = len(found), self.layout.levels[k]
            target = self._target(name, float(self.values[first]))
            if self.layout.varies[k].per is None:
                found.append(target)
                continue
            found += [self.ids.new(f"{target}_{_text(level)}") for level in levels]
            self.by_group[target] = [found[i] for i in self.problem.index[:, k]]
        return found

    def _input(self, name: str, tables: list[Table]) -> None:
        """Make an input a parameter, or a sum of steps."""
        every = [
            _steps(table, start, float(times[-1]), f"{self.where}: input '{name}'")
            for table, start, times in zip(tables, self.starts, self.data.times, strict=True)
        ]
        most = max(len(times) for times, _ in every)
        if not most:
            held = [values[0] for _, values in every]
            self._differs(name, held, self._limits(name, held))
            about = self.given.meanings.get(name, "")
            self.params[name] = replace(self.params[name], meaning=about)
            return
        moving = _Moving(
            tuple(self.ids.new(f"{name}_{k}") for k in range(most + 1)),
            tuple(self.ids.new(f"{name}_from_{k}") for k in range(1, most + 1)),
        )
        self.moving[name] = moving
        # Steps that a group does not have begin after its end, and rise by nothing.
        end = 1.0 + max(float(times[-1] - times[0]) for times in self.data.times)
        limits = self._limits(name, [value for _, values in every for value in values])
        for k, made in enumerate(moving.values):
            self._differs(made, [values[min(k, len(values) - 1)] for _, values in every], limits)
        for k, made in enumerate(moving.times):
            self._differs(made, [times[k] if k < len(times) else end + k for times, _ in every])

    def _limits(self, name: str, values: list[float]) -> tuple[float, float]:
        """Return the bounds of an input as the range of a parameter, if all values are inside."""
        low, high = self.given.bounds.get(name, (-math.inf, math.inf))
        inside = low <= min(values) and max(values) <= high
        return (low, high) if inside else (-math.inf, math.inf)

    def _differs(
        self, name: str, values: list[float], limits: tuple[float, float] = (-math.inf, math.inf)
    ) -> None:
        self.params[name] = Param(values[0], min=limits[0], max=limits[1])
        if len(set(values)) > 1:
            self.by_group[name] = list(values)

    def _resolved(self, expression: sympy.Expr) -> sympy.Expr:
        return expression.xreplace({symbol(n): m.expression for n, m in self.moving.items()})

    def model(self) -> Model:
        """Return the model with everything that varies among its parameters."""
        given = self.given
        return Model(
            given.name,
            rhs={state: self._resolved(each) for state, each in given.rhs.items()},
            params=self.params,
            initial=self.initial,
            bounds={name: each for name, each in given.bounds.items() if name in given.states},
            time_unit=given.time_unit,
            meanings={n: said for n, said in given.meanings.items() if n in given.states},
            description=given.description,
            source=given.source,
        )

    def conditions(self) -> list[Row]:
        """Return a row a group, and one for where it rests before."""
        rows: list[Row] = []
        for g, (label, name) in enumerate(self.groups.items()):
            row: Row = {"conditionId": name, "conditionName": _text(label)}
            rows.append(row | {column: each[g] for column, each in self.by_group.items()})
            if self.rests[label]:
                rest = {column: each[g] for column, each in self.resting.items()}
                about = {"conditionId": self.rests[label], "conditionName": f"rest of {name}"}
                rows.append(rows[-1] | about | rest)
        return rows

    def observables(self) -> list[Row]:
        """Return a row a column of the data."""
        rows: list[Row] = []
        for column, each in self.problem.observed.items():
            name, noise = self.columns[column], each.quantities[1]
            by_row = 1 in self.problem.readout.given[column]
            rows.append(
                {
                    "observableId": name,
                    "observableName": _text(column),
                    "observableFormula": self._formula(each.quantities[0], column),
                    "observableTransformation": each.transform,
                    "noiseFormula": (
                        f"noiseParameter1_{name}" if by_row else self._formula(noise, column)
                    ),
                    "noiseDistribution": "laplace" if isinstance(each, Laplace) else "normal",
                }
            )
        return rows

    def _formula(self, quantity: Any, column: str) -> str:
        """Return a quantity of an observation model, with what observables stand for."""
        if isinstance(quantity, float):
            return repr(quantity)
        given = self.given
        names = (*given.states, *given.inputs, *given.observables, *self.params)
        known = {name: symbol(name) for name in names}
        if isinstance(quantity, str):
            quantity = parse(quantity, known, f"{self.where}: observed['{column}']")
        else:
            quantity = quantity.xreplace(
                {s: TIME if s.name == "t" else symbol(s.name) for s in quantity.free_symbols}
            )
        meant = {symbol(n): each for n, each in given.observables.items()}
        return written(self._resolved(quantity.xreplace(meant)))

    def measurements(self) -> list[Row]:
        """Return a row an observation."""
        rows: list[Row] = []
        for column, measured in self.data.measured.items():
            noise = self.data.given.get(column, {}).get(1)
            for value, g, at, row in zip(
                measured.given, measured.group, measured.time, measured.row, strict=True
            ):
                label = self.data.labels[g]
                made: Row = {"observableId": self.columns[column]}
                if self.rests[label]:
                    made["preequilibrationConditionId"] = self.rests[label]
                made["simulationConditionId"] = self.groups[label]
                made["measurement"] = float(value)
                made["time"] = float(self.data.times[g][at] - self.starts[g])
                if noise is not None:
                    made["noiseParameters"] = float(noise[row])
                rows.append(made)
        return rows

    def parameters(self) -> list[Row]:
        """Return a row a free value."""
        rows: list[Row] = []
        for i, (name, value) in enumerate(zip(self.free, self.values, strict=True)):
            k = int(self.layout.owner[i])
            vary, (low, high) = self.layout.varies[k], self.layout.bounds[k]
            scale = vary.scale if vary.scale in SCALES else "lin"
            row: Row = {
                "parameterId": name,
                "parameterScale": scale,
                "lowerBound": low if scale == "lin" else max(low, 0.0),
                "upperBound": high,
                "nominalValue": float(value),
                "estimate": 1,
            }
            if vary.prior is not None:
                prior = told(vary.prior, vary.prior_scale, scale)
                if prior is None:
                    raise OptionError(
                        f"{self.where}: '{self.layout.names[k]}' has the prior "
                        f"{vary.prior.dist.name} on the scale '{vary.prior_scale}', for which "
                        "PEtab has no word. It has normal, Laplace and uniform ones on the value "
                        "or on the scale of its Vary, and log-normal ones"
                    )
                row["objectivePriorType"], row["objectivePriorParameters"] = prior
            rows.append(row)
        return rows


def _text(label: Hashable) -> str:
    """Return a label, perhaps of several columns, as one text without tabs."""
    parts = label if isinstance(label, tuple) else (label,)
    return " ".join(" ".join(map(str, parts)).split())


def _steps(table: Table, start: float, end: float, where: str) -> tuple[list[float], list[float]]:
    """Return when an input steps, after the start, and its values: one more than times."""
    if np.any(table.coefficients[:, 1:] != 0.0):
        raise OptionError(
            f"{where} changes smoothly; in PEtab inputs are constants, or steps (tr.Steps, or a "
            "column of the data)"
        )
    knots, levels = table.knots, table.coefficients[:, 0]
    now = max(int(np.searchsorted(knots, start, side="right")) - 1, 0)
    times: list[float] = []
    values = [float(levels[now])]
    for knot, level in zip(knots[now + 1 :], levels[now + 1 :], strict=True):
        if knot <= end and level != values[-1] and math.isfinite(knot):
            times.append(float(knot - start))
            values.append(float(level))
    return times, values
