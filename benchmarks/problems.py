"""What is solved: models, times, and references that owe nothing to trustode's own methods."""

import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.integrate import solve_ivp

import trustode as tr

#: Runs of an ensemble that are compared with a reference.
CHECKED = 12


@dataclass(frozen=True, eq=False)
class Problem:
    """An initial-value problem.

    `atol_share` is the absolute tolerance as a share of the relative one: what is small in a
    stiff problem matters.
    """

    name: str
    model: tr.Model
    t: np.ndarray
    stiff: bool = False
    atol_share: float = 1.0

    def tolerances(self, rtol):
        return {"rtol": rtol, "atol": rtol * self.atol_share}

    @property
    def y0(self):
        return tr.compile(self.model).initial()

    @property
    def p(self):
        return np.array(list(self.model.defaults.values()))


def trust_like():
    return tr.read_model(Path(__file__).with_name("trust_like.toml"))


def _classic(name, params=None, initial=None):
    return tr.models.load(name).replace(params=params or {}, initial=initial or {})


@cache
def problem(name):
    """Return a problem by name; 1,000 outputs each."""
    n = 1000
    match name:
        case "trust-like":
            return Problem(name, trust_like(), np.linspace(0, 1000, n))
        case "trust-updated":
            model = tr.models.load(name, profile="bpd")
            return Problem(name, model, np.linspace(0, 1000, n))
        case "van-der-pol":
            return Problem(name, _classic(name), np.linspace(0, 200, n))
        case "lorenz":
            model = _classic(name, initial={"X": 1.0, "Y": 1.0, "Z": 1.0})
            return Problem(name, model, np.linspace(0, 10, n))
        case "van-der-pol-1000":
            model = _classic("van-der-pol", params={"mu": 1000.0})
            return Problem(name, model, np.linspace(0, 2000, n), stiff=True, atol_share=1e-3)
        case "hires":
            t = np.linspace(0, 321.8122, n)
            return Problem(name, _classic(name), t, stiff=True, atol_share=1e-3)
        case "robertson":
            t = np.concatenate([[0.0], np.geomspace(1e-3, 1e4, n - 1)])
            return Problem(name, _classic(name), t, stiff=True, atol_share=1e-6)
        case "orego":
            t = np.linspace(0, 360, n)
            return Problem(name, _classic(name), t, stiff=True, atol_share=1e-2)
    raise ValueError(name)


@cache
def reference(name):
    """Return the states of a problem, shape (n_time, n_state), by scipy at tight tolerances.

    Their error is below 1e-11 of each state's largest value.
    """
    case = problem(name)
    compiled = tr.compile(case.model)
    method, rtol, more = "DOP853", 1e-13, {}
    if case.stiff:
        method, rtol, more = "Radau", 1e-11, {"jac": compiled.jac}
    atol = rtol * case.atol_share * 1e-2
    span = (case.t[0], case.t[-1])
    found = solve_ivp(compiled.rhs, span, case.y0, method, case.t, rtol=rtol, atol=atol, **more)
    return found.y.T


def achieved(y, exact):
    """Return the rms over the output grid, relative to each state's largest value."""
    scaled = (np.asarray(y) - exact) / np.abs(exact).max(axis=0)
    return float(np.sqrt(np.mean(scaled**2)))


def error_of(name):
    """Return what measures a problem's states; the reference is made when it is first needed."""
    return lambda y: achieved(y, reference(name))


@dataclass(frozen=True, eq=False)
class Ensemble:
    """One problem for many parameter sets; the first few come with a reference."""

    problem: Problem
    sets: np.ndarray
    t: np.ndarray
    exact: np.ndarray

    def achieved(self, y):
        """Return the median over the checked runs of each run's largest error."""
        scale = np.abs(self.exact).max(axis=(0, 1))
        worst = np.abs((y[: len(self.exact)] - self.exact) / scale).max(axis=(1, 2))
        return float(np.median(worst))

    def solve(self, rows, threads):
        """Solve some of the runs at 1e-6; return when that began and ended, and the states."""
        table = dict(zip(self.problem.model.params, self.sets[rows].T, strict=True))
        how = {"solver": tr.Solver(rtol=1e-6, atol=1e-6), "threads": threads, "progress": False}
        start = time.perf_counter()
        solved = tr.ensemble(self.problem.model, table, self.t, **how)
        return start, time.perf_counter(), solved.y


