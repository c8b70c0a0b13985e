"""What a branch shows of itself."""

import pickle
from dataclasses import replace

import pandas as pd
import pytest

import trustode as tr


@pytest.fixture(scope="module")
def branch():
    return tr.continuation(tr.models.load("trust-original", profile="bpd"), "nu", span=(0, 4))


def test_columns(branch):
    states = ["E", "T", "L", "G", "B"]
    points = ["step", "nu", *states, "stable", "n_unstable", "leading"]
    assert list(branch.points.columns) == points
    special = ["kind", "nu", *states, "omega", "period", "coefficient"]
    special += ["type", "criticality", "converged", "bracket"]
    assert list(branch.special.columns) == special
    assert branch.eigenvalues.shape == (len(branch), 5)
    assert "nu" not in branch.params
    assert branch.inputs == {"ev": 0.0, "u": 0.0, "h": 0.0}


def test_the_frame_is_a_copy(branch):
    frame = branch.to_frame()
    frame["nu"] = 0.0
    assert branch.points["nu"].iloc[-1] == 4


@pytest.mark.parametrize(
    ("part", "column", "change"),
    [
        ("points", "stable", lambda values: ~values),
        ("points", "n_unstable", lambda values: values + 1),
        ("points", "T", lambda values: values + 1e-7),
        ("special", "nu", lambda values: values + 1e-3),
        ("special", "omega", lambda values: values * 1.001),
        ("special", "bracket", lambda values: values.map(lambda pair: (pair[0] + 1, pair[1] + 1))),
    ],
)
def test_the_invariants_can_fail(branch, check_branch, part, column, change):
    check_branch(branch)
    frame = getattr(branch, part).copy()
    frame[column] = change(frame[column])
    wrong = {name: frame[name].to_numpy() for name in frame}
    with pytest.raises(AssertionError):
        check_branch(replace(branch, **{{"points": "columns", "special": "rows"}[part]: wrong}))


def test_a_pickled_branch_has_its_tables(branch):
    again = pickle.loads(pickle.dumps(branch))
    pd.testing.assert_frame_equal(again.points, branch.points)
    pd.testing.assert_frame_equal(again.special, branch.special)
    assert again.special.attrs == {"params": branch.params, "inputs": branch.inputs}


def test_it_prints_itself(branch):
    text = repr(branch)
    assert text.startswith("<Branch of 'trust-original'")
    assert "1 hopf" in text
    assert "span reached" in text
    assert len(text.splitlines()) == 3


def test_the_summary_is_sentences(branch):
    """The specification: a supercritical Hopf point at nu = 2.4473, period 15.1 days."""
    text = branch.summary()
    assert "It is stable for nu from 0 to 2.447" in text
    assert "It is unstable in 2 directions for nu from 2.447" in text
    assert "Hopf point at nu = 2.447" in text
    assert "supercritical" in text
    assert "a stable cycle is born, period 15.0" in text
    assert all(line.endswith(".") for line in text.splitlines())


def test_the_summary_of_folds(text_model):
    model = text_model({"x": "b + x - x**3"}, {"x": -1.3}, b=-1.0)
    text = tr.continuation(model, "b", span=(-2, 2)).summary()
    assert (
        "fold at b = 0.3849002 (x = -0.57735): two equilibria meet; they exist for b below" in text
    )
    assert (
        "fold at b = -0.3849002 (x = 0.57735): two equilibria meet; they exist for b above" in text
    )
    assert "It is unstable in 1 direction for b from 0.3849 to -0.3849" in text


def test_a_branch_is_pickled(branch):
    again = pickle.loads(pickle.dumps(branch))
    assert again.points.equals(branch.points)
    assert again.ends == branch.ends


def test_a_hopf_row_is_what_comes_next(branch):
    row = branch.special.query("kind == 'hopf'").iloc[0]
    assert {"nu", "T", "omega", "period"} <= set(row.index)


def test_plot(branch):
    pytest.importorskip("matplotlib", reason="draws, needs matplotlib")
    import matplotlib.pyplot as plt

    axes = branch.plot("T")
    assert axes.get_xlabel()
    plt.close(axes.figure)
    with pytest.raises(tr.ModelError, match="did you mean 'T'"):
        branch.plot("t")


def test_the_summary_of_a_branch_that_turns_back(text_model):
    """From the tip of a pitchfork both ways lead to the same end of the span."""
    branch = tr.continuation(
        text_model({"x": "a - x**2"}, a=0.0), "a", span=(-1, 1), start={"x": 1}
    )
    text = branch.summary()
    assert "along a, from 1 by way of 0 to 1." in text
    model = text_model({"T": "tanh(a*T) - T"}, a=1.5)
    text = tr.continuation(model, "a", span=(0, 5), start={"T": 0.8}).summary()
    assert "It is stable for a from 5 by way of 1" in text
