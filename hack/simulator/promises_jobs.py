"""The promises about jobs: outcomes set once, one attempt at a time, what is finished stays so."""

from collections.abc import Iterator

from simulator.book import Book
from simulator.facts import By, Wrote
from simulator.fields import attempt_of, condition, is_true, status_of
from simulator.promise import is_right_after_a_restore, promise

_CHARGED = {
    "application": ("ExitCode", "KilledBySignal", "OutOfMemory"),
    "infrastructure": ("StartTimeout", "StartRefused"),
    "lost": ("MachineLost", "NotHeld"),
}
_NOBODYS = ("Suspended", "OccupiedElsewhere", "Forced")
_FIXED = ("Finished", "Succeeded", "Failed")


@promise(
    "outcome-once",
    Wrote,
    "The outcome is set once (section 3, step 5)",
    plural="trainingjobs",
)
def outcome_once(book: Book, fact: Wrote) -> Iterator[str]:
    if fact.by is not By.US or fact.before is None or fact.after is None:
        return
    for attempt in status_of(fact.before).get("attempts", ()):
        if not attempt.get("outcome"):
            continue
        now = attempt_of(fact.after, attempt["number"]) or {}
        for word in ("outcome", "cause", "ended"):
            if attempt.get(word) != now.get(word):
                yield (
                    f"{fact.namespace}/{fact.name}: {word} of attempt {attempt['number']} changed "
                    f"from {attempt.get(word)} to {now.get(word)}"
                )


@promise(
    "start-failed-never-ran",
    Wrote,
    "Has been on is a stored fact: what has run and is off is Lost, and never a failed start "
    "(section 3, step 3)",
    plural="trainingjobs",
)
def start_failed_never_ran(book: Book, fact: Wrote) -> Iterator[str]:
    if fact.by is not By.US or fact.after is None:
        return
    for attempt in status_of(fact.after).get("attempts", ()):
        if attempt.get("outcome") == "StartFailed" and attempt.get("started"):
            yield f"{fact.namespace}/{fact.name}: attempt {attempt['number']} has run"


@promise(
    "success-ran",
    Wrote,
    "Succeeded is the end of what was started (section 3, steps 3 to 5)",
    plural="trainingjobs",
)
def success_ran(book: Book, fact: Wrote) -> Iterator[str]:
    if fact.by is not By.US or fact.after is None:
        return
    uid, title = fact.after["metadata"]["uid"], f"{fact.namespace}/{fact.name}"
    for attempt in status_of(fact.after).get("attempts", ()):
        number = attempt["number"]
        if attempt.get("outcome") == "Succeeded" and (uid, number) not in book.ran:
            yield f"{title}: attempt {number} is Succeeded, and was never started"


@promise(
    "finished-stays",
    Wrote,
    "Finished with Succeeded or Failed are set together, in one write, and never change "
    "(section 2)",
    plural="trainingjobs",
)
def finished_stays(book: Book, fact: Wrote) -> Iterator[str]:
    if fact.by is not By.US or fact.after is None:
        return
    title = f"{fact.namespace}/{fact.name}"
    was, now = is_true(fact.before, "Finished"), is_true(fact.after, "Finished")
    ends = [is_true(fact.after, kind) for kind in ("Succeeded", "Failed")]
    if now and sum(ends) != 1:
        yield f"{title}: Finished, and not exactly one of Succeeded and Failed"
    if any(ends) and not now:
        yield f"{title}: Succeeded or Failed without Finished"
    if not was:
        return
    for kind in _FIXED:
        before, after = condition(fact.before, kind), condition(fact.after, kind)
        if _words(before) != _words(after):
            yield f"{title}: {kind} changed from {_words(before)} to {_words(after)}"


@promise(
    "finished-after-outcome",
    Wrote,
    "The outcome is stored before anybody is told (section 3, rule 1)",
    plural="trainingjobs",
)
def finished_after_outcome(book: Book, fact: Wrote) -> Iterator[str]:
    if fact.by is not By.US or not is_true(fact.after, "Finished"):
        return
    for attempt in status_of(fact.after).get("attempts", ()):
        if not attempt.get("outcome"):
            yield f"{fact.namespace}/{fact.name}: Finished while attempt {attempt['number']} is not"


