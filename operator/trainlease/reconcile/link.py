"""One platform's database as this process knows it: connection, breaker, schema, rows.

One call at a time goes to a database (its bounded worker); while the breaker is open none does but
the probe of `Databases.tend`. Not in here: what is to be told, and when.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from trainlease.effects.clock import Clock
from trainlease.effects.platforms.base import Database
from trainlease.model.errors import NeedsPerson, Unavailable
from trainlease.model.observed import SchemaReport
from trainlease.model.platform import Platform
from trainlease.plan.rows import RowKnowledge
from trainlease.reconcile.breaker import Breaker

Answer = TypeVar("Answer")
Word = tuple[int, int]
"""A word about a training by (attempt, rank)."""


@dataclass
class Link:
    """`rows` and `telling` are by machine uid, `words` (told) and `saying` by job uid.

    `trouble` says why it cannot be used now, to people; empty where it can.
    """

    platform: Platform
    breaker: Breaker
    clock: Clock
    dsn: str = field(default="", repr=False)
    database: Database | None = None
    trouble: str = "not connected yet"
    schema: SchemaReport | None = None
    compared_at: datetime | None = None
    compared_tick: float = 0.0
    """The same by the monotonic clock: what is due is not counted by a clock that may be set."""
    in_doubt: bool = False
    """A call failed since the last compare: what answers next may have been restored meanwhile."""
    rows: dict[str, RowKnowledge] = field(default_factory=dict)
    telling: dict[str, int] = field(default_factory=dict)
    words: dict[str, Word] = field(default_factory=dict)
    saying: dict[str, Word] = field(default_factory=dict)
    word_troubles: dict[str, str] = field(default_factory=dict)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def name(self) -> str:
        return self.platform.name

    @property
    def is_ready(self) -> bool:
        """Connected, with a valid schema, and not known to be away."""
        valid = self.schema is not None and self.schema.is_valid
        return self.database is not None and valid and not self.breaker.is_open

    async def call(
        self, ask: Callable[[Database], Awaitable[Answer]], check: Callable[[], None]
    ) -> Answer:
        """One call in its turn; `check` runs right before it and may refuse (NotLeader)."""
        async with self.lock:
            database = self.database
            if database is None or self.breaker.is_open:
                raise Unavailable(f"{self.name}'s database is away: {self.trouble}")
            return await self.probe(lambda: ask(database), check)

    async def probe(
        self, ask: Callable[[], Awaitable[Answer]], check: Callable[[], None]
    ) -> Answer:
        """One call whatever the breaker says, counted by it. The caller holds the lock."""
        check()
        try:
            answer = await ask()
        except Unavailable as error:
            self.trouble = str(error)
            self.in_doubt = True
            if self.breaker.failed(self.clock.monotonic()):
                self.compared_at = None  # when it is back, all of it is compared
            raise
        except NeedsPerson as error:
            self.trouble = str(error)
            raise
        self.breaker.succeeded()
        return answer

    async def close(self) -> None:
        """Nothing of what was known holds for another address or schema."""
        database, self.database = self.database, None
        self.schema = self.compared_at = None
        for known in (self.rows, self.words, self.word_troubles):
            known.clear()
        if database is not None:
            await database.close()
