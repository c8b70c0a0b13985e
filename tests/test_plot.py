import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

import trustode as tr
from trustode.errors import OptionError
from trustode.plot import (
    LINES,
    mean_courses,
    plot_branch,
    plot_curve,
    plot_scan,
    plot_solution,
)

mpl.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.figure import Figure


@pytest.fixture
def ax():
    return Figure(layout="constrained").subplots()


@pytest.fixture
def model():
    return tr.Model(
        "decay",
        rhs={"x": "-k*x", "y": "k*x - y"},
        params={"k": tr.Param(0.5, unit="1/day", min=0, max=2)},
        initial={"x": 1.0, "y": 0.0},
        observables={"total": "x + y"},
        bounds={"x": (0, 1)},
        time_unit="day",
        meanings={"x": "substance left: the part that did not decay"},
    )


@pytest.fixture
def solution(model):
    return tr.simulate(model, np.linspace(0, 4, 9))


def test_lines_hold_the_data(solution, ax):
    made = plot_solution(solution, ax=ax)
    assert made is ax
    for line, name in zip(ax.lines, ("x", "y"), strict=True):
        np.testing.assert_array_equal(line.get_xdata(), solution.t)
        np.testing.assert_array_equal(line.get_ydata(), solution[name])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [
        "x: substance left",
        "y",
    ]


def test_the_solver_s_own_steps_are_joined_by_curves(model, ax):
    solution = tr.simulate(model, (0, 4))
    plot_solution(solution, ["x", "total"], ax)
    for line in ax.lines:
        t, values = line.get_xdata(), line.get_ydata()
        assert len(t) >= 500 > len(solution.t)
        exact = np.exp(-0.5 * t)
        if line.get_label() == "x":
            np.testing.assert_allclose(values, exact, atol=1e-5)
    assert np.isin(solution.t, ax.lines[0].get_xdata()).all()
    failed = tr.simulate(model, (0, 4), solver=tr.Solver(max_steps=1), on_error="return")
    assert failed.smooth() is failed


def test_jumps_are_drawn_where_they_are(model):
    solution = tr.simulate(model, (0, 4), events=tr.Event("t - 2", set={"x": 1}))
    curve = solution.smooth()
    after = curve.t > 2.01
    np.testing.assert_allclose(curve["x"][after], np.exp(-0.5 * (curve.t[after] - 2)), atol=1e-5)
    np.testing.assert_array_equal(curve["x"][np.searchsorted(curve.t, solution.t)], solution["x"])


def test_a_family_of_stable_cycles_has_no_unstable_one_in_its_legend(ax):
    model = tr.models.load("brusselator")
    start = tr.continuation(model, "b", span=(0.5, 3)).special.iloc[0]
    family = tr.cycles(model, "b", start=start, span=(0.5, 3))
    family.plot(ax=ax)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["stable cycle"]


def test_lines_differ_without_colour(solution, ax):
    plot_solution(solution, ["x", "y", "total"], ax)
    assert len({line.get_linestyle() for line in ax.lines}) == 3


def test_labels_have_units_and_meaning(solution, ax):
    plot_solution(solution, "x", ax)
    assert ax.get_xlabel() == "time (day)"
    assert ax.get_ylabel() == "substance left, x (0 to 1)"
    assert ax.get_legend() is None


def test_drawing_into_axes_leaves_pyplot_alone(solution, ax):
    before = plt.get_fignums()
    plot_solution(solution, ax=ax)
    assert plt.get_fignums() == before


def test_without_axes_a_figure_is_made(solution):
    made = solution.plot()
    assert made.figure.number in plt.get_fignums()
    plt.close(made.figure)


def test_unknown_name_is_explained(solution, ax):
    with pytest.raises(tr.ModelError, match=r"no 'totl'; did you mean 'total'\?"):
        plot_solution(solution, "totl", ax)


