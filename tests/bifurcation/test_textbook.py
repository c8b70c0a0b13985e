"""Textbook systems whose special points have closed forms, each with one call and no options."""

import math

import numpy as np
import pytest
from scipy.optimize import brentq

import trustode as tr

#: What Newton's method on the defining equations leaves, relative.
EXACT = 1e-9
ROOT3, ROOT6 = 3**0.5, 6**0.5
SUM = max(np.roots([1, 0, -1, 0.096]).real)

#: Equations, parameters, initial values, the parameter and its span, and all special points with
#: states that are not negative: kind, type, value, states, angular frequency.
CASES = {
    # Gardner, Cantor & Collins (2000), Nature 403, 339, two equal repressors: x (1 + x^2) = a.
    "toggle switch": (
        {"u": "a/(1+v**2) - u", "v": "a/(1+u**2) - v"}, {"a": 1}, {}, "a", (0.5, 5),
        [("branch_point", "pitchfork", 2, [1, 1], math.nan)],
    ),
    # Murray (2002), Mathematical Biology I, section 7.4: b - a = (a + b)^3, and omega = a + b.
    "Schnakenberg": (
        {"u": "a - u + u**2*v", "v": "b - u**2*v"}, {"a": 0.048, "b": 1}, {}, "b", (0.2, 2),
        [("hopf", "", SUM - 0.048, [SUM, (SUM - 0.048) / SUM**2], SUM)],
    ),
    # Rosenzweig & MacArthur (1963): the predator enters at k = x* = 1/2, and the equilibrium
    # loses its stability where the prey's nullcline is flat, at k = 2 x* + 1.
    "Rosenzweig-MacArthur": (
        {"x": "x*(1-x/k) - x*y/(1+x)", "y": "x*y/(1+x) - y/3"}, {"k": 1}, {"x": 0.5, "y": 0.5},
        "k", (0.2, 4),
        [("branch_point", "transcritical", 0.5, [0.5, 0], math.nan),
         ("hopf", "", 2, [0.5, 1.125], 6**-0.5)],
    ),
    # Murray (2002), section 7.2: a loop of three lags oscillates from a gain of 8 on, z^12 = 2.
    "Goodwin": (
        {"x": "a/(1+z**12) - x", "y": "x - y", "z": "y - z"}, {"a": 1}, {}, "a", (0.5, 5),
        [("hopf", "", 3 * 2 ** (1 / 12), [2 ** (1 / 12)] * 3, ROOT3)],
    ),
    # Elowitz & Leibler (2000), Nature 403, 335, without messengers: a gain of 2 each, x^3 = 2.
    "repressilator": (
        {"x": "a/(1+z**3) - x", "y": "a/(1+x**3) - y", "z": "a/(1+y**3) - z"}, {"a": 1}, {},
        "a", (0.5, 5), [("hopf", "", 3 * 2 ** (1 / 3), [2 ** (1 / 3)] * 3, ROOT3)],
    ),
    # Gray & Scott (1984): folds where 4 (f + k)^2 = f; no trace where v^2 = k = 3/50.
    "Gray-Scott": (
        {"u": "f*(1-u) - u*v**2", "v": "u*v**2 - (f+3/50)*v"}, {"f": 0.05}, {"u": 1},
        "f", (0.01, 0.1),
        [("fold", "", 0.04, [0.5, 0.2], math.nan), ("fold", "", 0.09, [0.5, 0.3], math.nan),
         ("hopf", "", ROOT6 / 20 - 0.06 - (150 - 60 * ROOT6) ** 0.5 / 100,
          [(ROOT6 / 20 - (150 - 60 * ROOT6) ** 0.5 / 100) / (ROOT6 / 10), ROOT6 / 10], math.nan)],
    ),
    # Haken (1975): Lorenz' equations, so r = sigma (sigma + b + 3) / (sigma - b - 1) at pump 11;
    # at pump 0 every field has an equilibrium, a line that the lit branches begin and end on.
    "laser": (
        {"e": "4*(p-e)", "p": "e*d - p", "d": "(m + 1 - d - m*e*p)/2"}, {"m": 1}, {}, "m", (1, 40),
        [("hopf", "", 11, [s, s, 1], 8**0.5) for s in (1, -1)],
    ),
    # Roessler (1976): folds at c = 2 sqrt(a b).
    "Roessler": (
        {"x": "-y - z", "y": "x + 0.3*y", "z": "0.3 + z*(x-c)"}, {"c": 1}, {}, "c", (0.3, 2),
        [("fold", "", 0.6, [0.3, -1, 1], math.nan)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_special_points(text_model, check_branch, name):
    equations, params, initial, free, span, wanted = CASES[name]
    found = tr.diagram(text_model(equations, initial, **params), free, span, cycles=False)
    for branch in found.equilibria:
        check_branch(branch)
    names = [free, *equations]
    rows = found.special.to_dict("records")
    lowest = min(0.0, *(y for each in wanted for y in each[3]))
    inside = [row for row in rows if min(row[state] for state in equations) > lowest - EXACT]
    assert len(inside) == len(wanted)
    for kind, sort, value, states, omega in wanted:
        (row,) = (
            row
            for row in inside
            if row["kind"] == kind
            and [row[key] for key in names] == pytest.approx([value, *states], rel=EXACT, abs=1e-9)
        )
        assert row["converged"]
        assert row["type"] == sort
        if omega == omega:
            assert row["omega"] == pytest.approx(omega, rel=EXACT)


def test_points_beside_a_branch_that_runs_away_are_kept_apart(text_model):
    """May & Leonard (1975), SIAM J. Appl. Math. 29, 243: three competitors, alike in a circle.

    Pairs cross the single states at a = 1 and run to infinity at a b = 1; at a + b = 2 all cycles
    are neutral, out to a heteroclinic loop.
    """
    equations = {x: f"{x}*(1 - {x} - a*{y} - 6/5*{z})" for x, y, z in ("xyz", "yzx", "zxy")}
    found = tr.diagram(text_model(equations, a=0.5), "a", (0.2, 1.4))
    special = found.special
    crossed = special[special["kind"] == "branch_point"]
    assert crossed["a"].to_numpy() == pytest.approx([1, 1, 1], rel=EXACT)
    # Which of them comes first at one value is rounding.
    states = sorted(crossed[["x", "y", "z"]].to_numpy().tolist(), key=np.argmax)
    assert np.array(states) == pytest.approx(np.eye(3), abs=EXACT)
    (hopf,) = special[special["kind"] == "hopf"].to_dict("records")
    assert [hopf["a"], hopf["x"], hopf["coefficient"]] == pytest.approx([0.8, 1 / 3, 0], abs=1e-8)
    # Eigenvalues at x = y = z = 1 / 3 are those of a circulant matrix.
    assert hopf["omega"] == pytest.approx(0.4 * ROOT3 / 6, rel=EXACT)
    assert special["a"][special["kind"] == "heteroclinic"].to_numpy() == pytest.approx(0.8)


def test_a_bogdanov_takens_point_of_a_predator_with_a_defended_prey(text_model):
    """Sokol & Howell (1981): x / (1/2 + x + x^2) is largest, sqrt 2 - 1, at x = 1 / sqrt 2.

    There the two equilibria with predators meet; the prey's nullcline is flat for k = sqrt 2.
    """
    grown = "x*y/(1/2 + x + x**2)"
    model = text_model(
        {"x": f"x*(1-x/k) - {grown}", "y": f"{grown} - d*y"}, {"x": 0.4, "y": 0.6}, k=2.0, d=0.3
    )
    found = tr.diagram(model, "k", (0.3, 6), cycles=False)
    start = found.special[found.special["kind"] == "hopf"].iloc[0]
    curve = tr.curve(model, ("k", "d"), start=start, span={"k": (0.3, 6), "d": (0.05, 0.6)})
    row = curve.special[curve.special["kind"] == "bogdanov_takens"].iloc[0]
    known = [2**0.5, 2**0.5 - 1, 0.5**0.5]
    assert [row["k"], row["d"], row["x"]] == pytest.approx(known, rel=EXACT)


def test_a_branch_ends_at_a_pole_of_the_equations(text_model, check_branch):
    """Substrate inhibition (AUTO-07p, demo plp): the rate's denominator has two negative zeros.

    All equilibria follow from s: rate (110 - s) / rho, then a, then a0; the trace is zero twice.
    """
    rho, al = 2.021628, 0.2
    rate = "2.021628*s*a/(1 + s + 0.1*s**2)"
    model = text_model(
        {"s": f"110 - s - {rate}", "a": f"0.2*(a0 - a) - {rate}"}, {"s": 45.0, "a": 177.0}, a0=500.0
    )
    found = tr.diagram(model, "a0", (0, 1000), cycles=False)
    for branch in found.equilibria:
        check_branch(branch)

    def state(s):
        below = 1 + s + 0.1 * s**2
        a = (110 - s) * below / (rho * s)
        return a, a + (110 - s) / al, rho * a * (1 - 0.1 * s**2) / below**2, rho * s / below

    def trace(s):
        _, _, by_s, by_a = state(s)
        return -1 - by_s - al - by_a

    known = [brentq(trace, 2, 6, xtol=1e-13), brentq(trace, 20, 50, xtol=1e-13)]
    assert list(found.special["kind"]) == ["hopf", "hopf"]
    expected = sorted((state(s)[1], s) for s in known)
    assert found.special[["a0", "s"]].to_numpy() == pytest.approx(np.array(expected), rel=EXACT)
    ends = [end for branch in found.equilibria for end in branch.ends]
    assert sum(end.startswith("the equations have a pole ahead") for end in ends) == 2
