import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

import trustode as tr
from trustode.report import (
    CAUTION,
    Picture,
    Section,
    Table,
    Text,
    save_picture,
    save_table,
    write_page,
)

NASTY = "<script>alert('x')</script> & \"quoted\""


class Reader(HTMLParser):
    """Collects tags, references and text."""

    def __init__(self):
        super().__init__()
        self.tags, self.references, self.text = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.references += [value for name, value in attrs if name in ("src", "href", "action")]

    def handle_data(self, data):
        self.text.append(data)


def read(page):
    reader = Reader()
    reader.feed(page.read_text(encoding="utf-8"))
    return reader


def write(folder, *parts, **changed):
    given = {"title": "T", "lead": "L", "call": "c", "facts": {}} | changed
    title, lead = given.pop("title"), given.pop("lead")
    return write_page(folder, title, lead, [Section("S", parts)], **given)


def test_every_text_is_escaped(tmp_path):
    frame = pd.DataFrame({NASTY: [NASTY]})
    table = save_table(tmp_path, "a.csv", frame, NASTY)
    (tmp_path / "p.png").write_bytes(b"")
    page = write_page(
        tmp_path,
        NASTY,
        NASTY,
        [Section(NASTY, (Text(NASTY, finding=True), Picture("p.png", NASTY, NASTY), table))],
        call=NASTY,
        facts={NASTY: NASTY},
        caution=NASTY,
    )
    reader = read(page)
    assert "script" not in reader.tags
    assert "<script" not in page.read_text()
    assert "".join(reader.text).count(NASTY) == 13


def test_nothing_outside_the_folder_is_referred_to(tmp_path):
    table = save_table(tmp_path, "a.csv", pd.DataFrame({"x": [1]}), "c")
    (tmp_path / "p.png").write_bytes(b"")
    page = write(tmp_path, table, Picture("p.png", "c", "a"))
    assert sorted(read(page).references) == ["a.csv", "p.png"]
    assert not re.search(r"@import|url\(", page.read_text())


def test_caution_call_facts_and_versions_are_on_the_page(tmp_path):
    text = "".join(read(write(tmp_path, call="trustode demo x", facts={"Seed": "1"})).text)
    assert CAUTION in text
    assert "not a diagnostic tool" in CAUTION.replace("Nothing here is a", "not a")
    assert "trustode demo x" in text
    assert "Seed: 1" in text
    assert f"trustode {tr.__version__}, Python " in text
    assert f"numpy {np.__version__}" in text


def test_missing_picture_is_named(tmp_path):
    with pytest.raises(tr.DataError, match=r"refers to 'gone\.png', which is not in"):
        write(tmp_path, Picture("gone.png", "c", "a"))


def test_table_shows_few_digits_and_keeps_all(tmp_path):
    frame = pd.DataFrame({"name": ["pi", "none"], "value": [np.pi, np.nan]})
    page = write(tmp_path, save_table(tmp_path, "v.csv", frame, "c", digits=3))
    assert '<td class="number">3.14</td>' in page.read_text()
    assert '<td class="number"></td>' in page.read_text()
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "v.csv"), frame)


def test_table_without_a_file_has_no_link(tmp_path):
    assert not read(write(tmp_path, Table(pd.DataFrame({"x": [1]}), "c"))).references


def test_picture_is_saved(tmp_path):
    figure = pytest.importorskip("matplotlib.figure", reason="pictures need matplotlib").Figure()
    figure.subplots().plot([0, 1])
    picture = save_picture(tmp_path, "a.png", figure, "caption", "alt")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert (picture.file, picture.caption, picture.alt) == ("a.png", "caption", "alt")
