"""A page for each built-in model, generated from the model, with its pictures."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import sympy

import trustode as tr
from trustode.bifurcation import Diagram
from trustode.models.trust_forms import one_load

#: Parameter names are ASCII; these beginnings stand for Greek letters.
_GREEK = {
    "th": r"\theta",
    "lam": r"\lambda",
    "kap": r"\kappa",
    "eps": r"\varepsilon",
    "om": r"\omega",
    "ups": r"\upsilon",
}

#: Between two lines of equations.
_BREAK = " \\\\\n"
#: Operations below which equations stand as they are; of an argument, above which it is named.
_SHORT, _LONG = 40, 12
#: Characters that fit on a line.
_WIDEST = 60

_WARNING = """\
:::{warning}
These equations are trustode's formalisation of a verbal theory, not its authors' words. No value
was estimated from patients; developmental loadings, damages and effects of therapies are
assumptions. This is a model of a theory, not a diagnostic tool, and nothing here is clinical
guidance.
:::
"""


#: Where the page with sliders is, seen from a model's page.
_LIVE = """\
<a class="live" href="../../_static/explore/{name}.html">Move its parameters</a>: the model with
sliders, on [a page](/how-to/explore.md) that computes in the browser.
"""


@dataclass(frozen=True)
class Picture:
    """What a model's page draws."""

    end: float
    names: tuple[str, ...]
    caption: str
    profile: str | None = None
    inputs: dict[str, Any] = field(default_factory=dict)
    initial: dict[str, float] = field(default_factory=dict)
    parameter: str | None = None
    span: tuple[float, float] = (0.0, 1.0)
    state: str = ""
    instead: str = ""


_EPISODE = {"ev": tr.Episodes([20], height=-1)}


def _trust(names: tuple[str, ...]) -> Picture:
    """Return what the trust models' pages draw."""
    return Picture(
        120,
        names,
        "The profile `bpd-excitable` over 120 days, with one episode of -1 on day 20: about a "
        "cancelled visit.",
        profile="bpd-excitable",
        inputs=_EPISODE,
        parameter="D",
        span=(0.0, 0.6),
        state="T",
    )


_PICTURES: dict[str, Picture] = {
    "trust-original": _trust(("T", "L", "E")),
    "trust-updated": _trust(("T", "L", "E", "C")),
    "trust-dyad": _trust(("T", "L", "E", "P")),
    "van-der-pol": Picture(
        30, ("x", "v"), "The default values over 30 units of time.",
        instead="At `mu = 0` the model is the harmonic oscillator: every orbit is periodic, so the "
        "family that is born there stands upright and a diagram along `mu` says nothing. For "
        "`mu > 0` there is one stable cycle.",
    ),
    "fitzhugh-nagumo": Picture(
        60, ("x", "y"), "From rest, with a stimulus of `z = -0.4` from the start on.",
        parameter="z", span=(-2.0, 1.0), state="x",
    ),
    "morris-lecar": Picture(
        600, ("V",), "The default values over 600 ms.",
        parameter="I", span=(-50.0, 300.0), state="V",
    ),
    "lorenz": Picture(
        40, ("X", "Z"), "The default values over 40 units of time.",
        parameter="rho", span=(0.0, 30.0), state="X",
    ),
    "lotka-volterra": Picture(
        30, ("N", "P"), "The default values over 30 units of time.",
        instead="The equilibrium is a centre for all values, surrounded by orbits of every size: "
        "nothing bifurcates.",
    ),
    "robertson": Picture(
        1e4, ("y1", "y2", "y3"), "The default values; the time axis is logarithmic.",
        instead="The total is conserved, so equilibria fill a line and there is no diagram along a "
        "parameter.",
    ),
    "hires": Picture(
        321.8122, ("y1", "y6", "y8"), "The default values over the time span of the test set.",
        instead="One stable equilibrium for all values in the table: nothing bifurcates.",
    ),
    "orego": Picture(
        360, ("y1", "y2", "y3"), "The default values over the time span of the test set.",
        instead="The model is here as a stiff test; its states span six powers of ten, which a "
        "diagram would not show.",
    ),
    "brusselator": Picture(
        40, ("x", "y"), "The default values over 40 units of time.",
        parameter="b", span=(1.0, 4.0), state="x",
    ),
}  # fmt: skip

#: Developmental load of the trust models' pages with sliders; they swing from about 0.31 on.
_NEAR_ONSET = 0.28

#: Axes on which a model's time course is read.
_LOGARITHMIC = {"robertson": ("log", "log"), "orego": ("linear", "log")}


