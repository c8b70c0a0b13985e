"""Sensitivities through events: against closed forms, and differences of tight solves."""

import numpy as np
import pytest
import sympy

import trustode as tr

TIGHT = tr.Solver("dop853", rtol=1e-12, atol=1e-14)
METHODS = ["auto", "tsit5", "dop853", "rodas5p"]


def ball():
    """A ball that is thrown up, its bounce, and what it is differentiated by."""
    model = tr.Model(
        "ball",
        {"x": "v", "v": "-g"},
        params={"g": 9.81, "e": 0.8},
        initial={"x": 1.3, "v": 0.4},
    )
    bounce = tr.Event("x", direction=-1, set={"v": "-e*v"}, name="bounce")
    return model, bounce, ["g", "e", "x(0)", "v(0)"]


def flights(n):
    """Time, height and speed of the ball's flight after each of n impacts, in symbols."""
    g, e, x, v, t = sympy.symbols("g e x v t", positive=True)
    speed = sympy.sqrt(v**2 + 2 * g * x)
    start, found = (v + speed) / g, [(sympy.Integer(0), x + v * t - g * t**2 / 2, v - g * t)]
    for _ in range(n):
        speed *= e
        since = t - start
        found.append((start, speed * since - g * since**2 / 2, speed - g * since))
        start = start + 2 * speed / g
    values = {g: 9.81, e: 0.8, x: 1.3, v: 0.4}
    return sympy.lambdify(
        t,
        [[[part.diff(by).subs(values) for by in values] for part in each] for each in found],
        "math",
    )


@pytest.mark.parametrize("method", METHODS)
def test_impacts_of_a_ball_and_its_flights(method):
    model, bounce, which = ball()
    t = np.linspace(0.0, 2.2, 12)
    solver = tr.Solver(method, rtol=1e-10, atol=1e-12)
    found = tr.simulate(model, t, events=bounce, solver=solver, sensitivities=which)
    assert len(found.events) == 3
    known = flights(3)
    by_time = [each[0] for each in known(0.0)][1:]
    np.testing.assert_allclose(found.events.dtdp, by_time, rtol=1e-11, atol=1e-12)
    for row, now in zip(found.dydp, t, strict=True):
        flight = int(np.searchsorted(found.events.t, now, side="right"))
        np.testing.assert_allclose(row, known(now)[flight][1:], rtol=1e-10, atol=1e-11)


def test_the_log_holds_derivatives_of_what_it_lists():
    """At an impact the height is 0 whatever happens, and the speed before it is known."""
    model, bounce, which = ball()
    log = tr.simulate(model, [0, 1.0], events=bounce, solver=TIGHT, sensitivities=which).events
    g, x, v = 9.81, 1.3, 0.4
    speed = np.sqrt(v**2 + 2 * g * x)
    by = np.array([x, 0.0, g, v]) / -speed
    assert log["bounce"].dydp.shape == (1, 2, 4)
    np.testing.assert_allclose(log["bounce"].dydp[0], [np.zeros(4), by], rtol=1e-12, atol=1e-13)
    assert log["bounce"].dtdp.shape == (1, 4)
    without = tr.simulate(model, [0, 1.0], events=bounce).events
    assert without.dtdp is None
    assert without.dydp is None


def test_own_steps_carry_them_too():
    model, bounce, which = ball()
    how = {"events": bounce, "sensitivities": which, "solver": tr.Solver("tsit5", rtol=1e-9)}
    own = tr.simulate(model, (0.0, 2.2), **how)
    asked = tr.simulate(model, own.t, **how)
    assert np.array_equal(own.dydp, asked.dydp)
    assert np.isfinite(own.dydp).all()


