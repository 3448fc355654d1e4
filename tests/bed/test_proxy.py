"""The proxy lets pass, delays, holds and drops, over bytes and over HTTP."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from bed.control_plane import ControlPlane
from bed.proxy import Moment, Proxy, Said, api_proxy, plain_kubeconfig
from bed.waiting import wait_until


class Answers(BaseHTTPRequestHandler):
    """Counts what it got; /chunks is answered in chunks."""

    protocol_version = "HTTP/1.1"
    got: list[str] = []
    ended = threading.Event()
    """The connection of /last was ended, after the answer and without a word."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.got.append(body)
        self.send_response(200)
        if self.path == "/chunks":
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for word in (body, "again"):
                self.wfile.write(f"{len(word):x}\r\n{word}\r\n".encode())
            self.wfile.write(b"0\r\n\r\n")
            return
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())
        self.close_connection = self.path == "/last"

    def finish(self) -> None:
        super().finish()
        self.request.close()
        self.ended.set()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


@pytest.fixture
def got() -> list[str]:
    Answers.got = []
    Answers.ended.clear()
    return Answers.got


@pytest.fixture
def proxy(got: list[str]) -> Iterator[Proxy]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with Proxy(server.server_port, http=True) as made:
        yield made
    server.shutdown()
    server.server_close()


