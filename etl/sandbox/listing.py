"""How one list of campaigns is filtered, ordered and cut: find().sort().skip().limit() over rows in memory."""

from __future__ import annotations

import json
import random
from bisect import bisect_left, bisect_right, insort
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from etl.sandbox.switches import SortKeys

Wire = dict[str, Any]
"""One record as the API answers it, before JSON."""
Entry = tuple[Any, str]
"""(what the order compares, campaign id)."""

_DATES = ("createdAt", "updatedAt")
_V2_ONLY = ("dncLists", "isFiltersEnabled")
_CACHED_ORDERS = 32
_AFTER_EVERY_ID = "\U0010ffff"


@dataclass(slots=True)
class Row:
    """One campaign. `record` has the v2 shape with the documented id spelling; `raw` replaces it on the wire."""

    campaign_id: str
    record: Wire
    raw: bytes | None = None
    _encoded: dict[tuple[str, bool], bytes] = field(default_factory=dict)

    def encoded(self, id_name: str, *, v2: bool) -> bytes:
        """The record's JSON as it goes out, made once."""
        if self.raw is not None:
            return self.raw
        key = (id_name, v2)
        if key not in self._encoded:
            self._encoded[key] = dump(respelt(self.record if v2 else as_v1(self.record), id_name))
        return self._encoded[key]


def as_v1(record: Wire) -> Wire:
    """The record without what only the v2 endpoint sends (v2 page: `dncLists`, `isFiltersEnabled`, `template_name`)."""
    kept = {name: value for name, value in record.items() if name not in _V2_ONLY}
    message = kept.get("message")
    if isinstance(message, dict) and "template_name" in message:
        kept["message"] = {name: value for name, value in message.items() if name != "template_name"}
    return kept


def respelt(record: Wire, id_name: str) -> Wire:
    """The record with its id under `id_name`, at the same place."""
    if id_name in record:
        return record
    return {id_name if name in ("id", "_id") else name: value for name, value in record.items()}


