"""The trust models against the model's specification, by Newton's method and eigenvalues.

The specification's numbers come from an independent prototype (scipy's LSODA, Newton on the
defining systems, multilinear forms at 40 digits); they are checked to the digits it prints.
"""

import itertools

import numpy as np
import pytest
import sympy
from scipy.optimize import root

from trustode import models

TRUST = ["trust-original", "trust-updated", "trust-dyad"]
#: Half of the last digit that the specification prints.
DIGITS_4 = 5.1e-5
DIGITS_3 = 5.1e-4
DIGITS_2 = 5.1e-3
#: Where the searches start: near the branch, not at the answer.
NEAR = {
    "trust-original": [0.9, 0.45, 0.4, 0.4, 0.04],
    "trust-updated": [0.9, 0.45, 0.4, 0.4, 0.04, 0.05, 0.15],
}


def development(level):
    """Return one level for the three developmental factors."""
    return {"D_ab": level, "D_aban": level, "D_care": level}


def hopf(twin, at, guess, value, omega):
    """Solve for the equilibrium with eigenvalues +-i omega; return value, T and omega.

    `at` gives the parameters at the scanned value. The unknowns are the state, the value,
    omega and the eigenvector; the vector's scale is fixed against its first guess.
    """
    n = len(guess)
    y = twin.with_values(**at(value)).rest(guess)
    flow = twin.with_values(**at(value)).jac(y)
    eigenvalues, vectors = np.linalg.eig(flow)
    vector = vectors[:, np.argmin(np.abs(eigenvalues - 1j * omega))]

    def residual(z):
        state, v, w = z[:n], z[n], z[n + 1]
        q = z[n + 2 : 2 * n + 2] + 1j * z[2 * n + 2 :]
        there = twin.with_values(**at(v))
        gap = there.jac(state) @ q - 1j * w * q
        scale = np.vdot(vector, q) - 1
        return np.concatenate([there.rhs(state), gap.real, gap.imag, [scale.real, scale.imag]])

    start = np.concatenate([y, [value, omega], vector.real, vector.imag])
    found = root(residual, start, tol=1e-13)
    assert np.max(np.abs(found.fun)) < 1e-10
    return found.x[n], found.x[1], found.x[n + 1]


@pytest.fixture(scope="module")
def bpd(slow_twin):
    """Return the bpd profile of the two models whose bifurcations are specified."""
    return {
        name: slow_twin(models.load(name, profile="bpd"))
        for name in ("trust-original", "trust-updated")
    }


# ------------------------------------------------------------------ equations


def test_without_its_additions_the_updated_model_is_the_original():
    original = models.load("trust-original")
    updated = models.load("trust-updated")
    off = dict.fromkeys(["kap_C", "chi", "kap_A", "d_ag", "d_wd", "d_pu", "z_wd"], 0)
    off = {sympy.Symbol(name, real=True): value for name, value in off.items()}
    for state, equation in original.rhs.items():
        assert sympy.simplify(updated.rhs[state].subs(off) - equation) == 0
    rest = {name: sympy.Symbol(name, real=True) for name in ("C", "A")}
    for name, symbol in rest.items():
        # With no strength the added states only decay, so from 0 they stay 0.
        decay = updated.rhs[symbol].subs(off)
        assert sympy.simplify(decay + symbol / sympy.Symbol(f"tau_{name}", real=True)) == 0


def test_the_dyad_is_the_updated_model_with_the_partner_in_place_of_the_situation():
    updated = models.load("trust-updated")
    dyad = models.load("trust-dyad")

    def damage(state, kinds):
        shares = [
            (sympy.Symbol(f"s_{k}", real=True), sympy.Symbol(f"d_{k}", real=True)) for k in kinds
        ]
        return sympy.Symbol(state, real=True) * sum(share * harm for share, harm in shares)

    partner = sympy.Symbol("P", real=True)
    usual = sympy.Symbol("p", real=True)
    situation = usual - damage("B", ["av", "de", "co", "dm"]) - damage("A", ["ag", "wd", "pu"])
    for state, equation in updated.rhs.items():
        assert equation - dyad.rhs[state].subs(partner, situation) == 0


