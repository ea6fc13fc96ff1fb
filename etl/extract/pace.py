"""How often an account may be asked: at most N starts in any 60 seconds, and not at all while it is told to wait.

Kore.ai documents 60 requests a minute per account, counted over 60 seconds (rate-limit page; kore-api-facts 8): one
`Pace` serves both channels and all apps of an account. The rolling minute is the limiter library's exact log of starts,
without its Limiter object, which would date a start that woke up late too early and so let too many through afterwards.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING

from etl.extract.places import AT_ONCE, Places
from etl.model import Emit, Waiting

if TYPE_CHECKING:
    from pyrate_limiter import InMemoryBucket

_MINUTE_MS = 60_000
_WORTH_TELLING_SECONDS = 1.0


class Pace:
    """One account's turns. `requests_per_minute` 0 = no limit; `monotonic` and `sleep` are in seconds.

    `aside`: how many of the places in flight accounts that are not answered may hold together.
    """

    def __init__(
        self,
        account_id: str,
        requests_per_minute: int,
        *,
        monotonic: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        emit: Emit,
        aside: asyncio.Semaphore | None = None,
    ) -> None:
        self._account_id = account_id
        self._monotonic = monotonic
        self._sleep = sleep
        self._emit = emit
        self._starts = _log(requests_per_minute) if requests_per_minute else None
        self._next_in_line = asyncio.Lock()
        self._paused_until = monotonic()
        self._aside = aside
        self._is_silent = False

    def heard(self, *, answered: bool) -> None:
        """Whether the account's latest request was answered at all."""
        self._is_silent = not answered

    def tell(self, seconds: float, why: str) -> None:
        """Say that the account waits, where it is worth a word."""
        if seconds > _WORTH_TELLING_SECONDS:
            self._emit(Waiting(self._account_id, seconds, why))

    def pause(self, seconds: float) -> float:
        """No request of the account starts for so many seconds. Returns by how many that is later than before."""
        now = self._monotonic()
        before = max(self._paused_until, now)
        self._paused_until = max(before, now + seconds)
        longer = self._paused_until - before
        if longer:
            self.tell(seconds, "Kore.ai asked to wait")
        return longer

    @contextlib.asynccontextmanager
    async def turn(self, in_flight: Places, rank: int = AT_ONCE) -> AsyncIterator[None]:
        """The right to send one request now, and one place in flight until it is answered.

        Of an account with a limit only the next in line waits for a place in flight, and none is held while waiting
        for the minute: a slow account does not stop the others. One that is not answered shares the few places `aside`
        with all such; what waited for a place already when it fell silent as well.
        """
        while True:  # it ends: once more only after a request that ended otherwise than the one before it
            aside = self._aside if self._is_silent else None
            async with aside or contextlib.nullcontext():
                if aside is not None and not self._is_silent:
                    continue  # answered again while this waited
                async with self._next_in_line if self._starts is not None else contextlib.nullcontext():
                    has_place = await self._start(in_flight, rank, is_aside=aside is not None)
                if has_place:
                    try:
                        yield
                    finally:
                        in_flight.release()
                    return

    async def _start(self, in_flight: Places, rank: int, *, is_aside: bool) -> bool:
        """Take a place in flight at an instant when a start is allowed; False where the account is to go aside first.

        The loop ends: a pause is only prolonged by requests in flight, whose retries are bounded, and the minute only
        empties while we are next in line.
        """
        while True:
            if (pause := self._paused_until - self._monotonic()) > 0:
                await self._sleep(pause)  # told when it began
            elif (wait := self._seconds_until_room()) > 0:
                await self._wait_for_room(wait)
            else:
                await in_flight.acquire(rank)
                falls_silent = self._is_silent and self._aside is not None and not is_aside
                if not falls_silent and self._take():
                    return True
                in_flight.release()
                if falls_silent:
                    return False

    def _seconds_until_room(self) -> float:
        if self._starts is None:
            return 0.0
        now = self._now_ms()
        self._starts.leak(now)
        limit = self._starts.rates[0].limit
        if self._starts.count() < limit:
            return 0.0
        oldest = self._starts.peek(limit - 1)
        return 0.0 if oldest is None else (oldest.timestamp + _MINUTE_MS + 1 - now) / 1000

    def _take(self) -> bool:
        """Log a start now; False where the account was paused meanwhile."""
        if self._paused_until > self._monotonic():
            return False
        if self._starts is None:
            return True
        from pyrate_limiter import RateItem  # here for the same reason as in `_log`

        return bool(self._starts.put(RateItem(self._account_id, self._now_ms())))

    def _now_ms(self) -> int:
        return int(self._monotonic() * 1000)

    async def _wait_for_room(self, seconds: float) -> None:
        self.tell(seconds, "the rate limit")
        await self._sleep(seconds)


def _log(requests_per_minute: int) -> InMemoryBucket:
    """A rolling minute of starts."""
    from pyrate_limiter import InMemoryBucket, Rate  # here: 25 ms that an account without a limit need not pay

    return InMemoryBucket([Rate(requests_per_minute, _MINUTE_MS)])
