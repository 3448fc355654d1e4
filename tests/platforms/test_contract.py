"""What every database must do alike: the fake, SQLite and MariaDB with three schemas."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.platforms.backends import (
    CLUSTER,
    TRAINING,
    Backend,
    Line,
    entry,
    rows_of,
    training,
)

from trainlease.model.errors import SchemaInvalid
from trainlease.model.observed import (
    LedgerEntry,
    OpenTraining,
    RowState,
    SchemaReport,
    Told,
    TrainingWord,
    Write,
)
from trainlease.plan.platform_rows import judge, take_over

FREE, OCCUPIED = RowState.FREE, RowState.OCCUPIED
WAITING, RUNNING = TrainingWord.WAITING, TrainingWord.RUNNING
SUCCEEDED, FAILED = TrainingWord.SUCCEEDED, TrainingWord.FAILED


async def tell(backend: Backend, what: LedgerEntry) -> tuple[Write, Told]:
    verdict = await backend.database.tell(what, judge)
    return verdict.write, verdict.told


async def test_a_database_that_has_everything_has_no_problem(backend: Backend) -> None:
    assert await backend.database.check() == SchemaReport()


async def test_an_untouched_row_says_free_and_nothing_of_ours(backend: Backend) -> None:
    rows = await rows_of(backend)
    assert (rows.own, rows.side, rows.other_clusters, rows.known) == (FREE, None, (), True)
    assert rows.owner == ("" if backend.has_owner else None)


async def test_occupied_changes_both_rows_in_one_transaction(backend: Backend) -> None:
    what = entry(backend, OCCUPIED, 7)
    assert await tell(backend, what) == (Write.BOTH, Told.IN_STEP)
    rows = await rows_of(backend)
    assert rows.own is OCCUPIED
    assert rows.side is not None
    side = rows.side
    assert (side.cluster, side.machine, side.machine_uid) == (CLUSTER, "gpu-1", "uid-of-gpu-1")
    assert (side.fence, side.generation, side.state) == (14, 7, OCCUPIED)
    assert (side.holder, side.lease_uid) == ("saturno/caries-7", "lease-7")
    assert rows.owner == ("trainlease:saturno/caries-7" if backend.has_owner else None)


async def test_the_other_machines_row_stays_as_it_was(backend: Backend) -> None:
    await tell(backend, entry(backend))
    assert (await rows_of(backend, "gpu-2")).own is FREE


async def test_free_after_occupied_clears_the_row_and_its_owner(backend: Backend) -> None:
    await tell(backend, entry(backend, OCCUPIED))
    assert await tell(backend, entry(backend, FREE)) == (Write.BOTH, Told.IN_STEP)
    rows = await rows_of(backend)
    assert rows.own is FREE
    assert rows.side is not None
    assert (rows.side.state, rows.side.fence, rows.side.holder) == (FREE, 3, "")
    assert not rows.owner


@pytest.mark.parametrize("state", [OCCUPIED, FREE])
async def test_telling_twice_writes_once(backend: Backend, state: RowState) -> None:
    await tell(backend, entry(backend, state))
    before = await rows_of(backend)
    assert await tell(backend, entry(backend, state)) == (Write.NOTHING, Told.IN_STEP)
    assert await rows_of(backend) == before


async def test_a_late_occupied_does_not_turn_back_a_stored_free(backend: Backend) -> None:
    await tell(backend, entry(backend, FREE, 4))
    verdict = await backend.database.tell(entry(backend, OCCUPIED, 4), judge)
    assert (verdict.told, verdict.stored_fence) == (Told.FENCED, 9)
    assert (await rows_of(backend)).own is FREE


async def test_a_freed_row_of_a_held_machine_is_put_right(backend: Backend) -> None:
    await tell(backend, entry(backend))
    backend.set_machine("gpu-1", FREE)
    assert await tell(backend, entry(backend)) == (Write.OWN_ONLY, Told.IN_STEP)
    rows = await rows_of(backend)
    assert rows.own is OCCUPIED
    assert rows.owner == ("trainlease:saturno/caries-1" if backend.has_owner else None)
    assert len(backend.starts()) == 1


async def test_a_foreign_claim_is_not_taken_over(backend: Backend) -> None:
    backend.set_machine("gpu-1", OCCUPIED, "ana")
    before = await rows_of(backend)
    verdict = await backend.database.tell(entry(backend), judge)
    assert (verdict.write, verdict.told, verdict.is_foreign) == (Write.NOTHING, Told.FOREIGN, True)
    assert verdict.owner == ("ana" if backend.has_owner else None)
    assert await rows_of(backend) == before


async def test_a_newer_free_beside_a_foreign_claim_changes_the_side_row_alone(
    backend: Backend,
) -> None:
    backend.set_machine("gpu-1", OCCUPIED, "ana")
    assert await tell(backend, entry(backend, FREE)) == (Write.SIDE_ONLY, Told.IN_STEP)
    rows = await rows_of(backend)
    assert rows.own is OCCUPIED
    assert rows.owner == ("ana" if backend.has_owner else None)
    assert rows.side is not None
    assert rows.side.state is FREE


async def test_each_claim_has_one_line_in_the_start_log(backend: Backend) -> None:
    own = backend.platform.machine_name("gpu-1")
    first = Line(own, "trainlease:saturno/caries-1", open=True)
    await tell(backend, entry(backend, OCCUPIED, 1))
    assert backend.starts() == [first]
    await tell(backend, entry(backend, FREE, 1, minutes=5))
    assert backend.starts() == [replace(first, open=False)]


async def test_a_newer_claim_closes_the_line_of_one_whose_free_never_came(
    backend: Backend,
) -> None:
    await tell(backend, entry(backend, OCCUPIED, 1))
    await tell(backend, entry(backend, OCCUPIED, 2, minutes=5))
    assert [line.open for line in backend.starts()] == [False, True]


async def test_a_machine_without_a_row_is_no_error(backend: Backend) -> None:
    backend.remove_machine("gpu-1")
    assert (await rows_of(backend)).own is None
    assert await tell(backend, entry(backend)) == (Write.NOTHING, Told.NO_ROW)
    assert (await rows_of(backend)).side is None


async def test_another_clusters_row_is_left_alone_until_a_person_claims_it(
    backend: Backend,
) -> None:
    await backend.database.tell(entry(backend, OCCUPIED, 9, cluster="elsewhere"), judge)
    assert await tell(backend, entry(backend)) == (Write.NOTHING, Told.OTHER_CLUSTER)
    assert (await rows_of(backend)).other_clusters == ("elsewhere",)
    verdict = await backend.database.tell(entry(backend), take_over)
    assert (verdict.write, verdict.told) == (Write.TAKE_OVER, Told.IN_STEP)
    rows = await rows_of(backend)
    assert rows.other_clusters == ()
    assert rows.side is not None
    assert rows.side.generation == 1


async def test_one_read_covers_all_machines(backend: Backend) -> None:
    await tell(backend, entry(backend, machine="gpu-2"))
    names = {m: backend.platform.machine_name(m) for m in ("gpu-1", "gpu-2")} | {"x": "not-there"}
    read = await backend.database.rows(names, CLUSTER)
    want = {"gpu-1": FREE, "gpu-2": OCCUPIED, "x": None}
    assert {name: rows.own for name, rows in read.items()} == want


async def test_a_training_goes_through_its_words(backend: Backend) -> None:
    for word in (WAITING, RUNNING, SUCCEEDED):
        assert await backend.database.tell_training(training(word))
        assert backend.training() == (word, f"attempt 1: {word.value}, señal ñ")


async def test_running_never_follows_a_final_word(backend: Backend) -> None:
    await backend.database.tell_training(training(SUCCEEDED))
    assert not await backend.database.tell_training(training(RUNNING))
    assert not await backend.database.tell_training(training(RUNNING, attempt=2))
    assert backend.training()[0] is SUCCEEDED


async def test_the_next_attempt_may_wait_again(backend: Backend) -> None:
    await backend.database.tell_training(training(RUNNING))
    assert await backend.database.tell_training(training(WAITING, attempt=2))
    assert not await backend.database.tell_training(training(RUNNING, attempt=1))
    assert backend.training()[0] is WAITING


async def test_a_training_told_twice_is_already_so(backend: Backend) -> None:
    await backend.database.tell_training(training(FAILED))
    assert await backend.database.tell_training(training(FAILED))


async def test_the_last_word_of_a_gone_job_leaves_the_row_to_another_that_has_the_training(
    backend: Backend,
) -> None:
    await backend.database.tell_training(training(WAITING))
    closing = replace(training(FAILED), side_only=True)
    assert await backend.database.tell_training(closing)
    assert backend.training()[0] is WAITING
    assert await backend.database.open_trainings(CLUSTER) == []


async def test_a_training_id_without_a_row_is_said_so(backend: Backend) -> None:
    with pytest.raises(SchemaInvalid, match="9999"):
        await backend.database.tell_training(training(RUNNING, training_id="9999"))


async def test_only_trainings_without_a_final_word_are_open(backend: Backend) -> None:
    await backend.database.tell_training(training(RUNNING))
    want = [OpenTraining("job-1", "saturno", "caries-001", TRAINING, 1, 2)]
    assert list(await backend.database.open_trainings(CLUSTER)) == want
    assert list(await backend.database.open_trainings("elsewhere")) == []
    await backend.database.tell_training(training(FAILED))
    assert list(await backend.database.open_trainings(CLUSTER)) == []
