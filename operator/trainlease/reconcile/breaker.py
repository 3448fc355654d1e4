"""A circuit breaker: after some failures in a row a server is left alone, and tried again later."""

from dataclasses import dataclass


@dataclass
class Breaker:
    """Closed, or open until `retry_at` (monotonic seconds); the delay doubles up to a most."""

    opens_after: int
    first: float
    most: float
    failures: int = 0
    delay: float = 0.0
    retry_at: float | None = None

    @property
    def is_open(self) -> bool:
        return self.retry_at is not None

    def may_try(self, now: float) -> bool:
        return self.retry_at is None or now >= self.retry_at

    def succeeded(self) -> bool:
        """Close; whether it was open."""
        was_open = self.is_open
        self.failures, self.delay, self.retry_at = 0, 0.0, None
        return was_open

    def failed(self, now: float) -> bool:
        """Count a failure; whether this one opened it."""
        self.failures += 1
        if self.failures < self.opens_after and not self.is_open:
            return False
        was_open = self.is_open
        self.delay = min(self.most, self.delay * 2 or self.first)
        self.retry_at = now + self.delay
        return not was_open
