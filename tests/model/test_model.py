"""The model layer: every rule at construction, what a model says, and what it cannot lose."""

import copy
import dataclasses
import math
import pickle
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import sympy
from _strategies import models
from hypothesis import given

import trustode as tr
from trustode.errors import ModelError
from trustode.expression import TIME

T, R = tr.states("T R")
alpha, beta = tr.parameters("alpha beta")
u = tr.inputs("u")


def arguments(**changes: object) -> dict[str, object]:
    right: dict[str, object] = {
        "name": "pair",
        "rhs": {T: -alpha * T + u, R: beta * (T - R)},
        "params": {alpha: tr.Param(1.5, unit="1/day", min=0, max=5), beta: 0.4},
        "initial": {T: 0.6, R: alpha / 5},
        "inputs": {u: 0.0},
        "observables": {"rating": 10 * (T + 1) / 2},
        "bounds": {T: (-1, 1)},
        "time_unit": "day",
        "meanings": {T: "trust"},
        "description": "two states",
        "source": "this test",
    }
    return right | changes


def pair(**changes: object) -> tr.Model:
    return tr.Model(**arguments(**changes))  # type: ignore[arg-type]


# ---------------------------------------------------------------- construction


def test_what_a_model_holds() -> None:
    model = pair()
    assert model.states == ("T", "R")
    assert model.params == ("alpha", "beta")
    assert model.inputs == ("u",)
    assert dict(model.input_defaults) == {"u": 0.0}
    assert dict(model.rhs) == {T: -alpha * T + u, R: beta * (T - R)}
    assert model.initial["R"] == alpha / 5
    assert model.observables["rating"] == 5 * T + 5
    assert model.bounds["T"] == (-1.0, 1.0)
    assert model.defaults == {"alpha": 1.5, "beta": 0.4}
    assert model.parameters["beta"] == tr.Param(0.4)
    assert model.jacobian == sympy.Matrix([[-alpha, 0], [beta, -beta]])


def test_names_and_text_serve_as_well_as_symbols() -> None:
    assert pair() == tr.Model(
        "pair",
        rhs={"T": "-alpha*T + u", "R": "beta*(T - R)"},
        params={"alpha": tr.Param(1.5, unit="1/day", min=0, max=5), "beta": 0.4},
        initial={"T": 0.6, "R": "alpha/5"},
        inputs={"u": 0},
        observables={"rating": "10*(T + 1)/2"},
        bounds={"T": [-1, 1]},
        time_unit="day",
        meanings={"T": "trust"},
        description="two states",
        source="this test",
    )


def test_symbols_are_known_by_name_whatever_their_assumptions() -> None:
    x, k = sympy.Symbol("T"), sympy.Symbol("alpha", positive=True)
    model = tr.Model("m", rhs={x: -k * x + sympy.Symbol("t")}, params={k: 1}, initial={x: 1})
    assert model.rhs[T] == -alpha * T + TIME


def test_order_of_states_and_parameters_is_part_of_a_model() -> None:
    rhs = dict(reversed(arguments()["rhs"].items()))  # type: ignore[attr-defined]
    params = dict(reversed(arguments()["params"].items()))  # type: ignore[attr-defined]
    assert pair(rhs=rhs).states == ("R", "T")
    assert pair(rhs=rhs) != pair()
    assert pair(params=params) != pair()
    assert pair(name="other") != pair()
    assert pair() != "pair"


@pytest.mark.parametrize("value", [2, 2.5, np.int64(2), np.float32(2.5), Fraction(5, 2)])
def test_any_real_number_is_a_formula(value: float) -> None:
    model = pair(rhs={T: value, R: 0})
    assert float(model.rhs[T]) == value


