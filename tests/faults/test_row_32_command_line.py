"""Row 32 on the command line; apart from what forks load."""

from trustode.cli import main


def test_row_32_on_the_command_line(tmp_path, capsys):
    """A command goes on from its checkpoint; another is refused, unless it restarts."""
    path, other = tmp_path / "points", tmp_path / "other"
    line = ["scan", "van-der-pol", "--vary", "mu=1:2:3", "--t", "0", "9", "--checkpoint", str(path)]
    assert main(line) == 0
    whole, shown = path.read_bytes(), capsys.readouterr().out
    assert whole.count(b'{"rows": [') == 1
    assert main(line) == 0
    assert (path.read_bytes(), capsys.readouterr().out) == (whole, shown)
    assert main([*line, "--set", "x(0)=1"]) == 2
    assert "belongs to another call: initial" in capsys.readouterr().err
    assert path.read_bytes() == whole
    assert main([*line, "--set", "x(0)=1", "--restart"]) == 0
    assert path.read_bytes() != whole
    assert main([*line, "--restart"]) == 0
    assert path.read_bytes() == whole
    assert main([*line[:-1], str(other), "--restart"]) == 0
    assert other.read_bytes() == whole
    # Only what is surely a checkpoint is emptied.
    other.write_text("diary")
    assert main([*line[:-1], str(other), "--restart"]) == 2
    assert main([*line[:-2], "--restart"]) == 2
    # A slip costs nothing that was finished.
    assert main([*line, "--restart", "--set", "nosuch=1"]) == 2
    assert main([*line, "--csv", str(path)]) == 2
    assert path.read_bytes() == whole
    assert other.read_text() == "diary"
    said = capsys.readouterr().err
    assert "is not a checkpoint of trustode. Nothing was changed in it" in said
    assert "--restart empties a checkpoint; give --checkpoint FILE" in said
    assert "is the checkpoint, which keeps the work; give another file" in said
