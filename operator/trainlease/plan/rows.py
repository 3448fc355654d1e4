"""Which databases must say what of a machine, and how it stands with each.

The rule for one row is plan.platform_rows; this is the step above: whom to tell, whom to wait for,
who is in debt.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from trainlease.model.machine import Machine
from trainlease.model.mode import PAUSED
from trainlease.model.observed import LedgerEntry, RowState, Told
from trainlease.model.platform import Confirm, Platform
from trainlease.model.reasons import MachineState
from trainlease.plan.ledger import REAPER


@dataclass(frozen=True)
class RowKnowledge:
    """What we last heard of one machine's rows in one database.

    `fence` is that of the entry that was told (or compared); `told` None means that the telling
    failed, with the reason in `trouble`. `is_foreign`: the own row says occupied and is not ours.
    """

    fence: int
    told: Told | None
    trouble: str = ""
    stored_fence: int | None = None
    is_foreign: bool = False
    owner: str | None = None


@dataclass(frozen=True)
class PlatformFact:
    """A platform as the claim steps see it: told at all, and whether its breaker is open.

    `compared`: its rows were read; of a machine that is on by nobody's claim, after that was seen.
    """

    platform: Platform
    is_down: bool
    trouble: str = ""
    compared: bool = True

    @property
    def name(self) -> str:
        return self.platform.name

    @property
    def why_down(self) -> str:
        """The sentence that it is down; an adapter's own names the database already."""
        title = f"{self.name}'s database"
        if self.trouble.startswith(title):
            return self.trouble
        return f"{title} is down" + (f": {self.trouble}" if self.trouble else "")


Rows = Mapping[str, RowKnowledge]


def told_platforms(platforms: Iterable[PlatformFact]) -> tuple[PlatformFact, ...]:
    """Those that are written to: Observe means read and report, paused means hands off."""
    return tuple(p for p in platforms if p.platform.is_enforced and not p.platform.is_paused)


def needed(platforms: Iterable[PlatformFact], holder: str) -> tuple[PlatformFact, ...]:
    """Those whose database must say occupied before a machine is started for this platform.

    A paused one is needed all the same, and so is the holder's own in Observe: what may not be
    told cannot say occupied, so nothing is started. Another's in Observe has no effects, and
    another's that is being deleted is told of no new claim.
    """

    def must(fact: PlatformFact) -> bool:
        confirm = fact.platform.spec.database.confirm
        if fact.name == holder:
            return confirm is not Confirm.NEVER
        here = fact.platform.is_enforced and not fact.platform.deleting
        return confirm is Confirm.ALL and here

    return tuple(p for p in platforms if must(p))


def obstacle(platforms: Iterable[PlatformFact], holder: str) -> str | None:
    """Why a needed database cannot be told now, if there is one: then nothing is claimed."""
    for fact in needed(platforms, holder):
        if not fact.platform.is_enforced:
            return f"{fact.name} is observed only: set its spec.mode to Enforce"
        if fact.platform.is_paused:
            return f"{fact.name} is paused: remove its annotation {PAUSED}"
        if fact.is_down:
            return fact.why_down
    return None


def disagreement(machine: Machine, fact: PlatformFact, rows: Rows) -> str:
    """Why this database does not say what the ledger says, and what to do."""
    known = rows.get(fact.name)
    if known is None or known.fence < machine.status.fence or known.told is None:
        failed = known is not None and known.fence >= machine.status.fence
        trouble = known.trouble if known and failed and not fact.is_down else fact.trouble
        if fact.platform.is_paused:
            trouble = "it is paused"
        return f"{fact.name} is not told yet" + (f": {trouble}" if trouble else "")
    owner = known.owner or "another program"
    return {
        Told.FOREIGN: f"{fact.name}'s row says taken by {owner}",
        Told.FENCED: f"{fact.name}'s database holds a newer word than the ledger",
        Told.NO_ROW: f"{fact.name} has no row for {fact.platform.machine_name(machine.name)}: "
        "add it to its table of machines, or name it in spec.database.names",
        Told.OTHER_CLUSTER: f"another cluster holds {fact.name}'s row: let it go there, "
        "then delete that cluster's row of trainlease_ledger",
    }.get(known.told, f"{fact.name} does not agree")


def entry(
    cluster: str, machine: Machine, platform: Platform, state: RowState, now: datetime
) -> LedgerEntry:
    """What this platform's database is to say of the machine as the ledger has it."""
    status = machine.status
    holder = status.holder
    who = holder.title if holder else REAPER
    fence = status.occupied_fence + (1 if state is RowState.FREE else 0)
    return LedgerEntry(
        cluster=cluster,
        machine=machine.name,
        own_name=platform.machine_name(machine.name),
        machine_uid=machine.uid,
        fence=fence,
        generation=status.generation,
        state=state,
        holder=who if holder else "",
        lease_uid=holder.uid if holder else "",
        who=f"{REAPER}:{who}" if state is RowState.OCCUPIED else "",
        at=now,
    )


def desired(machine: Machine, *, ending: bool) -> RowState:
    """What the rows are to say: free once the claim is off and about to be written Free."""
    free = machine.status.state is MachineState.FREE or ending
    return RowState.FREE if free else RowState.OCCUPIED


def fence_of(machine: Machine, state: RowState) -> int:
    return machine.status.occupied_fence + (1 if state is RowState.FREE else 0)


def untold(
    platforms: Iterable[PlatformFact], rows: Rows, telling: Mapping[str, int], fence: int
) -> tuple[PlatformFact, ...]:
    """Those to be told now: up, not yet heard of this fence, and not being told it."""

    def missing(fact: PlatformFact) -> bool:
        known = rows.get(fact.name)
        heard = known is not None and known.fence >= fence
        return not heard and telling.get(fact.name, -1) < fence

    return tuple(p for p in told_platforms(platforms) if not p.is_down and missing(p))


def is_settled(fact: PlatformFact, rows: Rows, fence: int) -> bool:
    """Whether this database was told this fence, or its failure to be told is known."""
    known = rows.get(fact.name)
    return fact.is_down or (known is not None and known.fence >= fence)


def is_confirmed(fact: PlatformFact, rows: Rows, fence: int) -> bool:
    """Whether this database says what the entry of this fence says, or the free that ends it.

    A larger fence is of a life that the ledger has lost: by a clock that went back since, say.
    """
    known = rows.get(fact.name)
    return known is not None and known.fence - fence in (0, 1) and known.told is Told.IN_STEP


def owing(platforms: Iterable[PlatformFact], rows: Rows, fence: int) -> tuple[str, ...]:
    """The debts: databases that could not be told this fence (a foreign row is not a debt).

    A paused platform owes too: it is told once it is not paused any more.
    """

    def owes(fact: PlatformFact) -> bool:
        known = rows.get(fact.name)
        if known is None or known.fence < fence:
            return True
        return known.told in (None, Told.FENCED)

    return tuple(sorted(p.name for p in platforms if p.platform.is_enforced and owes(p)))


def foreign_owner(rows: Rows) -> tuple[str, str] | None:
    """The platform and the owner of a row that says occupied and is not ours, if there is one."""
    for name in sorted(rows):
        if rows[name].is_foreign:
            return name, rows[name].owner or "another program"
    return None
