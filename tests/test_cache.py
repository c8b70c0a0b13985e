"""The cache: what it hands out was written by trustode and is whole."""

import importlib
import os

import pytest

import trustode as tr

cache = importlib.import_module("trustode.cache")

posix = pytest.mark.skipif(not hasattr(os, "getuid"), reason="needs POSIX owners and modes")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    home = tmp_path / "cache"
    monkeypatch.setenv("TRUSTODE_CACHE_DIR", str(home))
    cache._private.cache_clear()
    return home


def build(content):
    def into(workplace):
        made = workplace / "made.so"
        made.write_bytes(content)
        return made

    return into


def test_what_was_stored_is_found(folder):
    assert cache.find("key") is None
    library = cache.store("key", build(b"machine code"))
    assert cache.find("key") == library
    assert library.read_bytes() == b"machine code"
    assert sorted(path.name for path in folder.iterdir()) == ["key.sha256", "key.so"]


@posix
def test_the_folder_is_private(folder):
    cache.store("key", build(b"x"))
    assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    "damage",
    [lambda b: b[:-1], lambda b: b"", lambda b: bytes([b[0] ^ 1]) + b[1:], lambda b: b + b"\0"],
    ids=["cut", "empty", "flipped", "longer"],
)
def test_a_damaged_entry_is_missing_with_a_warning(folder, damage):
    library = cache.store("key", build(b"machine code"))
    library.write_bytes(damage(b"machine code"))
    with pytest.warns(tr.CompileWarning, match="damaged or changed and is made anew"):
        assert cache.find("key") is None
    assert cache.find("other") is None


def test_a_failing_build_leaves_nothing(folder):
    def fail(workplace):
        (workplace / "half.so").write_bytes(b"half")
        raise OSError(28, "No space left on device")

    with (
        pytest.warns(tr.CompileWarning, match="cannot be kept in .*: No space left on device"),
        pytest.raises(OSError, match="No space left"),
    ):
        cache.store("key", fail)
    assert list(folder.iterdir()) == []


@posix
def test_a_folder_that_others_can_write_to_is_refused(folder):
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.warns(tr.CompileWarning, match=r"others may write to it \(mode 777\)"):
        chosen = cache.folder()
    assert chosen != folder
    assert chosen.stat().st_mode & 0o077 == 0


@posix
def test_a_link_is_not_followed(folder, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    folder.symlink_to(tmp_path / "elsewhere")
    with pytest.warns(tr.CompileWarning, match="a link is not followed"):
        assert cache.folder() != folder


def test_a_place_that_cannot_be_made_is_replaced(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("TRUSTODE_CACHE_DIR", str(tmp_path / "file" / "cache"))
    with pytest.warns(tr.CompileWarning, match="set TRUSTODE_CACHE_DIR"):
        chosen = cache.folder()
    assert chosen.is_dir()


def test_a_note_is_believed_only_if_it_is_whole(folder):
    cache.remember("a" * 64, "b" * 64)
    assert cache.recall("a" * 64) == "b" * 64
    note = folder / f"{'a' * 64}.key"
    kept = note.read_text()
    for damaged in ("", kept[1:], kept.replace("b", "c", 1), "\xff", kept + " more"):
        note.write_text(damaged, encoding="latin-1")
        assert cache.recall("a" * 64) is None
    assert cache.recall("c" * 64) is None


def test_recalling_makes_no_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("TRUSTODE_CACHE_DIR", str(tmp_path / "none"))
    assert cache.recall("a" * 64) is None
    assert not (tmp_path / "none").exists()
