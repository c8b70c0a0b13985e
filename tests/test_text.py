"""Model files: nothing is lost on the way, and nothing in one can run."""

import io
import re
import tomllib
from pathlib import Path

import pytest
from _strategies import models, params
from hypothesis import given, settings
from hypothesis import strategies as st

import trustode as tr
from trustode.errors import ModelError
from trustode.text import MAX_TEXT, parse_model, read_model, write_text

ATTACK = "__import__('os').system('touch pwned')"

T, R = tr.states("T R")
alpha, beta = tr.parameters("alpha beta")
u = tr.inputs("u")

FULL = tr.Model(
    "full",
    rhs={T: -alpha * T + u, R: beta * (T - R) / 3},
    params={
        alpha: tr.Param(
            1.5,
            unit="1/day",
            min=0,
            max=5,
            meaning='how fast "trust" fades',
            theme="time constants",
            source="C:\\papers\\2023; doi:10.1000/1",
        ),
        beta: 0.1,
    },
    initial={T: 0.6, R: alpha / 5},
    inputs={u: -0.25},
    observables={"rating": 10 * (T + 1) / 2},
    bounds={T: (-1, 1)},
    time_unit="day",
    meanings={T: "trust", u: "what happens", "rating": "as asked"},
    description='First line.\n\nThird line, with """quotes""" and \\ backslashes.',
    source="made for this test",
)


def test_full_model_comes_back_equal() -> None:
    text = write_text(FULL)
    assert parse_model(text) == FULL
    assert write_text(parse_model(text)) == text


@pytest.mark.parametrize("name", tr.models.names())
def test_builtin_comes_back_equal(name: str) -> None:
    model = tr.models.load(name)
    text = write_text(model)
    again = parse_model(text)
    assert again == model
    assert (again.states, again.params, again.inputs) == (model.states, model.params, model.inputs)
    assert write_text(again) == text


@given(models())
def test_any_model_comes_back_equal(model: tr.Model | None) -> None:
    if model is not None:
        assert parse_model(write_text(model)) == model


@given(params())
def test_any_parameter_comes_back_equal(param: tr.Param) -> None:
    model = tr.Model("m", rhs={"x": "k"}, params={"k": param}, initial={"x": 0})
    assert parse_model(write_text(model)).parameters["k"] == param


def test_every_way_to_open_a_file(tmp_path: Path) -> None:
    path = tmp_path / "model.toml"
    text = write_text(FULL)
    path.write_text(text, encoding="utf-8")
    assert read_model(path) == FULL
    assert read_model(str(path)) == FULL
    with path.open(encoding="utf-8") as opened:
        assert read_model(opened) == FULL
    with path.open("rb") as opened:
        assert read_model(opened) == FULL
    assert read_model(io.StringIO(text)) == FULL
    assert read_model(io.StringIO("\ufeff" + text)) == FULL
    assert read_model(text) == FULL
    path.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    assert read_model(path) == FULL


def test_file_that_is_not_there_or_not_text(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"none\.toml'\): the file cannot be read: No such file"):
        read_model(tmp_path / "none.toml")
    with pytest.raises(ModelError, match="the file cannot be read"):
        read_model(tmp_path)
    with pytest.raises(ModelError, match="the file cannot be read"):
        read_model("a\0b")
    path = tmp_path / "model.toml"
    path.write_bytes(b"trustode = 1\n\xff")
    with pytest.raises(ModelError, match=r"model\.toml'\): byte 14 is not UTF-8"):
        read_model(path)
    path.write_text("", encoding="utf-8")
    with pytest.raises(ModelError, match="no line 'trustode = 1'"):
        read_model(path)


@pytest.mark.parametrize("nonsense", [None, 3, ["trustode = 1"], FULL])
def test_nonsense_is_not_read(nonsense: object) -> None:
    with pytest.raises(ModelError, match="expected a path or an open file"):
        read_model(nonsense)  # type: ignore[arg-type]
    with pytest.raises(ModelError, match="expected text"):
        parse_model(nonsense)  # type: ignore[arg-type]


@pytest.mark.parametrize("nonsense", [None, "model", {"name": "x"}])
def test_only_a_model_is_written(nonsense: object) -> None:
    with pytest.raises(ModelError, match="expected a Model"):
        write_text(nonsense)  # type: ignore[arg-type]