def write(folder: Path, live: Path) -> None:
    """Write every model's page and pictures, the table of contents, and pages with sliders."""
    folder.mkdir(parents=True)
    live.mkdir(parents=True)
    missing = set(tr.models.names()) - set(_PICTURES)
    if missing:
        raise ValueError(f"docs/_ext/model_pages.py: no picture is chosen for {sorted(missing)}")
    for name in tr.models.names():
        diagram = draw(name, folder)
        said = "" if diagram is None else diagram.summary()
        (folder / f"{name}.md").write_text(page(name, said), encoding="utf-8")
        if name not in _LOGARITHMIC:
            _explorer(name, diagram, live / f"{name}.html")
    (folder / "index.md").write_text(_index(), encoding="utf-8")


def _explorer(name: str, diagram: Diagram | None, path: Path) -> None:
    """Write a model's page with sliders, with its diagram if it has one."""
    picture = _PICTURES[name]
    model = tr.models.load(name) if diagram is None else diagram.model
    how: dict[str, Any] = {}
    if tr.models.profiles(name):
        # At rest and near the onset of the swing, where there is something to see.
        near = {picture.parameter: _NEAR_ONSET}
        how = {"params": near, "initial": tr.equilibria(model, params=near).stable[0].state}
    tr.explore(
        model, path, t=(0, picture.end), inputs=picture.inputs, names=picture.names,
        diagram=diagram, **how,
    )  # fmt: skip


def _index() -> str:
    rows = []
    for name in tr.models.names():
        model = tr.models.load(name)
        what = model.description.split(". ")[0].rstrip(".")
        rows.append(
            f"| [{name}]({name}.md) | {len(model.states)} | {len(model.params)} | {_cell(what)} |"
        )
    return "\n".join(
        [
            "# Built-in models",
            "",
            "Each page is generated from the model itself: `tr.models.load(name)`.",
            "",
            _WARNING.replace("These equations are", "The equations of the trust models are"),
            "| model | states | parameters | what it is |",
            "|---|---|---|---|",
            *rows,
            "",
            "```{toctree}",
            ":hidden:",
            "",
            *tr.models.names(),
            "```",
            "",
        ]
    )


def page(name: str, diagram: str) -> str:
    """Return a model's page.

    Parameters
    ----------
    name : str
        One of `trustode.models.names`.
    diagram : str
        What its diagram says, in sentences; empty if it has none.
    """
    model = tr.models.load(name)
    trust = bool(tr.models.profiles(name))
    about = model.description.split(" The equations are")[0]
    parts = [f"# {name}\n", f"{about}\n", f"**Source.** {model.source}\n"]
    if trust:
        parts.append(_WARNING)
    if name not in _LOGARITHMIC:
        parts.append(_LIVE.format(name=name))
    parts += ["```python", "import trustode as tr", "", f'model = tr.models.load("{name}")']
    parts += ["print(model.table())", "```\n"]
    parts += [_pictures(name, diagram), "## Equations\n", _equations(model), _names(model)]
    parts += ["## Parameters\n", _parameters(model)]
    if trust:
        parts.append(_profiles(model))
    return "\n".join(parts)


# --- equations


def _latex(expression: Any) -> str:
    """Return an expression as LaTeX, with Greek letters for their names."""
    symbols = {symbol: _symbol(symbol.name) for symbol in sympy.sympify(expression).free_symbols}
    text: str = sympy.latex(expression, symbol_names=symbols, mul_symbol=r" \, ")
    return text


def _symbol(name: str) -> str:
    """Return a name as LaTeX sets it."""
    stem, _, low = name.partition("_")
    if stem in _GREEK:
        head = _GREEK[stem]
    elif len(stem) == 1 or stem.rstrip("0123456789") != stem:
        digits = stem[len(stem.rstrip("0123456789")) :]
        head = stem.rstrip("0123456789") + (f"_{{{digits}}}" if digits else "")
    else:
        plain = sympy.latex(sympy.Symbol(stem))
        head = plain if plain.startswith("\\") else rf"\mathrm{{{plain}}}"
    if not low:
        return head
    low_text = low if len(low) == 1 else sympy.latex(sympy.Symbol(low))
    if not low_text.startswith("\\") and len(low) > 1:
        low_text = rf"\mathrm{{{low}}}"
    return f"{head}_{{{low_text}}}"


