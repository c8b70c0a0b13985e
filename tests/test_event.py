"""Events: when they are seen, in what order, and what they change; all against closed forms."""

import os
import pickle
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

import trustode as tr

TIGHT = tr.Solver(method="tsit5", rtol=1e-13, atol=1e-15)
METHODS = ["auto", "taylor", "tsit5", "dop853", "rodas5p"]
EPSILON = np.finfo(float).eps


def line(start=0.0, **rates):
    """States that grow at constant rates: every method is exact on them."""
    rates = rates or {"y": 1}
    return tr.Model("line", rates, initial=dict.fromkeys(rates, start))


def oscillator(omega=2.0):
    """x = sin(omega t)."""
    return tr.Model(
        "oscillator",
        {"x": "v", "v": "-omega**2*x"},
        params={"omega": omega},
        initial={"x": 0, "v": "omega"},
    )


def ball(e=0.8, floor=0.0):
    """A ball that is let go one unit above the floor, and its bounce."""
    model = tr.Model(
        "ball",
        {"x": "v", "v": "-g"},
        params={"g": 9.81, "e": e, "floor": floor},
        initial={"x": 1.0 + floor, "v": 0},
    )
    return model, tr.Event("x - floor", direction=-1, set={"v": "-e*v"}, name="bounce")


def impacts(e, n, g=9.81):
    """Time of each of n impacts, a geometric series."""
    fall = np.sqrt(2.0 / g)
    return fall + 2.0 * fall * e * (1.0 - e ** np.arange(n)) / (1.0 - e)


def seen(model, expression, t=(0.0, 10.0), **keywords):
    """Times and directions of one event."""
    how = {"solver": keywords.pop("solver", None), "params": keywords.pop("params", None)}
    found = tr.simulate(model, t, events=[tr.Event(expression, **keywords)], **how).events
    return found.t, found.direction.tolist()


# ------------------------------------------------------------------ when


def test_crossings_of_an_oscillator():
    t, direction = seen(oscillator(), "x", (0.0, 20.0), solver=TIGHT)
    assert t == pytest.approx(np.arange(1, 13) * np.pi / 2, rel=1e-12)
    assert direction == [-1, 1] * 6


@pytest.mark.parametrize(
    ("direction", "wanted"),
    [(1, [np.pi, 2 * np.pi]), (-1, [np.pi / 2, 1.5 * np.pi]), (0, np.arange(1, 5) * np.pi / 2)],
)
def test_direction_chooses(direction, wanted):
    t, way = seen(oscillator(), "x", (0.0, 7.0), direction=direction, solver=TIGHT)
    assert t == pytest.approx(wanted, rel=1e-12)
    assert direction == 0 or set(way) == {direction}


@pytest.mark.parametrize("expression", ["sin(40*t)", "sin(40*y)"])
@pytest.mark.parametrize("method", METHODS)
def test_many_crossings_in_one_step(method, expression):
    """A straight line takes steps with hundreds of crossings in each."""
    solution = tr.simulate(
        line(), [0.0, 100.0], events=[tr.Event(expression)], solver=tr.Solver(method=method)
    )
    assert solution.stats["n_steps"] < 20
    t = solution.events.t
    assert len(t) == int(4000 / np.pi)
    assert t == pytest.approx(np.arange(1, len(t) + 1) * np.pi / 40, rel=1e-12)
    assert set(np.diff(solution.events.direction).tolist()) == {-2, 2}


@pytest.mark.parametrize(
    "expression",
    ["1 - cos(t)", "(t - 3)**2", "t*t - 6*t + 9", "1 - cos(y)", "y*y - 6*y + 9", "(y - 3)**4",
     "abs(t - 3)", "-(y - 3)**2", "max(t - 3, 0)", "min(y - 3, 0)", "-t", "y", "y**2", "y**3",
     "0*y", "y - y"],
)  # fmt: skip
@pytest.mark.parametrize("direction", [-1, 0, 1])
def test_touching_zero_is_no_crossing(expression, direction):
    """Nor is starting there."""
    assert seen(line(), expression, direction=direction)[0].size == 0


