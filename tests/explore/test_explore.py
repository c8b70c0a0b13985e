"""The page, in a real browser with the network off, against `simulate` at tight tolerances."""

import json
import os
import re
import shutil
import subprocess
from html.parser import HTMLParser
from urllib.parse import quote

import numpy as np
import pytest

import trustode as tr
from trustode.explore.javascript import functions

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
in_browser = pytest.mark.skipif(BROWSER is None, reason="needs Chromium")

TIGHT = tr.Solver(rtol=1e-11, atol=1e-13)
NASTY = "</script><script>document.title = 'broken'</script> & \"quoted\" <!-- "


class Reader(HTMLParser):
    """Collects the numbers of the page's table, and texts by the id of their element."""

    def __init__(self):
        super().__init__()
        self.numbers, self.texts, self.body, self.tags = {}, {}, {}, []
        self._row = self._id = ""

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.tags.append((tag, given))
        self._id = given.get("id", "")
        if tag == "body":
            self.body = given
        if tag == "tr":
            self._row = given.get("data-name", "")
        if tag == "td":
            self.numbers.setdefault(self._row, []).append(float(given["data-value"]))

        if tag == "title":
            self._id = "title"

    def handle_data(self, text):
        self.texts[self._id] = self.texts.get(self._id, "") + text


@pytest.fixture
def browse(tmp_path):
    def run(page, moved=None, hash=None):
        parts = [
            f"{quote(name, safe='')}={quote(str(what), safe='')}"
            for name, what in (moved or {}).items()
        ]
        address = f"{page.as_uri()}#{'&'.join(parts) if hash is None else hash}"
        done = subprocess.run(
            [
                BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                "--proxy-server=127.0.0.1:9", "--disable-background-networking",
                f"--user-data-dir={tmp_path / 'profile'}", "--window-size=1200,900",
                "--virtual-time-budget=8000", "--dump-dom", address,
            ],
            capture_output=True, text=True, timeout=120, check=True,
            env={**os.environ, "HOME": str(tmp_path)},
        )  # fmt: skip
        reader = Reader()
        reader.feed(done.stdout)
        assert reader.body.get("data-ready") == "yes", done.stderr[-2000:]
        return reader

    return run


@in_browser
def test_trust_model_with_all_inputs_moved_agrees(tmp_path, browse):
    model = tr.models.load("trust-updated", profile="bpd-excitable")
    page = tr.explore(model, tmp_path / "page.html")
    moved = {"nu": 2.5, "tau_G": 321.5, "th_emo": 0.5, "T(0)": -0.25}
    inputs = {"ev": "episode:0.1,7,-0.8,0.4", "u": "pulse:0,20,0.6,3.5", "h": "sessions:10,7,4"}
    reader = browse(page, {**moved, **inputs, "~end": 50, "~at": 21.3})

    times = np.linspace(0.0, 50.0, 5001)
    start = moved.pop("T(0)")
    bell = 0.1 + tr.Episodes([7], -0.8, 0.4)(times)
    solution = tr.simulate(
        model,
        times,
        params=moved,
        initial={"T": start},
        inputs={
            # The same sum of a baseline and an episode, as a spline through a fine grid.
            "ev": tr.Samples(times, bell, kind="cubic"),
            "u": tr.Pulses([20], 0.6, 3.5),
            "h": tr.Sessions([10, 17, 24, 31]),
        },
        solver=tr.Solver(rtol=1e-9, atol=1e-11, method="dop853"),
    )
    for name in [*model.states, *model.observables]:
        here, low, high, end = reader.numbers[name]
        size = max(1.0, np.abs(solution[name]).max())
        assert here == pytest.approx(solution[name][2130], abs=1e-6 * size), name
        assert end == pytest.approx(solution[name][-1], abs=1e-6 * size), name
        assert low == pytest.approx(solution[name].min(), abs=1e-3 * size)
        assert high == pytest.approx(solution[name].max(), abs=1e-3 * size)
    assert reader.texts.get("trouble", "").strip() == ""


