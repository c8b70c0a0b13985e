"""Exports: what other programs compute from them, and no name or meaning can break them."""

import ctypes
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

import trustode as tr
from trustode.errors import FileError, ModelError, OptionError
from trustode.export import FORMATS
from trustode.expression import parse, symbol

SUFFIXES = dict(zip(FORMATS, (".ode", ".f90", ".xml", ".jl", ".pyx", ".c", ".tex"), strict=True))

#: Long enough for every term to matter, short enough for every solver.
SPAN = {"robertson": 1, "morris-lecar": 100, "hires": 5, "orego": 0.5, "lorenz": 2}
EXACT = tr.Solver(rtol=1e-10, atol=1e-12)

#: Words that some language reserves, pairs that differ in case only, and unruly prose.
AWKWARD = tr.Model(
    "awkward, 1",
    rhs={
        "T": "-T*end + a*A - u + cos(t)/10",
        "u": "-u/par_of_a_very_long_name + function*T",
        "du": "a - du*(A + par_of_a_very_long_nomer)",
    },
    params={
        "end": tr.Param(1.5, meaning='closes */ """ ]]> \\'),
        "function": 0.5,
        "a": tr.Param(0.25, meaning="line\nbreak = $x$ & #{}% \\end{document}"),
        "A": 0.75,
        "par_of_a_very_long_name": 3.0,
        "par_of_a_very_long_nomer": 1e-5,
        "init": 1.0,
        "par": 2.0,
        "subroutine": 0.1,
    },
    initial={"T": 0.5, "u": "init/4", "du": -1},
    inputs={"p": 0.5},
    observables={"aux": "T + p", "F": "u*T"},
    description="Ends in a backslash \\",
    source="one line\n= and another",
)

#: Every function of models, and powers.
FUNCTIONS = tr.Model(
    "functions",
    rhs={
        "x": "exp(-x) + log(x + 3) + sqrt(x + 2) + tanh(x) + sinh(x/3) + cosh(x/3) - 5*x",
        "y": "sin(x) + cos(y) + tan(x/4) + asin(x/8) + acos(y/8) + atan(x) + asinh(-y) - 2*y",
        "z": "acosh(z + 9) + atanh(x/8) + abs(z - 1)*sign(z - 2) - 3*z + min(x, y, z)"
        " + max(x, 0.5)",
        "w": "-w**3 - (-w)**2 + 2/3*x**(1/3) - x**2/(y + 4)/(z + 5) + k**(x - 1) + (w + 2)**(-3/2)"
        " - 1.25e-7*(x - (y - z)) - -x*k + 7**(k + 2)/100",
    },
    params={"k": 1.25},
    initial={"x": 0.5, "y": 0.25, "z": "k/5", "w": 0.125},
)

MODELS = [*tr.models.names(), "awkward", "functions"]


def load(name: str) -> tr.Model:
    own = {"awkward": AWKWARD, "functions": FUNCTIONS}
    return own[name] if name in own else tr.models.load(name)


def solved(model: tr.Model, name: str) -> tr.Solution:
    return tr.simulate(model, np.linspace(0, SPAN.get(name, 5), 101), solver=EXACT)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("name", MODELS)
def test_every_model_goes_through_every_format(tmp_path: Path, name: str, format: str) -> None:
    model = load(name)
    file = tmp_path / f"model{SUFFIXES[format]}"
    assert tr.export(model, file) == file
    text = file.read_text(encoding="utf-8")
    # XPPAUT and Fortran cut longer lines off.
    longest = 130 if format in ("xpp", "auto") else 100_000
    assert max(map(len, text.splitlines())) < longest


def test_format_can_be_said(tmp_path: Path) -> None:
    guessed = tr.export(AWKWARD, tmp_path / "m.ode").read_text()
    assert tr.export(AWKWARD, tmp_path / "m.txt", "xpp").read_text() == guessed
    assert tr.export(AWKWARD, str(tmp_path / "m"), format="xpp").read_text() == guessed


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        (("model.ode", "xp"), OptionError, "'xp'; did you mean 'xpp'"),
        (("model.ode", 3), OptionError, "no format 3"),
        (("model.foo",), OptionError, "suffix of 'model.foo'"),
        (("",), OptionError, "path must be"),
        ((7,), OptionError, "path must be"),
        (("no/such/folder/m.c",), FileError, "cannot be written: No such file"),
    ],
)
def test_mistakes_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments, error, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=re.escape(said)):
        tr.export(AWKWARD, *arguments)
    assert not list(tmp_path.iterdir())


