"""Every manifest in examples/ is one that the models accept, and the demo applies all of them."""

from collections import Counter
from typing import Any

import pytest
import yaml

from demo.director import AWAY, VICTIM
from demo.observer import WRONG_FOR_GOOD
from demo.parts import EXAMPLES, examples
from trainlease.model.machine import Machine
from trainlease.model.machine_lease import MachineLease
from trainlease.model.platform import Platform
from trainlease.model.training_job import TrainingJob

MODELS = {model.kind_name: model for model in (Machine, MachineLease, Platform, TrainingJob)}
FILES = sorted(EXAMPLES.rglob("*.yaml"))
OURS = [
    pytest.param(body, id=f"{file.stem} {body['metadata']['name']}")
    for file in FILES
    for body in yaml.safe_load_all(file.read_text())
    if body["kind"] in MODELS
]


def named(kind: str) -> list[str]:
    return [
        f"{body['metadata'].get('namespace', '')}/{body['metadata']['name']}".lstrip("/")
        for body in examples()[kind]
    ]


@pytest.mark.parametrize("body", OURS)
def test_a_manifest_is_accepted_by_the_models(body: dict[str, Any]) -> None:
    assert MODELS[body["kind"]].model_validate(body).name == body["metadata"]["name"]


def test_the_demo_applies_eight_trainings_of_three_platforms_for_two_machines() -> None:
    assert {kind: len(bodies) for kind, bodies in examples().items()} == {
        "Machine": 2,
        "Platform": 3,
        "TrainingJob": 8,
    }
    assert len(OURS) == 13 + 1, "the demo leaves the hold to people"


def test_every_training_is_of_a_platform_and_of_an_image_that_each_machine_has() -> None:
    namespaces = {body["spec"]["namespace"] for body in examples()["Platform"]}
    images = [set(body["spec"]["process"]["images"]) for body in examples()["Machine"]]

    for job in examples()["TrainingJob"]:
        assert job["metadata"]["namespace"] in namespaces
        assert all(job["spec"]["image"] in there for there in images)


def test_no_two_trainings_of_a_platform_share_an_external_id() -> None:
    ids = Counter(
        (job["metadata"]["namespace"], job["spec"]["externalId"])
        for job in examples()["TrainingJob"]
    )

    assert set(ids.values()) == {1}


def test_the_images_folder_has_what_the_trainings_run() -> None:
    for machine in examples()["Machine"]:
        for folder in machine["spec"]["process"]["images"].values():
            assert (EXAMPLES.parent / folder / "train.py").is_file()


def test_the_faults_of_the_demo_are_about_trainings_that_are_there() -> None:
    assert VICTIM in named("TrainingJob")
    assert AWAY in named("Platform")
    assert set(WRONG_FOR_GOOD) < set(named("TrainingJob"))


def test_the_job_in_the_readme_is_one_of_those_that_the_demo_applies() -> None:
    readme = (EXAMPLES / "README.md").read_text()
    job = yaml.safe_load(readme.partition("```yaml\n")[2].partition("```")[0])

    assert job in examples()["TrainingJob"]
