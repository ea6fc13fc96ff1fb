"""Which of an account's windows are read, and stored, abreast: those that need to know nothing of each other. Pure."""

from __future__ import annotations

from collections.abc import Collection

from etl.model import HINTS, FilteredDate, Reason, Window

AT_ONCE = 4
"""How many windows of one account are read at once, at most: their pages fill the gaps that the others leave."""

STORED_AT_ONCE = 3
"""The same of windows that are stored."""


def may_begin(window: Window, under_way: Collection[Window], *, answered: bool, filters: FilteredDate | None) -> bool:
    """Whether a window's read may begin now, beside those that are under way.

    Alone, as long as the account has not `answered`: what refuses one request refuses them all. Hints wait for the
    closed windows and tails for both (see `etl.plan`). Windows of one listing go abreast only by dates, and where the
    date that the server `filters` is known: what the first one learns of it decides what the others prove.
    """
    if not under_way:
        return True
    if not answered or len(under_way) >= AT_ONCE or any(_stage(other) != _stage(window) for other in under_way):
        return False
    listing = [other for other in under_way if other.scope == window.scope and not _is_hint(other)]
    return _is_hint(window) or not listing or (filters is not None and _is_dated(window, *listing))


def may_store(window: Window, under_way: Collection[Window], *, filters: FilteredDate | None) -> bool:
    """Whether a window that was read may be stored beside others that are: no campaign can be in two of them, because
    they are parts of one listing by the date that never moves."""
    if not under_way:
        return True
    apart = all(other.scope == window.scope and _is_beside(other, window) for other in under_way)
    closed = all(_stage(one) == 0 and not _is_hint(one) and _is_dated(one) for one in (window, *under_way))
    return apart and closed and filters is FilteredDate.CREATED and len(under_way) < STORED_AT_ONCE


def _is_beside(one: Window, other: Window) -> bool:
    return one.end <= other.start or other.end <= one.start


def _stage(window: Window) -> int:
    if window.reason is Reason.TAIL:
        return 2
    return 1 if _is_hint(window) and window.reason is not Reason.CENSUS else 0


def _is_hint(window: Window) -> bool:
    return window.reason in HINTS


def _is_dated(*windows: Window) -> bool:
    return all(one.reason is not Reason.UNDATED for one in windows)
