import pytest

from trustode.demo.oscillation import oscillation

#: From the model's specification (section 4): Hopf point along D, T and period there, and l1;
#: period, least and greatest T of the cycle at bpd.
SPECIFIED = {
    "original": (0.3247, 0.437, 23.6, -7.221, 24.0, -0.55, 0.90),
    "updated": (0.3080, 0.460, 27.7, -6.823, 34.4, -0.86, 0.96),
}


@pytest.mark.parametrize("kind", SPECIFIED)
def test_onset_and_cycle_are_as_specified(kind):
    found = oscillation(kind, False)
    onset = found.onset
    d, trust, period, l1, cycle, low, high = SPECIFIED[kind]
    assert round(onset["D"], 4) == d
    assert round(onset["T"], 3) == trust
    assert round(onset["period"], 1) == period
    assert round(onset["coefficient"], 3) == l1
    assert round(found.at_profile("period"), 1) == cycle
    assert round(found.at_profile("min_T"), 2) == low
    assert round(found.at_profile("max_T"), 2) == high
