import pickle
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

import trustode as tr
from trustode.report import (
    CAUTION,
    Picture,
    Section,
    Table,
    Text,
    save_picture,
    save_table,
    write_page,
)

NASTY = "<script>alert('x')</script> & \"quoted\""


class Reader(HTMLParser):
    """Collects tags, references and text."""

    def __init__(self):
        super().__init__()
        self.tags, self.references, self.text = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.references += [value for name, value in attrs if name in ("src", "href", "action")]

    def handle_data(self, data):
        self.text.append(data)


def read(page):
    reader = Reader()
    reader.feed(page.read_text(encoding="utf-8"))
    return reader


def write(folder, *parts, **changed):
    given = {"title": "T", "lead": "L", "call": "c", "facts": {}} | changed
    title, lead = given.pop("title"), given.pop("lead")
    return write_page(folder, title, lead, [Section("S", parts)], **given)


def test_every_text_is_escaped(tmp_path):
    frame = pd.DataFrame({NASTY: [NASTY]})
    table = save_table(tmp_path, "a.csv", frame, NASTY)
    (tmp_path / "p.png").write_bytes(b"")
    page = write_page(
        tmp_path,
        NASTY,
        NASTY,
        [Section(NASTY, (Text(NASTY, finding=True), Picture("p.png", NASTY, NASTY), table))],
        call=NASTY,
        facts={NASTY: NASTY},
        caution=NASTY,
    )
    reader = read(page)
    assert "script" not in reader.tags
    assert "<script" not in page.read_text()
    assert "".join(reader.text).count(NASTY) == 13


def test_nothing_outside_the_folder_is_referred_to(tmp_path):
    table = save_table(tmp_path, "a.csv", pd.DataFrame({"x": [1]}), "c")
    (tmp_path / "p.png").write_bytes(b"")
    page = write(tmp_path, table, Picture("p.png", "c", "a"))
    assert sorted(read(page).references) == ["a.csv", "p.png"]
    assert not re.search(r"@import|url\(", page.read_text())


def test_caution_call_facts_and_versions_are_on_the_page(tmp_path):
    text = "".join(read(write(tmp_path, call="trustode demo x", facts={"Seed": "1"})).text)
    assert CAUTION in text
    assert "not a diagnostic tool" in CAUTION.replace("Nothing here is a", "not a")
    assert "trustode demo x" in text
    assert "Seed: 1" in text
    assert f"trustode {tr.__version__}, Python " in text
    assert f"numpy {np.__version__}" in text


def test_missing_picture_is_named(tmp_path):
    with pytest.raises(tr.DataError, match=r"refers to 'gone\.png', which is not in"):
        write(tmp_path, Picture("gone.png", "c", "a"))


def test_table_shows_few_digits_and_keeps_all(tmp_path):
    frame = pd.DataFrame({"name": ["pi", "none"], "value": [np.pi, np.nan]})
    page = write(tmp_path, save_table(tmp_path, "v.csv", frame, "c", digits=3))
    assert '<td class="number">3.14</td>' in page.read_text()
    assert '<td class="number"></td>' in page.read_text()
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "v.csv"), frame)


def test_table_without_a_file_has_no_link(tmp_path):
    assert not read(write(tmp_path, Table(pd.DataFrame({"x": [1]}), "c"))).references


def test_picture_is_saved(tmp_path):
    figure = pytest.importorskip("matplotlib.figure", reason="pictures need matplotlib").Figure()
    figure.subplots().plot([0, 1])
    picture = save_picture(tmp_path, "a.png", figure, "caption", "alt")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert (picture.file, picture.caption, picture.alt) == ("a.png", "caption", "alt")


# ------------------------------------------------------------------ pages of results

GROUPS = [f"participant-{letter}7x" for letter in "abcdefg"]


