"""Rows 7 to 16: how a solve ends that cannot go on, and what it hands back."""

import math
import re
import time

import numpy as np
import pytest

import trustode as tr
from trustode import Status

SWING = tr.Model("swing", {"x": "v", "v": "-x"}, {}, {"x": 0.0, "v": 1.0})
OURS = ["auto", "taylor", "tsit5", "dop853", "rodas5p"]
SCIPYS = ["RK45", "DOP853", "Radau", "BDF", "LSODA"]


def failing(model, t, method="auto", **how):
    """Solve what fails; returns the error, after its parts were looked at."""
    solver = tr.Solver(method, **{"time_limit": 120.0} | how)
    with pytest.raises(tr.SolveError) as caught:
        tr.simulate(model, t, solver=solver)
    error = caught.value
    assert str(error).startswith(f"simulate({model.name}): ")
    assert f"[{error.status.name}]" in str(error)
    # The part that was reached, which the same call without raising gives too.
    part = error.solution
    assert part.status is error.status
    assert np.isfinite(part.y).all()
    assert part.t.tolist() == [x for x in np.atleast_1d(t) if x <= part.t[-1]]
    if "time_limit" not in how:
        again = tr.simulate(model, t, solver=solver, on_error="return")
        assert again.status is error.status
        assert np.array_equal(again.y, part.y)
    # The same model with the same method still solves what can be solved: up to there.
    end = part.t[0] + 0.9 * (part.t[-1] - part.t[0])
    if end > part.t[0] and error.status not in (Status.MAX_STEPS, Status.TIME_LIMIT):
        before = tr.simulate(model, [part.t[0], end], solver=solver)
        assert before.status is Status.SUCCESS
        assert np.isfinite(before.y).all()
    return error


@pytest.fixture(scope="module")
def root():
    """Finite as long as t is below k."""
    return tr.Model("root", {"x": "-x", "z": "x*log(k - t)"}, {"k": 1.5}, {"x": 1.0, "z": 0})


@pytest.mark.parametrize("method", [*OURS, *SCIPYS])
def test_row_07_not_finite_at_the_start(root, method, works):
    bad = root.replace(params={"k": -1.0})
    error = failing(bad, [0.0, 1.0], method)
    assert error.status is Status.NONFINITE
    assert "not finite at t = 0 (x = 1, z = 0) after 0 steps" in str(error)
    assert "Equation dz/dt reads k = -1, t = 0, x = 1." in str(error)
    assert error.solution.y.tolist() == [[1.0, 0.0]]
    # The same model with a value that is right.
    good = tr.simulate(bad, [0.0, 1.0], params={"k": 1.5}, solver=tr.Solver(method))
    assert good["x"][-1] == pytest.approx(math.exp(-1.0), rel=1e-2)


@pytest.mark.parametrize("method", [*OURS, *SCIPYS])
def test_row_08_not_finite_on_the_way(root, method):
    error = failing(root, [0.0, 0.5, 1.0, 2.0], method)
    assert error.status is Status.NONFINITE
    assert "Equation dz/dt reads k = 1.5, t = 1.49" in str(error) or "t = 1.5" in str(error)
    assert error.solution.t.tolist() == [0.0, 0.5, 1.0]
    assert error.solution["x"] == pytest.approx(np.exp([0.0, -0.5, -1.0]), rel=5e-3)


@pytest.mark.parametrize("method", ["tsit5", "dop853", "rodas5p"])
def test_row_08_a_step_is_cut_ten_times_at_most(method):
    """z' has no value behind k, which the first step passes a thousand million times over."""
    model = tr.Model("wall", {"z": "1 + log(k - t)/10**9"}, {"k": 1e-15}, {"z": 0.0})
    solver = tr.Solver(method, rtol=1e-2, atol=1.0)
    found = tr.simulate(model, [0.0, 2.0], solver=solver, on_error="return")
    assert found.status is Status.NONFINITE
    assert (found.stats["n_steps"], found.stats["n_rejected"]) == (0, 11)
    # A step that is a million times too long still finds its way.
    near = tr.simulate(model, [0.0, 2.0], params={"k": 1e-7}, solver=solver, on_error="return")
    assert near.stats["n_steps"] > 0


