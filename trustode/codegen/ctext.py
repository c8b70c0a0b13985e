"""Print parts of an expression graph as the body of a C function.

Numbers are written as hexadecimal floats and the order of operations is spelled out, so
every compiler gives the same result (with contraction off).
"""

from __future__ import annotations

from collections import Counter

from .graph import Graph

#: What a body may call; declared by hand because a compiler without headers must do.
PROTOTYPES = (
    "".join(
        f"double {name}(double);\n"
        for name in (
            "exp log sqrt tanh sinh cosh sin cos tan asin acos atan asinh acosh atanh fabs"
        ).split()
    )
    + "double pow(double, double);\n"
)

#: Nested deeper than this, a subexpression gets a name of its own.
_DEEPEST = 24

_INFIX = {"add": "+", "sub": "-", "mul": "*", "div": "/"}


def statements(graph: Graph, outputs: list[int]) -> tuple[list[str], list[str]]:
    """Return C statements that name what is shared, and each output's expression over them."""
    needed = graph.reachable(outputs)
    uses = Counter(operand for number in needed for operand in graph.operands(number))
    uses.update(outputs)
    lines: list[str] = []
    printed: dict[int, tuple[str, int]] = {}
    for number in needed:
        text, depth = _expression(graph, number, printed)
        leaf = not graph.operands(number)
        if not leaf and (uses[number] > 1 or depth > _DEEPEST):
            lines.append(f"    const double s{number} = {text};")
            text, depth = f"s{number}", 0
        printed[number] = (text, depth)
    return lines, [printed[output][0] for output in outputs]


def body(graph: Graph, outputs: list[int], sparse_from: int | None = None) -> str:
    """Return C statements that set ``out[k]`` to the outputs.

    Zero outputs are set by one loop when they are many, as in a sparse matrix; from
    ``sparse_from`` on they are not set at all.
    """
    lines, texts = statements(graph, outputs)
    whole = len(outputs) if sparse_from is None else sparse_from
    zeros = [k for k, output in enumerate(outputs[:whole]) if output == graph.zero]
    sparse = len(zeros) > 4
    if sparse:
        lines.append(f"    for (int k = 0; k < {whole}; k++) out[k] = 0.0;")
    lines += [
        f"    out[{k}] = {texts[k]};"
        for k, output in enumerate(outputs)
        if not ((sparse or k >= whole) and output == graph.zero)
    ]
    return "\n".join(lines)


def _expression(graph: Graph, number: int, printed: dict[int, tuple[str, int]]) -> tuple[str, int]:
    parts = graph.nodes[number]
    operation = parts[0]
    if operation == "const":
        value = float(parts[1])
        text = value.hex()
        return (f"({text})" if value < 0 else text), 0
    if operation == "t":
        return "t", 0
    if operation in ("y", "p", "u"):
        return f"{operation}[{parts[1]}]", 0
    operands = [printed[operand] for operand in graph.operands(number)]
    texts = [text for text, _ in operands]
    depth = 1 + max(d for _, d in operands)
    if operation in _INFIX:
        return f"({texts[0]} {_INFIX[str(operation)]} {texts[1]})", depth
    if operation == "neg":
        return f"(-{texts[0]})", depth
    if operation == "pow":
        return f"pow({texts[0]}, {texts[1]})", depth
    if operation == "powlog":
        return f"tro_powlog({texts[0]}, {texts[1]}, {parts[3]})", depth
    if operation == "select":
        return f"({texts[0]} < {texts[1]} ? {texts[2]} : {texts[3]})", depth
    if operation in ("min", "max", "sign"):
        return f"tro_{operation}({', '.join(texts)})", depth
    name = "fabs" if operation == "abs" else str(operation)
    return f"{name}({texts[0]})", depth


#: Helpers that a body may call, by name; NaN passes through each of them.
HELPERS = {
    "tro_powlog": """static double tro_powlog(double a, double b, int degree)
{
    if (a == 0.0 && b > 0.0) return 0.0;
    double value = pow(a, b), factor = log(a);
    for (int k = 0; k < degree; k++) value *= factor;
    return value;
}
""",
    "tro_min": "static double tro_min(double a, double b) { return a < b || a != a ? a : b; }\n",
    "tro_max": "static double tro_max(double a, double b) { return a > b || a != a ? a : b; }\n",
    "tro_sign": (
        "static double tro_sign(double a) { return a > 0.0 ? 1.0 : a < 0.0 ? -1.0 : a; }\n"
    ),
}
