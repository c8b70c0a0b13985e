"""Cases of the SBML Test Suite: those written down here, and the suite where it is at hand."""

import os
from collections import Counter
from pathlib import Path

import pytest
from foreign.run import CRASHED, REFUSED, RIGHT, WRONG, Outcome, outcome, outcomes

CASES = Path(__file__).parent / "cases"

#: What is no ordinary differential equation, and what the message says of it.
REFUSALS = {
    "00569": "it has an algebraic rule (of k2)",
    "00985": "assignmentRule of 'z': 'delay' has no equivalent",
    "00986": "reaction 'J0' is fast",
    "01112": "it holds no differential equation",
    "01228": "it has events (E0)",
    "01400": "assignmentRule of 'P0': 'rateOf' has no equivalent",
}


@pytest.mark.parametrize(
    "case", sorted(folder.name for folder in CASES.iterdir() if folder.is_dir())
)
def test_case(case: str) -> None:
    found = outcome(CASES / case)
    if case in REFUSALS:
        assert found.kind == REFUSED
        assert REFUSALS[case] in found.why
    else:
        assert found == Outcome(case, RIGHT)


def test_the_suite() -> None:
    folder = os.environ.get("TRUSTODE_SBML_SUITE")
    if not folder:
        pytest.skip("needs the SBML Test Suite: TRUSTODE_SBML_SUITE=.../cases/semantic")
    found = list(outcomes(Path(folder)))
    counts = Counter(one.kind for one in found)
    assert counts[RIGHT]
    assert not [one for one in found if one.kind in (WRONG, CRASHED)], counts
