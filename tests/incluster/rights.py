"""Rights as the manifests grant them, and as the audit log shows that they were used."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import yaml
from tests.wiring.conftest import ROOT
from tests.wiring.process import ACCOUNT
from tests.wiring.site import PATIENCE, SYSTEM
from tests.wiring.test_rights import allowed

from bed import AuditEvent, ControlPlane, wait_until

ANY = "*"
NAME = "trainlease-operator"


class Right(NamedTuple):
    """One verb on one resource; ANY namespace where a ClusterRole grants it."""

    verb: str
    resource: str
    """As the audit log says it: pods/log, machines.trainlease.dev."""
    namespace: str = ANY
    name: str = ANY


def granted() -> set[Right]:
    """Each single right of the operator's account, by manifests/rbac.yaml."""
    return {right for role in _roles() for rule in role["rules"] for right in _of(rule, role)}


def used(events: Iterable[AuditEvent], rights: set[Right]) -> set[Right]:
    """What the account asked for, each as the right that covers it; what none covers, as asked."""
    return {
        _covering(event, rights)
        for event in events
        if event.user == ACCOUNT and "objectRef" in event.raw
    }


@contextmanager
def without(plane: ControlPlane, verb: str, resource: str) -> Iterator[None]:
    """The account has all its rights but this one, wherever it is granted."""
    kinds = ("clusterrole", "role")
    whole = {kind: plane.get(kind, NAME, "-n", SYSTEM) for kind in kinds}
    lacking = next(r for r in granted() if (r.verb, r.resource) == (verb, resource))
    for role in whole.values():
        rules = [rule for rule in _single(role) if not _is(rule, lacking)]
        _replace(plane, role | {"rules": rules})
    _until(plane, lacking, is_granted=False)
    try:
        yield
    finally:
        for role in whole.values():
            _replace(plane, role)
        _until(plane, lacking, is_granted=True)


def _roles() -> Iterator[dict[str, Any]]:
    for body in yaml.safe_load_all((ROOT / "manifests" / "rbac.yaml").read_text()):
        if body["kind"] in ("ClusterRole", "Role") and body["metadata"]["name"] == NAME:
            yield body


def _of(rule: dict[str, Any], role: dict[str, Any]) -> Iterator[Right]:
    namespace = role["metadata"].get("namespace", ANY)
    for single in _single({"rules": [rule]}):
        verb, resource = single["verbs"][0], _resource(single)
        for name in rule.get("resourceNames", [ANY]):
            yield Right(verb, resource, namespace, name)


def _single(role: dict[str, Any]) -> list[dict[str, Any]]:
    """The same rights, each as a rule of its own."""
    return [
        rule | {"apiGroups": [group], "resources": [resource], "verbs": [verb]}
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    ]


def _resource(single: dict[str, Any]) -> str:
    (group,), (resource,) = single["apiGroups"], single["resources"]
    main, slash, sub = resource.partition("/")
    return f"{main}{f'.{group}' if group else ''}{slash}{sub}"


def _is(single: dict[str, Any], right: Right) -> bool:
    return single["verbs"] == [right.verb] and _resource(single) == right.resource


def _covering(event: AuditEvent, rights: set[Right]) -> Right:
    asked = Right(event.verb, event.resource, event.namespace or ANY, event.name or ANY)
    wider = (
        asked,
        asked._replace(name=ANY),
        asked._replace(namespace=ANY),
        asked._replace(namespace=ANY, name=ANY),
    )
    return next((right for right in wider if right in rights), asked)


def _replace(plane: ControlPlane, role: dict[str, Any]) -> None:
    meta = {key: role["metadata"][key] for key in ("name", "namespace") if key in role["metadata"]}
    body = role | {"metadata": meta}
    plane.kubectl("replace", "-f", "-", input=json.dumps(body))


def _until(plane: ControlPlane, right: Right, *, is_granted: bool) -> None:
    """The API server judges by the roles as they stand now."""
    resource, _, sub = right.resource.partition("/")
    plural, _, group = resource.partition(".")
    name = "" if right.name == ANY else right.name
    asked = (right.verb, group, f"{plural}/{sub}" if sub else plural, SYSTEM, name)
    what = f"{right.verb} {right.resource} {'granted' if is_granted else 'taken away'}"
    wait_until(lambda: allowed(plane, [asked])[asked] is is_granted, PATIENCE, what)
