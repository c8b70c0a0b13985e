"""Build the extensions; everything else about the package stands in pyproject.toml.

Built-in models are compiled here: their C text comes from the package's own generator.
"""

import os
import platform
import re
import sys
from pathlib import Path

import numpy as np
from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.sdist import sdist

ROOT = Path(__file__).parent
sys.path.insert(0, str(ROOT))

from trustode import models  # noqa: E402
from trustode.codegen import Source, entries_module  # noqa: E402
from trustode.vector import UNITS  # noqa: E402

#: What a source distribution holds beside what is built, and what the build makes anew.
PACKED = ("graft tests", "graft benchmarks", "graft docs")
LEFT_OUT = (
    "prune ext/generated",
    "prune docs/_build",
    "prune docs/_generated",
    "global-exclude *.py[cod] *.so *.pyd",
)

DEBUG = os.environ.get("TRUSTODE_DEBUG") == "1"
GENERATED = Path("ext/generated")
INCLUDE = ["trustode/include", "ext", np.get_include()]
MSVC = sys.platform == "win32"
# Contraction off: the same bits whatever the processor, and as compiled at run time.
FLAGS = [] if MSVC else ["-O2", "-ffp-contract=off", "-fno-math-errno", "-fvisibility=hidden"]
DIRECTIVES = {
    "language_level": 3,
    "boundscheck": DEBUG,
    "wraparound": DEBUG,
    "cdivision": not DEBUG,
    # What calls share is read only, so Python without its global lock need not bring it back.
    "freethreading_compatible": True,
}


def write(path: Path, text: str) -> str:
    """Write a generated file unless it holds the text already, so that builds stay short."""
    if not path.exists() or path.read_text() != text:
        path.write_text(text)
    return path.as_posix()


class SourceDistribution(sdist):
    """An sdist from which the tests run and the documentation builds."""

    def make_distribution(self) -> None:
        """Choose the files, and pack them."""
        for rule in (*PACKED, *LEFT_OUT):
            self.filelist.process_template_line(rule)
        super().make_distribution()


SOURCES = [Source(model) for model in models.built_in()]


def builtin_extension() -> Extension:
    """Generate the built-in models and the Cython module that finds them."""
    files, keys = [], {}
    for source in SOURCES:
        name = re.sub(r"\W+", "_", source.model.name)
        text = f"#define TRO_ENTRY tro_entry_{name}\n{source.text}"
        files.append(write(GENERATED / f"{name}.c", text))
        keys[f"tro_entry_{name}"] = source.key
    module = entries_module(keys, "trustode.h", "tro_model", {})
    return extension("trustode._builtin", [write(GENERATED / "_builtin.pyx", module), *files])


def unit_extension(unit: str) -> Extension:
    """Generate the Taylor methods and recurrences for one vector unit."""
    parts = ("stimulus", "trace", "clock", "measures", "taylor_tangents")
    files, keys = [f"ext/{part}.c" for part in parts], {}
    for lanes in UNITS[unit].widths:
        files.append("ext/taylor.c" if lanes == 1 else f"ext/taylor_{lanes}.c")
        # What moves, where anything does, is what a partner does: the first input.
        for source, driven in [(s, d) for s in SOURCES for d in ((), s.model.inputs and (0,))]:
            recurrences = source.series_text(driven=driven)
            name = re.sub(r"[^0-9a-zA-Z]+", "_", source.model.name)
            entry = f"tro_series_{name}_{lanes}{'_driven' if driven else ''}"
            if not recurrences or entry in keys:
                continue
            text = f"#define TRO_LANES {lanes}\n#define TRO_ENTRY {entry}\n{recurrences}"
            files.append(write(GENERATED / f"{entry[4:]}.{unit}.c", text))
            keys[entry] = source.series_key(lanes, driven=driven)
    methods = {f"tro_taylor_{lanes}": f"method/{lanes}" for lanes in UNITS[unit].widths}
    module = entries_module(keys, "lanes_entries.h", "tro_taylor", methods)
    pyx = write(GENERATED / f"_{unit}.pyx", module)
    return extension(f"trustode._{unit}", [pyx, *files], *UNITS[unit].flags)


def extension(name: str, sources: list[str], *extra: str) -> Extension:
    """Describe one extension module with the project's flags."""
    return Extension(
        name,
        sources,
        include_dirs=INCLUDE,
        extra_compile_args=FLAGS + list(extra) + (["-g", "-UNDEBUG"] if DEBUG else []),
        define_macros=[("NPY_NO_DEPRECATED_API", "NPY_1_7_API_VERSION")],
        # What stands here is also what a source distribution holds of ext/.
        depends=[
            *(path.as_posix() for path in sorted(Path("ext").glob("*.[hp]*"))),
            *(path.as_posix() for path in sorted(Path("ext").glob("taylor*.c"))),
            *(path.as_posix() for path in sorted(Path("trustode/include").glob("*.h"))),
        ],
    )


os.chdir(ROOT)
GENERATED.mkdir(exist_ok=True)
X86 = platform.machine().lower() in ("x86_64", "amd64") and not MSVC
core = ["ext/_core.pyx", *sorted(path.as_posix() for path in Path("ext").glob("*.c"))]
APART = ("taylor", "arclength", "collocation", "floquet")
core = [path for path in core if not any(name in path for name in APART)]
setup(
    ext_modules=cythonize(
        [
            extension("trustode._core", core, *([] if MSVC else ["-O3"])),
            extension(
                "trustode._collocation",
                [
                    "ext/_collocation.pyx",
                    *sorted(path.as_posix() for path in Path("ext").glob("collocation*.c")),
                    "ext/floquet.c",
                ],
                *([] if MSVC else ["-O3"]),
            ),
            extension(
                "trustode._arclength", ["ext/_arclength.pyx", "ext/arclength.c", "ext/dense.c"]
            ),
            builtin_extension(),
            *(unit_extension(unit) for unit in UNITS if X86 or unit == "plain"),
        ],
        compiler_directives=DIRECTIVES,
        build_dir="build/cython",
    ),
    cmdclass={"sdist": SourceDistribution},
)
