"""What a page says of the model: equations, and values with their sources. Imports the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..expression import write
from ..model import Model
from ..text import write_text
from .folder import Folder
from .page import Link, Picture, Section, Table, Text
from .used import Value, own_values, used_values

if TYPE_CHECKING:
    import pandas as pd


def model_section(
    model: Model, results: Mapping[str, Any], into: Folder, alone: bool = True
) -> Section:
    """Return the section on the model that results are of, and save the model.

    Parameters
    ----------
    model : Model
    results : mapping of name to result of that model
        Which values they used is told of each.
    into : Folder
    alone : bool
        Whether it is the only model of the page.
    """
    file = into.text("model.toml", write_text(model))
    parts: list[Text | Picture | Table | Link] = [
        Text(
            f"The model with its own values is in {file} beside this page: tr.read_model({file!r}) "
            "reads it." + (f" Time is in the unit {model.time_unit!r}." if model.time_unit else "")
        )
    ]
    if model.source:
        parts.append(Text(f"Source: {model.source}"))
    parts.append(Table(_equations(model), "Equations."))
    parts.append(_values(model, results, into))
    return Section("The model" + ("" if alone else f" of {', '.join(results)}"), tuple(parts))


def _equations(model: Model) -> pd.DataFrame:
    import pandas as pd

    rows = [
        {"name": f"d{symbol.name}/dt", "equation": write(right), "meaning": _meaning(model, symbol)}
        for symbol, right in model.rhs.items()
    ]
    rows += [
        {"name": name, "equation": write(value), "meaning": model.meanings.get(name, "")}
        for name, value in model.observables.items()
    ]
    return pd.DataFrame(rows)


def _meaning(model: Model, symbol: Any) -> str:
    return str(model.meanings.get(symbol.name, ""))


def _values(model: Model, results: Mapping[str, Any], into: Folder) -> Table:
    """Return the table of values: those that all results used, or a column for each of them."""
    import pandas as pd

    own = own_values(model)
    used = {name: used_values(result) for name, result in results.items()}
    known = {name: values for name, values in used.items() if values is not None}
    first = next(iter(known.values()), own)
    if all(values == first for values in known.values()):
        columns: dict[str, dict[str, Value]] = {"value": first}
        caption = "Values that were used." if known else "The model's own values."
    else:
        columns = {"model's own": own, **known}
        caption = "Values: the model's own, and those that each result used."
    if len(known) < len(used):
        untold = ", ".join(name for name, values in used.items() if values is None and name)
        caption += f" What {untold or 'the result'} used in their place is no longer known."
    about = {
        name: {"unit": each.unit, "meaning": each.meaning, "source": each.source}
        for name, each in model.parameters.items()
    }
    about |= {f"{state}(0)": {"meaning": "start"} for state in model.states}
    about |= {name: {"meaning": model.meanings.get(name, "input")} for name in model.inputs}
    rows = [
        {"name": name}
        | {column: values[name] for column, values in columns.items()}
        | {key: about[name].get(key, "") for key in ("unit", "meaning", "source")}
        for name in own
    ]
    return into.table("parameters", pd.DataFrame(rows), caption, digits=6, most=len(rows))
