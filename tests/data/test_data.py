"""Bundled data against the check values published with them, and what `read` refuses."""

import gzip
from importlib.resources import files

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from trustode import data
from trustode.data.catalog import BUNDLED, EXTERNAL
from trustode.errors import DataError

FOLDER = files("trustode.data")

#: Limit for all bundled files together, so that an installation stays small.
MAX_BYTES = 600_000

#: Folder of each data set that is read, among the shared material.
FOLDERS = {
    "king-casas-2008": "kingcasas2008_bpd_trust",
    "rties-couples": "rties_couples_dial",
    "fried-2021": "fried2021_student_ema",
    "lynx-hare": "lynx_hare",
}

ROUNDS = """dyad,trustee_group,round,investment,repayment
1,BPD,1,12,14
1,BPD,2,14,14
2,HC,1,9,6
"""


@pytest.fixture
def rounds(tmp_path):
    """Return a writer of a small king-casas file, with one text replaced by another."""

    def write(old="", new=""):
        assert old in ROUNDS
        file = tmp_path / "rounds.csv"
        file.write_text(ROUNDS.replace(old, new, 1))
        return file

    return write


def centred(frame, columns, by="subject"):
    """Subtract each person's mean."""
    return frame[columns] - frame.groupby(by)[columns].transform("mean")


# --- what every bundled set has


def test_names_lists_both_tables_of_a_set():
    assert data.names() == (
        "srndna_trust_partners",
        "barnby2024_intentions_bpd",
        "barnby2024_intentions_bpd/subjects",
        "contreras2020_paranoia_ema",
        "heffner2022_social_emotions",
        "heffner2022_social_emotions/prisoners_dilemma",
    )


@pytest.mark.parametrize("name", data.names())
def test_a_bundled_table_says_what_it_is(name):
    frame = data.load(name)
    attrs = frame.attrs
    assert attrs["name"] == name
    assert list(attrs["columns"]) == list(frame.columns)
    assert all(attrs["columns"].values())
    for key in ("description", "source", "citation", "doi", "url"):
        assert attrs[key]
    assert attrs["licence"].startswith(("MIT, Copyright (c)", "CC BY 4.0"))
    folder = FOLDER / BUNDLED[name].file.partition("/")[0]
    licence = (folder / "LICENSE").read_text()
    if attrs["licence"].startswith("MIT"):
        assert attrs["licence"].removeprefix("MIT, ") in licence
        assert "The above copyright notice and this permission notice" in licence
    else:
        assert "creativecommons.org/licenses/by/4.0" in licence
    assert attrs["doi"] in (folder / "SOURCE.md").read_text()


@pytest.mark.parametrize("name", data.names())
def test_a_bundled_table_keeps_its_own_rules(name, tmp_path, monkeypatch):
    # The checks that `read` makes hold for the bundled tables too.
    frame = data.load(name)
    monkeypatch.setitem(EXTERNAL, name, BUNDLED[name])
    file = tmp_path / "copy.csv"
    frame.to_csv(file, index=False)
    pd.testing.assert_frame_equal(data.read(name, file), frame, check_dtype=False)


@pytest.mark.parametrize("name", data.names())
def test_bundled_files_equal_the_originals(name, shared):
    file = BUNDLED[name].file
    original = (shared / "data" / file.removesuffix(".gz")).read_bytes()
    assert gzip.decompress((FOLDER / file).read_bytes()) == original


def test_compressed_files_are_deterministic_and_small():
    total = 0
    for name in data.names():
        raw = (FOLDER / BUNDLED[name].file).read_bytes()
        # RFC 1952: flags 0 (no file name), then four bytes of modification time.
        assert raw[3:8] == bytes(5)
        total += len(raw)
    assert total < MAX_BYTES


def test_a_change_of_attrs_does_not_reach_the_next_load():
    data.load("barnby2024_intentions_bpd/subjects").attrs["columns"].clear()
    assert data.load("barnby2024_intentions_bpd/subjects").attrs["columns"]


def test_dash_and_underscore_are_alike():
    frame = data.load("barnby2024-intentions-bpd/subjects")
    assert frame.attrs["name"] == "barnby2024_intentions_bpd/subjects"


# --- check values: recomputed from the tables, compared with those given with the originals


