"""Observation models: how a measured column arises from what the model predicts.

One family a file: `base` says what they have in common, `located` holds what families of a
location and a scale share, `levels` what families of a few possible values share.
"""

from __future__ import annotations

from .base import Observation, Scaled, Terms
from .binomial import Binomial
from .categorical import Categorical
from .gaussian import Gaussian
from .grid import GridGaussian
from .laplace import Laplace
from .ordinal import Ordinal
from .poisson import Poisson
from .student import StudentT

__all__ = [
    "Binomial",
    "Categorical",
    "Gaussian",
    "GridGaussian",
    "Laplace",
    "Observation",
    "Ordinal",
    "Poisson",
    "Scaled",
    "StudentT",
    "Terms",
]
