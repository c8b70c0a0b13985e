"""Families that near a connection of a saddle-focus, on which folds and doublings accumulate."""

import numpy as np
import pytest

import trustode as tr

POINT = 1e-8

#: Freire, Rodriguez-Luis, Gamero & Ponce (1993), Physica D 62, 230: AUTO-07p demo tor, and with
#: epsilon = 0.001 the MatCont manual's torBPC.
CIRCUIT = {
    "x": "(-(beta + nu)*x + beta*y - a*x**3 + b*(y - x)**3)/r + epsilon",
    "y": "beta*x - (beta + gamma)*y - z - b*(y - x)**3",
    "z": "y",
}
VALUES = {"beta": 0.5, "gamma": -0.6, "r": 0.6, "a": 0.328578, "b": 0.933578, "nu": -0.9}

# Folds, the torus and the first doubling by AUTO-07p (200 intervals, tolerance 1e-10), all again by
# shooting (Dormand & Prince's 8(5,3), tolerance 1e-13), as are the others: branch points as
# doublings of the map along half an orbit.
SYMMETRIC = [
    ("fold_of_cycles", -0.584334771866, 8.42647292),
    ("branch_point", -0.587028974365, 8.68966962),
    ("fold_of_cycles", -0.832514145383, 19.41568139),
    ("branch_point", -0.832437931267, 19.63664544),
    ("branch_point", -0.787592846211, 29.31053522),
    ("fold_of_cycles", -0.787590311032, 29.37297447),
    ("fold_of_cycles", -0.799899174155, 39.36638008),
    ("branch_point", -0.799899143304, 39.38141845),
    ("branch_point", -0.796909055822, 49.35283443),
    ("fold_of_cycles", -0.796909055282, 49.35669119),
    ("fold_of_cycles", -0.797673138506, 59.34648114),
    ("branch_point", -0.797673138497, 59.34744945),
]
SKEW = [
    ("fold_of_cycles", -0.584533475766, 8.409848761),
    ("torus", -0.595965972428, 8.862167497),
    ("period_doubling", -0.614795641443, 9.254661640),
    ("period_doubling", -0.760556198261, 13.900913175),
    ("fold_of_cycles", -0.760558551913, 13.921284877),
    ("fold_of_cycles", -0.719186153010, 18.923689886),
    ("period_doubling", -0.719186387521, 18.933263374),
    ("period_doubling", -0.731912554856, 23.938016538),
    ("fold_of_cycles", -0.731912557878, 23.940280190),
    ("fold_of_cycles", -0.728451833130, 28.956096004),
    ("period_doubling", -0.728451833214, 28.956778568),
    ("period_doubling", -0.729454420307, 33.970927680),
    ("fold_of_cycles", -0.729454420309, 33.971118431),
    ("fold_of_cycles", -0.729170798420, 38.986643456),
    ("period_doubling", -0.729170798420, 38.986698096),
    ("period_doubling", -0.729251746222, 44.00193122),
    ("fold_of_cycles", -0.729251746222, 44.00194675),
    ("fold_of_cycles", -0.729228713647, 49.01733571),
    ("period_doubling", -0.729228713647, 49.01734013),
]


@pytest.fixture(scope="module", params=[(0.0, SYMMETRIC), (1e-3, SKEW)])
def family(request, text_model, check_cycles):
    epsilon, expected = request.param
    model = text_model(CIRCUIT, **VALUES, epsilon=epsilon)
    rows = tr.diagram(model, "nu", (-1, 0), cycles=False).special
    hopf = rows[rows["kind"] == "hopf"].iloc[0]
    found = tr.cycles(model, "nu", start=hopf, span=(-1, 0))
    check_cycles(found)
    return found, expected


def test_each_point_is_found_once(family):
    found, expected = family
    special = found.special
    assert special["converged"].all()
    for kind, value, period in expected:
        near = special[(special["kind"] == kind) & (np.abs(special["period"] / period - 1) < 1e-5)]
        assert len(near) == 1
        assert near["nu"].iloc[0] == pytest.approx(value, rel=POINT)
        assert near["period"].iloc[0] == pytest.approx(period, rel=POINT)


def test_nothing_else_is_found_up_to_there(family):
    found, expected = family
    longest = max(period for kind, _, period in expected if kind != "fold_of_cycles")
    listed = found.special[found.special["period"] < longest + 1e-3]
    assert sorted(listed["kind"]) == sorted(
        kind for kind, _, period in expected if period < longest + 1e-3
    )


def test_turns_end_where_digits_no_longer_tell_them_apart(family):
    found, _ = family
    sizes = np.abs(found.multipliers[:, 1:]).max(axis=1)
    assert sizes.max() < 1e9
    end = found.special.iloc[-1]
    folds = found.special["nu"][found.special["kind"] == "fold_of_cycles"].to_numpy()
    # From turn to turn the values come nearer from both sides.
    apart = folds[-4:] - end["nu"]
    assert (apart[1:] * apart[:-1] < 0.0).all()
    shares = apart[1:] / apart[:-1]
    assert shares[-1] == pytest.approx(shares[-2], rel=0.05)
    assert found.ends[1].startswith(
        "a heteroclinic loop" if found.params["epsilon"] == 0.0 else "a homoclinic orbit"
    )
