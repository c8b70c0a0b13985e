"""Rows 27 to 29: text, names and files that mean harm, or are not what they say."""

import importlib
import keyword
import pickle
import re
import time

import numpy as np
import pytest
import sympy
from _compilers import COMPILER
from test_expression import ATTACKS

import trustode as tr
from trustode.expression import MAX_DEPTH, MAX_LENGTH
from trustode.text import parse_model

#: Seconds of processor time: what the row asks of an idle machine, with room for a busy one.
QUICK = 0.1 * 5


def refused(call, *arguments):
    """The call raises a ModelError, soon; returns its text."""
    began = time.process_time()
    with pytest.raises(tr.ModelError) as caught:
        call(*arguments)
    assert time.process_time() - began < QUICK
    return str(caught.value)


@pytest.fixture(autouse=True)
def nothing_is_touched(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    yield
    assert sorted(tmp_path.rglob("pwned*")) == []
    assert before == []


def own(text):
    return tr.Model("own", {"x": text}, {"k": 1.0, "y": 1.0}, {"x": 1.0})


def test_row_27_attacks_in_a_model():
    """Each of the strings with which the parser is tested, through the public door.

    What is too large only as a whole has no column: the exponent is named.
    """
    assert len(ATTACKS) >= 35
    for attack in ATTACKS:
        assert re.search(r"column \d+|the exponent \d+ is outside", refused(own, attack)), attack


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("9**9**9**9", "column"),
        ("x + __import__(1)", "column 5"),
        ("(" * 5000 + "x" + ")" * 5000, f"column {MAX_DEPTH + 1}: brackets nested 5000 deep"),
    ],
    ids=["power", "import", "brackets"],
)
def test_row_27_says_where(text, where):
    assert where in refused(own, text)
    assert where in refused(
        parse_model, f'trustode = 1\nname = "m"\n[states.x]\nrhs = "{text}"\ninitial = 1'
    )


def test_row_27_says_where_a_text_is_too_long():
    where = f"column {MAX_LENGTH + 1}: 1000000 characters"
    assert where in refused(own, "x" * 1_000_000)
    head = 'trustode = 1\nname = "m"\n[states.x]\n'
    text = f'{head}rhs = "{"x" * 1_000_000}"\ninitial = 1'
    where = f"line 4, column {500_000 - len(head) + 1}: more than 500000 characters"
    assert where in refused(parse_model, text)


def test_row_27_attacks_in_a_file(tmp_path):
    path = tmp_path / "model.txt"
    for attack in [*ATTACKS[:40], "9" * 400]:
        quoted = attack.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        path.write_text(f'trustode = 1\nname = "m"\n[states.x]\nrhs = "{quoted}"\ninitial = 1\n')
        refused(tr.read_model, path)
    path.unlink()


C_WORDS = ["int", "double", "return", "static", "main", "y", "p", "u", "out", "NULL", "t_"]


def test_row_28_names_that_c_knows_are_names_like_others(cache_folder):
    """x_i' = -i x_i under names that C and the generated text use for themselves."""
    names = [name for name in C_WORDS if not keyword.iskeyword(name)]
    rhs = {name: f"-{i + 1}*{name}" for i, name in enumerate(names)}
    model = tr.Model("words", rhs, {}, dict.fromkeys(names, 1.0))
    found = tr.simulate(model, [0.0, 1.0])
    wanted = np.exp(-np.arange(1.0, len(names) + 1))
    assert found.y[-1] == pytest.approx(wanted, rel=1e-3)
    if COMPILER is not None:
        assert found.stats["backend"] == "compiler"


