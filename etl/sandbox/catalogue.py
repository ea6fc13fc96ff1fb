"""What the pretended accounts hold: seeded campaigns that can change while the server runs."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from etl.sandbox import words
from etl.sandbox.invent import INVENTORS, Life, creation_times, live, seeded, wire_id, wire_time
from etl.sandbox.listing import Listing, Row, Wire, as_v1

CHANNELS = ("sms", "voice")

_UNTOUCHED = timedelta(minutes=15)
"""How long before `now` the invented past ends, so that a first run meets a quiet source."""


@dataclass(frozen=True, slots=True)
class SandboxAccount:
    """One app of one account with the credentials that open it. Made up, and worth nothing elsewhere."""

    account_id: str
    app_id: str
    client_id: str
    client_secret: str
    name: str


class Catalogue:
    """Campaigns per account, app and channel; changes show in the very next answer.

    Records are dicts as the v1 endpoint answers them; treat what you are given as read-only. Where an account has
    several apps, `app_id` says which (default: its first). An unknown account, channel or campaign is a KeyError.
    """

    def __init__(self, accounts: Iterable[SandboxAccount], *, seed: int = 7) -> None:
        self.accounts = tuple(accounts)
        self._rng = seeded(f"{seed}/changes")
        self._listings = {
            (account.account_id, account.app_id, channel): Listing()
            for account in self.accounts
            for channel in CHANNELS
        }

    def of(self, account_id: str, channel: str, app_id: str | None = None) -> Listing:
        """The list itself, to be queried."""
        return self._listings[account_id, app_id or self._first_app(account_id), channel]

    def listing(self, account_id: str, channel: str, *, app_id: str | None = None) -> list[Wire]:
        """Every record, by id. Records that were replaced by a raw text are left out: they may be no JSON at all."""
        rows = self.of(account_id, channel, app_id).rows
        return [as_v1(rows[key].record) for key in sorted(rows) if rows[key].raw is None]

    def count(self, account_id: str, channel: str, *, app_id: str | None = None) -> int:
        """How many campaigns there are, raw ones included."""
        return len(self.of(account_id, channel, app_id).rows)

    def get(self, account_id: str, channel: str, campaign_id: str, *, app_id: str | None = None) -> Wire:
        """One record."""
        return as_v1(self.of(account_id, channel, app_id).rows[campaign_id].record)

    def insert(
        self,
        account_id: str,
        channel: str,
        *,
        created_at: datetime | None = None,
        now: datetime,
        app_id: str | None = None,
        **fields: Any,
    ) -> str:
        """Add a campaign, created at `created_at` (default: `now`) and updated `now`; `fields` replace wire fields.

        A field given as `...` is left out. Returns the new id (`fields` may set it under the channel's own spelling).
        """
        listing = self.of(account_id, channel, app_id)
        record = INVENTORS[channel](self._rng, Life("Ready", False, created_at or now, now, now))
        row = _row(_changed(record, fields))
        listing.put(row)
        return row.campaign_id

    def insert_raw(
        self,
        account_id: str,
        channel: str,
        raw: str | bytes,
        *,
        created_at: datetime | None = None,
        now: datetime,
        app_id: str | None = None,
        **fields: Any,
    ) -> str:
        """Add an entry that goes out as `raw`, byte for byte, JSON or not; it is sorted and filtered as `insert` would.

        Returns the id under which `update` and `delete` know it, which `raw` need not hold.
        """
        campaign_id = self.insert(account_id, channel, created_at=created_at, now=now, app_id=app_id, **fields)
        listing = self.of(account_id, channel, app_id)
        listing.rows[campaign_id].raw = raw.encode() if isinstance(raw, str) else raw
        return campaign_id

    def update(
        self,
        account_id: str,
        channel: str,
        campaign_id: str,
        *,
        now: datetime | None,
        app_id: str | None = None,
        **fields: Any,
    ) -> None:
        """Change wire fields (`...` removes one) and stamp `updatedAt` with `now`; None leaves the stamp alone."""
        listing = self.of(account_id, channel, app_id)
        row = listing.rows[campaign_id]
        stamp = {} if now is None else {"updatedAt": wire_time(now)}
        listing.put(Row(campaign_id, _changed(row.record, stamp | fields), row.raw))

    def delete(self, account_id: str, channel: str, campaign_id: str, *, app_id: str | None = None) -> None:
        """Take a campaign away without a trace, as the API does."""
        listing = self.of(account_id, channel, app_id)
        if campaign_id not in listing.rows:
            raise KeyError(campaign_id)
        listing.remove(campaign_id)

    def fill(self, account: SandboxAccount, channel: str, records: Iterable[Wire]) -> None:
        """Put these records, v2-shaped, in place of a whole list."""
        self._listings[account.account_id, account.app_id, channel] = Listing(_row(record) for record in records)

    def _first_app(self, account_id: str) -> str:
        for account in self.accounts:
            if account.account_id == account_id:
                return account.app_id
        raise KeyError(account_id)


def build_catalogue(
    *,
    accounts: int = 3,
    campaigns: int = 500,
    seed: int = 7,
    now: datetime,
    years: float = 3.0,
    channels: Iterable[str] = CHANNELS,
) -> Catalogue:
    """A realistic past of `years` before `now`, `campaigns` per account and channel; equal arguments, equal bytes.

    Nothing was created or changed in the last 15 minutes before `now`.
    """
    catalogue = Catalogue(invent_accounts(accounts, seed=seed), seed=seed)
    last = (now - _UNTOUCHED).replace(microsecond=0) - timedelta(seconds=1)
    first = last - timedelta(days=365.25 * years)
    for account in catalogue.accounts:
        for channel in channels:
            rng = seeded(f"{seed}/{account.account_id}/{channel}")
            catalogue.fill(account, channel, _invent(rng, channel, campaigns, first, last))
    return catalogue


def invent_accounts(count: int, *, seed: int = 7) -> tuple[SandboxAccount, ...]:
    """`count` accounts with one app and one credential each; the first ones are the same whatever the count."""
    return tuple(_account(seeded(f"{seed}/account/{number}"), number) for number in range(count))


def _account(rng: Random, number: int) -> SandboxAccount:
    rounds, place = divmod(number, len(words.ACCOUNTS))
    name = words.ACCOUNTS[place]
    return SandboxAccount(
        account_id=f"{rng.getrandbits(96):024x}",
        app_id=wire_id(rng, "st", short=False),
        client_id=wire_id(rng, "cs", short=False),
        client_secret=base64.b64encode(rng.randbytes(32)).decode(),
        name=f"{name} {rounds + 1}" if rounds else name,
    )


def _invent(rng: Random, channel: str, count: int, first: datetime, last: datetime) -> Iterator[Wire]:
    for created in creation_times(rng, count, first=first, last=last):
        yield INVENTORS[channel](rng, live(rng, created, last))


def _row(record: Wire) -> Row:
    campaign_id = record.get("id", record.get("_id"))
    if not isinstance(campaign_id, str):
        raise TypeError("A campaign of the sandbox needs a text as id; use insert_raw for a record without one.")
    return Row(campaign_id, record)


def _changed(record: Wire, fields: dict[str, Any]) -> Wire:
    return {name: value for name, value in {**record, **fields}.items() if value is not ...}
