"""The fake's own knobs: what a test or the simulator may do to it, and what its journal hears."""

from __future__ import annotations

import asyncio

import pytest
from tests.platforms.backends import CLUSTER, TRAINING, FakeBackend, entry, rows_of, training

from trainlease.effects.platforms.fake import (
    BACKUP,
    LEGACY,
    OPERATOR,
    PERSON,
    Call,
    FakeDatabase,
)
from trainlease.effects.platforms.fake_tables import OCCUPIED
from trainlease.model.errors import AnswerLost, SchemaInvalid, Unavailable
from trainlease.model.observed import MachineRows, RowState, TrainingWord
from trainlease.plan.platform_rows import judge


class Heard:
    """A journal that keeps the new words."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, str, RowState | None, RowState | None]] = []
        self.trainings: list[tuple[str, TrainingWord | None, TrainingWord]] = []

    def row(self, by: str, machine: str, before: MachineRows, after: MachineRows) -> None:
        self.rows.append((by, machine, before.own, after.own))

    def training(
        self, by: str, training_id: str, before: TrainingWord | None, after: TrainingWord
    ) -> None:
        self.trainings.append((by, before, after))


class Gate:
    """Keeps what passed, and loses the answers of writes."""

    def __init__(self) -> None:
        self.passed: list[tuple[str, str]] = []

    async def before(self, call: Call) -> None:
        self.passed.append((call.verb, call.subject))

    async def after(self, call: Call) -> None:
        if call.is_write:
            raise AnswerLost("on the way back")


@pytest.fixture
def backend() -> FakeBackend:
    return FakeBackend()


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def fake(heard: Heard) -> FakeDatabase:
    names = {"gpu-1": "gpu-1"}
    return FakeDatabase("saturno", names, [TRAINING], cluster=CLUSTER, journal=heard)


async def test_down_is_unavailable(backend: FakeBackend) -> None:
    backend.fake.down = True
    with pytest.raises(Unavailable):
        await rows_of(backend)


async def test_read_only_can_be_read_and_not_written(backend: FakeBackend) -> None:
    backend.fake.read_only = True
    with pytest.raises(Unavailable, match="read-only"):
        await backend.database.tell(entry(backend), judge)
    assert (await rows_of(backend)).own is RowState.FREE


async def test_a_lost_answer_has_landed(backend: FakeBackend) -> None:
    backend.fake.lose_answers = 1
    with pytest.raises(AnswerLost):
        await backend.database.tell(entry(backend), judge)
    assert (await rows_of(backend)).own is RowState.OCCUPIED
    await backend.database.tell(entry(backend), judge)


async def test_what_it_lacks_is_in_the_check_and_in_each_call(backend: FakeBackend) -> None:
    backend.fake.lacks = ("table maquinas is not there",)
    assert (await backend.database.check()).problems == ("table maquinas is not there",)
    with pytest.raises(SchemaInvalid, match="maquinas"):
        await rows_of(backend)


async def test_a_frozen_one_answers_when_it_is_released(backend: FakeBackend) -> None:
    backend.fake.freeze()
    telling = asyncio.create_task(backend.database.tell(entry(backend), judge))
    await asyncio.sleep(0)
    assert backend.fake.read("gpu-1").own is RowState.FREE
    backend.fake.release()
    await telling
    assert backend.fake.read("gpu-1").own is RowState.OCCUPIED


async def test_a_frozen_one_is_unavailable_after_the_timeout(backend: FakeBackend) -> None:
    backend.fake.timeout = 0.01
    backend.fake.freeze()
    with pytest.raises(Unavailable):
        await rows_of(backend)


async def test_the_legacy_program_takes_only_what_is_free(backend: FakeBackend) -> None:
    assert backend.fake.occupy("gpu-1", "batch")
    assert not backend.fake.occupy("gpu-1", "other")
    assert backend.fake.read("gpu-1").owner == "batch"


async def test_the_journal_hears_who_changed_what(fake: FakeDatabase, heard: Heard) -> None:
    free, occupied = RowState.FREE, RowState.OCCUPIED
    backup = fake.snapshot()
    backend = FakeBackend()
    await fake.client().tell(entry(backend), judge)
    await fake.client().tell(entry(backend), judge)
    fake.free("gpu-1")
    fake.edit("gpu-1", OCCUPIED, "ana")
    fake.remove("gpu-1")
    fake.restore(backup)
    assert heard.rows == [
        (OPERATOR, "gpu-1", free, occupied),
        (LEGACY, "gpu-1", occupied, free),
        (PERSON, "gpu-1", free, occupied),
        (PERSON, "gpu-1", occupied, None),
        (BACKUP, "gpu-1", None, free),
    ]
    assert fake.read("gpu-1").side is None


async def test_the_journal_hears_of_trainings(fake: FakeDatabase, heard: Heard) -> None:
    backup = fake.snapshot()
    await fake.client().tell_training(training(TrainingWord.RUNNING))
    await fake.client().tell_training(training(TrainingWord.RUNNING))
    fake.edit_training(TRAINING, TrainingWord.FAILED)
    fake.restore(backup)
    assert heard.trainings == [
        (OPERATOR, None, TrainingWord.RUNNING),
        (PERSON, TrainingWord.RUNNING, TrainingWord.FAILED),
    ]


async def test_a_gate_sees_each_call_and_can_lose_its_answer(fake: FakeDatabase) -> None:
    gate = Gate()
    client = fake.client("operator-2", gate)
    await client.rows({"gpu-1": "gpu-1"}, CLUSTER)
    with pytest.raises(AnswerLost, match="on the way back"):
        await client.tell(entry(FakeBackend()), judge)
    assert gate.passed == [("rows", ""), ("tell", "gpu-1")]
    assert fake.read("gpu-1").own is RowState.OCCUPIED


async def test_a_platform_without_trainings_has_nothing_to_say(heard: Heard) -> None:
    fake = FakeDatabase("x", {}, maps_trainings=False, journal=heard)
    assert await fake.client().tell_training(training(TrainingWord.FAILED))
    assert heard.trainings == []
