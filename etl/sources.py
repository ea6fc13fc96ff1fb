"""From settings to sources: what of the settings the room that talks HTTP is told."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from etl import __version__, bootstrap, transform
from etl.extract import wire
from etl.extract.attempt import open_session
from etl.extract.auth import TokenMint
from etl.extract.pace import Pace
from etl.extract.places import Places
from etl.extract.retry import Budget, RetryPolicy
from etl.extract.room import Room
from etl.extract.source import AccountSource, Api
from etl.model import Emit, Keep, ReadPage
from etl.settings import ResolvedAccount, Settings

RETRY_TOTAL_SECONDS = 900.0
"""The longest one request is tried for, waits included; `max_attempts` usually ends it sooner."""


@asynccontextmanager
async def opened(
    settings: Settings, accounts: Sequence[ResolvedAccount], emit: Emit, *, whole: bool = True
) -> AsyncIterator[dict[ResolvedAccount, AccountSource]]:
    """A source for each account; they share connections, places in flight and what may be spent on trying again, the
    apps of one account its pace."""
    in_flight = Places(settings.api.max_in_flight)
    aside = asyncio.Semaphore(max(1, settings.api.max_in_flight // 4))
    budget = Budget(emit)
    room = Room(max(settings.sync.max_rows_held, settings.sync.max_window_rows))
    paces: dict[tuple[str, str], Pace] = {}
    # A proxy of the environment is for the world outside: a sandbox on this machine must not be looked for there.
    outside = not all(wire.is_loopback(urlsplit(account.host).hostname or "") for account in accounts)
    in_all = settings.api.max_in_flight
    async with open_session(max_in_flight=in_all, trust_env=outside, tls=bootstrap.tls(settings)) as session:
        by_account = {}
        for account in accounts:
            limited = (account.host, account.account_id)
            if limited not in paces:
                paces[limited] = _pace(account, emit, aside)
            by_account[account] = AccountSource(
                api=_api(settings, account),
                mint=_mint(settings, account),
                pace=paces[limited],
                retry=_retry(settings),
                budget=budget,
                session=session,
                in_flight=in_flight,
                room=room,
                read=_read(settings, account, whole=whole),
                clock=bootstrap.utc_now,
                sleep=asyncio.sleep,
                monotonic=time.monotonic,
                emit=emit,
            )
        yield by_account


def _read(settings: Settings, account: ResolvedAccount, *, whole: bool) -> ReadPage:
    """How much of a record is read when it comes: all of it where all of it decides what becomes of it."""
    whole = whole or account.keep != Keep() or not settings.warehouse.store_message_text
    return transform.each(bootstrap.decode(settings)) if whole else transform.glance


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
        bootstrap.utc_now,
    )


def _retry(settings: Settings) -> RetryPolicy:
    return RetryPolicy(
        max_attempts=settings.api.max_attempts,
        backoff_seconds=settings.api.backoff_seconds,
        max_wait_seconds=settings.api.max_wait_seconds,
        total_seconds=RETRY_TOTAL_SECONDS,
    )
