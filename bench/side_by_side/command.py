"""The command: brings up what both sides share, measures, prints a table, writes JSON."""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bed import ControlPlane, MLflow, sweep_abandoned
from bed.processes import RECORD, recorded
from bench.side_by_side import rounds, site
from bench.side_by_side.burst import burst
from bench.side_by_side.figures import Report, machine
from bench.side_by_side.rounds import OURS, PLAIN, Programs, Sides
from bench.side_by_side.sides import Ours, Plain, model_pod
from bench.side_by_side.standing import standing

_SLOTS = 4
_BURST_SLOTS = 20


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=10, help="of one job that need not wait")
    parser.add_argument("--queues", type=int, default=3, help="rounds of many jobs on few slots")
    parser.add_argument("--jobs", type=int, default=48, help="in each of these")
    parser.add_argument("--waiting", type=int, default=500, help="jobs while nothing happens")
    parser.add_argument("--idle", type=float, default=120, help="seconds of that")
    parser.add_argument("--burst", type=int, default=300, help="jobs at once where pods are quick")
    parser.add_argument("--json", type=Path, default=Path(".bench/figures.json"))
    chosen = parser.parse_args(arguments)
    report = Report()
    sweep_abandoned()
    try:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            with site.stand(folder, _SLOTS) as stand:
                on_a_node(stand, folder, chosen, report)
            burst(folder / "burst", chosen.burst, _BURST_SLOTS, chosen.queues, report)
    finally:  # what was measured is told though a later part fails
        chosen.json.parent.mkdir(parents=True, exist_ok=True)
        chosen.json.write_text(json.dumps(report.wire(), indent=2) + "\n")
        print("\n".join(report.lines()))
    return 0


def on_a_node(stand: site.Stand, folder: Path, chosen: argparse.Namespace, report: Report) -> None:
    """Pods that run: one at a time, many on few slots, and the operator with MLflow."""
    plane = stand.cluster.plane
    report.machine = machine(plane)
    image = stand.cluster.node.busybox.name
    alone = Ours(site.OURS, image, {"machine": stand.machines[0]})
    plain = Plain(site.PLAIN, model_pod(plane, alone))
    rounds.singles(plane, {OURS: alone, PLAIN: plain}, chosen.rounds, report)
    programs = Programs({OURS: stand.operator.pid, PLAIN: _controllers(plane)})
    pooled = Ours(site.OURS, image, {"pool": site.POOL})
    both: Sides = {OURS: pooled, PLAIN: plain}
    rounds.queues(plane, both, programs, chosen.jobs, _SLOTS, chosen.queues, report)
    recorded_runs(stand, folder, chosen, report)


def recorded_runs(
    stand: site.Stand, folder: Path, chosen: argparse.Namespace, report: Report
) -> None:
    """The operator anew, with MLflow: what one job costs then, and what many that wait do."""
    cluster = stand.cluster
    stand.operator.stop()
    with MLflow.start(folder / "mlflow") as mlflow:
        operator = site.start_operator(
            cluster.plane, folder / "operator", stand.machines, mlflow.url
        )
        image = cluster.node.busybox.name
        alone = Ours(site.OURS, image, {"machine": stand.machines[0]})
        title = "one recorded job"
        rounds.singles(cluster.plane, {OURS: alone}, chosen.rounds, report, title)
        nowhere = Ours(site.OURS, image, {"pool": "elsewhere"})
        standing(cluster.plane, nowhere, operator.pid, chosen.waiting, chosen.idle, report)


def _controllers(plane: ControlPlane) -> int:
    """The process id of the controller-manager, in which the job controller runs."""
    record = recorded(plane.folder / RECORD)
    return next(part.process.pid for part in record if part.name == "controller-manager")