def test_srndna_trust_is_higher_in_friends():
    trials = data.load("srndna_trust_partners")
    assert trials.shape == (14_635, 12)
    persons = trials.groupby("role")["subject"].nunique()
    assert persons.to_dict() == {"scanned": 50, "friend": 47}
    scanned = trials[trials["role"] == "scanned"]
    mean = scanned.groupby(["subject", "partner"])["invested"].mean().unstack()
    assert mean.mean().round(2).to_dict() == {"computer": 3.70, "friend": 4.39, "stranger": 4.03}
    for a, b, t in (("friend", "stranger", 4.76), ("friend", "computer", 5.01)):
        test = stats.ttest_rel(mean[a], mean[b])
        assert test.df == 49
        assert test.statistic == pytest.approx(t, abs=0.005)
        assert test.pvalue < 1e-4
    test = stats.ttest_rel(mean["stranger"], mean["computer"])
    assert test.statistic == pytest.approx(2.63, abs=0.005)
    assert test.pvalue == pytest.approx(0.011, abs=5e-4)
    by_age = scanned.groupby(["age_group", "partner"])["invested"].mean().unstack()
    order = ["friend", "stranger", "computer"]
    np.testing.assert_allclose(by_age.loc["older", order], [4.42, 4.13, 3.86], atol=0.005)
    np.testing.assert_allclose(by_age.loc["young", order], [4.30, 3.88, 3.54], atol=0.005)


def test_srndna_outcome_is_empty_where_nothing_was_invested():
    trials = data.load("srndna_trust_partners")
    assert (trials["outcome"].isna() == (trials["invested"] == 0)).all()
    assert trials["invested"].isin([0, 2, 4, 8]).all()
    assert ((trials["invested"] == trials["low"]) | (trials["invested"] == trials["high"])).all()


def test_barnby_accuracy_in_predicting_the_partner():
    trials = data.load("barnby2024_intentions_bpd")
    assert trials.shape == (12_978, 12)
    assert trials.groupby("subject").size().eq(126).all()
    predicted = trials[trials["phase"] == 2]
    accuracy = predicted.groupby(["group", "subject"])["correct"].mean()
    for group, count, mean, sd in (("BPD", 50, 0.727, 0.156), ("CON", 53, 0.772, 0.139)):
        values = accuracy[group]
        assert len(values) == count
        assert values.mean() == pytest.approx(mean, abs=5e-4)
        assert values.std() == pytest.approx(sd, abs=5e-4)
    test = stats.ttest_ind(accuracy["BPD"], accuracy["CON"])
    assert test.df == 101
    assert test.statistic == pytest.approx(-1.56, abs=0.005)
    assert test.pvalue == pytest.approx(0.12, abs=0.005)
    block = (predicted["trial"] - 1) // 9
    learning = predicted.groupby(["group", block])["correct"].mean().unstack()
    expected = [
        [0.627, 0.760, 0.736, 0.718, 0.771, 0.751],
        [0.660, 0.816, 0.761, 0.759, 0.839, 0.799],
    ]
    np.testing.assert_allclose(learning.loc[["BPD", "CON"]], expected, atol=6e-4)


def test_barnby_questionnaires():
    subjects = data.load("barnby2024_intentions_bpd/subjects")
    assert subjects.shape == (103, 17)
    mean = subjects.groupby("group")[["ctq_total", "ets_mistrust", "rgpts_persecution"]].mean()
    # Rounded as they are given: to 0.1, 0.01 and 0.1.
    for group, values in (("BPD", (64.9, 5.24, 14.5)), ("CON", (42.3, 4.21, 5.3))):
        for value, expected, half in zip(mean.loc[group], values, (0.05, 0.005, 0.05), strict=True):
            assert value == pytest.approx(expected, abs=half)
    trials = data.load("barnby2024_intentions_bpd")
    group = trials.drop_duplicates("subject").set_index("subject")["group"]
    pd.testing.assert_series_equal(group, subjects.set_index("subject")["group"])


def test_contreras_mistrust_goes_with_harm_and_criticism():
    ema = data.load("contreras2020_paranoia_ema")
    assert ema.shape == (898, 11)
    assert ema["subject"].nunique() == 23
    answered = ema.dropna()
    assert len(answered) == 652
    items = ["no_trust", "harm", "criticism", "close_to_others", "sadness"]
    np.testing.assert_allclose(answered[items].mean(), [2.44, 1.83, 1.73, 4.82, 3.83], atol=0.0055)
    within = centred(answered, items).corr()["no_trust"]
    expected = {"harm": 0.45, "criticism": 0.39, "sadness": 0.21, "close_to_others": -0.17}
    for item, r in expected.items():
        assert within[item] == pytest.approx(r, abs=0.0055)


