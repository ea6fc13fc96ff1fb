"""How this server behaves wherever Kore.ai's documentation leaves the behaviour open; each switch says what is open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

SortKeys = tuple[tuple[str, str], ...]
"""(field, "asc" or "desc"), the most significant first."""


def _documented_ids() -> Mapping[str, str]:
    return {"sms": "id", "voice": "_id"}


@dataclass(frozen=True, slots=True)
class Switches:
    """One server's habits; replace the whole value to change one."""

    # -- records
    id_spelling: Mapping[str, str] = field(default_factory=_documented_ids)
    """Channel -> name of the id field. Samples say `id` for SMS and `_id` for voice, the voice table says `id`."""

    # -- paging
    max_limit: int = 100
    """The largest page, in rows; more is cut silently. Undocumented here, 100 on the sibling status endpoint."""
    default_limit: int = 10
    """Rows on a page where `limit` is absent, empty or 0. Undocumented; the shortest sample asks for 10."""
    limit_echo: Literal["effective", "asked", "absent"] = "effective"
    """What `data.limit` says: the page's sample asks for 50 and is told 2, so nothing is certain."""
    offset_wins: Literal["skip", "page"] = "skip"
    """Which one counts when both are sent, as every sample does; the page does not say."""
    total: Literal["sent", "absent"] = "sent"
    """Whether `totalResults` and `totalPages` are there at all."""
    find_and_count: Literal["together", "count-first", "find-first"] = "together"
    """Whether rows and total are taken at one instant; in between, scripted changes may land (two database queries)."""

    # -- order
    default_order: SortKeys = (("updatedAt", "desc"),)
    """The order where `sortBy` is absent: undocumented, samples are in this one."""
    order_kept: bool = True
    """False: `sortBy` is accepted and ignored."""
    ties: Literal["stable", "shuffled"] = "stable"
    """Whether rows equal under the order come in the same order each time; a database promises nothing."""
    sort_needs_name: bool = False
    """True: `sortBy` without `name` is refused, as the page's table says and its own sample contradicts."""

    # -- filters
    filtered_date: Literal["createdAt", "updatedAt", "none"] = "createdAt"
    """The timestamp that `startDate` and `endDate` are compared with: not stated."""
    bounds: Literal["inclusive", "exclusive-end", "exclusive"] = "inclusive"
    """Whether rows at exactly `startDate` or `endDate` match: not stated; the sample's 18:29:59.999Z suggests so."""
    undated: Literal["allowed", "refused"] = "allowed"
    """Whether a request without both dates is answered: both are called optional, no sample omits one in v2."""
    status_filter_works: bool = True
    """False: `filters.status` is accepted and ignored."""

    # -- limits and time
    throttle: Literal["429", "200"] | None = None
    """How more than `requests_per_minute` is answered: 429, or 200 with an error envelope. Undocumented."""
    requests_per_minute: int = 60
    """Per account, both channels together, over a rolling minute: documented; enforced where `throttle` is set."""
    retry_after: Literal["seconds", "date"] | None = None
    """The form of the `Retry-After` header beside a throttled answer: no mention of one was found."""
    clock_skew_seconds: float = 0.0
    """Server clock minus the true one: moves the `Date` header and the check of `exp`."""
    latency_seconds: float = 0.0
    """Time before each answer."""

    # -- access
    account_id_from: Literal["either", "header", "query"] = "either"
    """Where the account id must be: the page says header, its first revision said query parameter, v2 shows both."""
    require_jti: bool = False
    """The app's "Enforce JTI" setting: tokens without `jti` are refused."""
    single_use_jti: bool = True
    """A `jti` counts once, as documented for SDK tokens of the same kind of app; False: it may be used again."""
    enforce_jwe: bool = False
    """The app's "Enforce JWE" setting: a plain signed token is refused."""
    unscoped_accounts: frozenset[str] = frozenset()
    """Accounts whose app was never given the scope "Campaign Management"."""
