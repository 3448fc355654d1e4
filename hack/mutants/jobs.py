"""Mutants of jobs, leases, the queue and results (plan/job.py, leases.py, placement.py, ...)."""

from mutants.mutant import mutant

_JOB = "plan/job.py"
_LEASES = "plan/leases.py"
_OUTCOME = "plan/outcome.py"
_PLACING = "reconcile/placing.py"
_QUEUE = "plan/placement.py"
_RESULTS = "reconcile/results.py"
_ONCE = "effects/tracking/exactly_once.py"

MUTANTS = (
    mutant(
        "next-attempt-before-the-outcome",
        "A next attempt is made only after the outcome of the one before is stored.",
        (
            _JOB,
            "    if facts.open_number is not None:\n        return None\n",
            "    if facts.lease is not None and not facts.lease.is_bound:\n        return None\n",
        ),
        within=100,
    ),
    mutant(
        "lease-never-released",
        "A lease is released when its machine no longer holds it.",
        (_LEASES, "(_stands, _not_held, _release,", "(_stands, _not_held,"),
        within=40,
    ),
    mutant(
        "released-while-held",
        "A lease is released only once its machine no longer holds it.",
        (
            _LEASES,
            "    if facts.lease.is_released or facts.is_held or facts.is_undecided:",
            "    if facts.lease.is_released or facts.is_undecided:",
        ),
        within=40,
    ),
    mutant(
        "judged-by-a-machine-without-status",
        "Whether a lease is held is not judged by a Machine that was restored without status.",
        (
            _LEASES,
            "    if facts.lease.is_released or facts.is_held or facts.is_undecided:",
            "    if facts.lease.is_released or facts.is_held:",
        ),
        needs=("machine without status",),
        within=60,
    ),
    mutant(
        "retries-uncounted",
        "Failures are counted apart, by cause, and each has its number of retries.",
        (
            _OUTCOME,
            "    return sum(c.blame is blame for c in causes) > _allowed(job, blame, settings)",
            "    return False",
        ),
        within=40,
    ),
    mutant(
        "retries-counted-together",
        "Failures are counted apart, by cause.",
        (
            _OUTCOME,
            "    return sum(c.blame is blame for c in causes) > _allowed(job, blame, settings)",
            "    return len(causes) > _allowed(job, blame, settings)",
        ),
        within=40,
    ),
    mutant(
        "final-causes-retried",
        "What a retry cannot help ends the job.",
        (
            _OUTCOME,
            "    if blame is Blame.FINAL:\n        return True\n",
            "    if blame is Blame.FINAL:\n        return False\n",
        ),
        within=40,
    ),
    mutant(
        "nobodys-fault-charged",
        "A suspension, and a claim that was given back, are charged to nobody.",
        (
            _OUTCOME,
            "    if blame is Blame.NOBODY:\n        return False\n",
            "    if blame is Blame.NOBODY:\n        return True\n",
        ),
        within=40,
    ),
    mutant(
        "pool-unheeded",
        "A machine is lent in its pool.",
        (
            _QUEUE,
            "        return spec.machine == machine.name if spec.machine else spec.pool == "
            "machine.spec.pool",
            "        return True",
        ),
        (
            _QUEUE,
            "        own = [s for s in slots if s.machine.spec.pool == pool]\n",
            "        own = list(slots)\n",
        ),
        within=40,
    ),
    mutant(
        "platforms-unheeded",
        "A machine is lent to the platforms that may use it.",
        (
            _QUEUE,
            "        return self.job is None or machine.spec.permits(self.platform)",
            "        return True",
        ),
        within=40,
    ),
    mutant(
        "one-machine-granted-twice",
        "Never two holders of a machine: the queue grants each once.",
        (_QUEUE, "        free.remove(slot)\n", ""),
        (
            "reconcile/perform.py",
            "            was.plural, was.namespace, was.name, patch, was.metadata.resource_version\n",
            "            was.plural,\n            was.namespace,\n            was.name,\n"
            "            patch,\n            context.store.machines[was.name].metadata.resource_version\n"
            '            if was.plural == "machines"\n'
            "            else was.metadata.resource_version,\n",
        ),
        within=40,
    ),
    mutant(
        "granted-without-a-run",
        "A job that wants results is not granted a machine without its run.",
        (
            _PLACING,
            "        if trouble is None and self._lacks_its_run(job, number):",
            "        if False:",
        ),
        within=40,
    ),
    mutant(
        "avoids-for-ever",
        "The machine of the last failure is avoided only while another permitted one exists.",
        (
            _QUEUE,
            "    if any(s.machine.name != candidate.lost_on for s in fitting):\n        return False\n",
            "    if candidate.lost_on is None:\n        return False\n    return True\n",
        ),
        within=40,
    ),
    mutant(
        "occupied-elsewhere-hides-free-machines",
        "A job waits for OccupiedElsewhere only where all that it may use is.",
        (
            _QUEUE,
            "    if all(s.unavailable is UnavailableReason.OCCUPIED_ELSEWHERE for s in permitted):",
            "    if any(s.unavailable is UnavailableReason.OCCUPIED_ELSEWHERE for s in permitted):",
        ),
        within=40,
    ),
)