def test_equations_are_kept_as_their_text_reads() -> None:
    model = pair(rhs={T: sympy.Mul(2, T + 1, evaluate=False), R: sympy.pi * R})
    assert model.rhs[T] == 2 * T + 2
    assert model.rhs[R] == sympy.Float(math.pi) * R
    assert pickle.loads(pickle.dumps(model)) == model


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": ""}, "must be one line of text"),
        ({"name": " "}, "must be one line of text"),
        ({"name": "a\nb"}, "must be one line of text"),
        ({"name": None}, "must be one line of text"),
        ({"time_unit": 1}, "pair: time_unit must be text"),
        ({"description": None}, "pair: description must be text"),
        ({"source": b"x"}, "pair: source must be text"),
        ({"rhs": {}}, "rhs is empty"),
        ({"rhs": None}, "rhs is empty"),
        ({"rhs": [T]}, "rhs: expected a mapping from names, got list"),
        ({"rhs": {T: 1, "T": 2, R: 0}}, "rhs: 'T' is given twice"),
        ({"rhs": {3: 1}}, "a name must be text, got 3"),
        ({"rhs": {"x y": 1}}, "cannot be a name"),
        ({"rhs": {T: None, R: 0}}, "dT/dt: expected an expression, got None"),
        ({"rhs": {T: True, R: 0}}, "dT/dt: expected an expression, got True"),
        ({"rhs": {T: [T], R: 0}}, "dT/dt: expected an expression"),
        ({"rhs": {T: sympy.Matrix([T]), R: 0}}, "dT/dt: expected an expression"),
        ({"rhs": {T: T > 0, R: 0}}, "dT/dt: expected an expression"),
        ({"rhs": {T: math.nan, R: 0}}, "dT/dt: the value nan is not finite"),
        ({"rhs": {T: 10**400, R: 0}}, "dT/dt: the value is too large"),
        ({"rhs": {T: sympy.nan, R: 0}}, "dT/dt: nan is not a finite real number"),
        ({"rhs": {T: T / sympy.Integer(0), R: 0}}, "dT/dt: zoo is not a finite"),
        ({"rhs": {T: sympy.I * T, R: 0}}, "dT/dt: I is not a finite real number"),
        ({"rhs": {T: sympy.gamma(T), R: 0}}, "gamma is not among the functions of models"),
        ({"rhs": {T: sympy.Heaviside(TIME - 1), R: 0}}, "use an input"),
        ({"rhs": {T: "tanhh(T)", R: 0}}, "dT/dt: column 1: 'tanhh' is not a function"),
        ({"rhs": {T: "-alfa*T", R: 0}}, "dT/dt: column 2: unknown name 'alfa'; did you mean"),
        (
            {"rhs": {T: sympy.Symbol("kappa") * T, R: 0}},
            r"dT/dt uses the symbol 'kappa', which is neither a state \(T, R\) nor a parameter "
            r"\(alpha, beta\)",
        ),
        ({"rhs": {T: sympy.Symbol("alpah") * T, R: 0}}, "'alpah'.*; did you mean 'alpha'"),
        ({"params": {alpha: 1}}, "uses the symbol 'beta'"),
        ({"params": {alpha: 1, beta: "0.4"}}, "parameter 'beta': expected a number"),
        ({"params": {alpha: 1, beta: None}}, "parameter 'beta': expected a number"),
        ({"params": {alpha: 1, beta: math.inf}}, "parameter 'beta': the value inf is not finite"),
        ({"params": [alpha]}, "params: expected a mapping"),
        ({"params": {alpha: 1, beta: 1, T: 1}}, "'T' is both a state and a parameter"),
        ({"inputs": {u: 0, alpha: 0}}, "'alpha' is both a parameter and an input"),
        ({"inputs": {u: math.nan}}, "input 'u': the value nan is not finite"),
        ({"inputs": {u: "0"}}, "input 'u': expected a number"),
        ({"observables": {"T": T}}, "'T' is both a state and an observable"),
        ({"observables": {"my rating": T}}, "cannot be a name"),
        ({"observables": {"rating": "T + r"}}, "observable 'rating': column 5: unknown name 'r'"),
        ({"initial": None}, "initial has no value for T, R"),
        ({"initial": {T: 0}}, "initial has no value for R"),
        ({"initial": {T: 0, R: 0, "S": 0}}, r"initial names 'S', which is not a state \(T, R\)"),
        ({"initial": {T: 0, R: TIME}}, "initial R depends on t"),
        ({"initial": {T: 0, R: T}}, "initial R uses the symbol 'T'"),
        ({"initial": {T: math.nan, R: 0}}, "initial T: the value nan is not finite"),
        ({"initial": {T: 2, R: 0}}, r"initial T = 2 is outside its bounds \[-1, 1\]"),
        ({"bounds": {"S": (0, 1)}}, "bounds names 'S', which is neither a state nor an input"),
        ({"bounds": {"u": (1, 2)}}, r"input u = 0 is outside its bounds \[1, 2\]"),
        ({"bounds": {T: 1}}, "bounds of T must be a pair of numbers, got 1"),
        ({"bounds": {T: (0, 1, 2)}}, "bounds of T must be a pair"),
        ({"bounds": {T: "01"}}, "bounds of T: expected a number"),
        ({"bounds": {T: (1, -1)}}, "bounds of T: 1 is not below -1"),
        ({"bounds": {T: (0.6, 0.6)}}, "0.6 is not below 0.6"),
        ({"bounds": {T: (math.nan, 1)}}, "bounds of T: the value nan is not finite"),
        ({"meanings": {"S": "x"}}, "meanings names 'S', which is no state, input or observable"),
        ({"meanings": {"raiting": "x"}}, "'raiting'.*did you mean 'rating'"),
        ({"meanings": {T: 3}}, "the meaning of 'T' must be text"),
    ],
)
def test_wrong_model_is_refused(changes: dict[str, object], words: str) -> None:
    with pytest.raises(ModelError, match=words):
        pair(**changes)