@pytest.mark.parametrize("depth", [1e-4, 1e-8, 1e-12, 1e-14])
@pytest.mark.parametrize("sign", [1, -1])
def test_both_crossings_of_a_shallow_dip(depth, sign):
    t, direction = seen(line(), f"{sign}*((t - 3)**2 - {depth!r})")
    assert t - 3.0 == pytest.approx([-np.sqrt(depth), np.sqrt(depth)], abs=1e-14, rel=1e-2)
    assert direction == [-sign, sign]


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        ("(t - 3)**3", [3.0]),
        ("sign(t - 3)", [3.0]),
        ("abs(t - 3) - 1e-9", [3 - 1e-9, 3 + 1e-9]),
        ("max(t - 3, min(t - 5, 0))", [3.0]),
        ("(t - 3)*(t - 4)*(t - 5)", [3.0, 4.0, 5.0]),
        ("exp(-(t - 3)**2/2e-6) - 0.5", 3 + np.sqrt(2e-6 * np.log(2)) * np.array([-1, 1])),
    ],
)
def test_unwieldy_functions(expression, wanted):
    for solver in (None, tr.Solver(h_max=0.01)):
        if "exp" in expression and solver is None:
            continue
        assert seen(line(), expression, solver=solver)[0] == pytest.approx(wanted, rel=1e-11)


def test_what_crosses_in_one_direction_from_its_start_has_not_crossed():
    """x starts on zero upwards; the first crossing is half a period later."""
    solver = tr.Solver(method="tsit5", rtol=1e-12, atol=1e-14)
    t, direction = seen(oscillator(np.pi), "x", (0.0, 1.5), solver=solver)
    assert t == pytest.approx([1.0], rel=1e-11)
    assert direction == [-1]


@pytest.mark.parametrize(
    ("expression", "method"), [("t - 10", "tsit5"), ("t - 10", "rodas5p"), ("y - 10", "tsit5")]
)
def test_a_crossing_at_the_very_end_is_seen(expression, method):
    t, direction = seen(line(), expression, solver=tr.Solver(method=method))
    assert t == pytest.approx([10.0], rel=1e-15)
    assert direction == [1]


def test_far_from_zero_in_time():
    start = 1.7e9
    t, _ = seen(line(), "y - 2.5", start + np.array([0.0, 10.0]))
    assert t == pytest.approx([start + 2.5], abs=4 * EPSILON * start)


def test_close_to_zero_in_time():
    """Relative to the event's own time, not to the step's."""
    assert seen(line(), "y - 1e-9")[0] == pytest.approx([1e-9], rel=1e-12)


POLYNOMIAL = tr.Model(
    "polynomial",
    {"y": 1},
    params={f"c{i}": 0.0 for i in range(7)},
    initial={"y": -2.0},
)


@settings(max_examples=150)
@given(st.lists(st.integers(-100, 100), min_size=7, max_size=7), st.booleans())
@example([25, -100, 99, 0, 0, 0, 0], True)
def test_crossings_of_polynomials_are_their_real_roots(coefficients, of_time):
    assume(any(coefficients[1:]))
    roots = np.roots(coefficients[::-1])
    simple = all(
        abs(a - b) > 1e-3 for i, a in enumerate(roots) for b in roots[i + 1 :]
    )  # with its conjugate, that holds for a root near the real line too
    assume(simple and not any(abs(abs(r.real) - 2.0) < 1e-3 for r in roots))
    real = np.sort(roots[(roots.imag == 0.0) & (np.abs(roots.real) < 2.0)].real)
    name = "t" if of_time else "y"
    expression = " + ".join(f"c{i}*{name}**{i}" for i in range(7))
    params = {f"c{i}": c for i, c in enumerate(coefficients)}
    t, direction = seen(POLYNOMIAL, expression, [-2.0, 2.0], params=params)
    slopes = np.polyval(np.polyder(coefficients[::-1]), real)
    assert len(t) == len(real)
    assert np.abs(t - real).max(initial=0.0) < 1e-9
    assert direction == np.sign(slopes).tolist()


@pytest.mark.parametrize("gap", [1e-3, 1e-5, 1e-7])
@pytest.mark.parametrize("method", ["taylor", "tsit5", "dop853", "rodas5p"])
@pytest.mark.parametrize("name", ["t", "y"])
def test_rounding_errors_fire_nothing(name, method, gap):
    """Near close roots, terms that cancel leave noise that changes sign at every step of it."""
    roots = np.array([-1.65, -1.65 + gap, -1.6, 0.3])
    params = {f"c{i}": c for i, c in enumerate(np.poly(roots)[::-1])}
    expression = " + ".join(f"c{i}*{name}**{i}" for i in range(7))
    for h_max in (np.inf, 0.1, 0.013):
        solver = tr.Solver(method=method, h_max=h_max)
        t, _ = seen(POLYNOMIAL, expression, [-2.0, 2.0], params=params, solver=solver)
        # A dip of gap squared is far above the noise, or far below it.
        wanted = roots if gap > 1e-6 else roots[2:]
        assert t == pytest.approx(wanted, abs=1e-6)


