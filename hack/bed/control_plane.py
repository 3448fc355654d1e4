"""A real Kubernetes control plane on this machine: etcd, API server, controllers, scheduler.

Several may run at once, each with its own folder, ports, authority and audit log. RBAC is on:
what an account may do here it may do anywhere. Without a node (see `Cluster`) pods stay Pending.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import re
import shlex
import shutil
import ssl
import subprocess
import urllib.parse
import uuid
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bed.audit import POLICY, AuditLog
from bed.certificates import Authority, write_kubeconfig
from bed.cluster_binary import cluster_binary
from bed.errors import BedError
from bed.ports import accepts, start_on_free_port
from bed.processes import Part, Processes
from bed.server import Stoppable
from bed.waiting import wait_until

_READY_SECONDS = 120.0
_STOP_SECONDS = 2.0  # watches end at once; it would wait a minute for idle connections
_SERVICES = "10.96.0.0/16"
_HOSTS = ("127.0.0.1", "10.96.0.1", "localhost", "kubernetes.default.svc")
_UNTHROTTLED = {"kube-api-qps": "1000", "kube-api-burst": "2000"}
"""What keeps one controller from crowding out others on a large cluster would only slow this one,
and whoever is measured beside it would look quick."""
_NO_ROTATION = "100000"  # megabytes: a rotated audit log would lose the count


class KubectlFailed(BedError):
    """kubectl ended with an error; the message is what it said."""


@dataclass(frozen=True)
class _Secrets:
    """What the parts show to each other."""

    authority: Authority
    server: tuple[Path, Path]
    admin: tuple[Path, Path]
    accounts: tuple[Path, Path]
    kubelets: tuple[Path, Path]
    """With which the API server asks kubelets for logs."""


class ControlPlane(Stoppable):
    """One control plane; made by `start`, ended by `stop` or by the end of a `with` block."""

    def __init__(
        self, folder: Path, address: str, *, audit: bool = True, node_grace: int | None = None
    ) -> None:
        self.folder = folder.resolve()
        self.address = address
        self.binary = cluster_binary()
        self.audit_log = self.folder / "audit.log"
        self.kubeconfig = self.folder / "kubeconfig"
        self.bin = self.folder / "bin"  # holds kubectl, for people's PATH
        self.node_grace = node_grace
        self._audited = audit
        self._processes = Processes(self.folder)
        self._secrets = _make_secrets(self.folder / "pki", address)
        self._parts: dict[str, Part] = {}
        self._idle: deque[http.client.HTTPSConnection] = deque()
        self.port = self._etcd_port = 0

    @classmethod
    def start(
        cls,
        folder: Path,
        *,
        controller_manager: bool = True,
        scheduler: bool = False,
        audit: bool = True,
        address: str = "127.0.0.1",
        node_grace: int | None = None,
    ) -> ControlPlane:
        """A control plane that is ready; what it keeps is in `folder`.

        A node that was silent for `node_grace` seconds is lost, and its pods go after as many
        more (left out: Kubernetes' own 50 and 300).
        Pods can be created once the controllers have made the namespace's ServiceAccount: with
        `controller_manager` that of `default` is awaited too.
        """
        plane = cls(folder, address, audit=audit, node_grace=node_grace)
        try:
            _, plane._etcd_port = start_on_free_port(plane._start_etcd)
            start_on_free_port(plane._start_apiserver, address)
            write_kubeconfig(plane.kubeconfig, plane.server, plane.ca, plane._secrets.admin)
            plane._write_kubectl()
            if controller_manager:
                plane._start_controllers()
            if scheduler:
                plane._start_scheduler()
        except BaseException:
            plane.stop()
            raise
        return plane

    @property
    def server(self) -> str:
        return f"https://{self.address}:{self.port}"

    @property
    def ca(self) -> Path:
        """The certificate of the authority that all parts of this cluster trust."""
        return self._secrets.authority.certificate

    def kubeconfig_for(self, user: str, groups: Sequence[str] = ()) -> Path:
        """A kubeconfig for another user, so that RBAC and the audit log tell them apart."""
        identity = hashlib.sha256(repr((user, sorted(groups))).encode()).hexdigest()[:8]
        name = f"{re.sub(r'[^A-Za-z0-9.-]+', '-', user)}-{identity}"
        client = self._secrets.authority.sign(name, user, groups)
        return write_kubeconfig(self.folder / f"kubeconfig-{name}", self.server, self.ca, client)

    def certificate_for(self, name: str, user: str, hosts: Sequence[str]) -> tuple[Path, Path]:
        """Certificate and key of a server of this cluster, at these addresses."""
        return self._secrets.authority.sign(name, user, hosts=hosts)

    def tls_of(self, user: str, groups: Sequence[str] = ()) -> ssl.SSLContext:
        """How this user speaks to the API server, with a certificate of its own."""
        client = self._secrets.authority.sign(f"tls-{uuid.uuid4().hex[:8]}", user, groups)
        return self._context(client)

    def kubectl(
        self, *arguments: str | Path, input: str | None = None, kubeconfig: Path | None = None
    ) -> str:
        """What kubectl prints, as the admin or as the user of `kubeconfig`."""
        config = kubeconfig or self.kubeconfig
        home = {"HOME": str(self.folder), "KUBECONFIG": str(config)}  # its discovery cache is ours
        done = subprocess.run(
            [self.binary, "kubectl", *arguments],
            input=input or "",
            env=home,
            capture_output=True,
            text=True,
        )
        if done.returncode != 0:
            said = done.stderr.strip()
            raise KubectlFailed(f"kubectl {' '.join(map(str, arguments))}: {said}")
        return done.stdout

    def apply(self, *objects: Mapping[str, Any]) -> None:
        """Create or change objects, as the admin."""
        items = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        self.kubectl("apply", "-f", "-", input=json.dumps(items))

    def get(self, *arguments: str) -> dict[str, Any]:
        """`kubectl get ... -o json`, parsed."""
        found: dict[str, Any] = json.loads(self.kubectl("get", *arguments, "-o", "json"))
        return found

    def request(self, path: str, timeout: float = 5.0) -> tuple[int, bytes]:
        """GET a path as the admin: status and body. OSError where nobody answers."""
        try:
            idle = self._idle.pop()
        except IndexError:
            pass
        else:  # the server may have ended it meanwhile
            with contextlib.suppress(ConnectionError, ssl.SSLError, http.client.HTTPException):
                return self._ask(idle, path, timeout)
        context = self._context(self._secrets.admin)
        new = http.client.HTTPSConnection(self.address, self.port, context=context)
        return self._ask(new, path, timeout)

    def audit(self) -> AuditLog:
        """The audit log, after every request answered before this call is in it."""
        mark = f"bed-{uuid.uuid4()}"
        log = AuditLog(self.audit_log)
        log.skip_to_end()
        self.request(f"/version?{urllib.parse.urlencode({'mark': mark})}")

        def arrived() -> bool:
            return any(mark in event.resource for event in log.new_events())

        wait_until(arrived, 10, "the audit log's newest line", every=0.01)
        return AuditLog(self.audit_log)

    def stop_apiserver(self) -> None:
        """An orderly stop; etcd and the controllers stay."""
        self._parts["apiserver"].stop(_STOP_SECONDS)

    def kill_apiserver(self) -> None:
        """As a crash: no connection is closed by the server itself."""
        self._parts["apiserver"].kill()

    def start_apiserver(self) -> None:
        """Again, on the same port, with the same data and certificates."""
        if not self._parts["apiserver"].is_running:
            self._start_apiserver(self.port)

    def freeze_apiserver(self) -> None:
        """It accepts connections and answers nothing."""
        self._parts["apiserver"].freeze()

    def thaw_apiserver(self) -> None:
        self._parts["apiserver"].thaw()

    def save(self, folder: Path) -> None:
        """Copy what is stored to `folder`; API server and etcd stand still meanwhile."""
        self._parts["apiserver"].stop(_STOP_SECONDS)
        self._parts["etcd"].stop()
        shutil.copytree(self._stored, folder)
        self._start_again()

    def restore(self, folder: Path) -> None:
        """All objects as `save` found them, as after the loss of the disk: a crash, then this."""
        self._parts["apiserver"].kill()
        self._parts["etcd"].kill()
        shutil.rmtree(self._stored)
        shutil.copytree(folder, self._stored)
        self._start_again()

    def stop(self) -> None:
        """End all parts; the data stays in the folder."""
        while self._idle:
            self._idle.pop().close()
        for part in reversed(self._parts.values()):
            part.stop(_STOP_SECONDS)

    @property
    def _stored(self) -> Path:
        return self.folder / "etcd"

    def _ask(
        self, connection: http.client.HTTPSConnection, path: str, timeout: float
    ) -> tuple[int, bytes]:
        """One GET; the connection is kept for the next one."""
        connection.timeout = timeout
        if connection.sock is not None:
            connection.sock.settimeout(timeout)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            said = answer.status, answer.read()
        except BaseException:
            connection.close()
            raise
        self._idle.append(connection)
        return said

    def _context(self, client: tuple[Path, Path]) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.ca))
        context.load_cert_chain(*client)
        return context

    def _start_again(self) -> None:
        self._start_etcd(self._etcd_port)
        self._start_apiserver(self.port)

    def _write_kubectl(self) -> None:
        self.bin.mkdir(exist_ok=True)
        script = self.bin / "kubectl"
        script.write_text(f'#!/bin/sh\nexec {shlex.quote(str(self.binary))} kubectl "$@"\n')
        script.chmod(0o755)

    def _part(self, name: str, options: Mapping[str, object]) -> Part:
        flags = [f"--{option}={value}" for option, value in options.items()]
        part = self._processes.start(name, [self.binary, name, *flags])
        self._parts[name] = part
        return part

    def _start_etcd(self, port: int) -> Part:
        url = f"http://127.0.0.1:{port}"
        options = {
            "data-dir": self._stored,
            "listen-client-urls": url,
            "advertise-client-urls": url,
            "listen-peer-urls": "http://127.0.0.1:0",
            "unsafe-no-fsync": "true",
            "log-level": "warn",
        }
        etcd = self._part("etcd", options)
        return _until(etcd, lambda: accepts(port))

    def _start_apiserver(self, port: int) -> Part:
        options = self._apiserver_options(port)
        if self.node_grace is not None:
            options |= {
                "default-not-ready-toleration-seconds": self.node_grace,
                "default-unreachable-toleration-seconds": self.node_grace,
            }
        if self._audited:
            policy = self.folder / "audit-policy.json"
            policy.write_text(json.dumps(POLICY))
            options |= {
                "audit-policy-file": policy,
                "audit-log-path": self.audit_log,
                "audit-log-mode": "blocking",
                "audit-log-maxsize": _NO_ROTATION,
            }
        self.port = port
        return _until(self._part("apiserver", options), self._is_ready)

    def _apiserver_options(self, port: int) -> dict[str, object]:
        public, private = self._secrets.accounts
        certificate, key = self._secrets.server
        # A loopback address is no endpoint that a Service may have; without a node none is needed.
        endpoints = "none" if self.address.startswith("127.") else "lease"
        return {
            "etcd-servers": f"http://127.0.0.1:{self._etcd_port}",
            "bind-address": self.address,
            "advertise-address": self.address,
            "secure-port": port,
            "endpoint-reconciler-type": endpoints,
            "tls-cert-file": certificate,
            "tls-private-key-file": key,
            "client-ca-file": self.ca,
            "kubelet-client-certificate": self._secrets.kubelets[0],
            "kubelet-client-key": self._secrets.kubelets[1],
            "kubelet-certificate-authority": self.ca,
            "kubelet-preferred-address-types": "InternalIP",
            "service-account-issuer": "https://kubernetes.default.svc",
            "service-account-key-file": public,
            "service-account-signing-key-file": private,
            "authorization-mode": "Node,RBAC",
            "enable-admission-plugins": "NodeRestriction",
            "allow-privileged": "true",
            "service-cluster-ip-range": _SERVICES,
            "profiling": "false",
        }

    def _start_controllers(self) -> None:
        options = {
            "kubeconfig": self.kubeconfig_for("system:kube-controller-manager"),
            "service-account-private-key-file": self._secrets.accounts[1],
            "root-ca-file": self.ca,
            "use-service-account-credentials": "true",
            "leader-elect": "false",
            "secure-port": "0",
            **_UNTHROTTLED,
        }
        if self.node_grace is not None:
            options |= {
                "node-monitor-period": "1s",
                "node-monitor-grace-period": f"{self.node_grace}s",
            }
        part = self._part("controller-manager", options)
        _until(part, lambda: self._exists("/api/v1/namespaces/default/serviceaccounts/default"))

    def _start_scheduler(self) -> None:
        options = {
            "kubeconfig": self.kubeconfig_for("system:kube-scheduler"),
            "leader-elect": "false",
            "secure-port": "0",
            **_UNTHROTTLED,
        }
        self._part("scheduler", options)

    def _is_ready(self) -> bool:
        return self._exists("/readyz")

    def _exists(self, path: str) -> bool:
        try:
            return self.request(path)[0] == http.client.OK
        except (OSError, http.client.HTTPException):
            return False


def _until(part: Part, ready: Callable[[], bool]) -> Part:
    """The part once it is ready; one that is not is ended, so that nothing stays behind."""
    try:
        part.until(ready, _READY_SECONDS)
    except BaseException:
        part.kill()
        raise
    return part


def _make_secrets(folder: Path, address: str) -> _Secrets:
    authority = Authority(folder)
    hosts = dict.fromkeys((*_HOSTS, address))
    return _Secrets(
        authority=authority,
        server=authority.sign("apiserver", "kube-apiserver", hosts=list(hosts)),
        admin=authority.sign("admin", "admin", ["system:masters"]),
        accounts=authority.key_pair("service-accounts"),
        kubelets=authority.sign("kubelet-client", "bed-kubelet-client", ["system:masters"]),
    )
