"""`python -m bench` measures side by side with batch/v1 Jobs."""

import sys

from bench.side_by_side.command import main

sys.exit(main(sys.argv[1:]))
