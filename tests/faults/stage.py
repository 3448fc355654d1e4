"""A whole site on real parts, and an observer that judges each test by what it saw itself.

The observer's sources are the demo's: the audit log, triggers in the databases, /proc.
"""

import contextlib
import itertools
import json
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sqlalchemy import make_url
from tests.faults.crew import PATIENCE
from tests.wiring.conftest import install
from tests.wiring.site import GROUP, secret, thing, true

from bed.audit import AuditEvent, AuditLog
from bed.control_plane import ControlPlane
from bed.errors import BedError, TimedOut
from bed.fixtures import PLATFORMS
from bed.mariadb import MariaDB
from bed.platform_schemas import SCHEMAS, Row, platform_manifest, read_machines
from bed.proxy import Proxy
from bed.waiting import wait_until
from demo import audited
from demo import facts as seen
from demo.databases import MariaDBServer, PlatformDatabase, make_database
from demo.judge_claims import (
    free_after_end,
    free_told_or_owed,
    occupied_before_start,
    one_holder,
    one_machine,
    outcome_before_free,
)
from demo.judge_results import (
    all_rows_agree,
    jobs_ended_as_wanted,
    nothing_left_running,
    training_rows_tell,
)
from demo.judges import Judge
from demo.watcher import Watcher

ROUNDS = int(os.environ.get("TRAINLEASE_ROUNDS", "1"))
"""How often each outage is played; more of them make the percentiles of a benchmark."""
MACHINES = [f"gpu-{number}" for number in range(1, 60 + 3 * ROUNDS)]
TRAININGS = [str(number) for number in range(301, 380 + 3 * ROUNDS)]
PROMISES: tuple[Judge, ...] = (
    one_holder,
    one_machine,
    occupied_before_start,
    outcome_before_free,
    free_after_end,
    free_told_or_owed,
    all_rows_agree,
    training_rows_tell,
    jobs_ended_as_wanted,
    nothing_left_running,
)
WAIT = ("sh", "-c", 'until [ -e "$0" ]; do sleep 0.05; done')
_API = f"/apis/{GROUP}/v1alpha1"
_machines, _trainings, _jobs = iter(MACHINES), iter(TRAININGS), itertools.count(1)


@dataclass(frozen=True)
class Stage:
    """What stands for all tests of a session; a test takes machines and trainings of its own."""

    plane: ControlPlane
    databases: tuple[PlatformDatabase, ...]
    doors: dict[str, Proxy]
    watcher: Watcher
    folder: Path

    @property
    def claims(self) -> Path:
        return self.folder / "claims"

    def server(self, platform: str) -> MariaDB:
        target = self._database(platform).server.target
        assert isinstance(target, MariaDB)
        return target

    def get(self, path: str) -> dict[str, Any]:
        """An object or a list by a live GET as the admin; empty where there is none."""
        try:
            status, body = self.plane.request(f"{_API}/{path}")
        except OSError:
            return {}
        found: dict[str, Any] = json.loads(body) if status == 200 else {}
        return found

    def words(self, machine: str) -> dict[str, bool]:
        """By platform whose database answers, whether its own row says occupied."""
        found: dict[str, bool] = {}
        for one in self.databases:
            with contextlib.suppress(BedError):
                rows = one.rows(MACHINES)
                found |= {row.platform: row.occupied for row in rows if row.machine == machine}
        return found

    def changes(self, platform: str, machine: str) -> int:
        """How often the machine's own row there has changed its word, by the trigger."""
        flips = self._database(platform).flips(MACHINES)
        return sum(flip.machine == machine for flip in flips)

    def scene(self, machines: int = 1) -> "Scene":
        """Machines of a test's own, in a pool of their own; not free before an operator leads."""
        names = tuple(itertools.islice(_machines, machines))
        scene = Scene(self, names, f"pool-{names[0]}")
        self.plane.apply(*(scene.machine_object(name) for name in names))
        return scene

    def _database(self, platform: str) -> PlatformDatabase:
        return next(one for one in self.databases if one.platform == platform)


