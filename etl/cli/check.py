"""`kore-etl check`: a doctor for configuration, credentials, the API and the warehouse."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import click

from etl.cli.options import account_option, channel_option
from etl.cli.output import Output, clean, many, number
from etl.errors import AccountFailed, AccountRefused, KoreEtlError, LeaseError, SourceError, WarehouseError

if TYPE_CHECKING:
    from etl.extract.source import AccountSource
    from etl.model import Profile, Scope
    from etl.settings import ResolvedAccount, Settings
    from etl.warehouse.address import Address
    from etl.warehouse.warehouse import Warehouse


ATTEMPTS = 2
"""How often one request is tried: who checks waits for the answer, a run is more stubborn."""

ACCOUNTS_AT_ONCE = 16

WORTH_TELLING = 1.0
"""Seconds from which on it is said how long a step took."""


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

    Also observes what the server does where the docs are silent (which date it filters by, whether bounds are included,
    the order kept, `skip` or `page` wins), with at most 7 requests per account and channel, and keeps that in the
    warehouse for the nights to come. Writes no campaign.
    """
    from etl.cli import config, signals

    settings = config.load(output, needs="source")
    chosen = config.chosen(settings, accounts, channel)
    listings = {account: config.scopes(account, channel) for account in chosen}
    _print(output, Step("configuration", f"{many(len(chosen), 'account')}, every setting is valid", 0.0, ok=True))
    steps = signals.run(lambda _: _examine(settings, listings, lambda step: _print(output, step)))
    code = verdict(steps)
    output.document({"exit_code": code, "steps": [asdict(step) for step in steps]})
    output.say()
    output.say("All is well: `kore-etl sync` can run." if code == 0 else "Mend what failed above, then check again.")
    return code


def verdict(steps: Sequence[Step]) -> int:
    """6 for the warehouse, 3 when every account was refused, 5 when none could be read, 1 for some trouble, else 0."""
    if any(step.trouble == "warehouse" for step in steps):
        return 6
    asked = [step for step in steps if step.account_id is not None]
    by_account: dict[str | None, list[Step]] = {}
    for step in asked:
        by_account.setdefault(step.account_id, []).append(step)
    if asked and all(any(s.trouble == "refused" for s in some) for some in by_account.values()):
        return 3
    if asked and not any(step.ok for step in asked):
        return 5
    return 0 if all(step.ok for step in steps) else 1


async def _examine(
    settings: Settings, listings: dict[ResolvedAccount, tuple[Scope, ...]], show: Callable[[Step], None]
) -> list[Step]:
    from etl import bootstrap

    profiles: dict[Scope, Profile] = {}

    async def warehouse() -> str:
        async with bootstrap.warehouse(settings) as store:
            said = await _schema(store, bootstrap.address(settings))
        scopes = [scope for some in listings.values() for scope in some]
        profiles.update({state.scope: state.profile for state in await bootstrap.scope_states(settings, scopes)})
        return said

    steps = [await _try("warehouse", None, warehouse)]
    show(steps[0])
    before = dict(profiles)
    async with aclosing(_accounts(settings, listings, profiles)) as found:
        async for step in found:
            steps.append(step)
            show(step)
    if steps[0].ok:
        await _keep(settings, before, profiles)
    return steps


async def _accounts(
    settings: Settings, listings: Mapping[ResolvedAccount, Sequence[Scope]], profiles: dict[Scope, Profile]
) -> AsyncGenerator[Step, None]:
    """The accounts side by side; their steps in the configured order."""
    from etl import bootstrap

    turns = asyncio.Semaphore(ACCOUNTS_AT_ONCE)
    async with bootstrap.sources(impatient(settings), list(listings), lambda _: None) as sources:

        async def examine(account: ResolvedAccount) -> list[Step]:
            async with turns:
                return await _account(account, sources[account], listings[account], profiles)

        tasks = [asyncio.create_task(examine(account)) for account in listings]
        try:
            for task in tasks:
                for step in await task:
                    yield step
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def impatient(settings: Settings) -> Settings:
    """The settings with few attempts and short waits, so that two attempts' time is about the longest it takes."""
    longest = min(settings.api.max_wait_seconds, settings.api.attempt_timeout_seconds)
    attempts = min(settings.api.max_attempts, ATTEMPTS)
    api = settings.api.model_copy(update={"max_attempts": attempts, "max_wait_seconds": longest})
    return settings.model_copy(update={"api": api})


