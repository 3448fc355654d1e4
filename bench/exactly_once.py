"""How MLflow's records survive a storm: one run, one version, one promotion of each attempt.

    python -m bench.exactly_once [towns]

Plays the operator's own code over a simulated server, in towns of 25 attempts each: answers are
lost, requests never arrive or land after their sender has given up, processes crash between any two
requests or stand still while another leads, people move the alias in between.
"""

import logging
import sys
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import structlog

from bench.mlflow_judge import judge
from bench.mlflow_storm import Fault
from bench.mlflow_town import MakeTracker, Town
from simulator.loop import VirtualLoop, run
from trainlease.effects.tracking.exactly_once import ExactlyOnce

TOWNS = 400
"""Ten thousand attempts."""
_HOURS = 24 * 3600.0


@dataclass
class Figures:
    """Sums over towns; `breaches` are sentences, each with its seed."""

    attempts: int = 0
    requests: int = 0
    processes: int = 0
    promotions: int = 0
    people: int = 0
    races: int = 0
    late_words: int = 0
    hits: Counter[Fault] = field(default_factory=Counter)
    breaches: list[str] = field(default_factory=list)


def play(seeds: Iterable[int], make_tracker: MakeTracker = ExactlyOnce) -> Figures:
    """One town for each seed; the same seed gives the same town."""
    sums = Figures()
    for seed in seeds:
        _play_one(seed, make_tracker, sums)
    return sums


def main() -> None:
    """Print the figures."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    towns = int(sys.argv[1]) if len(sys.argv) > 1 else TOWNS
    began = time.monotonic()
    sums = play(range(towns))
    seconds = time.monotonic() - began
    print(
        f"{sums.attempts} attempts in {towns} towns, {sums.requests} requests, "
        f"{sums.processes} operator processes, {seconds:.1f} s"
    )
    for fault in Fault:
        print(f"  {sums.hits[fault]:7}  {fault}")
    print(
        f"{sums.promotions} promotions, {sums.people} moves by people, {sums.races} of them "
        f"crossed a move of ours, {sums.late_words} reasons landed late over the right one"
    )
    print(f"{len(sums.breaches)} breaches", *sums.breaches[:40], sep="\n  ")


def _play_one(seed: int, make_tracker: MakeTracker, sums: Figures) -> None:
    async def live(loop: VirtualLoop) -> Town:
        town = Town(loop, seed, make_tracker)
        await town.live()
        town.breaches += [str(failure) for failure in loop.failures]
        return town

    town = run(live, until=_HOURS)
    found = judge(town)
    sums.attempts += sum(len(job.status.attempts) for job in town.jobs.values())
    sums.requests += town.storm.requests
    sums.processes += town.processes
    sums.promotions += found.promotions
    sums.people += sum(move.seen is None for move in town.server.moves)
    sums.races += found.races
    sums.late_words += found.late_words
    sums.hits += town.storm.hits
    sums.breaches += [f"seed {seed}: {sentence}" for sentence in found.breaches]


if __name__ == "__main__":
    main()
