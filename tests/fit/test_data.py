"""Mistakes in data and arguments: named, with rows and remedy."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

import trustode as tr
from trustode.fit.columns import check_frame, numbers
from trustode.fit.slips import looks_coded, slips


def frame(**columns: Any) -> pd.DataFrame:
    base = {
        "person": ["a", "a", "a", "b", "b", "b"],
        "day": [0.0, 1.0, 2.0, 0.0, 1.5, 2.0],
        "rating": [1.0, 1.4, 2.1, 0.2, 0.1, 0.3],
        "move": [0.0, 1.0, 0.0, 1.0, 1.0, 0.0],
        "count": [1, 2, 0, 3, 1, 2],
        "trials": [3, 3, 3, 3, 3, 3],
    }
    return pd.DataFrame({**base, **columns}, index=[f"r{k}" for k in range(6)])


@pytest.fixture(scope="module")
def model() -> tr.Model:
    return tr.Model(
        "mood",
        rhs={"y": "a + g * u"},
        params={"a": tr.Param(0.1, min=-2, max=2), "g": 1.0},
        initial={"y": 0.0},
        inputs={"u": 0.0},
        observables={"seen": "2 * y"},
        bounds={"y": (-50, 50)},
    )


def run(model: tr.Model, data: Any, **options: Any) -> Any:
    base = {
        "time": "day",
        "observed": {"rating": tr.Gaussian("y", sd=0.5)},
        "vary": {"a": tr.Vary(0.0, min=-2, max=2)},
        "group": "person",
        "starts": 1,
    }
    return tr.fit(model, data, **{**base, **options})


COUNTS = {"observed": {"count": tr.Binomial("1 / (1 + exp(-y))", n="trials")}}

BAD_DATA = {
    "not a frame": ([1, 2], {}, "must be a pandas DataFrame, got list"),
    "no rows": (frame().iloc[:0], {}, "no rows"),
    "time missing": (frame(), {"time": "days"}, "no column 'days' .time.; did you mean 'day'"),
    "observed missing": (
        frame(),
        {"observed": {"ratng": tr.Gaussian("y", sd=1.0)}},
        "no column 'ratng' .observed.; did you mean 'rating'",
    ),
    "group missing": (frame(), {"group": "persn"}, "no column 'persn' .group."),
    "input missing": (frame(), {"inputs": {"u": "mve"}}, "no column 'mve' .input u."),
    "not numeric": (
        frame(rating=[1.0, "high", 2.0, 3.0, 4.0, 5.0]),
        {},
        r"column 'rating' is not a number \('high'\) in 1 row \(r1\)",
    ),
    "infinite": (frame(rating=[1.0, np.inf, 2, 3, 4, 5]), {}, "column 'rating' is infinite .*r1"),
    "no time": (frame(day=[0.0, np.nan, 2, 0, 1, 2]), {}, "column 'day' .time. is missing .*r1"),
    "dates": (frame(day=pd.date_range("2024-01-01", periods=6)), {}, "holds dates"),
    "unsorted": (
        frame(day=[0.0, 2.0, 1.0, 0.0, 1.0, 2.0]),
        {},
        "runs backwards: 2 in row r1 is followed by 1 in row r2. Sort with",
    ),
    "no group": (frame(person=["a", None, "a", "b", "b", "b"]), {}, "'person' .group. is missing"),
    "column empty": (frame(rating=np.nan), {}, "'rating' .observed. is missing in all 6 rows"),
    "group empty": (
        frame(rating=[1.0, 2, 3, np.nan, np.nan, np.nan]),
        {},
        "every observation .rating. is missing for group 'b'",
    ),
    "input gap": (
        frame(move=[0.0, np.nan, 1, 0, 0, 0]),
        {"inputs": {"u": "move"}},
        "column 'move' .input u. is missing in 1 row .r1.",
    ),
    "input clash": (
        frame(day=[0.0, 1.0, 1.0, 0.0, 1.0, 2.0]),
        {"inputs": {"u": "move"}},
        "has 1 and 0 at the same time 1 .rows r1 and r2.",
    ),
    "input of a group": (
        frame(),
        {"inputs": {"u": {"a": 1.0}}},
        r"inputs\['u'\] has nothing for group 'b'",
    ),
    "negative": (frame(count=[1, -2, 0, 3, 1, 2]), COUNTS, "'count' has -2 in row r1"),
    "above n": (frame(count=[1, 2, 0, 5, 1, 2]), COUNTS, "'count' has 5 of 3 trials in row r3"),
    "fraction": (frame(count=[1, 2, 0.5, 3, 1, 2]), COUNTS, "counts are whole numbers"),
    "no trials": (frame(trials=[3, 3, np.nan, 3, 3, 3]), COUNTS, "'trials' .trials of 'count'."),
    "level changes": (
        frame(block=[1, 1, 2, 1, 1, 1]),
        {"vary": {"a": tr.Vary(0.0, per="block")}},
        "per='block' needs one value a group, but group 'a' has 1, 2",
    ),
    "spaces": (
        frame(person=["a", "a ", "a", "b", "b", "b"]),
        {},
        "column 'person' .group. has 'a ' beside 'a', which differ by spaces only, in 1 row .r1.",
    ),
    "spaces in a level": (
        frame(site=["x", "x", "x", " x", " x", " x"]),
        {"vary": {"a": tr.Vary(0.0, per="site")}},
        "column 'site' .per. has ' x' beside 'x'",
    ),
    "too few": (
        frame().iloc[:1],
        {"vary": {"a": tr.Vary(0.0), "y(0)": tr.Vary(0.0)}},
        "1 observations cannot determine 2 free values",
    ),
    "twice": (
        pd.concat([frame(), frame()[["rating"]]], axis=1),
        {},
        "2 columns named 'rating'",
    ),
}


@pytest.mark.parametrize("case", BAD_DATA)
def test_mistakes_in_data(model: tr.Model, case: str) -> None:
    data, options, message = BAD_DATA[case]
    with pytest.raises(tr.DataError, match=message) as caught:
        run(model, data, **options)
    assert "fit(mood)" in str(caught.value)


BAD_OPTIONS = {
    "no vary": ({"vary": {}}, tr.OptionError, "vary must be a mapping"),
    "plain number": ({"vary": {"a": 1.0}}, tr.OptionError, r"vary\['a'\] must be made as tr.Vary"),
    "plain text": ({"observed": {"rating": "y"}}, tr.OptionError, "must be made as tr.Gaussian"),
    "misspelt": (
        {"vary": {"aa": tr.Vary(0.0)}},
        tr.ModelError,
        "vary names 'aa', which is neither .* did you mean 'a'",
    ),
    "misspelt start": ({"vary": {"x(0)": tr.Vary(0.0)}}, tr.ModelError, r"did you mean 'y\(0\)'"),
    "state": (
        {"vary": {"y": tr.Vary(0.0)}},
        tr.ModelError,
        r"vary names 'y', which is a state; write 'y\(0\)' for its initial value",
    ),
    "input": ({"vary": {"u": tr.Vary(0.0)}}, tr.ModelError, "'u', which is an input"),
    "no sd": (
        {"observed": {"rating": tr.Gaussian("y", sd="sigma")}},
        tr.OptionError,
        "sd='sigma' has no value",
    ),
    "unknown name": (
        {"observed": {"rating": tr.Gaussian("y * gian", sd=1.0)}},
        tr.ModelError,
        r"unknown name 'gian'\. Known: .*\. A value for observations only",
    ),
    "held and varied": ({"params": {"a": 1.0}}, tr.OptionError, "both varied and held in params="),
    "start held": (
        {"vary": {"y(0)": tr.Vary(0.0)}, "initial": {"y": 1.0}},
        tr.OptionError,
        "both varied and held in initial=",
    ),
    "outside": ({"vary": {"a": tr.Vary(5.0)}}, tr.OptionError, "outside the model's range"),
    "unknown held": ({"params": {"b": 1.0}}, tr.ModelError, "params names 'b'"),
    "unknown input": ({"inputs": {"v": 1.0}}, tr.ModelError, "unknown input 'v'"),
    "no starts": ({"starts": 0}, tr.OptionError, "starts=0 must be a whole number from 1"),
    "scipy": ({"solver": tr.Solver(method="LSODA")}, tr.OptionError, "sensitivities need"),
    "progress": ({"progress": "yes"}, tr.OptionError, "progress='yes'"),
}


@pytest.mark.parametrize("case", BAD_OPTIONS)
def test_mistakes_in_arguments(model: tr.Model, case: str) -> None:
    options, error, message = BAD_OPTIONS[case]
    with pytest.raises(error, match=message):
        run(model, frame(), **options)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"value": "x"}, "value='x' is not a number"),
        ({"value": np.nan}, "value is NaN"),
        ({"value": 2.0, "max": 1.0}, "outside"),
        ({"value": 1.0, "min": 3.0, "max": 1.0}, "min=3 is not below max=1"),
        ({"value": 0.0, "scale": "log"}, "no logarithm"),
        ({"value": 1.0, "scale": "ln"}, "must be one of 'lin', 'log', 'log10', 'atanh', 'logit'"),
        ({"value": 1.0, "per": 3}, "must be the name of a column"),
    ],
)
def test_vary_refuses(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(tr.OptionError, match=message):
        tr.Vary(**arguments)


def test_observation_models_refuse() -> None:
    with pytest.raises(tr.OptionError, match="sd=0 must be positive"):
        tr.Gaussian("y", sd=0.0)
    with pytest.raises(tr.OptionError, match="n must be a positive whole number"):
        tr.Binomial("y", n=0)
    with pytest.raises(tr.OptionError, match="the prediction must be"):
        tr.Gaussian(3.0, sd=1.0)


def test_the_model_is_usable_after_a_mistake(model: tr.Model) -> None:
    with pytest.raises(tr.DataError):
        run(model, frame(rating=np.nan))
    fit = run(model, frame(), inputs={"u": "move"}, vary={"g": tr.Vary(0.0, min=-9, max=9)})
    assert fit.n_observations == 6


def test_nullable_columns_and_interleaved_groups(model: tr.Model) -> None:
    data = frame(rating=pd.array([1.0, None, 2.1, 0.2, 0.1, 0.3], dtype="Float64"))
    first = run(model, data)
    mixed = data.iloc[[0, 3, 1, 4, 2, 5]]
    second = run(model, mixed)
    assert first.n_observations == 5
    assert second.params.loc["a", "value"] == pytest.approx(
        first.params.loc["a", "value"], rel=1e-10
    )


def test_observation_expressions_may_be_sympy(model: tr.Model) -> None:
    y, gain = tr.states("y"), tr.parameters("gain")
    observed = {"rating": tr.Gaussian(gain * y + 1, sd=0.5)}
    fit = run(model, frame(), observed=observed, vary={"gain": tr.Vary(1.0, min=-99, max=99)})
    y_at = 0.1 * frame()["day"]
    slope = (y_at @ (frame()["rating"] - 1)) / (y_at @ y_at)
    assert fit.params.loc["gain", "value"] == pytest.approx(slope, rel=1e-8)
    assert fit.model.observables["rating"] is not None
    assert fit.model.defaults["gain"] == fit.params.loc["gain", "value"]


def test_an_unknown_group_cannot_be_predicted(model: tr.Model) -> None:
    fit = run(model, frame(), vary={"a": tr.Vary(0.0, min=-2, max=2, per="person")})
    with pytest.raises(tr.DataError, match="person 'c' was not among the data"):
        fit.predict(pd.DataFrame({"person": ["c"], "day": [1.0]}))
    with pytest.raises(tr.DataError, match="no group 'c'"):
        fit.group_model("c")


def test_ratings_as_texts_are_said_to_be_numbers():
    data = pd.DataFrame({"day": [0.0, 1.0, 2.0], "rating": ["1", "2", "3"]})
    with pytest.raises(tr.DataError, match=r"has '1', .* which are numbers; convert the column"):
        tr.fit(
            tr.models.load("van-der-pol"),
            data,
            time="day",
            observed={"rating": tr.Ordinal("x", [1.5, 2.5])},
            vary={"mu": tr.Vary(1.0)},
        )


@pytest.mark.parametrize(
    ("texts", "advice"),
    [
        (["4,5", "3,1"], "decimal=','"),
        (["4,5", "7", "k.A."], r"decimal=',', na_values=\['k.A.'\]"),
        (["01.02.2024", "02.02.2024"], r"pandas.to_datetime\(data\['r'\]"),
        (["yes", "no"], r"map\(\{'no': 0, 'yes': 1\}\)"),
        (["4.5", "n/a"], "errors='coerce'"),
    ],
)
def test_texts_are_met_with_the_remedy_that_suits_them(texts: list[str], advice: str) -> None:
    with pytest.raises(tr.DataError, match=advice):
        numbers(pd.DataFrame({"r": texts}), "r", "here")


def test_a_column_that_is_the_index_and_a_path_are_met_with_what_to_write() -> None:
    frame = pd.DataFrame({"p": ["a"], "r": [1.0]}).set_index("p")
    with pytest.raises(tr.DataError, match=r"it is the index: give data.reset_index\(\)"):
        check_frame(frame, [("p", "group")], "here")
    with pytest.raises(tr.DataError, match=r"pandas.read_csv\('mine.csv'\)"):
        check_frame("mine.csv", [], "here")


def test_codes_of_missing_answers_are_told_from_far_answers() -> None:
    assert looks_coded(np.array([1.0, 5.0, -999.0, 3.0])).tolist() == [False, False, True, False]
    assert looks_coded(np.array([1.0, 5.0, 99.0, -999.0])).tolist() == [False, False, True, True]
    assert not looks_coded(np.array([60.0, 99.0, 80.0])).any()
    assert not looks_coded(np.array([1.0, 5.0, 1000.0])).any()
    assert not looks_coded(np.array([0.0, 0.0, 99.0])).any()


def test_a_fit_warns_of_codes_and_of_a_scale_that_the_equations_use() -> None:
    model = tr.Model("m", rhs={"x": "-sigma*x"}, params={"sigma": 0.5}, initial={"x": 1})
    data = pd.DataFrame({"t": np.arange(6.0), "r": [1.0, 0.7, -99.0, 0.2, 0.1, 0.1]})
    with pytest.warns(tr.FitWarning) as seen:
        tr.fit(
            model,
            data,
            time="t",
            observed={"r": tr.Gaussian("x", sd="sigma")},
            vary={"sigma": tr.Vary(0.5, min=0.01, max=90)},
            starts=1,
        )
    told = " ".join(str(each.message) for each in seen)
    assert "column 'r' holds -99 in 1 row" in told
    assert "'sigma' of column 'r' is also a parameter of the equations" in told


def diary() -> pd.DataFrame:
    """Five persons, twelve days each, ratings between 3 and 8."""
    day = np.tile(np.arange(12.0), 5)
    who = np.repeat([f"VP{k:02d}" for k in range(1, 6)], 12)
    return pd.DataFrame({"who": who, "day": day, "r": 5.5 + 2.5 * np.sin(7 * day + day**2)})


def told_of(data: pd.DataFrame) -> list[str]:
    found = tr.objective(
        tr.Model("m", rhs={"x": "0*a"}, params={"a": 1}, initial={"x": 5}),
        data,
        time="day",
        group="who",
        observed={"r": tr.Gaussian("x", sd=1)},
        vary={"x(0)": tr.Vary(5)},
    )
    return slips(found._problem.data, found._problem.observed, "day")


def test_nothing_is_told_of_a_clean_diary() -> None:
    assert told_of(diary()) == []
    # Occasions of several items have many rows a time, and names may be alike otherwise.
    items = pd.concat([diary(), diary().assign(r=lambda rows: 11 - rows["r"])])
    assert told_of(items.sort_values(["who", "day"])) == []
    # Of yes and no, two a day agree often; on ten days by chance.
    ten = diary().iloc[:10].assign(r=[0.0, 1.0] * 5)
    assert told_of(pd.concat([ten, ten]).sort_values("day")) == []
    assert told_of(diary().replace({"who": {"VP01": "1-10", "VP02": "11-0"}})) == []
    # Nor is a visit long before or after the others a slip.
    assert told_of(diary().replace({"day": {0.0: -180.0, 11.0: 365.0}})) == []


def test_slips_of_a_diary_are_told_one_by_one() -> None:
    data = diary()
    data.loc[3, "r"] = 78.0
    # One slip must not hide another.
    data.loc[15, "r"] = -99.0
    data.loc[[20, 21, 22, 23], "who"] = "vp 2"
    twice = pd.concat([data.iloc[:31], data.iloc[30:]], ignore_index=True)
    alike, repeated, coded, far = told_of(twice)
    assert "groups 'VP02' and 'vp 2' are taken for different ones" in alike
    assert "1 of 61 rows (31) have the group and time ('day') of an earlier row" in repeated
    assert "column 'r' holds -99 in 1 row, far from all else" in coded
    assert "column 'r' holds 78 in row 3, far from all else" in far


def test_rows_that_a_merge_doubled_are_told_of_whether_few_or_all() -> None:
    data, one = diary(), diary().iloc[:12]
    rated = data.assign(r=lambda rows: rows["r"].round())
    for whole in (data, rated, one):
        told = told_of(pd.concat([whole, whole], ignore_index=True).sort_values(["who", "day"]))
        assert f"{len(whole)} of {2 * len(whole)} rows" in told[0]
        assert "and the same answers: entered or merged twice" in told[0]
    # One row of a single series; and where its answer is another, it may be meant.
    told = told_of(pd.concat([one.iloc[:4], one.iloc[3:]]))
    assert "1 of 13 rows (3) have the time ('day') of an earlier row, and the same" in told[0]
    corrected = one.iloc[3:].assign(r=one["r"].iloc[3:] + 0.5)
    assert told_of(pd.concat([one.iloc[:4], corrected])) == []


# ------------------------------------------------------------------ groups that begin late


def decays(**begun: int) -> pd.DataFrame:
    """Decay from 1 at day 0, at rate 0.2; each group's diary begins on its own day."""
    day, rng = np.arange(25.0), np.random.default_rng(0)
    exact = np.exp(-0.2 * day)
    return pd.concat(
        [
            pd.DataFrame({"p": p, "day": day[s:], "y": exact[s:] + rng.normal(0, 0.05, 25 - s)})
            for p, s in begun.items()
        ],
        ignore_index=True,
    )


