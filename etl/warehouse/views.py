"""What analysts query: the views' SQL, their columns, and how they are brought up to date after a migration.

A view's columns may only be appended to, so that analysts' own views on top survive; a change comes with a migration
(an empty one if need be), so that an older database is noticed. Both dialects give the same rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from sqlalchemy import BigInteger, Column, Float, MetaData, Table, Text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from etl.errors import WarehouseError
from etl.model import HINTS, Reason
from etl.warehouse.dialect import is_postgres
from etl.warehouse.schema import Utc, campaigns

_SCOPE = "account_id, app_id, channel"

# A tail or a hint that could not be read is no gap: it says nothing of a closed window.
_CLOSED = "(state = 'proven' OR (state <> 'open' AND reason NOT IN (@not_closed)))"

_LIVE = ", ".join(column.name for column in campaigns.c if column.name != "older_run_id")

# Names hold any separator: a JSON array is the only safe list. Bytewise order, so that both dialects agree.
_NAMES = {
    "sqlite": """(SELECT json_group_array(n.name) FROM (
    SELECT l.name FROM campaign_contact_lists k JOIN contact_lists l ON l.contact_list_id = k.contact_list_id
    WHERE k.campaign_id = c.campaign_id ORDER BY l.name) n)""",
    "postgresql": """(SELECT '[' ||
    coalesce(string_agg(to_json(l.name)::text, ',' ORDER BY l.name COLLATE "C"), '') || ']'
    FROM campaign_contact_lists k JOIN contact_lists l ON l.contact_list_id = k.contact_list_id
    WHERE k.campaign_id = c.campaign_id)""",
}

_SECONDS_SINCE = {
    "sqlite": "CAST(round((julianday('now') - julianday({0})) * 86400) AS INTEGER)",
    "postgresql": "round(extract(epoch FROM clock_timestamp() - {0}))::bigint",
}

# The ledger. What was read under another `keep` than the latest read's proves nothing, but still says how far to look.
_LINES = """lines AS (
    SELECT run_id, window_no, epoch, @scope, window_start, window_end, reason, finished_at,
        CASE WHEN state = 'open' OR keep_then = keep_now THEN state ELSE 'superseded' END AS state
    FROM (
        SELECT run_id, window_no, epoch, @scope, window_start, window_end, reason, finished_at, state,
            coalesce(keep, '') AS keep_then,
            first_value(coalesce(keep, '')) OVER (PARTITION BY @scope ORDER BY epoch DESC, window_no DESC) AS keep_now
        FROM sync_windows
    ) k
)"""

# A sentinel at each end turns what lies before the first and after the last proven line into ordinary gaps. History
# begins where a sync began to read it: a backfill of some time before that is an island, and no gap leads to it.
_GAPS = """WITH @lines, bounds AS (
    SELECT @scope, max(window_end) AS high,
        coalesce(min(CASE WHEN reason <> @backfill THEN window_start END), min(window_start)) AS low
    FROM lines WHERE @closed GROUP BY @scope
), covered AS (
    SELECT l.account_id, l.app_id, l.channel, l.window_start AS s, l.window_end AS e
    FROM lines l JOIN bounds b ON b.account_id = l.account_id AND b.app_id = l.app_id AND b.channel = l.channel
    WHERE l.state = 'proven' AND l.window_end > b.low
    UNION ALL SELECT @scope, low, low FROM bounds
    UNION ALL SELECT @scope, high, high FROM bounds
), reached AS (
    SELECT @scope, max(e) OVER upto AS gap_start, lead(s) OVER ordered AS gap_end FROM covered
    WINDOW upto AS (PARTITION BY @scope ORDER BY s, e ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW),
           ordered AS (PARTITION BY @scope ORDER BY s, e)
)
SELECT @scope, gap_start, gap_end FROM reached WHERE gap_start < gap_end"""

# The same walk for each unproven line over the proven lines read after it; then touching pieces count as one.
_UNPROVEN = """pieces AS (
    SELECT @scope, gap_start, gap_end FROM (
        SELECT @scope, max(e) OVER upto AS gap_start, lead(s) OVER ordered AS gap_end FROM (
            SELECT @scope, run_id, window_no, window_start AS s, window_start AS e
            FROM lines WHERE state IN ('unproven', 'failed') AND reason NOT IN (@not_closed)
            UNION ALL SELECT @scope, run_id, window_no, window_end, window_end
            FROM lines WHERE state IN ('unproven', 'failed') AND reason NOT IN (@not_closed)
            UNION ALL SELECT u.account_id, u.app_id, u.channel, u.run_id, u.window_no,
                CASE WHEN p.window_start > u.window_start THEN p.window_start ELSE u.window_start END,
                CASE WHEN p.window_end < u.window_end THEN p.window_end ELSE u.window_end END
            FROM lines u JOIN lines p
                ON p.account_id = u.account_id AND p.app_id = u.app_id AND p.channel = u.channel
                AND p.state = 'proven' AND p.window_start < u.window_end AND p.window_end > u.window_start
                AND (p.epoch > u.epoch OR (p.epoch = u.epoch AND p.window_no > u.window_no))
            WHERE u.state IN ('unproven', 'failed') AND u.reason NOT IN (@not_closed)
        ) x
        WINDOW upto AS (PARTITION BY run_id, window_no ORDER BY s, e ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW),
               ordered AS (PARTITION BY run_id, window_no ORDER BY s, e)
    ) y WHERE gap_start < gap_end
), unproven AS (
    SELECT @scope, count(*) AS stretches FROM (
        SELECT @scope, gap_start, max(gap_end) OVER (PARTITION BY @scope ORDER BY gap_start, gap_end
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS reached FROM pieces
    ) z WHERE reached IS NULL OR gap_start > reached GROUP BY @scope
)"""

_FRESHNESS = """WITH @lines, @unproven, first_gap AS (
    SELECT @scope, min(gap_start) AS gap_start FROM sync_gaps GROUP BY @scope
), read AS (
    SELECT @scope,
        min(CASE WHEN @closed AND reason <> @backfill THEN window_start END) AS low,
        max(CASE WHEN state = 'proven' THEN window_end END) AS newest_proven_end,
        max(CASE WHEN state = 'proven' THEN finished_at END) AS last_proven_at
    FROM lines GROUP BY @scope
), latest AS (
    SELECT @scope, run_id FROM (
        SELECT @scope, run_id, row_number() OVER (PARTITION BY @scope ORDER BY epoch DESC, window_no DESC) AS nth
        FROM lines
    ) w WHERE nth = 1
), live AS (
    SELECT @scope, count(*) AS live_rows FROM campaigns WHERE deleted_at IS NULL GROUP BY @scope
), scopes AS (
    SELECT @scope FROM read UNION SELECT @scope FROM live
), fresh AS (
    SELECT s.account_id, s.app_id, s.channel,
        CASE WHEN r.low IS NULL THEN NULL WHEN g.gap_start IS NULL THEN r.newest_proven_end
            WHEN g.gap_start > r.low THEN g.gap_start END
            AS proven_until,
        r.newest_proven_end, r.last_proven_at, l.run_id AS last_run_id, n.verdict AS last_run_verdict,
        n.finished_at AS last_run_finished_at, coalesce(u.stretches, 0) AS unproven_windows,
        coalesce(v.live_rows, 0) AS live_rows
    FROM scopes s
    LEFT JOIN read r ON r.account_id = s.account_id AND r.app_id = s.app_id AND r.channel = s.channel
    LEFT JOIN first_gap g ON g.account_id = s.account_id AND g.app_id = s.app_id AND g.channel = s.channel
    LEFT JOIN latest l ON l.account_id = s.account_id AND l.app_id = s.app_id AND l.channel = s.channel
    LEFT JOIN sync_runs n ON n.run_id = l.run_id
    LEFT JOIN unproven u ON u.account_id = s.account_id AND u.app_id = s.app_id AND u.channel = s.channel
    LEFT JOIN live v ON v.account_id = s.account_id AND v.app_id = s.app_id AND v.channel = s.channel
)
SELECT @scope, proven_until, newest_proven_end, last_proven_at, last_run_id, last_run_verdict, last_run_finished_at,
    unproven_windows, live_rows, @seconds AS age_seconds
FROM fresh"""

_OVERVIEW = """SELECT c.campaign_id, c.account_id, c.app_id, c.channel, c.name, c.status, c.priority, c.format,
    c.execution_type, c.dialing_mode, c.connection, c.dnc_list_name, c.campaign_instance_id, c.is_scheduled,
    c.is_recurring, c.total_messages_sent, c.created_at, c.updated_at, c.instance_updated_at,
    @names AS contact_lists,
    (SELECT count(*) FROM campaign_contact_lists k WHERE k.campaign_id = c.campaign_id) AS contact_list_count,
    c.first_seen_at, c.last_changed_at, c.missing_since, c.deleted_at
FROM campaigns c"""


@dataclass(frozen=True, slots=True)
class View:
    """A view: its query for one dialect and what PostgreSQL shows as its comment."""

    query: str
    comment: str


def definitions(dialect: str) -> Mapping[str, View]:
    """Every view by name, in an order in which each finds what it is built on."""
    since = _SECONDS_SINCE[dialect].format("proven_until")
    return MappingProxyType(
        {
            "live_campaigns": View(
                "SELECT @live FROM campaigns WHERE deleted_at IS NULL".replace("@live", _LIVE),
                "Campaigns not taken as deleted",
            ),
            "campaign_overview": View(
                _OVERVIEW.replace("@names", _NAMES[dialect]),
                "One row per campaign, deleted ones too; contact_lists is a JSON array ordered by name",
            ),
            "sync_gaps": View(
                _filled(_GAPS),
                "Per scope: stretches between the first and the last closed read that no read under the account's "
                "present keep has proven",
            ),
            "sync_freshness": View(
                _filled(_FRESHNESS.replace("@unproven", _UNPROVEN).replace("@seconds", since)),
                "Per scope: everything created before proven_until was proven complete; unproven_windows counts "
                "stretches whose last read was not proven; age_seconds is since proven_until; only reads under the "
                "account's present keep count",
            ),
        }
    )


def _filled(query: str) -> str:
    query = query.replace("@lines", _LINES).replace("@closed", _CLOSED)
    not_closed = ", ".join(f"'{reason.value}'" for reason in (Reason.TAIL, *HINTS))
    query = query.replace("@not_closed", not_closed).replace("@backfill", f"'{Reason.BACKFILL.value}'")
    return query.replace("@scope", _SCOPE)


async def refresh(connection: AsyncConnection) -> None:
    """Bring every view up to date in the caller's transaction, whose search path is the warehouse's schema."""
    if is_postgres(connection):
        for name, view in definitions("postgresql").items():
            await _replace(connection, name, view)
        return
    wanted = definitions("sqlite")
    for name in reversed(list(wanted)):
        await connection.exec_driver_sql(f"DROP VIEW IF EXISTS {name}")
    for name, view in wanted.items():
        await connection.exec_driver_sql(f"CREATE VIEW {name} AS {view.query}")


async def _replace(connection: AsyncConnection, name: str, view: View) -> None:
    try:
        await connection.exec_driver_sql(f"CREATE OR REPLACE VIEW {name} AS {view.query}")
        comment = view.comment.replace("'", "''")
        await connection.exec_driver_sql(f"COMMENT ON VIEW {name} IS '{comment}'")
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != "42P16":  # columns would have to change place, name or type
            raise
        raise WarehouseError(
            f"The view {name} cannot be brought up to date without dropping it. Nothing was changed. Drop it, and "
            "what is built on it, then run `kore-etl migrate` again."
        ) from error


_views = MetaData()


def _scope() -> list[Column[str]]:
    return [Column("account_id", Text), Column("app_id", Text), Column("channel", Text)]


sync_gaps = Table("sync_gaps", _views, *_scope(), Column("gap_start", Utc), Column("gap_end", Utc))
sync_freshness = Table(
    "sync_freshness",
    _views,
    *_scope(),
    Column("proven_until", Utc),
    Column("newest_proven_end", Utc),
    Column("last_proven_at", Utc),
    Column("last_run_id", Text),
    Column("last_run_verdict", Text),
    Column("last_run_finished_at", Utc),
    Column("unproven_windows", BigInteger),
    Column("live_rows", BigInteger),
    Column("age_seconds", Float),
)
