"""Rows 1 to 6: what is wrong with a call is said before any step is taken."""

import math
import re
import time

import numpy as np
import pandas as pd
import pytest

import trustode as tr

NOT_FINITE = [math.nan, math.inf, -math.inf]


@pytest.mark.parametrize("value", NOT_FINITE)
@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("params", r"simulate\(decay\): k = {} is not finite"),
        ("initial", r"simulate\(decay\): initial x = {} is not finite"),
        ("inputs", r"simulate\(decay\): input u.* {} is not finite"),
    ],
)
def test_row_01_not_finite_in_simulate(decay, works, where, words, value):
    name = {"params": "k", "initial": "x", "inputs": "u"}[where]
    with pytest.raises(tr.ModelError, match=words.format(value)):
        tr.simulate(decay, [0.0, 1.0], **{where: {name: value}})
    works(decay)


@pytest.mark.parametrize("value", NOT_FINITE)
def test_row_01_not_finite_in_a_series_a_table_and_data(decay, value):
    with pytest.raises(tr.ModelError, match=rf"Samples: values has {value} at position 1"):
        tr.Samples([0.0, 1.0], [0.0, value])
    with pytest.raises(tr.ModelError, match=rf"Samples: times has {value} at position 1"):
        tr.Samples([0.0, value], [0.0, 1.0])
    with pytest.raises(tr.ModelError, match=rf"Pulses: height has {value} at position 0"):
        tr.Pulses([1.0], height=value, width=1.0)
    with pytest.raises(tr.DataError, match=rf"ensemble\(decay\): k is {value} in 1 of 2 rows"):
        tr.ensemble(decay, {"k": [1.0, value]}, [0.0, 1.0])
    with pytest.raises(tr.DataError, match=rf"ensemble\(decay\): x\(0\) is {value} in 1 of 2"):
        tr.ensemble(decay, {"x(0)": [1.0, value]}, [0.0, 1.0])
    with pytest.raises(tr.DataError, match=rf"scan\(decay\): the values of k hold {value} \(val"):
        tr.scan(decay, vary={"k": [1.0, value]}, t=(0, 1))
    data = pd.DataFrame({"t": [0.0, value], "x": [1.0, 0.5]})
    with pytest.raises(tr.DataError, match=r"fit\(decay\): column 't' .*row"):
        fit(decay, data)


@pytest.mark.parametrize("value", NOT_FINITE)
def test_row_01_not_finite_in_a_model_and_a_branch(decay, value):
    with pytest.raises(tr.ModelError, match=rf"m: parameter 'k': the value {value} is not finite"):
        tr.Model("m", {"x": "-k*x"}, {"k": value}, {"x": 1.0})
    with pytest.raises(tr.ModelError, match=rf"m: initial x: the value {value} is not finite"):
        tr.Model("m", {"x": "-x"}, {}, {"x": value})
    with pytest.raises(tr.ModelError, match=rf"continuation\(decay\): x = {value} is not finite"):
        tr.continuation(decay, "k", span=(0, 1), start={"x": value})
    with pytest.raises(tr.ModelError, match=rf"diagram\(decay\): span: k = {value} is not finite"):
        tr.diagram(decay, "k", (0, value))


def test_row_01_before_any_step():
    """A solve that would never end has not begun."""
    model, began = tr.models.load("lorenz"), time.perf_counter()
    with pytest.raises(tr.ModelError, match="rho = nan"):
        tr.simulate(model, [0, 1e9], params={"rho": math.nan})
    with pytest.raises(tr.DataError, match="rho is nan"):
        tr.ensemble(model, {"rho": [1.0, math.nan]}, [0, 1e9])
    assert time.perf_counter() - began < 1.0


def fit(model, data, **given):
    how = {"time": "t", "observed": {"x": tr.Gaussian("x", sd=0.1)}, "vary": {"k": tr.Vary(1.0)}}
    return tr.fit(model, data, **how | {"starts": 1} | given)


