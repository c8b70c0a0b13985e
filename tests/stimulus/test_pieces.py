"""Steps, pulses and series against their closed forms."""

import numpy as np
from _tables import check_table
from hypothesis import given, settings
from hypothesis import strategies as st

from trustode.stimulus import Pulses, Samples, Steps

numbers = st.floats(-1e6, 1e6, allow_nan=False)


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
@settings(max_examples=60)
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
@settings(max_examples=60)
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


@given(
    points=st.lists(
        st.tuples(st.integers(-1000, 1000), st.floats(-10, 10)),
        min_size=1,
        max_size=15,
        unique_by=lambda point: point[0],
    ).map(sorted),
    kind=st.sampled_from(["linear", "previous", "cubic"]),
)
@settings(max_examples=90)
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
