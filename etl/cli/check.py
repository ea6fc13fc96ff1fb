"""`kore-etl check`: a doctor for configuration, credentials, the API and the warehouse."""

from __future__ import annotations

import functools
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from etl.cli.options import account_option, channel_option
from etl.cli.output import Output, clean, number
from etl.errors import AccountRefused, KoreEtlError, SourceError, WarehouseError

if TYPE_CHECKING:
    from etl.extract.source import AccountSource
    from etl.model import Profile, Scope
    from etl.settings import ResolvedAccount, Settings
    from etl.warehouse.warehouse import Warehouse


OBSERVED = timedelta(days=30)
"""How much of the latest history is read to observe the server."""

CLOCK_OFF = 2.0
"""Seconds that the source's clock, told in whole seconds, may differ before it is worth a word."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was tried. `trouble` is the kind of error that ended it, None when it went well."""

    what: str
    result: str
    seconds: float
    ok: bool
    account_id: str | None = None
    trouble: str | None = None


@click.command("check", short_help="Test everything a run needs.")
@account_option
@channel_option
@click.pass_obj
def command(output: Output, accounts: tuple[str, ...], channel: str | None) -> int:
    """Test the configuration, the warehouse, and for each account the secret, the token and the API.

    Also shows what is observed about the server: which date it filters by, whether it keeps the order, how many rows a
    page holds. Reads the last 30 days of each account and channel, a few requests; writes nothing.
    """
    from etl.cli import config, signals

    settings = config.load(output, needs="source")
    chosen = config.chosen(settings, accounts, channel)
    listings = {account: config.scopes(account, channel) for account in chosen}
    _print(output, Step("configuration", f"{len(chosen)} accounts, every setting is valid", 0.0, ok=True))
    steps = signals.run(lambda _: _examine(settings, listings, lambda step: _print(output, step)))
    code = verdict(steps)
    output.document({"exit_code": code, "steps": [asdict(step) for step in steps]})
    output.say()
    output.say("All is well: `kore-etl sync` can run." if code == 0 else "Mend what is marked above, then check again.")
    return code


def verdict(steps: Sequence[Step]) -> int:
    """6 for the warehouse, 3 when every account was refused, 5 when none could be read, 1 for some trouble, else 0."""
    if any(step.trouble == "warehouse" for step in steps):
        return 6
    asked = [step for step in steps if step.account_id is not None]
    by_account = {step.account_id: [s for s in asked if s.account_id == step.account_id] for step in asked}
    if asked and all(any(s.trouble == "refused" for s in some) for some in by_account.values()):
        return 3
    if asked and not any(step.ok for step in asked):
        return 5
    return 0 if all(step.ok for step in steps) else 1


async def _examine(
    settings: Settings, listings: dict[ResolvedAccount, tuple[Scope, ...]], show: Callable[[Step], None]
) -> list[Step]:
    from etl import bootstrap

    steps: list[Step] = []

    async def attempt(what: str, account_id: str | None, action: Callable[[], Awaitable[str]]) -> None:
        steps.append(await _try(what, account_id, action))
        show(steps[-1])

    scopes = [scope for some in listings.values() for scope in some]
    profiles: dict[Scope, Profile] = {}
    settle = bootstrap.plan_policy(settings).settle

    async def warehouse() -> str:
        async with bootstrap.warehouse(settings) as store:
            said = await _schema(store)
        profiles.update({state.scope: state.profile for state in await bootstrap.scope_states(settings, scopes)})
        return said

    await attempt("warehouse", None, warehouse)
    async with bootstrap.sources(settings, list(listings), lambda _: None) as sources:
        for account, some in listings.items():
            for scope in some:
                await attempt(
                    f"{account.name} {scope.channel.value}",
                    account.account_id,
                    functools.partial(_listing, sources[account], scope, profiles.get(scope), settle),
                )
    return steps


async def _try(what: str, account_id: str | None, action: Callable[[], Awaitable[str]]) -> Step:
    started = time.perf_counter()
    try:
        result, trouble = await action(), None
    except KoreEtlError as error:
        kinds = ((AccountRefused, "refused"), (WarehouseError, "warehouse"), (SourceError, "source"))
        result, trouble = str(error), next((name for kind, name in kinds if isinstance(error, kind)), "other")
    return Step(what, result, time.perf_counter() - started, trouble is None, account_id, trouble)


async def _schema(store: Warehouse) -> str:
    from etl.warehouse.migrate import SchemaState

    if await store.schema_state() is SchemaState.EMPTY:
        return "empty; the first sync creates the schema"
    await store.ready()
    return "reachable, the schema is up to date"


async def _listing(source: AccountSource, scope: Scope, known: Profile | None, settle: timedelta) -> str:
    from etl.model import FailedRead, Profile, Reason, Window

    page, _ = await source.census(scope)
    closed = datetime.now(UTC).replace(microsecond=0) - settle
    window = Window(scope, closed - OBSERVED, closed, Reason.LOOKBACK)
    read = await source.read(window, known or Profile())
    if isinstance(read, FailedRead):
        raise read.error
    total = "an unknown number of" if page.total is None else number(page.total)
    skew = 0.0 if page.server_now is None else (page.server_now - datetime.now(UTC)).total_seconds()
    clock = f"; its clock is {abs(skew):.0f} s {'ahead' if skew > 0 else 'behind'}" if abs(skew) > CLOCK_OFF else ""
    return f"answers, {total} campaigns{clock}; {observed(read.profile)}"


def observed(profile: Profile) -> str:
    """What is known of a server, in a few words."""
    dates = (
        "not known yet which date it filters by"
        if profile.filtered_date is None
        else (
            "ignores dates" if profile.filtered_date.value == "neither" else f"filters by {profile.filtered_date.value}"
        )
    )
    order = {None: "order not seen yet", True: "keeps the order", False: "does not keep the order asked for"}
    page = "" if profile.largest_page is None else f", largest page seen: {profile.largest_page} rows"
    return f"{dates}, {order[profile.order_kept]}{page}"


def _print(output: Output, step: Step) -> None:
    mark = click.style("ok  ", fg="green") if step.ok else click.style("FAIL", fg="red")
    output.say(f"{mark}  {clean(step.what)}: {clean(step.result)} ({step.seconds:.2f} s)")
