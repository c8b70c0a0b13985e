"""Checkpoints of diagrams: what was finished is kept, and gives the same diagram."""

import json
import struct
import zlib

import numpy as np
import pandas as pd
import pytest

import trustode as tr
from trustode.bifurcation import families
from trustode.bifurcation.curves import organising
from trustode.errors import DataError, OptionError


@pytest.fixture
def twice(text_model):
    """Two planes, each with a Hopf point: at a = 0 and at a = 1."""
    return text_model(
        {
            "x": "a*x - y - x*(x**2 + y**2)",
            "y": "x + a*y - y*(x**2 + y**2)",
            "u": "(a - 1)*u - 2*v - u*(u**2 + v**2)",
            "v": "2*u + (a - 1)*v - v*(u**2 + v**2)",
        },
        a=-1.0,
    )


def draw(model, path, **options):
    return tr.diagram(model, "a", (-1, 2), checkpoint=path, **options)


def assert_same(first, second):
    assert first.summary() == second.summary()
    pd.testing.assert_frame_equal(first.to_frame(), second.to_frame())
    kept = [each.special.drop(columns="orbit") for each in (first, second)]
    pd.testing.assert_frame_equal(*kept)
    assert kept[0].attrs == kept[1].attrs
    for one, other in zip(first.cycles, second.cycles, strict=True):
        assert (one.orbit(2).y == other.orbit(2).y).all()
        pd.testing.assert_frame_equal(one.at(0.5), other.at(0.5))
        assert one.origins == other.origins


def counted(monkeypatch, module, name):
    calls, whole = [], getattr(module, name)

    def count(*arguments, **options):
        calls.append(options["start"])
        return whole(*arguments, **options)

    monkeypatch.setattr(module, name, count)
    return calls


def test_an_interrupted_diagram_goes_on_and_is_the_same(twice, tmp_path, monkeypatch):
    path = tmp_path / "diagram"
    plain, seen = draw(twice, None), []

    def stop(done, total):
        seen.append(done)
        if calls:
            raise KeyboardInterrupt

    calls = counted(monkeypatch, families, "cycles")
    with pytest.raises(KeyboardInterrupt):
        draw(twice, path, progress=stop)
    # The first family was finished and told of; then came the interrupt.
    assert len(calls) == 1
    calls.clear()
    resumed = draw(twice, path, progress=lambda done, total: seen.append((done, total)))
    assert len(plain.cycles) == len(calls) + 1 >= 2
    assert seen[-1][0] == seen[-1][1]
    assert_same(plain, resumed)
    calls.clear()
    assert_same(plain, draw(twice, str(path)))
    assert calls == []
    # What was read can be gone on from.
    row = resumed.special[resumed.special["kind"] == "hopf"].iloc[0]
    assert len(tr.cycles(twice, "a", start=row, span=(-1, 2))) > 1


@pytest.mark.parametrize(
    ("other", "named"),
    [
        ({"seed": 1}, "seed: 0 there, 1 here"),
        ({"cycles": False}, "cycles: True there, False here"),
        ({"region": {"x": (-2, 2)}}, "region"),
        ({"stepper": tr.ArcLength(ds=0.02)}, "stepper"),
    ],
)
def test_another_call_is_refused(text_model, tmp_path, other, named):
    model = text_model({"x": "a - x**2"}, a=1.0)
    draw(model, tmp_path / "one")
    before = (tmp_path / "one").read_bytes()
    with pytest.raises(DataError, match=named):
        draw(model, tmp_path / "one", **other)
    with pytest.raises(DataError, match="model: not the same"):
        draw(text_model({"x": "a - x**4"}, a=1.0), tmp_path / "one")
    with pytest.raises(DataError, match=r"parameter: a from -1\.0 to 2\.0 there"):
        tr.diagram(model, "a", (-1, 3), checkpoint=tmp_path / "one")
    assert (tmp_path / "one").read_bytes() == before
    with pytest.raises(OptionError, match="checkpoint=3 is not the path"):
        draw(model, 3)


@pytest.mark.parametrize(
    "text", ['{"class": "os.system", "of": {}}', "[1", '{"array": [0, "O", [1]]}']
)
def test_what_a_call_did_not_write_is_refused(text_model, tmp_path, text):
    model, path = text_model({"x": "a - x**2"}, a=1.0), tmp_path / "one"
    draw(model, path)
    line = path.read_bytes().partition(b"\n")[0] + b"\n"
    made = np.frombuffer(f'{{"key": "k", "made": {text}}}'.encode(), np.uint8)
    told = {"rows": [0, 1], "arrays": [["*text", "|u1", made.shape], ["*data", "|u1", [0]]]}
    content = json.dumps(told).encode() + b"\n" + made.tobytes()
    record = struct.pack("<4sQI", b"rows", len(content), zlib.crc32(content)) + content
    path.write_bytes(line + record)
    with pytest.raises(DataError, match="was changed by something else"):
        draw(model, path)


def test_a_regime_map_keeps_its_curves(text_model, tmp_path, monkeypatch):
    model = text_model({"x": "mu + lam*x - x**3"}, mu=0.0, lam=1.0)
    options = {"span": {"mu": (-1, 1), "lam": (-1, 1)}, "n": 4, "t": (0, 50)}
    calls = counted(monkeypatch, organising, "curve")
    first = tr.regime_map(model, ("mu", "lam"), checkpoint=tmp_path / "map", **options)
    assert calls
    calls.clear()
    again = tr.regime_map(model, ("mu", "lam"), checkpoint=tmp_path / "map", **options)
    assert calls == []
    assert first.summary() == again.summary()
    pd.testing.assert_frame_equal(first.grid, again.grid)
    for one, other in zip(first.curves, again.curves, strict=True):
        pd.testing.assert_frame_equal(one.points, other.points)
        pd.testing.assert_frame_equal(one.special, other.special)
