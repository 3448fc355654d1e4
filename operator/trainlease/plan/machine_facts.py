"""What is known of one machine when its next step is decided, and the questions asked of it. Pure.

Not in here: any decision (plan.claim, plan.by_hand).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from trainlease.model.machine import Machine, MachineStatus
from trainlease.model.machine_lease import MachineLease
from trainlease.model.observed import Exit, MachineView, Power, Trouble
from trainlease.model.reasons import Outcome
from trainlease.model.training_job import Attempt, TrainingJob
from trainlease.plan.rows import PlatformFact, Rows


@dataclass(frozen=True)
class MachineFacts:
    """One machine and all that bears on it, read in this order: Machine, lease, job, provider.

    `lease` and `job` are the holder's; None means gone by a live GET made after the Machine was
    read, and a lease that is not bound to this claim was read live too. `view` None: the provider
    could not say. `never_started`: this process made the claim and issued no start in it.
    `telling`: the fence that is on its way to each platform now. `off_for`, `stood_for`: for how
    long this process has seen it off without a break, and its ledger stand as it does; not by the
    wall clock, which may be wrong, or another's.
    `is_twins`: what is on there by no claim of its own may be another Machine's, on the same
    hardware.
    """

    cluster: str
    machine: Machine
    platforms: tuple[PlatformFact, ...] = ()
    rows: Rows = field(default_factory=dict)
    telling: Mapping[str, int] = field(default_factory=dict)
    view: MachineView | None = None
    lease: MachineLease | None = None
    job: TrainingJob | None = None
    never_started: bool = False
    start_issued: bool = False
    seen_on: bool = False
    off_for: timedelta | None = None
    stood_for: timedelta = timedelta(0)
    is_twins: bool = False
    adoptable: tuple[MachineLease, TrainingJob, str] | None = None

    @property
    def status(self) -> MachineStatus:
        return self.machine.status

    @property
    def generation(self) -> int:
        return self.status.generation

    @property
    def attempt(self) -> Attempt | None:
        """The holder's attempt as the job has it stored, if it does already."""
        holder = self.status.holder
        if self.job is None or holder is None or holder.attempt is None:
            return None
        return self.job.status.attempt(holder.attempt)

    @property
    def outcome(self) -> Outcome | None:
        return self.attempt.outcome if self.attempt else None

    @property
    def is_over(self) -> bool:
        """Whether nothing may be started any more: the outcome is stored, or the job is finished.

        A job may finish (by its waiting limit) beside a grant that was under way.
        """
        return self.outcome is not None or (self.job is not None and self.job.is_finished)

    @property
    def exit(self) -> Exit | None:
        return self.view.exits.get(self.generation) if self.view else None

    @property
    def trouble(self) -> Trouble | None:
        """What is in the way of this claim's workload."""
        return self.view.troubles.get(self.generation) if self.view else None

    @property
    def is_on(self) -> bool:
        return self.view is not None and self.view.power is Power.ON

    @property
    def is_off(self) -> bool:
        return self.view is not None and self.view.power is Power.OFF

    @property
    def is_overtaken(self) -> bool:
        """Whether its provider knows a later claim: then this ledger is an older one, restored."""
        return self.view is not None and self.view.newest > self.generation

    @property
    def is_on_by_us(self) -> bool:
        """On, or on its way there, by a start of ours, of this claim or of another one."""
        view = self.view
        return view is not None and view.generation is not None and view.power is not Power.OFF

    @property
    def runs(self) -> bool:
        """On, by this claim's own start."""
        return self.is_on and self.view is not None and self.view.generation == self.generation

    @property
    def has_been_on(self) -> bool:
        stored = self.attempt is not None and self.attempt.started is not None
        return stored or self.seen_on

    @property
    def holder_platform(self) -> str:
        return self.status.holder.platform if self.status.holder else ""