@pytest.mark.parametrize("method", OURS)
def test_row_07_a_start_that_is_infinite_for_some_runs(method):
    """log(0) is no start, though the rate there, -tanh(x), is a number."""
    model = tr.Model("m", {"x": "-tanh(x)"}, {"k": 1.0}, {"x": "log(k)"})
    solver, k = tr.Solver(method), np.ones(40)
    k[[1, 7]] = 0.0
    many = tr.ensemble(model, {"k": k}, [0.0, 1.0], solver=solver)
    assert np.flatnonzero(many.status).tolist() == [1, 7]
    assert set(many.status[[1, 7]]) == {Status.NONFINITE}
    assert np.isnan(many["x"][[1, 7], 1]).all()
    points = tr.scan(model, vary={"k": [1.0, 0.0]}, t=(0, 1), solver=solver).to_frame()
    assert points["status"].tolist() == [Status.SUCCESS, Status.NONFINITE]


@pytest.mark.parametrize("method", SCIPYS)
def test_row_08_a_step_that_met_nan_is_cut(method):
    """x' = -sqrt(x) from 1 is (1 - t/2)**2; a step past its end meets the root of x < 0."""
    model = tr.Model("tank", {"x": "-sqrt(x)"}, initial={"x": 1.0})
    found = tr.simulate(model, [0.0, 1.5], solver=tr.Solver(method, rtol=1e-3))
    assert found["x"][-1] == pytest.approx(0.25**2, rel=2e-2)


@pytest.mark.parametrize("method", [*OURS, *SCIPYS])
def test_row_09_finite_time_blow_up(method):
    """x' = x**2 from 1 is 1/(1 - t)."""
    model = tr.Model("pole", {"x": "x**2"}, initial={"x": 1.0})
    error = failing(model, [0.0, 0.5, 2.0], method)
    assert error.status is Status.DIVERGED
    assert "grows without bound at t = " in str(error)
    t, size = map(float, re.search(r"at t = (\S+) \(x = (\S+)\)", str(error)).groups())
    assert t == pytest.approx(1.0, rel=5e-3)
    assert size > 1e8
    assert error.solution["x"] == pytest.approx([1.0, 2.0], rel=5e-3)
    if method in OURS:
        took = []
        for _ in range(5):
            began = time.perf_counter()
            tr.simulate(model, [0.0, 2.0], solver=tr.Solver(method), on_error="return")
            took.append(time.perf_counter() - began)
        assert min(took) < 0.01


@pytest.mark.parametrize("method", [*OURS, "RK45", "Radau", "BDF"])
def test_row_10_a_step_too_small(method):
    """x' = -1/(2 x) from 1 is sqrt(1 - t): its slope at 1 is infinite, it is not."""
    model = tr.Model("quench", {"x": "-1/(2*x)"}, initial={"x": 1.0})
    error = failing(model, [0.0, 0.75, 2.0], method)
    assert error.status is Status.STEP_TOO_SMALL
    assert error.solution["x"] == pytest.approx([1.0, 0.5], rel=5e-3)
    hint = "loosen rtol" if method == "rodas5p" else 'Solver(method="rodas5p")'
    assert hint in str(error)


def stiff(rate):
    """Follows cos t at a distance of about 1/rate."""
    equations = {"x": "-k*(x - cos(t))", "v": "-v"}
    return tr.Model("pull", equations, {"k": rate}, {"x": 1.0, "v": 1.0})


@pytest.mark.parametrize("method", ["tsit5", "dop853", "taylor"])
def test_row_11_a_stiff_problem_on_an_explicit_method(method):
    model = stiff(3e4)
    with pytest.warns(tr.SolveWarning, match=r'is stiff for .*Solver\(method="rodas5p"\)'):
        found = tr.simulate(model, [0.0, 2.0], solver=tr.Solver(method))
    assert found["x"][-1] == pytest.approx(math.cos(2.0), abs=1e-4)
    assert tr.simulate(model, [0.0, 2.0]).stats["n_steps"] < 300


@pytest.mark.parametrize("method", ["tsit5", "taylor", "RK45"])
def test_row_11_ends_at_a_limit_that_says_so(method):
    error = failing(stiff(1e7), [0.0, 10.0], method, max_steps=1000)
    assert error.status is Status.MAX_STEPS
    assert f'The problem is stiff for {method!r}: use Solver(method="rodas5p")' in str(error)


@pytest.mark.parametrize("method", ["tsit5", "taylor", "RK45"])
def test_row_11_a_long_calm_problem_is_not_called_stiff(method):
    end = 6000.0 if method == "taylor" else 700.0
    assert tr.simulate(SWING, [0.0, end], solver=tr.Solver(method)).stats["n_steps"] > 3000


