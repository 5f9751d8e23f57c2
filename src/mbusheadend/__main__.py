"""Runs the command ``mbusheadend`` as ``python -m mbusheadend``."""

import sys

from mbusheadend.cli import main

sys.exit(main())