@pytest.fixture(scope="module")
def decay():
    return tr.Model(
        "decay",
        rhs={"x": "-k * x + u"},
        params={"k": tr.Param(0.5, unit="1/day", min=0, max=5, meaning="rate", source="a book")},
        initial={"x": 1.0},
        inputs={"u": 0.0},
        observables={"double": "2 * x"},
        time_unit="day",
        description="One state decays.",
    )


@pytest.fixture(scope="module")
def fitted(decay):
    rng = np.random.default_rng(0)
    t = np.tile(np.arange(6.0), len(GROUPS))
    rate = np.repeat(np.linspace(0.3, 0.9, len(GROUPS)), 6)
    table = pd.DataFrame({"day": t, "who": np.repeat(GROUPS, 6)})
    table["x"] = np.exp(-rate * t) + rng.normal(0, 0.02, len(t))
    return tr.fit(
        decay,
        table,
        time="day",
        group="who",
        observed={"x": tr.Gaussian("x", sd="sigma")},
        vary={
            "k": tr.Vary(0.5, min=0.01, max=5, scale="log", per="who"),
            "sigma": tr.Vary(0.1, min=1e-3, scale="log"),
        },
        starts=2,
        seed=3,
    )


def everything(folder):
    return "\n".join(
        path.read_text(encoding="utf-8") for path in folder.iterdir() if path.suffix != ".png"
    )


def test_solution_has_its_page(tmp_path, decay):
    pytest.importorskip("matplotlib", reason="pictures need matplotlib")
    solution = tr.simulate(
        decay, np.linspace(0, 10, 41), params={"k": 0.25}, inputs={"u": tr.Pulses([2], 1.0, 3.0)}
    )
    page = tr.report(solution, tmp_path / "made")
    text = "".join(read(page).text)
    assert (
        "tr.simulate(model, np.linspace(0.0, 10.0, 41), params={'k': 0.25}, "
        "inputs={'u': Pulses(times=(2.0,), height=1.0, width=3.0, baseline=0.0)})"
    ) in text
    assert "Seed: none" in text
    assert "One state decays." in text
    assert "not a diagnostic tool" in text.replace("Nothing here is a", "not a")
    files = set(read(page).references)
    assert {"states.png", "observables.png", "inputs.png", "trajectory.csv"} <= files
    assert "decay: the time course" in text
    values = pd.read_csv(page.parent / "parameters.csv").set_index("name")["value"]
    assert values.to_dict() == {"k": "0.25", "x(0)": "1.0", "u": "changes in time"}
    assert tr.read_model(page.parent / "model.toml") == decay
    trajectory = pd.read_csv(page.parent / "trajectory.csv")
    np.testing.assert_allclose(trajectory["x"], solution["x"], rtol=1e-15)


def used(result, folder):
    tr.report(result, folder)
    return pd.read_csv(folder / "parameters.csv", dtype=str).set_index("name")


def test_values_are_those_that_each_result_used(tmp_path, decay):
    pytest.importorskip("matplotlib", reason="pictures need matplotlib")
    alone = tr.simulate(decay, [0.0, 1.0], params={"k": 2}, initial={"x": 0.5}, inputs={"u": 3})
    told = used(alone, tmp_path / "alone")
    assert told["value"].to_dict() == {"k": "2.0", "x(0)": "0.5", "u": "3.0"}
    several = {
        "fast": alone,
        "grid": tr.scan(decay, vary={"k": [1.0, 2.0]}, t=(0, 9), initial={"x": 0.25}),
        "rest": tr.equilibria(decay, params={"k": 4}, inputs={"u": 7}),
        "along": tr.diagram(decay, "k", (0.1, 1), inputs={"u": 1}),
        "runs": tr.ensemble(decay, pd.DataFrame({"x(0)": [1.0, 2.0]}), [0.0, 1.0], params={"k": 3}),
    }
    told = used(several, tmp_path / "several")
    assert told.loc["k"][["model's own", *several]].tolist() == [
        "0.5", "2.0", "varied", "4.0", "varied", "3.0",
    ]  # fmt: skip
    assert told.loc["u"][["model's own", *several]].astype(float).tolist() == [0, 3, 0, 7, 1, 0]
    assert told.loc["x(0)", ["fast", "grid", "runs"]].tolist() == ["0.5", "0.25", "varied"]
    # What a result no longer knows is not made up.
    lost = pickle.loads(pickle.dumps(several["grid"]))
    page = tr.report({"lost": lost, "fast": alone}, tmp_path / "lost")
    assert "What lost used in their place is no longer known" in "".join(read(page).text)
    assert "lost" not in pd.read_csv(tmp_path / "lost" / "parameters.csv")


