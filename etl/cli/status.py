"""`kore-etl status`: how fresh and how complete each account is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click
from msgspec import Struct, field

from etl.cli.options import account_option, channel_option
from etl.cli.output import ARROW, Column, Output, ago, clean, here, many, number, plain, when, zone

if TYPE_CHECKING:
    from etl.cli.morning import Listing
    from etl.model import Scope
    from etl.settings import Settings
    from etl.warehouse.reading import RunLine, ScopeFreshness
    from etl.warehouse.recent import Changes
    from etl.warehouse.standing import Standing
    from etl.warehouse.warehouse import Warehouse


SHOWN = 20
"""Listings in the table, worst first, unless --all asks for the rest."""

RECENT = timedelta(hours=24)
"""What counts as last night's changes."""


@click.command("status", short_help="Freshness and coverage.")
@account_option
@channel_option
@click.option("--all", "everything", is_flag=True, help=f"Every listing, not just the worst {SHOWN}.")
@click.pass_obj
def command(output: Output, accounts: tuple[str, ...], channel: str | None, everything: bool) -> int:
    """Is the copy fresh and complete? One verdict, what changed, what waits, and each listing, worst first.

    A listing is one account's channel. It is stale when what is proven is older than 26 hours, which a nightly run
    never lets happen. Times are this machine's; stretches that are not proven are in UTC, as `backfill` takes them.
    Exit 0 whatever is found: `kore-etl gaps` is the verb that judges.

    \b
    Examples
      kore-etl status
      kore-etl status --all
      kore-etl status --account 67777ce93e25326494e9aaaa --channel sms
      kore-etl --json status
    """
    from etl import bootstrap
    from etl.cli import config, morning
    from etl.cli.reading import nothing_read, read, where

    output, now = output.answering(), bootstrap.utc_now()
    settings = config.load(output, "warehouse")

    async def query(store: Warehouse) -> Found:
        fresh, changes = await store.freshness(), await store.changes(now - RECENT)
        listings = _listings(settings, chosen(settings, fresh, accounts, channel), changes)
        shown = listings if everything or output.as_json else _worst(listings)
        of = None if len(shown) == len(listings) else sorted({one.scope.account_id for one in shown})
        return Found(listings, shown, await store.runs(limit=5), await store.standings(of))

    never = _listings(settings, chosen(settings, (), accounts, channel), {}) if settings.resolved_accounts() else []
    found = read(settings, query, empty=Found(never, never if everything else _worst(never)))
    output.document(
        {
            "exit_code": 0,
            "warehouse": where(settings),
            "scopes": [_document(one, found.standings.get(one.scope)) for one in found.listings],
            "runs": [plain(run) for run in found.runs],
        }
    )
    mark, said = morning.verdict(found.listings, found.runs)
    output.step(mark, "", 0, said)
    output.fact("Last run", morning.last_run(found.runs, now))
    output.fact("24 hours", morning.changed(found.listings))
    output.fact("Waiting", morning.waiting(found.listings))
    output.fact("Warehouse", where(settings))
    _show(output, found)
    sentences = list(morning.to_do(found.listings, found.runs, now))
    if sentences:
        output.say()
    for sentence in sentences:
        output.step(ARROW, "", 0, sentence)
    if not found.runs:
        output.say(nothing_read(settings))
    return 0


class Found(Struct, frozen=True):
    """What was asked of the warehouse. `listings` are all, worst first; `shown` those of the table."""

    listings: Sequence[Listing]
    shown: Sequence[Listing]
    runs: Sequence[RunLine] = ()
    standings: Mapping[Scope, Standing] = field(default_factory=dict)


def _worst(listings: Sequence[Listing]) -> Sequence[Listing]:
    """Few are shown whole; of many those that need somebody, else the first ones."""
    if len(listings) <= SHOWN:
        return listings
    return [one for one in listings if one.state.needs_somebody][:SHOWN] or listings[:SHOWN]


