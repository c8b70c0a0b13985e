"""PEtab problems as models, data and arguments of a fit.

What a condition sets differs by group; a parameter that another replaces is a sum over
conditions. Imports the models, the files of other programs and the fits.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy

from ..errors import ModelError, OptionError, checks_keywords, listed, nearest
from ..expression import check_name, symbol
from ..fit import AtRest, Fit, Gaussian, Laplace, Objective, Observation, Vary, fit, objective
from ..model import Model, Param
from ..text import read_model
from .files import described, files_of, rows_of
from .formulas import SCALES, prior_of, read

if TYPE_CHECKING:
    import pandas as pd

#: Input that is 1 while groups come to rest and 0 from then on.
_RESTING = "at_rest"


@dataclass(frozen=True, eq=False)
class PetabProblem:
    """A PEtab problem, as `trustode.fit` takes it.

    Made by `read_petab`. ``problem.fit()`` and ``problem.objective()`` call `trustode.fit` and
    `trustode.objective` with `model`, `data` and `arguments`.

    Attributes
    ----------
    model : Model
    data : DataFrame
        One row a measurement, after one without any at the start of each condition. Column
        ``condition`` tells them apart; after a rest it is ``REST then CONDITION``.
    arguments : mapping
        Keywords: ``time``, ``group``, ``observed``, ``vary``, ``params``, ``initial``, ``inputs``.
    """

    model: Model
    data: pd.DataFrame
    arguments: Mapping[str, Any] = field(repr=False)

    @property
    def observed(self) -> Mapping[str, Observation]:
        """Observation model of each column."""
        found: Mapping[str, Observation] = self.arguments["observed"]
        return found

    @property
    def vary(self) -> Mapping[str, Vary]:
        """What is estimated, beginning at the nominal values."""
        found: Mapping[str, Vary] = self.arguments["vary"]
        return found

    def objective(self, **more: Any) -> Objective:
        """Return the objective, as `trustode.objective`; `more` are further keywords."""
        return objective(self.model, self.data, **{**self.arguments, **more})

    def fit(self, **more: Any) -> Fit:
        """Fit, as `trustode.fit`; `more` are further keywords."""
        return fit(self.model, self.data, **{**self.arguments, **more})

    def __repr__(self) -> str:
        count = int(self.data[list(self.observed)].notna().sum().sum())
        return (
            f"<PetabProblem {self.model.name!r}: {count} measurements under "
            f"{self.data['condition'].nunique()} conditions, estimating {listed(self.vary)}>"
        )


@checks_keywords
def read_petab(file: str | os.PathLike[str]) -> PetabProblem:
    """Read a PEtab problem of version 1, to fit or evaluate it here.

    Parameters
    ----------
    file : path
        The problem's YAML file; the tables and the SBML model that it names stand beside it.

    Returns
    -------
    PetabProblem

    Raises
    ------
    FileError
        If a file cannot be read.
    ModelError
        If something in it has no equivalent here: several problems in one file, conditions of
        which only some follow a rest (or are measured at infinite time, a steady state), or that
        change states after a rest in one way for some groups only; names what and where.

    PackageError
        If pyyaml is not installed.

    Notes
    -----
    Nothing is fetched: the files must be in the folder of `file` or below it.
    """
    path = Path(file)
    where = f"read_petab({path.name})"
    about = described(path, where)
    version = str(about.get("format_version", "")).split(".")[0]
    if version != "1":
        raise ModelError(
            f"{where}: format_version is {about.get('format_version')!r:.20}; version 1 is read. "
            "Other versions can be converted with the package petab"
        )
    problems = about.get("problems")
    if not isinstance(problems, list) or len(problems) != 1:
        raise ModelError(f"{where}: it must hold one problem in problems:")
    (parts,) = problems
    files = files_of(parts, "sbml_files", path, where)
    if len(files) != 1:
        raise ModelError(f"{where}: {len(files)} files with models; one is read")
    tables = {
        kind: [
            row
            for each in files_of(parts, f"{kind}_files", path, where)
            for row in rows_of(each, kind, where)
        ]
        for kind in ("condition", "measurement", "observable")
    }
    named = about.get("parameter_file")
    listed_ = named if isinstance(named, list) else [named]
    tables["parameter"] = [
        row
        for each in files_of({"parameter_file": listed_}, "parameter_file", path, where)
        for row in rows_of(each, "parameter", where)
    ]
    return _Reader(read_model(files[0]), tables, where).problem()


class _Reader:
    """The tables of a problem, as they are turned into the arguments of a fit."""

    def __init__(
        self, model: Model, tables: Mapping[str, list[dict[str, str]]], where: str
    ) -> None:
        self.given, self.tables, self.where = model, tables, where
        self.parameters = {self._need(r, "parameterId"): r for r in tables["parameter"]}
        self.free = {n for n, row in self.parameters.items() if self._number(row, "estimate") == 1}
        self.fixed = {
            name: self._number(row, "nominalValue")
            for name, row in self.parameters.items()
            if name not in self.free
        }
        names = (*model.states, *model.params, *model.inputs, *model.observables, *self.parameters)
        for name in self.parameters:
            check_name(name, f"{where}: parameterId")
        self.known = {name: symbol(name) for name in names}
        #: Each pair of conditions that was measured under, first the one to rest under, and
        #: whether nothing comes after the rest.
        self.groups: dict[tuple[str, str, bool], str] = {}
        for row in tables["measurement"]:
            pre, sim, ends = self._stages(row)
            told = f"{sim} at rest" if ends else " then ".join(filter(None, (pre, sim)))
            self.groups.setdefault((pre, sim, ends), told)
        self.rests = any(pre for pre, *_ in self.groups)
        if self.rests and not all(pre for pre, *_ in self.groups):
            raise ModelError(
                f"{where}: some conditions follow a rest, or are measured at infinite time, and "
                "others are not; either all or none can be read"
            )
        self.conditions = {self._need(row, "conditionId"): row for row in tables["condition"]}
        for name in {name for pre, sim, _ in self.groups for name in (pre, sim) if name}:
            if name not in self.conditions:
                raise ModelError(
                    f"{where}: the measurements' condition {name!r:.60} is not in the table of "
                    f"conditions{nearest(name, self.conditions)}"
                )
        self.held: dict[str, dict[str, float]] = {}
        self.replaced: dict[sympy.Symbol, sympy.Expr] = {}
        self.starting: dict[str, sympy.Expr] = {}
        self.then: dict[str, dict[str, float]] = {}
        #: What a parameter is before the data begin, where a rest is under other values.
        self.before: dict[sympy.Symbol, sympy.Expr] = {}
        self._conditions()

    def _need(self, row: Mapping[str, str], column: str) -> str:
        if column not in row:
            raise ModelError(f"{self.where}: a row has no {column}: {listed(row.values(), 4)}")
        return row[column]

    def _stages(self, row: Mapping[str, str]) -> tuple[str, str, bool]:
        """Return the conditions of a measurement, to rest under and after that, and if it ends so.

        What is measured at infinite time is measured at the beginning, after a rest.
        """
        sim, ends = self._need(row, "simulationConditionId"), _ends(row)
        return (sim if ends else row.get("preequilibrationConditionId", "")), sim, ends

    def _number(self, row: Mapping[str, str], column: str) -> float:
        text = self._need(row, column)
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if math.isnan(value):
            raise ModelError(f"{self.where}: {column} is {text!r:.40}, not a number")
        return value

    def _value(self, text: str, where: str) -> sympy.Expr | float:
        """Return a cell that holds a number or the name of a parameter."""
        try:
            return float(text)
        except ValueError:
            pass
        if text in self.fixed:
            return self.fixed[text]
        if text not in self.known:
            raise ModelError(f"{where}: {text!r:.60} is no parameter{nearest(text, self.known)}")
        return self.known[text]

    # ------------------------------------------------------------------ conditions

    def _conditions(self) -> None:
        """Turn what conditions set into values by group."""
        columns = {name: None for row in self.conditions.values() for name in row}
        for name in columns:
            if name in ("conditionId", "conditionName"):
                continue
            where = f"{self.where}: the conditions' {name!r:.60}"
            stages = [
                {
                    label: self._value(self.conditions[stage][name], where)
                    for (pre, sim, _), label in self.groups.items()
                    if (stage := (pre, sim)[k]) and name in self.conditions[stage]
                }
                for k in (0, 1)
            ]
            if name in self.given.states:
                self._state(name, *stages)
            elif name in self.given.params:
                self._parameter(name, *stages)
            elif any(stages):
                raise ModelError(
                    f"{where} is no parameter and no state of the model"
                    f"{nearest(name, [*self.given.params, *self.given.states])}"
                )

    def _state(self, name: str, pre: dict[str, Any], sim: dict[str, Any]) -> None:
        """Set where a state starts, and where it is put after a rest."""
        first = pre if self.rests else sim
        if first:
            default = self.given.initial[name]
            self.starting[name] = self._by_group(f"{name}_starts", first, default)
        ended = {label for (*_, ends), label in self.groups.items() if ends}
        sim = {label: value for label, value in sim.items() if label not in ended}
        if self.rests and sim:
            numbers = all(isinstance(value, float) for value in sim.values())
            if not numbers or len(sim) < len(self.groups):
                raise ModelError(
                    f"{self.where}: state '{name}' is set after a rest under some conditions only, "
                    "or to a parameter; a number under all of them can be read"
                )
            self.then[name] = sim

    def _parameter(self, name: str, pre: dict[str, Any], sim: dict[str, Any]) -> None:
        """Let a parameter differ by group, and before the data begin."""
        own = self.known[name]
        default = self.fixed.get(name, own if name in self.free else self.given.defaults[name])
        now = self._by_group(name, sim, default) if sim else _expression(default)
        if not self.rests or (pre == sim):
            if now != own:
                self.replaced[own] = now
            return
        before = self._by_group(f"{name}_before", pre, default) if pre else _expression(default)
        self.before[own] = before
        self.replaced[own] = symbol(_RESTING) * before + (1 - symbol(_RESTING)) * now

    def _by_group(self, name: str, values: Mapping[str, Any], default: Any) -> sympy.Expr:
        """Return an expression that has a value in each group."""
        every = {label: values.get(label, default) for label in self.groups.values()}
        if all(isinstance(value, float) for value in every.values()):
            made = name if name in self.given.params else self._new(name)
            self.held[made] = every
            return symbol(made)
        total: sympy.Expr = sympy.Integer(0)
        for k, value in enumerate(dict.fromkeys(every.values()), 1):
            switch = self._new(f"{name}_is_{k}")
            self.held[switch] = {label: float(each == value) for label, each in every.items()}
            total += symbol(switch) * value
        return total

    def _new(self, wish: str) -> str:
        name = wish
        while name in self.known:
            name += "_x"
        self.known[name] = symbol(name)
        return name

    # ------------------------------------------------------------------ observables

    def _observed(self) -> tuple[dict[str, Observation], list[dict[str, Any]]]:
        """Return observation models and rows of data; what is overridden gets its own column."""
        about = {self._need(row, "observableId"): row for row in self.tables["observable"]}
        observed: dict[str, Observation] = {}
        columns: dict[tuple[str, str, str], str] = {}
        rows: list[dict[str, Any]] = []
        for row in self.tables["measurement"]:
            name, time = self._need(row, "observableId"), self._number(row, "time")
            if name not in about:
                raise ModelError(
                    f"{self.where}: the measurements' observable {name!r:.60} is not in the table "
                    f"of observables{nearest(name, about)}"
                )
            if time == math.inf and row.get("preequilibrationConditionId"):
                raise ModelError(
                    f"{self.where}: {name!r:.60} was measured at infinite time, after another "
                    "rest; one rest can be read"
                )
            time = 0.0 if time == math.inf else time
            if time < 0.0:
                raise ModelError(
                    f"{self.where}: {name!r:.60} was measured at time {time:g}; times from 0 on, "
                    "and inf for a steady state, can be read"
                )
            noise, values = row.get("noiseParameters", ""), row.get("observableParameters", "")
            by_row = about[name].get("noiseFormula") == f"noiseParameter1_{name}" and _is_number(
                noise
            )
            key = name, values, "" if by_row else noise
            if key not in columns:
                column = name if name not in observed else f"{name}_{len(columns)}"
                columns[key] = column
                noisy = f"{column}_noise" if by_row else None
                observed[column] = self._observation(about[name], values, noise, noisy)
            made: dict[str, Any] = {
                "condition": self.groups[self._stages(row)],
                "time": time,
                columns[key]: self._number(row, "measurement"),
            }
            if by_row:
                made[f"{columns[key]}_noise"] = float(noise)
            rows.append(made)
        return observed, rows

    def _observation(
        self, about: Mapping[str, str], values: str, noise: str, noisy: str | None
    ) -> Observation:
        """Return one observable's model, with what its placeholders stand for."""
        name = about["observableId"]
        where = f"{self.where}: observable {name!r:.60}"
        known, meant = dict(self.known), {}
        for kind, text in (("observable", values), ("noise", noise)):
            for k, part in enumerate(filter(None, text.split(";")), 1):
                placeholder = f"{kind}Parameter{k}_{name}"
                known[placeholder] = symbol(placeholder)
                meant[known[placeholder]] = self._value(part.strip(), where)

        def formula(column: str) -> sympy.Expr:
            found = read(self._need(about, column), known, where).xreplace(meant)
            seen = {symbol(n): each for n, each in self.given.observables.items()}
            return self._resolved(found.xreplace(seen))

        family = about.get("noiseDistribution", "normal")
        transform = about.get("observableTransformation", "lin")
        if family not in ("normal", "laplace") or transform not in SCALES:
            raise ModelError(
                f"{where}: {family!r:.30} noise on the scale {transform!r:.30} is not known here"
            )
        spread: Any = noisy
        if noisy is None:
            spread = formula("noiseFormula")
            if spread.is_number:
                spread = float(spread)
            elif spread.is_Symbol:
                spread = spread.name
        made: Callable[..., Observation] = Gaussian if family == "normal" else Laplace
        expr = formula("observableFormula")
        return made(float(expr) if expr.is_number else expr, spread, transform=transform)

    # ------------------------------------------------------------------ all of it

    def _resolved(self, expression: sympy.Expr, begins: bool = False) -> sympy.Expr:
        """Return an expression with what stands for its parameters."""
        if begins:
            expression = expression.xreplace(self.before)
        values = {symbol(n): v for n, v in self.fixed.items() if n not in self.given.params}
        return expression.xreplace(self.replaced).xreplace(values)

    def problem(self) -> PetabProblem:
        """Return model, data and arguments."""
        import pandas as pd

        given = self.given
        observed, rows = self._observed()
        labels = list(self.groups.values())
        every = [{"condition": label, "time": 0.0} for label in labels] + rows
        data = pd.DataFrame(every)
        data["condition"] = pd.Categorical(data["condition"], labels)
        data = data.sort_values(["condition", "time"], kind="stable").reset_index(drop=True)
        data["condition"] = data["condition"].astype(str)
        params: dict[str, Any] = dict(given.parameters)
        params |= {name: 0.0 for name in self.held if name not in params}
        params |= {n: self.fixed[n] for n in given.params if n in self.fixed}
        rhs = {state: self._resolved(each) for state, each in given.rhs.items()}
        starts = {**given.initial, **self.starting}
        initial = {name: self._resolved(each, True) for name, each in starts.items()}
        vary = {name: self._vary(name) for name in self.parameters if name in self.free}
        used = set().union(*(each.free_symbols for each in (*rhs.values(), *initial.values())))
        params |= {n: v.value for n, v in vary.items() if n not in params and symbol(n) in used}
        model = Model(
            given.name,
            rhs=rhs,
            params={name: _unbounded(value) for name, value in params.items()},
            initial=initial,
            inputs={**given.input_defaults, **({_RESTING: 0.0} if self.rests else {})},
            observables={n: self._resolved(each) for n, each in given.observables.items()},
            bounds=given.bounds,
            time_unit=given.time_unit,
            meanings=given.meanings,
            description=given.description,
            source=given.source,
        )
        arguments: dict[str, Any] = {
            "time": "time",
            "group": "condition",
            "observed": observed,
            "vary": vary,
            "params": self.held,
        }
        if self.rests:
            arguments["initial"] = AtRest(inputs={_RESTING: 1.0}, then=self.then)
        return PetabProblem(model, data, arguments)

    def _vary(self, name: str) -> Vary:
        """Return how a parameter is estimated."""
        row = self.parameters[name]
        scale = row.get("parameterScale", "lin")
        if scale not in SCALES:
            raise OptionError(f"{self.where}: '{name}' has the scale {scale!r:.40}")
        low, high = (
            self._number(row, column) if column in row else edge
            for column, edge in (("lowerBound", -math.inf), ("upperBound", math.inf))
        )
        if "nominalValue" in row:
            value = self._number(row, "nominalValue")
        else:
            value = float(np.sqrt(low * high) if scale != "lin" else 0.5 * (low + high))
        prior, on = None, "lin"
        if kind := row.get("objectivePriorType"):
            where = f"{self.where}: '{name}'"
            prior, on = prior_of(kind, row.get("objectivePriorParameters", ""), scale, where)
        return Vary(value, min=low, max=high, scale=scale, prior=prior, prior_scale=on)


def _unbounded(value: Any) -> Any:
    """Return a parameter without its range: conditions may set it to anything."""
    if not isinstance(value, Param):
        return value
    return Param(value.value, unit=value.unit, meaning=value.meaning, source=value.source)


def _expression(value: sympy.Expr | float) -> sympy.Expr:
    return sympy.Float(value) if isinstance(value, float) else value


def _ends(row: Mapping[str, str]) -> bool:
    """Tell whether something was measured at infinite time, and not after another rest."""
    endless = row.get("time", "").lower() in ("inf", "+inf", "infinity")
    return endless and not row.get("preequilibrationConditionId")


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
