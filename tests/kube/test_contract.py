"""What the port promises, held against the real API server and against the fake alike."""

import asyncio
from typing import Any

import pytest
from tests.kube.objects import event, hold, job, machine, owned_by, platform

from trainlease.effects.kube.base import Body, Kube
from trainlease.model.errors import AlreadyExists, BadSpec, Conflict, NotFound


def uid(body: Body) -> str:
    return str(body["metadata"]["uid"])


def version(body: Body) -> str:
    return str(body["metadata"]["resourceVersion"])


async def test_what_was_created_is_read_back(kube: Kube, name: str) -> None:
    made = await kube.create("trainingjobs", job(name, "caries-001", params={"lr": 0.5, "n": 3}))
    read = await kube.get("trainingjobs", name, "caries-001")
    assert read == made
    assert read["kind"] == "TrainingJob"
    assert read["spec"]["params"] == {"lr": 0.5, "n": 3}
    assert uid(read)
    assert int(version(read)) > 0
    assert read["metadata"]["generation"] == 1
    assert "managedFields" not in read["metadata"]


async def test_a_name_that_is_taken_says_so(kube: Kube, name: str) -> None:
    await kube.create("machines", machine(name))
    with pytest.raises(AlreadyExists):
        await kube.create("machines", machine(name))


async def test_a_generated_name_is_in_the_answer(kube: Kube, name: str) -> None:
    body = job(name, "")
    body["metadata"] = {"generateName": "caries-", "namespace": name}
    made = await kube.create("trainingjobs", body)
    assert made["metadata"]["name"].startswith("caries-")
    assert len(made["metadata"]["name"]) > len("caries-")


@pytest.mark.parametrize(
    ("plural", "body"),
    [
        ("trainingjobs", lambda place: job(place, "j", colour="red")),
        ("trainingjobs", lambda place: job(place, "j", promote={"metrik": "x"}, model="m")),
        ("trainingjobs", lambda place: job(place, "j") | {"sepc": {}}),
        ("machines", lambda place: machine(place, node={"name": "n", "gpu": 1})),
    ],
    ids=["field", "nested field", "top field", "nested field of a machine"],
)
async def test_an_unknown_field_is_refused(kube: Kube, name: str, plural: str, body: Any) -> None:
    with pytest.raises(BadSpec):
        await kube.create(plural, body(name))


@pytest.mark.parametrize(
    "spec",
    [{"pool": None}, {"machine": "gpu-1"}, {"priority": 1001}, {"ttl": "soon"}],
    ids=["neither pool nor machine", "both", "too large", "no duration"],
)
async def test_what_the_schema_forbids_is_refused(
    kube: Kube, name: str, spec: dict[str, Any]
) -> None:
    body = job(name, "j", **spec)
    body["spec"] = {key: value for key, value in body["spec"].items() if value is not None}
    with pytest.raises(BadSpec):
        await kube.create("trainingjobs", body)


async def test_a_fixed_field_cannot_be_changed_and_a_mutable_one_can(kube: Kube, name: str) -> None:
    await kube.create("trainingjobs", job(name, "j"))
    with pytest.raises(BadSpec):
        await kube.patch("trainingjobs", name, "j", {"spec": {"image": "other"}})
    changed = await kube.patch("trainingjobs", name, "j", {"spec": {"suspend": True}})
    assert changed["spec"]["suspend"] is True
    assert changed["metadata"]["generation"] == 2


async def test_a_status_at_creation_is_passed_over(kube: Kube, name: str) -> None:
    made = await kube.create("trainingjobs", job(name, "j") | {"status": {"why": "no"}})
    assert "status" not in made


async def test_a_status_is_merged_and_a_null_removes(kube: Kube, name: str) -> None:
    made = await kube.create("machines", machine(name))
    status = {"state": "Free", "generation": 4, "why": "new"}
    first = await kube.patch_status("machines", "", name, status, version(made))
    assert first["status"] == status
    assert first["metadata"]["generation"] == 1
    second = await kube.patch_status("machines", "", name, {"why": None}, version(first))
    assert second["status"] == {"state": "Free", "generation": 4}
    assert await kube.get("machines", "", name) == second


