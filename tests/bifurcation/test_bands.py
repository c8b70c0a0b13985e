"""Special points over samples of parameter sets, against closed forms."""

import math

import numpy as np
import pandas as pd
import pytest

import trustode as tr


def sample(count, seed=0, **ranges):
    """Return parameter sets drawn uniformly from ranges."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame({name: rng.uniform(*ends, count) for name, ends in ranges.items()})


def found(bands, point=0):
    """Return the rows of a point, which is found in every set."""
    own = bands.points[bands.points["point"] == point]
    assert (own["status"] == "found").all()
    assert own["set"].tolist() == list(range(len(bands)))
    return own


def test_the_hopf_point_of_the_brusselator(text_model):
    model = text_model(
        {"x": "A - (B + 1)*x + x**2*y", "y": "B*x - x**2*y"}, {"x": 1, "y": 1}, A=1.0, B=1.5
    )
    branch = tr.continuation(model, "B", span=(0.5, 4), start={"x": 1, "y": 1.5})
    sets = sample(200, A=(0.5, 1.6))
    bands = tr.bands(model, "B", start=branch.special.iloc[0], table=sets, span=(0.5, 4))
    own = found(bands)
    assert own["B"].to_numpy() == pytest.approx(1 + sets["A"].to_numpy() ** 2, rel=1e-9)
    assert own["period"].to_numpy() == pytest.approx(2 * math.pi / sets["A"].to_numpy(), rel=1e-9)
    frame = bands.to_frame()
    assert frame["A"].tolist() == sets["A"].tolist()
    assert bands.special.loc[0, "B"] == pytest.approx(2.0)


def test_the_hopf_point_of_lorenz_leaves_the_span(text_model):
    # Sparrow (1982), The Lorenz Equations: rho = sigma (sigma + beta + 3) / (sigma - beta - 1),
    # which is far away where sigma comes near beta + 1.
    model = text_model(
        {"x": "sigma*(y - x)", "y": "x*(rho - z) - y", "z": "x*y - beta*z"},
        sigma=10.0,
        beta=8 / 3,
        rho=20.0,
    )
    at = math.sqrt(8 / 3 * 19)
    branch = tr.continuation(model, "rho", span=(15, 40), start={"x": at, "y": at, "z": 19})
    row = branch.special.query("kind == 'hopf'").iloc[0]
    sets = sample(300, sigma=(4.5, 14), beta=(1.5, 3.2))
    bands = tr.bands(model, "rho", start=row, table=sets, span=(15, 40))
    sigma, beta = sets["sigma"].to_numpy(), sets["beta"].to_numpy()
    exact = sigma * (sigma + beta + 3) / (sigma - beta - 1)
    inside = (exact > 15) & (exact < 40)
    own = bands.points
    assert ((own["status"] == "found") == inside).all()
    assert own.loc[inside, "rho"].to_numpy() == pytest.approx(exact[inside], rel=1e-9)
    assert own.loc[~inside, "rho"].isna().all()
    assert bands.share() == pytest.approx(inside.mean())
    table = bands.quantiles([0.1, 0.9])
    assert table["quantity"].tolist() == ["rho", "period"]
    expected = np.quantile(exact[inside], [0.1, 0.9])
    assert table.loc[0, [0.1, 0.9]].to_numpy(dtype=float) == pytest.approx(expected)
    assert "outside the span" in bands.summary()


@pytest.mark.parametrize("root", [1, -1])
def test_hopf_points_that_meet_are_lost_and_not_exchanged(text_model, root):
    model = text_model({"x": "(m - q**2)*x - y - x**3", "y": "x + (m - q**2)*y"}, m=1.0, q=0.0)
    start = {"kind": "hopf", "x": 0.0, "y": 0.0, "q": float(root)}
    sets = sample(150, m=(-0.5, 1.5))
    own = tr.bands(model, "q", start=start, table=sets, span=(-2, 2)).points
    m = sets["m"].to_numpy()
    assert ((own["status"] == "lost") == (m < 0)).all()
    assert own["q"][m > 0].to_numpy() == pytest.approx(root * np.sqrt(m[m > 0]), rel=1e-8)


@pytest.mark.parametrize("root", [1, -1])
def test_folds_that_meet_in_a_cusp(text_model, root):
    model = text_model({"x": "q + a*x - b*x**3"}, a=1.0, b=1.0, q=0.0)
    # They lie at q = +- 2 a / 3 sqrt(a / (3 b)).
    start = {"kind": "fold", "x": -root / math.sqrt(3), "q": root * 2 / math.sqrt(27)}
    sets = sample(150, a=(-0.4, 1.5), b=(0.5, 2))
    bands = tr.bands(model, "q", start=start, table=sets, span=(-2, 2))
    a, b = sets["a"].to_numpy(), sets["b"].to_numpy()
    own, there = bands.points, a > 0
    assert ((own["status"] == "lost") == ~there).all()
    exact = root * 2 * a[there] / 3 * np.sqrt(a[there] / (3 * b[there]))
    assert own.loc[there, "q"].to_numpy() == pytest.approx(exact, rel=1e-8)
    assert own["period"].isna().all()
    assert bands.quantiles()["quantity"].tolist() == ["q"]
    assert f"in {100 * (~there).mean():.3g} % there is none" in bands.summary()


@pytest.mark.parametrize("sign", [1, -1])
def test_beyond_a_zero_hopf_point_no_stability_changes(text_model, sign):
    # At rest z = +-sqrt(q), with the eigenvalues -2 z and z - s +- i: the Hopf point at q = s^2
    # lies on the stable branch for s > 0 and on the unstable one, z = s, for s < 0. At the fold,
    # q = z = 0, the pair is stable for s > 0.
    model = text_model(
        {
            "x": "(z - s)*x - y - x*(x**2 + y**2)",
            "y": "x + (z - s)*y - y*(x**2 + y**2)",
            "z": "q - z**2",
        },
        q=0.0,
        s=float(sign),
    )
    hopf = {"kind": "hopf", "x": 0.0, "y": 0.0, "z": float(sign), "q": 1.0}
    fold = {"kind": "fold", "x": 0.0, "y": 0.0, "z": 0.0, "q": 0.0}
    sets = sample(60, s=(-1.2, 1.5))
    start = pd.DataFrame([hopf, fold])
    bands = tr.bands(model, "q", start=start, table=sets, span=(-1, 3))
    s = sets["s"].to_numpy()
    own = found(bands, 0)
    assert own["q"].to_numpy() == pytest.approx(s**2, abs=1e-8)
    assert own["n_unstable"].tolist() == (s < 0).tolist()
    assert found(bands, 1)["n_unstable"].tolist() == np.where(s < 0, 2, 0).tolist()
    # What is counted is what stood there at first.
    like = sign * s > 0
    assert bands.share() == bands.share(1) == pytest.approx(like.mean())
    assert bands.values(0) == pytest.approx(s[like] ** 2, abs=1e-8)
    table = bands.quantiles([0.0, 1.0])
    assert table.loc[0, [0.0, 1.0]].tolist() == pytest.approx(
        [(s[like] ** 2).min(), (s[like] ** 2).max()], abs=1e-8
    )
    told = f"in {100 * (~like).mean():.3g} % "
    assert all(told in line for line in bands.summary().split("\n")[1:])


@pytest.mark.parametrize("c", [-0.2, 0.2])
def test_a_fold_of_cycles_beside_which_something_is_unstable(text_model, c):
    # As below; z' = c z - z^3 adds the multiplier exp(c T).
    model = text_model(
        {
            "x": "b1*x - y + b2*x*(x**2+y**2) - x*(x**2+y**2)**2",
            "y": "x + b1*y + b2*y*(x**2+y**2) - y*(x**2+y**2)**2",
            "z": "c*z - z**3",
        },
        b1=-1.0,
        b2=1.0,
        c=c,
    )
    start = {"x": 0, "y": 0, "z": 0, "b1": 0}
    family = tr.cycles(model, "b1", start=start, span=(-1, 1))
    sets = sample(4, b2=(0.9, 1.1))
    bands = tr.bands(model, "b1", start=family.special.iloc[0], table=sets, span=(-1, 1))
    assert bands.special["n_unstable"].tolist() == [int(c > 0)]
    own = found(bands)
    assert own["b1"].to_numpy() == pytest.approx(-(sets["b2"].to_numpy() ** 2) / 4, abs=1e-8)
    assert (own["n_unstable"] == int(c > 0)).all()
    assert bands.share() == 1.0


def test_folds_of_cycles_vanish_in_the_bautin_point(text_model):
    # Kuznetsov (2004), section 8.3: b1 = -b2^2 / (4 c) for b2 > 0, beside the Hopf point at 0.
    model = text_model(
        {
            "x": "b1*x - w*y + b2*x*(x**2+y**2) - c*x*(x**2+y**2)**2",
            "y": "w*x + b1*y + b2*y*(x**2+y**2) - c*y*(x**2+y**2)**2",
        },
        b1=-1.0,
        b2=1.0,
        c=1.0,
        w=1.0,
    )
    family = tr.cycles(model, "b1", start={"x": 0, "y": 0, "b1": 0}, span=(-1, 1))
    hopf = pd.Series({"kind": "hopf", "x": 0.0, "y": 0.0, "b1": 0.0})
    both = pd.DataFrame([hopf, family.special.iloc[0]]).reset_index(drop=True)
    sets = sample(120, b2=(-0.3, 1.4), c=(0.7, 1.4), w=(0.8, 1.2))
    bands = tr.bands(model, "b1", start=both, table=sets, span=(-1, 1))
    assert found(bands, 0)["b1"].to_numpy() == pytest.approx(0, abs=1e-10)
    own = bands.points.query("point == 1")
    there = sets["b2"].to_numpy() > 0.02
    assert (own["status"] == "found").to_numpy()[there].all()
    assert (own["status"] == "lost").to_numpy()[sets["b2"].to_numpy() < 0].all()
    b2, c = sets["b2"].to_numpy()[there], sets["c"].to_numpy()[there]
    assert own["b1"].to_numpy()[there] == pytest.approx(-(b2**2) / (4 * c), abs=1e-8)
    periods = 2 * math.pi / sets["w"].to_numpy()[there]
    assert own["period"].to_numpy()[there] == pytest.approx(periods, rel=1e-8)
    lines = bands.summary().split("\n")
    assert lines[0].endswith("2 special points along b1 over 120 parameter sets.")
    assert lines[2].startswith("The fold of cycles at b1 = -0.25 lies between")
    assert repr(bands).startswith("<Bands of 'test model': 2 special points along b1")


def test_a_period_doubling_scales_as_its_equations_do(text_model):
    # x''' + alpha x'' + beta x' + c x = x^2 in another unit of time: see test_sensitivity.
    model = text_model(
        {"x": "y", "y": "z", "z": "-alpha*z - beta*y - c*x + x**2"}, alpha=2.0, beta=1.0, c=1.0
    )
    start = {"x": 0, "y": 0, "z": 0, "alpha": 1}
    family = tr.cycles(model, "alpha", start=start, span=(0.5, 1.1))
    row = family.special.query("kind == 'period_doubling'").iloc[0]
    s = np.linspace(0.8, 1.25, 30)
    sets = {"beta": s**2, "c": s**3}
    own = found(tr.bands(model, "alpha", start=row, table=sets, span=(0, 3)))
    assert own["alpha"].to_numpy() == pytest.approx(s * row["alpha"], rel=1e-7)
    assert own["period"].to_numpy() == pytest.approx(row["period"] / s, rel=1e-7)
    # The doubled cycle takes over: the family is stable up to there.
    assert (own["n_unstable"] == 0).all()
    # Its Hopf point by the criterion of Routh: alpha beta = c, omega^2 = beta.
    sets = sample(100, beta=(0.7, 1.5), c=(0.5, 2))
    hopf = start | {"kind": "hopf"}
    own = found(tr.bands(model, "alpha", start=hopf, table=sets, span=(0, 3)))
    assert own["alpha"].to_numpy() == pytest.approx(sets["c"] / sets["beta"], rel=1e-9)
    assert own["period"].to_numpy() == pytest.approx(2 * math.pi / np.sqrt(sets["beta"]), rel=1e-9)


def test_the_trust_model_set_by_set():
    model = tr.models.load("trust-updated", profile="bpd")
    branch = tr.continuation(model, "D_ab", span=(0.1, 0.3))
    family = tr.cycles(model, "D_ab", start=branch.special.iloc[0], span=(0.15, 0.3))
    names = ["kind", "D_ab", *model.states, "orbit"]
    start = pd.concat([branch.special, family.special])[names].reset_index(drop=True)
    sets = sample(10, kappa=(1.25, 1.35), nu=(2.9, 3.1))
    bands = tr.bands(model, "D_ab", start=start, table=sets, span=(0, 1))
    # The specification's numbers.
    assert bands.special["D_ab"].to_numpy() == pytest.approx([0.2233, 0.2262, 0.2117], abs=6e-5)
    for k in (3,):
        params = sets.iloc[k].to_dict()
        alone = tr.continuation(model, "D_ab", span=(0.1, 0.4), params=params)
        cycles = tr.cycles(
            model, "D_ab", start=alone.special.iloc[0], span=(0.1, 0.4), params=params
        )
        own = bands.points[bands.points["set"] == k]
        again = [*alone.special["D_ab"], *cycles.special["D_ab"]]
        assert own["D_ab"].to_numpy() == pytest.approx(again, abs=1e-8)
        assert own["period"].to_numpy()[1:] == pytest.approx(cycles.special["period"], rel=1e-7)
    assert not (bands.points["status"] == "outside").any()


def test_mistakes_are_explained(text_model):
    model = text_model({"x": "q + a*x - x**3"}, a=1.0, q=0.0)
    fold = {"kind": "fold", "x": -1 / math.sqrt(3), "q": 2 / math.sqrt(27)}

    def called(start=fold, table=None, span=(-2, 2), **options):
        return tr.bands(model, "q", start=start, table=table or {"a": [1.0]}, span=span, **options)

    assert len(called()) == 1
    with pytest.raises(tr.ModelError, match="column 'b' is not a parameter"):
        called(table={"b": [1.0]})
    with pytest.raises(tr.ModelError, match="along which the points are located; drop it"):
        called(table={"q": [1.0]})
    with pytest.raises(tr.DataError, match="table is empty"):
        called(table={"a": []})
    with pytest.raises(tr.DataError, match="row 1: nan is not finite"):
        called(table={"a": [1.0, math.nan]})
    with pytest.raises(tr.DataError, match="column 'a' must hold numbers"):
        called(table={"a": ["x"]})
    with pytest.raises(tr.ModelError, match="give a row of the special points"):
        called(start=3)
    with pytest.raises(tr.ModelError, match="start is a branch point, which does not move"):
        called(start=fold | {"kind": "branch_point"})
    with pytest.raises(tr.ModelError, match="needs its orbit to start from"):
        called(start=fold | {"kind": "fold_of_cycles"})
    with pytest.raises(tr.SolveError, match="there is no fold at the start, q = 1"):
        called(start=fold | {"q": 1.0})
    with pytest.raises(tr.DataError, match="between 0 and 1"):
        called().quantiles([2])


def test_the_shares_are_drawn(text_model):
    figure = pytest.importorskip("matplotlib.figure").Figure()
    model = text_model({"x": "q + a*x - x**3"}, a=1.0, q=0.0)
    start = {"kind": "fold", "x": -1 / math.sqrt(3), "q": 2 / math.sqrt(27)}
    sets = sample(40, a=(-0.5, 1.5))
    bands = tr.bands(model, "q", start=start, table=sets, span=(-2, 2))
    ax = bands.plot(figure.subplots())
    drawn = ax.lines[0].get_xydata()
    assert drawn[:, 0] == pytest.approx(np.sort(bands.values(0)))
    assert drawn[-1, 1] == pytest.approx(bands.share())
    assert ax.get_xlabel() == "q"