def test_contreras_ratings_carry_over_to_the_next_beep():
    ema = data.load("contreras2020_paranoia_ema")
    items = ["no_trust", "sadness", "close_to_others", "criticism"]
    ema[items] = centred(ema, items)
    before = ema.groupby(["subject", "day"])[items].shift()
    pairs = ema["no_trust"].notna() & before["no_trust"].notna()
    # The check values count the rows that follow each other; a beep that stands twice in the
    # source makes one of the 451 pairs.
    assert pairs.sum() == 451
    for item, r in zip(items, (0.215, 0.444, 0.232, 0.308), strict=True):
        assert ema.loc[pairs, item].corr(before.loc[pairs, item]) == pytest.approx(r, abs=6e-4)


def test_heffner_unfair_offers_feel_bad_and_are_rejected():
    offers = data.load("heffner2022_social_emotions")
    assert offers.shape == (14_300, 6)
    assert offers.groupby("subject").size().eq(20).all()
    assert offers["subject"].nunique() == 715
    by_offer = offers.groupby("unfairness")[["valence", "reject"]].mean()
    np.testing.assert_allclose(by_offer.loc[[0.5, 0.95], "valence"], [185.7, -172.5], atol=0.05)
    np.testing.assert_allclose(by_offer.loc[[0.5, 0.95], "reject"], [0.009, 0.717], atol=5e-4)
    slope = stats.linregress(offers["unfairness"], offers["valence"]).slope
    assert slope == pytest.approx(-788, abs=0.5)
    assert offers["reject"].mean() == pytest.approx(0.296, abs=5e-4)
    assert offers["valence"].corr(offers["reject"]) == pytest.approx(-0.568, abs=5e-4)


def test_heffner_feelings_follow_the_partners_contribution():
    dilemma = data.load("heffner2022_social_emotions/prisoners_dilemma")
    assert dilemma.shape == (6_732, 7)
    assert dilemma.groupby("subject").size().eq(22).all()
    line = stats.linregress(dilemma["partner_contribution"], dilemma["valence"])
    assert line.intercept == pytest.approx(-136.8, abs=0.05)
    assert line.slope == pytest.approx(366.1, abs=0.06)
    assert dilemma["contribution"].mean() == pytest.approx(0.453, abs=5e-4)
    cooperate = dilemma["contribution_binary"] == "cooperate"
    assert cooperate.mean() == pytest.approx(0.521, abs=5e-4)
    assert (cooperate == (dilemma["contribution"] >= 0.5)).all()


# --- data of which a user has a copy


@pytest.mark.parametrize("name", list(EXTERNAL))
def test_read_takes_a_folder_or_a_file(name, shared):
    folder = shared / "data" / FOLDERS[name]
    frame = data.read(name, folder)
    assert list(frame.columns) == list(frame.attrs["columns"])
    assert frame.attrs["path"].endswith(EXTERNAL[name].file)
    assert frame.attrs["licence"]
    again = data.read(name.replace("-", "_"), str(folder / EXTERNAL[name].file))
    pd.testing.assert_frame_equal(frame, again)


def test_king_casas_cooperation_ruptures_with_bpd_trustees(shared):
    rounds = data.read("king-casas-2008", shared / "data" / FOLDERS["king-casas-2008"])
    assert rounds.shape == (930, 5)
    by_round = rounds.groupby(["trustee_group", "round"])["investment"].mean()
    bpd = [10.60, 10.20, 8.44, 9.31, 8.00, 8.38, 6.71, 7.44, 6.55, 7.53]
    healthy = [10.74, 10.42, 9.03, 9.05, 9.03, 9.87, 9.82, 9.21, 9.21, 7.66]
    np.testing.assert_allclose(by_round["BPD"], bpd, atol=0.0055)
    np.testing.assert_allclose(by_round["HC"], healthy, atol=0.0055)
    half = rounds.assign(late=rounds["round"] > 5)
    half = half.groupby(["trustee_group", "dyad", "late"])["investment"].mean().unstack()
    for group, df, t in (("BPD", 54, -4.35), ("HC", 37, -0.85)):
        test = stats.ttest_rel(half.loc[group, True], half.loc[group, False])
        assert test.df == df
        assert test.statistic == pytest.approx(t, abs=0.005)
    change = half[True] - half[False]
    test = stats.ttest_ind(change["BPD"], change["HC"], equal_var=False)
    assert test.statistic == pytest.approx(-1.99, abs=0.005)
    assert test.pvalue == pytest.approx(0.0499, abs=5e-5)
    low = rounds[(rounds["investment"] > 0) & (rounds["investment"] <= 5)]
    coaxing = (low["repayment"] >= 1.5 * low["investment"]).groupby(low["trustee_group"])
    assert coaxing.sum().to_dict() == {"BPD": 18, "HC": 20}
    assert coaxing.count().to_dict() == {"BPD": 198, "HC": 107}


