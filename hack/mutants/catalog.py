"""All mutants, by the part of the protocol whose guard they lack."""

from mutants import claims
from mutants.mutant import Mutant

MUTANTS: tuple[Mutant, ...] = (*claims.MUTANTS,)
