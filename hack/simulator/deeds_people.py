"""What people write on Machines and Platforms: how each deed is done.

People tell the truth: who vouches that a machine is off has looked. What may be wrong is the claim
that a word names. Not in here: when it happens (`scenario_people`).
"""

from collections.abc import Callable

from simulator import scenario_people as word
from simulator.line import finish
from simulator.scenario import Deed
from simulator.world import World
from trainlease.model.errors import NotFound
from trainlease.model.machine import CLAIM, CONFIRM_OFF, QUARANTINE_OVER
from trainlease.model.platform import ABANDON_DATABASE


class PeopleDeeds:
    """The acts by the word of their deed."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.acts: dict[str, Callable[[Deed], None]] = {
            word.VOUCH: self._vouch,
            word.CLAIM_ROW: self._claim_row,
            word.ABANDON: self._abandon,
            word.LEND_AGAIN: lambda deed: self._write(deed.who, QUARANTINE_OVER, deed.where),
        }

    def _vouch(self, deed: Deed) -> None:
        """Said of a machine on which nothing runs."""
        if deed.who not in self._world.on():
            self._write(deed.who, CONFIRM_OFF, deed.where)

    def _claim_row(self, deed: Deed) -> None:
        machine, _, platform = deed.who.partition(" ")
        self._write(machine, CLAIM, deed.where, f"{platform} ")

    def _abandon(self, deed: Deed) -> None:
        """Said of a Platform that is being deleted; another one is not spoken of."""
        body = self._world.body_of("platforms", "", deed.who)
        if body is None or "deletionTimestamp" not in body["metadata"]:
            raise NotFound(f"{deed.who} does not go")
        patch = {"metadata": {"annotations": {ABANDON_DATABASE: "true"}}}
        finish(self._world.kube.patch("platforms", "", deed.who, patch))

    def _write(self, machine: str, annotation: str, which: str, before: str = "") -> None:
        body = self._world.body_of("machines", "", machine) or {}
        generation = body.get("status", {}).get("generation", 0)
        named = {
            word.RIGHT: str(generation),
            word.OLD: str(max(0, generation - 1)),
            word.LATER: str(generation + 1),
            word.NONSENSE: "as soon as you can",
        }[which]
        patch = {"metadata": {"annotations": {annotation: f"{before}{named}"}}}
        finish(self._world.kube.patch("machines", "", machine, patch))
