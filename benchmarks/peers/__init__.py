"""Other integrators, as optional contestants.

A peer is a module here with a class that takes a method's name. It has some of these, which
return a function of no argument that does the solving, everything else being done before:

- ``trajectory(problem, rtol)``: gives (n_time, n_state)
- ``ensemble(many, rtol)``: gives (n_run, n_time, n_state), on one thread
- ``gradient(wanted, rtol)``: gives (n_time, n_state, n_vary)

What a peer gets is what makes it quickest: compiled callbacks, shared subexpressions, and its own
way of keeping work between solves.
"""

from importlib import import_module

import pytest

#: Name of a contestant: module, class and what the class is told.
PEERS = {
    "heyoka": ("heyoka_taylor", "Heyoka", "compact"),
    "heyoka-unrolled": ("heyoka_taylor", "Heyoka", "unrolled"),
    "heyoka-8": ("heyoka_taylor", "Heyoka", "lanes-8"),
    "numbalsoda-lsoda": ("numba_solvers", "Numbalsoda", "lsoda"),
    "numbalsoda-dop853": ("numba_solvers", "Numbalsoda", "dop853"),
    "cyrk-tsit5": ("numba_solvers", "Cyrk", "Tsit5"),
    "cyrk-dop853": ("numba_solvers", "Cyrk", "DOP853"),
    "cyrk-radau": ("numba_solvers", "Cyrk", "RADAU"),
    "cyrk-lsoda": ("numba_solvers", "Cyrk", "LSODA"),
    "scipy-dop853": ("scipy_solvers", "SolveIvp", "DOP853"),
    "scipy-lsoda": ("scipy_solvers", "SolveIvp", "LSODA"),
    "scipy-radau": ("scipy_solvers", "SolveIvp", "Radau"),
    "odeint": ("scipy_solvers", "Odeint", ""),
    "trustode": ("own", "Trustode", "auto"),
}


def load(name):
    """Return a contestant, or skip the test with the reason why there is none."""
    module, kind, told = PEERS[name]
    try:
        made = import_module(f"peers.{module}")
    except ImportError as error:
        pytest.skip(f"{name} takes no part: {error}")
    return getattr(made, kind)(told)
