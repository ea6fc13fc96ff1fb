"""What is shown of a run that reads stored texts again: a table, what was left, one sentence; or the JSON document."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import asdict

from etl.cli.output import Column, Output, clean, many, number
from etl.mending import Outcome
from etl.model import Mended, Scope, Verdict

COLUMNS = (
    Column("Account", cuts=True),
    Column("Channel"),
    Column("Read", number=True),
    Column("New", number=True, hides=True),
    Column("Changed", number=True),
    Column("Links", number=True, spare=True, hides=True),
    Column("Left", number=True, hides=True),
)


def show(
    output: Output, outcome: Outcome, names: Mapping[Scope, str], *, noun: str, left: str, nothing: str, done: str
) -> int:
    """Returns the exit code. `noun`: what was read; `left`: what became of those that still make no campaign;
    `nothing`: there was none; `done`: all is well."""
    errors = [*outcome.held, *outcome.lost]
    output.document(_document(outcome) | ({"errors": errors} if errors else {}))
    read = {scope: mended for scope, mended in outcome.scopes.items() if mended.read}
    if read:
        output.table(COLUMNS, [_row(scope, mended, names) for scope, mended in read.items()])
        output.say()
    if not output.as_json:
        for error in errors:
            output.complain(f"kore-etl: {clean(error)}")
        if outcome.total.left:
            output.complain(f"{many(outcome.total.left, noun)} {left}")
        if outcome.verdict is Verdict.STOPPED:
            output.complain("Stopped by a signal. What was stored stays; run it again to go on.")
    if not outcome.exit_code:
        output.say(done if read else nothing)
    output.say(f"Run {outcome.run_id}.")
    return outcome.exit_code


def _document(outcome: Outcome) -> dict[str, object]:
    return {
        "run_id": outcome.run_id,
        "verb": outcome.verb,
        "verdict": outcome.verdict.value,
        "exit_code": outcome.exit_code,
        "totals": asdict(outcome.total),
        "scopes": [
            {"account_id": scope.account_id, "app_id": scope.app_id, "channel": scope.channel.value, **asdict(mended)}
            for scope, mended in outcome.scopes.items()
        ],
    }


def _row(scope: Scope, mended: Mended, names: Mapping[Scope, str]) -> list[str]:
    both = (("+", mended.links_added), ("-", mended.links_removed))
    links = " ".join(f"{sign}{number(count)}" for sign, count in both if count)
    return [
        names.get(scope, scope.account_id),
        scope.channel.value,
        number(mended.read),
        number(mended.inserted),
        number(mended.updated),
        links or "-",
        number(mended.left),
    ]
