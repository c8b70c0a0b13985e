"""Fit a trust model to a ten-round trust game: ``python docs/studies/king_casas.py FOLDER``.

FOLDER holds ``rounds.csv`` of King-Casas et al. (2008), which is GPL-3.0 and so not bundled
(``help(trustode.data.read)`` says where it is and how it must look), and if wished
``published_ipomdp_fits.csv``, the fits of Hula et al. (2018). What came out, and what it means,
stands in king-casas.md beside this file. Takes about ten minutes on two cores; ``--quick`` leaves
out what persons and groups differ in.
"""

import argparse
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.optimize import least_squares

import trustode as tr
from trustode.fit import Fit, Observation

#: What an investor has in each round; a round's investment is tripled on its way.
STAKE = 20
#: The actions of Hula et al. (2018): five levels of what is sent, and of the share sent back.
SENT_LEVELS = range(0, STAKE + 1, 5)
SHARE_LEVELS = np.arange(5) / 6

#: Trust appraisal T is the share of the stake that the investor would send; it is drawn to a
#: disposition, to what was learned and, by reactivity, to what the last round brought. Learning
#: L follows what was sent, which shows trust as it was. The trustee's habit P follows the
#: shares that were sent back; a reply reacts to the investment at hand.
DYAD = tr.Model(
    "trust-game dyad",
    rhs={
        "T": "(b + w_L*L + w_x*x - T)/tau_T",
        "L": "eta*(sent - L)",
        "P": "eta_P*(share - P)",
    },
    params={
        "T_0": tr.Param(0.52, min=-0.5, max=1.5, meaning="trust before the first round"),
        "b": tr.Param(0.06, meaning="disposition to send"),
        "w_x": tr.Param(0.48, meaning="reactivity to what the last round brought"),
        "w_L": tr.Param(0.81, meaning="weight of what was learned"),
        "eta": tr.Param(0.75, min=0, unit="1/round", meaning="learning rate"),
        "tau_T": tr.Param(0.56, min=0.01, unit="round", meaning="time scale of trust"),
        "P_0": tr.Param(0.4, meaning="trustee: habit before the first round"),
        "p": tr.Param(-0.2, meaning="trustee: disposition to repay"),
        "w_P": tr.Param(1.1, meaning="trustee: weight of the habit"),
        "m": tr.Param(0.17, meaning="trustee: reactivity to the investment at hand"),
        "eta_P": tr.Param(0.2, min=0, unit="1/round", meaning="trustee: rate of the habit"),
    },
    initial={"T": "T_0", "L": "T_0", "P": "P_0"},
    inputs={"x": 0.0, "sent": 0.5, "share": 0.3},
    observables={"reply": "p + w_P*P + m*sent"},
    time_unit="round",
)

#: The same game by learning alone: what comes back is learned, faster or slower when it is
#: more than when it is less than expected, and what is sent is linear in it.
LEARNER = tr.Model(
    "delta rule in continuous time",
    rhs={"L": "(up + down)/2*(back - L) + (up - down)/2*(back - L)*tanh((back - L)/0.05)"},
    params={"L_0": 0.6, "b": 0.15, "w_L": 0.6, "up": 0.7, "down": 0.8},
    initial={"L": "L_0"},
    inputs={"back": 0.5},
    observables={"T": "b + w_L*L"},
    time_unit="round",
)

