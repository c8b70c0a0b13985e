"""One solve: against closed forms, against scipy, and when it goes wrong."""

import importlib
import os
import pickle
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

import trustode as tr
from trustode.expression import TIME

TIGHT = tr.Solver(method="tsit5", rtol=1e-10, atol=1e-12)

#: How far each built-in is followed: long enough to show what it does, short enough that a
#: chaotic or stiff one can be compared at 1e-8 by an explicit method.
SPAN = {"lorenz": 4.0, "robertson": 1.0, "orego": 1.0, "hires": 20.0}


def relaxation(rate=1.0):
    """x' = rate (u - x): an input's filter, with a closed form for steps."""
    x, k, u = tr.states("x"), tr.parameters("k"), tr.inputs("u")
    return tr.Model("filter", {x: k * (u - x)}, params={k: rate}, initial={x: 0.0}, inputs={u: 0.0})


@pytest.mark.parametrize("name", tr.models.names())
def test_tsit5_agrees_with_dop853_on_every_builtin(name):
    model = tr.models.load(name)
    compiled = tr.compile(model)
    t = np.linspace(0.0, SPAN.get(name, 30.0), 50)
    solver = tr.Solver(method="tsit5", rtol=1e-10, atol=1e-14)
    got = tr.simulate(model, t, solver=solver).y
    wanted = solve_ivp(
        compiled.rhs, (t[0], t[-1]), compiled.initial(), "DOP853", t, rtol=1e-13, atol=1e-15
    ).y.T
    largest = np.abs(wanted).max(axis=0)
    assert (np.abs(got - wanted) <= 1e-8 * largest).all()


@pytest.mark.parametrize(
    ("name", "t_end", "wanted"),
    [
        # Mazzia & Magherini (2008), Test Set for IVP Solvers, release 2.4.
        (
            "hires",
            321.8122,
            [0.7371312573325668e-3, 0.1442485726316185e-3, 0.5888729740967575e-4,
             0.1175651343283149e-2, 0.2386356198831331e-2, 0.6238968252742796e-2,
             0.2849998395185769e-2, 0.2850001604814231e-2],
        ),
        ("orego", 360.0, [0.1000814870318523e1, 0.1228178521549917e4, 0.1320554942846706e3]),
        ("robertson", 1e11, [0.2083340149701255e-7, 0.8333360770334713e-13, 0.9999999791665050]),
    ],
)  # fmt: skip
def test_stiff_problems_reach_their_published_end_values(name, t_end, wanted):
    atol = 1e-22 if name == "robertson" else 1e-14
    for method in ("rodas5p", "auto"):
        solver = tr.Solver(method=method, rtol=1e-9, atol=atol)
        solution = tr.simulate(tr.models.load(name), [0.0, t_end], solver=solver)
        assert solution.y[-1] == pytest.approx(wanted, rel=1e-6)


def test_stiffness_is_met_by_handing_over():
    solution = tr.simulate(tr.models.load("hires"), [0.0, 321.8122])
    assert solution.stats["stiff"]
    assert solution.stats["n_jac"] > 0


def test_an_explicit_method_warns_of_stiffness():
    mu = {"mu": 200.0}
    with pytest.warns(tr.SolveWarning, match=r'stiff for .tsit5.*Solver\(method="rodas5p"\)'):
        tr.simulate(
            tr.models.load("van-der-pol"), [0.0, 60.0], params=mu, solver=tr.Solver(method="tsit5")
        )


# ------------------------------------------------------------------ inputs


def test_steps_are_hit_exactly():
    """Closed form of x' = u - x with u = 1 on [1, 2.5), 3 after."""
    t = np.array([0.0, 1.0, 2.5, 4.0])
    steps = tr.Steps([1.0, 2.5], [1.0, 3.0])
    solution = tr.simulate(relaxation(), t, inputs={"u": steps}, solver=TIGHT)
    at = 1.0 - np.exp(-1.5)
    end = 3.0 + (at - 3.0) * np.exp(-1.5)
    assert solution.y[:, 0] == pytest.approx([0.0, 0.0, at, end], abs=1e-9)
    assert solution["u"].tolist() == [0.0, 1.0, 3.0, 3.0]
    own = tr.simulate(relaxation(), (0.0, 4.0), inputs={"u": steps}, solver=TIGHT)
    assert {1.0, 2.5} <= set(own.t.tolist())


