"""The Oregonator, ``orego``.

    y1' = s (y2 - y1 y2 + y1 - q y1^2)
    y2' = (y3 - y2 - y1 y2) / s
    y3' = w (y1 - y3)

Field & Noyes (1974), Oscillations in chemical systems IV: limit cycle behavior in a model of
a real chemical reaction, Journal of Chemical Physics 60, 1877-1884, doi:10.1063/1.1681288;
as problem OREGO in Hairer & Wanner (1996), Solving Ordinary Differential Equations II,
section IV.10, doi:10.1007/978-3-642-05221-7, and in Mazzia & Magherini (2008), Test Set for
Initial Value Problem Solvers, release 2.4.

Known result that the tests check: the test set's end values at t = 360.
"""

from ..model import Model, Param, parameters, states


def build() -> Model:
    """Build the model.

    Returns
    -------
    Model
    """
    y1, y2, y3 = states("y1 y2 y3")
    s, q, w = parameters("s q w")
    source = "IVP test set, OREGO; Field & Noyes (1974)"
    return Model(
        "orego",
        rhs={
            y1: s * (y2 - y1 * y2 + y1 - q * y1**2),
            y2: (y3 - y2 - y1 * y2) / s,
            y3: w * (y1 - y3),
        },
        params={
            s: Param(77.27, min=1, max=1000, meaning="ratio of time scales", source=source),
            q: Param(8.375e-6, min=0, max=1, meaning="loss of bromous acid", source=source),
            w: Param(0.161, min=0, max=10, meaning="rate of the catalyst", source=source),
        },
        initial={y1: 1, y2: 2, y3: 3},
        observables={"catalyst": y3},
        meanings={
            "y1": "bromous acid (scaled)",
            "y2": "bromide (scaled)",
            "y3": "oxidised catalyst (scaled)",
            "catalyst": "oxidised catalyst (scaled): the colour one sees",
        },
        description="The Belousov-Zhabotinsky reaction: a stiff relaxation oscillator.",
        source=(
            "Field & Noyes (1974), Journal of Chemical Physics 60, 1877-1884, "
            "doi:10.1063/1.1681288; Mazzia & Magherini (2008), Test Set for IVP Solvers 2.4"
        ),
    )
