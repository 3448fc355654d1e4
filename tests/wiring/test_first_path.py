"""The first whole path on real parts: a TrainingJob is applied, trains, and leaves all in order."""

from collections import Counter

from tests.wiring.conftest import Lead
from tests.wiring.process import scraped
from tests.wiring.site import PATIENCE, Site, true

from bed.ports import free_port
from bed.waiting import wait_until


def test_a_job_trains_and_leaves_machine_and_rows_free(site: Site, lead: Lead) -> None:
    metrics = f"127.0.0.1:{free_port()}"
    lead("--metrics", metrics)
    before = site.until_rest()
    quiet = len(site.writes())
    training = site.apply_job("caries-001", "sh", "-c", "until [ -e go-1 ]; do sleep 0.05; done")
    site.until_state("caries-001", "Running")
    assert site.is_told("ocupada")
    site.open_gate("go-1")
    done = site.until_state("caries-001", "Succeeded")
    after = site.until_rest()

    assert {"Finished", "Succeeded"} <= true(done)
    assert [a["outcome"] for a in done["attempts"]] == ["Succeeded"]
    assert after["generation"] == before["generation"] + 1
    assert "holder" not in after
    assert [use["platform"] for use in after["usage"]] == ["saturno"]
    wait_until(lambda: site.training(training)["status"] == "terminado", PATIENCE, "its row")
    assert Counter((verb, resource) for verb, resource, _ in site.writes()[quiet:]) == {
        ("create", "machineleases"): 1,
        ("patch", "machines/status"): 2,
        ("patch", "machineleases/status"): 2,
        ("patch", "trainingjobs/status"): 3,
    }
    page = scraped(metrics)
    assert 'trainlease_attempts_total{cause="Completed",outcome="Succeeded"} 1.0' in page
    assert 'trainlease_debts{platform="saturno"} 0.0' in page
    assert "caries-001" not in page
    assert str(site.database) not in page


def test_a_new_leader_that_finds_all_in_order_writes_nothing(site: Site, lead: Lead) -> None:
    first = lead()
    site.until_rest()
    quiet = len(site.writes())
    assert first.terminate() == 0
    lead()
    # It looks at what it found before it looks at what came later.
    site.plane.apply(site.machine_object("later", pool="elsewhere"))
    wait_until(lambda: site.machine("later").get("state") == "Free", PATIENCE, "the later machine")
    assert [name for _, _, name in site.writes()[quiet:] if name != "later"] == []


def test_a_training_that_fails_ends_the_job_with_a_reason(site: Site, lead: Lead) -> None:
    lead()
    training = site.apply_job("caries-002", "sh", "-c", "echo no such column >&2; exit 3")
    done = site.until_state("caries-002", "Failed")
    site.until_rest()
    assert {"Finished", "Failed"} <= true(done)
    assert "exit code 3" in done["attempts"][0]["message"]
    wait_until(lambda: site.training(training)["status"] == "fallido", PATIENCE, "its row")


def test_a_job_deleted_while_it_runs_leaves_nothing_behind(site: Site, lead: Lead) -> None:
    lead()
    training = site.apply_job("caries-003", "sleep", "600")
    site.until_state("caries-003", "Running")
    site.plane.kubectl("delete", "tj", "caries-003", "-n", "saturno")
    site.until_rest()
    wait_until(lambda: site.training(training)["status"] == "fallido", PATIENCE, "its row")


def test_another_replica_finishes_what_the_first_began(site: Site, lead: Lead) -> None:
    first = lead()
    site.apply_job("caries-004", "sh", "-c", "until [ -e go-4 ]; do sleep 0.05; done")
    before = site.until_state("caries-004", "Running")
    assert first.terminate() == 0
    site.open_gate("go-4")
    lead()
    done = site.until_state("caries-004", "Succeeded")
    site.until_rest()
    assert len(done["attempts"]) == 1
    assert done["attempts"][0]["generation"] == before["attempts"][0]["generation"]


def test_a_replica_that_is_killed_loses_nothing(site: Site, lead: Lead) -> None:
    first = lead()
    site.apply_job("caries-005", "sh", "-c", "until [ -e go-5 ]; do sleep 0.05; done")
    site.until_state("caries-005", "Running")
    first.part.kill()
    lead()
    site.open_gate("go-5")
    done = site.until_state("caries-005", "Succeeded")
    site.until_rest()
    assert [a["outcome"] for a in done["attempts"]] == ["Succeeded"]
