"""The real client: paging, rights, a server that is stopped, frozen, or short of breath."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from aiohttp import web
from kubernetes.aio.client import ApiClient, Configuration
from tests.kube.objects import hold, machine

from bed.control_plane import ControlPlane
from bed.processes import sweep
from trainlease.effects.kube.client import KubeClient
from trainlease.model.errors import AnswerLost, Forbidden, NotFound, Unavailable

BOUND = 3.0
"""Seconds that a call may take in these cases."""
Reply = Callable[[web.Request], Awaitable[web.StreamResponse]]


@pytest.fixture(scope="module")
def bare(bed_folder: Path) -> Iterator[ControlPlane]:
    """A control plane of this module's own, without our kinds, to be stopped and frozen."""
    folder = bed_folder / "bare-control-plane"
    yield ControlPlane.start(folder, controller_manager=False, audit=False)
    sweep(folder)


@pytest.fixture
async def shaky(bare: ControlPlane) -> AsyncIterator[KubeClient]:
    """A client of the bare control plane, which is whole again for the next case."""
    async with await KubeClient.connect(bare.kubeconfig, timeout=BOUND) as client:
        yield client
    bare.thaw_apiserver()
    bare.start_apiserver()


@pytest.fixture
async def stub() -> AsyncIterator[Callable[[Reply], Awaitable[KubeClient]]]:
    """Starts a small HTTP server that answers as a case wants, and a client of it."""
    opened: list[Callable[[], Awaitable[None]]] = []

    async def start(reply: Reply) -> KubeClient:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", reply)
        runner = web.AppRunner(app)
        await runner.setup()
        opened.append(runner.cleanup)
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        client = KubeClient(ApiClient(Configuration(host=f"http://127.0.0.1:{port}")), timeout=3)
        opened.append(client.close)
        return client

    yield start
    for close in reversed(opened):
        await close()


async def test_a_long_list_comes_in_pages_and_whole(served: ControlPlane, name: str) -> None:
    async with await KubeClient.connect(served.kubeconfig, page=2) as client:
        await client.create("namespaces", {"metadata": {"name": name}})
        for number in range(5):
            await client.create("machineleases", hold(name, f"hold-{number}"))
        listed, _ = await client.list("machineleases", name)
        assert [body["metadata"]["name"] for body in listed] == [f"hold-{n}" for n in range(5)]
        assert {body["kind"] for body in listed} == {"MachineLease"}


async def test_a_user_without_rights_is_forbidden(served: ControlPlane) -> None:
    async with await KubeClient.connect(served.kubeconfig_for("stranger")) as client:
        with pytest.raises(Forbidden):
            await client.list("machines")
        with pytest.raises(Forbidden):
            await client.get("secrets", "default", "nobody")


async def test_a_kind_that_is_not_served_is_not_an_object_that_is_gone(
    shaky: KubeClient,
) -> None:
    with pytest.raises(Unavailable):
        await shaky.get("machines", "", "gpu-1")
    with pytest.raises(Unavailable):
        await shaky.create("machines", machine("gpu-1"))
    with pytest.raises(NotFound):
        await shaky.get("namespaces", "", "nobody")


async def test_a_stopped_server_is_unavailable_and_the_same_client_goes_on_later(
    bare: ControlPlane, shaky: KubeClient
) -> None:
    await shaky.list("namespaces")
    await asyncio.to_thread(bare.kill_apiserver)
    with pytest.raises(Unavailable):
        await shaky.list("namespaces")
    with pytest.raises(Unavailable):
        await shaky.create("namespaces", {"metadata": {"name": "late"}})
    await asyncio.to_thread(bare.start_apiserver)
    listed, _ = await shaky.list("namespaces")
    assert listed


