"""PEtab: what is written is read back with the same objective, and published problems are read."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.stats

import trustode as tr
from trustode.errors import FileError, ModelError, OptionError

yaml = pytest.importorskip("yaml", reason="reads problems, needs pyyaml")

#: Everything PEtab has a word for: inputs in steps, an input by group, an observable, a start
#: that varies, levels, both families, transforms, noise by row, priors.
MODEL = tr.Model(
    "trust, small",
    rhs={"T": "alpha*(u + bias - T) - beta*T*R", "R": "beta*T - R/tau"},
    params={"alpha": 0.5, "beta": tr.Param(0.3, min=0, max=4), "tau": 2.0, "bias": 0.1},
    initial={"T": 0.5, "R": "tau/10"},
    inputs={"u": 0.0, "v": 0.0},
    observables={"rating": "10*T + 2*v + 20"},
    time_unit="day",
)


def table() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    rows = []
    for g, name in enumerate(("p 1", "p-2", "p 3")):
        for k, day in enumerate((2.0, 3.0, 4.5, 6.0, 6.0, 9.0)):
            rows.append(
                {
                    "who": name,
                    "site": "north" if g < 2 else "south",
                    "day": day + g,
                    "move": float(int(day + g) % 3 - 1),
                    "kind": float(g),
                    "rating": 20 + 3 * rng.random(),
                    "load": np.nan if k == 2 else 0.5 + rng.random(),
                    "load_sd": 0.2 + 0.1 * k,
                    "far": 1 + rng.random(),
                }
            )
    return pd.DataFrame(rows)


ARGUMENTS = {
    "time": "day",
    "group": "who",
    "observed": {
        "rating": tr.Gaussian("rating", sd="sigma"),
        "load": tr.Gaussian("2*R + 1", sd="load_sd", transform="log"),
        "far": tr.Laplace("R + 1 + t/100 - t/100", scale="0.1 + spread", transform="log10"),
    },
    "vary": {
        "alpha": tr.Vary(0.4, min=0.01, max=5, scale="log10", per="site"),
        "beta": tr.Vary(0.2, min=0, max=3, prior=scipy.stats.norm(0.3, 0.2)),
        "T(0)": tr.Vary(0.1, min=-1, max=1, per="who"),
        "sigma": tr.Vary(2.0, min=1e-3, max=50, scale="log", prior=scipy.stats.lognorm(0.5)),
        "spread": tr.Vary(
            0.3, min=1e-3, max=9, scale="log10", prior=scipy.stats.norm(0, 1), prior_scale="log10"
        ),
    },
    "params": {"bias": {"p 1": 0.1, "p-2": 0.2, "p 3": 0.3}, "tau": 1.5},
    "inputs": {"u": "move", "v": "kind"},
}

#: Other values than those it begins with, by name in the written problem.
ELSEWHERE = {
    "alpha_north": 0.7,
    "alpha_south": 0.2,
    "beta": 0.5,
    "initial_T_p_1": 0.3,
    "initial_T_p_2": -0.4,
    "initial_T_p_3": 0.2,
    "sigma": 3.0,
    "spread": 0.15,
}


@pytest.fixture(scope="module")
def problem() -> tr.fit:
    return tr.objective(MODEL, table(), **ARGUMENTS)


@pytest.fixture(scope="module")
def written(problem, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tr.write_petab(problem, tmp_path_factory.mktemp("petab") / "new" / "problem")


def own_names(values: dict[str, float]) -> dict[str, float]:
    """Return values by the names that the fit itself has."""
    to = {
        "alpha_north": "alpha [north]",
        "alpha_south": "alpha [south]",
        "initial_T_p_1": "T(0) [p 1]",
        "initial_T_p_2": "T(0) [p-2]",
        "initial_T_p_3": "T(0) [p 3]",
    }
    return {to.get(name, name): value for name, value in values.items()}


def test_trip_keeps_the_objective(problem, written: Path) -> None:
    again = tr.read_petab(written)
    found = again.objective()
    assert found.names == tuple(ELSEWHERE)
    np.testing.assert_allclose(found.start, problem.start, rtol=0)
    for values in ({}, ELSEWHERE):
        wanted = problem.nll(own_names(values))
        assert found.nll(values) == pytest.approx(wanted, rel=1e-8)
        slope = problem.gradient(own_names(values)).to_numpy()
        np.testing.assert_allclose(found.gradient(values), slope, rtol=1e-5, atol=1e-5)
    assert again.vary["beta"] == tr.Vary(0.2, min=0, max=3, prior=again.vary["beta"].prior)
    assert repr(again).startswith("<PetabProblem 'trust, small': 51 measurements under 3 cond")


@pytest.mark.filterwarnings("ignore")
def test_linter_has_no_complaint(written: Path) -> None:
    petab = pytest.importorskip("petab.v1", reason="needs petab")
    read = petab.Problem.from_yaml(str(written))
    assert not petab.lint.lint_problem(read)
    assert set(read.x_free_ids) == set(ELSEWHERE)


def test_a_fit_is_written_with_its_values(tmp_path: Path) -> None:
    t = np.linspace(0, 4, 9)
    model = tr.Model("decay", rhs={"x": "-k*x"}, params={"k": 1.0}, initial={"x": 2.0})
    noise = 0.05 * np.cos(7 * np.arange(9))
    data = pd.DataFrame({"t": t, "x": 2 * np.exp(-0.5 * t) + noise})
    fit = tr.fit(
        model, data, time="t", starts=1, observed={"x": tr.Gaussian("x", sd="s")},
        vary={"k": tr.Vary(1.0, min=0.1, max=3), "s": tr.Vary(0.1, min=1e-3, scale="log")},
    )  # fmt: skip
    again = tr.read_petab(tr.write_petab(fit, tmp_path))
    assert again.objective().loglik() == pytest.approx(fit.loglik, rel=1e-9)
    refitted = again.fit(starts=1)
    assert refitted.loglik == pytest.approx(fit.loglik, abs=1e-8)


def test_groups_at_rest_are_written_with_their_rest(tmp_path: Path) -> None:
    model = tr.Model(
        "pull", rhs={"x": "u - k*x"}, params={"k": 0.5}, initial={"x": 0.0}, inputs={"u": 0.0}
    )
    data = pd.DataFrame({"g": [1] * 3 + [2] * 3, "t": [0.0, 1, 2] * 2, "x": [4, 3, 2, 1, 2, 3.0]})
    found = tr.objective(
        model, data, time="t", group="g", observed={"x": tr.Gaussian("x", sd=0.5)},
        vary={"k": tr.Vary(0.4, min=0.1, max=2)}, inputs={"u": {1: 0.5, 2: 1.0}},
        initial=tr.AtRest(inputs={"u": {1: 2.0, 2: 0.25}}),
    )  # fmt: skip
    again = tr.read_petab(tr.write_petab(found, tmp_path)).objective()
    # x(t) = u/k + (r - u)/k exp(-k t).
    k, x = 0.3, data["x"].to_numpy()
    u, r = np.repeat([0.5, 1.0], 3), np.repeat([2.0, 0.25], 3)
    wanted = u / k + (r - u) / k * np.exp(-k * data["t"].to_numpy())
    nll = np.sum(0.5 * ((x - wanted) / 0.5) ** 2 + np.log(0.5 * np.sqrt(2 * np.pi)))
    assert found.nll({"k": k}) == pytest.approx(nll, rel=1e-8)
    assert again.nll({"k": k}) == pytest.approx(nll, rel=1e-8)


@pytest.mark.parametrize("given", ["push", 0.5, {1: 0.5, 2: 3.0}])
def test_bounds_and_meanings_of_inputs_are_no_hindrance(tmp_path: Path, given: Any) -> None:
    model = tr.Model(
        "push", rhs={"x": "u - k*x"}, params={"k": 0.5}, initial={"x": 1.0}, inputs={"u": 0.0},
        bounds={"u": (-2, 2), "x": (0, 9)}, meanings={"u": "what pushes", "x": "what moves"},
    )  # fmt: skip
    data = pd.DataFrame({"g": [1] * 3 + [2] * 3, "t": [0.0, 1, 2] * 2, "x": [4, 3, 2, 1, 2, 3.0]})
    data["push"] = [0.0, 1, 0, 1, 0, 0]
    found = tr.objective(
        model, data, time="t", group="g", observed={"x": tr.Gaussian("x", sd=0.5)},
        vary={"k": tr.Vary(0.4, min=0.1, max=2)}, inputs={"u": given},
    )  # fmt: skip
    problem = tr.read_petab(tr.write_petab(found, tmp_path))
    assert problem.objective().nll({"k": 0.3}) == pytest.approx(found.nll({"k": 0.3}), rel=1e-8)
    assert (problem.model.bounds["x"], problem.model.meanings["x"]) == ((0, 9), "what moves")
    written = tr.read_model(tmp_path / "model.xml").parameters
    inputs = [each for name, each in written.items() if name == "u" or name[:3] in ("u_0", "u_1")]
    # A value that data give may lie outside: then there is no range to keep.
    ends = (-np.inf, np.inf) if isinstance(given, dict) else (-2, 2)
    assert {(each.min, each.max) for each in inputs} == {ends}


X = {"x": tr.Gaussian("x", sd=0.5)}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"observed": {"x": tr.Poisson("x")}}, "observed['x'] is Poisson"),
        ({"observed": {"x": tr.Gaussian("x", sd=0.5, lower=0.1)}}, "detection limits"),
        ({"inputs": {"u": tr.Episodes([1.0], 1.0, 0.5)}}, "'u' changes smoothly"),
        (
            {"vary": {"k": tr.Vary(1.0, prior=scipy.stats.gamma(2.0))}},
            "'k' has the prior gamma on the scale 'lin'",
        ),
    ],
)
def test_what_petab_lacks_is_named(tmp_path: Path, more: dict, said: str) -> None:
    model = tr.Model(
        "pull", rhs={"x": "u - k*x"}, params={"k": 0.5}, initial={"x": 1.0}, inputs={"u": 0.0}
    )
    data = pd.DataFrame({"t": [0.0, 1, 2], "x": [4, 3, 2]})
    given = {"time": "t", "observed": X, "vary": {"k": tr.Vary(1.0)}, **more}
    with pytest.raises(OptionError, match=re.escape(said)):
        tr.write_petab(tr.objective(model, data, **given), tmp_path)
    assert not list(tmp_path.iterdir())


def test_only_fits_are_written(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="expected a fit or an objective"):
        tr.write_petab(MODEL, tmp_path)


def test_a_broken_problem_is_named(written: Path, tmp_path: Path) -> None:
    def copy(name: str, old: str, new: str) -> Path:
        for file in written.parent.iterdir():
            (tmp_path / file.name).write_text(file.read_text())
        text = (tmp_path / name).read_text()
        assert old in text
        (tmp_path / name).write_text(text.replace(old, new, 1))
        return tmp_path / "problem.yaml"

    cases = [
        ("problem.yaml", "version: 1", "version: 2.0.0", "format_version is '2.0.0'"),
        ("problem.yaml", "model.xml", "../model.xml", "outside its folder"),
        ("problem.yaml", "problems:", "problems: [", "not YAML"),
        ("parameters.tsv", "estimate", "estimated", "no column 'estimate'; did you mean"),
        ("parameters.tsv", "log10", "log20", "the scale 'log20'"),
        ("measurements.tsv", "p_1", "p_9", "condition 'p_9' is not in the table"),
        ("measurements.tsv", "rating", "ratin", "observable 'ratin' is not in the table"),
        ("conditions.tsv", "initial_T_p_1", "initial_T_p_7", "'initial_T_p_7' is no parameter"),
        ("observables.tsv", "sigma", "sigma*(", "column "),
    ]
    for name, old, new, said in cases:
        with pytest.raises((ModelError, OptionError), match=re.escape(said)):
            tr.read_petab(copy(name, old, new))
    with pytest.raises(FileError, match="cannot be read"):
        tr.read_petab(copy("problem.yaml", "parameters.tsv", "params.tsv"))


def composed(folder: Path, tables: dict[str, str]) -> Path:
    """Write a problem's tables beside its model, m.xml, and return the file that names them."""
    for name, text in tables.items():
        (folder / f"{name}.tsv").write_text(text)
    (folder / "p.yaml").write_text(
        "format_version: 1\nparameter_file: p.tsv\nproblems:\n- sbml_files: [m.xml]\n"
        "  condition_files: [c.tsv]\n  observable_files: [o.tsv]\n  measurement_files: [m.tsv]\n"
    )
    return folder / "p.yaml"


