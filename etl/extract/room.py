"""How many rows may be held in memory at once, over all windows under way: what has no room yet waits for it."""

from __future__ import annotations

import asyncio
from collections import deque

from etl.model import Window


class Room:
    """Room for `rows` rows. A window that is larger than all of it takes it whole, alone.

    First come, first served. Nothing waits while it holds room, so that whatever waits gets it in the end.
    """

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._free = rows
        self._taken: dict[Window, int] = {}
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @property
    def is_full(self) -> bool:
        """Whether a window waits for room."""
        return bool(self._waiting)

    async def take(self, window: Window, rows: int) -> None:
        """Hold room for a window's rows, once, until `leave`."""
        if window in self._taken:
            return
        wanted = min(rows, self._rows)
        if self._waiting or wanted > self._free:
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append((wanted, turn))
            try:
                await turn
            except BaseException:
                self._give_up(wanted, turn)
                raise
        else:
            self._free -= wanted
        self._taken[window] = wanted

    def leave(self, window: Window) -> None:
        """The window's rows are stored, or dropped; nothing happens where it holds no room."""
        self._free += self._taken.pop(window, 0)
        self._admit()

    def _admit(self) -> None:
        while self._waiting and self._waiting[0][0] <= self._free:
            wanted, turn = self._waiting.popleft()
            self._free -= wanted
            turn.set_result(None)

    def _give_up(self, wanted: int, turn: asyncio.Future[None]) -> None:
        if turn.done() and not turn.cancelled():  # it was this one's turn when it was stopped
            self._free += wanted
        self._waiting = deque(one for one in self._waiting if one[1] is not turn)
        self._admit()