def test_only_models_are_exported(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="expected a Model"):
        tr.export("lorenz", tmp_path / "m.ode")


@pytest.mark.parametrize("name", MODELS)
def test_trip_through_sbml_loses_nothing(tmp_path: Path, name: str) -> None:
    model = load(name)
    again = tr.read_model(tr.export(model, tmp_path / "m.xml"))
    if name == "functions":
        assert np.allclose(solved(again, name).y, solved(model, name).y, rtol=0, atol=1e-9)
    else:
        assert again == model


@pytest.mark.parametrize("name", MODELS)
def test_trip_through_xpp_solves_alike(tmp_path: Path, name: str) -> None:
    model = load(name)
    again = tr.read_model(tr.export(model, tmp_path / "m.ode"))
    wanted, found = solved(model, name), solved(again, name)
    scale = np.abs(wanted.y).max()
    assert np.abs(found.y - wanted.y).max() < 1e-7 * scale
    assert len(again.observables) == len(model.observables)


@pytest.mark.parametrize("name", MODELS)
def test_xppaut_solves_alike(tmp_path: Path, name: str) -> None:
    if shutil.which("xppaut") is None:
        pytest.skip("needs xppaut")
    model = load(name)
    file = tr.export(model, tmp_path / "m.ode")
    end = SPAN.get(name, 5)
    options = f"@ total={end},dt={end / 1000},meth=cvode,tol=1e-9,atol=1e-10,bound=1e9,maxstor=9999"
    file.write_text(file.read_text().replace("\ndone", f"\n{options}\ndone"))
    ran = subprocess.run(
        ["xppaut", file.name, "-silent"], cwd=tmp_path, capture_output=True, timeout=60
    )
    rows = np.loadtxt(tmp_path / "output.dat")[::10]
    assert b"rror" not in ran.stdout
    wanted = solved(model, name)
    count = len(model.states)
    assert np.allclose(rows[:, 0], wanted.t[: len(rows)], rtol=1e-6)
    assert len(rows) >= 100
    scale = np.abs(wanted.y).max()
    # Its file of results has eight digits.
    assert np.abs(rows[:, 1 : count + 1] - wanted.y[: len(rows)]).max() < 1e-6 * scale


@pytest.mark.parametrize("name", MODELS)
def test_roadrunner_solves_alike(tmp_path: Path, name: str) -> None:
    roadrunner = pytest.importorskip("roadrunner", reason="needs libroadrunner")
    model = load(name)
    other = roadrunner.RoadRunner(str(tr.export(model, tmp_path / "m.xml")))
    other.integrator.relative_tolerance, other.integrator.absolute_tolerance = 1e-10, 1e-12
    other.integrator.maximum_num_steps = 10**6
    other.timeCourseSelections = ["time", *model.states]
    rows = np.asarray(other.simulate(0, SPAN.get(name, 5), 101))
    wanted = solved(model, name)
    assert np.abs(rows[:, 1:] - wanted.y).max() < 1e-6 * np.abs(wanted.y).max()


@pytest.mark.parametrize("name", MODELS)
def test_libsbml_has_no_complaint(tmp_path: Path, name: str) -> None:
    libsbml = pytest.importorskip("libsbml", reason="needs python-libsbml")
    document = libsbml.readSBML(str(tr.export(load(name), tmp_path / "m.xml")))
    document.checkConsistency()
    errors = (document.getError(k) for k in range(document.getNumErrors()))
    assert [e.getMessage() for e in errors if e.getSeverity() >= libsbml.LIBSBML_SEV_ERROR] == []


