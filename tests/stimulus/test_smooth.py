"""Episodes and sessions against their closed forms."""

import tracemalloc

import numpy as np
import pytest
from _tables import SHARE, around, check_table, sorted_floats
from hypothesis import given, settings
from hypothesis import strategies as st

from trustode.stimulus import Episodes, Sessions


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
@settings(max_examples=25)
def test_episodes_anywhere_are_within_their_bound(times, heights, sds):
    heights, sds = np.array(heights[: len(times)]), np.array(sds[: len(times)])
    table = Episodes(times, height=heights, sd=sds).table
    t = around(table.knots)
    bound = SHARE * max(abs(heights).sum(), 1e-300)
    np.testing.assert_allclose(table(t), gaussians(t, times, heights, sds), rtol=0, atol=bound)
    check_table(table)


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
