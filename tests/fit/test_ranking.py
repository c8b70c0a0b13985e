"""Designs of regressions whose information is known in closed form."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

import trustode as tr

SD = 0.5

LINE: dict[str, Any] = {
    "time": "t",
    "observed": {"y": tr.Gaussian("y", sd=SD)},
    "vary": {"a": tr.Vary(0.3), "y(0)": tr.Vary(1.0)},
}


@pytest.fixture
def line() -> tr.Model:
    return tr.Model("line", rhs={"y": "a"}, params={"a": 0.0}, initial={"y": 0.0})


def at(*times: float) -> pd.DataFrame:
    return pd.DataFrame({"t": times})


def test_variances_of_a_line(line: tr.Model) -> None:
    designs = {"even": at(0, 1, 2, 3, 4, 5), "ends": at(0, 0, 0, 5, 5, 5)}
    found = tr.rank_designs(line, designs, **LINE)
    # The D-optimal design of a line has half of the observations at either end.
    assert list(found.table.index) == ["ends", "even"]
    for name, frame in designs.items():
        t = frame["t"].to_numpy()
        spread = ((t - t.mean()) ** 2).sum()
        slope = SD / np.sqrt(spread)
        start = SD * np.sqrt(1.0 / len(t) + t.mean() ** 2 / spread)
        np.testing.assert_allclose(found.stderrs.loc[name], [slope, start], rtol=1e-9)
        logdet = np.log(len(t) * spread / SD**4)
        assert found.table.loc[name, "logdet"] == pytest.approx(logdet, rel=1e-9)
        assert found.table.loc[name, "variance"] == pytest.approx(slope**2 + start**2, rel=1e-9)
    # Sums of squares 37.5 and 17.5 of the same number of observations.
    assert found.table.loc["even", "d_efficiency"] == pytest.approx(np.sqrt(17.5 / 37.5))
    assert "'ends' tells most of 'line'" in found.summary()
    assert "tells 68.3 % of that" in found.summary()


def test_twice_the_observations_tell_twice_as_much(line: tr.Model) -> None:
    once = at(0, 1, 2)
    found = tr.rank_designs(line, {"once": once, "twice": at(0, 0, 1, 1, 2, 2)}, **LINE)
    assert found.table.loc["once", "d_efficiency"] == pytest.approx(0.5)
    assert found.table.loc["once", "a_efficiency"] == pytest.approx(0.5)


def test_the_best_second_time_of_a_decay() -> None:
    # The derivative of exp(-k t) by k, -t exp(-k t), is largest at t = 1 / k.
    model = tr.Model("decay", rhs={"y": "-k * y"}, params={"k": 0.5}, initial={"y": 1.0})
    designs = {f"{t:g}": at(0.0, t) for t in (0.5, 1.0, 2.0, 3.0, 4.0)}
    arguments = {**LINE, "vary": {"k": tr.Vary(0.5, min=0.0, scale="log")}}
    assert tr.rank_designs(model, designs, **arguments).table.index[0] == "2"
    found = tr.rank_designs(model, designs, truth={"k": 1.0}, **arguments)
    assert found.table.index[0] == "1"
    assert found.stderrs.loc["1", "k"] == pytest.approx(SD * np.e, rel=1e-8)


def test_a_design_that_cannot_tell_comes_last_and_says_why(line: tr.Model) -> None:
    found = tr.rank_designs(line, {"start only": at(0, 0, 0), "both": at(0, 1)}, **LINE)
    assert list(found.table.index) == ["both", "start only"]
    assert found.table.loc["start only", "d_efficiency"] == 0.0
    assert np.isnan(found.stderrs.loc["start only", "a"])
    assert "'start only': a never reaches an observation" in found.summary()
    found = tr.rank_designs(line, {"one": at(2.0), "other": at(3.0)}, **LINE)
    assert "None of the designs determines every value" in found.summary()


def test_what_cannot_be_is_said(line: tr.Model) -> None:
    both = {"one": at(0, 1), "other": at(0, 2)}
    with pytest.raises(tr.OptionError, match="at least two designs"):
        tr.rank_designs(line, {"one": at(0, 1)}, **LINE)
    with pytest.raises(tr.OptionError, match="criterion='e' must be 'd' or 'a'"):
        tr.rank_designs(line, both, criterion="e", **LINE)
    with pytest.raises(tr.OptionError, match="truth='bounds' must be a mapping"):
        tr.rank_designs(line, both, truth="bounds", **LINE)
    with pytest.raises(tr.DataError, match=r"design 'other'.*no column 't'"):
        tr.rank_designs(line, {**both, "other": pd.DataFrame({"day": [0, 1]})}, **LINE)
    with pytest.raises(tr.OptionError, match="did you mean 'truth'"):
        tr.rank_designs(line, both, thruth={"a": 1.0}, **LINE)
