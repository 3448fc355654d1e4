"""Mutants of node slots: what is off, what has ended, and what is only on its way."""

from mutants.mutant import mutant

_SLOTS = "effects/machines/slots.py"
_NODE = "effects/machines/node.py"
_PODS = "effects/machines/pod_states.py"
_TESTS = ("tests/machines/test_node.py",)

MUTANTS = (
    mutant(
        "trouble-unheeded",
        "An attempt ends when no more can come of what was started, known to be off or not.",
        ("plan/claim.py", "        _troubled,\n", ""),
        tests=("tests/plan/test_claim_trouble.py",),
    ),
    mutant(
        "gone-is-off",
        "A pod that is gone without its kubelet's word is waited for.",
        (
            _SLOTS,
            "        if not is_sure and not is_rebooted:\n            self.quiet_since = tick\n",
            "",
        ),
        tests=_TESTS,
    ),
    mutant(
        "off-at-first-sight",
        "A slot without the pod of its last claim is off after its node was Ready long enough.",
        (_SLOTS, "-inf if stands else tick", "-inf"),
        tests=_TESTS,
    ),
    mutant(
        "silent-node-counts",
        "The wait for off begins anew when a node was not Ready.",
        (_NODE, "max(slot.quiet_since, node.ready_since)", "slot.quiet_since"),
        tests=_TESTS,
    ),
    mutant(
        "phase-is-an-end",
        "A phase alone is no end: only what the kubelet reported of the container is.",
        (
            _PODS,
            'return is_terminal and not self._container.get("containerID")',
            "return is_terminal",
        ),
        tests=("tests/machines/test_pod_states.py",),
    ),
    mutant(
        "older-pod-over-newer",
        "Nothing that is known of a pod is ever older than what it replaces.",
        (_SLOTS, "known.version >= pod.version", "known.version > pod.version + 10**9"),
        tests=_TESTS,
    ),
    mutant(
        "absence-from-memory",
        "That a pod is gone is only ever a live answer.",
        (
            _NODE,
            "if not live and slot.open and tick - slot.read_at < self._patience:",
            "if not live and slot.open:",
        ),
        tests=_TESTS,
    ),
    mutant(
        "anothers-pod-taken-for-ours",
        "A pod of another claim under our name is not ours.",
        (
            _NODE,
            "            if Pod(made).claim != (workload.machine_uid, workload.generation):",
            "            if False:",
        ),
        tests=_TESTS,
    ),
)
