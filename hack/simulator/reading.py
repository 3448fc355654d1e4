"""What everything says at rest, read past every line and never through an operator's code."""

from datetime import datetime, timedelta

from simulator.facts import Rest
from simulator.fields import status_of
from simulator.scenario import HOLDS
from simulator.world import World
from trainlease.effects.tracking.api import RunRow, VersionRow
from trainlease.effects.tracking.fake_server import FakeMlflow
from trainlease.model import tracking as word
from trainlease.model.observed import ModelState, ModelVersion, RunInfo


def read_all(world: World, *, first: bool) -> Rest:
    """The facts of a rest; over the first one some things go on, and a database may be away."""
    mlflow = world.mlflow
    versions = {
        (model, row.version): _version(mlflow, row)
        for model, found in sorted(mlflow.models.items())
        for row in found.versions.values()
    }
    away = world.scenario.down_at_rest
    return Rest(
        at=world.loop.time(),
        runs=[_run(row) for row in mlflow.runs.values() if not row.deleted],
        versions=list(versions.values()),
        models={
            model: ModelState(
                versions.get((model, found.aliases.get(word.PRODUCTION, 0))),
                found.aliases.get(word.PREVIOUS),
            )
            for model, found in sorted(mlflow.models.items())
        },
        trainings=world.databases.trainings(),
        machine_on=world.on_by_present(),
        exits={key: c for found in world.machines.values() for key, c in found.exits().items()},
        claimed_by_legacy=world.databases.taken,
        busy=(_busy(world) if first else frozenset()) | _held_by_a_wrong_clock(world),
        quarantined=_quarantined(world),
        down=frozenset({away}) if first and away else frozenset(),
    )


def _run(row: RunRow) -> RunInfo:
    tags = row.tags
    return RunInfo(
        run_id=row.run_id,
        experiment=row.experiment_id,
        job_uid=tags[word.JOB_UID],
        attempt=int(tags[word.ATTEMPT]),
        status=row.status,
        namespace=tags[word.NAMESPACE],
        job_name=tags[word.JOB],
    )


def _version(mlflow: FakeMlflow, row: VersionRow) -> ModelVersion:
    return ModelVersion(
        model=row.model,
        version=row.version,
        run_id=row.run_id or "",
        ready=row.ready,
        metrics=mlflow.runs[row.run_id].metrics if row.run_id else {},
        eval_data=row.tags.get(word.EVAL_DATA),
        job_uid=row.tags.get(word.JOB_UID, ""),
    )


def _held_by_a_wrong_clock(world: World) -> frozenset[str]:
    """Holds that end later than they should, for a clock was ahead or is behind."""
    if not world.jumps:
        return frozenset()
    found = (status_of(body) for _, body in world.observer.book.machines())
    return frozenset(
        status["holder"]["uid"]
        for status in found
        if status.get("holder")
        and not status["holder"].get("job")
        and _is_ahead(world, status.get("deadline"))
    )


def _quarantined(world: World) -> frozenset[str]:
    return frozenset(
        name
        for name, body in world.observer.book.machines()
        if _is_ahead(world, status_of(body).get("quarantinedUntil"))
    )


def _is_ahead(world: World, time: str | None) -> bool:
    """Whether it is in the future for any operator."""
    latest = min((0.0, *world.jumps.values()))
    now = world.clock.now() + timedelta(seconds=latest - 1.0)
    return time is not None and datetime.fromisoformat(time) > now


def _busy(world: World) -> frozenset[str]:
    """What the world keeps going over the first rest."""
    leases = world.observer.book.objects["machineleases"]
    lasting = {hold.name for hold in world.scenario.holds if hold.length is None}
    holds = [
        body["metadata"]["uid"]
        for (namespace, name), body in leases.items()
        if namespace == HOLDS and name in lasting
    ]
    return frozenset((*world.long_runs, *holds))
