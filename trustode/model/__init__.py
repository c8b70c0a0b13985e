"""The model layer: symbols, parameters with their meaning, and `Model`.

Every check happens here, at construction, so that whatever stands on a model can rely
on it. Knows sympy, runs no numbers, never mutates. `symbols` are names, `param` is a parameter,
`formulas` are expressions, `parts` is what must hold between them, and `model` is the whole.
"""

from .model import Model as Model
from .param import Param as Param
from .symbols import inputs as inputs
from .symbols import named as named
from .symbols import parameters as parameters
from .symbols import states as states
