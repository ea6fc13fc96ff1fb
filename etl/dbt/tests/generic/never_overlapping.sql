{% test never_overlapping(model, key, starts, ends) %}
-- Half-open intervals [starts, ends) per key, an end of null lying beyond every instant. Rows are intervals that begin
-- before an earlier one of their key has ended, or end before they begin.
select *
from (
    select
        {{ key | join(', ') }},
        {{ starts }} as interval_start,
        {{ ends }} as interval_end,
        max(coalesce({{ ends }}, 'infinity')) over (
            partition by {{ key | join(', ') }} order by {{ starts }}, {{ ends }}
            rows between unbounded preceding and 1 preceding
        ) as earlier_end
    from {{ model }}
) as intervals
where interval_start < earlier_end or interval_end < interval_start
{% endtest %}
