"""Starts that are shared out, interrupted and taken up again, and what is said of their end."""

import dataclasses
import importlib
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

import trustode as tr
from trustode import checkpoint
from trustode.fit import Fit

mpl.use("Agg")

TIMES = np.linspace(0.0, 5.0, 12)


def decay_fit(decay: tr.Model, **options: Any) -> Fit:
    """Fit a decay from six starts."""
    noise = np.random.default_rng(3).normal(0.0, 0.02, TIMES.size)
    data = pd.DataFrame({"t": TIMES, "y": 1.3 * np.exp(-0.7 * TIMES) + noise})
    return tr.fit(
        decay,
        data,
        time="t",
        observed={"y": tr.Gaussian("y", sd="sd")},
        vary={
            "k": tr.Vary(0.3, min=0.01, max=10.0, scale="log"),
            "y(0)": tr.Vary(1.0, min=0.0, max=10.0),
            "sd": tr.Vary(0.1, min=1e-4, scale="log"),
        },
        starts=6,
        seed=2,
        **options,
    )


def assert_same(one: Fit, two: Fit) -> None:
    """Assert that two fits are the same to the last bit."""
    pd.testing.assert_frame_equal(one.params, two.params, check_exact=True)
    pd.testing.assert_frame_equal(one.starts, two.starts, check_exact=True)
    assert one.loglik == two.loglik


def test_an_executor_changes_nothing(decay: tr.Model) -> None:
    plain = decay_fit(decay)
    with ThreadPoolExecutor(2) as pool:
        assert_same(plain, decay_fit(decay, executor=pool))


@pytest.mark.slow
def test_processes_change_nothing(decay: tr.Model) -> None:
    with ProcessPoolExecutor(2) as pool:
        assert_same(decay_fit(decay), decay_fit(decay, executor=pool))


