"""What the source has and what the warehouse has, asked without our own code."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from typing import Any

import asyncpg

from etl.sandbox.app import Sandbox

CHANNELS = ("sms", "voice")


def rows(url: str, sql: str) -> list[tuple[Any, ...]]:
    """What a query says, asked by the database's own driver."""
    if url.startswith("sqlite"):
        with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as database:
            return database.execute(sql).fetchall()

    async def ask() -> list[tuple[Any, ...]]:
        connection = await asyncpg.connect(url)
        try:
            return [tuple(record) for record in await connection.fetch(sql)]
        finally:
            await connection.close()

    return asyncio.run(ask())


def source_rows(sandbox: Sandbox) -> set[tuple[str, str, str, str]]:
    """(account, channel, id, name) of every campaign the sandbox has."""
    return {
        (account.account_id, channel, record.get("id") or record["_id"], record["name"])
        for account in sandbox.catalogue.accounts
        for channel in CHANNELS
        for record in sandbox.catalogue.listing(account.account_id, channel)
    }


def source_links(sandbox: Sandbox) -> set[tuple[str, str]]:
    """(campaign id, list name) of every link the sandbox has."""
    return {
        (record.get("id") or record["_id"], name)
        for account in sandbox.catalogue.accounts
        for channel in CHANNELS
        for record in sandbox.catalogue.listing(account.account_id, channel)
        for name in record["contactLists"]
    }


def stored_rows(url: str) -> set[tuple[Any, ...]]:
    return set(rows(url, "SELECT account_id, channel, campaign_id, name FROM live_campaigns"))


def stored_links(url: str) -> set[tuple[Any, ...]]:
    return set(
        rows(
            url,
            "SELECT k.campaign_id, l.name FROM campaign_contact_lists k JOIN contact_lists l USING (contact_list_id)",
        )
    )


def everything(url: str) -> dict[str, list[str]]:
    """Every row of every table as one text, ledger and leases too, by table."""
    if url.startswith("sqlite"):
        names = rows(url, "SELECT name FROM sqlite_master WHERE type = 'table'")
        return {name: [repr(row) for row in rows(url, f'SELECT * FROM "{name}"')] for (name,) in names}
    names = rows(url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    return {name: [row[0] for row in rows(url, f'SELECT t::text FROM "{name}" t')] for (name,) in names}
