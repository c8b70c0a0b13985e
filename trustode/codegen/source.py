"""Assemble the source of one model: its functions, its key, and the Cython shell.

The key is a digest of the equations' graph and of this generator, so it is known without
printing any text; text that was printed earlier under the same key is the same text.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import NamedTuple

from .. import codegen
from ..digest import sha256
from ..expression import TIME, symbol
from ..model import Model
from . import lu
from .ctext import HELPERS, PROTOTYPES, body, statements
from .graph import Graph

#: Functions of a compiled model, in the order of ``struct tro_model``.
FUNCTION_NAMES = (
    "rhs",
    "jac",
    "dfdp",
    "tangent",
    "dfdt",
    "dfdu",
    "observe",
    "observe_dy",
    "observe_dp",
    "initial",
    "initial_dp",
    "slopes",
    "bends",
)

#: What is compiled together, because it is wanted together: what every solve needs, what
#: implicit methods need, what depends on the choice of parameters, and what both together need.
PARTS: dict[str, tuple[str, ...]] = {
    "core": ("rhs", "observe", "initial"),
    "implicit": ("jac", "dfdt", "dfdu", "slopes"),
    "parametric": ("dfdp", "tangent", "observe_dy", "observe_dp", "initial_dp"),
    "curved": ("bends",),
}

_HEAD = (
    "static void {}(const tro_model *model, double t, const double *y,\n"
    "    const double *p, const double *u, double *out)"
)
_SLOPES = _HEAD.format("slopes")

#: The Jacobian alone is wanted outside of solves only, so it is taken from the slopes: half
#: the text to compile. Above this many states the copy would be large.
_MOST_COPIED = 32
_JACOBIAN = (
    _HEAD.format("jac")
    + """
{{
    double all[{size}], rates[2 * {k} + 1];
    for (int i = 0; i < {size}; i++) all[i] = 0.0;
    for (int i = 0; i < {k}; i++) rates[i] = u[i], rates[{k} + i] = 0.0;
    slopes(model, t, y, p, rates, all);
    for (int i = 0; i < {n} * {n}; i++) out[i] = all[2 * {n} + i];
}}
"""
)


@lru_cache(maxsize=1)
def _generator_digest() -> bytes:
    """Digest of everything that turns a graph into text."""
    package = Path(__file__).parents[1]
    digest = sha256()
    for part in sorted([*package.glob("codegen/*.py"), *package.glob("include/*.h")]):
        digest.update(part.read_bytes())
    return digest.digest()


class _Nodes(NamedTuple):
    """A model's expressions as nodes of a graph."""

    graph: Graph
    #: Nodes of states "y", parameters "p", inputs "u" and time "t".
    leaves: dict[str, list[int]]
    rhs: list[int]
    observe: list[int]
    initial: list[int]