def decay_rates(data: pd.DataFrame, **changed: Any) -> Any:
    model = tr.Model("decay", rhs={"x": "-k*x"}, params={"k": 0.2}, initial={"x": 1})
    vary = {"k": tr.Vary(0.3, min=0.001, max=5, scale="log", per="p")} | changed
    seen = {"y": tr.Gaussian("x", sd=0.05)}
    return tr.fit(model, data, time="day", group="p", observed=seen, vary=vary, starts=1)


def test_a_fit_warns_of_a_diary_that_starts_late_and_an_empty_row_mends_it() -> None:
    data = decays(a=0, b=6)
    with pytest.warns(tr.FitWarning, match=r"1 of 2 groups begin after 'day' = 0, up to 6.*row"):
        late = decay_rates(data)
    # The slope of its log is still -0.2, but its course begins at exp(-1.2), not at 1.
    assert late.params["low"].iloc[1] > 0.5
    empty = pd.DataFrame({"p": ["b"], "day": [0.0], "y": [np.nan]})
    mended = decay_rates(pd.concat([data, empty]).sort_values(["p", "day"]))
    assert (mended.params["low"] < 0.2).all()
    assert (mended.params["high"] > 0.2).all()


def test_a_fit_warns_where_no_observation_is_left_to_judge_it_by() -> None:
    model = tr.Model("decay", rhs={"x": "-k*x"}, params={"k": 0.2}, initial={"x": 1})
    data = pd.DataFrame({"day": [0.0, 1.0, 4.0], "y": [3.0, 2.0, 1.0]})
    vary = {"k": tr.Vary(0.3, min=0.01, max=3), "s": tr.Vary(0.5, min=0.01, max=3)}
    how = {"time": "day", "observed": {"y": tr.Gaussian("3*x", sd="s")}, "starts": 1}
    with pytest.warns(tr.FitWarning, match="2 observations for 2 values that vary, s among them"):
        tr.fit(model, data.iloc[:2], vary=vary, **how)
    tr.fit(model, data, vary=vary, **how)
    # Where the size of errors is known, two points of an exponential tell its start and rate.
    how["observed"] = {"y": tr.Gaussian("x", sd=0.1)}
    vary = {"k": vary["k"], "x(0)": tr.Vary(2, min=0, max=9)}
    exact = tr.fit(model, data.iloc[:2], vary=vary, **how)
    assert exact.params["value"].tolist() == pytest.approx([np.log(1.5), 3.0], rel=1e-4)


