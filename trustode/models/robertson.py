"""Robertson's autocatalytic reaction, ``robertson``.

    y1' = -k1 y1 + k3 y2 y3
    y2' =  k1 y1 - k3 y2 y3 - k2 y2^2
    y3' =  k2 y2^2

Robertson (1966), The solution of a set of reaction rate equations, in Walsh, Numerical
Analysis: an Introduction, 178-182; Hairer & Wanner (1996), Solving Ordinary Differential
Equations II, doi:10.1007/978-3-642-05221-7, eq. (IV.1.4).

Known result that the tests check: y1 + y2 + y3 is conserved, and the published end values
at t = 40 and t = 1e11.
"""

from ..model import Model, Param, parameters, states


def build() -> Model:
    """Build the model.

    Returns
    -------
    Model
    """
    y1, y2, y3 = states("y1 y2 y3")
    k1, k2, k3 = parameters("k1 k2 k3")
    source = "Robertson (1966)"
    slow = k1 * y1
    quick = k2 * y2**2
    back = k3 * y2 * y3
    return Model(
        "robertson",
        rhs={y1: back - slow, y2: slow - back - quick, y3: quick},
        params={
            k1: Param(0.04, min=0, max=1, meaning="A -> B, slow", source=source),
            k2: Param(3e7, min=0, max=1e9, meaning="B + B -> C + B, very quick", source=source),
            k3: Param(1e4, min=0, max=1e6, meaning="B + C -> A + C, quick", source=source),
        },
        initial={y1: 1, y2: 0, y3: 0},
        observables={"total": y1 + y2 + y3},
        bounds={y1: (0, 1), y2: (0, 1), y3: (0, 1)},
        meanings={
            "y1": "concentration of A",
            "y2": "concentration of B",
            "y3": "concentration of C",
            "total": "what the reaction conserves",
        },
        description="Three reactions with rates nine powers of ten apart: the stiff classic.",
        source=(
            "Robertson (1966), in Walsh, Numerical Analysis: an Introduction, 178-182; "
            "Hairer & Wanner (1996), Solving ODEs II, eq. (IV.1.4), "
            "doi:10.1007/978-3-642-05221-7"
        ),
    )
