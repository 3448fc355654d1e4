"""What a training is started with."""

import json

import pytest
from tests.builders import a_claimed_machine, a_job, a_lease, a_platform, at

from trainlease.plan.workload import (
    environment,
    experiment,
    registered_model,
    secret_refs,
    workload,
)

JOB = a_job(
    params={"epochs": 30, "lr": 0.5, "note": "a b", "aug": True, "opt/beta.1": 1},
    data="s3://d",
    model="caries",
    env={"OMP_NUM_THREADS": "2", "TRAINLEASE_DATA": "s3://mine"},
)


def test_params_are_there_as_json_and_one_by_one() -> None:
    env = environment(JOB, 2, "r1", "http://mlflow")
    assert json.loads(env["TRAINLEASE_PARAMS"]) == JOB.spec.params
    assert env["TRAINLEASE_PARAM_EPOCHS"] == "30"
    assert env["TRAINLEASE_PARAM_NOTE"] == "a b"
    assert env["TRAINLEASE_PARAM_AUG"] == "true"
    assert env["TRAINLEASE_PARAM_OPT_BETA_1"] == "1"
    assert env["TRAINLEASE_ATTEMPT"] == "2"
    assert (env["MLFLOW_RUN_ID"], env["MLFLOW_TRACKING_URI"]) == ("r1", "http://mlflow")
    assert json.loads(env["MLFLOW_RUN_CONTEXT"]) == {"trainlease.handed": "r1"}


def test_the_jobs_own_variables_come_on_top() -> None:
    env = environment(JOB, 1, None, "")
    assert (env["OMP_NUM_THREADS"], env["TRAINLEASE_DATA"]) == ("2", "s3://mine")


def test_without_a_run_nothing_of_mlflow_is_named() -> None:
    assert not [name for name in environment(JOB, 1, None, "http://m") if "MLFLOW" in name]


def test_secrets_are_never_shown() -> None:
    machine = a_claimed_machine(a_lease(JOB))
    what = workload(JOB, machine, None, 1, "r1", "", at(60), {"TOKEN": "s3cr3t"})
    assert (what.generation, what.attempt, what.deadline) == (7, 1, at(60))
    assert what.secret_env == {"TOKEN": "s3cr3t"}
    assert "s3cr3t" not in repr(what)


@pytest.mark.parametrize(
    ("own", "user", "want"),
    [
        ((), None, ()),
        (("keys",), None, ("keys",)),
        ((), "mlflow", ("mlflow",)),
        (("keys", "more"), "mlflow", ("keys", "more", "mlflow")),
        (("mlflow", "keys"), "mlflow", ("keys", "mlflow")),
    ],
)
def test_the_platforms_mlflow_user_comes_after_the_jobs_own_secrets(
    own: tuple[str, ...], user: str | None, want: tuple[str, ...]
) -> None:
    assert secret_refs(a_job(secrets=own), a_platform(tracking=user)) == want


def test_a_job_of_nobody_has_its_own_secrets() -> None:
    assert secret_refs(a_job(secrets=("keys",)), None) == ("keys",)


def test_experiment_and_model_carry_the_platforms_namespace() -> None:
    assert (experiment(JOB), registered_model(JOB)) == ("saturno.caries", "saturno.caries")
    assert (experiment(a_job()), registered_model(a_job())) == ("saturno", None)
