"""What the node-slot provider makes of pods and nodes that come, go and fall silent.

The API server is the fake one, and the test is its kubelet, in virtual time; what a real kubelet
says is in test_pod_states, and both together on a real node in test_contract.
"""

import pytest
from tests.builders import a_machine
from tests.machines.slot_site import KILLED, PATIENCE, RUNS, SETTLE, SLOT, SUCCEEDED, Site, scene

from trainlease.effects.kube.base import Body
from trainlease.effects.machines.node import NodeProvider
from trainlease.model import pods
from trainlease.model.errors import BadSpec, Forbidden, NotFound, Refused
from trainlease.model.observed import Power
from trainlease.model.reasons import Cause, MachineState


@scene
async def test_a_slot_without_a_pod_is_off_once_its_node_was_ready_long_enough(site: Site) -> None:
    await site.node()
    view = await site.view()
    assert (view.power, view.detail[:16]) == (Power.UNKNOWN, "no pod is there;")
    await site.after(SETTLE - 1)
    assert (await site.view()).power is Power.UNKNOWN
    await site.after(1)
    assert (await site.view()).power is Power.OFF


@scene
async def test_it_rings_when_off_is_certain(site: Site) -> None:
    rung: list[str] = []
    site.provider.on_change(rung.append)
    await site.node()
    await site.view()
    rung.clear()
    await site.after(SETTLE)
    assert rung == ["gpu-1"]


@scene
async def test_a_node_that_falls_silent_begins_the_wait_anew(site: Site) -> None:
    await site.node()
    await site.view()
    await site.after(SETTLE - 1)
    await site.node("Unknown")
    assert (await site.view()).detail == "its node srv-1 is not Ready: kubelet stopped"
    await site.node()
    await site.after(2)
    assert (await site.view()).power is Power.UNKNOWN
    await site.after(SETTLE)
    assert (await site.view()).power is Power.OFF


@scene
async def test_without_its_node_nobody_knows(site: Site) -> None:
    view = await site.view()
    assert (view.power, view.detail) == (Power.UNKNOWN, "there is no node srv-1")


@scene
async def test_a_pod_on_its_way_is_a_start(site: Site) -> None:
    await site.settled()
    await site.start()
    view = await site.view()
    assert (view.power, view.generation, view.detail) == (Power.UNKNOWN, 7, "scheduling")
    await site.says(RUNS)
    view = await site.view()
    assert (view.power, view.generation) == (Power.ON, 7)


@scene
async def test_what_its_kubelet_reports_ended_is_off_at_once_with_its_log(site: Site) -> None:
    await site.settled()
    await site.runs()
    site.logs[(await site.pod())["metadata"]["name"]] = "trained\n"
    await site.says(SUCCEEDED, phase="Succeeded")
    view = await site.view()
    end = view.exits[7]
    assert (view.power, end.cause, end.log_tail) == (Power.OFF, Cause.COMPLETED, "trained\n")


@scene
async def test_a_restarted_operator_takes_the_pod_that_stands_there_for_proof(site: Site) -> None:
    await site.settled()
    await site.runs()
    await site.says(SUCCEEDED, phase="Succeeded")
    site.restarted()
    view = await site.view()
    assert (view.power, view.exits[7].cause) == (Power.OFF, Cause.COMPLETED)


@scene
async def test_a_restarted_operator_waits_where_an_older_claims_pod_is_all_there_is(
    site: Site,
) -> None:
    await site.settled()
    await site.runs(6)
    await site.says(SUCCEEDED, 6, phase="Succeeded")
    site.restarted()
    assert (await site.view()).power is Power.UNKNOWN


@scene
async def test_a_pod_that_was_force_deleted_is_waited_for(site: Site) -> None:
    await site.settled()
    await site.runs()
    await site.view()
    await site.remove()
    view = await site.view()
    trouble = view.troubles[7]
    assert (view.power, trouble.cause, trouble.final) == (Power.UNKNOWN, Cause.POD_DELETED, True)
    await site.after(SETTLE)
    assert (await site.view()).power is Power.OFF


@scene
async def test_one_that_went_unheard_is_found_gone_by_a_live_look(site: Site) -> None:
    await site.settled()
    await site.runs()
    await site.view()
    site.heard = False
    await site.remove()
    assert (await site.view()).power is Power.ON
    await site.after(PATIENCE)
    view = await site.view()
    assert (view.power, view.troubles[7].cause) == (Power.UNKNOWN, Cause.POD_DELETED)


@scene
async def test_an_end_that_went_unheard_is_found_by_a_live_look(site: Site) -> None:
    await site.settled()
    await site.runs()
    await site.view()
    site.heard = False
    await site.says(SUCCEEDED, phase="Succeeded")
    await site.after(PATIENCE)
    view = await site.view()
    assert (view.power, view.exits[7].cause) == (Power.OFF, Cause.COMPLETED)


@scene
async def test_a_pod_that_no_kubelet_had_need_not_be_waited_for(site: Site) -> None:
    await site.settled()
    await site.start()
    await site.view()
    await site.remove()
    assert (await site.view()).power is Power.OFF


