"""The port to one platform's database.

A database holds the platform's own tables (machines, trainings, start log; mapped in the
Platform) and our two side tables, `trainlease_ledger` and `trainlease_trainings`. Each call is
one transaction, bounded in time. Errors: Unavailable (away, frozen, read-only, lock wait),
SchemaInvalid (table, column, row or grant is missing: with the statement for a DBA), Forbidden.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from trainlease.model.observed import (
    LedgerEntry,
    MachineRows,
    OpenTraining,
    SchemaReport,
    TrainingEntry,
    Verdict,
)

Judge = Callable[[LedgerEntry, MachineRows], Verdict]
"""The pure rule of plan.platform_rows, handed in so that it runs inside the transaction."""


class Database(Protocol):
    """One platform's database."""

    async def check(self) -> SchemaReport:
        """Whether all mapped tables, columns, words and grants are there."""
        ...

    async def rows(self, machines: Mapping[str, str], cluster: str) -> dict[str, MachineRows]:
        """What it says of each machine now (our name -> own name), in one consistent read.

        Also without our two tables: nothing of ours stands there yet.
        """
        ...

    async def tell(self, entry: LedgerEntry, judge: Judge) -> Verdict:
        """Read this machine's rows for update, judge, write what the verdict says, commit.

        A newer occupied entry also opens a line of the start log; whatever replaces a side row
        that says occupied closes the line which that one had opened.
        """
        ...

    async def tell_training(self, entry: TrainingEntry) -> bool:
        """Write the training's row unless a newer (attempt, rank) stands; False if it does.

        "Already so" is True, and so is a platform whose trainings are not mapped. Raises
        SchemaInvalid if the platform has no row with this id.
        """
        ...

    async def open_trainings(self, cluster: str) -> Sequence[OpenTraining]:
        """Our trainings whose state is not final: for the sweep of jobs that are gone."""
        ...

    async def close(self) -> None:
        """Give back connections and threads."""
        ...
