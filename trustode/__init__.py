"""trustode: a theory of trust that runs.

Symbolic models become compiled ordinary differential equations that are simulated,
scanned, followed through their bifurcations and fitted to data. This module decides
what is public; every name is loaded when it is first used, so that importing trustode
costs next to nothing.
"""

import sys
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING, Any

from .errors import nearest

__version__ = "0.1.0"

_HOME = {
    "CompileError": "errors",
    "CompileWarning": "errors",
    "DataError": "errors",
    "FileError": "errors",
    "FitWarning": "errors",
    "Interrupted": "errors",
    "KeywordError": "errors",
    "ModelError": "errors",
    "OptionError": "errors",
    "PackageError": "errors",
    "SolveError": "errors",
    "SolveWarning": "errors",
    "Status": "errors",
    "TrustodeError": "errors",
    "Model": "model",
    "Param": "model",
    "inputs": "model",
    "parameters": "model",
    "states": "model",
    "read_model": "text",
    "write_text": "text",
    "Episodes": "stimulus",
    "Pulses": "stimulus",
    "Samples": "stimulus",
    "Sessions": "stimulus",
    "Steps": "stimulus",
    "CompiledModel": "compile",
    "compile": "compile",
    "Event": "event",
    "Solver": "solve",
    "Solution": "simulate",
    "simulate": "simulate",
    "ensemble": "ensemble",
    "explore": "explore",
    "export": "export",
    "report": "report",
    "scan": "scan",
    "orbit_diagram": "orbit_diagram",
    "basins": "basins",
    "sweep": "sweep",
    "regime_map": "regime_map",
    "ArcLength": "bifurcation",
    "bands": "bifurcation",
    "continuation": "bifurcation",
    "cycles": "bifurcation",
    "curve": "bifurcation",
    "diagram": "bifurcation",
    "equilibria": "bifurcation",
    "AtRest": "fit",
    "Binomial": "fit",
    "Categorical": "fit",
    "Gaussian": "fit",
    "GridGaussian": "fit",
    "Laplace": "fit",
    "Ordinal": "fit",
    "Poisson": "fit",
    "StudentT": "fit",
    "Vary": "fit",
    "compare": "fit",
    "fit": "fit",
    "objective": "fit",
    "rank_designs": "fit",
    "recover": "fit",
    "read_petab": "petab",
    "write_petab": "petab",
}
_MODULES = ("data", "models")

#: Modules that the build makes, and what to say where it did not.
_COMPILED = {f"{__name__}.{name}" for name in ("_core", "_builtin", "_plain", "_avx2", "_avx512")}
_NOT_BUILT = (
    "the compiled part {} is missing in {}. If trustode is installed, this is a copy of its source "
    "that Python found first: start Python in another folder. To use this copy, build it there: "
    "pip install -e ."
)

__all__ = [*sorted(_HOME), *_MODULES, "__version__"]

if TYPE_CHECKING:
    from . import data as data
    from . import models as models
    from .basins import basins as basins
    from .bifurcation import ArcLength as ArcLength
    from .bifurcation.bands import bands as bands
    from .bifurcation.continuation import continuation as continuation
    from .bifurcation.curves.curve import curve as curve
    from .bifurcation.diagram import diagram as diagram
    from .bifurcation.equilibria import equilibria as equilibria
    from .bifurcation.periodic.cycles import cycles as cycles
    from .compile import CompiledModel as CompiledModel
    from .compile import compile as compile
    from .ensemble import ensemble as ensemble
    from .errors import CompileError as CompileError
    from .errors import CompileWarning as CompileWarning
    from .errors import DataError as DataError
    from .errors import FileError as FileError
    from .errors import FitWarning as FitWarning
    from .errors import Interrupted as Interrupted
    from .errors import KeywordError as KeywordError
    from .errors import ModelError as ModelError
    from .errors import OptionError as OptionError
    from .errors import PackageError as PackageError
    from .errors import SolveError as SolveError
    from .errors import SolveWarning as SolveWarning
    from .errors import Status as Status
    from .errors import TrustodeError as TrustodeError
    from .event import Event as Event
    from .explore import explore as explore
    from .export import export as export
    from .fit import AtRest as AtRest
    from .fit import Binomial as Binomial
    from .fit import Categorical as Categorical
    from .fit import Gaussian as Gaussian
    from .fit import GridGaussian as GridGaussian
    from .fit import Laplace as Laplace
    from .fit import Ordinal as Ordinal
    from .fit import Poisson as Poisson
    from .fit import StudentT as StudentT
    from .fit import Vary as Vary
    from .fit import fit as fit
    from .fit import objective as objective  # type: ignore[no-redef]
    from .fit import rank_designs as rank_designs
    from .fit.compare import compare as compare
    from .fit.recover import recover as recover
    from .model import Model as Model
    from .model import Param as Param
    from .model import inputs as inputs
    from .model import parameters as parameters
    from .model import states as states
    from .orbit_diagram import orbit_diagram as orbit_diagram
    from .petab import read_petab as read_petab
    from .petab import write_petab as write_petab
    from .regime_map import regime_map as regime_map
    from .report import report as report
    from .scan import scan as scan
    from .simulate import Solution as Solution
    from .simulate import simulate as simulate
    from .solve import Solver as Solver
    from .stimulus import Episodes as Episodes
    from .stimulus import Pulses as Pulses
    from .stimulus import Samples as Samples
    from .stimulus import Sessions as Sessions
    from .stimulus import Steps as Steps
    from .sweep import sweep as sweep
    from .text import read_model as read_model
    from .text import write_text as write_text


class _Package(ModuleType):
    """The package's own module type: a public name never turns into a submodule."""

    def __setattr__(self, name: str, value: Any) -> None:
        # Loading trustode/simulate.py would bind the module over the function of the
        # same name; what is public is the function.
        if isinstance(value, ModuleType) and name in _HOME:
            value = getattr(value, name)
        super().__setattr__(name, value)

    def __getattr__(self, name: str) -> Any:
        if name in _MODULES:
            return import_module(f"{__name__}.{name}")
        if name not in _HOME:
            # Asked for a submodule by an import, which then loads it, nobody reads a hint.
            known = name.isidentifier() and find_spec(f"{__name__}.{name}") is not None
            hint = "" if known else nearest(name, __all__)
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}{hint}")
        try:
            value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
        except ModuleNotFoundError as error:
            if error.name not in _COMPILED:
                raise
            raise ImportError(_NOT_BUILT.format(error.name, __path__[0]), name=error.name) from None
        super().__setattr__(name, value)
        return value

    def __dir__(self) -> list[str]:
        return list(__all__)


sys.modules[__name__].__class__ = _Package
