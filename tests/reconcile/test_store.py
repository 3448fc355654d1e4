"""The store: never older, no ghosts, one ring a change, what cannot be read kept apart."""

from typing import Any

import pytest

from trainlease.model.errors import Restored
from trainlease.reconcile.store import Store


@pytest.fixture
def rings() -> list[tuple[str, str]]:
    return []


@pytest.fixture
def store(rings: list[tuple[str, str]]) -> Store:
    return Store(lambda plural, title: rings.append((plural, title)))


def body(
    name: str,
    version: int,
    *,
    uid: str = "",
    namespace: str = "",
    spec: dict[str, Any] | None = None,
    **meta: Any,
) -> dict[str, Any]:
    """A Machine, unless a spec says otherwise."""
    where = {"namespace": namespace} if namespace else {}
    return {
        "metadata": {
            "name": name,
            "uid": uid or f"uid-{name}",
            "resourceVersion": str(version),
            "creationTimestamp": "2026-11-22T12:00:00Z",
            **where,
            **meta,
        },
        "spec": spec or {"pool": "onprem", "node": {"name": "srv-1"}},
    }


def job(name: str, version: int, uid: str = "") -> dict[str, Any]:
    spec = {"pool": "onprem", "image": "train:1"}
    return body(name, version, uid=uid, namespace="saturno", spec=spec)


def lease(name: str, version: int, job_uid: str, attempt: int) -> dict[str, Any]:
    spec = {"pool": "onprem", "job": {"name": "j", "uid": job_uid}, "attempt": attempt}
    return body(name, version, namespace="saturno", spec=spec)


def platform(name: str, version: int, namespace: str, created: str, **meta: Any) -> dict[str, Any]:
    database = {"secret": "db", "preset": "integrations-v1"}
    spec = {"namespace": namespace, "database": database}
    return body(name, version, spec=spec, **{"creationTimestamp": created, **meta})


def version_of(store: Store, name: str) -> str | None:
    machine = store.machines.get(name)
    return None if machine is None else machine.metadata.resource_version


def test_an_event_is_kept_and_rings_once(store: Store, rings: list[tuple[str, str]]) -> None:
    store.heard("ADDED", "machines", body("gpu-1", 5))
    assert store.machines["gpu-1"].spec.pool == "onprem"
    assert rings == [("machines", "gpu-1")]


@pytest.mark.parametrize("late", [3, 5])
def test_an_older_or_equal_version_neither_replaces_nor_rings(
    store: Store, rings: list[tuple[str, str]], late: int
) -> None:
    store.wrote("machines", body("gpu-1", 5))
    store.heard("MODIFIED", "machines", body("gpu-1", late, spec={"pool": "x", "node": {}}))
    assert version_of(store, "gpu-1") == "5"
    assert len(rings) == 1


def test_versions_are_compared_as_numbers(store: Store) -> None:
    store.heard("ADDED", "machines", body("gpu-1", 9))
    store.heard("MODIFIED", "machines", body("gpu-1", 10))
    assert version_of(store, "gpu-1") == "10"


def test_what_is_deleted_does_not_come_back_by_a_late_event(store: Store) -> None:
    store.heard("ADDED", "machines", body("gpu-1", 5))
    store.heard("DELETED", "machines", body("gpu-1", 8))
    store.heard("MODIFIED", "machines", body("gpu-1", 7))
    assert "gpu-1" not in store.machines


def test_a_deleted_object_that_was_never_known_stays_away_too(
    store: Store, rings: list[tuple[str, str]]
) -> None:
    store.heard("DELETED", "machines", body("gpu-1", 8))
    store.heard("ADDED", "machines", body("gpu-1", 7))
    assert not store.machines
    assert rings == []


def test_the_late_end_of_an_earlier_object_spares_the_one_that_has_its_name_now(
    store: Store,
) -> None:
    store.heard("ADDED", "machines", body("gpu-1", 9, uid="new"))
    store.heard("DELETED", "machines", body("gpu-1", 8, uid="old"))
    assert store.machines["gpu-1"].uid == "new"


