"""``python -m trustode.cli``. Imports the command line."""

import sys

from . import main

sys.exit(main())
