"""The Kubernetes parts, the cluster's DNS and fake nodes, as the programs that the bed starts."""

from __future__ import annotations

import re
from pathlib import Path

from bed.errors import Missing
from bed.go_program import SOURCES, GoProgram

_STAMP = "k8s.io/component-base/version"


def cluster_binary() -> Path:
    """The program whose first argument names the part; built now if it never was."""
    version = kubernetes_version()
    major, minor, _ = version.removeprefix("v").split(".")
    stamps = {"gitVersion": version, "gitMajor": major, "gitMinor": minor}
    return GoProgram(
        name="cluster",
        source=SOURCES,
        title=f"Kubernetes {version} (once; about 8 minutes on 2 cores)",
        stamps=tuple((f"{_STAMP}.{name}", value) for name, value in stamps.items()),
    ).ensure_built()


def coredns_binary() -> Path:
    """The cluster's DNS server; built now if it never was."""
    title = "CoreDNS (once; about 2 minutes on 2 cores)"
    return GoProgram("coredns", SOURCES / "coredns", title).ensure_built()


def kwok_binary() -> Path:
    """The controller of nodes that run nothing; built now if it never was."""
    title = "kwok (once; about 2 minutes on 2 cores)"
    return GoProgram("kwok", SOURCES / "kwok", title).ensure_built()


def kubernetes_version(source: Path = SOURCES) -> str:
    """The version that go.mod pins, such as v1.36.3."""
    found = re.search(r"k8s\.io/kubernetes (v\d+\.\d+\.\d+)", (source / "go.mod").read_text())
    if found is None:
        raise Missing("the pin of k8s.io/kubernetes", f"restore {source / 'go.mod'}")
    return found[1]
