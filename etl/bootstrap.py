"""From settings to a source and a warehouse: the only file that knows both rooms."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from etl import __version__, authorities, keep, mending, pipeline, plan, transform, turn, withheld
from etl.errors import WarehouseError
from etl.extract import wire
from etl.extract.attempt import open_session
from etl.extract.auth import TokenMint
from etl.extract.pace import Pace
from etl.extract.retry import Budget, RetryPolicy
from etl.extract.room import Room
from etl.extract.source import AccountSource, Api
from etl.model import (
    BEGINNING,
    Decode,
    Difference,
    Emit,
    Interval,
    Keep,
    Mended,
    ReadPage,
    RunOutcome,
    Scope,
    ScopeState,
    Verb,
    Window,
)
from etl.settings import ResolvedAccount, Settings
from etl.warehouse import account_table
from etl.warehouse.address import Address, parse
from etl.warehouse.comparing import Comparing
from etl.warehouse.lease import Lease
from etl.warehouse.migrate import SchemaState
from etl.warehouse.warehouse import Warehouse

RETRY_TOTAL_SECONDS = 900.0
"""The longest one request is tried for, waits included; `max_attempts` usually ends it sooner."""


def utc_now() -> datetime:
    """The clock of the whole program."""
    return datetime.now(UTC)


def warehouse(settings: Settings) -> Warehouse:
    """The configured warehouse; nothing is opened before its first use. Close it, or use it as a context manager."""
    place = settings.warehouse
    return Warehouse.connect(
        place.url_text(),
        schema=place.schema_name,
        password=place.password(),
        clock=utc_now,
        read_on=transform.read_on,
        withhold=None if place.store_message_text else withheld.stored,
    )


def account_rows(settings: Settings) -> list[dict[str, Any]]:
    """The rows of the table that `accounts_from` names, in the warehouse unless it has a URL of its own."""
    place = settings.accounts_from
    where = (
        address(settings) if place.url is None else parse(place.url.get_secret_value(), schema="public", password=None)
    )
    return asyncio.run(account_table.read(where, place.table or ""))


def decode(settings: Settings) -> Decode:
    """How a record's bytes become what is stored of it."""
    return transform.decode if settings.warehouse.store_message_text else withheld.decode


def _read(settings: Settings, account: ResolvedAccount, *, whole: bool) -> ReadPage:
    """How much of a record is read when it comes: all of it where all of it decides what becomes of it."""
    whole = whole or account.keep != Keep() or not settings.warehouse.store_message_text
    return transform.each(decode(settings)) if whole else transform.glance


def address(settings: Settings) -> Address:
    """Where the configured warehouse is; `shown` of it holds no password. Raises ConfigError."""
    place = settings.warehouse
    return parse(place.url_text(), schema=place.schema_name, password=place.password())


def tls(settings: Settings) -> ssl.SSLContext | None:
    """Trusts what `ca_file` names besides the system's authorities; None without one."""
    pem = settings.api.authorities()
    return None if pem is None else authorities.context(pem)


