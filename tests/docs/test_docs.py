"""What the documents say is so: links, commands and names lead somewhere, examples are valid."""

import re
from pathlib import Path

import pytest
import yaml

from trainlease.model import annotations, machine, pods
from trainlease.model.base import API_VERSION
from trainlease.model.machine import Machine
from trainlease.model.machine_lease import MachineLease
from trainlease.model.platform import Platform
from trainlease.model.training_job import TrainingJob

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
KINDS = {kind.kind_name: kind for kind in (TrainingJob, MachineLease, Machine, Platform)}
LABELS = {pods.MACHINE, pods.JOB}
ANNOTATIONS = {a.name for a in annotations.ANNOTATIONS} | {machine.FINALIZER, API_VERSION} | LABELS
"""What a page may tell a person to use: annotations that the operator reads today, and the labels
by which its pods are found."""


def _title(page: Path) -> str:
    return str(page.relative_to(ROOT))


def _found(pattern: str, *, in_: list[Path] = PAGES) -> list[tuple[str, str]]:
    return [(_title(p), found) for p in in_ for found in re.findall(pattern, p.read_text())]


@pytest.mark.parametrize(("page", "target"), _found(r"\]\(([^)#:]+)(?:#[^)]*)?\)"))
def test_links_lead_somewhere(page: str, target: str) -> None:
    assert (ROOT / page).parent.joinpath(target).exists()


@pytest.mark.parametrize(("page", "target"), _found(r"(?m)\bmake ([a-z][a-z-]+)(?= *[#`\n])"))
def test_make_has_what_is_said_of_it(page: str, target: str) -> None:
    assert re.search(rf"(?m)^{target}:", (ROOT / "Makefile").read_text()), page


@pytest.mark.parametrize(("page", "module"), _found(r"python -m ([a-z]+)"))
def test_modules_that_are_run_are_there(page: str, module: str) -> None:
    assert any((ROOT / root / module / "__main__.py").exists() for root in (".", "hack")), page


@pytest.mark.parametrize(
    ("page", "word"), sorted(set(_found(r"trainlease\.dev/[a-z][a-z0-9-]*[a-z0-9]")))
)
def test_annotations_that_are_named_are_read(page: str, word: str) -> None:
    assert word in ANNOTATIONS, page


@pytest.mark.parametrize(("page", "path"), sorted(set(_found(r"`(?:\S+ )?(tests/[\w/.]+)`"))))
def test_tests_that_are_named_are_there(page: str, path: str) -> None:
    assert (ROOT / path).exists(), page


@pytest.mark.parametrize(
    ("page", "path"), sorted(set(_found(r"`((?:plan|reconcile|model|effects)/\w+(?:/\w+)*\.py)`")))
)
def test_source_files_that_are_named_are_there(page: str, path: str) -> None:
    assert (ROOT / "operator/trainlease" / path).exists(), page


@pytest.mark.parametrize(
    "name", sorted(set(re.findall(r"`(_[a-z_]+)`", (ROOT / "docs/protocol.md").read_text())))
)
def test_guards_that_are_named_are_steps_of_the_plan(name: str) -> None:
    sources = [p.read_text() for p in (ROOT / "operator/trainlease/plan").glob("*.py")]
    assert any(f"def {name}(" in source for source in sources)


def _examples() -> list[tuple[str, str]]:
    blocks = _found(r"(?s)```yaml\n(.*?)```")
    return [(page, text) for page, text in blocks if "\nkind:" in f"\n{text}"]


@pytest.mark.parametrize(("page", "text"), _examples())
def test_objects_that_are_shown_are_valid(page: str, text: str) -> None:
    for body in yaml.safe_load_all(text):
        KINDS[body["kind"]].model_validate(body)
