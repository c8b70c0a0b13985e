"""What arrives from outside the model, as tables that the C core reads.

Whatever kind of input a user gives, a number, events at known times or a measured series,
becomes a `Table`: a piecewise cubic in time together with the times at which a solver must
end a step. `cubics` is that table, `given` checks numbers, `base` is what all inputs share;
`pieces` and `smooth` are the inputs. Imports the errors and numpy.
"""

from .base import Stimulus as Stimulus
from .base import table as table
from .cubics import Table as Table
from .pieces import Pulses as Pulses
from .pieces import Samples as Samples
from .pieces import Steps as Steps
from .smooth import Episodes as Episodes
from .smooth import Sessions as Sessions
