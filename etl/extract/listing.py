"""How one page request is carried through: token, turn, attempt, answer, and again where it failed.

Nothing but a page, WindowFailed or AccountFailed comes out of here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import aiohttp
from msgspec import Struct
from msgspec.structs import replace

from etl.errors import (
    AccountFailed,
    AccountRefused,
    AccountUnavailable,
    AttemptFailed,
    Overloaded,
    Throttled,
    TokenRefused,
    WindowFailed,
)
from etl.extract import answers, attempt, refusals, wire
from etl.extract.auth import TokenMint
from etl.extract.pace import Pace
from etl.extract.places import AT_ONCE, Places
from etl.extract.retry import Budget, RetryPolicy, persist
from etl.model import Cost, Page, PageRequest, ReadPage, Scope

_CLOCK_OFF_SECONDS = 30.0
_BY_NAME = ("name", "asc")


class Api(Struct, frozen=True, kw_only=True):
    """Where one account's app is listed, and how it is asked: plain values from the settings."""

    host: str
    account_id: str
    app_id: str
    path: str = wire.DEFAULT_PATH
    account_id_in_query: bool = False
    user_agent: str = "kore-etl/0.1.0"
    page_size: int = 100
    requests_per_minute: int = 50
    """Told in errors; `Pace` holds it."""
    attempt_timeout_seconds: float = 30.0
    max_body_bytes: int = 32 * 1024 * 1024
    max_window_rows: int = 5000
    settle_minutes: float = 10.0

    @property
    def url(self) -> str:
        """Raises ConfigError."""
        return wire.url(
            self.host,
            self.path,
            app_id=self.app_id,
            account_id=self.account_id,
            account_id_in_query=self.account_id_in_query,
        )


class Spent(Struct):
    """What a read has cost so far."""

    requests: int = 0
    retries: int = 0
    throttled_seconds: float = 0.0
    sweeps: int = 0

    @property
    def cost(self) -> Cost:
        return Cost(self.requests, self.retries, self.throttled_seconds, self.sweeps)


