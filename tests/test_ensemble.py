"""Ensembles against single solves and closed forms, and what is refused."""

import pickle
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest

import trustode as tr
from trustode.errors import DataError, ModelError, OptionError, Status

TIMES = np.linspace(0, 20, 41)


@pytest.fixture(scope="module")
def trust():
    return tr.models.load("trust-updated", profile="bpd")


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "kappa": rng.uniform(0, 2, 23),
            "T(0)": rng.uniform(-0.9, 0.9, 23),
            "h": rng.uniform(0, 1, 23),
        }
    )


def decay():
    """Exponential decay from a start that depends on a parameter."""
    y, z = tr.states("y z")
    k, start = tr.parameters("k start")
    return tr.Model(
        "decay",
        rhs={y: -k * y, z: y},
        params={k: tr.Param(1.0, min=0, max=9), start: 2.0},
        initial={y: start, z: 0},
        observables={"double": 2 * y + k},
        time_unit="day",
    )


def explosion():
    """Growth whose solution y0 / (1 - y0 t) is infinite at t = 1 / y0."""
    y = tr.states("y")
    return tr.Model("explosion", rhs={y: y**2}, params={}, initial={y: 0.01})


def assert_same(first, second):
    np.testing.assert_array_equal(first.y, second.y)
    np.testing.assert_array_equal(first.status, second.status)


# ------------------------------------------------------------------ runs


def test_closed_form_and_start_from_parameters():
    k, start = np.array([0.1, 0.7, 1.3]), np.array([1.0, 2.0, -3.0])
    ens = tr.ensemble(decay(), {"k": k, "start": start}, TIMES, solver=tr.Solver(rtol=1e-10))
    exact = start[:, None] * np.exp(-k[:, None] * TIMES)
    assert ens.y.shape == (3, 41, 2)
    np.testing.assert_allclose(ens["y"], exact, atol=1e-8)
    np.testing.assert_allclose(ens["double"], 2 * exact + k[:, None], atol=1e-8)
    assert (ens.status == Status.SUCCESS).all()


@pytest.mark.parametrize("method", ["auto", "tsit5", "rodas5p", "DOP853", "LSODA"])
def test_rows_equal_single_solves(trust, table, method):
    solver = tr.Solver(method=method)
    few = table.iloc[:4]
    shared = {"params": {"nu": 2.5}, "initial": {"L": 0.1}, "solver": solver}
    stimulus = {"ev": tr.Pulses([5.0], height=-1.0, width=0.5)}
    ens = tr.ensemble(trust, few, TIMES, inputs=stimulus, **shared)
    for k, row in few.reset_index(drop=True).iterrows():
        one = tr.simulate(
            trust,
            TIMES,
            params={"kappa": row.kappa, "nu": 2.5},
            initial={"T": row["T(0)"], "L": 0.1},
            inputs={**stimulus, "h": row.h},
            solver=solver,
        )
        np.testing.assert_array_equal(ens.y[k], one.y)
        np.testing.assert_array_equal(ens["rating"][k], one["rating"])


def test_threads_change_no_bit(trust, table):
    one = tr.ensemble(trust, table, TIMES, threads=1)
    assert_same(one, tr.ensemble(trust, table, TIMES, threads=2))
    assert_same(one, tr.ensemble(trust, table, TIMES))


def test_chunks_change_no_bit(trust, table, monkeypatch):
    whole = tr.ensemble(trust, table, TIMES)
    monkeypatch.setattr(sys.modules["trustode.ensemble"], "MOST_RUNS_A_CHUNK", 5)
    assert_same(whole, tr.ensemble(trust, table, TIMES))
    np.testing.assert_array_equal(whole["rating"], tr.ensemble(trust, table, TIMES)["rating"])


@pytest.mark.parametrize("method", ["auto", "rodas5p", "RK45"])
def test_failing_runs_leave_others_alone(method):
    starts = np.array([0.01, 0.2, 0.02, 0.5])
    solver = tr.Solver(method=method, rtol=1e-8, max_steps=20_000)
    ens = tr.ensemble(explosion(), {"y(0)": starts}, TIMES, solver=solver)
    good = starts * TIMES[-1] < 1
    assert ((ens.status == Status.SUCCESS) == good).all()
    exact = starts[good, None] / (1 - starts[good, None] * TIMES)
    np.testing.assert_allclose(ens["y"][good], exact, rtol=1e-5)
    for row, start in zip(ens["y"][~good], starts[~good], strict=True):
        pole = 1 / start
        before = 0.99 * pole > TIMES
        np.testing.assert_allclose(row[before], start / (1 - start * TIMES[before]), rtol=1e-4)
        assert np.isnan(row[1.01 * pole < TIMES]).all()
    assert "2 of 4 reached the end; 2: " in repr(ens)