@pytest.mark.parametrize("method", ["auto", "rodas5p", "DOP853", "LSODA"])
def test_a_pulse_of_a_second_is_not_stepped_over(method):
    """A pulse of width w leaves (1 - exp(-w)) behind; w is a second of a day."""
    w = 1.0 / 86400.0
    solver = tr.Solver(method=method, rtol=1e-9, atol=1e-13)
    pulse = tr.Pulses([500.0], height=1.0, width=w)
    solution = tr.simulate(
        relaxation(), [0.0, 500.0 + w, 501.0], inputs={"u": pulse}, solver=solver
    )
    left = 1.0 - np.exp(-w)
    assert solution.y[1:, 0] == pytest.approx([left, left * np.exp(w - 1.0)], rel=1e-6)


def test_samples_and_episodes_drive_the_state():
    """Ramp response t - 1 + exp(-t); area of a Gaussian for a slow filter."""
    ramp = tr.Samples([0.0, 10.0], [0.0, 10.0])
    t = np.linspace(0.0, 10.0, 11)
    solution = tr.simulate(relaxation(), t, inputs={"u": ramp}, solver=TIGHT)
    assert solution.y[:, 0] == pytest.approx(t - 1.0 + np.exp(-t), abs=1e-8)
    rate, sd = 1e-6, 0.25
    bump = tr.Episodes([200.0], height=-1.0, sd=sd)
    slow = tr.simulate(relaxation(rate), [0.0, 400.0], inputs={"u": bump}, solver=TIGHT)
    assert slow.y[-1, 0] == pytest.approx(-rate * sd * np.sqrt(2 * np.pi), rel=1e-3)


def test_a_constant_input_may_be_a_number():
    solution = tr.simulate(relaxation(), [0.0, 1.0], inputs={"u": 2.0}, solver=TIGHT)
    assert solution["x"][-1] == pytest.approx(2.0 * (1.0 - np.exp(-1.0)), rel=1e-9)


# ------------------------------------------------------------------ output


def test_output_times_do_not_change_the_solve():
    model = tr.models.load("trust-updated", profile="bpd")
    few = tr.simulate(model, [0.0, 17.0, 50.0])
    many = tr.simulate(model, np.linspace(0.0, 50.0, 501))
    assert np.array_equal(few.y, many.y[[0, 170, 500]])
    assert few.stats["n_steps"] == many.stats["n_steps"]


def test_dense_output_agrees_with_requested_times():
    model = tr.models.load("brusselator")
    t = np.linspace(0.0, 10.0, 101)
    solution = tr.simulate(model, [0.0, 10.0])
    assert solution(t) == pytest.approx(tr.simulate(model, t).y, abs=1e-14)
    assert solution(3.3).shape == (2,)
    by_scipy = tr.simulate(model, [0.0, 10.0], solver=tr.Solver(method="RK45", rtol=1e-9))
    assert by_scipy(t) == pytest.approx(solution(t), abs=1e-4)
    with pytest.raises(tr.DataError, match=r"spans 0 to 10; 10\.5 is outside"):
        solution(10.5)


@settings(max_examples=25)
@given(st.lists(st.floats(0.001, 5.0), min_size=1, max_size=20))
def test_any_times_give_the_closed_form(gaps):
    t = np.concatenate([[0.0], np.cumsum(gaps)])
    x, k = tr.states("x"), tr.parameters("k")
    model = tr.Model("decay", {x: -k * x}, params={k: 0.3}, initial={x: 2.0})
    solution = tr.simulate(model, t, solver=tr.Solver(rtol=1e-9, atol=1e-12))
    assert solution.y[:, 0] == pytest.approx(2.0 * np.exp(-0.3 * t), rel=1e-6)


def test_a_pair_keeps_the_solvers_own_steps():
    solution = tr.simulate(tr.models.load("van-der-pol"), (0.0, 20.0))
    assert len(solution.t) == solution.stats["n_steps"] + 1
    assert solution.t[[0, -1]].tolist() == [0.0, 20.0]


def test_zero_length_span_returns_the_start():
    model = tr.models.load("van-der-pol")
    for t in ((3.0, 3.0), [3.0]):
        solution = tr.simulate(model, t)
        assert solution.y.tolist() == [tr.compile(model).initial().tolist()]


