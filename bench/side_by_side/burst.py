"""A burst of jobs on slots where a pod takes no time: what is left is each side's own work.

The nodes are kwok's: a pod there is Running and Succeeded as soon as it is bound. The operator has
no MLflow, and the controllers of batch/v1 are not throttled.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from bed import ControlPlane, FakeNodes, sweep
from bench.side_by_side import site
from bench.side_by_side.figures import Figure, Report
from bench.side_by_side.rounds import OURS, PLAIN, Sides, alternate, run_all
from bench.side_by_side.sides import Ours, Plain, model_pod, remove

_TOLERATED = {"key": "bed.trainlease.dev/fake", "operator": "Exists", "effect": "NoSchedule"}
_MADE = {"key": ".metadata.deletionTimestamp", "operator": "DoesNotExist"}
_BOUND = {"key": ".spec.nodeName", "operator": "Exists"}
_STATUS = """\
phase: {phase}
startTime: {{{{ Now | Quote }}}}
containerStatuses:
{{{{ range .spec.containers }}}}
- name: {{{{ .name | Quote }}}}
  image: {{{{ .image | Quote }}}}
  imageID: ""
  ready: {ready}
  restartCount: 0
  state:
    {state}
{{{{ end }}}}
"""
_RUNS = _STATUS.format(
    phase="Running", ready="true", state="running: {startedAt: {{ Now | Quote }}}"
)
_ENDED = _STATUS.format(
    phase="Succeeded",
    ready="false",
    state="terminated: {exitCode: 0, reason: Completed, "
    "startedAt: {{ Now | Quote }}, finishedAt: {{ Now | Quote }}}",
)


def burst(folder: Path, jobs: int, slots: int, rounds: int, report: Report) -> None:
    """So many jobs at once, on a control plane of its own; jobs a second, by their last words."""
    rates: dict[str, list[float]] = {OURS: [], PLAIN: []}
    with quick_pods(folder, slots) as (plane, sides):
        for number, side in alternate(sides, rounds):
            names = [f"burst-{number}-{job}" for job in range(jobs)]
            told = run_all(plane, sides[side], side, names)
            rates[side].append(jobs / told.makespan)
            remove(plane, sides[side], names)
    title = f"{jobs} jobs of no time, {slots} slots: jobs a second"
    report.figures.append(Figure(title, rates[OURS], rates[PLAIN], "ratio >= 0.8"))


@contextmanager
def quick_pods(folder: Path, slots: int) -> Iterator[tuple[ControlPlane, Sides]]:
    """A control plane with one node of kwok's, its slots Free machines, and both sides on it."""
    stages = [_stage("run", "Pending", _RUNS), _stage("end", "Running", _ENDED), _GOES]
    machines = [f"gpu-{number}" for number in range(1, slots + 1)]
    with (
        ControlPlane.start(folder / "control-plane", scheduler=True) as plane,
        FakeNodes.start(plane, gpus=slots, stages=stages) as nodes,
    ):
        site.furnish(plane, nodes.names[0], folder / "saturno.db", machines)
        try:
            site.start_operator(plane, folder / "operator", machines)
            ours = Ours(site.OURS, "none:1", {"pool": site.POOL}, {"tolerations": [_TOLERATED]})
            yield plane, {OURS: ours, PLAIN: Plain(site.PLAIN, model_pod(plane, ours))}
        finally:
            sweep(folder / "operator")


def _stage(name: str, phase: str, status: str) -> dict[str, object]:
    in_phase = {"key": ".status.phase", "operator": "In", "values": [phase]}
    return _on_pods(name, [_MADE, _BOUND, in_phase], {"statusTemplate": status})


def _on_pods(
    name: str, when: Sequence[Mapping[str, object]], then: dict[str, object]
) -> dict[str, object]:
    return {
        "apiVersion": "kwok.x-k8s.io/v1alpha1",
        "kind": "Stage",
        "metadata": {"name": name},
        "spec": {
            "resourceRef": {"apiGroup": "v1", "kind": "Pod"},
            "selector": {"matchExpressions": when},
            "next": then,
        },
    }


_GOES = _on_pods("go", [{**_MADE, "operator": "Exists"}], {"delete": True})
