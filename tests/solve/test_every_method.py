"""Every method with all that a solve can be asked for: right, or an error that says what to do.

The equation is x' = u - k x, whose pieces between jumps and events have closed forms.
"""

import numpy as np
import pytest

import trustode as tr
from trustode.solve import NATIVE, SCIPY

K, START, JUMP, END = 0.8, 1.5, 1.25, 3.0
MODEL = tr.Model(
    "relaxes", {"x": "u - k*x"}, {"k": K, "a": START}, {"x": "a"}, {"u": 0.0},
    observables={"square": "x**2"}, bounds={"x": (0.2, 10.0)},
)  # fmt: skip
T = np.linspace(0.0, END, 13)
STEP = tr.Steps([JUMP], [2.0])
RAMP = tr.Samples([0.0, 1.0, END], [0.0, 1.0, 1.0])
#: Where x falls through its half, and through 0.9 with a reset to a + 1/2.
HALF = np.log(2.0) / K
ONCE = np.log(START / 0.9) / K
UP = START + 0.5


def fall(t, k=K, start=START):
    return start * np.exp(-k * t)


def jumped(t, k=K, start=START):
    """Until the input jumps to 2 and after."""
    at = fall(JUMP, k, start)
    later = 2 / k + (at - 2 / k) * np.exp(-k * (t - JUMP))
    return np.where(t < JUMP, fall(t, k, start), later)


def ramped(t):
    """Along u = t up to 1, then at 1."""
    first = (t - 1 / K) / K + (START + 1 / K**2) * np.exp(-K * t)
    at = (1 - 1 / K) / K + (START + 1 / K**2) * np.exp(-K)
    return np.where(t < 1.0, first, 1 / K + (at - 1 / K) * np.exp(-K * (t - 1.0)))


def reset(t, k=K, start=START):
    """Set to a + 1/2 where it falls through 0.9, as often as that happens."""
    once = np.log(start / 0.9) / k
    again = np.log((start + 0.5) / 0.9) / k
    n = np.maximum(np.ceil((t - once) / again - 1e-12), 0.0)
    since = np.where(n > 0, t - once - (n - 1) * again, 0.0)
    return np.where(n > 0, (start + 0.5) * np.exp(-k * since), fall(t, k, start))


def slope(function, t, by):
    """Derivative of a closed form by k or a, to order h^4."""
    h = 1e-3
    at = {"k": K, "start": START}
    moved = [function(t, **{**at, by: at[by] + n * h}) for n in (-2, -1, 1, 2)]
    return (moved[0] - 8 * moved[1] + 8 * moved[2] - moved[3]) / (12 * h)


def plain(solution):
    return solution["x"], fall(T)


def own_steps(solution):
    return solution.y[:, 0], fall(solution.t)


def inside(solution):
    t = np.linspace(0.0, END, 101)
    return solution(t)[:, 0], fall(t)


def inside_jump(solution):
    t = np.linspace(0.0, END, 101)
    return solution(t)[:, 0], jumped(t)


def inside_reset(solution):
    t = np.linspace(0.0, END, 101)
    return solution(t)[:, 0], reset(t)


def derivatives_of(function):
    def compared(solution):
        wanted = [slope(function, solution.t, by) for by in ("k", "start")]
        return solution.dydp[:, 0], np.column_stack(wanted)

    return compared


def terminal(solution):
    assert solution.message.startswith("ended by event")
    return np.append(solution["x"], solution.t[-1]), np.append(fall(solution.t), HALF)


def reached(solution):
    assert solution.status is tr.Status.MAX_STEPS
    return solution.y[:, 0], fall(solution.t)