def test_fried_loneliness_goes_with_anger(shared):
    ema = data.read("fried-2021", shared / "data" / FOLDERS["fried-2021"])
    assert ema.shape == (4_372, 22)
    within = centred(ema, ["alone", "angry", "social_offline"]).corr()["alone"]
    assert within["angry"] == pytest.approx(0.245, abs=5e-4)
    assert within["social_offline"] == pytest.approx(-0.109, abs=6e-4)
    worried = ema.groupby("day")["c19_occupied"].mean()
    assert worried.loc[[1, 14]].round(2).tolist() == [2.53, 1.79]


def test_rties_and_lynx_have_the_size_their_sources_state(shared):
    dial = data.read("rties-couples", shared / "data" / FOLDERS["rties-couples"])
    assert dial.shape == (39_419, 5)
    assert dial["couple"].nunique() == 80
    assert dial.groupby("couple").size().agg(["min", "max"]).tolist() == [217, 679]
    assert data.read("lynx-hare", shared / "data" / FOLDERS["lynx-hare"]).shape == (21, 4)


def test_read_gives_whole_numbers_and_keeps_further_columns(rounds):
    frame = data.read("king-casas-2008", rounds("12,14\n", "12.0,14\n"))
    assert frame["investment"].dtype == np.int64
    file = rounds()
    file.write_text("\n".join(f"{line},x" for line in file.read_text().split()))
    assert list(data.read("king-casas-2008", file).columns)[-1] == "x"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("investment", "invested", "has no column 'investment'; did you mean 'invested'"),
        ("dyad", "pair", r"has no column 'dyad'.*Rename or add it; needed are dyad, trustee_group"),
        (",", ";", "has no column"),
        ("BPD", "bpd", r"column 'trustee_group': 'bpd' in line 2 \(1 such values\); use BPD, HC"),
        (",2,14,", ",2,21,", "column 'investment': 21 in line 3 .* the largest possible is 20"),
        (",9,6", ",-1,6", "column 'investment': -1 in line 4 .* the smallest possible is 0"),
        (",9,6", ",9.5,6", "column 'investment': .*9.5.* in line 4 .* a whole number"),
        (",9,6", ",nine,6", "column 'investment': 'nine' in line 4 .* must be a number"),
        (",9,6", ",,6", "column 'investment': nan in line 4 .* no value may be missing"),
        (",9,6", ",inf,6", "column 'investment': .*inf.* in line 4 .* the largest possible is 20"),
        ("BPD,2", "BPD,1", "dyad 1, round 1 comes again in line 3 .* Keep one row for each dyad"),
        (ROUNDS, "", "could not be read as CSV"),
    ],
)
def test_read_refuses_a_table_with_a_mistake(rounds, old, new, message):
    with pytest.raises(DataError, match=rf"(?s)^data.read\('king-casas-2008'\): .*{message}"):
        data.read("king-casas-2008", rounds(old, new))


def test_read_refuses_a_file_of_another_kind(tmp_path):
    file = tmp_path / "GameData.RData"
    file.write_bytes(gzip.compress(b"RDX2", mtime=0) + bytes(range(256)))
    with pytest.raises(DataError, match=r"could not be read as CSV .* a header line: dyad"):
        data.read("king-casas-2008", file)


def test_read_says_where_to_get_what_is_not_there(tmp_path):
    with pytest.raises(DataError, match=r"no file .*rounds.csv. Get the data from https://"):
        data.read("king-casas-2008", tmp_path)
    with pytest.raises(DataError, match=r"no file .*nowhere"):
        data.read("king-casas-2008", tmp_path / "nowhere")


@pytest.mark.parametrize("path", [None, 3, ["a"]])
def test_read_refuses_what_is_no_path(path):
    with pytest.raises(DataError, match="path must be a file or a folder, got"):
        data.read("king-casas-2008", path)


def test_a_name_that_is_unknown_gets_the_nearest():
    with pytest.raises(DataError, match=r"data.load: .*'srndna'.*Bundled are srndna_trust_part"):
        data.load("srndna")
    with pytest.raises(DataError, match="did you mean 'contreras2020_paranoia_ema'"):
        data.load("contreras2020_paranoia")
    with pytest.raises(DataError, match=r"did you mean 'king-casas-2008'\? Known are king-casas"):
        data.read("king-casas", "somewhere")
    with pytest.raises(DataError, match="a name must be text, got 3"):
        data.load(3)


def test_load_and_read_point_to_each_other():
    with pytest.raises(DataError, match=r"GPL-3.0.*call data.read\('king-casas-2008', path\)"):
        data.load("king_casas_2008")
    with pytest.raises(DataError, match=r"is bundled; call data.load\('contreras2020_paranoia_em"):
        data.read("contreras2020-paranoia-ema", "somewhere")
