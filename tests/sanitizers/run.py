"""The C core's entries, called from C: under the sanitizers, and under valgrind.

    python tests/sanitizers/run.py                 AddressSanitizer, UndefinedBehaviorSanitizer and
                                                   ThreadSanitizer on code as it is optimised
    python tests/sanitizers/run.py --valgrind      each entry once under valgrind as well, also
                                                   those that Python calls (entries.py and
                                                   calls.py)
    python tests/sanitizers/run.py threads memory  some programs alone

The tests beside this file run the same programs, compiled in the quickest way.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import sympy  # noqa: E402
from _compilers import COMPILER  # noqa: E402

import trustode as tr  # noqa: E402
from trustode.codegen import Source  # noqa: E402
from trustode.compile import UNIT  # noqa: E402
from trustode.vector import UNITS  # noqa: E402

ROOT = HERE.parents[1]
SOURCES = sorted((ROOT / "ext").glob("*.c"))
#: Compiled once for each width; beside the narrowest are tangents. The rest is in every program.
TANGENTS = ROOT / "ext" / "taylor_tangents.c"
LANES = {
    path: int(path.stem.partition("_")[2] or 1)
    for path in SOURCES
    if "taylor" in path.stem and path != TANGENTS
}
CORE = [path for path in SOURCES if path not in (*LANES, TANGENTS)]
MEMORY, THREADS = "address,undefined", "thread"


@dataclass(frozen=True)
class Program:
    """A harness, what it is watched by, and how many runs go side by side."""

    harness: str
    kind: str = MEMORY
    lanes: int = 1
    link: tuple[str, ...] = ()


PROGRAMS = {
    **{path.stem: Program("harness.c", lanes=lanes) for path, lanes in LANES.items()},
    "objective": Program("objective.c", link=("-pthread",)),
    "memory": Program("memory.c", link=("-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc",)),
    "threads": Program("threads.c", THREADS, link=("-pthread",)),
    "objective-threads": Program("objective.c", THREADS, link=("-pthread",)),
}


def unit_flags(lanes: int) -> list[str] | None:
    """What the compiler is told for a width; None where this processor would not run it."""
    for name in list(UNITS)[list(UNITS).index(UNIT) :: -1]:
        if lanes in UNITS[name].widths:
            return [*UNITS[name].flags, "-ffp-contract=off"]
    return None


def write_model(folder: Path) -> list[Path]:
    """Write a model's functions, its recurrences, and those of its tangents."""
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


def call_compiler(arguments: list[str], compiler: str | None = COMPILER) -> str:
    """Call a C compiler; returns what it wrote, raises if it failed."""
    include = [f"-I{ROOT / 'ext'}", f"-I{ROOT / 'trustode' / 'include'}"]
    command = [str(compiler), *arguments[:-1], *include, arguments[-1]]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stderr


@dataclass
class Workshop:
    """Builds programs in a folder; what several of them share is compiled once."""

    folder: Path
    optimise: str = "-O0"
    objects: dict[tuple[Path, tuple[str, ...]], Path] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.model = write_model(self.folder)

    def compiled(self, source: Path, flags: list[str]) -> Path:
        """Return the object of a source, compiled if it is not there yet."""
        key = source, tuple(flags)
        if key not in self.objects:
            made = self.folder / f"{len(self.objects)}-{source.stem}.o"
            standard = ["-g", "-std=c11", "-w", self.optimise]
            call_compiler([*standard, *flags, "-c", "-o", str(made), str(source)])
            self.objects[key] = made
        return self.objects[key]

    def program(self, name: str, kind: str | None = None) -> Path | None:
        """Build a program; None where this processor has no unit of its width."""
        program = PROGRAMS[name]
        kind = program.kind if kind is None else kind
        # valgrind's processor has no wide units.
        unit = unit_flags(program.lanes) if kind else ["-ffp-contract=off"]
        if unit is None:
            return None
        watched = [f"-fsanitize={kind}", "-fno-sanitize-recover=all"] if kind else []
        wide = [*watched, *unit, f"-DTRO_LANES={program.lanes}"]
        (method,) = (path for path, lanes in LANES.items() if lanes == program.lanes)
        objects = [self.compiled(path, watched) for path in (*CORE, self.model[0])]
        _, series, tangents = self.model
        methods, recurrences = [method], [series]
        if program.lanes == 1:
            methods, recurrences = [method, TANGENTS], [series, tangents]
        objects += [self.compiled(path, [*watched, *unit]) for path in methods]
        objects += [self.compiled(path, wide) for path in recurrences]
        entry = f"-DLANES=tro_taylor_{program.lanes}"
        objects.append(self.compiled(HERE / program.harness, [*wide, entry]))
        made = self.folder / f"{name}-{kind.partition(',')[0]}"
        call_compiler([*watched, *program.link, *map(str, objects), "-o", str(made), "-lm"])
        return made