@pytest.mark.parametrize("method", METHODS)
def test_a_dose_at_a_time_that_is_a_parameter(method):
    """x' = -k x and a dose d at s: its time, amount and the rate have closed derivatives."""
    model = tr.Model(
        "dosed", {"x": "-k*x"}, params={"k": 0.7, "d": 1.5, "s": 1.2}, initial={"x": 2}
    )
    dose = tr.Event("t - s", set={"x": "x + d"})
    t = np.array([0.0, 1.0, 1.2, 2.0, 3.0])
    solver = tr.Solver(method, rtol=1e-10, atol=1e-12)
    found = tr.simulate(model, t, events=dose, solver=solver, sensitivities=["k", "d", "s"])
    late, since = t >= 1.2, t - 1.2
    given = np.where(late, np.exp(-0.7 * since), 0.0)
    by_k = -t * 2.0 * np.exp(-0.7 * t) - since * 1.5 * given
    known = np.stack([by_k, given, 0.7 * 1.5 * given], axis=1)
    np.testing.assert_allclose(found.dydp[:, 0], known, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(found.events.dtdp, [[0.0, 0.0, 1.0]], atol=1e-14)


def test_a_function_that_is_zero_at_the_start_changes_nothing():
    """It has not crossed yet: the ball leaves the floor, and comes back at 2 v / g."""
    model, bounce, which = ball()
    how = {"initial": {"x": 0.0, "v": 3.0}, "events": bounce, "solver": TIGHT}
    found = tr.simulate(model, [0.0, 0.3, 0.9], sensitivities=which, **how)
    g, e, v = 9.81, 0.8, 3.0
    t = found.t[1]
    np.testing.assert_allclose(found.dydp[1, 0], [-(t**2) / 2, 0.0, 1.0, t], atol=1e-12)
    by_time = [-2 * v / g**2, 0.0, 1 / v, 2 / g]
    np.testing.assert_allclose(found.events.dtdp, [by_time], rtol=1e-11, atol=1e-13)
    since = found.t[2] - 2 * v / g
    by_v = e * since - (e * v - g * since) * 2 / g
    np.testing.assert_allclose(found.dydp[2, 0, 3], by_v, rtol=1e-11)


def differences(model, t, name, **how):
    """Differentiate states, event times and states at events with five points."""
    value, total = model.defaults[name], 0.0
    step = 1e-3 * value
    for shift, weight in ((-2, 1.0), (-1, -8.0), (1, 8.0), (2, -1.0)):
        found = tr.simulate(model, t, params={name: value + shift * step}, solver=TIGHT, **how)
        parts = np.concatenate([found.y.ravel(), found.events.t, found.events.y.ravel()])
        total = total + weight * parts
    return total / (12.0 * step)


def clock():
    """An oscillator that is hit where it passes a line that moves with it, with time and input."""
    model = tr.Model(
        "clock",
        {"x": "v", "v": "-w*sin(x) - c*v + u"},
        params={"w": 4.0, "c": 0.15, "b": 0.35, "q": 0.4},
        initial={"x": 1.0, "v": 0},
        inputs={"u": 0.0},
    )
    hit = tr.Event("x - b*cos(t/3) - u", direction=-1, name="hit",
                   set={"v": "v*(1 - q*x**2) - q*u*t", "x": "x - b*q*v**2/9"})  # fmt: skip
    end = tr.Event("v - 40*w*b*(t - 9)", terminal=True, name="end")
    wave = np.linspace(0.0, 12.0, 121)
    drive = tr.Samples(wave, 0.2 * np.sin(wave))
    return model, {"events": [hit, end, tr.Event("x*v - q")], "inputs": {"u": drive}}


@pytest.mark.parametrize(
    ("method", "rtol"), [("dop853", 1e-10), ("rodas5p", 1e-10), ("auto", 1e-9)]
)
def test_resets_terminal_events_and_moving_inputs_agree_with_differences(method, rtol):
    model, how = clock()
    t, which = np.linspace(0.0, 12.0, 7), ["w", "c", "b", "q"]
    solver = tr.Solver(method, rtol=rtol, atol=1e-2 * rtol)
    found = tr.simulate(model, t, solver=solver, sensitivities=which, **how)
    assert len(found.events["hit"]) > 2
    assert len(found.events["end"]) == 1
    assert len(found.t) == 5
    log = found.events
    for k, name in enumerate(which):
        known = differences(model, t, name, **how)
        parts = found.dydp[:, :, k], log.dtdp[:, k], log.dydp[:, :, k]
        got = np.concatenate([part.ravel() for part in parts])
        np.testing.assert_allclose(got, known, rtol=1e-6, atol=2e-7 * np.abs(known).max())


def test_a_reset_that_sets_off_another_shares_its_time():
    """At x = b the counter rises by b; that makes it pass c, and x starts anew at c."""
    model = tr.Model(
        "chain", {"x": "r", "n": 0}, params={"r": 2.0, "b": 1.5, "c": 1.0}, initial={"x": 0, "n": 0}
    )
    events = [
        tr.Event("x - b", direction=1, set={"n": "n + b"}),
        tr.Event("n - c", direction=1, set={"x": "c*x", "n": "n*c"}),
    ]
    found = tr.simulate(model, [0.0, 1.0], events=events, sensitivities=["r", "b", "c"])
    assert found.events.event.tolist() == [0, 1]
    # t = b/r; then x = c b + r (t - b/r) and n = b c.
    by_time = [-1.5 / 4.0, 0.5, 0.0]
    np.testing.assert_allclose(found.events.dtdp, [by_time, by_time], atol=1e-12)
    np.testing.assert_allclose(found.dydp[-1], [[1.0, 0.0, 1.5], [0.0, 1.0, 1.5]], atol=1e-9)


def test_events_of_one_function_share_its_time():
    """The first moves the state off the line; the second happens at that time all the same."""
    model = tr.Model(
        "two", {"x": "r", "n": 0}, params={"r": 2.0, "b": 1.5}, initial={"x": 0, "n": 0}
    )
    events = [
        tr.Event("x - b", direction=1, set={"x": "b - b**2"}),
        tr.Event("x - b", direction=1, set={"n": "t"}),
    ]
    found = tr.simulate(model, [0.0, 1.0], events=events, sensitivities=["r", "b"])
    by_time = [-1.5 / 4.0, 0.5]
    np.testing.assert_allclose(found.events.dtdp, [by_time, by_time], atol=1e-12)
    # x = b - b^2 + r t - b
    np.testing.assert_allclose(found.dydp[-1], [[1.0, -3.0], by_time], atol=1e-9)


def test_what_an_input_sets_off_happens_when_it_jumps():
    """Neither the time of the jump nor the side it comes from depends on any parameter."""
    model = tr.Model(
        "switched", {"x": "k - x"}, params={"k": 2.0, "q": 0.5}, initial={"x": 0}, inputs={"u": 0}
    )
    how = {
        "inputs": {"u": tr.Steps([0.0, 1.0], [0.0, 1.0])},
        "events": tr.Event("u*k - x/40 - 0.5", direction=1, set={"x": "q*x"}),
        "solver": TIGHT,
    }
    found = tr.simulate(model, [0.0, 1.0, 2.0], sensitivities=["k", "q"], **how)
    assert found.events.t.tolist() == [1.0]
    assert found.events.dtdp.tolist() == [[0.0, 0.0]]
    a = 1.0 - np.exp(-1.0)  # x = 2 a at 1
    known = [a + 0.5 * a * np.exp(-1.0), 2.0 * a * np.exp(-1.0)]
    np.testing.assert_allclose(found.dydp[-1, 0], known, rtol=1e-10)


def test_a_function_that_jumps_tells_no_derivative_of_its_time():
    """That of sign(t - b) is 0 on both sides, yet the time is b."""
    model = tr.Model("line", {"x": 1}, params={"b": 1.0}, initial={"x": 0})
    how = {"sensitivities": ["b"], "solver": TIGHT}
    only_seen = tr.simulate(model, [0.0, 2.0], events=tr.Event("sign(t - b)"), **how)
    assert only_seen.events.t == pytest.approx([1.0])
    assert np.isnan(only_seen.events.dtdp).all()
    assert only_seen.dydp[-1, 0, 0] == 0.0
    event = tr.Event("sign(t - b)", set={"x": 0}, name="cross")
    with pytest.raises(tr.SolveError, match=r"event cross: .*derivative of its time") as caught:
        tr.simulate(model, [0.0, 2.0], events=event, **how)
    assert caught.value.status is tr.Status.NONFINITE


def test_stiff_relaxation_with_a_reset():
    """A fast state follows a slow one, which is set back where the fast one passes b."""
    model = tr.Model(
        "stiff", {"x": "1e6*(y**2 - x)", "y": "a"}, params={"a": 1.0, "b": 4.0},
        initial={"x": 0, "y": 0},
    )  # fmt: skip
    event = tr.Event("x - b", direction=1, set={"y": "y - b/4", "x": "(y - b/4)**2"})
    solver = tr.Solver("auto", rtol=1e-9, atol=1e-11)
    found = tr.simulate(model, [0.0, 2.5], events=event, sensitivities=["a", "b"], solver=solver)
    assert found.stats["stiff"]
    # y = a t crosses sqrt(b), but for a lag of 1e-6; then y = a t - b/4.
    np.testing.assert_allclose(found.events.dtdp, [[-2.0, 0.25]], rtol=1e-5)
    np.testing.assert_allclose(found.dydp[-1, 1], [2.5, -0.25], rtol=1e-5)
    np.testing.assert_allclose(found.dydp[-1, 0], [2 * 1.5 * 2.5, -2 * 1.5 * 0.25], rtol=1e-5)


@pytest.mark.parametrize("method", ["auto", "tsit5", "dop853", "rodas5p"])
def test_a_reset_that_puts_another_on_zero_shares_its_time(method):
    """A sets y to 1/2 when a t = 1, where B, y = 1/2, fires too: both times are 1/a."""
    model = tr.Model("chain", {"x": "a", "y": "-b*y"}, {"a": 1.3, "b": 0.7}, {"x": 0.0, "y": 1.0})
    events = [
        tr.Event("x - 1", direction=1, set={"y": 0.5}, name="A"),
        tr.Event("y - 0.5", direction=-1, set={"x": "x + 3*y - a*b"}, name="B"),
    ]
    found = tr.simulate(
        model, np.linspace(0, 0.95, 20), events=events, sensitivities=["a", "b"],
        solver=tr.Solver(method=method, rtol=1e-10, atol=1e-12),
    )  # fmt: skip
    a, b, t = 1.3, 0.7, found.t[-1]
    assert found.events.t == pytest.approx([1 / a, 1 / a])
    assert found.events.dtdp == pytest.approx(np.array([[-1 / a**2, 0.0]] * 2))
    # Then x = 1 + 3/2 - a b + a (t - 1/a) and y = exp(-b (t - 1/a)) / 2.
    y = 0.5 * np.exp(-b * (t - 1 / a))
    exact = np.array([[t - b, -a], [-b * y / a**2, -(t - 1 / a) * y]])
    assert found.dydp[-1] == pytest.approx(exact, abs=1e-7)
