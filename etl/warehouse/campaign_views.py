"""What analysts query of campaigns: present, past, counters, contact lists. The same rows on both databases.

History is kept as superseded states; these views put past and present together. A predicate on account or date reaches
an index: tests read the plans.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from sqlalchemy import Table

from etl.warehouse import schema
from etl.warehouse.schema import ATTRIBUTES, STAMPS
from etl.warehouse.view import View

_LIVE = tuple(column.name for column in schema.campaigns.c if column.name != "older_run_id")
_STATE = ", ".join((*ATTRIBUTES, *STAMPS))

# A sum that does not fit ends at the largest number instead of failing the whole query.
_SUM = {
    "sqlite": "CAST(coalesce(sum({0} >> 31) * 2147483648 + sum({0} & 2147483647), 0) AS INTEGER)",
    "postgresql": "least(coalesce(sum({0}), 0), 9223372036854775807)::bigint",
}

_OVERVIEW = """SELECT c.campaign_id, c.account_id, c.app_id, c.channel, c.name, c.status, c.priority, c.format,
    c.execution_type, c.dialing_mode, c.connection, c.dnc_list_name, c.campaign_instance_id, c.is_scheduled,
    c.is_recurring, c.total_messages_sent, c.created_at, c.updated_at, c.instance_updated_at,
    c.contact_list_names AS contact_lists, @count AS contact_list_count,
    c.first_seen_at, c.last_changed_at, c.missing_since, c.deleted_at
FROM campaigns c"""

_VERSIONS = f"""SELECT campaign_id, valid_from, valid_to, {_STATE} FROM campaign_history
UNION ALL SELECT campaign_id, valid_from, deleted_at, {_STATE} FROM campaigns"""  # noqa: S608  our own column names

# Only a deleted campaign ends its current links: joined by way of the small index of deleted ones.
_LINK_VERSIONS = """SELECT h.campaign_id, h.contact_list_id, h.account_id, l.name, h.valid_from, h.valid_to
FROM campaign_contact_list_history h
JOIN contact_lists l ON l.contact_list_id = h.contact_list_id @same(l, h)
UNION ALL SELECT k.campaign_id, k.contact_list_id, l.account_id, l.name, k.valid_from, c.deleted_at
FROM campaign_contact_lists k JOIN contact_lists l ON l.contact_list_id = k.contact_list_id
LEFT JOIN campaigns c ON c.campaign_id = k.campaign_id AND c.deleted_at IS NOT NULL"""

_COUNTERS = """SELECT h.campaign_id, h.account_id, c.app_id, c.channel, h.observed_at, h.superseded_at AS valid_to,
    h.total_messages_sent, h.campaign_instance_id, p.next_messages AS messages,
    coalesce(p.next_is_reset, FALSE) AS is_reset
FROM campaign_counter_history h JOIN campaigns c ON c.campaign_id = h.campaign_id @same(c, h)
LEFT JOIN campaign_counter_history p ON p.campaign_id = h.campaign_id AND p.superseded_at = h.observed_at @same(p, h)
WHERE h.total_messages_sent IS NOT NULL
UNION ALL SELECT c.campaign_id, c.account_id, c.app_id, c.channel, c.counted_at, NULL,
    c.total_messages_sent, c.campaign_instance_id, p.next_messages, coalesce(p.next_is_reset, FALSE)
FROM campaigns c
LEFT JOIN campaign_counter_history p ON p.campaign_id = c.campaign_id AND p.superseded_at = c.counted_at @same(p, c)
WHERE c.total_messages_sent IS NOT NULL"""

# Grouped by more than the keys, for SQLite: there a filter reaches through a GROUP BY only what is named in it.
_DAILY = """SELECT c.campaign_id, h.account_id, c.app_id, c.channel, c.name, h.day,
    @messages AS messages, count(*) AS readings,
    sum(CASE WHEN h.next_is_reset THEN 1 ELSE 0 END) AS resets
FROM campaign_counter_history h JOIN campaigns c ON c.campaign_id = h.campaign_id @same(c, h)
WHERE h.next_messages IS NOT NULL
GROUP BY c.campaign_id, h.day, h.account_id, c.app_id, c.channel"""

_USAGE = """SELECT l.contact_list_id, l.account_id, l.name, count(c.campaign_id) AS campaigns,
    count(CASE WHEN c.status = 'Active' THEN 1 END) AS active_campaigns, @messages AS messages_sent,
    max(c.created_at) AS last_campaign_created_at, l.first_seen_at