# ------------------------------------------------------------------ what they change


@pytest.mark.parametrize("method", METHODS)
def test_a_ball_bounces(method):
    model, bounce = ball()
    solution = tr.simulate(
        model, np.linspace(0.0, 3.0, 61), events=bounce, solver=tr.Solver(method=method)
    )
    n = len(solution.events)
    assert n == 6
    assert solution.events.t == pytest.approx(impacts(0.8, n), rel=1e-12)
    assert solution.events.y[:, 1] == pytest.approx(
        -np.sqrt(2 * 9.81) * 0.8 ** np.arange(n), rel=1e-11
    )
    assert solution["x"].min() > -1e-12
    assert solution["v"][solution.t > solution.events.t[0]][0] > 0


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("floor", [0.0, 5.0])
@pytest.mark.parametrize("e", [0.8, 0.5, 1e-3, 1e-6])
def test_endless_bouncing_ends_with_a_status(method, e, floor):
    """Impacts pile up at a finite time; nothing hangs and nothing falls through the floor."""
    model, bounce = ball(e, floor)
    with pytest.raises(tr.SolveError, match=r"event bounce: .* t = .*\[EVENTS\]") as caught:
        tr.simulate(model, (0.0, 9.0), events=bounce, solver=tr.Solver(method=method))
    assert caught.value.status is tr.Status.EVENTS
    solution = caught.value.solution
    last = np.sqrt(2.0 / 9.81) * (1.0 + e) / (1.0 - e)
    assert solution.t[-1] == pytest.approx(last, rel=1e-9 if floor == 0.0 else 1e-6)
    assert solution["x"].min() > floor - 1e-10


def test_integrate_and_fire():
    """v' = I - v from 0 reaches 1 after log(I/(I - 1))."""
    model = tr.Model("neuron", {"v": "I - v"}, params={"I": 1.5}, initial={"v": 0})
    spike = tr.Event("v - 1", direction=1, set={"v": 0}, name="spike")
    solution = tr.simulate(model, (0.0, 20.0), events=spike, solver=TIGHT)
    interval = np.log(1.5 / 0.5)
    t = solution.events["spike"].t
    assert t == pytest.approx(interval * np.arange(1, len(t) + 1), rel=1e-12)
    assert len(t) == int(20.0 / interval)


def test_output_at_and_after_a_reset():
    """At the event's own time the state has its new value, like an input after its jump."""
    t = np.array([0.0, 0.5, 1.0, 1.5, 2.0, 2.5])
    back = tr.Event("t - 1", set={"y": "y - 5"}), tr.Event("t - 2", set={"y": 7})
    solution = tr.simulate(line(), t, events=back)
    assert solution.y[:, 0] == pytest.approx([0.0, 0.5, -4.0, -3.5, 7.0, 7.5], abs=1e-14)
    assert solution.events.y[:, 0] == pytest.approx([1.0, -3.0], abs=1e-14)
    assert solution([0.999999, 1.0, 1.25]).ravel() == pytest.approx([0.999999, -4.0, -3.75])
    own = tr.simulate(line(), (0.0, 2.5), events=back)
    assert {1.0, 2.0} <= set(own.t.tolist())
    assert own["y"][own.t == 1.0] == pytest.approx([-4.0])
    assert np.all(np.diff(own.t) > 0)


def test_resets_use_the_values_just_before():
    swap = tr.Event("t - 1", set={"a": "b", "b": "a"})
    model = tr.Model("pair", {"a": 0, "b": 0}, initial={"a": 1.0, "b": 2.0})
    assert tr.simulate(model, [0.0, 2.0], events=swap).y[-1].tolist() == [2.0, 1.0]