def test_equation_over_several_lines_and_comments() -> None:
    text = '''
    trustode = 1            # the format
    name = "decay"
    [states.x]
    rhs = """
      -k*x
      + 1
    """
    initial = "2*k"
    min = 0
    [parameters.k]
    value = 1
    '''
    model = parse_model(text)
    assert model == tr.Model(
        "decay",
        rhs={"x": "1 - k*x"},
        params={"k": 1},
        initial={"x": "2*k"},
        bounds={"x": (0, float("inf"))},
    )


SMALL = """trustode = 1
name = "small"
[states.x]
rhs = "-kappa*x"
initial = 1.0
[parameters.kappa]
value = 0.5
"""


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("trustode = 1", "", "no line 'trustode = 1'"),
        ("trustode = 1", "trustode = 1.0", "no line 'trustode = 1'"),
        ("trustode = 1", "trustode = true", "no line 'trustode = 1'"),
        ("trustode = 1", "trustode = 2", "reads up to 1. Install a newer"),
        ('name = "small"', "", "no name"),
        ('name = "small"', "name = 3", "one line of text"),
        ('name = "small"', 'nam = "small"', "'nam'; did you mean 'name'"),
        ("[parameters.", "[parametres.", "'parametres'; did you mean 'parameters'"),
        ("value", "valeu", "[parameters.kappa]: unknown entry 'valeu'; did you mean 'value'"),
        ("initial", "intial", "[states.x]: unknown entry 'intial'; did you mean 'initial'"),
        ("initial = 1.0\n", "", "[states.x]: initial is missing"),
        ("value = 0.5\n", "", "[parameters.kappa]: value is missing"),
        (
            "-kappa*x",
            "-kapa*x",
            "dx/dt: column 2: unknown name 'kapa'; did you mean 'kappa'",
        ),
        ("value = 0.5", "value = 0.5\nmin = 1", "'kappa': Param: value 0.5 is outside [1, inf]"),
        ("value = 0.5", "value = '0.5'", "'kappa': Param: value: expected a number"),
        ("value = 0.5", "value = nan", "'kappa': Param: value: the value nan is not finite"),
        ("value = 0.5", "value = true", "expected a number, got True"),
        ("value = 0.5", "value = 2020-01-01", "expected a number"),
        ("value = 0.5", "value = [0.5]", "expected a number"),
        ("value = 0.5", "value = 0.5\nunit = 3", "Param: unit must be text"),
        ("initial = 1.0", "initial = [1]", "initial x: expected an expression"),
        ("initial = 1.0", "initial = inf", "initial x: the value inf is not finite"),
        ("initial = 1.0", "initial = 't'", "depends on t"),
        ("initial = 1.0", "initial = 1.0\nmax = 0.5", "initial x = 1 is outside its bounds"),
        ("initial = 1.0", "initial = 1.0\nmax = 'a'", "bounds of x: expected a number"),
        ("initial = 1.0", "initial = 1.0\nmeaning = 1", "the meaning of 'x' must be text"),
        ("[states.x]", "[[states]]", "write [states.NAME]"),
        ("[states.x]", "[states]\nx = 1\n[parameters.b]", "is 1; write it as a section"),
        ("[states.x]", "[states.t]", "reserved"),
        ("[states.x]", '[states."x y"]', "cannot be a name"),
        ("[states.x]", "[states.x.y]", "[states.x]: unknown entry 'y'"),
        ("[states.x]", "[states.x]\n[states.x]", "A model's text is TOML"),
        ("rhs = ", "rhs = -k*x #", "text stands in quotes"),
    ],
)
def test_message_names_place_and_remedy(old: str, new: str, words: str) -> None:
    assert SMALL.count(old) == 1
    with pytest.raises(ModelError, match=re.escape(words)) as caught:
        parse_model(SMALL.replace(old, new))
    assert str(caught.value).startswith("parse_model: ")


def hostile_texts() -> list[str]:
    """Put the attack into each field, each name and each line of a full model's text."""
    made = []
    lines = write_text(tr.Model(**FULL.arguments() | {"description": "one line"})).splitlines()
    for number, line in enumerate(lines):
        before, after = lines[:number], lines[number + 1 :]
        field = re.fullmatch(r"(\w+) = (.*)", line)
        section = re.fullmatch(r"\[(\w+)\.(\w+)\]", line)
        if field:
            variants = [
                f'{field[1]} = "{ATTACK}"',
                f'{field[1]} = "1 + {ATTACK}"',
                f'{field[1]} = """\n{ATTACK}"""',
                f"{field[1]} = {ATTACK}",
                f'"{ATTACK}" = {field[2]}',
                f"{ATTACK} = {field[2]}",
                f'{field[1]} = ["{ATTACK}"]',
                f'{field[1]} = {{x = "{ATTACK}"}}',
            ]
        elif section:
            variants = [
                f'[{section[1]}."{ATTACK}"]',
                f'["{ATTACK}".{section[2]}]',
                f"[{ATTACK}]",
                f'{line}\nextra = "{ATTACK}"',
            ]
        else:
            variants = [ATTACK]
        made += ["\n".join([*before, variant, *after]) for variant in variants]
    return made


