"""What people do in a town: words on Machines, holds, long trainings."""

from typing import Any

from tests.reconcile.town import Town

from trainlease.effects.machines.fake_world import Course

LONG = Course(seconds=36000)
CONFIRM_OFF, FORCE_RELEASE = "trainlease.dev/confirm-off", "trainlease.dev/force-release"
CLAIM, QUARANTINE_OVER = "trainlease.dev/claim", "trainlease.dev/quarantine-over"


async def annotate(town: Town, machine: str, name: str, value: str) -> None:
    await town.kube.patch("machines", "", machine, {"metadata": {"annotations": {name: value}}})


async def words(town: Town, machine: str) -> dict[str, str]:
    body = await town.kube.get("machines", "", machine)
    return dict(body["metadata"].get("annotations") or {})


async def until_obeyed(town: Town, machine: str) -> None:
    async def gone() -> bool:
        return not await words(town, machine)

    await town.until(gone)


async def running(town: Town, name: str = "caries", **spec: Any) -> str:
    """A long training that runs on gpu-1; the generation of its claim."""
    town.courses[name] = LONG
    await town.create_job(name, **{"pool": None, "machine": "gpu-1", **spec})
    await town.until_state(name, "Running")
    return str((await town.machine("gpu-1"))["generation"])


async def hold(town: Town, name: str = "driver", **spec: Any) -> None:
    meta = {"name": name, "namespace": "ops"}
    await town.kube.create(
        "machineleases", {"metadata": meta, "spec": {"machine": "gpu-1", **spec}}
    )


async def until_claimed(town: Town, machine: str = "gpu-1") -> None:
    async def claimed() -> bool:
        return (await town.machine(machine)).get("state") == "Claimed"

    await town.until(claimed)


def reasons(status: dict[str, Any]) -> list[str]:
    return [line["reason"] for line in status["history"]]