DATA = pd.DataFrame({"t": [0.0, 1.0, 2.0], "x": [1.0, 0.4, 0.1]})


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda m: tr.simulate(m, [0, 1], params={"kk": 1.0}), "'kk'.*; did you mean 'k'"),
        (lambda m: tr.simulate(m, [0, 1], initial={"X": 1.0}), "'X'.*; did you mean 'x'"),
        (lambda m: tr.simulate(m, [0, 1], inputs={"U": 1.0}), "'U'.*; did you mean 'u'"),
        (lambda m: tr.simulate(m, [0, 1])["twic"], "'twic'.*; did you mean 'twice'"),
        (lambda m: tr.simulate(m, [0, 1], sensitivities=["K"]), "'K'.*; did you mean 'k'"),
        (lambda m: tr.ensemble(m, {"kk": [1.0]}, [0, 1]), "'kk'.*; did you mean 'k'"),
        (lambda m: tr.scan(m, vary={"kk": [1.0]}, t=(0, 1)), "'kk'.*; did you mean 'k'"),
        (lambda m: tr.continuation(m, "kk", span=(0, 1)), "'kk'.*; did you mean 'k'"),
        (lambda m: fit(m, DATA, time="T"), "'T'.*; did you mean 't'"),
        (lambda m: fit(m, DATA.rename(columns={"x": "xx"})), "'x'.*; did you mean 'xx'"),
        (lambda m: fit(m, DATA, vary={"kk": tr.Vary(1.0)}), "'kk'.*; did you mean 'k'"),
        (lambda m: tr.models.load("lorentz"), "'lorentz'.*; did you mean 'lorenz'"),
        (lambda m: tr.simulate(m, [0, 1], parms={}), "'parms'.*; did you mean 'params'"),
        (lambda m: tr.Solver(rtoll=1e-6), "'rtoll'.*; did you mean 'rtol'"),
        (lambda m: tr.Solver(method="rodas5"), "'rodas5'.*; did you mean 'rodas5p'"),
        (lambda m: m.replace(params={"kk": 1.0}), "'kk'.*; did you mean 'k'"),
        (
            lambda m: tr.Model("m", {"x": "-kk*x"}, {"k": 1.0}, {"x": 1.0}),
            "'kk'.*; did you mean 'k'",
        ),
    ],
)
def test_row_02_misspelt_names_come_with_the_nearest(decay, call, words):
    with pytest.raises(tr.TrustodeError, match=words):
        call(decay)


def test_row_02_what_is_missing_is_named():
    with pytest.raises(tr.ModelError, match=r"m: .*initial.*'?y'?"):
        tr.Model("m", {"x": "-x", "y": "-y"}, {}, {"x": 1.0})
    with pytest.raises(tr.ModelError, match=r"m: .*unknown name 'k'"):
        tr.Model("m", {"x": "-k*x"}, {}, {"x": 1.0})


@pytest.mark.parametrize(
    "t",
    ["soon", [["a", "b"]], [], [[0.0, 1.0]], [0, 1j], [object()], None, 3.0, np.empty((0, 2)),
     ["0", "1"], [b"0"], [True], {"t": 1}],
)  # fmt: skip
def test_row_03_times_of_a_wrong_kind(decay, t):
    with pytest.raises(
        tr.DataError, match=r"simulate\(decay\): t .*got|simulate\(decay\): t holds"
    ):
        tr.simulate(decay, t)


@pytest.mark.parametrize(
    "value", ["1", [1.0], np.ones(2), 1j, None, object(), True, np.array([]), {}]
)
def test_row_03_values_of_a_wrong_kind(decay, value):
    for where, name in (("params", "k"), ("initial", "x")):
        with pytest.raises(tr.ModelError, match=rf"{name} = .* is not a number"):
            tr.simulate(decay, [0, 1], **{where: {name: value}})
    with pytest.raises(tr.ModelError, match="input u"):
        tr.simulate(decay, [0, 1], inputs={"u": value})


def test_row_03_tables_and_vectors_of_a_wrong_shape(decay):
    with pytest.raises(tr.DataError, match=r"one length, got k \(2,\), x\(0\) \(1,\)"):
        tr.ensemble(decay, {"k": [1.0, 2.0], "x(0)": [1.0]}, [0, 1])
    with pytest.raises(tr.DataError, match="no rows"):
        tr.ensemble(decay, {"k": []}, [0, 1])
    with pytest.raises(tr.DataError, match="it must hold numbers"):
        tr.ensemble(decay, {"k": ["a"]}, [0, 1])
    compiled = tr.compile(decay)
    for wrong in ([1.0, 2.0], [], ["a"], ["1"], [None], [b"1"], [1j]):
        with pytest.raises(tr.DataError, match=r"y (has|must be)"):
            compiled.rhs(0.0, wrong)
    assert compiled.rhs(0.0, [2.0]) == pytest.approx([-2.0])


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([0.0, 1.0, 2.0], "2 times but 3 values"),
        (["a", "b"], "values must be numbers, got 'a'"),
        ([1j, 2.0], "values must be numbers, got 1j"),
        ([object()] * 2, "values must be numbers, got <object"),
        ([[0.0, 1.0]], r"values .*\(1, 2\)"),
    ],
)
def test_row_03_series_of_a_wrong_kind(values, words):
    with pytest.raises(tr.ModelError, match=f"Samples: {words}"):
        tr.Samples([0.0, 1.0], values)


@pytest.mark.parametrize(
    ("column", "words"),
    [
        (["a", "b", "c"], r"column 'x' is not a number \('a'\) in 3 rows"),
        ([object()] * 3, "column 'x' is not a number .* in 3 rows"),
        ([1j, 1.0, 1.0], "column 'x' holds complex numbers"),
        ([1.0, math.inf, 1.0], r"column 'x' is infinite in 1 row \(1\)"),
    ],
)
def test_row_03_data_of_a_wrong_kind(decay, column, words):
    with pytest.raises(tr.DataError, match=rf"fit\(decay\): {words}"):
        fit(decay, DATA.assign(x=column))


