"""The trust models: ``trust-original``, ``trust-updated`` and ``trust-dyad``.

They formalise two verbal theories of trust in borderline personality disorder: Preti,
Richetin, Poggi & Fertuck (2023), doi:10.1007/s11920-023-01468-y (the original model), and
Preti, Fanti, Di Pierro & Frigerio (2026), Counselling and Psychotherapy Research (the
updated model). The equations are this project's, not those authors'. Developmental
loadings, damages and the effects of therapies are assumptions; no value is estimated.

Known result that the tests check: with the ``bpd`` profile the equilibrium of the updated
model loses stability in a Hopf bifurcation when ``D_ab = D_aban = D_care`` pass .3080, with
a period of 27.7 days, earlier than in the original model (.3247, 23.6 days).

Imports the model layer.
"""

from __future__ import annotations

from dataclasses import replace

import sympy
from sympy import tanh

from ..model import Model, inputs, parameters, states
from .trust_parameters import ADDITIONS, PARAMETERS, PARTNER
from .trust_profiles import PROFILES, THERAPIES

E, T, L, G, B, C, A, P = states("E T L G B C A P")
ev, u, h = inputs("ev u h")

tau_E, tau_T, tau_B, tau_G, tau_C, tau_A, tau_P = parameters(
    "tau_E tau_T tau_B tau_G tau_C tau_A tau_P"
)
D_ab, D_aban, D_care, g_s, q_ab, q_aban, q_care, c_D, phi_D, ups_D = parameters(
    "D_ab D_aban D_care g_s q_ab q_aban q_care c_D phi_D ups_D"
)
p, iota, phi_ex, phi_ju, phi_ab, kappa, beta, pi, nu, varpi = parameters(
    "p iota phi_ex phi_ju phi_ab kappa beta pi nu varpi"
)
sigma, w_sigma, e_sigma, varsigma, psi, th_E, w_x, w_L, w_G, w_E, k_E = parameters(
    "sigma w_sigma e_sigma varsigma psi th_E w_x w_L w_G w_E k_E"
)
k_B, th_B, s_av, s_de, s_co, s_dm, d_av, d_de, d_co, d_dm, z_av = parameters(
    "k_B th_B s_av s_de s_co s_dm d_av d_de d_co d_dm z_av"
)
eta, a, om, ups, h_G, lam_G, eps, b_s, k_s, g_e = parameters(
    "eta a om ups h_G lam_G eps b_s k_s g_e"
)
kap_C, k_C, th_C, chi, rel, kap_A, k_A, th_A, xi = parameters(
    "kap_C k_C th_C chi rel kap_A k_A th_A xi"
)
s_ag, s_wd, s_pu, d_ag, d_wd, d_pu, z_wd = parameters("s_ag s_wd s_pu d_ag d_wd d_pu z_wd")
th_kappa, th_psi, th_emo, th_need, th_learn, th_G, th_act, m_T, m_s = parameters(
    "th_kappa th_psi th_emo th_need th_learn th_G th_act m_T m_s"
)

#: Therapy dose that schemas about the disorder and its treatment let through.
DOSE = (1 - varsigma) * h

#: Damage that planned (B) and impulsive (A) behaviour do to what the partner does.
DAMAGE_B = s_av * d_av + s_de * d_de + s_co * d_co + s_dm * d_dm
DAMAGE_A = s_ag * d_ag + s_wd * d_wd + s_pu * d_pu

