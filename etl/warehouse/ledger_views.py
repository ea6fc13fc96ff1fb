"""What `sync_gaps` and `sync_freshness` say, worked out from the ledger in SQL: how complete and fresh each scope is.

`etl.warehouse.ledger` works out the same for the planner; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import BigInteger, Column, Float, MetaData, Table, Text

from etl.model import HINTS, Reason
from etl.warehouse.schema import Utc
from etl.warehouse.view import View

_SCOPE = "account_id, app_id, channel"

# A tail or a hint that could not be read is no gap: it says nothing of a closed window.
_CLOSED = "(state = 'proven' OR (state <> 'open' AND reason NOT IN (@not_closed)))"

_SECONDS_SINCE = {
    "sqlite": "CAST(round((julianday('now') - julianday({0})) * 86400) AS INTEGER)",
    "postgresql": "round(extract(epoch FROM clock_timestamp() - {0}))::bigint",
}

# The ledger. What was read under another `keep` than the latest read's proves nothing, but still says how far to look.
_LINES = """lines AS @inline (
    SELECT run_id, window_no, epoch, @scope, window_start, window_end, reason, finished_at, last_run_id,
        CASE WHEN state = 'open' OR keep_then = keep_now THEN state ELSE 'superseded' END AS state
    FROM (
        SELECT run_id, window_no, epoch, @scope, window_start, window_end, reason, finished_at, state,
            coalesce(keep, '') AS keep_then,
            last_value(coalesce(keep, '')) OVER all_lines AS keep_now, last_value(run_id) OVER all_lines AS last_run_id
        FROM sync_windows WINDOW all_lines AS (
            PARTITION BY @scope ORDER BY epoch, window_no ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
        )
    ) k
)"""

# History begins where a sync began to read it: a backfill of some time before that is an island, no gap leads to it.
# Closed lines that prove nothing stand at that beginning, as empty ones: then the first gap is as ordinary as others.
_GAPS = """WITH @lines, bounded AS @inline (
    SELECT @scope, window_start, window_end, state, max(window_end) OVER whole AS high, coalesce(
        min(CASE WHEN reason <> @backfill THEN window_start END) OVER whole, min(window_start) OVER whole) AS low
    FROM lines WHERE @closed WINDOW whole AS (PARTITION BY @scope)
), covered AS @inline (
    SELECT @scope, high,
        CASE WHEN state = 'proven' AND window_start > low THEN window_start ELSE low END AS s,
        CASE WHEN state = 'proven' AND window_end > low THEN window_end ELSE low END AS e
    FROM bounded
), reached AS @inline (
    SELECT @scope, max(e) OVER upto AS gap_start, coalesce(lead(s) OVER ordered, high) AS gap_end FROM covered
    WINDOW upto AS (PARTITION BY @scope ORDER BY s, e ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW),
           ordered AS (PARTITION BY @scope ORDER BY s, e)
)
SELECT @scope, gap_start, gap_end FROM reached WHERE gap_start < gap_end"""

# The same walk for each unproven line over the proven lines read after it, the line itself standing empty at its own
# start; then touching pieces count as one.
_UNPROVEN = """covering AS @inline (
    SELECT u.account_id, u.app_id, u.channel, u.run_id, u.window_no, u.window_end,
        CASE WHEN p.state = 'proven' AND p.window_start > u.window_start THEN p.window_start
            ELSE u.window_start END AS s,
        CASE WHEN p.state <> 'proven' THEN u.window_start WHEN p.window_end < u.window_end THEN p.window_end
            ELSE u.window_end END AS e
    FROM lines u JOIN lines p
        ON p.account_id = u.account_id AND p.app_id = u.app_id AND p.channel = u.channel
        AND p.epoch >= u.epoch AND p.window_start < u.window_end AND p.window_end > u.window_start
        AND ((p.run_id = u.run_id AND p.window_no = u.window_no)
            OR (p.state = 'proven' AND (p.epoch > u.epoch OR p.window_no > u.window_no)))
    WHERE u.state IN ('unproven', 'failed') AND u.reason NOT IN (@not_closed)
), pieces AS @inline (
    SELECT @scope, gap_start, gap_end FROM (
        SELECT @scope, max(e) OVER upto AS gap_start, coalesce(lead(s) OVER ordered, window_end) AS gap_end
        FROM covering
        WINDOW ordered AS (PARTITION BY @scope, run_id, window_no ORDER BY s, e),
            upto AS (PARTITION BY @scope, run_id, window_no ORDER BY s, e
                ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
    ) y WHERE gap_start < gap_end
), unproven AS @inline (
    SELECT @scope, count(*) AS stretches FROM (
        SELECT @scope, gap_start, max(gap_end) OVER (PARTITION BY @scope ORDER BY gap_start, gap_end
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS reached FROM pieces
    ) z WHERE reached IS NULL OR gap_start > reached GROUP BY @scope
)"""

_FRESHNESS = """WITH @lines, @unproven, first_gap AS @inline (
    SELECT @scope, min(gap_start) AS gap_start FROM sync_gaps GROUP BY @scope
), read AS @inline (
    SELECT @scope, max(last_run_id) AS last_run_id,
        min(CASE WHEN @closed AND reason <> @backfill THEN window_start END) AS low,
        max(CASE WHEN state = 'proven' THEN window_end END) AS newest_proven_end,
        max(CASE WHEN state = 'proven' THEN finished_at END) AS last_proven_at
    FROM lines GROUP BY @scope
), fresh AS @inline (
    SELECT r.account_id, r.app_id, r.channel,
        CASE WHEN r.low IS NULL THEN NULL WHEN g.gap_start IS NULL THEN r.newest_proven_end
            WHEN g.gap_start > r.low THEN g.gap_start END
            AS proven_until,
        r.newest_proven_end, r.last_proven_at, r.last_run_id, n.verdict AS last_run_verdict,
        n.finished_at AS last_run_finished_at, coalesce(u.stretches, 0) AS unproven_windows,
        (SELECT count(*) FROM campaigns c WHERE c.account_id = r.account_id AND c.app_id = r.app_id
            AND c.channel = r.channel AND c.deleted_at IS NULL) AS live_rows
    FROM read r
    LEFT JOIN first_gap g ON g.account_id = r.account_id AND g.app_id = r.app_id AND g.channel = r.channel
    LEFT JOIN sync_runs n ON n.run_id = r.last_run_id
    LEFT JOIN unproven u ON u.account_id = r.account_id AND u.app_id = r.app_id AND u.channel = r.channel
)
SELECT @scope, proven_until, newest_proven_end, last_proven_at, last_run_id, last_run_verdict, last_run_finished_at,
    unproven_windows, live_rows, @seconds AS age_seconds
FROM fresh"""

# PostgreSQL works a named part out once, in full, where it is used twice; inlined, a filter on the account reaches the
# ledger's index. SQLite decides by itself, and knows the words only since 3.35.
_INLINE = {"sqlite": "", "postgresql": "NOT MATERIALIZED"}

_SCOPE_COLUMNS = {"account_id": "Kore.ai account", "app_id": "Kore.ai app", "channel": "sms or voice"}

_GAP_COLUMNS = {
    **_SCOPE_COLUMNS,
    "gap_start": "Inclusive (UTC)",
    "gap_end": "Exclusive (UTC)",
}

_FRESHNESS_COLUMNS = {
    **_SCOPE_COLUMNS,
    "proven_until": "Everything created before it was proven complete (UTC); null = the beginning is not proven",
    "newest_proven_end": "Latest end of a proven window, gaps before it or not (UTC)",
    "last_proven_at": "When the last proven read ended (UTC)",
    "last_run_id": "The last run that read anything of the scope",
    "last_run_verdict": "That run's verdict",
    "last_run_finished_at": "When that run ended (UTC); null = it runs, or was killed",
    "unproven_windows": "Stretches whose last read was unproven or failed",
    "live_rows": "Campaigns stored and not taken as deleted",
    "age_seconds": "Seconds since proven_until, by the database's clock",
}


def definitions(dialect: str) -> Mapping[str, View]:
    """The ledger's views by name; the second is built on the first."""
    since = _SECONDS_SINCE[dialect].format("proven_until")
    return {
        "sync_gaps": View(
            _filled(_GAPS, dialect),
            "Per scope: stretches between the first and the last closed read that no read under the account's "
            "present keep has proven",
            _GAP_COLUMNS,
        ),
        "sync_freshness": View(
            _filled(_FRESHNESS.replace("@unproven", _UNPROVEN).replace("@seconds", since), dialect),
            "Per scope: everything created before proven_until was proven complete; unproven_windows counts "
            "stretches whose last read was not proven; age_seconds is since proven_until; only reads under the "
            "account's present keep count",
            _FRESHNESS_COLUMNS,
        ),
    }


def _filled(query: str, dialect: str) -> str:
    query = query.replace("@lines", _LINES).replace("@closed", _CLOSED).replace("@inline ", _INLINE[dialect] + " ")
    not_closed = ", ".join(f"'{reason.value}'" for reason in (Reason.TAIL, *HINTS))
    query = query.replace("@not_closed", not_closed).replace("@backfill", f"'{Reason.BACKFILL.value}'")
    return query.replace("@scope", _SCOPE)


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