INVESTOR = {
    "T_0": tr.Vary(0.52, min=-0.5, max=1.5),
    "b": tr.Vary(0.06, min=-2, max=2),
    "w_x": tr.Vary(0.48, min=-4, max=4),
    "w_L": tr.Vary(0.8, min=-2, max=2),
    "eta": tr.Vary(0.75, min=0.05, max=5, scale="log"),
    "tau_T": tr.Vary(0.56, min=0.1, max=5, scale="log"),
    "sd": tr.Vary(4.0, min=1.0, max=20.0, scale="log"),
}
TRUSTEE = {
    "P_0": tr.Vary(0.4, min=-0.5, max=1.5),
    "p": tr.Vary(-0.2, min=-2, max=2),
    "w_P": tr.Vary(1.1, min=-3, max=3),
    "m": tr.Vary(0.17, min=-2, max=2),
    "eta_P": tr.Vary(0.2, min=0.02, max=5, scale="log"),
    "sd_P": tr.Vary(0.2, min=1 / 30, max=1, scale="log"),
}
LEARNING = {
    "L_0": tr.Vary(0.6, min=-1, max=3),
    "b": tr.Vary(0.15, min=-1, max=1),
    "w_L": tr.Vary(0.6, min=-2, max=2),
    "up": tr.Vary(0.7, min=0.02, max=10, scale="log"),
    "down": tr.Vary(0.8, min=0.02, max=10, scale="log"),
    "sd": INVESTOR["sd"],
}

#: A wish beyond the stake becomes all of it, one below nothing becomes nothing.
LEVEL = tr.GridGaussian("20*T", "sd", SENT_LEVELS, tails="collected")
AMOUNT = tr.GridGaussian("20*T", "sd", range(STAKE + 1), tails="collected")
REPLY = tr.GridGaussian("reply", "sd_P", SHARE_LEVELS, tails="collected")

INPUTS = {"x": "x", "sent": "sent", "share": "share"}


def rounds(path: str | Path) -> pd.DataFrame:
    """Return the rounds, with inputs, actions on the five levels, and the next investment.

    A row's inputs act from its round on, so they cannot help to predict its own investment;
    the reply of a round sees the investment that it answers.
    """
    frame = tr.data.read("king-casas-2008", path)
    frame["sent"] = frame["investment"] / STAKE
    frame["back"] = frame["repayment"] / STAKE
    frame["x"] = frame["back"] - frame["sent"]
    share = frame["repayment"] / (3 * frame["investment"]).where(frame["investment"] > 0)
    # Where nothing was sent there was nothing to repay, and the habit has nothing to follow.
    frame["share"] = share.groupby(frame["dyad"]).ffill().fillna(share.mean())
    frame["level"] = nearest(frame["sent"] * STAKE, np.array(SENT_LEVELS))
    frame["reply"] = nearest(share, SHARE_LEVELS)
    frame["first"] = frame.groupby("dyad")["sent"].transform("first")
    frame["next"] = frame["investment"].where(frame["round"] > 1)
    frame["bpd"] = (frame["trustee_group"] == "BPD").astype(float)
    return frame


def nearest(values: pd.Series, grid: np.ndarray) -> pd.Series:
    """Return the nearest values of a grid; what is missing stays so."""
    at = np.abs(values.to_numpy(float)[:, None] - grid).argmin(axis=1)
    return pd.Series(grid[at].astype(float), values.index).where(values.notna())


def mean_nll(frame: pd.DataFrame, log_probability: pd.Series | float) -> float:
    """Return minus the summed log-probability of a person's actions, averaged over persons."""
    each = pd.Series(log_probability, frame.index, dtype=float)
    return float(-each.groupby(frame["dyad"]).sum().mean())


def rmse(frame: pd.DataFrame, predicted: pd.Series) -> float:
    """Return the root mean square error of the investments of rounds 2 to 10."""
    later = frame["round"] > 1
    return float(np.sqrt(((predicted - frame["investment"])[later] ** 2).mean()))


# ------------------------------------------------------------------ what needs no model


def histogram(frame: pd.DataFrame, by: str = "dyad", column: str = "level") -> pd.Series:
    """Return each action's log-probability by how often its person took it: 4 parameters."""
    known = frame.dropna(subset=[column])
    count = known.groupby([by, column])[column].transform("size")
    return np.log(count / known.groupby(by)[column].transform("size")).reindex(frame.index)


def persistence(frame: pd.DataFrame) -> pd.Series:
    """Predict what was sent last."""
    return frame.groupby("dyad")["investment"].shift()