_BOUNDS = {
    "E": (0, 1),
    "T": (-1, 1),
    "L": (-1, 1),
    "G": (-1, 1),
    "B": (0, 1),
    "C": (0, 1),
    "A": (0, 1),
    "P": (-1, 1),
    "h": (0, 1),
}
_MEANINGS = {
    "E": "negative emotional arousal that precedes and biases appraisal (emotional antecedent)",
    "T": "trust appraisal of this partner: -1 devaluation, +1 idealisation",
    "L": "learned expectation of this partner (trust learning)",
    "G": "generalised trust, carried into every relationship; holds the history of betrayal",
    "B": "planned behavioural consequences of distrust (avoidance, destroying, control, demands)",
    "C": "emotional consequence of mistrust (anger, anxiety)",
    "A": "impulsive behavioural activation by arousal (aggression, withdrawal, punishment)",
    "P": "the partner's responsiveness",
    "ev": "what the partner does beyond the usual; -1 is about a cancelled visit for a day",
    "u": "an emotional trigger that has nothing to do with the partner",
    "h": "therapy dose, 0 to 1",
    "rating": "rating of trust on a scale from 0 to 10",
    "investment": "trust-game investment out of 20",
    "affect": "negative affect from either source: 1 - (1 - E) (1 - C)",
    "avoid": "planned behaviour of distrust, B",
    "act": "impulsive behaviour, A; 0 in a model without it",
}
#: Start of a trust game with a stranger: calm, mildly trusting, with the little planned
#: behaviour that a trust of .2 brings, and a secure history.
_INITIAL = {"E": 0.1, "T": 0.2, "L": 0.2, "G": 0.6, "B": 0.1, "C": 0, "A": 0, "P": 0.6}

_WARNING = (
    "The equations are trustode's formalisation of a verbal theory, not its authors'. "
    "Developmental loadings, damages and therapy effects are assumptions; no value is "
    "estimated from data, and none is clinical guidance."
)
_ORIGINAL_SOURCE = (
    "Verbal theory: Preti, Richetin, Poggi & Fertuck (2023), Current Psychiatry Reports 25, "
    "555-567, doi:10.1007/s11920-023-01468-y. Equations and values: trustode"
)
_UPDATED_SOURCE = (
    "Verbal theories: Preti, Richetin, Poggi & Fertuck (2023), Current Psychiatry Reports 25, "
    "555-567, doi:10.1007/s11920-023-01468-y; Preti, Fanti, Di Pierro & Frigerio (2026), "
    "Counselling and Psychotherapy Research. Equations and values: trustode"
)
_ABOUT = {
    "trust-original": (
        "Trust in borderline personality disorder, the original model: emotional antecedent, "
        "trust appraisal, trust learning, generalised trust and planned behaviour.",
        _ORIGINAL_SOURCE,
    ),
    "trust-updated": (
        "Trust in borderline personality disorder, the updated model: the original with "
        "emotional consequences of mistrust and impulsive behavioural activation.",
        _UPDATED_SOURCE,
    ),
    "trust-dyad": (
        "The updated model with a partner who warms with trust and reacts to behaviour.",
        _UPDATED_SOURCE,
    ),
}


def _lam(z: sympy.Expr) -> sympy.Expr:
    """Return the logistic function of z."""
    return (1 + tanh(z / 2)) / 2


def _core(situation: sympy.Expr, c: sympy.Expr, activation: sympy.Expr) -> dict[str, sympy.Expr]:
    """Return the equations all models share, for the two additions as expressions.

    `situation` is what the partner does; `c` and `activation` are the states C and A, or 0.
    """
    rigidity = kappa * (1 - th_kappa * DOSE)
    distortion = psi * (1 - th_psi * DOSE)
    entitlement = nu * (1 - th_need * DOSE)
    emotional_weight = w_E * (1 + c_D * D_ab) * (1 - th_emo * DOSE)
    blocked = (1 - (1 - ups) * (1 - ups_D * D_care)) * (1 - th_learn * DOSE)
    overestimated = om * (1 - th_learn * DOSE)
    exclusion = phi_ex + phi_ju + phi_ab + phi_D * D_aban
    baseline = g_s - q_ab * D_ab - q_aban * D_aban - q_care * D_care
    buffer = 1 - b_s * (1 + tanh(k_s * (G - g_e))) / 2

    x = tanh(situation - exclusion * iota + distortion * ((L + G) / 2 - pi))
    need = buffer * entitlement * iota * ((1 + L) / 2) ** 2 + varpi * (sigma + pi)

    error = (1 - a) * x + a * T - L
    gate = 1 - z_av * s_av * B - z_wd * s_wd * activation
    eta_up = eta * (1 - blocked) * (1 - tanh(h_G * (g_s - G) / 2))
    eta_dn = eta * (1 + overestimated)
    rate = ((eta_up + eta_dn) + (eta_up - eta_dn) * tanh(error / eps)) / 2

    arousal = k_E * (need - x + u + e_sigma * sigma + chi * c - th_E)
    appraisal = (
        rigidity * T
        + w_x * x
        + w_L * L
        + w_G * G
        + beta * iota
        - buffer * emotional_weight * E
        - w_sigma * sigma
    )
    return {
        "E": (_lam(arousal) - E) / tau_E,
        "T": (tanh(appraisal) - T) / tau_T,
        "L": gate * error * rate,
        "G": (tanh(baseline + lam_G * L + th_G * DOSE) - G) / tau_G,
        "B": (_lam(k_B * (th_B - T)) - B) / tau_B,
    }


