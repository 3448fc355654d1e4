"""What is done to a platform's database: each deed changes what it names, and is undone in time."""

from collections.abc import Callable

import pytest

from simulator import scenario_databases as word
from simulator.deeds_databases import DatabaseDeeds
from simulator.drawing import draw_all
from simulator.loop import VirtualLoop, run
from simulator.scenario import Deed
from simulator.world import World
from trainlease.effects.platforms.fake import FakeDatabase
from trainlease.model.observed import MachineRows, RowState, SideRow, TrainingWord

Check = Callable[[MachineRows], bool]
SIDE = SideRow("", "gpu-1", "uid", 7, 3, RowState.FREE, "", "", start_log_id=None)


def after(what: str, *, length: float = 0.0, wait: float = 0.0, owner: str = "") -> MachineRows:
    """The rows of gpu-1 in saturno's database some seconds after the deed."""
    found: list[MachineRows] = []

    async def main(loop: VirtualLoop) -> None:
        world = World(draw_all(3, ()), loop)
        database = world.databases["saturno"].database
        if owner:
            database.edit("gpu-1", "occupied", owner)
        database.edit_side("gpu-1", SIDE)
        DatabaseDeeds(world).acts[what](Deed(0.0, what, "gpu-1", length, where="saturno"))
        done = loop.create_future()
        world.grounds.later(wait, done.set_result, None)
        await done
        found.append(database.read("gpu-1"))

    run(main)
    return found[0]


def has_fence(fence: int, state: RowState) -> Check:
    return lambda rows: (
        rows.side is not None
        and (rows.side.fence, rows.side.state)
        == (
            fence,
            state,
        )
    )


@pytest.mark.parametrize(
    ("what", "is_so"),
    [
        (word.ROW_TAKEN, lambda rows: rows.own is RowState.OCCUPIED),
        (word.ROW_ODD, lambda rows: not rows.known),
        (word.ROW_GONE, lambda rows: rows.own is None),
        (word.SIDE_GONE, lambda rows: rows.side is None),
        (word.SIDE_TURNED, has_fence(7, RowState.OCCUPIED)),
        (word.OTHER_CLUSTER, lambda rows: len(rows.other_clusters) == 1),
    ],
)
def test_a_deed_changes_what_it_names(what: str, is_so: Check) -> None:
    assert is_so(after(what))


def test_a_larger_fence_is_larger_by_an_even_number_and_keeps_its_state() -> None:
    side = after(word.SIDE_RAISED).side
    assert side is not None
    assert side.fence > SIDE.fence
    assert (side.fence - SIDE.fence) % 2 == 0
    assert side.state is RowState.FREE


def test_a_row_of_ours_is_set_free_by_hand() -> None:
    assert after(word.ROW_FREE, owner="trainlease").own is RowState.FREE


@pytest.mark.parametrize("what", [word.ROW_TAKEN, word.ROW_ODD, word.ROW_GONE])
def test_a_row_that_was_edited_is_free_again_after_its_time(what: str) -> None:
    assert after(what, length=5.0, wait=6.0).own is RowState.FREE


def test_another_clusters_row_is_cleared_after_its_time() -> None:
    assert after(word.OTHER_CLUSTER, length=5.0, wait=6.0).other_clusters == ()


def test_a_database_comes_back_with_the_rows_of_its_backup() -> None:
    words: list[TrainingWord | None] = []

    async def main(loop: VirtualLoop) -> None:
        world = World(draw_all(3, ()), loop)
        deeds, database = DatabaseDeeds(world), world.databases["saturno"].database
        database.edit_training("t", TrainingWord.RUNNING)
        deeds.acts[word.BACK_UP](Deed(0.0, word.BACK_UP, "saturno"))
        database.edit_training("t", TrainingWord.FAILED)
        deeds.acts[word.RESTORE](Deed(0.0, word.RESTORE, "saturno"))
        words.append(database.data.trainings["t"].word)

    run(main)
    assert words == [TrainingWord.RUNNING]


def test_a_database_is_read_only_for_a_while() -> None:
    states: list[bool] = []

    async def main(loop: VirtualLoop) -> None:
        world = World(draw_all(3, ()), loop)
        database: FakeDatabase = world.databases["saturno"].database
        act = DatabaseDeeds(world).acts[word.READ_ONLY]
        act(Deed(0.0, word.READ_ONLY, "saturno", 5.0))
        states.append(database.read_only)
        done = loop.create_future()
        world.grounds.later(6.0, done.set_result, None)
        await done
        states.append(database.read_only)

    run(main)
    assert states == [True, False]