@pytest.fixture
def echo() -> Iterator[Proxy]:
    """Before a server that says what it hears, once for each connection."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, contextlib.suppress(ConnectionResetError):
                while piece := connection.recv(100):
                    connection.sendall(piece.upper())

    threading.Thread(target=serve, daemon=True).start()
    with Proxy(listener.getsockname()[1]) as made:
        yield made
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def ask(proxy: Proxy, body: str, path: str = "/") -> str:
    """The answer as it came; what ended early is what there is of it."""
    return exchange(proxy, posted(body, path).decode())


def exchange(proxy: Proxy, text: str) -> str:
    """What is said until the other end hangs up, which it may at any moment."""
    said = b""
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=10) as client:
        try:
            client.sendall(text.encode())
            client.shutdown(socket.SHUT_WR)
            while piece := client.recv(1000):
                said += piece
        except TimeoutError:
            raise
        except OSError:
            pass
    return said.decode()


@contextlib.contextmanager
def one_who_waits(proxy: Proxy, body: str, path: str = "/") -> Iterator[socket.socket]:
    """A client that has asked, and hangs up at the end of the block."""
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=10) as client:
        client.sendall(posted(body, path))
        yield client


def posted(body: str, path: str = "/") -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


def until_said(client: socket.socket, end: bytes) -> bytes:
    """What came until this."""
    said = b""
    while not said.endswith(end):
        piece = client.recv(1000)
        assert piece, said
        said += piece
    return said


def later(work: Any, *what: Any) -> tuple[threading.Thread, list[str]]:
    """Asked by a thread, for what is held needs somebody who waits for it."""
    answers: list[str] = []
    thread = threading.Thread(target=lambda: answers.append(work(*what)))
    thread.start()
    return thread, answers


def test_what_nobody_catches_passes(proxy: Proxy) -> None:
    assert ask(proxy, "hello").endswith("hello")


def test_an_answer_in_chunks_passes_whole(proxy: Proxy) -> None:
    assert ask(proxy, "hello", "/chunks").endswith("5\r\nhello\r\n5\r\nagain\r\n0\r\n\r\n")


def test_a_request_that_is_held_reaches_the_server_once_it_is_let_go(
    proxy: Proxy, got: list[str]
) -> None:
    caught = proxy.catch(lambda said: said.body == b"held", Moment.BEFORE)
    thread, answers = later(ask, proxy, "held")
    assert caught.wait(10).method == "POST"
    assert ask(proxy, "other").endswith("other")
    assert got == ["other"]
    caught.let_go()
    thread.join()
    assert got == ["other", "held"]
    assert answers[0].endswith("held")


def test_a_request_that_is_dropped_never_reaches_the_server(proxy: Proxy, got: list[str]) -> None:
    proxy.drop(lambda said: said.path == "/lost", Moment.BEFORE)
    assert ask(proxy, "first", "/lost") == ""
    assert ask(proxy, "second", "/lost").endswith("second")
    assert got == ["second"]


def test_an_answer_that_is_dropped_has_landed(proxy: Proxy, got: list[str]) -> None:
    rule = proxy.drop(lambda said: True, Moment.AFTER, times=2)
    assert [ask(proxy, word, "/chunks") for word in ("a", "b")] == ["", ""]
    assert ask(proxy, "c").endswith("c")
    assert got == ["a", "b", "c"]
    assert [said.body for said in rule.caught] == [b"a", b"b"]


def test_a_proxy_that_is_cleared_holds_nothing(proxy: Proxy, got: list[str]) -> None:
    caught = proxy.catch(lambda said: True, Moment.BEFORE)
    thread, answers = later(ask, proxy, "held")
    caught.wait(10)
    proxy.clear()
    thread.join()
    assert answers == [""]
    assert ask(proxy, "next").endswith("next")
    assert got == ["next"]


def test_bytes_are_held_before_and_after_the_server(echo: Proxy) -> None:
    before = echo.catch(lambda said: said.body == b"before", Moment.BEFORE)
    thread, answers = later(exchange, echo, "before")
    before.wait(10)
    before.let_go()
    thread.join()
    after = echo.catch(lambda said: said.body == b"after", Moment.AFTER)
    second, lost = later(exchange, echo, "after")
    after.wait(10)
    after.drop()
    second.join()
    assert (answers, lost) == (["BEFORE"], [""])


def test_bytes_are_known_with_what_came_before_them(echo: Proxy) -> None:
    caught = echo.catch(lambda said: said.earlier == b"one", Moment.BEFORE)
    with socket.create_connection(("127.0.0.1", echo.port), timeout=10) as client:
        client.sendall(b"one")
        assert client.recv(100) == b"ONE"
        client.sendall(b"two")
        assert caught.wait(10) == Said(b"two", earlier=b"one")
        caught.let_go()
        assert client.recv(100) == b"TWO"


def test_a_server_that_is_away_ends_the_connection() -> None:
    with socket.socket() as nobody:  # has the port, so that nobody else gets it, and never listens
        nobody.bind(("127.0.0.1", 0))
        with Proxy(nobody.getsockname()[1]) as proxy:
            assert exchange(proxy, "anybody") == ""


def test_the_api_server_knows_whose_proxy_it_is(control_plane: ControlPlane, tmp_path: Any) -> None:
    with api_proxy(control_plane, "ana", ["readers-by-proxy"]) as proxy:
        config = plain_kubeconfig(tmp_path / "kubeconfig", proxy.url)
        said = control_plane.kubectl("auth", "whoami", "-o", "json", kubeconfig=config)
    assert '"username": "ana"' in said
    assert '"readers-by-proxy"' in said


@pytest.mark.parametrize("moment", Moment)
def test_what_is_late_lands_once_its_client_has_hung_up(
    proxy: Proxy, got: list[str], moment: Moment
) -> None:
    rule = proxy.late(lambda said: said.body == b"late", moment)
    with one_who_waits(proxy, "late"):
        rule.wait(10)
        if moment is Moment.AFTER:
            wait_until(lambda: got == ["late"], 10, "the request at the server")
        assert ask(proxy, "other").endswith("other")
        assert rule.landed == []
    wait_until(lambda: rule.landed, 10, "what is late")
    assert sorted(got) == ["late", "other"]
    assert ask(proxy, "late").endswith("late")


def test_what_would_be_late_never_lands_after_the_proxy_is_cleared(
    proxy: Proxy, got: list[str]
) -> None:
    rule = proxy.late(lambda said: True, Moment.BEFORE)
    with one_who_waits(proxy, "late") as client:
        rule.wait(10)
        proxy.clear()
        with contextlib.suppress(ConnectionResetError):
            assert client.recv(1) == b""
    assert ask(proxy, "next").endswith("next")
    assert got == ["next"]
    assert rule.landed == []


def test_a_client_does_not_see_that_the_server_has_ended_an_idle_connection(
    proxy: Proxy, got: list[str]
) -> None:
    proxy.delay = 0.3
    with one_who_waits(proxy, "first", "/last") as client:
        assert until_said(client, b"first")
        assert Answers.ended.wait(10)
        client.sendall(posted("again"))
        assert until_said(client, b"again")
    assert got == ["first", "again"]
