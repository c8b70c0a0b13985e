"""Profiles, severity and therapies; the values are the model's specification."""

import pytest

from trustode import models

TRUST = ["trust-original", "trust-updated", "trust-dyad"]
PROFILES = {
    "healthy": {"D_ab": 0, "kappa": 0.2, "iota": 0.8, "nu": 0.5, "w_L": 0.7, "p": 0.6},
    "bpd": {
        **{"D_ab": 0.5, "D_aban": 0.5, "D_care": 0.5, "phi_ex": 0.05, "phi_ju": 0.03},
        **{"phi_ab": 0.05, "kappa": 1.3, "iota": 1, "pi": 0.1, "nu": 3, "sigma": 0.3},
        **{"varpi": 0.3, "psi": 0.2, "beta": 0.85, "w_x": 0.8, "w_L": 0.2, "a": 0.62},
        **{"ups": 0.15, "om": 0.75, "b_s": 0, "p": 0.6},
    },
    "bpd-excitable": {"D_ab": 0.3, "D_aban": 0.3, "D_care": 0.3, "kappa": 1.3},
    "bpd-rigid": {"kappa": 2.2, "p": 0.46, "D_ab": 0.5},
    "bpd-split": {"kappa": 2.35, "p": 0.52, "D_ab": 0.5},
    "strict": {"D_ab": 0.5, "kappa": 1.3},
    "bpd-buffer": {"D_ab": 0.55, "D_aban": 0.55, "D_care": 0.55, "b_s": 0.4, "lam_G": 0.6},
    "guarded": {"D_ab": 0.3, "D_aban": 0.3, "D_care": 0.3, "kappa": 0.2, "nu": 0.5},
    "naive": {
        **{"beta": 0.8, "om": -0.8, "w_x": 0.1, "w_G": 0.9, "w_E": 0.3},
        **{"phi_ex": 0, "phi_ju": 0, "phi_ab": 0, "D_ab": 0},
    },
}
COUPLINGS = {
    **{"kap_C": 0.8, "chi": 0.2, "kap_A": 0.8, "d_ag": 0.12, "d_wd": 0.06, "d_pu": 0.12},
    "z_wd": 0.6,
}


@pytest.mark.parametrize("name", TRUST)
@pytest.mark.parametrize("profile", PROFILES)
def test_profiles_hold_the_specified_values(name, profile):
    assert models.profiles(name) == list(PROFILES)
    values = models.load(name, profile=profile).defaults
    assert {key: values[key] for key in PROFILES[profile]} == PROFILES[profile]


@pytest.mark.parametrize("name", ["trust-updated", "trust-dyad"])
def test_the_additions_couple_in_the_bpd_profiles_only(name):
    for profile in models.profiles(name):
        values = models.load(name, profile=profile).defaults
        expected = (
            COUPLINGS if "bpd" in profile or profile == "strict" else dict.fromkeys(COUPLINGS, 0)
        )
        if profile == "strict":
            expected = expected | {"chi": 0}
        assert {key: values[key] for key in COUPLINGS} == expected


def test_the_original_has_none_of_the_additions():
    original = models.load("trust-original", profile="bpd")
    updated = models.load("trust-updated", profile="bpd")
    dyad = models.load("trust-dyad", profile="bpd")
    added = [key for key in updated.params if key not in original.params]
    assert set(COUPLINGS) < set(added)
    assert [key for key in updated.params if key in original.params] == list(original.params)
    assert set(dyad.params) - set(updated.params) == {"tau_P", "m_T", "m_s"}


@pytest.mark.parametrize("severity", [0, 0.25, 0.8426, 1])
def test_severity_lies_on_the_line_from_healthy_to_bpd(severity):
    healthy = models.load("trust-updated").defaults
    bpd = models.load("trust-updated", profile="bpd").defaults
    between = models.load("trust-updated", severity=severity).defaults
    for key, value in between.items():
        assert value == pytest.approx(
            (1 - severity) * healthy[key] + severity * bpd[key], abs=1e-15
        )


def test_the_ends_of_severity_are_the_profiles_themselves():
    for profile in models.profiles("trust-updated"):
        full = models.load("trust-updated", profile=profile)
        assert models.load("trust-updated", profile=profile, severity=1) == full
        none = models.load("trust-updated", profile=profile, severity=0)
        assert none == models.load("trust-updated", profile="healthy")


def test_therapies_change_the_effect_of_a_dose_only():
    listed = models.therapies()
    assert listed == {
        "DBT": {"th_emo": 0.5, "th_act": 0.6},
        "MBT": {"th_psi": 0.6, "th_learn": 0.5, "th_need": 0.2, "th_emo": 0.2},
        "TFP": {"th_kappa": 0.5, "th_need": 0.3, "th_psi": 0.3},
        "attachment": {"th_G": 0.4, "th_need": 0.3},
        "CBT": {"th_learn": 0.5, "th_psi": 0.5},
        "EMDR": {"th_G": 0.3, "th_emo": 0.2},
    }
    plain = models.load("trust-updated", profile="bpd").defaults
    for therapy, effect in listed.items():
        treated = models.load("trust-updated", profile="bpd", therapy=therapy).defaults
        assert {key: value for key, value in treated.items() if value != plain[key]} == effect
    original = models.load("trust-original", profile="bpd", therapy="DBT").defaults
    assert original["th_emo"] == 0.5
    assert "th_act" not in original


def test_what_is_listed_cannot_change_the_models():
    models.therapies()["DBT"]["th_emo"] = 0.9
    assert models.therapies()["DBT"]["th_emo"] == 0.5
