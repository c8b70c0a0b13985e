"""The main job: from the symbolic models to an answer on real data, as a page to read.

`run` does it in three parts, each of which leaves its files in the folder as it ends:
`episode` (what one negative episode does), `oscillation` (where the cycle begins),
`game` (a fit to trust-game rounds beside simple rivals). `figures` draws and `page` writes.
Imports everything but the command line.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from ..errors import OptionError
from ..models import trust_forms
from ..report import Section
from .episode import cases, cycle, respond
from .game import play, rounds
from .oscillation import oscillation
from .page import episode_section, game_section, oscillation_section, write

#: Of the fit's starts and of the bootstrap.
SEED = 1

_KINDS = ("original", "updated")


def run(
    folder: str | os.PathLike[str] = "trustode-demo",
    *,
    progress: bool | Callable[[int, int], None] | None = None,
    tell: Callable[[str], None] | None = None,
) -> Path:
    """Simulate, scan, follow and fit the trust models, and write a page about it.

    Parameters
    ----------
    folder : path
        Where the page, its pictures (PNG) and its tables (CSV) go; made if it is absent.
    progress : bool, callable or None
        As in `scan` and `fit`.
    tell : callable, optional
        Takes a line of text as each part begins.

    Returns
    -------
    Path
        The page, ``index.html``. It is written anew after each part, so that an interrupted
        run leaves a page of the parts that were finished.

    Raises
    ------
    OptionError
        If the folder cannot be made or written to.
    """
    place = _made(folder)
    say = tell or _silent
    sections: list[Section] = []

    say("1/3 one negative episode, in the original and the updated model")
    responses = [each for label, model in cases().items() for each in respond(label, model)]
    cycles = {kind: cycle(kind) for kind in _KINDS}
    sections.append(episode_section(place, responses, cycles))
    write(place, folder, sections, SEED)

    say("2/3 where the oscillation begins, and how long its cycle is")
    found = [oscillation(kind, progress) for kind in _KINDS]
    sections.append(oscillation_section(place, found))
    write(place, folder, sections, SEED)

    say("3/3 a fit to 14,635 rounds of a trust game, beside simple rivals")
    sections.append(game_section(place, play(rounds(), trust_forms.game(), SEED, progress)))
    return write(place, folder, sections, SEED)


def _made(folder: str | os.PathLike[str]) -> Path:
    """Return a folder that can be written to, or raise."""
    place = Path(folder).expanduser()
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OptionError(
            f"demo: the folder {str(place)!r} cannot be made ({error.strerror or error}). Name "
            "another one: trustode demo FOLDER"
        ) from None
    if not os.access(place, os.W_OK | os.X_OK):
        raise OptionError(
            f"demo: the folder {str(place)!r} cannot be written to. Name another one: trustode "
            "demo FOLDER"
        )
    return place


def _silent(text: str) -> None:
    """Say nothing."""