def test_no_columns_but_rows():
    ens = tr.ensemble(decay(), pd.DataFrame(index=range(2)), [0.0, 1.0])
    assert_same(ens, tr.ensemble(decay(), {"k": [1, 1]}, [0.0, 1.0]))


def test_single_time_is_the_start():
    ens = tr.ensemble(decay(), {"start": [1.0, 3.0]}, [2.0])
    assert ens.y.tolist() == [[[1.0, 0.0]], [[3.0, 0.0]]]


# ------------------------------------------------------------------ the result


def test_long_table_and_what_it_prints():
    frame = pd.DataFrame({"k": [0.0, 1.0]}, index=["a", "b"])
    ens = tr.ensemble(decay(), frame, [0.0, 1.0, 2.0])
    long = ens.to_frame()
    assert list(long) == ["run", "t", "y", "z"]
    assert long.run.tolist() == [0, 0, 0, 1, 1, 1]
    np.testing.assert_array_equal(long.y, ens["y"].ravel())
    pd.testing.assert_frame_equal(ens.table, frame)
    assert len(ens) == 2
    text = repr(ens)
    assert "2 runs, t = 0 to 2 day, 3 times" in text
    assert "varied: k" in text
    assert "2 of 2 reached the end" in text


def test_table_is_a_copy():
    frame = pd.DataFrame({"k": [0.5, 1.0]})
    ens = tr.ensemble(decay(), frame, [0.0, 1.0])
    frame["k"] = 7.0
    assert ens.table.k.tolist() == [0.5, 1.0]


def test_survives_pickling(trust, table):
    ens = tr.ensemble(trust, table, TIMES)
    again = pickle.loads(pickle.dumps(ens))
    assert_same(ens, again)
    np.testing.assert_array_equal(ens["affect"], again["affect"])


def test_unknown_name_names_the_nearest():
    ens = tr.ensemble(decay(), {"k": [1.0]}, [0.0, 1.0])
    with pytest.raises(ModelError, match="did you mean 'double'"):
        ens["doubel"]


def test_progress_counts_runs(trust, table, monkeypatch):
    monkeypatch.setattr(sys.modules["trustode.ensemble"], "MOST_RUNS_A_CHUNK", 10)
    seen = []
    tr.ensemble(trust, table, TIMES, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(0, 23), (10, 23), (20, 23), (23, 23)]


# ------------------------------------------------------------------ what is refused


