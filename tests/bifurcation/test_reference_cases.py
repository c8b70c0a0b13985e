"""Published special points of equilibria, from AUTO, MatCont and BifurcationKit."""

import math
from fractions import Fraction

import numpy as np
import pytest

import trustode as tr
from trustode.expression import parse, symbol

#: Values are given to 10 to 13 digits; coefficients to 9 or more.
POINT, COEFFICIENT = 1e-8, 1e-8
KINDS = {"LP": "fold", "HB": "hopf", "BP": "branch_point"}

# Recomputed by the project's specification in 40-digit arithmetic; first published where said.
PUBLISHED = {
    # AUTO-07p demo cusp; closed form: x^2 = 1/3.
    "cusp": {
        "equations": {"x": "mu + lam*x - x**3"},
        "parameters": {"mu": 0, "lam": 1},
        "free": "mu",
        "range": (-2, 2),
        "start": {"x": 0},
        "points": [
            ("LP", 2 / (3 * math.sqrt(3)), [-1 / math.sqrt(3)], math.sqrt(3)),
            ("LP", -2 / (3 * math.sqrt(3)), [1 / math.sqrt(3)], math.sqrt(3)),
        ],
    },
    # MatCont manual, adaptx: "H alpha = 1.000002, first Lyapunov coefficient -3.000001e-001".
    "lur'e": {
        "equations": {"x": "y", "y": "z", "z": "-alpha*z - beta*y - x + x**2"},
        "parameters": {"alpha": 2, "beta": 1},
        "free": "alpha",
        "range": (0.3, 2),
        "start": {"x": 0, "y": 0, "z": 0},
        "points": [("HB", 1.0, [0, 0, 0], -0.3)],
    },
    # MatCont manual, cataloscill (Bykov, Yablonskii & Kim 1978): H 1.051558, LP 1.042049,
    # LP 1.052200, H 1.040991.
    "co oxidation": {
        "equations": {
            "x": "2*q1*(1-x-y-s)**2 - 2*q5*x**2 - q3*x*y",
            "y": "q2*(1-x-y-s) - q6*y - q3*x*y",
            "s": "q4*((1-x-y-s) - k*s)",
        },
        "parameters": {
            "q1": 2.5,
            "q2": 2.204678,
            "q3": 10,
            "q4": 0.0675,
            "q5": 1,
            "q6": 0.1,
            "k": 0.4,
        },
        "free": "q2",
        "range": (0.5, 2.3),
        "start": {"x": 0.00107, "y": 0.8496, "s": 0.1067},
        "points": [
            ("HB", 1.051557462458, [0.0163575430402, 0.52397118459, 0.328336623121], 210.897652671),
            ("LP", 1.042048505379, [0.0247164449115, 0.450260037155, 0.375016798524], 0.1166593469),
            ("LP", 1.05220028787, [0.0540294150713, 0.30224144004, 0.459806532063], 0.1346505161),
            ("HB", 1.040991569533, [0.0779277705989, 0.23306493013, 0.492148070908], 73.2813612371),
        ],
    },
    # AUTO-07p demo ab (Uppal, Ray & Poore 1974): HB 1.65042E-01.
    "a to b": {
        "equations": {
            "u1": "-u1 + p1*(1-u1)*exp(u2)",
            "u2": "-u2 + p1*p2*(1-u1)*exp(u2) - p3*u2",
        },
        "parameters": {"p1": 0, "p2": 14, "p3": 3},
        "free": "p1",
        "range": (0, 0.3),
        "start": {"u1": 0, "u2": 0},
        "points": [("HB", 0.1650420453236, [0.405955372117, 1.42084380241], 1.5523801602)],
    },
    # AUTO-07p demo enz (Doedel et al. 1991): 3.43569E+01, 1.88871E+01, BP 3.42229E+01, 2.21816E+01.
    "enzyme": {
        "equations": {
            "s1": "(s0-s1)+(s2-s1)-rho*s1/(1+s1+kappa*s1**2)",
            "s2": "(s0+mu-s2)+(s1-s2)-rho*s2/(1+s2+kappa*s2**2)",
        },
        "parameters": {"s0": 0, "mu": 0, "rho": 100, "kappa": 1},
        "free": "s0",
        "range": (0, 40),
        "start": {"s1": 0, "s2": 0},
        "points": [
            ("LP", 34.35692499853, [1.04836197418] * 2, 6.787452479),
            ("LP", 18.88706765792, [8.82220033343] * 2, 0.06921174634),
            ("BP", 34.22288654419, [1.17417371913] * 2, None),
            ("BP", 22.18163792612, [4.39447275198] * 2, None),
        ],
    },
}


