"""What can be set for the whole operator, with the defaults of the design; all times in seconds."""

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Read from the environment (`TRAINLEASE_...`); each value has the design's default."""

    model_config = SettingsConfigDict(
        env_prefix="TRAINLEASE_", frozen=True, use_attribute_docstrings=True
    )

    namespace: str = "trainlease-system"
    """Where the operator's Lease and the platforms' Secrets are."""
    hold_namespaces: tuple[str, ...] = ("ops",)
    """Namespaces whose MachineLeases may be holds by people."""
    allow_process_machines: bool = False
    """Whether process machines may be used: each is a shell on the operator's host."""
    process_folder: str = "/var/lib/trainlease/process"
    """Where process machines keep the folders and exit records of their claims."""
    metrics: str = ""
    """Where Prometheus may scrape, such as 127.0.0.1:9090; empty: nowhere."""
    tracking_uri: str = ""
    """The MLflow server; empty: nothing is recorded, and jobs that want results wait."""

    boot_timeout: float = 600
    """How long a cloud machine may take to call home."""
    cooldown: float = 15
    """From an unclean end to the next claim; longer than any call in flight."""
    call_timeout: float = Field(default=5, le=5)
    """Of a call that turns a machine on or off."""
    pod_grace: float = Field(default=30, ge=1, le=600)
    """Between the polite end of a training in a pod and its kill."""
    node_lost_after: float = Field(default=60, ge=0)
    """How long a pod stays on a node that is not Ready, before its attempt is Lost."""
    starting_shown_after: float = 5
    """From the claim until a job that does not run yet says Starting."""
    max_on: float = 86400
    """The longest claim of a machine that does not say it itself."""
    waiting_limit: float = 86400
    """From the wish for a machine to its claim."""
    running_limit: float = 43200
    """Of one attempt."""
    total_limit: float = 172800
    """Of a job, all attempts and waits together."""
    retries_application: int = 0
    """After the training itself failed."""
    retries_infrastructure: int = 3
    """After a machine did not start."""
    retries_lost: int = 2
    """After a machine was lost while it trained."""
    backoff_first: float = 10
    """Before the first retry."""
    backoff_most: float = 300
    """Before any retry at most."""
    quarantine_after: int = 3
    """Failures in a row that a machine is to blame for."""
    quarantine_for: float = 3600
    """How long such a machine takes no new claim."""
    job_ttl: float = 30 * 86400
    """How long a finished job is kept."""
    hold_for: float = 8 * 3600
    """How long a hold lasts from its grant."""
    letting_go_after: float = 600
    """How long an object that is being deleted waits for what still stands in its way."""

    leader_duration: float = 15
    """How long the leader's Lease is valid."""
    leader_renew: float = 10
    """The leader gives up where it could not renew for this long."""
    leader_retry: float = 2
    """Between two tries to become or stay the leader."""
    resync_every: float = 300
    """Between two full lists of every kind."""
    watch_grace: float = 30
    """In which the watch must bring what a full list has shown; a dead one ends the process."""
    compare_every: float = 300
    """Between two full compares of a platform's rows."""
    observe_every: float = 30
    """Between two looks at a machine."""
    wait_reason_every: float = 60
    """A waiting job's reason is stored at most this often."""
    database_timeout: float = 4
    """Of one call to a platform's database."""
    tracking_timeout: float = 10
    """Of one request to MLflow."""
    breaker_opens_after: int = 2
    """Failed calls in a row until a database, or MLflow, counts as down."""
    breaker_first: float = 0.5
    """Until the first new try of a server that is down; each further one waits twice as long."""
    breaker_most_database: float = 1.5
    """Until any new try of a database at most: once it is back, it is told within this time."""
    breaker_most_tracker: float = 30
    """Until any new try of MLflow at most: nothing is held up by it but what it must record."""
    repair_every: float = 30
    """Between two looks at what a person must put right, such as a Secret or a schema."""
    usage_half_life: float = 86400
    """After this time, use counts half in the queue."""
    held_machine_seconds: float = 3600
    """What a machine held now counts in the queue, in seconds of use."""

    @field_validator("metrics")
    @classmethod
    def _address(cls, metrics: str) -> str:
        host, _, port = metrics.rpartition(":")
        if metrics and not (host and port.isdecimal() and int(port) < 65536):
            raise ValueError("write an address and a port, such as 127.0.0.1:9090")
        return metrics

    @model_validator(mode="after")
    def _leader_margin(self) -> "Settings":
        if self.leader_renew + self.call_timeout > self.leader_duration:
            raise ValueError(
                "leader_duration must be at least leader_renew + call_timeout, so that a call "
                "begun as the leader has ended before another may lead"
            )
        return self
