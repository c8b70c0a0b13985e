"""Published models, ready to run: the trust models and the classics.

`names` lists them, `load` builds one. Each lives in its own module, which is imported when
the model is first asked for. Imports the errors; the modules import the model layer.
"""

from __future__ import annotations

import numbers
from collections.abc import Iterable, Iterator
from importlib import import_module
from typing import TYPE_CHECKING

from ..errors import ModelError, checks_keywords, listed, nearest
from .trust_profiles import PROFILES, THERAPIES

if TYPE_CHECKING:
    from ..model import Model

__all__ = ["built_in", "load", "names", "profiles", "therapies"]

_TRUST = ("trust-original", "trust-updated", "trust-dyad")

#: Module of each classic; it has one function, ``build``.
_CLASSICS = {
    "van-der-pol": "van_der_pol",
    "fitzhugh-nagumo": "fitzhugh_nagumo",
    "morris-lecar": "morris_lecar",
    "lorenz": "lorenz",
    "lotka-volterra": "lotka_volterra",
    "robertson": "robertson",
    "hires": "hires",
    "orego": "orego",
    "brusselator": "brusselator",
}


def names() -> list[str]:
    """List the models that `load` knows.

    Returns
    -------
    list of str
        The trust models first, then the classics.
    """
    return [*_TRUST, *_CLASSICS]


def built_in() -> Iterator[Model]:
    """Build every model that is compiled when trustode is: those of `names` and their forms.

    Yields
    ------
    Model
    """
    yield from map(load, names())
    forms = import_module(".trust_forms", __name__)
    yield from map(forms.one_load, _TRUST)
    yield forms.game()


def profiles(name: str) -> list[str]:
    """List the profiles of a model: named sets of parameter values.

    Parameters
    ----------
    name : str
        One of `names`.

    Returns
    -------
    list of str
        Empty for a model without profiles.

    Raises
    ------
    ModelError
        If there is no such model.
    """
    _member(name, names(), "profiles", "model")
    return list(PROFILES) if name in _TRUST else []


def therapies() -> dict[str, dict[str, float]]:
    """Show the therapies of the trust models.

    Returns
    -------
    dict of str to dict of str to float
        For each therapy the parameters that a unit dose (input ``h``) changes. They are
        illustrations of a profile's form, not estimates of efficacy.
    """
    return {name: dict(values) for name, values in THERAPIES.items()}


@checks_keywords
def load(
    name: str,
    profile: str | None = None,
    severity: float | None = None,
    therapy: str | None = None,
) -> Model:
    """Build a published model.

    Parameters
    ----------
    name : str
        One of `names`.
    profile : str, optional
        One of `profiles`; "healthy" unless said otherwise, "bpd" if `severity` is given.
        The couplings that only the updated model has are left out of the original.
    severity : float, optional
        Between 0 and 1: every value lies at that share of the way from healthy to the
        profile.
    therapy : str, optional
        One of `therapies`: what a unit dose of the input ``h`` changes.

    Returns
    -------
    Model

    Raises
    ------
    ModelError
        If the model, profile or therapy is unknown, names the nearest; if the severity is
        outside [0, 1]; if a classic, which has no profiles, is asked for one.

    Examples
    --------
    >>> load("trust-updated", profile="bpd").defaults["kappa"]
    1.3
    """
    _member(name, names(), "load", "model")
    if name in _CLASSICS:
        given = {"profile": profile, "severity": severity, "therapy": therapy}
        for option, value in given.items():
            if value is not None:
                raise ModelError(
                    f"load({name!r}): {option}={value!r:.60}, but only the trust models "
                    f"({', '.join(_TRUST)}) have profiles, severities and therapies"
                )
        classic: Model = import_module(f".{_CLASSICS[name]}", __name__).build()
        return classic
    where = f"load({name!r})"
    if profile is None:
        profile = "healthy" if severity is None else "bpd"
    _member(profile, PROFILES, where, "profile")
    if severity is not None:
        number = isinstance(severity, numbers.Real) and not isinstance(severity, bool)
        if not number or not 0 <= severity <= 1:
            raise ModelError(
                f"{where}: severity={severity!r:.60}; it is a number from 0 (healthy) to 1 "
                "(the profile)"
            )
    if therapy is not None:
        _member(therapy, THERAPIES, where, "therapy")
    trust = import_module(".trust", __name__)
    model: Model = trust.build(name, profile, 1.0 if severity is None else float(severity), therapy)
    return model


def _member(given: object, known: Iterable[str], call: str, what: str) -> None:
    """Raise unless a name is among those that are known."""
    every = list(known)
    if not isinstance(given, str) or given not in every:
        hint = nearest(given[:60], every) if isinstance(given, str) else ""
        raise ModelError(
            f"{call}: there is no {what} {given!r:.60}{hint or '.'} Known: {listed(every, 20)}"
        )
