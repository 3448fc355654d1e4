"""One seed from start to rest.

The storm, then calm; a first rest, over which the world keeps some jobs, holds and perhaps one dead
database going; the end of all that; a second rest; and a long while in which nothing may be
written. Whatever does not come to rest in its time is a breach.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from simulator.deeds import Deeds
from simulator.drawing import draw_all
from simulator.facts import Breach
from simulator.loop import Deadlock, OutOfTime, VirtualLoop
from simulator.loop import run as run_loop
from simulator.operators import Table
from simulator.promise import announce
from simulator.promises_rest import COMES_TO_REST, QUIET
from simulator.quiet import UNSORTED
from simulator.reading import read_all
from simulator.scenario import OPERATORS, STORM
from simulator.weather import AIMED_VERBS, Fault
from simulator.world import World
from trainlease.plan.actions import Wait
from trainlease.reconcile.perform import TABLE

STILL = 125.0
"""Seconds without any movement that count as rest: longer than any timer of the operator."""
LONGEST_UNREST = 1500.0
SECOND_PLAN = 135.0
"""Longer than any timer of the operator, the look at its watch after a LIST included."""
MOST_STEPS = 300_000
"""Thirty times what a seed takes: who comes to no rest is not followed for hours."""
SORTED = "errors-are-sorted"
announce(SORTED, "An adapter translates its library's errors at its door (section 5)")
_LOOK = 5.0


@dataclass(frozen=True)
class Result:
    """What became of one seed."""

    seed: int
    breaches: tuple[Breach, ...]
    trace: str
    """A digest of all that happened: the same for the same seed and code, in any process."""
    hits: Counter[tuple[str, Fault]]
    seconds: float
    """Virtual seconds."""
    steps: int
    writes: int
    """At the API server, but for Leases."""
    deeds: Counter[str]
    """How many deeds of each kind that there is befell something."""


def spots() -> tuple[str, ...]:
    """Where faults are aimed: the perform table's actions, and what is written beside them."""
    return (*(kind.__name__ for kind in TABLE if kind is not Wait), *AIMED_VERBS)


def run(
    seed: int,
    *,
    table: Table = TABLE,
    lines: list[str] | None = None,
    ends_at_breach: bool = False,
) -> Result:
    """Run this seed. `table` replaces the perform table; `lines` takes the trace, if given.

    `ends_at_breach`: nothing is asked beyond the first broken promise.
    """
    worlds: list[tuple[World, Deeds]] = []
    UNSORTED.take()

    async def main(loop: VirtualLoop) -> None:
        world = World(draw_all(seed, spots()), loop, table=table, lines=lines)
        deeds = Deeds(world)
        worlds.append((world, deeds))
        loop.most_steps = MOST_STEPS
        await _play(world, deeds, ends_at_breach=ends_at_breach)
        for failure in (*UNSORTED.take(), *map(_told, loop.failures))[:1]:
            world.complain(SORTED, failure)

    try:
        run_loop(main)
    except (Deadlock, OutOfTime) as error:
        worlds[0][0].complain(COMES_TO_REST, str(error))
    world, deeds = worlds[0]
    return Result(
        seed=seed,
        breaches=tuple(world.observer.breaches),
        trace=world.trace.digest.hexdigest(),
        hits=world.weather.hits,
        seconds=world.loop.time(),
        steps=world.loop.steps,
        writes=world.writes,
        deeds=deeds.done,
    )


def _told(failure: dict[str, Any]) -> str:
    """A task of an operator ended by an error that nobody fetched."""
    return f"{failure.get('message')}: {failure.get('exception')!r}"


async def _play(world: World, deeds: Deeds, *, ends_at_breach: bool) -> None:
    await world.apply_all()
    for name in OPERATORS:
        world.operators.start(name)
    deeds.schedule()
    while world.loop.time() < STORM:
        await _pause(world, min(_LOOK, STORM - world.loop.time()))
        if ends_at_breach and world.observer.breaches:
            return
    deeds.calm()
    await _rest(world, first=True)
    if ends_at_breach and world.observer.breaches:
        return
    deeds.end_what_lasts()
    await _rest(world, first=False)
    await _stay_quiet(world)


async def _rest(world: World, *, first: bool) -> None:
    """Wait until nothing moves, then let the observer judge."""
    bound = world.loop.time() + LONGEST_UNREST
    world.moved_at = world.loop.time()
    while _is_to_move(world, first=first) or world.loop.time() - world.moved_at < STILL:
        if world.loop.time() >= bound:
            world.complain(COMES_TO_REST, f"it still moves after {LONGEST_UNREST:g} s of calm")
            break
        await _pause(world, _LOOK)
    world.trace.add(f"{world.loop.time():10.3f}  REST")
    world.observer.at_rest(read_all(world, first=first))


def _is_to_move(world: World, *, first: bool) -> bool:
    """Whether something is sure to come yet; over the first rest it may hang on what lasts."""
    lasts = first and any(hold.length is None for hold in world.scenario.holds)
    lasts = lasts or (first and bool(world.long_runs))
    return bool(world.short_runs) or (world.coming > 0 and not lasts)


async def _stay_quiet(world: World) -> None:
    """A second plan is empty: nobody asks for anything, so nothing is written."""
    before = len([w for w in world.kube.writes if w.plural != "leases"])
    moved = world.moved_at
    await _pause(world, SECOND_PLAN)
    writes = [w for w in world.kube.writes if w.plural != "leases"][before:]
    if writes and world.jumps and (writes[0].verb, writes[0].plural) == ("delete", "trainingjobs"):
        return  # its time to live was counted from a wrong clock's time, and is over only now
    if writes:
        first = writes[0]
        what = f"{len(writes)} writes at rest, first {first.verb} {first.plural} {first.name}"
        world.complain(QUIET, what)
    elif world.moved_at != moved:
        world.complain(QUIET, "a row or a machine changed at rest")


async def _pause(world: World, seconds: float) -> None:
    done = world.loop.create_future()
    world.grounds.later(seconds, done.set_result, None)
    await done