def test_hostile_texts_reach_every_field() -> None:
    """Guard the test below: every field that the format knows is attacked."""
    attacked = rf'^(\w+) = "{re.escape(ATTACK)}"$'
    fields = set(re.findall(attacked, "\n".join(hostile_texts()), re.MULTILINE))
    assert fields == {
        *("trustode", "name", "time_unit", "description", "source", "extra"),
        *("rhs", "initial", "value", "min", "max", "meaning", "unit", "theme"),
    }
    readable = 0
    for text in hostile_texts():
        try:
            readable += ATTACK in str(tomllib.loads(text)).replace('\\"', '"').replace("\\'", "'")
        except tomllib.TOMLDecodeError:
            continue
    assert readable > 100


def test_code_in_any_field_is_refused_and_nothing_is_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for text in hostile_texts():
        with pytest.raises(ModelError):
            parse_model(text)
        with pytest.raises(ModelError):
            read_model(io.StringIO(text))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "arguments",
    [
        {"name": ATTACK},
        {"rhs": {ATTACK: "-x"}},
        {"rhs": {"x": ATTACK}},
        {"params": {ATTACK: 1.0}},
        {"params": {"k": ATTACK}},
        {"initial": {"x": ATTACK}},
        {"inputs": {ATTACK: 1.0}},
        {"inputs": {"v": ATTACK}},
        {"observables": {ATTACK: "x"}},
        {"observables": {"seen": ATTACK}},
        {"bounds": {ATTACK: (0, 1)}},
        {"bounds": {"x": (ATTACK, 1)}},
        {"bounds": {"x": (0, ATTACK)}},
        {"bounds": {"x": ATTACK}},
        {"meanings": {ATTACK: "x"}},
        {"meanings": {"x": ATTACK}},
        {"time_unit": ATTACK},
        {"description": ATTACK},
        {"source": ATTACK},
    ],
)
def test_code_in_any_argument_of_a_model_is_refused(
    arguments: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    right = {"name": "m", "rhs": {"x": "-k*x"}, "params": {"k": 1.0}, "initial": {"x": 1.0}}
    assert tr.Model(**right)
    with pytest.raises(ModelError):
        tr.Model(**right | arguments)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("field", ["value", "unit", "min", "max", "meaning", "theme", "source"])
def test_code_in_any_argument_of_a_parameter_is_refused(field: str) -> None:
    with pytest.raises(ModelError, match=f"Param: {field}"):
        tr.Param(**{"value": 1.0} | {field: ATTACK})


LONG_KEY = ".".join(["b"] * 100_000)


@pytest.mark.parametrize(
    "text",
    [
        "x" * 1_000_000,
        SMALL + "#" * 1_000_000,
        SMALL + "a = " + "[" * 100_000,
        SMALL + "a = " + "{b = " * 50_000,
        SMALL + "a = " + "9" * 100_000,
        f"{LONG_KEY} = 1",
        f"[{LONG_KEY}]",
        f'x = {{a = """z"""", {LONG_KEY} = 1}}',
        f"x = {{a = '''z''''', {LONG_KEY} = 1}}",
        f'# "\n{LONG_KEY} = 1',
        f"# '''\n{LONG_KEY} = 1",
        '"""' + '\\"""' * 100_000,
        "'''a" * 100_000,
        '"' * 300_000,
        "\\" * 300_000,
        "\0",
        "",
    ],
    ids=range(17),
)
def test_text_made_to_exhaust_is_refused(text: str) -> None:
    with pytest.raises(ModelError, match=r"\Aparse_model: "):
        parse_model(text)


def test_endless_file_is_refused() -> None:
    class Endless(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            assert size >= 0
            return b"#" * size

    with pytest.raises(ModelError, match=f"more than {MAX_TEXT} characters"):
        read_model(Endless())


@settings(max_examples=200)
@given(st.text() | st.text(alphabet="[]{}\"'=.#\n\\ ax1_-").map(lambda tail: SMALL + tail))
def test_any_text_is_a_model_or_a_model_error(text: str) -> None:
    try:
        model = parse_model(text)
    except ModelError:
        return
    assert isinstance(model, tr.Model)
