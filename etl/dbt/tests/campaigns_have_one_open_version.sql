-- Rows are live campaigns that have no open version or several, and deleted campaigns that still have one.
select
    campaigns.campaign_id,
    campaigns.deleted_at,
    count(versions.campaign_id) as open_versions
from {{ source('kore_etl', 'campaigns') }} as campaigns
left join {{ source('kore_etl', 'campaign_versions') }} as versions
    on versions.campaign_id = campaigns.campaign_id
    and versions.valid_to is null
group by campaigns.campaign_id
having count(versions.campaign_id) <> case when campaigns.deleted_at is null then 1 else 0 end