def test_the_end_of_a_later_object_ends_an_earlier_one_whose_end_was_missed(store: Store) -> None:
    store.heard("ADDED", "machines", body("gpu-1", 5, uid="old"))
    store.heard("DELETED", "machines", body("gpu-1", 9, uid="new"))
    assert not store.machines


def test_a_live_read_that_says_gone_keeps_every_late_event_out(store: Store) -> None:
    store.heard("ADDED", "machines", body("gpu-1", 5))
    store.removed("machines", "gpu-1", "uid-gpu-1")
    store.heard("MODIFIED", "machines", body("gpu-1", 6))
    assert not store.machines
    store.heard("ADDED", "machines", body("gpu-1", 9, uid="new"))
    assert store.machines["gpu-1"].uid == "new"


def test_gone_says_nothing_about_another_uid(store: Store) -> None:
    store.heard("ADDED", "machines", body("gpu-1", 5, uid="new"))
    store.removed("machines", "gpu-1", "old")
    assert store.machines["gpu-1"].uid == "new"


def test_our_write_that_takes_the_last_finalizer_off_is_a_removal(store: Store) -> None:
    going: dict[str, Any] = {"deletionTimestamp": "2026-11-22T12:00:01Z"}
    store.heard("MODIFIED", "machines", body("gpu-1", 5, finalizers=["x"], **going))
    assert store.machines["gpu-1"].deleting
    store.wrote("machines", body("gpu-1", 6, **going))
    assert not store.machines


def test_a_list_removes_ghosts_and_brings_what_events_did_not(
    store: Store, rings: list[tuple[str, str]]
) -> None:
    store.heard("ADDED", "machines", body("ghost", 5))
    store.heard("ADDED", "machines", body("gpu-1", 6))
    rings.clear()
    store.replace("machines", [body("gpu-1", 6), body("gpu-2", 7)], "10")
    assert list(store.machines) == ["gpu-1", "gpu-2"]
    assert rings == [("machines", "ghost"), ("machines", "gpu-2")]


def test_a_list_removes_nothing_that_is_newer_than_itself(store: Store) -> None:
    store.heard("ADDED", "machines", body("gpu-1", 12))
    store.replace("machines", [], "10")
    assert version_of(store, "gpu-1") == "12"


def test_a_list_that_was_under_way_does_not_bring_back_what_went_meanwhile(store: Store) -> None:
    store.heard("ADDED", "machines", body("gpu-1", 5))
    store.removed("machines", "gpu-1", "uid-gpu-1")
    store.replace("machines", [body("gpu-1", 5)], "10")
    assert not store.machines


def test_what_a_backup_brings_back_is_known_again(store: Store) -> None:
    store.heard("ADDED", "machines", body("gpu-1", 5))
    store.removed("machines", "gpu-1", "uid-gpu-1")
    for version in ("10", "20"):
        store.replace("machines", [body("gpu-1", 5)], version)
    assert "gpu-1" in store.machines


def test_a_list_that_is_older_than_the_last_one_shows_a_restored_server(store: Store) -> None:
    store.replace("machines", [body("gpu-1", 90), body("gpu-2", 95)], "100")
    with pytest.raises(Restored, match="machines"):
        store.replace("machines", [body("gpu-1", 40)], "50")


def test_a_list_older_than_what_was_known_when_it_was_asked_for_shows_it(store: Store) -> None:
    """A standby heard of a grant, then etcd was restored from before it."""
    store.replace("machines", [body("gpu-1", 5)], "10")
    store.heard("MODIFIED", "machines", body("gpu-1", 30))
    with pytest.raises(Restored):
        store.replace("machines", [body("gpu-1", 5)], "20", asked=store.newest("machines"))


def test_versions_that_went_back_and_grew_again_show_in_what_the_list_has(store: Store) -> None:
    store.replace("machines", [body("gpu-1", 5)], "10")
    store.heard("MODIFIED", "machines", body("gpu-1", 30))
    with pytest.raises(Restored):
        store.replace("machines", [body("gpu-1", 5)], "40", asked=store.newest("machines"))


