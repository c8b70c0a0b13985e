"""What designs of the bundled data could tell: ``python docs/studies/recovery.py [N]``.

Simulates each study N times (500; what is not identifiable, a fifth of it) with its own times,
missing answers and inputs, fits it again, and prints how often the 95 % intervals hold the truth.
What came out stands in recovery.md.
"""

import sys
import warnings

import pandas as pd

import trustode as tr
from trustode.fit import Recovery

#: What a round brings, relative to what was sent: half of the tripled amount comes back or nothing.
RETURNS = {"recip": 0.5, "defect": -1.0}

#: Read-outs: mistrust rated from 1 to 9, and the odds of the higher of two offers.
MISTRUST = tr.GridGaussian("5 - 4*T", "sd", range(1, 10), tails="collected")
HIGHER = tr.Binomial("(1 + tanh((b_0 + b_T*T)/2))/2")


#: Ratings and choices need no more digits.
SOLVER = tr.Solver(rtol=1e-6, atol=1e-9)


def daily_life() -> pd.DataFrame:
    """Return the beeps of 23 persons; criticism by others is what their partners do."""
    frame = tr.data.load("contreras2020_paranoia_ema")
    frame = frame.drop_duplicates(["subject", "day", "beep"])
    # Ten beeps spread over the waking two thirds of a day.
    frame = frame.assign(t=frame["day"] - 1 + frame["beep"] / 15)
    ev = (1 - frame["criticism"]) / 8
    return frame.assign(ev=ev.fillna(0.0), mistrust=frame["no_trust"])[
        ["subject", "t", "ev", "mistrust"]
    ]


def trust_game(n_subject: int = 12) -> pd.DataFrame:
    """Return the rounds of the first persons with each of three partners, one a day."""
    frame = tr.data.load("srndna_trust_partners")
    frame = frame.sort_values(["subject", "partner", "run", "onset_choice_s"], ignore_index=True)
    frame = frame[frame["subject"].isin(frame["subject"].unique()[:n_subject])]
    frame["day"] = frame.groupby(["subject", "partner"]).cumcount().astype(float)
    frame["ev"] = frame["outcome"].map(RETURNS).fillna(0.0)
    return frame[["subject", "partner", "day", "ev"]]


def studies(n: int) -> dict[str, Recovery]:
    """Return each study's recovery by what it asks."""
    model = tr.models.load("trust-updated")
    diary = {
        "design": daily_life(),
        "time": "t",
        "group": "subject",
        "inputs": {"ev": "ev"},
        "observed": {"mistrust": MISTRUST},
    }
    game = {
        "design": trust_game(),
        "time": "day",
        "group": ["subject", "partner"],
        "inputs": {"ev": "ev"},
        "observed": {"higher": HIGHER},
    }
    sd = tr.Vary(1.2, min=0.1, max=10, scale="log")
    w_x, w_L = tr.Vary(0.8, min=0.0, max=3.0), tr.Vary(0.7, min=0.0, max=3.0)
    eta = tr.Vary(0.3, min=0.01, max=10.0, scale="log")
    b_0, b_T = tr.Vary(-0.5, min=-9.0, max=9.0), tr.Vary(2.0, min=-9.0, max=9.0)
    asked = {
        "diary: weights of situation and learning": (n, diary, {"w_x": w_x, "w_L": w_L, "sd": sd}),
        "diary: general trust and its weight": (
            n // 5,
            diary,
            {"g_s": tr.Vary(0.6, min=-1, max=1), "w_G": tr.Vary(0.6, min=0, max=3), "sd": sd},
        ),
        "game: learning rate and read-out": (n, game, {"eta": eta, "b_0": b_0, "b_T": b_T}),
    }
    found = {}
    for label, (times, study, vary) in asked.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", tr.FitWarning)
            found[label] = tr.recover(model, vary=vary, n=times, seed=1, solver=SOLVER, **study)
        print(f"\n{label}\n{found[label].summary()}", flush=True)
        print(found[label].table[["truth", "bias", "rmse", "coverage", "coverage_low",
              "coverage_high", "no_interval"]].round(4).to_string(), flush=True)  # fmt: skip
    return found


if __name__ == "__main__":
    studies(int(sys.argv[1]) if len(sys.argv) > 1 else 500)