def group_mean(frame: pd.DataFrame) -> pd.Series:
    """Predict the mean of the group in this round."""
    return frame.groupby(["trustee_group", "round"])["investment"].transform("mean")


def regression(frame: pd.DataFrame) -> pd.Series:
    """Predict from what was sent and returned last, by the regression of all other pairs."""
    before = frame.groupby("dyad")[["investment", "repayment"]].shift()
    design = np.column_stack([np.ones(len(frame)), before])
    later = (frame["round"] > 1).to_numpy()
    predicted = pd.Series(np.nan, frame.index)
    for dyad in frame["dyad"].unique():
        mine = (frame["dyad"] == dyad).to_numpy()
        use = later & ~mine
        weights = np.linalg.lstsq(design[use], frame["investment"][use], rcond=None)[0]
        predicted[mine & later] = design[mine & later] @ weights
    return predicted


def delta_rule(frame: pd.DataFrame, reward: str) -> pd.Series:
    """Predict by a delta rule on a column, fitted to all pairs: 5 parameters."""
    sent = frame["investment"].to_numpy(float).reshape(-1, 10)
    rewards = frame[reward].to_numpy(float).reshape(-1, 10)

    def predict(at: np.ndarray) -> np.ndarray:
        """Return the investments of rounds 2 to 10."""
        value, found = np.full(len(sent), at[0]), []
        for reward in rewards.T[:-1]:
            error = reward - value
            value = value + np.where(error > 0, at[1], at[2]) * error
            found.append(at[3] + at[4] * value)
        return np.stack(found, axis=1)

    best = least_squares(lambda at: (predict(at) - sent[:, 1:]).ravel(), [0.3, 0.5, 0.5, 4.0, 10.0])
    every = np.column_stack([np.full(len(sent), np.nan), predict(best.x)])
    return pd.Series(every.ravel(), frame.index)


# ------------------------------------------------------------------ fits


def fit(
    model: tr.Model,
    frame: pd.DataFrame,
    column: str,
    observed: Observation,
    vary: dict,
    **options: object,
) -> Fit:
    """Fit one column of all pairs, or of one."""
    inputs = {name: name for name in model.inputs}
    given = {"time": "round", "group": "dyad", "inputs": inputs, "starts": 4, **options}
    with warnings.catch_warnings():
        # Ten actions often leave a value of a person undetermined; the tables show it.
        warnings.simplefilter("ignore", tr.FitWarning)
        return tr.fit(model, frame, observed={column: observed}, vary=vary, **given)


def of_population(fitted: Fit, vary: dict[str, tr.Vary], free: str) -> tuple[dict, dict]:
    """Return what a person varies, beginning at the population's values, and what is held."""
    value = fitted.params["value"]
    own = {
        name: tr.Vary(value[name], min=each.min, max=each.max, scale=each.scale)
        for name, each in vary.items()
        if name in free.split()
    }
    return own, {name: value[name] for name in vary if name not in own}


def by_person(
    frame: pd.DataFrame,
    column: str,
    observed: Observation,
    vary: dict[str, tr.Vary],
    fitted: Fit,
    free: str,
) -> pd.Series:
    """Return the log-probability of each action by fits to one person each.

    Whoever has fewer actions than own values (a trustee who was sent nothing in most rounds)
    keeps the values of all.
    """
    own, held = of_population(fitted, vary, free)
    of_all = fitted.residuals["loglik"]
    found = []
    for _, mine in frame.groupby("dyad"):
        if mine[column].count() < len(own):
            found.append(of_all.reindex(mine.index[mine[column].notna()]))
            continue
        each = fit(DYAD, mine, column, observed, own, params=held, starts=8)
        found.append(each.residuals["loglik"])
    return pd.concat(found).reindex(frame.index)