@dataclass
class Scene:
    """One test's machines and jobs, and what the observer says of them."""

    stage: Stage
    machines: tuple[str, ...]
    pool: str
    jobs: dict[str, str] = field(default_factory=dict)
    """The training's id in its platform's table, by the job's title."""
    _events: list[AuditEvent] = field(default_factory=list)
    _log: AuditLog | None = None

    def __post_init__(self) -> None:
        self._log = AuditLog(self.stage.plane.audit_log)
        self._log.skip_to_end()

    def machine_object(self, name: str, **spec: Any) -> Row:
        images = {"train:1": str(self.stage.folder / "training")}
        whole = {"mode": "Enforce", "pool": self.pool, "pricePerHour": "0.90"}
        return thing("Machine", {"name": name}, {**whole, "process": {"images": images}, **spec})

    def apply_job(
        self,
        platform: str = "saturno",
        program: Sequence[str] = WAIT,
        arguments: Sequence[str] = (),
        **spec: Any,
    ) -> str:
        """A job that trains until its gate, `program`'s first argument, is there; its title."""
        name = f"job-{next(_jobs)}"
        training = next(_trainings)
        whole = {
            "pool": self.pool,
            "image": "train:1",
            "command": [*program, name, *arguments],
            "tracking": "BestEffort",
            "externalId": training,
            **spec,
        }
        self.stage.plane.apply(thing("TrainingJob", {"name": name, "namespace": platform}, whole))
        self.jobs[f"{platform}/{name}"] = training
        return f"{platform}/{name}"

    def suspend(self, title: str, *, is_on: bool) -> None:
        namespace, name = title.split("/")
        patch = json.dumps({"spec": {"suspend": is_on}})
        self.stage.plane.kubectl("patch", "tj", name, "-n", namespace, "--type=merge", "-p", patch)

    def open_gates(self) -> None:
        """Let the trainings end."""
        for gate in self._gates():
            gate.touch()

    def close_gates(self) -> None:
        """Trainings that begin from now on wait again."""
        for gate in self._gates():
            gate.unlink(missing_ok=True)

    def machine(self, name: str = "") -> dict[str, Any]:
        """A Machine's status."""
        return dict(self.stage.get(f"machines/{name or self.machines[0]}").get("status") or {})

    def job(self, title: str) -> dict[str, Any]:
        """A job's status."""
        return dict(self._body(title).get("status") or {})

    def outcomes(self, title: str) -> list[str]:
        """Every outcome that was ever stored of its attempts, by the audit log."""
        uid = self._fact(title).uid
        stored = (write for write in audited.outcomes(self.events()) if write.job_uid == uid)
        return [w.outcome for w in sorted(stored, key=lambda w: (w.attempt, w.revision))]

    def until_free(self) -> None:
        """The machines are known to be off, and wait for a job."""
        self.until(lambda: all(self.machine(m).get("state") == "Free" for m in self.machines))

    def until_state(self, title: str, want: str) -> None:
        self.until(lambda: self.job(title).get("state") == want)

    def until_runs(self, title: str, attempt: int = 1) -> None:
        """Its process is there, and all databases say occupied."""
        self.until(
            lambda: (
                self.stage.watcher.training(title, attempt)
                and any(_says_occupied(self.stage.words(machine)) for machine in self.machines)
            )
        )
        self.until_state(title, "Running")

    def until_rest(self) -> None:
        """Jobs are over, machines Free without debts, all rows free, leases released."""
        self.until(self._is_at_rest)

    def until(self, is_so: Callable[[], object]) -> None:
        """Wait for it; if it does not come, say what is there."""
        try:
            wait_until(lambda: bool(is_so()), PATIENCE, "it")
        except TimedOut:
            ledger = {machine: self.machine(machine) for machine in self.machines}
            rows = {machine: self.stage.words(machine) for machine in self.machines}
            jobs = {title: self.job(title) for title in self.jobs}
            raise AssertionError(f"it did not come; there is {ledger}, {rows}, {jobs}") from None

    def again(self) -> "Scene":
        """The same machines and jobs, judged by what happens from now on."""
        return Scene(self.stage, self.machines, self.pool, self.jobs)

    def change_machine(self, **spec: Any) -> None:
        for name in self.machines:
            self.stage.plane.apply(self.machine_object(name, **spec))

    def condition(self, kind: str) -> dict[str, Any]:
        """The machine's condition of this type; empty where there is none."""
        return _condition(self.machine(), kind)

    def condition_of(self, title: str, kind: str) -> dict[str, Any]:
        """The job's condition of this type."""
        return _condition(self.job(title), kind)

    def fence(self, platform: str) -> int:
        """The fence in our side table's row of the machine there; 0 where it has none."""
        name = SCHEMAS[platform].own_name(self.machines[0])
        rows = read_machines(platform, self.stage.server(platform))
        return next((int(row["fence"] or 0) for row in rows if row["machine"] == name), 0)

    def events(self) -> list[AuditEvent]:
        """All that was asked of the API server since the scene began."""
        self.stage.plane.audit()
        assert self._log is not None
        self._events += self._log.new_events()
        return self._events

    def must_keep(self, *promises: Judge) -> None:
        """Each of these promises (default: all) was kept, by what the observer saw."""
        facts = self.facts()
        verdicts = [judge(facts) for judge in promises or PROMISES]
        broken = [verdict.line for verdict in verdicts if not verdict.kept]
        if broken:
            raise AssertionError("; ".join(broken))

    def must_keep_of_runs(self, promise: Judge, runs: Iterable[seen.Run]) -> None:
        """The same of a promise about MLflow; runs of other scenes' jobs are passed over."""
        facts = self.facts()
        uids = {job.uid for job in facts.jobs}
        verdict = promise(replace(facts, runs=tuple(r for r in runs if r.job_uid in uids)))
        if not verdict.kept:
            raise AssertionError(verdict.line)

    def facts(self) -> seen.Facts:
        """What the observer saw of this scene."""
        events = [event for event in self.events() if event.is_write]
        databases, watcher = self.stage.databases, self.stage.watcher
        jobs = [self._fact(title) for title in self.jobs]
        uids = {job.uid for job in jobs}
        return seen.Facts(
            platforms=PLATFORMS,
            confirm={"latam": "All"},
            ledger=tuple(w for w in audited.ledger(events) if w.machine in self.machines),
            outcomes=tuple(w for w in audited.outcomes(events) if w.job_uid in uids),
            flips=tuple(f for d in databases for f in d.flips(MACHINES) if self._has(f.machine)),
            processes=tuple(p for p in watcher.processes if p.job_uid in uids),
            left_running=tuple(f"process {p.pid}" for p in watcher.alive if p.job_uid in uids),
            jobs=tuple(jobs),
            rows=tuple(r for d in databases for r in d.rows(MACHINES) if self._has(r.machine)),
            training_rows=tuple(self._training_rows()),
        )

    def _gates(self) -> Iterable[Path]:
        training = self.stage.folder / "training"
        return (training / title.partition("/")[2] for title in self.jobs)

    def _has(self, machine: str) -> bool:
        return machine in self.machines

    def _body(self, title: str) -> dict[str, Any]:
        namespace, name = title.split("/")
        return self.stage.get(f"namespaces/{namespace}/trainingjobs/{name}")

    def _fact(self, title: str) -> seen.Job:
        body = self._body(title)
        status = body.get("status") or {}
        outcomes = tuple(attempt.get("outcome", "") for attempt in status.get("attempts", ()))
        return seen.Job(
            body["metadata"]["uid"], title, status.get("state", ""), "Succeeded", outcomes
        )

    def _training_rows(self) -> Iterable[seen.TrainingRow]:
        words = {one.platform: one.training_words() for one in self.stage.databases}
        for title, training in self.jobs.items():
            yield seen.TrainingRow(title, words[title.partition("/")[0]].get(training, "no row"))

    def _is_at_rest(self) -> bool:
        return (
            all(self._is_recorded(title) for title in self.jobs)
            and all(self._is_free(machine) for machine in self.machines)
            and all(row.word in ("succeeded", "failed") for row in self._training_rows())
            and all(self._is_released(title) for title in self.jobs)
        )

    def _is_recorded(self, title: str) -> bool:
        conditions = self.job(title).get("conditions", ())
        return {"Finished", "ResultsRecorded"} <= {c["type"] for c in conditions}

    def _is_free(self, machine: str) -> bool:
        status = self.machine(machine)
        words = self.stage.words(machine)
        told = words.keys() == set(PLATFORMS) and not any(words.values())
        return told and status.get("state") == "Free" and not status.get("debts")

    def _is_released(self, title: str) -> bool:
        namespace, name = title.split("/")
        attempts = range(1, len(self.job(title).get("attempts", ())) + 1)
        leases = (
            self.stage.get(f"namespaces/{namespace}/machineleases/{name}-{number}")
            for number in attempts
        )
        return all("Released" in true(lease.get("status") or {}) for lease in leases)


