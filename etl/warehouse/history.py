"""What a change leaves behind: superseded states, the way temporal tables keep them.

Only what is over is copied out, in the window's own transaction and from the same difference that decides the upsert,
so that a first load and an unchanged night write nothing here. A deletion ends a version without a copy: the row stays
where it is, with `deleted_at`; the copy is made when the campaign comes back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from etl.warehouse import bulk
from etl.warehouse.dialect import in_values
from etl.warehouse.links import Ended, Links
from etl.warehouse.rows import Change, Moment, Row
from etl.warehouse.schema import (
    ATTRIBUTES,
    STAMPS,
    campaign_contact_list_history,
    campaign_counter_history,
    campaign_history,
)


class Reading(Struct, frozen=True):
    """A value of `total_messages_sent` and the run of the campaign that it counts."""

    messages: int
    instance: str | None


class Step(Struct, frozen=True):
    """What one reading shows beyond the one before it: never less than nothing. None = not to be told."""

    messages: int | None
    is_reset: bool


def step(before: Reading | None, after: Reading | None) -> Step:
    """From one reading to the next.

    Another instance counts from zero (campaigns page: a rerun is a new instance); so, as for any counter, does one that
    fell. The first reading is a baseline: nobody knows when its messages were sent.
    """
    if before is None or after is None:
        return Step(None, is_reset=False)
    rerun = None not in (before.instance, after.instance) and before.instance != after.instance
    if rerun or after.messages < before.messages:
        return Step(after.messages, is_reset=True)
    return Step(after.messages - before.messages, is_reset=False)


# -- deciding ---------------------------------------------------------------------------------------------------------


def versions(changes: Iterable[Change], run_id: str) -> list[Row]:
    """Rows of `campaign_history`: the states that these changes end."""
    return [_version(one, one.before, run_id) for one in changes if _moved(one, "valid_from")]


def _version(one: Change, before: Row, run_id: str) -> Row:
    deleted_at = before["deleted_at"]
    return {
        "campaign_id": before["campaign_id"],
        "valid_from": before["valid_from"],
        "valid_to": one.at if deleted_at is None else deleted_at,
        **{name: before[name] for name in (*ATTRIBUTES, *STAMPS)},
        "run_id": run_id if deleted_at is None else before["last_run_id"],
    }


def readings(changes: Iterable[Change], earlier: Mapping[str, Reading], run_id: str) -> list[Row]:
    """Rows of `campaign_counter_history`. `earlier`: the last known value of campaigns that have none now."""
    return [
        _reading(one, one.before, one.row, earlier, run_id) for one in changes if one.row is not None and _counts(one)
    ]


def _counts(one: Change) -> bool:
    """Whether a reading ends; voice campaigns have none (API page), whatever becomes of their instance."""
    return _moved(one, "counted_at") and (_read(one.before) is not None or _read(one.row) is not None)


def _reading(one: Change, before: Row, row: Row, earlier: Mapping[str, Reading], run_id: str) -> Row:
    taken = step(_known(before, earlier.get(one.campaign_id)), _read(row))
    return {
        "campaign_id": before["campaign_id"],
        "observed_at": before["counted_at"],
        "total_messages_sent": before["total_messages_sent"],
        "campaign_instance_id": before["campaign_instance_id"],
        "run_id": run_id,
        "superseded_at": one.at,
        "day": one.at.astimezone(UTC).date(),
        "next_messages": taken.messages,
        "next_is_reset": taken.is_reset,
        "account_id": before["account_id"],
    }


def _known(before: Row, past: Reading | None) -> Reading | None:
    """The last known value and the last known instance: a night that tells neither hides no rerun."""
    last = _read(before)
    if last is None or past is None:
        return last or past
    return replace(last, instance=last.instance or past.instance)


def _is_vague(one: Change) -> bool:
    """Whether the reading that ends tells no value or no instance, so that earlier ones are asked."""
    return _counts(one) and None in (one.before["total_messages_sent"], one.before["campaign_instance_id"])


def _corrected(one: Change) -> bool:
    """Whether the present reading is another than was understood so far, in place: a replay, or a row rewritten."""
    return one.row is not None and not _moved(one, "counted_at") and _read(one.before) != _read(one.row)


def corrections(changes: Iterable[Change], earlier: Mapping[str, Reading]) -> list[Row]:
    """What the steps that lead to corrected readings show now."""
    steps = [(one.before, step(earlier.get(one.campaign_id), _read(one.row))) for one in changes if _corrected(one)]
    return [
        {
            "of_campaign": before["campaign_id"],
            "until": before["counted_at"],
            "messages": taken.messages,
            "reset": taken.is_reset,
        }
        for before, taken in steps
    ]


_CORRECT = (
    update(campaign_counter_history)
    .where(
        campaign_counter_history.c.campaign_id == bindparam("of_campaign"),
        campaign_counter_history.c.superseded_at == bindparam("until"),
    )
    .values(next_messages=bindparam("messages"), next_is_reset=bindparam("reset"))
)


def _moved(one: Change, stamp: str) -> bool:
    return one.row is not None and one.row[stamp] != one.before[stamp]


def _read(row: Row | None) -> Reading | None:
    if row is None or row["total_messages_sent"] is None:
        return None
    return Reading(row["total_messages_sent"], row["campaign_instance_id"])


# -- writing ----------------------------------------------------------------------------------------------------------


async def write(connection: AsyncConnection, moment: Moment, changes: Sequence[Change], links: Links) -> None:
    """Copy out what these changes and link changes end; the rows themselves are not written yet."""
    run_id, account_id = moment.run_id, moment.scope.account_id
    earlier = await _earlier(connection, [one.campaign_id for one in changes if _is_vague(one) or _corrected(one)])
    await bulk.insert(connection, campaign_history, versions(changes, run_id))
    await bulk.insert(connection, campaign_counter_history, readings(changes, earlier, run_id))
    await bulk.each(connection, _CORRECT, corrections(changes, earlier))
    await bulk.insert(connection, campaign_contact_list_history, [_link(one, account_id) for one in links.ended])


def _link(one: Ended, account_id: str) -> Row:
    return {
        "account_id": account_id,
        "campaign_id": one.link.campaign_id,
        "contact_list_id": one.link.contact_list_id,
        "valid_from": one.link.valid_from,
        "valid_to": one.valid_to,
        "run_id": one.run_id,
    }


async def _earlier(connection: AsyncConnection, ids: Sequence[str]) -> dict[str, Reading]:
    """The last value, and the last instance, that readings which are over tell of each of these campaigns."""
    if not ids:
        return {}
    column = campaign_counter_history.c
    found = await connection.execute(
        select(column.campaign_id, column.total_messages_sent, column.campaign_instance_id)
        .where(in_values(column.campaign_id, ids, connection.dialect), column.total_messages_sent.is_not(None))
        .order_by(column.campaign_id, column.observed_at)
    )
    past: dict[str, Reading] = {}
    for campaign_id, messages, instance in found:
        before = past.get(campaign_id)
        past[campaign_id] = Reading(messages, instance or (before.instance if before else None))
    return past


async def forget_texts(connection: AsyncConnection, ids: Sequence[str]) -> None:
    """Take the message texts out of these campaigns' past."""
    column = campaign_history.c
    chosen = in_values(column.campaign_id, ids, connection.dialect)
    await connection.execute(
        update(campaign_history).where(chosen, column.message_text.is_not(None)).values(message_text=None)
    )
