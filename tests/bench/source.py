"""How the bench's source answers: the documented API as cheaply as it can be served, and side paths to steer it.

`python -m bench.source --accounts 20 --campaigns 2500` serves prebuilt records from memory on loopback and prints its
port. Filters by `createdAt`, both bounds inclusive; sorts by `createdAt` or `updatedAt`, by default the latest updated
first, as Kore.ai's list does. It shares the machine with what is measured, so it parses no more than it must.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import random
import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qs, urlsplit

from bench.records import DAY_MS, Account, epoch_ms, invented

KEPT_ORDERS = 64
"""Orderings of rows remembered per account: the pages of one listing ask for the same."""

ANSWER = b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nDate: %s\r\nContent-Length: %d\r\n\r\n"
PAGE = (
    b'{"status":"success","message":"Campaign  retrieved successfully","data":{"results":[%s],"skip":%d,"limit":%d,'
    b'"hasMore":%s,"totalPages":%d,"totalResults":%d}}'
)
LARGEST_PAGE = 100


class Listing:
    """One account's rows in the orders that were asked for."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self._orders: dict[str, Sequence[int]] = {}

    def page(self, asked: dict[str, Any]) -> bytes:
        """The answer's body; `skip` wins over `page`."""
        order = self._order(asked)
        limit = min(int(asked.get("limit") or LARGEST_PAGE), LARGEST_PAGE)
        skip = asked.get("skip")
        skip = (int(asked.get("page") or 1) - 1) * limit if skip in (None, "") else int(skip)
        records = self.account.records
        shown = b",".join([records[index] for index in order[skip : skip + limit]])
        more = b"true" if skip + limit < len(order) else b"false"
        return PAGE % (shown, skip, limit, more, -(-len(order) // limit), len(order))

    def change(self, draw: random.Random, campaigns: int, now_ms: int, spread_ms: int) -> list[int]:
        """Change so many of any age, some time within the last `spread_ms`; their places in the account."""
        chosen = draw.sample(range(len(self.account.records)), campaigns)
        for index in chosen:
            self.account.change(index, now_ms - draw.randint(0, spread_ms))
        self._orders.clear()
        return chosen

    def _order(self, asked: dict[str, Any]) -> Sequence[int]:
        wanted = {name: asked.get(name) for name in ("startDate", "endDate", "sortBy", "filters")}
        key = json.dumps(wanted)
        if key not in self._orders:
            if len(self._orders) >= KEPT_ORDERS:
                del self._orders[next(iter(self._orders))]
            self._orders[key] = self._sorted(wanted)
        return self._orders[key]

    def _sorted(self, wanted: dict[str, Any]) -> Sequence[int]:
        account = self.account
        start, end = wanted["startDate"], wanted["endDate"]
        first = bisect_left(account.created, epoch_ms(start)) if start else 0
        beyond = bisect_right(account.created, epoch_ms(end)) if end else len(account.created)
        rows: Sequence[int] = range(first, beyond)
        if statuses := (wanted["filters"] or {}).get("status"):
            rows = [index for index in rows if account.statuses[index] in statuses]
        (field, direction), *_ = (wanted["sortBy"] or {"updatedAt": "desc"}).items()
        if field == "updatedAt":
            return sorted(rows, key=account.updated.__getitem__, reverse=direction == "desc")
        return rows if direction == "asc" else rows[::-1]


class Source:
    """All accounts, what was asked of them, and how long an answer takes."""

    def __init__(self, accounts: Sequence[Account]) -> None:
        self.listings = {account.account_id: Listing(account) for account in accounts}
        self.requests = 0
        self.latency = 0.0
        self._ahead_seconds = 0.0
        self._changes = 0
        self.sides: dict[str, Callable[[dict[str, str]], Any]] = {
            "/bench/reset": self._reset,
            "/bench/told": self._told,
            "/bench/change": self._change,
            "/bench/day": self._day,
        }

    def now(self) -> float:
        """The server's clock, in seconds since the epoch."""
        return time.time() + self._ahead_seconds

    def campaigns(self, headers: dict[bytes, bytes], body: bytes) -> tuple[bytes, bytes]:
        """Status line and body of a page request."""
        self.requests += 1
        listing = self.listings.get(headers.get(b"accountid", b"").decode())
        if not headers.get(b"auth") or listing is None:
            return b"401 Unauthorized", b'{"errors":[{"msg":"Invalid SDK credentials","code":4002}]}'
        asked = json.loads(body)
        if asked.get("type") != "sms":
            return b"200 OK", PAGE % (b"", 0, LARGEST_PAGE, b"false", 0, 0)
        return b"200 OK", listing.page(asked)

    def side(self, target: str) -> tuple[bytes, bytes]:
        """Status line and body of a side path, which is not counted."""
        parts = urlsplit(target)
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        if parts.path == "/bench/records":
            records = self.listings[query["account"]].account.records
            if "places" in query:
                records = [records[int(place)] for place in query["places"].split(",")]
            return b"200 OK", b"[%s]" % b",".join(records)
        return b"200 OK", json.dumps(self.sides[parts.path](query)).encode()

    def _reset(self, query: dict[str, str]) -> Any:
        """Count from zero, with this latency from now on."""
        self.requests, self.latency = 0, float(query["latency_ms"]) / 1000
        return {}

    def _told(self, _: dict[str, str]) -> Any:
        return {"requests": self.requests, "cpu_seconds": time.process_time()}

    def _change(self, query: dict[str, str]) -> Any:
        """Change so many campaigns of each account; others every time. Their places, by account."""
        self._changes += 1
        campaigns, spread_ms, now_ms = int(query["campaigns"]), int(query["spread_ms"]), int(self.now() * 1000)
        changed = {}
        for account_id, listing in self.listings.items():
            draw = random.Random(f"{account_id} {self._changes}")
            changed[account_id] = listing.change(draw, campaigns, now_ms, spread_ms)
        return changed

    def _day(self, query: dict[str, str]) -> Any:
        """So many days from now, for the clock that answers and changes are dated by."""
        self._ahead_seconds = float(query["ahead"]) * DAY_MS / 1000
        return {}


class Connection(asyncio.Protocol):
    """HTTP/1.1 with keep-alive, as far as well-behaved clients on loopback need it; bodies by Content-Length."""

    def __init__(self, source: Source, loop: asyncio.AbstractEventLoop) -> None:
        self._source = source
        self._loop = loop
        self._received = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self._received = self._received + data if self._received else data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            first, *lines = self._received[:end].split(b"\r\n")
            pairs = (line.partition(b":") for line in lines)
            headers = {name.lower(): value.strip() for name, _, value in pairs}
            whole = end + 4 + int(headers.get(b"content-length", 0))
            if len(self._received) < whole:
                return
            body, self._received = self._received[end + 4 : whole], self._received[whole:]
            self._answer(first.split(b" ")[1].decode(), headers, body)

    def _answer(self, target: str, headers: dict[bytes, bytes], body: bytes) -> None:
        if target.startswith("/bench/"):
            self._send(*self._source.side(target))
            return
        status, answer = self._source.campaigns(headers, body)
        if self._source.latency:
            self._loop.call_later(self._source.latency, self._send, status, answer)
        else:
            self._send(status, answer)

    def _send(self, status: bytes, body: bytes) -> None:
        head = ANSWER % (status, formatdate(self._source.now(), usegmt=True).encode(), len(body))
        self._transport.write(head + body)


async def serve(source: Source) -> None:
    """Serve on a free port of loopback, printed once it is open, until the process is stopped."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(source, loop), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def main() -> None:
    """Invent the campaigns, then serve them."""
    import uvloop

    parser = argparse.ArgumentParser()
    parser.add_argument("--accounts", type=int, required=True)
    parser.add_argument("--campaigns", type=int, required=True, help="of each account")
    chosen = parser.parse_args()
    midnight = int(datetime.now(UTC).timestamp() * 1000) // DAY_MS * DAY_MS
    gc.disable()  # nothing here makes cycles, and millions of records would be walked
    source = Source([invented(number, chosen.campaigns, midnight) for number in range(chosen.accounts)])
    uvloop.run(serve(source))


if __name__ == "__main__":
    main()
