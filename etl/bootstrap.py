"""From settings to a warehouse and to what a verb does with it and with the sources (`etl.sources`)."""

from __future__ import annotations

import asyncio
import importlib
import ssl
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from etl import __version__, authorities, keep, mending, pipeline, plan, transform, turn, withheld
from etl.errors import WarehouseError
from etl.model import (
    BEGINNING,
    Decode,
    Difference,
    Emit,
    Interval,
    Keep,
    Mended,
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


def address(settings: Settings) -> Address:
    """Where the configured warehouse is; `shown` of it holds no password. Raises ConfigError."""
    place = settings.warehouse
    return parse(place.url_text(), schema=place.schema_name, password=place.password())


def tls(settings: Settings) -> ssl.SSLContext | None:
    """Trusts what `ca_file` names besides the system's authorities; None without one."""
    pem = settings.api.authorities()
    return None if pem is None else authorities.context(pem)


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
    async with warehouse(settings) as store:
        await asyncio.gather(store.ready(), _loaded())
        from etl import sources

        async with sources.opened(settings, list(scopes), emit, whole=False) as opened:
            jobs = _jobs(scopes, opened)
            return await pipeline.run(jobs, store, order, clock=utc_now, emit=emit, stop_code=stop_code)


async def verify(
    settings: Settings,
    order: turn.Order,
    scopes: Mapping[ResolvedAccount, Sequence[Scope]],
    *,
    emit: Emit,
    stop_code: Callable[[], int],
) -> tuple[RunOutcome, tuple[Difference, ...]]:
    """Read everything as `execute` does, and compare instead of storing."""
    from etl import sources

    async with warehouse(settings) as store, sources.opened(settings, list(scopes), emit) as opened:
        if await store.schema_state() is SchemaState.EMPTY:
            raise WarehouseError("The warehouse is empty, so there is nothing to verify: run `kore-etl sync` first.")
        await store.ready()
        comparing, jobs = Comparing(store), _jobs(scopes, opened)
        outcome = await pipeline.run(jobs, comparing, order, clock=utc_now, emit=emit, stop_code=stop_code)
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


async def _loaded() -> None:
    """The room that talks HTTP is loaded. That takes 0.15 s, in which the database does what it was asked."""
    await asyncio.to_thread(importlib.import_module, "etl.sources")


async def _current(store: Warehouse) -> None:
    if await store.schema_state() is SchemaState.EMPTY:
        raise WarehouseError("The warehouse is empty: there is nothing to read again. Run `kore-etl sync` first.")
    await store.ready()


def _jobs(
    scopes: Mapping[ResolvedAccount, Sequence[Scope]], opened: Mapping[ResolvedAccount, turn.Source]
) -> list[turn.Job]:
    """The apps of one account share its turn, as they share its lease and its request budget."""
    by_account: dict[str, dict[Scope, turn.Source]] = {}
    keeps = {scope: account.keep for account, listings in scopes.items() for scope in listings}
    for account, listings in scopes.items():
        for scope in listings:
            by_account.setdefault(account.account_id, {})[scope] = opened[account]
    return [turn.Job(account_id, listings, keeps) for account_id, listings in by_account.items()]
