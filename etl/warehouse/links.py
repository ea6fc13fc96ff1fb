"""Which contact-list links a window adds, ends and begins anew, decided without a database. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from etl.warehouse.rows import Change, contact_list_id, later


class Link(NamedTuple):
    """A row of `campaign_contact_lists`."""

    campaign_id: str
    contact_list_id: int
    valid_from: datetime


class Ended(NamedTuple):
    """A link that ends at `valid_to`; `again_at`: the campaign was deleted then and came back with it, so that it
    begins anew."""

    link: Link
    valid_to: datetime
    run_id: str
    again_at: datetime | None = None


class Links(Struct, frozen=True):
    """What becomes of links, in key order, and the names of the contact lists that are needed, by id."""

    added: tuple[Link, ...]
    ended: tuple[Ended, ...]
    lists: Mapping[int, str]

    def __add__(self, other: Links) -> Links:
        if not other.added and not other.ended:  # in order already, as most are
            return self
        both = {**self.lists, **other.lists}
        return Links(tuple(sorted((*self.added, *other.added))), tuple(sorted((*self.ended, *other.ended))), both)

    @property
    def removed(self) -> tuple[Ended, ...]:
        """Those that ended for good."""
        return tuple(one for one in self.ended if one.again_at is None)

    @property
    def restarted(self) -> tuple[Ended, ...]:
        """Those that begin anew."""
        return tuple(one for one in self.ended if one.again_at is not None)


def needed(changes: Iterable[Change]) -> list[str]:
    """Ids of the campaigns whose stored links have to be looked at."""
    return [one.campaign_id for one in changes if _speaks(one)]


def _speaks(one: Change) -> bool:
    return one.row is not None and (one.links is not None or one.deleted_at is not None)


def of_new(new: Iterable[tuple[str, Iterable[str]]], account_id: str, at: datetime) -> Links:
    """The links of campaigns never stored before: their ids, in order, and the names of their lists."""
    keys = _Keys(account_id)
    added = [Link(campaign_id, key, at) for campaign_id, names in new for key in sorted({keys[name] for name in names})]
    return Links(tuple(added), (), {key: name for name, key in keys.items()})


class _Keys(dict[str, int]):
    """Names of an account's lists -> their keys, each made when it is first asked for."""

    def __init__(self, account_id: str) -> None:
        super().__init__()
        self._account_id = account_id

    def __missing__(self, name: str) -> int:
        self[name] = key = contact_list_id(self._account_id, name)
        return key


def difference(account_id: str, run_id: str, changes: Iterable[Change], stored: Iterable[Link]) -> Links:
    """What makes every changed campaign's links exactly those of its record."""
    by_campaign: dict[str, dict[int, Link]] = defaultdict(dict)
    for link in stored:
        by_campaign[link.campaign_id][link.contact_list_id] = link
    added: list[Link] = []
    ended: list[Ended] = []
    lists: dict[int, str] = {}
    for one in filter(_speaks, changes):
        known = by_campaign[one.campaign_id]
        names = {contact_list_id(account_id, name): name for name in one.links or ()}
        wanted = known.keys() if one.links is None else names.keys()
        added += [Link(one.campaign_id, key, one.at) for key in wanted - known.keys()]
        lists |= {key: names[key] for key in wanted - known.keys()}
        for key, link in known.items():
            if key not in wanted or one.deleted_at is not None:
                ended.append(_ended(link, one, run_id, stays=key in wanted))
    return Links(tuple(sorted(added)), tuple(sorted(ended)), lists)


def _ended(link: Link, one: Change, run_id: str, *, stays: bool) -> Ended:
    """With the deletion, where there was one, and by the run that marked it; else now."""
    again_at = one.at if stays else None
    if one.deleted_at is None:
        return Ended(link, later(one.at, link.valid_from), run_id, again_at)
    return Ended(link, later(one.deleted_at, link.valid_from), one.before["last_run_id"], again_at)


def dated(changes: Iterable[Change], links: Links, run_id: str) -> list[Change]:
    """The changes, stamped where only links change: that happens where stored rows were damaged and are rewritten."""
    touched = {link.campaign_id for link in links.added} | {one.link.campaign_id for one in links.ended}
    return [_stamped(one, run_id) if one.campaign_id in touched else one for one in changes]


def _stamped(one: Change, run_id: str) -> Change:
    return one if one.row is None else replace(one, row={**one.row, "last_changed_at": one.at, "last_run_id": run_id})
