"""The C core under the sanitizers, and its text under strict warnings."""

import shutil
import subprocess
from pathlib import Path

import pytest
import sympy

import trustode as tr
from trustode.codegen import Source
from trustode.compile import UNIT
from trustode.vector import UNITS

ROOT = Path(__file__).resolve().parents[2]
COMPILER = next(filter(None, map(shutil.which, ("gcc", "clang", "cc"))), None)
STRICT = (
    "-std=c11 -Wall -Wextra -Werror -Wpedantic -Wconversion -Wshadow -Wstrict-prototypes"
).split()

pytestmark = [
    pytest.mark.skipif(COMPILER is None, reason="no C compiler here"),
    pytest.mark.skipif(not (ROOT / "ext").is_dir(), reason="needs the sources of the C core"),
]


SOURCES = sorted((ROOT / "ext").glob("*.c"))
#: Compiled once for each width; the rest is in every program.
LANES = {path: int(path.stem.partition("_")[2] or 1) for path in SOURCES if "taylor" in path.stem}


@pytest.fixture(scope="module")
def model_text(tmp_path_factory):
    """A model's functions, its recurrences, and those of its tangents."""
    folder = tmp_path_factory.mktemp("model")
    x, y = tr.states("x y")
    a, b, c, d, e, f = tr.parameters("a b c d e f")
    u, w = tr.inputs("u w")
    rhs = {
        x: sympy.tanh(a * y + u + w * e) - x,
        y: x / (1 + sympy.exp(-f * y)) - b * y * c + d * sympy.sin(x) ** 3,
    }
    model = tr.Model(
        "watched", rhs, dict.fromkeys((a, b, c, d, e, f), 1.0), {x: 0.9, y: a}, {u: 0.0, w: 0.0},
        observables={"seen": x * y},
    )  # fmt: skip
    source = Source(model)
    texts = {
        "model": source.text,
        "series": f"#define TRO_ENTRY tro_series\n{source.series_text()}",
        "tangents": f"#define TRO_ENTRY tro_tangents\n{source.series_text((0, 5))}",
    }
    for name, text in texts.items():
        (folder / f"{name}.c").write_text(text)
    return [folder / f"{name}.c" for name in texts]


def compile_with(flags, sources, output):
    include = [f"-I{ROOT / 'ext'}", f"-I{ROOT / 'trustode' / 'include'}"]
    command = [COMPILER, *flags, *include, *map(str, sources), "-o", str(output), "-lm"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


def unit_flags(lanes):
    """What the compiler is told for a width; None where this processor would not run it."""
    for name in list(UNITS)[list(UNITS).index(UNIT) :: -1]:
        if lanes in UNITS[name].widths:
            return [*UNITS[name].flags, f"-DTRO_LANES={lanes}", "-ffp-contract=off"]
    return None


def test_no_warning_under_strict_flags(model_text, tmp_path):
    for source in SOURCES:
        lanes = LANES.get(source, 1)
        if unit_flags(lanes) is not None:
            # The file says its own width.
            flags = [flag for flag in unit_flags(lanes) if "TRO_LANES" not in flag]
            code, output = compile_with([*STRICT, *flags, "-c"], [source], tmp_path / "out.o")
            assert code == 0, output
    for text in model_text:
        code, output = compile_with([*STRICT, "-c"], [text], tmp_path / "out.o")
        assert code == 0, output


def test_exported_names_start_with_their_files_name():
    """Every function of the core that others can call is tro_<file>_..., or a method's table."""
    for source in sorted((ROOT / "ext").glob("*.c")):
        for line in source.read_text().splitlines():
            head = line.split("(")[0]
            if (
                "(" in line
                and line[:1].isalpha()
                and not line.startswith(("static", "enum", "typedef"))
            ):
                name = head.split()[-1].lstrip("*")
                known = f"tro_{source.stem}", f"tro_{source.stem}_"
                allowed = name == known[0] or name.startswith(known[1])
                assert allowed, f"{source.name}: {name}"


def watch(flags, sources, program, kind="address,undefined"):
    """Build a program with the sanitizers and let it run to its end."""
    watched = f"-g -O1 -std=c11 -fsanitize={kind} -fno-sanitize-recover=all".split()
    code, output = compile_with([*watched, *flags], sources, program)
    if code and "cannot find -l" in output:
        pytest.skip("this compiler has no sanitizer libraries")
    assert code == 0, output
    done = subprocess.run([program], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("method", LANES, ids=lambda path: path.stem)
def test_sanitizers_find_nothing(model_text, tmp_path, method):
    lanes = LANES[method]
    if unit_flags(lanes) is None:
        pytest.skip(f"this processor has no unit of {lanes} lanes")
    flags = [f"-DLANES=tro_taylor_{lanes}", *unit_flags(lanes)]
    core = [source for source in SOURCES if source not in LANES]
    sources = [*core, method, ROOT / "tests/sanitizers/harness.c", *model_text]
    watch(flags, sources, tmp_path / "harness")


def test_sanitizers_find_nothing_in_an_objective(model_text, tmp_path):
    core = [source for source in SOURCES if source not in LANES]
    sources = [*core, ROOT / "tests/sanitizers/objective.c", model_text[0]]
    watch([], sources, tmp_path / "objective")


def narrow(harness, model_text):
    """The flags and sources of a harness with one run at a time."""
    (method,) = (source for source, lanes in LANES.items() if lanes == 1)
    core = [source for source in SOURCES if source not in LANES]
    harness = ROOT / "tests/sanitizers" / harness
    return ["-DLANES=tro_taylor_1", *unit_flags(1)], [*core, method, harness, *model_text]


def test_each_allocation_may_fail(model_text, tmp_path):
    flags, sources = narrow("memory.c", model_text)
    wrapped = "-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc"
    watch([*flags, wrapped], sources, tmp_path / "memory")


def test_threads_share_nothing(model_text, tmp_path):
    flags, sources = narrow("threads.c", model_text)
    watch([*flags, "-pthread"], sources, tmp_path / "threads", kind="thread")
