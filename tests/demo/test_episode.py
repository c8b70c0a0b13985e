import pytest

import trustode as tr
from trustode.demo.episode import SPAN, cases, cycle, respond, responses_table

#: From the model's specification (section 4, "One negative episode"): days with T < 0, lowest T.
SPECIFIED = {
    ("updated, healthy", -1.0): (0.0, 0.75),
    ("original, healthy", -1.0): (0.0, 0.75),
    ("original, bpd-excitable", -1.0): (4.6, -0.43),
    ("updated, bpd-excitable, chi = 0", -1.0): (5.9, -0.63),
    ("updated, bpd-excitable", -1.0): (7.4, -0.75),
}


@pytest.fixture(scope="module")
def responses():
    return [each for label, model in cases().items() for each in respond(label, model)]


@pytest.mark.parametrize("case", SPECIFIED)
def test_response_is_as_specified(responses, case):
    found = next(each for each in responses if (each.label, each.height) == case)
    days, lowest = SPECIFIED[case]
    assert round(found.days_below, 1) == days
    assert round(found.lowest, 2) == lowest


def test_threshold_is_as_specified(responses):
    days = {(each.label, each.height): each.days_below for each in responses}
    assert days["original, bpd-excitable", -0.5] == 0
    assert round(days["updated, bpd-excitable", -0.5], 1) == 7.8
    assert days["original, bpd-excitable", -0.25] == 0
    assert days["updated, bpd-excitable", -0.25] == 0


def test_response_begins_at_rest(responses):
    for each in responses:
        trust = each.solution["T"]
        # The episode is 12 standard deviations away from the fourth day's first two.
        assert abs(trust[: 2 * 200] - trust[0]).max() < 1e-6
        assert each.solution.t[-1] == SPAN


def test_cycle_has_the_extent_specified():
    for kind, low, high in (("original", -0.55, 0.90), ("updated", -0.86, 0.96)):
        trust = cycle(kind)["T"][1:]
        assert round(trust.min(), 2) == low
        assert round(trust.max(), 2) == high


def test_table_has_a_row_a_response(responses):
    table = responses_table(responses)
    assert len(table) == len(responses)
    assert set(table["episode"]) == {-1.0, -0.5, -0.25}


def test_strict_case_only_cuts_the_feedback():
    found = cases()
    assert found["updated, bpd-excitable, chi = 0"] == found["updated, bpd-excitable"].replace(
        params={"chi": 0.0}
    )
    assert found["updated, bpd-excitable"] == tr.models.load(
        "trust-updated", profile="bpd-excitable"
    )