async def test_a_stale_status_write_is_a_conflict_and_changes_nothing(
    kube: Kube, name: str
) -> None:
    made = await kube.create("machines", machine(name))
    first = await kube.patch_status("machines", "", name, {"generation": 1}, version(made))
    with pytest.raises(Conflict):
        await kube.patch_status("machines", "", name, {"generation": 9}, version(made))
    assert await kube.get("machines", "", name) == first


async def test_of_many_writers_with_the_same_version_one_wins(kube: Kube, name: str) -> None:
    made = await kube.create("machines", machine(name))
    answers = await asyncio.gather(
        *(
            kube.patch_status("machines", "", name, {"generation": n}, version(made))
            for n in range(1, 9)
        ),
        return_exceptions=True,
    )
    won = [answer for answer in answers if not isinstance(answer, BaseException)]
    lost = [answer for answer in answers if isinstance(answer, BaseException)]
    assert len(won) == 1
    assert all(isinstance(answer, Conflict) for answer in lost)
    assert await kube.get("machines", "", name) == won[0]


async def test_an_unknown_status_field_is_refused(kube: Kube, name: str) -> None:
    made = await kube.create("machines", machine(name))
    with pytest.raises(BadSpec):
        await kube.patch_status("machines", "", name, {"colour": "red"}, version(made))


async def test_a_write_that_changes_nothing_keeps_the_version(kube: Kube, name: str) -> None:
    made = await kube.create("machines", machine(name))
    first = await kube.patch_status("machines", "", name, {"why": "x"}, version(made))
    again = await kube.patch_status("machines", "", name, {"why": "x"}, version(first))
    assert again == first


async def test_a_patch_of_the_object_passes_over_the_status(kube: Kube, name: str) -> None:
    await kube.create("machines", machine(name))
    patch = {"metadata": {"annotations": {"a": "b"}}, "status": {"generation": 7}}
    changed = await kube.patch("machines", "", name, patch)
    assert changed["metadata"]["annotations"]["a"] == "b"
    assert "status" not in changed


async def test_a_status_write_passes_over_the_rest(kube: Kube, name: str) -> None:
    """Only what the port sends: a status write carries no more metadata than the version."""
    made = await kube.create("machines", machine(name))
    written = await kube.patch_status("machines", "", name, {"generation": 1}, version(made))
    assert written["spec"] == made["spec"]
    assert version(written) != version(made)


async def test_a_guarded_patch_is_refused_when_stale(kube: Kube, name: str) -> None:
    made = await kube.create("machines", machine(name))
    finalizers = {"resourceVersion": version(made), "finalizers": ["trainlease.dev/ledger"]}
    await kube.patch("machines", "", name, {"metadata": finalizers})
    with pytest.raises(Conflict):
        await kube.patch("machines", "", name, {"metadata": finalizers | {"finalizers": None}})


async def test_deletion_asks_for_the_uid(kube: Kube, name: str) -> None:
    made = await kube.create("trainingjobs", job(name, "j"))
    with pytest.raises(NotFound):
        await kube.delete("trainingjobs", name, "j", "another-uid")
    await kube.get("trainingjobs", name, "j")
    await kube.delete("trainingjobs", name, "j", uid(made))
    with pytest.raises(NotFound):
        await kube.get("trainingjobs", name, "j")
    with pytest.raises(NotFound):
        await kube.delete("trainingjobs", name, "j", uid(made))


async def test_a_finalizer_holds_what_is_being_deleted(kube: Kube, name: str) -> None:
    body = machine(name)
    body["metadata"]["finalizers"] = ["trainlease.dev/ledger"]
    made = await kube.create("machines", body)
    await kube.delete("machines", "", name, uid(made))
    going = await kube.get("machines", "", name)
    assert going["metadata"]["deletionTimestamp"]
    assert going["metadata"]["generation"] == 2
    last = await kube.patch("machines", "", name, {"metadata": {"finalizers": None}})
    assert last["metadata"]["deletionTimestamp"]
    with pytest.raises(NotFound):
        await kube.get("machines", "", name)


@pytest.mark.parametrize(
    "call",
    [
        lambda kube, place: kube.get("trainingjobs", place, "nobody"),
        lambda kube, place: kube.patch("trainingjobs", place, "nobody", {"spec": {}}),
        lambda kube, place: kube.patch_status("trainingjobs", place, "nobody", {"why": "x"}, "1"),
        lambda kube, place: kube.get("secrets", place, "nobody"),
        lambda kube, place: kube.create("trainingjobs", job("no-such-namespace", "j")),
    ],
    ids=["get", "patch", "patch_status", "get secret", "create in no namespace"],
)
async def test_what_is_not_there_is_not_found(kube: Kube, name: str, call: Any) -> None:
    with pytest.raises(NotFound):
        await call(kube, name)


