"""Checkpoints of long calls: finished rows on disk, so that a killed call can go on.

A file is a line of JSON that says what its results belong to, then one record for each piece
of work::

    4 bytes   "rows"
    8 bytes   length of the content, little-endian
    4 bytes   CRC-32 of the content, little-endian
    content   a line of JSON (rows; name, type and shape of each array), then the arrays' bytes

A record counts once it is whole. It is written at once, so it outlives this process however that
ends; a power cut it outlives once the disk has it, which is waited for as often as costs next to
nothing, and at least once for each second of work. There are only numbers and short texts in it,
nothing that could run. Imports the errors only.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import struct
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import DataError, FileError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

#: What a result depends on: a name to some words about it and a digest of it.
Parts = Mapping[str, tuple[str, str]]

#: What the names of arrays begin with that have any number of rows for each row of a call.
MANY = "*"

_FORMAT = 1
#: How every file begins.
_FIRST = b'{"trustode": "checkpoint"'
_MARK = b"rows"
_PREFIX = struct.Struct("<4sQI")
_LONGEST_HEADER = 2**20
#: Kinds of arrays: numbers and text of a fixed length.
_KINDS = "iufU"
#: Share of the time that may be spent in waiting for the disk, and seconds between two such waits
#: at most, however slow the disk is.
_SHARE, _LONGEST = 0.01, 1.0


def digest(*values: object) -> str:
    """Return a digest of arrays, texts, numbers, and mappings and sequences of them."""
    total = hashlib.sha256()
    for value in values:
        if isinstance(value, np.ndarray):
            total.update(f"{value.dtype.str}{value.shape}".encode())
            total.update(np.ascontiguousarray(value).tobytes())
        elif isinstance(value, Mapping):
            total.update(
                digest(*(each for pair in sorted(value.items()) for each in pair)).encode()
            )
        elif isinstance(value, list | tuple):
            total.update(digest(*value).encode())
        else:
            total.update(f"{value!r}\n".encode())
    return total.hexdigest()


@contextmanager
def open_checkpoint(
    path: str | os.PathLike[str], parts: Parts, n: int, where: str
) -> Iterator[Checkpoint]:
    """Open the checkpoint of a call, or begin one.

    Parameters
    ----------
    path : path
    parts : mapping
        All that the results depend on.
    n : int
        Rows there are.
    where : str
        Call and model, for messages.

    Raises
    ------
    DataError
        If the file is something else, or belongs to a call with other arguments, which it
        names.
    FileError
        If the file cannot be opened, or another process has it open.
    """
    place = Path(path)
    header = json.dumps({"trustode": "checkpoint", "format": _FORMAT, "rows": n, "parts": parts})
    with _opened(place, where) as file:
        if isinstance(path, Anew):
            path.empty(file, where)
        checkpoint = Checkpoint(file, place, n, where)
        checkpoint._begin(header.encode() + b"\n")
        try:
            yield checkpoint
        finally:
            checkpoint.sync()


class Anew(os.PathLike[str]):
    """A checkpoint whose content, whatever call it belongs to, is given up where a call begins.

    A call opens it when all that it was asked is right, so a slip costs nothing that was
    finished.

    Parameters
    ----------
    path : path
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        self._emptied = False

    def __fspath__(self) -> str:
        return str(self._path)

    def empty(self, file: FileIO, where: str) -> None:
        """Empty the open file, the first time that it is asked for.

        Raises
        ------
        DataError
            If the file is something else than a checkpoint.
        """
        if self._emptied:
            return
        if not _FIRST.startswith(file.read(len(_FIRST)) or b""):
            raise _foreign(self._path, where)
        file.truncate(0)
        file.seek(0)
        self._emptied = True


def beside(path: str | os.PathLike[str], name: str) -> str | os.PathLike[str]:
    """Return the checkpoint of a part of a call, beside that of the whole."""
    place = f"{os.fspath(path)}-{name}"
    return Anew(place) if isinstance(path, Anew) else place


