-- Rows are listings (account, app, channel) whose copy is not proven up to about now, or holds unproven stretches. A
-- warning only, so that one account in trouble does not stop the models. An account that you no longer read stays in
-- the warehouse: leave it out below.
{{ config(severity='warn') }}

select account_id, app_id, channel, proven_until, unproven_windows, last_run_id, last_run_verdict
from {{ source('kore_etl', 'sync_freshness') }}
where
    proven_until is null
    or age_seconds > {{ var('kore_etl_late_after_hours') }} * 3600
    or unproven_windows > 0