@in_browser
@pytest.mark.parametrize(
    ("name", "params", "start"),
    [
        ("robertson", {"k1": 0.05}, {"y1": 0.9}),
        ("morris-lecar", {}, {"V": -20.0}),
    ],
)
def test_classics_moved_by_the_link_agree(tmp_path, browse, name, params, start):
    model = tr.models.load(name)
    page = tr.explore(model, tmp_path / "page.html", t=(0, 40))
    moved = {**params, **{f"{state}(0)": value for state, value in start.items()}, "~at": 12.5}
    reader = browse(page, moved)
    solution = tr.simulate(model, [0.0, 12.5, 40.0], params=params, initial=start, solver=TIGHT)
    for state in model.states:
        assert reader.numbers[state][0] == pytest.approx(solution[state][1], rel=1e-6, abs=1e-9)
        assert reader.numbers[state][3] == pytest.approx(solution[state][2], rel=1e-6, abs=1e-9)


@in_browser
def test_failure_is_told_in_words_and_texts_stay_texts(tmp_path, browse):
    model = tr.Model(
        "burst <b>",
        rhs={"x": "a * x**2"},
        params={"a": tr.Param(1.0, meaning=NASTY, theme=NASTY, source=NASTY)},
        initial={"x": 1.0},
        description=NASTY,
        source=NASTY,
        meanings={"x": NASTY},
    )
    page = tr.explore(model, tmp_path / "page.html", t=(0, 3))
    reader = browse(page, hash="a=nonsense&b=1&~lines=q")
    assert reader.texts["name"].strip() == "burst <b>"
    assert reader.texts["description"].strip() == NASTY.strip()
    # x = 1 / (1 - t) ends at t = 1.
    assert re.search(r"Stopped at t = 1 of 3\. \S+", reader.texts["trouble"])
    assert "a = nonsense, b = 1, ~lines = q" in reader.texts["said"]
    assert "b" not in {tag for tag, given in reader.tags if given.get("id") == "name"}


#: Moves things as a hand would, and writes down what the page then says.
HAND = """
<script>
const seen = [], wait = (ms) => new Promise((done) => setTimeout(done, ms));
const told = () => {
  const cells = [...document.querySelectorAll("tr[data-name=x] td")];
  seen.push([location.hash, ...cells.map((cell) => Number(cell.dataset.value))]);
};
const row = (name) => [...document.querySelectorAll(".row")]
  .find((each) => each.querySelector("b").textContent === name);
const set = async (element, value, event) => {
  element.value = value;
  element.dispatchEvent(new Event(event));
  await wait(500);
  told();
};
(async () => {
  const k = row("k");
  await set(k.querySelector("[type=range]"), 200, "input");
  await set(k.querySelector("[type=number]"), "1.25", "input");
  await set(k.querySelector("[type=number]"), "77", "input");
  k.querySelector("button").click();
  await wait(500);
  told();
  await set(document.querySelector("#inputs select"), "pulse", "change");
  const box = document.querySelector("#time svg").getBoundingClientRect();
  const at = (share) => ({ clientX: box.left + 52 + share * (box.width - 52 - 27), bubbles: true });
  document.querySelector("#time svg").dispatchEvent(new PointerEvent("pointerdown", at(0.5)));
  document.dispatchEvent(new PointerEvent("pointermove", at(0.25)));
  document.dispatchEvent(new PointerEvent("pointerup", at(0.25)));
  told();
  document.getElementById("reset").click();
  await wait(500);
  told();
  document.title = JSON.stringify(seen);
})();
</script>
"""


