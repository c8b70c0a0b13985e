"""Van der Pol's oscillator, ``van-der-pol``.

    x'' - mu (1 - x^2) x' + x = 0

van der Pol (1926), On "relaxation-oscillations", Philosophical Magazine 2, 978-992,
doi:10.1080/14786442608564127; as a system of first order in Hairer & Wanner (1996), Solving
Ordinary Differential Equations II, doi:10.1007/978-3-642-05221-7, eq. (IV.1.5).

Known result that the tests check: a Hopf bifurcation of the origin at mu = 0 with angular
frequency 1, and a cycle of period 6.6633 at mu = 1.
"""

from ..model import Model, Param, parameters, states


def build() -> Model:
    """Build the model.

    Returns
    -------
    Model
    """
    x, v = states("x v")
    mu = parameters("mu")
    return Model(
        "van-der-pol",
        rhs={x: v, v: mu * (1 - x**2) * v - x},
        params={
            mu: Param(
                1,
                min=-10,
                max=1e4,
                meaning="strength of the nonlinear damping; large values are stiff",
                source="van der Pol (1926) draws .1, 1 and 10",
            )
        },
        initial={x: 2, v: 0},
        observables={"displacement": x},
        meanings={"x": "displacement (a voltage)", "v": "its rate of change"},
        description="A self-sustained oscillator whose damping is negative near rest.",
        source=(
            "van der Pol (1926), Philosophical Magazine 2, 978-992, "
            "doi:10.1080/14786442608564127; Hairer & Wanner (1996), Solving ODEs II, "
            "eq. (IV.1.5), doi:10.1007/978-3-642-05221-7"
        ),
    )