@pytest.mark.parametrize(
    ("table", "error", "message"),
    [
        ({"kapa": [1.0]}, ModelError, "did you mean 'kappa'"),
        ({"T": [0.1]}, ModelError, r"write 'T\(0\)' for its start"),
        ({"t(0)": [0.1]}, ModelError, r"did you mean 'T\(0\)'"),
        ({"nu": [1.0]}, ModelError, "nu is given for each run and for all"),
        ({"kappa": [1.0, np.nan, np.nan]}, DataError, r"kappa is nan in 2 of 3 rows \(1, 2\)"),
        ({"kappa": [1.0, np.inf]}, DataError, "kappa is inf in 1 of 2 rows"),
        ({"kappa": [1.0, None]}, DataError, "kappa is nan"),
        ({"kappa": [1.0, -5.0]}, ModelError, "kappa = -5 in row 1 is outside its range"),
        ({"kappa": ["a", "b"]}, DataError, "must hold numbers"),
        ({"kappa": [1, "n/a"]}, DataError, "'n/a' in row 1"),
        ({"kappa": [True, False]}, DataError, "must hold numbers"),
        ({"kappa": [1j]}, DataError, "must hold numbers"),
        ({"kappa": []}, DataError, "no rows"),
        ({}, DataError, "no rows"),
        ({"kappa": [1.0, 2.0], "beta": [1.0]}, DataError, "lists of one length"),
        ({"kappa": 1.0}, DataError, "lists of one length"),
        ([[1.0]], DataError, "DataFrame or a mapping"),
        (None, DataError, "DataFrame or a mapping"),
        (pd.DataFrame([[1.0, 2.0]], columns=["kappa", "kappa"]), DataError, "'kappa' twice"),
        (pd.DataFrame({"kappa": [1.0, np.nan]}, index=["a7", "c2"]), DataError, r"\(c2\)"),
    ],
)
def test_tables_that_are_refused(trust, table, error, message):
    with pytest.raises(error, match=message) as caught:
        tr.ensemble(trust, table, TIMES, params={"nu": 2.0})
    assert "ensemble(trust-updated)" in str(caught.value)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"t": [0, 2, 1]}, DataError, "increase strictly"),
        ({"t": [0, np.inf]}, DataError, "not finite"),
        ({"t": []}, DataError, "list of times"),
        ({"params": {"kapa": 1}}, ModelError, "did you mean 'kappa'"),
        ({"initial": {"Q": 1}}, ModelError, "unknown state 'Q'"),
        ({"inputs": {"eva": 1}}, ModelError, "did you mean 'ev'"),
        ({"solver": "tsit5"}, OptionError, "must be a Solver"),
        ({"solver": tr.Solver(atol=(1e-9, 1e-9))}, OptionError, "2 values for 7 states"),
        ({"threads": 0}, OptionError, "threads=0"),
        ({"threads": 1.5}, OptionError, "threads=1.5"),
        ({"threads": True}, OptionError, "threads=True"),
        ({"progress": "yes"}, OptionError, "progress='yes'"),
        ({"model": "trust"}, ModelError, "expected a Model"),
    ],
)
def test_arguments_that_are_refused(trust, given, error, message):
    arguments = {"model": trust, "table": {"kappa": [1.0]}, "t": TIMES} | given
    with pytest.raises(error, match=message):
        tr.ensemble(arguments.pop("model"), arguments.pop("table"), arguments.pop("t"), **arguments)


def test_too_large_is_refused_before_solving(trust):
    runs, times = 1_000_000, 10_000_000
    with pytest.raises(DataError, match=r"needs 5.6e\+05 GB \(\d+ bytes\), but .* are free.*scan"):
        tr.ensemble(trust, {"kappa": np.ones(runs)}, np.arange(times))


@pytest.mark.parametrize("method", ["auto", "rodas5p", "LSODA"])
def test_saved_states_are_those_of_the_whole(method, tmp_path):
    model, table, t = tr.models.load("lorenz"), {"rho": [0.5, 20.0, 28.0]}, np.linspace(0, 2, 5)
    how = {"solver": tr.Solver(method), "checkpoint": tmp_path / "kept"}
    whole = tr.ensemble(model, table, t, solver=how["solver"])
    assert whole.saved == model.states
    some = tr.ensemble(model, table, t, save=("Z", model.states[0], "Z"), **how)
    assert some.saved == ("Z", "X")
    for name in some.saved:
        assert some[name].tobytes() == whole[name].tobytes()
    assert some.y.flags.c_contiguous
    assert list(some.to_frame()) == ["run", "t", "Z", "X"]
    assert some.to_frame().equals(whole.to_frame()[["run", "t", "Z", "X"]])
    assert some.quantiles("Z").tobytes() == whole.quantiles("Z").tobytes()
    assert tr.ensemble(model, table, t, save="Y", solver=how["solver"]).saved == ("Y",)
    with pytest.raises(ModelError, match=r"no 'Y', because it kept Z, X only\. .* name it there"):
        some["Y"]
    with pytest.raises(ModelError, match=r"no 'y'.* It has Z, X$"):
        some["y"]
    # A checkpoint holds what was asked for.
    with pytest.raises(DataError, match="save: only there"):
        tr.ensemble(model, table, t, **how)
    assert tr.ensemble(model, table, t, save=["Z", "X"], **how).y.tobytes() == some.y.tobytes()


def test_saved_states_with_events_and_observables():
    (x, y), k = tr.states("x y"), tr.parameters("k")
    model = tr.Model("two", {x: -k * x, y: k * x}, {k: 1.0}, {x: 1.0, y: 0.0},
                     observables={"sum": x + y})  # fmt: skip
    found = tr.ensemble(model, {"k": [1.0, 2.0]}, [0.0, 1.0], events=tr.Event("x - y"), save=[y])
    # Both are 1/2 after log(2)/k, and the table of events has all states.
    np.testing.assert_allclose(found.events["t"], np.log(2) / np.array([1.0, 2.0]), rtol=1e-4)
    np.testing.assert_allclose(found.events[["x", "y"]], 0.5, rtol=1e-4)
    np.testing.assert_allclose(found["y"][:, 1], 1 - np.exp([-1.0, -2.0]), rtol=1e-4)
    with pytest.raises(ModelError, match=r"no 'sum', because it kept y only.*observables need all"):
        found["sum"]


