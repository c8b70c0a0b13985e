"""Models for AUTO-07p: equations in Fortran, and a file of constants. Imports the model layer."""

from __future__ import annotations

from ..model import Model
from .infix import Dialect
from .names import Language, comment, described, every_name, folded, heading, starts

_AUTO = Language(
    "Fortran",
    frozenset(
        (
            "t ndim u icp par ijac f dfdu dfdp func stpnt bcnd icnd fopt pvls implicit none "
            "subroutine end integer double precision intent in out inout exp log sqrt sin cos "
            "tan asin acos atan sinh cosh tanh asinh acosh atanh abs sign min max merge"
        ).split()
    ),
    folds=True,
    longest=60,
)


def _number(value: float) -> str:
    text = repr(value)
    return text.replace("e", "d") if "e" in text else f"{text}d0"


_DIALECT = Dialect(
    power="**",
    functions={"sign": "merge(1d0, merge(-1d0, 0d0, ({0}) < 0d0), ({0}) > 0d0)"},
    number=_number,
)

#: PAR(11) to PAR(36) may be AUTO's own: the period, time, and what its extensions keep there.
_FIRST, _LAST = 10, 36

_FUNC = """
      SUBROUTINE FUNC(NDIM,U,ICP,PAR,IJAC,F,DFDU,DFDP)
      IMPLICIT NONE
      INTEGER, INTENT(IN) :: NDIM, IJAC, ICP(*)
      DOUBLE PRECISION, INTENT(IN) :: U(NDIM), PAR(*)
      DOUBLE PRECISION, INTENT(OUT) :: F(NDIM)
      DOUBLE PRECISION, INTENT(INOUT) :: DFDU(NDIM,*), DFDP(NDIM,*)
"""

_STPNT = """
      SUBROUTINE STPNT(NDIM,U,PAR,T)
      IMPLICIT NONE
      INTEGER, INTENT(IN) :: NDIM
      DOUBLE PRECISION, INTENT(INOUT) :: U(NDIM), PAR(*)
      DOUBLE PRECISION, INTENT(IN) :: T
"""

_REST = """
      SUBROUTINE BCND
      END SUBROUTINE BCND

      SUBROUTINE ICND
      END SUBROUTINE ICND

      SUBROUTINE FOPT
      END SUBROUTINE FOPT

      SUBROUTINE PVLS
      END SUBROUTINE PVLS
"""


def places(model: Model) -> dict[str, int]:
    """Return the place in PAR of each parameter and input."""
    names = (*model.params, *model.inputs)
    return {name: k if k <= _FIRST else k + _LAST - _FIRST for k, name in enumerate(names, 1)}


def auto(model: Model) -> str:
    """Return a model's equations for AUTO.

    The start is where a run begins; AUTO wants a rest point there, or a run in time
    (``IPS=-2`` in the constants) that ends at one.
    """
    renamed = _AUTO.rename(every_name(model))
    at = places(model)
    # Equations that depend on time continue as AUTO's own time, PAR(14).
    names = {**renamed, "t": "PAR(14)"}
    lines = heading(model, _AUTO, renamed, "!")
    lines += _FUNC.rstrip().split("\n")
    known = [*model.states, *at]
    for name in known:
        lines.append(f"      DOUBLE PRECISION {renamed[name]}")
    lines.append("")
    lines += [f"      {renamed[name]} = U({k})" for k, name in enumerate(model.states, 1)]
    lines += [f"      {renamed[name]} = PAR({k})" for name, k in at.items()]
    lines.append("")
    for k, expression in enumerate(model.rhs.values(), 1):
        text = folded(f"F({k}) = {_DIALECT.write(expression, names)}", " &")
        lines += [f"      {part}" for part in text.split("\n")]
    lines += ["      END SUBROUTINE FUNC", *_STPNT.rstrip().split("\n")]
    values = {**model.defaults, **model.input_defaults}
    for name, k in at.items():
        kind = "input" if name in model.inputs else ""
        said = ": ".join(part for part in (renamed[name], kind, described(model, name)) if part)
        lines += [f"      {line}" for line in comment(said, "!")]
        lines.append(f"      PAR({k}) = {_number(values[name])}")
    for k, (name, start) in enumerate(starts(model).items(), 1):
        lines.append(f"      U({k}) = {_number(start)}  ! {renamed[name]}")
    lines += ["      END SUBROUTINE STPNT", *_REST.rstrip().split("\n"), ""]
    return "\n".join(lines)


def constants(model: Model) -> str:
    """Return AUTO's constants: rest points along the first parameter, to be edited."""
    renamed = _AUTO.rename(every_name(model))
    at = places(model)
    first = next(iter(at), None)
    count = max(at.values(), default=1)
    quoted = {name: repr(new) for name, new in renamed.items()}
    unames = ", ".join(f"{k}: {quoted[name]}" for k, name in enumerate(model.states, 1))
    parnames = ", ".join(f"{k}: {quoted[name]}" for name, k in at.items())
    param = model.parameters.get(first or "")
    low, high = (param.min, param.max) if param else (0.0, 1.0)
    low, high = max(low, -1e3), min(high, 1e3)
    icp = repr(renamed[first]) if first else "1"
    return f"""\
# Constants for AUTO-07p, written by trustode; edit ICP, the stops UZSTOP and the step DS.
# From a start that is not at rest, run in time first (IPS=-2, ICP=[14]) and restart there.
unames = {{{unames}}}
parnames = {{{parnames}}}
NDIM={len(model.states)}, IPS=1, IRS=0, ILP=1
ICP=[{icp}]
NTST=50, NCOL=4, IAD=3, ISP=2, ISW=1, IPLT=0, NBC=0, NINT=0
NMX=1000, NPR=1000, MXBF=10, IID=2, ITMX=8, ITNW=5, NWTN=3, JAC=0
EPSL=1e-08, EPSU=1e-08, EPSS=1e-06
DS=0.01, DSMIN=1e-06, DSMAX=0.1, IADS=1
NPAR={max(count, _LAST)}, THL={{}}, THU={{}}
UZSTOP={{{icp}: [{low!r}, {high!r}]}}
"""
