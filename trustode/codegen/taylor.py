"""Print the Taylor coefficients of a model's solution as C text, for every vector width.

`recurrences` says how they follow from each other, `tangents` prints those of the solution's
derivatives. What depends on parameters and constant inputs alone is computed once a run. An
input that moves is a cubic between two of its knots, so its series is known and ends after
four terms.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from .ctext import HELPERS, PROTOTYPES, body
from .graph import Graph
from .recurrences import (
    SUMS_A_LOOP,
    Kept,
    Lowering,
    Series,
    Sigmoid,
    lines_of,
    next_coefficients,
    plain_lines,
)
from .tangents import Tangents, tangent_text

#: Of fewer sums a single run's go one by one: vectors of them would wait for their stores.
_FEWEST_ABREAST = 6
#: Factors that time may stand in before it can change the equations unannounced.
_MOST_TIMES = 4
#: Numbers in a vector of what a single run keeps; vectors begin at multiples of it.
_SIDE = 4


def taylor_text(
    graph: Graph,
    rhs: list[int],
    sizes: tuple[int, int, int],
    vary: Sequence[int] | None = None,
    driven: Sequence[int] = (),
) -> str:
    """Return C text that computes the Taylor coefficients of a solution.

    Parameters
    ----------
    graph : Graph
    rhs : list of int
        Nodes of the right-hand side.
    sizes : tuple of int
        Numbers of states, parameters and inputs.
    vary : sequence of int, optional
        Parameters to differentiate the solution by, beside its initial values.
    driven : sequence of int
        Inputs that move; the others stand still between their jumps.

    Raises
    ------
    NoRecurrence
        If an expression that changes along a solution is not analytic.
    """
    n_state = sizes[0]
    values = Lowering(graph, n_state, driven=driven)
    ahead: list[int] = []
    if vary is not None:
        seeds = {graph.node("y", i): graph.node("dy", i) for i in range(n_state)}
        seeds |= {graph.node("p", k): graph.node("dp", j) for j, k in enumerate(vary)}
        ahead = graph.tangents(rhs, seeds)
    needed = graph.reachable([*rhs, *ahead])
    values.uses = Counter(operand for node in needed for operand in graph.operands(node))
    values.uses.update(rhs)
    values.expect(rhs)
    ends = [values.read(node) for node in rhs]
    tangents = Tangents(graph, n_state, values.uses, values=values)
    slopes = [tangents.read(node) for node in ahead]
    hoist = body(graph, values.hoisted)
    helper = "".join(text for name, text in HELPERS.items() if f"{name}(" in hoist)
    sudden = int(_sudden(graph, needed))
    wide = tangent_text(tangents, slopes, len(vary)) if vary is not None else ""
    n_vary = -1 if vary is None else len(vary)
    inputs = ", ".join(map(str, driven))
    table = f"static const int driven[] = {{{inputs}}};\n" if driven else ""
    layout = None
    if len(values.sums) >= _FEWEST_ABREAST:
        layout = _Layout.of(values, n_state)
    for name, slots in (("steep", values.steep), ("waves", values.waves)):
        places = ", ".join(f"{'S' if layout else ''}{slot}" for slot in slots)
        table += f"static const int {name}[] = {{{places}}};\n" if slots else ""
    text = (
        f'#include "taylor.h"\n\n{PROTOTYPES}{helper}\n'
        f"{_slots(values.n_slot, layout)}enum {{ WIDE = {tangents.n_slot} }};\n"
        f"static const double R[] = TRO_TAYLOR_RECIPROCALS;\n{table}\n"
        "static void hoist(const double *p, const double *u, double *out)\n{\n"
        f"    (void)p; (void)u; (void)out;\n{hoist}\n}}\n\n"
        f"{_series_function(values, ends, layout)}{wide}"
        f"static const tro_taylor taylor_ = {{TRO_TAYLOR_ABI, TRO_LANES, {sizes[0]}, {sizes[1]},\n"
        f"    {sizes[2]}, {len(values.hoisted)}, SLOTS, {sudden}, WIDE, {n_vary}, {len(driven)},\n"
        f"    {'driven' if driven else '0'}, {len(values.steep)}, {len(values.waves)},\n"
        f"    {'steep' if values.steep else '0'}, {'waves' if values.waves else '0'},\n"
        f"    hoist, series, {'tangent' if wide else '0'}}};\n\n"
        "TRO_EXPORT const tro_taylor *TRO_ENTRY(void);\n"
        "const tro_taylor *TRO_ENTRY(void) { return &taylor_; }\n"
    )
    return text if layout is None else re.sub(r"\b([sxlr])\[(\d+)\]", r"\1[S\2]", text)


def _sudden(graph: Graph, needed: Sequence[int]) -> bool:
    """Say whether time can change the equations within an instant that nothing announces.

    Sines, cosines and exponentials of a phase that grows evenly, and a few products of them or
    of the time itself, have derivatives of low order that show what comes; whatever else the
    time stands in may rest for long and then change, as ``exp(-(t - 50)**2)`` does.
    """
    # Factors that the time stands in; nodes that grow evenly with it; those without states.
    degrees: dict[int, int] = {}
    even: set[int] = set()
    stateless: set[int] = set()
    for number in needed:
        operation = graph.nodes[number][0]
        operands = graph.operands(number)
        of = [degrees[operand] for operand in operands]
        if operation not in ("y", "dy") and stateless.issuperset(operands):
            stateless.add(number)
        if operation == "t":
            degree = 1
        elif operation in ("add", "sub", "neg"):
            degree = max(of)
        elif operation == "mul" or (operation == "div" and of[1] == 0):
            degree = sum(of)
        elif operation in ("sin", "cos", "exp") and even.issuperset(operands):
            degree = of[0]
        else:
            degree = _MOST_TIMES + 1 if any(of) else 0
        if degree > _MOST_TIMES:
            return True
        degrees[number] = degree
        linear = operation in ("t", "add", "sub", "neg")
        scaled = operation in ("mul", "div") and number in stateless and degree == 1
        if degree == 0 or ((linear or scaled) and even.issuperset(operands)):
            even.add(number)
    return False


def _slots(n_slot: int, layout: _Layout | None) -> str:
    """Return the number of slots and, where it depends on the width, the place of each."""
    if layout is None:
        return f"enum {{ SLOTS = {n_slot} }};\n"
    apart = "".join(f", S{slot} = {place}" for slot, place in enumerate(layout.places))
    plain = "".join(f", S{slot} = {slot}" for slot in range(n_slot))
    return (
        f"#if TRO_SIDE\nenum {{ SLOTS = {layout.n_slot}{apart} }};\n"
        f"#else\nenum {{ SLOTS = {n_slot}{plain} }};\n#endif\n"
    )


def _series_function(values: Lowering, ends: list[Series], layout: _Layout | None) -> str:
    """Return the function that computes all series of the solution."""
    starts, steps = next_coefficients(ends, "w", "tro_set(0.0)")
    means = [f"const tro_v e{m} = a{m} * over_k;" for m in values.over_order]
    every = (
        _loops(values.sums)
        + _newest(values.sums)
        + lines_of(_wanted([*means, *plain_lines(values.later)], steps), 8)
    )
    ahead = ""
    if layout is not None:
        constants, side = layout.text(values, steps)
        every = f"#if TRO_SIDE\n{side}#else\n{every}#endif\n"
        ahead = f"#if TRO_SIDE\n{constants}#endif\n" if constants else ""
    read = [*values.ahead, *starts, *plain_lines(values.later), *steps]
    if layout is not None:
        read += [each.twice for each in layout.abreast]
    begun = _wanted(values.first, read)
    begin = lines_of(begun, 4)
    together = _together(begun)
    if together != begun:
        begin = f"#if TRO_SIDE\n{lines_of(together, 4)}#else\n{begin}#endif\n"
    return (
        "static void series(int order, tro_v t, tro_v scale, const tro_v *c, const tro_v *u,\n"
        "    tro_v *s)\n{\n"
        "    tro_v *x = s, *w = s + SLOTS;\n"
        f"    (void)t; (void)c; (void)u; (void)x;\n{begin}"
        f"{lines_of([*values.ahead, *starts], 4)}{ahead}"
        "    for (int k = 1; k < order; k++) {\n"
        "        x = w;\n        w += SLOTS;\n"
        "        const tro_v kth = tro_set((double)k), over_k = tro_set(R[k]);\n"
        "        const tro_v next = scale * tro_set(R[k + 1]);\n"
        "        const tro_v *l, *r;\n"
        "        (void)kth; (void)over_k; (void)l; (void)r;\n"
        f"{every}{lines_of(steps, 8)}    }}\n}}\n\n"
    )


def _together(lines: list[str]) -> list[str]:
    """Return the lines of order 0 with calls that do not wait for each other in vectors."""
    called = re.compile(r"const tro_v (\w+) = tro_v(exp|log|tanh)\((.*)\);")
    levels: dict[str, int] = {}
    plain: dict[int, list[str]] = {}
    calls: dict[tuple[int, str], list[tuple[str, str]]] = {}
    for line in lines:
        target, _, read = line.partition(" = ")
        names = re.findall(r"s\[\d+\]|\b[a-z]\d+\b", read)
        level = max((levels.get(name, 0) for name in names), default=0)
        call = called.fullmatch(line)
        levels[target.split()[-1]] = level + (call is not None)
        if call is None:
            plain.setdefault(level, []).append(line)
        else:
            calls.setdefault((level, call[2]), []).append((call[1], call[3]))
    if all(len(group) == 1 for group in calls.values()):
        return lines
    found = []
    for level in range(max(levels.values()) + 1):
        found += plain.get(level, [])
        for (at, function), group in calls.items():
            for n in range(0, len(group), _SIDE) if at == level else ():
                some = group[n : n + _SIDE]
                if len(some) == 1:
                    found.append(f"const tro_v {some[0][0]} = tro_v{function}({some[0][1]});")
                    continue
                vector = f"{function}_{some[0][0]}"
                # What is left of a vector repeats: no value of its own could raise anything.
                values = [value for _, value in some]
                values += values[-1:] * (_SIDE - len(some))
                found.append(
                    f"const tro_side {vector} = "
                    f"tro_abreast_v{function}((tro_side){{{', '.join(values)}}});"
                )
                found += [
                    f"const tro_v {name} = {vector}[{k}];" for k, (name, _) in enumerate(some)
                ]
    return found


@dataclass(frozen=True)
class _Layout:
    """Where a single run keeps its series, so that several of its sums go in one vector.

    What vectors multiply lies side by side: the left factors of products, their right factors,
    and what is squared. A series that is wanted at several places is kept there too. Vectors
    are also written whole: parts of them would be on their way to memory when they are read.
    """

    n_slot: int
    places: list[int]
    products: list[int]
    squares: list[int]
    #: Sigmoids whose slopes are computed in vectors: the first sums of either kind are theirs.
    abreast: list[Sigmoid]
    #: Where each vector begins, and the slots whose coefficients it holds.
    vectors: dict[int, list[int]]
    bases: tuple[int, int, int]

    @classmethod
    def of(cls, values: Lowering, n_state: int) -> _Layout:
        """Lay out slots, of which the states' stay the first."""
        sums = values.sums
        rules = Counter(each.rule for each in values.sigmoids)
        abreast = []
        for rule, count in rules.items():
            # Those of one vector wait for the last of them.
            alike = [each for each in values.sigmoids if each.rule == rule]
            alike.sort(key=lambda each: each.depth)
            abreast += alike[: count - count % _SIDE]
        products, squares = (
            _first(
                [m for m, (left, right) in enumerate(sums) if (left == right) == same],
                [sums.index(getattr(each, kind)) for each in abreast],
            )
            for same, kind in ((False, "product"), (True, "square"))
        )
        places = dict(zip(range(n_state), range(n_state), strict=True))
        end, bases = n_state, []
        vectors: dict[int, list[int]] = {}
        for members, side in ((products, 0), (products, 1), (squares, 0)):
            begin = _aligned(end)
            bases.append(begin)
            for place, m in enumerate(members, begin):
                slot = sums[m][side]
                places.setdefault(slot, place)
                vectors.setdefault(place - place % _SIDE, []).append(slot)
            end = _aligned(begin + len(members))
        for slot in range(values.n_slot):
            if slot not in places:
                places[slot] = end
                end += 1
        ordered = [places[slot] for slot in range(values.n_slot)]
        left, right, squared = bases
        n_slot = _aligned(end)
        return cls(n_slot, ordered, products, squares, abreast, vectors, (left, right, squared))

    def text(self, values: Lowering, steps: list[str]) -> tuple[str, str]:
        """Return the lines ahead of the orders, and those of each order but its last."""
        _, right, squared = self.bases
        kept = [line for line in values.later if isinstance(line, Kept)]
        derived = {line.slot for line in kept if line.derived}
        held = {slot for slots in self.vectors.values() for slot in slots}
        slopes = {right + g: g for g in range(0, len(self.abreast), _SIDE)}
        constants, lines = [], []
        names = {slot: f"m{slot}" for slot in held & {line.slot for line in kept}}
        missing = {
            base: {slot for slot in slots if slot in names} for base, slots in self.vectors.items()
        }
        for base, g in slopes.items():
            group = self.abreast[g : g + _SIDE]
            constants.append(f"const tro_side t_{g} = {{{', '.join(e.twice for e in group)}}};")
            missing[base] = missing[squared + g]
        done: set[int] = set()

        def write(base: int) -> None:
            slots = self.vectors[base]
            if base in slopes:
                g = slopes[base]
                rule = self.abreast[g].rule
                value = rule.format(twice=f"t_{g}", value=f"g{squared + g}", squares=f"q{g}")
            else:
                value = f"g{base}"
                whole = all(slot in derived for slot in slots)
                parts = [names.get(slot, f"x[{slot}]") for slot in slots]
                if not whole:
                    parts = [
                        f"{part} * kth" if slot in derived else part
                        for part, slot in zip(parts, slots, strict=True)
                    ]
                parts += ["0.0"] * (_SIDE - len(parts))
                lines.append(f"const tro_side {value} = {{{', '.join(parts)}}};")
                value += " * kth" if whole else ""
            lines.append(f"*(tro_side *)(void *)(x + {base}) = {value};")

        def settle() -> None:
            for base in sorted(self.vectors, key=lambda base: base in slopes):
                if base not in done and not missing[base]:
                    done.add(base)
                    write(base)

        settle()
        for line in values.later:
            if not isinstance(line, Kept):
                lines.append(line)
            elif line.slot not in names:
                lines.extend(plain_lines([line]))
            else:
                lines.append(f"const tro_v {names[line.slot]} = {line.text};")
                for base in self.vectors:
                    missing[base] = missing[base] - {line.slot}
                settle()
        loops, found = self.loops(values.over_order)
        live = _wanted([*found, *lines], steps)
        return lines_of(constants, 4), loops + lines_of(live, 8)

    def loops(self, over_order: Sequence[int]) -> tuple[str, list[str]]:
        """Return the loops over earlier coefficients in vectors, and the sums one by one."""
        left, right, squared = self.bases
        groups = range(0, len(self.products), _SIDE), range(0, len(self.squares), _SIDE)
        names = [*(f"p{g}" for g in groups[0]), *(f"q{g}" for g in groups[1])]
        text = "".join(f"        tro_side {name} = {{0.0}};\n" for name in names)
        pairs = ends = newest = ""
        for g in groups[0]:
            a, b = left + g, right + g
            both = (
                f"            p{g} = tro_side_fma(r + {a}, l + {b}, p{g});\n"
                f"            p{g} = tro_side_fma(l + {a}, r + {b}, p{g});\n"
            )
            pairs += both
            newest += both
            ends += f"            p{g} = tro_side_fma(l + {a}, l + {b}, p{g});\n"
        for g in groups[1]:
            a = squared + g
            pairs += f"            q{g} = tro_side_fma(l + {a}, r + {a}, q{g});\n"
            newest += f"            q{g} = tro_side_twice_fma(l + {a}, r + {a}, q{g});\n"
            ends += f"            q{g} = tro_side_fma(l + {a}, l + {a}, q{g});\n"
        doubled = "".join(f"        q{g} = q{g} + q{g};\n" for g in groups[1])
        text += _PAIRS.format(pairs=pairs, doubled=doubled, ends=ends)
        text += _NEWEST.format(two=newest, one=ends)
        lines = []
        for name, group in (("p", self.products), ("q", self.squares)):
            for n, m in enumerate(group):
                vector = group[n - n % _SIDE : n - n % _SIDE + _SIDE]
                source = f"{name}{n - n % _SIDE}"
                if all(each in over_order for each in vector):
                    if n % _SIDE == 0:
                        lines.append(f"const tro_side {source}_over = {source} * over_k;")
                    lines.append(f"const tro_v e{m} = {source}_over[{n % _SIDE}];")
                    continue
                lines.append(f"const tro_v a{m} = {source}[{n % _SIDE}];")
                if m in over_order:
                    lines.append(f"const tro_v e{m} = a{m} * over_k;")
        return text, lines


