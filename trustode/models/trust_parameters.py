"""Parameters of the trust models: default, range, meaning, theme and source of each.

The themes are those of the verbal theories; every number is this project's. Imports the
model layer.
"""

from __future__ import annotations

from typing import NamedTuple

from ..model import Param

THEORY = "theme: Preti et al. 2023, 2026 (verbal); form and value: this project"
ADDITION = "addition of Preti et al. 2026 (verbal); form and value: this project"
GENERAL = "general accounts of trust issues; form and value: this project"
ASSUMPTION = "assumption of this project: editable, and never clinical guidance"


class _Row(NamedTuple):
    """One parameter, before its theme and source are known."""

    name: str
    value: float
    min: float
    max: float
    meaning: str
    unit: str = ""


#: (theme, source, rows): a theme may come back, so that the order is the specification's.
_THEMES: tuple[tuple[str, str, tuple[_Row, ...]], ...] = (
    (
        "time constants",
        ASSUMPTION,
        (
            _Row("tau_E", 0.2, 0.01, 20, "emotional antecedent: hours", "day"),
            _Row("tau_T", 0.7, 0.01, 20, "trust appraisal: a day", "day"),
            _Row("tau_B", 2, 0.01, 50, "planned behaviour: days", "day"),
            _Row("tau_G", 400, 1, 10000, "generalised trust: a year", "day"),
            _Row("tau_C", 0.6, 0.01, 20, "emotional consequence: hours", "day"),
            _Row("tau_A", 0.2, 0.01, 20, "impulsive activation: hours", "day"),
            _Row("tau_P", 2, 0.01, 50, "partner's responsiveness: days", "day"),
        ),
    ),
    (
        "developmental factors: physical and sexual abuse",
        THEORY,
        (_Row("D_ab", 0, 0, 1, "severity of physical and sexual abuse"),),
    ),
    (
        "developmental factors: abandonment",
        THEORY,
        (_Row("D_aban", 0, 0, 1, "severity of abandonment"),),
    ),
    (
        "developmental factors: overall quality of caregiving",
        THEORY,
        (_Row("D_care", 0, 0, 1, "how poor caregiving was overall"),),
    ),
    (
        "developmental factors: baseline of generalised trust",
        ASSUMPTION,
        (
            _Row("g_s", 0.6, -1, 2, "secure baseline of generalised trust, before tanh"),
            _Row("q_ab", 0.3, 0, 2, "how far abuse lowers the baseline"),
            _Row("q_aban", 0.3, 0, 2, "how far abandonment lowers the baseline"),
            _Row("q_care", 0.3, 0, 2, "how far poor caregiving lowers the baseline"),
        ),
    ),
    (
        "developmental factors: sensitisation",
        ASSUMPTION,
        (
            _Row("c_D", 0.8, 0, 3, "abuse sensitises emotion: gain of w_E"),
            _Row("phi_D", 0.2, 0, 1, "abandonment sensitises to exclusion"),
            _Row("ups_D", 0.4, 0, 1, "poor caregiving blocks learning from good"),
        ),
    ),
    (
        "relational situation: the partner's usual behaviour",
        THEORY,
        (_Row("p", 0.6, -1, 1.5, "what the partner usually does; in the dyad, would do"),),
    ),
    (
        "relational situation: specificity, intimacy",
        THEORY,
        (
            _Row(
                "iota",
                0.8,
                0,
                1,
                "intimacy: romantic 1, family .9, therapy .7, work .5, acquaintance .1",
            ),
        ),
    ),
    (
        "perception of being ignored or excluded",
        THEORY,
        (_Row("phi_ex", 0.02, 0, 1, "what a close situation loses by it"),),
    ),
    (
        "perception of being judged",
        THEORY,
        (_Row("phi_ju", 0.02, 0, 1, "what a close situation loses by it"),),
    ),
    (
        "perception of being abandoned",
        THEORY,
        (_Row("phi_ab", 0.02, 0, 1, "what a close situation loses by it"),),
    ),
    (
        "rigid distinction between good people and bad people",
        THEORY,
        (_Row("kappa", 0.2, 0, 4, "splitting: how far appraisal reinforces itself"),),
    ),
    (
        "idealisation; fluctuation between excessive trust and mistrust",
        THEORY,
        (_Row("beta", 0, 0, 2, "pull to excessive trust where the relationship matters"),),
    ),
    (
        "other as persecutor",
        THEORY,
        (_Row("pi", 0, 0, 1, "persecutory belief: lowers what signals are expected to mean"),),
    ),
    (
        "other should satisfy rigidly all the patient's needs",
        THEORY,
        (
            _Row("nu", 0.5, 0, 6, "entitlement: need that grows with the square of learned trust"),
            _Row("varpi", 0.2, 0, 2, "need carried by devalued self and persecutory belief"),
        ),
    ),
    (
        "self-devaluation (low self-worth)",
        THEORY,
        (
            _Row("sigma", 0, 0, 1, "self-devaluation"),
            _Row("w_sigma", 0.3, 0, 2, "its weight in appraisal"),
            _Row("e_sigma", 0.2, 0, 2, "its weight in emotion"),
        ),
    ),
    (
        "deeply rooted schemas about the disorder and its treatment",
        THEORY,
        (_Row("varsigma", 0, 0, 1, "share of a therapy's dose that they block"),),
    ),
    (
        "distortion of communication signals",
        THEORY,
        (_Row("psi", 0.2, 0, 2, "how far belief bends what is perceived"),),
    ),
    (
        "perfectionism and frustration tolerance",
        THEORY,
        (_Row("th_E", 0.8, -1, 3, "threshold at which unmet need becomes emotion"),),
    ),
    (
        "trust appraisal",
        THEORY,
        (
            _Row("w_x", 0.4, 0, 3, "weight of the perceived situation"),
            _Row("w_L", 0.7, 0, 3, "weight of the learned expectation (object constancy)"),
            _Row("w_G", 0.6, 0, 3, "weight of generalised trust"),
        ),
    ),
    (
        "emotional antecedent of appraisal",
        THEORY,
        (
            _Row("w_E", 1.35, 0, 5, "weight of the emotional antecedent in appraisal"),
            _Row("k_E", 5, 0.1, 30, "steepness with which unmet need becomes emotion"),
        ),
    ),
    (
        "planned behavioural consequences of distrust",
        THEORY,
        (
            _Row("k_B", 5, 0.1, 30, "steepness of their onset"),
            _Row("th_B", -0.2, -1, 1, "trust below which they set in"),
        ),
    ),
    (
        "behavioural consequences: avoidance",
        THEORY,
        (_Row("s_av", 0.4, 0, 1, "share of avoidance; the four shares sum to 1"),),
    ),
    (
        "behavioural consequences: destroying the relationship",
        THEORY,
        (_Row("s_de", 0.2, 0, 1, "share of destroying; the four shares sum to 1"),),
    ),
    (
        "behavioural consequences: need to control",
        THEORY,
        (_Row("s_co", 0.2, 0, 1, "share of control; the four shares sum to 1"),),
    ),
    (
        "behavioural consequences: demanding (and denial of dependence)",
        THEORY,
        (_Row("s_dm", 0.2, 0, 1, "share of demands; the four shares sum to 1"),),
    ),
    (
        "behavioural consequences: damage",
        ASSUMPTION,
        (
            _Row("d_av", 0.05, 0, 3, "what avoidance does to the partner's behaviour"),
            _Row("d_de", 0.2, 0, 3, "what destroying does to the partner's behaviour"),
            _Row("d_co", 0.1, 0, 3, "what control does to the partner's behaviour"),
            _Row("d_dm", 0.1, 0, 3, "what demands do to the partner's behaviour"),
            _Row("z_av", 0.75, 0, 1, "avoidance cuts off learning"),
        ),
    ),
    (
        "trust learning",
        THEORY,
        (_Row("eta", 0.1, 0, 2, "learning rate", "1/day"),),
    ),
    (
        "trust learning: confirmation",
        THEORY,
        (_Row("a", 0.3, 0, 1, "learning from one's own appraisal instead of the evidence"),),
    ),
    (
        "overestimation of single negative episodes",
        THEORY,
        (_Row("om", 0.2, -1, 4, "excess of the learning rate for bad news"),),
    ),
    (
        "underestimation of positive interactions",
        THEORY,
        (_Row("ups", 0.1, 0, 1, "loss of the learning rate for good news"),),
    ),
    (
        "betrayal history and generalisation",
        GENERAL,
        (
            _Row("h_G", 3, 0, 10, "how far betrayal history slows learning from good"),
            _Row("lam_G", 0.4, 0, 2, "generalisation of the specific partner to all"),
            _Row("eps", 0.05, 0.001, 1, "smoothing between the two learning rates"),
        ),
    ),
    (
        "earned security",
        GENERAL,
        (
            _Row("b_s", 0, 0, 1, "share of need and emotion that earned security buffers"),
            _Row("k_s", 6, 0.1, 30, "steepness of its onset"),
            _Row("g_e", 0.35, -1, 1, "generalised trust at which it sets in"),
        ),
    ),
    (
        "emotional consequences of trust misattribution",
        ADDITION,
        (
            _Row("kap_C", 0, 0, 1, "strength of the emotional consequence of mistrust"),
            _Row("k_C", 5, 0.1, 30, "steepness of its onset"),
            _Row("th_C", -0.1, -1, 1, "trust below which it sets in"),
            _Row("chi", 0, 0, 2, "its feedback on emotion: the one debated arrow"),
            _Row("rel", 0.4, 0, 1, "relief by acting out (emotional cascade)"),
        ),
    ),
    (
        "behavioural activation",
        ADDITION,
        (
            _Row("kap_A", 0, 0, 1, "strength of impulsive activation by arousal"),
            _Row("k_A", 8, 0.1, 30, "steepness of its onset"),
            _Row("th_A", 0.5, -1, 2, "arousal at which it sets in"),
            _Row("xi", 0.3, 0, 2, "share driven by the antecedent emotion"),
        ),
    ),
    (
        "behavioural activation: aggression",
        ADDITION,
        (_Row("s_ag", 0.4, 0, 1, "share of aggression; the three shares sum to 1"),),
    ),
    (
        "behavioural activation: social withdrawal",
        ADDITION,
        (_Row("s_wd", 0.3, 0, 1, "share of withdrawal; the three shares sum to 1"),),
    ),
    (
        "behavioural activation: punishment",
        ADDITION,
        (_Row("s_pu", 0.3, 0, 1, "share of punishment; the three shares sum to 1"),),
    ),
    (
        "behavioural activation: damage, the vicious circle",
        ASSUMPTION,
        (
            _Row("d_ag", 0, 0, 3, "what aggression does to the partner's behaviour"),
            _Row("d_wd", 0, 0, 3, "what withdrawal does to the partner's behaviour"),
            _Row("d_pu", 0, 0, 3, "what punishment does to the partner's behaviour"),
            _Row("z_wd", 0, 0, 1, "withdrawal cuts off learning"),
        ),
    ),
    (
        "effect of a therapy",
        ASSUMPTION,
        (
            _Row("th_kappa", 0, 0, 1, "share of splitting that a unit dose removes"),
            _Row("th_psi", 0, 0, 1, "share of distortion that a unit dose removes"),
            _Row("th_emo", 0, 0, 1, "share of emotional weight that a unit dose removes"),
            _Row("th_need", 0, 0, 1, "share of entitlement that a unit dose removes"),
            _Row("th_learn", 0, 0, 1, "share of biased learning that a unit dose removes"),
            _Row("th_G", 0, 0, 2, "lift of generalised trust, before tanh, by a unit dose"),
            _Row("th_act", 0, 0, 1, "share of impulsive activation that a unit dose removes"),
        ),
    ),
    (
        "dyad: the partner's response",
        ADDITION,
        (
            _Row("m_T", 0.2, 0, 3, "the partner warms with trust"),
            _Row("m_s", 1, 0, 5, "the partner reacts to behaviour"),
        ),
    ),
)

#: Every parameter of the three trust models, in the order of the specification.
PARAMETERS: dict[str, Param] = {
    row.name: Param(
        row.value, row.unit, row.min, row.max, meaning=row.meaning, theme=theme, source=source
    )
    for theme, source, rows in _THEMES
    for row in rows
}

#: What only the models with the two additions of 2026 have.
ADDITIONS = frozenset(
    {
        *("tau_C", "kap_C", "k_C", "th_C", "chi", "rel"),
        *("tau_A", "kap_A", "k_A", "th_A", "xi", "th_act"),
        *("s_ag", "s_wd", "s_pu", "d_ag", "d_wd", "d_pu", "z_wd"),
    }
)

#: What only the model with a responding partner has.
PARTNER = frozenset({"tau_P", "m_T", "m_s"})