class Source:
    """Generated code of a model.

    Parameters
    ----------
    model : Model

    Attributes
    ----------
    key : str
        Digest of the equations and of the generator; names do not enter.
    text : str
        C source; needs only ``trustode.h``.
    graph : Graph
    rhs, observe, initial : list of int
        Nodes of the graph that hold the functions' outputs.
    """

    def __init__(self, model: Model) -> None:
        self.model = model

    @cached_property
    def key(self) -> str:
        """Digest of the equations and of the generator; names do not enter."""
        return self.model.key or self._digest()

    @property
    def graph(self) -> Graph:
        """The graph that holds everything."""
        return self._nodes.graph

    @property
    def rhs(self) -> list[int]:
        """Nodes of the right-hand side."""
        return self._nodes.rhs

    @property
    def observe(self) -> list[int]:
        """Nodes of the observables."""
        return self._nodes.observe

    @property
    def initial(self) -> list[int]:
        """Nodes of the initial values."""
        return self._nodes.initial

    @property
    def _leaves(self) -> dict[str, list[int]]:
        return self._nodes.leaves

    @cached_property
    def _nodes(self) -> _Nodes:
        """Read the equations; not before something else than a known key is wanted."""
        model, graph = self.model, Graph()
        families = (("y", model.states), ("p", model.params), ("u", model.inputs))
        leaves = {
            symbol(name): graph.node(kind, i)
            for kind, names in families
            for i, name in enumerate(names)
        }
        leaves[TIME] = graph.node("t")
        numbers = {kind: [leaves[symbol(n)] for n in names] for kind, names in families}
        numbers["t"] = [leaves[TIME]]
        rhs, observe, initial = (
            [graph.read(expression, leaves) for expression in part.values()]
            for part in (model.rhs, model.observables, model.initial)
        )
        return _Nodes(graph, numbers, rhs, observe, initial)

    def _digest(self) -> str:
        model, graph = self.model, self.graph
        needed = graph.reachable([*self.rhs, *self.observe, *self.initial])
        definition = (
            [(number, graph.nodes[number]) for number in needed],
            (self.rhs, self.observe, self.initial),
            (len(model.states), len(model.params), len(model.inputs)),
        )
        digest = sha256(_generator_digest())
        digest.update(repr(definition).encode())
        return digest.hexdigest()

    def outputs(self, name: str) -> list[int]:
        """Return the nodes of one of `FUNCTION_NAMES`, matrices row by row."""
        base, _, by = name.partition("_")
        if name in ("rhs", "observe", "initial"):
            return list(getattr(self, name))
        if name == "tangent":
            return [o for part in ("rhs", "jac", "dfdp") for o in self.outputs(part)]
        if name == "slopes":
            return [*self.rhs, *self._rates(), *self.outputs("jac")]
        if name == "bends":
            return self.graph.tangents([*self._rates(), *self.outputs("jac")], self._directions())
        if name == "jac":
            base, by = "rhs", "dy"
        elif name.startswith("dfd"):
            base, by = "rhs", f"d{name[3:]}"
        columns = [
            self.graph.derivatives(getattr(self, base), leaf) for leaf in self._leaves[by[1:]]
        ]
        return [column[row] for row in range(len(getattr(self, base))) for column in columns]

    def _rates(self) -> list[int]:
        """Return the total time derivative of the right-hand side along the inputs."""
        graph, inputs = self.graph, self._leaves["u"]
        total = graph.derivatives(self.rhs, self._leaves["t"][0])
        for k, leaf in enumerate(inputs):
            rate = graph.node("u", len(inputs) + k)
            column = graph.derivatives(self.rhs, leaf)
            total = [graph.add(a, graph.mul(b, rate)) for a, b in zip(total, column, strict=True)]
        return total

    def _directions(self) -> dict[int, int]:
        """Return the leaf that holds the tangent of each state and parameter."""
        return {
            leaf: self.graph.node(kind, len(self._leaves[kind]) + k)
            for kind in ("y", "p")
            for k, leaf in enumerate(self._leaves[kind])
        }

    @cached_property
    def _factors(self) -> str:
        """The C text of factors on the Jacobian's pattern, or nothing."""
        n, jac = len(self.rhs), self.outputs("jac")
        pattern = {divmod(k, n) for k, entry in enumerate(jac) if entry != self.graph.zero}
        return lu.text(n, pattern, statements(self.graph, self.rhs))

    @cached_property
    def text(self) -> str:
        """The C source."""
        return self._assembled(FUNCTION_NAMES)

    def part_text(self, part: str) -> str:
        """Return the C source of one of `PARTS`; what it lacks is 0 in its ``tro_model``."""
        return self._assembled(PARTS[part])

    def _assembled(self, names: Sequence[str]) -> str:
        model = self.model
        functions = "\n".join(self._function(name) for name in FUNCTION_NAMES if name in names)
        sizes = ", ".join(
            str(len(names))
            for names in (model.states, model.params, model.inputs, model.observables)
        )
        implicit = "slopes" in names
        factors = self._factors if implicit else ""
        declared = f"{_SLOPES};\n" if implicit else ""
        rows = [name if name in names else "0" for name in FUNCTION_NAMES]
        rows += [*(("factor", "solve", "stage") if factors else "000"), "0"]
        helper = "".join(text for name, text in HELPERS.items() if f"{name}(" in functions)
        return (
            f'#include "trustode.h"\n\n{PROTOTYPES}{helper}\n{declared}{functions}\n{factors}\n'
            f"static const tro_model model_ = {{TRO_ABI, {sizes},\n"
            f"    {', '.join(rows)}}};\n\n"
            "TRO_EXPORT const tro_model *TRO_ENTRY(void);\n"
            "const tro_model *TRO_ENTRY(void) { return &model_; }\n"
        )

    def series_text(self, vary: Sequence[int] | None = None, driven: Sequence[int] = ()) -> str:
        """Return the C source of the Taylor recurrences for TRO_LANES runs side by side.

        Needs ``taylor.h``. Nothing where an expression has no recurrence.

        Parameters
        ----------
        vary : sequence of int, optional
            Parameters by which tangents are differentiated, beside the initial values; only
            where TRO_LANES is 1.
        driven : sequence of int
            Inputs that move; the others stand still between their jumps.
        """
        model = self.model
        sizes = len(model.states), len(model.params), len(model.inputs)
        try:
            text: str = codegen.taylor_text(self.graph, self.rhs, sizes, vary, driven)
        except codegen.NoRecurrence:
            return ""
        return text

    def series_key(
        self, lanes: int, vary: Sequence[int] | None = None, driven: Sequence[int] = ()
    ) -> str:
        """Return the key of `series_text` for a number of lanes."""
        tangents = "" if vary is None else f"/{tuple(vary)}"
        return f"{self.key}/{lanes}{tangents}" + (f"/driven {tuple(driven)}" if driven else "")

    def _function(self, name: str) -> str:
        n_state, n_input = len(self.rhs), len(self._leaves["u"])
        if name == "jac" and n_state <= _MOST_COPIED:
            return _JACOBIAN.format(n=n_state, k=n_input, size=n_state * (2 + n_state))
        dense = {"slopes": 2 * n_state, "bends": n_state}.get(name)
        return (
            f"{_HEAD.format(name)}\n{{\n"
            "    (void)model; (void)t; (void)y; (void)p; (void)u; (void)out;\n"
            f"{body(self.graph, self.outputs(name), dense)}\n}}\n"
        )