def test_hostile_symbol_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    hostile = sympy.Symbol("__import__('os').system('touch pwned')")
    twin = sympy.Symbol("\N{FULLWIDTH LATIN SMALL LETTER A}lpha")
    for symbol in (hostile, twin, sympy.Symbol('y[0]; system("id")')):
        for changes in (
            {"rhs": {T: symbol, R: 0}},
            {"rhs": {symbol: 0}},
            {"params": {symbol: 1}},
            {"observables": {symbol: T}},
        ):
            with pytest.raises(ModelError):
                pair(**changes)
    assert not list(tmp_path.iterdir())


def test_inputs_may_have_bounds_and_keep_them_in_a_file() -> None:
    model = pair(bounds={T: (-1, 1), u: (0, 2)})
    assert model.bounds["u"] == (0.0, 2.0)
    file = tr.write_text(model)
    assert "[inputs.u]\nvalue = 0.0\nmin = 0.0\nmax = 2.0\n" in file
    assert tr.simulate(model, [0, 1], inputs={"u": 1}).outside == ()


def test_one_sided_bounds_are_taken() -> None:
    assert pair(bounds={T: (-math.inf, 1)}).bounds["T"] == (-math.inf, 1.0)
    assert pair(bounds={T: (0, sympy.oo)}).bounds["T"] == (0.0, math.inf)


# ---------------------------------------------------------------- frozen


def test_nothing_can_be_changed() -> None:
    model = pair()
    with pytest.raises(dataclasses.FrozenInstanceError):
        model.name = "other"  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        model.parameters["beta"].value = 1.0  # type: ignore[misc]
    for part in ("rhs", "parameters", "initial", "observables", "bounds", "meanings"):
        with pytest.raises(TypeError):
            getattr(model, part)["T"] = 0
    model.jacobian[0, 0] = 7
    model.arguments()["rhs"].clear()
    assert model == pair()
    assert model.jacobian == pair().jacobian


def test_changing_what_it_was_made_of_changes_nothing() -> None:
    given_ = arguments()
    model = tr.Model(**given_)  # type: ignore[arg-type]
    for part in given_.values():
        if isinstance(part, dict):
            part.clear()
    assert model == pair()


def test_copies_are_equal() -> None:
    model = pair()
    for twin in (
        copy.copy(model),
        copy.deepcopy(model),
        pickle.loads(pickle.dumps(model)),
        model.replace(),
        tr.Model(**model.arguments()),
    ):
        assert twin == model
        assert hash(twin) == hash(model)
        assert repr(twin) == repr(model)


def test_pickle_holds_text_only() -> None:
    """What is loaded is names and numbers, then read by the parser: no sympy objects."""
    content = pickle.dumps(pair())
    assert b"sympy" not in content
    hostile = content.replace(b"beta*(-R + T)", b"beta.f(-R+T)_")
    assert hostile != content
    with pytest.raises(ModelError, match="dR/dt"):
        pickle.loads(hostile)


@given(models())
def test_any_model_survives_a_pickle(model: tr.Model | None) -> None:
    if model is not None:
        assert pickle.loads(pickle.dumps(model)) == model


# ---------------------------------------------------------------- saying


