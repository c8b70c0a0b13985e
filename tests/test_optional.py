"""What is optional may be missing: one sentence names the extra that brings it."""

import re
import sys
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import trustode as tr
from trustode.cli import main
from trustode.errors import OptionError, PackageError

DECAY = tr.Model("decay", rhs={"x": "-k*x"}, params={"k": 1.0}, initial={"x": 2.0})
T = np.linspace(0, 2, 9)


def fitted() -> tr.fit:
    data = pd.DataFrame({"t": T, "x": 2 * np.exp(-T) + 0.1 * np.cos(9 * T)})
    return tr.fit(
        DECAY, data, time="t", observed={"x": tr.Gaussian("x", sd=0.1)},
        vary={"k": tr.Vary(1.0, min=0.1, max=3)}, starts=1,
    )  # fmt: skip


CALLS = {
    "matplotlib, plot": ("plot", lambda _: tr.simulate(DECAY, T).plot()),
    "matplotlib, fit": ("plot", lambda _: fitted().plot()),
    "matplotlib, report": ("plot", lambda folder: tr.report(tr.simulate(DECAY, T), folder)),
    "xarray, solution": ("xarray", lambda _: tr.simulate(DECAY, T).to_xarray()),
    "xarray, ensemble": ("xarray", lambda _: tr.ensemble(DECAY, {"k": [1.0]}, T).to_xarray()),
    "nutpie, sample": ("sample", lambda _: fitted().sample(draws=10, chains=1)),
    "yaml, petab": ("petab", lambda folder: tr.read_petab(folder / "problem.yaml")),
}


@pytest.mark.parametrize("name", CALLS)
def test_one_sentence_names_the_extra(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    package = name.partition(",")[0]
    # None in the place of a module is how Python blocks its import.
    for module in [m for m in sys.modules if m.split(".")[0] == package]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, package, None)
    extra, call = CALLS[name]
    with pytest.raises(PackageError) as caught:
        call(tmp_path)
    assert isinstance(caught.value, ImportError | OptionError)
    said = str(caught.value)
    assert f"pip install 'trustode[{extra}]'" in said
    assert package in said
    assert "\n" not in said
    assert extra in extras()


def extras() -> dict[str, list[str]]:
    file = Path(__file__).resolve().parents[1] / "pyproject.toml"
    return tomllib.loads(file.read_text(encoding="utf-8"))["project"]["optional-dependencies"]


def test_every_extra_that_is_named_exists() -> None:
    package = Path(tr.__file__).parent
    named = {
        extra
        for file in package.rglob("*.py")
        for extra in re.findall(r"trustode\[(\w+)\]|needs\(\"(\w+)\"", file.read_text("utf-8"))
    }
    assert {one or other for one, other in named} <= set(extras())


@pytest.mark.parametrize("option", ["--plot", "--report"])
def test_command_line_says_it_too_and_before_the_work(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    for module in [m for m in sys.modules if m.split(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    file = tmp_path / "a.png"
    assert main(["simulate", "van-der-pol", "--t", "0", "1", option, str(file)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == (
        f"trustode: {option} needs the package matplotlib; install it with: "
        "pip install 'trustode[plot]'\n"
    )


def test_ensemble_as_xarray() -> None:
    pytest.importorskip("xarray", reason="needs xarray")
    made = tr.ensemble(DECAY, {"k": [1.0, 2.0], "x(0)": [1.0, 3.0]}, T).to_xarray()
    assert dict(made.sizes) == {"run": 2, "time": 9, "state": 1}
    second = made.sel(state="x").isel(run=1)
    np.testing.assert_allclose(second["y"], 3 * np.exp(-2 * T), rtol=1e-5)
    assert float(second["k"]) == 2.0
    assert made["status"].to_numpy().tolist() == [0, 0]