@pytest.mark.parametrize("order", [("add", "double"), ("double", "add")])
def test_events_at_one_instant_happen_in_order_of_listing(order):
    model = tr.Model("still", {"a": 0, "y": 1}, initial={"a": 1.0, "y": 0.0})
    events = {
        "add": tr.Event("y - 1", set={"a": "a + 1"}, name="add"),
        "double": tr.Event("3*t - 3", set={"a": "2*a"}, name="double"),
        "look": tr.Event("sin(t - 1)", name="look"),
    }
    listed = [events["look"], *(events[name] for name in order)]
    solution = tr.simulate(model, [0.0, 2.0], events=listed)
    assert solution.events.to_frame()["event"].tolist() == ["look", *order]
    assert solution["a"][-1] == (4.0 if order[0] == "add" else 3.0)
    assert solution.events.y[:, 0].tolist() == [1.0, 1.0, 2.0]


@pytest.mark.parametrize("method", ["taylor", "tsit5", "rodas5p"])
def test_events_that_only_look_change_nothing(method):
    model, solver = tr.models.load("lorenz"), tr.Solver(method)
    t = np.linspace(0.0, 20.0, 200)
    events = [tr.Event("Z - 27"), tr.Event("X*Y")]
    looking = tr.simulate(model, t, events=events, solver=solver)
    assert len(looking.events) > 20
    assert np.array_equal(looking.y, tr.simulate(model, t, solver=solver).y)


def test_a_reset_sets_off_another_event():
    """a jumps over 5, which sets b over 7, which sets c; none of them was near zero."""
    model = tr.Model("chain", {"a": 1, "b": 0, "c": 0}, initial={"a": 0, "b": 0, "c": 0})
    events = [
        tr.Event("b - 7", direction=1, set={"c": "c + a"}, name="third"),
        tr.Event("a - 5", direction=1, set={"b": 10}, name="second"),
        tr.Event("a - 1", direction=1, set={"a": 6}, name="first"),
        tr.Event("a - 5", direction=-1, name="never"),
    ]
    solution = tr.simulate(model, [0.0, 2.0], events=events)
    frame = solution.events.to_frame()
    assert frame["event"].tolist() == ["first", "second", "third"]
    assert frame["t"].tolist() == pytest.approx([1.0] * 3, rel=1e-14)
    assert frame["a"].tolist() == pytest.approx([1.0, 6.0, 6.0])
    assert frame["b"].tolist() == [0.0, 0.0, 10.0]
    assert solution.y[-1] == pytest.approx([7.0, 10.0, 6.0])


def test_resets_that_set_each_other_off_end_with_a_status():
    events = [
        tr.Event("y - 1", set={"y": 3}, name="up"),
        tr.Event("y - 2", set={"y": 0}, name="down"),
    ]
    with pytest.raises(tr.SolveError, match=r"again and again.*\[EVENTS\].*terminal") as caught:
        tr.simulate(line(), [0.0, 5.0], events=events)
    solution = caught.value.solution
    assert solution.t.tolist() == [0.0]
    assert solution.events.t == pytest.approx(np.ones(len(solution.events)))


def test_a_reset_onto_zero_of_another_event():
    """Put on zero from below: it crosses if it goes on up, and has not if it goes back."""
    for rate, wanted in ((1, [1.0]), (-1, [])):
        model = tr.Model("onto", {"y": 1, "x": rate}, initial={"y": 0.0, "x": -3.0})
        land = tr.Event("y - 1", set={"x": 0}, name="land")
        solution = tr.simulate(model, [0.0, 2.0], events=[land, tr.Event("x", name="zero")])
        assert solution.events["zero"].t == pytest.approx(wanted, rel=1e-14)


def test_a_thousand_resets_in_a_row():
    """A clock that is set back each time it reaches 0.01."""
    tick = tr.Event("y - 0.01", direction=1, set={"y": 0})
    solution = tr.simulate(line(), [0.0, 10.005], events=tick)
    assert len(solution.events) == 1000
    assert solution.events.t == pytest.approx(0.01 * np.arange(1, 1001), rel=1e-11)


# ------------------------------------------------------------------ ending a run


def test_a_terminal_event_ends_the_run_with_success():
    stop = tr.Event("y - 2.25", terminal=True, name="stop")
    solution = tr.simulate(line(), np.arange(11.0), events=[stop, tr.Event("y - 3")])
    assert solution.status is tr.Status.SUCCESS
    assert solution.t.tolist() == [0.0, 1.0, 2.0]
    assert solution.y[:, 0] == pytest.approx([0.0, 1.0, 2.0], abs=1e-14)
    assert solution.message == "ended by event stop at t = 2.25"
    assert solution.events.t == pytest.approx([2.25], rel=1e-14)
    own = tr.simulate(line(), (0.0, 10.0), events=stop)
    assert own.t[-1] == own.events.t[0]
    assert own["y"][-1] == pytest.approx(2.25, rel=1e-14)
    assert own(2.0) == pytest.approx(2.0)


