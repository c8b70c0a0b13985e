"""Regime maps of normal forms, whose regions are known in closed form."""

import numpy as np
import pytest

import trustode as tr
from trustode.errors import DataError, ModelError, OptionError

SHORT = {"t": (0, 400)}


def cusp():
    """Folds lie on 4 lam^3 = 27 mu^2, two equilibria attract inside (Kuznetsov 2004, 8.2)."""
    x = tr.states("x")
    mu, lam = tr.parameters("mu lam")
    return tr.Model("cusp", rhs={x: mu + lam * x - x**3}, params={mu: 0, lam: 1}, initial={x: 0})


def bautin():
    """A Hopf point at b1 = 0, folds of cycles at b2^2 + 4 b1 = 0, b2 > 0 (Kuznetsov 2004, 8.3)."""
    x, y = tr.states("x y")
    b1, b2 = tr.parameters("b1 b2")
    square = x**2 + y**2
    grow = b1 + b2 * square - square**2
    return tr.Model(
        "bautin",
        rhs={x: x * grow - y, y: y * grow + x},
        params={b1: -1, b2: 1},
        initial={x: 0, y: 0},
    )


@pytest.fixture(scope="module")
def of_cusp():
    span = {"mu": (-1, 1), "lam": (-1, 1.5)}
    return tr.regime_map(cusp(), ("mu", "lam"), span=span, n=(20, 21), cycles=False, **SHORT)


@pytest.fixture(scope="module")
def of_bautin():
    span = {"b1": (-1, 1), "b2": (-1, 1.5)}
    return tr.regime_map(bautin(), ("b1", "b2"), span=span, n=(14, 15), levels=[0.9], **SHORT)


def test_bistable_inside_the_cusp(of_cusp):
    grid = of_cusp.grid
    inside = 4 * grid["lam"] ** 3 > 27 * grid["mu"] ** 2
    assert ((grid["regime"] == "bistable") == inside).all()
    assert ((grid["regime"] == "resting") == ~inside).all()
    assert (grid["n_attractors"] == np.where(inside, 2, 1)).all()
    (curve,) = of_cusp.curves
    assert curve.kind == "fold"
    mu, lam = curve.points["mu"].to_numpy(), curve.points["lam"].to_numpy()
    assert 4 * lam**3 == pytest.approx(27 * mu**2, abs=1e-9)


def test_organising_centres_stand_there_once(of_cusp):
    (row,) = of_cusp.special.to_dict("records")
    assert row["kind"] == "cusp"
    assert (row["mu"], row["lam"]) == pytest.approx((0, 0), abs=1e-9)
    (border,) = of_cusp.borders().to_dict("records")
    assert {border["regime"], border["other"]} == {"bistable", "resting"}
    assert border["fold"] == 1
    assert border["unexplained"] == 0


def test_it_speaks(of_cusp):
    text = of_cusp.summary()
    share = (of_cusp.grid["regime"] == "bistable").mean()
    assert f"bistable {share:.1%}" in text
    assert "bistable and resting meet along folds (100%)" in text
    assert "cusp at mu = " in text
    assert "420 points" in text
    assert repr(of_cusp).startswith("<RegimeMap of 'cusp': mu from -1 to 1 (20), lam from")
    assert sum(of_cusp.share.values()) == pytest.approx(1)
    frame = of_cusp.to_frame()
    frame.loc[0, "regime"] = "other"
    assert of_cusp.grid["regime"][0] != "other"


def test_rest_and_cycle_coexist_beyond_the_bautin_point(of_bautin):
    grid = of_bautin.grid
    b1, b2 = grid["b1"], grid["b2"]
    both = (b1 < 0) & (b2 > 0) & (b2**2 + 4 * b1 > 0)
    expected = np.where(b1 > 0, "cycling", np.where(both, "cycling or resting", "resting"))
    # Close to where they are born and vanish cycles take longer than was solved.
    clear = (abs(b1) > 1e-3) & (abs(b2**2 + 4 * b1) > 0.02)
    assert (grid["regime"][clear] == expected[clear]).all()
    swings = grid["regime"] != "resting"
    assert grid["period"][swings].to_numpy() == pytest.approx(2 * np.pi, rel=1e-4)
    assert grid["period"][~swings].isna().all()
    kinds = {curve.kind: curve.points for curve in of_bautin.curves}
    assert set(kinds) == {"hopf", "fold_of_cycles"}
    folds = kinds["fold_of_cycles"]
    assert folds["b1"].to_numpy() == pytest.approx(-(folds["b2"].to_numpy() ** 2) / 4, abs=1e-8)
    assert of_bautin.special["kind"].tolist() == ["bautin"]
    assert of_bautin.failed == ()


