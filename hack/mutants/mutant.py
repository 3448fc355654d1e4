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

    It must be caught within so many seeds from `first` on; `first` is 0 unless what shows the
    missing guard is rare. `tests`: where the guard is kept for the time, the alarm or the margin,
    no promise breaks without it, and one of these test files must fail instead.
    """

    name: str
    rule: str
    patches: tuple[Patch, ...]
    within: int = 20
    first: int = 0
    tests: tuple[str, ...] = ()

    @property
    def seeds(self) -> range:
        """The seeds in which it must be caught, in the order in which they are tried."""
        return range(self.first, self.first + self.within)

    def with_bound(self, within: int) -> "Mutant":
        """The same one, looked for in so many seeds from 0 on."""
        return replace(self, first=0, within=within)

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
    first: int = 0,
    tests: tuple[str, ...] = (),
) -> Mutant:
    """A mutant of patches (file, old, new)."""
    made = tuple(Patch(*patch) for patch in patches)
    return Mutant(name, rule, made, within=within, first=first, tests=tests)
