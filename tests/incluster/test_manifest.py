"""What the Deployment and the image say fits the program that they run."""

import tomllib
from typing import Any

import pytest
import yaml
from tests.incluster.conftest import MANIFEST
from tests.wiring.conftest import ROOT

from trainlease.handlers import kopf_settings
from trainlease.model.settings import Settings


def pod() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(MANIFEST.read_text())["spec"]["template"]["spec"]
    return found


def test_a_pod_has_more_time_to_end_than_it_takes() -> None:
    settings = Settings()
    takes = kopf_settings().queueing.exit_timeout + settings.call_timeout
    assert takes + settings.tracking_timeout < pod()["terminationGracePeriodSeconds"]


def test_its_settings_are_those_of_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in pod()["containers"][0]["env"]:
        monkeypatch.setenv(variable["name"], variable["value"])
        name = variable["name"].removeprefix("TRAINLEASE_").lower()
        assert name in Settings.model_fields
    assert Settings().hold_namespaces == ("ops",)


def pins(name: str) -> set[str]:
    lines = (ROOT / "requirements" / name).read_text().splitlines()
    return {line.split(" ")[0] for line in lines if "==" in line}


def test_the_image_has_the_versions_that_the_tests_run_with() -> None:
    assert pins("operator.txt") < pins("lock.txt")


def test_the_image_is_built_by_what_the_project_says() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = (ROOT / "requirements" / "build.in").read_text().splitlines()
    assert [line for line in wanted if line[0] != "#"] == project["build-system"]["requires"]
