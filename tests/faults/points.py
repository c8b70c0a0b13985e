"""The scan of the rows on long calls; in a file of its own, so that what is killed loads little."""

import numpy as np

import trustode as tr

GRID = {"mu": np.linspace(0.5, 2, 6), "x(0)": [0.5, 1.0, 2.0, 3.0]}


def measure(path=None, **how):
    return tr.scan(
        tr.models.load("van-der-pol"), vary=GRID, t=(0, 60), measure=["period", "regime", "max"],
        checkpoint=path, **{"threads": 1} | how,
    )  # fmt: skip
