"""The Brusselator, ``brusselator``.

    x' = a + x^2 y - (b + 1) x,   y' = b x - x^2 y

Prigogine & Lefever (1968), Symmetry breaking instabilities in dissipative systems II, Journal
of Chemical Physics 48, 1695-1700, doi:10.1063/1.1668896; values and start from Hairer,
Norsett & Wanner (1993), Solving Ordinary Differential Equations I, section I.16,
doi:10.1007/978-3-540-78862-1.

Known result that the tests check: rest at (a, b/a), with a Hopf bifurcation at b = 1 + a^2
of angular frequency a.
"""

from ..model import Model, Param, parameters, states


def build() -> Model:
    """Build the model.

    Returns
    -------
    Model
    """
    x, y = states("x y")
    a, b = parameters("a b")
    source = "Hairer, Norsett & Wanner (1993), section I.16"
    return Model(
        "brusselator",
        rhs={x: a + x**2 * y - (b + 1) * x, y: b * x - x**2 * y},
        params={
            a: Param(1, min=0, max=10, meaning="supply of the first reactant", source=source),
            b: Param(3, min=0, max=30, meaning="supply of the second reactant", source=source),
        },
        initial={x: 1.5, y: 3},
        observables={"intermediate": x},
        meanings={"x": "first intermediate (scaled)", "y": "second intermediate (scaled)"},
        description="An autocatalytic reaction whose rest gives way to a cycle.",
        source=(
            "Prigogine & Lefever (1968), Journal of Chemical Physics 48, 1695-1700, "
            "doi:10.1063/1.1668896"
        ),
    )
