"""What can be set for the whole operator, with the defaults of the design; all times in seconds."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Read from the environment (`TRAINLEASE_...`); each value has the design's default."""

    model_config = SettingsConfigDict(env_prefix="TRAINLEASE_", frozen=True)

    namespace: str = "trainlease-system"
    """Where the operator's Lease and the platforms' Secrets are."""
    hold_namespaces: tuple[str, ...] = ("ops",)
    """Namespaces whose MachineLeases may be holds by people."""
    allow_process_machines: bool = False
    """Whether process machines may be used: each is a shell on the operator's host."""
    process_folder: str = "/var/lib/trainlease/process"
    """Where process machines keep the folders and exit records of their claims."""
    tracking_uri: str = ""
    """The MLflow server; empty: nothing is recorded, and jobs that want results wait."""

    boot_timeout: float = 600
    cooldown: float = 15
    call_timeout: float = Field(default=5, le=5)
    starting_shown_after: float = 5
    max_on: float = 86400
    waiting_limit: float = 86400
    running_limit: float = 43200
    total_limit: float = 172800
    retries_application: int = 0
    retries_infrastructure: int = 3
    retries_lost: int = 2
    backoff_first: float = 10
    backoff_most: float = 300
    quarantine_after: int = 3
    quarantine_for: float = 3600
    job_ttl: float = 30 * 86400
    hold_for: float = 8 * 3600
    letting_go_after: float = 600

    leader_duration: float = 15
    leader_renew: float = 10
    leader_retry: float = 2
    resync_every: float = 300
    compare_every: float = 300
    observe_every: float = 30
    wait_reason_every: float = 60
    database_timeout: float = 4
    breaker_opens_after: int = 2
    breaker_first: float = 1
    breaker_most: float = 30
    usage_half_life: float = 86400
    held_machine_seconds: float = 3600
