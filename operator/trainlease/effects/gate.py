"""The way between a client and a fake's world: it may wait, and it may raise.

Delays, faults and lost answers belong to the way, not to the world: each client has a gate of its
own. Each fake has its own kind of call; a gate for several reads what they have in common.
"""

from typing import Protocol, TypeVar

Call = TypeVar("Call", contravariant=True)


class Gate(Protocol[Call]):
    """See the module."""

    async def before(self, call: Call) -> None:
        """On the way there: what is raised here never reached the world."""
        ...

    async def after(self, call: Call) -> None:
        """On the way back: the call took effect, and what is raised here is its answer lost."""
        ...


class OpenGate:
    """Lets everything through at once."""

    async def before(self, call: object) -> None:
        return

    async def after(self, call: object) -> None:
        return