def run(command: list[str]) -> None:
    """Let a program run to its end; raises with what it wrote if it complains."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode:
        raise RuntimeError(f"{done.returncode}\n{done.stdout}{done.stderr}")


def run_wrapper(valgrind: str, script: str, *given: object) -> None:
    """Let a script call what Python calls under valgrind; raises if a complaint has a frame of
    ours in it.

    Python itself and the loader are complained about while they import.
    """
    done = subprocess.run(
        [valgrind, "--quiet", "--num-callers=40", sys.executable, str(HERE / script),
         *map(str, given)],
        env={**os.environ, "PYTHONMALLOC": "malloc", "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    ours = r"/trustode/_\w+\.|: tro_|\(_(core|arclength|collocation)\.c:"
    if done.returncode or re.search(ours, done.stderr):
        raise RuntimeError(f"{done.returncode}\n{done.stderr}")


def run_core(valgrind: str) -> None:
    """Call each entry of the core's wrapper."""
    model = tr.models.load("trust-updated")
    source = Source(model)
    sizes = len(model.states), len(model.params), len(model.inputs)
    given = [source.key, source.series_key(1), *sizes, *model.defaults.values()]
    run_wrapper(valgrind, "entries.py", *given)


def run_bifurcations(valgrind: str) -> None:
    """Call each entry of the modules of bifurcations, as a diagram called it."""
    with tempfile.TemporaryDirectory() as folder:
        kept = str(Path(folder) / "kept")
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        record = [sys.executable, str(HERE / "calls.py"), "record", kept]
        subprocess.run(record, env=environment, check=True, timeout=600)
        key = Source(tr.models.load("lorenz")).key
        run_wrapper(valgrind, "calls.py", "repeat", kept, key)


def main() -> int:
    """Run the programs that the command line names, or all."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("programs", nargs="*", help=", ".join(PROGRAMS))
    parser.add_argument("--valgrind", action="store_true")
    parser.add_argument("-O", "--optimise", default="1")
    given = parser.parse_args()
    unknown = set(given.programs) - set(PROGRAMS)
    if unknown:
        parser.error(f"no program {', '.join(unknown)}; there are {', '.join(PROGRAMS)}")
    valgrind = shutil.which("valgrind")
    if given.valgrind and valgrind is None:
        parser.error("valgrind is not installed here")
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        workshop = Workshop(Path(folder), f"-O{given.optimise}")
        for name in given.programs or PROGRAMS:
            kinds = [PROGRAMS[name].kind]
            if given.valgrind and PROGRAMS[name].lanes == 1 and name != "objective-threads":
                kinds.append("")
            for kind in kinds:
                program = workshop.program(name, kind)
                said = f"{name} under {kind or 'valgrind'}"
                if program is None:
                    print(f"{said}: this processor has no such unit")
                    continue
                check = [str(valgrind), "--quiet", "--error-exitcode=9", "--leak-check=full"]
                try:
                    run([*([] if kind else check), str(program)])
                except RuntimeError as error:
                    bad += 1
                    print(f"{said}: FAILED {error}")
                else:
                    print(f"{said}: clean", flush=True)
    for name, wrapper in (("core", run_core), ("bifurcations", run_bifurcations)):
        if given.programs or not given.valgrind:
            continue
        try:
            wrapper(str(valgrind))
        except RuntimeError as error:
            bad += 1
            print(f"entries of the {name} under valgrind: FAILED {error}")
        else:
            print(f"entries of the {name} under valgrind: clean")
    return min(bad, 1)


if __name__ == "__main__":
    os.chdir(HERE)
    sys.exit(main())
