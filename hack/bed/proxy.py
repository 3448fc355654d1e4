"""A proxy of ours on loopback, between the operator and a server: it delays, holds and drops, and
lets land late.

    with Proxy(server.port) as door:                       # a database: bytes, as they come
        caught = door.catch(lambda said: b"COMMIT" in said.body, Moment.AFTER)
        caught.wait(30)                                    # the server has it, its client does not
        caught.drop()                                      # and never will

`HTTP` proxies know a request from an answer; the one before an API server shows the certificate of
a user, and is itself spoken to without TLS. Not in here: HTTP/2, upgraded connections.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path
from typing import Any

from bed.control_plane import ControlPlane
from bed.ports import free_port
from bed.server import Stoppable
from bed.waiting import wait_until

_LIMIT = 1 << 22
_KEPT = 1 << 16
_START_SECONDS = 10.0
_LOOK = 0.01


class Moment(Enum):
    """Where a message is caught: before the server gets it, or after the server has answered."""

    BEFORE = auto()
    AFTER = auto()


@dataclass(frozen=True)
class Said:
    """What a client sent.

    Over HTTP one request. Else a piece of bytes, with `earlier`: the last that came before it on
    this connection.
    """

    body: bytes
    method: str = ""
    path: str = ""
    earlier: bytes = b""


@dataclass
class Catch:
    """A rule, and what it caught: the first message that matches, or the first `times`."""

    matches: Callable[[Said], bool]
    moment: Moment
    times: int = 1
    is_late: bool = False
    caught: list[Said] = field(default_factory=list)
    landed: list[Said] = field(default_factory=list)
    """What went on after its client had hung up: the server has answered it, to nobody."""
    _verdict: Future[bool] = field(default_factory=Future)

    def wait(self, timeout: float, what: str = "a message to be caught") -> Said:
        """The first message that is held, or was dropped."""
        return wait_until(lambda: self.caught[0] if self.caught else None, timeout, what)

    def let_go(self) -> None:
        """Go on with what is held: to the server, or its answer to the client."""
        self._decide(True)

    def drop(self) -> None:
        """End the connection instead."""
        self._decide(False)

    def takes(self, said: Said) -> bool:
        """Whether this message is held; it counts."""
        if len(self.caught) >= self.times or not self.matches(said):
            return False
        self.caught.append(said)
        return True

    async def verdict(self, client: asyncio.StreamReader) -> bool:
        """Whether to go on, once that is decided."""
        while self.is_late and not self._verdict.done():
            if client.at_eof() or client.exception() is not None:
                return True
            await asyncio.sleep(_LOOK)
        return await asyncio.shield(asyncio.wrap_future(self._verdict))

    def _decide(self, goes_on: bool) -> None:
        if not self._verdict.done():
            self._verdict.set_result(goes_on)


class Proxy(Stoppable):
    """Up from its making until `stop`, or the end of a `with` block; `delay` is in seconds and may
    be changed at any time."""

    def __init__(
        self,
        upstream: int,
        *,
        http: bool = False,
        tls: ssl.SSLContext | None = None,
        host: str = "127.0.0.1",
    ) -> None:
        self.port = free_port()
        self.delay = 0.0
        self._upstream, self._host, self._tls = upstream, host, tls
        self._speak = self._speak_http if http else self._speak_bytes
        self._catches: list[Catch] = []
        self._loop = asyncio.new_event_loop()
        self._conversations: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = self._run(asyncio.start_server(self._meet, "127.0.0.1", self.port))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def catch(self, matches: Callable[[Said], bool], moment: Moment) -> Catch:
        """Hold the first message that matches, until it is let go or dropped."""
        return self._add(Catch(matches, moment))

    def drop(self, matches: Callable[[Said], bool], moment: Moment, *, times: int = 1) -> Catch:
        """End the connection at the first messages that match, `times` in all."""
        rule = Catch(matches, moment, times)
        rule.drop()
        return self._add(rule)

    def late(self, matches: Callable[[Said], bool], moment: Moment, *, times: int = 1) -> Catch:
        """Hold the first requests that match until their client has given up and hung up.

        Then they go on: to the server, or their answer to nobody. Over HTTP alone: there it is
        certain that a client which waits for an answer sends nothing more.
        """
        return self._add(Catch(matches, moment, times, is_late=True))

    def clear(self) -> None:
        """Drop what is held, and catch nothing more."""
        rules, self._catches = self._catches, []
        for rule in rules:
            rule.drop()

    def stop(self) -> None:
        """End every connection; what is held is dropped."""
        if self._thread.is_alive():
            self._run(self._end())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def _add(self, rule: Catch) -> Catch:
        self._catches.append(rule)
        return rule

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_START_SECONDS)

    async def _end(self) -> None:
        self._server.close()
        for conversation in list(self._conversations):
            conversation.cancel()
        await asyncio.gather(*self._conversations, return_exceptions=True)

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._conversations.add(task)
        task.add_done_callback(self._conversations.discard)
        there: asyncio.StreamWriter | None = None
        try:
            answers, there = await self._open()
            await self._speak(reader, writer, answers, there)
        except (OSError, EOFError, asyncio.LimitOverrunError):
            pass  # one of the two has ended it
        except asyncio.CancelledError:
            if not task.cancelling():
                raise
        finally:
            for end in (writer, there):
                if end is not None:
                    end.transport.abort()  # a client that waits sees it at once

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection to the server."""
        return await asyncio.open_connection(
            self._host, self._upstream, ssl=self._tls, limit=_LIMIT
        )

    def _caught(self, said: Said, moment: Moment) -> Catch | None:
        return next((c for c in self._catches if c.moment is moment and c.takes(said)), None)

    async def _admit(self, said: Said, client: asyncio.StreamReader) -> Catch | None:
        """Once it may go to the server, what held it before; EOFError where it may not."""
        if self.delay:
            await asyncio.sleep(self.delay)
        before = self._caught(said, Moment.BEFORE)
        if before is not None and not await before.verdict(client):
            raise EOFError("dropped")
        return before

    # -- bytes -----------------------------------------------------------------------------------

    async def _speak_bytes(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        answers: asyncio.StreamReader,
        there: asyncio.StreamWriter,
    ) -> None:
        held: list[Catch] = []
        both = (
            self._ask_bytes(reader, there, held),
            self._answer_bytes(reader, answers, writer, held),
        )
        tasks = [self._loop.create_task(half) for half in both]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _ask_bytes(
        self, reader: asyncio.StreamReader, there: asyncio.StreamWriter, held: list[Catch]
    ) -> None:
        earlier = b""
        while piece := await reader.read(_KEPT):
            said = Said(piece, earlier=earlier)
            await self._admit(said, reader)
            if after := self._caught(said, Moment.AFTER):
                held.append(after)
            there.write(piece)
            await there.drain()
            earlier = (earlier + piece)[-_KEPT:]
        there.write_eof()  # it may still have something to say

    async def _answer_bytes(
        self,
        reader: asyncio.StreamReader,
        answers: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        held: list[Catch],
    ) -> None:
        while piece := await answers.read(_KEPT):
            if held and not await held.pop().verdict(reader):
                break
            writer.write(piece)
            await writer.drain()
        raise EOFError("the server has ended it, or its answer is dropped")

    # -- HTTP ------------------------------------------------------------------------------------

    async def _speak_http(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        answers: asyncio.StreamReader,
        there: asyncio.StreamWriter,
    ) -> None:
        try:
            while True:
                said, text = await _request(reader)
                before = await self._admit(said, reader)
                if answers.at_eof() or answers.exception() is not None:
                    # It was idle for so long that the server has ended it.
                    there.transport.abort()
                    answers, there = await self._open()
                there.write(text)
                await there.drain()
                late = before if before is not None and before.is_late else None
                after = late or self._caught(said, Moment.AFTER)
                if after is None:
                    async for piece in _answer(answers, said.method):
                        writer.write(piece)
                        await writer.drain()
                    continue
                whole = b"".join([piece async for piece in _answer(answers, said.method)])
                if not await after.verdict(reader):
                    return
                if after.is_late:
                    after.landed.append(said)
                    return
                writer.write(whole)
                await writer.drain()
        finally:
            there.transport.abort()


