"""Models from files of other programs: SBML and XPPAUT.

What arrives becomes text in our own language and goes through the checks of `Model`;
nothing in a file can run. Imports the model layer.
"""

from .sbml import read_sbml as read_sbml
from .xpp import read_xpp as read_xpp