def test_logarithms_and_overrides(tmp_path: Path) -> None:
    # x = 2 exp(-k t), seen as log10(x) times a scale given row by row, with two noises.
    model = tr.Model("m", rhs={"x": "-k*x"}, params={"k": 0.5}, initial={"x": 2.0})
    tr.export(model, tmp_path / "m.xml")
    tables = {
        "c": "conditionId\nonly\n",
        "o": "observableId\tobservableFormula\tnoiseFormula\n"
        "y\tobservableParameter1_y * log10(x^2) + ln(1)\tnoiseParameter1_y\n",
        "m": "observableId\tsimulationConditionId\tmeasurement\ttime\tobservableParameters"
        "\tnoiseParameters\n"
        "y\tonly\t1.0\t1\ttwice\t0.5\ny\tonly\t0.2\t2\ttwice\tsd\ny\tonly\t0.1\t3\t3.0\tsd\n",
        "p": "parameterId\tparameterScale\tlowerBound\tupperBound\tnominalValue\testimate\n"
        "k\tlin\t0\t2\t0.5\t1\ntwice\tlin\t0\t9\t2\t0\nsd\tlog10\t0.01\t9\t0.3\t1\n",
    }
    found = tr.read_petab(composed(tmp_path, tables)).objective()
    times, scale, sd = np.array([1, 2, 3]), np.array([2, 2, 3]), np.array([0.5, 0.3, 0.3])
    seen = scale * np.log10((2 * np.exp(-0.5 * times)) ** 2)
    z = (np.array([1.0, 0.2, 0.1]) - seen) / sd
    nll = np.sum(0.5 * z**2 + np.log(sd * np.sqrt(2 * np.pi)))
    assert found.nll() == pytest.approx(nll, rel=1e-9)