async def test_a_frozen_server_leaves_a_write_in_doubt_but_not_a_read(
    bare: ControlPlane, shaky: KubeClient
) -> None:
    await shaky.list("namespaces")
    bare.freeze_apiserver()
    async with asyncio.timeout(30):
        with pytest.raises(AnswerLost):
            await shaky.create("namespaces", {"metadata": {"name": "in-doubt"}})
        with pytest.raises(Unavailable) as read:
            await shaky.get("namespaces", "", "default")
    assert not isinstance(read.value, AnswerLost)


async def test_429_is_waited_out_and_then_answered(
    stub: Callable[[Reply], Awaitable[KubeClient]],
) -> None:
    seen: list[str] = []

    async def reply(request: web.Request) -> web.Response:
        seen.append(request.query_string)
        if len(seen) == 1:
            return web.Response(status=429, headers={"Retry-After": "0"})
        return web.json_response({"metadata": {"name": "gpu-1"}})

    client = await stub(reply)
    made = await client.create("machines", machine("gpu-1"))
    assert made["metadata"]["name"] == "gpu-1"
    assert seen == ["fieldValidation=Strict"] * 2


async def test_429_without_end_is_unavailable(
    stub: Callable[[Reply], Awaitable[KubeClient]],
) -> None:
    async def reply(request: web.Request) -> web.Response:
        return web.Response(status=429, headers={"Retry-After": "0"})

    client = await stub(reply)
    with pytest.raises(Unavailable) as refused:
        await client.create("machines", machine("gpu-1"))
    assert not isinstance(refused.value, AnswerLost)


async def test_a_connection_that_breaks_after_the_write_leaves_it_in_doubt(
    stub: Callable[[Reply], Awaitable[KubeClient]],
) -> None:
    calls: list[str] = []

    async def reply(request: web.Request) -> web.Response:
        await request.read()
        calls.append(request.method)
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    client = await stub(reply)
    with pytest.raises(AnswerLost):
        await client.create("machines", machine("gpu-1"))
    assert calls == ["POST"]


async def test_a_list_that_took_too_long_is_begun_again(
    stub: Callable[[Reply], Awaitable[KubeClient]],
) -> None:
    async def reply(request: web.Request) -> web.Response:
        if "continue" in request.query:
            return web.json_response({"kind": "Status", "reason": "Expired"}, status=410)
        last = "limit" not in request.query
        meta = {"resourceVersion": "7", "continue": "" if last else "next"}
        names = ("a", "b") if last else ("a",)
        return web.json_response(
            {"metadata": meta, "items": [{"metadata": {"name": name}} for name in names]}
        )

    client = await stub(reply)
    listed, version = await client.list("machines")
    assert [body["metadata"]["name"] for body in listed] == ["a", "b"]
    assert version == "7"


async def test_an_answer_that_is_no_json_leaves_a_write_in_doubt(
    stub: Callable[[Reply], Awaitable[KubeClient]],
) -> None:
    async def reply(request: web.Request) -> web.Response:
        return web.Response(text="<html>")

    client = await stub(reply)
    with pytest.raises(AnswerLost):
        await client.create("machines", machine("gpu-1"))


async def test_no_more_calls_are_under_way_than_allowed(
    stub: Callable[[Reply], Awaitable[KubeClient]],
) -> None:
    under_way, most = 0, 0

    async def reply(request: web.Request) -> web.Response:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1
        return web.json_response({"metadata": {"name": "x"}})

    client = await stub(reply)
    await asyncio.gather(*(client.get("machines", "", f"gpu-{n}") for n in range(64)))
    assert 1 < most <= 16


@pytest.mark.parametrize(
    "content", ["{", json.dumps({"kind": "Config"})], ids=["no YAML", "no context"]
)
async def test_a_kubeconfig_that_says_nothing_is_told_in_a_sentence(
    tmp_path: Path, content: str
) -> None:
    file = tmp_path / "kubeconfig"
    file.write_text(content)
    with pytest.raises(Forbidden, match="KUBECONFIG"):
        await KubeClient.connect(file)
    with pytest.raises(Forbidden, match="there is no file"):
        await KubeClient.connect(tmp_path / "nothing")
