"""Initial-value problems that solvers are compared on, as models.

The non-stiff classes A to E are those of Hull, Enright, Fellen & Sedgwick (1972), SIAM Journal on
Numerical Analysis 9, 603-637; the stiff ones those of Enright, Hull & Lindberg (1975), BIT 15,
10-48; "pleiades" and "pollution" are of the test set for IVP solvers (Mazzia & Magherini 2008).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

import trustode as tr


@dataclass(frozen=True)
class Problem:
    """A problem: equations of y1, y2, ... with their values at 0, and an end.

    `atol` is the absolute tolerance as a share of the relative one.
    """

    rhs: tuple[str, ...]
    initial: tuple[float, ...]
    end: float
    params: dict[str, float] = field(default_factory=dict)
    atol: float = 1.0

    def model(self, name: str) -> tr.Model:
        states = [f"y{k}" for k in range(1, len(self.rhs) + 1)]
        return tr.Model(
            name.replace(" ", "-"),
            rhs=dict(zip(states, self.rhs, strict=True)),
            params=self.params,
            initial=dict(zip(states, self.initial, strict=True)),
        )

    @property
    def t(self) -> np.ndarray:
        return np.linspace(0.0, self.end, 21)


def _chain(rates: list[float]) -> tuple[str, ...]:
    """Return decay from one to the next, the last of which stays."""
    inner = [f"{rates[k - 1]}*y{k} - {rates[k]}*y{k + 1}" for k in range(1, len(rates))]
    return (f"-{rates[0]}*y1", *inner, f"{rates[-1]}*y{len(rates)}")


def _heat(n: int) -> tuple[str, ...]:
    ends = "-2*y1 + y2", f"y{n - 1} - 2*y{n}"
    return (ends[0], *(f"y{k - 1} - 2*y{k} + y{k + 1}" for k in range(2, n)), ends[1])


def _two_bodies(eccentricity: float) -> Problem:
    speed = math.sqrt((1.0 + eccentricity) / (1.0 - eccentricity))
    pull = "(y1**2 + y2**2)**(-3/2)"
    return Problem(
        ("y3", "y4", f"-y1*{pull}", f"-y2*{pull}"), (1.0 - eccentricity, 0.0, 0.0, speed), 20.0
    )


def _five_bodies() -> Problem:
    """C5: the outer planets about the sun, in astronomical units and units of 100 days."""
    gravity, sun = 2.95912208286, 1.00000597682
    masses = (
        *(0.000954786104043, 0.000285583733151, 0.0000437273164546),
        *(0.0000517759138449, 0.00000277777777778),
    )
    places = (
        (3.42947415189, 3.35386959711, 1.35494901715),
        (6.64145542550, 5.97156957878, 2.18231499728),
        (11.2630437207, 14.6952576794, 6.27960525067),
        (-30.1552268759, 1.65699966404, 1.43785752721),
        (-21.1238353380, 28.4465098142, 15.3882659679),
    )
    speeds = (
        (-0.557160570446, 0.505696783289, 0.230578543901),
        (-0.415570776342, 0.365682722812, 0.169143213293),
        (-0.325325669158, 0.189706021964, 0.0877265322780),
        (-0.0240476254170, -0.287659532608, -0.117219543175),
        (-0.176860753121, -0.216393453025, -0.0148647893090),
    )

    def at(body: int, axis: int) -> str:
        return f"y{3 * body + axis + 1}"

    def cubed(body: int, other: int | None) -> str:
        apart = (
            at(body, k) if other is None else f"({at(other, k)} - {at(body, k)})" for k in range(3)
        )
        return f"({' + '.join(f'{each}**2' for each in apart)})**(-3/2)"

    rates = [f"y{15 + k}" for k in range(1, 16)]
    for body in range(5):
        for axis in range(3):
            terms = [f"-{sun + masses[body]}*{at(body, axis)}*{cubed(body, None)}"]
            terms += [
                f"{masses[other]}*(({at(other, axis)} - {at(body, axis)})*{cubed(body, other)}"
                f" - {at(other, axis)}*{cubed(other, None)})"
                for other in range(5)
                if other != body
            ]
            rates.append(f"{gravity}*({' + '.join(terms)})")
    start = (*(x for place in places for x in place), *(v for speed in speeds for v in speed))
    return Problem(tuple(rates), start, 20.0)


def _pleiades() -> Problem:
    """Seven bodies in a plane, two of which pass close by one another."""
    rates = [f"y{14 + k}" for k in range(1, 15)]
    for axis in range(2):
        for body in range(1, 8):
            terms = []
            for other in range(1, 8):
                if other == body:
                    continue
                apart = f"(y{other} - y{body})**2 + (y{other + 7} - y{body + 7})**2"
                along = f"y{other + 7 * axis} - y{body + 7 * axis}"
                terms.append(f"{other}*({along})*({apart})**(-3/2)")
            rates.append(" + ".join(terms))
    x, y = (3, 3, -1, -3, 2, -2, 2), (3, -3, 2, 0, 0, -4, 4)
    u, v = (0, 0, 0, 0, 0, 1.75, -1.5), (0, 0, 0, -1.25, 1, 0, 0)
    return Problem(tuple(rates), (*x, *y, *u, *v), 3.0)


def _pollution() -> Problem:
    """Twenty-five reactions of twenty substances in the air."""
    k = (
        *(0.35, 26.6, 12300.0, 8.6e-4, 8.2e-4, 15000.0, 1.3e-4, 24000.0, 16500.0, 9000.0),
        *(0.022, 12000.0, 1.88, 16300.0, 4.8e6, 3.5e-4, 0.0175, 1e8, 4.44e11, 1240.0),
        *(2.1, 5.78, 0.0474, 1780.0, 3.12),
    )
    of = (
        *("1", "2*4", "5*2", "7", "7", "7*6", "9", "9*6", "11*2", "11*1"),
        *("13", "10*2", "14", "1*6", "3", "4", "4", "16", "16", "17*6"),
        *("19", "19", "1*4", "19*1", "20"),
    )
    rate = {
        n: "*".join([str(k[n - 1]), *(f"y{each}" for each in of[n - 1].split("*"))])
        for n in range(1, 26)
    }
    gained = {
        1: (-1, -10, -14, -23, -24, 2, 3, 9, 11, 12, 22, 25),
        2: (-2, -3, -9, -12, 1, 21),
        3: (-15, 1, 17, 19, 22),
        4: (-2, -16, -17, -23, 15),
        5: (-3, 4, 4, 6, 7, 13, 20),
        6: (-6, -8, -14, -20, 3, 18, 18),
        7: (-4, -5, -6, 13),
        8: (4, 5, 6, 7),
        9: (-7, -8),
        10: (-12, 7, 9),
        11: (-9, -10, 8, 11),
        12: (9,),
        13: (-11, 10),
        14: (-13, 12),
        15: (14,),
        16: (-18, -19, 16),
        17: (-20,),
        18: (20,),
        19: (-21, -22, -24, 23, 25),
        20: (-25, 24),
    }
    rhs = tuple(
        " ".join(f"{'-' if n < 0 else '+'} {rate[abs(n)]}" for n in gained[i]) for i in range(1, 21)
    )
    start = [0.0] * 20
    for i, value in {2: 0.2, 4: 0.04, 7: 0.1, 8: 0.3, 9: 0.01, 17: 0.007}.items():
        start[i - 1] = value
    return Problem(rhs, tuple(start), 60.0, atol=1e-6)


_RADIUS = "sqrt(y1**2 + y2**2)"

NONSTIFF = {
    "A1": Problem(("-y1",), (1,), 20),
    "A2": Problem(("-y1**3/2",), (1,), 20),
    "A3": Problem(("y1*cos(t)",), (1,), 20),
    "A4": Problem(("y1/4*(1 - y1/20)",), (1,), 20),
    "A5": Problem(("(y1 - t)/(y1 + t)",), (4,), 20),
    "B1": Problem(("2*(y1 - y1*y2)", "y1*y2 - y2"), (1, 3), 20),
    "B2": Problem(("y2 - y1", "y1 - 2*y2 + y3", "y2 - y3"), (2, 0, 1), 20),
    "B3": Problem(("-y1", "y1 - y2**2", "y2**2"), (1, 0, 0), 20),
    "B4": Problem(
        (f"-y2 - y1*y3/{_RADIUS}", f"y1 - y2*y3/{_RADIUS}", f"y1/{_RADIUS}"), (3, 0, 0), 20
    ),
    "B5": Problem(("y2*y3", "-y1*y3", "-0.51*y1*y2"), (0, 1, 1), 20),
    "C1": Problem(_chain([1.0] * 9), (1, *[0] * 9), 20),
    "C2": Problem(_chain([float(k) for k in range(1, 10)]), (1, *[0] * 9), 20),
    "C3": Problem(_heat(10), (1, *[0] * 9), 20),
    "C4": Problem(_heat(51), (1, *[0] * 50), 20),
    "C5": _five_bodies(),
    **{f"D{k}": _two_bodies(e) for k, e in enumerate((0.1, 0.3, 0.5, 0.7, 0.9), 1)},
    "E1": Problem(
        ("y2", "-y2/(t + 1) - (1 - 0.25/(t + 1)**2)*y1"),
        (0.6713967071418030, 0.09540051444747446),
        20,
    ),
    "E2": Problem(("y2", "(1 - y1**2)*y2 - y1"), (2, 0), 20),
    "E3": Problem(("y2", "y1**3/6 - y1 + 2*sin(2.78535*t)"), (0, 0), 20),
    "E4": Problem(("y2", "0.032 - 0.4*y2**2"), (30, 0), 20),
    "E5": Problem(("y2", "sqrt(1 + y2**2)/(25 - t)"), (0, 0), 20),
    "pleiades": _pleiades(),
}

_TURNS = ("-10*y1 + a*y2", "-a*y1 - 10*y2", "-4*y3", "-y4", "-0.5*y5", "-0.1*y6")
_COUPLED = (
    *("2 - y1", "b*y1**2 - 10*y2", "4*b*(y1**2 + y2**2) - 40*y3"),
    "10*b*(y1**2 + y2**2 + y3**2) - 100*y4",
)
_D6 = ("1e8*y3*(1 - y1) - y1", "3e7*y3*(1 - y2) - 10*y2")

STIFF = {
    "A1": Problem(("-0.5*y1", "-y2", "-100*y3", "-90*y4"), (1, 1, 1, 1), 20),
    "A2": Problem(
        (
            "900*y2 - 1800*y1",
            *(f"y{k - 1} - 2*y{k} + y{k + 1}" for k in range(2, 9)),
            "1000*y8 - 2000*y9 + 1000",
        ),
        (0,) * 9,
        120,
    ),
    "A3": Problem(
        ("-1e4*y1 + 100*y2 - 10*y3 + y4", "-1e3*y2 + 10*y3 - 10*y4", "10*y4 - y3", "-0.1*y4"),
        (1, 1, 1, 1),
        20,
    ),
    "A4": Problem(tuple(f"-{k**5}*y{k}" for k in range(1, 11)), (1,) * 10, 1),
    "B1": Problem(
        ("y2 - y1", "-100*y1 - y2", "y4 - 100*y3", "-10000*y3 - 100*y4"), (1, 0, 1, 0), 20
    ),
    **{
        f"B{k}": Problem(_TURNS, (1,) * 6, 20, {"a": a})
        for k, a in enumerate((3.0, 8.0, 25.0, 100.0), 2)
    },
    "C1": Problem(
        (
            *("y2**2 + y3**2 + y4**2 - y1", "10*(y3**2 + y4**2) - 10*y2"),
            *("40*y4**2 - 40*y3", "2 - 100*y4"),
        ),
        (1, 1, 1, 1),
        20,
    ),
    **{
        f"C{k}": Problem(_COUPLED, (1,) * 4, 20, {"b": b})
        for k, b in enumerate((0.1, 1.0, 10.0, 20.0), 2)
    },
    "D1": Problem(("0.2*(y2 - y1)", "10*y1 - (60 - 0.125*y3)*y2 + 0.125*y3", "1"), (0,) * 3, 400),
    "D2": Problem(
        ("-0.04*y1 + 0.01*y2*y3", "400*y1 - 100*y2*y3 - 3000*y2**2", "30*y2**2"), (1, 0, 0), 40
    ),
    "D3": Problem(
        (
            *("y3 - 100*y1*y2", "y3 + 2*y4 - 100*y1*y2 - 2e4*y2**2"),
            *("100*y1*y2 - y3", "1e4*y2**2 - y4"),
        ),
        (1, 1, 0, 0),
        20,
    ),
    "D4": Problem(
        (
            *("-0.013*y1 - 1000*y1*y3", "-2500*y2*y3"),
            "-0.013*y1 - 1000*y1*y3 - 2500*y2*y3",
        ),
        (1, 1, 0),
        50,
        atol=1e-4,
    ),
    "D5": Problem(
        (
            "0.01 - (1 + (y1 + 1000)*(y1 + 1))*(0.01 + y1 + y2)",
            "0.01 - (1 + y2**2)*(0.01 + y1 + y2)",
        ),
        (0, 0),
        100,
    ),
    "D6": Problem((*_D6, f"-({_D6[0]}) - ({_D6[1]})"), (1, 0, 0), 1, atol=1e-6),
    "E1": Problem(
        (
            *("y2", "y3", "y4"),
            "(y1**2 - sin(y1) - 1e8)*y1 + (y2*y3/(y1**2 + 1) - 4e6)*y2 + (1 - 6e4)*y3"
            " + (10*exp(-y4**2) - 400)*y4 + 1",
        ),
        (0,) * 4,
        1,
        atol=1e-8,
    ),
    "E2": Problem(("y2", "5*(1 - y1**2)*y2 - y1"), (2, 0), 1),
    "E3": Problem(("-(55 + y3)*y1 + 65*y2", "0.0785*(y1 - y2)", "0.1*y1"), (1, 1, 0), 500),
    "E5": Problem(
        (
            *("-7.89e-10*y1 - 1.1e7*y1*y3", "7.89e-10*y1 - 1.13e9*y2*y3"),
            "7.89e-10*y1 - 1.1e7*y1*y3 + 1.13e3*y4 - 1.13e9*y2*y3",
            "1.1e7*y1*y3 - 1.13e3*y4",
        ),
        (1.76e-3, 0, 0, 0),
        1000,
        atol=1e-11,
    ),
    "pollution": _pollution(),
}
