"""The API server through the official client's asyncio side: the port, for real.

Objects stay plain dicts (typed models drop unknown fields); only `metadata.managedFields`, which
nobody here reads and which doubles an object, is left out. Every call ends within its time, its
wait for a place and for a 429's Retry-After included. Nothing is repeated but what the server said
it had not begun (429): whoever gets Unavailable or AnswerLost decides what to do.

It calls `ApiClient.call_api`, which costs about 40 % of what the dynamic client does and needs no
discovery; docs of both: the official client's README. Not in here: watches (kopf's), caches.
"""

import asyncio
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlencode

import aiohttp
from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.config import ConfigException, load_incluster_config, load_kube_config
from yaml import YAMLError

from trainlease.effects.kube.answers import Answer, failure, lost, refused_for_now
from trainlease.effects.kube.base import Body
from trainlease.effects.kube.kinds import Kind, kind_of
from trainlease.model.errors import Conflict, Forbidden, NotFound, Unavailable

_MERGE = "application/merge-patch+json"
_JSON = "application/json"
_STRICT = {"fieldValidation": "Strict"}
_GONE = 410


class KubeClient:
    """One connection pool to one API server; made by `connect`, ended by `close`."""

    def __init__(
        self,
        api: ApiClient,
        *,
        timeout: float = 10,
        connect_timeout: float = 5,
        in_flight: int = 16,
        page: int = 500,
        patience: int = 2,
    ) -> None:
        self._api = api
        self._timeout = timeout
        self._socket = aiohttp.ClientTimeout(total=timeout, sock_connect=connect_timeout)
        self._places = asyncio.Semaphore(in_flight)
        self._page = page
        self._patience = patience

    @classmethod
    async def connect(cls, kubeconfig: Path | None = None, **limits: Any) -> "KubeClient":
        """From this kubeconfig, else $KUBECONFIG, the pod's ServiceAccount, or ~/.kube/config.

        No call is made yet. Forbidden where there is nothing to connect with.
        """
        return cls(ApiClient(await _configuration(kubeconfig)), **limits)

    async def close(self) -> None:
        await self._api.close()

    async def __aenter__(self) -> "KubeClient":
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def get(self, plural: str, namespace: str, name: str) -> Body:
        kind = kind_of(plural)
        return _lean(await self._call("GET", kind, kind.object(namespace, name), name))

    async def list(
        self,
        plural: str,
        namespace: str = "",
        *,
        labels: Mapping[str, str] = {},
        fields: Sequence[str] = (),
    ) -> tuple[list[Body], str]:
        """In pages of one consistent list; one that took too long is begun again, in one piece."""
        kind = kind_of(plural)
        if namespace:
            kind.check_namespace(namespace)
        which = _selectors(labels, fields)
        query = {"limit": str(self._page), **which}
        items: list[Body] = []
        while True:
            answer = await self._send("GET", kind, kind.collection(namespace), query)
            if answer.status == _GONE and items:
                items, query = [], dict(which)
                continue
            page = _good(answer, kind, "", is_write=False)
            items += [_as_item(kind, item) for item in page.get("items") or []]
            if not page["metadata"].get("continue"):
                return items, page["metadata"]["resourceVersion"]
            query["continue"] = page["metadata"]["continue"]

    async def create(self, plural: str, body: Body) -> Body:
        kind = kind_of(plural)
        meta = body.get("metadata", {})
        namespace, name = meta.get("namespace", ""), meta.get("name", "")
        kind.check_namespace(namespace)
        whole = {"apiVersion": kind.api_version, "kind": kind.kind, **body}
        path = kind.collection(namespace)
        return _lean(await self._call("POST", kind, path, name, whole, {"Content-Type": _JSON}))

    async def patch(self, plural: str, namespace: str, name: str, patch: Mapping[str, Any]) -> Body:
        kind = kind_of(plural)
        path = kind.object(namespace, name)
        return _lean(await self._call("PATCH", kind, path, name, patch, {"Content-Type": _MERGE}))

    async def patch_status(
        self, plural: str, namespace: str, name: str, status: Mapping[str, Any], version: str
    ) -> Body:
        kind = kind_of(plural)
        path = f"{kind.object(namespace, name)}/status"
        patch = {"metadata": {"resourceVersion": version}, "status": status}
        return _lean(await self._call("PATCH", kind, path, name, patch, {"Content-Type": _MERGE}))

    async def delete(self, plural: str, namespace: str, name: str, uid: str) -> None:
        kind = kind_of(plural)
        options = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": uid}}
        path = kind.object(namespace, name)
        try:
            await self._call("DELETE", kind, path, name, options, {"Content-Type": _JSON})
        except Conflict:
            if (await self.get(plural, namespace, name))["metadata"]["uid"] != uid:
                raise NotFound(f'{plural} "{name}" is another object now') from None
            raise

    async def pod_log(self, namespace: str, name: str, lines: int = 50) -> str:
        """The last lines of what its one container printed, as its node's kubelet has them."""
        kind = kind_of("pods")
        path = f"{kind.object(namespace, name)}/log"
        answer = await self._send("GET", kind, path, {"tailLines": str(lines)})
        if not answer.is_good:
            raise failure(answer, kind, name, is_write=False)
        return answer.data.decode(errors="replace")

    async def _call(
        self,
        method: str,
        kind: Kind,
        path: str,
        name: str,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Body:
        """One call on one object, a refusal turned into an error."""
        query = _STRICT if method in ("POST", "PATCH") else {}
        answer = await self._send(method, kind, path, query, body, headers)
        return _good(answer, kind, name, is_write=method != "GET")

    async def _send(
        self,
        method: str,
        kind: Kind,
        path: str,
        query: Mapping[str, str],
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """The answer, whatever it says, within the time of a call."""
        what = f"{method} {kind.plural}"
        is_write = method != "GET"
        url = f"{path}?{urlencode(query)}" if query else path
        sent = False
        try:
            async with asyncio.timeout(self._timeout), self._places:
                for _ in range(self._patience):
                    sent = True
                    answer = await self._exchange(method, url, body, headers)
                    wait = refused_for_now(answer)
                    if wait is None:
                        return answer
                    sent = False
                    await asyncio.sleep(wait)
                sent = True
                return await self._exchange(method, url, body, headers)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise Unavailable(f"{what}: no connection ({type(error).__name__})") from None
        except TimeoutError:
            raise lost(f"{what}: no answer in {self._timeout:g} s", sent and is_write) from None
        except (aiohttp.ClientError, OSError) as error:
            raise lost(f"{what}: {type(error).__name__}", sent and is_write) from None

    async def _exchange(
        self,
        method: str,
        url: str,
        body: Mapping[str, Any] | None,
        headers: Mapping[str, str] | None,
    ) -> Answer:
        """Once there and back."""
        _, whole, sent_headers, _, _ = await self._api.param_serialize(
            method,
            url,
            header_params={"Accept": _JSON, **(headers or {})},
            auth_settings=["BearerToken"],
        )
        response = await self._api.call_api(
            method, whole, sent_headers, body, _request_timeout=self._socket
        )
        data: bytes = await response.read()
        return Answer(response.status, dict(response.headers), data)


async def _configuration(kubeconfig: Path | None) -> Configuration:
    configuration = Configuration()
    chosen = str(kubeconfig) if kubeconfig else os.environ.get("KUBECONFIG")
    if not chosen and _in_cluster(configuration):
        return configuration
    files = chosen or str(Path.home() / ".kube" / "config")
    if not any(Path(file).expanduser().is_file() for file in files.split(os.pathsep)):
        raise Forbidden(f"no way to the API server: there is no file {files}; set KUBECONFIG")
    try:
        await load_kube_config(
            config_file=files,
            client_configuration=configuration,
            persist_config=False,
        )
    except (ConfigException, YAMLError, OSError) as error:
        why = str(error) if isinstance(error, (ConfigException, OSError)) else "no valid YAML"
        raise Forbidden(f"no way to the API server: {why}; set KUBECONFIG") from None
    return configuration


def _selectors(labels: Mapping[str, str], fields: Sequence[str]) -> dict[str, str]:
    """Query parameters; those that select nothing are left out."""
    named = {
        "labelSelector": ",".join(f"{name}={value}" for name, value in labels.items()),
        "fieldSelector": ",".join(fields),
    }
    return {name: value for name, value in named.items() if value}


def _in_cluster(configuration: Configuration) -> bool:
    try:
        load_incluster_config(client_configuration=configuration)
    except ConfigException:
        return False
    return True


def _good(answer: Answer, kind: Kind, name: str, *, is_write: bool) -> Body:
    """The body of an answer that says yes; any other is raised as what comes next."""
    if not answer.is_good:
        raise failure(answer, kind, name, is_write)
    try:
        body: Body = json.loads(answer.data)
    except ValueError:
        raise lost(f"{kind.plural}: the answer is no JSON", is_write) from None
    return body


def _lean(body: Body) -> Body:
    body.get("metadata", {}).pop("managedFields", None)
    return body


def _as_item(kind: Kind, item: Body) -> Body:
    """An item of a list as it would be read alone: core kinds leave out what they are."""
    return _lean({"apiVersion": kind.api_version, "kind": kind.kind, **item})
