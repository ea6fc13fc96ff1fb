"""What `check` tries, step by step, and what each step found. Prints nothing."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from etl.cli.output import number
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

ACCOUNTS_TRIED_OTHERWISE = 3
"""Refused accounts that are asked with other settings as well; more would show the same."""

CLOCK_SECONDS = 30.0
"""A server's clock further off than this is worth a word: tokens are dated by it."""

Listings = Mapping["ResolvedAccount", Sequence["Scope"]]


class Step(Struct, frozen=True):
    """One thing that was tried. `trouble` is the kind of error that ended it, None when it went well."""

    what: str
    result: str
    """What was found; of an error the cause alone."""
    seconds: float = 0.0
    ok: bool = True
    account_id: str | None = None
    trouble: str | None = None
    remedy: str = ""
    observed: str = ""
    """What the server was seen to do where the docs are silent."""
    oddities: tuple[str, ...] = ()
    """What works and is worth a look all the same."""

    def document(self) -> dict[str, Any]:
        """The step in the JSON document; `result` is everything in one text."""
        return {
            "what": self.what,
            "result": "; ".join(filter(None, (self.result, self.observed)))
            + (f" {self.remedy}" if self.remedy else ""),
            "seconds": self.seconds,
            "ok": self.ok,
            "account_id": self.account_id,
            "trouble": self.trouble,
            "remedy": self.remedy or None,
            "oddities": list(self.oddities),
        }


def configuration(accounts: Sequence[ResolvedAccount]) -> Step:
    """What the settings look like: they are valid, or nothing would have come so far."""
    from etl.cli.output import many

    oddities = dict.fromkeys(sentence for account in accounts for sentence in _odd(account))
    listings = sum(len(account.channels) for account in accounts)
    every = f"{many(len(accounts), 'account')}, {many(listings, 'listing')}, every setting is valid"
    return Step("configuration", every, oddities=tuple(oddities))


def _odd(account: ResolvedAccount) -> list[str]:
    from etl import shapes

    secret = account.client_secret.get_secret_value()
    found = (
        ("account_id", shapes.odd_account_id(account.account_id)),
        ("app_id", shapes.odd_app_id(account.app_id)),
        ("client_id", shapes.odd_client_id(account.client_id)),
        ("client_secret_file", shapes.odd_secret(secret, account.client_id)),
    )
    return [f"{account.name}, {key}: {sentence}" for key, sentence in found if sentence]


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


async def examine(settings: Settings, listings: Listings, show: Callable[[Step], None]) -> list[Step]:
    """The warehouse, then the accounts; each step is shown as it ends. Keeps what was observed of the servers."""
    from etl import bootstrap

    steps = [await warehouse(settings)]
    show(steps[0])
    scopes = [scope for some in listings.values() for scope in some]
    states = await bootstrap.scope_states(settings, scopes) if steps[0].ok else []
    profiles = {state.scope: state.profile for state in states}
    before = dict(profiles)
    async with aclosing(accounts(settings, listings, profiles)) as found:
        async for step in found:
            steps.append(step)
            show(step)
    if steps[0].ok:
        await _keep(settings, before, profiles)
    return steps


KINDS = (
    (AccountRefused, "refused"),
    (AccountFailed, "unavailable"),
    (WarehouseError, "warehouse"),
    (SourceError, "source"),
)


async def attempt(what: str, account_id: str | None, action: Callable[[], Awaitable[str]]) -> Step:
    """The step that this action makes; its error becomes one that failed."""
    started = time.perf_counter()
    try:
        result = await action()
    except KoreEtlError as error:
        kind = next((name for kind, name in KINDS if isinstance(error, kind)), "other")
        seconds = time.perf_counter() - started
        return Step(what, error.cause, seconds, False, account_id, kind, error.remedy)
    return Step(what, result, time.perf_counter() - started, account_id=account_id)


# -- the warehouse ----------------------------------------------------------------------------------------------------


