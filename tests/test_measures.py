"""Measures of sampled curves whose extremes, period and fate are known in closed form."""

import numpy as np
import pytest

from trustode.measures import behaviour, extremes, mean, upward

T = np.linspace(0, 1000, 8001)
TURN = 2 * np.pi


def look(*columns, t=T, scale=2.0, noise=1e-9):
    y = np.stack(columns, axis=1)
    size = np.full(len(columns), scale)
    return behaviour(t, y, size, np.full(len(columns), noise), range(len(columns)))


def wave(period, phase=0.3, t=T):
    return np.sin(TURN * t / period + phase)


# ------------------------------------------------------------------ extremes, passages, mean


def test_extremes_lie_between_samples():
    # The parabola's error is of third order: (2 pi / 80)^3 / 6 times the slope at most.
    t = np.linspace(0, 100, 801)
    low, high = extremes(np.stack([wave(10, t=t), 3 + 2 * wave(10, 1.7, t=t)], axis=1))
    np.testing.assert_allclose(low, [-1, 1], atol=1e-5)
    np.testing.assert_allclose(high, [1, 5], atol=1e-5)


def test_extreme_of_a_parabola_is_exact():
    t = np.linspace(0, 1, 11)
    low, high = extremes(np.stack([(t - 0.437) ** 2, -((t - 0.437) ** 2)], axis=1))
    assert low[0] == pytest.approx(0, abs=1e-15)
    assert high[1] == pytest.approx(0, abs=1e-15)


def test_extremes_at_the_ends_and_of_constants_stay():
    t = np.linspace(0, 1, 11)
    low, high = extremes(np.stack([t, np.full(11, 0.3), 1e300 * t], axis=1))
    assert low.tolist() == [0, 0.3, 0]
    assert high.tolist() == [1, 0.3, 1e300]


def test_upward_passages_of_a_sine():
    # A cubic through points 2 pi / 80 apart is off by about (2 pi / 80)^4 / 50.
    t = np.linspace(0, 100, 801)
    times = upward(t, np.sin(TURN * t / 10 - 1), 0.0)
    np.testing.assert_allclose(times, 10 / TURN + 10 * np.arange(10), atol=2e-6)


def test_upward_passage_next_to_an_end_and_of_a_jump():
    t = np.linspace(0, 3, 4)
    assert upward(t, np.array([-1.0, 1, 3, 5]), 0.0) == pytest.approx([0.5])
    (time,) = upward(t, np.array([0.0, 0, 1, 1]), 0.5)
    assert time == pytest.approx(1.5)
    assert upward(t, np.array([1.0, 0, -1, -2]), 0.5).size == 0


def test_mean_between_times_off_the_grid():
    t = np.linspace(0, 1, 6)
    assert mean(t, np.stack([t, 1 - 2 * t], axis=1), 0.1, 0.5) == pytest.approx([0.3, 0.4])


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
