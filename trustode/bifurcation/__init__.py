"""Equilibria, their branches, and the points where something changes.

`equilibria` searches, `continuation` follows, `curve` follows a bifurcation in two
parameters. Imports the solve and compiled layers.
"""

from .arclength import ArcLength as ArcLength
from .bands import Bands as Bands
from .bands import bands as bands
from .branch import Branch as Branch
from .continuation import continuation as continuation
from .curves.bifurcation_curve import CURVES as CURVES
from .curves.bifurcation_curve import BifurcationCurve as BifurcationCurve
from .curves.curve import curve as curve
from .curves.organising import Organising as Organising
from .curves.organising import n_diagrams as n_diagrams
from .curves.organising import organising as organising
from .curves.organising import sentences as sentences
from .curves.plane import check_pair as check_pair
from .curves.plane import check_spans as check_spans
from .diagram import diagram as diagram
from .equilibria import Equilibria as Equilibria
from .equilibria import Equilibrium as Equilibrium
from .equilibria import equilibria as equilibria
from .equilibria import stable_equilibria as stable_equilibria
from .periodic import Cycles as Cycles
from .periodic import cycles as cycles
from .portrait import Diagram as Diagram
