import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def example() -> str:
    return next(text for kind, text in BLOCKS if kind == "python")


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=120,
        check=False,
    )


def test_first_blocks_are_the_two_lines():
    first, second = BLOCKS[:2]
    assert [first[0], second[0]] == ["sh", "sh"]
    assert [text.count("\n") for _, text in (first, second)] == [1, 1]
    assert first[1].strip().endswith("trustode demo")
    assert second[1].strip().endswith("-m pytest -n 2")


def test_lines_name_extras_that_exist():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    named = {
        name
        for _, text in BLOCKS[:2]
        for group in re.findall(r"\.\[([\w,]+)\]", text)
        for name in group.split(",")
    }
    assert named == {"plot", "dev"}
    assert named <= extras.keys()


def test_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)]+)\)", README):
        assert (ROOT / target).exists(), target


def test_figure_comes_first_and_is_small():
    assert re.search(r"!\[[^\]]+\]\(docs/figures/readme\.png\)", README.split("## ")[0])
    assert (ROOT / "docs/figures/readme.png").stat().st_size < 150_000


def test_example_runs_and_finds_the_cycle():
    done = python(example())
    assert done.returncode == 0, done.stderr
    # x' of the linear part: trace gain - 1 - 1/delay, so a Hopf point at 1.2; its frequency is
    # sqrt((2 - gain)/delay) = .4 a day, its period 2 pi/.4.
    assert re.search(r"Hopf point at gain = 1\.2 .*period 15\.708 day", done.stdout)
    assert "stable focus at T = 0" in done.stdout
    assert "resting" in done.stdout
    assert done.stdout.count("cycling") == 2


def test_example_has_about_fifteen_lines():
    assert 12 <= len(example().strip().splitlines()) <= 16


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ("tanh(gain*T", "tanh(gian*T", r"dT/dt.*'gian'.*did you mean 'gain'\?"),
        ('"gain", (0', '"gian", (0', r"diagram.*'gian'.*did you mean 'gain'\?"),
        ('vary={"gain"', 'vary={"gian"', r"scan.*'gian'.*did you mean 'gain'\?"),
        ("initial={T: 0, D: 0}", 'initial={"T": 0, "DD": 0}', r"initial.*'DD'"),
    ],
)
def test_misspelt_name_is_named_with_its_place_and_the_nearest(right, wrong, message):
    code = example()
    assert right in code
    done = python(code.replace(right, wrong))
    last = done.stderr.strip().splitlines()[-1]
    assert done.returncode != 0
    assert "demanding-trust" in last
    assert re.search(message, last), last
