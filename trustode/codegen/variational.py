"""A model beside its own derivatives in a direction, as one more source.

The states are (y, parameters, q, rates): those of the model, some of its parameters and
inputs as states that stand still, and a direction in both. The right-hand side is f and the
derivative of f in that direction, so that its Jacobian holds the second derivative applied
to the direction; the observables are the second and third derivative of f along q.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from types import SimpleNamespace
from typing import cast

from ..expression import TIME, symbol
from ..model import Model
from .graph import Graph
from .source import Source, _Nodes


class Variational(Source):
    """Generated code of a model and its directional derivatives.

    Parameters
    ----------
    model : Model
    along : sequence of str
        Parameters and inputs that become states.
    """

    def __init__(self, model: Model, along: Sequence[str]) -> None:
        self._base, self._along = model, tuple(along)
        n, k = len(model.states), len(along)
        # What the text, the key and the compiler ask of a model: its sizes and its name.
        shape = SimpleNamespace(
            name=model.name,
            key=None,
            states=range(2 * (n + k)),
            params=model.params,
            inputs=model.inputs,
            observables=range(2 * n),
        )
        super().__init__(cast(Model, shape))

    @cached_property
    def _nodes(self) -> _Nodes:
        model, graph = self._base, Graph()
        moving = [*model.states, *self._along]
        size = len(moving)
        leaves = {symbol(name): graph.node("p", i) for i, name in enumerate(model.params)}
        leaves |= {symbol(name): graph.node("u", i) for i, name in enumerate(model.inputs)}
        leaves |= {symbol(name): graph.node("y", i) for i, name in enumerate(moving)}
        leaves[TIME] = graph.node("t")
        y = [graph.node("y", i) for i in range(2 * size)]
        numbers = {
            "y": y,
            "p": [graph.node("p", i) for i in range(len(model.params))],
            "u": [graph.node("u", i) for i in range(len(model.inputs))],
            "t": [leaves[TIME]],
        }
        f = [graph.read(expression, leaves) for expression in model.rhs.values()]
        still = [graph.zero] * len(self._along)
        first = graph.tangents(f, dict(zip(y[:size], y[size:], strict=True)))
        n = len(f)
        seeds = dict(zip(y[:n], y[size : size + n], strict=True))
        second = graph.tangents(graph.tangents(f, seeds), seeds)
        third = graph.tangents(second, seeds)
        rhs = [*f, *still, *first, *still]
        return _Nodes(graph, numbers, rhs, [*second, *third], [graph.zero] * (2 * size))

    @cached_property
    def _factors(self) -> str:
        """No time is stepped: no factors."""
        return ""


class AlongOrbit(Source):
    """Generated code of a model beside vectors that its linearisation carries along an orbit.

    The states are those of the model, then one or two vectors v, w of as many components; one
    parameter, c, comes after the model's own. The right-hand side is f, then

    - "fold_of_cycles": J v + c f;
    - "period_doubling": J v;
    - "torus": J v + c w, J w - c v.

    Parameters
    ----------
    model : Model
    kind : str
    """

    def __init__(self, model: Model, kind: str) -> None:
        self._base, self._kind = model, kind
        shape = SimpleNamespace(
            name=model.name,
            key=None,
            states=range(len(model.states) * (3 if kind == "torus" else 2)),
            params=range(len(model.params) + 1),
            inputs=model.inputs,
            observables=range(0),
        )
        super().__init__(cast(Model, shape))

    @cached_property
    def _nodes(self) -> _Nodes:
        model, graph = self._base, Graph()
        n, size = len(model.states), len(self.model.states)
        y = [graph.node("y", i) for i in range(size)]
        p = [graph.node("p", i) for i in range(len(self.model.params))]
        u = [graph.node("u", i) for i in range(len(model.inputs))]
        leaves = {symbol(name): p[i] for i, name in enumerate(model.params)}
        leaves |= {symbol(name): u[i] for i, name in enumerate(model.inputs)}
        leaves |= {symbol(name): y[i] for i, name in enumerate(model.states)}
        leaves[TIME] = graph.node("t")
        f = [graph.read(expression, leaves) for expression in model.rhs.values()]
        vectors = [y[k : k + n] for k in range(n, size, n)]
        carried = [graph.tangents(f, dict(zip(y[:n], v, strict=True))) for v in vectors]
        c = p[-1]
        if self._kind == "fold_of_cycles":
            added = [[graph.mul(c, each) for each in f]]
        elif self._kind == "torus":
            v, w = vectors
            added = [
                [graph.mul(c, each) for each in w],
                [graph.neg(graph.mul(c, each)) for each in v],
            ]
        else:
            added = [[graph.zero] * n]
        rhs = [*f]
        for vector, more in zip(carried, added, strict=True):
            rhs += [graph.add(a, b) for a, b in zip(vector, more, strict=True)]
        numbers = {"y": y, "p": p, "u": u, "t": [leaves[TIME]]}
        return _Nodes(graph, numbers, rhs, [], [graph.zero] * size)

    @cached_property
    def _factors(self) -> str:
        """No time is stepped: no factors."""
        return ""
