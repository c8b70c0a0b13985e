"""Every row of the list of faults has a test that is named after it."""

import re
from pathlib import Path


def test_rows_1_to_38_are_all_here():
    texts = [path.read_text() for path in Path(__file__).parent.glob("test_*.py")]
    rows = {int(row) for text in texts for row in re.findall(r"^def test_row_(\d\d)_", text, re.M)}
    assert rows == set(range(1, 39))
