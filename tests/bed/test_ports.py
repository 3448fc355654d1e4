"""Ports that are free, and another try for who lost the race."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from bed import PartFailed, Processes
from bed.ports import accepts, free_port, start_on_free_port
from bed.processes import Part


class Racing:
    """Fails on its first ports with `said` in the log, then starts."""

    def __init__(self, part: Part, said: str, failures: int) -> None:
        self.part = part
        self.said = said
        self.failures = failures
        self.ports: list[int] = []

    def __call__(self, port: int) -> Part:
        self.ports.append(port)
        if len(self.ports) <= self.failures:
            raise PartFailed("part", "ended", self.said)
        return self.part


@pytest.fixture
def part(tmp_path: Path) -> Part:
    return Processes(tmp_path).start("part", ["true"])


def test_no_port_is_given_twice() -> None:
    ports = [free_port() for _ in range(50)]

    assert len(set(ports)) == 50
    assert not any(accepts(port) for port in ports)


def test_a_lost_race_is_run_again_on_another_port(part: Part) -> None:
    racing = Racing(part, "listen tcp: bind: address already in use", failures=4)

    started, port = start_on_free_port(racing)

    assert (started, port) == (part, racing.ports[-1])
    assert len(set(racing.ports)) == 5


@pytest.mark.parametrize(
    ("said", "failures", "want_tries"),
    [("address already in use", 99, 5), ("no such table", 99, 1)],
    ids=["always taken", "another failure"],
)
def test_what_another_port_does_not_cure_is_raised(
    part: Part, said: str, failures: int, want_tries: int
) -> None:
    racing = Racing(part, said, failures)

    with pytest.raises(PartFailed):
        start_on_free_port(racing)

    assert len(racing.ports) == want_tries


def test_a_listener_is_seen() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert accepts(port)
    assert not accepts(port)
