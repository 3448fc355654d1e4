"""A real Kubernetes node: kubelet, containerd, kube-proxy and cluster DNS in an enclosure.

Services and names work in pods; a pod reaches this machine by `host`, and no other network. GPU
slots are numbers in the node's status, which the scheduler honours: there is no GPU behind them.
The kubelet and the runtime can be ended, crashed, frozen and brought back, the node be lost, found
again, rebooted, and its object be deleted.
"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

from bed.cluster_binary import cluster_binary, coredns_binary
from bed.containerd import SOCKET, Containerd
from bed.control_plane import ControlPlane, KubectlFailed
from bed.enclosure import HOST, NODE, PODS, Enclosure
from bed.images import Image, busybox_image
from bed.ports import accepts
from bed.processes import Part
from bed.server import Stoppable
from bed.waiting import wait_until

GPU = "nvidia.com/gpu"
_DOMAIN = "cluster.local"
_KUBELET_PORT = 10250
_READY_SECONDS = 90.0
_DNS_ROLE = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "ClusterRoleBinding",
    "metadata": {"name": "bed-dns"},
    "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
    "subjects": [{"kind": "User", "name": "bed-dns"}],
}


class Node(Stoppable):
    """One node of one control plane, which listens on `host`; made by `start`."""

    def __init__(self, plane: ControlPlane, enclosure: Enclosure, gpus: int) -> None:
        self.plane = plane
        self.enclosure = enclosure
        self.name = "bed-node"
        self.address = NODE
        self.host = HOST
        """The address by which pods reach this machine."""
        self.gpus = gpus
        self._busybox = busybox_image()
        self.containerd = Containerd(enclosure, self._busybox)
        self._parts: dict[str, Part] = {}
        self._kubelet_port = _KUBELET_PORT

    @staticmethod
    def ensure_installed() -> None:
        """All that a node needs is on this machine; else NodeUnavailable or `Missing` says why."""
        Enclosure.ensure_installed()
        Containerd.ensure_installed()
        cluster_binary()
        coredns_binary()
        busybox_image()

    @classmethod
    def start(cls, plane: ControlPlane, enclosure: Enclosure, *, gpus: int = 2) -> Node:
        """A Ready node with `gpus` slots; its end is that of its enclosure."""
        node = cls(plane, enclosure, gpus)
        node.containerd.start()
        node._start_all()
        return node

    @property
    def busybox(self) -> Image:
        """The image with a shell that every node has; it sleeps if told nothing."""
        return self._busybox

    def load(self, image: Image) -> None:
        """Pods may use the image from now on."""
        self.containerd.load(image)

    def await_ready(self) -> None:
        """Ready by the word of the kubelet that runs now, and with its GPU slots."""

        def told() -> bool:
            endpoints = self.stored().get("status", {}).get("daemonEndpoints", {})
            port = endpoints.get("kubeletEndpoint", {}).get("Port")
            return port == self._kubelet_port and self.ready() == "True"

        self._parts["kubelet"].until(told, _READY_SECONDS)
        self.set_gpus(self.gpus)

    def await_lost(self) -> None:
        """Nobody knows how it is: the control plane has waited for its word long enough."""
        wait_until(lambda: self.ready() == "Unknown", _READY_SECONDS, f"node {self.name} lost")

    def ready(self) -> str:
        """`True`, `False` or `Unknown` as the Node object says; empty if there is none."""
        for condition in self.stored().get("status", {}).get("conditions", []):
            if condition["type"] == "Ready":
                return str(condition["status"])
        return ""

    def stored(self) -> dict[str, Any]:
        """The Node object; empty if there is none."""
        status, body = self.plane.request(f"/api/v1/nodes/{self.name}")
        found: dict[str, Any] = json.loads(body) if status == 200 else {}
        return found

    def set_gpus(self, count: int) -> None:
        """So many slots, now and after each later start of the kubelet."""
        self.gpus = count
        slots = {GPU: str(count)}
        status = self.stored().get("status", {})
        if all(status.get(kind, {}).get(GPU) == str(count) for kind in ("capacity", "allocatable")):
            return
        patch = json.dumps({"status": {"capacity": slots, "allocatable": slots}})
        options = ("--subresource=status", "--type=merge", "--patch", patch)
        self.plane.kubectl("patch", "node", self.name, *options)

    def stop_kubelet(self) -> None:
        self._parts["kubelet"].stop()

    def kill_kubelet(self) -> None:
        self._parts["kubelet"].kill()

    def freeze_kubelet(self) -> None:
        """The node says nothing more, and its containers run on."""
        self._parts["kubelet"].freeze()

    def thaw_kubelet(self) -> None:
        self._parts["kubelet"].thaw()

    def start_kubelet(self) -> None:
        """Up again and Ready; a Node object that was deleted is made anew."""
        if not self._parts["kubelet"].is_running:
            self._start_kubelet()
        self.await_ready()

    def delete_object(self) -> None:
        """Delete the Node object; a kubelet that runs makes it anew only when started again."""
        with contextlib.suppress(KubectlFailed):
            self.plane.kubectl("delete", "node", self.name, "--wait=true")

    def reboot(self) -> None:
        """As after a loss of power: no container runs, another boot id, Ready."""
        self.enclosure.reboot()
        self.containerd.start()
        self._start_all()

    def mend(self) -> None:
        """Whatever a test did to it: up and Ready."""
        self.thaw_kubelet()
        self.containerd.start()
        self.start_kubelet()

    def stop(self) -> None:
        self.enclosure.stop()

    def _start_all(self) -> None:
        self._start_kubelet()
        self._start_proxy()
        self._start_dns()
        self.await_ready()

    def _part(self, name: str, program: Path, *arguments: str | Path) -> Part:
        command = self.enclosure.enter([program, *arguments])
        part = self.enclosure.processes.start(name, command)
        self._parts[name] = part
        return part

    def _start_kubelet(self) -> None:
        # Another port each time: what an earlier one said of the node is told from its own word.
        self._kubelet_port += 1
        kubeconfig = self.plane.kubeconfig_for(f"system:node:{self.name}", ["system:nodes"])
        options = {
            "config": self._write("kubelet.json", json.dumps(self._kubelet_config(), indent=1)),
            "kubeconfig": kubeconfig,
            "hostname-override": self.name,
            "node-ip": NODE,
            "root-dir": self._folder("kubelet"),
            "cert-dir": self._folder("kubelet-certificates"),
        }
        flags = [f"--{option}={value}" for option, value in options.items()]
        self._part("kubelet", cluster_binary(), "kubelet", *flags)

    def _kubelet_config(self) -> dict[str, object]:
        user = f"system:node:{self.name}"
        certificate, key = self.plane.certificate_for("kubelet-server", user, hosts=[NODE])
        return {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "address": NODE,
            "port": self._kubelet_port,
            "authentication": {"x509": {"clientCAFile": str(self.plane.ca)}},
            "tlsCertFile": str(certificate),
            "tlsPrivateKeyFile": str(key),
            "containerRuntimeEndpoint": f"unix://{SOCKET}",
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": f"/{self.enclosure.name}",
            "failCgroupV1": False,
            "enforceNodeAllocatable": [],
            "failSwapOn": False,
            "clusterDNS": [NODE],
            "clusterDomain": _DOMAIN,
            "resolvConf": str(self._write("resolv.conf", f"nameserver {NODE}\n")),
            "podLogsDir": str(self._folder("pod-logs")),
            "volumePluginDir": str(self._folder("volume-plugins")),
            "makeIPTablesUtilChains": False,
            "nodeLeaseDurationSeconds": self.plane.node_grace or 40,
            # The disk is the machine's: how full it is says nothing of the node.
            "evictionHard": {"memory.available": "100Mi", "nodefs.available": "0%"},
            "imageGCHighThresholdPercent": 100,
            # A minute, else: who fills a volume over its limit is found out sooner.
            "volumeStatsAggPeriod": "2s",
        }

    def _start_proxy(self) -> None:
        options = {
            "kubeconfig": self.plane.kubeconfig_for("system:kube-proxy"),
            "hostname-override": self.name,
            "proxy-mode": "nftables",
            "cluster-cidr": PODS,
            # These would change the whole machine.
            "conntrack-max-per-core": 0,
            "conntrack-tcp-timeout-established": "0s",
            "conntrack-tcp-timeout-close-wait": "0s",
        }
        flags = [f"--{option}={value}" for option, value in options.items()]
        self._part("proxy", cluster_binary(), "proxy", *flags)

    def _start_dns(self) -> None:
        self.plane.apply(_DNS_ROLE)
        config = self.plane.kubeconfig_for("bed-dns")
        corefile = f"""\
.:53 {{
  bind {NODE}
  errors
  kubernetes {_DOMAIN} {{
    kubeconfig {config}
  }}
}}
"""
        dns = self._part("coredns", coredns_binary(), "-conf", self._write("Corefile", corefile))
        dns.until(lambda: accepts(53, NODE), _READY_SECONDS)

    def _folder(self, name: str) -> Path:
        folder = self.enclosure.folder / name
        folder.mkdir(exist_ok=True)
        return folder

    def _write(self, name: str, content: str) -> Path:
        file = self.enclosure.folder / name
        file.write_text(content)
        return file