@pytest.mark.parametrize("method", [*OURS, "LSODA"])
def test_row_12_step_limit(method):
    error = failing(tr.models.load("van-der-pol"), [0.0, 1.0, 1000.0], method, max_steps=60)
    assert error.status is Status.MAX_STEPS
    assert "the step limit was reached at t = " in str(error)
    # Also where no step was taken at all.
    wild = tr.models.load("van-der-pol").replace(initial={"x": 1e9})
    assert failing(wild, [0.0, 1.0], method, max_steps=1).status is Status.MAX_STEPS


@pytest.mark.parametrize("method", [*OURS, *SCIPYS])
def test_row_12_time_limit(method):
    model, began = tr.models.load("lorenz"), time.perf_counter()
    error = failing(model, [0.0, 1e9], method, time_limit=0.1, max_steps=2**31 - 1)
    assert time.perf_counter() - began < 1.0
    assert error.status is Status.TIME_LIMIT
    assert "the time limit was reached at t = " in str(error)
    with pytest.raises(tr.OptionError, match="Solver: time_limit"):
        tr.Solver(time_limit=-1)


def test_row_12_time_limit_amid_the_events_of_one_step():
    model = tr.Model("rest", {"x": "0"}, initial={"x": 1.0})
    solver, event = tr.Solver(time_limit=0.2), tr.Event("sin(100000*t)")
    tr.simulate(model, [0.0, 1e-3], events=event)  # compiled by now
    began = time.perf_counter()
    with pytest.raises(tr.SolveError, match=r"\[TIME_LIMIT\]") as caught:
        tr.simulate(model, [0.0, 1e3], events=event, solver=solver)
    assert time.perf_counter() - began < 2.0
    seen = caught.value.solution.events.to_frame()["t"].to_numpy()
    assert seen == pytest.approx(math.pi / 1e5 * np.arange(1, len(seen) + 1), rel=1e-9)


@pytest.mark.parametrize("method", ["auto", "taylor"])
def test_row_12_what_a_time_limit_leaves_was_searched_for_events(method):
    """x = sin t crosses zero at each multiple of pi, also in the last step."""
    for limit in np.linspace(0.01, 0.05, 5):
        solver = tr.Solver(method, rtol=1e-9, time_limit=limit, max_steps=2**31 - 1)
        found = tr.simulate(
            SWING, (0.0, 1e9), events=tr.Event("x"), solver=solver, on_error="return"
        )
        assert found.status is tr.Status.TIME_LIMIT
        n = found.t[-1] / math.pi
        assert abs(n - round(n)) < 1e-4 or len(found.events.t) == math.floor(n)


@pytest.mark.parametrize("method", ["rodas5p", "Radau", "BDF"])
def test_row_13_a_jacobian_that_is_not_finite(method):
    model = tr.Model("bent", {"z": "-z", "x": "-x + sqrt(max(x - 1, 0))"}, {}, {"z": 1, "x": 1})
    error = failing(model, [0.0, 1.0], method)
    assert error.status is Status.NEWTON
    assert error.status is Status.SINGULAR
    assert "The derivative of dx/dt by x is inf there" in str(error)
    found = tr.simulate(model, [0.0, 1.0], solver=tr.Solver("tsit5"))
    assert found["x"][-1] == pytest.approx(math.exp(-1.0), rel=1e-4)


def test_row_13_a_matrix_that_is_singular_cuts_the_step():
    """Rodas5P factors 1/(gamma h) - J: for x' = k x that is zero for a single number k.

    Beside the singular step h the solution is 1e14 times too large. No step comes so far: it
    would hide what grows.
    """
    h, gamma = 0.125, 0.21193756319429014
    solver = tr.Solver("rodas5p", rtol=0.1, atol=1e30, h_max=h)
    k = 1.0 / (gamma * h)
    for value in (k, *(float(np.nextafter(k, to)) for to in (0.0, np.inf))):
        model = tr.Model("growth", {"x": "k*x"}, {"k": value}, {"x": 1.0})
        found = tr.simulate(model, [0.0, 16 * h], solver=solver)
        assert np.log(found.y[-1, 0]) == pytest.approx(value * 16 * h, rel=0.01)


def seen(function, end, model=SWING, **given):
    return tr.simulate(model, (0.0, end), events=tr.Event(function), **given).events


@pytest.mark.parametrize("method", ["auto", "tsit5", "dop853", "rodas5p"])
def test_row_14_events_at_the_ends_and_several_in_a_step(method):
    solver = tr.Solver(method, rtol=1e-9, atol=1e-12)
    # sin t: zero at the start, which is no crossing, and at the very end.
    assert len(seen("x", math.pi - 1e-6, solver=solver)) == 0
    times = seen("x", 3.5 * math.pi, solver=solver).t
    assert times == pytest.approx([math.pi, 2 * math.pi, 3 * math.pi], abs=1e-8)
    # Thirty crossings while the states stand still, in order.
    still = tr.Model("still", {"x": "0"}, initial={"x": 1.0})
    times = seen("cos(10*t)", 9.5, model=still, solver=solver).t
    assert times == pytest.approx((np.arange(len(times)) + 0.5) * math.pi / 10, abs=1e-9)
    assert len(times) == 30


