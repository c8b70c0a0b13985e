"""Read the reference problems of fitting: a model, a table and numbers to meet."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sympy
import yaml

import trustode as tr
from trustode.expression import TIME, parse, symbol


@dataclass(frozen=True)
class Case:
    """A reference problem as arguments of `trustode.objective` and `trustode.fit`."""

    model: tr.Model
    data: pd.DataFrame
    arguments: dict[str, Any]
    nominal: dict[str, float]
    expected: dict[str, Any]

    def objective(self, **more: Any) -> Any:
        return tr.objective(self.model, self.data, **self.arguments, **more)


def read_case(folder: Path) -> Case:
    """Translate a folder: conditions become groups, what they set is held by group."""
    about = yaml.safe_load((folder / "model.yaml").read_text(encoding="utf-8"))
    table = pd.read_csv(folder / "measurements.csv")
    expected = yaml.safe_load((folder / "expected.yaml").read_text(encoding="utf-8"))
    given = {each["name"]: each for each in about["parameters"]}
    constants, expressions = about.get("constants", {}), about.get("expressions", {})
    names = [*about["states"], *given, *constants, *expressions]
    known = {name: symbol(name) for name in names} | {"t": TIME}

    def read(text: object) -> sympy.Expr:
        return parse(str(text), known, folder.name)

    used = list(dict.fromkeys(table["condition"]))
    sets = {c["id"]: c["set"] for c in about["conditions"]}
    held: dict[str, dict[str, float]] = {}
    overridden: dict[str, sympy.Expr] = {}
    for name in dict.fromkeys(name for c in used for name in sets[c]):
        terms = []
        for condition in used:
            switch = f"{condition}_sets_{name}"
            held[switch] = {other: float(other == condition) for other in used}
            otherwise = about["initial"].get(name, constants.get(name, name))
            terms.append(symbol(switch) * read(sets[condition].get(name, otherwise)))
        overridden[name] = sympy.Add(*terms)
    replaced = {name: read(text) for name, text in {**constants, **expressions}.items()}
    replaced |= {name: value for name, value in overridden.items() if name not in about["states"]}

    def resolved(text: object) -> sympy.Expr:
        expression = text if isinstance(text, sympy.Expr) else read(text)
        for _ in range(len(replaced) + 1):
            expression = expression.xreplace({symbol(n): e for n, e in replaced.items()})
        return expression

    initial = {**about["initial"], **{n: e for n, e in overridden.items() if n in about["states"]}}
    params = {name: float(each["nominal"]) for name, each in given.items()}
    model = tr.Model(
        folder.name,
        rhs={name: resolved(text) for name, text in about["rhs"].items()},
        params={**params, **dict.fromkeys(held, 0.0)},
        initial={name: resolved(text) for name, text in initial.items()},
    )
    observed = {
        each["id"]: tr.Gaussian(
            resolved(each["formula"]), sd=resolved(each["noise"]), transform=each["transformation"]
        )
        for each in about["observables"]
    }
    vary = {
        name: tr.Vary(params[name], min=each["lower"], max=each["upper"], scale=each["scale"])
        for name, each in given.items()
        if each["estimate"]
    }
    rows = [{"condition": c, "time": 0.0} for c in used]
    for row in table.to_dict("records"):
        rows.append(
            {k: row[k] for k in ("condition", "time")} | {row["observable"]: row["measurement"]}
        )
    data = pd.DataFrame(rows).sort_values(["condition", "time"], kind="stable")
    data = data.reset_index(drop=True)
    for column in observed:
        data[column] = data.get(column, np.nan)
    arguments = {
        "time": "time",
        "group": "condition",
        "observed": observed,
        "vary": vary,
        "params": held,
    }
    nominal = {name: params[name] for name in vary}
    return Case(model, data, arguments, nominal, expected)