class Checkpoint:
    """An open checkpoint; `open_checkpoint` makes it, and waits for the disk at its end."""

    def __init__(self, file: FileIO, path: Path, n: int, where: str) -> None:
        self._file, self._path, self._where = file, path, where
        self._done = np.zeros(n, dtype=bool)
        self._end = 0
        # Rows that are written and not surely on the disk, the end of what is, and when to wait.
        self._unsure: list[slice] = []
        self._sure = 0
        self._due = 0.0

    def finished(self) -> Iterator[tuple[slice, dict[str, NDArray[Any]]]]:
        """Read what is finished: rows and their arrays, of shape (n_row, ...).

        A last record that is not whole is dropped, with all behind it.
        """
        size = os.fstat(self._file.fileno()).st_size
        while True:
            self._file.seek(self._end)
            prefix = self._read(_PREFIX.size)
            if len(prefix) < _PREFIX.size:
                break
            mark, length, checksum = _PREFIX.unpack(prefix)
            if mark != _MARK or length > size - self._end - _PREFIX.size:
                break
            content = self._read(length)
            if len(content) < length or zlib.crc32(content) != checksum:
                break
            rows, arrays = self._understand(content)
            self._end += _PREFIX.size + length
            self._sure = self._end
            self._done[rows] = True
            yield rows, arrays
        self._file.truncate(self._end)

    def add(self, rows: slice, arrays: Mapping[str, NDArray[Any]]) -> int:
        """Write finished rows, and wait for the disk if it is time to.

        Returns
        -------
        int
            Rows, these or earlier ones, that are surely on the disk since this call.

        Raises
        ------
        FileError
            If they could not be written. The file then holds what it held before.
        """
        whole = {name: np.ascontiguousarray(values) for name, values in arrays.items()}
        told = {
            "rows": [rows.start, rows.stop],
            "arrays": [[name, each.dtype.str, each.shape] for name, each in whole.items()],
        }
        pieces: list[Any] = [json.dumps(told).encode() + b"\n"]
        pieces += [each.reshape(-1).view(np.uint8).data for each in whole.values() if each.size]
        length, checksum = 0, 0
        for piece in pieces:
            length += len(piece)
            checksum = zlib.crc32(piece, checksum)
        self._write([_PREFIX.pack(_MARK, length, checksum), *pieces])
        self._done[rows] = True
        self._unsure.append(rows)
        return self.sync() if time.monotonic() >= self._due else 0

    def sync(self) -> int:
        """Wait until all that was added is on the disk; return the rows that surely are since.

        Raises
        ------
        FileError
            If the disk did not take them. The file then holds what surely was on it before.
        """
        if not self._unsure:
            return 0
        began = time.monotonic()
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            # What of it the disk has is not known any more.
            self._drop(self._sure)
            for rows in self._unsure:
                self._done[rows] = False
            self._unsure = []
            raise self._unwritten(error) from error
        ended = time.monotonic()
        self._due = ended + min((ended - began) / _SHARE, _LONGEST)
        self._sure = self._end
        n_sure: int = sum(rows.stop - rows.start for rows in self._unsure)
        self._unsure = []
        return n_sure

    def _begin(self, header: bytes) -> None:
        """Read the first line and compare it, or write it, and wait for the disk."""
        start = self._read(_LONGEST_HEADER)
        if header.startswith(start):
            # New, empty, or the call was killed before its first line was whole.
            self._file.seek(0)
            self._file.truncate(0)
            self._write([header])
        else:
            self._compare(start, header)
        try:
            # Of records too, which a process may have written that was killed before it waited.
            os.fsync(self._file.fileno())
        except OSError as error:
            raise self._unwritten(error) from error
        self._sure = self._end

    def _compare(self, start: bytes, header: bytes) -> None:
        """Go on behind the first line, or raise where it is not that of this call."""
        line, newline, _ = start.partition(b"\n")
        try:
            known = json.loads(line) if newline else None
            if not isinstance(known, dict) or known.get("trustode") != "checkpoint":
                raise ValueError
        except (ValueError, RecursionError):
            raise _foreign(self._path, self._where) from None
        different = _differences(known, json.loads(header))
        if different:
            raise DataError(
                f"{self._where}: the checkpoint {self._path} belongs to another call: "
                f"{'; '.join(different)}. Give another path, or delete it to begin anew"
            )
        self._end = len(line) + 1

    def _understand(self, content: bytes) -> tuple[slice, dict[str, NDArray[Any]]]:
        """Return the rows and arrays of a record that is whole."""
        line, _, rest = content.partition(b"\n")
        arrays = {}
        try:
            told = json.loads(line)
            first, last = told["rows"]
            fits = 0 <= first < last <= len(self._done) and not self._done[first:last].any()
            offset = 0
            for name, kind, shape in told["arrays"]:
                dtype = np.dtype(kind)
                fits &= dtype.kind in _KINDS
                fits &= name.startswith(MANY) or shape[0] == last - first
                count = math.prod(shape)
                size = count * dtype.itemsize
                held = np.frombuffer(rest[offset : offset + size], dtype)
                arrays[name] = held.reshape(shape)
                offset += size
            if not fits or offset != len(rest):
                raise ValueError
        except (ValueError, TypeError, KeyError, IndexError, RecursionError):
            raise DataError(
                f"{self._where}: the checkpoint {self._path} was changed by something else: the "
                f"record at byte {self._end} holds no rows of this call. Delete it to begin anew"
            ) from None
        return slice(first, last), arrays

    def _read(self, most: int) -> bytes:
        """Read so many bytes, fewer only at the file's end."""
        found = []
        while most and (piece := self._file.read(most)):
            found.append(piece)
            most -= len(piece)
        return b"".join(found)

    def _write(self, pieces: list[Any]) -> None:
        """Append bytes, or leave the file as it was and raise."""
        try:
            self._file.seek(self._end)
            for piece in pieces:
                left = memoryview(piece)
                while left:
                    left = left[self._file.write(left) :]
        except OSError as error:
            self._drop(self._end)
            raise self._unwritten(error) from error
        self._end = self._file.tell()

    def _drop(self, end: int) -> None:
        """Take away all behind some byte."""
        with suppress(OSError):
            self._file.truncate(end)
        self._end = end

    def _unwritten(self, error: OSError) -> FileError:
        """Return what to raise where the file does not take what is finished."""
        return FileError(
            f"{self._where}: the checkpoint {self._path} could not be written "
            f"({error.strerror}). {np.count_nonzero(self._done)} of {len(self._done)} are "
            "finished and kept in it. Make room, then call again to go on from there"
        )


