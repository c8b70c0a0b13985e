"""Straight-line LU factors of ``shift I - J`` on the Jacobian's own pattern, as C text.

Pivots stay on the diagonal, so their order is known beforehand: the one with the fewest
possible products goes next (Markowitz 1957; Duff, Erisman & Reid, Direct Methods for Sparse
Matrices, 7.2). The text measures its own growth; who calls it falls back to a search for
pivots when that is large.
"""

from __future__ import annotations

from collections.abc import Collection

#: A pattern: positions (row, column) that may hold something else than zero.
Pattern = Collection[tuple[int, int]]

#: More products than this in one factorization make a text that compiles too slowly.
_MOST_PRODUCTS = 400


def elimination(n: int, pattern: Pattern) -> tuple[list[int], set[tuple[int, int]], int]:
    """Choose the order of pivots.

    Parameters
    ----------
    n : int
        Number of rows.
    pattern : collection of (row, column)
        What may be nonzero; the diagonal is, in any case.

    Returns
    -------
    order : list of int
        Pivots, first to last.
    filled : set of (row, column)
        The pattern with what elimination fills in.
    products : int
        Multiplications of one factorization.
    """
    filled = {*pattern, *((i, i) for i in range(n))}
    left, order, products = set(range(n)), [], 0
    while left:
        below = {k: [i for i in left if i != k and (i, k) in filled] for k in left}
        right = {k: [j for j in left if j != k and (k, j) in filled] for k in left}
        k = min(left, key=lambda k: (len(below[k]) * len(right[k]), k))
        filled.update((i, j) for i in below[k] for j in right[k])
        products += len(below[k]) * (1 + len(right[k])) + len(right[k])
        left.remove(k)
        order.append(k)
    return order, filled, products


def text(n: int, pattern: Pattern, rhs: tuple[list[str], list[str]]) -> str:
    """Return the C functions ``factor``, ``solve`` and ``stage``.

    Parameters
    ----------
    n : int
        Number of states.
    pattern : collection of (row, column)
        What may be nonzero in the Jacobian.
    rhs : pair of list of str
        Statements and expressions of the right-hand side.

    Returns
    -------
    str
        Nothing where the text would be long.
    """
    order, filled, products = elimination(n, pattern)
    if products > _MOST_PRODUCTS:
        return ""
    lines, slot = _factor(n, pattern, order, filled)
    begin, expressions = rhs
    point = [f"    const double r{i} = out[{i}] + {text};" for i, text in enumerate(expressions)]
    known = [f"    const double r{i} = out[{i}];" for i in range(n)]
    rest = _substitution(order, slot)
    return (
        _function("double factor(const double *j, double shift, double *f)", lines)
        + _function("void solve(const double *f, double *out)", known + rest)
        + _function(
            "void stage(const tro_model *model, double t, const double *y, const double *p,\n"
            "    const double *u, const double *f, double *out)",
            ["    (void)model; (void)t; (void)y; (void)p; (void)u;", *begin, *point, *rest],
        )
    )


def _function(head: str, lines: list[str]) -> str:
    return f"static {head}\n{{\n" + "\n".join(lines) + "\n}\n\n"


def _factor(
    n: int, pattern: Pattern, order: list[int], filled: set[tuple[int, int]]
) -> tuple[list[str], dict[tuple[int, int], int]]:
    """Return the lines of the factorization and the slot of each factor's entry.

    What is eliminated is J - shift I, with signs such that everything is added: on the
    diagonal stand the pivots' inverses, below it negative multipliers, above it rows over
    their pivot.
    """
    place = {k: position for position, k in enumerate(order)}
    value = {(i, j): f"j[{i * n + j}]" for i, j in pattern}
    for i in range(n):
        value[i, i] = f"({value[i, i]} - shift)" if (i, i) in value else "(-shift)"
    lines: list[str] = []
    growth: list[str] = []
    slot: dict[tuple[int, int], int] = {}

    def keep(position: tuple[int, int], expression: str) -> str:
        name = f"f{len(slot)}"
        slot[position] = len(slot)
        lines.append(f"    const double {name} = {expression};")
        return name

    for k in order:
        inverse = keep((k, k), f"-1.0 / {value[k, k]}")
        # Adds nothing, or NaN where either is not finite.
        growth.append(f"0.0 * ({value[k, k]} + {inverse})")
        later = order[place[k] + 1 :]
        rows = [i for i in later if (i, k) in filled]
        columns = [j for j in later if (k, j) in filled]
        for i in rows:
            lower = keep((i, k), f"{value[i, k]} * {inverse}")
            growth.append(f"{lower} * {lower}")
            for j in columns:
                product = f"{lower} * {value[k, j]}"
                name = f"w{i}_{j}_{k}"
                old = f"{value[i, j]} + " if (i, j) in value else ""
                lines.append(f"    const double {name} = {old}{product};")
                value[i, j] = name
        for j in columns:
            keep((k, j), f"{value[k, j]} * {inverse}")
    lines += [f"    f[{k}] = f{k};" for k in range(len(slot))]
    return [*lines, f"    return {' + '.join(growth)};"], slot


def _substitution(order: list[int], slot: dict[tuple[int, int], int]) -> list[str]:
    """Return the lines of forward and backward substitution, from r to out."""
    lines = []
    for position, i in enumerate(order):
        terms = [f" + f[{slot[i, k]}] * l{k}" for k in order[:position] if (i, k) in slot]
        lines.append(f"    const double l{i} = r{i}{''.join(terms)};")
    for position, i in reversed(list(enumerate(order))):
        after = reversed(order[position + 1 :])
        terms = [f" + f[{slot[i, j]}] * x{j}" for j in after if (i, j) in slot]
        lines.append(f"    const double x{i} = f[{slot[i, i]}] * l{i}{''.join(terms)};")
    return lines + [f"    out[{i}] = x{i};" for i in range(len(order))]
