"""The bifurcations of the trust models, to the digits of the model's specification."""

import numpy as np
import pytest

import trustode as tr
from trustode.expression import symbol

#: Half a unit of the last digit that the specification gives, and a little.
HALF = 0.51


def combined(model, values, name):
    """Return a model in which parameters are expressions of one new parameter."""
    arguments = model.arguments()
    replaced = {symbol(key): value for key, value in values.items()}
    for part in ("rhs", "observables"):
        arguments[part] = {k: e.xreplace(replaced) for k, e in arguments[part].items()}
    for key in values:
        del arguments["params"][key]
    arguments["params"][name] = tr.Param(0.0, min=0, max=1)
    return tr.Model(**arguments)


def along_development(name, profile="bpd"):
    """Return a model with one level D of the three developmental factors."""
    factors = ("D_ab", "D_aban", "D_care")
    return combined(tr.models.load(name, profile=profile), dict.fromkeys(factors, symbol("D")), "D")


def along_severity(name):
    """Return a model with every value at a share s of the way from healthy to bpd."""
    healthy, bpd = tr.models.load(name), tr.models.load(name, profile="bpd")
    s, start, end = symbol("s"), healthy.defaults, bpd.defaults
    moving = {
        key: start[key] + s * (end[key] - start[key]) for key in start if start[key] != end[key]
    }
    return combined(healthy, moving, "s")


@pytest.fixture(scope="module")
def updated():
    return along_development("trust-updated")


SCANS = {
    "severity, original": (
        lambda: (along_severity("trust-original"), "s", (0, 1)),
        [(0.8747, 0.358, 0.4400, 14.3, -3.225)],
    ),
    "severity, updated": (
        lambda: (along_severity("trust-updated"), "s", (0, 1)),
        [(0.8426, 0.398, 0.4104, 15.3, -5.026)],
    ),
    "development, original": (
        lambda: (along_development("trust-original"), "D", (0, 1)),
        [(0.3247, 0.437, 0.2662, 23.6, -7.221)],
    ),
    "development, updated": (
        lambda: (along_development("trust-updated"), "D", (0, 1)),
        [(0.3080, 0.460, 0.2266, 27.7, -6.823), (0.8262, -0.578, 0.1939, 32.4, 100.7)],
    ),
    "development, strict": (
        lambda: (along_development("trust-updated", "strict"), "D", (0, 0.9)),
        [(0.3128, 0.451, 0.2461, 25.5, -7.346)],
    ),
    "nu, original": (
        lambda: (tr.models.load("trust-original", profile="bpd"), "nu", (0, 4)),
        [(2.4473, 0.456, 0.4164, 15.1, -6.262)],
    ),
    "nu, updated": (
        lambda: (tr.models.load("trust-updated", profile="bpd"), "nu", (0, 4)),
        [(2.3488, 0.498, 0.3886, 16.2, -8.489)],
    ),
}


@pytest.mark.parametrize("scan", SCANS)
def test_the_birth_of_the_oscillation(follow, scan):
    make, expected = SCANS[scan]
    model, parameter, span = make()
    branch = follow(model, parameter, span=span)
    assert branch.special["kind"].tolist() == ["hopf"] * len(expected)
    assert branch.special["converged"].all()
    for (_, row), (value, trust, omega, period, l1) in zip(
        branch.special.iterrows(), expected, strict=True
    ):
        assert row[parameter] == pytest.approx(value, abs=HALF * 1e-4)
        assert row["T"] == pytest.approx(trust, abs=HALF * 1e-3)
        assert row["omega"] == pytest.approx(omega, abs=HALF * 1e-4)
        assert row["period"] == pytest.approx(period, abs=HALF * 1e-1)
        assert row["coefficient"] == pytest.approx(l1, abs=HALF * (1e-1 if l1 > 100 else 1e-3))