def test_results_by_name_and_as_a_table():
    model = tr.models.load("trust-updated")
    solution = tr.simulate(model, [0.0, 1.0, 2.0], params={"kappa": 0.4})
    assert solution["rating"] == pytest.approx(10 * (solution["T"] + 1) / 2)
    frame = solution.to_frame()
    assert list(frame.columns[:3]) == ["t", "E", "T"]
    assert frame["investment"].to_numpy() == pytest.approx(20 * (1 + solution["T"]) / 2)
    assert solution.params["kappa"] == 0.4
    with pytest.raises(tr.ModelError, match="has no 'ratng'; did you mean 'rating'"):
        solution["ratng"]
    assert "trust-updated" in repr(solution)


def test_a_state_that_slips_through_zero_is_named():
    """Between epidemics 2e-13 of all are infected, far below atol; none can turn negative."""
    infect = "40*(1 + 0.1*cos(6.283185307*t))*S*I"
    rhs = {"S": f"0.02 - {infect} - 0.02*S", "I": f"{infect} - 10.02*I"}
    model = tr.Model("epidemics", rhs=rhs, initial={"S": 0.5, "I": 0.01})
    with pytest.raises(tr.SolveError, match=r"I cannot change its sign.* lower atol"):
        tr.simulate(model, (0, 50), solver=tr.Solver("rodas5p", rtol=1e-4, atol=1e-4))
    assert tr.simulate(model, (0, 50), solver=tr.Solver(rtol=1e-8, atol=1e-20))["I"].min() > 0.0


def test_states_outside_their_bounds_are_kept_and_said():
    x = tr.states("x")
    model = tr.Model("sink", {x: sympy.Integer(-1)}, initial={x: 0.5}, bounds={x: (0, 1)})
    solution = tr.simulate(model, [0.0, 1.0])
    assert solution.y[-1, 0] == pytest.approx(-0.5)
    assert solution.outside == ("x",)
    assert "left their bounds: x" in repr(solution)


# ------------------------------------------------------------------ sensitivities


def test_sensitivities_of_the_decay():
    """x = x0 exp(-k t): dx/dk = -t x, dx/dx0 = x / x0."""
    x, k = tr.states("x"), tr.parameters("k")
    model = tr.Model("decay", {x: -k * x}, params={k: 0.7}, initial={x: 2.0})
    t = np.linspace(0.0, 5.0, 11)
    solution = tr.simulate(model, t, solver=TIGHT, sensitivities=["k", "x(0)"])
    assert solution.dydp.shape == (11, 1, 2)
    exact = 2.0 * np.exp(-0.7 * t)
    assert solution.dydp[:, 0, 0] == pytest.approx(-t * exact, abs=1e-8)
    assert solution.dydp[:, 0, 1] == pytest.approx(exact / 2.0, abs=1e-8)


def test_sensitivities_follow_initial_values_that_depend_on_parameters():
    x, k, s = tr.states("x"), *tr.parameters("k s")
    model = tr.Model("m", {x: -k * x}, params={k: 0.7, s: 3.0}, initial={x: s**2})
    solution = tr.simulate(model, [0.0, 2.0], solver=TIGHT, sensitivities=[s])
    assert solution.dydp[:, 0, 0] == pytest.approx([6.0, 6.0 * np.exp(-1.4)], rel=1e-8)
    given_start = tr.simulate(model, [0.0, 2.0], initial={"x": 9.0}, sensitivities=[s])
    assert given_start.dydp[:, 0, 0].tolist() == [0.0, 0.0]


def test_sensitivities_of_the_trust_model_agree_with_differences():
    model = tr.models.load("trust-updated", profile="bpd")
    t, h = np.linspace(0.0, 20.0, 5), 1e-5
    names = ["nu", "om", "T(0)"]
    solution = tr.simulate(model, t, solver=TIGHT, sensitivities=names)
    for k, name in enumerate(names):
        centre = 0.2 if name == "T(0)" else model.defaults[name]
        key = {"initial": "T"} if name == "T(0)" else {"params": name}
        sides = [
            tr.simulate(
                model, t, solver=TIGHT, **{arg: {n: centre + s * h} for arg, n in key.items()}
            ).y
            for s in (1, -1)
        ]
        assert solution.dydp[:, :, k] == pytest.approx((sides[0] - sides[1]) / (2 * h), abs=1e-4)


# ------------------------------------------------------------------ what goes wrong