def test_a_slow_approach_is_waited_for():
    """z' = (b + i) z - z |z|^2: a circle of radius sqrt(b) for b > 0, which nothing else joins.

    Runs come to it, or to rest, at a rate of some |b|: by far not within the time at first, and for
    the least b not within thirty times that either.
    """
    x, y = tr.states("x y")
    b, c = tr.parameters("b c")
    grow = b - x**2 - y**2
    model = tr.Model(
        "circle", rhs={x: x * grow - y, y: y * grow + x}, params={b: 1, c: 0}, initial={x: 0, y: 0}
    )
    found = tr.regime_map(
        model, ("b", "c"), span={"b": (-0.001, 0.001), "c": (0, 1)}, n=(10, 2), curves=False,
        initial=[{"x": 1}, {"x": 0.01}],
    ).grid  # fmt: skip
    known = np.where(found["b"] > 0, "cycling", "resting")
    assert (found["regime"] == np.where(abs(found["b"]) > 2e-4, known, "unsettled")).all()


def test_within_a_given_time_what_moves_is_not_named():
    """x' = b - x^2 passes 0 within pi / sqrt(-b), which is 3,000 and more here."""
    x = tr.states("x")
    b, c = tr.parameters("b c")
    model = tr.Model("ghost", rhs={x: b - x**2 - x**5}, params={b: 0, c: 0}, initial={x: 1})
    found = tr.regime_map(
        model, ("b", "c"), span={"b": (-1e-6, -2e-7), "c": (0, 1)}, n=2, curves=False, t=(0, 40)
    ).grid
    assert (found["regime"] == "unsettled").all()


def test_curves_start_at_meeting_points(of_bautin):
    """At this level of b2 no diagram crosses a fold of cycles: the Bautin point leads there."""
    span = {"b1": (-1, 1), "b2": (-1, 1.5)}
    found = tr.regime_map(bautin(), ("b1", "b2"), span=span, n=2, levels=[-0.5], **SHORT)
    assert [curve.kind for curve in found.curves] == ["hopf", "fold_of_cycles"]


def test_meeting_point_may_lie_in_a_corner_of_the_span():
    """Trace gain - 1 - 1/delay and determinant (2 - gain)/delay both vanish at (2, 1)."""
    T, D = tr.states("T D")
    model = tr.Model(
        "demand",
        rhs={T: "tanh(gain*T - D) - T", D: "(T - D)/delay"},
        params={"gain": 1, "delay": 5},
        initial={T: 0.1, D: 0},
    )
    span = {"gain": (1.5, 2), "delay": (1, 3)}
    found = tr.regime_map(model, ("gain", "delay"), span=span, n=2, cycles=False, t=(0, 50))
    point = found.special.query("kind == 'bogdanov_takens'").iloc[0]
    # Newton's method at a double zero: half of the digits.
    assert (point["gain"], point["delay"]) == pytest.approx((2, 1), abs=1e-6)


def test_a_curve_that_only_cuts_a_corner_is_found():
    # Two of three equilibria meet where m = 2 (b / 3)^(3/2): within the span from b = .847 on.
    model = tr.Model(
        "corner", rhs={"x": "m + b*x - x**3"}, params={"m": 1.0, "b": 0.0}, initial={"x": 1.0}
    )
    found = tr.regime_map(model, ("m", "b"), span={"m": (0.3, 2), "b": (-1, 1)}, n=2)
    (curve,) = found.curves
    at = curve.points[["m", "b"]].to_numpy()
    assert at[:, 0] == pytest.approx(2 * (at[:, 1] / 3) ** 1.5, rel=1e-8)
    assert np.ptp(at, axis=0) == pytest.approx([0.0849, 0.1531], abs=1e-4)


def test_curves_of_cycles_leave_room_for_those_of_equilibria(monkeypatch):
    monkeypatch.setattr("trustode.bifurcation.curves.organising._MOST_OF_CYCLES", 0)
    found = tr.regime_map(bautin(), ("b1", "b2"), span={"b1": (-1, 1), "b2": (-1, 1)}, n=2, **SHORT)
    assert [curve.kind for curve in found.curves] == ["hopf"]
    assert found.special["kind"].tolist() == ["bautin"]
    assert any(text.startswith("folds of cycles from") for text in found.failed)


def test_threads_and_checkpoint_change_nothing(tmp_path):
    span = {"mu": (-1, 1), "lam": (-1, 1.5)}
    options = {"span": span, "n": 5, "curves": False, "initial": [{"x": -1}, {"x": 1}], **SHORT}
    seen = []
    first = tr.regime_map(
        cusp(), ("mu", "lam"), checkpoint=tmp_path / "map",
        progress=lambda done, total: seen.append((done, total)), **options,
    )  # fmt: skip
    assert seen[-1] == (25, 25)
    again = tr.regime_map(cusp(), ("mu", "lam"), checkpoint=tmp_path / "map", threads=2, **options)
    assert first.grid.equals(again.grid)
    assert set(first.share) == {"resting", "bistable"}


