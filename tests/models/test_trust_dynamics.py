"""What the trust models do over time, against the figures of the model's specification.

The specification's figures come from an independent prototype (scipy's LSODA at 1e-9). Each
test states the protocol that reproduces them; the last digit printed there is the tolerance.
"""

import numpy as np
import pytest

import trustode as tr

FINE = tr.Solver(rtol=1e-8, atol=1e-10)

#: Generalised trust at the equilibrium of the updated model, healthy and bpd.
G_AT_REST = {0: 0.7018, 1: 0.2116}

#: Half of the last digit printed, and a little for where it was cut rather than rounded.
TWO_DIGITS, THREE_DIGITS = 0.006, 0.0006


def at_rest(model):
    """Return the model's stable equilibrium with the highest trust."""
    return dict(max(tr.equilibria(model).stable, key=lambda e: e.state["T"]).state)


def excitable(**changes):
    return tr.models.load("trust-updated", profile="bpd-excitable").replace(params=changes)


@pytest.mark.parametrize(
    ("severity", "shares"),
    [
        (1, ".60 .75 .80 .82 .82 .82 .28 .07 .02 .01 .01 .16 .47 .80 .93"),
        (0, ".60 .79 .85 .87 .88 .89 .81 .77 .76 .75 .74 .83 .87 .88 .89"),
    ],
)
def test_trust_game(severity, shares):
    """Five cooperative, five violating (ev = -.8), five cooperative rounds, read each morning."""
    model = tr.models.load("trust-updated", profile="bpd", severity=severity)
    rounds = tr.simulate(
        model,
        np.arange(15.0),
        initial={"G": G_AT_REST[severity]},
        inputs={"ev": tr.Steps([5.0, 10.0], [-0.8, 0.0])},
        solver=FINE,
    )
    wanted = [float(share) for share in shares.split()]
    assert (1 + rounds["T"]) / 2 == pytest.approx(wanted, abs=TWO_DIGITS)


@pytest.mark.parametrize(
    ("model", "amplitude", "days", "lowest"),
    [
        (tr.models.load("trust-updated"), -1.0, 0.0, 0.75),
        (tr.models.load("trust-original", profile="bpd-excitable"), -1.0, 4.6, -0.43),
        (excitable(chi=0.0), -1.0, 5.9, -0.63),
        (excitable(), -1.0, 7.4, -0.75),
        (excitable(), -0.5, 7.8, None),
        (tr.models.load("trust-original", profile="bpd-excitable"), -0.5, 0.0, None),
        (excitable(), -0.25, 0.0, None),
    ],
    ids=["healthy", "original", "strict", "updated", "updated-half", "original-half", "quarter"],
)
def test_one_negative_episode(model, amplitude, days, lowest):
    t = np.linspace(0.0, 60.0, 60_001)
    episode = tr.Episodes([5.0], height=amplitude, sd=0.25)
    response = tr.simulate(model, t, initial=at_rest(model), inputs={"ev": episode}, solver=FINE)
    assert np.mean(response["T"] < 0) * 60.0 == pytest.approx(days, abs=0.06)
    if lowest is not None:
        assert response["T"].min() == pytest.approx(lowest, abs=TWO_DIGITS)


def test_rigid_splitting_forgives_once_and_no_more():
    model = tr.models.load("trust-updated", profile="bpd-rigid")
    ends = sorted(e.state["T"] for e in tr.equilibria(model).stable)
    assert ends == pytest.approx([-0.944, 0.896], abs=THREE_DIGITS)
    idealised = at_rest(model)
    for amplitude, end in ((-1.0, 0.896), (-1.25, -0.905)):
        episode = tr.Episodes([5.0], height=amplitude)
        after = tr.simulate(
            model, [0.0, 300.0], initial=idealised, inputs={"ev": episode}, solver=FINE
        )
        assert after["T"][-1] == pytest.approx(end, abs=THREE_DIGITS)


def test_rigid_devaluation_outlasts_every_kindness():
    """Thirty good days, as daily episodes of 2 or as a partner raised to p = 1."""
    model = tr.models.load("trust-updated", profile="bpd-rigid")
    devalued = dict(min(tr.equilibria(model).stable, key=lambda e: e.state["T"]).state)
    kindness = (
        tr.Episodes(np.arange(5.0, 35.0), height=2.0),
        tr.Pulses([5.0], height=1.0 - model.defaults["p"], width=30.0),
    )
    for inputs in kindness:
        t = np.linspace(0.0, 400.0, 801)
        course = tr.simulate(model, t, initial=devalued, inputs={"ev": inputs}, solver=FINE)["T"]
        assert course.max() > 0.9
        assert course[-1] == pytest.approx(-0.941, abs=2e-3)


