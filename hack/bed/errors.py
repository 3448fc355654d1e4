"""What can go wrong in the bed, sorted by what a person does next.

BedError
├── Missing          a real part is not on this machine and cannot be had: install it
├── NodeUnavailable  no node can be here, or not now: do what it says, or go without
├── PartFailed       a part was started and ended or never became ready: read its log
└── TimedOut         something awaited did not come: look at who should have done it
"""

from __future__ import annotations


class BedError(Exception):
    """Any failure of the bed itself."""


class Missing(BedError):
    """A real part is not on this machine; nothing stands in for it."""

    def __init__(self, part: str, remedy: str) -> None:
        super().__init__(f"{part} is missing: {remedy}")
        self.part = part
        self.remedy = remedy


class PartFailed(BedError):
    """A part ended by itself or was never ready; the message quotes the end of its log."""

    def __init__(self, part: str, problem: str, log: str = "") -> None:
        quoted = "".join(f"\n  | {line}" for line in log.splitlines())
        super().__init__(f"{part} {problem}{quoted}")
        self.part = part
        self.log = log


class TimedOut(BedError):
    """A condition did not come true in its time."""


class NodeUnavailable(BedError):
    """This machine cannot have a node now; the message says why and what to do."""

    def __init__(self, why: str, remedy: str) -> None:
        super().__init__(f"no node on this machine: {why}; {remedy}")
        self.why = why
        self.remedy = remedy
