"""What befalls the platforms' databases beyond being away: how each deed is done.

Not in here: when it happens (`scenario_databases`).
"""

from collections.abc import Callable
from dataclasses import replace

from simulator import scenario_databases as word
from simulator.scenario import Deed
from simulator.world import World
from trainlease.effects.platforms.fake import PERSON, FakeDatabase
from trainlease.effects.platforms.fake_tables import FREE, OCCUPIED, Tables
from trainlease.model.observed import RowState, SideRow, TrainingWord

_ANOTHER_CLUSTER = "cluster-of-another-town"
_OTHER = {RowState.FREE: RowState.OCCUPIED, RowState.OCCUPIED: RowState.FREE}


class DatabaseDeeds:
    """The acts by the word of their deed; backups are kept here, the latest of each platform."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._backups: dict[str, Tables] = {}
        self.acts: dict[str, Callable[[Deed], None]] = {
            word.BACK_UP: self._back_up,
            word.RESTORE: self._restore,
            word.READ_ONLY: self._read_only,
            word.ROW_FREE: lambda deed: self._database(deed.where).edit(deed.who, FREE),
            word.ROW_TAKEN: lambda deed: self._take(deed, OCCUPIED, "ana"),
            word.ROW_ODD: lambda deed: self._take(deed, "in the workshop", ""),
            word.ROW_OWNER: self._change_owner,
            word.ROW_GONE: self._take_row_away,
            word.SIDE_GONE: lambda deed: self._database(deed.where).edit_side(deed.who, None),
            word.SIDE_TURNED: self._turn_side,
            word.SIDE_RAISED: self._raise_side,
            word.OTHER_CLUSTER: self._add_cluster,
            word.TRAINING_EDITED: self._edit_training,
            word.TRAINING_GONE: lambda deed: self._database(deed.where).remove_training(deed.who),
        }

    # -- the whole database ----------------------------------------------------------------------

    def _back_up(self, deed: Deed) -> None:
        self._backups[deed.who] = self._database(deed.who).snapshot()

    def _restore(self, deed: Deed) -> None:
        """What was stored since the backup is gone, whoever had stored it."""
        self._database(deed.who).restore(self._backups[deed.who])

    def _read_only(self, deed: Deed) -> None:
        if self._world.weather.is_stormy:
            self._database(deed.who).read_only = True
            self._world.grounds.later(deed.length, self._make_writable, deed.who)

    def _make_writable(self, platform: str) -> None:
        self._database(platform).read_only = False

    # -- a machine's own row ---------------------------------------------------------------------

    def _take(self, deed: Deed, status: str, owner: str) -> None:
        """Another hand writes the row; mostly it is set free after a while."""
        self._database(deed.where).edit(deed.who, status, owner)
        self._later(deed, self._set_free, deed)

    def _change_owner(self, deed: Deed) -> None:
        """Only the owner column, of a row that says occupied."""
        if self._database(deed.where).read(deed.who).own is RowState.OCCUPIED:
            self._take(deed, OCCUPIED, "ana")

    def _take_row_away(self, deed: Deed) -> None:
        self._database(deed.where).remove(deed.who)
        self._later(deed, self._set_free, deed)

    def _set_free(self, deed: Deed) -> None:
        """A person gives the row back, if it is still as a person left it."""
        rows = self._database(deed.where).read(deed.who)
        if rows.own is None or not rows.known or rows.owner in (None, "ana"):
            self._database(deed.where).edit(deed.who, FREE)

    # -- the side table --------------------------------------------------------------------------

    def _turn_side(self, deed: Deed) -> None:
        """The state alone, under the same fence."""
        side = self._database(deed.where).read(deed.who).side
        if side is not None:
            turned = replace(side, state=_OTHER[side.state])
            self._database(deed.where).edit_side(deed.who, turned)

    def _raise_side(self, deed: Deed) -> None:
        """As a restored etcd would find it: words of a later generation stand there."""
        side = self._database(deed.where).read(deed.who).side
        if side is not None:
            further = self._world.rng.choice((1, 2, 40))
            newer = replace(
                side, fence=side.fence + 2 * further, generation=side.generation + further
            )
            self._database(deed.where).edit_side(deed.who, newer)

    def _add_cluster(self, deed: Deed) -> None:
        """Another cluster's operator has written here; mostly a person sees it and clears it."""
        row = SideRow(
            _ANOTHER_CLUSTER, deed.who, "uid-there", 3, 1, RowState.FREE, "", "", start_log_id=None
        )
        self._database(deed.where).edit_side(deed.who, row, cluster=_ANOTHER_CLUSTER)
        self._later(deed, self._clear_cluster, deed)

    def _clear_cluster(self, deed: Deed) -> None:
        self._database(deed.where).edit_side(deed.who, None, cluster=_ANOTHER_CLUSTER)

    # -- trainings -------------------------------------------------------------------------------

    def _edit_training(self, deed: Deed) -> None:
        """Of a training whose row is there."""
        database = self._database(deed.where)
        if deed.who in database.data.trainings:
            said = self._world.rng.choice(tuple(TrainingWord))
            database.edit_training(deed.who, said, PERSON)

    # -- small things ----------------------------------------------------------------------------

    def _later(self, deed: Deed, act: Callable[[Deed], None], what: Deed) -> None:
        """After the deed's length; one of no length is for good."""
        if deed.length > 0:
            self._world.grounds.later(deed.length, act, what)

    def _database(self, platform: str) -> FakeDatabase:
        return self._world.databases[platform].database