async def _account(
    account: ResolvedAccount,
    source: AccountSource,
    scopes: Sequence[Scope],
    profiles: dict[Scope, Profile],
) -> list[Step]:
    """One account's channels; what is wrong with the account as a whole is asked and told once."""
    steps: list[Step] = []
    for scope in scopes:
        what = f"{account.name} {scope.channel.value}"
        if steps and steps[-1].trouble in ("refused", "unavailable"):
            told = "not asked, it would fail as the one above"
            steps.append(Step(what, told, 0.0, ok=False, account_id=account.account_id, trouble=steps[-1].trouble))
            continue

        async def listing(scope: Scope = scope) -> str:
            return await _listing(source, scope, profiles)

        steps.append(await _try(what, account.account_id, listing))
    return steps


KINDS = (
    (AccountRefused, "refused"),
    (AccountFailed, "unavailable"),
    (WarehouseError, "warehouse"),
    (SourceError, "source"),
)


async def _try(what: str, account_id: str | None, action: Callable[[], Awaitable[str]]) -> Step:
    started = time.perf_counter()
    try:
        result, trouble = await action(), None
    except KoreEtlError as error:
        result, trouble = str(error), next((name for kind, name in KINDS if isinstance(error, kind)), "other")
    return Step(what, result, time.perf_counter() - started, trouble is None, account_id, trouble)


async def _schema(store: Warehouse, address: Address) -> str:
    from etl.warehouse.migrate import SchemaState

    await asyncio.to_thread(try_file, address)
    if await store.schema_state() is SchemaState.EMPTY:
        return f"{address.shown} is empty; the first sync creates the schema"
    await store.ready()
    return f"{address.shown} is reachable, the schema is up to date"


def try_file(address: Address) -> None:
    """Raise WarehouseError where a SQLite file cannot be written, or not be created. Leaves nothing behind."""
    file = address.file
    if file is None:
        return
    try:
        if file.exists():
            file.open("r+b").close()
        with tempfile.TemporaryFile(dir=file.parent):  # SQLite writes its log beside the file
            pass
    except OSError as error:
        what = f"The file {file}" if error.filename == str(file) else f"The folder {file.parent}"
        raise WarehouseError(
            f"{what} cannot be written: {error.strerror}. Make it writable, or name another place in [warehouse] url."
        ) from error


async def _listing(source: AccountSource, scope: Scope, profiles: dict[Scope, Profile]) -> str:
    from etl.model import Profile

    found = await source.observe(scope, profiles.get(scope) or Profile())
    profiles[scope] = found.profile
    total = "an unknown number of" if found.total is None else number(found.total)
    skew = found.profile.clock_skew_seconds or 0.0
    clock = f"; its clock is {abs(skew):.0f} s {'ahead' if skew > 0 else 'behind'}" if skew else ""
    return f"answers, {total} campaigns{clock}; {observed(found.profile)}"


async def _keep(settings: Settings, before: Mapping[Scope, Profile], after: Mapping[Scope, Profile]) -> None:
    """What was observed, for the nights to come; not where there is no schema yet, or another run has the account."""
    from etl import bootstrap
    from etl.warehouse.migrate import SchemaState

    news = {scope: profile for scope, profile in after.items() if profile != before.get(scope)}
    async with bootstrap.warehouse(settings) as store:
        if not news or await store.schema_state() is not SchemaState.CURRENT:
            return
        for account_id in sorted({scope.account_id for scope in news}):
            with contextlib.suppress(LeaseError):
                async with store.lease(account_id, seconds=settings.sync.lease_seconds) as lease:
                    for scope in sorted(scope for scope in news if scope.account_id == account_id):
                        await store.save_profile(lease, scope, news[scope])


def observed(profile: Profile) -> str:
    """What is known of a server, in a few words."""
    words = []
    if profile.filtered_date is not None:
        neither = profile.filtered_date.value == "neither"
        words.append("ignores dates" if neither else f"filters by {profile.filtered_date.value}")
    bounds = {(True, True): "both bounds included", (True, False): "end excluded", (False, True): "start excluded"}
    told = (profile.start_inclusive, profile.end_inclusive)
    if None not in told:
        words.append(bounds.get((bool(told[0]), bool(told[1])), "both bounds excluded"))
    if profile.order_kept is not None:
        words.append("keeps the order" if profile.order_kept else "does not keep the order asked for")
    if profile.offset_by is not None:
        words.append(f"`{profile.offset_by}` wins")
    return ", ".join(words) or "too few rows to observe the server"


def _print(output: Output, step: Step) -> None:
    took = f" ({step.seconds:.0f} s)" if step.seconds > WORTH_TELLING else ""
    word, colour = ("ok  ", "green") if step.ok else ("FAIL", "red")
    output.item(word, colour, f"{clean(step.what)}: {clean(step.result)}{took}", loud=not step.ok)