def test_branch_is_solid_where_stable_and_dashed_where_not(ax):
    # x' = m + x**2: x = -sqrt(-m) is stable, x = sqrt(-m) is not, and they meet in a fold at 0.
    model = tr.Model("fold", rhs={"x": "m + x**2"}, params={"m": -1.0}, initial={"x": -0.9})
    branch = tr.continuation(model, "m", span=(-2.0, 1.0))
    plot_branch(branch, "x", ax)
    lines = {line.get_label(): line for line in ax.lines}
    assert lines["stable"].get_linestyle() == "-"
    assert lines["unstable"].get_linestyle() == "--"
    # A part reaches to the first point of the next one, so that the line has no gap.
    assert (lines["stable"].get_ydata()[1:-1] <= 0).all()
    assert (lines["unstable"].get_ydata()[1:-1] >= 0).all()
    drawn = np.concatenate([lines["stable"].get_ydata(), lines["unstable"].get_ydata()])
    assert set(drawn) == set(branch.points["x"])
    np.testing.assert_allclose(lines["fold"].get_xydata(), [[0.0, 0.0]], atol=1e-6)


def test_curves_of_bifurcations_share_a_legend(ax):
    # x' = y, y' = b + c x + x^2 - x y: a fold and a Hopf point meet at 0.
    model = tr.Model(
        "double zero",
        rhs={"x": "y", "y": "b + c*x + x**2 - x*y"},
        params={"b": -1.0, "c": -0.5},
        initial={"x": -1.0, "y": 0.0},
    )
    branch = tr.continuation(model, "b", span=(-2.0, 1.0))
    for _, row in branch.special.iterrows():
        curve = tr.curve(model, ("b", "c"), start=row, span={"b": (-2, 1), "c": (-2, 2)})
        assert curve.plot(ax) is plot_curve(curve, ax) is ax
    labels = ax.get_legend_handles_labels()[1]
    assert sorted(labels) == ["Bogdanov-Takens", "Hopf points", "folds"]
    lines = {line.get_label(): line for line in ax.lines}
    assert lines["folds"].get_linestyle() == "-"
    assert lines["Hopf points"].get_linestyle() == "--"
    np.testing.assert_allclose(lines["Bogdanov-Takens"].get_xydata(), [[0.0, 0.0]], atol=1e-9)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("b", "c")


def test_branch_of_an_unknown_state(ax):
    model = tr.Model("line", rhs={"x": "m - x"}, params={"m": 0.0}, initial={"x": 0.0})
    branch = tr.continuation(model, "m", span=(-1.0, 1.0))
    with pytest.raises(tr.OptionError, match="there is no state 'z'"):
        plot_branch(branch, "z", ax)


def test_scan_of_a_state_shows_all_its_measures(model, ax):
    scan = tr.scan(model, vary={"k": [0.5, 1.0, 1.5]}, t=(0, 4), measure=["min", "max"])
    plot_scan(scan, "x", ax)
    low, high = ax.lines
    assert (low.get_label(), high.get_label()) == ("min", "max")
    np.testing.assert_array_equal(low.get_xdata(), [0.5, 1.0, 1.5])
    np.testing.assert_array_equal(low.get_ydata(), scan["min_x"])
    np.testing.assert_array_equal(high.get_ydata(), scan["max_x"])
    assert ax.get_xlabel() == "k (1/day)"


def test_scan_over_a_plane_is_shaded(model, ax):
    scan = tr.scan(model, vary={"k": [0.5, 1.0], "x(0)": [0.2, 0.6, 1.0]}, t=(0, 4),
                   measure=["final"])  # fmt: skip
    plot_scan(scan, "final_x", ax)
    mesh = ax.collections[0]
    np.testing.assert_array_equal(np.ravel(mesh.get_array()), scan["final_x"].ravel())
    assert ax.get_title() == "final of substance left, x (0 to 1)"


