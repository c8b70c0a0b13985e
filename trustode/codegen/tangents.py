"""Print the series of a solution's tangents as C text, for several blocks of them abreast.

A block is TRO_WIDE tangents side by side. Blocks that are computed together share what they
read of the solution's series, and do not wait for each other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from .recurrences import (
    SUMS_A_LOOP,
    Lowering,
    NoRecurrence,
    Recurrences,
    Series,
    lines_of,
    next_coefficients,
    plain_lines,
)

#: Text of tangents that are zero.
_STILL = "tro_wide_set(0.0)"

#: Blocks that are computed together, at most; more would not fit into 32 vector registers.
_MOST_BLOCKS = 3


@dataclass(eq=False, repr=False)
class Tangents(Recurrences):
    """Recurrences of tangents: linear in them, with the solution's series as coefficients.

    A tangent is the derivative of a node in a direction. Several directions go side by side, as
    a ``tro_w``; the solution's own series are those of one run.
    """

    values: Lowering = field(kw_only=True)
    wide: dict[int, bool] = field(default_factory=dict)

    _LOW, _HIGH, _SUM = "z", "q", "b"

    def is_wide(self, number: int) -> bool:
        """Say whether a node is a tangent or depends on one."""
        known = self.wide.get(number)
        if known is None:
            kind = self.graph.nodes[number][0]
            known = kind in ("dy", "dp") or any(map(self.is_wide, self.graph.operands(number)))
            self.wide[number] = known
        return known

    def name(self, first: str, later: str) -> Series:
        """Give an expression a name of its own; what stands still has no later text."""
        number = self.n_name
        self.n_name += 1
        self.first.append(f"const tro_w v{number} = {first};")
        if later:
            self.later.append(f"const tro_w n{number} = {later};")
        return Series(f"v{number}", f"n{number}" if later else "")

    def lower(self, number: int) -> Series:
        """Return the recurrence of a node."""
        graph = self.graph
        operation, *rest = graph.nodes[number]
        operands = graph.operands(number)
        if number == graph.zero:
            return Series(_STILL, "")
        if operation == "dy":
            slot = int(rest[0])
            return Series(f"z[{slot}]", f"q[{slot}]", slot)
        if operation == "dp":
            return Series(f"d[{rest[0]}]", "")
        if operation == "neg":
            a = self.read(operands[0])
            return self.name(f"-{a.first}", f"-{a.later}" if a.later else "")
        if operation in ("add", "sub"):
            return self.add(str(operation), self.read(operands[0]), self.read(operands[1]))
        if operation == "mul":
            value, tangent = sorted(operands, key=self.is_wide)
            return self.multiply(value, self.read(tangent), self.uses[number] > 1)
        if operation == "div":
            return self.divide(*operands)
        if operation == "select":
            return self.choose(*operands)
        raise NoRecurrence(str(operation))

    def choose(self, low: int, high: int, left: int, right: int) -> Series:
        """Lower a choice that parameters alone decide."""
        if self.values.moves(low) or self.values.moves(high):
            raise NoRecurrence("select")
        a, b = self.read(left), self.read(right)
        where = f"{self.values.constant(low)} < {self.values.constant(high)}"
        first = f"({where} ? {a.first} : {b.first})"
        later = f"({where} ? {a.later or _STILL} : {b.later or _STILL})"
        return self.name(first, later if a.later or b.later else "")

    def add(self, operation: str, a: Series, b: Series) -> Series:
        """Return the sum or the difference of two tangents."""
        minus, sign = ("-", "-") if operation == "sub" else ("", "+")

        def both(x: str, y: str, x_scaled: str, y_scaled: str) -> str:
            """Join two texts; of a scaled one, what it scales is given too."""
            if not y:
                return x
            if not x:
                return f"{minus}{y}"
            if y_scaled and b.scaled is not None:
                return f"tro_wide_fma({minus}{b.scaled[0]}, {y_scaled}, {x})"
            if x_scaled and a.scaled is not None:
                return f"tro_wide_fma({a.scaled[0]}, {x_scaled}, {minus}{y})"
            return f"{x} {sign} {y}"

        _, first_a, later_a = a.scaled or ("", "", "")
        _, first_b, later_b = b.scaled or ("", "", "")
        return self.name(
            both(a.first, b.first, first_a, first_b), both(a.later, b.later, later_a, later_b)
        )

    def multiply(self, value: int, tangent: Series, keep: bool) -> Series:
        """Return a node times a tangent; what is kept has a name."""
        values = self.values
        if not values.moves(value):
            factor = values.constant(value)
            if not tangent.later:
                return self.name(f"{factor} * {tangent.first}", "")
            texts = f"({factor} * {tangent.first})", f"({factor} * {tangent.later})"
            if keep:
                return self.name(*texts)
            return Series(*texts, scaled=(factor, tangent.first, tangent.later))
        slot = values.store(values.read(value))
        if not tangent.later:
            return self.name(f"{tangent.first} * s[{slot}]", f"{tangent.first} * x[{slot}]")
        own = self.store(tangent)
        inner = self.sum(slot, own)
        ends = f"tro_wide_fma(x[{slot}], z[{own}], {inner})"
        return self.name(
            f"s[{slot}] * {tangent.first}", f"tro_wide_fma(s[{slot}], {tangent.later}, {ends})"
        )

    def divide(self, above: int, below: int) -> Series:
        """Lower a tangent over a node."""
        values, graph = self.values, self.graph
        a = self.read(above)
        if not values.moves(below):
            return self.multiply(graph.div(graph.one, below), a, True)
        bottom = values.store(values.read(below))
        slot = self.new_slot()
        inverse = f"i{self.n_name}"
        self.first.append(f"const tro_v {inverse} = tro_set(1.0) / s[{bottom}];")
        rest = f"tro_wide_fma(x[{bottom}], z[{slot}], {self.sum(bottom, slot)})"
        upper = f"{a.later} - {rest}" if a.later else f"-{rest}"
        series = self.name(f"{a.first} * {inverse}", f"({upper}) * {inverse}")
        series.slot = slot
        self.write(slot, series.first, series.later)
        return series


def tangent_text(tangents: Tangents, slopes: list[Series], n_vary: int) -> str:
    """Return the C function that computes the series of blocks of tangents.

    Parameters
    ----------
    tangents : Tangents
    slopes : list of Series
        Tangents of the right-hand side.
    n_vary : int
        Parameters that the solution is differentiated by: as many tangents are expected, so
        that only the function for as many blocks together is compiled.
    """
    abreast = "".join(
        f"#{'if' if count == _MOST_BLOCKS else 'elif'} {n_vary} > {count - 1} * TRO_WIDE\n"
        f"#define ABREAST {count}\n{_blocks(tangents, slopes, n_vary, count)}"
        for count in range(_MOST_BLOCKS, 1, -1)
    )
    return (
        f"{_blocks(tangents, slopes, n_vary, 1)}{abreast}#endif\n\n"
        "static void tangent(int n_block, int order, tro_v scale, const tro_v *c, const tro_v *s,\n"
        "    const tro_w *d, tro_w *z)\n{\n"
        "    const int size = WIDE * (order + 1);\n"
        "#ifdef ABREAST\n"
        "    for (; n_block >= ABREAST; n_block -= ABREAST) {\n"
        "        abreast(order, scale, c, s, d, z);\n"
        f"        d += ABREAST * {n_vary};\n        z += ABREAST * size;\n    }}\n"
        "#endif\n"
        "    for (; n_block > 0; n_block--) {\n"
        "        alone(order, scale, c, s, d, z);\n"
        f"        d += {n_vary};\n        z += size;\n    }}\n}}\n\n"
    )


def _blocks(tangents: Tangents, slopes: list[Series], n_vary: int, count: int) -> str:
    """Return the function for a number of blocks together."""
    starts, steps = next_coefficients(slopes, "g", _STILL)
    later = plain_lines(tangents.later, "q")
    own = "".join(
        f"    const tro_w *d{k} = d + {k * n_vary};\n"
        f"    tro_w *z{k} = z + {k} * WIDE * (order + 1), *q{k} = z{k}, *g{k} = z{k} + WIDE;\n"
        f"    (void)d{k}; (void)q{k};\n"
        for k in range(count)
    )
    onward = "".join(f" q{k} = g{k}, g{k} += WIDE;" for k in range(count))
    return (
        f"static void {'alone' if count == 1 else 'abreast'}(int order, tro_v scale,\n"
        "    const tro_v *c, const tro_v *s, const tro_w *d, tro_w *z)\n{\n"
        f"    const tro_v *x = s;\n    (void)c; (void)d; (void)x;\n{own}"
        f"{lines_of(_each([*tangents.first, *starts], count), 4)}"
        "    for (int k = 1; k < order; k++) {\n"
        f"        x += SLOTS;\n       {onward}\n"
        "        const tro_v next = scale * tro_set(R[k + 1]);\n"
        f"{_loops(tangents.sums, count)}{lines_of(_each([*later, *steps], count), 8)}    }}\n}}\n\n"
    )


def _each(lines: Iterable[str], count: int) -> list[str]:
    """Return lines for each of some blocks; what no tangent is in they share."""
    found = []
    for line in lines:
        if line.startswith("const tro_v "):
            found.append(line)
            continue
        for k in range(count):
            named = re.sub(r"\b([vnb]\d+)\b", rf"\g<1>_{k}", line)
            found.append(re.sub(r"\b([zqgd])\[", rf"\g<1>{k}[", named))
    return found


def _loops(sums: Sequence[tuple[int, int]], count: int) -> str:
    """Return the loops over earlier coefficients of a value and a tangent each.

    The newest tangent comes last, so that the sums of the others do not wait for it.
    """
    if not sums:
        return ""
    blocks = range(count)
    text = "".join(f"        const tro_w *e{k};\n" for k in blocks) + "        const tro_v *l;\n"
    starts = "".join(f" e{k} = z{k} + WIDE;" for k in blocks)
    onward = "".join(f", e{k} += WIDE" for k in blocks)
    group = SUMS_A_LOOP if count == 1 else SUMS_A_LOOP // 2
    for begin in range(0, len(sums), group):
        some = list(enumerate(sums))[begin : begin + group]
        text += "".join(f"        tro_w b{n}_{k} = {_STILL};\n" for n, _ in some for k in blocks)
        text += f"        l = x - SLOTS;\n       {starts}\n"
        text += f"        for (; e0 < q0; l -= SLOTS{onward}) {{\n"
        for n, (left, right) in some:
            for k in blocks:
                text += (
                    f"            b{n}_{k} = tro_wide_fma(l[{left}], e{k}[{right}], b{n}_{k});\n"
                )
        text += "        }\n"
    return text
