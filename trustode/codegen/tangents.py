"""Print the series of a solution's tangents as C text, for several blocks of them abreast.

A block is TRO_WIDE tangents side by side. Blocks that are computed together share what they
read of the solution's series, and do not wait for each other. The tangents by parameters come
first, in the parameters' order, so that each of the first blocks leaves out what belongs to the
parameters of others.
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


@dataclass(frozen=True)
class _Term:
    """A term of a sum of tangents, in texts of order 0 and of order k.

    A factor, in both texts, is yet to be multiplied with. A tangent in the directions of some
    parameters alone has them in ``only``, and perhaps no text of order k.
    """

    minus: bool
    tangent: tuple[str, str]
    factor: tuple[str, str] | None
    only: frozenset[int] | None

    def alone(self, order: int) -> str:
        """Return the text of the term without another."""
        if self.minus and self.factor:
            return self._joined(order, _STILL)
        factor = f"{self.factor[order]} * " if self.factor else ""
        return f"{'-' if self.minus else ''}{factor}{self.tangent[order]}"

    def joined(self, first: str, later: str) -> tuple[str, str]:
        """Return the texts of the sums, of order 0 and of order k, with something else."""
        return self._joined(0, first), self._joined(1, later)

    def _joined(self, order: int, to: str) -> str:
        text = self.tangent[order]
        if not text:
            return to
        if not to:
            return self.alone(order)
        if not self.factor:
            return f"{to} {'-' if self.minus else '+'} {text}"
        function = "tro_wide_less" if self.minus else "tro_wide_fma"
        return f"{function}({self.factor[order]}, {text}, {to})"


#: Text of tangents that are zero.
_STILL = "tro_wide_set(0.0)"

#: Widths of vectors that have code of their own for how many blocks there are.
_WIDTHS = (2, 4, 8)
#: Blocks that are computed together, at most: with five instead of two and one more, twenty
#: tangents side by side in sixteen vector registers took .79 of the time.
_ABREAST = 6
#: Blocks that have code of their own, which leaves out other blocks' parameters, at most.
_MOST_OWN = 8
#: Blocks that are computed together where nobody knows how many come.
_OTHERS = 2
#: Sums that a loop adds up for several blocks together.
_SUMS_ABREAST = 10
#: What each block has of its own: names, series and directions, and which it is.
_OF_A_BLOCK, _MARK = re.compile(r"\b(?:([vnb]\d+)\b|([zqgd])\[|at\b)"), "\0"
#: What the functions of blocks are given, beside which block it is.
_CALL = "order, scale, c, s, d, z"


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

    def name(self, first: str, later: str, only: frozenset[int] | None = None) -> Series:
        """Give an expression a name of its own; what stands still has no later text."""
        number = self.n_name
        self.n_name += 1
        self.first.append(f"const tro_w v{number} = {first};")
        if later:
            self.later.append(f"const tro_w n{number} = {later};")
        return Series(f"v{number}", f"n{number}" if later else "", only=only)

    def lower(self, number: int) -> Series:
        """Return the recurrence of a node."""
        graph = self.graph
        operation, *rest = graph.nodes[number]
        operands = graph.operands(number)
        if number == graph.zero:
            return Series(_STILL, "", only=frozenset())
        if operation == "dy":
            slot = int(rest[0])
            return Series(f"z[{slot}]", f"q[{slot}]", slot)
        if operation == "dp":
            return Series(f"d[{rest[0]}]", "", only=frozenset((int(rest[0]),)))
        if operation in ("neg", "add", "sub"):
            return self.add(self.terms_below(number, False))
        if operation == "mul":
            value, tangent = sorted(operands, key=self.is_wide)
            return self.multiply(value, self.read(tangent), self.uses[number] > 1)
        if operation == "div":
            above, below = operands
            return self.divide(above, below, self.uses[number] > 1)
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
        return self.name(first, later if a.later or b.later else "", _either(a, b))

    def terms_below(self, number: int, minus: bool) -> list[_Term]:
        """Return the terms of a sum, a difference or a sign, or of what is subtracted."""
        operation = self.graph.nodes[number][0]
        left, *rest = self.graph.operands(number)
        found = self.terms(left, minus != (operation == "neg"))
        for right in rest:
            found += self.terms(right, minus != (operation == "sub"))
        return found

    def terms(self, number: int, minus: bool) -> list[_Term]:
        """Return the terms of a node; sums and products that nobody else reads come apart."""
        operation = self.graph.nodes[number][0]
        if self.uses[number] == 1 and number not in self.series:
            if operation in ("neg", "add", "sub"):
                return self.terms_below(number, minus)
            if operation == "mul":
                value, other = sorted(self.graph.operands(number), key=self.is_wide)
                tangent = self.read(other)
                if self.values.moves(value) and not tangent.later:
                    slot = self.values.store(self.values.read(value))
                    factor = f"s[{slot}]", f"x[{slot}]"
                    return [_Term(minus, (tangent.first,) * 2, factor, tangent.only)]
        series = self.read(number)
        if series.scaled is not None:
            scale, *texts = series.scaled
            return [_Term(minus, (texts[0], texts[1]), (scale, scale), series.only)]
        return [_Term(minus, (series.first, series.later), None, series.only)]

    def add(self, terms: list[_Term]) -> Series:
        """Return the sum of terms, those of some blocks behind those of all."""
        common = sorted(
            (term for term in terms if term.only is None),
            key=lambda term: (term.minus, term.factor is not None),
        )
        partial = [term for term in terms if term.only is not None]
        sums = common or partial
        only = None if common else frozenset[int]().union(*(term.only or () for term in partial))
        first, later = (sums[0].alone(k) if sums[0].tangent[k] else "" for k in (0, 1))
        total = None if len(sums) > 1 else self.name(first, later, only)
        for term in sums[1:]:
            total = self.name(*term.joined(first, later), only)
            first, later = total.first, total.later
        assert total is not None
        for term in partial if common else ():
            has = " || ".join(f"HAS(at, {j})" for j in sorted(term.only or ())) or "0"
            first, later = term.joined(total.first, total.later)
            if later != total.later:
                later = f"({has} ? {later} : {total.later})"
            total = self.name(f"({has} ? {first} : {total.first})", later)
        return total

    def multiply(self, value: int, tangent: Series, keep: bool) -> Series:
        """Return a node times a tangent; what is kept has a name."""
        values = self.values
        if not values.moves(value):
            factor = values.constant(value)
            if not tangent.later:
                return self.name(f"{factor} * {tangent.first}", "", tangent.only)
            texts = f"({factor} * {tangent.first})", f"({factor} * {tangent.later})"
            if keep:
                return self.name(*texts, tangent.only)
            scaled = (factor, tangent.first, tangent.later)
            return Series(*texts, scaled=scaled, only=tangent.only)
        slot = values.store(values.read(value))
        if not tangent.later:
            texts = (f"{tangent.first} * s[{slot}]", f"{tangent.first} * x[{slot}]")
            return self.name(*texts, tangent.only)
        own = self.store(tangent)
        inner = self.sum(slot, own)
        ends = f"tro_wide_fma(x[{slot}], z[{own}], {inner})"
        return self.name(
            f"s[{slot}] * {tangent.first}",
            f"tro_wide_fma(s[{slot}], {tangent.later}, {ends})",
            tangent.only,
        )

    def divide(self, above: int, below: int, keep: bool) -> Series:
        """Lower a tangent over a node; what is kept has a name."""
        values, graph = self.values, self.graph
        a = self.read(above)
        if not values.moves(below):
            return self.multiply(graph.div(graph.one, below), a, keep)
        bottom = values.store(values.read(below))
        slot = self.new_slot()
        inverse = f"i{self.n_name}"
        self.first.append(f"const tro_v {inverse} = tro_set(1.0) / s[{bottom}];")
        rest = f"tro_wide_fma(x[{bottom}], z[{slot}], {self.sum(bottom, slot)})"
        upper = f"{a.later} - {rest}" if a.later else f"-{rest}"
        series = self.name(f"{a.first} * {inverse}", f"({upper}) * {inverse}", a.only)
        series.slot = slot
        self.write(slot, series.first, series.later)
        return series


def _either(a: Series, b: Series) -> frozenset[int] | None:
    """Return the parameters in whose directions one of two tangents lies, or None for all."""
    return None if a.only is None or b.only is None else a.only | b.only


def tangent_text(tangents: Tangents, slopes: list[Series], n_vary: int) -> str:
    """Return the C function that computes the series of blocks of tangents.

    Parameters
    ----------
    tangents : Tangents
    slopes : list of Series
        Tangents of the right-hand side.
    n_vary : int
        Parameters that the solution is differentiated by; at least so many tangents are expected.
    """
    plans = {width: _plan(n_vary, width) for width in _WIDTHS}
    wanted: dict[int, list[str]] = {}
    for width, counts in plans.items():
        for count in counts or [_OTHERS]:
            wanted.setdefault(count, []).append(f"TRO_WIDE == {width}")
    wanted.setdefault(_OTHERS, []).append("TRO_WIDE == 1")
    functions = _blocks(tangents, slopes, n_vary, 1)
    for count, widths in sorted(wanted.items()):
        if count > 1:
            which = " || ".join(dict.fromkeys(widths))
            functions += f"#if {which}\n{_blocks(tangents, slopes, n_vary, count)}#endif\n"
    own = ""
    for width, counts in plans.items():
        own += f"#{'elif' if own else 'if'} TRO_WIDE == {width}\n{_own(counts, n_vary)}"
    return (
        # Whether a block has a parameter's tangent; -1 stands for a block that may have any.
        "#define HAS(at, j) ((at) < 0 || (j) / TRO_WIDE == (at))\n"
        f"{functions}\n"
        "static void tangent(int n_block, int order, tro_v scale, const tro_v *restrict c,\n"
        "    const tro_v *restrict s, const tro_w *restrict d, tro_w *restrict z)\n{\n"
        "    const int size = WIDE * (order + 1);\n"
        f"{own}#else\n{_own([], n_vary)}#endif\n"
        f"    while (n_block > 0) {{\n        alone(REST, {_CALL});\n"
        f"        {_onward(1, n_vary)}\n    }}\n}}\n\n"
    )


def _plan(n_vary: int, width: int) -> list[int]:
    """Return how many blocks with parameters' tangents go together; none if they are many."""
    n_block = -(-n_vary // width)
    if not 0 < n_block <= _MOST_OWN:
        return []
    n_part = -(-n_block // _ABREAST)
    return [n_block // n_part + (part < n_block % n_part) for part in range(n_part)]


def _own(counts: list[int], n_vary: int) -> str:
    """Return the text that computes the blocks of a plan, or all that come."""
    if not counts:
        return (
            "    enum { REST = -1 };\n"
            f"    while (n_block >= {_OTHERS}) {{\n        abreast_{_OTHERS}(REST, {_CALL});\n"
            f"        {_onward(_OTHERS, n_vary)}\n    }}\n"
        )
    text, block = f"    enum {{ REST = {_MOST_OWN} }};\n", 0
    for count in counts:
        text += f"    {_function(count)}({block}, {_CALL});\n    {_onward(count, n_vary)}\n"
        block += count
    return text


def _function(count: int) -> str:
    """Return the name of the function for some blocks together."""
    return "alone" if count == 1 else f"abreast_{count}"


def _onward(count: int, n_vary: int) -> str:
    """Return the text that goes on behind some blocks."""
    return f"n_block -= {count}, d += {count * n_vary}, z += {count} * size;"


def _blocks(tangents: Tangents, slopes: list[Series], n_vary: int, count: int) -> str:
    """Return the function for a number of blocks together, the first of which is ``block``."""
    starts, steps = next_coefficients(slopes, "g", _STILL)
    later = plain_lines(tangents.later, "q")
    own = "".join(
        f"    const int at{k} = block < 0 ? block : block + {k};\n"
        f"    const tro_w *d{k} = d + {k * n_vary};\n"
        f"    tro_w *z{k} = z + {k} * WIDE * (order + 1), *q{k} = z{k}, *g{k} = z{k} + WIDE;\n"
        f"    (void)at{k}; (void)d{k}; (void)q{k};\n"
        for k in range(count)
    )
    onward = "".join(f" q{k} = g{k}, g{k} += WIDE;" for k in range(count))
    return (
        f"static TRO_SPREAD void {_function(count)}(const int block,\n"
        "    int order, tro_v scale, const tro_v *restrict c, const tro_v *restrict s,\n"
        "    const tro_w *restrict d, tro_w *restrict z)\n{\n"
        f"    const tro_v *x = s;\n    (void)c; (void)d; (void)x;\n{own}"
        f"{lines_of(_each([*tangents.first, *starts], count), 4)}"
        "    for (int k = 1; k < order; k++) {\n"
        f"        x += SLOTS;\n       {onward}\n"
        "        const tro_v next = scale * tro_set(R[k + 1]);\n"
        f"{_order(tangents.sums, later, steps, count)}    }}\n}}\n\n"
    )


def _each(lines: Iterable[str], count: int) -> list[str]:
    """Return lines for each of some blocks; what no tangent is in they share."""
    found = []
    for line in lines:
        if line.startswith("const tro_v "):
            found.append(line)
            continue
        marked = _OF_A_BLOCK.sub(_marked, line)
        found += [marked.replace(_MARK, str(k)) for k in range(count)]
    return found


def _marked(name: re.Match[str]) -> str:
    """Return the name of what each block has, with a mark where the block's number goes."""
    if name[1]:
        return f"{name[1]}_{_MARK}"
    return f"{name[2]}{_MARK}[" if name[2] else f"at{_MARK}"


def _order(
    sums: Sequence[tuple[int, int]], lines: Sequence[str], steps: Sequence[str], count: int
) -> str:
    """Return the text of one order: its lines, and loops over earlier coefficients.

    What is summed in one loop is used before the next, and what is known goes on to the next
    order at once, so that it need not leave the registers. The newest tangent is no part of the
    loops, so that they do not wait for it.
    """
    ready: dict[str, list[str]] = {}
    for step in steps:
        names = re.findall(r"\bn\d+\b", step)
        ready.setdefault(names[-1] if names else "", []).append(step)
    group = SUMS_A_LOOP if count == 1 else max(1, _SUMS_ABREAST // count)
    text, n_summed = _declared(len(sums), count) + lines_of(_each(ready.pop("", []), count), 8), 0
    for line in lines:
        for number in re.findall(r"\bb(\d+)\b", line):
            while n_summed <= int(number):
                text += _loop(list(enumerate(sums))[n_summed : n_summed + group], count)
                n_summed += group
        defined = re.match(r"const tro_w (n\d+) =", line)
        known = ready.pop(defined[1], []) if defined else []
        text += lines_of(_each([line, *known], count), 8)
    return text


def _declared(n_sum: int, count: int) -> str:
    """Return the text that declares where the loops are, if there are any."""
    if not n_sum:
        return ""
    return "".join(f"        const tro_w *e{k};\n" for k in range(count)) + (
        "        const tro_v *l;\n"
    )


def _loop(some: Sequence[tuple[int, tuple[int, int]]], count: int) -> str:
    """Return a loop over earlier coefficients of a value and a tangent each."""
    blocks = range(count)
    starts = "".join(f" e{k} = z{k} + WIDE;" for k in blocks)
    onward = "".join(f", e{k} += WIDE" for k in blocks)
    text = "".join(f"        tro_w b{n}_{k} = {_STILL};\n" for n, _ in some for k in blocks)
    text += f"        l = x - SLOTS;\n       {starts}\n"
    text += f"        for (; e0 < q0; l -= SLOTS{onward}) {{\n"
    for n, (left, right) in some:
        for k in blocks:
            text += f"            b{n}_{k} = tro_wide_fma(l[{left}], e{k}[{right}], b{n}_{k});\n"
    return f"{text}        }}\n"
