"""``python -m mbussim``."""

import sys

from mbussim.cli import main

sys.exit(main())