@pytest.mark.parametrize("second", [{}, {"x(0)": [0.5, 1.0]}])
def test_scan_of_a_regime_marks_every_point(model, ax, second):
    scan = tr.scan(model, vary={"k": [0.5, 1.0], **second}, t=(0, 40), measure=["regime"])
    plot_scan(scan, "regime", ax)
    assert sum(len(line.get_xdata()) for line in ax.lines) == scan["regime"].size


def test_scan_without_such_a_column(model, ax):
    scan = tr.scan(model, vary={"k": [0.5]}, t=(0, 4), measure=["final"])
    with pytest.raises(tr.OptionError, match=r"no 'final_z'; did you mean 'final_"):
        plot_scan(scan, "final_z", ax)


def test_scan_of_three_axes_is_refused(model, ax):
    vary = {"k": [0.5, 1.0], "x(0)": [0.5], "y(0)": [0.0]}
    scan = tr.scan(model, vary=vary, t=(0, 4), measure=["final"])
    with pytest.raises(tr.OptionError, match="3 axes; at most 2"):
        plot_scan(scan, "final_x", ax)


@pytest.mark.parametrize("n_group", [2, 9])
def test_fit_shows_observed_and_predicted(model, ax, n_group):
    time = np.arange(1.0, 6.0)
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(
        {
            "who": np.repeat(np.arange(n_group), len(time)),
            "day": np.tile(time, n_group),
            "left": np.tile(np.exp(-0.5 * time), n_group) + rng.normal(0, 0.01, 5 * n_group),
        }
    )
    fit = tr.fit(
        model,
        frame,
        time="day",
        group="who",
        observed={"left": tr.Gaussian("x", sd=0.01)},
        vary={"k": tr.Vary(0.4)},
        starts=1,
    )
    fit.plot(ax=ax)
    mean = frame.groupby("day")["left"].mean() if n_group > 6 else frame["left"][:5]
    np.testing.assert_allclose(ax.lines[0].get_ydata(), mean)
    # x' = -k x from x = 1 at each group's first time: a curve, not a line from day to day.
    drawn, predicted = ax.lines[1].get_data()
    at = time if n_group > 6 else np.union1d(time, np.linspace(1.0, 5.0, 200))
    np.testing.assert_allclose(drawn, at)
    k = fit.params.loc["k", "value"]
    np.testing.assert_allclose(predicted, np.exp(-k * (at - 1.0)), rtol=1e-5)
    assert len(ax.lines) == (2 if n_group > 6 else 2 * n_group)


@pytest.mark.filterwarnings("ignore:.*groups begin after:trustode.FitWarning")
def test_groups_with_times_of_their_own_are_drawn_by_stretches(model, ax):
    """Nine persons asked forty times at random: no mean over persons at any one time."""
    rng = np.random.default_rng(4)
    time = np.sort(rng.uniform(0.0, 4.0, (9, 40)), axis=1)
    frame = pd.DataFrame({"who": np.repeat(np.arange(9), 40), "day": time.ravel()})
    frame["left"] = 0.2 + 0.1 * frame["day"]
    fit = tr.fit(
        model, frame, time="day", group="who", observed={"left": tr.Gaussian("x", sd=0.1)},
        vary={"k": tr.Vary(0.4)}, starts=1,
    )  # fmt: skip
    fit.plot(ax=ax)
    marks, line = ax.lines
    assert 8 <= len(marks.get_xdata()) <= 48
    # A mean over a stretch of what is linear in time is linear in the mean time.
    np.testing.assert_allclose(marks.get_ydata(), 0.2 + 0.1 * marks.get_xdata(), rtol=1e-12)
    np.testing.assert_array_equal(line.get_xdata(), marks.get_xdata())
    assert "mean of 9 groups in" in ax.get_legend().get_texts()[0].get_text()
    means = mean_courses(fit)
    frame["stretch"] = ((frame["day"] - frame["day"].min()) // means["stretch"][0]).clip(
        upper=len(means) - 1
    )
    groups = frame.groupby("stretch")["who"].nunique()
    np.testing.assert_array_equal(means["groups"], groups)
    assert (groups[frame["stretch"]] >= 5).mean() >= 0.75


