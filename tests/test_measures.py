"""Measures of sampled curves whose extremes, period and fate are known in closed form."""

import numpy as np
import pytest

from trustode.measures import Behaviours, Sampled, behaviours, extents

T = np.linspace(0, 1000, 8001)
TURN = 2 * np.pi


def measured(*columns, t=T):
    """Extents of samples and the means, shape (n_state,)."""
    y = np.stack(columns, axis=1)
    return extents(Sampled(t, y[None]), 1, range(y.shape[1]), (t[0], t[-1]))


def look(*columns, t=T, scale=2.0, noise=1e-9):
    feed, seen = Sampled(t, np.stack(columns, axis=1)[None]), range(len(columns))
    size = np.ones((1, len(columns)))
    span = (t[0], t[-1])
    found = behaviours(
        feed, measured(*columns, t=t), seen, scale * size, noise * size, span, look_at=seen
    )
    return Behaviours(*(each[0] for each in found))


def wave(period, phase=0.3, t=T):
    return np.sin(TURN * t / period + phase)


# ------------------------------------------------------------------ extremes, passages, mean


def test_extremes_lie_between_samples():
    # A cubic through four samples is off by (2 pi / 80)^4 / 24 of the amplitude at most.
    t = np.linspace(0, 100, 801)
    found = measured(wave(10, t=t), 3 + 2 * wave(10, 1.7, t=t), t=t)
    np.testing.assert_allclose(found.low[0], [-1, 1], atol=4e-6)
    np.testing.assert_allclose(found.high[0], [1, 5], atol=4e-6)


def test_extreme_of_a_parabola_is_exact():
    t = np.linspace(0, 1, 11)
    found = measured((t - 0.437) ** 2, -((t - 0.437) ** 2), t=t)
    assert found.low[0, 0] == pytest.approx(0, abs=1e-15)
    assert found.high[0, 1] == pytest.approx(0, abs=1e-15)


def test_extremes_at_the_ends_and_of_constants_stay():
    t = np.linspace(0, 1, 11)
    found = measured(t, np.full(11, 0.3), 1e300 * t, t=t)
    np.testing.assert_allclose(found.low[0], [0, 0.3, 0], atol=1e-16)
    np.testing.assert_allclose(found.high[0], [1, 0.3, 1e300], rtol=1e-15)


def test_parts_of_the_span():
    """The second half and the last fifth have extremes and means of their own."""
    found = measured(T, T**2)
    np.testing.assert_allclose(found.middle[0], [750, 625e3])
    np.testing.assert_allclose(found.swing[0], [500, 750e3])
    np.testing.assert_allclose(found.drift[0], [200, 360e3])
    np.testing.assert_allclose(found.rest[0], [900, (1e9 - 0.512e9) / 600])
    np.testing.assert_allclose(found.mean[0], [500, 1e6 / 3])


def test_upward_passages_of_a_sine():
    # Cubics through points 2 pi / 80 apart put a passage off by about (2 pi / 80)^4 / 50.
    t = np.linspace(0, 100, 801)
    found = look(np.sin(TURN * t / 10 - 1), t=t)
    assert found.start == pytest.approx(10 / TURN, abs=4e-6)
    assert found.end == pytest.approx(10 / TURN + 90, abs=4e-6)


def test_a_wave_of_jumps_passes_where_it_jumps():
    t = np.linspace(0, 100, 1001)
    found = look(np.where((t + 1.96) % 10 < 5, 1.0, -1.0), t=t)
    assert found.kind == "cycling"
    assert found.start == pytest.approx(8.05, abs=0.05)
    assert found.period == pytest.approx(10)


def test_mean_over_whole_cycles():
    # From passage to passage, where the wave alone would leave .04 over the whole span.
    t = np.linspace(0, 38, 801)
    found = look(0.7 + np.sin(TURN * t / 10), 3 - np.cos(TURN * t / 10), t=t)
    np.testing.assert_allclose(found.mean, [0.7, 3], atol=1e-6)


def test_of_very_many_cycles_the_last_thousand_count():
    t = np.linspace(0, 5000, 60_001)
    found = look(np.sin(TURN * t), t=t)
    assert found.kind == "cycling"
    assert found.period == pytest.approx(1, rel=1e-6)
    assert 1000 < found.end - found.start < 1030


# ------------------------------------------------------------------ behaviour


@pytest.mark.parametrize("period", [2.0, 7.3, 35.0, 177.0, 330.0])
def test_sine_cycles(period):
    found = look(wave(period))
    assert found.kind == "cycling"
    assert found.period == pytest.approx(period, rel=1e-6)
    # With 16 samples a cycle a passage is off by (2 pi / 16)^4 / 50 of a radian.
    assert found.spread < 1e-4
    # From one passage to another there are whole cycles.
    cycles = (found.end - found.start) / period
    assert cycles == pytest.approx(round(cycles), abs=1e-3)


def test_period_of_a_wave_that_passes_the_middle_several_times():
    # Periods 1, 2 and 3 times 2 pi: together 12 pi.
    found = look(np.sin(T) + 0.9 * np.sin(T / 2 + 0.3) + np.sin(T / 3))
    assert found.kind == "cycling"
    assert found.period == pytest.approx(6 * TURN, rel=1e-6)


def test_incommensurable_sum_is_irregular():
    found = look(np.sin(T) + np.sin(np.sqrt(2) * T) + np.sin(np.sqrt(5) * T / 3))
    assert found.kind == "irregular"
    assert found.spread > 0.1


@pytest.mark.parametrize("rate", [1e-4, 3e-4, 1e-3, 5e-3])
def test_slow_decay_is_no_cycle(rate):
    assert look(np.exp(-rate * T) * wave(35)).kind != "cycling"


@pytest.mark.parametrize("rate", [0.01, 0.1])
def test_decay_that_is_over_is_rest(rate):
    assert look(0.4 + np.exp(-rate * T) * wave(35)).kind == "resting"


@pytest.mark.parametrize("rate", [1e-4, 1e-3, 1e-2, 0.1])
def test_approach_to_a_smaller_cycle_is_a_cycle(rate):
    assert look((0.6 + 0.4 * np.exp(-rate * T)) * wave(35)).kind == "cycling"


@pytest.mark.parametrize("rate", [1e-4, 1e-3, 3e-3])
def test_growing_swing_is_a_cycle(rate):
    assert look(np.exp(rate * (T - 1000)) * wave(35)).kind == "cycling"


def test_damping_too_small_to_see_is_a_cycle():
    assert look(np.exp(-1e-5 * T) * wave(35)).kind == "cycling"


def test_swing_within_noise_is_rest():
    assert look(0.5 + 1e-4 * wave(35)).kind == "resting"
    assert look(0.5 + 0.05 * wave(35), noise=0.02).kind == "resting"


def test_creep_to_rest_is_rest():
    assert look(0.1 * np.exp(-T / 400)).kind == "resting"


@pytest.mark.parametrize("y", [T / 1000, np.tanh((T - 950) / 3), wave(900)])
def test_change_without_a_cycle_is_unsettled(y):
    found = look(y)
    assert found.kind == "unsettled"
    assert np.isnan(found.period)


def test_first_state_that_swings_decides():
    assert look(np.ones_like(T), wave(40)).period == pytest.approx(40, rel=1e-6)
    assert look(wave(20), wave(40)).period == pytest.approx(20, rel=1e-6)