def test_a_terminal_event_may_reset_as_well():
    stop = tr.Event("y - 2.5", terminal=True, set={"y": -1})
    solution = tr.simulate(line(), (0.0, 10.0), events=[tr.Event("y - 1", 1), stop])
    assert solution["y"][-1] == -1.0
    assert solution.events.y[:, 0] == pytest.approx([1.0, 2.5])
    stop = tr.Event("t - 2.5", terminal=True, set={"y": -1})
    row = tr.simulate(line(), [0.0, 2.5, 3.0], events=stop)
    assert row["y"].tolist() == [0.0, -1.0]


# ------------------------------------------------------------------ parameters and inputs


def test_parameters_and_inputs_in_events():
    """x' = u, u = 2 on [1, 3): x - 2 t + c k is zero where 2 (t - 1) = 2 t - c k never is."""
    model = tr.Model("fed", {"x": "u"}, params={"k": 3.0}, inputs={"u": 0.0}, initial={"x": 0})
    pulse = {"u": tr.Steps([1.0, 3.0], [2.0, 0.0])}
    events = [
        tr.Event("x - k", name="level"),
        tr.Event("u - 1", name="jump"),
        tr.Event("x*u - k", name="both"),
    ]
    found = tr.simulate(model, [0.0, 5.0], events=events, inputs=pulse).events
    assert found["level"].t == pytest.approx([2.5], rel=1e-14)
    assert found["jump"].t.tolist() == [1.0, 3.0]
    assert found["jump"].direction.tolist() == [1, -1]
    assert found["both"].t == pytest.approx([1.75, 3.0], rel=1e-14)
    other = tr.simulate(model, [0.0, 5.0], events=events, inputs=pulse, params={"k": 1.0})
    assert other.events["level"].t == pytest.approx([1.5], rel=1e-14)


def test_a_ramp_in_an_event_and_its_reset():
    """u = t: u - 2 at 2, where x is set to u + k."""
    model = tr.Model("ramp", {"x": 0}, params={"k": 1.5}, inputs={"u": 0.0}, initial={"x": 0})
    ramp = {"u": tr.Samples([0.0, 10.0], [0.0, 10.0])}
    solution = tr.simulate(
        model, [0.0, 4.0], events=tr.Event("u - 2", set={"x": "u + k"}), inputs=ramp
    )
    assert solution.events.t == pytest.approx([2.0], rel=1e-14)
    assert solution["x"][-1] == pytest.approx(3.5, rel=1e-14)


def test_a_jump_of_an_input_may_reset_at_an_output_time():
    model = tr.Model("kick", {"x": 0}, inputs={"u": 0.0}, initial={"x": 1})
    kick = tr.Event("u - 0.5", direction=1, set={"x": "x + 1"})
    pulse = {"u": tr.Steps([1.0, 2.0, 3.0], [1.0, 0.0, 1.0])}
    solution = tr.simulate(model, [0.0, 1.0, 2.0, 3.0, 4.0], events=kick, inputs=pulse)
    assert solution.events.t.tolist() == [1.0, 3.0]
    assert solution["x"].tolist() == [1.0, 2.0, 2.0, 3.0, 3.0]


def test_a_jump_of_an_input_leaves_zero_behind():
    """What the function is behind its jump is no rounding error: it fires once."""
    model = tr.Model("m", {"x": "2 - x"}, initial={"x": 0}, inputs={"u": 0})
    event = tr.Event("2*u - x/40 - 0.5", direction=1, set={"x": "x/2"})
    step = tr.Steps([0.0, 1.0], [0.0, 1.0])
    solution = tr.simulate(model, [0.0, 2.0], events=event, inputs={"u": step}, solver=TIGHT)
    assert solution.events.t.tolist() == [1.0]
    half = 1.0 - np.exp(-1.0)
    assert solution.y[-1, 0] == pytest.approx(2.0 - (2.0 - half) * np.exp(-1.0), rel=1e-12)


