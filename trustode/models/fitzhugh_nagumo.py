"""FitzHugh's Bonhoeffer-van der Pol model, ``fitzhugh-nagumo``.

    x' = c (y + x - x^3/3 + z)
    y' = -(x - a + b y) / c

FitzHugh (1961), Impulses and physiological states in theoretical models of nerve membrane,
Biophysical Journal 1, 445-466, doi:10.1016/S0006-3495(61)86902-6 (the equations that open
"The BVP model"; his signs); Nagumo, Arimoto & Yoshizawa (1962), Proceedings of the IRE 50,
2061-2070, doi:10.1109/JRPROC.1962.288235 (the circuit). The form with v = -x and a current
I = -z is the same model.

Known result that the tests check: at rest (z = 0) x = 1.1994, y = -.6243; Hopf points where
x^2 = 1 - b/c^2.
"""

from ..model import Model, Param, parameters, states

_SOURCE = "FitzHugh (1961)"


def build() -> Model:
    """Build the model.

    Returns
    -------
    Model
    """
    x, y = states("x y")
    a, b, c, z = parameters("a b c z")
    return Model(
        "fitzhugh-nagumo",
        rhs={x: c * (y + x - x**3 / 3 + z), y: -(x - a + b * y) / c},
        params={
            a: Param(0.7, min=-2, max=2, meaning="places the resting point", source=_SOURCE),
            b: Param(0.8, min=0, max=2, meaning="feedback of recovery on itself", source=_SOURCE),
            c: Param(3, min=0.1, max=100, meaning="separation of time scales", source=_SOURCE),
            z: Param(0, min=-3, max=3, meaning="stimulus; negative excites", source=_SOURCE),
        },
        initial={x: 1.2, y: -0.6},
        observables={"voltage": -x},
        bounds={x: (-3, 3), y: (-3, 3)},
        meanings={
            "x": "excitation: membrane potential and sodium activation, sign reversed",
            "y": "recovery: sodium inactivation and potassium activation",
            "voltage": "membrane potential, rising when it fires",
        },
        description="Excitability and repetitive firing of a nerve in two variables.",
        source=(
            "FitzHugh (1961), Biophysical Journal 1, 445-466, "
            "doi:10.1016/S0006-3495(61)86902-6; Nagumo, Arimoto & Yoshizawa (1962), "
            "Proceedings of the IRE 50, 2061-2070, doi:10.1109/JRPROC.1962.288235"
        ),
    )