@pytest.mark.parametrize(
    "call",
    [
        lambda kube: kube.get("widgets", "", "w"),
        lambda kube: kube.get("machines", "somewhere", "m"),
        lambda kube: kube.get("trainingjobs", "", "j"),
        lambda kube: kube.get("machines", "", ""),
    ],
    ids=["unknown kind", "namespace too many", "namespace missing", "no name"],
)
async def test_a_call_that_cannot_be_meant_is_refused(kube: Kube, call: Any) -> None:
    with pytest.raises(BadSpec):
        await call(kube)


async def test_a_list_has_all_of_a_namespace_and_its_version(kube: Kube, name: str) -> None:
    made = [await kube.create("trainingjobs", job(name, f"j-{n}")) for n in range(3)]
    listed, at = await kube.list("trainingjobs", name)
    assert listed == made
    assert int(at) >= int(version(made[-1]))


async def test_a_list_without_a_namespace_has_them_all(kube: Kube, name: str) -> None:
    other = f"{name}-b"
    await kube.create("namespaces", {"metadata": {"name": other}})
    for place in (name, other):
        await kube.create("machineleases", hold(place, "driver"))
    listed, _ = await kube.list("machineleases")
    places = [body["metadata"]["namespace"] for body in listed]
    assert {name, other} <= set(places)


async def test_a_list_can_be_of_some_alone(kube: Kube, name: str) -> None:
    for n, labels in enumerate(({"a": "1", "b": "1"}, {"a": "1"}, {"a": "2"})):
        body = job(name, f"j-{n}")
        body["metadata"]["labels"] = labels
        await kube.create("trainingjobs", body)

    async def names(**which: Any) -> list[str]:
        found, _ = await kube.list("trainingjobs", name, **which)
        return [body["metadata"]["name"] for body in found]

    assert await names(labels={"a": "1"}) == ["j-0", "j-1"]
    assert await names(labels={"a": "1", "b": "1"}) == ["j-0"]
    assert await names(fields=("metadata.name!=j-1",)) == ["j-0", "j-2"]
    assert await names(labels={"a": "1"}, fields=("metadata.name=j-1",)) == ["j-1"]


async def test_the_other_kinds_are_reached_too(kube: Kube, name: str) -> None:
    owner = await kube.create("platforms", platform(name, name))
    secret = {"metadata": {"name": "db", "namespace": name}, "data": {"dsn": "c3FsaXRl"}}
    await kube.create("secrets", secret)
    assert (await kube.get("secrets", name, "db"))["data"] == secret["data"]
    about = await kube.create("trainingjobs", job(name, "j"))
    told = await kube.create("events", event(name, "j.1", about))
    assert told["reason"] == "Granted"
    lease = {
        "metadata": {"name": "beat", "namespace": name, "ownerReferences": [owned_by(owner)]},
        "spec": {"holderIdentity": "a", "renewTime": "2026-11-22T12:00:00.000001Z"},
    }
    made = await kube.create("leases", lease)
    assert made["spec"]["renewTime"] == "2026-11-22T12:00:00.000001Z"
    guarded = {"resourceVersion": version(made)}
    freed = await kube.patch(
        "leases", name, "beat", {"metadata": guarded, "spec": {"holderIdentity": None}}
    )
    assert "holderIdentity" not in freed["spec"]
    with pytest.raises(Conflict):
        await kube.patch("leases", name, "beat", {"metadata": guarded, "spec": {}})


async def test_a_number_that_is_none_is_refused(kube: Kube, name: str) -> None:
    made = await kube.create("machines", machine(name))
    with pytest.raises(BadSpec):
        await kube.patch_status("machines", "", name, {"generation": float("inf")}, version(made))


async def test_nothing_handed_out_changes_what_is_stored(kube: Kube, name: str) -> None:
    made = await kube.create("machines", machine(name))
    made["spec"]["pool"] = "stolen"
    read = await kube.get("machines", "", name)
    assert read["spec"]["pool"] == "onprem"
