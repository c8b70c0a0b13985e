"""Inputs against their closed forms, and what is refused."""

import pickle
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trustode import stimulus
from trustode.errors import ModelError
from trustode.stimulus import Episodes, Pulses, Samples, Sessions, Steps, Table

#: What the tables of smooth stimuli promise, as a share of the height.
SHARE = 1e-9

numbers = st.floats(-1e6, 1e6, allow_nan=False)


def gaussians(t, times, heights, sds):
    """Episodes by the formula of the model's specification."""
    t = np.asarray(t)[:, None]
    return (heights * np.exp(-0.5 * ((t - np.asarray(times)) / sds) ** 2)).sum(axis=1)


def dose(t, times):
    """Sessions by the formula of the model's specification."""
    total = np.zeros(np.shape(t))
    for time in times:
        s = np.asarray(t) - time
        total += (1 + np.tanh(8 * s)) / 2 * np.exp(-np.maximum(s, 0) / 45)
    return 1 - np.exp(-0.12 * total)


def around(knots):
    """Times inside every segment, at every knot and just before it."""
    inner = knots[:-1, None] + np.diff(knots)[:, None] * np.linspace(0, 1, 9)[:-1]
    return np.concatenate([inner.ravel(), knots, np.nextafter(knots, -np.inf)])


def check_table(table):
    """Check what the C core relies on."""
    assert table.coefficients.shape == (table.knots.size, 4)
    assert (np.diff(table.knots) > 0).all()
    assert (np.diff(table.breaks) > 0).all()
    assert not table.coefficients[0, 1:].any()
    before = table(table.knots[0] - np.array([0.0, 1e-3, 1.0, 1e4]))
    np.testing.assert_array_equal(before, table.coefficients[0, 0])


def sorted_floats(low, high, **size):
    return st.lists(st.floats(low, high), **size).map(sorted)


# --- Table


def test_table_evaluates_each_segment_from_its_own_start():
    table = Table([0, 1, 3], [[5, 0, 0, 0], [1, -2, 3, -4], [0, 1, 0, 0]], [1, 3])
    expected = [5, 5, 1, 1 - 2 * 0.5 + 3 * 0.25 - 4 * 0.125, 0, 97]
    np.testing.assert_array_equal(table([-7, 0.5, 1, 1.5, 3, 100]), expected)
    assert table(np.zeros((2, 3))).shape == (2, 3)
    assert table(1.5).shape == ()
    assert np.isnan(table(np.nan))


def test_table_takes_the_value_from_the_right():
    table = Steps([2], [7]).table
    np.testing.assert_array_equal(table([np.nextafter(2, 0), 2]), [0, 7])


def test_table_cannot_be_changed():
    table = Steps([2], [7]).table
    with pytest.raises(ValueError, match="read-only"):
        table.knots[0] = 3


@pytest.mark.parametrize(
    ("knots", "coefficients", "breaks", "message"),
    [
        ([0, 0], np.zeros((2, 4)), [], "knots must increase strictly"),
        ([0, 1], np.zeros((2, 4)), [1, 0], "breaks must increase strictly"),
        ([0, 1], np.zeros((2, 3)), [], r"shape \(2, 4\)"),
        ([], np.zeros((0, 4)), [], "at least one knot"),
        ([0, np.inf], np.zeros((2, 4)), [], "knots holds a value that is not finite"),
        ([0], [[0, 1, 0, 0]], [], r"must be constant; its coefficients are \[0.0, 1.0"),
        ([[0]], np.zeros((1, 4)), [], "knots has 2 dimensions"),
    ],
)
def test_table_refuses_what_the_core_could_not_read(knots, coefficients, breaks, message):
    with pytest.raises(ModelError, match=message):
        Table(knots, coefficients, breaks)


# --- Steps


def test_steps_hold_each_value_from_its_time_on():
    steps = Steps([1, 2, 5], [3, 3, -1], before=9)
    np.testing.assert_array_equal(steps([-5, 0.9, 1, 2, 4.9, 5, 1e6]), [9, 9, 3, 3, 3, -1, -1])
    np.testing.assert_array_equal(steps.table.breaks, [1, 5])
    check_table(steps.table)


