"""The C core under the sanitizers, and its text under strict warnings."""

import shutil
import subprocess
from pathlib import Path

import pytest

import trustode as tr
from trustode.codegen import Source

ROOT = Path(__file__).resolve().parents[2]
COMPILER = next(filter(None, map(shutil.which, ("gcc", "clang", "cc"))), None)
STRICT = (
    "-std=c11 -Wall -Wextra -Werror -Wpedantic -Wconversion -Wshadow -Wstrict-prototypes"
).split()

pytestmark = [
    pytest.mark.skipif(COMPILER is None, reason="no C compiler here"),
    pytest.mark.skipif(not (ROOT / "ext").is_dir(), reason="needs the sources of the C core"),
]


@pytest.fixture(scope="module")
def model_text(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "model.c"
    path.write_text(Source(tr.models.load("trust-updated")).text)
    return path


def compile_with(flags, sources, output):
    include = [f"-I{ROOT / 'ext'}", f"-I{ROOT / 'trustode' / 'include'}"]
    command = [COMPILER, *flags, *include, *map(str, sources), "-o", str(output), "-lm"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


def test_no_warning_under_strict_flags(model_text, tmp_path):
    for source in [*sorted((ROOT / "ext").glob("*.c")), model_text]:
        code, output = compile_with([*STRICT, "-c"], [source], tmp_path / "out.o")
        assert code == 0, output


def test_exported_names_start_with_their_files_name():
    """Every function of the core that others can call is tro_<file>_..., or a method's table."""
    for source in sorted((ROOT / "ext").glob("*.c")):
        for line in source.read_text().splitlines():
            head = line.split("(")[0]
            if "(" in line and line[:1].isalpha() and not line.startswith(("static", "enum")):
                name = head.split()[-1].lstrip("*")
                known = f"tro_{source.stem}", f"tro_{source.stem}_"
                allowed = name == known[0] or name.startswith(known[1])
                assert allowed, f"{source.name}: {name}"


def test_sanitizers_find_nothing(model_text, tmp_path):
    flags = "-g -O1 -std=c11 -fsanitize=address,undefined -fno-sanitize-recover=all".split()
    program = tmp_path / "harness"
    sources = [*sorted((ROOT / "ext").glob("*.c")), ROOT / "tests/sanitizers/harness.c", model_text]
    code, output = compile_with(flags, sources, program)
    if code and "cannot find" in output:
        pytest.skip("this compiler has no sanitizer libraries")
    assert code == 0, output
    done = subprocess.run([program], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_sanitizers_find_nothing_in_an_objective(model_text, tmp_path):
    flags = "-g -O1 -std=c11 -fsanitize=address,undefined -fno-sanitize-recover=all".split()
    program = tmp_path / "objective"
    core = [path for path in sorted((ROOT / "ext").glob("*.c")) if "taylor" not in path.name]
    sources = [*core, ROOT / "tests/sanitizers/objective.c", model_text]
    code, output = compile_with(flags, sources, program)
    if code and "cannot find" in output:
        pytest.skip("this compiler has no sanitizer libraries")
    assert code == 0, output
    done = subprocess.run([program], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
