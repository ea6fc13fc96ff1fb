"""What outcomes amount to."""

from datetime import UTC, datetime

import pytest

from etl import report
from etl.model import (
    AccountEnd,
    AccountOutcome,
    Channel,
    Cost,
    Loaded,
    RunOutcome,
    Scope,
    ScopeOutcome,
    State,
    Verb,
    Verdict,
)


def account(end: AccountEnd = AccountEnd.DONE, *, answered: bool = True, **windows: int) -> AccountOutcome:
    states = {State(name): count for name, count in windows.items()}
    return AccountOutcome("a", end, answered, (ScopeOutcome(Scope("a", "st-a", Channel.SMS), windows=states),))


GOOD = account(proven=3, open=1)
REFUSED = account(AccountEnd.REFUSED, answered=False)
DOWN = account(AccountEnd.UNAVAILABLE, answered=False)
HELD = account(AccountEnd.HELD, answered=False)
LOST = account(AccountEnd.LOST, answered=False)


@pytest.mark.parametrize(
    ("accounts", "code"),
    [
        ([GOOD], 0),
        ([GOOD, account(proven=1, unproven=1)], 1),
        ([GOOD, account(proven=1, failed=1)], 1),
        ([GOOD, REFUSED], 1),
        ([GOOD, DOWN], 1),
        ([GOOD, LOST], 1),
        ([LOST], 1),
        ([REFUSED], 3),
        ([REFUSED, REFUSED], 3),
        ([REFUSED, DOWN], 5),
        ([DOWN], 5),
        ([DOWN, HELD], 5),
        ([HELD], 4),
        ([GOOD, HELD], 4),
        ([account(unproven=1), HELD], 1),
        ([account(AccountEnd.REFUSED, answered=True, proven=1)], 1),
    ],
)
def test_the_exit_code_is_the_first_that_applies(accounts: list[AccountOutcome], code: int) -> None:
    """All refused 3, none readable 5, something unproven or failed 1, something held 4, else 0."""
    assert report.judge(accounts)[1] == code


def test_a_rejected_record_that_waits_makes_the_run_incomplete() -> None:
    """Until it is gone or acknowledged, exit 1."""
    scope = ScopeOutcome(Scope("a", "st-a", Channel.SMS), windows={State.PROVEN: 1}, rejects_waiting=1)
    waiting = AccountOutcome("a", AccountEnd.DONE, True, (scope,))
    assert report.judge([waiting]) == (Verdict.INCOMPLETE, 1)


def test_the_document_sums_its_scopes() -> None:
    """`totals` has the same counts as every scope, summed; an unknown total adds nothing."""
    instant = datetime(2026, 1, 1, tzinfo=UTC)
    scopes = (
        ScopeOutcome(
            Scope("a", "st-a", Channel.SMS),
            windows={State.PROVEN: 2, State.OPEN: 1},
            source_total=7,
            seen=7,
            loaded=Loaded(inserted=3, updated=4, links_added=2),
            cost=Cost(requests=5, retries=1, throttled_seconds=1.5),
        ),
        ScopeOutcome(Scope("a", "st-a", Channel.VOICE), windows={State.FAILED: 1}, error="It broke."),
    )
    outcome = RunOutcome("r", Verb.SYNC, Verdict.INCOMPLETE, 1, instant, instant, scopes)
    document = report.document(outcome)
    assert document["totals"]["windows"] == 4
    assert document["totals"]["source_total"] == 7
    assert document["scopes"][1]["source_total"] is None
    assert document["scopes"][1]["error"] == "It broke."
    assert set(document["totals"]) == set(report.COUNTS)
    assert set(document["scopes"][0]) == {"account_id", "app_id", "channel", *report.COUNTS, "error"}
