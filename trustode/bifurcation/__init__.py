"""Equilibria, their branches, and the points where something changes.

`equilibria` searches, `continuation` follows. Imports the solve and compiled layers.
"""

from .arclength import ArcLength as ArcLength
from .branch import Branch as Branch
from .continuation import continuation as continuation
from .diagram import diagram as diagram
from .equilibria import Equilibria as Equilibria
from .equilibria import Equilibrium as Equilibrium
from .equilibria import equilibria as equilibria
from .portrait import Diagram as Diagram