@pytest.mark.parametrize("name", TRUST)
def test_the_equations_are_those_of_the_specification(name, slow_twin):
    """Compare with the specification's equations, written out anew in numbers."""
    model = models.load(name, profile="bpd", therapy="MBT")
    rng = np.random.default_rng(4)
    twin = slow_twin(model)
    for _ in range(20):
        y = dict(zip(model.states, rng.uniform(0, 0.9, len(model.states)), strict=True))
        v = {k: rng.uniform(max(q.min, -1), min(q.max, 3)) for k, q in model.parameters.items()}
        twin.inputs = dict(zip(("ev", "u", "h"), rng.uniform(-1, 1, 3), strict=True))
        expected = specified(y, v, twin.inputs)
        found = twin.with_values(**v).rhs(list(y.values()))
        assert found == pytest.approx([expected[state] for state in model.states], rel=1e-12)


def specified(y, v, inputs):
    """Evaluate section 2 of the specification, line by line."""
    v = {"chi": 0, "d_ag": 0, "d_wd": 0, "d_pu": 0, "z_wd": 0, "s_ag": 0, "s_wd": 0, "s_pu": 0} | v
    E, T, L, G, B = (y[k] for k in "ETLGB")
    C, A, P = (y.get(k, 0.0) for k in "CAP")
    tanh = np.tanh

    def lam(z):
        return (1 + tanh(z / 2)) / 2

    H = (1 - v["varsigma"]) * inputs["h"]
    kap = v["kappa"] * (1 - v["th_kappa"] * H)
    psi = v["psi"] * (1 - v["th_psi"] * H)
    nu = v["nu"] * (1 - v["th_need"] * H)
    wE = v["w_E"] * (1 + v["c_D"] * v["D_ab"]) * (1 - v["th_emo"] * H)
    ups = (1 - (1 - v["ups"]) * (1 - v["ups_D"] * v["D_care"])) * (1 - v["th_learn"] * H)
    om = v["om"] * (1 - v["th_learn"] * H)
    phi = v["phi_ex"] + v["phi_ju"] + v["phi_ab"] + v["phi_D"] * v["D_aban"]
    gD = v["g_s"] - v["q_ab"] * v["D_ab"] - v["q_aban"] * v["D_aban"] - v["q_care"] * v["D_care"]
    rB = sum(v[f"s_{k}"] * v[f"d_{k}"] for k in ("av", "de", "co", "dm"))
    rA = sum(v[f"s_{k}"] * v[f"d_{k}"] for k in ("ag", "wd", "pu"))
    buf = 1 - v["b_s"] * (1 + tanh(v["k_s"] * (G - v["g_e"]))) / 2

    situation = P + inputs["ev"] if "P" in y else v["p"] + inputs["ev"] - rB * B - rA * A
    x = tanh(situation - phi * v["iota"] + psi * ((L + G) / 2 - v["pi"]))
    need = buf * nu * v["iota"] * ((1 + L) / 2) ** 2 + v["varpi"] * (v["sigma"] + v["pi"])

    d = (1 - v["a"]) * x + v["a"] * T - L
    gate = 1 - v["z_av"] * v["s_av"] * B - v["z_wd"] * v["s_wd"] * A
    up = v["eta"] * (1 - ups) * (1 - tanh(v["h_G"] * (v["g_s"] - G) / 2))
    dn = v["eta"] * (1 + om)
    excitement = need - x + inputs["u"] + v["e_sigma"] * v["sigma"] + v["chi"] * C - v["th_E"]
    appraisal = kap * T + v["w_x"] * x + v["w_L"] * L + v["w_G"] * G + v["beta"] * v["iota"]
    appraisal -= buf * wE * E + v["w_sigma"] * v["sigma"]
    dydt = {
        "E": (lam(v["k_E"] * excitement) - E) / v["tau_E"],
        "T": (tanh(appraisal) - T) / v["tau_T"],
        "L": gate * d * ((up + dn) + (up - dn) * tanh(d / v["eps"])) / 2,
        "G": (tanh(gD + v["lam_G"] * L + v["th_G"] * H) - G) / v["tau_G"],
        "B": (lam(v["k_B"] * (v["th_B"] - T)) - B) / v["tau_B"],
    }
    if "C" in y:
        anger = v["kap_C"] * (1 - v["th_emo"] * H) * lam(v["k_C"] * (v["th_C"] - T))
        impulse = v["kap_A"] * (1 - v["th_act"] * H) * lam(v["k_A"] * (C + v["xi"] * E - v["th_A"]))
        dydt["C"] = (anger * (1 - v["rel"] * A) - C) / v["tau_C"]
        dydt["A"] = (impulse - A) / v["tau_A"]
    if "P" in y:
        dydt["P"] = (tanh(v["p"] + v["m_T"] * T - v["m_s"] * (rB * B + rA * A)) - P) / v["tau_P"]
    return dydt


