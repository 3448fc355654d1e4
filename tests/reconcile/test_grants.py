"""No lease is granted a machine beside the one that it has, and none that is another job's."""

import asyncio

from tests.reconcile.town import MACHINES, Town, in_town

from trainlease.effects.kube.fake import Call
from trainlease.effects.machines.fake_world import Course
from trainlease.model.errors import AnswerLost


class Held:
    """Calls of this verb and kind are counted, and stand before the server until they may go on."""

    def __init__(self, verb: str, plural: str, subresource: str = "") -> None:
        self._what = (verb, plural, subresource)
        self.may_go = asyncio.Event()
        self.count = 0

    async def before(self, call: Call) -> None:
        await asyncio.sleep(0)  # as each call does that goes over a network
        if (call.verb, call.plural, call.subresource) == self._what:
            self.count += 1
            await self.may_go.wait()

    async def after(self, call: Call) -> None:
        return


def allow_few_steps(town: Town) -> None:
    """What is repeated at once and without end takes no time: the loop's own limit ends it."""
    town.loop.most_steps = town.loop.steps + 100_000


class Lost:
    """The first answer to a call of this verb and kind does not come."""

    def __init__(self, verb: str, plural: str) -> None:
        self._what = (verb, plural)
        self.is_done = False

    async def before(self, call: Call) -> None:
        return

    async def after(self, call: Call) -> None:
        if (call.verb, call.plural) == self._what and not self.is_done:
            self.is_done = True
            raise AnswerLost("the answer did not come")


async def claims(town: Town) -> list[tuple[str, int]]:
    """Machine and generation of each claim that was ever made."""
    return [
        (name, line["generation"])
        for name in MACHINES
        for line in (await town.machine(name)).get("history", [])
        if line["state"] == "Claimed"
    ]


def test_the_queue_turns_while_a_grant_is_under_way_and_claims_no_second_machine() -> None:
    async def scenario(town: Town) -> None:
        await town.stop_operators()
        bind = Held("patch", "machineleases", "status")
        town.start_operator("two", gate=bind)
        await town.create_job("caries")

        async def half_bound() -> bool:
            return bind.count > 0

        await town.until(half_bound)
        await town.create_job("rings", pool="nowhere")
        await town.until_state("rings", "Waiting")
        assert len(await claims(town)) == 1
        bind.may_go.set()
        await town.until_state("caries", "Succeeded")
        await town.until_free()
        assert len(await claims(town)) == 1

    in_town(scenario)


def test_a_lease_that_its_machine_forgot_is_granted_no_other_one_before_its_attempt_has_ended() -> (
    None
):
    async def scenario(town: Town) -> None:
        before = await town.machine("gpu-1")
        town.courses["caries"] = Course(seconds=3600)
        await town.create_job("caries", pool="onprem")
        assert (await town.until_state("caries", "Running"))["status"]["machine"] == "gpu-1"
        await town.stop_operators()
        body = await town.kube.get("machines", "", "gpu-1")
        restored = dict.fromkeys(body["status"]) | before
        version = body["metadata"]["resourceVersion"]
        await town.kube.patch_status("machines", "", "gpu-1", restored, version)
        allow_few_steps(town)
        outcome = Held("patch", "trainingjobs", "status")
        town.start_operator("two", gate=outcome)

        async def lost() -> bool:
            return outcome.count > 0

        await town.until(lost)
        await asyncio.sleep(1)
        assert await claims(town) == []
        outcome.may_go.set()
        job = await town.until_state("caries", "Succeeded")
        assert [a["outcome"] for a in job["status"]["attempts"]] == ["Lost", "Succeeded"]
        await town.until_free()
        assert len(await claims(town)) == 1

    in_town(scenario)


def test_a_job_made_anew_waits_for_the_end_of_the_lease_that_its_predecessor_left() -> None:
    async def scenario(town: Town) -> None:
        first = await town.create_job("caries", pool="nowhere")
        await town.until_state("caries", "Waiting")
        await town.stop_operators()
        await town.kube.delete("trainingjobs", "saturno", "caries", first["metadata"]["uid"])
        await town.create_job("caries")
        allow_few_steps(town)
        create = Held("create", "machineleases")
        create.may_go.set()
        town.start_operator("two", gate=create)

        async def asked_again() -> bool:
            return create.count > 1

        await town.until(asked_again)
        await asyncio.sleep(10)
        assert await claims(town) == []
        town.kube.collect_garbage()
        job = await town.until_state("caries", "Succeeded")
        assert [a["number"] for a in job["status"]["attempts"]] == [1]
        assert len(await claims(town)) == 1

    in_town(scenario)


def test_an_attempt_whose_lease_was_made_without_an_answer_has_that_one_and_no_other() -> None:
    async def scenario(town: Town) -> None:
        await town.stop_operators()
        answer = Lost("create", "machineleases")
        town.start_operator("two", gate=answer)
        await town.create_job("caries")
        town.is_deaf = True
        await town.until_state("caries", "Succeeded")
        await town.until_free()
        assert answer.is_done
        assert len(town.kube.objects("machineleases")) == 1
        assert len(await claims(town)) == 1

    in_town(scenario)