def test_residuals_of_each_group_stand_above_its_name(model, ax):
    """Three persons, of whom one lies above the course that all share, by three of its sd."""
    day, shared = np.arange(1.0, 6.0), np.exp(-0.5 * np.arange(5.0))
    parts = {"Ann": shared, "Bo": shared, "Cy": shared + 0.3}
    frame = pd.concat(
        pd.DataFrame({"who": who, "day": day, "left": left}) for who, left in parts.items()
    )
    fit = tr.fit(
        model, frame, time="day", group="who", observed={"left": tr.Gaussian("x", sd=0.1)},
        vary={"k": tr.Vary(0.5, min=0.49, max=0.51)}, starts=1,
    )  # fmt: skip
    fit.plot("groups", ax)
    assert [label.get_text() for label in ax.get_xticklabels()] == ["Ann", "Bo", "Cy"]
    x, residuals = ax.lines[0].get_data()
    np.testing.assert_array_equal(x, np.repeat([0, 1, 2], 5))
    # k is at most 0.02 from where it was made, so that a course is at most 0.15 sd off.
    np.testing.assert_allclose(residuals, np.repeat([0.0, 0.0, 3.0], 5), atol=0.15)
    assert ax.get_legend() is None


def test_persons_have_panels_of_their_own_with_the_same_limits(model, ax):
    day, people = np.arange(1.0, 6.0), [f"person {k}" for k in range(40)]
    frame = pd.DataFrame({"who": np.repeat(people, 5), "day": np.tile(day, 40)})
    frame["left"] = np.exp(-0.5 * (frame["day"] - 1.0)) + 0.01 * np.cos(np.arange(200.0))
    fit = tr.fit(
        model, frame, time="day", group="who", observed={"left": tr.Gaussian("x", sd=0.1)},
        vary={"k": tr.Vary(0.5)}, starts=1,
    )  # fmt: skip
    fit.plot("persons", ax)
    assert [panel.get_title() for panel in ax.child_axes] == people[:36]
    assert ax.get_title().startswith("36 of 40 groups")
    assert len({panel.get_ylim() for panel in ax.child_axes}) == 1
    fit.plot("persons", some := Figure().subplots(), groups=["person 39", "person 2"])
    assert [panel.get_title() for panel in some.child_axes] == ["person 39", "person 2"]
    marks, line = some.child_axes[0].lines
    np.testing.assert_array_equal(marks.get_ydata(), frame["left"][-5:])
    k = fit.params.loc["k", "value"]
    np.testing.assert_allclose(line.get_ydata(), np.exp(-k * (line.get_xdata() - 1.0)), rtol=1e-5)
    one = fit.plot(ax=Figure().subplots(), groups="person 2")
    np.testing.assert_array_equal(one.lines[0].get_ydata(), frame["left"][10:15])
    with pytest.raises(tr.DataError, match="no group 'person'; did you mean 'person 9'"):
        fit.plot(groups="person")
    with pytest.raises(tr.OptionError, match="not 'starts'"):
        fit.plot("starts", groups="person 2")


def test_a_legend_hides_nothing_where_there_is_room_beside(solution):
    for layout, beside in (("constrained", True), (None, False)):
        ax = Figure(layout=layout).subplots()
        solution.plot(ax=ax)
        ax.figure.canvas.draw()
        edge = ax.get_legend().get_window_extent().x0
        assert (edge >= ax.get_window_extent().x1) == beside


def test_equal_starts_look_equal(model, ax):
    frame = pd.DataFrame({"day": np.arange(1.0, 6.0), "left": np.exp(-0.5 * np.arange(5.0))})
    fit = tr.fit(
        model, frame, time="day", observed={"left": tr.Gaussian("x", sd=0.1)},
        vary={"k": tr.Vary(0.4, min=0.1, max=1)}, starts=4, seed=1,
    )  # fmt: skip
    fit.plot("starts", ax)
    assert ax.get_ylim()[1] >= 0.1
    ticks = ax.get_xticks()
    np.testing.assert_array_equal(ticks, np.round(ticks))


