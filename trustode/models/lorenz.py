"""Lorenz's convection, ``lorenz``.

    X' = sigma (Y - X),   Y' = X (rho - Z) - Y,   Z' = X Y - beta Z

Lorenz (1963), Deterministic nonperiodic flow, Journal of the Atmospheric Sciences 20,
130-141, doi:10.1175/1520-0469(1963)020<0130:DNF>2.0.CO;2, eqs. (25) to (27); values and
start from its section 7.

Known result that the tests check: steady convection X = Y = +-sqrt(beta (rho - 1)),
Z = rho - 1 loses stability at rho = sigma (sigma + beta + 3) / (sigma - beta - 1) = 24.74.
"""

from ..model import Model, Param, parameters, states


def build() -> Model:
    """Build the model.

    Returns
    -------
    Model
    """
    X, Y, Z = states("X Y Z")
    sigma, rho, beta = parameters("sigma rho beta")
    source = "Lorenz (1963), section 7"
    return Model(
        "lorenz",
        rhs={X: sigma * (Y - X), Y: X * (rho - Z) - Y, Z: X * Y - beta * Z},
        params={
            sigma: Param(10, min=0, max=100, meaning="Prandtl number", source=source),
            rho: Param(28, min=0, max=400, meaning="relative Rayleigh number", source=source),
            beta: Param(8 / 3, min=0, max=10, meaning="shape of the cell", source=source),
        },
        initial={X: 0, Y: 1, Z: 0},
        observables={"convection": X},
        meanings={
            "X": "intensity of convection",
            "Y": "temperature difference of rising and sinking fluid",
            "Z": "departure of the vertical temperature profile from a line",
        },
        description="A fluid layer heated from below, in three modes; chaotic as given.",
        source=(
            "Lorenz (1963), Journal of the Atmospheric Sciences 20, 130-141, eqs. (25)-(27), "
            "doi:10.1175/1520-0469(1963)020<0130:DNF>2.0.CO;2"
        ),
    )