class Listing:
    """One account's app: asks for pages, and remembers the server's clock and whether it ever answered."""

    def __init__(
        self,
        *,
        api: Api,
        mint: TokenMint,
        pace: Pace,
        retry: RetryPolicy,
        budget: Budget,
        session: aiohttp.ClientSession,
        in_flight: Places,
        read: ReadPage,
        clock: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]],
        monotonic: Callable[[], float],
    ) -> None:
        self._api = api
        self._url = api.url
        self._where = f"account {api.account_id}, app {api.app_id} at {urlsplit(self._url).netloc}"
        self._mint = mint
        self._pace = pace
        self._retry = retry
        self._budget = budget
        self._session = session
        self._in_flight = in_flight
        self._read = read
        self._clock = clock
        self._sleep = sleep
        self._monotonic = monotonic
        self.answered = False
        """Whether a usable page ever came."""
        self._insists_on_name = False
        self._name_was_no_help = False
        self.clock_ahead: float | None = None
        """Seconds that the server's clock was ahead of ours at its latest answer; None before the first."""

    async def page(self, request: PageRequest, scope: Scope, spent: Spent, rank: int = AT_ONCE) -> Page:
        """One page. Raises WindowFailed, AccountRefused or AccountUnavailable; `spent` counts in every case. Where all
        places in flight are taken, the lowest `rank` is asked for next.

        The API page says that `name` must be there whenever a list is sorted, its own sample leaves it out: it is
        added, as the last key, from when the server first insists on it.
        """
        by_name = replace(request, sort=(*request.sort, _BY_NAME))
        if self._insists_on_name and request.sort:
            return await self._insist(by_name, scope, spent, rank)
        try:
            return await self._insist(request, scope, spent, rank)
        except answers.NotAccepted as refused:
            if not request.sort or self._name_was_no_help:
                raise
            try:
                page = await self._insist(by_name, scope, spent, rank)
            except answers.NotAccepted:
                self._name_was_no_help = True
                raise refused from None
        self._insists_on_name = True
        return page

    async def _insist(self, request: PageRequest, scope: Scope, spent: Spent, rank: int) -> Page:
        """The page of just this request, however often it has to be asked for."""
        budget_spent = False

        def may_retry(error: AttemptFailed) -> bool:
            nonlocal budget_spent
            budget_spent = error.is_outage and not self._budget.take()
            return not budget_spent

        def before_wait(error: AttemptFailed, seconds: float) -> None:
            spent.retries += 1
            if isinstance(error, Throttled):
                spent.throttled_seconds += self._pace.pause(seconds)
            else:
                self._pace.tell(seconds, "trying again" if error.answered else "no answer, trying again")

        try:
            page = await persist(
                self._retry,
                lambda: self._with_token(request, scope, spent, rank),
                may_retry=may_retry,
                before_wait=before_wait,
                sleep=self._sleep,
                monotonic=self._monotonic,
            )
        except AttemptFailed as last:
            raise self._given_up(last, budget_spent=budget_spent) from last
        self.answered = True
        return page

    async def _with_token(self, request: PageRequest, scope: Scope, spent: Spent, rank: int) -> Page:
        """One attempt; after a 401 one more with a new token, dated by the server's clock; then it is refused."""
        try:
            return await self._attempt(request, scope, spent, rank)
        except TokenRefused:
            self._mint.renew(self._server_now())
        spent.retries += 1
        try:
            return await self._attempt(request, scope, spent, rank)
        except TokenRefused as again:
            remedy = f"{refusals.remedy(again.said, single_use=self._mint.single_use)}{self._clock_hint()}"
            raise AccountRefused(f"{again} A new token was refused as well. {remedy}", remedy=remedy) from again

    async def _attempt(self, request: PageRequest, scope: Scope, spent: Spent, rank: int) -> Page:
        async with self._pace.turn(self._in_flight, rank):
            spent.requests += 1
            self._budget.sent()
            answer = await self._answer(request)
        now = self._clock()
        if answer.server_now is not None:
            self.clock_ahead = (answer.server_now - now).total_seconds()
        return answers.page(answer, lambda page, raws: self._read(page, raws, scope), now=now, where=self._where)

    async def _answer(self, request: PageRequest) -> answers.Answer:
        headers = wire.headers(
            token=self._mint.token(),
            app_id=self._api.app_id,
            account_id=self._api.account_id,
            user_agent=self._api.user_agent,
        )
        try:
            answer = await attempt.post(
                self._session,
                self._url,
                headers=headers,
                body=wire.body(request),
                timeout_seconds=self._api.attempt_timeout_seconds,
                max_body_bytes=self._api.max_body_bytes,
            )
        except AttemptFailed:
            self._pace.heard(answered=False)
            raise
        self._pace.heard(answered=True)
        return answer

    def _server_now(self) -> datetime | None:
        return None if self.clock_ahead is None else self._clock() + timedelta(seconds=self.clock_ahead)

    def _clock_hint(self) -> str:
        off = self.clock_ahead or 0.0
        if abs(off) <= _CLOCK_OFF_SECONDS:
            return ""
        direction = "behind" if off > 0 else "ahead of"
        return f" This machine's clock is {abs(off):.0f} seconds {direction} Kore.ai's: set it right."

    def _given_up(self, last: AttemptFailed, *, budget_spent: bool) -> WindowFailed | AccountFailed:
        """What it means that the last attempt failed as well, or was the last that the run could afford."""
        if budget_spent:
            return WindowFailed(
                f"The listing of {self._where} could not be read. {last} It was not tried again: this run has spent "
                "its retries on a source in trouble. The next run reads it."
            )
        if isinstance(last, Overloaded):
            return AccountUnavailable(f"{last} It still did after every retry: try again later.")
        if isinstance(last, Throttled):
            return AccountUnavailable(
                f"{last} It still did after every retry: try again later, or lower requests_per_minute "
                f"({self._api.requests_per_minute}), as the account's other integrations share the limit."
            )
        if not last.answered and not self.answered:
            remedy = last.remedy or "Check host, network and proxy."
            return AccountUnavailable(f"Nothing answers for {self._where}. {last.cause} {remedy}", remedy=remedy)
        return WindowFailed(
            f"The listing of {self._where} could not be read, retries included. {last}", remedy=last.remedy
        )
