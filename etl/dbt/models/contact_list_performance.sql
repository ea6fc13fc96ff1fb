-- What a read shows beyond the one before it was sent while the links of that time held: a reading counts for a list if
-- the campaign had the list before the reading, up to and including the read that saw the list taken off.
with links as (

    select campaign_id, contact_list_id, valid_from, valid_to
    from {{ source('kore_etl', 'campaign_contact_list_versions') }}

),

ever as (

    select contact_list_id, count(distinct campaign_id) as campaigns_ever, max(valid_from) as last_added_at
    from links
    group by contact_list_id

),

observed as (

    select
        links.contact_list_id,
        sum(readings.messages) as messages_observed,
        max(readings.observed_at) as last_message_seen_at
    from links
    join {{ source('kore_etl', 'campaign_counters') }} as readings
        on readings.campaign_id = links.campaign_id
        and readings.observed_at > links.valid_from
        and (links.valid_to is null or readings.observed_at <= links.valid_to)
    where readings.messages > 0
    group by links.contact_list_id

)

select
    usage.contact_list_id,
    usage.account_id,
    usage.name,
    usage.campaigns,
    usage.active_campaigns,
    coalesce(ever.campaigns_ever, 0) as campaigns_ever,
    usage.messages_sent,
    round(usage.messages_sent / nullif(usage.campaigns, 0)::numeric, 1) as messages_per_campaign,
    coalesce(observed.messages_observed, 0) as messages_observed,
    observed.last_message_seen_at,
    ever.last_added_at,
    usage.last_campaign_created_at,
    usage.first_seen_at
from {{ source('kore_etl', 'contact_list_usage') }} as usage
left join ever on ever.contact_list_id = usage.contact_list_id
left join observed on observed.contact_list_id = usage.contact_list_id