@asynccontextmanager
async def sources(
    settings: Settings, accounts: Sequence[ResolvedAccount], emit: Emit, *, whole: bool = True
) -> AsyncIterator[dict[ResolvedAccount, AccountSource]]:
    """A source for each account; they share connections, places in flight and what may be spent on trying again, the
    apps of one account its pace."""
    in_flight = asyncio.Semaphore(settings.api.max_in_flight)
    aside = asyncio.Semaphore(max(1, settings.api.max_in_flight // 4))
    budget = Budget(emit)
    room = Room(max(settings.sync.max_rows_held, settings.sync.max_window_rows))
    paces: dict[tuple[str, str], Pace] = {}
    # A proxy of the environment is for the world outside: a sandbox on this machine must not be looked for there.
    outside = not all(wire.is_loopback(urlsplit(account.host).hostname or "") for account in accounts)
    in_all = settings.api.max_in_flight
    async with open_session(max_in_flight=in_all, trust_env=outside, tls=tls(settings)) as session:
        opened = {}
        for account in accounts:
            limited = (account.host, account.account_id)
            if limited not in paces:
                paces[limited] = _pace(account, emit, aside)
            opened[account] = AccountSource(
                api=_api(settings, account),
                mint=_mint(settings, account),
                pace=paces[limited],
                retry=_retry(settings),
                budget=budget,
                session=session,
                in_flight=in_flight,
                room=room,
                read=_read(settings, account, whole=whole),
                clock=utc_now,
                sleep=asyncio.sleep,
                monotonic=time.monotonic,
                emit=emit,
            )
        yield opened


def sync_order(
    settings: Settings,
    *,
    wait_seconds: float = 0,
    accept_deletions: bool = False,
    resume_from: datetime | None = None,
    deadline_seconds: float | None = None,
) -> turn.Order:
    """The nightly run; with `resume_from`, what of it was not proven since then."""
    policy = plan_policy(settings)
    return turn.Order(
        verb=Verb.SYNC,
        plan=lambda state, now: _left(plan.sync(state, policy, now), state, policy, resume_from),
        whole=lambda scope, now, total: plan.whole(scope, policy, now, total),
        accept_deletions=accept_deletions,
        price=lambda windows, state: plan.requests(windows, state, policy),
        version=__version__,
        lease_seconds=settings.sync.lease_seconds,
        wait_seconds=wait_seconds,
        deadline_seconds=deadline_seconds,
    )


def verify_order(settings: Settings, *, wait_seconds: float = 0) -> turn.Order:
    """The whole history and the tail, whatever is proven already."""
    policy = plan_policy(settings)
    return turn.Order(
        verb=Verb.VERIFY,
        plan=lambda state, now: plan.everything(state.scope, policy, now),
        whole=lambda *_: None,
        price=lambda windows, state: plan.requests(windows, state, policy),
        version=__version__,
        lease_seconds=settings.sync.lease_seconds,
        wait_seconds=wait_seconds,
    )


def backfill_order(
    settings: Settings,
    *,
    start: datetime,
    end: datetime,
    only_gaps: bool = False,
    rewrite: bool = False,
    wait_seconds: float = 0,
    resume_from: datetime | None = None,
    deadline_seconds: float | None = None,
) -> turn.Order:
    """The interval `[start, end)` again; with `resume_from`, what of it was not proven since then."""
    policy = plan_policy(settings)

    def windows(state: ScopeState, now: datetime) -> tuple[Window, ...]:
        asked = plan.backfill(state, now, start=start, end=end, only_gaps=only_gaps)
        return _left(asked, state, policy, resume_from)

    return turn.Order(
        verb=Verb.BACKFILL,
        plan=windows,
        whole=lambda *_: None,
        price=lambda windows, state: plan.requests(windows, state, policy),
        version=__version__,
        lease_seconds=settings.sync.lease_seconds,
        wait_seconds=wait_seconds,
        rewrite=rewrite,
        deadline_seconds=deadline_seconds,
    )


def _left(
    windows: tuple[Window, ...], state: ScopeState, policy: plan.Policy, since: datetime | None
) -> tuple[Window, ...]:
    return windows if since is None else plan.left(windows, state, policy, since)


def plan_policy(settings: Settings) -> plan.Policy:
    """The settings that shape a night."""
    return plan.Policy(
        history_start=settings.sync.history_start or BEGINNING,
        lookback=timedelta(days=settings.sync.lookback_days),
        settle=timedelta(minutes=settings.sync.settle_minutes),
        full_sweep_rows=settings.sync.full_sweep_rows,
        resweep_days=settings.sync.resweep_days,
        max_window_rows=settings.sync.max_window_rows,
        page_size=settings.api.page_size,
    )


async def scope_states(settings: Settings, scopes: Sequence[Scope]) -> list[ScopeState]:
    """What the warehouse knows of each scope; nothing where it has no schema yet. Writes nothing, creates nothing."""
    async with warehouse(settings) as store:
        return await _states(store, settings, scopes)


async def _states(store: Warehouse, settings: Settings, scopes: Sequence[Scope]) -> list[ScopeState]:
    if await store.schema_state() is SchemaState.EMPTY:
        return [ScopeState(scope) for scope in scopes]
    await store.ready()
    keeps = _keep_texts(settings)
    return [await store.scope_state(scope, keeps.get(scope)) for scope in scopes]


def _keep_texts(settings: Settings) -> dict[Scope, str | None]:
    """Each configured listing's filter as the ledger has it."""
    return {
        Scope(account.account_id, account.app_id, channel): keep.text(account.keep)
        for account in settings.resolved_accounts()
        for channel in account.channels
    }


async def gaps(
    settings: Settings, scopes: Sequence[Scope], within: Interval | None = None
) -> list[tuple[Scope, Interval]]:
    """Intervals never proven, scope by scope, of all or of one stretch. A scope that was never read is one gap."""
    async with warehouse(settings) as store:
        states = await _states(store, settings, scopes)
    policy, now = plan_policy(settings), utc_now()
    return [(state.scope, interval) for state in states for interval in plan.gaps(state, policy, now, within)]


async def execute(
    settings: Settings,
    order: turn.Order,
    scopes: Mapping[ResolvedAccount, Sequence[Scope]],
    *,
    emit: Emit,
    stop_code: Callable[[], int],
) -> RunOutcome:
    """Run an order: an empty warehouse is migrated first, one on another schema version is refused."""
    async with warehouse(settings) as store, sources(settings, list(scopes), emit, whole=False) as opened:
        await store.ready()
        return await pipeline.run(_jobs(scopes, opened), store, order, clock=utc_now, emit=emit, stop_code=stop_code)


async def verify(
    settings: Settings,
    order: turn.Order,
    scopes: Mapping[ResolvedAccount, Sequence[Scope]],
    *,
    emit: Emit,
    stop_code: Callable[[], int],
) -> tuple[RunOutcome, tuple[Difference, ...]]:
    """Read everything as `execute` does, and compare instead of storing."""
    async with warehouse(settings) as store, sources(settings, list(scopes), emit) as opened:
        if await store.schema_state() is SchemaState.EMPTY:
            raise WarehouseError("The warehouse is empty, so there is nothing to verify: run `kore-etl sync` first.")
        await store.ready()
        comparing = Comparing(store)
        outcome = await pipeline.run(
            _jobs(scopes, opened), comparing, order, clock=utc_now, emit=emit, stop_code=stop_code
        )
        return outcome, await comparing.differences(outcome)


async def replay(
    settings: Settings, scopes: Sequence[Scope] | None, *, wait_seconds: float, stop_code: Callable[[], int]
) -> mending.Outcome:
    """Rebuild typed columns and links from the raw texts; of every stored scope, unless some are named."""
    async with warehouse(settings) as store:
        await _current(store)

        def mend(lease: Lease, run_id: str, scope: Scope) -> AsyncIterator[Mended]:
            return store.replay(lease, run_id, scope, decode(settings))

        order = mending.Order("replay", __version__, settings.sync.lease_seconds, wait_seconds)
        chosen = [scope for scope in await store.stored_scopes() if scopes is None or scope in scopes]
        return await mending.run(chosen, store, order, mend, clock=utc_now, stop_code=stop_code)


async def retry_rejects(settings: Settings, *, wait_seconds: float, stop_code: Callable[[], int]) -> mending.Outcome:
    """Store what can be stored by now of the rejected records, under each account's `keep`."""
    accounts = settings.resolved_accounts()
    keeps = {Scope(one.account_id, one.app_id, channel): one.keep for one in accounts for channel in one.channels}
    async with warehouse(settings) as store:
        await _current(store)

        def mend(lease: Lease, run_id: str, scope: Scope) -> AsyncIterator[Mended]:
            mine = keeps.get(scope, Keep())
            apps = dict.fromkeys(one.app_id for one in accounts if one.account_id == scope.account_id)
            return store.retry_rejects(
                lease,
                run_id,
                scope,
                decode(settings),
                wants=lambda campaign: keep.wants(mine, campaign),
                app_rank={app_id: rank for rank, app_id in enumerate(apps)},
            )

        order = mending.Order("rejects retry", __version__, settings.sync.lease_seconds, wait_seconds)
        scopes = await store.stored_scopes()
        return await mending.run(scopes, store, order, mend, clock=utc_now, stop_code=stop_code)


async def _current(store: Warehouse) -> None:
    if await store.schema_state() is SchemaState.EMPTY:
        raise WarehouseError("The warehouse is empty: there is nothing to read again. Run `kore-etl sync` first.")
    await store.ready()


def _jobs(
    scopes: Mapping[ResolvedAccount, Sequence[Scope]], opened: Mapping[ResolvedAccount, AccountSource]
) -> list[turn.Job]:
    """The apps of one account share its turn, as they share its lease and its request budget."""
    by_account: dict[str, dict[Scope, turn.Source]] = {}
    keeps = {scope: account.keep for account, listings in scopes.items() for scope in listings}
    for account, listings in scopes.items():
        for scope in listings:
            by_account.setdefault(account.account_id, {})[scope] = opened[account]
    return [turn.Job(account_id, listings, keeps) for account_id, listings in by_account.items()]


def _pace(account: ResolvedAccount, emit: Emit, aside: asyncio.Semaphore) -> Pace:
    return Pace(
        account.account_id,
        account.requests_per_minute,
        monotonic=time.monotonic,
        sleep=asyncio.sleep,
        emit=emit,
        aside=aside,
    )


def _api(settings: Settings, account: ResolvedAccount) -> Api:
    return Api(
        host=account.host,
        account_id=account.account_id,
        app_id=account.app_id,
        path=settings.api.path,
        account_id_in_query=settings.api.account_id_in_query,
        user_agent=f"kore-etl/{__version__}",
        page_size=settings.api.page_size,
        requests_per_minute=account.requests_per_minute,
        attempt_timeout_seconds=settings.api.attempt_timeout_seconds,
        max_body_bytes=settings.api.max_body_mb * 1024 * 1024,
        max_window_rows=settings.sync.max_window_rows,
        settle_minutes=settings.sync.settle_minutes,
    )


def _mint(settings: Settings, account: ResolvedAccount) -> TokenMint:
    return TokenMint(
        account.client_id,
        account.client_secret.get_secret_value(),
        settings.auth.token_ttl_seconds,
        settings.auth.single_use_tokens,
        utc_now,
    )


def _retry(settings: Settings) -> RetryPolicy:
    return RetryPolicy(
        max_attempts=settings.api.max_attempts,
        backoff_seconds=settings.api.backoff_seconds,
        max_wait_seconds=settings.api.max_wait_seconds,
        total_seconds=RETRY_TOTAL_SECONDS,
    )