@pytest.mark.parametrize("name", MODELS)
def test_c_gives_the_same_numbers(tmp_path: Path, name: str) -> None:
    if shutil.which("cc") is None:
        pytest.skip("needs a C compiler")
    model = load(name)
    source, library = tr.export(model, tmp_path / "m.c"), tmp_path / "m.so"
    build = "-O1 -ffp-contract=off -shared -fPIC"
    strict = "-std=c11 -Wall -Wextra -Werror -Wpedantic -Wconversion -Wshadow -Wstrict-prototypes"
    subprocess.run(
        ["cc", *strict.split(), *build.split(), str(source), "-o", str(library), "-lm"],
        check=True,
    )
    made = ctypes.CDLL(str(library))
    compiled = tr.compile(model)
    y = 0.25 + 0.1 * np.arange(len(model.states))
    p = np.array([*model.defaults.values(), 0.0])
    u = np.array([*model.input_defaults.values(), 0.0])
    vector = ctypes.POINTER(ctypes.c_double)
    wanted = {
        "rhs": compiled.rhs(0.5, y),
        "jac": compiled.jac(0.5, y).ravel(),
        "observe": compiled.observe(0.5, y),
        "initial": compiled.initial(),
    }
    for function, values in wanted.items():
        out = np.full(len(values) + 1, np.nan)
        call = getattr(made, function)
        call.argtypes = [ctypes.c_double, *[vector] * 4]
        call.restype = None
        call(0.5, *(a.ctypes.data_as(vector) for a in (y, p, u, out)))
        np.testing.assert_allclose(out[:-1], values, rtol=1e-15, atol=0)
        assert np.isnan(out[-1])


@pytest.mark.slow
def test_cython_builds_and_gives_the_same_numbers(tmp_path: Path) -> None:
    pytest.importorskip("Cython")
    tr.export(AWKWARD, tmp_path / "awkward_model.pyx")
    (tmp_path / "setup.py").write_text(
        "from setuptools import setup\nfrom Cython.Build import cythonize\n"
        "setup(ext_modules=cythonize('awkward_model.pyx'))\n"
    )
    subprocess.run(
        [sys.executable, "setup.py", "-q", "build_ext", "--inplace"],
        cwd=tmp_path, check=True, capture_output=True, env={**os.environ, "CFLAGS": "-O0"},
    )  # fmt: skip
    (built,) = tmp_path.glob("awkward_model*.so")
    spec = importlib.util.spec_from_file_location("awkward_model", built)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    compiled = tr.compile(AWKWARD)
    y = [0.1, 0.2, 0.3]
    np.testing.assert_allclose(module.rhs(1.0, y), compiled.rhs(1.0, np.array(y)), rtol=1e-15)
    np.testing.assert_allclose(
        np.reshape(module.jac(1.0, y), (3, 3)), compiled.jac(1.0, np.array(y)), rtol=1e-15
    )
    assert list(module.initial()) == [0.5, 0.25, -1.0]
    assert list(module.initial({"init": 2.0})) == [0.5, 0.5, -1.0]
    assert module.observe(0.0, y, u=[2.0])[0] == pytest.approx(2.1, rel=1e-15)
    with pytest.raises(ValueError, match="unknown parameter 'en'"):
        module.rhs(0.0, y, {"en": 1.0})
    with pytest.raises(ValueError, match="2 values of states, not 3"):
        module.rhs(0.0, [1.0, 2.0])


@pytest.mark.parametrize("name", ["trust-dyad", "morris-lecar", "awkward", "functions"])
def test_julia_says_the_same_equations(tmp_path: Path, name: str) -> None:
    model = load(name)
    text = tr.export(model, tmp_path / "m.jl").read_text()
    function = text[text.index("function rhs!") : text.index("return nothing")]
    # Julia writes expressions as we do, but for the sign of a power.
    states = re.search(r"^    (.*?),? = u$", function, re.MULTILINE)[1].split(", ")
    given = "".join(re.findall(r"\(; (.*?)\) = p", function, re.DOTALL))
    others = [*model.params, *model.inputs]
    written = [*states, *re.split(r",\s+", given)]
    own = dict(zip(written, [*model.states, *others], strict=True))
    known = {new: symbol(old) for new, old in own.items()}
    made = re.findall(r"du\[\d+\] = (.*?)(?=\n    du\[|\Z)", function, re.DOTALL)
    formulas = [formula.replace("^", "**").replace("\n", " ").strip() for formula in made]
    rhs = {s: parse(f, known, name) for s, f in zip(model.states, formulas, strict=True)}
    again = tr.Model(**{**model.arguments(), "rhs": rhs})
    y = 0.25 + 0.1 * np.arange(len(rhs))
    np.testing.assert_allclose(
        tr.compile(again).rhs(0.5, y), tr.compile(model).rhs(0.5, y), rtol=1e-12
    )