def api_proxy(plane: ControlPlane, user: str, groups: Sequence[str]) -> Proxy:
    """A proxy before the API server; whoever speaks to it is this user there."""
    return Proxy(plane.port, http=True, tls=plane.tls_of(user, groups), host=plane.address)


def plain_kubeconfig(file: Path, server: str) -> Path:
    """A kubeconfig for a server that asks nobody who he is."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "bed",
        "clusters": [{"name": "bed", "cluster": {"server": server}}],
        "users": [{"name": "bed", "user": {}}],
        "contexts": [{"name": "bed", "context": {"cluster": "bed", "user": "bed"}}],
    }
    file.write_text(json.dumps(config))
    return file


async def _request(client: asyncio.StreamReader) -> tuple[Said, bytes]:
    """The next request, and all its bytes."""
    head = await client.readuntil(b"\r\n\r\n")
    body = await client.readexactly(int(_header(head, b"content-length") or 0))
    method, path, _ = head.partition(b"\r\n")[0].decode().split(" ", 2)
    return Said(body, method, path), head + body


async def _answer(answers: asyncio.StreamReader, method: str) -> AsyncIterator[bytes]:
    """The pieces of one answer, each as soon as it is there."""
    head = await answers.readuntil(b"\r\n\r\n")
    yield head
    status = int(head.split(b" ", 2)[1])
    if method == "HEAD" or status in (204, 304):
        return
    length = _header(head, b"content-length")
    if length is not None:
        yield await answers.readexactly(int(length))
    elif b"chunked" in (_header(head, b"transfer-encoding") or b""):
        async for chunk in _chunks(answers):
            yield chunk
    else:
        raise EOFError("an answer that ends with its connection")


async def _chunks(answers: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while True:
        line = await answers.readuntil(b"\r\n")
        size = int(line.split(b";")[0], 16)
        yield line + await answers.readexactly(size + 2)
        if size == 0:
            return


def _header(head: bytes, name: bytes) -> bytes | None:
    for line in head.split(b"\r\n")[1:]:
        key, _, value = line.partition(b":")
        if key.strip().lower() == name:
            return value.strip().lower()
    return None