def test_values_of_a_fit_are_those_estimated(tmp_path, fitted):
    pytest.importorskip("matplotlib", reason="pictures need matplotlib")
    told = used(fitted, tmp_path)["value"]
    assert told.to_dict() == {"k": "by group", "x(0)": "1.0", "u": "0.0"}


def test_names_that_differ_in_signs_alone_have_files_of_their_own(tmp_path, decay):
    pytest.importorskip("matplotlib", reason="pictures need matplotlib")
    runs = {name: tr.simulate(decay, (0, 5)) for name in ("a b", "a/b", "a-b")}
    tr.report(runs, tmp_path)
    assert len({path.name for path in tmp_path.glob("a-b-*.png")}) >= 3


def test_sections_bear_the_names_of_their_results(tmp_path, decay):
    pytest.importorskip("matplotlib", reason="pictures need matplotlib")
    runs = {f"{name} person": tr.simulate(decay, [0.0, 1.0]) for name in ("calm", "angry")}
    text = "".join(read(tr.report(runs, tmp_path)).text)
    assert "decay: calm person, angry person" in text
    assert "calm person: the time course" in text
    assert "angry person: the time course" in text


def test_fit_tells_of_no_single_participant_unless_asked(tmp_path, fitted):
    pytest.importorskip("matplotlib", reason="pictures need matplotlib")
    page = tr.report(fitted, tmp_path / "shared")
    written = everything(page.parent)
    assert not any(group in written for group in GROUPS)
    assert "<br>Seed: <code>3</code>" in written
    assert "tr.fit(model, &lt;table of 42 rows: day, who, x&gt;" in written
    spread = pd.read_csv(page.parent / "values-of-groups.csv").iloc[0]
    own = fitted.params[fitted.params["name"] == "k"]["value"]
    assert spread["groups"] == len(GROUPS)
    assert spread["mean"] == pytest.approx(own.mean())
    assert spread["median"] == pytest.approx(own.median())
    means = pd.read_csv(page.parent / "means.csv")
    seen = fitted.residuals.groupby("time")["observed"].mean()
    np.testing.assert_allclose(means.sort_values("time")["observed"], seen)

    page = tr.report(fitted, tmp_path / "personal", personal=True)
    assert all(group in everything(page.parent) for group in GROUPS)


def test_few_participants_are_not_told_by_their_means(tmp_path, decay):
    pytest.importorskip("matplotlib", reason="pictures need matplotlib")
    t = np.tile(np.arange(5.0), 2)
    table = pd.DataFrame({"day": t, "who": np.repeat(GROUPS[:2], 5)})
    table["x"] = np.exp(-0.5 * t) + 0.01 * np.cos(7 * np.arange(10))
    found = tr.fit(
        decay, table, time="day", group="who", observed={"x": tr.Gaussian("x", sd=0.05)},
        vary={"k": tr.Vary(0.5, min=0.01, max=5, per="who")}, starts=1, seed=1,
    )  # fmt: skip
    page = tr.report(found, tmp_path)
    assert not (tmp_path / "means.csv").exists()
    assert "Means are drawn of 5 persons or groups at least" in "".join(read(page).text)
    assert pd.read_csv(tmp_path / "values-of-groups.csv")["mean"].isna().all()


