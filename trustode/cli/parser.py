"""What can be typed, and what ``--help`` says of it. Imports the commands."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from .. import __version__
from ..errors import OptionError, nearest
from ..export import FORMATS
from .commands import (
    run_completion,
    run_demo,
    run_diagram,
    run_doctor,
    run_ensemble,
    run_explore,
    run_export,
    run_fit,
    run_models,
    run_report,
    run_scan,
    run_simulate,
)
from .completion import SHELLS

_DESCRIPTION = (
    "Ordinary differential equation models of trust: simulated, followed and fitted. "
    "Nothing is sent anywhere, and nothing here is a diagnostic tool."
)
_EXIT_CODES = (
    "Exit codes: 0 all went well; 1 doctor found trouble, or a fit did not converge; 2 a mistake "
    "in what was asked, told in one line on standard error; 130 interrupted."
)
_INPUT_HELP = (
    "what arrives from outside, as NAME=NUMBER (constant), NAME=steps:TIME,VALUE,TIME,VALUE,... "
    "(each value from its time on, 0 before), NAME=episode:TIME,HEIGHT[,SD] (a Gaussian in time), "
    "NAME=pulse:TIME,HEIGHT,WIDTH, NAME=sessions:FIRST,EVERY,COUNT (the dose of a therapy), or "
    "NAME=samples:FILE.csv (columns t and value); repeatable, once an input"
)
_MODEL_HELP = "a built-in name (see: trustode models), or a file: ours, SBML, or XPPAUT's .ode"

#: What a newcomer would type first, shown below the options of each command.
EXAMPLES = {
    "demo": "trustode demo my-demo",
    "simulate": "trustode simulate trust-updated --profile bpd-excitable --input ev=episode:20,-1 "
    "--names T E --plot trust.png",
    "ensemble": "trustode ensemble trust-updated --profile bpd --draw nu=norm:3:0.3 --n 200 "
    "--name T --plot patients.png",
    "scan": "trustode scan fitzhugh-nagumo --vary z=-1:0:11 --measure period regime",
    "diagram": "trustode diagram fitzhugh-nagumo --vary z=-1:0 --plot diagram.png",
    "fit": "trustode fit model.toml ratings.csv --time day --group person --observe "
    "rating=gaussian:T,sd=noise --vary gain=1,min=0,max=3,per=person --vary "
    "noise=0.5,min=0.01,scale=log",
    "report": "trustode report fitzhugh-nagumo about-nerves --diagram z=-1:0",
    "explore": "trustode explore trust-updated --profile bpd-excitable --input ev=episode:20,-1 "
    "--out trust.html",
    "export": "trustode export fitzhugh-nagumo nerve.ode",
}


class _Parser(argparse.ArgumentParser):
    """A parser whose mistakes are told in one line, with the nearest name."""

    def error(self, message: str) -> NoReturn:
        """Raise what is told as any other mistake."""
        end = "" if message.endswith("?") else "."
        raise OptionError(f"{message}{end} See: {self.prog} --help")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            known = [str(each) for each in action.choices]
            raise argparse.ArgumentError(
                action,
                f"there is no {str(value)!r:.40}{nearest(str(value), known)} "
                f"There are: {', '.join(known)}",
            )

    def parse_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: None = None
    ) -> argparse.Namespace:
        found, left = self.parse_known_args(args, namespace)
        if left:
            command: _Parser = found.command
            options = [option for action in command._actions for option in action.option_strings]
            near = nearest(left[0].partition("=")[0], options) if left[0][0] == "-" else ""
            command.error(f"{left[0]!r:.60} is not understood{near}")
        return found


def parser_of_all() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = _Parser(prog="trustode", description=_DESCRIPTION, epilog=_EXIT_CODES)
    parser.add_argument("--version", action="version", version=f"trustode {__version__}")
    commands = parser.add_subparsers(
        title="commands", metavar="COMMAND", required=True, parser_class=_Parser
    )

    def command(name: str, run: Callable[[Any], int], text: str) -> argparse.ArgumentParser:
        epilog = f"For instance: {EXAMPLES[name]}" if name in EXAMPLES else None
        made = commands.add_parser(name, help=text, description=text, epilog=epilog)
        made.set_defaults(run=run, command=made)
        return made

    added = command(
        "demo", run_demo, "from the models to an answer on real data, as a page to read"
    )
    added.add_argument(
        "folder", nargs="?", default="trustode-demo", metavar="FOLDER",
        help="where the page goes (default: trustode-demo)",
    )  # fmt: skip
    _add_json(added)

    added = command("simulate", run_simulate, "solve a model over time")
    _add_model(added)
    _add_times(added, 601)
    _add_outputs(added, "trajectory")
    added.add_argument(
        "--names", nargs="+", metavar="NAME", help="states or observables to draw (default: states)"
    )

    added = command(
        "ensemble", run_ensemble, "solve a model for many sets of values: virtual patients"
    )
    _add_model(added)
    added.add_argument(
        "--table", type=Path, metavar="FILE.csv",
        help="a row a run; columns are parameters, starts as 'T(0)', or inputs held constant",
    )  # fmt: skip
    added.add_argument(
        "--draw", action="append", default=[], metavar="NAME=KIND:NUMBER:NUMBER",
        help="or draw a column from uniform:LOW:HIGH, norm:MEAN:SD, lognorm:MEAN:SD (of the "
        "logarithm) or laplace:MEAN:SCALE; repeatable",
    )  # fmt: skip
    added.add_argument(
        "--n", type=int, default=1000, metavar="N", help="runs to draw (default: 1000)"
    )
    added.add_argument("--seed", type=int, default=0, metavar="N", help="of --draw (default: 0)")
    _add_times(added, 301)
    _add_outputs(added, "trajectories, with the values of their runs,")
    _add_checkpoint(added)
    added.add_argument(
        "--name", metavar="NAME", help="state or observable to draw (default: the first state)"
    )

    added = command("scan", run_scan, "measure where a model ends up, over a grid of parameters")
    _add_model(added)
    added.add_argument(
        "--vary", action="append", required=True, metavar="NAME=START:END:N",
        help="an axis of the grid; NAME,NAME=... moves parameters together; repeatable",
    )  # fmt: skip
    added.add_argument(
        "--t", nargs=2, type=float, metavar=("START", "END"),
        help="span to solve (default: 0 2000, or longer where a state settles slowly)",
    )  # fmt: skip
    added.add_argument(
        "--discard", type=float, metavar="TIME", help="transient to leave out (default: half)"
    )
    added.add_argument(
        "--measure", nargs="+", default=["min", "max", "period", "regime"], metavar="MEASURE",
        help="min, max, mean, final, period, amplitude, regime (default: min max period regime)",
    )  # fmt: skip
    _add_outputs(added, "table")
    _add_checkpoint(added)
    added.add_argument("--name", metavar="NAME", help="what to draw: a column, or a state")

    added = command("diagram", run_diagram, "find where a model settles or swings, by a parameter")
    _add_model(added)
    added.add_argument(
        "--vary",
        required=True,
        metavar="NAME=LOW:HIGH",
        help="the parameter, or input, and its span",
    )
    added.add_argument("--no-cycles", action="store_true", help="follow equilibria only")
    added.add_argument(
        "--seed", type=int, default=0, metavar="N", help="of the search for equilibria (default: 0)"
    )
    _add_outputs(added, "points of all branches")
    _add_checkpoint(added)
    added.add_argument("--name", metavar="STATE", help="state to draw (default: the first)")

    added = command("fit", run_fit, "estimate values from data in a CSV file")
    added.add_argument("model", metavar="MODEL", help=_MODEL_HELP)
    added.add_argument(
        "data",
        type=Path,
        metavar="DATA.csv",
        help="one row an occasion; divided by commas, or by semicolons or tabs, and then perhaps "
        "with decimal commas",
    )
    added.add_argument("--time", required=True, metavar="COLUMN", help="column of times")
    added.add_argument("--group", metavar="COLUMN", help="column that tells series apart")
    added.add_argument(
        "--observe", action="append", required=True, metavar="COLUMN=KIND:EXPRESSION,...",
        help="how a column arises: gaussian:EXPRESSION,sd=SD, student:EXPRESSION,scale=S,df=DF, "
        "laplace:EXPRESSION,scale=S, poisson:EXPRESSION, binomial:EXPRESSION,n=N[,link=logit], "
        "ordinal:EXPRESSION,cuts=CUT:CUT:...[,scale=S] for answers 1, 2, ..., "
        "categorical:OPTION=UTILITY,OPTION=UTILITY,...; repeatable",
    )  # fmt: skip
    added.add_argument(
        "--vary", action="append", required=True, metavar="NAME=START,...",
        help="what to estimate, with any of min=, max=, scale=log, per=COLUMN, random (or random="
        "the column of persons), prior=norm:MEAN:SD (or lognorm:, laplace:, uniform:LOW:HIGH); a "
        "parameter, a start as 'T(0)=0.5', or a name that only --observe uses; repeatable",
    )  # fmt: skip
    added.add_argument(
        "--input", action="append", default=[], metavar="NAME=WHAT",
        help="as in simulate, or NAME=column:COLUMN for a column of the data",
    )  # fmt: skip
    _add_values(added)
    added.add_argument("--starts", type=int, default=20, metavar="N", help="searches (default: 20)")
    added.add_argument(
        "--seed", type=int, default=0, metavar="N", help="of the starts (default: 0)"
    )
    _add_outputs(added, "values")
    _add_checkpoint(added)

    added = command("report", run_report, "write a page about a model: its course, its diagram")
    added.add_argument("model", metavar="MODEL", help=_MODEL_HELP)
    added.add_argument("folder", type=Path, metavar="FOLDER", help="where the page goes")
    _add_course(added)
    added.add_argument("--diagram", metavar="NAME=LOW:HIGH", help="also the diagram of a parameter")
    _add_json(added)

    added = command("explore", run_explore, "write a model as one page to play with, offline")
    added.add_argument("model", metavar="MODEL", help=_MODEL_HELP)
    added.add_argument(
        "--out", type=Path, required=True, metavar="PAGE.html", help="the page to write"
    )
    _add_course(added)
    added.add_argument(
        "--diagram", metavar="NAME[=LOW:HIGH]",
        help="show the diagram of a parameter (span: the parameter's range)",
    )  # fmt: skip
    added.add_argument(
        "--show", nargs="+", metavar="NAME", help="parameters whose sliders come first"
    )
    added.add_argument("--names", nargs="+", metavar="NAME", help="states and observables drawn")
    added.add_argument("--plane", nargs=2, metavar="STATE", help="states drawn against each other")
    _add_json(added)

    added = command("export", run_export, "write a model in the format of another program")
    added.add_argument("model", metavar="MODEL", help=_MODEL_HELP)
    added.add_argument(
        "path", type=Path, metavar="PATH",
        help="file to write; its suffix says the format: .ode (XPPAUT), .f90 (AUTO-07p, with "
        "its constants beside it), .xml or .sbml (SBML), .jl (Julia), .pyx (Cython), .c (C), .tex "
        "(LaTeX), .toml or .txt (a model file of ours)",
    )  # fmt: skip
    added.add_argument("--format", metavar="FORMAT", help=f"instead: {', '.join(FORMATS)}")
    _add_values(added)
    _add_json(added)

    added = command("models", run_models, "list the built-in models and their profiles")
    _add_json(added)
    added = command("doctor", run_doctor, "show versions, compilers and cache, and try one solve")
    _add_json(added)
    added = command("completion", run_completion, "print what a shell needs to complete commands")
    added.add_argument("shell", choices=SHELLS, metavar="SHELL", help="bash, zsh or fish")
    added.epilog = (
        'To load it now: eval "$(trustode completion bash)", in fish: trustode '
        "completion fish | source. For always, put that line into ~/.bashrc, ~/.zshrc or "
        "~/.config/fish/config.fish."
    )
    added.set_defaults(parser=parser)
    return parser


def _add_model(parser: argparse.ArgumentParser) -> None:
    """Add what chooses a model and its values."""
    parser.add_argument("model", metavar="MODEL", help=_MODEL_HELP)
    _add_values(parser)
    _add_input(parser)


def _add_input(parser: argparse.ArgumentParser) -> None:
    """Add what arrives from outside."""
    parser.add_argument(
        "--input", action="append", default=[], metavar="NAME=WHAT", help=_INPUT_HELP
    )


def _add_course(parser: argparse.ArgumentParser) -> None:
    """Add what a time course needs besides its model."""
    _add_values(parser)
    _add_input(parser)
    _add_span(parser)


def _add_span(parser: argparse.ArgumentParser) -> None:
    """Add when a time course begins and ends."""
    parser.add_argument(
        "--t", nargs=2, type=float, default=(0.0, 60.0), metavar=("START", "END"),
        help="span, in the model's unit of time (default: 0 60)",
    )  # fmt: skip


def _add_values(parser: argparse.ArgumentParser) -> None:
    """Add what chooses the values of parameters and starts."""
    parser.add_argument(
        "--profile", metavar="NAME", help="a named set of values: healthy, bpd, ..."
    )
    parser.add_argument(
        "--therapy", metavar="NAME",
        help="what a dose of 1 of the input h changes in a trust model: DBT, MBT, ... (an "
        "assumption, no estimate of efficacy)",
    )  # fmt: skip
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE",
        help="a parameter, or a start as 'T(0)=0.5'; repeatable",
    )  # fmt: skip


def _add_times(parser: argparse.ArgumentParser, points: int) -> None:
    """Add a time course's span and how many times of it are kept."""
    _add_span(parser)
    parser.add_argument(
        "--points", type=int, default=points, metavar="N",
        help=f"output times (default: {points})",
    )  # fmt: skip


def _add_outputs(parser: argparse.ArgumentParser, what: str) -> None:
    """Add where results go."""
    parser.add_argument("--csv", type=Path, metavar="FILE", help=f"write the {what} as CSV")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw it (.png, .pdf or .svg)")
    parser.add_argument("--report", type=Path, metavar="FOLDER", help="write a page about it")
    _add_json(parser)


def _add_checkpoint(parser: argparse.ArgumentParser) -> None:
    """Add where finished work is kept."""
    parser.add_argument(
        "--checkpoint", type=Path, metavar="FILE",
        help="keep what is finished in a file; the same command goes on from there after an "
        "interrupt, a crash or a full disk, and another is refused",
    )  # fmt: skip
    parser.add_argument(
        "--restart", action="store_true", help="begin anew: empty the checkpoint's file first"
    )


def _add_json(parser: argparse.ArgumentParser) -> None:
    """Add JSON in the place of words."""
    parser.add_argument("--json", action="store_true", help="print JSON, with null for no number")
