"""What a page says of the model: equations, and values with their sources. Imports the page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..expression import write
from ..model import Model
from ..text import write_text
from .folder import Folder
from .page import Link, Picture, Section, Table, Text

if TYPE_CHECKING:
    import pandas as pd


def model_section(model: Model, result: Any, into: Folder, names: Sequence[str] = ()) -> Section:
    """Return the section on the model that a result is of, and save the model.

    Parameters
    ----------
    model : Model
    result : result of that model
        Its ``params`` and ``inputs``, where they are mappings, are the values that were used.
    into : Folder
    names : sequence of str
        Results that are of it, where a page has more than one model.
    """
    file = into.text("model.toml", write_text(model))
    used = getattr(result, "params", None)
    values = used if isinstance(used, dict) else {}
    parts: list[Text | Picture | Table | Link] = [
        Text(
            f"The model is in {file} beside this page: tr.read_model({file!r}) reads it."
            + (f" Time is in the unit {model.time_unit!r}." if model.time_unit else "")
        )
    ]
    if model.source:
        parts.append(Text(f"Source: {model.source}"))
    parts.append(Table(_equations(model), "Equations."))
    if model.params:
        caption = "Values that were used." if values else "The model's own values."
        parts.append(into.table("parameters", _values(model, values), caption, digits=6))
    return Section("The model" + (f" of {', '.join(names)}" if names else ""), tuple(parts))


def _equations(model: Model) -> pd.DataFrame:
    import pandas as pd

    rows = [
        {"name": f"d{symbol.name}/dt", "equation": write(right), "meaning": _meaning(model, symbol)}
        for symbol, right in model.rhs.items()
    ]
    rows += [
        {"name": f"{name}(0)", "equation": write(start), "meaning": "start"}
        for name, start in model.initial.items()
    ]
    rows += [
        {"name": name, "equation": write(value), "meaning": model.meanings.get(name, "")}
        for name, value in model.observables.items()
    ]
    return pd.DataFrame(rows)


def _meaning(model: Model, symbol: Any) -> str:
    return str(model.meanings.get(symbol.name, ""))


def _values(model: Model, used: dict[str, float]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(
        [
            {
                "name": name,
                "value": float(used.get(name, param.value)),
                "unit": param.unit,
                "meaning": param.meaning,
                "source": param.source,
            }
            for name, param in model.parameters.items()
        ]
    )
