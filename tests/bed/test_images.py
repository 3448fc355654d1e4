"""Images are built by a real engine on bases of our own, and pods run them; nothing is pulled."""

from __future__ import annotations

from pathlib import Path

import pytest

from bed import Node, PartFailed, pods
from bed.base_image import python_base
from bed.images import build, busybox_image

DOCKERFILE = """\
ARG BASE=registry.invalid/base
FROM ${BASE}
ARG SAYS
RUN echo "built: ${SAYS}" >/said
COPY greeting /greeting
CMD ["cat", "/said", "/greeting"]
"""
PYTHON = """\
ARG BASE=registry.invalid/base
FROM ${BASE}
RUN python3 -m venv /venv && /venv/bin/pip --version
RUN /venv/bin/python -c "import ssl; assert ssl.create_default_context().get_ca_certs()"
RUN grep -q ^cert /etc/pip.conf
"""


def context(folder: Path, dockerfile: str, greeting: str = "hello\n") -> Path:
    folder.mkdir()
    (folder / "Dockerfile").write_text(dockerfile)
    (folder / "greeting").write_text(greeting)
    return folder


def said_by(node: Node, **main: object) -> str:
    namespace = pods.new_namespace(node)
    pod = pods.shell_pod(node, namespace, "built", "", command=None, **main)
    node.plane.apply(pod)
    pods.await_phase(node, namespace, "built", "Succeeded")
    return pods.log(node, namespace, "built")


def test_a_dockerfile_becomes_an_image_that_a_pod_runs(node: Node, tmp_path: Path) -> None:
    image = build(
        "bed-test",
        context(tmp_path / "it", DOCKERFILE),
        args={"SAYS": "here"},
        bases={"BASE": busybox_image()},
    )

    node.load(image)

    assert said_by(node, image=image.name) == "built: here\nhello\n"


def test_the_python_base_has_what_a_dockerfile_of_ours_needs(tmp_path: Path) -> None:
    bases = {"BASE": python_base()}

    image = build("bed-test-python", context(tmp_path / "it", PYTHON), bases=bases)

    assert image.archive.stat().st_size > bases["BASE"].archive.stat().st_size


def test_other_content_is_another_image_and_the_same_is_built_once(tmp_path: Path) -> None:
    bases, args = {"BASE": busybox_image()}, {"SAYS": "it"}
    first = build("bed-test", context(tmp_path / "a", DOCKERFILE), args=args, bases=bases)
    built_at = first.archive.stat().st_mtime_ns

    again = build("bed-test", context(tmp_path / "b", DOCKERFILE), args=args, bases=bases)
    other = build("bed-test", context(tmp_path / "c", DOCKERFILE, "hi"), args=args, bases=bases)

    assert again == first
    assert again.archive.stat().st_mtime_ns == built_at
    assert other.name != first.name


def test_a_base_that_nobody_handed_over_is_not_pulled(tmp_path: Path) -> None:
    with pytest.raises(PartFailed, match="registry"):
        build("bed-test", context(tmp_path / "it", DOCKERFILE))
