"""Code generation: a model becomes C text and a key. Text in, text out, no files written.

`graph` holds the expression graph and its derivatives, `ctext` prints it as C, `source`
assembles what one model needs, `variational` adds its derivatives in a direction. What prints
recurrences is loaded when they are asked for: models that were built in or kept need none, and it
would take a sixth of the time to their first result. Imports the model layer only.
"""

from typing import TYPE_CHECKING

from ..late import loaded_late
from .source import FUNCTION_NAMES as FUNCTION_NAMES
from .source import PARTS as PARTS
from .source import Source as Source
from .source import entries_module as entries_module
from .variational import AlongOrbit as AlongOrbit
from .variational import Variational as Variational

if TYPE_CHECKING:
    from .recurrences import NoRecurrence as NoRecurrence
    from .taylor import taylor_text as taylor_text

__getattr__ = loaded_late(__name__, {"NoRecurrence": "recurrences", "taylor_text": "taylor"})