def likelihoods(frame: pd.DataFrame, published: pd.DataFrame | None) -> None:
    """Print negative log-likelihoods of ten actions, for investors and trustees."""
    chance = np.log(1 / 5)
    for who, column, observed, vary, sets in (
        ("investor", "level", LEVEL, INVESTOR,
         ("b sd", "T_0 b sd", "T_0 b w_x sd", "T_0 b w_x eta sd", "T_0 b w_x w_L sd")),
        ("trustee", "reply", REPLY, TRUSTEE,
         ("p sd_P", "P_0 p sd_P", "P_0 p m sd_P")),
    ):  # fmt: skip
        known = frame[column].notna()
        print(f"\n{who}: minus log-likelihood of ten actions, mean of {frame['dyad'].nunique()}")
        print(f"  chance                                      0   {mean_nll(frame, chance):7.3f}")
        if who == "trustee":
            print(f"  chance where something can be repaid        0   "
                  f"{mean_nll(frame, known * chance):7.3f}")  # fmt: skip
        own = mean_nll(frame, histogram(frame, column=column))
        print(f"  own histogram, no model                     4   {own:7.3f}")
        for label, n, name in (
            ("Hula et al., earlier model", 4, "o"),
            ("Hula et al., with risk aversion", 5, "av"),
            ("Hula et al., final model", 7, "final"),
        ):
            if published is not None:
                which = f"nll_{who}_final" if name == "final" else f"nll_{who}_model_{name}"
                print(f"  {label:40s}  {n:3d}   {published[which].mean():7.3f}")
        fitted = fit(DYAD, frame, column, observed, vary)
        print(f"  one trust ODE for all ({len(vary)} values in all)        0   "
              f"{mean_nll(frame, fitted.residuals['loglik']):7.3f}")  # fmt: skip
        for free in sets:
            nll = mean_nll(frame, by_person(frame, column, observed, vary, fitted, free))
            label = f"trust ODE, own {free.replace(' ', ', ')}"
            print(f"  {label:40s}  {len(free.split()):3d}   {nll:7.3f}", flush=True)


def predictions(frame: pd.DataFrame) -> None:
    """Print errors of the next investment, and likelihoods of pairs that were left out."""
    print("\nroot mean square error of the investments of rounds 2 to 10, units")
    for label, predicted in (
        ("mean of group and round, in sample", group_mean(frame)),
        ("persistence", persistence(frame)),
        ("regression, pair left out", regression(frame)),
        ("delta rule on what came back, in sample", delta_rule(frame, "back")),
        ("delta rule on the net gain, in sample", delta_rule(frame, "x")),
        ("delta rule on the share sent back, in sample", delta_rule(frame, "share")),
    ):
        print(f"  {label:46s} {rmse(frame, predicted):7.3f}")
    begun = {"T": "first", "L": "first"}
    later = {name: each for name, each in INVESTOR.items() if name != "T_0"}
    next_one = {
        "trust ODE": fit(DYAD, frame, "next", AMOUNT, later, initial=begun),
        "learning alone": fit(LEARNER, frame, "next", AMOUNT, LEARNING),
    }
    table = tr.compare(next_one, folds="all").table
    for name, row in table.iterrows():
        label = f"{name} ({row['n_free']:.0f} values), pair left out"
        print(f"  {label:46s} {row['cv_rmse_next']:7.3f}")
    every = {
        "trust ODE": fit(DYAD, frame, "level", LEVEL, INVESTOR),
        "learning alone": fit(LEARNER, frame, "level", LEVEL, LEARNING),
    }
    compared = tr.compare(every, folds="all")
    print("\nten actions of an investor who was left out, minus log-likelihood, mean")
    for name, row in compared.table.iterrows():
        told = -row["cv_loglik"] / frame["dyad"].nunique()
        print(f"  {name:46s} {told:7.3f}")
    print(compared)


