"""Demos of other programs by one call each, against what AUTO-07p finds on tight tolerances.

AUTO 0.9.2 here, NTST=100, NCOL=4, EPSL=EPSU=1e-9: equilibria to eight digits, cycles to seven
and more.
"""

import pytest

import trustode as tr

#: Relative accuracy of equilibria, and of cycles and their periods.
REST, CYCLE = 1e-8, 1e-7

FOOD_CHAIN = {
    "u1": "u1*(1-u1) - p4*u1*u2",
    "u2": "-p2*u2 + p4*u1*u2 - p5*u2*u3 - p1*(1-exp(-p6*u2))",
    "u3": "-p3*u3 + p5*u2*u3",
}
TANK = {
    "u1": "-u1 + D*(1-u1)*exp(u3)",
    "u2": "-u2 + D*exp(u3)*(1-u1 - s*u2)",
    "u3": "-u3 - beta*u3 + D*B*exp(u3)*(1-u1 + alpha*s*u2)",
}
FAST = {
    "v": "y - 0.5*(v+0.5) - 2*w*(v+0.7) - (1+tanh((v+0.01)/0.15))/2*(v-1)",
    "w": "1.15*((1+tanh((v-z)/0.145))/2 - w)*cosh((v-z)/0.29)",
}
#: Equations, parameters, initial values, the parameter and its span; Hopf points; and special
#: points of cycles, each with its kind, value and period.
DEMOS = {
    "AUTO pp3": (
        FOOD_CHAIN,
        {"p1": 0, "p2": 0.25, "p3": 0.5, "p4": 4, "p5": 3, "p6": 5},
        {"u1": 1},
        ("p1", (0, 1)),
        [0.10641506147, 0.22935697683, 0.45960011044, 0.50383480009],
        [("branch_point", 0.30123489, 8.27623115)],
    ),
    "AUTO abc": (
        TANK,
        {"D": 0, "alpha": 1, "beta": 1.55, "B": 8, "s": 0.04},
        {},
        ("D", (0, 0.4)),
        [0.2041845357, 0.22983903765, 0.25995785424, 0.3462085216],
        [
            ("fold_of_cycles", 0.21190327712, 8.28920407),
            ("fold_of_cycles", 0.21369736922, 7.61103891),
        ],
    ),
    # Dhooge, Govaerts & Kuznetsov (2003), MatCont's test run MLfast.
    "MatCont MLfast": (
        FAST,
        {"y": 0.11047, "z": 0.1},
        {"v": -0.03, "w": 0.3},
        ("y", (-0.1, 0.4)),
        [0.075658786443],
        [("fold_of_cycles", 0.084569483246, 4.2220110377), ("homoclinic", 0.072930696245, None)],
    ),
}


@pytest.mark.parametrize("name", DEMOS)
def test_demo(text_model, check_branch, name):
    equations, params, initial, (free, span), hopf, cycles = DEMOS[name]
    found = tr.diagram(text_model(equations, initial, **params), free, span)
    for branch in found.equilibria:
        check_branch(branch)
    special = found.special
    assert special["converged"].all()
    rest = special[special["kind"] == "hopf"][free]
    assert sorted(rest) == pytest.approx(hopf, rel=REST)
    for kind, value, period in cycles:
        rows = special[(special["kind"] == kind) & special["period"].notna()]
        near = rows[(rows[free] / value - 1).abs() < 1e-4]
        (row,) = near.to_dict("records")
        assert row[free] == pytest.approx(value, rel=CYCLE)
        if period is not None:
            assert row["period"] == pytest.approx(period, rel=CYCLE)
    swings = special["period"].notna() & ~special["kind"].isin(["hopf", "homoclinic"])
    known = [each for each in cycles if each[0] != "homoclinic"]
    # The second family of the tank has a fold of its own.
    assert swings.sum() == len(known) + (name == "AUTO abc")
