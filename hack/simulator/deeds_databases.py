"""What befalls the platforms' databases beyond being away: how each deed is done.

Not in here: when it happens (`scenario_databases`).
"""

from collections.abc import Callable

from simulator.scenario import Deed
from simulator.scenario_databases import BACK_UP, RESTORE
from simulator.world import World
from trainlease.effects.platforms.fake import FakeDatabase
from trainlease.effects.platforms.fake_tables import Tables


class DatabaseDeeds:
    """The acts by the word of their deed; backups are kept here, the latest of each platform."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._backups: dict[str, Tables] = {}
        self.acts: dict[str, Callable[[Deed], None]] = {
            BACK_UP: self._back_up,
            RESTORE: self._restore,
        }

    def _back_up(self, deed: Deed) -> None:
        self._backups[deed.who] = self._database(deed.who).snapshot()

    def _restore(self, deed: Deed) -> None:
        """What was stored since the backup is gone, whoever had stored it."""
        self._database(deed.who).restore(self._backups[deed.who])

    def _database(self, platform: str) -> FakeDatabase:
        return self._world.databases[platform].database
