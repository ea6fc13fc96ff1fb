"""How one request becomes one answer: door, rate limit, validation, faults, page, in this order."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any

from etl.sandbox import answer, asked, faults
from etl.sandbox.access import Door, Knock
from etl.sandbox.answer import Answer, Envelope
from etl.sandbox.asked import Asked
from etl.sandbox.catalogue import Catalogue, SandboxAccount
from etl.sandbox.faults import Call, Fault, Script
from etl.sandbox.invent import seeded
from etl.sandbox.listing import Listing, Query, Row
from etl.sandbox.switches import Switches
from etl.sandbox.throttle import RollingMinute

_REMEMBERED = 100_000


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request as it came. `v2` says which of the two endpoints; `beside` how many others were under way."""

    knock: Knock
    v2: bool
    text: bytes
    content_type: str
    beside: int = 0


@dataclass(frozen=True, slots=True)
class RequestSeen:
    """One request and what became of it, for tests to look at. No token is kept.

    `account_id` and `channel` are "" where the request did not get far enough to tell; `status` is 0 where the
    connection was dropped; `call` is its number among the calls that faults are aimed at, 0 for others; `faults` are
    kinds; `rows` were sent; `beside` counts the requests under way when it came.
    """

    at: datetime
    v2: bool
    app_id: str
    account_id: str
    channel: str
    body: Any
    status: int
    call: int = 0
    faults: tuple[str, ...] = ()
    rows: int = 0
    beside: int = 0


class Service:
    """A server's state: catalogue, habits, script, and what it has seen. `switches` may be replaced at any time."""

    def __init__(
        self, catalogue: Catalogue, switches: Switches, script: Sequence[Fault], clock: Callable[[], datetime]
    ) -> None:
        self.catalogue = catalogue
        self.switches = switches
        self.script = Script(tuple(script))
        self.requests: list[RequestSeen] = []
        self._clock = clock
        self._door = Door()
        self._throttle = RollingMinute()
        self._calls = 0
        self._ties = seeded("ties")

    def now(self) -> datetime:
        """The server's own time, wrong by the skew."""
        return self._clock() + timedelta(seconds=self.switches.clock_skew_seconds)

    def answer(self, incoming: Incoming) -> tuple[Answer, float]:
        """What to send, and how many seconds to wait before; the request is remembered."""
        seen = RequestSeen(self.now(), incoming.v2, incoming.knock.app_id, "", "", None, 0, beside=incoming.beside)
        account = self._door.admit(incoming.knock, self.catalogue.accounts, self.switches, seen.at)
        if isinstance(account, Answer):
            return self._sent(account, seen)
        seen, wanted = self._understood(incoming, replace(seen, account_id=account.account_id))
        limited = self._limited(account, seen.at)
        if limited is not None:
            return self._sent(limited, seen)
        if isinstance(wanted, Answer):
            return self._sent(wanted, seen)
        return self._call(account, wanted, replace(seen, channel=wanted.channel))

    def _understood(self, incoming: Incoming, seen: RequestSeen) -> tuple[RequestSeen, Asked | Answer]:
        """What the body asks for, or the 412 to answer."""
        try:
            seen = replace(seen, body=asked.decode(incoming.text, incoming.content_type))
            return seen, asked.read(seen.body, self.switches)
        except asked.Invalid as problem:
            return seen, answer.invalid(str(problem))

    def _sent(self, sent: Answer, seen: RequestSeen, wait: float = 0.0) -> tuple[Answer, float]:
        self.requests.append(replace(seen, status=sent.status))
        if len(self.requests) > _REMEMBERED:
            del self.requests[: _REMEMBERED // 10]
        return sent, wait + self.switches.latency_seconds

    def _limited(self, account: SandboxAccount, at: datetime) -> Answer | None:
        switches = self.switches
        if switches.throttle is None:
            return None
        wait = self._throttle.wait(account.account_id, at=at, allowed=switches.requests_per_minute)
        if wait == 0.0:
            return None
        seconds = math.ceil(wait)
        until = format_datetime(at + timedelta(seconds=seconds), usegmt=True)
        forms = {"seconds": str(seconds), "date": until}
        return answer.too_many(switches.throttle, forms.get(switches.retry_after or ""))

    def _call(self, account: SandboxAccount, wanted: Asked, seen: RequestSeen) -> tuple[Answer, float]:
        listing = self.catalogue.of(account.account_id, wanted.channel, account.app_id)
        query = asked.query_of(wanted, self.switches)
        skip, limit = asked.page_of(wanted, self.switches)
        self._calls += 1
        call = Call(self._calls, seen.at, account.account_id, account.app_id, wanted, skip, limit, listing.count(query))
        striking = self.script.striking(call)
        wait = sum(fault.seconds for fault in striking if fault.kind == "slow")
        seen = replace(seen, call=call.number, faults=tuple(fault.kind for fault in striking))
        instead = next((faults.INSTEAD[fault.kind](fault) for fault in striking if fault.kind in faults.INSTEAD), None)
        if instead is not None:
            self._change(call, striking)
            return self._sent(instead, seen, wait)
        page = self._page(listing, query, call, striking, v2=seen.v2)
        cut = any(fault.kind == "truncate" for fault in striking)
        sent = replace(answer.page(page), ending="cut" if cut else "whole")
        return self._sent(sent, replace(seen, rows=len(page.results or ())), wait)

    def _page(self, listing: Listing, query: Query, call: Call, striking: Sequence[Fault], *, v2: bool) -> Envelope:
        rows, total = self._read(listing, query, call, striking)
        id_name = self.switches.id_spelling[call.asked.channel]
        echoes = {"effective": call.limit, "asked": call.asked.limit}
        counted = self.switches.total == "sent"
        page = Envelope(
            results=tuple(row.encoded(id_name, v2=v2) for row in rows),
            skip=call.skip,
            limit=echoes.get(self.switches.limit_echo),
            has_more=call.skip + len(rows) < total,
            total_pages=math.ceil(total / call.limit) if counted else None,
            total=total if counted else None,
        )
        for fault in striking:
            if fault.kind in faults.SHAPES:
                page = faults.SHAPES[fault.kind](page, fault)
        return page

    def _read(self, listing: Listing, query: Query, call: Call, striking: Sequence[Fault]) -> tuple[list[Row], int]:
        """Rows and total; scripted changes land before both, or between them."""
        skip = faults.shifted(call.skip, call, striking)
        shuffle = self._ties if self.switches.ties == "shuffled" else None
        if self.switches.find_and_count == "count-first":
            total = listing.count(query)
            self._change(call, striking)
            return listing.find(query, skip, call.limit, shuffle=shuffle), total
        if self.switches.find_and_count == "find-first":
            rows = listing.find(query, skip, call.limit, shuffle=shuffle)
            self._change(call, striking)
            return rows, listing.count(query)
        self._change(call, striking)
        return listing.find(query, skip, call.limit, shuffle=shuffle), listing.count(query)

    def _change(self, call: Call, striking: Sequence[Fault]) -> None:
        for fault in striking:
            if fault.kind == "mutate":
                (fault.act or faults.scripted_change)(self.catalogue, call)
