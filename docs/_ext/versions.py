"""Versions side by side: each build leaves a copy of its pages under its own number.

The pages of the present version stand at the root, and those of every version that was built
into the same folder under ``0.1.0/`` and so on. A page ``versions.html`` lists them; every page
says which version it documents and leads there.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

#: Folders that hold the pages of a version.
_VERSION = re.compile(r"\d+(\.\d+)+\w*")

#: What is of a build and not of its pages.
_NOT_SHOWN = (".doctrees", ".buildinfo", ".buildinfo.bak")

#: In a copy, the list is the one beside it: it knows versions that came later.
_UP = '<!doctype html><meta http-equiv="refresh" content="0; url=../versions.html">\n'


def kept(folder: Path) -> list[str]:
    """Return the versions whose pages a folder holds, the newest first."""
    names = [page.parent.name for page in folder.glob("*/index.html")]
    numbered = [name for name in names if _VERSION.fullmatch(name)]
    return sorted(numbered, key=_order, reverse=True)


def keep(folder: Path, version: str) -> Path:
    """Copy the pages at the root of a folder to the version's own, and return that."""
    own = folder / version
    shutil.rmtree(own, ignore_errors=True)

    def others(place: str, names: list[str]) -> list[str]:
        if Path(place) != folder:
            return []
        return [name for name in names if name in _NOT_SHOWN or _VERSION.fullmatch(name)]

    shutil.copytree(folder, own, ignore=others)
    (own / "versions.html").write_text(_UP, encoding="utf-8")
    return own


def _order(version: str) -> list[tuple[int, str]]:
    parts = re.findall(r"\d+|[a-z]+", version)
    # What comes before a release has a letter where that has ended.
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts] + [(0, "")]


def _list(app: Sphinx) -> None:
    """Tell the page of versions what there is beside the one that is being built."""
    others = [each for each in kept(Path(app.outdir)) if each != app.config.release]
    names = sorted([*others, app.config.release], key=_order, reverse=True)
    app.config.html_context["kept_versions"] = names


def _end(app: Sphinx, exception: Exception | None) -> None:
    if exception is None and app.builder.name == "html":
        keep(Path(app.outdir), app.config.release)


def setup(app: Sphinx) -> dict[str, bool]:
    """List what there is before the pages are written, and copy them when they are."""
    app.connect("builder-inited", _list)
    app.connect("build-finished", _end)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