def _equations(model: tr.Model) -> str:
    """Return the right-hand sides, with what they share written once."""
    shared, right = _shared(list(model.rhs.values()))
    lines = []
    for state, expression in zip(model.rhs, right, strict=True):
        above, below = sympy.fraction(expression)
        left = rf"\frac{{d{_latex(state)}}}{{dt}}"
        if below.is_Symbol:
            left, expression = f"{_latex(below)}\\,{left}", above
        lines.append((left, expression))
    text = _aligned(lines)
    if shared:
        text += "\nHere\n\n" + _aligned([(_latex(name), value) for name, value in shared])
    if model.observables:
        read = [(rf"\text{{{name}}}", value) for name, value in model.observables.items()]
        text += "\nRead-outs (`model.observables`):\n\n" + _aligned(read)
    starts = [f"{_symbol(name)}(0) = {_latex(value)}" for name, value in model.initial.items()]
    rows = [",\\quad ".join(starts[k : k + 4]) for k in range(0, len(starts), 4)]
    return (
        f"{text}\nStarts:\n\n$$\n\\begin{{gathered}}\n{_BREAK.join(rows)}\n\\end{{gathered}}\n$$\n"
    )


def _shared(right: list[Any]) -> tuple[list[tuple[sympy.Symbol, Any]], list[Any]]:
    """Take out what long right-hand sides share, and long arguments of functions.

    A multiple of a name stays where it is.
    """
    if sum(sympy.count_ops(expression) for expression in right) < _SHORT:
        return [], right
    found, rest = sympy.cse(right, symbols=sympy.numbered_symbols("cse"))
    kept: list[tuple[sympy.Symbol, Any]] = []
    small: dict[sympy.Symbol, Any] = {}

    def keep(value: Any) -> sympy.Symbol:
        """Name an expression, its own long arguments first."""
        value = shorten(value)
        kept.append((sympy.Symbol(f"z_{len(kept) + 1}"), value))
        return kept[-1][0]

    def shorten(value: Any) -> Any:
        """Name the long arguments of an expression's functions."""
        calls = sorted(value.atoms(sympy.Function), key=sympy.count_ops, reverse=True)
        for call in calls:
            argument = call.args[0]
            if value.has(call) and sympy.count_ops(argument) > _LONG:
                value = value.xreplace({call: call.func(keep(argument))})
        return value

    for name, value in found:
        value = value.xreplace(small)
        small[name] = value if sympy.count_ops(value) <= 1 else keep(value)
    return kept, [shorten(expression.xreplace(small)) for expression in rest]


def _aligned(equations: list[tuple[str, Any]]) -> str:
    lines = _BREAK.join(f"{left} &= {_broken(right)}" for left, right in equations)
    return f"$$\n\\begin{{aligned}}\n{lines}\n\\end{{aligned}}\n$$\n"


def _broken(expression: Any) -> str:
    """Return an expression; a long sum in pieces that fit the page."""
    text = _latex(expression)
    if _width(text) <= _WIDEST or not expression.is_Add:
        return text
    lines, now = [], ""
    for term in map(_latex, expression.as_ordered_terms()):
        first = not now and not lines
        piece = term if first or term.startswith("-") else f"+ {term}"
        if now and _width(now) + _width(piece) > _WIDEST:
            lines.append(now)
            now = ""
        now = f"{now} {piece}".strip()
    return f"{_BREAK}&\\qquad ".join([*lines, now])


def _width(text: str) -> int:
    """Return about how many characters wide an equation is set."""
    words = re.sub(r"\\(left|right|frac|mathrm|text|,)", "", text)
    words = re.sub(r"\\[a-z]+", "x", words)
    return len(re.sub(r"[{}_^\\ ]", "", words))


# --- tables


