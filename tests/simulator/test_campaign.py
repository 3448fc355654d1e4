"""Four thousand seeds: every promise is kept in each, and together they leave nothing untried.

In blocks, so that pytest-xdist shares them between its workers; the block that ends last, on
whichever worker, judges what all of them have shown.
"""

import json
from pathlib import Path

import pytest

from simulator.campaign import Report, campaign

SEEDS = 4_000
BLOCK = 100


@pytest.fixture
def reports(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A folder that all workers of this session share."""
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "simulator-reports"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.mark.parametrize("first", range(0, SEEDS, BLOCK))
def test_four_thousand_seeds_keep_every_promise_and_leave_nothing_untried(
    first: int, reports: Path
) -> None:
    report = campaign(range(first, first + BLOCK), jobs=1)
    assert not report.failed, f"see python -m simulator --seed {report.failed[0].seed} --trace"
    draft = reports / f"{first}.new"
    draft.write_text(json.dumps(report.to_json()))
    draft.rename(draft.with_suffix(".json"))
    done = sorted(reports.glob("*.json"))
    if len(done) == SEEDS // BLOCK:
        whole = _all_of(done)
        assert (whole.empty_cells, whole.undone) == ([], [])


def _all_of(files: list[Path]) -> Report:
    whole = Report()
    for file in files:
        whole.join(Report.of_json(json.loads(file.read_text())))
    return whole
