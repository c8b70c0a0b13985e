"""A stiff model of cell biology with its data: likelihood and gradient against other programs.

M. E. Boehm et al. (2014), Identification of isoform-specific dynamics in phosphorylation-
dependent STAT5 dimerization, J. Proteome Res. 13, 5685-5694, as the PEtab benchmark collection
writes it. At the values published with it two rates differ by ten orders of magnitude.
"""

import re
from pathlib import Path

import pandas as pd
import pytest

import trustode as tr


@pytest.fixture(scope="module")
def case(shared: Path):
    """What is known of the case, the model, its data and the arguments of a fit."""
    yaml = pytest.importorskip("yaml")
    folder = shared / "cases" / "fitting" / "Boehm_JProteomeRes2014"
    if not folder.exists():
        pytest.skip(f"needs {folder.name}")
    told = yaml.safe_load((folder / "model.yaml").read_text())
    known = yaml.safe_load((folder / "expected.yaml").read_text())

    def formula(text):
        for name, value in {**told["expressions"], **told["constants"]}.items():
            text = re.sub(rf"\b{name}\b", f"({value})", text)
        return text

    parameters = {each["name"]: each for each in told["parameters"]}
    model = tr.Model(
        "boehm",
        {state: formula(text) for state, text in told["rhs"].items()},
        params={name: each["nominal"] for name, each in parameters.items()},
        initial={state: formula(text) for state, text in told["initial"].items()},
    )
    observed = {
        each["id"]: tr.Gaussian(formula(each["formula"]), sd=each["noise"])
        for each in told["observables"]
    }
    vary = {
        name: tr.Vary(each["nominal"], min=each["lower"], max=each["upper"], scale="log10")
        for name, each in parameters.items()
        if each["estimate"]
    }
    data = pd.read_csv(folder / "measurements.csv")
    data = data.pivot_table(index="time", columns="observable", values="measurement").reset_index()
    return known, model, data, observed, vary


@pytest.mark.parametrize("method", ["auto", "rodas5p"])
def test_likelihood_and_gradient_are_those_of_other_programs(case, method):
    known, model, data, observed, vary = case
    solver = tr.Solver(method, rtol=1e-10, atol=1e-12)
    at = tr.objective(model, data, time="time", observed=observed, vary=vary, solver=solver)
    assert at.nll() == pytest.approx(float(known["nllh_nominal_lsoda"]), rel=1e-9)
    gradient = at.gradient()
    for name, value in known["gradient_nominal"].items():
        assert gradient[name] == pytest.approx(float(value), rel=1e-4), name


def test_a_fit_finds_the_best_known_optimum(case):
    known, model, data, observed, vary = case
    found = tr.fit(model, data, time="time", observed=observed, vary=vary, starts=1, progress=False)
    assert -found.loglik <= float(known["multistart_reference"]["best"])
