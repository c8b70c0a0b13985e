"""Each entry of the modules of bifurcations once, under valgrind: `run.py --valgrind` starts it.

First without valgrind, which would take an hour for it: Lorenz' equilibria and cycles are followed,
and the first call of each entry is kept. Then this file calls what was kept.
"""

import pickle
import sys
from pathlib import Path

import numpy as np
import scipy.linalg.cython_lapack  # noqa: F401 - what it is told off for has no frame of ours then

from trustode import _arclength, _collocation, _core
from trustode._builtin import entries as built_in


def entries():
    """Return names of all functions and methods: module, function, or module, class, method."""
    found = set()
    for module in (_arclength, _collocation):
        for name, thing in vars(module).items():
            if name.startswith("_") or not callable(thing):
                continue
            if not isinstance(thing, type):
                found.add((module.__name__, name))
            elif thing.__module__ == module.__name__:
                methods = [method for method in vars(thing) if not method.startswith("_")]
                found |= {(module.__name__, name, method) for method in methods}
    return found


def copied(arguments):
    """Return arguments as they are now; a model's functions have another address elsewhere."""
    return tuple(
        each.copy() if isinstance(each, np.ndarray)
        else None if isinstance(each, _core.Functions) else each
        for each in arguments
    )  # fmt: skip


def record(path):
    """Reach every entry, and keep how its object was made and what it was first called with."""
    import trustode as tr
    from trustode.bifurcation.periodic import collocation, floquet

    kept = {}

    def heard(name, call, made=()):
        def hear(*arguments):
            kept.setdefault(name, (made, copied(arguments)))
            return call(*arguments)

        return hear

    class Heard:
        """Stands for an object and hears every call of it."""

        def __init__(self, name, thing, made):
            self.name, self.made, self.own = name, copied(made), thing(*made)

        def __getattr__(self, method):
            return heard((*self.name, method), getattr(self.own, method), self.made)

    def maker(name, thing):
        return lambda *made: Heard(name, thing, made)

    instead = {}
    for module, name, *method in entries():
        thing = getattr(sys.modules[module], name)
        make = maker if method else heard
        instead[id(thing)] = make((module, name), thing)
    for module in [m for name, m in sys.modules.items() if name.startswith("trustode.bifurcation")]:
        for name, thing in list(vars(module).items()):
            if id(thing) in instead:
                setattr(module, name, instead[id(thing)])
    collocation.basis.cache_clear()
    lorenz = tr.models.load("lorenz")
    family = tr.diagram(lorenz, "rho", (20.0, 26.0)).cycles[0]
    family.sensitivity(family.points.iloc[3])
    floquet.doubling_test(np.array([0.3 + 0.1j, 0.3 - 0.1j, -0.9]))
    collocation.mean(*kept["trustode._collocation", "Pieces", "extremes"][1])
    # What only the coefficients of critical orbits need, of which there is none here.
    p, u = np.array([*lorenz.defaults.values()]), np.empty(0)
    problem = collocation.Problem(tr.compile(lorenz).functions, p, u, [collocation.PERIOD])
    problem.jacobians(np.random.default_rng(1).normal(size=(40, 3)))
    assert entries() == set(kept), entries() ^ set(kept)
    Path(path).write_bytes(pickle.dumps(kept))


def repeat(path, key):
    """Call what was kept; the key is that of Lorenz' functions, which have three parameters."""
    functions = _core.Functions(built_in()[key], np.empty(3), np.empty(0))
    for (module, name, *method), (made, arguments) in pickle.loads(Path(path).read_bytes()).items():
        call = getattr(sys.modules[module], name)
        if method:
            call = getattr(call(*(functions if each is None else each for each in made)), *method)
        call(*arguments)


if __name__ == "__main__":
    {"record": record, "repeat": repeat}[sys.argv[1]](*sys.argv[2:])
