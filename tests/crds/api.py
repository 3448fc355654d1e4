"""The API server over one kept-alive connection: a few milliseconds a question, not a kubectl."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import requests
import yaml

from trainlease.model.base import API_VERSION, KubeObject

Json = dict[str, Any]
NAMESPACE = "crds"
OURS = "suite=crds"
"""The label of what these tests make: the API server is shared with others."""


class Api:
    """Asks as the user of a kubeconfig, strictly: an unknown field is an error, as in kubectl."""

    def __init__(self, kubeconfig: Path, scratch: Path) -> None:
        config = yaml.safe_load(kubeconfig.read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        self._server: str = cluster["server"]
        self._session = requests.Session()
        self._session.trust_env = False  # proxies and authorities of the machine are not ours
        self._session.verify = _file(cluster, "certificate-authority", scratch)
        self._session.cert = (
            _file(user, "client-certificate", scratch),
            _file(user, "client-key", scratch),
        )

    def create(self, kind: type[KubeObject], name: str, spec: Any, *, dry: bool) -> Answer:
        return self._ask("POST", _path(kind), body(kind, name, spec), dry)

    def replace(self, kind: type[KubeObject], stored: Json, spec: Any) -> Answer:
        """Whether the stored object could have this spec; nothing is changed."""
        path = f"{_path(kind)}/{stored['metadata']['name']}"
        return self._ask("PUT", path, stored | {"spec": spec}, dry=True)

    def set_status(
        self, kind: type[KubeObject], stored: Json, status: Any, *, dry: bool = True
    ) -> Answer:
        path = f"{_path(kind)}/{stored['metadata']['name']}/status"
        patch = {"metadata": {"name": stored["metadata"]["name"]}, "status": status}
        return self._ask("PATCH", path, patch, dry)

    def find(self, kind: type[KubeObject], selector: str) -> list[str]:
        """Names of the objects that a field selector selects."""
        answer = self._session.get(
            self._server + _path(kind),
            params={"fieldSelector": selector, "labelSelector": OURS},
            timeout=30,
        )
        answer.raise_for_status()
        return [item["metadata"]["name"] for item in answer.json()["items"]]

    def delete_all(self, kind: type[KubeObject]) -> None:
        """All objects of the kind that these tests made."""
        self._session.delete(
            self._server + _path(kind), params={"labelSelector": OURS}, timeout=30
        ).raise_for_status()

    def _ask(self, verb: str, path: str, sent: Json, dry: bool) -> Answer:
        params = {"fieldValidation": "Strict"} | ({"dryRun": "All"} if dry else {})
        media = "application/merge-patch+json" if verb == "PATCH" else "application/json"
        answer = self._session.request(
            verb,
            self._server + path,
            params=params,
            json=sent,
            headers={"Content-Type": media},
            timeout=30,
        )
        return Answer(answer.status_code, answer.json())


class Answer:
    """What the API server said to a write."""

    def __init__(self, code: int, body: Json) -> None:
        if code not in (200, 201, 400, 422):
            raise AssertionError(f"an answer that is no verdict: {code} {body}")
        self.body = body
        self.accepted = code in (200, 201)

    @property
    def message(self) -> str:
        """The sentence of a refusal."""
        return "" if self.accepted else str(self.body["message"])


def body(kind: type[KubeObject], name: str, spec: Any) -> Json:
    """An object of this kind, as these tests make it."""
    label, value = OURS.split("=")
    metadata: Json = {"name": name, "labels": {label: value}}
    if kind.namespaced:
        metadata["namespace"] = NAMESPACE
    return {
        "apiVersion": API_VERSION,
        "kind": kind.kind_name,
        "metadata": metadata,
        "spec": spec,
    }


def _path(kind: type[KubeObject]) -> str:
    inside = f"/namespaces/{NAMESPACE}" if kind.namespaced else ""
    return f"/apis/{API_VERSION}{inside}/{kind.plural}"


def _file(entry: Json, key: str, scratch: Path) -> str:
    if key in entry:
        return str(entry[key])
    path = scratch / key
    path.write_bytes(base64.b64decode(entry[f"{key}-data"]))
    return str(path)
