"""What is fuzzed: strategies for inputs, and what must hold for each of them.

A target raises nothing but our own errors, ends soon, and what it returns is right.
"""

import contextlib
import io
import math
import random
import signal
import warnings
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import _strategies
import numpy as np
import pandas as pd
import sympy
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

import trustode as tr
from trustode.expression import parse, symbol, write
from trustode.fit import data as fit_data
from trustode.foreign import read_sbml, read_xpp
from trustode.text import parse_model

#: Seconds after which a call hangs; hundreds of times what the slowest takes.
PATIENCE = 60.0


class Hang(Exception):
    """A call did not end."""


@contextlib.contextmanager
def soon() -> Iterator[None]:
    """Raise Hang in what takes too long; signals need the main thread."""

    def late(*_: object) -> None:
        raise Hang(f"not done within {PATIENCE:g} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)


# ---- text ----

NAMES = {name: symbol(name) for name in ("x", "y", "k", "m", "t")}
TOKENS = [
    "x", "y", "k", "t", "1", "0", "-1", "1e308", "1e-320", "0.1", "1e400", "(", ")", "**", "*", "/",
    "+", "-", ",", ".", "exp(", "log(", "sqrt(", "tanh(", "min(", "max(", "abs(", "sign(", "__",
    "lambda", "if", "else", "[", "]", "{", "}", "'", '"', "\\", "\n", "\t", "\0", "#", ":", ":=",
    "=", "==", "<", "@", "%", "~", "^", "&", "|", "!", ";", "$", "0x1f", "1j", "1_0", "nan", "inf",
    "\N{GREEK SMALL LETTER ALPHA}", "\N{FULLWIDTH LATIN SMALL LETTER X}", "\ufeff", "\ud800",
    "import", "None", "True", "f''", "...", "2**9999", "9" * 40,
]  # fmt: skip

TOML = """trustode = 1
name = "m"
time_unit = "day"
[states.x]
rhs = "-k*x + u"
initial = "y0"
min = 0
[states.y]
rhs = "x - y"
initial = 1e-3
[parameters.k]
value = 0.5
min = 0.0
max = inf
meaning = "a rate"
[parameters.y0]
value = 2
[inputs.u]
value = 0
[observables.z]
value = "x + y"
"""
XPP = """# a model
par k=0.5, m=2
init x=1,y=0
number q=3
!d=k*m
f(a,b)=a*exp(-b)
x'=-k*x+f(y,q)
dy/dt=x-d*y
aux z=x+y
@ total=50, dt=.1
done
"""
SBML = """<?xml version="1.0" encoding="UTF-8"?>
<sbml xmlns="http://www.sbml.org/sbml/level2/version4" level="2" version="4"><model id="m">
<listOfFunctionDefinitions><functionDefinition id="f"><math
xmlns="http://www.w3.org/1998/Math/MathML"><lambda><bvar><ci>a</ci></bvar><apply><times/><ci>a</ci>
<cn>2</cn></apply></lambda></math></functionDefinition></listOfFunctionDefinitions>
<listOfCompartments><compartment id="c" size="2"/></listOfCompartments>
<listOfSpecies><species id="A" compartment="c" initialConcentration="1"/>
<species id="B" compartment="c" initialAmount="0"/></listOfSpecies>
<listOfParameters><parameter id="k" value="0.5"/><parameter id="w" constant="false"/>
</listOfParameters>
<listOfRules><assignmentRule variable="w"><math xmlns="http://www.w3.org/1998/Math/MathML">
<piecewise><piece><cn>1</cn><apply><lt/><ci>A</ci><cn type="e-notation">1<sep/>-1</cn></apply>
</piece><otherwise><cn>0</cn></otherwise></piecewise></math></assignmentRule></listOfRules>
<listOfReactions><reaction id="r" reversible="false"><listOfReactants>
<speciesReference species="A"/></listOfReactants>
<listOfProducts><speciesReference species="B" stoichiometry="2"/></listOfProducts>
<kineticLaw><math xmlns="http://www.w3.org/1998/Math/MathML"><apply><times/><ci>c</ci><ci>k</ci>
<apply><ci>f</ci><ci>A</ci></apply></apply></math></kineticLaw></reaction></listOfReactions>
</model></sbml>
"""


@st.composite
def edited(draw: st.DrawFn, text: str) -> str:
    """Draw a text with some pieces cut out, doubled, moved or put in."""
    pieces = sorted({*text.split(), *"<>/='\"[]"})
    for _ in range(draw(st.integers(0, 6))):
        start = draw(st.integers(0, len(text)))
        length = draw(st.sampled_from([0, 0, 1, 2, 5, 20, 100]))
        kept = text[start : start + length]
        new = draw(
            st.one_of(
                st.just(""), st.sampled_from(TOKENS), st.sampled_from(pieces), st.just(2 * kept),
                st.text(max_size=4),
            )
        )  # fmt: skip
        text = text[:start] + new + text[start + length :]
    return text


expressions = st.one_of(
    _strategies.expression_texts,
    st.lists(st.sampled_from(TOKENS), max_size=12).map("".join),
    st.text(max_size=30),
    _strategies.expression_texts.flatmap(edited),
)


def check_expression(text: str) -> None:
    """What is read is written as something that is read as the same."""
    try:
        found = parse(text, NAMES, "fuzz")
    except tr.ModelError:
        return
    assert parse(write(found), NAMES, "again") == found


def _readable(model: tr.Model) -> None:
    """A model that was read is written as text that is read as the same."""
    assert parse_model(tr.write_text(model)) == model


def check_toml(text: str) -> None:
    try:
        model = parse_model(text)
    except tr.ModelError:
        return
    _readable(model)


def check_xpp(text: str) -> None:
    try:
        model = read_xpp(text, "m", "fuzz")
    except tr.ModelError:
        return
    _readable(model)


def check_sbml(text: str) -> None:
    try:
        model = read_sbml(text, "fuzz")
    except tr.ModelError:
        return
    _readable(model)


def check_file(content: bytes) -> None:
    """Bytes of any kind, as read from a file."""
    with contextlib.suppress(tr.ModelError):
        _readable(tr.read_model(io.BytesIO(content)))


files = st.one_of(
    st.binary(max_size=60),
    st.sampled_from([TOML, SBML]).flatmap(edited).map(lambda s: s.encode("utf-8", "ignore")),
    st.sampled_from([TOML, SBML]).map(lambda s: s.encode("utf-16")),
)

# ---- data of a fit ----

DECAY = tr.Model("decay", {"x": "-k*x"}, {"k": 1.0}, {"x": 1.0})
_odd = st.one_of(
    st.floats(), st.floats(0, 3), st.integers(-(2**70), 2**70), st.none(), st.booleans(),
    st.text(max_size=3), st.sampled_from(["1", "nan", 1e308, 5e-324, pd.NA, pd.NaT, 1j]),
)  # fmt: skip
_good = st.floats(0.0, 3.0)
_types = [None, "float32", "Int64", "string", "category", "datetime64[ns]", "bool", "object"]


@st.composite
def frames(draw: st.DrawFn) -> pd.DataFrame:
    """Draw a table that is nearly right, or not at all."""
    n = draw(st.integers(0, 8))
    columns: dict[str, Any] = {}
    for name in ("t", "x", "who"):
        if draw(st.integers(0, 9)) == 0:
            continue
        values: list[Any] = draw(st.lists(_good, min_size=n, max_size=n))
        if name == "t" and draw(st.integers(0, 3)):
            values = sorted(values)
        for _ in range(draw(st.sampled_from([0, 0, 1, 2])) if n else 0):
            values[draw(st.integers(0, n - 1))] = draw(_odd)
        columns[name] = pd.Series(values, dtype=None if n else object)
        kind = draw(st.sampled_from(_types)) if draw(st.integers(0, 4)) == 0 else None
        if kind is not None:
            with contextlib.suppress(Exception):
                columns[name] = columns[name].astype(kind)
    frame = pd.DataFrame(columns)
    if draw(st.integers(0, 9)) == 0 and len(frame.columns):
        frame = pd.concat([frame, frame.iloc[:, :1]], axis=1)
    if draw(st.integers(0, 4)) == 0:
        frame.index = pd.Index(draw(st.lists(_odd, min_size=n, max_size=n)))
    return frame


tables = st.tuples(frames(), st.booleans())


def check_data(given: tuple[pd.DataFrame, bool]) -> None:
    """A fit refuses the table, or finds the least squares that a plain search finds as well."""
    frame, grouped = given
    before = frame.copy()
    try:
        found = tr.fit(
            DECAY, frame, time="t", observed={"x": tr.Gaussian("x", sd=1.0)}, starts=1, threads=1,
            vary={"k": tr.Vary(0.5, min=0.0, max=5.0)}, group="who" if grouped else None,
        )  # fmt: skip
    except tr.TrustodeError:
        return
    finally:
        assert frame.equals(before), "the table was changed"
    k = float(found.params.loc["k", "value"])
    assert 0.0 <= k <= 5.0
    assert math.isfinite(found.loglik)
    rows = frame.dropna(subset=["x"])
    t, x = rows["t"].astype(float).to_numpy(), rows["x"].astype(float).to_numpy()
    if grouped:
        # Each group begins at its own first row.
        return
    # A run begins at its first row.
    t = t - float(frame["t"].astype(float).min())

    def misfit(rate: float) -> float:
        return float(np.sum((x - np.exp(-rate * t)) ** 2))

    best = min(misfit(rate) for rate in np.linspace(0.0, 5.0, 501))
    assert misfit(k) <= best * (1 + 1e-3) + 1e-3, (k, misfit(k), best)


# ---- solves ----


@lru_cache(maxsize=1)
def families() -> dict[str, tuple[tr.Model, Any]]:
    """Models whose parameters make many systems of each, with their oracle's right-hand side."""
    made = [
        tr.Model("one", {"x": "a + b*x + c*x**2 - d**2*x**3"}, _coefficients("abcd"), {"x": 0.5}),
        tr.Model(
            "two",
            {"x": "a*x + b*y + c*tanh(d*x*y)", "y": "-b*x + a*y - c*y*x**2 + d*sin(x)"},
            _coefficients("abcd"), {"x": 0.5, "y": -0.3},
        ),
        tr.Model(
            "stiff",
            {"x": "-10**(3*a)*(x - cos(b*t)) + c", "y": "x - 10**(2*d)*y", "z": "y - z"},
            _coefficients("abcd"), {"x": 1.0, "y": 0.0, "z": 0.0},
        ),
        tr.Model(
            "bent", {"x": "-a*abs(x) + b*max(x, y) - y", "y": "c*min(x, 1) - d*y + exp(-x**2)"},
            _coefficients("abcd"), {"x": 0.2, "y": 0.1},
        ),
        tr.Model(
            "poles", {"x": "a + b/(x - 2) - c*x", "y": "sqrt(y)*d - log(y) - x*y"},
            _coefficients("abcd"), {"x": 0.2, "y": 1.0},
        ),
    ]  # fmt: skip
    return {model.name: (model, _oracle(model)) for model in made}


def _coefficients(names: str) -> dict[str, float]:
    return dict(zip(names, (0.3, -0.5, 0.2, 0.7), strict=True))


def _oracle(model: tr.Model) -> Any:
    order = [symbol(name) for name in ("t", *model.states, *model.params)]
    return sympy.lambdify(order, list(model.rhs.values()), "numpy")


METHODS = ["auto", "taylor", "tsit5", "dop853", "rodas5p", "RK45", "Radau", "BDF", "LSODA"]
_wild = st.one_of(
    st.floats(), st.sampled_from([5e-324, -5e-324, 1e-310, 1e308, -1e308, 0.0, -0.0, math.nan])
)
_tame = st.floats(-2.0, 2.0)
_number = st.one_of(*[_tame] * 12, _wild)


@st.composite
def solves(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a call of simulate: a system, its numbers, times, tolerances, method and limits."""
    name = draw(st.sampled_from(list(families())))
    model = families()[name][0]
    end = draw(st.one_of(*[st.floats(0.01, 20.0)] * 6, _wild, st.floats(20, 1e6)))
    n = draw(st.sampled_from([2, 3, 3, 10, 10, 50, 1, 0, 3000]))
    t: Any = np.linspace(0.0, end, n) if math.isfinite(end) else [0.0, end]
    if draw(st.integers(0, 9)) == 0:
        t = draw(st.lists(_wild, max_size=4))
    elif draw(st.integers(0, 4)) == 0:
        t = (0.0, end)
    tolerances = {
        "rtol": draw(st.one_of(*[st.floats(-11, -2).map(lambda x: 10**x)] * 8, _wild)),
        "atol": draw(st.one_of(*[st.floats(-13, -3).map(lambda x: 10**x)] * 8, _wild)),
    }
    return {
        "name": name,
        "t": t,
        "params": {p: draw(_number) for p in model.params},
        "initial": {s: draw(_number) for s in model.states},
        "method": draw(st.sampled_from(METHODS)),
        **tolerances,
        "max_steps": draw(st.sampled_from([1, 20, 20_000, 20_000, 20_000])),
        "sensitive": draw(st.integers(0, 5)) == 0,
    }


#: A result may be so many times its tolerance away, where errors do not grow on the way.
FACTOR = 2000.0


def check_solve(given: dict[str, Any]) -> None:
    """What succeeds agrees with scipy at tight tolerances; what fails says so."""
    model, function = families()[given["name"]]
    t = given["t"]
    try:
        solver = tr.Solver(
            given["method"], rtol=given["rtol"], atol=given["atol"], time_limit=3.0,
            max_steps=given["max_steps"] if given["method"] in METHODS[:5] else 3000,
        )  # fmt: skip
        which = ["a", f"{model.states[0]}(0)"] if given["sensitive"] else ()
        found = tr.simulate(
            model, t, params=given["params"], initial=given["initial"], solver=solver,
            sensitivities=which,
        )  # fmt: skip
    except tr.SolveError as error:
        _stopped(model, function, given, error)
        return
    except tr.TrustodeError:
        return
    assert found.status is tr.Status.SUCCESS
    assert np.isfinite(found.y).all()
    if not isinstance(t, tuple):
        assert found.t.tolist() == list(map(float, t))
    if which:
        assert found.dydp is not None
        assert found.dydp.shape == (*found.y.shape, 2)
    _agrees(found, function, given)


def _stopped(model: tr.Model, function: Any, given: dict[str, Any], error: Any) -> None:
    """What fails has a reason, and hands back what it reached."""
    assert error.status is not tr.Status.SUCCESS
    assert np.isfinite(error.solution.y).all()
    if given["method"] == "auto" and error.status not in _LIMITS:
        _really_fails(model, function, given, error)


_LIMITS = (tr.Status.MAX_STEPS, tr.Status.TIME_LIMIT)


def _right(function: Any, given: dict[str, Any], times: np.ndarray, start: list[float]) -> Any:
    """Return scipy's solution at tight tolerances, or None where it has none."""
    p = list(given["params"].values())
    calls = 0

    def rhs(t: float, y: np.ndarray) -> np.ndarray:
        nonlocal calls
        calls += 1
        if calls > 30_000:
            raise ArithmeticError
        dydt = np.array(function(t, *y, *p), dtype=float)
        if not np.isfinite(dydt).all():
            raise ArithmeticError
        return dydt

    if max(map(abs, [*p, *start])) > 1e6:
        return None
    span = times[0], times[-1]
    method = "Radau" if given["name"] == "stiff" else "LSODA"
    try:
        with np.errstate(all="ignore"):
            y = solve_ivp(rhs, span, start, method, times, rtol=1e-11, atol=1e-14)
    except (ArithmeticError, ValueError):
        return None
    return y.y.T if y.success and np.isfinite(y.y).all() else None


def _agrees(found: Any, function: Any, given: dict[str, Any]) -> None:
    """Compare at the times that were asked for, with room for how errors grow."""
    if len(found.t) < 2 or found.t[-1] > 1e3 or given["rtol"] > 1e-2:
        return
    picked = np.unique(np.linspace(0, len(found.t) - 1, 8).astype(int))
    times, ours = found.t[picked], found.y[picked]
    start = list(given["initial"].values())
    wanted = _right(function, given, times, start)
    if wanted is None:
        return
    size = np.abs(wanted).max(axis=0)
    allowed = given["atol"] + given["rtol"] * size
    nudge = 1e-7 * (1.0 + np.abs(start))
    growth = 1.0
    for sign in (1.0, -1.0):
        for k in range(len(start)):
            moved = list(start)
            moved[k] += sign * nudge[k]
            other = _right(function, given, times, moved)
            if other is None:
                return
            growth = max(growth, float((np.abs(other - wanted) / nudge[k]).max()))
    most = float(allowed.max())
    error = float(np.abs(ours - wanted).max())
    bound = FACTOR * growth * most + 1e-7 * growth * (1.0 + float(size.max()))
    assert error <= bound, f"error {error:.3g}, allowed {bound:.3g}, growth {growth:.3g}"


def _really_fails(model: tr.Model, function: Any, given: dict[str, Any], error: Any) -> None:
    """Where auto gives up before its limits, scipy at tight tolerances does not get past it."""
    t = np.atleast_1d(np.asarray(given["t"], dtype=float))
    # Nearly a pole is one at loose tolerances.
    if given["rtol"] > 1e-5 or given["atol"] > 1e-5 or t[-1] > 1e3:
        return
    reached = float(error.solution.t[-1])
    wanted = _right(function, given, np.array([t[0], t[-1]]), list(given["initial"].values()))
    if wanted is None:
        return
    assert np.abs(wanted).max() > 1e6, f"{error}, but scipy reaches {wanted[-1]} from {reached:g}"


#: Each target's inputs and check, and its share of the cases.
TARGETS: dict[str, tuple[Any, Any, int]] = {
    "expression": (expressions, check_expression, 8),
    "toml": (edited(TOML), check_toml, 4),
    "xpp": (edited(XPP), check_xpp, 4),
    "sbml": (edited(SBML), check_sbml, 3),
    "file": (files, check_file, 2),
    "data": (tables, check_data, 2),
    "solve": (solves(), check_solve, 2),
}


# ---- the same without hypothesis, tens of times as quick ----

#: What is changed a little, of each target that reads text.
SEEDS: dict[str, tuple[str, ...]] = {
    "expression": (
        "-k*x + exp(-y)**2/(1 + m)", "tanh(k*x) - min(x, y, 1)*log(1 + x**2)",
        "abs(sin(t))*sqrt(k)/m - 3.5e-3", "((x)**(1/2))**3 + sign(y)*max(k, -m)**-2",
        "1e300*x/(y*1e-300) + asinh(acosh(2 + x**2))", "(x + y)**0.5*(x - 1/3)/(2*t)",
    ),
    "toml": (TOML,),
    "xpp": (XPP,),
    "sbml": (SBML,),
    "file": (TOML, SBML),
}  # fmt: skip
_PIECES = {
    text: sorted({*text.split(), *"<>/='\"[]", *TOKENS})
    for texts in SEEDS.values()
    for text in texts
}


def _change(chance: random.Random, text: str, pieces: list[str]) -> str:
    """Cut out, double, move or put in some pieces of a text."""
    for _ in range(chance.choice((1, 1, 1, 2, 3, 6))):
        start = chance.randint(0, len(text))
        kept = text[start : start + chance.choice((0, 0, 1, 2, 5, 20, 100))]
        new = chance.choice(("", kept * 2, chr(chance.choice((chance.randint(0, 300), 0x20AC)))))
        if chance.random() < 0.6:
            new = chance.choice(pieces)
        elif chance.random() < 0.2:
            other = chance.randint(0, len(text))
            new = text[other : other + chance.randint(1, 30)]
        text = text[:start] + new + text[start + len(kept) :]
    return text


def _changed(name: str) -> Callable[[random.Random], str]:
    """Make texts out of a target's, of which those that are reached go on changing for a while."""
    pool = list(SEEDS[name])

    def make(chance: random.Random) -> str:
        seed = chance.choice(SEEDS[name])
        text = _change(chance, chance.choice(pool), _PIECES[seed])
        if len(text) < 3 * len(seed) + 60:
            if len(pool) < 200:
                pool.append(text)
            else:
                # Half of them stay near what is right.
                pool[chance.randrange(len(SEEDS[name]), 200)] = (
                    text if chance.random() < 0.5 else seed
                )
        return text

    return make


def _content(chance: random.Random) -> bytes:
    text = _files(chance)
    if chance.random() < 0.1:
        return text.encode("utf-16", "surrogatepass")
    content = bytearray(text.encode("utf-8", "surrogatepass"))
    for _ in range(chance.choice((0, 1, 3))):
        content[chance.randrange(len(content)) if content else 0 :][:1] = b""
        content.insert(chance.randint(0, len(content)), chance.randint(0, 255))
    return bytes(content)


_files = _changed("file")
_STRANGE: list[Any] = [
    math.nan, math.inf, -math.inf, -1.0, 0.0, 1e308, 5e-324, 2**70, None, True, "1", "nan", "a", "",
    pd.NA, pd.NaT, 1j, b"1", -9, 999.0, np.float32(0.5), np.datetime64("2020-01-01"),
]  # fmt: skip


def _table(chance: random.Random) -> tuple[pd.DataFrame, bool]:
    """Make a table that is nearly right, or not at all."""
    n = chance.choice((0, 1, 2, 3, 5, 8))
    columns: dict[str, Any] = {}
    for name in ("t", "x", "who", "u"):
        if chance.random() < 0.05:
            continue
        values: list[Any] = [chance.uniform(0.0, 3.0) for _ in range(n)]
        if name == "who":
            values = [chance.choice("ab") for _ in range(n)]
        if name == "t" and chance.random() < 0.8:
            values.sort()
        odd = chance.choice((0, 0, 0, 1, 2)) if n else 0
        for _ in range(odd):
            values[chance.randrange(n)] = chance.choice(_STRANGE)
        columns[name] = pd.Series(values, dtype=object if odd or not n else None)
        if chance.random() < 0.15:
            with contextlib.suppress(Exception):
                columns[name] = columns[name].astype(chance.choice(_types))
    frame = pd.DataFrame(columns)
    if chance.random() < 0.05 and len(frame.columns):
        frame = pd.concat([frame, frame.iloc[:, :1]], axis=1)
    if chance.random() < 0.1:
        frame.index = pd.Index([chance.choice(_STRANGE[:16]) for _ in range(n)], dtype=object)
    return frame, chance.random() < 0.5


_DRIVEN = tr.Model("driven", {"x": "u - k*x"}, {"k": 1.0}, {"x": 1.0}, {"u": 0.0})


def check_table(given: tuple[pd.DataFrame, bool]) -> None:
    """The reader of a fit's data refuses a table, or reads every value that is there."""
    frame, grouped = given
    before = frame.copy()
    design = fit_data.Design(
        time="t", groups=("who",) if grouped else (), observed={"x": tr.Gaussian("x", sd=1.0)},
        inputs={"u": "u"}, levels=(),
    )  # fmt: skip
    try:
        found = fit_data.read(frame, design, _DRIVEN, "fuzz")
    except tr.TrustodeError:
        return
    finally:
        assert frame.equals(before), "the table was changed"
    held = frame["x"].dropna().astype(float).to_numpy()
    rows = found.measured["x"]
    assert sorted(rows.values.tolist()) == sorted(held.tolist())
    for row, value, g, k in zip(rows.row, rows.values, rows.group, rows.time, strict=True):
        assert float(frame["x"].iloc[row]) == value
        assert float(frame["t"].iloc[row]) == found.times[g][k]
        assert not grouped or frame["who"].iloc[row] == found.labels[g]
    assert all(np.isfinite(each).all() and (np.diff(each) > 0).all() for each in found.times)


#: What makes a value of each target, the check, and its share of the cases.
QUICK: dict[str, tuple[Callable[[random.Random], Any], Any, int]] = {
    "expression": (_changed("expression"), check_expression, 20),
    "toml": (_changed("toml"), check_toml, 20),
    "xpp": (_changed("xpp"), check_xpp, 16),
    "sbml": (_changed("sbml"), check_sbml, 20),
    "file": (_content, check_file, 20),
    "table": (_table, check_table, 1),
}
