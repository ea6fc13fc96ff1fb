"""What reads that run side by side have learned of one server, put together. Pure."""

from __future__ import annotations

from typing import Any

from msgspec.structs import asdict, replace

from etl.model import FilteredDate, Profile


def together(known: Profile, before: Profile, after: Profile) -> Profile:
    """`known`, and what a read learned that knew `before` when it began and `after` at its end.

    What others learned meanwhile stays, unless this read saw something else: the later evidence counts. Evidence of one
    filtered date contradicts a filter on the other, a page out of order or a limit that is not in force settle it.
    """
    news: dict[str, Any] = {name: value for name, value in asdict(after).items() if value != getattr(before, name)}
    if "filtered_date" in news and known.filtered_date not in (None, before.filtered_date, after.filtered_date):
        news["filtered_date"] = FilteredDate.NEITHER
    for name in ("order_kept", "limit_echoed"):
        if getattr(known, name) is False and getattr(before, name) is not False:
            news.pop(name, None)
    if "largest_page" in news:
        news["largest_page"] = max(after.largest_page or 0, known.largest_page or 0)
    return replace(known, **news)
