"""All mutants, by the part of the protocol whose guard they lack."""

from mutants import (
    claims,
    databases,
    ends,
    jobs,
    margins,
    margins_jobs,
    margins_leaders,
    processes,
    restores,
    slots,
    tracked,
)
from mutants.mutant import Mutant

MUTANTS: tuple[Mutant, ...] = (
    *claims.MUTANTS,
    *ends.MUTANTS,
    *databases.MUTANTS,
    *processes.MUTANTS,
    *jobs.MUTANTS,
    *restores.MUTANTS,
    *slots.MUTANTS,
    *tracked.MUTANTS,
    *margins.MUTANTS,
    *margins_jobs.MUTANTS,
    *margins_leaders.MUTANTS,
)
