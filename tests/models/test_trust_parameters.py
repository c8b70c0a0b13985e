"""The table of parameters: order, themes, units, ranges (the model's specification)."""

import pytest

from trustode import models

ORDER = """
tau_E tau_T tau_B tau_G tau_C tau_A tau_P D_ab D_aban D_care g_s q_ab q_aban q_care c_D
phi_D ups_D p iota phi_ex phi_ju phi_ab kappa beta pi nu varpi sigma w_sigma e_sigma
varsigma psi th_E w_x w_L w_G w_E k_E k_B th_B s_av s_de s_co s_dm d_av d_de d_co d_dm z_av
eta a om ups h_G lam_G eps b_s k_s g_e kap_C k_C th_C chi rel kap_A k_A th_A xi s_ag s_wd
s_pu d_ag d_wd d_pu z_wd th_kappa th_psi th_emo th_need th_learn th_G th_act m_T m_s
"""
DEFAULTS = {
    **{"tau_E": 0.2, "tau_T": 0.7, "tau_B": 2, "tau_G": 400, "tau_C": 0.6, "tau_A": 0.2},
    **{"tau_P": 2, "g_s": 0.6, "q_ab": 0.3, "q_aban": 0.3, "q_care": 0.3, "c_D": 0.8},
    **{"phi_D": 0.2, "ups_D": 0.4, "p": 0.6, "iota": 0.8, "kappa": 0.2, "beta": 0, "pi": 0},
    **{"nu": 0.5, "varpi": 0.2, "sigma": 0, "w_sigma": 0.3, "e_sigma": 0.2, "psi": 0.2},
    **{"th_E": 0.8, "w_x": 0.4, "w_L": 0.7, "w_G": 0.6, "w_E": 1.35, "k_E": 5, "k_B": 5},
    **{"th_B": -0.2, "s_av": 0.4, "s_de": 0.2, "s_co": 0.2, "s_dm": 0.2, "d_av": 0.05},
    **{"d_de": 0.2, "d_co": 0.1, "d_dm": 0.1, "z_av": 0.75, "eta": 0.1, "a": 0.3, "om": 0.2},
    **{"ups": 0.1, "h_G": 3, "lam_G": 0.4, "eps": 0.05, "b_s": 0, "k_s": 6, "g_e": 0.35},
    **{"k_C": 5, "th_C": -0.1, "rel": 0.4, "k_A": 8, "th_A": 0.5, "xi": 0.3, "s_ag": 0.4},
    **{"s_wd": 0.3, "s_pu": 0.3, "m_T": 0.2, "m_s": 1, "varsigma": 0, "th_G": 0},
    **{"phi_ex": 0.02, "phi_ju": 0.02, "phi_ab": 0.02, "kap_C": 0, "chi": 0, "kap_A": 0},
}
THEMES = {
    "D_ab": "physical and sexual abuse",
    "D_aban": "abandonment",
    "D_care": "overall quality of caregiving",
    "g_s": "baseline of generalised trust",
    "p": "the partner's usual behaviour",
    "iota": "specificity",
    "phi_ex": "being ignored or excluded",
    "phi_ju": "judged",
    "phi_ab": "abandoned",
    "kappa": "rigid distinction between good people and bad people",
    "beta": "idealisation",
    "pi": "other as persecutor",
    "nu": "other should satisfy rigidly all the patient's needs",
    "sigma": "self-devaluation (low self-worth)",
    "varsigma": "deeply rooted schemas about the disorder and its treatment",
    "psi": "distortion of communication signals",
    "th_E": "perfectionism and frustration tolerance",
    "w_E": "emotional antecedent",
    "s_av": "avoidance",
    "s_de": "destroying the relationship",
    "s_co": "need to control",
    "s_dm": "demanding (and denial of dependence)",
    "a": "confirmation",
    "eta": "trust learning",
    "om": "overestimation of single negative episodes",
    "ups": "underestimation of positive interactions",
    "h_G": "betrayal history",
    "lam_G": "generalisation",
    "b_s": "earned security",
}
ADDED_THEMES = {
    "kap_C": "emotional consequences of trust misattribution",
    "kap_A": "behavioural activation",
    "s_ag": "aggression",
    "s_wd": "social withdrawal",
    "s_pu": "punishment",
    "d_ag": "vicious circle",
}


def test_parameters_come_in_the_specified_order_with_the_specified_defaults():
    dyad = models.load("trust-dyad")
    assert list(dyad.params) == ORDER.split()
    assert {key: dyad.defaults[key] for key in DEFAULTS} == DEFAULTS
    for name in ("trust-original", "trust-updated"):
        params = list(models.load(name).params)
        assert params == [key for key in ORDER.split() if key in params]


@pytest.mark.parametrize("name", ["trust-original", "trust-updated", "trust-dyad"])
def test_every_theme_has_its_row(name):
    table = models.load(name).table()
    wanted = THEMES if name == "trust-original" else THEMES | ADDED_THEMES
    for parameter, theme in wanted.items():
        assert theme in table.loc[parameter, "theme"]
    assert (table[["meaning", "theme", "source"]] != "").all(axis=None)
    if name == "trust-original":
        assert not set(ADDED_THEMES) & set(table.index)


def test_time_constants_are_positive_and_in_days():
    table = models.load("trust-dyad").table()
    constants = table[table.index.str.startswith("tau_")]
    assert len(constants) == 7
    assert (constants["unit"] == "day").all()
    assert (constants["min"] > 0).all()
    assert table.loc["eta", "unit"] == "1/day"


def test_shares_of_behaviour_sum_to_one():
    values = models.load("trust-updated").defaults
    assert sum(values[key] for key in ("s_av", "s_de", "s_co", "s_dm")) == pytest.approx(1)
    assert sum(values[key] for key in ("s_ag", "s_wd", "s_pu")) == pytest.approx(1)


@pytest.mark.parametrize(
    ("parameter", "low", "high"),
    [
        ("D_ab", 0, 1),
        ("kappa", 0, 3),
        ("p", -1, 1.5),
        ("nu", 0, 6),
        ("m_s", 0, 4),
        ("iota", 0.1, 1),
    ],
)
def test_ranges_hold_every_scan_of_the_specification(parameter, low, high):
    param = models.load("trust-dyad").parameters[parameter]
    assert param.min <= low
    assert param.max >= high
