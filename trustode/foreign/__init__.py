"""Models from files of other programs: SBML and XPPAUT.

What arrives becomes text in our own language and goes through the checks of `Model`;
nothing in a file can run. A reader is loaded when a file asks for it, because most programs
never meet one. Imports the model layer.
"""

from typing import TYPE_CHECKING

from ..late import loaded_late

if TYPE_CHECKING:
    from .sbml import read_sbml as read_sbml
    from .xpp import read_xpp as read_xpp

__getattr__ = loaded_late(__name__, {"read_sbml": "sbml", "read_xpp": "xpp"})