def _first(numbers: list[int], ahead: list[int]) -> list[int]:
    """Return numbers with some of them first."""
    return [*ahead, *(number for number in numbers if number not in ahead)]


def _wanted(lines: list[str], after: list[str]) -> list[str]:
    """Return the lines but those that define what neither a later line nor one after reads."""
    read = set(re.findall(r"\w+", " ".join(after)))
    found = []
    for line in reversed(lines):
        defined = re.match(r"const tro_\w+ (\w+) = ", line)
        if defined is None or defined[1] in read:
            read.update(re.findall(r"\w+", line[defined.end() :] if defined else line))
            found.append(line)
    return found[::-1]


def _aligned(slot: int) -> int:
    """Return the first place from a slot on at which a vector may begin."""
    return -(-slot // _SIDE) * _SIDE


#: Pairs of earlier coefficients, but the first with the newest.
_PAIRS = """\
        l = s + (k - 1) / 2 * SLOTS;
        r = s + (k / 2 + 1) * SLOTS;
        for (; l > s + SLOTS; l -= SLOTS, r += SLOTS) {{
{pairs}        }}
{doubled}        if (k % 2 == 0 && k > 2) {{
            l = s + k / 2 * SLOTS;
{ends}        }}
"""


#: The first coefficient with the newest, which may be on their way to memory still.
_NEWEST = """\
        l = s + SLOTS;
        r = x - SLOTS;
        if (k > 2) {{
{two}        }} else if (k == 2) {{
{one}        }}
"""


def _loops(sums: list[tuple[int, int]]) -> str:
    """Return the loops over earlier coefficients, which wait for nothing of this order."""
    text = ""
    for begin in range(0, len(sums), SUMS_A_LOOP):
        group = list(enumerate(sums))[begin : begin + SUMS_A_LOOP]
        text += "".join(f"        tro_v a{n} = tro_set(0.0);\n" for n, _ in group)
        inner = middle = double = ""
        for n, (left, right) in group:
            if left == right:
                double += f"        a{n} = a{n} + a{n};\n"
            else:
                inner += f"            a{n} = tro_fma(r[{left}], l[{right}], a{n});\n"
            inner += f"            a{n} = tro_fma(l[{left}], r[{right}], a{n});\n"
            middle += f"            a{n} = tro_fma(l[{left}], l[{right}], a{n});\n"
        text += _PAIRS.format(pairs=inner, doubled=double, ends=middle)
    return text


def _newest(sums: list[tuple[int, int]]) -> str:
    """Return what the first and the newest coefficient add to the sums."""
    one = two = ""
    for n, (left, right) in enumerate(sums):
        one += f"            a{n} = tro_fma(l[{left}], l[{right}], a{n});\n"
        if left == right:
            two += f"            a{n} = tro_fma(l[{left}] + l[{left}], r[{right}], a{n});\n"
        else:
            two += f"            a{n} = tro_fma(r[{left}], l[{right}], a{n});\n"
            two += f"            a{n} = tro_fma(l[{left}], r[{right}], a{n});\n"
    return _NEWEST.format(one=one, two=two) if sums else ""