def test_row_14_a_root_that_only_touches():
    still = tr.Model("still", {"x": "0"}, initial={"x": 1.0})
    assert len(seen("(t - 1)**2", 3.0, model=still)) == 0
    low = seen("(t - 1)**2 - 1/10000", 3.0, model=still).t
    assert low == pytest.approx([0.99, 1.01], abs=1e-9)


def test_row_14_an_event_function_that_is_not_finite():
    with pytest.raises(tr.SolveError, match=r"event 0: its function .*\[NONFINITE\]") as caught:
        seen("log(1/2 - x)", 5.0)
    assert caught.value.status is Status.NONFINITE
    assert caught.value.solution.t[-1] <= math.asin(0.5)


@pytest.mark.parametrize("method", OURS)
def test_row_14_none_is_missed_that_ten_points_a_step_show(method):
    """An oscillator that is pushed, and functions of it that cross zero now and then."""
    model = tr.Model("pushed", {"x": "v", "v": "-x - v/9 + cos(2*t)"}, {}, {"x": 1.0, "v": 0.0})
    functions = ["x*v - 1/20", "sin(7*x) - v", "x**3 - x/4 + tanh(5*v)/9", "cos(3*t) - x - v**2"]
    solver = tr.Solver(method, rtol=1e-5, atol=1e-7)
    events = [tr.Event(function, name=f"e{k}") for k, function in enumerate(functions)]
    found = tr.simulate(model, (0.0, 60.0), events=events, solver=solver)
    share = np.linspace(0.0, 1.0, 11)[:-1]
    t = np.append((found.t[:-1, None] + np.diff(found.t)[:, None] * share).ravel(), found.t[-1])
    x, v = found(t).T
    values = [
        x * v - 1 / 20,
        np.sin(7 * x) - v,
        x**3 - x / 4 + np.tanh(5 * v) / 9,
        np.cos(3 * t) - x - v**2,
    ]
    table = found.events.to_frame()
    for event, g in zip(events, values, strict=True):
        crossings = np.flatnonzero(np.sign(g[:-1]) * np.sign(g[1:]) < 0)
        assert len(crossings) > 10
        seen_at = table.loc[table["event"] == event.name, "t"].to_numpy()
        inside = np.searchsorted(seen_at, t[crossings + 1]) - np.searchsorted(seen_at, t[crossings])
        assert (inside % 2 == 1).all()


@pytest.mark.parametrize("size", [1e200, 1e307])
def test_row_14_an_event_function_that_is_nearly_too_large(size):
    """x = sin t passes 0.99 twice in a long step; sums of such values would overflow."""
    found = seen(f"{size!r}*(x - 0.99)", 3.0).t
    rise = math.asin(0.99)
    assert found == pytest.approx([rise, math.pi - rise], abs=1e-6)
    assert len(seen(f"x + {size!r}", 20.0)) == 0


def test_row_14_chatter_ends_with_events():
    """A ball that loses half its speed at each bounce never stops bouncing."""
    ball = tr.Model("ball", {"h": "w", "w": "-10"}, {}, {"h": 1.0, "w": 0.0})
    bounce = tr.Event("h", direction=-1, set={"w": "-w/2"}, name="bounce")
    with pytest.raises(tr.SolveError, match=r"event bounce: .*\[EVENTS\]") as caught:
        tr.simulate(ball, [0.0, 5.0], events=bounce)
    assert caught.value.status is Status.EVENTS is Status.ENDLESS
    # Down in sqrt(2/10), then flights that are halved each time: three times that in all.
    assert caught.value.solution.events.t[-1] == pytest.approx(3 * math.sqrt(0.2), rel=1e-5)


def test_row_14_many_events_are_all_there():
    still = tr.Model("still", {"x": "0"}, initial={"x": 1.0})
    n = 10**6
    solver = tr.Solver(h_max=0.05)
    times = seen("sin(1000*t)", (n + 0.5) * math.pi / 1000, model=still, solver=solver).t
    assert len(times) == n
    assert np.abs(times / (np.arange(1, n + 1) * math.pi / 1000) - 1).max() < 1e-12
    # Some of them in one step.
    once = seen("sin(1000*t)", 10.0, model=still).t
    assert once == pytest.approx(times[: len(once)], rel=1e-12)
    assert len(once) == int(10_000 / math.pi)


