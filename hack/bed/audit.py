"""What the API server says was done, and by whom: the observer's source, never the operator's word.

The server writes an event when it has answered, so a line may come an instant after its answer;
`ControlPlane.audit()` waits for that. Bodies are kept for trainlease.dev, pods and Jobs.
"""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})

POLICY: dict[str, Any] = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "omitManagedFields": True,
    "rules": [
        {
            "level": "RequestResponse",
            "verbs": sorted(WRITES),
            "resources": [
                {"group": "trainlease.dev"},
                {"group": "", "resources": ["pods", "pods/*"]},
                {"group": "batch", "resources": ["jobs", "jobs/*"]},
            ],
        },
        {"level": "Metadata"},
    ],
}


class Write(NamedTuple):
    """One kind of write, as it is counted."""

    user: str
    verb: str
    resource: str
    code: int


@dataclass(frozen=True)
class AuditEvent:
    """One answered request; `raw` is the whole event."""

    raw: dict[str, Any]

    @property
    def user(self) -> str:
        return str(self.raw.get("user", {}).get("username", ""))

    @property
    def verb(self) -> str:
        return str(self.raw.get("verb", ""))

    @property
    def code(self) -> int:
        """The HTTP status of the answer; 0 where none was sent."""
        return int(self.raw.get("responseStatus", {}).get("code", 0))

    @property
    def resource(self) -> str:
        """As kubectl says it: pods, pods/status, machines.trainlease.dev/status; else the path."""
        about = self._about
        if "resource" not in about:
            return str(self.raw.get("requestURI", ""))
        group, sub = about.get("apiGroup"), about.get("subresource")
        return f"{about['resource']}{f'.{group}' if group else ''}{f'/{sub}' if sub else ''}"

    @property
    def namespace(self) -> str:
        return str(self._about.get("namespace", ""))

    @property
    def name(self) -> str:
        """The object's name, also of one whose name the server made (where bodies are kept)."""
        made = (self.response or {}).get("metadata", {}).get("name", "")
        return str(self._about.get("name") or made)

    @property
    def request(self) -> dict[str, Any] | None:
        """The body sent, where bodies are kept."""
        body: dict[str, Any] | None = self.raw.get("requestObject")
        return body

    @property
    def response(self) -> dict[str, Any] | None:
        """The body answered, where bodies are kept."""
        body: dict[str, Any] | None = self.raw.get("responseObject")
        return body

    @cached_property
    def received_at(self) -> datetime:
        return datetime.fromisoformat(self.raw["requestReceivedTimestamp"])

    @cached_property
    def answered_at(self) -> datetime:
        return datetime.fromisoformat(self.raw["stageTimestamp"])

    @property
    def is_write(self) -> bool:
        """It was answered and asked for a change; the code tells whether there was one."""
        return self.verb in WRITES and self.raw.get("stage") != "ResponseStarted"

    @property
    def as_counted(self) -> Write:
        return Write(self.user, self.verb, self.resource, self.code)

    @property
    def _about(self) -> dict[str, Any]:
        about: dict[str, Any] = self.raw.get("objectRef") or {}
        return about


class AuditLog:
    """Reads an audit log that is still being written."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._read_to = 0

    def __iter__(self) -> Iterator[AuditEvent]:
        """All whole events so far, oldest first."""
        return (event for event, _ in self._events_from(0))

    def new_events(self) -> list[AuditEvent]:
        """The whole events since the last call of this method."""
        events = []
        for event, end in self._events_from(self._read_to):
            events.append(event)
            self._read_to = end
        return events

    def skip_to_end(self) -> None:
        """Let `new_events` begin with what comes from now on."""
        self.new_events()

    def writes(self, keep: Callable[[AuditEvent], bool] = lambda event: True) -> Counter[Write]:
        """How often each (user, verb, resource/subresource, code) was answered."""
        return Counter(event.as_counted for event in self if event.is_write and keep(event))

    def _events_from(self, offset: int) -> Iterator[tuple[AuditEvent, int]]:
        with contextlib.suppress(FileNotFoundError), self.file.open("rb") as lines:
            lines.seek(offset)
            for line in lines:
                if not line.endswith(b"\n"):
                    return  # half written: it is whole at the next look
                offset += len(line)
                yield AuditEvent(json.loads(line)), offset
