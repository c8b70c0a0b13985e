"""Periodic orbits: families of them, where they change, and where they end.

`collocation` discretises one orbit, `family` steps along a curve of them, `follow` walks, `special`
locates, `ends` recognises connections, `start` makes first orbits, `cycles` is the public function.
"""

from .branch import CYCLE_NAMES as CYCLE_NAMES
from .branch import Cycles as Cycles
from .cycles import cycles as cycles