async def warehouse(settings: Settings) -> Step:
    """Whether the database opens, has our schema or room for it, and lets this role write."""
    from etl import bootstrap

    async def opened() -> str:
        async with bootstrap.warehouse(settings) as store:
            return await _schema(store, bootstrap.address(settings))

    return await attempt("warehouse", None, opened)


async def _schema(store: Warehouse, address: Address) -> str:
    from etl.warehouse.migrate import REVISIONS, SchemaState

    await asyncio.to_thread(try_file, address)
    state = await store.schema_state()
    if state not in (SchemaState.EMPTY, SchemaState.CURRENT):
        await store.ready()
    await store.require_rights()
    if state is SchemaState.EMPTY:
        return f"{address.shown} is empty; the first sync creates the schema"
    return f"{address.shown} can be written, its schema ({REVISIONS[-1]}) is up to date"


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
        remedy = "Make it writable, or name another place in [warehouse] url."
        raise WarehouseError(f"{what} cannot be written: {error.strerror}. {remedy}", remedy=remedy) from error


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


# -- the accounts -----------------------------------------------------------------------------------------------------


async def reach(host: str) -> Step:
    """Whether anything answers HTTP at this host (with scheme): DNS, proxy, connection, TLS. No token is sent."""
    from urllib.parse import urlsplit

    from etl.extract import attempt as http
    from etl.extract.wire import is_loopback

    async def answered() -> str:
        outside = not is_loopback(urlsplit(host).hostname or "")
        async with http.open_session(max_in_flight=1, trust_env=outside) as session:
            await http.post(session, f"{host}/", headers={}, body=b"{}", timeout_seconds=10, max_body_bytes=2**24)
        return "answers"

    return await attempt(host, None, answered)


async def accounts(
    settings: Settings, listings: Listings, profiles: dict[Scope, Profile]
) -> AsyncGenerator[Step, None]:
    """The accounts side by side; their steps in the configured order."""
    from etl import sources
    from etl.cli import otherwise

    turns = asyncio.Semaphore(ACCOUNTS_AT_ONCE)
    async with sources.opened(impatient(settings), list(listings), lambda _: None) as opened:

        async def examined(account: ResolvedAccount) -> list[Step]:
            async with turns:
                return await _account(account, opened[account], listings[account], profiles)

        tasks = [asyncio.create_task(examined(account)) for account in listings]
        tried = 0
        try:
            for account, task in zip(listings, tasks, strict=True):
                steps = await task
                if tried < ACCOUNTS_TRIED_OTHERWISE and otherwise.may_help(steps[0]):
                    tried += 1
                    works = await otherwise.tried(impatient(settings), account, listings[account][0])
                    steps[0] = replace(steps[0], remedy=works or steps[0].remedy)
                for step in steps:
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
            told = "not asked, see above"
            steps.append(Step(what, told, 0.0, False, account.account_id, steps[-1].trouble))
            continue

        async def listing(scope: Scope = scope) -> str:
            return await _listing(source, scope, profiles)

        step = await attempt(what, account.account_id, listing)
        profile = profiles.get(scope)
        if step.ok and profile is not None:
            step = replace(step, observed=observed(profile), oddities=_clock(profile))
        steps.append(step)
    return steps


async def _listing(source: AccountSource, scope: Scope, profiles: dict[Scope, Profile]) -> str:
    from etl.model import Profile

    found = await source.observe(scope, profiles.get(scope) or Profile())
    profiles[scope] = found.profile
    total = "an unknown number of" if found.total is None else number(found.total)
    return f"answers, {total} campaigns"


def _clock(profile: Profile) -> tuple[str, ...]:
    skew = profile.clock_skew_seconds or 0.0
    if abs(skew) < CLOCK_SECONDS:
        return ()
    direction = "behind" if skew > 0 else "ahead of"
    return (f"This machine's clock is {abs(skew):,.0f} s {direction} Kore.ai's; set it right (NTP).",)


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
