"""The one door to the C core: options, and batches of solves with the GIL released.

`options` says how to integrate, `arguments` checks what a solve is given, `plan` chooses what
solves it, `alone` solves one run, `batch` many, and `comparison` solves and sums against data; both
let `threads` share their runs. `simulate`, `ensemble` and fitting stand on it.
"""

from .alone import Alone as Alone
from .alone import solve_alone as solve_alone
from .arguments import check_times as check_times
from .arguments import in_range as in_range
from .arguments import initial_vector as initial_vector
from .arguments import input_tables as input_tables
from .arguments import pack as pack
from .arguments import parameter_vector as parameter_vector
from .batch import Batch as Batch
from .batch import solve_batch as solve_batch
from .comparison import FORMS as FORMS
from .comparison import Compared as Compared
from .comparison import Rows as Rows
from .comparison import compare_batch as compare_batch
from .memory import refuse_too_large as refuse_too_large
from .options import NATIVE as NATIVE
from .options import SCIPY as SCIPY
from .options import Solver as Solver
from .plan import compile_ahead as compile_ahead
from .tangents import directions as directions
