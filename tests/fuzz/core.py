"""Fuzz the C core's solvers, straight from C: thousands of cases a second.

    python tests/fuzz/core.py --cases 500000 --seed 1             bytes at random; any C compiler
    python tests/fuzz/core.py --guided clang --seconds 900 --seed 2   by coverage; clang's libFuzzer

Each seed makes other models. A case draws one of them with its parameters, start, inputs, times,
tolerances, method, events, tangents and measures; `core.c` says what has to hold. With
TRUSTODE_VECTOR=plain there are the most blocks of tangents abreast.
"""

import argparse
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from _compilers import COMPILER  # noqa: E402
from sanitizers.run import CORE, LANES, ROOT, TANGENTS, unit_flags  # noqa: E402

import trustode as tr  # noqa: E402
from trustode.codegen import Source  # noqa: E402

WATCHED = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
#: What these cases do not reach, and what they do.
BESIDE = ("collocation", "arclength", "floquet", "objective")
FUZZED = [path for path in CORE if not path.stem.startswith(BESIDE)]
#: Beside those that are drawn.
KNOWN = [
    {"x": "a + b*x + c*x**2 - d**2*x**3"},
    {"x": "-10**(3*a)*(x - cos(b*t)) + c", "y": "x - 10**(2*d)*y", "z": "y - z"},
    {"x": "-a*abs(x) + b*max(x, y) - y", "y": "c*min(x, 1) - d*y + exp(-x**2)"},
    {"x": "a + b/(x - 2) - c*x", "y": "sqrt(y)*d - log(y) - x*y"},
    {"x": "sinh(a*y) - x", "y": "x**1.5 - u*y", "z": "acosh(2 + x**2) - asinh(b*z)*v"},
    {"x": "y", "y": "10**(1 + c)*(1 - x**2)*y - x + a*u*sin(d*t)"},
]
UNARY = ["tanh({})", "sin({})", "cos({})", "exp(-({})**2)", "1/(1 + ({})**2)", "-({})", "atan({})"]
RARE = ["exp({})", "sqrt({})", "log({})", "abs({})", "sign({})", "({})**3", "({})**2", "1/({})"]


def expression(chance: random.Random, names: list[str], depth: int) -> str:
    """Draw an expression that often stays bounded."""
    kind = chance.random()
    if depth == 0 or kind < 0.15:
        return chance.choice([*names, *names, f"{chance.uniform(-2, 2):.3g}"])
    if kind < 0.45:
        form = chance.choice(UNARY if chance.random() < 0.85 else RARE)
        return form.format(expression(chance, names, depth - 1))
    first, second = (expression(chance, names, depth - 1) for _ in range(2))
    return f"({first}) {chance.choice('+-*')} ({second})"


def models(seed: int, n: int) -> list[tr.Model]:
    """Make the known models and so many drawn ones."""
    chance, found = random.Random(seed), []
    equations = list(KNOWN)
    for _ in range(n):
        states = ["x", "y", "z", "w"][: chance.randint(1, 4)]
        names = [*states, *states, *"abcd", "u", "v", "t"]
        damped = chance.random() < 0.8
        equations.append(
            {s: expression(chance, names, 3) + (f" - {s}" if damped else "") for s in states}
        )
    for k, rhs in enumerate(equations):
        try:
            found.append(
                tr.Model(
                    f"m{k}", rhs, dict.fromkeys("abcd", 1.0), dict.fromkeys(rhs, 0.5),
                    dict.fromkeys("uv", 0.0),
                )
            )  # fmt: skip
        except tr.ModelError:
            # No finite value, most likely.
            continue
    return found


