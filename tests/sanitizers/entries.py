"""Call each entry of the C core's wrapper once, under valgrind: `run.py --valgrind` starts it.

It gets the keys of a built-in model's functions and of its series for one lane, because working
these out needs sympy, which takes valgrind minutes to load.
"""

import sys

import numpy as np

from trustode import _core
from trustode._builtin import entries as built_in
from trustode._plain import entries as series_of

T = np.linspace(0.0, 20.0, 9)
NONE = np.empty(0, dtype=np.int32)


def batch(functions, p, y0, stimuli, method="tsit5", vary=NONE, n_time=9, **given):
    """Solve, as `trustode.solve` does."""
    n_run, n = len(p), y0.shape[1]
    dim = n * (1 + len(vary))
    start, y = np.zeros((n_run, dim)), np.empty((n_run, n_time, dim))
    start[:, :n] = y0
    report, reached = np.zeros(n_run, dtype=_core.REPORT), np.empty((n_run, n))
    asked = {
        "stiff": None, "keep": False, "series": (0, 0, 0), "seed": vary, "events": None,
        "seen": [], "gauge": None, **given,
    }  # fmt: skip
    steps = _core.run(
        functions, T[:n_time].copy(), p, start, y, stimuli, vary, method, asked["stiff"], 1e-6,
        np.full(n, 1e-9), np.inf, 10_000, np.inf, np.zeros(1, np.int32), report,
        np.zeros(1, np.int64), True, asked["keep"], *asked["series"], asked["seed"],
        asked["events"], asked["seen"], asked["gauge"],
    )  # fmt: skip
    _core.finish(report, start, y, reached)
    assert (report["status"] == 0).all(), (method, report)
    assert np.isfinite(y).all()
    return y, steps


def misfit(functions, p, y0, inputs):
    """Sum two columns of two runs against data."""
    n_run, n = y0.shape
    vary = np.array([0, -1], dtype=np.int32)
    start = np.zeros((n_run, 3 * n))
    start[:, :n] = y0
    report = np.zeros(n_run, dtype=_core.REPORT)
    sums, located, slopes = np.zeros((n_run, 2, 7)), np.zeros(4), np.zeros((4, 2))
    _core.sum_misfit(
        functions, p, start, [inputs] * n_run, vary,
        (np.array([0, 3, 6]), np.array([0.0, 1.0, 2.0, 0.0, 1.0, 3.0])),
        (np.array([1, 0], np.int32), np.zeros(2, np.int32)),
        (np.array([0, 1], np.int32), np.array([-1, -1], np.int32)),
        (np.array([0, 2, 4]), np.array([0, 1, 0, 1], np.int32), np.array([1, 2, 1, 2]),
         np.full(4, 0.5), np.ones(4)),
        "tsit5", None, 1e-6, np.full(n, 1e-9), np.inf, 10_000, np.inf, np.zeros(1, np.int32),
        report, np.zeros(1, np.int64), True, 0, 0, 0, vary, sums, located, slopes,
    )  # fmt: skip
    assert np.isfinite(sums).all()
    assert np.isfinite(located).all()


def functions_of_python():
    """x' = y, y' = -x, and an event on x that turns y: z is x, y and the time."""
    made = _core.PythonModel({"rhs": lambda t, y, p, u: [y[1], -y[0]]}, (2, 0, 0, 0))
    watched = _core.PythonModel(
        {
            "observe": lambda t, z, p, u: [z[0] - 0.5, -0.9 * z[1]],
            "observe_dy": lambda t, z, p, u: [1.0, 0.0, 0.0, 0.0, -0.9, 0.0],
        },
        (3, 0, 0, 2),
    )
    empty = np.empty(0)
    return [_core.Functions(m.address, empty, empty, m) for m in (made, watched)]


def main(key, series_key):
    assert _core.vector_unit() in ("plain", "avx2", "avx512")
    assert len(_core.methods()) == 4
    assert _core.increases(T)
    address = built_in()[key]
    n_state, n_param, n_input = map(int, sys.argv[3:6])
    p, u = np.array(sys.argv[6:], dtype=float), np.zeros(n_input)
    functions = _core.Functions(address, p, u)
    assert functions.sizes[:3] == (n_state, n_param, n_input)
    y = functions.initial()
    for name in ("rhs", "jac", "dfdp", "dfdt", "dfdu", "observe", "observe_dy", "observe_dp"):
        getattr(functions, name)(0.0, y)
    functions.initial_dp()
    functions.bound(p, u).need("rhs")
    still = [(np.zeros(1), np.array([[0.1, 0, 0, 0]]))] * n_input
    moves = [(np.array([0.0, 7.0]), np.array([[0.0, 0.1, 0, 0], [0.7, 0, 0, 0]])), *still[1:]]
    inputs, moving = _core.Inputs(still, np.empty(0)), _core.Inputs(moves, np.array([7.0]))
    functions.observe_many(T, np.tile(y, (len(T), 1)), p, moving)
    two, starts = np.tile(p, (2, 1)), np.tile(y, (2, 1))
    vary = np.array([0, -1], dtype=np.int32)
    for method in ("tsit5", "dop853", "rodas5p"):
        batch(functions, two, starts, [moving], method)
        batch(functions, two, starts, [inputs] * 2, method, vary)
        batch(functions, two[:1], starts[:1], [moving], method, stiff="rodas5p", keep=True)
    taylor = (series_of()[series_key], series_of()["method/1"], 14)
    batch(functions, two, starts, [inputs], series=taylor, stiff="rodas5p")
    batch(functions, two[:1], starts[:1], [inputs], series=taylor, keep=True)
    for level in (None, np.full(2, 0.5)):
        gauge = _core.Gauge([0, 1], 2, 0.0, 20.0, level, level)
        batch(functions, two, starts, [inputs], series=taylor, gauge=gauge)
        batch(functions, two, starts, [inputs], gauge=gauge)
        gauge.samples(0, T, np.linspace(0.0, 1.0, 18))
    misfit(functions, two, starts, inputs)
    own, watched = functions_of_python()
    events = _core.Watch(watched, 0, [1], [0], [0], [1]).twin()
    none = np.empty((1, 0))
    batch(own, none, np.array([[1.0, 0.0]]), [_core.Inputs([], np.empty(0))], events=events)
    assert events.log.shape[1] == 5
    assert events.ended == -1
    print("each entry was called")


if __name__ == "__main__":
    main(*sys.argv[1:3])