def test_an_interrupt_keeps_finished_starts(
    decay: tr.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Each start is waited for and reported by itself.
    monkeypatch.setattr(checkpoint, "_SHARE", np.inf)

    def interrupt(done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        decay_fit(decay, checkpoint=tmp_path / "starts", progress=interrupt)
    seen: list[int] = []
    again = decay_fit(
        decay, checkpoint=tmp_path / "starts", progress=lambda done, total: seen.append(done)
    )
    assert_same(decay_fit(decay), again)
    # The three that were finished are read, and only the others are searched.
    size = (tmp_path / "starts").stat().st_size
    assert seen[-1] == 6
    decay_fit(decay, checkpoint=tmp_path / "starts")
    assert (tmp_path / "starts").stat().st_size == size


def test_an_interrupt_without_a_checkpoint(decay: tr.Model) -> None:
    def interrupt(done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(tr.Interrupted, match=r"3 of 6 finished; .* `partial`") as caught:
        decay_fit(decay, progress=interrupt)
    assert (caught.value.n_finished, caught.value.n) == (3, 6)
    with pytest.warns(tr.FitWarning, match="best of the 3 finished starts of 6"):
        kept = caught.value.partial
    assert caught.value.partial is kept
    whole = decay_fit(decay)
    assert list(kept.starts["status"][3:]) == ["interrupted"] * 3
    pd.testing.assert_frame_equal(kept.starts[:3], whole.starts[:3], check_exact=True)
    assert kept.converged
    assert kept.loglik == pytest.approx(whole.loglik, abs=1e-9)
    with pytest.raises(tr.Interrupted), ThreadPoolExecutor(2) as pool:
        decay_fit(decay, progress=interrupt, executor=pool)

    def at_once(done: int, total: int) -> None:
        raise KeyboardInterrupt

    # Nothing was finished, so there is nothing to keep.
    with pytest.raises(KeyboardInterrupt) as stopped:
        decay_fit(decay, progress=at_once)
    assert not hasattr(stopped.value, "partial")


def test_other_long_calls_keep_what_was_finished(decay: tr.Model) -> None:
    def interrupt(done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    fit = decay_fit(decay)
    with pytest.raises(tr.Interrupted, match="3 of 50") as caught:
        fit.bootstrap(50, progress=interrupt)
    whole = fit.bootstrap(3)
    pd.testing.assert_frame_equal(caught.value.partial.estimates, whole.estimates)

    def recover(n: int, progress: Any = False) -> Any:
        return tr.recover(
            decay,
            pd.DataFrame({"t": TIMES}),
            time="t",
            observed={"y": tr.Gaussian("y", sd=0.1)},
            vary={"k": tr.Vary(0.7, min=0.01, max=10.0, scale="log")},
            n=n,
            progress=progress,
        )

    with pytest.raises(tr.Interrupted, match="3 of 50") as caught:
        recover(50, interrupt)
    pd.testing.assert_frame_equal(caught.value.partial.to_frame(), recover(3).to_frame())
    with pytest.raises(tr.Interrupted, match="3 of 8") as caught, ThreadPoolExecutor(1) as pool:
        tr.ensemble(decay, {"k": np.ones(8)}, [0.0, 1.0], executor=pool, progress=interrupt)
    kept = caught.value.partial
    assert (kept.status == tr.Status.SUCCESS).sum() == 3
    assert np.isnan(kept.y[kept.status == tr.Status.LOST]).all()


def test_a_checkpoint_of_another_fit_is_refused(decay: tr.Model, tmp_path: Path) -> None:
    decay_fit(decay, checkpoint=tmp_path / "starts")
    with pytest.raises(tr.DataError, match="solver"):
        decay_fit(decay, checkpoint=tmp_path / "starts", solver=tr.Solver(method="tsit5"))


def test_a_fit_from_a_checkpoint_still_tells_of_failures(tmp_path: Path) -> None:
    # Beyond k = 1 the solution leaves every bound before the last observation.
    model = tr.Model("blow-up", rhs={"y": "k * y**2"}, params={"k": 0.1}, initial={"y": 1.0})
    t = np.linspace(0.0, 1.0, 6)
    data = pd.DataFrame({"t": t, "y": 1.0 / (1.0 - 0.5 * t)})

    def fit() -> Fit:
        return tr.fit(
            model,
            data,
            time="t",
            observed={"y": tr.Gaussian("y", sd=0.1)},
            vary={"k": tr.Vary(0.4, min=0.0, max=3.0)},
            starts=5,
            checkpoint=tmp_path / "starts",
        )

    first, second = fit(), fit()
    assert_same(first, second)
    assert first.starts["n_failed"].sum() > 0
    assert first.notes == second.notes
    assert any("evaluations failed" in note for note in first.notes)


@pytest.mark.parametrize("kind", ["data", "residuals", "starts"])
def test_kinds_of_plots(decay: tr.Model, kind: str) -> None:
    ax = decay_fit(decay).plot(kind=kind)
    assert ax.get_xlabel()
    assert ax.get_ylabel()


def test_an_unknown_kind_of_plot_is_told(decay: tr.Model) -> None:
    with pytest.raises(tr.OptionError, match="did you mean 'residuals'"):
        decay_fit(decay).plot(kind="residual")


def test_a_waterfall_begins_at_the_best(decay: tr.Model) -> None:
    ax = decay_fit(decay).plot(kind="starts")
    heights = np.asarray(ax.lines[0].get_ydata(), dtype=float)
    assert len(heights) == 6
    assert (np.diff(heights) >= 0).all()
    assert heights[0] == pytest.approx(0.0, abs=1e-4)


def test_a_sloppy_direction_is_said(drift: tr.Model) -> None:
    # Far from the start of the solve only the height of the line there is known.
    t = np.concatenate([[0.0], 10.0 + np.linspace(0.0, 0.4, 30)])
    y = 2.0 + 0.5 * t + np.random.default_rng(1).normal(0.0, 0.1, t.size)
    y[0] = np.nan
    fit = tr.fit(
        drift,
        pd.DataFrame({"t": t, "y": y}),
        time="t",
        observed={"y": tr.Gaussian("y", sd=0.1)},
        vary={"a": tr.Vary(0.5), "y(0)": tr.Vary(2.0)},
        starts=1,
    )
    told = next(note for note in fit.notes if note.startswith("hardly determined"))
    assert told in fit.report()
    # The direction of least information, as far as it lowers the log-likelihood by 1.92.
    times = t[1:]
    design = np.column_stack([times, np.ones(30)]) / 0.1
    size = np.linalg.norm(design, axis=0)
    direction = np.linalg.svd(design / size)[2][-1] / size
    direction *= 1.959963984540054 / np.linalg.norm(design @ direction)
    direction *= np.sign(direction[1])
    assert f"a {direction[0]:+.3g}, y(0) {direction[1]:+.3g}" in told
    assert not plain_line(drift).notes


def test_a_value_that_hardly_acts_is_told_without_a_warning_of_numpy() -> None:
    model = tr.Model("drift", rhs={"y": "1 + k/100000"}, params={"k": 1.0}, initial={"y": 0.0})
    t = np.linspace(0.0, 4.0, 25)
    fit = tr.fit(
        model,
        pd.DataFrame({"t": t, "y": (1 + 1e-5) * t}),
        time="t",
        observed={"y": tr.Gaussian("y", sd=0.3)},
        vary={"k": tr.Vary(1.0, min=1e-9, max=1e9, scale="log")},
        starts=1,
    )
    assert "k times 1e+300" in fit.notes[0]


def plain_line(drift: tr.Model) -> Fit:
    """Fit a line that is well determined."""
    t = np.linspace(0.0, 4.0, 30)
    y = 2.0 + 0.5 * t + np.random.default_rng(1).normal(0.0, 0.1, t.size)
    return tr.fit(
        drift,
        pd.DataFrame({"t": t, "y": y}),
        time="t",
        observed={"y": tr.Gaussian("y", sd=0.1)},
        vary={"a": tr.Vary(0.5), "y(0)": tr.Vary(2.0)},
        starts=1,
    )


def sine_fit(**options: Any) -> Fit:
    """Fit the frequency of a sine: the misfit has a local optimum at every other one."""
    t = np.linspace(0.0, 6.0, 40)
    data = pd.DataFrame({"t": t, "y": np.sin(7.0 * t) + 1e-3 * np.cos(50.0 * t)})
    model = tr.Model(
        "sine", rhs={"x": "1"}, params={"w": 1.0}, initial={"x": 0.0}, observables={"s": "sin(w*x)"}
    )
    return tr.fit(
        model,
        data,
        time="t",
        observed={"y": tr.Gaussian("s", sd="sigma")},
        vary={"w": tr.Vary(1.0, min=0, max=12), "sigma": tr.Vary(1.0, min=1e-6, scale="log")},
        starts=12,
        **options,
    )


def plotted(fit: Fit) -> Any:
    figure = pytest.importorskip("matplotlib.figure", reason="drawing needs matplotlib").Figure()
    return fit.plot("starts", figure.subplots())


def test_starts_go_on_from_local_optima() -> None:
    fit = sine_fit()
    starts, best = fit.starts, -fit.loglik
    assert fit.converged
    assert fit.params.loc["w", "value"] == pytest.approx(7.0, abs=1e-3)
    # By themselves few found it; once the frequency is moved, most do.
    assert (starts["own_nll"] < best + 0.01).sum() < 4
    assert (starts["nll"] < best + 0.01).sum() >= 9
    assert (starts["nll"] <= starts["own_nll"]).all()
    reached = (starts["nll"] < best + 0.01).sum()
    alone = (starts["own_nll"] < best + 0.01).sum()
    assert f"; {reached} reached the best value, {alone or 'none'} without" in fit.report()
    onward = (starts["nll"] < starts["own_nll"] - 0.01).sum()
    crosses = [line for line in plotted(fit).lines if line.get_marker() == "x"]
    assert len(crosses[0].get_xdata()) == onward


def test_what_goes_on_is_kept_and_shared_out_as_starts_are(tmp_path: Path) -> None:
    plain = sine_fit()
    kept = [sine_fit(checkpoint=tmp_path / "starts") for _ in range(2)]
    with ThreadPoolExecutor(2) as executor:
        shared = sine_fit(executor=executor)
    for other in (*kept, shared):
        pd.testing.assert_frame_equal(other.starts, plain.starts)


def swing_fit(starts: int) -> Any:
    model = tr.Model(
        "swing", rhs={"x": "v", "v": "-w**2*x"}, params={"w": 1}, initial={"x": 1, "v": 0}
    )
    t = np.linspace(0, 20, 60)
    data = pd.DataFrame({"t": t, "y": np.cos(7.3 * t)})
    seen, vary = {"y": tr.Gaussian("x", sd=0.1)}, {"w": tr.Vary(1, min=0.1, max=20)}
    return tr.fit(model, data, time="t", observed=seen, vary=vary, starts=starts)


def test_one_start_is_not_told_as_the_best_there_is() -> None:
    alone, several = swing_fit(1), swing_fit(2)
    # A frequency has a local optimum for every number of swings too many or too few.
    assert alone.loglik < several.loglik - 100
    assert several.params["value"].iloc[0] == pytest.approx(7.3, rel=1e-6)
    assert "from one start, which may have met a local optimum" in alone.report()


def test_a_start_that_is_better_than_all_others_is_warned_of(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    outcome = importlib.import_module("trustode.fit.outcome")
    monkeypatch.setattr(outcome, "agreeing", lambda found: 1)
    with pytest.warns(tr.FitWarning, match="only one of 2 starts reached the best value"):
        fit = swing_fit(2)
    assert not fit.converged
    apart = fit.starts.assign(nll=[0.0, 9.0], own_nll=[0.0, 9.0])
    told = dataclasses.replace(fit, starts=apart).report()
    assert "not converged: one of 2 starts is better than all others" in told