@pytest.mark.parametrize(
    ("save", "error", "message"),
    [
        (["z"], ModelError, "save: 'z' is no state of the model; did you mean 'Z'"),
        ("rho", ModelError, "save: 'rho' is no state"),
        (3, ModelError, "save: 3 is no state"),
        ([], OptionError, "save is empty"),
    ],
)
def test_what_cannot_be_saved(save, error, message):
    with pytest.raises(error, match=message):
        tr.ensemble(tr.models.load("lorenz"), {"rho": [1.0]}, [0, 1], save=save)


def test_memory_that_is_unknown_refuses_nothing(monkeypatch):
    monkeypatch.setattr("trustode.solve.memory.free_memory", lambda: None)
    assert len(tr.ensemble(decay(), {"k": [1.0]}, [0.0, 1.0])) == 1


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for the peak of the memory")
def test_a_million_runs_need_little_beside_their_results():
    script = textwrap.dedent(
        """
        import resource
        import numpy as np
        import trustode as tr

        model, times = tr.models.load("van-der-pol"), np.linspace(0, 1, 5)
        tr.ensemble(model, {"mu": [1.0]}, times)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        found = tr.ensemble(model, {"mu": np.linspace(0.1, 2, 1_000_000)}, times)
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(1024 * (after - before) - found.y.nbytes - found.status.nbytes)
        """
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert int(done.stdout) < 200e6


# ------------------------------------------------------------------ events


def falls(rows=37):
    """Stones thrown up: y = v t - g t^2 / 2 lands at 2 v / g, and bounces."""
    y, v = tr.states("y v")
    g = tr.parameters("g")
    model = tr.Model("stone", rhs={y: v, v: -g}, params={g: 9.81}, initial={y: 0, v: 1})
    table = pd.DataFrame({"v(0)": np.linspace(1, 9, rows), "g": np.linspace(9, 11, rows)})
    return model, table, [
        tr.Event("y", -1, set={"v": "-v", "y": 0}, name="bounce"),
        tr.Event("v", -1, name="top"),
    ]  # fmt: skip


@pytest.mark.parametrize("method", ["auto", "tsit5", "rodas5p"])
def test_events_of_each_run(method):
    model, table, events = falls(9)
    t = np.linspace(0, 2.2, 12)
    solver = tr.Solver(method)
    ens = tr.ensemble(model, table, t, events=events, solver=solver)
    assert list(ens.events) == ["run", "event", "t", "direction", "y", "v"]
    first = ens.events.query("event == 'bounce'").groupby("run").first()
    flight = 2 * table["v(0)"] / table["g"]
    landed = flight < 2.2
    np.testing.assert_allclose(first["t"], flight[landed], rtol=1e-9)
    np.testing.assert_allclose(first["v"], -table["v(0)"][landed], rtol=1e-7)
    tops = ens.events.query("event == 'top'").groupby("run").first()
    np.testing.assert_allclose(tops["t"], flight / 2, rtol=1e-9)
    assert (ens.status == Status.SUCCESS).all()
    assert "events, see .events>" in repr(ens)
    for k in (0, 4, 8):
        one = tr.simulate(
            model, t, params={"g": table.g[k]}, initial={"v": table["v(0)"][k]}, events=events,
            solver=solver,
        )  # fmt: skip
        own = ens.events[ens.events.run == k].drop(columns="run").reset_index(drop=True)
        pd.testing.assert_frame_equal(own, one.events.to_frame())
        np.testing.assert_array_equal(ens.y[k], one.y)


def test_events_do_not_depend_on_threads_pieces_or_workers(monkeypatch, tmp_path):
    model, table, events = falls()
    t = np.linspace(0, 2.2, 5)
    whole = tr.ensemble(model, table, t, events=events, threads=1)
    monkeypatch.setattr(sys.modules["trustode.ensemble"], "MOST_RUNS_A_CHUNK", 5)
    file = tmp_path / "kept"
    with ThreadPoolExecutor(2) as pool:
        others = [
            tr.ensemble(model, table, t, events=events, threads=2),
            tr.ensemble(model, table, t, events=events, executor=pool),
            tr.ensemble(model, table, t, events=events, checkpoint=file),
            tr.ensemble(model, table, t, events=events, checkpoint=file),
        ]
    for other in others:
        assert_same(whole, other)
        pd.testing.assert_frame_equal(whole.events, other.events)
    with pytest.raises(DataError, match="belongs to another call: events: "):
        tr.ensemble(model, table, t, events=events[:1], checkpoint=file)


def test_a_terminal_event_ends_its_run_alone():
    model, table, _ = falls(9)
    ens = tr.ensemble(
        model, table, [0.0, 0.2, 1.1, 3.0], events=tr.Event("y", -1, terminal=True, name="down")
    )
    assert (ens.status == Status.SUCCESS).all()
    flight = (2 * table["v(0)"] / table["g"]).to_numpy()
    np.testing.assert_array_equal(np.isnan(ens["y"]), ens.t >= flight[:, None])
    assert ens.events.run.tolist() == list(range(9))


def test_without_events_and_with_none_seen():
    model, table, events = falls(3)
    assert tr.ensemble(model, table, [0.0, 1.0]).events.empty
    none = tr.ensemble(model, table, [0.0, 0.01], events=events[0]).events
    assert none.empty
    assert list(none)[:3] == ["run", "event", "t"]


def test_events_that_are_refused():
    model, table, events = falls(3)
    with pytest.raises(OptionError, match="events need a native method, not 'LSODA'"):
        tr.ensemble(model, table, [0, 1], events=events, solver=tr.Solver("LSODA"))
    with pytest.raises(OptionError, match=r"must be a list of tr\.Event"):
        tr.ensemble(model, table, [0, 1], events="y")


def test_quantiles_are_those_of_the_runs_that_came_so_far():
    """x' = x^2 from x0 is x0/(1 - x0 t), which ends at 1/x0."""
    model = tr.Model("burst", rhs={"x": "x**2"}, initial={"x": 1.0})
    found = tr.ensemble(model, {"x(0)": [0.1, 0.2, 0.3, 2.0]}, [0.0, 0.25, 1.0])
    x = np.array([0.1, 0.2, 0.3])
    low, middle = found.quantiles("x", (0.0, 0.5))
    np.testing.assert_allclose(low, 0.1 / (1 - 0.1 * found.t), rtol=1e-5)
    np.testing.assert_allclose(middle[1], np.median([*x / (1 - 0.25 * x), 4.0]), rtol=1e-5)
    np.testing.assert_allclose(middle[2], 0.2 / (1 - 0.2), rtol=1e-5)
    with pytest.raises(tr.OptionError, match=r"levels=\[2\] must lie between 0 and 1"):
        found.quantiles("x", [2])


@pytest.mark.parametrize("n", [3, 30])
def test_runs_are_drawn_one_by_one_or_by_their_quantiles(n):
    figure = pytest.importorskip("matplotlib.figure", reason="drawing needs matplotlib").Figure()
    model = tr.Model("decay", rhs={"x": "-k*x"}, params={"k": 1.0}, initial={"x": 1.0})
    k = np.linspace(0.5, 1.5, n)
    t = np.linspace(0.0, 2.0, 5)
    ax = tr.ensemble(model, {"k": k}, t).plot("x", figure.subplots())
    drawn = np.array([line.get_ydata() for line in ax.lines])
    if n == 3:
        np.testing.assert_allclose(drawn, np.exp(-k[:, None] * t), rtol=1e-5)
    else:
        np.testing.assert_allclose(drawn, np.quantile(np.exp(-k[:, None] * t), [0.5], 0), rtol=1e-5)
        assert len(ax.collections) == 2


# ------------------------------------------------------------------ inputs of their own

COURSES = [
    0.5,
    tr.Steps([2, 9], [1, -0.5]),
    tr.Sessions([1, 4, 8]),
    tr.Samples([0, 5, 20], [0.0, 1.0, 0.2]),
    tr.Episodes([6], height=-1),
]


@pytest.mark.parametrize("method", ["auto", "tsit5", "rodas5p", "LSODA"])
def test_each_run_may_have_inputs_of_its_own(trust, table, method):
    few, solver = table.iloc[:5][["kappa", "T(0)"]], tr.Solver(method=method)
    shared = tr.Pulses([5.0], height=-1.0, width=0.5)
    ens = tr.ensemble(trust, few, TIMES, inputs={"h": COURSES, "ev": shared}, solver=solver)
    for k, (_, row) in enumerate(few.iterrows()):
        one = tr.simulate(
            trust, TIMES, params={"kappa": row.kappa}, initial={"T": row["T(0)"]},
            inputs={"h": COURSES[k], "ev": shared}, solver=solver,
        )  # fmt: skip
        np.testing.assert_array_equal(ens.y[k], one.y)
        np.testing.assert_array_equal(ens["rating"][k], one["rating"])
    assert "varied: kappa, T(0), h" in repr(ens)


def test_own_inputs_change_no_bit_with_threads_chunks_or_workers(trust, table, monkeypatch):
    courses = {"h": COURSES * 4 + COURSES[:3]}
    few = table.drop(columns="h")
    whole = tr.ensemble(trust, few, TIMES, inputs=courses)
    assert_same(whole, tr.ensemble(trust, few, TIMES, inputs=courses, threads=1))
    with ThreadPoolExecutor(2) as executor:
        assert_same(whole, tr.ensemble(trust, few, TIMES, inputs=courses, executor=executor))
    assert_same(whole, pickle.loads(pickle.dumps(whole)))
    monkeypatch.setattr(sys.modules["trustode.ensemble"], "MOST_RUNS_A_CHUNK", 5)
    assert_same(whole, tr.ensemble(trust, few, TIMES, inputs=courses))


def test_events_are_seen_in_runs_with_inputs_of_their_own():
    model = tr.Model("pushed", rhs={"x": "u"}, initial={"x": 0}, inputs={"u": 0})
    # x' = u: a push of 1 from s on takes x to 1/2 at s + 1/2; the second never does.
    pushes = [tr.Steps([3], [1]), 0.0, tr.Samples([0, 4, 5], [0, 0, 1], kind="previous"), 0.25]
    runs = pd.DataFrame(index=range(4))
    ens = tr.ensemble(model, runs, [0, 2, 8], inputs={"u": pushes}, events=tr.Event("x - 0.5"))
    assert ens.events["run"].tolist() == [0, 2, 3]
    np.testing.assert_allclose(ens.events["t"], [3.5, 5.5, 2.0], rtol=1e-6)
    np.testing.assert_allclose(ens["x"][:, -1], [5, 0, 3, 2], rtol=1e-6)


def test_own_inputs_are_part_of_what_a_checkpoint_belongs_to(trust, table, tmp_path):
    few, kept = table.iloc[:5][["kappa"]], tmp_path / "runs"
    first = tr.ensemble(trust, few, TIMES, inputs={"h": COURSES}, checkpoint=kept)
    assert_same(first, tr.ensemble(trust, few, TIMES, inputs={"h": COURSES}, checkpoint=kept))
    with pytest.raises(DataError, match="inputs"):
        tr.ensemble(trust, few, TIMES, inputs={"h": COURSES[::-1]}, checkpoint=kept)


def test_own_inputs_that_cannot_be_are_told(trust, table):
    few = table.iloc[:5]
    with pytest.raises(DataError, match=r"inputs\['ev'\] has 2 courses for the 5 rows"):
        tr.ensemble(trust, few, TIMES, inputs={"ev": [0.0, 1.0]})
    with pytest.raises(ModelError, match="input ev of run 2: an input is a number"):
        tr.ensemble(trust, few, TIMES, inputs={"ev": [0.0, 1.0, "x", 0.0, 0.0]})
    with pytest.raises(ModelError, match="h is given for each run and for all"):
        tr.ensemble(trust, few, TIMES, inputs={"h": COURSES})


def test_long_runs_are_reported_and_kept_as_they_end():
    """1,000 time units of a stiff oscillator, 4,000 times: many seconds of one thread."""
    seen = []

    def progress(done, total):
        seen.append(done)
        if done > 100:
            raise KeyboardInterrupt

    with pytest.raises(tr.Interrupted) as caught:
        tr.ensemble(
            tr.models.load("van-der-pol"), {"mu": np.linspace(50, 60, 4000)},
            np.linspace(0, 20000, 101), threads=1, progress=progress,
        )  # fmt: skip
    assert seen[:2] == [0, 32]
    assert 100 < seen[-1] == caught.value.n_finished < 4000
    assert len(caught.value.partial.y) == 4000
    assert np.isfinite(caught.value.partial.y[: seen[-1]]).all()
    assert (caught.value.partial.status[seen[-1] :] == tr.Status.INTERRUPTED).all()