FALLS = tr.Event("x - 0.75", direction=-1)
RESETS = tr.Event("x - 0.9", direction=-1, set={"x": "a + 1/2"})
ENDS = tr.Event("x - a/2", terminal=True)
#: What is asked for, and the closed form.
FEATURES = {
    "output times": ({}, plain),
    "own steps": ({"t": (0.0, END)}, own_steps),
    "inside steps": ({"t": (0.0, END)}, inside),
    "one time": ({"t": [0.0]}, lambda s: (s["x"], np.array([START]))),
    "no span": ({"t": (0.0, 0.0)}, lambda s: (s["x"], np.array([START]))),
    "two times": ({"t": [0.0, END]}, lambda s: (s["x"], fall(np.array([0.0, END])))),
    "late start": ({"t": 1e4 + T}, plain),
    "jump": ({"inputs": {"u": STEP}}, lambda s: (s["x"], jumped(T))),
    "inside a jump's steps": ({"inputs": {"u": STEP}, "t": (0.0, END)}, inside_jump),
    "ramp": ({"inputs": {"u": RAMP}}, lambda s: (s["x"], ramped(T))),
    "observable": ({}, lambda s: (s["square"], fall(T) ** 2)),
    "bounds": ({}, lambda s: (np.array(s.outside == ("x",)), np.array(True))),
    "initial": ({"initial": {"x": 3.0}}, lambda s: (s["x"], fall(T, start=3.0))),
    "event": (
        {"events": FALLS}, lambda s: (s.events.t, np.array([HALF])),
    ),
    "event and own steps": (
        {"events": FALLS, "t": (0.0, END)}, lambda s: (s.events.t, np.array([HALF])),
    ),
    "terminal event": ({"events": ENDS, "t": (0.0, END)}, terminal),
    "reset": ({"events": RESETS}, lambda s: (s["x"], reset(T))),
    "inside a reset's steps": ({"events": RESETS, "t": (0.0, END)}, inside_reset),
    "sensitivities": ({"sensitivities": ["k", "a"]}, derivatives_of(fall)),
    "sensitivities of own steps": (
        {"sensitivities": ["k", "a"], "t": (0.0, END)}, derivatives_of(fall),
    ),
    "sensitivities through a jump": (
        {"sensitivities": ["k", "a"], "inputs": {"u": STEP}}, derivatives_of(jumped),
    ),
    "sensitivities through a reset": (
        {"sensitivities": ["k", "a"], "events": RESETS}, derivatives_of(reset),
    ),
    "a failure that is returned": (
        {"on_error": "return", "max_steps": 4, "h_max": 0.2, "t": (0.0, END)}, reached,
    ),
}  # fmt: skip


@pytest.mark.parametrize("method", ["auto", *NATIVE, *SCIPY])
def test_everything_with_every_method(method):
    for name, (asked, compared) in FEATURES.items():
        keywords = {"t": T, **asked}
        limits = {key: keywords.pop(key) for key in ("max_steps", "h_max") if key in keywords}
        solver = tr.Solver(method, rtol=1e-10, atol=1e-12, **limits)
        native = method not in SCIPY
        if not native and keywords.keys() & {"events", "sensitivities"}:
            with pytest.raises(tr.OptionError, match=rf"native method, not '{method}'. Use Solver"):
                tr.simulate(MODEL, solver=solver, **keywords)
            continue
        found, wanted = compared(tr.simulate(MODEL, solver=solver, **keywords))
        assert np.shape(found) == np.shape(wanted), name
        assert found == pytest.approx(wanted, abs=1e-6 if method == "LSODA" else 2e-7), name


@pytest.mark.parametrize("method", ["auto", *NATIVE, *SCIPY])
def test_every_method_in_an_ensemble(method):
    rates = np.linspace(0.5, 1.0, 3)
    solver = tr.Solver(method, rtol=1e-10, atol=1e-12)
    found = tr.ensemble(MODEL, {"k": rates}, T, inputs={"u": STEP}, solver=solver, threads=2)
    wanted = np.array([jumped(T, k) for k in rates])
    assert found.y[:, :, 0] == pytest.approx(wanted, abs=1e-6)
    if method in SCIPY:
        with pytest.raises(tr.OptionError, match="native method"):
            tr.ensemble(MODEL, {"k": rates}, T, events=RESETS, solver=solver)
        return
    found = tr.ensemble(MODEL, {"k": rates}, T, events=RESETS, solver=solver)
    assert found.y[:, :, 0] == pytest.approx(np.array([reset(T, k) for k in rates]), abs=1e-6)
