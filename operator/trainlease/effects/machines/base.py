"""The port to what runs a training, and how to add a provider: fill these three verbs.

Verbs return at once, may be repeated, and "already so" is success. Errors: Refused (capacity,
quota, throttled, wrong state), Forbidden, BadSpec (what is asked for can never start: no such
image, no such command), Unavailable, AnswerLost.
"""

from collections.abc import Callable
from typing import Protocol

from trainlease.model.machine import Machine
from trainlease.model.observed import MachineView, Workload

Doorbell = Callable[[str], None]
"""Called with a machine's name when something may have changed there; it carries no news."""


class Provider(Protocol):
    """One kind of machine."""

    async def observe(self, machine: Machine) -> MachineView:
        """What is so now, read from the outside: power, whose start it was, what ended."""
        ...

    async def ensure_on(self, machine: Machine, workload: Workload) -> None:
        """Start this claim's workload; its name is (machine uid, generation), so once at most."""
        ...

    async def ensure_off(self, machine: Machine) -> None:
        """End all that runs there. It may take a while: only observe() says that it is off."""
        ...

    async def forget(self, machine_uid: str, generation: int) -> None:
        """Remove what an ended claim left (logs, exit record), once the job's ttl has passed."""
        ...

    def on_change(self, doorbell: Doorbell) -> None:
        """Ring when a machine may have changed, so that nobody has to poll."""
        ...