@scene
async def test_a_node_that_was_started_anew_has_nothing_of_before(site: Site) -> None:
    await site.settled()
    await site.runs()
    await site.view()
    await site.node(boot="b2")
    trouble = (await site.view()).troubles[7]
    assert (trouble.cause, trouble.final) == (Cause.MACHINE_LOST, True)
    await site.remove()
    assert (await site.view()).power is Power.OFF


@scene
async def test_on_a_silent_node_it_may_run_on(site: Site) -> None:
    await site.settled()
    await site.runs()
    await site.node("Unknown")
    view = await site.view()
    assert (view.power, view.generation, view.troubles) == (Power.UNKNOWN, 7, {})


@scene
async def test_a_node_that_is_gone_has_lost_it_and_is_not_known_to_be_off(site: Site) -> None:
    await site.settled()
    await site.runs()
    await site.view()
    meta = (await site.kube.get("nodes", "", "srv-1"))["metadata"]
    await site.kube.delete("nodes", "", "srv-1", meta["uid"])
    view = await site.view()
    assert (view.power, view.troubles[7].cause) == (Power.UNKNOWN, Cause.MACHINE_LOST)


@scene
async def test_who_takes_a_node_out_of_service_vouches_that_it_is_off(site: Site) -> None:
    await site.settled()
    await site.runs()
    await site.node("Unknown", "b1", "node.kubernetes.io/out-of-service")
    view = await site.view()
    assert (view.power, view.troubles[7].cause) == (Power.OFF, Cause.MACHINE_LOST)
    site.machine = a_machine(spec=SLOT, state=MachineState.FREE, generation=7)
    assert (await site.view()).power is Power.UNKNOWN


@scene
async def test_turned_off_is_by_its_deadline_so_that_it_stays_for_its_log(site: Site) -> None:
    await site.settled()
    await site.runs()
    await site.provider.ensure_off(site.machine)
    await site.provider.ensure_off(site.machine)
    body = await site.pod()
    assert body["spec"]["activeDeadlineSeconds"] == 1
    view = await site.view()
    assert (view.power, view.detail, view.troubles) == (Power.ON, "stopping", {})
    await site.says(KILLED, phase="Failed", reason="DeadlineExceeded")
    view = await site.view()
    assert (view.power, view.exits[7].cause) == (Power.OFF, Cause.CANCELLED)


@scene
async def test_what_no_kubelet_has_yet_is_deleted(site: Site) -> None:
    await site.settled()
    await site.start()
    await site.provider.ensure_off(site.machine)
    assert (await site.view()).power is Power.OFF
    with pytest.raises(NotFound):
        await site.pod()


@scene
async def test_a_pod_of_an_earlier_machine_of_this_name_is_nobodys_and_can_be_ended(
    site: Site,
) -> None:
    await site.settled()
    await site.runs()
    site.machine = site.machine.model_copy(
        update={"metadata": site.machine.metadata.but(uid="uid-anew")}
    )
    view = await site.view()
    assert (view.power, view.generation, view.exits) == (Power.ON, None, {})
    await site.provider.ensure_off(site.machine)
    body = (await site.kube.list("pods"))[0][0]
    assert pods.TURNED_OFF in body["metadata"]["annotations"]


@scene
async def test_a_pod_that_is_not_ours_in_the_way_is_said(site: Site) -> None:
    await site.settled()
    manifest = dict(site.work().manifest)
    manifest["metadata"] = {k: manifest["metadata"][k] for k in ("name", "namespace")}
    await site.kube.create("pods", manifest)
    with pytest.raises(BadSpec, match="that is not ours stands in the way: delete it"):
        await site.start()


@scene
async def test_a_quota_lets_it_in_later_and_a_policy_never(site: Site) -> None:
    class Refusing:
        def __init__(self, why: str) -> None:
            self.why = why

        async def create(self, plural: str, body: Body) -> Body:
            raise Forbidden(self.why)

    for why, error in (
        ('pods "x" is forbidden: exceeded quota: gpus', Refused),
        ('pods "x" is forbidden: violates PodSecurity "restricted:latest"', BadSpec),
    ):
        provider = NodeProvider(
            Refusing(why),  # type: ignore[arg-type]
            site._log,
            clock=site.clock,
            settle=SETTLE,
            patience=PATIENCE,
        )
        with pytest.raises(error):
            await provider.ensure_on(site.machine, site.work())


@scene
async def test_an_older_event_changes_nothing(site: Site) -> None:
    await site.settled()
    await site.start()
    old = await site.pod()
    await site.says(RUNS)
    site.provider.heard("MODIFIED", "pods", old)
    assert (await site.view()).power is Power.ON


@scene
async def test_of_a_thousand_ended_pods_the_last_few_are_remembered(site: Site) -> None:
    await site.settled()
    for generation in range(7, 37):
        await site.runs(generation)
        await site.says(SUCCEEDED, generation, phase="Succeeded")
    assert sorted((await site.view()).exits) == list(range(29, 37))


@scene
async def test_how_many_gpus_its_node_has_is_told_whatever_runs(site: Site) -> None:
    assert (await site.view()).gpus is None
    await site.settled()
    await site.runs()
    assert (await site.view()).gpus == 2