@pytest.mark.parametrize("name", TRUST)
def test_states_inputs_and_observables(name):
    model = models.load(name)
    states = {"trust-original": "ETLGB", "trust-updated": "ETLGBCA", "trust-dyad": "ETLGBCAP"}
    assert "".join(model.states) == states[name]
    assert dict(model.input_defaults) == {"ev": 0, "u": 0, "h": 0}
    assert list(model.observables) == ["rating", "investment", "affect", "avoid", "act"]
    assert model.time_unit == "day"
    assert "formalisation of a verbal theory" in model.description
    symbols = {symbol.name: symbol for symbol in model.rhs}
    for trust, rating, investment in ((-1, 0, 0), (0, 5, 10), (1, 10, 20)):
        here = {symbols["T"]: trust}
        assert model.observables["rating"].subs(here) == rating
        assert model.observables["investment"].subs(here) == investment
    calm = dict.fromkeys(model.rhs, 0)
    for observable in ("affect", "avoid", "act"):
        assert model.observables[observable].subs(calm) == 0
    assert model.observables["affect"].subs(calm | {symbols["E"]: 1}) == 1


@pytest.mark.parametrize("name", TRUST)
@pytest.mark.parametrize("profile", ["healthy", "bpd", "bpd-rigid", "bpd-buffer", "naive"])
def test_no_face_of_the_state_box_points_outward(name, profile, slow_twin):
    model = models.load(name, profile=profile)
    twin = slow_twin(model)
    rng = np.random.default_rng(1)
    bounds = [model.bounds[state] for state in model.states]
    points = [np.array(corner, dtype=float) for corner in itertools.product(*bounds)]
    points += [np.array([rng.uniform(*pair) for pair in bounds]) for _ in range(100)]
    for point in points:
        for k, (low, high) in enumerate(bounds):
            for edge, outward in ((low, -1), (high, 1)):
                there = point.copy()
                there[k] = edge
                assert outward * twin.rhs(there)[k] <= 0


# ------------------------------------------------------------------ rest


@pytest.mark.parametrize(
    ("name", "expected", "eigenvalues"),
    [
        (
            "trust-original",
            {"E": 0.0038, "T": 0.8621, "L": 0.6769, "G": 0.7018, "B": 0.0049},
            [-0.0024, -0.0996, -0.4999, -1.3623, -5.0],
        ),
        (
            "trust-updated",
            {"E": 0.0038, "T": 0.8621, "L": 0.6769, "G": 0.7018, "B": 0.0049, "C": 0, "A": 0},
            [-0.0024, -0.0996, -0.4999, -1.3623, -1.6667, -5.0, -5.0],
        ),
        ("trust-dyad", {"T": 0.8712, "L": 0.7026, "G": 0.7069, "P": 0.6491}, None),
    ],
)
def test_healthy_trust_rests_at_the_specified_equilibrium(name, expected, eigenvalues, slow_twin):
    twin = slow_twin(models.load(name))
    rest = twin.rest(twin.solve(3000))
    found = dict(zip(twin.model.states, rest, strict=True))
    for state, value in expected.items():
        assert found[state] == pytest.approx(value, abs=DIGITS_4)
    values = np.sort_complex(twin.eigenvalues(rest))[::-1]
    assert np.all(values.real < 0)
    if eigenvalues:
        assert values.real == pytest.approx(eigenvalues, abs=DIGITS_4)
        assert values.imag == pytest.approx(0, abs=1e-9)