def test_table_has_a_row_for_each_parameter() -> None:
    table = pair().table()
    assert list(table.index) == ["alpha", "beta"]
    assert table.loc["alpha", ["value", "unit", "min", "max"]].tolist() == [1.5, "1/day", 0.0, 5.0]
    assert list(table.columns) == ["value", "unit", "min", "max", "meaning", "theme", "source"]


def test_latex_has_a_line_for_each_state() -> None:
    latex = pair().latex()
    assert latex.startswith("\\begin{align}\n\\frac{d T}{dt} &= ")
    assert latex.count(r"\\") == 1
    assert r"\frac{d R}{dt} &= \beta \left(- R + T\right)" in latex


def test_repr_is_one_line() -> None:
    assert repr(pair()) == "<Model 'pair': 2 states (T, R), 2 parameters, inputs u>"


# ---------------------------------------------------------------- deriving


def test_replace_changes_what_is_named_and_keeps_the_rest() -> None:
    model = pair()
    other = model.replace(
        name="pair2",
        params={"alpha": 2, beta: tr.Param(3.0, unit="1/week")},
        initial={T: 0},
        inputs={"u": 1},
        observables={"gap": T - R},
    )
    assert other.parameters["alpha"] == tr.Param(2.0, unit="1/day", min=0, max=5)
    assert other.parameters["beta"] == tr.Param(3.0, unit="1/week")
    assert other.initial == {"T": 0, "R": alpha / 5}
    assert other.input_defaults == {"u": 1.0}
    assert set(other.observables) == {"rating", "gap"}
    assert other.rhs == model.rhs
    assert model == pair()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"params": {"alpah": 1}},
            "pair: unknown parameter 'alpah'; did you mean 'alpha'.* The parameters are: alpha, b",
        ),
        ({"params": {"zzz": 1}}, r"unknown parameter 'zzz'\. The parameters are"),
        ({"params": {"T": 1}}, r"unknown parameter 'T' \(it is a state\)\. The parameters are"),
        ({"params": {"alpha": 6}}, r"alpha = 6 is outside its range \[0, 5\]"),
        ({"params": {"alpha": math.nan}}, "parameter 'alpha': the value nan is not finite"),
        ({"params": {"alpha": "1"}}, "parameter 'alpha': expected a number"),
        ({"params": {"alpha": 1, alpha: 2}}, "'alpha' is given twice"),
        ({"params": [1.0]}, "expected a mapping"),
        ({"initial": {"alpha": 1}}, r"unknown state 'alpha' \(it is a parameter\)"),
        ({"initial": {"Trust": 1}}, r"unknown state 'Trust'; did you mean 'T' \(trust\)\?"),
        ({"initial": {"T": 5}}, "outside its bounds"),
        ({"inputs": {"v": 1}}, r"unknown input 'v'\. The inputs are: u"),
        ({"inputs": {"u": None}}, "input 'u': expected a number"),
        ({"name": ""}, "one line of text"),
    ],
)
def test_wrong_replacement_is_refused(changes: dict[str, object], words: str) -> None:
    with pytest.raises(ModelError, match=words):
        pair().replace(**changes)  # type: ignore[arg-type]


def test_equations_are_found_by_symbol_and_by_name() -> None:
    model = pair()
    assert model.rhs["R"] == model.rhs[R] == beta * (T - R)
    assert "R" in model.rhs
    assert "beta" not in model.rhs
    with pytest.raises(KeyError):
        model.rhs["S"]


