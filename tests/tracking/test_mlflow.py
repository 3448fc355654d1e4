"""A real server that is away, frozen or not MLflow: a typed error in bounded time, no secret."""

import asyncio
import http.server
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient
from tests.tracking.world import new_run

from bed import MLflow
from bed.ports import free_port
from trainlease.effects.tracking.mlflow import MlflowTracker
from trainlease.model.errors import AnswerLost, BadSpec, Forbidden, NeedsPerson, Unavailable
from trainlease.model.observed import NewRun


class Answers(http.server.BaseHTTPRequestHandler):
    """Answers every request with one status and text."""

    status = 404
    text = "nothing here"

    def do_GET(self) -> None:
        body = self.text.encode()
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture
def another_server() -> Iterator[http.server.ThreadingHTTPServer]:
    """Something at the address that is no MLflow server, or that says no."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Own", (Answers,), {}))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


async def run_id_of(server: MLflow, run: NewRun) -> str:
    """Asked by a process of its own, with the usual patience."""
    tracker = MlflowTracker(server.url)
    try:
        return (await tracker.ensure_run(run)).run_id
    finally:
        await tracker.close()


async def asked(uri: str) -> None:
    tracker = MlflowTracker(uri, timeout=1)
    try:
        await tracker.ensure_run(new_run())
    finally:
        await tracker.close()


async def test_a_server_that_is_down_is_unavailable_at_once() -> None:
    with pytest.raises(Unavailable, match="cannot be reached") as caught:
        await asked(f"http://someone:s3cret@127.0.0.1:{free_port()}")

    assert not isinstance(caught.value, AnswerLost)
    assert "s3cret" not in str(caught.value)


async def test_a_frozen_server_is_unavailable_when_the_timeout_is_over(
    mlflow_server: MLflow,
) -> None:
    run = new_run()
    run_id = await run_id_of(mlflow_server, run)
    impatient = MlflowTracker(mlflow_server.url, timeout=1)
    mlflow_server.freeze()
    async with asyncio.timeout(120):
        with pytest.raises(Unavailable, match="did not answer in time"):
            await impatient.ensure_run(run)
        ended = await asyncio.gather(
            *(impatient.run(run_id) for _ in range(12)), return_exceptions=True
        )
    mlflow_server.thaw()

    assert {type(end) for end in ended} == {Unavailable}
    assert await run_id_of(mlflow_server, run) == run_id
    await impatient.close()


async def test_a_write_to_a_frozen_server_may_have_landed(mlflow_server: MLflow) -> None:
    run_id = await run_id_of(mlflow_server, new_run())
    impatient = MlflowTracker(mlflow_server.url, timeout=1)
    mlflow_server.freeze()
    with pytest.raises(AnswerLost):
        await impatient.api.log(run_id, tags={"landed": "perhaps"})
    mlflow_server.thaw()
    await impatient.close()


async def test_it_is_the_same_run_after_the_server_crashed(mlflow_server: MLflow) -> None:
    run = new_run()
    run_id = await run_id_of(mlflow_server, run)
    mlflow_server.kill()
    with pytest.raises(Unavailable):
        await run_id_of(mlflow_server, run)
    mlflow_server.restart()

    assert await run_id_of(mlflow_server, run) == run_id


@pytest.mark.parametrize(
    ("status", "text", "want", "says"),
    [
        (404, "nothing here", BadSpec, "no MLflow server"),
        (403, "Invalid Host header", Forbidden, "--allowed-hosts"),
        (401, "who are you", Forbidden, "MLFLOW_TRACKING_USERNAME"),
        (503, "later", Unavailable, "error of its own"),
        (429, "slowly", Unavailable, "error of its own"),
    ],
)
async def test_an_answer_that_is_no_success_says_what_to_do(
    another_server: http.server.ThreadingHTTPServer,
    status: int,
    text: str,
    want: type[Exception],
    says: str,
) -> None:
    handler = another_server.RequestHandlerClass
    handler.status, handler.text = status, text  # type: ignore[attr-defined]

    with pytest.raises(want, match=says):
        await asked(f"http://127.0.0.1:{another_server.server_port}")


async def test_a_run_with_too_many_folders_is_not_searched_for_a_model_without_end(
    mlflow_server: MLflow, tmp_path: Path
) -> None:
    tracker = MlflowTracker(mlflow_server.url)
    run_id = (await tracker.ensure_run(new_run())).run_id
    for number in range(60):
        (tmp_path / f"epoch-{number}").mkdir()
        (tmp_path / f"epoch-{number}" / "image.txt").write_text("x")
    client = MlflowClient(mlflow_server.url)
    await asyncio.to_thread(client.log_artifacts, run_id, str(tmp_path))

    with pytest.raises(BadSpec, match=r"more than 50 folders.*log_model"):
        await tracker.ensure_version("saturno.many", run_id, {})
    await tracker.close()


def test_mlflow_is_not_imported_before_it_is_needed() -> None:
    code = """
import sys
from trainlease.effects.tracking.mlflow import MlflowTracker
MlflowTracker("http://127.0.0.1:1")
sys.exit("mlflow" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("uri", ["file:///tmp/runs", "databricks", "sqlite:///runs.db", ""])
def test_only_a_server_will_do(uri: str) -> None:
    with pytest.raises(NeedsPerson, match="http or https"):
        MlflowTracker(uri)
