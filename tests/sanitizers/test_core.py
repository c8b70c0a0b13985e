"""The C core under the sanitizers, and its text under strict warnings.

`run.py` beside this file is the long form: optimised code, and valgrind.
"""

import pytest
from _compilers import COMPILER, COMPILERS
from sanitizers.run import (
    LANES,
    PROGRAMS,
    ROOT,
    SOURCES,
    Workshop,
    call_compiler,
    run,
    unit_flags,
)

STRICT = (
    "-std=c11 -Wall -Wextra -Werror -Wpedantic -Wconversion -Wshadow -Wstrict-prototypes"
).split()

pytestmark = [
    pytest.mark.skipif(COMPILER is None, reason="no C compiler here"),
    pytest.mark.skipif(not (ROOT / "ext").is_dir(), reason="needs the sources of the C core"),
    # In one process, which compiles each file once.
    pytest.mark.xdist_group("sanitizers"),
]


@pytest.fixture(scope="module")
def workshop(tmp_path_factory):
    return Workshop(tmp_path_factory.mktemp("programs"))


def test_no_warning_under_strict_flags(workshop):
    for source in [*SOURCES, *workshop.model]:
        # The file says its own width.
        unit = unit_flags(LANES.get(source, 1))
        for compiler in COMPILERS if unit is not None else ():
            call_compiler([*STRICT, *unit, "-fsyntax-only", str(source)], compiler)


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


@pytest.mark.parametrize("name", PROGRAMS)
def test_sanitizers_find_nothing(workshop, name):
    """Each entry; a fit's objective; each allocation failing once; threads with one queue."""
    try:
        program = workshop.program(name)
    except RuntimeError as error:
        if "cannot find -l" in str(error):
            pytest.skip("this compiler has no sanitizer libraries")
        raise
    if program is None:
        pytest.skip(f"this processor has no unit of {PROGRAMS[name].lanes} lanes")
    run([str(program)])
