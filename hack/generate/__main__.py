"""The command line of `generate`; what it does is told in the package's docstring."""

from __future__ import annotations

import argparse
import sys

import generate
from generate.files import ROOT, stale, wanted, write


def main(arguments: list[str] | None = None) -> int:
    """Write or check all files; with `--check` 1 where one differs."""
    parser = argparse.ArgumentParser(
        prog="generate",
        description=generate.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--check", action="store_true", help="write nothing")
    chosen = parser.parse_args(arguments)
    changed = stale(wanted()) if chosen.check else write(wanted())
    for path in changed:
        print(f"{'differs' if chosen.check else 'written'}: {path.relative_to(ROOT)}")
    return 1 if changed and chosen.check else 0


if __name__ == "__main__":
    sys.exit(main())