def chosen(
    settings: Settings, stored: Sequence[ScopeFreshness], account_ids: Sequence[str], channel: str | None
) -> list[ScopeFreshness]:
    """What was read and what is configured and was not, narrowed by the options. Raises ConfigError."""
    from etl.cli.config import names, unknown
    from etl.errors import ConfigError

    read, called = {line.scope: line for line in stored}, names(settings)
    scopes = [*called, *(scope for scope in read if scope not in called)]
    known = sorted({scope.account_id for scope in scopes})
    if problems := [unknown(one, known) for one in account_ids if one not in known]:
        raise ConfigError(tuple(problems))
    return [
        read.get(scope) or _never(scope)
        for scope in scopes
        if (not account_ids or scope.account_id in account_ids) and channel in (None, scope.channel.value)
    ]


def _listings(settings: Settings, lines: Sequence[ScopeFreshness], changes: Mapping[Scope, Changes]) -> list[Listing]:
    """Each with its account's name and what changed lately, worst first."""
    from etl.cli.config import names
    from etl.cli.morning import Listing, worst_first
    from etl.warehouse.recent import Changes

    called = names(settings)
    return worst_first(
        [
            Listing(called.get(line.scope, line.scope.account_id), line, changes.get(line.scope, Changes()))
            for line in lines
        ]
    )


def _never(scope: Scope) -> ScopeFreshness:
    from etl.warehouse.reading import ScopeFreshness

    return ScopeFreshness(
        scope=scope,
        proven_until=None,
        newest_proven_end=None,
        last_proven_at=None,
        last_run_id=None,
        last_run_verdict=None,
        last_run_finished_at=None,
        unproven_windows=0,
        live_rows=0,
        age_seconds=None,
        rejects_waiting=0,
    )


def _document(one: Listing, standing: Standing | None) -> dict[str, Any]:
    """A listing and what its copy rests on, as JSON."""
    from etl.warehouse.standing import Standing

    found = standing or Standing()
    doubts = [{"start": doubt.interval.start, "end": doubt.interval.end, "why": doubt.why} for doubt in found.doubts]
    return plain(one.fresh) | {
        "state": one.state.name.lower(),
        "new_24h": one.changes.new,
        "changed_24h": one.changes.changed,
        "deleted_24h": one.changes.deleted,
        "proofs": found.proofs,
        "oldest_read_at": found.oldest_read_at,
        "pending_deletions": found.pending_deletions,
        "doubts": doubts,
    }


def _columns() -> tuple[Column, ...]:
    return (
        Column("Account", cuts=True),
        Column("Channel"),
        Column("State", hides=True),
        Column(f"Proven to ({zone()})"),
        Column("Age", number=True),
        Column("Campaigns", number=True),
        Column("New", number=True, hides=True, spare=True),
        Column("Changed", number=True, hides=True, spare=True),
        Column("Deleted", number=True, hides=True, spare=True),
        Column("Unproven", number=True, hides=True, spare=True),
        Column("Rejected", number=True, hides=True),
        Column("Missing", number=True, hides=True, spare=True),
        Column("Oldest read", spare=True),
        Column("Proofs", spare=True),
    )


def _show(output: Output, found: Found) -> None:
    if found.shown:
        output.say()
        output.table(_columns(), [_line(one, found.standings.get(one.scope)) for one in found.shown])
    left = found.listings[len(found.shown) :]
    if left:
        well = sum(not one.state.needs_somebody for one in left)
        output.say(
            f"... and {many(len(left), 'more listing')}, {number(well)} of them fresh and complete; --all shows them."
        )
    for one in found.shown:
        for doubt in found.standings[one.scope].doubts if one.scope in found.standings else ():
            stretch = f"{when(doubt.interval.start)} to {when(doubt.interval.end)} UTC"
            output.say(f"Not proven: {clean(one.name)} {one.scope.channel.value}, {stretch}: {clean(doubt.why)}")


def _line(one: Listing, standing: Standing | None) -> tuple[str, ...]:
    from etl.cli.morning import WORDS

    fresh = one.fresh
    return (
        one.name,
        one.scope.channel.value,
        WORDS[one.state],
        here(fresh.proven_until),
        "-" if fresh.age_seconds is None else ago(timedelta(seconds=fresh.age_seconds)),
        number(fresh.live_rows),
        number(one.changes.new),
        number(one.changes.changed),
        number(one.changes.deleted),
        number(fresh.unproven_windows),
        number(fresh.rejects_waiting),
        number(one.changes.missing),
        here(standing.oldest_read_at if standing else None),
        ", ".join(standing.proofs if standing else ()) or "-",
    )