def test_julia_renames_and_says_so(tmp_path: Path) -> None:
    text = tr.export(AWKWARD, tmp_path / "m.jl").read_text()
    assert "    T, u_, du_ = u\n" in text
    changed = text[: text.index("using")].replace("\n# ", " ")
    for old in ("u", "du", "end", "function", "p"):
        assert f"{old} is {old}_" in changed
    assert "# line break = $x$" in text


def test_fortran_compiles(tmp_path: Path) -> None:
    if shutil.which("gfortran") is None:
        pytest.skip("needs gfortran")
    for name in ("trust-dyad", "awkward", "functions"):
        file = tr.export(load(name), tmp_path / f"{name}.f90")
        subprocess.run(
            ["gfortran", "-fsyntax-only", "-Wall", "-Werror=line-truncation", str(file)],
            check=True, cwd=tmp_path,
        )  # fmt: skip
        assert (tmp_path / f"c.{name}").is_file()


@pytest.mark.slow
def test_auto_finds_the_hopf_point(tmp_path: Path) -> None:
    auto = shutil.which("auto-07p") or shutil.which("auto")
    if auto is None or shutil.which("gfortran") is None:
        pytest.skip("needs AUTO-07p and gfortran")
    # Rest is at x = a, y = b/a; it loses stability at b = 1 + a^2 (Prigogine & Lefever 1968).
    rest = tr.models.load("brusselator").replace(
        params={"a": 1.0, "b": 1.0}, initial={"x": 1.0, "y": 1.0}
    )
    tr.export(rest, tmp_path / "brus.f90")
    constants = tmp_path / "c.brus"
    constants.write_text(
        constants.read_text().replace("ICP=['a']", "ICP=['b']").replace("{'a': [", "{'b': [")
    )
    (tmp_path / "run.auto").write_text("run(e='brus', c='brus')\n")
    ran = subprocess.run(
        [auto, "run.auto"], cwd=tmp_path, capture_output=True, text=True, timeout=100
    )
    found = re.search(r"HB\s+\d+\s+(\S+)", ran.stdout)
    assert found, ran.stdout[-500:]
    assert float(found[1]) == pytest.approx(2.0, abs=1e-5)


def test_latex_is_closed_and_complete(tmp_path: Path) -> None:
    for name in ("trust-updated", "awkward"):
        model = load(name)
        text = tr.export(model, tmp_path / "m.tex").read_text()
        plain = re.sub(r"\\[\\{}%&#$_]", "", text)
        assert plain.count("{") == plain.count("}")
        begun = re.findall(r"\\begin\{(\w+\*?)\}", plain)
        assert sorted(begun) == sorted(re.findall(r"\\end\{(\w+\*?)\}", plain))
        assert text.count(" \\\\\n") >= len(model.params)


def test_sbml_is_xml_with_everything_in_it(tmp_path: Path) -> None:
    root = ElementTree.parse(tr.export(AWKWARD, tmp_path / "m.xml")).getroot()
    core = "{http://www.sbml.org/sbml/level3/version1/core}"
    assert len(root.findall(f".//{core}parameter")) == 3 + 9 + 1 + 2
    assert len(root.findall(f".//{core}rateRule")) == 3


@pytest.mark.slow
@pytest.mark.parametrize("name", ["trust-updated", "awkward"])
def test_latex_compiles(tmp_path: Path, name: str) -> None:
    if shutil.which("pdflatex") is None:
        pytest.skip("needs pdflatex")
    file = tr.export(load(name), tmp_path / "m.tex")
    ran = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", file.name],
        cwd=tmp_path, capture_output=True, timeout=100,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout[-800:]
    assert (tmp_path / "m.pdf").stat().st_size > 10_000