def test_blow_up_is_named():
    """x' = x^2 from 1 leaves every bound at t = 1."""
    x = tr.states("x")
    model = tr.Model("blow", {x: x**2}, initial={x: 1.0})
    for method in ("auto", "tsit5", "rodas5p"):
        with pytest.raises(tr.SolveError, match=r"simulate\(blow\): .*\[DIVERGED\]") as caught:
            tr.simulate(model, (0.0, 2.0), solver=tr.Solver(method=method))
        assert caught.value.status is tr.Status.DIVERGED
        assert caught.value.solution.t[-1] == pytest.approx(1.0, abs=1e-4)


def test_a_right_hand_side_that_is_not_finite_names_its_equation():
    x, z = tr.states("x z")
    model = tr.Model("root", {x: -1 + 0 * z, z: sympy.sqrt(x)}, initial={x: 1.0, z: 0.0})
    with pytest.raises(
        tr.SolveError, match=r"Equation dz/dt reads x = .*\[NONFINITE\]|NONFINITE"
    ) as e:
        tr.simulate(model, (0.0, 3.0))
    assert "dz/dt" in str(e.value)
    assert e.value.solution.t[-1] == pytest.approx(1.0, abs=1e-3)
    with pytest.raises(tr.SolveError, match=r"at t = 0 .*Equation dz/dt reads x = -1"):
        tr.simulate(model, (0.0, 3.0), initial={"x": -1.0})
    for method in ("LSODA", "RK45", "Radau"):
        with pytest.raises(tr.SolveError, match="dz/dt"):
            tr.simulate(model, (0.0, 3.0), solver=tr.Solver(method=method))


@pytest.mark.parametrize("method", ["auto", "taylor", "tsit5", "dop853", "rodas5p"])
def test_a_sensitivity_that_is_not_finite_is_named(method):
    """Where x' = k x rests, its derivative by x(0) is exp(k t): no double beyond k t = 709.8."""
    model = tr.Model(
        "unstable", {"x": "k*x", "y": "a - y"}, {"k": 100.0, "a": 1.0}, {"x": 0, "y": 0}
    )
    solver = tr.Solver(method=method)
    with pytest.raises(tr.SolveError, match=r"sensitivity of x to x\(0\) is not finite") as e:
        tr.simulate(model, [0, 5, 10], solver=solver, sensitivities=["a", "x(0)"])
    assert e.value.status is tr.Status.NONFINITE
    assert e.value.solution.dydp[1, 0, 1] == pytest.approx(np.exp(500), rel=1e-3)
    assert tr.simulate(model, [0, 5, 10], solver=solver, sensitivities=["a"]).dydp[2, 1, 0] > 0.99


def test_step_limit_and_returned_failure():
    solver = tr.Solver(max_steps=20)
    model = tr.models.load("lorenz")
    with pytest.raises(tr.SolveError, match=r"MAX_STEPS.*Raise max_steps"):
        tr.simulate(model, (0.0, 100.0), solver=solver)
    part = tr.simulate(model, np.linspace(0, 100, 1001), solver=solver, on_error="return")
    assert part.status is tr.Status.MAX_STEPS
    assert 0 < len(part.t) < 1001
    assert np.isfinite(part.y).all()


@pytest.mark.parametrize(
    ("t", "message"),
    [
        ([0.0, 2.0, 1.0], r"t\[1\] = 2 and t\[2\] = 1"),
        ([0.0, 1.0, 1.0], r"t\[1\] = 1 and t\[2\] = 1"),
        ((5.0, 1.0), "increase strictly"),
        ((0, 60, 0.1), r"For a time every 0.1 write np.linspace\(0, 60, 601\)"),
        ((0, 10, 3), r"For a time every 3 write np.linspace\(0, 9, 4\)"),
        ([0.0, np.nan], r"t\[1\] = nan is not finite"),
        ((0.0, np.inf), r"not finite\. Give an end, or use tr\.equilibria"),
        ([], "must be a list of times"),
        (3.0, "must be a list of times"),
        ([[0.0, 1.0]], "must be a list of times"),
        (["a", "b"], "t holds text"),
        ([object()], "must be times"),
    ],
)
def test_times_are_checked(t, message):
    with pytest.raises(tr.DataError, match=message):
        tr.simulate(tr.models.load("lorenz"), t)


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"params": {"kapa": 1.0}}, "unknown parameter 'kapa'; did you mean 'kappa'"),
        ({"params": {"T": 1.0}}, r"unknown parameter 'T' \(it is a state\)"),
        ({"params": {"kappa": np.nan}}, "kappa = nan is not finite"),
        ({"params": {"kappa": "big"}}, "kappa = 'big' is not a number"),
        ({"params": {"tau_T": -1.0}}, "tau_T = -1 is outside its range"),
        ({"initial": {"X": 0.0}}, "unknown state 'X'"),
        ({"initial": {"T": np.inf}}, "initial T = inf is not finite"),
        ({"inputs": {"evv": 0.0}}, "unknown input 'evv'; did you mean 'ev'"),
        ({"inputs": {"ev": "no"}}, "input ev"),
        ({"inputs": {"ev": np.nan}}, "input ev"),
        ({"sensitivities": ["nuu"]}, "'nuu' is neither a parameter nor an initial value"),
        ({"sensitivities": ["Q(0)"]}, "neither a parameter nor an initial value"),
        ({"on_error": "ignore"}, "on_error='ignore'"),
        ({"solver": "tsit5"}, "solver must be a Solver"),
    ],
)
def test_wrong_arguments_are_named(keywords, message):
    with pytest.raises(tr.TrustodeError, match=message):
        tr.simulate(tr.models.load("trust-updated"), (0.0, 1.0), **keywords)