@in_browser
def test_sliders_boxes_choices_and_the_mark_move_the_page(tmp_path, browse):
    model = tr.Model(
        "decay",
        rhs={"x": "-k * x + u"},
        params={"k": tr.Param(0.5, min=0, max=4)},
        initial={"x": 1.0},
        inputs={"u": 0.0},
    )
    page = tr.explore(model, tmp_path / "page.html", t=(0, 8))
    text = page.read_text()
    # What the page would refuse, and frames, which no one draws here.
    text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text)
    frames = "window.requestAnimationFrame = (f) => setTimeout(f, 10);"
    text = text.replace("<body>", f"<body><script>{frames}</script>")
    page.write_text(text.replace("</body>", HAND + "</body>"))
    reader = browse(page)
    slid, typed, refused, back, pulse, dragged, reset = json.loads(reader.texts["title"])

    def end(k):
        return pytest.approx(np.exp(-8 * k), rel=1e-6)

    assert (slid[0], slid[-1]) == ("#k=2", end(2.0))
    assert (typed[0], typed[-1]) == ("#k=1.25", end(1.25))
    assert refused == typed
    assert (back[0], back[-1]) == ("", end(0.5))
    # A pulse of -1 for 8/60 from t = 8/6 on: x has the area that is left of it.
    a, w = 8 / 6, 8 / 60
    left = (np.exp(-0.5 * (8 - a - w)) - np.exp(-0.5 * (8 - a))) / 0.5
    assert pulse[0] == "#u=pulse%3A0%2C1.33333333333%2C-1%2C0.133333333333"
    assert pulse[-1] == pytest.approx(np.exp(-4) - left, rel=1e-6)
    at = float(re.search(r"~at=([\d.]+)", dragged[0])[1])
    assert at == pytest.approx(2.0, abs=0.05)
    x = np.exp(-0.5 * at) - (np.exp(-0.5 * (at - a - w)) - np.exp(-0.5 * (at - a))) / 0.5
    assert dragged[1] == pytest.approx(x, rel=1e-6)
    assert reset == back


@in_browser
def test_an_input_is_held_within_its_bounds(tmp_path, browse):
    """A dose below nothing, or above all there is, comes neither by slider nor by link."""
    model = tr.Model(
        "dose",
        rhs={"x": "h - x"},
        initial={"x": 0},
        inputs={"h": 0.0, "ev": 0.0},
        bounds={"h": (0, 1)},
    )
    page = tr.explore(model, tmp_path / "page.html", t=(0, 6))
    data = json.loads(re.search(r'id="data">(.*?)</script>', page.read_text(), re.DOTALL)[1])
    dose, free = data["inputs"]
    assert (dose["range"], dose["heights"], dose["fields"]["height"]) == ([0, 1], [0, 1], 1)
    assert (free["range"], free["heights"], free["fields"]["height"]) == ([-2, 2], [-2, 2], -1)

    def end(dosed):
        reader = browse(page, {"h": dosed})
        return reader.numbers["x"][3], reader.texts.get("said", "").strip()

    # x' = 1/2 - x from 0, and the same with another 1/2 from t = 4 to 5.
    whole = 0.5 * (1 - np.exp(-6))
    assert end("constant:0.5") == (pytest.approx(whole, rel=1e-6), "")
    more = 0.5 * (np.exp(-1) - np.exp(-2))
    assert end("pulse:0.5,4,0.5,1") == (pytest.approx(whole + more, rel=1e-6), "")
    for wrong in ("constant:-0.5", "constant:2", "pulse:0.5,4,0.75,1", "episode:0,3,-1,1"):
        x, said = end(wrong)
        assert x == 0
        assert f"h = {wrong}" in said


# ------------------------------------------------------------------ without a browser


def test_page_refers_to_nothing_and_lets_nothing_else_run(tmp_path):
    model = tr.Model(
        "m", rhs={"x": "-k * x"}, params={"k": 1.0}, initial={"x": 1.0}, description=NASTY
    )
    text = tr.explore(model, tmp_path / "page.html").read_text(encoding="utf-8")
    assert not re.search(r"(src|href)=|https?://(?!www\.w3\.org/2000/svg)|@import|url\((?!#)", text)
    assert "default-src 'none'" in text
    assert text.count("<script") == text.count("</script") == 4
    data = json.loads(re.search(r'id="data">(.*?)</script>', text, re.DOTALL)[1])
    assert data["description"] == NASTY
    assert "not a diagnostic tool" in data["caution"]


def test_names_are_positions_in_the_code():
    model = tr.Model(
        "m",
        rhs={
            "alert": "window * alert + document - alert**3",
            "window2": "sin(alert) + max(window, t)",
        },
        params={"window": 1.0},
        inputs={"document": 0.0},
        initial={"alert": "window / 2", "window2": 0.0},
    )
    code = functions(model)
    assert not re.search(r"alert|window|document", code)
    assert "p[0]" in code
    assert "u[0]" in code
    assert "Math.max" in code


