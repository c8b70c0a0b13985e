"""XPPAUT files: what is read, and what is refused by its line."""

import math
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import trustode as tr
from trustode.errors import ModelError
from trustode.foreign import read_xpp

EXACT = tr.Solver(rtol=1e-10, atol=1e-12)

EVERYTHING = """\
# a comment, and a line that goes on
par a=1.5, b = -.5 \\
  c=2e-1
p k=3
number four=4
"a line for readers
f(x,y)=x*y+a
g(z)=f(z,2)^2
half=x/2
!derived=a+four
dX/dt=-x+g(half)/10-b*heav(sin(t))
y'=if(x>y)then(c)else(-c)+max(x,y)-y*derived/four
z' = -2^2*z + (x<y)*1 + (x>=y)*10 - log10(100)*not(0) + pi
init x=1 y=2
z(0)=.5
aux X=x
aux total=x+y
aux w=f(1,k)
@ total=10, dt=.01
set fast {a=2}
done
this is not read
"""


def test_everything_is_read() -> None:
    model = read_xpp(EVERYTHING, "all", "here")
    assert model.states == ("X", "y", "z")
    assert model.defaults == {"a": 1.5, "b": -0.5, "c": 0.2, "k": 3.0, "four": 4.0}
    assert tuple(model.observables) == ("X_aux", "total", "w")
    assert [float(value) for value in model.initial.values()] == [1.0, 2.0, 0.5]
    compiled = tr.compile(model)
    for t, x, y in ((1.0, 0.5, 2.0), (4.0, 2.0, 0.5)):
        step = 1.0 if math.sin(t) >= 0 else 0.0
        wanted = [
            -x + (x / 2 * 2 + 1.5) ** 2 / 10 + 0.5 * step,
            (0.2 if x > y else -0.2) + max(x, y) - y * 5.5 / 4,
            -4 * 0.7 + (1 if x < y else 10) - 2 + math.pi,
        ]
        found = compiled.rhs(t, np.array([x, y, 0.7]))
        np.testing.assert_allclose(found, wanted, rtol=1e-14)
    np.testing.assert_allclose(
        compiled.observe(0.0, np.array([1.0, 2.0, 3.0])), [1.0, 3.0, 4.5], rtol=1e-15
    )


def test_xppaut_reads_it_alike(tmp_path: Path) -> None:
    if shutil.which("xppaut") is None:
        pytest.skip("needs xppaut")
    text = """\
par a=1.5
x'=-x^2+2^3^2*0.01-a/2*3
y'=-(-y)^2*.5+heav(0)+sign(-2)*.25+(1<2)+exp(-x)/ln(4)
z'=x-z-y/2/5
init x=3,z=1
"""
    (tmp_path / "m.ode").write_text(
        text + "@ total=1,dt=.01,meth=cvode,tol=1e-9,atol=1e-10,bound=1e6\ndone\n"
    )
    subprocess.run(["xppaut", "m.ode", "-silent"], cwd=tmp_path, capture_output=True, timeout=60)
    rows = np.loadtxt(tmp_path / "output.dat")
    model = tr.read_model(tmp_path / "m.ode")
    assert model.name == "m"
    found = tr.simulate(model, np.linspace(0, 1, 101), solver=EXACT)
    assert np.abs(rows[:, 1:4] - found.y[: len(rows)]).max() < 1e-6


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("wiener w", "line 2: noise is not read: 'wiener w'. trustode solves without noise"),
        ("markov m 2", "line 2: a Markov process"),
        ("table f file.tab", "line 2: a table is not read: 'table f file.tab'. Write a formula as"),
        ("global 1 {x-1} {x=0}", "is not read: 'global 1 {x-1} {x=0}'. Leave the line out"),
        ("b x-1", "line 2: a boundary condition"),
        ("0=x-y", "line 2: an algebraic equation"),
        ("solv y=1", "line 2: an algebraic equation"),
        ("%[1..3]", "line 2: an equation that is generated"),
        ("x(t+1)=x/2", "line 2: a map, an integral equation or a history"),
        ("y(t)=int{x}", "line 2: a map, an integral equation or a history"),
        ("y'=delay(x,1)", "line 2: the function 'delay' of 2 has no equivalent"),
        ("y'=ran(1)", "line 2: the function 'ran' of 1"),
        ("y'=tahn(x)", "line 2: the function 'tahn' of 1 has no equivalent in a model; did you"),
        ("y'=x+", "line 2: the formula ends too soon"),
        ("y'=(x", r"line 2: expected ')', found the end"),
        ("y'=x)", "line 2: ')' is one too many"),
        ("y'=x $ 2", "line 2: '$ 2' has no place in a formula"),
        ("y'=2**x.__class__", "line 2: '.__class__' has no place"),
        ("y'=zed", "'zed' is used, but has no value"),
        ("init yy=1", "init names 'yy', which has no equation"),
        ("par X=1", "line 2: 'X' is defined twice"),
        ("f(a)=a\nF(b)=2*b", "line 3: 'F' is defined twice"),
        ("x(a)=a", "line 2: 'x' is defined twice"),
        ("par T=1", "line 2: 'T' is time"),
        ("par a=b", "line 2: 'b' is not a number"),
        ("par a", "line 2: expected NAME=VALUE"),
        ("what is this", "line 2 is not understood"),
        ("u=v\nv=u", "a definition depends on itself: u -> v -> u"),
        ("y'=" + "(" * 400 + "x" + ")" * 400, "line 2: nested more than"),
        ("\n".join(["a0=x"] + [f"a{k + 1}=a{k}+a{k}" for k in range(60)]), "more than 20000"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_named(line: str, said: str) -> None:
    with pytest.raises(ModelError) as error:
        read_xpp(f"x'=-x\n{line}\n", "m", "m.ode")
    assert str(error.value).startswith("m.ode: ")
    assert said in str(error.value)


def test_no_equation_is_named() -> None:
    with pytest.raises(ModelError, match="holds no differential equation"):
        read_xpp("par a=1\ndone", "m", "m.ode")


def test_reserved_names_and_short_keywords_are_names_too() -> None:
    model = read_xpp("par lambda=2, x_1=3\nw = lambda*v\nv'=-w\np = v\naux q=p\ni'=-i\n", "m", "m")
    assert model.states == ("v", "i")
    assert tuple(model.params) == ("lambda_", "x_1")
    assert str(model.rhs[tr.states("v")]) == "-lambda_*v"
