"""How a window meets the wire: closed or open, which dates are asked, whose rows came, where to split. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import pairwise
from math import ceil

from msgspec.structs import replace

from etl.model import FilteredDate, PageRequest, Profile, Reason, Record, Window

SHORTEST = timedelta(minutes=1)
"""No window is split below this."""

MAX_PARTS = 256
"""The most parts of one split, whatever total the server claims."""

_MILLISECOND = timedelta(milliseconds=1)
_OPEN_AHEAD = timedelta(days=1)
_FILL = 0.8
_FEW = 10
"""Rows asked for where one is looked for: enough to show a server that ignores dates."""


def cut_at(window: Window, closed_until: datetime) -> tuple[Window, ...]:
    """The closed and the open part of a window that is both; () where it is one of them, or the closed part tiny.

    The open part may be tiny: a clock that is off by seconds must not leave years of closed history unproven.
    """
    instant = _floor(closed_until)
    if not window.start + SHORTEST <= instant < window.end:
        return ()
    return _tiles(window, (instant,))


def is_closed(window: Window, closed_until: datetime) -> bool:
    """Whether nothing new can enter the window: its end is at least the settle time before the server's clock."""
    return window.end <= closed_until


def trusts_dates(profile: Profile) -> bool:
    """Whether rows may be told apart by `createdAt`: no evidence speaks against a filter on it."""
    return profile.filtered_date not in (FilteredDate.UPDATED, FilteredDate.NEITHER)


def request(window: Window, *, page_size: int, profile: Profile) -> PageRequest:
    """The window as Kore is asked for it, in ascending `createdAt`.

    The tail is asked a day ahead, so that nothing new is missed. The start is asked a millisecond early until a
    row at the very instant of a start was seen: whether bounds are inclusive is not documented, and a row on the border
    must not fall between two windows.
    """
    if window.reason is Reason.UNDATED:
        return PageRequest(channel=window.scope.channel, limit=page_size)
    early = timedelta() if profile.start_inclusive else _MILLISECOND
    return PageRequest(
        channel=window.scope.channel,
        limit=page_size,
        start=window.start - early,
        end=window.end + (_OPEN_AHEAD if window.reason is Reason.TAIL else timedelta()),
    )


def around(window: Window, instant: datetime) -> PageRequest:
    """The narrowest window that holds an instant even where bounds are exclusive: the wire knows milliseconds."""
    return PageRequest(window.scope.channel, _FEW, start=instant - _MILLISECOND, end=instant + _MILLISECOND)


def own(records: Iterable[Record], window: Window, profile: Profile) -> tuple[tuple[Record, ...], int]:
    """The window's own rows, and how many are its neighbours': those on the shared border.

    A row without `createdAt` is kept; so is every row where dates cannot be trusted or were not asked, and what is new
    in the tail.
    """
    rows = tuple(records)
    if not trusts_dates(profile) or window.reason is Reason.UNDATED:
        return rows, 0
    start, end, is_open = window.start, window.end, window.reason is Reason.TAIL
    kept = tuple([row for row in rows if (at := row.created_at) is None or (start <= at and (is_open or at < end))])
    return kept, len(rows) - len(kept)


def halves(window: Window) -> tuple[Window, ...]:
    """The window in two; () where it is too short."""
    if window.end - window.start <= SHORTEST:
        return ()
    return _tiles(window, (_floor(window.start + (window.end - window.start) / 2),))


def by_total(window: Window, total: int, max_rows: int, first: datetime | None) -> tuple[Window, ...]:
    """Parts of about 0.8 * `max_rows` rows each; () where the window is too short.

    `first` is the `createdAt` of the oldest row, as far as known: from there on rows are taken to lie evenly, and what
    is before belongs to the first part. Nothing relies on that guess: the parts tile the window whatever it is.
    """
    span = window.end - first if first is not None and window.start <= first else timedelta()
    parts = min(ceil(total / (_FILL * max_rows)), span // SHORTEST, MAX_PARTS)
    if parts < 2 or first is None:
        return halves(window)
    return _tiles(window, [_floor(first + span * number / parts) for number in range(1, parts)])


def _tiles(window: Window, cuts: Iterable[datetime]) -> tuple[Window, ...]:
    """The window cut at these ascending instants, side by side; a cut outside of it is none."""
    edges = [window.start, *(cut for cut in cuts if window.start < cut < window.end), window.end]
    return tuple(replace(window, start=start, end=end) for start, end in pairwise(edges))


def _floor(instant: datetime) -> datetime:
    """The wire knows milliseconds."""
    return instant - timedelta(microseconds=instant.microsecond % 1000)