def test_symbols_and_names_that_look_taken():
    now, event0 = tr.states("now event0")
    model = tr.Model("names", {now: 1, event0: 2}, initial={now: 0, event0: 0})
    solution = tr.simulate(model, [0.0, 3.0], events=[tr.Event(event0 - 3, set={now: event0})])
    assert solution.events.t == pytest.approx([1.5])
    assert solution["now"][-1] == pytest.approx(4.5)


# ------------------------------------------------------------------ results and refusals


def test_the_log_prints_and_tabulates_itself():
    model, bounce = ball()
    solution = tr.simulate(model, (0.0, 2.0), events=[bounce, tr.Event("v", -1)])
    text = repr(solution.events)
    assert "bounce: 3 at t = 0.451524, 1.17396, 1.75191" in text
    assert "6 events" in repr(solution)
    frame = solution.events.to_frame()
    assert list(frame.columns) == ["event", "t", "direction", "x", "v"]
    assert frame["event"].tolist() == ["bounce", 1, "bounce", 1, "bounce", 1]
    assert len(solution.events[1]) == len(solution.events["bounce"]) == 3
    with pytest.raises(tr.OptionError, match="no event 'bonce'; did you mean 'bounce'"):
        solution.events["bonce"]
    assert len(tr.simulate(model, (0.0, 2.0)).events) == 0


def test_solutions_with_events_travel():
    model, bounce = ball()
    solution = tr.simulate(model, np.linspace(0.0, 2.0, 5), events=bounce)
    twin = pickle.loads(pickle.dumps(solution))
    assert np.array_equal(twin.events.t, solution.events.t)
    assert np.array_equal(twin(0.7), solution(0.7))
    symbolic = tr.Event(tr.states("x") - 1, set={"x": 2 * tr.states("x")})
    assert pickle.loads(pickle.dumps(symbolic)).expression == "x - 1"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: tr.Event("y", direction=2), "direction=2 must be -1, 0 or 1"),
        (lambda: tr.Event("y", direction=True), "direction=True"),
        (lambda: tr.Event(True), "not an expression"),
        (lambda: tr.Event(lambda t, y: y), "not an expression.*T - 0.5"),
        (lambda: tr.Event("y", terminal=3), "terminal=3 must be True or False"),
        (lambda: tr.Event("y", name=3), "the name must be text"),
        (lambda: tr.Event("y", set=3), "expected a mapping"),
        (lambda: tr.Event("y", stop=True), "unknown keyword 'stop'"),
        (lambda: seen(line(), "z"), "line: event 0: .*unknown name 'z'"),
        (lambda: seen(line(), tr.states("z")), "line: event 0 uses the symbol 'z'"),
        (lambda: seen(line(), "y", name="hit", set={"x": 1}), "event hit sets 'x', which is not"),
        (lambda: seen(line(), "y", set={"y": "1/0"}), "event 0, set y: .*division by zero"),
        (lambda: tr.simulate(line(), [0, 1], events="y"), "must be a list of tr.Event"),
        (lambda: tr.simulate(line(), [0, 1], events=["y"]), r"write tr.Event\('y'\)"),
        (
            lambda: tr.simulate(line(), [0, 1], events=[tr.Event("y", name="a")] * 2),
            "two events are called 'a'",
        ),
        (lambda: seen(line(), "y", solver=tr.Solver(method="LSODA")), "events need a native"),
    ],
)  # fmt: skip
def test_wrong_events_are_named(make, message):
    with pytest.raises(tr.TrustodeError, match=message):
        make()


@pytest.mark.parametrize(
    "bad",
    [tr.Event("log(2 - y)", name="bad"), tr.Event("y - 1", set={"y": "sqrt(0*t-y)"}, name="bad")],
)
def test_what_is_not_finite_ends_with_a_status(bad):
    with pytest.raises(tr.SolveError, match=r"event bad: its function or .*not finite") as caught:
        tr.simulate(line(), [0.0, 5.0], events=bad)
    assert caught.value.status is tr.Status.NONFINITE


def test_without_a_compiler(no_compiler):
    model, bounce = ball()
    with pytest.warns(tr.CompileWarning):
        solution = tr.simulate(model, [0.0, 2.0], events=bounce)
    stiff = tr.Solver("rodas5p")
    tangents = tr.simulate(model, [0, 1], events=bounce, solver=stiff, sensitivities=["g"])
    # t = sqrt(2 / g)
    assert tangents.events.dtdp[0, 0] == pytest.approx(-0.5 * np.sqrt(2.0 / 9.81**3))
    assert solution.stats["backend"] == "numpy"
    assert solution.events.t == pytest.approx(impacts(0.8, 3), rel=1e-12)


