"""What one Platform says of itself, and when it may be let go.

*In sync* is said only from a full compare that read every row back.
"""

from trainlease.model.errors import NeedsPerson, Unavailable
from trainlease.model.machine import Machine
from trainlease.model.platform import Platform, PlatformStatus
from trainlease.plan import actions as act
from trainlease.plan import finalizers, rows
from trainlease.plan.platform_report import platform_report, would_write
from trainlease.reconcile.context import Context


class Platforms:
    """Reads the links of `Databases` and the debts of all Machines."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def finalizer(self, platform: Platform) -> act.Action:
        """What its finalizer needs now."""
        link = self._context.databases.link(platform.name)
        known = link.rows if link else {}
        machines = self._machines()
        now = self._context.now()
        return finalizers.of_platform(
            platform,
            machines,
            known,
            now,
            self._context.settings,
            has_open_trainings=platform.deleting and await self._has_open_trainings(platform),
        )

    async def _has_open_trainings(self, platform: Platform) -> bool:
        """Whether a training there may lack its last word: so it is while nobody can say."""
        databases = self._context.databases
        link = databases.link(platform.name)
        if link is None or not link.is_ready:
            return True
        try:
            return bool(await databases.open_trainings(platform.name))
        except (Unavailable, NeedsPerson):
            return True

    def status(self, platform: Platform) -> PlatformStatus:
        """Equal to the stored one where nothing has changed."""
        link = self._context.databases.link(platform.name)
        owner = self._context.store.platform_of(platform.spec.namespace)
        taken = owner is not None and owner.uid != platform.uid
        debts = sum(platform.name in m.status.debts for m in self._context.store.machines.values())
        away = link is None or link.breaker.is_open or (bool(link.trouble) and not link.schema)
        return platform_report(
            platform,
            reachable=not away,
            trouble=link.trouble if link else "not connected yet",
            schema=link.schema if link else None,
            debts=debts,
            in_sync=self._in_sync(platform),
            now=self._context.now(),
            namespace_owner=owner.name if owner and taken else None,
            compared=link.compared_at if link else None,
            would=would_write(self._machines(), link.rows if link else {}),
        )

    def _machines(self) -> list[Machine]:
        machines = self._context.store.machines
        return [machines[name] for name in sorted(machines)]

    def _in_sync(self, platform: Platform) -> bool | None:
        """None: not known, or a row is on its way."""
        link = self._context.databases.link(platform.name)
        if link is None or not link.is_ready or link.compared_at is None or link.telling:
            return None
        fact = rows.PlatformFact(platform, is_down=False)
        for machine in self._context.store.machines.values():
            known = link.rows.get(machine.uid)
            if machine.status.state is None or not machine.is_enforced:
                continue
            if known is None or known.fence < machine.status.occupied_fence:
                return None
            if not rows.is_confirmed(fact, {platform.name: known}, known.fence):
                return False
        return True