def test_forty_random_starts_reach_the_healthy_equilibrium(slow_twin):
    twin = slow_twin(models.load("trust-updated"))
    rng = np.random.default_rng(40)
    bounds = [twin.model.bounds[state] for state in twin.model.states]
    for _ in range(40):
        start = [rng.uniform(*pair) for pair in bounds]
        # Eight time constants of the slowest state leave exp(-8) of it.
        end = twin.solve(3200, start, tolerance=1e-6)
        assert end[1] == pytest.approx(0.8621, abs=1e-3)


@pytest.mark.parametrize(
    ("profile", "levels"),
    [("healthy", (-0.91, 0.48, 0.89)), ("naive", (0.68, 0.93, 0.97))],
)
def test_over_trust_rests_high_even_with_a_bad_partner(profile, levels, slow_twin):
    twin = slow_twin(models.load("trust-updated", profile=profile))
    for partner, level in zip((-0.8, 0, 0.8), levels, strict=True):
        there = twin.with_values(p=partner)
        assert there.rest(there.solve(3000))[1] == pytest.approx(level, abs=DIGITS_2)


@pytest.mark.parametrize(("iota", "level"), [(0.1, 0.97), (0.7, 0.56)])
def test_superficial_relationships_rest_in_the_bpd_profile(iota, level, bpd):
    twin = bpd["trust-updated"].with_values(iota=iota)
    rest = twin.rest([0.6, level, 0.5, 0.35, 0.02, 0.03, 0.08])
    assert np.all(twin.eigenvalues(rest).real < 0)
    # The specification prints .56 for a value of .565.
    assert rest[1] == pytest.approx(level, abs=0.006)


def test_rigid_splitting_has_two_stable_equilibria_and_a_saddle(slow_twin):
    twin = slow_twin(models.load("trust-updated", profile="bpd-rigid"))
    for level, guess, unstable in (
        (-0.944, [0.14, -0.9, -0.6, -0.1, 0.98, 0.6, 0.6], 0),
        (0.538, [0.97, 0.5, 0.4, 0.3, 0.02, 0.03, 0.15], 1),
        (0.896, [1.0, 0.9, 0.7, 0.4, 0.0, 0.0, 0.14], 0),
    ):
        rest = twin.rest(guess)
        assert rest[1] == pytest.approx(level, abs=DIGITS_3)
        assert np.sum(twin.eigenvalues(rest).real > 0) == unstable


def test_earned_security_rests_in_trust(slow_twin):
    twin = slow_twin(models.load("trust-updated", profile="bpd-buffer"))
    rest = twin.rest([0.9, 0.9, 0.7, 0.5, 0.0, 0.0, 0.1])
    assert np.all(twin.eigenvalues(rest).real < 0)
    assert rest[[1, 3]] == pytest.approx([0.92, 0.50], abs=DIGITS_2)


def test_equilibria_do_not_depend_on_learning_rates_or_time_constants(bpd):
    twin = bpd["trust-updated"]
    rest = twin.rest([0.6, 0.06, 0.16, 0.21, 0.2, 0.2, 0.26])
    changed = {"eps": 0.2, "ups": 0.5, "om": 0, "eta": 0.3, "h_G": 1, "tau_E": 1, "tau_T": 2}
    changed |= {"tau_B": 5, "tau_G": 100, "tau_C": 2, "tau_A": 1}
    assert twin.with_values(**changed).rhs(rest) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    ("therapy", "dose", "before"),
    [
        ("DBT", 0.375, 0.35),
        ("MBT", 0.65, 0.625),
        ("TFP", 0.6, 0.575),
        ("attachment", 0.55, 0.525),
        ("EMDR", 0.625, 0.6),
    ],
)
def test_a_constant_dose_makes_rest_stable(therapy, dose, before, slow_twin):
    twin = slow_twin(models.load("trust-updated", profile="bpd", therapy=therapy))
    rest = [0.65, 0.45, 0.4, 0.35, 0.05, 0.05, 0.12]
    for h, stable in ((dose, True), (before, False)):
        twin.inputs["h"] = h
        rest = twin.rest(rest)
        assert np.all(twin.eigenvalues(rest).real < 0) == stable


