"""The observer's own picture of the outside, kept from the facts alone.

A promise reads the picture as it was before a fact and the fact itself. What an operator believes
is not in here, and nothing in here decides whether a fact was allowed.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import inf

from simulator.facts import (
    Body,
    By,
    Fact,
    Powered,
    Restored,
    RowChanged,
    RunMade,
    TrainingChanged,
    Wrote,
)
from simulator.fields import (
    has_twin,
    is_by_another_hand,
    is_foreign,
    is_true,
    mode_of,
    says_ours,
    side_fence,
    status_of,
)
from simulator.limits import Limits
from trainlease.model.machine import CLAIM
from trainlease.model.observed import (
    MachineRows,
    TrainingWord,
)

Key = tuple[str, str]


@dataclass
class Ran:
    """What runs on a machine now: one of our claims by generation, or the legacy program's."""

    ours: dict[int, str] = field(default_factory=dict)
    """Generation -> uid of the Machine in whose name it was started."""
    ours_until: float = -inf
    """When the last of ours ended."""
    legacy_since: float = -inf
    claims: set[str] = field(default_factory=set)
    """Platforms by whose table the legacy program has taken the machine for its run."""


class Book:
    """Objects, rows, trainings and power, as they are now, and some of how they came about."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self.objects: dict[str, dict[Key, Body]] = defaultdict(dict)
        self.rows: dict[Key, MachineRows] = {}
        self.trainings: dict[Key, TrainingWord] = {}
        self.running: dict[str, Ran] = defaultdict(Ran)
        self.legacy_rows: set[Key] = set()
        """(platform, machine) whose occupied another hand wrote, whatever stands beside."""
        self.once_taken: set[Key] = set()
        """(platform, machine) whose row was ever occupied by another hand."""
        self.fences: dict[Key, int] = defaultdict(int)
        """(platform, machine) -> the highest fence that ever stood there."""
        self.turned_back: dict[Key, float] = {}
        """(platform, machine) -> when its fence was last made lower, by another hand."""
        self.let_go: dict[Key, float] = {}
        """(platform, machine) -> when another cluster last let go of it."""
        self.back_at: dict[Key, float] = {}
        """(platform, machine) -> when its own row came back that was not there."""
        self.left: dict[str, float] = {}
        """Platform -> when it last went: what comes in its place owes nothing from before."""
        self.edited: set[Key] = set()
        """(platform, machine) whose side row a person wrote last."""
        self.claimed_rows: set[tuple[str, str, int]] = set()
        """(platform, machine, generation) for which a person has claimed the row."""
        self.edited_trainings: set[Key] = set()
        """(platform, training) that a person wrote last."""
        self.told: dict[tuple[str, str, str], set[int]] = defaultdict(set)
        """(platform, machine, machine uid) -> generations whose occupied stood there once."""
        self.starts: dict[tuple[str, int], int] = defaultdict(int)
        self.started_on: dict[tuple[str, int], set[str]] = defaultdict(set)
        """(job uid, attempt) -> machines on which it was started."""
        self.ran: set[tuple[str, int]] = set()
        """(job uid, attempt) that was ever started, whatever is known of it now."""
        self.highest: dict[str, int] = defaultdict(int)
        """Machine uid -> the highest generation that its ledger ever had."""
        self.runs: set[tuple[str, int]] = set()
        """(job uid, attempt) that have an MLflow run."""
        self.jobs_made: dict[Key, int] = defaultdict(int)
        """(namespace, training) -> how many jobs were made for it."""
        self.told_since: dict[str, float] = {}
        """Platform -> since when it is there again, or as people have changed it."""
        self.asked_anew: set[Key] = set()
        """(namespace, training) for which another job was made, and of which nothing was said."""
        self.said_before: set[Key] = set()
        """(namespace, training) whose last word was said of an end that no object knows any more:
        nothing follows a last word."""
        self.going: dict[tuple[str, str, str], float] = {}
        """(plural, namespace, name) of what was deleted and is still there -> since when."""
        self.restored_at = -inf
        self.forgot_at = -inf
        self.blanked: set[str] = set()  # machines that have lost their status at least once
        self.bound_blindly: set[str] = set()
        """Uids of leases bound by what was read of their Machine before it lost its status."""
        self.ruled: dict[str, float] = {}
        """Platform -> when people last changed whether it is written to."""
        self.secrets: tuple[str, ...] = ()

    # -- questions -------------------------------------------------------------------------------

    def machines(self) -> Iterator[tuple[str, Body]]:
        return ((name, body) for (_, name), body in self.objects["machines"].items())

    def platforms(self) -> Iterator[tuple[str, Body]]:
        return ((name, body) for (_, name), body in self.objects["platforms"].items())

    def told_platforms(self) -> Iterator[tuple[str, Body]]:
        """Those that are to be written to."""
        return (
            (name, body)
            for name, body in self.platforms()
            if body["spec"].get("mode") == "Enforce"
            and not body["metadata"].get("deletionTimestamp")
        )

    def is_new(self, platform: str, now: float) -> bool:
        """Whether an operator may not yet know of it as it is now: whether and when to tell it."""
        return now - self.told_since.get(platform, -inf) < self.limits.hearsay

    def machine(self, name: str) -> Body | None:
        return self.objects["machines"].get(("", name))

    def lease(self, namespace: str, name: str, uid: str) -> Body | None:
        return _with_uid(self.objects["machineleases"].get((namespace, name)), uid)

    def job(self, namespace: str, name: str, uid: str) -> Body | None:
        return _with_uid(self.objects["trainingjobs"].get((namespace, name)), uid)

    def is_foreign(self, platform: str, machine: str) -> bool:
        """Whether the row says occupied and the side table does not say that it is by us."""
        return is_foreign(self.rows.get((platform, machine)))

    def is_anothers(self, machine: str) -> bool:
        """Whether any database says that another hand has the machine."""
        keys = ((platform, machine) for platform, _ in self.platforms())
        return any(self.is_foreign(*key) or key in self.legacy_rows for key in keys)

    def holding(self, machine: str) -> list[int]:
        """The claims whose runs hold back Free, by generation.

        What a Machine turned on that was replaced since is nobody's. Of an instance it holds back
        Free until a database says that another hand has it (section 3, step 6), or another Machine
        may have it; a process is known by the uid of its Machine alone.
        """
        body, ours = self.machine(machine), self.running[machine].ours
        is_instance = body is not None and "aws" in body["spec"]
        is_theirs = self.is_anothers(machine) or (body and has_twin(body, self.machines()))
        if body is None or (is_instance and not is_theirs):
            return sorted(ours)
        return sorted(g for g, uid in ours.items() if uid == body["metadata"]["uid"])

    def was_told(self, platform: str, machine: str, want: int, now: float) -> bool:
        """Whether this fence stands there, or stood there until another hand just took it away."""
        rows = self.rows.get((platform, machine))
        if side_fence(rows.side if rows else None) >= want:
            return True
        key, recent = (platform, machine), now - self.limits.compare_every
        if self.back_at.get(key, -inf) >= recent:
            return True  # when it was told, there was no row
        return self.turned_back.get(key, -inf) >= recent and self.fences[key] >= want

    def is_made_anew(self, platform: str, now: float) -> bool:
        """Whether the Platform went, and came anew, since its database was due to be compared."""
        return now - self.left.get(platform, -inf) <= self.limits.compare_every

    def is_another_clusters(self, platform: str, machine: str, now: float) -> bool:
        """Whether another cluster has the row, or had it when it was last told or compared."""
        rows = self.rows.get((platform, machine))
        age = now - self.let_go.get((platform, machine), -inf)
        return bool(rows and rows.other_clusters) or age <= self.limits.compare_every

    def is_asked_anew(self, platform: str, training: str) -> bool:
        """Whether a job was made for the training since its row last changed, or since what a
        backup brought back: that may be the word of an earlier job."""
        body = self.objects["platforms"].get(("", platform))
        return body is not None and (body["spec"]["namespace"], training) in self.asked_anew

    def is_ruled_anew(self, platform: str, now: float) -> bool:
        """Whether it was changed a moment ago whether this platform is written to."""
        return now < self.ruled.get(platform, -inf) + self.limits.late_word

    # -- keeping it ------------------------------------------------------------------------------

    def take(self, fact: Fact) -> None:
        """The fact has been judged: now it is part of the picture."""
        if isinstance(fact, Wrote):
            self._take_write(fact)
        elif isinstance(fact, RowChanged):
            self._take_row(fact)
        elif isinstance(fact, TrainingChanged):
            self._take_training(fact)
        elif isinstance(fact, Powered):
            self._take_power(fact)
        elif isinstance(fact, RunMade):
            self.runs.add((fact.job_uid, fact.attempt))
        else:
            self._take_backup(fact)

    def _take_write(self, fact: Wrote) -> None:
        kind = self.objects[fact.plural]
        key = fact.plural, fact.namespace, fact.name
        if fact.after is None:
            kind.pop((fact.namespace, fact.name), None)
            if fact.plural == "platforms":
                self.left[fact.name] = fact.at
            self.going.pop(key, None)
            return
        if fact.after["metadata"].get("deletionTimestamp"):
            self.going.setdefault(key, fact.at)
        training = fact.after.get("spec", {}).get("externalId")
        if fact.plural == "trainingjobs" and fact.before is None and training:
            self.jobs_made[fact.namespace, training] += 1
            self.asked_anew.add((fact.namespace, training))
        kind[fact.namespace, fact.name] = fact.after
        if fact.by is By.PERSON and status_of(fact.before) and not status_of(fact.after):
            self._forget()
            self.forgot_at = fact.at
            if fact.plural == "machines":
                self.blanked.add(fact.name)
        if fact.plural == "platforms" and (fact.before or {}).get("spec") != fact.after["spec"]:
            self.told_since[fact.name] = fact.at if fact.name in self.told_since else -inf
        if fact.plural == "platforms" and mode_of(fact.before) not in (None, mode_of(fact.after)):
            self.ruled[fact.name] = fact.at
        if fact.plural == "machineleases":
            self._take_binding(fact.before, fact.after)
        if fact.plural == "machines":
            uid = fact.after["metadata"]["uid"]
            generation = status_of(fact.after).get("generation", 0)
            self.highest[uid] = max(self.highest[uid], generation)
            self._hear_claim(fact.name, fact.after)

    def _take_binding(self, before: Body | None, lease: Body) -> None:
        name, uid = status_of(lease).get("machine", ""), lease["metadata"]["uid"]
        machine = self.machine(name)
        is_blank = machine is not None and not status_of(machine).get("state")
        if not name:
            self.bound_blindly.discard(uid)
        elif is_blank and not status_of(before).get("machine"):
            self.bound_blindly.add(uid)

    def _hear_claim(self, machine: str, body: Body) -> None:
        """A person's word: the row that it names is ours to take, in the generation it names."""
        word = body["metadata"].get("annotations", {}).get(CLAIM, "")
        platform, _, generation = word.partition(" ")
        if generation.isdigit():
            self.claimed_rows.add((platform, machine, int(generation)))

    def _take_row(self, fact: RowChanged) -> None:
        key = fact.platform, fact.machine
        self.rows[key] = fact.after
        if is_by_another_hand(fact):
            self.legacy_rows.add(key)
            self.once_taken.add(key)
        else:
            self.legacy_rows.discard(key)
            self.running[fact.machine].claims.discard(fact.platform)
        side = fact.after.side
        if side_fence(side) < side_fence(fact.before.side) and fact.by is not By.US:
            self.turned_back[key] = fact.at
        if fact.before.other_clusters and not fact.after.other_clusters:
            self.let_go[key] = fact.at
        if fact.before.own is None and fact.after.own is not None:
            self.back_at[key] = fact.at
        self.fences[key] = max(self.fences[key], side_fence(side))
        if side != fact.before.side:
            _mark(self.edited, key, by_hand=fact.by is By.PERSON)
        if fact.by is By.US and says_ours(fact.after, self.limits.cluster) and side:
            self.told[fact.platform, fact.machine, side.machine_uid].add(side.generation)

    def _take_training(self, fact: TrainingChanged) -> None:
        key = fact.platform, fact.training_id
        self.trainings[key] = fact.after
        _mark(self.edited_trainings, key, by_hand=fact.by is By.PERSON)
        body = self.objects["platforms"].get(("", fact.platform))
        if body is None:
            return
        asked = body["spec"]["namespace"], fact.training_id
        had_another = self.jobs_made[asked] > 1
        if had_another and fact.by is By.BACKUP:
            self.asked_anew.add(asked)
        elif not (had_another and fact.after.is_final and self._goes_on(*asked)):
            self.asked_anew.discard(asked)

    def _goes_on(self, namespace: str, training: str) -> bool:
        """Whether the training's job has not ended: a final word is an earlier job's, and late."""
        jobs = (
            job
            for (place, _), job in self.objects["trainingjobs"].items()
            if place == namespace and job["spec"].get("externalId") == training
        )
        ended = [is_true(job, "Finished") for job in jobs]
        return bool(ended) and not any(ended)

    def _take_power(self, fact: Powered) -> None:
        ran = self.running[fact.machine]
        if fact.generation is None:
            ran.legacy_since = fact.at if fact.on else -inf
            taken = {p for p, machine in self.legacy_rows if machine == fact.machine}
            ran.claims = taken if fact.on else set()
        elif fact.on:
            ran.ours[fact.generation] = fact.uid
            attempt = fact.job_uid, fact.attempt
            if fact.at - fact.lateness > self.restored_at or attempt in self._begun():
                self.starts[fact.uid, fact.generation] += 1
                self.started_on[attempt].add(fact.machine)
            self.ran.add(attempt)
        else:
            ran.ours.pop(fact.generation, None)
            ran.ours_until = fact.at

    def _take_backup(self, fact: Restored) -> None:
        """What etcd has forgotten may come again: a claim's generation, an attempt's start.

        What rows, machines and MLflow have is not forgotten, and no promise about them is.
        """
        self.restored_at = fact.at
        lived = {job["metadata"]["uid"] for job in self.objects["trainingjobs"].values()}
        self.objects.clear()
        self.going.clear()
        for plural, body in fact.objects:
            meta = body["metadata"]
            key = meta.get("namespace", ""), meta["name"]
            self.objects[plural][key] = body
            if meta.get("deletionTimestamp"):
                self.going[plural, *key] = fact.at
            training = body.get("spec", {}).get("externalId")
            if plural == "trainingjobs" and training and meta["uid"] not in lived:
                self.said_before.add((key[0], training))  # it was gone, and so it was swept
        self._forget()

    def _forget(self) -> None:
        """What no object knows any more."""
        known: dict[str, int] = defaultdict(int)
        for _, body in self.machines():
            known[body["metadata"]["uid"]] = status_of(body).get("generation", 0)
        for lease in self.objects["machineleases"].values():
            uid, bound = status_of(lease).get("machineUid", ""), status_of(lease)
            known[uid] = max(known[uid], bound.get("generation", 0))
        for uid, generation in [key for key in self.starts if key[1] > known[key[0]]]:
            del self.starts[uid, generation]
        for (_, _, uid), told in self.told.items():
            told -= {generation for generation in told if generation > known[uid]}
        for platform, body in self.platforms():
            for (namespace, _), job in self.objects["trainingjobs"].items():
                training = job["spec"].get("externalId", "")
                word = self.trainings.get((platform, training))
                if namespace == body["spec"]["namespace"] and word is not None and word.is_final:
                    self.said_before.add((namespace, training))
        begun = self._begun()
        for attempt in [key for key in self.started_on if key not in begun]:
            del self.started_on[attempt]

    def _begun(self) -> set[tuple[str, int]]:
        """(job uid, attempt) that an object says to have been granted a machine."""
        leases = self.objects["machineleases"].values()
        bound = {
            (lease["spec"]["job"]["uid"], lease["spec"]["attempt"])
            for lease in leases
            if "job" in lease["spec"] and status_of(lease).get("machine")
        }
        holders = [status_of(machine).get("holder") or {} for _, machine in self.machines()]
        held = {(holder["jobUid"], holder["attempt"]) for holder in holders if holder.get("job")}
        stored = {
            (job["metadata"]["uid"], attempt["number"])
            for job in self.objects["trainingjobs"].values()
            for attempt in status_of(job).get("attempts", ())
        }
        return bound | held | stored


def _mark(keys: set[Key], key: Key, *, by_hand: bool) -> None:
    """Keep whether a person was the last who wrote it."""
    if by_hand:
        keys.add(key)
    else:
        keys.discard(key)


def _with_uid(body: Body | None, uid: str) -> Body | None:
    return body if body is not None and body["metadata"]["uid"] == uid else None
