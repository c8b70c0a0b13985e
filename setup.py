"""Build the extensions; everything else about the package stands in pyproject.toml.

Built-in models are compiled here: their C text comes from the package's own generator.
"""

import os
import re
import sys
from pathlib import Path

import numpy as np
from Cython.Build import cythonize
from setuptools import Extension, setup

ROOT = Path(__file__).parent
sys.path.insert(0, str(ROOT))

from trustode import models  # noqa: E402
from trustode.codegen import Source, builtin_module  # noqa: E402

DEBUG = os.environ.get("TRUSTODE_DEBUG") == "1"
GENERATED = Path("ext/generated")
INCLUDE = ["trustode/include", "ext", np.get_include()]
MSVC = sys.platform == "win32"
# Contraction off: the same bits whatever the processor, and as compiled at run time.
FLAGS = [] if MSVC else ["-O2", "-ffp-contract=off", "-fvisibility=hidden"]
DIRECTIVES = {
    "language_level": 3,
    "boundscheck": DEBUG,
    "wraparound": DEBUG,
    "cdivision": not DEBUG,
}


def write(path: Path, text: str) -> str:
    """Write a generated file unless it holds the text already, so that builds stay short."""
    if not path.exists() or path.read_text() != text:
        path.write_text(text)
    return path.as_posix()


def builtin_sources() -> list[str]:
    """Generate the built-in models and the Cython module that finds them."""
    (ROOT / GENERATED).mkdir(exist_ok=True)
    os.chdir(ROOT)
    files, keys = [], {}
    for model in models.built_in():
        source = Source(model)
        name = re.sub(r"\W+", "_", model.name)
        text = f"#define TRO_ENTRY tro_entry_{name}\n{source.text}"
        files.append(write(GENERATED / f"{name}.c", text))
        keys[f"tro_entry_{name}"] = source.key
    return [write(GENERATED / "_builtin.pyx", builtin_module(keys)), *files]


def extension(name: str, sources: list[str], *extra: str) -> Extension:
    """Describe one extension module with the project's flags."""
    return Extension(
        name,
        sources,
        include_dirs=INCLUDE,
        extra_compile_args=FLAGS + list(extra) + (["-g", "-UNDEBUG"] if DEBUG else []),
        define_macros=[("NPY_NO_DEPRECATED_API", "NPY_1_7_API_VERSION")],
        # What stands here is also what a source distribution holds.
        depends=[
            *(path.as_posix() for path in sorted(Path("ext").glob("*.[hp]*"))),
            "trustode/include/trustode.h",
        ],
    )


core = ["ext/_core.pyx", *sorted(path.as_posix() for path in Path("ext").glob("*.c"))]
setup(
    ext_modules=cythonize(
        [
            extension("trustode._core", core, *([] if MSVC else ["-O3"])),
            extension("trustode._builtin", builtin_sources()),
        ],
        compiler_directives=DIRECTIVES,
        build_dir="build/cython",
    )
)
