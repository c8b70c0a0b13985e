"""What shells complete, written out of the parser once: ``trustode completion bash``.

A script holds every command and option, so that completing starts no Python.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping

from .. import models

SHELLS = ("bash", "zsh", "fish")

_BASH = """\
# Completion of trustode. Load it with: eval "$(trustode completion {name})"
_trustode() {{
    local word="${{COMP_WORDS[COMP_CWORD]}}" previous="${{COMP_WORDS[COMP_CWORD-1]}}"
    local command="" words=""
    [ "$COMP_CWORD" -gt 1 ] && command="${{COMP_WORDS[1]}}"
    case "$command" in
        "") words="{commands}" ;;
{cases}
    esac
    case "$command $previous" in
{values}
    esac
    COMPREPLY=($(compgen -W "$words" -- "$word"))
    case "$word" in -*) ;; *)
        [ -n "$command" ] && COMPREPLY+=($(compgen -f -- "$word")) ;;
    esac
}}
complete -o filenames -F _trustode trustode
"""


def script(parser: argparse.ArgumentParser, shell: str) -> str:
    """Return the script of a shell."""
    commands = _commands(parser)
    if shell == "fish":
        return _fish(parser, commands)
    cases = [
        f'        {name}) words="{" ".join([*_options(made), *_positional(made)])}" ;;'
        for name, made in commands.items()
    ]
    values = [
        f'        "{name} {option}") words="{" ".join(each)}" ;;'
        for name, made in commands.items()
        for option, each in _values(made).items()
    ]
    made = _BASH.format(
        name=shell,
        commands=" ".join([*commands, *_options(parser)]),
        cases="\n".join(cases),
        values="\n".join(values),
    )
    # zsh runs the same function, once it is told to.
    return (
        f"autoload -U +X compinit bashcompinit\ncompinit\nbashcompinit\n{made}" * (shell == "zsh")
        or made
    )


def _fish(parser: argparse.ArgumentParser, commands: Mapping[str, argparse.ArgumentParser]) -> str:
    lines = ["# Completion of trustode. Load it with: trustode completion fish | source"]
    helps = _helps(parser)
    for name in commands:
        lines.append(
            f"complete -c trustode -n __fish_use_subcommand -f -a {name} -d {_quoted(helps[name])}"
        )
    for name, made in commands.items():
        begin = f"complete -c trustode -n '__fish_seen_subcommand_from {name}'"
        if choices := _positional(made):
            lines.append(f"{begin} -a '{' '.join(choices)}'")
        values = _values(made)
        for action in _actions(made):
            for option in action.option_strings:
                kind = f"-l {option[2:]}" if option.startswith("--") else f"-s {option[1:]}"
                given = f" -x -a '{' '.join(values[option])}'" if option in values else ""
                needs = " -r" if action.nargs != 0 and not given else ""
                lines.append(f"{begin} {kind}{needs}{given} -d {_quoted(action.help or '')}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _actions(parser: argparse.ArgumentParser) -> Iterable[argparse.Action]:
    return parser._actions


def _commands(parser: argparse.ArgumentParser) -> Mapping[str, argparse.ArgumentParser]:
    """Return the parser of each command."""
    (found,) = (a for a in _actions(parser) if isinstance(a, argparse._SubParsersAction))
    commands: Mapping[str, argparse.ArgumentParser] = found.choices
    return commands


def _helps(parser: argparse.ArgumentParser) -> dict[str, str]:
    """Return what each command is for."""
    (found,) = (a for a in _actions(parser) if isinstance(a, argparse._SubParsersAction))
    return {action.dest: action.help or "" for action in found._choices_actions}


def _options(parser: argparse.ArgumentParser) -> list[str]:
    return [option for action in _actions(parser) for option in action.option_strings]


def _positional(parser: argparse.ArgumentParser) -> list[str]:
    """Return the words that a command may begin with: models, or a choice."""
    for action in _actions(parser):
        if not action.option_strings:
            if action.metavar == "MODEL":
                return list(models.names())
            return [str(choice) for choice in action.choices or ()]
    return []


def _values(parser: argparse.ArgumentParser) -> dict[str, list[str]]:
    """Return what can follow an option, where that is known."""
    found = {
        option: [str(choice) for choice in action.choices]
        for action in _actions(parser)
        for option in action.option_strings
        if action.choices
    }
    if "--profile" in _options(parser):
        every = (name for model in models.names() for name in models.profiles(model))
        found["--profile"] = list(dict.fromkeys(every))
    return found
