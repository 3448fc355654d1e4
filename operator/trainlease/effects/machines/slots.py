"""What one process knows of the pods of one slot, and since when none is there that could run.

No calls are made here. Nothing that is kept is ever older than what it replaces.
"""

import asyncio
from dataclasses import dataclass, field
from math import inf

from trainlease.effects.machines.nodes import Node
from trainlease.effects.machines.pod_states import Claim, Pod
from trainlease.model.observed import Trouble

_KEPT = 8
"""Ended pods that are remembered of a slot: those whose results may not be recorded yet."""


@dataclass
class Slot:
    """`quiet_since`: monotonic seconds since when nothing that was not reported ended is there;
    minus infinity where nothing has to be waited for, None before the first look. `partings`: why
    pods are gone. `boots`: in which boot of its node a pod was seen to run, by its uid.
    """

    pods: dict[str, Pod] = field(default_factory=dict)
    quiet_since: float | None = None
    read_at: float = -inf
    partings: dict[Claim, Trouble] = field(default_factory=dict)
    boots: dict[str, str] = field(default_factory=dict)
    logs: dict[str, str] = field(default_factory=dict)
    timer: asyncio.TimerHandle | None = None

    @property
    def open(self) -> list[Pod]:
        """What runs, or may begin to, the oldest claim first."""
        left = (pod for pod in self.pods.values() if not pod.is_ended)
        return sorted(left, key=_by_claim)

    @property
    def ended(self) -> list[Pod]:
        """What stands there, reported ended, the oldest claim first."""
        return sorted((pod for pod in self.pods.values() if pod.is_ended), key=_by_claim)

    def keep(self, pod: Pod) -> None:
        """What was read or heard of it, unless a newer version is known."""
        known = self.pods.get(pod.uid)
        if known is not None and known.version >= pod.version:
            return
        self.pods[pod.uid] = pod
        for old in self.ended[:-_KEPT]:
            self._drop(old)

    def first_look(self, claim: Claim, tick: float) -> None:
        """After the first whole list. Whose last claim left its pod has nothing to wait for: every
        claim before it was confirmed off."""
        if self.quiet_since is None:
            stands = any(pod.claim == claim for pod in self.pods.values())
            self.quiet_since = -inf if stands else tick

    def parted(self, pod: Pod, node: Node | None, tick: float) -> None:
        """It is gone. `pod` is how it was seen last, `node` its node as it is now.

        Nothing has to be waited for if its container was reported ended, no kubelet ever had it,
        or its node has been started anew since it ran there.
        """
        known = self.pods.get(pod.uid, pod)
        newest = pod if pod.version >= known.version else known
        boot = self.boots.get(pod.uid)
        self._drop(pod)
        if known.exit is not None:
            return
        if not newest.is_ours_to_end:
            self.partings[newest.claim] = newest.parting
        is_sure = newest.is_ended or not newest.is_acknowledged
        is_rebooted = node is not None and boot is not None and node.boot != boot
        if not is_sure and not is_rebooted:
            self.quiet_since = tick

    def forget_before(self, generation: int) -> None:
        """Why pods of earlier claims are gone is nobody's question any more."""
        self.partings = {c: t for c, t in self.partings.items() if c[1] >= generation}

    def _drop(self, pod: Pod) -> None:
        for of_pods in (self.pods, self.boots, self.logs):
            of_pods.pop(pod.uid, None)


def _by_claim(pod: Pod) -> tuple[int, str]:
    return pod.generation, pod.uid