def _additions() -> dict[str, sympy.Expr]:
    """Return the equations of the emotional consequence and of impulsive activation."""
    consequence = kap_C * (1 - th_emo * DOSE) * _lam(k_C * (th_C - T)) * (1 - rel * A)
    impulse = kap_A * (1 - th_act * DOSE) * _lam(k_A * (C + xi * E - th_A))
    return {"C": (consequence - C) / tau_C, "A": (impulse - A) / tau_A}


def _partner() -> dict[str, sympy.Expr]:
    """Return the equation of the partner who responds."""
    return {"P": (tanh(p + m_T * T - m_s * (DAMAGE_B * B + DAMAGE_A * A)) - P) / tau_P}


def _equations(name: str) -> dict[str, sympy.Expr]:
    """Return the right-hand side of a trust model."""
    if name == "trust-original":
        absent = sympy.Integer(0)
        return _core(p + ev - DAMAGE_B * B, absent, absent)
    if name == "trust-updated":
        return _core(p + ev - DAMAGE_B * B - DAMAGE_A * A, C, A) | _additions()
    return _core(P + ev, C, A) | _additions() | _partner()


def build(
    name: str, profile: str = "healthy", severity: float = 1.0, therapy: str | None = None
) -> Model:
    """Build a trust model; names as `trustode.models.load` has checked them.

    Parameters
    ----------
    name : {"trust-original", "trust-updated", "trust-dyad"}
        Which of the three.
    profile : str
        A key of `PROFILES`; values that the model does not have are left out.
    severity : float
        Share of the way from healthy (0) to the profile (1).
    therapy : str, optional
        A key of `THERAPIES`.

    Returns
    -------
    Model
    """
    rhs = _equations(name)
    absent = (frozenset() if "C" in rhs else ADDITIONS) | (frozenset() if "P" in rhs else PARTNER)
    values = {
        key: (1 - severity) * PARAMETERS[key].value + severity * value
        for key, value in PROFILES[profile].items()
    }
    values |= THERAPIES[therapy] if therapy else {}
    description, source = _ABOUT[name]
    observables = {
        "rating": 10 * (T + 1) / 2,
        "investment": 20 * (1 + T) / 2,
        "affect": 1 - (1 - E) * (1 - C) if "C" in rhs else E,
        "avoid": B,
        "act": A if "A" in rhs else 0,
    }
    described = {*rhs, *observables, "ev", "u", "h"}
    return Model(
        name,
        rhs=rhs,
        params={
            key: replace(param, value=values.get(key, param.value))
            for key, param in PARAMETERS.items()
            if key not in absent
        },
        initial={key: value for key, value in _INITIAL.items() if key in rhs},
        inputs={"ev": 0.0, "u": 0.0, "h": 0.0},
        observables=observables,
        bounds={key: pair for key, pair in _BOUNDS.items() if key in rhs or key == "h"},
        time_unit="day",
        meanings={key: text for key, text in _MEANINGS.items() if key in described},
        description=f"{description} {_WARNING}",
        source=source,
    )