def write(folder: Path, made: list[tr.Model], widths: list[int]) -> list[tuple[Path, list[str]]]:
    """Write the models' sources; returns each with its flags."""
    sources, rows = [], []
    declared = []

    def put(name: str, text: str, flags: list[str], kind: str) -> None:
        path = folder / f"{name}.c"
        path.write_text(f"#define TRO_ENTRY {name}\n{text}")
        sources.append((path, flags))
        declared.append(f"const {kind} *{name}(void);")

    for k, model in enumerate(made):
        source = Source(model)
        put(f"model_{k}", source.text, [], "tro_model")
        row = []
        for what, vary in (("series", None), ("tangents", (0, 1, 2, 3))):
            text, names = source.series_text(vary, driven=(0, 1)), []
            # Tangents go along with one run alone.
            for width in (widths if vary is None else widths[:1]) if text else ():
                flags = [*(unit_flags(width) or ()), f"-DTRO_LANES={width}"]
                put(f"{what}_{k}_{width}", text, flags, "tro_taylor")
                names.append(f"{what}_{k}_{width}")
            row.append("{" + ", ".join(names or ["0"]) + "}")
        rows.append("{" + ", ".join([f"model_{k}", *row]) + "}")
    table = [
        '#include "taylor.h"', *declared,
        "typedef struct { const tro_model *(*model)(void); "
        "const tro_taylor *(*series[2])(void), *(*tangents[2])(void); } entry;",
        f"const entry FUZZED[] = {{{', '.join(rows)}}};", f"const int N_FUZZED = {len(rows)};",
    ]  # fmt: skip
    (folder / "table.c").write_text("\n".join(table) + "\n")
    return [*sources, (folder / "table.c", [])]


def build(folder: Path, compiler: str, flags: list[str], seed: int, n: int, wide: bool) -> Path:
    """Compile the core, the models and the cases; flags are for all of them."""
    widths = [width for width in sorted(LANES.values()) if unit_flags(width) is not None]
    widths = sorted({widths[0], widths[-1]}) if wide else widths[:1]
    sources = [(path, []) for path in FUZZED]
    methods = {path: width for path, width in LANES.items() if width in widths}
    sources += [(path, unit_flags(width) or []) for path, width in methods.items()]
    sources.append((TANGENTS, unit_flags(1) or []))
    sources += write(folder, models(seed, n), widths)
    many = [f"-DWIDE=tro_taylor_{width}" for width in widths[1:]]
    sources.append((HERE / "core.c", many))
    include = [f"-I{ROOT / 'ext'}", f"-I{ROOT / 'trustode' / 'include'}"]
    common = [compiler, "-g", "-std=c11", "-w", "-ffp-contract=off", *flags, *include]
    objects = []
    for k, (path, own) in enumerate(sources):
        objects.append(str(folder / f"{k}.o"))
        subprocess.run([*common, *own, "-c", "-o", objects[-1], str(path)], check=True)
    program = folder / "core"
    subprocess.run([compiler, *flags, *objects, "-o", str(program), "-lm"], check=True)
    return program


def main() -> int:
    """Build, and run the cases; returns what the program does."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--models", type=int, default=12, help="that are drawn")
    parser.add_argument("--guided", metavar="CLANG", help="a clang with its fuzzer")
    parser.add_argument("--seconds", type=int, default=600, help="for --guided, or so many cases")
    parser.add_argument("--narrow", action="store_true", help="one lane alone: quicker to build")
    parser.add_argument("--folder", type=Path, help="to build in and to keep what is found")
    asked = parser.parse_args()
    folder = asked.folder or Path(tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    if not asked.guided:
        flags = [*WATCHED, "-O1", "-DALONE"]
        program = build(folder, COMPILER, flags, asked.seed, asked.models, not asked.narrow)
        command = [str(program), str(asked.cases), str(asked.seed)]
        return subprocess.run(command, cwd=folder, check=False).returncode
    cover = ["-fprofile-instr-generate", "-fcoverage-mapping"]
    flags = ["-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=all", "-O1", *cover]
    program = build(folder, asked.guided, flags, asked.seed, asked.models, not asked.narrow)
    corpus = folder / "corpus"
    corpus.mkdir(exist_ok=True)
    command = [
        str(program), f"-runs={asked.cases}", f"-max_total_time={asked.seconds}", "-timeout=60",
        f"-seed={asked.seed + 1}", "-max_len=700", "-len_control=0", "-print_final_stats=1",
        "-rss_limit_mb=3000", str(corpus),
    ]  # fmt: skip
    done = subprocess.run(command, cwd=folder, check=False).returncode
    # LLVM's own tools have the version of its compiler in their names, or none.
    version = asked.guided.partition("clang")[2]
    profile, merged = folder / "default.profraw", folder / "merged"
    tool = f"llvm-profdata{version}", f"llvm-cov{version}"
    if profile.exists() and all(map(shutil.which, tool)):
        subprocess.run([tool[0], "merge", "-o", merged, profile], check=True)
        subprocess.run(
            [tool[1], "report", program, f"-instr-profile={merged}", *FUZZED, *LANES, TANGENTS],
            check=True,
        )
    return done


if __name__ == "__main__":
    sys.exit(main())