@pytest.mark.skipif(os.name != "posix", reason="sends a POSIX signal")
def test_an_interrupt_ends_a_long_solve():
    script = textwrap.dedent(
        """
        import trustode as tr
        m = tr.models.load("lorenz")
        s = tr.Solver(rtol=1e-12, atol=1e-12, max_steps=10**12)
        tr.simulate(m, [0.0, 1.0], solver=s)
        print("go", flush=True)
        try:
            tr.simulate(m, [0.0, 1e9], solver=s)
        except KeyboardInterrupt:
            print("stopped", flush=True)
        """
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    assert process.stdout.readline().strip() == b"go"
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=30)[0].strip() == b"stopped"


@pytest.mark.parametrize("method", ["auto", "tsit5", "rodas5p", "LSODA"])
def test_time_limit(method):
    model = tr.models.load("van-der-pol")
    solver = tr.Solver(method=method, time_limit=0.2, max_steps=2**31 - 1, rtol=1e-10)
    began = time.perf_counter()
    with pytest.raises(tr.SolveError, match=r"TIME_LIMIT.*Raise time_limit") as caught:
        tr.simulate(model, [0.0, 0.01, 1e9], solver=solver)
    assert 0.2 <= time.perf_counter() - began < 1.2
    part = caught.value.solution
    assert part.status is tr.Status.TIME_LIMIT
    assert len(part.t) == 2
    # The limit is of each run; what was reached in time is right.
    limited = tr.ensemble(model, {"mu": [1.0, 1.0]}, [0.0, 0.01, 1e9], solver=solver, threads=1)
    assert (limited.status == tr.Status.TIME_LIMIT).all()
    np.testing.assert_array_equal(limited.y[0, :2], part.y)


def test_time_in_the_equation_is_taken_as_given():
    """x' = cos t."""
    x = tr.states("x")
    model = tr.Model("clock", {x: sympy.cos(TIME)}, initial={x: 0.0})
    t = np.linspace(0.0, 10.0, 11)
    for method in ("tsit5", "rodas5p"):
        solver = tr.Solver(method=method, rtol=1e-9, atol=1e-11)
        assert tr.simulate(model, t, solver=solver).y[:, 0] == pytest.approx(np.sin(t), abs=1e-7)


def test_a_function_stays_public_after_its_module_was_imported():
    importlib.import_module("trustode.simulate")
    assert callable(tr.simulate)


def test_sensitivities_are_right_where_the_states_rest():
    """x' = -a (x - b) from x = b: dx/db = 1 - exp(-a t), though no state moves."""
    model = tr.Model("rest", {"x": "-a*(x-b)"}, params={"a": 1.0, "b": 2.0}, initial={"x": 2.0})
    t = np.array([0.0, 1.0, 5.0, 50.0, 100.0])
    got = tr.simulate(model, t, sensitivities=["b"], solver=tr.Solver(rtol=1e-8)).dydp[:, 0, 0]
    assert got == pytest.approx(1.0 - np.exp(-t), abs=1e-6)


