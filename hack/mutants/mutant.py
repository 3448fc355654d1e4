"""What a mutant is: the rule that it breaks, and the patches that take its guard away."""

from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "operator"
_PACKAGE = "trainlease"


class DoesNotApply(Exception):
    """The text that a patch replaces is not there exactly once: the guard was moved or changed."""


@dataclass(frozen=True)
class Patch:
    """`old`, which stands exactly once in `file` (below operator/trainlease), becomes `new`."""

    file: str
    old: str
    new: str

    def applied(self, text: str) -> str:
        """The file's text with the patch; DoesNotApply where `old` is not there exactly once."""
        count = text.count(self.old)
        if count != 1:
            raise DoesNotApply(f"{self.file} has this {count} times, not once:\n{self.old}")
        return text.replace(self.old, self.new)


@dataclass(frozen=True)
class Mutant:
    """`rule`: the sentence that the guard keeps.

    It must be caught by one of its first `within` seeds: every tenth, or if it `needs`
    something to happen that few seeds draw, all that draw it (`mutants.hunt.drawn`). `tests`:
    where the guard is kept for the time, the alarm or the margin, no promise breaks without it,
    and one of these test files must fail instead.
    """

    name: str
    rule: str
    patches: tuple[Patch, ...]
    within: int = 20
    needs: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()

    def with_bound(self, within: int) -> "Mutant":
        """The same one, looked for in so many seeds."""
        return replace(self, within=within)

    def apply(self, source: Path) -> None:
        """Patch the files of a copy of operator/."""
        for patch in self.patches:
            path = source / _PACKAGE / patch.file
            text = patch.applied(path.read_text())
            path.unlink()  # the copy may share it with the tree
            path.write_text(text)


def mutant(
    name: str,
    rule: str,
    *patches: tuple[str, str, str],
    within: int = 20,
    needs: tuple[str, ...] = (),
    tests: tuple[str, ...] = (),
) -> Mutant:
    """A mutant of patches (file, old, new)."""
    made = tuple(Patch(*patch) for patch in patches)
    return Mutant(name, rule, made, within=within, needs=needs, tests=tests)