@pytest.mark.parametrize(
    ("eps", "l1", "digit"), [(0.02, 12, 1), (0.05, -6.8, 0.1), (0.1, -2.2, 0.1), (0.2, 2.2, 0.1)]
)
def test_criticality_depends_on_the_smoothing(follow, updated, eps, l1, digit):
    branch = follow(updated, "D", span=(0, 0.5), params={"eps": eps})
    (row,) = [row for _, row in branch.special.iterrows()]
    assert row["coefficient"] == pytest.approx(l1, abs=HALF * digit)
    # The equilibrium itself does not depend on eps.
    assert row["D"] == pytest.approx(0.3080, abs=HALF * 1e-4)
    assert row["T"] == pytest.approx(0.460, abs=HALF * 1e-3)


@pytest.mark.parametrize(
    ("sigma", "onset"), [(0.0, 0.419), (0.3, 0.308), (0.6, 0.221), (0.9, 0.158)]
)
def test_self_devaluation_moves_the_onset(follow, updated, sigma, onset):
    """The onset: where the trusting equilibrium of D = 0 is lost; for large sigma, in a fold."""
    branch = follow(updated, "D", span=(0, 0.6), params={"sigma": sigma})
    assert branch.points["stable"].iloc[0]
    assert branch.special["D"].iloc[0] == pytest.approx(onset, abs=HALF * 1e-3)


def test_folds_of_the_fast_subsystem(follow):
    """G frozen at .2, kappa 2.2: folds and a Hopf point along p."""
    fast = tr.models.load("trust-updated", profile="bpd").freeze({"G": 0.2})
    branch = follow(fast, "p", span=(-0.5, 1.2), params={"kappa": 2.2})
    folds = branch.special.query("kind == 'fold'")
    expected = [0.4509, 0.6271, 0.5411, 0.5801]
    assert sorted(folds["p"]) == pytest.approx(sorted(expected), abs=HALF * 1e-4)
    (hopf,) = [row for _, row in branch.special.query("kind == 'hopf'").iterrows()]
    assert hopf["p"] == pytest.approx(0.5750, abs=HALF * 1e-4)
    assert hopf["coefficient"] == pytest.approx(411, abs=HALF)
    # Two stable stretches overlap: splitting.
    stable = branch.points.query("stable")["p"]
    low = branch.points.query("stable and T > 0")["p"].min()
    high = branch.points.query("stable and T < 0")["p"].max()
    assert low == pytest.approx(0.4509, abs=0.02)
    assert high == pytest.approx(0.5750, abs=0.02)
    assert stable.min() == -0.5
    assert stable.max() == 1.2


def test_equilibria_of_rigid_splitting_lie_on_one_branch(follow):
    model = tr.models.load("trust-updated", profile="bpd-rigid")
    branch = follow(model, "p", span=(-1, 1.5))
    # A little beside p = .46, which is the start and so a point.
    crossings = np.flatnonzero(np.diff(np.sign(branch.points["p"] - 0.460001)))
    trust = branch.points["T"].to_numpy()
    assert sorted(trust[crossings]) == pytest.approx([-0.944, 0.538, 0.896], abs=0.04)
    assert branch.points["n_unstable"].to_numpy()[crossings].tolist() in (
        [0, 1, 0],
        [0, 1, 0][::-1],
    )


def test_dbt_ends_the_cycle(follow):
    """The oscillation ends at a dose of .375 on a grid of .025; rest turns stable before."""
    model = tr.models.load("trust-updated", profile="bpd", therapy="DBT")
    branch = follow(model, "h", span=(0, 1))
    (row,) = [row for _, row in branch.special.iterrows()]
    assert row["kind"] == "hopf"
    assert row["h"] == pytest.approx(0.375, abs=0.025)
    assert branch.points["stable"].iloc[-1]
    assert not branch.points["stable"].iloc[0]


def test_the_context_decides(follow):
    """The specification: at intimacy up to .7 the bpd profile rests, from .8 it cycles."""
    branch = follow(tr.models.load("trust-updated", profile="bpd"), "iota", span=(0.1, 1))
    stable = branch.points.query("stable")["iota"]
    assert 0.7 < stable.max() < 0.8
