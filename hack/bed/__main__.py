"""`python -m bed`: see bed.cli."""

import sys

from bed.cli import main

sys.exit(main())
