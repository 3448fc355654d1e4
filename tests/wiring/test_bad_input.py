"""What a schema cannot refuse is said in a condition, with what to do, and never with a secret."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.wiring.conftest import leader_of
from tests.wiring.process import Replica
from tests.wiring.site import SYSTEM, Site, secret, thing

from bed.platform_schemas import Door, Target, prepare
from bed.processes import sweep

DATABASE_REACHABLE = "DatabaseReachable"
PASSWORD = "hunter2"


@pytest.fixture(scope="module")
def leader(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replica]:
    """One operator for all cases, which logs all that it can."""
    folder = tmp_path_factory.mktemp("leader")
    yield leader_of(site, folder, "--log-level", "debug")
    sweep(folder)


def path(name: str) -> tuple[str, ...]:
    return ("tj", name, "-n", "saturno")


def test_a_pool_without_machines(site: Site, leader: Replica) -> None:
    site.apply_job("nowhere", "true", pool="no-such-pool")
    said = site.until_condition("LeaseAcquired", "PoolEmpty", *path("nowhere"))
    assert "no-such-pool" in said


def test_a_pool_that_the_platform_may_not_use(site: Site, leader: Replica) -> None:
    site.plane.apply(site.machine_object("theirs", pool="private", platforms=["nutresa"]))
    site.apply_job("uninvited", "true", pool="private")
    said = site.until_condition("LeaseAcquired", "NotAllowed", *path("uninvited"))
    assert "saturno" in said


def test_a_namespace_that_no_platform_owns(site: Site, leader: Replica) -> None:
    spec = {"pool": "onprem", "image": "train:1"}
    site.plane.apply(thing("TrainingJob", {"name": "stray", "namespace": "default"}, spec))
    said = site.until_condition("Accepted", "NoPlatform", "tj", "stray", "-n", "default")
    assert "apply a Platform" in said


def test_a_command_that_cannot_start(site: Site, leader: Replica) -> None:
    site.apply_job("mistyped", "no-such-program")
    said = site.until_condition("Failed", "CannotStart", *path("mistyped"))
    assert "no-such-program" in said
    site.until_rest()


def test_an_image_that_the_machine_does_not_have(site: Site, leader: Replica) -> None:
    site.apply_job("unpacked", "true", image="train:2")
    said = site.until_condition("Failed", "ImageMissing", *path("unpacked"))
    assert "train:2" in said
    site.until_rest()


def test_a_secret_of_a_job_that_may_not_be_read(site: Site, leader: Replica) -> None:
    site.apply_job("secretive", "true", secrets=["tokens"])
    said = site.until_condition("Failed", "SecretMissing", *path("secretive"))
    assert "Secret saturno/tokens" in said
    assert "grant it get" in said
    site.until_rest()


def test_a_secret_of_a_job_that_is_missing(site: Site, leader: Replica) -> None:
    site.plane.kubectl(
        *("-n", "saturno", "create", "rolebinding", "trainlease-job-secrets"),
        "--clusterrole=trainlease-job-secrets",
        f"--serviceaccount={SYSTEM}:trainlease-operator",
    )
    site.apply_job("forgetful", "true", secrets=["tokens"])
    said = site.until_condition("Failed", "SecretMissing", *path("forgetful"))
    assert "create it" in said
    site.until_rest()


def test_a_platform_whose_secret_is_missing(site: Site, leader: Replica) -> None:
    said = observe(site, "forgotten")
    assert f"Secret {SYSTEM}/forgotten-db is missing: create it" in said


@pytest.mark.parametrize(
    ("name", "data", "want"),
    [
        ("keyless", {"address": f"mysql://app:{PASSWORD}@db/app"}, "has no key dsn"),
        ("garbled", {"dsn": PASSWORD}, "the dsn is no address"),
        ("nameless", {"dsn": f"mysql://app:{PASSWORD}@db"}, "names no database"),
        ("foreign", {"dsn": f"postgresql://app:{PASSWORD}@db/app"}, "must begin with mysql://"),
        ("fileless", {"dsn": "sqlite:////no/such/file.db"}, "file"),
    ],
)
def test_a_platform_whose_secret_is_wrong(
    site: Site, leader: Replica, name: str, data: dict[str, str], want: str
) -> None:
    site.plane.apply(secret(f"{name}-db", **data))
    said = observe(site, name)
    assert want in said
    assert PASSWORD not in str(site.plane.get("platform", name))


@pytest.mark.parametrize(
    ("name", "change", "want"),
    [
        (
            "tableless",
            "DROP TABLE trainlease_ledger",
            "table trainlease_ledger is not there, or its user may not see it: CREATE TABLE",
        ),
        (
            "columnless",
            "ALTER TABLE maquinas RENAME COLUMN estado TO situacion",
            "table maquinas has no column estado: ALTER TABLE",
        ),
    ],
)
def test_a_database_that_lacks_something_says_the_statement_for_a_dba(
    site: Site, leader: Replica, tmp_path: Path, name: str, change: str, want: str
) -> None:
    database = tmp_path / "changed.db"
    dsn = prepare("saturno", database, machines=["gpu-1"], trainings=[])
    execute(database, change)
    site.plane.apply(secret(f"{name}-db", dsn=dsn), platform(name))
    assert want in site.until_condition("SchemaValid", "Invalid", "platform", name)


def test_a_machine_that_a_platform_does_not_know(site: Site, leader: Replica) -> None:
    site.plane.apply(site.machine_object("unknown", pool="annex"))
    said = site.until_condition("PlatformsInSync", "OutOfStep", "machine", "unknown")
    assert "saturno has no row for unknown: add it" in said


def test_a_row_with_a_word_that_nobody_mapped(site: Site, leader: Replica) -> None:
    """It counts as occupied by somebody else, and is never put right."""
    execute(site.database, "INSERT INTO maquinas (nombre, estado) VALUES ('odd', 'prestada')")
    site.plane.apply(site.machine_object("odd", pool="odd"))
    said = site.until_condition("Available", "OccupiedElsewhere", "machine", "odd")
    assert "prestada" in said


def test_no_password_of_all_these_is_in_the_log(site: Site, leader: Replica) -> None:
    assert leader.identity in leader.log
    assert PASSWORD not in leader.log


def platform(name: str) -> dict[str, Any]:
    """One that only observes, so that its trouble is nobody else's."""
    spec = {"namespace": name, "database": {"secret": f"{name}-db", "preset": "integrations-v1"}}
    return thing("Platform", {"name": name}, spec)


def observe(site: Site, name: str) -> str:
    """Apply the Platform, and answer why its database cannot be used."""
    site.plane.apply(platform(name))
    return site.until_condition(DATABASE_REACHABLE, "Down", "platform", name)


def execute(database: Target, statement: str) -> None:
    Door(database, "saturno").execute(statement)