@given(
    times=st.lists(st.floats(-100, 100), min_size=1, max_size=12, unique=True).map(sorted),
    asked=st.lists(st.floats(-150, 150), min_size=1, max_size=12),
    before=numbers,
    data=st.data(),
)
@settings(max_examples=60, deadline=None)
def test_steps_equal_a_naive_loop(times, asked, before, data):
    gaps = np.diff(times)
    if gaps.size and gaps.min() < 1e-9:
        times = times[:1]
    values = data.draw(st.lists(numbers, min_size=len(times), max_size=len(times)))
    steps = Steps(times, values, before=before)
    for t in [*asked, *times]:
        expected = before
        for time, value in zip(times, values, strict=True):
            if t >= time:
                expected = value
        assert steps(t) == expected
    check_table(steps.table)


# --- Pulses


def test_a_pulse_includes_its_start_and_excludes_its_end():
    pulses = Pulses([5, 9], height=-1, width=0.5, baseline=0.25)
    np.testing.assert_array_equal(
        pulses([4.9, 5, 5.4, 5.5, 9, 9.5, 50]), [0.25, -0.75, -0.75, 0.25, -0.75, 0.25, 0.25]
    )
    np.testing.assert_array_equal(pulses.table.breaks, [5, 5.5, 9, 9.5])


def test_pulses_have_their_own_heights_and_widths():
    pulses = Pulses([0, 1, 1], height=[1, 10, 100], width=[4, 1, 2])
    np.testing.assert_array_equal(pulses([0, 1, 2, 3, 4]), [1, 111, 101, 1, 0])


def test_adjoining_pulses_leave_no_sliver_of_rounding_error():
    # 0.1 k + 0.1 differs from 0.1 (k + 1) in the last digit for many k.
    starts = np.arange(200) * 0.1
    table = Pulses(starts, height=2, width=0.1).table
    np.testing.assert_array_equal(table(starts), 2)
    np.testing.assert_array_equal(table.knots[1:-1], starts)
    np.testing.assert_array_equal(table.breaks, [0, starts[-1] + 0.1])


def test_ends_that_only_rounding_keeps_apart_are_one_edge():
    table = Pulses([0, 0.1, 0.2], height=[1, 1, -2], width=[0.3, 0.2, 0.1]).table
    assert table.knots.size == 5
    assert np.diff(table.knots).min() > 0.09


@given(
    events=st.lists(
        st.tuples(st.integers(-40, 40), numbers, st.integers(1, 60)), min_size=1, max_size=10
    ).map(sorted),
    baseline=numbers,
)
@settings(max_examples=60, deadline=None)
def test_overlapping_pulses_add_up(events, baseline):
    # Quarters are exact in binary, so the naive sum below knows every edge exactly.
    starts, heights, widths = (
        np.array(column, dtype=float) for column in zip(*events, strict=True)
    )
    starts, widths = starts / 4, widths / 4
    pulses = Pulses(starts, height=heights, width=widths, baseline=baseline)
    t = np.arange(-60, 120) / 4
    inside = (t[:, None] >= starts) & (t[:, None] < starts + widths)
    expected = baseline + (inside * heights).sum(axis=1)
    np.testing.assert_allclose(pulses(t), expected, rtol=0, atol=1e-8)
    np.testing.assert_array_equal(pulses(t[~inside.any(axis=1)]), baseline)
    check_table(pulses.table)


# --- Samples


@given(
    points=st.lists(
        st.tuples(st.integers(-1000, 1000), st.floats(-10, 10)),
        min_size=1,
        max_size=15,
        unique_by=lambda point: point[0],
    ).map(sorted),
    kind=st.sampled_from(["linear", "previous", "cubic"]),
)
@settings(max_examples=90, deadline=None)
def test_samples_pass_through_their_points(points, kind):
    times, values = (np.array(column, dtype=float) for column in zip(*points, strict=True))
    samples = Samples(times, values, kind=kind)
    np.testing.assert_array_equal(samples(times), values)
    np.testing.assert_array_equal(samples([times[0] - 50, times[-1] + 50]), values[[0, -1]])
    check_table(samples.table)
    if kind != "previous":
        # Continuous: the limit from the left is the value.
        left = samples(np.nextafter(times, -np.inf))
        np.testing.assert_allclose(left, values, rtol=0, atol=1e-6)