HOSTILE = [
    'y[0]; system("id")', "x; y", "x y", "x\n", "1x", "x-y", "__class__", "a__b", "x'", 'x"',
    "\N{CYRILLIC SMALL LETTER HA}", "\N{FULLWIDTH LATIN SMALL LETTER X}", "x\0", "*/ int main() /*",
    "%s", "{x}", "x//", "#include", "\N{GREEK SMALL LETTER ALPHA}", "lambda", "import",
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_row_28_hostile_names_are_refused(name):
    made = sympy.Symbol(name)
    refused(lambda: tr.Model("m", {name: "-1"}, {}, {name: 1.0}))
    refused(lambda: tr.Model("m", {"x": -sympy.Symbol("x") * made}, {name: 1.0}, {"x": 1.0}))
    refused(lambda: tr.Model("m", {"x": "-x"}, {name: 1.0}, {"x": 1.0}))
    refused(lambda: tr.Model("m", {"x": "-x"}, {}, {"x": 1.0}, observables={name: "x"}))


def test_row_28_no_name_reaches_generated_text(tmp_path):
    from trustode.codegen import Source

    model = tr.Model("m", {"velvet": "-satin*velvet"}, {"satin": 1.0}, {"velvet": 1.0})
    text = Source(model).text
    assert "velvet" not in text
    assert "satin" not in text


@pytest.mark.parametrize("form", ["xpp", "auto", "sbml", "julia", "cython", "c"])
def test_row_28_names_that_become_one_stay_two(tmp_path, form):
    """XPP folds cases and cuts names; whatever a format does, two names stay two."""
    long = "a" * 40
    rhs = {f"{long}1": f"-{long}1", f"{long}2": f"-2*{long}2", "ab": "-3*ab", "AB": "-4*AB"}
    model = tr.Model("m", rhs, {}, dict.fromkeys(rhs, 1.0))
    path = tmp_path / "exported"
    tr.export(model, path, form)
    if form in ("xpp", "sbml"):
        suffix = {"xpp": ".ode", "sbml": ".xml"}[form]
        path.rename(path.with_suffix(suffix))
        again = tr.read_model(path.with_suffix(suffix))
        assert len({name if form == "sbml" else name.casefold() for name in again.states}) == 4
        found = tr.simulate(again, [0.0, 1.0]).y[-1]
        assert found == pytest.approx(np.exp([-1.0, -2.0, -3.0, -4.0]), rel=1e-3)
    for each in tmp_path.rglob("exported*"):
        if each.is_file():
            each.unlink()


class Evil:
    def __reduce__(self):
        return open, ("pwned", "w")


def wrong_files(whole):
    header, _, rest = whole.partition(b"\n")
    return {
        "cut in its first line": header[:20] + b"}\n",
        "of a newer version": header.replace(b'"format": 1', b'"format": 99') + b"\n" + rest,
        "a pickle": pickle.dumps(Evil()),
        "a pickle of protocol 0": pickle.dumps(Evil(), 0),
        "something else": b"PK\x03\x04" + bytes(100),
    }


def test_row_29_files_that_are_not_ours_are_never_unpickled(decay, tmp_path):
    path = tmp_path / "scan"

    def call():
        return tr.scan(decay, vary={"k": [0.5, 1.0, 2.0]}, t=(0, 5), checkpoint=path)

    wanted = call().to_frame()
    whole = path.read_bytes()
    for what, content in wrong_files(whole).items():
        path.write_bytes(content)
        with pytest.raises(tr.DataError, match=r"scan\(decay\): .*scan"):
            call()
        assert path.read_bytes() == content, what
    for cut in range(whole.index(b"\n") + 1, len(whole), 7):
        path.write_bytes(whole[:cut])
        assert call().to_frame().equals(wanted)
    path.unlink()


def test_row_29_models_and_data_likewise(tmp_path):
    for suffix in (".txt", ".toml", ".ode", ".xml", ".npz", ".csv"):
        path = tmp_path / f"file{suffix}"
        for content in (pickle.dumps(Evil()), pickle.dumps(Evil(), 0), b"", b"\xff\xfe\0"):
            path.write_bytes(content)
            with pytest.raises((tr.ModelError, tr.DataError)):
                tr.read_model(path)
            with pytest.raises((tr.ModelError, tr.DataError)):
                tr.data.read("king-casas-2008", path)
        path.unlink()


def test_row_29_nothing_in_the_package_could():
    """No module of ours reads pickles; tests/test_layers.py looks at every call."""
    for name in ("checkpoint", "cache", "text", "data", "jobs"):
        module = importlib.import_module(f"trustode.{name}")
        assert not {"pickle", "shelve", "marshal", "joblib"} & set(vars(module))