def dump(value: object) -> bytes:
    """Compact UTF-8 JSON; lone surrogates, which UTF-8 cannot hold, make the whole text ASCII escapes."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    try:
        return text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":")).encode()


@dataclass(frozen=True, slots=True)
class Query:
    """Which rows, in which order. Dates are `YYYY-MM-DDTHH:mm:ss.sssZ`, which compares like time; None = open."""

    sort: SortKeys
    date_field: str | None = None
    start: str | None = None
    end: str | None = None
    start_inclusive: bool = True
    end_inclusive: bool = True
    keep: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """(field, accepted texts) pairs; all must hold."""

    @property
    def dated(self) -> bool:
        return self.date_field is not None and (self.start is not None or self.end is not None)


class Listing:
    """The campaigns of one account, app and channel.

    Both dates are kept in order all the time, so a page under a date costs a binary search and a slice; other orders
    are sorted once and kept until something changes.
    """

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        self.rows: dict[str, Row] = {row.campaign_id: row for row in rows}
        self._by_date: dict[str, list[Entry]] = {}
        self._orders: OrderedDict[Query, list[Entry]] = OrderedDict()

    def put(self, row: Row) -> None:
        """Add a campaign, or replace the one with the same id."""
        self.remove(row.campaign_id)
        self.rows[row.campaign_id] = row
        for date, entries in self._by_date.items():
            insort(entries, (_text(row.record, date), row.campaign_id))

    def remove(self, campaign_id: str) -> None:
        """Take a campaign out, if it is there."""
        self._orders.clear()
        row = self.rows.pop(campaign_id, None)
        if row is None:
            return
        for date, entries in self._by_date.items():
            del entries[bisect_left(entries, (_text(row.record, date), campaign_id))]

    def count(self, query: Query) -> int:
        """How many rows match."""
        return self._select(query).total

    def find(self, query: Query, skip: int, limit: int, *, shuffle: random.Random | None = None) -> list[Row]:
        """At most `limit` rows from the offset `skip`; with `shuffle`, rows equal under the order come in any order."""
        chosen = self._select(query)
        return [self.rows[campaign_id] for _, campaign_id in chosen.page(skip, limit, shuffle)]

    def _select(self, query: Query) -> _Chosen:
        if len(query.sort) == 1 and not query.keep and query.sort[0][0] in _DATES:
            date, direction = query.sort[0]
            if not query.dated or query.date_field == date:
                entries = self._dates(date)
                return _Chosen(entries, *_between(entries, query), descending=direction == "desc")
        entries = self._ordered(query)
        return _Chosen(entries, 0, len(entries), descending=False)

    def _dates(self, date: str) -> list[Entry]:
        if date not in self._by_date:
            self._by_date[date] = sorted((_text(row.record, date), key) for key, row in self.rows.items())
        return self._by_date[date]

    def _ordered(self, query: Query) -> list[Entry]:
        if query in self._orders:
            self._orders.move_to_end(query)
            return self._orders[query]
        entries = self._matching(query)
        # Several stable sorts, the least significant key first, give one order with mixed directions.
        for position, (_, direction) in reversed(list(enumerate(query.sort))):
            entries.sort(key=_nth(position), reverse=direction == "desc")
        self._orders[query] = entries
        if len(self._orders) > _CACHED_ORDERS:
            self._orders.popitem(last=False)
        return entries

    def _matching(self, query: Query) -> list[Entry]:
        """Matching rows by ascending id, each with its sort texts."""
        ids: Iterable[str] = self.rows
        if query.dated and query.date_field is not None:
            dated = self._dates(query.date_field)
            low, high = _between(dated, query)
            ids = (campaign_id for _, campaign_id in dated[low:high])
        records = ((campaign_id, self.rows[campaign_id].record) for campaign_id in sorted(ids))
        return [
            (tuple(_text(record, name) for name, _ in query.sort), campaign_id)
            for campaign_id, record in records
            if all(_text(record, name) in accepted for name, accepted in query.keep)
        ]


@dataclass(frozen=True, slots=True)
class _Chosen:
    """The part `[low, high)` of an ordered list, read forwards or backwards."""

    entries: list[Entry]
    low: int
    high: int
    descending: bool

    @property
    def total(self) -> int:
        return max(self.high - self.low, 0)

    def page(self, skip: int, limit: int, shuffle: random.Random | None) -> list[Entry]:
        first, last = min(skip, self.total), min(skip + limit, self.total)
        low, high = self.low + first, self.low + last
        if self.descending:
            low, high = self.high - last, self.high - first
        page = self._shuffled(low, high, shuffle) if shuffle else self.entries[low:high]
        return page[::-1] if self.descending else page

    def _shuffled(self, low: int, high: int, shuffle: random.Random) -> list[Entry]:
        """`entries[low:high]` after every group of equals that the page touches, also in part, was mixed."""
        mixed: list[Entry] = []
        left = start = self._group(low)[0] if low < high else low
        while start < high:
            _, end = self._group(start)
            group = self.entries[start:end]
            shuffle.shuffle(group)
            mixed += group
            start = end
        return mixed[low - left : high - left]

    def _group(self, position: int) -> tuple[int, int]:
        """Where the rows that equal the one at `position` begin and end."""
        value = self.entries[position][0]
        begin, end = position, position + 1
        while begin > self.low and self.entries[begin - 1][0] == value:
            begin -= 1
        while end < self.high and self.entries[end][0] == value:
            end += 1
        return begin, end


def _text(record: Mapping[str, Any], name: str) -> str:
    """What is compared; a value that is not text sorts first and matches no date, as null does in the database."""
    value = record.get(name)
    return value if isinstance(value, str) else ""


def _nth(position: int) -> Callable[[Entry], str]:
    return lambda entry: str(entry[0][position])


def _between(entries: list[Entry], query: Query) -> tuple[int, int]:
    """The positions `[low, high)` of the entries within the query's dates."""
    if not query.dated:
        return 0, len(entries)
    # ("", _AFTER_EVERY_ID) skips the rows that have no such date.
    low = bisect_right(entries, ("", _AFTER_EVERY_ID))
    high = len(entries)
    if query.start is not None:
        low = max(low, bisect_left(entries, (query.start, "" if query.start_inclusive else _AFTER_EVERY_ID)))
    if query.end is not None:
        high = bisect_left(entries, (query.end, _AFTER_EVERY_ID if query.end_inclusive else ""))
    return low, max(low, high)
