"""Compiled models on disk: one file an entry, moved into place, checked before it is loaded.

A folder that others could write to is refused, and so is an entry whose digest does not
match: code is never loaded that trustode did not write. Beside them stand notes of which
equations were read before, and the key of their code. Imports the errors and digests only.
"""

from __future__ import annotations

import atexit
import os
import shutil
import stat
import tempfile
import time
import warnings
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from .digest import sha256
from .errors import CompileWarning


def _refusal(folder: Path) -> str | None:
    """Say why a folder must not be used, or None."""
    try:
        found = folder.lstat()
    except OSError as error:
        return f"{error.strerror or error}"
    if not stat.S_ISDIR(found.st_mode):
        return "it is not a folder (a link is not followed)"
    if hasattr(os, "getuid"):
        if found.st_uid != os.getuid():
            return f"it belongs to user {found.st_uid}"
        if found.st_mode & 0o022:
            return f"others may write to it (mode {stat.S_IMODE(found.st_mode):o})"
    if not os.access(folder, os.W_OK | os.X_OK):
        return "it cannot be written to"
    return None


def _wanted() -> Path:
    """Return the folder that is asked for, which need not exist."""
    named = os.environ.get("TRUSTODE_CACHE_DIR")
    if named:
        return Path(named)
    from platformdirs import user_cache_path

    return user_cache_path("trustode", appauthor=False)


def recall(fingerprint: str) -> str | None:
    """Return the key that was remembered under a fingerprint, or None.

    Only looks: no folder is made, and one that must not be used holds nothing.
    """
    try:
        home = _wanted()
        note = home / f"{fingerprint}.key"
        if not note.exists() or _refusal(home):
            return None
        key, check = note.read_text("utf-8").split()
    except (OSError, RuntimeError, ValueError):
        return None
    return key if check == _seal(fingerprint, key) else None


def remember(fingerprint: str, key: str) -> None:
    """Keep a key under a fingerprint, if that can be done."""
    home = folder()
    try:
        handle, path = tempfile.mkstemp(prefix="new-", dir=home)
        with open(handle, "w", encoding="utf-8") as file:
            file.write(f"{key} {_seal(fingerprint, key)}")
        os.replace(path, home / f"{fingerprint}.key")
    except OSError:
        return


def _seal(fingerprint: str, key: str) -> str:
    return sha256(f"{fingerprint} {key}".encode()).hexdigest()


def folder() -> Path:
    """Return the folder of compiled models, making it private to the user.

    ``TRUSTODE_CACHE_DIR`` names it; otherwise the system's cache folder is used. Where
    that cannot be used safely, a private temporary folder serves this process, and one
    `CompileWarning` says why. Asked anew each time: whoever owns a folder may change.
    """
    named = os.environ.get("TRUSTODE_CACHE_DIR")
    try:
        wanted = _wanted()
        wanted.mkdir(mode=0o700, parents=True, exist_ok=True)
        reason = _refusal(wanted)
    except (OSError, RuntimeError, ValueError) as error:
        wanted = Path(named or "~/.cache/trustode")
        reason = (isinstance(error, OSError) and error.strerror) or str(error)
    return wanted if reason is None else _private(str(wanted), reason)


@lru_cache(maxsize=8)
def _private(wanted: str, reason: str) -> Path:
    """Make a folder that lasts as long as the process, and warn."""
    private = Path(tempfile.mkdtemp(prefix="trustode-"))
    atexit.register(_remove_own, private, os.getpid())
    warnings.warn(
        f"compiled models cannot be kept in {wanted}: {reason}. They are compiled anew in each "
        "process; set TRUSTODE_CACHE_DIR to a folder of your own",
        CompileWarning,
        stacklevel=3,
    )
    return private


def _remove_own(private: Path, process: int) -> None:
    """Remove a folder when the process that made it ends, and not when a fork of it does."""
    if os.getpid() == process:
        shutil.rmtree(private, ignore_errors=True)


def find(key: str) -> Path | None:
    """Return the library stored under a key, or None.

    An entry that was cut or changed since it was written counts as missing, with a warning.
    """
    home = folder()
    library, digest = home / f"{key}.so", home / f"{key}.sha256"
    try:
        links = library.is_symlink() or digest.is_symlink()
        content, wanted = library.read_bytes(), digest.read_bytes()
    except OSError:
        return None
    if links or sha256(content).hexdigest().encode() != wanted:
        what = "is a link, which is not followed," if links else "was damaged or changed"
        warnings.warn(
            f"the compiled model {library} {what} and is made anew",
            CompileWarning,
            stacklevel=2,
        )
        return None
    return library


def store(key: str, build: Callable[[Path], Path]) -> Path:
    """Build a library in a private folder and move it into place.

    Where the disk is full or nothing in the folder may run, a private temporary folder serves
    instead, with one warning.

    Parameters
    ----------
    key : str
    build : callable
        Makes the library in the folder it is given and returns its path.
    """
    home = folder()
    try:
        return _store(home, key, build)
    except OSError as error:
        # What loads a library says why at the end of its message.
        reason = error.strerror or str(error).rpartition(": ")[2]
    return _store(_private(str(home), reason), key, build)


#: Seconds after which what another process left half done is nobody's.
_ABANDONED = 3600.0


def _store(home: Path, key: str, build: Callable[[Path], Path]) -> Path:
    library = home / f"{key}.so"
    _sweep(home)
    workplace = Path(tempfile.mkdtemp(prefix="new-", dir=home))
    try:
        made = build(workplace)
        made.chmod(0o700)
        digest = workplace / "digest"
        digest.write_text(sha256(made.read_bytes()).hexdigest())
        # Whoever reads in between sees a mismatch, which counts as missing.
        os.replace(digest, home / f"{key}.sha256")
        os.replace(made, library)
    finally:
        shutil.rmtree(workplace, ignore_errors=True)
    return library


def _sweep(home: Path) -> None:
    """Remove what processes that were killed left behind."""
    for left in home.glob("new-*"):
        try:
            abandoned = time.time() - left.lstat().st_mtime > _ABANDONED
        except OSError:
            continue
        if abandoned and left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        elif abandoned:
            left.unlink(missing_ok=True)


def keep_source(text: str) -> Path | None:
    """Keep a text that did not compile, to be looked at; None where that cannot be done."""
    place = folder() / f"failed-{sha256(text.encode()).hexdigest()[:16]}.c"
    try:
        place.write_text(text)
    except OSError:
        return None
    return place
