"""Code generation: a model becomes C text and a key. Text in, text out, no files written.

`graph` holds the expression graph and its derivatives, `ctext` prints it as C, `source`
assembles what one model needs, `variational` adds its derivatives in a direction. Imports the
model layer only.
"""

from .source import FUNCTION_NAMES as FUNCTION_NAMES
from .source import PARTS as PARTS
from .source import Source as Source
from .source import entries_module as entries_module
from .variational import AlongOrbit as AlongOrbit
from .variational import Variational as Variational