@pytest.fixture(scope="module")
def diagnosed(decay):
    """Twelve persons of two diagnoses: their decay is told by diagnosis, their starts are own."""
    people, t = [f"person-{k:02d}" for k in range(12)], np.arange(6.0)
    rng = np.random.default_rng(2)
    table = pd.DataFrame({"day": np.tile(t, 12), "who": np.repeat(people, 6)})
    table["diagnosis"] = np.where(table["who"] < "person-06", "clinical", "control")
    rate = np.where(table["diagnosis"] == "clinical", 0.4, 0.8)
    table["x"] = 1.2 * np.exp(-rate * table["day"]) + rng.normal(0, 0.05, len(table))
    fit = tr.fit(
        decay, table, time="day", group="who", observed={"x": tr.Gaussian("x", sd=0.05)},
        vary={
            "k": tr.Vary(0.5, min=0.01, max=5, per="diagnosis"),
            "x(0)": tr.Vary(1, min=0, max=3, per="who"),
        },
        starts=1, seed=1,
    )  # fmt: skip
    return people, fit


def test_groups_that_are_no_participants_are_told_where_named(tmp_path, diagnosed):
    pytest.importorskip("matplotlib", reason="pictures need matplotlib")
    people, fit = diagnosed
    profile = fit.profile("k")
    hidden = everything(tr.report({"fit": fit, "profile": profile}, tmp_path / "a").parent)
    assert "clinical" not in hidden
    page = tr.report({"fit": fit, "p": profile}, tmp_path / "b", named=["clinical", "control"])
    told = everything(page.parent)
    assert not any(each in told for each in people)
    values = pd.read_csv(page.parent / "fit-values.csv")
    assert values["group"].tolist() == ["clinical", "control"]
    own = fit.params.loc[fit.params["name"] == "k", "value"]
    np.testing.assert_allclose(values["value"], own, rtol=1e-15)
    assert {"p-profile-1.png", "p-profile-2.png"} <= set(read(page).references)
    assert "k [clinical] = " in "".join(read(page).text)
    with pytest.raises(tr.OptionError, match=r"named='clinical' must be a list.*\['clinical'\]"):
        tr.report(fit, tmp_path, named="clinical")


def test_a_shared_value_s_page_names_no_one_whose_values_follow_it(tmp_path, decay):
    """Where a value's profile is open, the page said whose values followed it there."""
    pytest.importorskip("matplotlib", reason="pictures need matplotlib")
    t = np.tile([1.0, 1.1, 1.2, 1.3], 6)
    people = np.repeat([f"person-{k}" for k in range(6)], 4)
    model = tr.Model(
        "approach", rhs={"x": "a*(b - x)"}, params={"a": 1.0, "b": 1.0}, initial={"x": 0}
    )
    table = pd.DataFrame({"day": t, "who": people, "x": 1.0 - np.exp(1.0 - t)})
    fit = tr.fit(
        model, table, time="day", group="who", observed={"x": tr.Gaussian("x", sd=0.02)},
        vary={"a": tr.Vary(1, min=0.8, max=1.25), "b": tr.Vary(1, min=0.1, max=9, per="who")},
        starts=1,
    )  # fmt: skip
    profile = fit.profile("a")
    assert "person-" in profile.summary()
    page = tr.report({"fit": fit, "profile": profile}, tmp_path)
    assert "person-" not in everything(tmp_path)
    assert "b of one group" in "".join(read(page).text)


def test_several_models_are_told_apart(tmp_path, decay):
    pytest.importorskip("matplotlib", reason="pictures need matplotlib")
    slow = decay.replace(params={"k": 0.1})
    results = {"fast": tr.simulate(decay, [0.0, 1.0]), "slow": tr.simulate(slow, [0.0, 1.0])}
    text = "".join(read(tr.report(results, tmp_path)).text)
    assert "The model of fast" in text
    assert "The model of slow" in text
    assert "tr.read_model('2-model.toml')" in text
    assert tr.read_model(tmp_path / "2-model.toml") == slow


