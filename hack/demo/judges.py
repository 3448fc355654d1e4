"""All promises of the demo, in the order in which people ask for them."""

from __future__ import annotations

from collections.abc import Callable

from demo import judge_claims, judge_results
from demo.facts import Facts
from demo.verdict import Verdict

Judge = Callable[[Facts], Verdict]

JUDGES: tuple[Judge, ...] = (
    judge_claims.one_holder,
    judge_claims.one_machine,
    judge_claims.occupied_before_start,
    judge_claims.outcome_before_free,
    judge_claims.free_after_end,
    judge_claims.free_told_or_owed,
    judge_claims.dead_database_holds_back_its_own,
    judge_claims.lost_and_retried,
    judge_results.all_rows_agree,
    judge_results.training_rows_tell,
    judge_results.one_run_an_attempt,
    judge_results.best_is_production,
    judge_results.jobs_ended_as_wanted,
    judge_results.nothing_left_running,
    judge_results.no_secret_told,
)


def judge(facts: Facts) -> list[Verdict]:
    """A verdict for each promise."""
    return [each(facts) for each in JUDGES]
