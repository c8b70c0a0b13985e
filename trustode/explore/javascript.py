"""Print a model's functions as JavaScript, from the expression graph.

States, parameters and inputs are positions (``y[0]``, ``p[3]``, ``u[1]``): no name of the
user's becomes code. Imports codegen and the model layer.
"""

from __future__ import annotations

from collections import Counter

from ..codegen import Source
from ..codegen.graph import Graph
from ..model import Model

_INFIX = {"add": "+", "sub": "-", "mul": "*", "div": "/"}

#: Operations that JavaScript calls otherwise than the graph does.
_CALLED = {"powlog": "powlog", "pow": "Math.pow"}

#: Nested deeper than this, a subexpression gets a name of its own.
_DEEPEST = 12

_HELPER = """  function powlog(a, b, degree) {
    return a === 0 && b > 0 ? 0 : Math.pow(a, b) * Math.pow(Math.log(a), degree);
  }
"""


def functions(model: Model) -> str:
    """Return a JavaScript statement that defines ``model`` with the functions of a model.

    Parameters
    ----------
    model : Model

    Returns
    -------
    str
        ``rhs(t, y, p, u, out)``; ``slopes(t, y, p, u, out)``, the derivatives of the right-hand
        side by the states (row-major), by time and by the inputs (row-major), one after the
        other; ``observe(t, y, p, u, out)``; ``initial(t, y, p, u, out)``.
    """
    source = Source(model)
    graph, rhs = source.graph, source.rhs
    by_state = [graph.derivatives(rhs, graph.node("y", j)) for j in range(len(model.states))]
    by_input = [graph.derivatives(rhs, graph.node("u", j)) for j in range(len(model.inputs))]
    slopes = [column[i] for i in range(len(rhs)) for column in by_state]
    slopes += graph.derivatives(rhs, graph.node("t"))
    slopes += [column[i] for i in range(len(rhs)) for column in by_input]
    parts = {"rhs": rhs, "slopes": slopes, "observe": source.observe, "initial": source.initial}
    written = "".join(_function(name, graph, outputs) for name, outputs in parts.items())
    return (
        f"const model = (() => {{\n{_HELPER}{written}  return {{ {', '.join(parts)} }};\n}})();\n"
    )


def _function(name: str, graph: Graph, outputs: list[int]) -> str:
    """Return a function that fills ``out`` with outputs."""
    needed = graph.reachable(outputs)
    uses = Counter(operand for number in needed for operand in graph.operands(number))
    uses.update(outputs)
    lines = [f"  function {name}(t, y, p, u, out) {{"]
    printed: dict[int, tuple[str, int]] = {}
    for number in needed:
        text, depth = _expression(graph, number, printed)
        if graph.operands(number) and (uses[number] > 1 or depth > _DEEPEST):
            lines.append(f"    const s{number} = {text};")
            text, depth = f"s{number}", 0
        printed[number] = (text, depth)
    lines += [f"    out[{k}] = {printed[output][0]};" for k, output in enumerate(outputs)]
    return "\n".join([*lines, "  }", ""])


def _expression(graph: Graph, number: int, printed: dict[int, tuple[str, int]]) -> tuple[str, int]:
    """Return the text of a node, fully bracketed, and how deep it is nested."""
    parts = graph.nodes[number]
    operation = str(parts[0])
    if operation == "const":
        value = float(parts[1])
        return (f"({value!r})" if value < 0 else repr(value)), 0
    if operation == "t":
        return "t", 0
    if operation in ("y", "p", "u"):
        return f"{operation}[{int(parts[1])}]", 0
    operands = [printed[operand] for operand in graph.operands(number)]
    texts = [text for text, _ in operands]
    depth = 1 + max(d for _, d in operands)
    if operation in _INFIX:
        return f"({texts[0]} {_INFIX[operation]} {texts[1]})", depth
    if operation == "neg":
        return f"(-{texts[0]})", depth
    if operation == "select":
        return f"({texts[0]} < {texts[1]} ? {texts[2]} : {texts[3]})", depth
    if operation == "powlog":
        texts.append(str(int(parts[3])))
    return f"{_CALLED.get(operation, f'Math.{operation}')}({', '.join(texts)})", depth