def test_given_stimuli_become_sliders_or_tables(tmp_path):
    model = tr.models.load("trust-updated")
    given = {"ev": tr.Episodes([5], -1.0, 0.3), "u": 0.2, "h": tr.Sessions([3, 10])}
    text = tr.explore(model, tmp_path / "p.html", inputs=given, show=["nu", "kappa"]).read_text()
    data = json.loads(re.search(r'id="data">(.*?)</script>', text, re.DOTALL)[1])
    ev, u, h = data["inputs"]
    assert (ev["kind"], ev["fields"]["time"], ev["fields"]["sd"]) == ("episode", 5.0, 0.3)
    assert (u["kind"], u["fields"]["value"]) == ("constant", 0.2)
    assert (h["kind"], h["kinds"][-1]) == ("given", "given")
    assert [data["params"][k]["name"] for k in data["chosen"]] == ["nu", "kappa"]
    wide = next(each for each in data["params"] if each["name"] == "tau_G")
    assert (wide["low"], wide["high"], wide["log"]) == (1.0, 10000.0, True)


def test_diagram_is_on_the_page(tmp_path):
    # x' = r - x^2: a fold at r = 0, equilibria at +-sqrt(r).
    model = tr.Model("fold", rhs={"x": "r - x**2"}, params={"r": 0.5}, initial={"x": 0.1})
    text = tr.explore(model, tmp_path / "p.html", diagram="r", span=(-1, 1)).read_text()
    drawn = json.loads(re.search(r'id="data">(.*?)</script>', text, re.DOTALL)[1])["diagram"]
    (branch,) = drawn["branches"]
    x, r = np.array(branch["lines"][0][0]), np.array(branch["at"])
    np.testing.assert_allclose(x**2, r, atol=1e-5)
    assert [each["kind"] for each in drawn["special"]] == ["fold"]
    again = tr.diagram(model, "r", (-1, 1))
    assert tr.explore(model, tmp_path / "q.html", diagram=again).read_text() == text


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"show": ["bta"]}, tr.ModelError, r"show: there is no 'bta'; did you mean 'beta'"),
        ({"plane": ("x", "x")}, tr.OptionError, "two different states"),
        ({"plane": ("x", "z")}, tr.ModelError, "plane: there is no 'z'"),
        ({"names": ["z"]}, tr.ModelError, "names: there is no 'z'"),
        ({"t": (3, 1)}, tr.OptionError, "t must increase"),
        ({"t": 3}, tr.OptionError, "t must be a pair"),
        ({"params": {"beta": "a"}}, tr.ModelError, "beta"),
        ({"diagram": "beta"}, tr.OptionError, r"beta has no range of its own; give span"),
        ({"diagram": "btea"}, tr.ModelError, "did you mean 'beta'"),
        ({"span": (0, 1)}, tr.OptionError, "span= goes with the name"),
        ({"diagrm": "beta"}, tr.KeywordError, "did you mean 'diagram'"),
    ],
)
def test_mistakes_are_told(tmp_path, given, error, words):
    model = tr.Model(
        "m",
        rhs={"x": "-beta * x + y", "y": "-y"},
        params={"beta": 1.0},
        initial={"x": 1.0, "y": 1.0},
    )
    with pytest.raises(error, match=words):
        tr.explore(model, tmp_path / "p.html", **given)


def test_wrong_file_and_wrong_model_are_told(tmp_path):
    model = tr.Model("m", rhs={"x": "-x"}, initial={"x": 1.0})
    with pytest.raises(tr.FileError, match=r"explore\(m\).*cannot be written"):
        tr.explore(model, tmp_path / "none" / "p.html")
    with pytest.raises(tr.ModelError, match="expected a Model"):
        tr.explore("m", tmp_path / "p.html")
    other = tr.Model("other", rhs={"x": "r - x"}, params={"r": 0.5}, initial={"x": 1.0})
    with pytest.raises(tr.OptionError, match="of 'other'"):
        tr.explore(model, tmp_path / "p.html", diagram=tr.diagram(other, "r", (0, 1)))
