"""What people have written on a Machine for one of its claims: read, and told apart by generation.

A word counts only for the generation that it names; another one is ignored, and `ignored` has the
sentence that says so. Pure. Not in here: what a word does (plan.by_hand).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from trainlease.model.annotations import BY_NAME
from trainlease.model.machine import CLAIM, CONFIRM_OFF, FORCE_RELEASE, QUARANTINE_OVER, Machine
from trainlease.plan.rows import PlatformFact, told_platforms

WORDS = (CONFIRM_OFF, FORCE_RELEASE, CLAIM, QUARANTINE_OVER)
"""The annotations that name a generation."""

_GENERATION = r"(?P<generation>[0-9]{1,18})"
_FORMS = {
    CONFIRM_OFF: re.compile(_GENERATION),
    FORCE_RELEASE: re.compile(_GENERATION + r"\s+(?P<rest>\S.*)", re.DOTALL),
    CLAIM: re.compile(r"(?P<rest>\S+)\s+" + _GENERATION),
    QUARANTINE_OVER: re.compile(_GENERATION),
}


@dataclass(frozen=True)
class Word:
    """`rest` is the reason of a force-release, the platform of a claim."""

    generation: int
    rest: str = ""


def spoken(machine: Machine, name: str) -> Word | None:
    """The word of this annotation, if it speaks of the machine's present generation."""
    word = _read(machine, name)
    return word if word and word.generation == machine.status.generation else None


def ignored(machine: Machine, platforms: Iterable[PlatformFact]) -> list[str]:
    """Why each word that stands there has no effect, and what to do."""
    platforms = tuple(platforms)
    return [why for name in WORDS if (why := _why_ignored(machine, name, platforms))]


def _why_ignored(machine: Machine, name: str, platforms: tuple[PlatformFact, ...]) -> str | None:
    if name not in machine.metadata.annotations:
        return None
    word, now = _read(machine, name), machine.status.generation
    if word is None:
        return f"{name} is not understood: write {BY_NAME[name].value}"
    if word.generation != now:
        return f"{name} names generation {word.generation}, and this is {now}: ignored, remove it"
    if name == CLAIM and word.rest not in {p.name for p in told_platforms(platforms)}:
        return f"{name} names {word.rest}, which is no Platform that may be written to: ignored"
    return None


def _read(machine: Machine, name: str) -> Word | None:
    value = machine.metadata.annotations.get(name, "").strip()
    found = _FORMS[name].fullmatch(value)
    if found is None:
        return None
    parts = found.groupdict()
    return Word(int(parts["generation"]), " ".join(parts.get("rest", "").split()))