def test_no_dose_of_cbt_alone_makes_rest_stable(slow_twin):
    twin = slow_twin(models.load("trust-updated", profile="bpd", therapy="CBT"))
    rest = [0.63, 0.06, 0.16, 0.21, 0.21, 0.22, 0.26]
    for h in np.linspace(0, 1, 41):
        twin.inputs["h"] = h
        rest = twin.rest(rest)
        assert np.max(twin.eigenvalues(rest).real) > 0


# ------------------------------------------------------------------ birth of the oscillation


@pytest.mark.parametrize(
    ("name", "severity", "trust", "omega"),
    [
        ("trust-original", 0.8747, 0.358, 0.4400),
        ("trust-updated", 0.8426, 0.398, 0.4104),
    ],
)
def test_hopf_point_along_severity(name, severity, trust, omega, bpd):
    low = models.load(name).defaults
    high = models.load(name, profile="bpd").defaults

    def at(s):
        return {key: (1 - s) * low[key] + s * high[key] for key in low}

    found = hopf(bpd[name], at, NEAR[name], severity - 0.01, omega)
    assert found[0] == pytest.approx(severity, abs=DIGITS_4)
    assert found[1] == pytest.approx(trust, abs=DIGITS_3)
    assert found[2] == pytest.approx(omega, abs=DIGITS_4)


@pytest.mark.parametrize(
    ("name", "changed", "level", "trust", "omega"),
    [
        ("trust-original", {}, 0.3247, 0.437, 0.2662),
        ("trust-updated", {}, 0.3080, 0.460, 0.2266),
        ("trust-updated", {"chi": 0}, 0.3128, 0.451, 0.2461),
    ],
)
def test_hopf_point_along_development(name, changed, level, trust, omega, bpd):
    twin = bpd[name].with_values(**changed)
    found = hopf(twin, development, NEAR[name], level + 0.005, omega)
    assert found[0] == pytest.approx(level, abs=DIGITS_4)
    assert found[1] == pytest.approx(trust, abs=DIGITS_3)
    assert found[2] == pytest.approx(omega, abs=DIGITS_4)


def test_upper_hopf_point_along_development(bpd):
    guess = [0.4, -0.58, -0.33, -0.27, 0.87, 0.5, 0.5]
    found = hopf(bpd["trust-updated"], development, guess, 0.83, 0.19)
    assert found[0] == pytest.approx(0.8262, abs=DIGITS_4)
    assert found[1] == pytest.approx(-0.578, abs=DIGITS_3)
    assert found[2] == pytest.approx(0.1939, abs=DIGITS_4)


@pytest.mark.parametrize(
    ("name", "nu", "trust", "omega"),
    [("trust-original", 2.4473, 0.456, 0.4164), ("trust-updated", 2.3488, 0.498, 0.3886)],
)
def test_hopf_point_along_entitlement(name, nu, trust, omega, bpd):
    found = hopf(bpd[name], lambda value: {"nu": value}, NEAR[name], nu - 0.05, omega)
    assert found[0] == pytest.approx(nu, abs=DIGITS_4)
    assert found[1] == pytest.approx(trust, abs=DIGITS_3)
    assert found[2] == pytest.approx(omega, abs=DIGITS_4)


