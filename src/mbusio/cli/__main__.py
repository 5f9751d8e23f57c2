"""``python -m mbusio.cli`` is the command `mbus`."""

import sys

from mbusio.cli import main

sys.exit(main())
