"""How long does a point of a branch of equilibria or cycles take, and a whole diagram?"""

import shutil
import time

import pytest

import trustode as tr
from peers import auto_07p
from trustode.expression import parse, symbol

#: Name: equations, parameters, the free one, its span and a start.
SYSTEMS = {
    # AUTO-07p demo enz: two branches, four folds, two pitchforks.
    "enzyme": (
        {
            "x": "(s0-x)+(y-x)-rho*x/(1+x+x**2)",
            "y": "(s0-y)+(x-y)-rho*y/(1+y+y**2)",
        },
        {"s0": 0.0, "rho": 100.0},
        ("s0", 0.0, 40.0),
    ),
    # Tsodyks & Markram, as in BifurcationKit.jl: two folds and two Hopf points.
    "neural mass": (
        {
            "E": "(-E + 1.5*log(1+exp((3.07*u*x*E+E0)/1.5)))/0.013",
            "x": "(1-x)/0.2 - u*x*E",
            "u": "(0.3-u)/1.5 + 0.3*(1-u)*E",
        },
        {"E0": -2.0},
        ("E0", -4.0, -0.9),
    ),
    # Shil'nikov, Nicolis & Nicolis (1995): Lorenz-84 with a fourth state.
    "lorenz-84": (
        {
            "X": "-Y**2 - Z**2 - 0.25*X + 0.25*F - g*U**2",
            "Y": "X*Y - 4*X*Z - Y + 0.25",
            "Z": "4*X*Y + X*Z - Z",
            "U": "-0.8*U + g*U*X + 0.04",
        },
        {"F": 1.0, "g": 0.987},
        ("F", 0.0, 6.0),
    ),
}
#: AUTO-07p demos: families that are born at Hopf points; states, parameter, where it is born.
CYCLES = {
    # Demo ab, Uppal, Ray & Poore (1974).
    "reaction": (
        {"u1": "-u1 + p1*(1-u1)*exp(u2)", "u2": "-u2 + p1*14*(1-u1)*exp(u2) - 3*u2"},
        {"p1": 0.0},
        ("p1", 0.0, 0.3),
    ),
    # Demo abc: two families between four Hopf points.
    "two reactions": (
        {
            "u1": "-u1 + p1*(1-u1)*exp(u3)",
            "u2": "-u2 + p1*exp(u3)*(1-u1-0.04*u2)",
            "u3": "-u3 - 1.55*u3 + p1*8*exp(u3)*(1-u1+0.04*u2)",
        },
        {"p1": 0.0},
        ("p1", 0.0, 0.4),
    ),
    # Demo lrz.
    "lorenz": (
        {"x": "10*(y-x)", "y": "rho*x - y - x*z", "z": "x*y - 8/3*z"},
        {"rho": 0.0},
        ("rho", 0.0, 30.0),
    ),
    "lorenz-84": SYSTEMS["lorenz-84"],
}
#: Mesh intervals of every orbit, at four collocation points each.
INTERVALS = 50
ROUNDS = 7


def system(name):
    """Return a compiled model, its free parameter and the span."""
    equations, params, (free, low, high) = (SYSTEMS | CYCLES)[name]
    known = {key: symbol(key) for key in (*equations, *params)}
    model = tr.Model(
        name.replace(" ", "-"),
        rhs={key: parse(text, known, name) for key, text in equations.items()},
        params=params,
        initial=dict.fromkeys(equations, 0.5),
    )
    tr.compile(model)
    return model, free, (low, high)


def least(call, rounds):
    """Return a result and the least processor time of several rounds, in milliseconds."""
    took, found = [], None
    for _ in range(rounds):
        begin = time.process_time()
        found = call()
        took.append(1e3 * (time.process_time() - begin))
    return found, min(took)


def record(benchmark, call, points):
    """Time a call, and note the processor time of a point."""
    benchmark.pedantic(call, rounds=3 if benchmark.enabled else 1, warmup_rounds=1)
    found, milliseconds = least(call, ROUNDS if benchmark.enabled else 1)
    n = points(found)
    benchmark.extra_info |= {"points": n, "milliseconds": milliseconds}
    benchmark.extra_info["milliseconds_a_point"] = milliseconds / n


@pytest.mark.parametrize("name", SYSTEMS)
def test_branch(benchmark, name):
    model, free, span = system(name)
    start = tr.equilibria(model, params={free: span[0]})[0]
    record(benchmark, lambda: tr.continuation(model, free, start=start, span=span), len)


@pytest.mark.parametrize("name", SYSTEMS)
def test_diagram_of_equilibria(benchmark, name):
    model, free, span = system(name)
    record(
        benchmark,
        lambda: tr.diagram(model, free, span, cycles=False),
        lambda found: sum(len(each) for each in found.branches),
    )


def from_hopf(name):
    """Return a system, and a call that follows the family of its first Hopf point."""
    model, free, span = system(name)
    special = tr.diagram(model, free, span, cycles=False).special
    start = special[special["kind"] == "hopf"].iloc[0]
    stepper = tr.ArcLength(ds=0.02, ds_max=0.05, max_steps=300)

    def follow(intervals=INTERVALS):
        return tr.cycles(model, free, start=start, span=span, stepper=stepper, intervals=intervals)

    return (model, free, span, start), follow


@pytest.mark.parametrize("name", CYCLES)
@pytest.mark.parametrize("intervals", [INTERVALS, None], ids=["50 intervals", "any mesh"])
def test_family(benchmark, name, intervals):
    _, follow = from_hopf(name)
    record(benchmark, lambda: follow(intervals), len)


@pytest.mark.parametrize("name", ["neural mass", "two reactions", "lorenz", "lorenz-84"])
def test_diagram_with_cycles(benchmark, name):
    model, free, span = system(name)
    record(
        benchmark,
        lambda: tr.diagram(model, free, span),
        lambda found: sum(len(each) for each in found.branches),
    )


@pytest.mark.parametrize("name", CYCLES)
def test_family_against_auto(benchmark, name):
    """AUTO-07p takes as many steps of its own choice; PyCoBi drives the same program."""
    if shutil.which(auto_07p.COMMAND) is None:
        pytest.skip(f"AUTO-07p takes no part: there is no command {auto_07p.COMMAND}")
    place, follow = from_hopf(name)
    record(benchmark, follow, len)
    ours = benchmark.extra_info
    rounds = ROUNDS if benchmark.enabled else 1
    points, milliseconds = auto_07p.family(*place, ours["points"], INTERVALS, rounds)
    assert points > 1
    benchmark.extra_info |= {"auto_points": points, "auto_milliseconds": milliseconds}
    benchmark.extra_info["auto_milliseconds_a_point"] = milliseconds / points
