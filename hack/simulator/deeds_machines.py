"""What befalls the providers of machines: how each deed is done.

Not in here: when it happens (`scenario_machines`).
"""

from collections.abc import Callable

from simulator import scenario_machines as word
from simulator.scenario import Deed
from simulator.world import World
from trainlease.model.errors import (
    Forbidden,
    NotFound,
    Refused,
    TrainleaseError,
    Unavailable,
)

_VERBS = {word.BLIND: "observe", word.NO_START: "ensure_on", word.NO_STOP: "ensure_off"}


class MachineDeeds:
    """The acts by the word of their deed."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.acts: dict[str, Callable[[Deed], None]] = dict.fromkeys(_VERBS, self._trouble)

    def _trouble(self, deed: Deed) -> None:
        if not self._world.weather.is_stormy:
            return
        if deed.where == word.UNKNOWN:
            self._world.provider_of(deed.who).unknown[deed.who] = "its node is not Ready"
            self._world.grounds.later(deed.length, self._see_again, deed.who)
            return
        key = _VERBS[deed.what], deed.who
        self._world.troubles[key] = _error(deed.who, deed.where)
        self._world.grounds.later(deed.length, self._mend, key)

    def _see_again(self, machine: str) -> None:
        self._world.provider_of(machine).unknown.pop(machine, None)

    def _mend(self, key: tuple[str, str]) -> None:
        self._world.troubles.pop(key, None)

    def heal(self) -> None:
        """The storm is over: every provider says and does what it is asked."""
        self._world.troubles.clear()
        for machines in self._world.machines.values():
            machines.unknown.clear()


def _error(machine: str, why: str) -> TrainleaseError:
    text = f"{machine}: {why}"
    if why == word.AUTH:
        return Forbidden(text)
    if why == word.NOT_FOUND:
        return NotFound(text)
    return Unavailable(text) if why == word.AWAY else Refused(text, why)
