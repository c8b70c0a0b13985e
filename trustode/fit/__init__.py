"""Fit a model to data: maximum likelihood with exact gradients, from many starts.

Layers, each importing only those before it: `observation` (distributions of the data),
`columns`, `groups` and `data` (data frames in), `scales`, `prior` and `vary` (free values),
`readout` (predictions as observables), `rest` (steady states to begin in), `predictor` (solves
beside data), `objective` (likelihood, gradient, information), `optimise` (searches), `setup`
(all arguments brought together); `population` (who the persons are), `persons` (the likelihood
of each), `modes` (the likeliest values of each), `integral` (around these), `marginal` (random
values integrated out), `information` (covariance), `mixed` (populations set up and told);
`again` (searches near an optimum), `starts`, `onward` (from local optima), `resample` (other
data), `bootstrap`, `checks`, `profile`, `value` (the objective at any values), `criteria` (WAIC,
leave-one-out), `hierarchy` (populations and persons together), `unbounded`, `posterior` and
`sample` (draws), `result`; `outcome` (what searches come to) and `estimate` (the call that fits);
`comparison`, `left_out`, `ratios` and `compare`; `truths`, `recovery`, `confusion`, `recover` and
`ranking` (designs).
"""

from .compare import compare
from .comparison import Comparison
from .confusion import Confusion
from .estimate import fit
from .observation import (
    Binomial,
    Categorical,
    Gaussian,
    GridGaussian,
    Laplace,
    Observation,
    Ordinal,
    Poisson,
    StudentT,
)
from .ranking import Ranking, rank_designs
from .recover import recover
from .recovery import Recovery
from .rest import AtRest
from .result import Fit
from .value import Objective, objective
from .vary import Vary

__all__ = [
    "AtRest",
    "Binomial",
    "Categorical",
    "Comparison",
    "Confusion",
    "Fit",
    "Gaussian",
    "GridGaussian",
    "Laplace",
    "Objective",
    "Observation",
    "Ordinal",
    "Poisson",
    "Ranking",
    "Recovery",
    "StudentT",
    "Vary",
    "compare",
    "fit",
    "objective",
    "rank_designs",
    "recover",
]
