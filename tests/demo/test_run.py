import re

import pytest

import trustode as tr
from trustode import demo


def test_interrupted_run_keeps_what_was_finished(tmp_path, monkeypatch):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(demo, "oscillation", interrupted)
    said = []
    with pytest.raises(KeyboardInterrupt):
        demo.run(tmp_path / "new" / "folder", tell=said.append)
    page = (tmp_path / "new" / "folder" / "index.html").read_text()
    assert "7.4 days in the updated one" in page
    assert "still missing are Where the oscillation begins; Real rounds" in page
    assert [text[:3] for text in said] == ["1/3", "2/3"]


def test_folder_that_cannot_be_made_is_explained(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(tr.OptionError, match="cannot be made"):
        demo.run(tmp_path / "file" / "folder")


@pytest.mark.slow
def test_whole_demo(tmp_path):
    page = demo.run(tmp_path)
    text = page.read_text(encoding="utf-8")
    for found in ("0.3247", "23.6 days", "0.3080", "27.7 days", "24.0 days", "34.4 days"):
        assert found in text, found
    assert "predict" in text
    assert "not complete" not in text
    files = re.findall(r'(?:src|href)="([^"]+)"', text)
    assert {"episode.png", "explore.html", "oscillation.png", "game.png", "scores.png"} <= set(
        files
    )
    assert all((tmp_path / name).stat().st_size > 0 for name in files)
