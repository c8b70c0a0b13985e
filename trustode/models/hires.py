"""Eight-species kinetics of high irradiance responses, ``hires``.

Schafer (1975), A new approach to explain the "high irradiance responses" of
photomorphogenesis on the basis of phytochrome, Journal of Mathematical Biology 2, 41-56,
doi:10.1007/BF00276015; as problem HIRES in Hairer & Wanner (1996), Solving Ordinary
Differential Equations II, section IV.10, doi:10.1007/978-3-642-05221-7, and in Mazzia &
Magherini (2008), Test Set for Initial Value Problem Solvers, release 2.4, II-1.

Known result that the tests check: the test set's end values at t = 321.8122.
"""

from ..model import Model, Param, parameters, states

_RATES = {
    "k1": (1.71, "red light turns the inactive form into the active one"),
    "k2": (0.43, "the way back"),
    "k3": (8.32, "passage from the first to the second form"),
    "k4": (0.69, "decay of the active second form"),
    "k5": (0.035, "passage of the third form"),
    "k6": (8.32, "passage from the second to the first form"),
    "k7": (280, "binding to the receptor"),
    "k8": (0.69, "release from the receptor"),
    "k9": (0.69, "decay of the bound form"),
    "oks": (0.0007, "synthesis"),
}


def build() -> Model:
    """Build the model.

    Returns
    -------
    Model
    """
    y1, y2, y3, y4, y5, y6, y7, y8 = states("y1 y2 y3 y4 y5 y6 y7 y8")
    k1, k2, k3, k4, k5, k6, k7, k8, k9, oks = parameters(_RATES)
    binding = k7 * y6 * y8
    return Model(
        "hires",
        rhs={
            y1: -k1 * y1 + k2 * y2 + k6 * y3 + oks,
            y2: k1 * y1 - (k2 + k3) * y2,
            y3: -(k6 + k1) * y3 + k2 * y4 + k5 * y5,
            y4: k3 * y2 + k1 * y3 - (k4 + k2) * y4,
            y5: -(k5 + k1) * y5 + k2 * (y6 + y7),
            y6: -binding + k8 * y4 + k1 * y5 - k2 * y6 + k8 * y7,
            y7: binding - (k2 + k8 + k9) * y7,
            y8: -binding + (k2 + k8 + k9) * y7,
        },
        params={
            name: Param(
                value,
                min=0,
                max=100 * value,
                meaning=meaning,
                source="IVP test set, HIRES; the reactions: Schafer (1975)",
            )
            for name, (value, meaning) in _RATES.items()
        },
        initial={y1: 1, y2: 0, y3: 0, y4: 0, y5: 0, y6: 0, y7: 0, y8: 0.0057},
        observables={"receptor": y7 + y8},
        meanings={
            "y1": "first form, inactive (Pr)",
            "y2": "first form, active (Pfr)",
            "y3": "second form, inactive",
            "y4": "second form, active",
            "y5": "third form, inactive",
            "y6": "third form, active",
            "y7": "active form bound to the receptor",
            "y8": "free receptor",
            "receptor": "all receptor, which is conserved",
        },
        description="How light makes plant tissue grow by phytochrome; mildly stiff.",
        source=(
            "Schafer (1975), Journal of Mathematical Biology 2, 41-56, doi:10.1007/BF00276015; "
            "Mazzia & Magherini (2008), Test Set for IVP Solvers 2.4, II-1"
        ),
    )
