"""Profiles and therapies of the trust models: named sets of parameter values.

They illustrate the theory: no value is estimated from data, and none is clinical
guidance. Imports nothing.
"""

from __future__ import annotations

_BPD: dict[str, float] = {
    "D_ab": 0.5,
    "D_aban": 0.5,
    "D_care": 0.5,
    "phi_ex": 0.05,
    "phi_ju": 0.03,
    "phi_ab": 0.05,
    "kappa": 1.3,
    "iota": 1.0,
    "pi": 0.1,
    "nu": 3.0,
    "sigma": 0.3,
    "varpi": 0.3,
    "psi": 0.2,
    "beta": 0.85,
    "w_x": 0.8,
    "w_L": 0.2,
    "a": 0.62,
    "ups": 0.15,
    "om": 0.75,
    "kap_C": 0.8,
    "chi": 0.2,
    "kap_A": 0.8,
    "d_ag": 0.12,
    "d_wd": 0.06,
    "d_pu": 0.12,
    "z_wd": 0.6,
}


def _development(level: float) -> dict[str, float]:
    """Return one level for the three developmental factors."""
    return {"D_ab": level, "D_aban": level, "D_care": level}


#: Values that a profile changes; what it does not name keeps its default.
PROFILES: dict[str, dict[str, float]] = {
    "healthy": {},
    "bpd": _BPD,
    "bpd-excitable": _BPD | _development(0.3),
    "bpd-rigid": _BPD | {"kappa": 2.2, "p": 0.46},
    "bpd-split": _BPD | {"kappa": 2.35, "p": 0.52},
    "strict": _BPD | {"chi": 0.0},
    "bpd-buffer": _BPD | _development(0.55) | {"b_s": 0.4, "lam_G": 0.6},
    "guarded": _development(0.3),
    "naive": {
        "beta": 0.8,
        "om": -0.8,
        "w_x": 0.1,
        "w_G": 0.9,
        "phi_ex": 0.0,
        "phi_ju": 0.0,
        "phi_ab": 0.0,
        "w_E": 0.3,
    },
}

#: What a unit dose of each therapy changes: illustrations of a form, not of efficacy.
THERAPIES: dict[str, dict[str, float]] = {
    "DBT": {"th_emo": 0.5, "th_act": 0.6},
    "MBT": {"th_psi": 0.6, "th_learn": 0.5, "th_need": 0.2, "th_emo": 0.2},
    "TFP": {"th_kappa": 0.5, "th_need": 0.3, "th_psi": 0.3},
    "attachment": {"th_G": 0.4, "th_need": 0.3},
    "CBT": {"th_learn": 0.5, "th_psi": 0.5},
    "EMDR": {"th_G": 0.3, "th_emo": 0.2},
}
