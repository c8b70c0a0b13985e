"""Predator and prey, ``lotka-volterra``.

    N' = N (a - b P),   P' = P (c N - d)

Lotka (1920), PNAS 6, 410-415, doi:10.1073/pnas.6.7.410; Volterra (1926), Nature 118,
558-560, doi:10.1038/118558a0; in this form Murray (2002), Mathematical Biology I,
doi:10.1007/b98868, eqs. (3.1) and (3.2). The values illustrate.

Known result that the tests check: c N - d log N + b P - a log P is conserved, and small
cycles around (d/c, a/b) have the period 2 pi / sqrt(a d).
"""

from ..model import Model, Param, parameters, states


def build() -> Model:
    """Build the model.

    Returns
    -------
    Model
    """
    N, P = states("N P")
    a, b, c, d = parameters("a b c d")

    def rate(value: float, meaning: str) -> Param:
        """Return a rate."""
        return Param(value, min=0, max=20, meaning=meaning, source="illustration")

    return Model(
        "lotka-volterra",
        rhs={N: N * (a - b * P), P: P * (c * N - d)},
        params={
            a: rate(1, "growth rate of prey alone"),
            b: rate(0.1, "loss of prey to a predator"),
            c: rate(0.075, "growth of predators by prey"),
            d: rate(1.5, "death rate of predators alone"),
        },
        initial={N: 10, P: 5},
        observables={"prey": N, "predators": P},
        meanings={"N": "prey", "P": "predators"},
        description="Predators and prey: neutral cycles around one equilibrium.",
        source=(
            "Lotka (1920), PNAS 6, 410-415, doi:10.1073/pnas.6.7.410; Volterra (1926), "
            "Nature 118, 558-560, doi:10.1038/118558a0; form of Murray (2002), Mathematical "
            "Biology I, eqs. (3.1)-(3.2), doi:10.1007/b98868"
        ),
    )