def _opened(place: Path, where: str) -> FileIO:
    """Open a checkpoint's file, made if there is none, and keep other processes out."""
    try:
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0)
        file = FileIO(os.open(place, flags, 0o666), "r+")
    except OSError as error:
        raise FileError(
            f"{where}: the checkpoint {place} cannot be opened ({error.strerror}). Its folder "
            "must exist and let you write"
        ) from error
    try:
        _lock(file, place, where)
    except FileError:
        file.close()
        raise
    return file


def _foreign(path: Path, where: str) -> DataError:
    """Return the refusal of a file that is something else."""
    return DataError(
        f"{where}: {path} is not a checkpoint of trustode. Nothing was changed in it; give "
        "another path"
    )


def _lock(file: FileIO, path: Path, where: str) -> None:
    """Keep other processes out; the system lets go of it however this one ends."""
    if fcntl is None:
        return
    try:
        # The lock of a process, which its children do not share: they may outlive it.
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        raise FileError(
            f"{where}: another process writes to the checkpoint {path}. Wait for it, or give "
            "another path"
        ) from None
    except OSError:
        # A file system without locks.
        return


def _differences(there: dict[str, Any], here: dict[str, Any]) -> list[str]:
    """Say what a file was written for and what is asked now, where they differ."""
    if there.get("format") != here["format"]:
        return [f"it has format {there.get('format')!r:.20}, this trustode reads {here['format']}"]
    different = []
    parts = there.get("parts")
    parts = parts if isinstance(parts, dict) else {}
    for name in [*here["parts"], *(set(parts) - set(here["parts"]))]:
        old, new = parts.get(name), here["parts"].get(name)
        if old == new:
            continue
        if not (isinstance(old, list) and len(old) == 2 and new):
            different.append(f"{name:.40}: only {'here' if new else 'there'}")
        elif old[0] == new[0]:
            different.append(f"{name}: not the same")
        else:
            different.append(f"{name}: {old[0]!s:.200} there, {new[0]:.200} here")
    if not different and there.get("rows") != here["rows"]:
        different.append(f"{there.get('rows')!r:.20} rows there, {here['rows']} here")
    return different
