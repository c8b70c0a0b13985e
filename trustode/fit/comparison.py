"""What a comparison of fits found, and what it says in sentences.

Imports nothing of the fit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..notebook import Shown, text_of_columns

if TYPE_CHECKING:
    import pandas as pd

#: Difference of an information criterion below which no model is preferred: Burnham & Anderson
#: (2002), Model Selection and Multimodel Inference, 2.6.
LITTLE = 2.0


@dataclass(frozen=True, eq=False)
class Comparison(Shown):
    """What speaks for each of several fits to the same data.

    Attributes
    ----------
    table : DataFrame
        One row a fit, by name: n_free, loglik, aic, aicc, bic, d_aic, d_bic (above the least),
        weight (Akaike's), bic_weight. With `folds` or `ahead` also ``cv_loglik`` or
        ``ahead_loglik``, the log-likelihood of what was left out, how many observations that
        were (``cv_n``), its difference from the best (``cv_d``) with the standard error of that
        over groups (``cv_d_se``), and the root mean square error of each column
        (``cv_rmse_...``). With `samples` also ``loo`` and ``waic``,
        the expected log-density of new observations, their effective numbers of values
        (``loo_p``, ``waic_p``), the difference from the best and its standard error over
        observations (``loo_d``, ``loo_d_se``) and how many figures are doubtful
        (``loo_doubtful``).
    ratios : DataFrame
        One row a pair, the fit with fewer values as null: null, alternative, statistic (twice
        the gain in log-likelihood), df, nested (whether it is known that the alternative
        contains the null), p_chi2 (for nested ones), p_bootstrap and n_bootstrap.
    by_group : DataFrame
        With `folds` or `ahead`, the log-likelihood of each group, or of each person where a fit
        has random values, when it was left out.
    notes : tuple of str
        What deserves a look, in words.
    """

    table: pd.DataFrame
    ratios: pd.DataFrame
    by_group: pd.DataFrame
    notes: tuple[str, ...]
    _n_observations: int = field(repr=False)
    #: Whether the likelihoods of all fits are of the same persons, so that criteria rank them.
    _alike: bool = field(repr=False, default=True)

    def to_frame(self) -> pd.DataFrame:
        """Return the table."""
        return self.table.copy()

    def summary(self) -> str:
        """Return the answer in sentences."""
        sentences = []
        if self._alike:
            sentences += [_criterion_sentence(self.table, kind) for kind in ("aic", "bic")]
        for kind, told in (("cv", "of groups that were left out"), ("ahead", "of what came later")):
            if f"{kind}_loglik" in self.table:
                sentences.append(_held_out_sentence(self.table, kind, told))
        for kind in ("loo", "waic"):
            if kind in self.table:
                sentences.append(_new_data_sentence(self.table, kind))
        for pair in self.ratios.to_dict("records"):
            sentences.append(_ratio_sentence({str(key): value for key, value in pair.items()}))
        return "\n".join([*sentences, *self.notes])

    def _headline(self) -> str:
        return f"<Comparison of {len(self.table)} fits to {self._n_observations} observations>"

    def __repr__(self) -> str:
        notes = "".join(f"\n  note: {note}" for note in self.notes)
        # A column a fit: there are few fits and many figures, and a screen is narrow.
        return f"{self._headline()}\n{text_of_columns(self.table)}{notes}"


def _criterion_sentence(table: pd.DataFrame, kind: str) -> str:
    """Say which fit a criterion prefers, and by how much."""
    ordered = table.sort_values(kind)
    best, second = str(ordered.index[0]), str(ordered.index[1])
    ahead = float(ordered[kind].iloc[1] - ordered[kind].iloc[0])
    if ahead < LITTLE:
        return f"{kind.upper()} does not tell '{best}' from '{second}' (difference {ahead:.2g})."
    weight = float(ordered["weight" if kind == "aic" else "bic_weight"].iloc[0])
    return (
        f"{kind.upper()} prefers '{best}' to '{second}' by {ahead:.4g} (weight {weight:.3g} among "
        f"these {len(table)})."
    )


def _new_data_sentence(table: pd.DataFrame, kind: str) -> str:
    """Say which posterior is expected to predict new observations best."""
    ordered = table.sort_values(kind, ascending=False)
    best, second = str(ordered.index[0]), str(ordered.index[1])
    behind, error = -float(ordered[f"{kind}_d"].iloc[1]), float(ordered[f"{kind}_d_se"].iloc[1])
    return (
        f"The expected log-density of new observations by {kind.upper()} is largest for '{best}', "
        f"by {behind:.4g} over '{second}', standard error {error:.2g}."
    )


def _held_out_sentence(table: pd.DataFrame, kind: str, told: str) -> str:
    """Say which fit predicts best what was left out."""
    ordered = table.sort_values(f"{kind}_loglik", ascending=False)
    best, second = str(ordered.index[0]), str(ordered.index[1])
    behind, error = -float(ordered[f"{kind}_d"].iloc[1]), float(ordered[f"{kind}_d_se"].iloc[1])
    sure = f", standard error {error:.2g} over groups" if math.isfinite(error) else ""
    return (
        f"The log-likelihood {told} ({table[f'{kind}_n'].iloc[0]} observations) is largest for "
        f"'{best}', by {behind:.4g} over '{second}'{sure}."
    )


def _ratio_sentence(pair: dict[str, Any]) -> str:
    """Say what a likelihood ratio is."""
    told = (
        f"'{pair['alternative']}' against '{pair['null']}': likelihood ratio "
        f"{pair['statistic']:.4g} with {pair['df']} more values"
    )
    if math.isfinite(pair["p_chi2"]):
        told += f", p = {pair['p_chi2']:.3g} by chi-squared"
    if pair["n_bootstrap"]:
        told += f", p = {pair['p_bootstrap']:.3g} by {pair['n_bootstrap']} bootstrap data sets"
    elif not pair["nested"]:
        told += "; not known to be nested, so only a bootstrap gives a p"
    return told + "."