FROM contact_lists l LEFT JOIN campaign_contact_lists k ON k.contact_list_id = l.contact_list_id
LEFT JOIN campaigns c ON c.campaign_id = k.campaign_id @same(c, l) AND c.deleted_at IS NULL
GROUP BY l.contact_list_id, l.account_id"""

# Each version beside the one before it; a campaign that was never changed has none before.
_STATUS_CHANGES = """SELECT v.campaign_id, v.account_id, v.app_id, v.channel, v.name, v.valid_from AS changed_at,
    @old_status AS old_status, v.status AS new_status
FROM (
    SELECT campaign_id, account_id, app_id, channel, name, status, valid_from FROM campaign_history
    UNION ALL SELECT campaign_id, account_id, app_id, channel, name, status, valid_from FROM campaigns
    WHERE valid_from > first_seen_at
) v @before_it"""

# What the databases are asked in different words.
_WORDS = {
    "sqlite": {
        "@count": "json_array_length(c.contact_list_names)",
        "@old_status": "p.status",
        "@before_it": """JOIN campaign_history p ON p.campaign_id = v.campaign_id AND p.valid_from = (
    SELECT max(q.valid_from) FROM campaign_history q WHERE q.campaign_id = v.campaign_id AND q.valid_from < v.valid_from
)
WHERE p.status <> v.status OR (p.status IS NULL) <> (v.status IS NULL)""",
    },
    "postgresql": {
        "@count": "json_array_length(c.contact_list_names::json)::bigint",
        "@old_status": "coalesce(p.status, q.status)",
        # The version that ended just then is joined for all at once; only where there is none, a deletion lies between
        # or nothing was before, and one is looked for.
        "@before_it": """LEFT JOIN campaign_history p
    ON p.account_id = v.account_id AND p.campaign_id = v.campaign_id AND p.valid_to = v.valid_from