@cache
def ensemble(n_run):
    """Return the trust-like oscillator for `n_run` parameter sets around its own."""
    case = problem("trust-like")
    spread = np.random.default_rng(20).standard_normal((n_run, len(case.p)))
    sets = case.p * np.exp(0.15 * spread)
    t = np.linspace(0, 200, 100)
    rhs = tr.compile(case.model).rhs
    exact = [
        solve_ivp(rhs, (0, 200), case.y0, "DOP853", t, args=(p,), rtol=1e-12, atol=1e-14).y.T
        for p in sets[:CHECKED]
    ]
    return Ensemble(case, sets, t, np.array(exact))


def ensemble_span(n_run, rows):
    """When one thread began some of the runs and ended, in whichever process that is."""
    return ensemble(n_run).solve(rows, 1)[:2]


@dataclass(frozen=True, eq=False)
class Gradient:
    """The sensitivities of one problem to some of its parameters."""

    problem: Problem
    names: tuple[str, ...]
    t: np.ndarray
    exact: np.ndarray

    def achieved(self, dydp):
        scaled = (np.asarray(dydp) - self.exact) / np.abs(self.exact).max(axis=0)
        return float(np.sqrt(np.mean(scaled[1:] ** 2)))


@cache
def gradient():
    """Return 20 sensitivities of the trust-like oscillator.

    The reference solves the variational equations, Z' = (df/dy) Z + df/dp, with DOP853.
    """
    case = problem("trust-like")
    names = case.model.params[8:28]
    columns = [case.model.params.index(name) for name in names]
    compiled = tr.compile(case.model)
    n_state, n_vary = len(case.y0), len(names)

    def variational(t, z):
        y, tangents = z[:n_state], z[n_state:].reshape(n_state, n_vary)
        slopes = compiled.jac(t, y) @ tangents + compiled.dfdp(t, y)[:, columns]
        return np.concatenate([compiled.rhs(t, y), slopes.ravel()])

    t = np.linspace(0, 200, 100)
    start = np.concatenate([case.y0, np.zeros(n_state * n_vary)])
    z = solve_ivp(variational, (0, 200), start, "DOP853", t, rtol=1e-12, atol=1e-13).y.T
    return Gradient(case, names, t, z[:, n_state:].reshape(len(t), n_state, n_vary))


@dataclass(frozen=True, eq=False)
class Cohort:
    """Many people measured without noise, so that the best estimates are known."""

    model: tr.Model
    data: pd.DataFrame
    truth: dict[str, float]

    def achieved(self, fit):
        """Return the largest relative error of an estimate."""
        found = fit.params["value"]
        return max(abs(found[name] / value - 1) for name, value in self.truth.items())


@cache
def cohort(n_group=60, n_time=30):
    """Return people who differ in when they are measured, of the trust-like oscillator."""
    case = problem("trust-like")
    rng = np.random.default_rng(21)
    t = np.sort(rng.uniform(0, 60, (n_group, n_time)), axis=1)
    t[:, 0] = 0
    rhs = tr.compile(case.model).rhs
    exact = [
        solve_ivp(rhs, (0, 60), case.y0, "DOP853", each, rtol=1e-12, atol=1e-14).y[0] for each in t
    ]
    group = np.repeat(np.arange(n_group), n_time)
    data = pd.DataFrame({"g": group, "t": t.ravel(), "E": np.concatenate(exact)})
    names = ("wEA", "wER", "tauP", "eta")
    return Cohort(case.model, data, {name: case.model.defaults[name] for name in names})
