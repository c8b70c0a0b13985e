"""trustode as one peer of the side-by-side harness: an adapter with its ``base.Adapter``.

Variants: ``auto`` is what a user gets by default, ``nonstiff`` and ``stiff`` name the method for
each kind, and any other variant is a method of `trustode.Solver`. With ``-cached`` after it, a
variant keeps its compiled models from one process to the next; without, each cold start is one.
"""

import os
import tempfile
import time
from pathlib import Path

from .base import Adapter


def _solver_options(method, rtol, atol):
    """Return a solver; the methods are asked for by what they are for."""
    import trustode as tr
    from trustode.solve import NATIVE

    kinds = {"nonstiff": "taylor" if "taylor" in NATIVE else "tsit5", "stiff": "rodas5p"}
    return tr.Solver(method=kinds.get(method, method), rtol=rtol, atol=atol, max_steps=10**7)


def _text(m):
    """Return a model of the harness as the text that trustode reads."""
    lines = ["trustode = 1", f'name = "{m.name}"']
    for name, value, rhs in m.states:
        lines += [f"[states.{name}]", f'rhs = "{rhs}"', f"initial = {float(value)!r}"]
    for name, value in m.params:
        lines += [f"[parameters.{name}]", f"value = {float(value)!r}"]
    return "\n".join(lines)


def make(family, variant):
    method, _, cached = variant.partition("-")

    class Trustode(Adapter):
        name = f"{family}:{variant}"
        stiff_ok = method in ("auto", "stiff", "rodas5p")
        nonstiff_ok = True

        def prepare(self, rtol, atol, what="single"):
            if not hasattr(self, "model"):
                self._choose_cache()
                import trustode as tr

                self.tr = tr
                self.states, self.params = list(self.m.names), list(self.m.pnames)
                self.model = tr.read_model(_text(self.m))
                self.compiled = tr.compile(self.model)
                self.solvers = {}
            if what == "ensemble":
                import pandas as pd

                self.pd = pd
            if (rtol, atol) not in self.solvers:
                self.solvers[rtol, atol] = _solver_options(method, rtol, atol)

        def _choose_cache(self):
            """Let the harness decide whether compiled models survive this process."""
            if cached:
                home = Path(tempfile.gettempdir()) / f"perf-cached-{os.getuid()}"
            elif "PERF_CACHE" in os.environ:
                home = Path(os.environ["PERF_CACHE"]) / f"trustode-{variant}"
            else:
                return
            os.environ["TRUSTODE_CACHE_DIR"] = str(home)

        def _named(self, y0, p):
            states = dict(zip(self.states, y0.tolist(), strict=True))
            return dict(zip(self.params, p.tolist(), strict=True)), states

        def single(self, y0, p, t, rtol, atol):
            params, initial = self._named(y0, p)
            solver = self.solvers[rtol, atol]
            return self.tr.simulate(self.model, t, params=params, initial=initial, solver=solver).y

        def ensemble(self, y0, P, t, rtol, atol, threads):
            table = self.pd.DataFrame(P, columns=self.params)
            initial = dict(zip(self.states, y0.tolist(), strict=True))
            runs = self.tr.ensemble(
                self.model, table, t, initial=initial, solver=self.solvers[rtol, atol],
                threads=threads, progress=False,
            )  # fmt: skip
            if (runs.status != self.tr.Status.SUCCESS).any():
                raise RuntimeError(repr(runs))
            return runs.y

        def grad(self, y0, p, t, rtol, atol, pnames):
            params, initial = self._named(y0, p)
            return self.tr.simulate(
                self.model, t, params=params, initial=initial,
                solver=self.solvers[rtol, atol], sensitivities=pnames,
            ).dydp  # fmt: skip

        def rhs_time(self, y0, p):
            n, rhs = 20_000, self.compiled.rhs
            start = time.process_time()
            for _ in range(n):
                rhs(0.0, y0, p)
            return (time.process_time() - start) / n

        def version(self):
            import trustode as tr

            return f"trustode {tr.__version__}"

    return Trustode