def test_row_03_no_data(decay):
    with pytest.raises(tr.DataError, match=r"fit\(decay\): data has no rows"):
        fit(decay, DATA.iloc[:0])
    with pytest.raises(
        tr.DataError, match=r"fit\(decay\): data must be a pandas DataFrame, got list"
    ):
        fit(decay, [1.0, 2.0])
    with pytest.raises(tr.ModelError, match="Samples: times is empty"):
        tr.Samples([], [])


SMALLEST = 100 * np.finfo(float).eps


@pytest.mark.parametrize("value", [-1e-6, 0.0, math.nan, math.inf, 99 * float(np.finfo(float).eps)])
def test_row_04_relative_tolerance(value):
    words = "must be below 1" if value == math.inf else f"smallest allowed, {SMALLEST:g}"
    words = "not a number" if math.isnan(value) else words
    with pytest.raises(ValueError, match=rf"Solver: rtol={re.escape(repr(value))} .*{words}"):
        tr.Solver(rtol=value)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (-1e-9, "-1e-09 must be above 0"),
        (0.0, "0.0 must be above 0"),
        ([1e-9, -1.0], "-1.0 must be above 0"),
        (math.nan, "nan is not a number"),
        ([math.nan], "nan is not a number"),
        (math.inf, "inf is not finite"),
    ],
)
def test_row_04_absolute_tolerance(value, words):
    with pytest.raises(ValueError, match=f"Solver: atol={words}"):
        tr.Solver(atol=value)
    with pytest.raises(ValueError, match="Solver: rtol="):
        tr.Solver(atol=0.0, rtol=0.0)


def test_row_04_the_smallest_that_is_allowed_serves(decay, works):
    works(decay, solver=tr.Solver(rtol=SMALLEST, atol=1e-300))


@pytest.mark.parametrize(
    ("t", "words"),
    [
        ([0, 2, 1], r"t must increase strictly, but t\[1\] = 2 and t\[2\] = 1"),
        ([0, 1, 1, 2], r".*t\[1\] = 1 and t\[2\] = 1"),
        ((1, 0), r".*t\[0\] = 1 and t\[1\] = 0"),
        ([0, math.nan, 1], r"t\[1\] = nan is not finite"),
        ([math.nan], r"t\[0\] = nan is not finite"),
    ],
)
@pytest.mark.parametrize("method", ["auto", "LSODA"])
def test_row_05_times_that_do_not_increase(decay, t, words, method):
    with pytest.raises(tr.DataError, match=rf"simulate\(decay\): {words}"):
        tr.simulate(decay, t, solver=tr.Solver(method))
    if isinstance(t, list):
        with pytest.raises(tr.DataError, match=rf"ensemble\(decay\): {words}"):
            tr.ensemble(decay, {"k": [1.0]}, t)


def test_row_05_times_of_an_input():
    with pytest.raises(tr.ModelError, match=r"sorted, but 2 \(position 1\) is followed by 1"):
        tr.Samples([0.0, 2.0, 1.0], [0.0, 1.0, 2.0])
    with pytest.raises(tr.ModelError, match=r"must increase, but 1 \(position 1\) comes twice"):
        tr.Samples([0.0, 1.0, 1.0], [0.0, 1.0, 2.0])


def test_row_05_outside_the_span(decay):
    solution = tr.simulate(decay, [0.0, 1.0])
    for outside in (-0.1, 1.1, math.nan):
        with pytest.raises(tr.DataError, match=rf"spans 0 to 1; {outside} is outside"):
            solution([0.5, outside])
    assert solution(0.5) == pytest.approx([math.exp(-0.5)])


@pytest.mark.parametrize("method", ["auto", "tsit5", "rodas5p", "LSODA"])
@pytest.mark.parametrize("t", [(2.0, 2.0), [2.0]])
def test_row_05_a_span_of_no_length_is_the_initial_state(decay, t, method):
    solver = tr.Solver(method, max_steps=1)
    found = tr.simulate(decay, t, initial={"x": 3.0}, solver=solver)
    assert (found.t.tolist(), found.y.tolist(), found.status) == ([2.0], [[3.0]], 0)


@pytest.mark.parametrize("method", ["auto", "dop853", "LSODA", "Radau"])
def test_row_06_no_end(decay, method):
    began = time.perf_counter()
    for t in ((0.0, math.inf), [0.0, 1.0, math.inf]):
        with pytest.raises(
            tr.DataError, match=r"= inf is not finite\. Give an end, or use .*equil"
        ):
            tr.simulate(decay, t, solver=tr.Solver(method))
    with pytest.raises(tr.DataError, match="inf"):
        tr.scan(decay, vary={"k": [1.0]}, t=(0, math.inf))
    assert time.perf_counter() - began < 0.5
