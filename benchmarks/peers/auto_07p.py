"""AUTO-07p, where its command is installed: a family of cycles from a Hopf point, timed."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import sympy as sp

import trustode as tr

COMMAND = "auto-07p"

_FORTRAN = """\
subroutine func(ndim, u, icp, par, ijac, f, dfdu, dfdp)
  implicit none
  integer, intent(in) :: ndim, ijac, icp(*)
  double precision, intent(in) :: u(ndim), par(*)
  double precision, intent(out) :: f(ndim)
  double precision, intent(inout) :: dfdu(ndim, ndim), dfdp(ndim, *)
{rhs}
  if (ijac == 0) return
{jacobian}
  if (ijac == 1) return
{by_parameter}
end subroutine
subroutine stpnt(ndim, u, par, t)
  implicit none
  integer, intent(in) :: ndim
  double precision, intent(inout) :: u(ndim), par(*)
  double precision, intent(in) :: t
{start}
end subroutine
subroutine bcnd
end subroutine
subroutine icnd
end subroutine
subroutine fopt
end subroutine
subroutine pvls
end subroutine
"""

_CONSTANTS = """\
NDIM={n}, IPS=1, IRS=0, ILP=1, ICP=[1], NTST={intervals}, NCOL=4, IAD=3, ISP=2, ISW=1, IPLT=0
NBC=0, NINT=0, NMX=400, NPR=100000, MXBF=0, IID=0, ITMX=8, ITNW=7, NWTN=3, JAC=1
EPSL=1e-7, EPSU=1e-7, EPSS=1e-5, DS={ds}, DSMIN=1e-6, DSMAX={ds_max}, IADS=1
NPAR=11, UZSTOP={{1: [{low}, {high}]}}
"""

#: The time of a run that stops at once, to start a process, is not that of its points.
_SCRIPT = """\
from resource import RUSAGE_CHILDREN, getrusage
def cpu():
    used = getrusage(RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
hopf = run(e="eq", c="eq")("HB1")
def cycles(count):
    begin = cpu()
    found = run(hopf, IPS=2, ICP=[1, 11], NMX=count, DS={sign}*{ds}, IID=0)
    return len(found[0]), cpu() - begin
for _ in range({rounds}):
    _, idle = cycles(1)
    n, busy = cycles({count})
    print("TOOK", n, 1e3 * (busy - idle))
"""


def family(model, free, span, hopf, count, intervals, rounds):
    """Return AUTO's points of a family of cycles and the least milliseconds that they took.

    `hopf` is a row of special points; the branch of equilibria that leads to it is not timed.
    """
    states = [sp.Symbol(name) for name in model.states]
    u = {x: sp.Symbol(f"u({k})") for k, x in enumerate(states, 1)}
    held = {key: value for key, value in model.defaults.items() if str(key) != free}
    known = {sp.Symbol(str(key)): value for key, value in held.items()}
    known |= {sp.Symbol(free): sp.Symbol("par(1)"), **u}
    f = [
        sp.sympify(each).xreplace({s: sp.Symbol(s.name) for s in each.free_symbols}).subs(known)
        for each in model.rhs.values()
    ]

    def lines(name, values):
        return "\n".join(
            sp.fcode(each, assign_to=f"{name}({place})", source_format="free")
            for place, each in values
        )

    n, width = len(f), span[1] - span[0]
    before = float(hopf[free]) - 2e-3 * width
    there = min(
        tr.equilibria(model, params={free: before}),
        key=lambda each: sum(abs(each[name] - hopf[name]) for name in model.states),
    )
    start = [(k, sp.Float(there[name], 17)) for k, name in enumerate(model.states, 1)]
    source = _FORTRAN.format(
        rhs=lines("f", enumerate(f, 1)),
        jacobian=lines(
            "dfdu",
            [
                (f"{i},{j}", each.diff(x))
                for i, each in enumerate(f, 1)
                for j, x in enumerate(u.values(), 1)
            ],
        ),
        by_parameter=lines(
            "dfdp", [(f"{i},1", each.diff(sp.Symbol("par(1)"))) for i, each in enumerate(f, 1)]
        ),
        start=lines("u", start) + f"\n  par(1) = {sp.fcode(sp.Float(before, 17))}",
    )
    steps = {"ds": 1e-3 * width, "ds_max": 0.05 * width, "low": span[0], "high": span[1]}
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "eq.f90").write_text(source)
        Path(folder, "c.eq").write_text(_CONSTANTS.format(n=n, intervals=intervals, **steps))
        script = _SCRIPT.format(sign=1, count=count, rounds=rounds, **steps)
        Path(folder, "go.auto").write_text(script)
        done = subprocess.run(
            [shutil.which(COMMAND), "go.auto"],
            cwd=folder,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
    took = [line.split()[1:] for line in done.stdout.splitlines() if line.startswith("TOOK")]
    if not took:
        raise RuntimeError(f"{COMMAND} said: {(done.stdout + done.stderr)[-2000:]}")
    return min(((int(n), float(ms)) for n, ms in took), key=lambda pair: pair[1])