@pytest.mark.skipif(os.name != "posix", reason="sends a POSIX signal")
@pytest.mark.parametrize(
    "event_text", ['"sin(1e7*t)"', '"y - 0.001", direction=1, set={"y": 0}', '"sin(40*t) + 2"']
)
def test_an_interrupt_ends_a_long_watch(event_text):
    script = textwrap.dedent(
        f"""
        import trustode as tr
        m = tr.Model("line", {{"y": 1}}, initial={{"y": 0}})
        e = tr.Event({event_text})
        s = tr.Solver(max_steps=10**9, h_max=0.01)
        tr.simulate(m, [0.0, 1e-4], events=e)
        print("go", flush=True)
        try:
            tr.simulate(m, [0.0, 1e7], events=e, solver=s)
        except KeyboardInterrupt:
            print("stopped", flush=True)
        """
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    try:
        assert process.stdout.readline().strip() == b"go"
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        start = time.perf_counter()
        assert process.communicate(timeout=30)[0].strip() == b"stopped"
        assert time.perf_counter() - start < 3.0
    finally:
        process.kill()


class Asked(Exception):
    """What the signal of a timer raises."""


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs a timer's signal")
def test_an_interrupt_is_heard_at_any_moment():
    # A series begins and another method takes over, here within a millisecond or so.
    def ask(number, frame):
        raise Asked

    x = tr.states("x")
    model = tr.Model("line", {x: 1}, initial={x: 0})
    event = tr.Event("x - 0.001", direction=1, set={"x": 0})
    solver = tr.Solver(max_steps=10**9, h_max=0.01, time_limit=2.0)
    # Both have to be compiled: an interrupt while Python opens a file leaves it to be closed later.
    once = tr.Solver(max_steps=10**5, h_max=0.01)
    with pytest.raises(tr.SolveError, match="steps"):
        tr.simulate(model, [0.0, 1e7], events=event, solver=once)
    before = signal.signal(signal.SIGALRM, ask)

    def interrupted(delay):
        signal.setitimer(signal.ITIMER_REAL, delay)
        tr.simulate(model, [0.0, 1e7], events=event, solver=solver)

    try:
        for delay in np.geomspace(5e-4, 2e-2, 25):
            with pytest.raises(Asked):
                interrupted(delay)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("method", ["auto", "tsit5", "dop853", "rodas5p"])
def test_an_output_at_the_time_of_a_reset_holds_what_was_set(method):
    """Wherever rounding puts the crossing of t - 3: x = exp(-a t), and 1 more from then on."""
    model = tr.Model("dose", {"x": "-a*x", "y": "a*x - y"}, {"a": 1.0}, {"x": 1.0, "y": 0.0})
    dose = tr.Event("t - 3", set={"x": "x + 1"})
    solver = tr.Solver(method=method)
    for a in np.linspace(1, 2, 101):
        found = tr.simulate(
            model, np.arange(0, 5.01, 0.25), params={"a": a}, events=dose, solver=solver
        )
        assert found.y[12, 0] == pytest.approx(1 + np.exp(-3 * a), abs=1e-4)
        assert found.events.t[0] == 3.0
    line = tr.Model("line", {"x": 1}, initial={"x": 0.0})
    end = tr.Event("x - 2", terminal=True)
    assert tr.simulate(line, np.linspace(0, 4, 9), events=end, solver=solver).t[-1] == 2.0


@pytest.mark.parametrize("method", ["auto", "tsit5", "dop853", "rodas5p"])
@pytest.mark.parametrize("function", ["x - 0.99", "sign(x - 0.99)", "max(x - 0.99, 0) - 0.005"])
def test_functions_that_look_flat_all_over_a_step_are_searched(method, function):
    """Of x = cos t, which is above 0.99 for 0.28 of each 2 pi: 1 + 6 * 2 crossings up to t = 40."""
    model = tr.Model("swing", {"x": "y", "y": "-x"}, initial={"x": 1.0, "y": 0.0})
    found = tr.simulate(model, (0, 40), events=tr.Event(function), solver=tr.Solver(method=method))
    assert len(found.events) == 13