def test_samples_linear_is_numpy_interp():
    times, values = [0, 1, 4, 5.5], [1, -2, 7, 7]
    t = np.linspace(-2, 8, 1001)
    np.testing.assert_allclose(Samples(times, values)(t), np.interp(t, times, values), atol=1e-14)


def test_samples_previous_holds_each_value():
    samples = Samples([0, 1, 2], [4, 5, 5], kind="previous")
    np.testing.assert_array_equal(samples([-1, 0, 0.99, 1, 3]), [4, 4, 4, 5, 5])
    np.testing.assert_array_equal(samples.table.breaks, [1])


def test_a_cubic_series_reproduces_a_cubic():
    times = np.array([-1, 0, 0.5, 2, 3.5])
    cubic = np.polynomial.Polynomial([1, -2, 0.5, 0.25])
    t = np.linspace(-1, 3.5, 301)
    samples = Samples(times, cubic(times), kind="cubic")
    np.testing.assert_allclose(samples(t), cubic(t), atol=1e-13)


def test_a_cubic_series_is_smooth_inside_and_broken_at_its_ends():
    times = np.linspace(0, 6, 13)
    table = Samples(times, np.sin(times), kind="cubic").table
    np.testing.assert_array_equal(table.breaks, times)
    c, h = table.coefficients[1:-2], np.diff(times)[:-1]
    slope = c[:, 1] + 2 * c[:, 2] * h + 3 * c[:, 3] * h**2
    np.testing.assert_allclose(slope, table.coefficients[2:-1, 1], atol=1e-13)
    # A cubic spline through sin at spacing 0.5: 5/384 h^4 inside, more where an end is near.
    t = np.linspace(0, 6, 500)
    np.testing.assert_allclose(table(t), np.sin(t), atol=2e-3)


def test_kinks_are_breaks_and_flat_stretches_are_not():
    table = Samples([0, 1, 2, 3, 4], [0, 0, 0, 1, 1]).table
    np.testing.assert_array_equal(table.breaks, [2, 3])


# --- Episodes


@pytest.mark.parametrize(
    ("times", "heights", "sds"),
    [
        ([5.0], [-1.0], [0.25]),
        (np.arange(30.0), [2.0], [0.25]),
        ([1.0, 1.2, 50.0], [-1.0, 1e-3, 2.0], [0.25, 0.01, 10.0]),
        ([19_000.3], [-1.0], [0.25]),
    ],
)
def test_episodes_table_is_within_its_bound(times, heights, sds):
    heights, sds = (np.broadcast_to(x, np.shape(times)) for x in (heights, sds))
    episodes = Episodes(times, height=heights, sd=sds)
    t = around(episodes.table.knots)
    expected = gaussians(t, times, heights, sds)
    np.testing.assert_allclose(episodes(t), expected, rtol=0, atol=1e-14)
    np.testing.assert_allclose(episodes.table(t), expected, rtol=0, atol=SHARE * abs(heights).max())
    check_table(episodes.table)


def test_a_small_episode_far_from_a_large_one_keeps_its_own_accuracy():
    episodes = Episodes([0, 100], height=[1, 1e-6], sd=0.25)
    t = np.linspace(98, 102, 4001)
    np.testing.assert_allclose(
        episodes.table(t), 1e-6 * np.exp(-8 * (t - 100) ** 2), rtol=0, atol=SHARE * 1e-6
    )


def test_the_area_of_an_episode():
    table = Episodes(3.0, height=-2.0).table
    h = np.diff(table.knots)
    c = table.coefficients[:-1]
    area = (c * (h[:, None] ** np.arange(1, 5)) / np.arange(1, 5)).sum()
    assert area == pytest.approx(-2 * 0.25 * np.sqrt(2 * np.pi), rel=1e-9)


def test_an_episode_cannot_be_stepped_over():
    episodes = Episodes([5, 40], sd=0.1)
    for time in (5, 40):
        inside = episodes.table.breaks[abs(episodes.table.breaks - time) < 1]
        assert abs(inside - time).min() < 1e-12
        assert np.diff(inside).max() <= 0.2 + 1e-12
        # What precedes the first break is below 1e-9 of the area.
        assert inside[0] <= time - 0.6 + 1e-12
    assert not episodes.table(20.0)