def _cell(text: str) -> str:
    """Return text for a cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")


def _range(low: float, high: float) -> str:
    """Return a range, with nothing where it has no end."""
    if np.isinf([low, high]).all():
        return ""
    return f"{low:g} to {high:g}".replace(" ", "\u00a0")


def _names(model: tr.Model) -> str:
    """Return the tables of states, inputs and read-outs."""
    rows = ["## States, inputs and read-outs\n", "| | | range | meaning |", "|---|---|---|---|"]
    for kind, names in (
        ("state", model.states),
        ("input", model.inputs),
        ("read-out", model.observables),
    ):
        for name in names:
            low, high = model.bounds.get(name, (-np.inf, np.inf))
            meaning = _cell(model.meanings.get(name, ""))
            rows.append(f"| `{name}` | {kind} | {_range(low, high)} | {meaning} |")
    unit = f"Time is in {model.time_unit}s.\n" if model.time_unit == "day" else ""
    if model.time_unit and not unit:
        unit = f"Time is in {model.time_unit}.\n"
    return "\n".join(rows) + f"\n\n{unit}"


def _parameters(model: tr.Model) -> str:
    """Return the table of parameters; sources are letters, explained below it."""
    sources: dict[str, str] = {}
    themed = any(param.theme for param in model.parameters.values())
    head = ["name", "", "value", "range", "meaning", *(["theme"] if themed else []), "source"]
    rows = [" | ".join(head), " | ".join(["---"] * len(head))]
    for name, param in model.parameters.items():
        letter = ""
        if param.source:
            letter = sources.setdefault(param.source, chr(ord("a") + len(sources)))
        value = f"{param.value:g} {param.unit}".strip()
        row = [f"`{name}`", f"${_symbol(name)}$", value, _range(param.min, param.max)]
        row += [_cell(param.meaning), *([_cell(param.theme)] if themed else []), letter]
        rows.append(" | ".join(row))
    table = "\n".join(f"| {row} |" for row in rows)
    notes = "  \n".join(f"**{letter}** {source}" for source, letter in sources.items())
    return f"{table}\n\nSources:  \n{notes}\n"


def _profiles(model: tr.Model) -> str:
    """Return what profiles and therapies change."""
    healthy = model.defaults
    rows = [
        "## Profiles\n",
        "`tr.models.load(name, profile=...)`; what a profile does not name keeps its default.\n",
    ]
    rows += ["| profile | values |", "|---|---|"]
    for profile in tr.models.profiles(model.name):
        values = tr.models.load(model.name, profile=profile).defaults
        changed = [f"`{key}` {value:g}" for key, value in values.items() if value != healthy[key]]
        rows.append(f"| `{profile}` | {', '.join(changed) or 'the defaults'} |")
    rows += ["", "## Therapies\n"]
    rows += [
        "`tr.models.load(name, therapy=...)`: what a unit dose of the input `h` changes. They ",
        "illustrate a form, and are no estimates of efficacy.\n",
        "| therapy | values |",
        "|---|---|",
    ]
    for therapy, values in tr.models.therapies().items():
        known = [f"`{key}` {value:g}" for key, value in values.items() if key in healthy]
        rows.append(f"| `{therapy}` | {', '.join(known)} |")
    return "\n".join([*rows, ""])


# --- pictures


def _pictures(name: str, diagram: str) -> str:
    picture = _PICTURES[name]
    parts = ["## What it does\n", f"![{_plain(picture.caption)}]({name}-time.svg)\n"]
    parts.append(f"*{picture.caption}*\n")
    if picture.parameter is None:
        parts.append(f"{picture.instead}\n")
        return "\n".join(parts)
    trust = bool(tr.models.profiles(name))
    along = (
        "the developmental load `D` (the three factors together)"
        if trust
        else f"`{picture.parameter}`"
    )
    parts.append(f"![Diagram of {name} along {picture.parameter}]({name}-diagram.svg)\n")
    parts.append(
        f"*Its diagram along {along}. Solid is stable, dashed unstable; a cycle is drawn at its "
        "least and largest value.*\n"
    )
    parts += [f"- {sentence}" for sentence in diagram.splitlines()]
    return "\n".join([*parts, ""])


def _plain(text: str) -> str:
    return text.replace("`", "")


def draw(name: str, folder: Path) -> Diagram | None:
    """Draw a model's pictures into a folder and return its diagram, if it has one."""
    from matplotlib.figure import Figure

    picture = _PICTURES[name]
    model = tr.models.load(name, profile=picture.profile)
    start = picture.initial
    params: dict[str, float] = {}
    if tr.models.profiles(name):
        start = tr.equilibria(model).stable[0].state
    if name == "fitzhugh-nagumo":
        params = {"z": -0.4}
        start = tr.equilibria(model).stable[0].state
    scales = _LOGARITHMIC.get(name, ("linear", "linear"))
    times = np.linspace(0, picture.end, 1500)
    if scales[0] == "log":
        times = np.concatenate([[0.0], np.geomspace(1e-5, picture.end, 600)])
    solution = tr.simulate(model, times, params=params, initial=start, inputs=picture.inputs)
    figure = Figure(figsize=(7.2, 3.2), layout="constrained")
    ax = figure.subplots()
    solution.plot(list(picture.names), ax=ax)
    ax.set_xscale(scales[0])
    ax.set_yscale(scales[1])
    figure.savefig(folder / f"{name}-time.svg", metadata={"Date": None})
    if picture.parameter is None:
        return None
    if tr.models.profiles(name):
        model = one_load(name)
    diagram = tr.diagram(model, picture.parameter, picture.span)
    figure = Figure(figsize=(7.2, 3.6), layout="constrained")
    diagram.plot(picture.state, ax=figure.subplots())
    figure.savefig(folder / f"{name}-diagram.svg", metadata={"Date": None})
    return diagram