def build(folder: Path, plane: ControlPlane) -> Stage:
    """All parts but the operator: databases behind proxies, platforms, the observer's watch."""
    stage = folder / "stage"
    (stage / "training").mkdir(parents=True)
    with ThreadPoolExecutor() as pool:
        databases = tuple(pool.map(lambda name: _database(name, folder / "databases"), PLATFORMS))
    doors = {one.platform: Proxy(_port(one.dsn)) for one in databases}
    watcher = Watcher(stage / "claims")
    return on_another_plane(Stage(plane, databases, doors, watcher, stage), plane)


def on_another_plane(stage: Stage, plane: ControlPlane) -> Stage:
    """The same databases and observer, with the platforms declared on this control plane."""
    install(plane)
    for one in stage.databases:
        plane.kubectl("create", "namespace", one.platform)
        url = make_url(one.dsn).set(port=stage.doors[one.platform].port)
        dsn = url.render_as_string(hide_password=False)
        manifest = platform_manifest(one.platform, f"{one.platform}-db", MACHINES)
        plane.apply(secret(f"{one.platform}-db", dsn=dsn), manifest)
    return replace(stage, plane=plane)


def mend(stage: Stage) -> None:
    """Servers that a test stopped, froze or made read-only are up again; nothing is held."""
    for door in stage.doors.values():
        door.clear()
    for one in stage.databases:
        assert isinstance(one.server, MariaDBServer)
        server = one.server.target
        server.thaw()
        if not server.is_running:
            server.restart()
        server.set_read_only(False)


def _says_occupied(words: dict[str, bool]) -> bool:
    return bool(words) and all(words.values())


def _database(name: str, folder: Path) -> PlatformDatabase:
    return make_database(name, folder, sqlite=False, machines=MACHINES, trainings=TRAININGS)


def _port(dsn: str) -> int:
    port = make_url(dsn).port
    assert port is not None
    return port


def _condition(status: dict[str, Any], kind: str) -> dict[str, Any]:
    return next((c for c in status.get("conditions", ()) if c["type"] == kind), {})
