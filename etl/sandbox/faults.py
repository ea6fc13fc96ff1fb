"""What can be made to go wrong, and when: the one place where a new kind of trouble is added.

A fault has a kind and a time (`on`, `times`). `Script` says which faults strike a call; `etl.sandbox.service` carries
them out: those of `INSTEAD` take the place of the answer, those of `SHAPES` bend the page, the rest act around it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from etl.sandbox import answer
from etl.sandbox.answer import Answer, Envelope
from etl.sandbox.asked import Asked
from etl.sandbox.catalogue import Catalogue


@dataclass(frozen=True, slots=True)
class Call:
    """A request that passed token, rate limit and validation; faults and scripted changes are aimed at these.

    `number` counts them from 1 over the whole server; `skip` and `limit` are in rows, as this server understands them;
    `total` is how many rows matched when it came.
    """

    number: int
    at: datetime
    account_id: str
    app_id: str
    asked: Asked
    skip: int
    limit: int
    total: int

    @property
    def channel(self) -> str:
        """`sms` or `voice`."""
        return self.asked.channel

    @property
    def page(self) -> int:
        """Which page of `limit` rows this is, from 1."""
        return self.skip // self.limit + 1

    @property
    def is_last(self) -> bool:
        """Whether the listing ends on this page, with at least one row."""
        return self.skip < self.total <= self.skip + self.limit


# -- when --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Every:
    """Every nth call."""

    n: int

    def __call__(self, call: Call) -> bool:
        return call.number % self.n == 0


@dataclass(frozen=True, slots=True)
class OnPage:
    """Calls for the nth page of a listing, from 1."""

    n: int

    def __call__(self, call: Call) -> bool:
        return call.page == self.n


@dataclass(frozen=True, slots=True)
class OfAccount:
    """Calls of one account."""

    account_id: str

    def __call__(self, call: Call) -> bool:
        return call.account_id == self.account_id


@dataclass(frozen=True, slots=True)
class OfChannel:
    """Calls for one channel."""

    channel: str

    def __call__(self, call: Call) -> bool:
        return call.channel == self.channel


@dataclass(frozen=True, slots=True)
class OfWindow:
    """Calls whose dates are these, as sent; None = not sent."""

    start: str | None
    end: str | None

    def __call__(self, call: Call) -> bool:
        return (call.asked.start, call.asked.end) == (self.start, self.end)


When = int | Callable[[Call], bool] | None
Act = Callable[[Catalogue, Call], None]


# -- what --------------------------------------------------------------------------------------------------------------

KINDS = {
    "status": "an HTTP error (`status`, `body`, `content_type`, `retry_after`)",
    "drop": "the connection closes before the answer",
    "truncate": "the body is cut half-way under its full Content-Length",
    "expired": "401, as if the token had expired",
    "error_envelope": 'HTTP 200 with {"status": "error"}',
    "html_200": "HTTP 200 with a gateway's HTML page",
    "redirect": "302 to `location`",
    "empty_page": "no results, yet hasMore true",
    "repeat_page": "the rows of the page before",
    "endless_has_more": "hasMore is always true; past the end the listing starts again",
    "short_page": "half of the page's rows, told truthfully",
    "falsely_empty_last_page": "the last page has no results; its total stays",
    "no_results": "data without results",
    "raw_record": "the page's first record is replaced by the text `record`",
    "slow": "the answer comes `seconds` late",
    "mutate": "`act` changes the catalogue before the page is read (or between find and count, see Switches)",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One scripted fault.

    `on` is the number of the call it strikes (with `times` = 3: that call and the next two), or a test of the call, or
    None for every call (then `times` bounds how often it strikes, None = no bound). `falsely_empty_last_page` strikes
    last pages only.
    """

    kind: str
    on: When = None
    times: int | None = None
    status: int = 503
    body: str | bytes | None = None
    content_type: str = answer.JSON
    retry_after: str | None = None
    location: str = "/elsewhere"
    record: str | bytes = '{"name":"A record without an id"}'
    seconds: float = 5.0
    act: Act | None = None
    """None: `scripted_change`."""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"There is no fault of the kind {self.kind!r}; possible are {', '.join(KINDS)}.")


def strikes(fault: Fault, call: Call, struck: int) -> bool:
    """Whether the fault strikes this call, having struck `struck` times before."""
    if fault.kind == "falsely_empty_last_page" and not call.is_last:
        return False
    if isinstance(fault.on, int):
        return fault.on <= call.number < fault.on + (1 if fault.times is None else fault.times)
    if fault.times is not None and struck >= fault.times:
        return False
    return fault.on is None or fault.on(call)


@dataclass(slots=True)
class Script:
    """The faults of a server, and how often each has struck."""

    faults: tuple[Fault, ...] = ()
    _struck: dict[int, int] = field(default_factory=dict)

    def striking(self, call: Call) -> tuple[Fault, ...]:
        """The faults for this call, in script order; asking counts."""
        found = []
        for place, fault in enumerate(self.faults):
            struck = self._struck.get(place, 0)
            if strikes(fault, call, struck):
                self._struck[place] = struck + 1
                found.append(fault)
        return tuple(found)


# -- how ---------------------------------------------------------------------------------------------------------------


def _status(fault: Fault) -> Answer:
    if fault.body is None:
        plain = answer.error(fault.status, f"Scripted fault {fault.status}")
    else:
        body = fault.body.encode() if isinstance(fault.body, str) else fault.body
        plain = Answer(fault.status, body, fault.content_type)
    return answer.with_retry_after(plain, fault.retry_after)


