"""Rows 34, 35 and 38: copies, forks, threads and surroundings change no bit and no key."""

import copy
import json
import os
import pickle
import shutil
import subprocess
import threading

import numpy as np
import pandas as pd
import pytest
from faults.surroundings import report

import trustode as tr

TIMES = np.linspace(0.0, 20.0, 9)
COPIES = {
    "pickle": lambda thing: pickle.loads(pickle.dumps(thing)),
    "pickle 5": lambda thing: pickle.loads(pickle.dumps(thing, 5)),
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
}


@pytest.mark.parametrize("made", COPIES.values(), ids=COPIES)
def test_row_34_copies_are_equal(decay, made):
    model, solver = tr.models.load("trust-updated"), tr.Solver("dop853", rtol=1e-8, atol=(1e-9,))
    twin = made(model)
    assert twin == model
    assert hash(twin) == hash(model)
    assert twin.fingerprint == model.fingerprint
    assert made(solver) == solver
    assert made(decay) == decay
    found, again = tr.simulate(model, TIMES), tr.simulate(twin, TIMES)
    assert again.y.tobytes() == found.y.tobytes()
    third = made(found)
    assert third.y.tobytes() == found.y.tobytes()
    assert third(3.3).tobytes() == found(3.3).tobytes()
    assert third.model == model
    assert made(tr.compile(decay)).rhs(0.0, [2.0]).tolist() == [-2.0]
    scan = tr.scan(decay, vary={"k": [0.5, 1.0]}, t=(0, 5))
    assert made(scan).to_frame().equals(scan.to_frame())
    ensemble = tr.ensemble(decay, {"k": [0.5, 1.0]}, TIMES)
    assert made(ensemble).y.tobytes() == ensemble.y.tobytes()
    found_branch = tr.continuation(decay, "u", span=(0, 1))
    assert made(found_branch).points.equals(found_branch.points)
    data = pd.DataFrame({"t": [0.0, 1.0, 2.0], "x": [1.0, 0.4, 0.1]})
    fit = tr.fit(decay, data, time="t", observed={"x": tr.Gaussian("x", sd=0.1)}, starts=1,
                 vary={"k": tr.Vary(1.0, min=0.1, max=5)})  # fmt: skip
    assert made(fit).params.equals(fit.params)
    assert made(fit).loglik == fit.loglik
    with pytest.raises(tr.SolveError) as caught:
        tr.simulate(tr.models.load("lorenz"), [0, 50], solver=tr.Solver(max_steps=3))
    error = made(caught.value)
    assert (str(error), error.status) == (str(caught.value), caught.value.status)
    assert error.solution.t.tolist() == caught.value.solution.t.tolist()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_row_34_a_fork_may_solve(decay, child):
    """In a process of its own, without other threads, as multiprocessing does it."""
    script = """
        import os
        import numpy as np
        import trustode as tr
        x = tr.Model("own", {"x": "-k*x", "y": "x - y"}, {"k": 1.0}, {"x": 1.0, "y": 0.0})
        def solve():
            table = {"k": np.linspace(0.1, 2.0, 64)}
            return tr.ensemble(x, table, [0.0, 1.0, 5.0], threads=2).y.tobytes()
        wanted = solve()
        pid = os.fork()
        if pid == 0:
            os._exit(0 if solve() == wanted else 1)
        assert os.waitpid(pid, 0)[1] == 0
        assert solve() == wanted
    """
    child(script)


def test_row_35_eight_threads_on_one_model(decay):
    """The same model, solver and inputs in eight threads at once: bits as one after the other.

    The C core runs under ThreadSanitizer in tests/sanitizers.
    """
    model = tr.models.load("trust-updated")
    pulses = {"ev": tr.Pulses([3.0, 9.0], height=-1.0, width=0.5)}
    methods = ["auto", "tsit5", "dop853", "rodas5p"]

    def solve(k):
        how = {"params": {"kappa": 0.5 + 0.1 * k}, "inputs": pulses}
        solver = tr.Solver(methods[k % 4])
        own = tr.simulate(decay, TIMES, params={"k": 0.5 + k}, solver=solver)
        return tr.simulate(model, TIMES, solver=solver, **how).y.tobytes() + own.y.tobytes()

    wanted = [solve(k) for k in range(8)]
    found = [[] for _ in range(8)]
    ready = threading.Barrier(8)

    def work(k):
        ready.wait()
        for _ in range(5):
            found[k].append(solve(k))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert found == [[bits] * 5 for bits in wanted]


@pytest.mark.parametrize("threads", [2, 3, 8])
def test_row_35_threads_of_an_ensemble(threads):
    table = {"rho": np.linspace(5.0, 30.0, 70)}
    model = tr.models.load("lorenz")
    wanted = tr.ensemble(model, table, TIMES, threads=1).y.tobytes()
    assert tr.ensemble(model, table, TIMES, threads=threads).y.tobytes() == wanted


def comma(folder):
    """Make a locale with a decimal comma; returns the environment that chooses it."""
    program = shutil.which("localedef")
    if program is None:
        return {}
    source = folder / "numbers"
    source.write_text('LC_NUMERIC\ndecimal_point ","\nthousands_sep "."\nEND LC_NUMERIC\n')
    # It warns that there is nothing but numbers in it, and then has made it.
    command = [program, "-c", "-i", source, "-f", "UTF-8", folder / "de_DE.UTF-8"]
    subprocess.run(command, capture_output=True, check=False)
    made = (folder / "de_DE.UTF-8" / "LC_NUMERIC").exists()
    return {"LOCPATH": str(folder), "LC_NUMERIC": "de_DE.UTF-8", "LC_ALL": None} if made else {}


def test_row_38_surroundings_change_nothing(child, tmp_path):
    """A decimal comma where a locale can be made, hash seeds, -O, warnings as errors, denormals."""
    wanted = report()
    _, text, keys, fallen = json.loads(wanted)
    assert "0.125" in text
    assert len(set(keys)) == 3
    assert fallen[0] == [1.0, 0.0]
    assert all(abs(x) < 1e-300 for x, _ in fallen[1:])
    script = """
        import sys
        from faults.surroundings import report
        print(report(*sys.argv[1:]))
    """
    german = comma(tmp_path)
    found = child(script, "rounding", *["comma"][: len(german)], PYTHONHASHSEED="12345",
                  options=("-O", "-W", "error"), **german)  # fmt: skip
    assert found.stdout.strip() == wanted
