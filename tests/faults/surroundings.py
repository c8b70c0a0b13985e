"""What a process of unusual surroundings is asked; in a file of its own, which loads little."""

import ctypes
import hashlib
import json
import locale

import numpy as np

import trustode as tr
from trustode.codegen import Source


def report(*surroundings):
    """Return what may not depend on the surroundings of a process: bits, texts and keys."""
    if "comma" in surroundings:
        locale.setlocale(locale.LC_ALL, "")
        assert locale.localeconv()["decimal_point"] == ","
    libm = ctypes.CDLL("libm.so.6") if "rounding" in surroundings else None
    rhs = {"x": "-k*x*tanh(y)", "y": "x/3 - 0.125*y"}
    own = tr.Model("own", rhs, {"k": 1.5}, {"x": 1.0, "y": 0})
    cases = [own, tr.models.load("trust-updated"), tr.models.load("van-der-pol")]
    # Numbers in modules that Python reads from their sources are read in the mode at hand.
    solvers = [tr.Solver("auto"), tr.Solver("rodas5p")]
    simulate = tr.simulate

    def solve():
        total = hashlib.sha256()
        for model in cases:
            for solver in solvers:
                total.update(simulate(model, np.linspace(0, 9, 5), solver=solver).y)
        return total.hexdigest()

    if libm is None:
        bits = solve()
    else:
        # Upwards; a library that was loaded for games or graphics may leave it so.
        libm.fesetround(0x800)
        bits = solve()
        assert libm.fegetround() == 0x800
        libm.fesetround(0)
    keys = [Source(model).key for model in cases]
    # A rate among the denormals, and a state that falls through them.
    tiny = tr.Model("tiny", {"x": "-200*x", "y": "k"}, {"k": 5e-324}, {"x": 1.0, "y": 0.0})
    fallen = tr.simulate(tiny, [0.0, 3.6, 4.0], solver=tr.Solver(atol=1e-320)).y.tolist()
    return json.dumps([bits, tr.write_text(own), keys, fallen])