def test_a_rest_with_a_small_basin_is_seen_wherever_it_is():
    # Around (a, 0) the radius 1 attracts from beyond r = .1, rest from within: no start is there
    # at each a, as the diagrams' own starts are at one.
    model = tr.Model(
        "target",
        rhs={
            "x": "(x - a)*(((x - a)**2 + y**2) - .01)*(1 - (x - a)**2 - y**2) - w*y",
            "y": "y*(((x - a)**2 + y**2) - .01)*(1 - (x - a)**2 - y**2) + w*(x - a)",
        },
        params={"a": 0.0, "w": 1.0},
        initial={"x": 0.5, "y": 0.0},
    )
    found = tr.regime_map(
        model, ("a", "w"), span={"a": (-2, 2), "w": (1, 2)}, n=(4, 2), cycles=False, **SHORT
    ).grid
    assert set(found["regime"]) == {"cycling or resting"}
    assert set(found["n_attractors"]) == {2}
    assert found["period"].to_numpy() == pytest.approx([2 * np.pi, np.pi] * 4, rel=1e-4)


def test_an_interrupt_before_the_grid_says_what_is_kept(tmp_path, monkeypatch):
    how = {"span": {"mu": (-1, 1), "lam": (-1, 1.5)}, "n": 2, "cycles": False, **SHORT}

    def stop(*_, **__):
        raise KeyboardInterrupt

    for checkpoint in (None, tmp_path / "map"):
        with monkeypatch.context() as patched:
            patched.setattr("trustode.bifurcation.curves.organising.curve", stop)
            with pytest.raises(tr.Interrupted, match="interrupted before the grid") as stopped:
                tr.regime_map(cusp(), ("mu", "lam"), checkpoint=checkpoint, **how)
        # Three levels twice, three values across and four edges.
        assert (stopped.value.n_finished, stopped.value.n) == (1, 13)
        told = "" if checkpoint is None else f"kept in '{checkpoint}.curves': the same call goes on"
        assert told in str(stopped.value)
        assert ("kept" in str(stopped.value)) == (checkpoint is not None)
    again = tr.regime_map(cusp(), ("mu", "lam"), checkpoint=tmp_path / "map", **how)
    assert len(again.curves) == 1


def test_a_bar_shows_the_curves_as_they_come(capsys):
    pytest.importorskip("tqdm")
    told = []
    how = {"span": {"mu": (-1, 1), "lam": (-1, 1.5)}, "n": 2, "cycles": False, "levels": [0.5, 1.0]}
    tr.regime_map(cusp(), ("mu", "lam"), progress=True, **how, **SHORT)
    shown = capsys.readouterr().err
    assert "diagrams and curves" in shown
    # Two levels twice, three values across and four edges.
    assert "11/11" in shown
    tr.regime_map(cusp(), ("mu", "lam"), progress=lambda *each: told.append(each), **how, **SHORT)
    assert {total for _, total in told} == {4}
    assert told[-1] == (4, 4)


def test_plot(of_bautin):
    pytest.importorskip("matplotlib")
    ax = of_bautin.plot()
    labels = [text.get_text() for text in ax.figure.legends[0].get_texts()]
    assert labels[:3] == ["cycling", "resting", "cycling or resting"]
    assert sorted(labels[3:]) == ["Bautin", "Hopf points", "folds of cycles"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("b1", "b2")
    assert ax.get_xlim() == (-1, 1)


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"parameters": ("mu", "lamb")}, ModelError, "'lamb' is not a parameter; did you mean"),
        ({"parameters": ("mu", "mu")}, ModelError, "given twice"),
        ({"parameters": "mu"}, ModelError, "give two"),
        ({"span": {"mu": (0, 1)}}, ModelError, "no ends of lam"),
        ({"span": {"mu": (0, 1), "lam": (1, 0)}}, ModelError, "not below"),
        ({"params": {"mu": 1}}, ModelError, "mu is varied"),
        ({"n": 1}, OptionError, "n=1"),
        ({"levels": [9]}, OptionError, "outside its span"),
        ({"curves": 1}, OptionError, "must be True or False"),
        ({"initial": []}, DataError, "initial"),
        ({"t": (1, 0)}, DataError, "must be finite and increase"),
    ],
)
def test_errors_say_what_is_wrong(options, error, text):
    given = {"parameters": ("mu", "lam"), "span": {"mu": (0, 1), "lam": (0, 1)}} | options
    with pytest.raises(error, match=text.replace("?", r"\?")):
        tr.regime_map(cusp(), **given)
