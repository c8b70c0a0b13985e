"""Forms of the trust models that a question needs: one load, or the choices of a game.

The equations are those of `trust`; only parameters, starts and read-outs differ. They are
compiled when trustode is, so they need no compiler later. Imports the model layer.
"""

from __future__ import annotations

from ..model import Model, Param, parameters
from .trust import build

#: The developmental factors that `one_load` moves together.
FACTORS = ("D_ab", "D_aban", "D_care")


def one_load(name: str = "trust-updated", profile: str = "bpd") -> Model:
    """Return a trust model whose three developmental factors are one parameter, ``D``.

    Parameters
    ----------
    name : {"trust-original", "trust-updated", "trust-dyad"}
        Which model.
    profile : str
        Its other values; ``D`` starts at 0, where the model rests and a branch can begin.

    Returns
    -------
    Model
    """
    arguments = build(name, profile).arguments()
    together = dict.fromkeys(parameters(FACTORS), parameters("D"))
    arguments["name"] = f"{name}, one developmental load"
    arguments["rhs"] = {
        state: expression.xreplace(together) for state, expression in arguments["rhs"].items()
    }
    for factor in FACTORS:
        del arguments["params"][factor]
    meaning = "developmental load: abuse, abandonment and caregiving alike"
    arguments["params"]["D"] = Param(0.0, min=0, max=1, meaning=meaning)
    return Model(**arguments)


def game(name: str = "trust-updated") -> Model:
    """Return a trust model, healthy profile, that reads out choices of a trust game.

    Its further inputs are the covariates; its observable ``choice`` is the probability of
    the higher offer, logistic in T and the covariates; T and L start at ``trust_0``.
    """
    arguments = build(name).arguments()
    arguments["name"] = f"{name}, trust game"
    arguments["params"] |= {
        "trust_0": Param(0.2, min=-1, max=1, meaning="trust in the partner before round one"),
        "b_0": Param(0.0, meaning="read-out: log odds of the higher offer, all else being 0"),
        "b_T": Param(1.0, meaning="read-out: weight of trust"),
        "b_low": Param(0.0, unit="1/dollar", meaning="read-out: weight of the lower offer"),
        "b_high": Param(0.0, unit="1/dollar", meaning="read-out: weight of the higher offer"),
        "b_readiness": Param(1.0, meaning="read-out: weight of the subject's readiness"),
    }
    arguments["inputs"] |= {"low": 0.0, "high": 0.0, "readiness": 0.0}
    arguments["initial"] |= {"T": "trust_0", "L": "trust_0"}
    arguments["observables"] |= {
        "choice": "(1 + tanh((b_0 + b_T*T + b_low*low + b_high*high + b_readiness*readiness)/2))/2"
    }
    arguments["meanings"] |= {
        "low": "lower offer, dollars",
        "high": "higher offer, dollars",
        "readiness": "log odds of the subject's high choices in the training runs",
        "choice": "probability of the higher offer",
    }
    return Model(**arguments)
