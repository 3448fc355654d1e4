"""Each guard of the protocol is seen by the simulator: without it some promise breaks."""

from functools import cache

import pytest

from mutants.catalog import MUTANTS
from mutants.chase import chase
from mutants.mutant import SOURCE, DoesNotApply, Mutant, Patch
from mutants.seeds import noted
from simulator.quiet import keep_quiet
from simulator.runner import run

EACH = pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)


@cache
def keeps_every_promise(seed: int) -> bool:
    """Whether the tree as it is passes this seed."""
    keep_quiet()
    return not run(seed).breaches


def test_no_two_mutants_have_one_name() -> None:
    names = [mutant.name for mutant in MUTANTS]
    assert sorted(set(names)) == sorted(names)


@EACH
def test_a_mutant_still_applies(mutant: Mutant) -> None:
    for patch in mutant.patches:
        text = (SOURCE / "trainlease" / patch.file).read_text()
        compile(patch.applied(text), patch.file, "exec")


def test_a_patch_whose_text_is_gone_or_there_twice_does_not_apply() -> None:
    patch = Patch("plan/claim.py", "guard", "")
    for text in ("nothing", "guard and guard"):
        with pytest.raises(DoesNotApply):
            patch.applied(text)


@EACH
def test_a_mutant_is_caught_in_its_seeds_and_the_tree_passes_them(mutant: Mutant) -> None:
    end = chase(mutant, noted().get(mutant.name, 0))
    assert end.is_caught, f"{mutant.name} survives {mutant.within} seeds: {mutant.rule}"
    assert keeps_every_promise(end.seed)


def test_each_seed_that_is_noted_is_a_mutants() -> None:
    assert set(noted()) <= {mutant.name for mutant in MUTANTS}
