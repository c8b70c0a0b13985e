"""Row 36: data that say little, and solves that fail: refused clearly, or counted and told."""

import numpy as np
import pandas as pd
import pytest

import trustode as tr

TIMES = np.linspace(0.0, 2.0, 9)
DECAY = pd.DataFrame({"t": TIMES, "x": np.exp(-TIMES)})


def fit(model, data, vary=None, **how):
    vary = {"k": tr.Vary(0.5, min=0.01, max=5.0)} if vary is None else vary
    observed = {"x": tr.Gaussian("x", sd=0.1)}
    return tr.fit(model, data, **{"time": "t", "observed": observed, "vary": vary, "starts": 2,
                  "seed": 1} | how)  # fmt: skip


def test_row_36_constant_data(decay):
    """x' = -k x with x always 1: the best k is its least."""
    found = fit(decay, pd.DataFrame({"t": TIMES, "x": np.ones(9)}))
    row = found.params.loc["k"]
    assert (row["value"], row["at_bound"]) == (pytest.approx(0.01), True)
    assert any("bound" in note for note in found.notes)


def test_row_36_one_row(decay):
    """A run begins at its first row, so a single one says nothing of a rate."""
    with pytest.warns(tr.FitWarning, match="k never reaches an observation; fix it or measure"):
        fit(decay, DECAY.iloc[4:5])
    assert fit(decay, DECAY.iloc[[0, 4]]).params.loc["k", "value"] == pytest.approx(1.0, rel=1e-4)


def test_row_36_duplicate_times(decay):
    with pytest.warns(tr.FitWarning, match="9 of 18 rows .* the same answers: entered or merged"):
        twice = fit(decay, pd.concat([DECAY, DECAY]).sort_values("t"))
    assert twice.params.loc["k", "value"] == pytest.approx(1.0, rel=1e-4)
    assert twice.loglik == pytest.approx(2 * fit(decay, DECAY).loglik, rel=1e-6)


def test_row_36_all_missing_for_a_subject(decay):
    data = pd.concat([DECAY.assign(who="a"), DECAY.assign(who="b", x=np.nan)])
    vary = {"k": tr.Vary(0.5, min=0.01, max=5.0, per="who")}
    with pytest.raises(tr.DataError, match=r"fit\(decay\): .*b"):
        fit(decay, data, vary, group="who")
    with pytest.raises(tr.DataError, match=r"fit\(decay\): .*(missing|no value|nothing)"):
        fit(decay, DECAY.assign(x=np.nan))


def test_row_36_an_unidentifiable_pair():
    model = tr.Model("pair", {"x": "-a*b*x"}, {"a": 1.0, "b": 1.0}, {"x": 1.0})
    vary = {"a": tr.Vary(0.5, min=0.01, max=5.0), "b": tr.Vary(1.0, min=0.01, max=5.0)}
    with pytest.warns(tr.FitWarning):
        found = fit(model, DECAY, vary)
    assert any("a" in note and "b" in note for note in found.notes)
    product = found.params.loc["a", "value"] * found.params.loc["b", "value"]
    assert product == pytest.approx(1.0, rel=1e-3)


@pytest.mark.parametrize("scale", ["lin", "log"])
@pytest.mark.parametrize("start", [0.01, 5.0])
def test_row_36_a_start_on_a_bound(decay, start, scale):
    found = fit(decay, DECAY, {"k": tr.Vary(start, min=0.01, max=5.0, scale=scale)}, starts=1)
    assert found.params.loc["k", "value"] == pytest.approx(1.0, rel=1e-3)


POLE = tr.Model("pole", {"x": "k*x**2"}, {"k": 0.1}, {"x": 1.0})


def test_row_36_solves_that_fail_are_counted():
    """From k = 0.5 on, nine tenths of the range, the pole 1/k lies before the last time."""
    data = pd.DataFrame({"t": TIMES, "x": 1.0 / (1.0 - 0.3 * TIMES)})
    found = fit(POLE, data, {"k": tr.Vary(4.0, min=0.0, max=5.0)}, starts=8)
    assert found.params.loc["k", "value"] == pytest.approx(0.3, rel=1e-6)
    assert found.starts["n_failed"].sum() > 0
    assert any("evaluations failed" in note for note in found.notes)


def test_row_36_all_failed_is_an_error_with_the_commonest_status():
    data = pd.DataFrame({"t": TIMES, "x": np.ones(9)})
    with pytest.raises(tr.SolveError, match=r"fit\(pole\): none of 3 starts") as caught:
        fit(POLE, data, {"k": tr.Vary(4.0, min=3.0, max=5.0)}, starts=3)
    assert caught.value.status is tr.Status.DIVERGED