def test_own_steps_and_sensitivities_are_of_the_same_solve():
    model = tr.models.load("van-der-pol")
    own = tr.simulate(model, (0.0, 10.0), sensitivities=["mu"])
    asked = tr.simulate(model, own.t, sensitivities=["mu"])
    assert np.array_equal(own.dydp, asked.dydp)
    assert np.array_equal(own.y, asked.y)
    part = tr.simulate(
        model,
        (0.0, 10.0),
        sensitivities=["mu"],
        solver=tr.Solver(max_steps=20),
        on_error="return",
    )
    assert part.status is tr.Status.MAX_STEPS
    assert np.isfinite(part.dydp).all()


@pytest.mark.parametrize("steps", range(5, 60))
def test_a_partial_solution_holds_what_was_reached(steps):
    part = tr.simulate(
        tr.models.load("van-der-pol"),
        (0.0, 1e6),
        solver=tr.Solver(max_steps=steps),
        on_error="return",
    )
    assert np.isfinite(part.y).all()
    assert part(part.t[-1]) == pytest.approx(part.y[-1], rel=1e-12)


@pytest.mark.parametrize("method", ["auto", "rodas5p", "RK45", "DOP853", "Radau", "BDF", "LSODA"])
def test_failures_tell_the_state_where_they_stopped(method):
    """x' = -sqrt(x) from 1 ends at t = 2; x' = x^2 at t = 1."""
    x = tr.states("x")
    solver = tr.Solver(method=method)
    ending = tr.Model("ending", {x: -sympy.sqrt(x)}, initial={x: 1.0})
    done = tr.simulate(ending, [0.0, 5.0], solver=solver, on_error="return")
    if done.status is not tr.Status.SUCCESS:
        assert "(x = 1)" not in done.message
    growing = tr.Model("growing", {x: x**2}, initial={x: 1.0})
    with pytest.raises(tr.SolveError, match="DIVERGED") as caught:
        tr.simulate(growing, (0.0, 2.0), solver=solver)
    assert caught.value.solution.t[-1] == pytest.approx(1.0, abs=1e-2)
    assert len(caught.value.solution.t) > 10


@pytest.mark.parametrize("method", ["auto", "rodas5p"])
def test_the_equation_that_failed_first_is_named(method):
    """b' = sqrt(1 - t) fails; a' = b reads it and z' = -z does not."""
    model = tr.Model(
        "chain", {"z": "-z", "a": "b", "b": "sqrt(1 - t)"}, initial={"z": 1, "a": 0, "b": 0}
    )
    with pytest.raises(tr.SolveError, match="Equation db/dt"):
        tr.simulate(model, (0.0, 2.0), solver=tr.Solver(method=method))


@pytest.mark.parametrize("method", ["auto", "rodas5p", "RK45", "LSODA"])
def test_stops_a_rounding_error_apart(method):
    """0.3 and 0.1 + 0.2 are two doubles; x' = u - x from .5."""
    solver = tr.Solver(method=method, rtol=1e-9, atol=1e-12)
    pulse = {"u": tr.Pulses([0.3])}
    solution = tr.simulate(
        relaxation(), np.arange(0, 0.4, 0.1), inputs=pulse, solver=solver, initial={"x": 0.5}
    )
    assert solution.y[-1, 0] == pytest.approx(0.5 * np.exp(-0.3), rel=1e-7)


def test_times_far_from_zero():
    """Milliseconds since 1970 are times too."""
    model = tr.Model("slow", {"x": "0.001*(1-x)"}, initial={"x": 0.0})
    t = 1.7e12 + np.array([0.0, 1000.0])
    assert tr.simulate(model, t).y[-1, 0] == pytest.approx(1 - np.exp(-1.0), rel=1e-5)


def test_dates_are_not_times():
    pd = pytest.importorskip("pandas")
    with pytest.raises(tr.DataError, match="t holds dates"):
        tr.simulate(tr.models.load("lorenz"), pd.to_timedelta([0, 1], unit="D"))


@pytest.mark.parametrize("method", ["auto", "LSODA"])
def test_solutions_and_errors_travel(method):
    model = tr.models.load("brusselator")
    solution = tr.simulate(model, (0.0, 3.0), solver=tr.Solver(method=method))
    copied = pickle.loads(pickle.dumps(solution))
    assert np.array_equal(copied.y, solution.y)
    assert np.array_equal(copied(1.5), solution(1.5))
    with pytest.raises(tr.SolveError) as caught:
        tr.simulate(model, (0.0, 50.0), solver=tr.Solver(method=method, max_steps=5))
    assert pickle.loads(pickle.dumps(caught.value)).status is tr.Status.MAX_STEPS