@pytest.mark.parametrize("method", [*OURS, "LSODA", "RK45"])
def test_row_15_a_slight_at_day_12(decay, method):
    """x' = u - x with u = -1 on [12, 13): declared, its edges are hit."""
    slight = tr.Pulses([12.0], height=-1.0, width=1.0)
    solver = tr.Solver(method, rtol=1e-8, atol=1e-11)
    found = tr.simulate(decay, [0.0, 12.0, 13.0, 20.0], inputs={"u": slight}, solver=solver)
    before = math.exp(-12.0)
    after = before * math.exp(-1.0) - (1 - math.exp(-1.0))
    wanted = [1.0, before, after, after * math.exp(-7.0)]
    assert found["x"] == pytest.approx(wanted, abs=1e-8)
    own = tr.simulate(decay, (0.0, 20.0), inputs={"u": slight}, solver=solver)
    assert {12.0, 13.0} <= set(own.t)


@pytest.mark.parametrize("method", ["auto", "tsit5", "dop853", "rodas5p", "LSODA"])
def test_row_15_a_jump_that_was_not_declared(method):
    """The same slight written into the equation, where the solver has to find it."""
    jump = "sign(t - 12)/2 - sign(t - 13)/2"
    model = tr.Model("hidden", {"x": f"-x - ({jump})"}, {}, {"x": 1.0})
    solver = tr.Solver(method, rtol=1e-6, atol=1e-9, h_max=0.5)
    found = tr.simulate(model, [0.0, 13.0, 20.0], solver=solver)
    after = math.exp(-13.0) - (1 - math.exp(-1.0))
    assert found["x"] == pytest.approx([1.0, after, after * math.exp(-7.0)], abs=1e-4)


def test_row_16_a_state_outside_its_range_is_kept_and_said():
    model = tr.Model("fall", {"T": "-1"}, {}, {"T": 0.5}, bounds={"T": (0, 1)})
    found = tr.simulate(model, [0.0, 2.0])
    assert found["T"] == pytest.approx([0.5, -1.5])
    assert found.outside == ("T",)
    assert "left their bounds: T" in repr(found)
    assert tr.simulate(model, [0.0, 0.4]).outside == ()


def test_row_16_also_in_many_runs():
    """T = .5 - a t, bounded by 0, over two units of time: it leaves from a = 1/4 on."""
    model = tr.Model("fall", {"T": "-a", "L": "0"}, {"a": 0.0}, {"T": 0.5, "L": 0.0},
                     bounds={"T": (0, 1), "L": (-1, 1)})  # fmt: skip
    a = np.array([0.0, 0.2, 0.3, 1.0])
    found = tr.ensemble(model, {"a": a}, [0.0, 1.0, 2.0])
    assert found["T"][:, -1] == pytest.approx(0.5 - 2 * a)
    assert {name: left.tolist() for name, left in found.outside.items()} == {"T": [0, 0, 1, 1]}
    assert "left their bounds: T in 2 of 4" in repr(found)
    within = tr.ensemble(model, {"a": a[:2]}, [0.0, 1.0, 2.0])
    assert within.outside == {}
    assert "bounds" not in repr(within)
    for measure in (["min", "max"], ["final"], ["mean", "regime"]):
        points = tr.scan(model, vary={"a": a, "L(0)": [0.0, 0.5]}, t=(0, 2), measure=measure)
        # On average over the second half it is below 0 from a = 1/3 on.
        left = [0, 0, int(measure[0] != "mean"), 1]
        assert {k: v.tolist() for k, v in points.outside.items()} == {"T": [[k, k] for k in left]}
        assert f"left their bounds: T in {2 * sum(left)} of 8" in repr(points)
    assert tr.scan(model, vary={"a": a}, t=(0, 2), measure=["period"]).outside == {}


def test_row_16_a_run_that_failed_left_nothing_by_that():
    pole = tr.Model("pole", {"x": "a*x**2"}, {"a": 1.0}, {"x": 1.0}, bounds={"x": (0, 3)})
    found = tr.ensemble(pole, {"a": [0.1, 1.0]}, [0.0, 0.5, 2.0])
    assert [tr.Status(each).name for each in found.status] == ["SUCCESS", "DIVERGED"]
    # Half-way it is 1/(1 - 1/2) = 2; of what lies behind nothing is known.
    assert found["x"][1, :2] == pytest.approx([1.0, 2.0], rel=1e-4)
    assert found.outside == {}
