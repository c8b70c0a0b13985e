"""Models from files of other programs: SBML and XPPAUT.

What arrives becomes text in our own language and goes through the checks of `Model`;
nothing in a file can run. A reader is loaded when a file asks for it, because most programs
never meet one. Imports the model layer.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .sbml import read_sbml as read_sbml
    from .xpp import read_xpp as read_xpp

_HOME = {"read_sbml": "sbml", "read_xpp": "xpp"}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)