def test_a_flat_root_has_a_slope():
    """sqrt(max(0, z - 5)) does not move while z < 5; all methods agree."""
    model = tr.Model("flat", {"z": "1 - sqrt(max(0, z-5))"}, initial={"z": 0.0})
    ends = [
        tr.simulate(model, [0.0, 8.0], solver=tr.Solver(method=method, rtol=1e-9)).y[-1, 0]
        for method in ("tsit5", "rodas5p", "LSODA")
    ]
    assert ends == pytest.approx([ends[0]] * 3, rel=1e-5)
    assert 5.0 < ends[0] < 6.0


def test_a_number_in_an_array_without_axes_is_a_number():
    model = tr.models.load("van-der-pol")
    plain = tr.simulate(model, (0, 1), params={"mu": 1.5}, initial={"x": 0.5})
    array = tr.simulate(model, (0, 1), params={"mu": np.array(1.5)}, initial={"x": np.array(0.5)})
    assert (plain.y == array.y).all()
    with pytest.raises(tr.ModelError, match="is not a number"):
        tr.simulate(model, (0, 1), params={"mu": np.array([1.5])})


def test_complex_times_are_refused():
    with pytest.raises(tr.DataError, match="t holds complex numbers"):
        tr.simulate(tr.models.load("van-der-pol"), (0, 1j))


def test_a_failed_solution_prints_what_happened_on_its_own_line():
    solution = tr.simulate(
        tr.models.load("van-der-pol"),
        (0, 100),
        solver=tr.Solver(max_steps=5),
        on_error="return",
    )
    first, second, *_ = repr(solution).splitlines()
    assert first.endswith("the step limit was reached")
    assert second.strip() == solution.message


@pytest.mark.parametrize("t", [(0, 10), np.linspace(0, 10, 8), np.linspace(0, 10, 5001)])
def test_extremes_are_those_of_the_course_whatever_the_output_times(t):
    swing = tr.Model(
        "swing",
        rhs={"x": "v", "v": "-x"},
        initial={"x": 1, "v": 0},
        observables={"shifted": "x + 3"},
    )
    found = tr.simulate(swing, t, solver=tr.Solver(rtol=1e-10, atol=1e-12)).extremes()
    assert list(found.index) == ["x", "v", "shifted"]
    assert found["lowest"].tolist() == pytest.approx([-1, -1, 2], abs=1e-8)
    assert found["highest"].tolist() == pytest.approx([1, 1, 4], abs=1e-8)
    # The course is flat at its extremes: their times are as sure as the root of a rounding error.
    assert found["t_highest"]["v"] == pytest.approx(1.5 * np.pi, abs=1e-4)
    assert found["end"]["x"] == pytest.approx(np.cos(10), abs=1e-8)


@pytest.mark.parametrize("method", ["auto", "LSODA"])
def test_extremes_of_a_push_that_is_over_between_two_output_times(method):
    """x' = u - x with u = 1 for a tenth of a unit: its top is 1 - exp(-.1), at its end."""
    model = tr.Model("pushed", rhs={"x": "u - x"}, initial={"x": 0}, inputs={"u": 0})
    push = {"u": tr.Pulses([503.0], 1.0, 0.1)}
    solver = tr.Solver(method, rtol=1e-9, atol=1e-12)
    found = tr.simulate(model, [0, 500, 1000], inputs=push, solver=solver).extremes()
    assert found["highest"]["x"] == pytest.approx(1 - np.exp(-0.1), rel=1e-6)
    assert found["t_highest"]["x"] == pytest.approx(503.1, abs=1e-6)


def test_extremes_of_a_solve_that_failed_are_those_it_reached():
    burst = tr.Model("burst", rhs={"x": "x**2"}, initial={"x": 1})
    reached = tr.simulate(burst, np.linspace(0, 2, 21), on_error="return")
    found = reached.extremes()
    assert found["highest"]["x"] == reached["x"].max()
    assert found["t_lowest"]["x"] == 0.0


