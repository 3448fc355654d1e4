"""The seed that caught each mutant when all were last chased from 0 on.

Tests begin with it, so that most mutants cost them one seed; where the simulator has changed since,
they go on with the mutant's other seeds. `python -m mutants --note` writes it anew.
"""

import json
from collections.abc import Mapping
from pathlib import Path

NOTED = Path(__file__).with_name("seeds.json")


def noted() -> dict[str, int]:
    """The seeds by the mutants' names."""
    found: dict[str, int] = json.loads(NOTED.read_text())
    return found


def note(caught: Mapping[str, int]) -> None:
    """Keep these, and of the others what was noted before."""
    NOTED.write_text(json.dumps({**noted(), **caught}, indent=1, sort_keys=True) + "\n")