def test_steady_states_are_measured_at_infinite_time(tmp_path: Path) -> None:
    # a -> b and back, from a + b that a condition sets: at rest b is k1/(k1 + k2) of it.
    model = tr.Model(
        "m",
        rhs={"a": "k2*b - k1*a", "b": "k1*a - k2*b"},
        params={"k1": 0.6, "k2": 0.5},
        initial={"a": 1.0, "b": 0.0},
    )
    tr.export(model, tmp_path / "m.xml")
    head = "parameterId\tparameterScale\tlowerBound\tupperBound\tnominalValue\testimate\n"
    measured = "observableId\tsimulationConditionId\tmeasurement\ttime\n"
    tables = {
        "c": "conditionId\ta\tk2\none\t1.5\t0.5\ntwo\t3\t0.2\n",
        "o": "observableId\tobservableFormula\tnoiseFormula\nseen\tb\t0.25\n",
        "m": measured + "seen\tone\t0.7\tinf\nseen\tone\t0.9\tinf\nseen\ttwo\t2.0\tinf\n",
        "p": head + "k1\tlog\t0.01\t9\t0.6\t1\n",
    }
    found = tr.read_petab(composed(tmp_path, tables)).objective()

    def nll(k: float) -> float:
        rest = np.array([1.5 * k / (k + 0.5)] * 2 + [3.0 * k / (k + 0.2)])
        return -float(scipy.stats.norm.logpdf([0.7, 0.9, 2.0], rest, 0.25).sum())

    assert found.nll() == pytest.approx(nll(0.6), rel=1e-8)
    slope = (nll(0.6 + 1e-6) - nll(0.6 - 1e-6)) / 2e-6
    assert found.gradient(scaled=False)["k1"] == pytest.approx(slope, rel=1e-5)
    (tmp_path / "m.tsv").write_text(tables["m"] + "seen\ttwo\t1.0\t3\n")
    with pytest.raises(ModelError, match="measured at infinite time, and others are not"):
        tr.read_petab(tmp_path / "p.yaml")
    # After a rest under the same condition a is put to 1.5 again; at infinite time it is not.
    (tmp_path / "m.tsv").write_text(
        "observableId\tpreequilibrationConditionId\tsimulationConditionId\tmeasurement\ttime\n"
        "seen\tone\tone\t0.7\t1\nseen\t\tone\t0.9\tinf\n"
    )
    with pytest.raises(ModelError, match="set after a rest under some conditions only"):
        tr.read_petab(tmp_path / "p.yaml")


def test_cases_of_the_suite_are_read() -> None:
    suite = pytest.importorskip("petabtests", reason="needs petabtests")
    # The log-likelihood at the nominal values, as the suite's own closed forms have it.
    cases = sorted(Path(suite.__file__).parent.glob("cases/v1*/sbml/[0-9]*/_[0-9]*[0-9].yaml"))
    assert len(cases) >= 18
    for case in cases:
        wanted = yaml.safe_load(case.with_name(f"{case.stem}_solution.yaml").read_text())
        found = tr.read_petab(case).objective().loglik()
        assert found == pytest.approx(wanted["llh"], rel=1e-9), case.stem