def test_an_input_that_begins_after_the_end_is_told_of():
    model = tr.Model(
        "pushed", rhs={"x": "u - x"}, initial={"x": 1}, inputs={"u": 0}, time_unit="day"
    )
    late = [
        tr.Episodes([1000]),
        tr.Steps([24], [1]),
        tr.Sessions([100]),
        tr.Samples([20, 30], [0, 1]),
    ]
    for stimulus in late:
        with pytest.warns(
            tr.SolveWarning, match=r"input u changes nothing before.*unit \(day\)"
        ) as s:
            unmoved = tr.simulate(model, (0, 10), inputs={"u": stimulus})
        assert s[0].filename == __file__
        assert unmoved.y[-1, 0] == pytest.approx(np.exp(-10), rel=1e-3)
    # What is over, what never changes, and what has only begun are no slips.
    for stimulus in (
        tr.Pulses([-9], width=1),
        tr.Steps([20], [0]),
        tr.Episodes([10.5]),
        tr.Episodes([5, 1000]),
    ):
        tr.simulate(model, (0, 10), inputs={"u": stimulus})
    assert tr.simulate(model, (0, 0), inputs={"u": late[0]}).y.tolist() == [[1.0]]


@pytest.mark.parametrize(
    "stimulus",
    [tr.Samples([0, 25, 30], [1, 1, 0]), tr.Pulses([30], 1.0, 1.0, baseline=3.0),
     tr.Episodes([50], [0.0])],
    ids=["held", "baseline", "none"],
)  # fmt: skip
def test_an_input_that_acts_all_the_time_or_never_is_not_told_of(stimulus):
    model = tr.Model("pushed", rhs={"x": "u - x"}, initial={"x": 1}, inputs={"u": 0})
    tr.simulate(model, (0, 20), inputs={"u": stimulus})


# ------------------------------------------------------------------ the same run again


@pytest.mark.parametrize("method", ["auto", "tsit5", "dop853", "rodas5p"])
def test_dense_output_is_that_of_the_same_steps(method):
    """Of a chaotic run, any other steps would lead elsewhere by t = 40."""
    model = tr.models.load("lorenz")
    solution = tr.simulate(model, np.linspace(0, 40, 11), solver=tr.Solver(method=method))
    assert np.abs(solution(solution.t) - solution.y).max() < 1e-9
    stopped = tr.simulate(
        model, np.linspace(0, 40, 401), solver=tr.Solver(method=method, max_steps=150),
        on_error="return",
    )  # fmt: skip
    assert stopped.status == tr.Status.MAX_STEPS
    assert np.abs(stopped(stopped.t) - stopped.y).max() < 1e-9


def test_a_clock_that_stops_a_run_does_not_stop_it_again_elsewhere():
    """Sensitivities of own steps, and dense output, come of a second run."""
    model = tr.models.load("lorenz")
    for limit in np.geomspace(2e-5, 2e-3, 40):
        solver = tr.Solver("tsit5", time_limit=float(limit))
        own = tr.simulate(
            model, (0.0, 30.0), solver=solver, sensitivities=["rho"], on_error="return"
        )
        assert np.isfinite(own.dydp).all()
        some = tr.simulate(model, np.linspace(0, 100, 1001), solver=solver, on_error="return")
        assert np.abs(some(some.t) - some.y).max() < 1e-9


def test_dense_output_ends_with_what_an_event_set():
    model = tr.Model("fall", {"x": 1, "y": "-y"}, initial={"x": 0.0, "y": 1.0})
    event = tr.Event("x - 1", terminal=True, set={"y": 5})
    solution = tr.simulate(model, [0.0, 1.0, 2.0], events=event)
    assert solution.events.t[0] == solution.t[-1] == 1.0
    assert solution(1.0)[1] == solution.y[-1, 1] == 5.0


@pytest.mark.parametrize("method", ["auto", "tsit5", "dop853", "rodas5p"])
def test_spans_near_rounding_end(method):
    model = tr.Model("fall", {"x": "-x"}, initial={"x": 1.0})
    span = 1e6 + np.array([0.0, 1e-8])
    found = tr.simulate(model, span, solver=tr.Solver(method=method))
    assert found.y[-1, 0] == pytest.approx(np.exp(span[0] - span[1]), rel=1e-15)


@pytest.mark.parametrize("method", ["auto", "tsit5", "dop853", "rodas5p"])
def test_what_leaves_all_numbers_is_told_by_any_method(method):
    model = tr.Model("explosion", {"x": "x"}, initial={"x": 1.0})
    with pytest.raises(tr.SolveError, match="grows without bound"):
        tr.simulate(model, [0.0, 1000.0], solver=tr.Solver(method=method))
