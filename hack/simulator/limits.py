"""What the world guarantees, so that a promise knows what it may ask for."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass
class Limits:
    """Seconds, but for `cluster` and `retries`; see the module."""

    cluster: str = "cluster"
    call_lateness: float = 15.0
    """The longest that a call in flight may take to land: the cool-down outlasts it."""
    late_word: float = 200.0
    """How long what was decided before a Platform's mode was changed may still be done: the latest
    statement, and the longest that a process may not have heard of the change."""
    retries: Mapping[str, int] = field(
        default_factory=lambda: {"application": 0, "infrastructure": 3, "lost": 2}
    )
    """How many failures of each kind a job may have that says nothing of it (section 8)."""
    compare_every: float = 100.0
    """The longest until an operator reads what others have done to a database."""
    hearsay: float = 160.0
    """The longest until an operator whose watch is dead knows what people have written."""
    letting_go: float = 600.0
    """The longest that a Machine or a Platform is held back by a database, or by its jobs."""
