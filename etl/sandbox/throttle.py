"""How many requests an account may make in a rolling minute, and how long a refused one has to wait."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta

_MINUTE = timedelta(minutes=1)


class RollingMinute:
    """Answered requests per account in the last 60 seconds; refused ones do not count (rate limit page)."""

    def __init__(self) -> None:
        self._answered: dict[str, deque[datetime]] = {}

    def wait(self, account_id: str, *, at: datetime, allowed: int) -> float:
        """Seconds until the account may ask again: 0.0 lets this one through and counts it. `allowed` is at least 1."""
        recent = self._answered.setdefault(account_id, deque())
        while recent and at - recent[0] >= _MINUTE:
            recent.popleft()
        room = max(allowed, 1)
        if len(recent) < room:
            recent.append(at)
            return 0.0
        # `allowed` may have been lowered meanwhile: room is made when all but `room - 1` of them have aged out.
        return (recent[len(recent) - room] + _MINUTE - at).total_seconds()
