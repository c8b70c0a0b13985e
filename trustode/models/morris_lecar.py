"""The Morris-Lecar model of a barnacle muscle fibre, ``morris-lecar``.

    c_m V' = I - g_L (V - V_L) - g_K w (V - V_K) - g_Ca m(V) (V - V_Ca)
        w' = phi (w_inf(V) - w) cosh( (V - V_3) / (2 V_4) )
    m = (1 + tanh((V - V_1)/V_2)) / 2,  w_inf = (1 + tanh((V - V_3)/V_4)) / 2

Morris & Lecar (1981), Voltage oscillations in the barnacle giant muscle fiber, Biophysical
Journal 35, 193-213, doi:10.1016/S0006-3495(81)84782-0 (the reduced system, calcium
activation at once). Values: Rinzel & Ermentrout (1998), Analysis of neural excitability and
oscillations, in Koch & Segev, Methods in Neuronal Modeling, appendix A, figures 1 to 3.

Known result that the tests check: with these values rest loses stability in Hopf
bifurcations at I = 93.86 and 212.0.
"""

from sympy import cosh, tanh

from ..model import Model, Param, parameters, states

_SOURCE = "Rinzel & Ermentrout (1998), appendix A, figures 1 to 3"


def build() -> Model:
    """Build the model.

    Returns
    -------
    Model
    """
    V, w = states("V w")
    current, c_m, g_Ca, g_K, g_L = parameters("I c_m g_Ca g_K g_L")
    V_Ca, V_K, V_L, V_1, V_2, V_3, V_4, phi = parameters("V_Ca V_K V_L V_1 V_2 V_3 V_4 phi")
    m_inf = (1 + tanh((V - V_1) / V_2)) / 2
    w_inf = (1 + tanh((V - V_3) / V_4)) / 2
    ionic = g_L * (V - V_L) + g_K * w * (V - V_K) + g_Ca * m_inf * (V - V_Ca)

    def given(value: float, unit: str, low: float, high: float, meaning: str) -> Param:
        """Return a parameter with the set's source."""
        return Param(value, unit, low, high, meaning=meaning, source=_SOURCE)

    return Model(
        "morris-lecar",
        rhs={V: (current - ionic) / c_m, w: phi * (w_inf - w) * cosh((V - V_3) / (2 * V_4))},
        params={
            current: given(90, "uA/cm2", -100, 400, "applied current"),
            c_m: given(20, "uF/cm2", 1, 100, "capacitance of the membrane"),
            g_Ca: given(4.4, "mS/cm2", 0, 20, "largest calcium conductance"),
            g_K: given(8, "mS/cm2", 0, 30, "largest potassium conductance"),
            g_L: given(2, "mS/cm2", 0, 10, "leak conductance"),
            V_Ca: given(120, "mV", 50, 200, "reversal potential of calcium"),
            V_K: given(-84, "mV", -120, -40, "reversal potential of potassium"),
            V_L: given(-60, "mV", -100, 0, "reversal potential of the leak"),
            V_1: given(-1.2, "mV", -50, 50, "potential of half calcium activation"),
            V_2: given(18, "mV", 1, 50, "width of calcium activation"),
            V_3: given(2, "mV", -50, 50, "potential of half potassium activation"),
            V_4: given(30, "mV", 1, 60, "width of potassium activation"),
            phi: given(0.04, "1/ms", 0.001, 1, "rate of potassium activation"),
        },
        initial={V: -60, w: 0.015},
        observables={"voltage": V},
        bounds={V: (-100, 150), w: (0, 1)},
        time_unit="ms",
        meanings={
            "V": "membrane potential (mV)",
            "w": "open fraction of potassium channels",
            "voltage": "membrane potential (mV)",
        },
        description="Voltage oscillations from a calcium and a potassium current.",
        source=(
            "Morris & Lecar (1981), Biophysical Journal 35, 193-213, "
            "doi:10.1016/S0006-3495(81)84782-0 (reduced system)"
        ),
    )