@pytest.mark.parametrize(
    ("profile", "severity", "gain", "loss"),
    [("healthy", 0, 0.0179, -0.0391), ("bpd", 1, 0.0124, -0.1452)],
)
def test_asymmetric_learning(profile, severity, gain, loss):
    """Episodes at day 1, L read at day 3, less the run without an episode."""
    model = tr.models.load("trust-updated", profile=profile)
    start = {"T": 0.3, "L": 0.2, "G": G_AT_REST[severity]}

    def learned(height):
        inputs = {"ev": tr.Episodes([1.0], height=height)} if height else {}
        return tr.simulate(model, [0.0, 3.0], initial=start, inputs=inputs, solver=FINE)["L"][-1]

    reference = learned(0.0)
    assert learned(1.0) - reference == pytest.approx(gain, abs=6e-5)
    assert learned(-1.0) - reference == pytest.approx(loss, abs=6e-5)


@pytest.mark.parametrize(
    ("profile", "days", "recovery"),
    [
        ("healthy", 7.0, 6.5),
        ("healthy", 365.0, 26.0),
        ("guarded", 7.0, 10.0),
        ("guarded", 365.0, 70.8),
    ],
)
def test_recovery_takes_longer_after_a_longer_betrayal(profile, days, recovery):
    """The partner falls to -.6 over half a day and comes back; 90 % of T, on quarters of a day."""
    model = tr.models.load("trust-updated", profile=profile)
    start = 20.0
    edge = np.linspace(-3.0, 3.0, 601)
    fall = -1.2 * (1 + np.tanh(4 * edge)) / 2
    times = np.concatenate([start + edge, start + days + edge])
    values = np.concatenate([fall, -1.2 - fall])
    betrayal = tr.Samples(times, values, kind="cubic")
    end = start + days
    t = np.concatenate([[0.0], end + np.arange(0.0, 200.0, 0.25)])
    course = tr.simulate(model, t, initial=at_rest(model), inputs={"ev": betrayal}, solver=FINE)[
        "T"
    ]
    wanted = course[1] + 0.9 * (course[0] - course[1])
    recovered = t[1:][course[1:] >= wanted][0] - end
    assert recovered == pytest.approx(recovery, abs=0.25)


@pytest.mark.parametrize(
    ("profile", "fresh", "marked"), [("healthy", 0.76, 0.56), ("guarded", 0.65, 0.31)]
)
def test_distrust_is_carried_to_a_new_partner(profile, fresh, marked):
    """Only G is kept from three years with a betraying partner."""
    model = tr.models.load("trust-updated", profile=profile)
    rest = at_rest(model)
    old = tr.simulate(model, [0.0, 1095.0], params={"p": -0.6}, initial=rest, solver=FINE)
    for general, wanted in ((rest["G"], fresh), (old["G"][-1], marked)):
        start = {"E": 0.1, "T": 0.0, "L": 0.0, "G": general, "B": 0.0}
        meeting = tr.simulate(model, [0.0, 7.0], initial=start, solver=FINE)
        assert meeting["T"][-1] == pytest.approx(wanted, abs=TWO_DIGITS)


def test_buffered_profile_has_two_long_run_attractors():
    model = tr.models.load("trust-updated", profile="bpd-buffer")
    t = np.concatenate([[0.0], np.linspace(7000.0, 8000.0, 5001)])
    cycling, resting = (tr.simulate(model, t, initial={"G": g}) for g in (0.2, 0.5))
    assert np.ptp(cycling["T"][1:]) > 1.7
    assert cycling["G"][1:].mean() == pytest.approx(0.18, abs=TWO_DIGITS)
    assert resting["T"][-1] == pytest.approx(0.92, abs=TWO_DIGITS)
    assert resting["G"][-1] == pytest.approx(0.50, abs=TWO_DIGITS)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("therapy", "lasts_from"), [("DBT", 26), ("attachment", 26), ("MBT", 52), ("TFP", 52)]
)
def test_weekly_sessions_last_when_there_are_enough(therapy, lasts_from):
    """Three, six and twelve months of weekly sessions, looked at five years after the end."""
    model = tr.models.load("trust-updated", profile="bpd-buffer", therapy=therapy)
    cycle = tr.simulate(model, [0.0, 4000.0], initial={"G": 0.2})
    start = dict(zip(model.states, cycle.y[-1], strict=True))
    for n in (13, 26, 52):
        sessions = tr.Sessions(7.0 * np.arange(n))
        end = 7.0 * n + 5 * 365.0
        t = np.concatenate([[0.0], np.linspace(end - 200.0, end, 1001)])
        after = tr.simulate(model, t, initial=start, inputs={"h": sessions})["T"][1:]
        assert (np.ptp(after) < 0.01) == (n >= lasts_from)
