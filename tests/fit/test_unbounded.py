"""The density by values without bounds, as a sampler sees it."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import trustode as tr
from trustode.fit.unbounded import Unbounded


def test_a_posterior_has_priors_as_densities_of_the_values(drift: tr.Model) -> None:
    data = pd.DataFrame({"t": np.zeros(3), "y": [0.7, 1.2, 0.9]})
    prior = stats.lognorm(0.5, scale=1.3)
    vary = {"y(0)": tr.Vary(1.0, min=1e-3, scale="log10", prior=prior)}
    observed = {"y": tr.Gaussian("y", sd=0.4)}
    fit = tr.fit(drift, data, time="t", observed=observed, vary=vary, starts=1)
    free = Unbounded(fit._problem, fit._problem.evaluate(fit._x))

    def by_hand(w: float) -> float:
        """Return the log-density of w: of the value, and what the change of variable costs."""
        v = 10.0 ** free.x(np.array([w]))[0]
        h = 1e-6
        grown = 10.0 ** free.x(np.array([w + h]))[0] - 10.0 ** free.x(np.array([w - h]))[0]
        likely = stats.norm.logpdf(data["y"], v, 0.4).sum()
        return likely + prior.logpdf(v) + np.log(grown / (2 * h))

    at = [-1.0, 0.0, 0.8]
    found = np.array([free.density(np.array([w]))[0] for w in at])
    wanted = np.array([by_hand(w) for w in at])
    assert np.diff(found) == pytest.approx(np.diff(wanted), abs=1e-6)
    up, down = (free.density(np.array([0.3 + s * 1e-5]))[0] for s in (1, -1))
    slope = free.density(np.array([0.3]))[1][0]
    assert slope == pytest.approx((up - down) / 2e-5, rel=1e-6)