def test_levels_that_are_texts_are_drawn_as_places(model, ax):
    words = ["low", "high", "low", "some", "low"]
    frame = pd.DataFrame({"day": np.arange(1.0, 6.0), "word": words, "left": 0.5})
    observed = {
        "word": tr.Ordinal("x", [0.1, 0.3], levels=["low", "some", "high"]),
        "left": tr.Gaussian("x", sd=0.2),
    }
    vary = {"k": tr.Vary(0.4, min=0.0, max=3.0)}
    tr.fit(model, frame, time="day", observed=observed, vary=vary, starts=1).plot(ax=ax)
    assert ax.lines[0].get_ydata().tolist() == [1.0, 3.0, 1.0, 2.0, 1.0]
    assert ax.lines[2].get_ydata().tolist() == [0.5] * 5


def test_brute_force_is_drawn(ax):
    x = tr.states("x")
    h = tr.parameters("h")
    cusp = tr.Model("cusp", rhs={x: h + x - x**3}, params={h: 0}, initial={x: -1})
    diagram = tr.orbit_diagram(cusp, h, (-1, 1), n=5, t=(0, 40))
    diagram.plot(ax=ax)
    np.testing.assert_array_equal(ax.lines[0].get_xdata(), np.linspace(-1, 1, 5))
    sweep = tr.sweep(cusp, h, (-1, 1), n=5, t=40)
    axes = Figure().subplots(1, 2)
    sweep.plot("x", axes[0])
    np.testing.assert_array_equal(axes[0].lines[0].get_ydata(), sweep.up["min_x"])
    tr.basins(cusp, {"x": (-1, 1)}, n=6, t=(0, 40)).plot(axes[1])
    assert len(axes[1].lines) == 2
    assert len({(line.get_marker(), line.get_fillstyle()) for line in axes[1].lines}) == 2
    with pytest.raises(OptionError, match="'y' is not a state"):
        sweep.plot("y")


def drawn(figure):
    """Return a figure as an image, shape (height, width, 3), from 0 to 1."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[:, :, :3] / 255.0


def bare(ax):
    """Leave nothing on Axes but what is drawn in them, on the whole figure."""
    ax.set_axis_off()
    ax.set_title("")
    if ax.get_legend() is not None:
        ax.get_legend().remove()
    ax.set_position((0, 0, 1, 1))


def by_hand(ax, stable, unstable):
    """Draw the equilibria of x' = m + x**2 with matplotlib alone."""
    for sign, style in ((-1, stable), (1, unstable)):
        x = sign * np.linspace(0, np.sqrt(2), 400)
        ax.plot(-(x**2), x, style, color="black")
    ax.plot(0, 0, "s", markerfacecolor="white", markeredgecolor="black")


def test_a_branch_looks_as_its_closed_form_drawn_by_hand():
    """In grey: stable solid and unstable dashed, and nothing else looks like it."""
    from scipy.ndimage import uniform_filter

    model = tr.Model("fold", rhs={"x": "m + x**2"}, params={"m": -1.0}, initial={"x": -0.9})
    branch = tr.continuation(model, "m", span=(-2.0, 1.0))
    images = {}
    for styles in (None, ("-", "--"), ("--", "-"), ("-", "-"), ("--", "--")):
        figure = Figure(figsize=(4, 3), dpi=100)
        ax = figure.subplots()
        if styles is None:
            plot_branch(branch, "x", ax)
        else:
            by_hand(ax, *styles)
        ax.set(xlim=(-2.0, 0.2), ylim=(-1.5, 1.5))
        bare(ax)
        # Over three dashes (of 11 pixels, with their gaps) it does not matter where one begins.
        images[styles] = uniform_filter(1.0 - drawn(figure).mean(axis=2), 33)
    ours = images.pop(None)
    apart = {styles: np.abs(ours - each).sum() / ours.sum() for styles, each in images.items()}
    assert apart.pop(("-", "--")) < 0.03
    assert min(apart.values()) > 0.09