INSTEAD: Mapping[str, Callable[[Fault], Answer]] = {
    "status": _status,
    "drop": lambda _: Answer(0, ending="drop"),
    "expired": lambda _: answer.expired(),
    "error_envelope": lambda _: answer.error_envelope("Something went wrong, please try again"),
    "html_200": lambda _: answer.html(200, "Just a moment"),
    "redirect": lambda fault: Answer(302, b"", answer.HTML, (("Location", fault.location),)),
}
"""Kinds that answer with something else altogether."""


def shifted(skip: int, call: Call, faults: Iterable[Fault]) -> int:
    """The offset whose rows are handed out in place of those at `skip`."""
    for fault in faults:
        if fault.kind == "repeat_page":
            skip = max(skip - call.limit, 0)
        elif fault.kind == "endless_has_more" and call.total:
            skip %= call.total
    return skip


def _short(page: Envelope, _: Fault) -> Envelope:
    results = page.results or ()
    kept = results[: (len(results) + 1) // 2]
    return replace(page, results=kept, has_more=page.has_more or len(kept) < len(results))


def _raw(page: Envelope, fault: Fault) -> Envelope:
    text = fault.record.encode() if isinstance(fault.record, str) else fault.record
    return replace(page, results=(text, *page.results[1:])) if page.results else page


SHAPES: Mapping[str, Callable[[Envelope, Fault], Envelope]] = {
    "empty_page": lambda page, _: replace(page, results=(), has_more=True),
    "endless_has_more": lambda page, _: replace(page, has_more=True),
    "short_page": _short,
    "falsely_empty_last_page": lambda page, _: replace(page, results=(), has_more=False),
    "no_results": lambda page, _: replace(page, results=None),
    "raw_record": _raw,
}
"""Kinds that bend a page."""


def scripted_change(catalogue: Catalogue, call: Call) -> None:
    """In turn: a campaign gets a new name, one is added, one goes away. Which ones follows from the call's number."""
    account_id, channel, app_id = call.account_id, call.channel, call.app_id
    ids = list(catalogue.of(account_id, channel, app_id).rows)
    turn = call.number % 3
    if turn == 0 or not ids:
        catalogue.insert(account_id, channel, now=call.at, app_id=app_id)
        return
    chosen = ids[call.number * 7919 % len(ids)]
    if turn == 1:
        catalogue.update(account_id, channel, chosen, now=call.at, app_id=app_id, name=f"Renamed by call {call.number}")
    else:
        catalogue.delete(account_id, channel, chosen, app_id=app_id)


# -- as text -----------------------------------------------------------------------------------------------------------

_ITEM = re.compile(
    r"(?P<kind>[a-z_0-9-]+)(?::(?P<argument>[0-9.]+))?(?:@(?P<when>[^@]+?)(?:x(?P<times>[1-9]\d{0,8}))?)?"
)
_SPELLINGS = {kind.replace("_", "-"): kind for kind in KINDS if kind not in ("status", "mutate")} | {"change": "mutate"}
_NUMBERED: Mapping[str, Callable[[int], When]] = {"": int, "every": Every, "page": OnPage}
_HOW = (
    "Write faults as KIND@WHEN, separated by commas, for example 429@3,drop@7,truncate@every:20,500@2x3. "
    f"KIND is a status from 400 to 599 (429:30 adds Retry-After: 30) or one of {', '.join(sorted(_SPELLINGS))} "
    "(slow:2 waits 2 seconds). WHEN is the number of the request, every:N, page:N, account:ID or channel:sms|voice, "
    "with x3 for three times; without @WHEN it is every request."
)


def parse_faults(text: str) -> tuple[Fault, ...]:
    """The `--faults` option. Raises ValueError with a sentence that says what is possible."""
    return tuple(_parse(item.strip()) for item in text.split(",") if item.strip())


def _parse(item: str) -> Fault:
    match = _ITEM.fullmatch(item)
    if match is None:
        raise ValueError(f"The fault {item!r} cannot be read. {_HOW}")
    fault = _parse_kind(item, match["kind"], match["argument"])
    times = None if match["times"] is None else int(match["times"])
    return replace(fault, on=_parse_when(item, match["when"]), times=times)


def _parse_kind(item: str, kind: str, argument: str | None) -> Fault:
    if re.fullmatch(r"[45]\d\d", kind):
        return Fault("status", status=int(kind), retry_after=argument)
    known = _SPELLINGS.get(kind)
    if known is None or (argument is not None and known != "slow"):
        raise ValueError(f"The fault {item!r} is of no known kind. {_HOW}")
    if argument is None:
        return Fault(known)
    try:
        return Fault(known, seconds=float(argument))
    except ValueError as error:
        raise ValueError(f"The fault {item!r} has no readable number of seconds. {_HOW}") from error


def _parse_when(item: str, when: str | None) -> When:
    if when is None:
        return None
    name, _, value = when.rpartition(":")
    if name in _NUMBERED and re.fullmatch(r"[1-9]\d{0,8}", value):
        return _NUMBERED[name](int(value))
    if name == "account" and value:
        return OfAccount(value)
    if name == "channel" and value in ("sms", "voice"):
        return OfChannel(value)
    raise ValueError(f"The fault {item!r} has no readable time. {_HOW}")