def entries_module(keys: dict[str, str], header: str, kind: str, objects: dict[str, str]) -> str:
    """Return the Cython module through which what was compiled with trustode is found.

    Parameters
    ----------
    keys : mapping of str to str
        C name of each entry function, to its key.
    header, kind : str
        Header that declares the C type which the functions point to, and its name.
    objects : mapping of str to str
        C name of each global of that header, to its key.
    """
    declared = "".join(f"    const {kind} *{entry}()\n" for entry in keys)
    declared += "".join(f"    const int {name}\n" for name in objects)
    prototypes = "\n".join(f"    const {kind} *{entry}(void);" for entry in keys)
    rows = "".join(f'        "{key}": <size_t>{entry}(),\n' for entry, key in keys.items())
    rows += "".join(f'        "{key}": <size_t>&{name},\n' for name, key in objects.items())
    return (
        "# cython: language_level=3\n"
        '"""What was compiled with trustode; generated by setup.py."""\n\n'
        f'cdef extern from *:\n    """\n    #include "{header}"\n'
        f'{prototypes}\n    """\n    ctypedef struct {kind}:\n        pass\n{declared}\n\n'
        "def entries():\n"
        '    """Return the address of each thing by its key."""\n'
        f"    return {{\n{rows}    }}\n"
    )