def test_late_groups_that_would_go_the_same_course_are_not_told_of() -> None:
    # A start of their own; first rows within the usual time between rows.
    decay_rates(decays(a=0, b=6), **{"x(0)": tr.Vary(1, min=0, max=2, per="p")})
    decay_rates(decays(a=0, b=1))
    # Fifteen questions a day at random times, of which one person missed the first three.
    rng = np.random.default_rng(5)
    asked = np.arange(7)[:, None] + (9 + 12 / 15 * np.arange(15)) / 24
    beeps = [(asked + 12 / 15 / 24 * rng.random(asked.shape)).ravel() for _ in range(6)]
    beeps[0] = beeps[0][3:]
    random = pd.concat([pd.DataFrame({"p": k, "day": times}) for k, times in enumerate(beeps)])
    noise = rng.normal(0, 0.05, len(random))
    decay_rates(random.assign(y=lambda rows: np.exp(-0.2 * rows["day"]) + noise))
    # At rest until something happens.
    resting = tr.Model(
        "rest", rhs={"x": "k*(1 - x) + u"}, params={"k": 0.2}, initial={"x": 1}, inputs={"u": 0}
    )
    data = decays(a=0, b=6).assign(y=lambda rows: 1 + 0.05 * np.sin(rows["day"] ** 2), u=0.0)
    how = {"time": "day", "group": "p", "observed": {"y": tr.Gaussian("x", sd="s")}, "starts": 1}
    spread = {"s": tr.Vary(0.1, min=0.001)}
    tr.fit(resting, data, inputs={"u": "u"}, vary=spread, **how)
    # Not at rest, but what falls by 0.3 % in the six days could not be seen.
    slow = tr.Model("slow", rhs={"x": "-0.0005*x"}, initial={"x": 1})
    tr.fit(slow, data, vary=spread, **how)
    pulse = tr.Pulses([2], height=1, width=1)
    with pytest.warns(tr.FitWarning, match="1 of 2 groups begin after"):
        tr.fit(resting, data, inputs={"u": pulse}, vary=spread, **how)
    with pytest.warns(tr.FitWarning, match="1 of 2 groups begin after"):
        tr.fit(resting, data, vary=spread | {"x(0)": tr.Vary(1, min=0, max=2)}, **how)