def test_self_devaluation_moves_the_onset(bpd):
    """Two of the four onsets of the specification are Hopf points, two are folds."""
    twin = bpd["trust-updated"]
    without = hopf(twin.with_values(sigma=0), development, NEAR["trust-updated"], 0.41, 0.327)
    assert without[0] == pytest.approx(0.419, abs=DIGITS_3)
    for sigma, level, guess in (
        (0.6, 0.221, [0.9, 0.53, 0.502, 0.538, 0.03, 0.03, 0.15]),
        (0.9, 0.158, [0.9, 0.584, 0.543, 0.588, 0.02, 0.03, 0.15]),
    ):
        there = twin.with_values(sigma=sigma)

        def residual(z, there=there):
            at = there.with_values(**development(z[-1]))
            return [*at.rhs(z[:-1]), np.linalg.det(at.jac(z[:-1]))]

        found = root(residual, [*guess, level - 0.001], tol=1e-12)
        assert np.max(np.abs(found.fun)) < 1e-10
        assert found.x[-1] == pytest.approx(level, abs=DIGITS_3)


# ------------------------------------------------------------------ the fast subsystem


def test_bogdanov_takens_points_of_the_fast_subsystem(slow_twin):
    for name, points in (
        ("trust-updated", [(0.8006, 1.8271, 0.65), (0.8588, 2.6828, -0.79)]),
        ("trust-original", [(0.7777, 1.8341, 0.65), (0.5583, 2.4093, -0.76)]),
    ):
        twin = slow_twin(models.load(name, profile="bpd").freeze({"G": 0.2}))

        def residual(z, twin=twin):
            at = twin.with_values(p=z[-2], kappa=z[-1])
            # A double zero eigenvalue: the two last coefficients of the characteristic
            # polynomial vanish.
            return [*at.rhs(z[:-2]), *np.poly(at.jac(z[:-2]))[-2:]]

        for partner, kappa, trust in points:
            near = twin.with_values(p=partner, kappa=kappa)
            guess = settled(near, trust)
            found = root(residual, [*guess, partner, kappa], tol=1e-13)
            assert np.max(np.abs(found.fun)) < 1e-9
            assert found.x[-2:] == pytest.approx([partner, kappa], abs=DIGITS_4)


def settled(twin, trust):
    """Return the state at which everything but T and L rests, for a given T."""
    guess = dict(zip(twin.model.states, twin.start(), strict=True)) | {"T": trust, "L": trust / 2}
    names = [name for name in twin.model.states if name != "T"]
    order = twin.model.states

    def residual(z):
        y = dict(zip(names, z, strict=True)) | {"T": trust}
        rates = dict(zip(order, twin.rhs([y[name] for name in order]), strict=True))
        return [rates[name] for name in names]

    found = root(residual, [guess[name] for name in names])
    y = dict(zip(names, found.x, strict=True)) | {"T": trust}
    return [y[name] for name in order]


@pytest.mark.parametrize(
    ("partner", "trust"),
    [(0.4509, 0.748), (0.6271, 0.320), (0.5411, -0.190), (0.5801, -0.673)],
)
def test_folds_of_the_fast_subsystem(partner, trust, slow_twin):
    twin = slow_twin(models.load("trust-updated", profile="bpd").freeze({"G": 0.2}))
    twin = twin.with_values(kappa=2.2)

    def residual(z):
        at = twin.with_values(p=z[-1])
        return [*at.rhs(z[:-1]), np.linalg.det(at.jac(z[:-1]))]

    found = root(residual, [*settled(twin.with_values(p=partner), trust), partner], tol=1e-13)
    assert np.max(np.abs(found.fun)) < 1e-9
    assert found.x[-1] == pytest.approx(partner, abs=DIGITS_4)


def test_hopf_point_of_the_fast_subsystem(slow_twin):
    twin = slow_twin(models.load("trust-updated", profile="bpd").freeze({"G": 0.2}))
    twin = twin.with_values(kappa=2.2)
    guess = settled(twin.with_values(p=0.573), -0.75)
    found = hopf(twin, lambda value: {"p": value}, guess, 0.573, 0.11)
    assert found[0] == pytest.approx(0.5750, abs=DIGITS_4)