def test_an_episode_of_height_zero_is_nothing():
    table = Episodes([1, 2], height=0).table
    np.testing.assert_array_equal(table(np.linspace(0, 3, 50)), 0)


@given(
    times=sorted_floats(-50, 50, min_size=1, max_size=6),
    heights=st.lists(st.floats(-3, 3), min_size=6, max_size=6),
    sds=st.lists(st.floats(0.01, 5), min_size=6, max_size=6),
)
@settings(max_examples=25, deadline=None)
def test_episodes_anywhere_are_within_their_bound(times, heights, sds):
    heights, sds = np.array(heights[: len(times)]), np.array(sds[: len(times)])
    table = Episodes(times, height=heights, sd=sds).table
    t = around(table.knots)
    bound = SHARE * max(abs(heights).sum(), 1e-300)
    np.testing.assert_allclose(table(t), gaussians(t, times, heights, sds), rtol=0, atol=bound)
    check_table(table)


# --- Sessions


@pytest.mark.parametrize(
    "times",
    [
        [3.0],
        7.0 * np.arange(26),
        0.5 + 3.5 * np.arange(300),
        np.repeat(np.arange(20.0), 3),
        [0.0, 1e-14, 0.01, 400.0],
    ],
    ids=["one", "weekly", "300", "three a day", "uneven"],
)
def test_sessions_table_is_within_its_bound(times):
    sessions = Sessions(times)
    last = times[-1]
    t = np.concatenate([around(sessions.table.knots), last + np.linspace(0, 3000, 2000)])
    expected = dose(t, times)
    np.testing.assert_allclose(sessions(t), expected, rtol=0, atol=1e-14)
    np.testing.assert_allclose(sessions.table(t), expected, rtol=0, atol=SHARE * expected.max())
    assert np.isin(np.unique(np.round(times, 9)), np.round(sessions.table.breaks, 9)).all()
    check_table(sessions.table)


def test_the_dose_of_one_session():
    # At its time half of the onset is over: 1 - exp(-0.06). A day later: w = exp(-1/45).
    sessions = Sessions([10])
    assert sessions.table(10.0) == pytest.approx(1 - np.exp(-0.06), abs=1e-10)
    assert sessions.table(11.0) == pytest.approx(1 - np.exp(-0.12 * np.exp(-1 / 45)), abs=1e-7)
    np.testing.assert_array_equal(sessions.table([-1e4, 0, 7]), 0)


def test_the_decay_is_followed_for_years():
    sessions = Sessions(7.0 * np.arange(52))
    a, b = sessions.table(357 + np.array([365.0, 365.0 + 45.0]))
    # So late the dose is small and falls by a factor e in 45 days.
    assert a / b == pytest.approx(np.e, rel=1e-3)
    assert 0 <= sessions.table(357 + 3 * 365.0) < 1e-9


def test_three_hundred_sessions_are_cheap():
    tracemalloc.start()
    table = Sessions(3.5 * np.arange(300)).table
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # Five doubles a knot reach the core: a few megabytes.
    assert table.knots.size < 100_000
    assert peak < 100e6


# --- what they share


def test_stimuli_are_values():
    a, b = Pulses(np.array([1, 2]), width=0.5), Pulses([1.0, 2.0], width=0.5)
    assert a == b
    assert hash(a) == hash(b)
    assert a.table is a.table
    assert pickle.loads(pickle.dumps(a)) == a
    with pytest.raises(AttributeError):
        a.width = 2
    assert Pulses(5) == Pulses([5])


@pytest.mark.parametrize("kind", [Pulses(0.5), Episodes(0.5), Sessions(0.5), Steps([0], [1])])
def test_evaluation_keeps_shape_and_order(kind):
    t = np.array([[3.0, 0.5], [np.nan, -2.0]])
    values = kind(t)
    assert values.shape == (2, 2)
    assert np.isnan(values[1, 0])
    assert values[0, 1] == kind(0.5)
    assert values[0, 0] == kind(3.0)


def test_table_of_a_number_and_of_a_stimulus():
    constant = stimulus.table(np.float32(2.5), "here")
    np.testing.assert_array_equal(constant([-1e9, 0, 1e9]), 2.5)
    assert constant.breaks.size == 0
    steps = Steps([1], [2])
    assert stimulus.table(steps, "here") is steps.table
    assert stimulus.table(steps.table, "here") is steps.table