def built(name, equations, parameters, start):
    known = {key: symbol(key) for key in (*equations, *parameters)}
    return tr.Model(
        name,
        rhs={key: parse(text, known, name) for key, text in equations.items()},
        params={key: float(Fraction(str(value))) for key, value in parameters.items()},
        initial=start,
    )


def located(branches, kind, free, value, state):
    """Return the special point of a kind nearest to a published one."""
    rows = [
        row
        for branch in branches
        for _, row in branch.special.iterrows()
        if row["kind"] == KINDS[kind]
    ]
    names = list(branches[0].model.states)

    def distance(row):
        return abs(row[free] - value) + np.abs(row[names].to_numpy(float) - state).max()

    return min(rows, key=distance, default=None)


def matches(row, names, free, value, state):
    return (
        row is not None
        and row["converged"]
        and row[free] == pytest.approx(value, rel=POINT, abs=POINT)
        and row[names].tolist() == pytest.approx(list(state), rel=POINT, abs=POINT)
    )


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_points(follow, name):
    case = PUBLISHED[name]
    model = built(name, case["equations"], case["parameters"], case["start"])
    branch = follow(model, case["free"], span=case["range"], start=case["start"])
    assert len(branch.special) == len(case["points"])
    for kind, value, state, coefficient in case["points"]:
        row = located([branch], kind, case["free"], value, state)
        assert matches(row, list(model.states), case["free"], value, state)
        if coefficient is not None:
            assert row["coefficient"] == pytest.approx(coefficient, rel=COEFFICIENT)


CASES = "cusp bautin enz pp2 ab14 lrz fhn vdp adaptx tm co".split()


@pytest.mark.parametrize("name", CASES)
def test_every_point_of_the_reference_file(shared, check_branch, name):
    """One call finds every fold, Hopf and branch point of a case, once, and nothing else."""
    yaml = pytest.importorskip("yaml", reason="reads the reference cases, needs pyyaml")
    cases = yaml.safe_load((shared / "cases" / "bifurcation.yaml").read_text())["cases"]
    case = next(each for each in cases if each["id"] == name)
    model = built(name, case["equations"], case["parameters"], case["start"])
    free, names = case["free"], list(model.states)
    found = tr.diagram(model, free, case["range"], cycles=False)
    for branch in found.equilibria:
        check_branch(branch)
    assert found.special["converged"].all()
    wanted = case["equilibrium_points"]
    # The enzyme model is symmetric: the file lists one of each pair of mirrored folds.
    mirrored = 2 if name == "enz" else 0
    assert len(found.special) == len(wanted) + mirrored
    for point in wanted:
        row = located([found], point["kind"], free, point["par"][free], point["state"])
        assert matches(row, names, free, point["par"][free], point["state"])
        if point["kind"] == "HB":
            assert row["period"] == pytest.approx(point["period"], rel=1e-9)
            assert row["coefficient"] == pytest.approx(point["l1"], rel=COEFFICIENT)
            assert row["criticality"] == point["criticality"]
        elif point["kind"] == "LP":
            assert row["coefficient"] == pytest.approx(point["a"], rel=COEFFICIENT)
        else:
            symmetric = name in ("enz", "lrz")
            assert row["type"] == ("pitchfork" if symmetric else "transcritical")
