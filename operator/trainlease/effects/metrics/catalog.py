"""All metrics of the operator, with what they tell. docs/metrics.md is made from this."""

from trainlease.effects.metrics.base import Kind, Metric

FOREIGN_WRITES = Metric(
    "trainlease_foreign_writes_total",
    Kind.COUNTER,
    "Rows of machines that another program or a person was found to have written: `occupied` by "
    "somebody else, or `changed` after they were in step with the ledger. A row is counted when "
    "it is first seen so.",
    ("platform", "how"),
)
OCCUPIED_ELSEWHERE = Metric(
    "trainlease_occupied_elsewhere",
    Kind.GAUGE,
    "Rows that say occupied now, and not by us.",
    ("platform",),
)
DEBTS = Metric(
    "trainlease_debts",
    Kind.GAUGE,
    "Machines whose free the platform's database could not be told yet.",
    ("platform",),
)
DATABASE_BREAKER_OPEN = Metric(
    "trainlease_database_breaker_open",
    Kind.GAUGE,
    "1 while the platform's database counts as down and is only probed, else 0.",
    ("platform",),
)
PLATFORM_IN_SYNC = Metric(
    "trainlease_platform_in_sync",
    Kind.GAUGE,
    "1 if the last full compare read every row of the platform back as the ledger says, else 0.",
    ("platform",),
)
TRACKER_BREAKER_OPEN = Metric(
    "trainlease_tracker_breaker_open",
    Kind.GAUGE,
    "1 while MLflow counts as down and is only probed, else 0.",
)
FENCES_RAISED = Metric(
    "trainlease_fences_raised_total",
    Kind.COUNTER,
    "Times that a database held a larger fence of this cluster than the ledger's: an etcd was "
    "restored, or somebody wrote our side table.",
)
ATTEMPTS = Metric(
    "trainlease_attempts_total",
    Kind.COUNTER,
    "Attempts that ended, by their outcome and its cause.",
    ("outcome", "cause"),
)
RETRIES = Metric(
    "trainlease_retries_total",
    Kind.COUNTER,
    "Attempts whose end left their job open, so that another follows, by the cause of that end.",
    ("cause",),
)
SWEPT = Metric(
    "trainlease_swept_total",
    Kind.COUNTER,
    "Leftovers of jobs that are gone which a sweep brought to an end: the `row` of a training in "
    "its platform's database, or a `run` in MLflow.",
    ("what",),
)
LEADER = Metric(
    "trainlease_leader", Kind.GAUGE, "1 in the replica that leads, 0 in one that stands by."
)
LEADER_CHANGES = Metric(
    "trainlease_leader_changes_total",
    Kind.COUNTER,
    "Changes of the leader as the Lease counts them, over all replicas that ever were.",
)
MACHINE_STATE_START = Metric(
    "trainlease_machine_state_start_timestamp_seconds",
    Kind.GAUGE,
    "When the machine's state began, in Unix time; `Unseen` (since it was made) has no state yet.",
    ("machine", "pool", "state"),
)
MACHINE_UNAVAILABLE = Metric(
    "trainlease_machine_unavailable",
    Kind.GAUGE,
    "1 for each machine that takes no new claim, with the reason.",
    ("machine", "reason"),
)
JOBS = Metric("trainlease_jobs", Kind.GAUGE, "Training jobs that there are.", ("state",))
WAITING_JOBS = Metric(
    "trainlease_waiting_jobs",
    Kind.GAUGE,
    "Attempts that wait for a machine; `pool` is empty for one that no machine is in.",
    ("pool", "reason"),
)
OLDEST_WAITING_JOB = Metric(
    "trainlease_oldest_waiting_job_created_timestamp_seconds",
    Kind.GAUGE,
    "When the oldest of the jobs that wait for a machine of the pool was made, in Unix time.",
    ("pool",),
)
WRITE_CONFLICTS = Metric(
    "trainlease_write_conflicts_total",
    Kind.COUNTER,
    "Status writes that were refused since the object had changed; each is decided anew.",
    ("resource",),
)
LOOK_FAILURES = Metric(
    "trainlease_look_failures_total",
    Kind.COUNTER,
    "Looks that ended by an error, by its kind; `Defect` is a fault of the program.",
    ("kind", "error"),
)
LOOK_DURATION = Metric(
    "trainlease_look_duration_seconds",
    Kind.HISTOGRAM,
    "From the begin of a look at one object to its end, effects included.",
    ("kind",),
)
QUEUE_DEPTH = Metric(
    "trainlease_queue_depth", Kind.GAUGE, "Objects that are due to be looked at and wait for it."
)

CATALOG = (
    FOREIGN_WRITES,
    OCCUPIED_ELSEWHERE,
    DEBTS,
    PLATFORM_IN_SYNC,
    DATABASE_BREAKER_OPEN,
    TRACKER_BREAKER_OPEN,
    FENCES_RAISED,
    MACHINE_STATE_START,
    MACHINE_UNAVAILABLE,
    ATTEMPTS,
    RETRIES,
    JOBS,
    WAITING_JOBS,
    OLDEST_WAITING_JOB,
    SWEPT,
    LEADER,
    LEADER_CHANGES,
    QUEUE_DEPTH,
    LOOK_DURATION,
    LOOK_FAILURES,
    WRITE_CONFLICTS,
)
"""In the order in which people read them."""