@pytest.mark.parametrize("value", [[1, 2], "3", None, True, np.ones(2), 1j, {"u": 1}])
def test_table_refuses_anything_else(value):
    with pytest.raises(ModelError) as caught:
        stimulus.table(value, "simulate(m): input 'u'")
    text = str(caught.value)
    assert text.startswith("simulate(m): input 'u': an input is a number or one of Steps, Pulses")
    assert type(value).__name__ in text


def test_table_tells_what_to_do_with_a_function():
    with pytest.raises(ModelError, match=r"Samples\(t, f\(t\)"):
        stimulus.table(np.sin, "simulate(m): input 'u'")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_table_refuses_a_number_that_is_not_finite(value):
    with pytest.raises(ModelError, match=f"input 'u': the value {value} is not finite"):
        stimulus.table(value, "input 'u'")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Steps([], []), "Steps: times is empty"),
        (lambda: Steps([1, 2], []), "Steps: values is empty"),
        (lambda: Steps([1, 2], [1]), "Steps: 2 times but 1 values"),
        (lambda: Steps([2, 1], [1, 2]), r"must be sorted, but 2 \(position 0\) is followed by 1"),
        (lambda: Steps([1, 1], [1, 2]), "times must increase, but 1 .* comes twice"),
        (lambda: Steps([1, np.nan], [1, 2]), "times has nan at position 1"),
        (lambda: Steps([1, 2], [1, np.inf]), "values has inf at position 1"),
        (lambda: Steps([1, 2], [1, None]), "values must be numbers, got None"),
        (lambda: Steps([1], ["a"]), "values must be numbers, got 'a'"),
        (lambda: Steps([1], [1j]), "values must be numbers"),
        (lambda: Steps([1], [True]), "values must be numbers, got True"),
        (lambda: Steps(np.array(["2020-01-01"], "M8[D]"), [1]), "numbers in the model's time unit"),
        (lambda: Steps([[1]], [1]), r"one row of numbers, got shape \(1, 1\)"),
        (lambda: Steps([1, [2, 3]], [1, 2]), "must be numbers in one row"),
        (lambda: Steps([1], [1e99]), r"values has 1e\+99; sizes up to 1e\+60"),
        (lambda: Steps([1], [1], before=np.nan), "Steps: before: the value nan"),
        (lambda: Steps([1], [1], before="x"), "Steps: before: expected a number, got 'x'"),
        (lambda: Pulses([]), "Pulses: times is empty"),
        (lambda: Pulses([2, 1]), "Pulses: times must be sorted"),
        (lambda: Pulses([1], width=0), r"width is 0 \(at time 1\); it must be positive"),
        (lambda: Pulses([1, 2], width=[1, -3]), r"width is -3 \(at time 2\)"),
        (lambda: Pulses([1], width=np.nan), "width has nan"),
        (lambda: Pulses([1, 2], height=[1, 2, 3]), "2 times but 3 values of height"),
        (lambda: Pulses([1], height=np.inf), "height has inf"),
        (lambda: Pulses([1], baseline=np.nan), "Pulses: baseline"),
        (lambda: Pulses(1e12, width=1e-6), r"width of 1e-06 is too small for the time 1e\+12"),
        (lambda: Samples([1, 2], [1, 2], kind="spline"), "'linear', 'previous' or 'cubic'"),
        (lambda: Samples([1, 2], [1, np.nan]), "Samples: values has nan"),
        (lambda: Samples([1, 1], [1, 2]), "Samples: times must increase"),
        (lambda: Episodes([1], sd=-1), r"sd is -1 \(at time 1\)"),
        (lambda: Episodes([1], sd=0), "sd is 0"),
        (lambda: Episodes([1], height=np.nan), "height has nan"),
        (lambda: Episodes([1, np.nan]), "Episodes: times has nan"),
        (lambda: Sessions([]), "Sessions: times is empty"),
        (lambda: Sessions([3, 2]), "Sessions: times must be sorted"),
        (lambda: Sessions([1e12]), "too small for the time"),
    ],
)
def test_nonsense_is_refused_where_it_is_given(make, message):
    with pytest.raises(ModelError, match=message):
        make()