@pytest.mark.parametrize("first", range(len(LINES)))
def test_any_two_lines_differ_without_colour(first):
    """Drawn in black one above the other, each pair leaves a different pattern of ink."""
    patterns = []
    for _, style in LINES:
        figure = Figure(figsize=(6, 0.5), dpi=100)
        ax = figure.subplots()
        ax.plot([0, 1], [0, 0], color="black", linestyle=style)
        bare(ax)
        patterns.append(drawn(figure).mean(axis=2).min(axis=0) < 0.5)
    for other, pattern in enumerate(patterns):
        if other != first:
            assert (pattern != patterns[first]).mean() > 0.1


def oscillator():
    """x' = y, y' = -x - a y: nullclines are lines, the equilibrium 0 is stable for a > 0."""
    return tr.Model(
        "oscillator", rhs={"x": "y", "y": "-x - a*y + u"}, params={"a": 0.5},
        initial={"x": 1.0, "y": 0.0}, inputs={"u": 0},
    )  # fmt: skip


def test_phase_plane_has_the_flow_and_both_nullclines(ax):
    run = tr.simulate(oscillator(), np.linspace(0, 20, 401))
    rest = tr.equilibria(oscillator(), region={"x": (-1, 1), "y": (-1, 1)})
    assert run.plot(plane=("x", "y"), ax=ax, equilibria=rest) is ax
    of = {line.get_label(): line for line in ax.lines}
    np.testing.assert_array_equal(of["course"].get_xdata(), run["x"])
    np.testing.assert_array_equal(of["course"].get_ydata(), run["y"])
    np.testing.assert_allclose(of["stable equilibrium"].get_xydata(), [[0, 0]], atol=1e-9)
    assert len({of[f"d{name}/dt = 0"].get_linestyle() for name in "xy"} | {"-"}) == 3
    from matplotlib.contour import ContourSet
    from matplotlib.quiver import Quiver

    first, second = (each for each in ax.collections if isinstance(each, ContourSet))
    for contour, rate in ((first, lambda x, y: y), (second, lambda x, y: -x - 0.5 * y)):
        points = contour.get_paths()[0].vertices
        np.testing.assert_allclose(rate(*points.T), 0, atol=1e-9)
    arrows = next(each for each in ax.collections if isinstance(each, Quiver))
    x, y = arrows.XY.T
    width, height = np.ptp(ax.get_xlim()), np.ptp(ax.get_ylim())
    flow = np.stack([y / width, (-x - 0.5 * y) / height])
    flow /= np.hypot(*flow)
    np.testing.assert_allclose([arrows.U, arrows.V], flow, atol=1e-9)


def test_phase_plane_is_of_the_values_at_the_end(ax):
    # With u = 0.8 at the end the line y' = 0 has moved.
    run = tr.simulate(oscillator(), (0, 5), params={"a": 0.4}, inputs={"u": tr.Steps([2], [0.8])})
    run.plot(plane=("x", "y"), ax=ax)
    from matplotlib.contour import ContourSet

    second = [each for each in ax.collections if isinstance(each, ContourSet)][1]
    x, y = second.get_paths()[0].vertices.T
    np.testing.assert_allclose(-x - 0.4 * y + 0.8, 0, atol=1e-9)


@pytest.mark.parametrize("plane", ["xy", ("x",), ("x", "x"), ("x", "z"), ("x", "y", "x")])
def test_phase_plane_of_no_plane_is_refused(solution, ax, plane):
    with pytest.raises(tr.OptionError, match=r"plot_phase\(decay\)"):
        solution.plot(plane=plane, ax=ax)