def test_what_was_deleted_after_the_backup_and_is_there_again_shows_it(store: Store) -> None:
    store.heard("ADDED", "machines", body("gpu-1", 5))
    store.heard("DELETED", "machines", body("gpu-1", 30))
    with pytest.raises(Restored):
        store.replace("machines", [body("gpu-1", 5)], "40", asked=store.newest("machines"))


def test_an_event_that_overtakes_a_list_stands(store: Store) -> None:
    asked = store.newest("machines")
    store.heard("MODIFIED", "machines", body("gpu-1", 30))
    store.replace("machines", [body("gpu-1", 5)], "20", asked)
    assert version_of(store, "gpu-1") == "30"


def test_what_cannot_be_read_is_kept_apart_with_the_reason_and_logged_once(
    store: Store, rings: list[tuple[str, str]], caplog: pytest.LogCaptureFixture
) -> None:
    store.heard("ADDED", "machines", body("gpu-1", 5))
    for version in (6, 7):
        bad = body("gpu-1", version, spec={"pool": "SECRET!", "node": {"name": "n"}})
        store.heard("MODIFIED", "machines", bad)
    assert not store.machines
    assert "spec.pool" in store.broken["machines", "gpu-1"]
    assert "SECRET" not in store.broken["machines", "gpu-1"]
    assert len(caplog.records) == 1
    assert len(rings) == 3
    store.heard("MODIFIED", "machines", body("gpu-1", 8))
    assert "gpu-1" in store.machines
    assert not store.broken


def test_the_leases_of_a_job_come_by_attempt(store: Store) -> None:
    for number, name in ((2, "j-2"), (1, "j-1")):
        store.heard("ADDED", "machineleases", lease(name, 5 + number, "job-uid", number))
    store.heard("ADDED", "machineleases", lease("other", 9, "another", 1))
    assert [found.name for found in store.leases_of("job-uid")] == ["j-1", "j-2"]
    store.heard("DELETED", "machineleases", lease("j-1", 20, "job-uid", 1))
    assert [found.name for found in store.leases_of("job-uid")] == ["j-2"]
    assert store.leases_of("nobody") == ()


def test_a_job_is_found_by_uid_and_a_later_one_of_its_name_is_another(store: Store) -> None:
    store.heard("ADDED", "trainingjobs", job("j", 5, uid="first"))
    store.heard("ADDED", "trainingjobs", job("j", 9, uid="second"))
    assert store.job_of("first") is None
    found = store.job_of("second")
    assert found is not None
    assert found.title == "saturno/j"


def test_a_namespace_belongs_to_the_oldest_platform_that_stays(store: Store) -> None:
    young, old = "2026-11-22T12:00:05Z", "2026-11-22T12:00:01Z"
    store.heard("ADDED", "platforms", platform("young", 5, "ns", young))
    store.heard("ADDED", "platforms", platform("old", 6, "ns", old))
    owner = store.platform_of("ns")
    assert owner is not None
    assert owner.name == "old"
    going = {"deletionTimestamp": young, "finalizers": ["x"]}
    store.heard("MODIFIED", "platforms", platform("old", 7, "ns", old, **going))
    owner = store.platform_of("ns")
    assert owner is not None
    assert owner.name == "young"
    assert store.platform_of("elsewhere") is None


def test_the_machines_of_a_pool_come_by_name(store: Store) -> None:
    for number, name in enumerate(("b", "a")):
        store.heard("ADDED", "machines", body(name, 5 + number))
    elsewhere = {"pool": "cloud", "node": {"name": "n"}}
    store.heard("ADDED", "machines", body("c", 9, spec=elsewhere))
    assert [machine.name for machine in store.machines_in("onprem")] == ["a", "b"]


def test_what_a_list_knows_and_the_watch_did_not_bring_is_noted_until_it_does(
    store: Store,
) -> None:
    store.heard("ADDED", "machines", body("gpu-1", 5))
    store.wrote("machines", body("gpu-1", 6))
    store.replace("machines", [body("gpu-1", 6), body("gpu-2", 7)], "10")
    assert dict(store.unheard) == {("machines", "gpu-1"): 6, ("machines", "gpu-2"): 7}
    store.heard("MODIFIED", "machines", body("gpu-1", 6))
    store.heard("DELETED", "machines", body("gpu-2", 11))
    assert not store.unheard