LEFT JOIN LATERAL (
    SELECT h.campaign_id, h.status FROM campaign_history h
    WHERE p.campaign_id IS NULL AND h.campaign_id = v.campaign_id AND h.valid_from < v.valid_from
    ORDER BY h.valid_from DESC LIMIT 1
) q ON TRUE
WHERE coalesce(p.campaign_id, q.campaign_id) IS NOT NULL AND coalesce(p.status, q.status) IS DISTINCT FROM v.status""",
    },
}

AS_OF = """CREATE OR REPLACE FUNCTION campaigns_as_of(instant timestamptz) RETURNS SETOF campaign_versions
LANGUAGE sql STABLE BEGIN ATOMIC
SELECT v.* FROM campaign_versions v WHERE v.valid_from <= instant AND (v.valid_to > instant OR v.valid_to IS NULL);
END"""
"""PostgreSQL only: the attributes of every campaign as we saw them at an instant; SQLite has no functions."""

AS_OF_COMMENT = (
    "Attributes of every campaign as we saw them at that instant; those not there or deleted then are left out"
)


def definitions(dialect: str) -> Mapping[str, View]:
    """The analysts' views by name."""
    return {
        "live_campaigns": View(
            f"SELECT {', '.join(_LIVE)} FROM campaigns WHERE deleted_at IS NULL",  # noqa: S608  our own column names
            "Campaigns not taken as deleted",
            _said(_LIVE),
        ),
        "campaign_overview": View(
            _worded(_OVERVIEW, dialect),
            "One row per campaign, deleted ones too; contact_lists is a JSON array ordered by name",
            _said(
                ("campaign_id", "account_id", "app_id", "channel", "name", "status", "priority", "format"),
                ("execution_type", "dialing_mode", "connection", "dnc_list_name", "campaign_instance_id"),
                ("is_scheduled", "is_recurring", "total_messages_sent", "created_at", "updated_at"),
                ("instance_updated_at",),
                contact_lists="Names of its contact lists: a JSON array, ordered by name",
                contact_list_count="How many there are",
            )
            | _said(("first_seen_at", "last_changed_at", "missing_since", "deleted_at")),
        ),
        "campaign_versions": View(
            _VERSIONS,
            "Every state that we saw of a campaign, past and present, counters aside; intervals of a campaign never "
            "overlap, and leave open only the time in which it was deleted",
            _said(("campaign_id",))
            | {
                "valid_from": "Since when we saw this state (UTC)",
                "valid_to": "Until when, exclusive (UTC); null = it is so now",
            }
            | _said(ATTRIBUTES, STAMPS),
        ),
        "campaign_contact_list_versions": View(
            _worded(_LINK_VERSIONS, dialect),
            "Every link between a campaign and a contact list, past and present; a deleted campaign's links end with "
            "it",
            {
                **_said(("campaign_id",)),
                "contact_list_id": "Key of the contact list",
                "account_id": "Kore.ai account",
                "name": "Name of the contact list",
                "valid_from": "Since when we saw the link (UTC)",
                "valid_to": "Until when, exclusive (UTC); null = it is there now",
            },
        ),
        "campaign_counters": View(
            _worded(_COUNTERS, dialect),
            "Every reading of total_messages_sent, past and present. SMS only: voice campaigns have no counter",
            {
                **_said(("campaign_id", "account_id", "app_id", "channel")),
                "observed_at": "Since when we saw this value (UTC)",
                "valid_to": "When we saw the next one (UTC); null = the latest, of a deleted campaign too",
                "total_messages_sent": "The value: messages of that instance so far",
                "campaign_instance_id": "The run of the campaign it belongs to",
                "messages": "Messages sent since the reading before, at least; null for the first reading, a baseline",
                "is_reset": "Whether the campaign was run again since the reading before: counted from zero",
            },
        ),
        "campaign_daily_messages": View(
            _worded(_DAILY, dialect).replace("@messages", _SUM[dialect].format("h.next_messages")),
            "Messages per campaign and day, as differences between our reads: a lower bound. What was sent after the "
            "last read before a rerun is invisible, the first reading is a baseline and no day's work, a day is the "
            "UTC day of the read that saw the difference, and voice campaigns have no counter",
            {
                **_said(("campaign_id", "account_id", "app_id", "channel")),
                "name": "Name now; not unique",
                "day": "UTC day of the reads that saw the difference, not always the day of sending",
                "messages": "Messages observed that day, at least",
                "readings": "How many new values were read that day",
                "resets": "How many of them began a new run of the campaign",
            },
        ),
        "campaign_status_changes": View(
            _worded(_STATUS_CHANGES, dialect),
            "Every change of status that we saw; moves between two reads are invisible",
            {
                **_said(("campaign_id", "account_id", "app_id", "channel")),
                "name": "Name after the change",
                "changed_at": "When we first saw the new status (UTC)",
                "old_status": "Status before",
                "new_status": "Status after",
            },
        ),
        "contact_list_usage": View(
            _worded(_USAGE, dialect).replace("@messages", _SUM[dialect].format("c.total_messages_sent")),
            "One row per contact list: the live campaigns that have it now",
            {
                "contact_list_id": "Key of the contact list",
                "account_id": "Kore.ai account",
                "name": "Name of the contact list",
                "campaigns": "Live campaigns that have it now",
                "active_campaigns": "Of these, with the status Active",
                "messages_sent": "Messages of their current instances; a campaign with several lists counts in each",
                "last_campaign_created_at": "createdAt of the newest of them (UTC)",
                "first_seen_at": "When we first saw the list (UTC)",
            },
        ),
    }


def _worded(query: str, dialect: str) -> str:
    for mark, words in _WORDS[dialect].items():
        query = query.replace(mark, words)
    return _SAME.sub(_SAME_ACCOUNT[dialect], query)


# Two rows that meet are of one account anyway. Said outright, a filter reaches the index of the second table as well;
# SQLite would read a whole account for every row.
_SAME = re.compile(r" @same\((\w), (\w)\)")
_SAME_ACCOUNT = {"sqlite": "", "postgresql": r" AND \1.account_id = \2.account_id"}


def _said(*names: tuple[str, ...], **more: str) -> dict[str, str]:
    """Column -> comment: what the table `campaigns` says of it."""
    return {name: _comment(schema.campaigns, name) for group in names for name in group} | more


def _comment(table: Table, column: str) -> str:
    return table.c[column].comment or ""
