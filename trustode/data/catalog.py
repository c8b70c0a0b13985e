"""What is known of each data set: columns, units, ranges, origin, licence and citation.

Pure data; imports nothing from trustode.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """What one column of a data set holds.

    Parameters
    ----------
    meaning : str
        In a reader's words, with the scale of a rating.
    unit : str
        Unit of the numbers; empty for a rating, a number of an item or a label.
    low, high : float, optional
        Smallest and largest value that can be.
    levels : tuple of str
        Labels that can be; a column without levels holds numbers.
    whole : bool
        Whether only whole numbers can be.
    may_miss : bool
        Whether a value may be missing.
    """

    meaning: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    levels: tuple[str, ...] = ()
    whole: bool = False
    may_miss: bool = False


@dataclass(frozen=True)
class DataSet:
    """One table and where it comes from.

    Parameters
    ----------
    name : str
        Name at a call.
    file : str
        Path in this folder if the table is bundled, else the name its file should have.
    description : str
        What was measured, of whom and how often.
    source : str
        Where the numbers were taken from, with the commit.
    licence : str
        Licence of the numbers.
    citation : str
        What to cite.
    doi : str
        DOI of the article; may be empty.
    url : str
        Where the numbers can be had.
    columns : mapping of str to Column
        Columns in the order of the table.
    key : tuple of str
        Columns that tell the rows apart; empty if the source repeats some.
    """

    name: str
    file: str
    description: str
    source: str
    licence: str
    citation: str
    doi: str
    url: str
    columns: Mapping[str, Column]
    key: tuple[str, ...] = ()


def _count(meaning: str, low: int = 1, high: int | None = None) -> Column:
    """Return a column of running numbers."""
    return Column(meaning, low=low, high=high, whole=True)


def _rating(meaning: str, high: int) -> Column:
    """Return a column of ratings from 1, some missing."""
    return Column(f"{meaning}, 1 to {high}", low=1, high=high, whole=True, may_miss=True)


def _score(meaning: str) -> Column:
    """Return a column of questionnaire scores, some missing."""
    return Column(meaning, low=0, may_miss=True)


_SRNDNA = DataSet(
    name="srndna_trust_partners",
    file="srndna_trust_partners/trials.csv.gz",
    description=(
        "Trust game with a friend, a stranger and a computer: 97 persons, 14,635 choices of how "
        "much of an offered amount to invest, whether the partner then reciprocated, and when. "
        "50 persons were scanned, 47 are their friends, who played too."
    ),
    source="GitHub DVS-Lab/srndna-trustgame, commit 7b36c118bbc1 (2021-12-15); OpenNeuro ds003745",
    licence="MIT, Copyright (c) 2021 Temple University Neuroeconomics Lab",
    citation=(
        "Fareri, Hackett, Tepfer, Kelly, Henninger, Reeck, Giovannetti & Smith (2021). Age-related "
        "differences in ventral striatal and default mode network function during reciprocated "
        "trust. bioRxiv 2021.07.29.454071"
    ),
    doi="10.1101/2021.07.29.454071",
    url="https://github.com/DVS-Lab/srndna-trustgame",
    columns={
        "subject": _count("person"),
        "role": Column("played in the scanner or as the friend", levels=("scanned", "friend")),
        "age_group": Column(
            "young (up to 35) or older (from 60); empty for friends",
            levels=("young", "older"),
            may_miss=True,
        ),
        "run": _count("run of the task", high=5),
        "partner": Column("partner of the trial", levels=("friend", "stranger", "computer")),
        "onset_choice_s": Column("when the choice appeared, from the start of the run", "s", low=0),
        "rt_s": Column("reaction time", "s", low=0),
        "low": Column("lower amount offered", "dollar", low=0, high=8, whole=True),
        "high": Column("higher amount offered", "dollar", low=0, high=8, whole=True),
        "invested": Column("amount chosen", "dollar", low=0, high=8, whole=True),
        "outcome": Column(
            "reciprocated or defected; empty where nothing was invested and so nothing shown",
            levels=("recip", "defect"),
            may_miss=True,
        ),
        "onset_outcome_s": Column(
            "when the outcome appeared, from the start of the run", "s", low=0, may_miss=True
        ),
    },
    key=("subject", "run", "onset_choice_s"),
)

_BARNBY = {
    "source": "GitHub josephmbarnby/SocialTransfer_Barnby_etal_2024, commit b400e5f2e7f8 (2025)",
    "licence": "MIT, Copyright (c) 2024 Joseph M Barnby",
    "citation": (
        "Barnby et al. (2025). Self-other generalisation shapes social interaction and is "
        "disrupted in borderline personality disorder. eLife 104008"
    ),
    "doi": "10.7554/eLife.104008",
    "url": "https://github.com/josephmbarnby/SocialTransfer_Barnby_etal_2024",
}

_BARNBY_GROUP = Column("BPD or control", levels=("BPD", "CON"))

_BARNBY_TRIALS = DataSet(
    name="barnby2024_intentions_bpd",
    file="barnby2024_intentions_bpd/trials.csv.gz",
    description=(
        "Intentions Game: 50 persons with borderline personality disorder and 53 controls split "
        "points with another (36 choices), predict a partner's choices with feedback (54), and "
        "choose again (36). One row a trial; the persons are in "
        "'barnby2024_intentions_bpd/subjects'."
    ),
    columns={
        "subject": _count("person", high=103),
        "group": _BARNBY_GROUP,
        "phase": _count("1 own choices, 2 predictions with feedback, 3 own choices", high=3),
        "trial": _count("trial within the phase", high=54),
        "self_1": Column("option 1, to the one who chooses", "point", low=0, whole=True),
        "other_1": Column("option 1, to the other", "point", low=0, whole=True),
        "self_2": Column("option 2, to the one who chooses", "point", low=0, whole=True),
        "other_2": Column("option 2, to the other", "point", low=0, whole=True),
        "choice": _count("option chosen; in phase 2 the option predicted", high=2),
        "partner_choice": _count("the partner's choice, the right answer in phase 2", high=2),
        "correct": _count("whether choice and partner_choice agree", low=0, high=1),
        "rt_ms": Column("reaction time", "ms", low=0),
    },
    key=("subject", "phase", "trial"),
    **_BARNBY,
)

_BARNBY_SUBJECTS = DataSet(
    name="barnby2024_intentions_bpd/subjects",
    file="barnby2024_intentions_bpd/subjects.csv.gz",
    description=(
        "The 103 persons of 'barnby2024_intentions_bpd': ratings of the partner, preferences that "
        "the server fitted, questionnaires. A few camsq values of the BPD group look out of range."
    ),
    columns={
        "subject": _count("person", high=103),
        "group": _BARNBY_GROUP,
        "attr_selfinterest": Column("partner's self-interest, rated 0 to 100", low=0, high=100),
        "attr_harmintent": Column("partner's intent to harm, rated 0 to 100", low=0, high=100),
        "alpha_self": Column("own weight of absolute reward, fitted"),
        "beta_self": Column("own weight of relative reward, fitted"),
        "alpha_partner": Column("partner's weight of absolute reward"),
        "beta_partner": Column("partner's weight of relative reward"),
        "mzq_total": _score("Mentalization Questionnaire, total"),
        "camsq_self": _score("certainty about own mental states (CAMSQ)"),
        "camsq_other": _score("certainty about others' mental states (CAMSQ)"),
        "rgpts_reference": _score("ideas of reference (R-GPTS)"),
        "rgpts_persecution": _score("ideas of persecution (R-GPTS)"),
        "ctq_total": _score("Childhood Trauma Questionnaire, total"),
        "ets_mistrust": _score("epistemic mistrust"),
        "ets_trust": _score("epistemic trust"),
        "ets_credulity": _score("epistemic credulity"),
    },
    key=("subject",),
    **_BARNBY,
)

_CONTRERAS = DataSet(
    name="contreras2020_paranoia_ema",
    file="contreras2020_paranoia_ema/ema.csv.gz",
    description=(
        "Mistrust and closeness in daily life: 23 persons with raised paranoia or interpersonal "
        "sensitivity, asked several times a day for a week; 898 beeps, 652 answered. Two beeps "
        "occur twice: subject 2, day 5, beep 1 and subject 11, day 7, beep 1."
    ),
    source=(
        "OSF 7tk4b; cleaned copy 0028 of openESM, GitHub bsiepe/openesm-cleaning, commit "
        "9a91b542b4fb (2025-05-19)"
    ),
    licence="CC BY 4.0, as stated by openESM (Zenodo 10.5281/zenodo.17347605)",
    citation=(
        "Contreras, Valiente, Heeren & Bentall (2020). A temporal network approach to paranoia: a "
        "pilot study. Frontiers in Psychology 11:544565"
    ),
    doi="10.3389/fpsyg.2020.544565",
    url="https://osf.io/7tk4b",
    columns={
        "subject": _count("person", high=23),
        "day": _count("day", high=7),
        "beep": _count("beep of the day", high=11),
        "sadness": _rating("sadness", 9),
        "useless": _rating("feeling useless", 9),
        "manage_well": _rating("managing well (self-esteem)", 9),
        "no_trust": _rating("since the last beep, the impression that people cannot be trusted", 9),
        "harm": _rating("since the last beep, harm by others", 9),
        "criticism": _rating("since the last beep, criticised by others", 9),
        "close_to_others": _rating("closeness to others now", 9),
        "avoid": _rating("tried to avoid negative feelings", 9),
    },
)

_HEFFNER = {
    "source": "GitHub jpheffne/NC_emotion_classify, commit 5ece09eef0e6 (2022-04-05)",
    "licence": "MIT, Copyright (c) 2021 Joey Heffner",
    "citation": (
        "Heffner & FeldmanHall (2022). A probabilistic map of emotional experiences during "
        "competitive social interactions. Nature Communications 13:1718"
    ),
    "doi": "10.1038/s41467-022-29372-8",
    "url": "https://github.com/jpheffne/NC_emotion_classify",
}

_VALENCE = Column("pleasantness felt, -250 to 250", low=-250, high=250, whole=True)
_AROUSAL = Column("arousal felt, -250 to 250", low=-250, high=250, whole=True)

_HEFFNER_ULTIMATUM = DataSet(
    name="heffner2022_social_emotions",
    file="heffner2022_social_emotions/ultimatum.csv.gz",
    description=(
        "Ultimatum game: 715 persons see 20 offers each, rate what they feel and accept or reject. "
        "The prisoner's dilemma of the same study is in "
        "'heffner2022_social_emotions/prisoners_dilemma'."
    ),
    columns={
        "subject": _count("person"),
        "trial": _count("trial", high=20),
        "unfairness": Column("share that the proposer keeps", low=0.5, high=0.95),
        "valence": _VALENCE,
        "arousal": _AROUSAL,
        "reject": _count("whether the offer was rejected", low=0, high=1),
    },
    key=("subject", "trial"),
    **_HEFFNER,
)

_HEFFNER_DILEMMA = DataSet(
    name="heffner2022_social_emotions/prisoners_dilemma",
    file="heffner2022_social_emotions/prisoners_dilemma.csv.gz",
    description=(
        "Prisoner's dilemma with graded contributions: 306 persons see 22 partners' contributions "
        "each, rate what they feel and contribute."
    ),
    columns={
        "subject": _count("person"),
        "trial": _count("trial", high=22),
        "partner_contribution": Column("share that the partner contributes", low=0, high=1),
        "valence": _VALENCE,
        "arousal": _AROUSAL,
        "contribution": Column("own share contributed", low=0, high=1),
        "contribution_binary": Column(
            "contribution from 0.5 on, or below", levels=("cooperate", "defect")
        ),
    },
    key=("subject", "trial"),
    **_HEFFNER,
)

_KING_CASAS = DataSet(
    name="king-casas-2008",
    file="rounds.csv",
    description=(
        "Ten-round trust game: 55 pairs whose trustee has borderline personality disorder and 38 "
        "pairs with a healthy trustee. The source has a row a pair; write a row a pair and round."
    ),
    source=(
        "GitHub AndreasHula/StateShiftPaperData, PCBGameDataAndFinalParams.RData, object GameData: "
        "rows 1 to 55 are pairs with a BPD trustee, 56 to 93 with a healthy one"
    ),
    licence="GPL-3.0",
    citation=(
        "King-Casas, Sharp, Lomax-Bream, Lohrenz, Fonagy & Montague (2008). The rupture and repair "
        "of cooperation in borderline personality disorder. Science 321:806-810; Hula, Vilares, "
        "Lohrenz, Dayan & Montague (2018). PLoS Computational Biology 14(2):e1005935"
    ),
    doi="10.1126/science.1156902",
    url="https://github.com/AndreasHula/StateShiftPaperData",
    columns={
        "dyad": _count("pair"),
        "trustee_group": Column("group of the trustee", levels=("BPD", "HC")),
        "round": _count("round", high=10),
        "investment": Column(
            "sent by the investor, tripled on the way", "monetary unit", 0, 20, whole=True
        ),
        "repayment": Column("sent back by the trustee", "monetary unit", 0, 60, whole=True),
    },
    key=("dyad", "round"),
)

_RTIES = DataSet(
    name="rties-couples",
    file="dial.csv",
    description=(
        "Emotional experience of 80 couples, rated with a dial every two seconds while each "
        "watches the video of their own conversation. The source has a row a person and time; "
        "write a row a couple and time."
    ),
    source="CRAN package rties 5.0.0, data/rties_ExampleDataFull.rda",
    licence="GPL-3.0",
    citation=(
        "Butler & Kuelz, R package rties; Butler & Barnard (2019). Quantifying interpersonal "
        "dynamics for studying socio-emotional processes and adverse health behaviors. "
        "Psychosomatic Medicine"
    ),
    doi="10.1097/PSY.0000000000000703",
    url="https://github.com/cran/rties",
    columns={
        "couple": _count("couple"),
        "time": _count("number of the sample"),
        "seconds": Column("2 (time - 1)", "s", low=0),
        "dial_man": Column("the man's rating by dial", low=0, may_miss=True),
        "dial_woman": Column("the woman's rating by dial", low=0, may_miss=True),
    },
    key=("couple", "time"),
)

_FRIED_ITEMS = (
    "relax",
    "irritable",
    "worry",
    "nervous",
    "future",
    "anhedonia",
    "tired",
    "hungry",
    "alone",
    "angry",
    "social_offline",
    "social_online",
    "music",
    "procrastinate",
    "outdoors",
    "c19_occupied",
    "c19_worry",
    "home",
)

_FRIED = DataSet(
    name="fried-2021",
    file="ema.csv",
    description=(
        "Loneliness, anger and social contact of 79 students, asked four times a day for two weeks "
        "of March 2020. The article has the wording of the items. Clock times are written as hours."
    ),
    source=(
        "OSF mvdpe; cleaned copy 0001 of openESM, GitHub bsiepe/openesm-cleaning, commit "
        "9a91b542b4fb (2025-05-19)"
    ),
    licence="CC BY 4.0, as stated by openESM",
    citation=(
        "Fried, Papanikolaou & Epskamp (2022). Mental health and social contact during the "
        "COVID-19 pandemic: an ecological momentary assessment study. Clinical Psychological "
        "Science 10:340-354"
    ),
    doi="10.1177/21677026211017839",
    url="https://osf.io/mvdpe",
    columns={
        "subject": _count("person"),
        "day": _count("day", high=14),
        "beep": _count("beep of the day", high=4),
        "hours": Column("time since the first scheduled beep", "hour", low=0),
        **{item: _rating(f"item '{item}'", 5) for item in _FRIED_ITEMS},
    },
)

_LYNX_HARE = DataSet(
    name="lynx-hare",
    file="lynx_hare.csv",
    description=(
        "Pelts of lynx and hare traded by the Hudson's Bay Company, 1900 to 1920: the classic data "
        "for the Lotka-Volterra equations, with a published posterior."
    ),
    source="GitHub stan-dev/posteriordb, data hudson_lynx_hare, commit 28f8d3d6e975 (2025-04-29)",
    licence="BSD-3-Clause, Copyright (c) 2011-2024, Stan Developers and their Assignees",
    citation=(
        "Hewitt (1921). The Conservation of the Wild Life of Canada; Howard (2009). Modeling basics"
    ),
    doi="",
    url="https://github.com/stan-dev/posteriordb",
    columns={
        "year": _count("year", low=1800),
        "t": Column("time since the first year", "year", low=0),
        "hare": Column("hare pelts", "thousand", low=0),
        "lynx": Column("lynx pelts", "thousand", low=0),
    },
    key=("year",),
)

#: Data sets that trustode brings along, by name.
BUNDLED: dict[str, DataSet] = {
    entry.name: entry
    for entry in (
        _SRNDNA,
        _BARNBY_TRIALS,
        _BARNBY_SUBJECTS,
        _CONTRERAS,
        _HEFFNER_ULTIMATUM,
        _HEFFNER_DILEMMA,
    )
}

#: Data sets that `trustode.data.read` knows how to check in a user's own copy, by name.
EXTERNAL: dict[str, DataSet] = {
    entry.name: entry for entry in (_KING_CASAS, _RTIES, _FRIED, _LYNX_HARE)
}