@promise(
    "one-attempt",
    Wrote,
    "A next attempt is made only after the outcome of the one before is stored (section 3, Queue)",
    plural="trainingjobs",
)
def one_open_attempt(book: Book, fact: Wrote) -> Iterator[str]:
    if fact.by is not By.US or fact.after is None:
        return
    attempts = status_of(fact.after).get("attempts", ())
    open_ = [a["number"] for a in attempts if not a.get("outcome")]
    if len(open_) > 1 or (open_ and open_[0] != max(a["number"] for a in attempts)):
        yield f"{fact.namespace}/{fact.name}: attempts {open_} are open at once"


@promise(
    "one-attempt",
    Wrote,
    "A next attempt is made only after the outcome of the one before is stored (section 3, Queue)",
    plural="machineleases",
)
def next_lease(book: Book, fact: Wrote) -> Iterator[str]:
    if fact.by is not By.US or fact.before is not None or fact.after is None:
        return
    spec = fact.after["spec"]
    if "job" not in spec:
        return
    job = book.job(fact.namespace, spec["job"]["name"], spec["job"]["uid"])
    if job is None:
        return
    late = is_right_after_a_restore(book, fact.at)
    for attempt in () if late else status_of(job).get("attempts", ()):
        if attempt["number"] < spec["attempt"] and not attempt.get("outcome"):
            yield f"{fact.namespace}/{fact.name}: made while attempt {attempt['number']} is open"
    # A job that was restored without its status knows of its attempts by their leases only.
    others = (lease["spec"] for lease in book.objects["machineleases"].values())
    made = [s["attempt"] for s in others if s.get("job", {}).get("uid") == spec["job"]["uid"]]
    last = max((*(a["number"] for a in status_of(job).get("attempts", ())), *made), default=0)
    if spec["attempt"] > last + 1:
        yield f"{fact.namespace}/{fact.name}: attempt {spec['attempt']} after {last}"


@promise(
    "retries-counted",
    Wrote,
    "Failures are counted apart, by cause (section 3, rule 7), each with its own retries "
    "(section 8)",
    plural="trainingjobs",
)
def retries_counted(book: Book, fact: Wrote) -> Iterator[str]:
    attempts = status_of(fact.after).get("attempts", ())
    if fact.by is not By.US or not attempts or not attempts[-1].get("outcome"):
        return
    last, title = attempts[-1], f"{fact.namespace}/{fact.name}"
    if (attempt_of(fact.before, last["number"]) or {}).get("outcome"):
        return
    is_over, cause = is_true(fact.after, "Finished"), last.get("cause")
    if cause in _NOBODYS and is_over:
        yield f"{title}: given up by {cause}, which is charged to nobody"
    kind = next((kind for kind, causes in _CHARGED.items() if cause in causes), None)
    if kind is None:
        if cause and cause not in _NOBODYS and not is_over:
            yield f"{title}: goes on after {cause}"
        return
    failed = sum(a.get("cause") in _CHARGED[kind] for a in attempts)
    own = (fact.after or {})["spec"].get("retries", {}).get(kind)
    allowed = book.limits.retries[kind] if own is None else own
    if is_over is not (failed > allowed):
        how = "given up" if is_over else "goes on"
        yield f"{title}: {how} after {failed} failures of kind {kind}, {allowed} may be retried"


@promise(
    "no-secret",
    Wrote,
    "No secret reaches a CR or an event (section 3, rule 10)",
)
def no_secret(book: Book, fact: Wrote) -> Iterator[str]:
    if fact.by is not By.US or fact.after is None or not book.secrets:
        return
    if any(secret in fact.text for secret in book.secrets):
        yield f"{fact.plural} {fact.namespace}/{fact.name}: holds a platform's password"


def _words(found: dict[str, str] | None) -> tuple[str, ...]:
    return () if found is None else (found["status"], found["reason"], found.get("message", ""))
