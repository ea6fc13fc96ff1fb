"""How many requests are under way at once, and who is next where all places are taken.

Whose window began first: windows are then read, and can be stored, one after the other, where equal shares would make
all of them wait for the last page of the last one.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools

AT_ONCE = 0
"""The rank of what others wait for, and of what belongs to no window."""


class Places:
    """So many places. Each that is left goes to the lowest rank that waits, among equals to who came first."""

    def __init__(self, number: int) -> None:
        self._free = number
        self._ranks = itertools.count(AT_ONCE + 1)
        self._arrivals = itertools.count()
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []

    def rank(self) -> int:
        """A rank behind all that were given before."""
        return next(self._ranks)

    @property
    def are_taken(self) -> bool:
        """Whether whoever comes now has to wait."""
        return not self._free

    async def acquire(self, rank: int = AT_ONCE) -> None:
        """Take a place, as soon as there is one."""
        if self._free:
            self._free -= 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (rank, next(self._arrivals), turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # it was given a place when it was stopped
                self.release()
            raise

    def release(self) -> None:
        """Leave a place to the next one."""
        while self._waiting:
            _, _, turn = heapq.heappop(self._waiting)
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