def test_every_kind_has_its_page(tmp_path, decay, fitted):
    pytest.importorskip("matplotlib", reason="pictures need matplotlib")
    fold = tr.Model("fold", rhs={"x": "r + s * x - x**3"}, params={"r": 0.0, "s": 1.0},
                    initial={"x": 0.1})  # fmt: skip
    diagram = tr.diagram(fold, "r", (-1, 1))
    shared = tr.fit(
        decay, fitted.residuals[["time", "group", "observed"]], time="time", group="group",
        observed={"observed": tr.Gaussian("x", sd="sigma")},
        vary={"k": tr.Vary(0.5, min=0.01, max=5), "sigma": tr.Vary(0.1, min=1e-3, scale="log")},
        starts=1, seed=1,
    )  # fmt: skip
    again = tr.fit(
        decay, fitted.residuals[["time", "group", "observed"]], time="time", group="group",
        observed={"observed": tr.Gaussian("x", sd="sigma")},
        vary={"sigma": tr.Vary(0.1, min=1e-3, scale="log")}, starts=1, seed=1,
    )  # fmt: skip
    results = {
        "ensemble": tr.ensemble(decay, pd.DataFrame({"k": np.linspace(0.1, 1, 12)}), [0.0, 1, 2]),
        "scan": tr.scan(fold, vary={"r": [-0.2, 0.2]}, t=(0, 50)),
        "equilibria": tr.equilibria(fold),
        "diagram": diagram,
        "branch": diagram.equilibria[0],
        "curve": tr.curve(
            fold, ("r", "s"), start=diagram.special.iloc[0], span={"r": (-1, 1), "s": (-1, 2)}
        ),
        "basins": tr.basins(fold, {"x": (-1, 1)}, n=8, t=(0, 50)),
        "sweep": tr.sweep(fold, "r", np.linspace(-0.6, 0.6, 7), t=50),
        "profile": shared.profile("k"),
        "bootstrap": shared.bootstrap(3, seed=1),
        "comparison": tr.compare({"free": shared, "fixed": again}),
    }
    for name, result in results.items():
        page = tr.report(result, tmp_path / name)
        reader = read(page)
        assert not any(group in everything(page.parent) for group in GROUPS), name
        assert any(each.endswith(".csv") for each in reader.references), name
    compared = pd.read_csv(tmp_path / "comparison" / "comparison.csv")
    assert compared["fit"].tolist() == ["free", "fixed"]
    assert "tr.diagram(model, 'r', (-1, 1))" in (
        tmp_path / "diagram" / "index.html"
    ).read_text().replace("&#x27;", "'")
    assert "Seed: <code>1</code>" in (tmp_path / "bootstrap" / "index.html").read_text()
    assert "fit.bootstrap(3, seed=1)" in (tmp_path / "bootstrap" / "index.html").read_text()


def test_remembered_call_travels_as_text(decay):
    found = tr.ensemble(decay, pd.DataFrame({"k": [0.1, 0.2]}), [0.0, 1.0])
    there = pickle.loads(pickle.dumps(found.called))
    assert str(there) == str(found.called) == "tr.ensemble(model, <table of 2 rows: k>, [0.0, 1.0])"


def test_mistakes_about_pages_are_told(tmp_path, decay):
    with pytest.raises(tr.OptionError, match=r"there is no page of 3 \(int\).*Ensemble"):
        tr.report(3, tmp_path)
    solution = tr.simulate(decay, [0.0, 1.0])
    (tmp_path / "file").write_text("")
    with pytest.raises(tr.FileError, match=r"cannot be written to"):
        tr.report(solution, tmp_path / "file")
    with pytest.raises(tr.OptionError, match="personal="):
        tr.report(solution, tmp_path, personal="yes")
