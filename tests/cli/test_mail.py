"""The text that --quiet leaves for a mail: what failed, what was kept, what to do, which run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from etl.cli import mail
from etl.model import Channel, Loaded, RunOutcome, Scope, ScopeOutcome, State, Verb, Verdict

AT = datetime(2026, 11, 23, 23, 58, tzinfo=UTC)
PLACE = mail.Place("/srv/kore/config.toml", "postgresql://kore@db/w", "kore-etl --config /srv/kore/config.toml")
REFUSED = "Kore.ai refused the token. Check client_id."


def one(number: int, channel: Channel = Channel.SMS, **outcome: object) -> ScopeOutcome:
    return ScopeOutcome(Scope(f"a{number}", "st-1", channel), **outcome)  # type: ignore[arg-type]


def text(verdict: Verdict, code: int, *scopes: ScopeOutcome, minutes: int = 1, late: tuple[str, ...] = ()) -> str:
    ended = AT + timedelta(minutes=minutes)
    outcome = RunOutcome("20261123T235800Z-1a2b3c", Verb.SYNC, verdict, code, AT, ended, scopes, late)
    told = mail.failed(outcome, {scope.scope: f"Account {scope.scope.account_id}" for scope in scopes}, PLACE)
    assert all(len(line) <= mail.WIDTH or line.startswith("  kore-etl") for line in told.splitlines())
    return told


def part(told: str, heading: str) -> str:
    """The lines below a heading, as one line."""
    return " ".join(told.split(f"\n{heading}\n", 1)[1].split("\n\n", 1)[0].split())


def test_it_can_be_understood_on_its_own() -> None:
    """Every part, in the order in which a person asks."""
    good = one(1, windows={State.PROVEN: 2, State.OPEN: 1}, seen=40, loaded=Loaded(inserted=3, updated=2))
    told = text(Verdict.INCOMPLETE, 1, good, one(2, error=REFUSED), one(2, Channel.VOICE, error=REFUSED), minutes=5)
    assert told.splitlines()[0] == "kore-etl sync: not complete (exit 1)"
    assert part(told, "What failed") == f"Account a2 (sms, voice): {REFUSED}"
    assert part(told, "What was kept").startswith("1 of 2 accounts complete. 40 campaigns seen, 5 of them written.")
    assert "kore-etl --config /srv/kore/config.toml check --account a2" in told
    assert "kore-etl --config /srv/kore/config.toml runs show 20261123T235800Z-1a2b3c" in told
    *_, run, times, config, warehouse = told.splitlines()
    assert run.startswith("Run 20261123T235800Z-1a2b3c, on ")
    assert times == "2026-11-23 23:58 to 2026-11-24 00:03 UTC, 5 min"
    assert (config, warehouse) == ("Configuration /srv/kore/config.toml", "Warehouse postgresql://kore@db/w")


def test_a_thousand_accounts_with_one_trouble_are_one_paragraph() -> None:
    """Some of them are named, the others counted."""
    late = [one(number, error="The deadline came before this account's turn.") for number in range(1000)]
    told = text(Verdict.INCOMPLETE, 1, *late, late=tuple(scope.scope.account_id for scope in late))
    assert told.splitlines()[0] == "kore-etl sync: not complete, the deadline came first (exit 1)"
    assert part(told, "What failed") == (
        "Account a0 (sms), Account a1 (sms), Account a2 (sms) and 997 more accounts: "
        "The deadline came before this account's turn."
    )
    assert "give it more time" in part(told, "What to do")


def test_a_thousand_different_troubles_are_cut_short() -> None:
    """A mail is no log."""
    told = text(Verdict.UNREADABLE, 5, *[one(number, error=f"Trouble {number}.") for number in range(1000)])
    assert told.splitlines()[0] == "kore-etl sync: the source could not be read at all (exit 5)"
    assert part(told, "What failed").endswith("... and 980 more troubles; --json tells all of them.")
    assert part(told, "What was kept").startswith("Nothing was changed")


def test_unproven_windows_and_rejects_are_counted() -> None:
    """With the verb that shows the records."""
    windows = {State.PROVEN: 5, State.UNPROVEN: 2, State.OPEN: 1}
    told = text(Verdict.INCOMPLETE, 1, one(1, windows=windows, error="The list moved", rejects_waiting=3))
    assert "2 of 7 windows not proven. The list moved." in part(told, "What failed")
    assert "3 records could not be stored" in part(told, "What failed")
    assert "config.toml rejects" in told


def test_text_from_outside_cannot_steer_the_mail() -> None:
    """A name or a sentence that holds escapes or line breaks is shown with them spelt out."""
    told = text(Verdict.INCOMPLETE, 1, one(1, error="odd \x1b[31m\nWhat to do\n"))
    assert "\x1b" not in told
    assert told.count("\nWhat to do\n") == 1


def test_a_warehouse_that_broke_the_run_off() -> None:
    """Also where the run could not even begin."""
    outcome = RunOutcome("", Verb.SYNC, Verdict.FAILED, 6, AT, AT, ())
    told = mail.broke(outcome, "sqlite:///x.db is full: no space is left on the disk", PLACE)
    assert told.splitlines()[0] == "kore-etl sync: the warehouse failed (exit 6)"
    assert "no space is left" in part(told, "What failed")
    assert "Run that could not begin" in told