def bundled(frame: pd.DataFrame) -> None:
    """Print how far the bundled model comes, which does not see what the investor sent."""
    vary = {
        "p": tr.Vary(0.2, min=-1, max=1.5),
        "w_x": tr.Vary(0.8, min=0, max=5),
        "w_L": tr.Vary(0.7, min=0, max=5),
        "w_G": tr.Vary(0.3, min=-2, max=2),
        "eta": tr.Vary(0.3, min=0.01, max=5, scale="log"),
        "tau_T": tr.Vary(0.7, min=0.1, max=5, scale="log"),
        "T(0)": tr.Vary(0.05, min=-0.9, max=0.9),
        "sd": INVESTOR["sd"],
    }
    observed = tr.GridGaussian("investment", "sd", SENT_LEVELS, tails="collected")
    inputs = {"ev": "ev"}
    model = tr.models.load("trust-updated")
    given = frame.assign(ev=2 * frame["x"])
    fitted = fit(model, given, "level", observed, vary, inputs=inputs, starts=2)
    error = rmse(frame, fitted.predict()["level"])
    print(f"\ntrust-updated, one for all, in sample: error {error:.3f}, ten actions "
          f"{mean_nll(frame, fitted.residuals['loglik']):.3f}\n{fitted}")  # fmt: skip


def population(frame: pd.DataFrame) -> None:
    """Print how investors differ among themselves, by mixed effects."""
    vary = INVESTOR | {
        "T_0": tr.Vary(0.52, random=True),
        "b": tr.Vary(0.06, random=True),
        "w_x": tr.Vary(0.48, random=True),
        "sd": tr.Vary(3.5, min=0.1, max=40.0, scale="log", random=True),
    }
    fitted = fit(DYAD, frame, "level", LEVEL, vary, starts=2)
    print(f"\ninvestors as draws from a population\n{fitted}")
    print(f"  ten actions, persons integrated out {-fitted.loglik / frame['dyad'].nunique():.3f}")
    own = mean_nll(frame, fitted.residuals["loglik"])
    print(f"  ten actions at each person's likeliest values {own:.3f}", flush=True)


def differences(frame: pd.DataFrame) -> None:
    """Print how values differ with the group of the trustee; intervals by drawing pairs."""
    for column, observed, vary, names in (
        ("level", LEVEL, INVESTOR, ("eta", "w_x", "b", "sd")),
        ("reply", REPLY, TRUSTEE, ("eta_P", "m", "p", "sd_P")),
    ):
        by_group = {name: replace(vary[name], per="trustee_group") for name in names}
        alike = fit(DYAD, frame, column, observed, vary)
        fitted = fit(DYAD, frame, column, observed, vary | by_group, starts=2)
        print(f"\n{fitted}")
        gain = 2 * (fitted.loglik - alike.loglik)
        print(f"  likelihood ratio against values that all share: {gain:.2f}, 4 values more")
        drawn = fitted.bootstrap(200, kind="case", seed=1).estimates
        at = pd.Series(fitted.params["value"].to_numpy(), drawn.columns)
        for name in names:
            steps = np.log if vary[name].scale == "log" else np.asarray
            told = "logarithm of the ratio" if vary[name].scale == "log" else "difference"
            apart = steps(drawn[f"{name} [BPD]"]) - steps(drawn[f"{name} [HC]"])
            value = steps(at[f"{name} [BPD]"]) - steps(at[f"{name} [HC]"])
            low, high = np.nanpercentile(apart, [2.5, 97.5])
            print(
                f"  {name}, BPD - HC: {told} {value:.3f}, 95 % {low:.3f} to {high:.3f}", flush=True
            )


def main() -> None:
    """Read the data and print all tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where rounds.csv is")
    parser.add_argument(
        "--quick", action="store_true", help="no differences between persons and groups"
    )
    asked = parser.parse_args()
    frame = rounds(asked.folder)
    file = asked.folder / "published_ipomdp_fits.csv"
    predictions(frame)
    bundled(frame)
    likelihoods(frame, pd.read_csv(file) if file.is_file() else None)
    if not asked.quick:
        differences(frame)
        population(frame)


if __name__ == "__main__":
    main()
