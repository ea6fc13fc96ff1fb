-- Messages are differences between nightly reads, so a day is the day of the read; without a new reading it has no row.
with days as (

    select campaign_id, account_id, app_id, channel, name, day, messages, readings, resets
    from {{ source('kore_etl', 'campaign_daily_messages') }}

)

select
    days.campaign_id,
    days.account_id,
    days.app_id,
    days.channel,
    days.name,
    campaigns.status,
    days.day,
    days.messages,
    days.readings,
    days.resets,
    sum(days.messages) over (
        partition by days.campaign_id order by days.day
    ) as messages_to_date,
    sum(days.messages) over (
        partition by days.account_id, days.channel, days.day
    ) as account_messages,
    round(days.messages / nullif(
        sum(days.messages) over (partition by days.account_id, days.channel, days.day), 0
    ), 4) as share_of_account,
    campaigns.deleted_at is null as is_live
from days
join {{ source('kore_etl', 'campaigns') }} as campaigns on campaigns.campaign_id = days.campaign_id
