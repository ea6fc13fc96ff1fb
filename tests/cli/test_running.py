"""What a finished run says to a person."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from etl.cli.output import Output
from etl.cli.running import show_tables, state
from etl.model import Channel, Cost, Loaded, RunOutcome, Scope, ScopeOutcome, State, Verb, Verdict

AT = datetime(2026, 11, 23, 2, 15, tzinfo=UTC)
DOWN = "Nothing answers for account a1, app st-1 at kore.example. Check host, network and proxy."


def scope(channel: Channel, account_id: str = "a1", **outcome: object) -> ScopeOutcome:
    return ScopeOutcome(Scope(account_id, "st-1", channel), **outcome)  # type: ignore[arg-type]


def shown(capsys: pytest.CaptureFixture[str], verdict: Verdict, code: int, *scopes: ScopeOutcome) -> tuple[str, str]:
    """stdout and stderr of a run with these scopes."""
    outcome = RunOutcome("R1", Verb.SYNC, verdict, code, AT, AT + timedelta(seconds=3), scopes)
    show_tables(Output(), outcome, {one.scope: "EMEA retail" for one in scopes})
    printed = capsys.readouterr()
    return printed.out, printed.err


def test_the_same_sentence_is_said_once_for_an_account(capsys: pytest.CaptureFixture[str]) -> None:
    """With the channels it is about; another account's sentence stays its own."""
    _, err = shown(
        capsys,
        Verdict.UNREADABLE,
        5,
        scope(Channel.SMS, error=DOWN),
        scope(Channel.VOICE, error=DOWN),
        scope(Channel.SMS, "a2", error="Another."),
    )
    assert err.splitlines()[:2] == [f"EMEA retail (sms, voice): {DOWN}", "EMEA retail (sms): Another."]


def test_what_many_accounts_have_in_common_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    """Without their ids; of many listings the table shows those in trouble, and counts the others."""
    down = "Nothing answers for account {0}, app st-1 at kore.example. Check host."
    troubled = [scope(Channel.SMS, f"a{number}", error=down.format(f"a{number}")) for number in range(5)]
    fine = [scope(Channel.SMS, f"b{number}", windows={State.PROVEN: 1}) for number in range(2_000)]
    outcome = RunOutcome("R1", Verb.SYNC, Verdict.INCOMPLETE, 1, AT, AT + timedelta(seconds=3), (*fine, *troubled))
    show_tables(Output(), outcome, {one.scope: f"Account {one.scope.account_id}" for one in outcome.scopes})
    out, err = capsys.readouterr()
    common = "Nothing answers for kore.example. Check host."
    assert err.splitlines()[0] == f"Account a0, Account a1, Account a2 and 2 more accounts: {common}"
    assert out.count("not read") == 5
    assert "... and 2,000 more listings, 2,000 without trouble." in out
    assert len(out.splitlines()) < 15


@pytest.mark.parametrize(
    ("windows", "error", "waiting", "verdict", "word"),
    [
        ({State.PROVEN: 2, State.OPEN: 1}, None, 0, Verdict.COMPLETE, ""),
        ({State.PROVEN: 2, State.FAILED: 1}, "x", 0, Verdict.INCOMPLETE, "failed"),
        ({State.FAILED: 1}, "x", 0, Verdict.INCOMPLETE, "failed"),
        ({State.PROVEN: 2, State.UNPROVEN: 1}, "x", 0, Verdict.INCOMPLETE, "unproven"),
        ({State.PROVEN: 2}, None, 3, Verdict.INCOMPLETE, "rejected"),
        ({State.PROVEN: 2}, "too many are gone", 0, Verdict.INCOMPLETE, "see below"),
        ({}, "x", 0, Verdict.REFUSED, "refused"),
        ({}, "x", 0, Verdict.HELD, "held"),
        ({}, "x", 0, Verdict.UNREADABLE, "no answer"),
        ({}, "x", 0, Verdict.INCOMPLETE, "not read"),
        ({}, None, 0, Verdict.STOPPED, "stopped"),
        ({}, None, 0, Verdict.COMPLETE, ""),
    ],
)
def test_a_scope_in_trouble_is_marked(
    windows: dict[State, int], error: str | None, waiting: int, verdict: Verdict, word: str
) -> None:
    """One word in the table, so that "see above" leads somewhere."""
    one = scope(Channel.SMS, windows=windows, error=error, rejects_waiting=waiting)
    assert state(one, verdict, broken=error is not None) == word


def test_a_channel_that_was_not_reached_is_marked_as_well(capsys: pytest.CaptureFixture[str]) -> None:
    """The error stands at the first channel, neither was read."""
    out, _ = shown(capsys, Verdict.UNREADABLE, 5, scope(Channel.SMS, error=DOWN), scope(Channel.VOICE))
    assert out.count("no answer") == 2


def test_a_run_without_trouble_has_no_column_for_it(capsys: pytest.CaptureFixture[str]) -> None:
    """Nor for links and rejects that are not; open tails are explained; nothing says "-0"."""
    windows = {State.PROVEN: 3, State.OPEN: 1}
    out, err = shown(capsys, Verdict.COMPLETE, 0, scope(Channel.SMS, windows=windows, seen=5, cost=Cost(requests=8)))
    assert err == ""
    assert out.splitlines()[0].split() == ["Account", "Channel", "Proven", "Seen", "New", "Changed", "Requests"]
    assert "5 campaigns seen in 3 windows and 1 open tail, with 8 requests in 3 s.\nRun R1.\n" in out


def test_links_have_separators_and_no_zero_halves(capsys: pytest.CaptureFixture[str]) -> None:
    """+1,234 without a -0."""
    loaded = Loaded(links_added=1234)
    out, _ = shown(capsys, Verdict.COMPLETE, 0, scope(Channel.SMS, windows={State.PROVEN: 1}, loaded=loaded))
    assert "+1,234 " in out
    assert "-0" not in out


def test_a_stopped_run_says_what_became_of_unfinished_windows(capsys: pytest.CaptureFixture[str]) -> None:
    """Zero rows stored after minutes of reading are explained."""
    _, err = shown(capsys, Verdict.STOPPED, 130, scope(Channel.SMS))
    assert "rows of unfinished windows were not stored" in err