def test_extended_model_has_what_was_added_and_the_rest() -> None:
    drug, ease, S = tr.inputs("drug"), tr.parameters("ease"), tr.states("S")
    more = pair().extend(
        "treated",
        put={"alpha": "alpha*(1 - ease*drug)", u: u + S},
        rhs={"S": "beta - S"},
        params={"ease": tr.Param(0.5, min=0, max=1)},
        initial={"S": 0.25},
        inputs={"drug": 0},
        observables={"gap": "T - R"},
        bounds={"S": (0, 1)},
        meanings={"drug": "dose"},
    )
    assert more == tr.Model(
        **arguments(
            name="treated",
            rhs={T: -alpha * (1 - ease * drug) * T + u + S, R: beta * (T - R), S: beta - S},
            params={
                alpha: tr.Param(1.5, unit="1/day", min=0, max=5),
                beta: 0.4,
                ease: tr.Param(0.5, min=0, max=1),
            },
            initial={T: 0.6, R: alpha / 5, S: 0.25},
            inputs={u: 0.0, drug: 0.0},
            observables={"rating": 10 * (T + 1) / 2, "gap": T - R},
            bounds={T: (-1, 1), S: (0, 1)},
            meanings={T: "trust", drug: "dose"},
            description="Changed from 'pair'. two states",
        )  # type: ignore[arg-type]
    )
    # An equation of an old state is taken as given, in place of the old one.
    assert pair().extend("other", put={"beta": 0}, rhs={R: beta}).rhs["R"] == beta


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"put": {"alpah": 1}}, "'alpah' is no state, .*; did you mean 'alpha'"),
        ({"put": {"alpha": "alpha*drg"}, "inputs": {"drug": 0}}, "'drg'; did you mean 'drug'"),
        ({"params": {"alpha": 2}}, r"params: 'alpha' is in the model already; replace\(params="),
        ({"inputs": {"T": 0}}, "inputs: 'T' is in the model already"),
        ({"rhs": {"S": "-S"}}, "other: .*S"),
        ({"rhs": {"S": "-W"}, "initial": {"S": 0}}, "other: dS/dt: .*unknown name 'W'"),
    ],
)
def test_wrong_extension_is_refused(changes: dict[str, object], words: str) -> None:
    with pytest.raises(ModelError, match=words):
        pair().extend("other", **changes)  # type: ignore[arg-type]


def test_frozen_state_becomes_a_parameter() -> None:
    fast = pair().freeze({"T": 0.2})
    assert fast.states == ("R",)
    assert fast.params == ("alpha", "beta", "T")
    assert fast.parameters["T"].value == 0.2
    assert (fast.parameters["T"].min, fast.parameters["T"].max) == (-1.0, 1.0)
    assert dict(fast.rhs) == {R: beta * (T - R)}
    assert fast.observables == pair().observables


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"S": 0}, "unknown state 'S'"),
        ({"alpha": 0}, "it is a parameter"),
        ({}, "pair: freeze names no state; give one or more of T, R"),
        ({"T": 2}, r"pair: freeze 'T': 2 is outside the state's bounds \[-1, 1\]"),
        ({"u": 0}, r"unknown state 'u' \(it is an input\)\. The states are"),
        ({"T": "0"}, "freeze 'T': expected a number"),
        ({"T": 0, "R": 0}, "rhs is empty"),
        ([0], "expected a mapping"),
    ],
)
def test_wrong_freeze_is_refused(values: object, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        pair().freeze(values)  # type: ignore[arg-type]


def test_a_row_or_column_of_a_table_gives_values() -> None:
    pd = pytest.importorskip("pandas")
    table = pd.DataFrame({"alpha": [1.0, 2.0], "beta": [0.5, 0.25]})
    row = pair().replace(params=table.iloc[1])
    assert row.defaults == {"alpha": 2.0, "beta": 0.25}
    assert row.replace(params=pair().table()["value"]) == pair()
    assert pair().freeze(pd.Series({"T": 0.2})) == pair().freeze({"T": 0.2})
    assert pair().replace(initial=pd.Series({"T": 0.5})).initial["T"] == 0.5
    with pytest.raises(ModelError, match=r"one row a set: use tr\.ensemble\(model, table\)"):
        pair().replace(params=table)


def test_a_symbol_that_stands_for_nothing_names_where_to_add_it() -> None:
    k = sympy.Symbol("k")
    with pytest.raises(ModelError, match=r"nor an input\. Add it to params= or inputs=$"):
        tr.Model("m", rhs={"x": k}, initial={"x": 0})
    with pytest.raises(ModelError, match=r"not a parameter \(none\)\. Add it to params=$"):
        tr.Model("m", rhs={"x": 1}, initial={"x": k})


def test_a_parameter_in_no_equation_is_told():
    model = tr.Model(
        "m", rhs={"x": "a*x"}, params={"a": 1, "b": 1, "c": 1, "extra": 3}, initial={"x": "b"},
        inputs={"u": 0}, observables={"y": "c*x"},
    )  # fmt: skip
    assert model.unused == ("extra", "u")
    assert repr(model).endswith("; in no equation: extra, u>")
    assert "in no equation" not in repr(tr.models.load("van-der-pol"))
