CREATE TABLE public.campaign_history (
    campaign_id text NOT NULL,
    valid_from timestamp with time zone NOT NULL,
    valid_to timestamp with time zone NOT NULL,
    account_id text NOT NULL,
    app_id text NOT NULL,
    channel text NOT NULL,
    name text,
    description text,
    status text,
    priority bigint,
    format text,
    execution_type text,
    dialing_mode text,
    connection text,
    experience_flow_id text,
    message_text text,
    dnc_list_name text,
    campaign_instance_id text,
    is_scheduled boolean,
    is_recurring boolean,
    schedule text,
    created_at timestamp with time zone,
    updated_at timestamp with time zone,
    instance_updated_at timestamp with time zone,
    run_id text NOT NULL
);
COMMENT ON TABLE public.campaign_history IS 'Superseded attribute states; the current one is in campaigns';
COMMENT ON COLUMN public.campaign_history.campaign_id IS 'campaigns.campaign_id';
COMMENT ON COLUMN public.campaign_history.valid_from IS 'Since when we saw these attributes (UTC)';
COMMENT ON COLUMN public.campaign_history.valid_to IS 'Until when, exclusive (UTC)';
COMMENT ON COLUMN public.campaign_history.account_id IS 'Kore.ai account';
COMMENT ON COLUMN public.campaign_history.app_id IS 'Kore.ai app that lists it; of several, the one configured first';
COMMENT ON COLUMN public.campaign_history.channel IS 'sms or voice';
COMMENT ON COLUMN public.campaign_history.name IS 'Name; not unique';
COMMENT ON COLUMN public.campaign_history.description IS 'Description';
COMMENT ON COLUMN public.campaign_history.status IS 'Status as sent: Ready, Active, Paused, Stopped, Completed, ... new values may come';
COMMENT ON COLUMN public.campaign_history.priority IS 'Priority, 1 lowest to 5 highest';
COMMENT ON COLUMN public.campaign_history.format IS 'SMS: simple or advanced';
COMMENT ON COLUMN public.campaign_history.execution_type IS 'campaignExecutionType as sent';
COMMENT ON COLUMN public.campaign_history.dialing_mode IS 'Voice: Agentless, Progressive, Preview, ...';
COMMENT ON COLUMN public.campaign_history.connection IS 'Voice: queue name, or flow name for Agentless';
COMMENT ON COLUMN public.campaign_history.experience_flow_id IS 'Experience flow (cf- id)';
COMMENT ON COLUMN public.campaign_history.message_text IS 'SMS text, decoded where it came as base64';
COMMENT ON COLUMN public.campaign_history.dnc_list_name IS 'Do-not-call list';
COMMENT ON COLUMN public.campaign_history.campaign_instance_id IS 'The campaign''s latest run; null until it has been run';
COMMENT ON COLUMN public.campaign_history.is_scheduled IS 'schedule.isSchedulingEnabled';
COMMENT ON COLUMN public.campaign_history.is_recurring IS 'schedule.isRecurrenceEnabled';
COMMENT ON COLUMN public.campaign_history.schedule IS 'The schedule object as JSON text';
COMMENT ON COLUMN public.campaign_history.created_at IS 'createdAt of the source (UTC)';
COMMENT ON COLUMN public.campaign_history.updated_at IS 'updatedAt of the source (UTC); can be earlier than created_at';
COMMENT ON COLUMN public.campaign_history.instance_updated_at IS 'campaignInstanceUpdatedAt of the source (UTC)';
COMMENT ON COLUMN public.campaign_history.run_id IS 'The run that saw the end of this state';
CREATE TABLE public.campaigns (
    campaign_id text NOT NULL,
    account_id text NOT NULL,
    app_id text NOT NULL,
    channel text NOT NULL,
    name text,
    description text,
    status text,
    priority bigint,
    format text,
    execution_type text,
    dialing_mode text,
    connection text,
    experience_flow_id text,
    message_text text,
    dnc_list_name text,
    campaign_instance_id text,
    is_scheduled boolean,
    is_recurring boolean,
    schedule text,
    total_messages_sent bigint,
    created_at timestamp with time zone,
    updated_at timestamp with time zone,
    instance_updated_at timestamp with time zone,
    raw text NOT NULL,
    content_hash text NOT NULL,
    first_seen_at timestamp with time zone NOT NULL,
    valid_from timestamp with time zone NOT NULL,
    counted_at timestamp with time zone NOT NULL,
    last_changed_at timestamp with time zone NOT NULL,
    last_run_id text NOT NULL,
    missing_since timestamp with time zone,
    deleted_at timestamp with time zone,
    older_run_id text,
    contact_list_names text
);
COMMENT ON TABLE public.campaigns IS 'Current state, one row per campaign; deleted ones stay, with deleted_at';
COMMENT ON COLUMN public.campaigns.campaign_id IS 'Kore.ai campaign id';
COMMENT ON COLUMN public.campaigns.account_id IS 'Kore.ai account';
COMMENT ON COLUMN public.campaigns.app_id IS 'Kore.ai app that lists it; of several, the one configured first';
COMMENT ON COLUMN public.campaigns.channel IS 'sms or voice';
COMMENT ON COLUMN public.campaigns.name IS 'Name; not unique';
COMMENT ON COLUMN public.campaigns.description IS 'Description';
COMMENT ON COLUMN public.campaigns.status IS 'Status as sent: Ready, Active, Paused, Stopped, Completed, ... new values may come';
COMMENT ON COLUMN public.campaigns.priority IS 'Priority, 1 lowest to 5 highest';
COMMENT ON COLUMN public.campaigns.format IS 'SMS: simple or advanced';
COMMENT ON COLUMN public.campaigns.execution_type IS 'campaignExecutionType as sent';
COMMENT ON COLUMN public.campaigns.dialing_mode IS 'Voice: Agentless, Progressive, Preview, ...';
COMMENT ON COLUMN public.campaigns.connection IS 'Voice: queue name, or flow name for Agentless';
COMMENT ON COLUMN public.campaigns.experience_flow_id IS 'Experience flow (cf- id)';
COMMENT ON COLUMN public.campaigns.message_text IS 'SMS text, decoded where it came as base64';
COMMENT ON COLUMN public.campaigns.dnc_list_name IS 'Do-not-call list';
COMMENT ON COLUMN public.campaigns.campaign_instance_id IS 'The campaign''s latest run; null until it has been run';
COMMENT ON COLUMN public.campaigns.is_scheduled IS 'schedule.isSchedulingEnabled';
COMMENT ON COLUMN public.campaigns.is_recurring IS 'schedule.isRecurrenceEnabled';
COMMENT ON COLUMN public.campaigns.schedule IS 'The schedule object as JSON text';
COMMENT ON COLUMN public.campaigns.total_messages_sent IS 'Messages of the current instance; falls when the campaign is run again';
COMMENT ON COLUMN public.campaigns.created_at IS 'createdAt of the source (UTC)';
COMMENT ON COLUMN public.campaigns.updated_at IS 'updatedAt of the source (UTC); can be earlier than created_at';
COMMENT ON COLUMN public.campaigns.instance_updated_at IS 'campaignInstanceUpdatedAt of the source (UTC)';
COMMENT ON COLUMN public.campaigns.raw IS 'The record''s JSON text exactly as it came';
COMMENT ON COLUMN public.campaigns.content_hash IS 'Digest of raw';
COMMENT ON COLUMN public.campaigns.first_seen_at IS 'When we first saw it (UTC)';
COMMENT ON COLUMN public.campaigns.valid_from IS 'Since when we see these attributes, counters aside (UTC)';
COMMENT ON COLUMN public.campaigns.counted_at IS 'Since when we see this counter and instance (UTC)';
COMMENT ON COLUMN public.campaigns.last_changed_at IS 'When a read last changed this row (UTC)';
COMMENT ON COLUMN public.campaigns.last_run_id IS 'The run that last changed this row';
COMMENT ON COLUMN public.campaigns.missing_since IS 'Absent from a proven read since (UTC); a second one makes it deleted';
COMMENT ON COLUMN public.campaigns.deleted_at IS 'Taken as deleted in the source since (UTC); null = live';
COMMENT ON COLUMN public.campaigns.older_run_id IS 'A run that refused an older payload of this row; a later run takes such a payload';
COMMENT ON COLUMN public.campaigns.contact_list_names IS 'Names of its contact lists: a JSON array, ordered by name';
CREATE VIEW public.campaign_versions AS
 SELECT campaign_history.campaign_id,
    campaign_history.valid_from,
    campaign_history.valid_to,
    campaign_history.account_id,
    campaign_history.app_id,
    campaign_history.channel,
    campaign_history.name,
    campaign_history.description,
    campaign_history.status,
    campaign_history.priority,
    campaign_history.format,
    campaign_history.execution_type,
    campaign_history.dialing_mode,
    campaign_history.connection,
    campaign_history.experience_flow_id,
    campaign_history.message_text,
    campaign_history.dnc_list_name,
    campaign_history.campaign_instance_id,
    campaign_history.is_scheduled,
    campaign_history.is_recurring,
    campaign_history.schedule,
    campaign_history.created_at,
    campaign_history.updated_at,
    campaign_history.instance_updated_at
   FROM public.campaign_history
UNION ALL
 SELECT campaigns.campaign_id,
    campaigns.valid_from,
    campaigns.deleted_at AS valid_to,
    campaigns.account_id,
    campaigns.app_id,
    campaigns.channel,
    campaigns.name,
    campaigns.description,
    campaigns.status,
    campaigns.priority,
    campaigns.format,
    campaigns.execution_type,
    campaigns.dialing_mode,
    campaigns.connection,
    campaigns.experience_flow_id,
    campaigns.message_text,
    campaigns.dnc_list_name,
    campaigns.campaign_instance_id,
    campaigns.is_scheduled,
    campaigns.is_recurring,
    campaigns.schedule,
    campaigns.created_at,
    campaigns.updated_at,
    campaigns.instance_updated_at
   FROM public.campaigns;
COMMENT ON VIEW public.campaign_versions IS 'Every state that we saw of a campaign, past and present, counters aside; intervals of a campaign never overlap, and leave open only the time in which it was deleted';
COMMENT ON COLUMN public.campaign_versions.campaign_id IS 'Kore.ai campaign id';
COMMENT ON COLUMN public.campaign_versions.valid_from IS 'Since when we saw this state (UTC)';
COMMENT ON COLUMN public.campaign_versions.valid_to IS 'Until when, exclusive (UTC); null = it is so now';
COMMENT ON COLUMN public.campaign_versions.account_id IS 'Kore.ai account';
COMMENT ON COLUMN public.campaign_versions.app_id IS 'Kore.ai app that lists it; of several, the one configured first';
COMMENT ON COLUMN public.campaign_versions.channel IS 'sms or voice';
COMMENT ON COLUMN public.campaign_versions.name IS 'Name; not unique';
COMMENT ON COLUMN public.campaign_versions.description IS 'Description';
COMMENT ON COLUMN public.campaign_versions.status IS 'Status as sent: Ready, Active, Paused, Stopped, Completed, ... new values may come';
COMMENT ON COLUMN public.campaign_versions.priority IS 'Priority, 1 lowest to 5 highest';
COMMENT ON COLUMN public.campaign_versions.format IS 'SMS: simple or advanced';
COMMENT ON COLUMN public.campaign_versions.execution_type IS 'campaignExecutionType as sent';
COMMENT ON COLUMN public.campaign_versions.dialing_mode IS 'Voice: Agentless, Progressive, Preview, ...';
COMMENT ON COLUMN public.campaign_versions.connection IS 'Voice: queue name, or flow name for Agentless';
COMMENT ON COLUMN public.campaign_versions.experience_flow_id IS 'Experience flow (cf- id)';
COMMENT ON COLUMN public.campaign_versions.message_text IS 'SMS text, decoded where it came as base64';
COMMENT ON COLUMN public.campaign_versions.dnc_list_name IS 'Do-not-call list';
COMMENT ON COLUMN public.campaign_versions.campaign_instance_id IS 'The campaign''s latest run; null until it has been run';
COMMENT ON COLUMN public.campaign_versions.is_scheduled IS 'schedule.isSchedulingEnabled';
COMMENT ON COLUMN public.campaign_versions.is_recurring IS 'schedule.isRecurrenceEnabled';
COMMENT ON COLUMN public.campaign_versions.schedule IS 'The schedule object as JSON text';
COMMENT ON COLUMN public.campaign_versions.created_at IS 'createdAt of the source (UTC)';
COMMENT ON COLUMN public.campaign_versions.updated_at IS 'updatedAt of the source (UTC); can be earlier than created_at';
COMMENT ON COLUMN public.campaign_versions.instance_updated_at IS 'campaignInstanceUpdatedAt of the source (UTC)';
CREATE FUNCTION public.campaigns_as_of(instant timestamp with time zone) RETURNS SETOF public.campaign_versions
    LANGUAGE sql STABLE
    BEGIN ATOMIC
 SELECT v.campaign_id,
     v.valid_from,
     v.valid_to,
     v.account_id,
     v.app_id,
     v.channel,
     v.name,
     v.description,
     v.status,
     v.priority,
     v.format,
     v.execution_type,
     v.dialing_mode,
     v.connection,
     v.experience_flow_id,
     v.message_text,
     v.dnc_list_name,
     v.campaign_instance_id,
     v.is_scheduled,
     v.is_recurring,
     v.schedule,
     v.created_at,
     v.updated_at,
     v.instance_updated_at
    FROM public.campaign_versions v
   WHERE ((v.valid_from <= campaigns_as_of.instant) AND ((v.valid_to > campaigns_as_of.instant) OR (v.valid_to IS NULL)));
END;
COMMENT ON FUNCTION public.campaigns_as_of(instant timestamp with time zone) IS 'Attributes of every campaign as we saw them at that instant; those not there or deleted then are left out';
CREATE TABLE public.campaign_contact_list_history (
    campaign_id text NOT NULL,
    contact_list_id bigint NOT NULL,
    valid_from timestamp with time zone NOT NULL,
    valid_to timestamp with time zone NOT NULL,
    run_id text NOT NULL,
    account_id text
);
COMMENT ON TABLE public.campaign_contact_list_history IS 'Links that ended';
COMMENT ON COLUMN public.campaign_contact_list_history.campaign_id IS 'campaigns.campaign_id';
COMMENT ON COLUMN public.campaign_contact_list_history.contact_list_id IS 'contact_lists.contact_list_id';
COMMENT ON COLUMN public.campaign_contact_list_history.valid_from IS 'Since when we saw the link (UTC)';
COMMENT ON COLUMN public.campaign_contact_list_history.valid_to IS 'Until when, exclusive (UTC)';
COMMENT ON COLUMN public.campaign_contact_list_history.run_id IS 'The run that saw the end of the link';
COMMENT ON COLUMN public.campaign_contact_list_history.account_id IS 'Kore.ai account';
CREATE TABLE public.campaign_contact_lists (
    campaign_id text NOT NULL,
    contact_list_id bigint NOT NULL,
    valid_from timestamp with time zone NOT NULL
);
COMMENT ON TABLE public.campaign_contact_lists IS 'Current links between campaigns and contact lists';
COMMENT ON COLUMN public.campaign_contact_lists.campaign_id IS 'campaigns.campaign_id';
COMMENT ON COLUMN public.campaign_contact_lists.contact_list_id IS 'contact_lists.contact_list_id';
COMMENT ON COLUMN public.campaign_contact_lists.valid_from IS 'Since when we see this link (UTC)';
CREATE TABLE public.contact_lists (
    contact_list_id bigint NOT NULL,
    account_id text NOT NULL,
    name text NOT NULL,
    first_seen_at timestamp with time zone NOT NULL
);
COMMENT ON TABLE public.contact_lists IS 'Contact lists by name, once per account';
COMMENT ON COLUMN public.contact_lists.contact_list_id IS '63-bit digest of account_id and name';
COMMENT ON COLUMN public.contact_lists.account_id IS 'Kore.ai account';
COMMENT ON COLUMN public.contact_lists.name IS 'Name of the list; may hold any separator';
COMMENT ON COLUMN public.contact_lists.first_seen_at IS 'When we first saw it (UTC)';
CREATE VIEW public.campaign_contact_list_versions AS
 SELECT h.campaign_id,
    h.contact_list_id,
    h.account_id,
    l.name,
    h.valid_from,
    h.valid_to
   FROM (public.campaign_contact_list_history h
     JOIN public.contact_lists l ON (((l.contact_list_id = h.contact_list_id) AND (l.account_id = h.account_id))))
UNION ALL
 SELECT k.campaign_id,
    k.contact_list_id,
    l.account_id,
    l.name,
    k.valid_from,
    c.deleted_at AS valid_to
   FROM ((public.campaign_contact_lists k
     JOIN public.contact_lists l ON ((l.contact_list_id = k.contact_list_id)))
     LEFT JOIN public.campaigns c ON (((c.campaign_id = k.campaign_id) AND (c.deleted_at IS NOT NULL))));
COMMENT ON VIEW public.campaign_contact_list_versions IS 'Every link between a campaign and a contact list, past and present; a deleted campaign''s links end with it';
COMMENT ON COLUMN public.campaign_contact_list_versions.campaign_id IS 'Kore.ai campaign id';
COMMENT ON COLUMN public.campaign_contact_list_versions.contact_list_id IS 'Key of the contact list';
COMMENT ON COLUMN public.campaign_contact_list_versions.account_id IS 'Kore.ai account';
COMMENT ON COLUMN public.campaign_contact_list_versions.name IS 'Name of the contact list';
COMMENT ON COLUMN public.campaign_contact_list_versions.valid_from IS 'Since when we saw the link (UTC)';
COMMENT ON COLUMN public.campaign_contact_list_versions.valid_to IS 'Until when, exclusive (UTC); null = it is there now';
CREATE TABLE public.campaign_counter_history (
    campaign_id text NOT NULL,
    observed_at timestamp with time zone NOT NULL,
    total_messages_sent bigint,
    campaign_instance_id text,
    run_id text NOT NULL,
    superseded_at timestamp with time zone,
    day date,
    next_messages bigint,
    next_is_reset boolean,
    account_id text
);
COMMENT ON TABLE public.campaign_counter_history IS 'Superseded values of total_messages_sent';
COMMENT ON COLUMN public.campaign_counter_history.campaign_id IS 'campaigns.campaign_id';
COMMENT ON COLUMN public.campaign_counter_history.observed_at IS 'Since when we saw this value (UTC)';
COMMENT ON COLUMN public.campaign_counter_history.total_messages_sent IS 'The value';
COMMENT ON COLUMN public.campaign_counter_history.campaign_instance_id IS 'The instance it belongs to';
COMMENT ON COLUMN public.campaign_counter_history.run_id IS 'The run that saw the next value';
COMMENT ON COLUMN public.campaign_counter_history.superseded_at IS 'When we saw the next value (UTC)';
COMMENT ON COLUMN public.campaign_counter_history.day IS 'The day of superseded_at (UTC)';
COMMENT ON COLUMN public.campaign_counter_history.next_messages IS 'Messages that the next value shows beyond this one, at least; null = unknown';
COMMENT ON COLUMN public.campaign_counter_history.next_is_reset IS 'Whether the next value counts a new run of the campaign from zero';
COMMENT ON COLUMN public.campaign_counter_history.account_id IS 'Kore.ai account';
CREATE VIEW public.campaign_counters AS
 SELECT h.campaign_id,
    h.account_id,
    c.app_id,
    c.channel,
    h.observed_at,
    h.superseded_at AS valid_to,
    h.total_messages_sent,
    h.campaign_instance_id,
    p.next_messages AS messages,
    COALESCE(p.next_is_reset, false) AS is_reset
   FROM ((public.campaign_counter_history h
     JOIN public.campaigns c ON (((c.campaign_id = h.campaign_id) AND (c.account_id = h.account_id))))
     LEFT JOIN public.campaign_counter_history p ON (((p.campaign_id = h.campaign_id) AND (p.superseded_at = h.observed_at) AND (p.account_id = h.account_id))))
  WHERE (h.total_messages_sent IS NOT NULL)
UNION ALL
 SELECT c.campaign_id,
    c.account_id,
    c.app_id,
    c.channel,
    c.counted_at AS observed_at,
    NULL::timestamp with time zone AS valid_to,
    c.total_messages_sent,
    c.campaign_instance_id,
    p.next_messages AS messages,
    COALESCE(p.next_is_reset, false) AS is_reset
   FROM (public.campaigns c
     LEFT JOIN public.campaign_counter_history p ON (((p.campaign_id = c.campaign_id) AND (p.superseded_at = c.counted_at) AND (p.account_id = c.account_id))))
  WHERE (c.total_messages_sent IS NOT NULL);
COMMENT ON VIEW public.campaign_counters IS 'Every reading of total_messages_sent, past and present. SMS only: voice campaigns have no counter';
COMMENT ON COLUMN public.campaign_counters.campaign_id IS 'Kore.ai campaign id';
COMMENT ON COLUMN public.campaign_counters.account_id IS 'Kore.ai account';
COMMENT ON COLUMN public.campaign_counters.app_id IS 'Kore.ai app that lists it; of several, the one configured first';
COMMENT ON COLUMN public.campaign_counters.channel IS 'sms or voice';
COMMENT ON COLUMN public.campaign_counters.observed_at IS 'Since when we saw this value (UTC)';
COMMENT ON COLUMN public.campaign_counters.valid_to IS 'When we saw the next one (UTC); null = the latest, of a deleted campaign too';
COMMENT ON COLUMN public.campaign_counters.total_messages_sent IS 'The value: messages of that instance so far';
COMMENT ON COLUMN public.campaign_counters.campaign_instance_id IS 'The run of the campaign it belongs to';
COMMENT ON COLUMN public.campaign_counters.messages IS 'Messages sent since the reading before, at least; null for the first reading, a baseline';
COMMENT ON COLUMN public.campaign_counters.is_reset IS 'Whether the campaign was run again since the reading before: counted from zero';
CREATE VIEW public.campaign_daily_messages AS
SELECT
    NULL::text AS campaign_id,
    NULL::text AS account_id,
    NULL::text AS app_id,
    NULL::text AS channel,
    NULL::text AS name,
    NULL::date AS day,
    NULL::bigint AS messages,
    NULL::bigint AS readings,
    NULL::bigint AS resets;
COMMENT ON VIEW public.campaign_daily_messages IS 'Messages per campaign and day, as differences between our reads: a lower bound. What was sent after the last read before a rerun is invisible, the first reading is a baseline and no day''s work, a day is the UTC day of the read that saw the difference, and voice campaigns have no counter';
COMMENT ON COLUMN public.campaign_daily_messages.campaign_id IS 'Kore.ai campaign id';
COMMENT ON COLUMN public.campaign_daily_messages.account_id IS 'Kore.ai account';
COMMENT ON COLUMN public.campaign_daily_messages.app_id IS 'Kore.ai app that lists it; of several, the one configured first';
COMMENT ON COLUMN public.campaign_daily_messages.channel IS 'sms or voice';
COMMENT ON COLUMN public.campaign_daily_messages.name IS 'Name now; not unique';
COMMENT ON COLUMN public.campaign_daily_messages.day IS 'UTC day of the reads that saw the difference, not always the day of sending';
COMMENT ON COLUMN public.campaign_daily_messages.messages IS 'Messages observed that day, at least';
COMMENT ON COLUMN public.campaign_daily_messages.readings IS 'How many new values were read that day';
COMMENT ON COLUMN public.campaign_daily_messages.resets IS 'How many of them began a new run of the campaign';
CREATE VIEW public.campaign_overview AS
 SELECT campaign_id,
    account_id,
    app_id,
    channel,
    name,
    status,
    priority,
    format,
    execution_type,
    dialing_mode,
    connection,
    dnc_list_name,
    campaign_instance_id,
    is_scheduled,
    is_recurring,
    total_messages_sent,
    created_at,
    updated_at,
    instance_updated_at,
    contact_list_names AS contact_lists,
    (json_array_length((contact_list_names)::json))::bigint AS contact_list_count,
    first_seen_at,
    last_changed_at,
    missing_since,
    deleted_at
   FROM public.campaigns c;
COMMENT ON VIEW public.campaign_overview IS 'One row per campaign, deleted ones too; contact_lists is a JSON array ordered by name';
COMMENT ON COLUMN public.campaign_overview.campaign_id IS 'Kore.ai campaign id';
COMMENT ON COLUMN public.campaign_overview.account_id IS 'Kore.ai account';
COMMENT ON COLUMN public.campaign_overview.app_id IS 'Kore.ai app that lists it; of several, the one configured first';
COMMENT ON COLUMN public.campaign_overview.channel IS 'sms or voice';
COMMENT ON COLUMN public.campaign_overview.name IS 'Name; not unique';
COMMENT ON COLUMN public.campaign_overview.status IS 'Status as sent: Ready, Active, Paused, Stopped, Completed, ... new values may come';
COMMENT ON COLUMN public.campaign_overview.priority IS 'Priority, 1 lowest to 5 highest';
COMMENT ON COLUMN public.campaign_overview.format IS 'SMS: simple or advanced';
COMMENT ON COLUMN public.campaign_overview.execution_type IS 'campaignExecutionType as sent';
COMMENT ON COLUMN public.campaign_overview.dialing_mode IS 'Voice: Agentless, Progressive, Preview, ...';
COMMENT ON COLUMN public.campaign_overview.connection IS 'Voice: queue name, or flow name for Agentless';
COMMENT ON COLUMN public.campaign_overview.dnc_list_name IS 'Do-not-call list';
COMMENT ON COLUMN public.campaign_overview.campaign_instance_id IS 'The campaign''s latest run; null until it has been run';
COMMENT ON COLUMN public.campaign_overview.is_scheduled IS 'schedule.isSchedulingEnabled';
COMMENT ON COLUMN public.campaign_overview.is_recurring IS 'schedule.isRecurrenceEnabled';
COMMENT ON COLUMN public.campaign_overview.total_messages_sent IS 'Messages of the current instance; falls when the campaign is run again';
COMMENT ON COLUMN public.campaign_overview.created_at IS 'createdAt of the source (UTC)';
COMMENT ON COLUMN public.campaign_overview.updated_at IS 'updatedAt of the source (UTC); can be earlier than created_at';
COMMENT ON COLUMN public.campaign_overview.instance_updated_at IS 'campaignInstanceUpdatedAt of the source (UTC)';
COMMENT ON COLUMN public.campaign_overview.contact_lists IS 'Names of its contact lists: a JSON array, ordered by name';
COMMENT ON COLUMN public.campaign_overview.contact_list_count IS 'How many there are';
COMMENT ON COLUMN public.campaign_overview.first_seen_at IS 'When we first saw it (UTC)';
COMMENT ON COLUMN public.campaign_overview.last_changed_at IS 'When a read last changed this row (UTC)';
COMMENT ON COLUMN public.campaign_overview.missing_since IS 'Absent from a proven read since (UTC); a second one makes it deleted';
COMMENT ON COLUMN public.campaign_overview.deleted_at IS 'Taken as deleted in the source since (UTC); null = live';
CREATE VIEW public.campaign_status_changes AS
 SELECT v.campaign_id,
    v.account_id,
    v.app_id,
    v.channel,
    v.name,
    v.valid_from AS changed_at,
    COALESCE(p.status, q.status) AS old_status,
    v.status AS new_status
   FROM ((( SELECT campaign_history.campaign_id,
            campaign_history.account_id,
            campaign_history.app_id,
            campaign_history.channel,
            campaign_history.name,
            campaign_history.status,
            campaign_history.valid_from
           FROM public.campaign_history
        UNION ALL
         SELECT campaigns.campaign_id,
            campaigns.account_id,
            campaigns.app_id,
            campaigns.channel,
            campaigns.name,
            campaigns.status,
            campaigns.valid_from
           FROM public.campaigns
          WHERE (campaigns.valid_from > campaigns.first_seen_at)) v
     LEFT JOIN public.campaign_history p ON (((p.account_id = v.account_id) AND (p.campaign_id = v.campaign_id) AND (p.valid_to = v.valid_from))))
     LEFT JOIN LATERAL ( SELECT h.campaign_id,
            h.status
           FROM public.campaign_history h
          WHERE ((p.campaign_id IS NULL) AND (h.campaign_id = v.campaign_id) AND (h.valid_from < v.valid_from))
          ORDER BY h.valid_from DESC
         LIMIT 1) q ON (true))
  WHERE ((COALESCE(p.campaign_id, q.campaign_id) IS NOT NULL) AND (COALESCE(p.status, q.status) IS DISTINCT FROM v.status));
COMMENT ON VIEW public.campaign_status_changes IS 'Every change of status that we saw; moves between two reads are invisible';
COMMENT ON COLUMN public.campaign_status_changes.campaign_id IS 'Kore.ai campaign id';
COMMENT ON COLUMN public.campaign_status_changes.account_id IS 'Kore.ai account';
COMMENT ON COLUMN public.campaign_status_changes.app_id IS 'Kore.ai app that lists it; of several, the one configured first';
COMMENT ON COLUMN public.campaign_status_changes.channel IS 'sms or voice';
COMMENT ON COLUMN public.campaign_status_changes.name IS 'Name after the change';
COMMENT ON COLUMN public.campaign_status_changes.changed_at IS 'When we first saw the new status (UTC)';
COMMENT ON COLUMN public.campaign_status_changes.old_status IS 'Status before';
COMMENT ON COLUMN public.campaign_status_changes.new_status IS 'Status after';
CREATE VIEW public.contact_list_usage AS
SELECT
    NULL::bigint AS contact_list_id,
    NULL::text AS account_id,
    NULL::text AS name,
    NULL::bigint AS campaigns,
    NULL::bigint AS active_campaigns,
    NULL::bigint AS messages_sent,
    NULL::timestamp with time zone AS last_campaign_created_at,
    NULL::timestamp with time zone AS first_seen_at;
COMMENT ON VIEW public.contact_list_usage IS 'One row per contact list: the live campaigns that have it now';
COMMENT ON COLUMN public.contact_list_usage.contact_list_id IS 'Key of the contact list';
COMMENT ON COLUMN public.contact_list_usage.account_id IS 'Kore.ai account';
COMMENT ON COLUMN public.contact_list_usage.name IS 'Name of the contact list';
COMMENT ON COLUMN public.contact_list_usage.campaigns IS 'Live campaigns that have it now';
COMMENT ON COLUMN public.contact_list_usage.active_campaigns IS 'Of these, with the status Active';
COMMENT ON COLUMN public.contact_list_usage.messages_sent IS 'Messages of their current instances; a campaign with several lists counts in each';
COMMENT ON COLUMN public.contact_list_usage.last_campaign_created_at IS 'createdAt of the newest of them (UTC)';
COMMENT ON COLUMN public.contact_list_usage.first_seen_at IS 'When we first saw the list (UTC)';
CREATE TABLE public.kore_etl_version (
    version_num character varying(32) NOT NULL
);
CREATE VIEW public.live_campaigns AS
 SELECT campaign_id,
    account_id,
    app_id,
    channel,
    name,
    description,
    status,
    priority,
    format,
    execution_type,
    dialing_mode,
    connection,
    experience_flow_id,
    message_text,
    dnc_list_name,
    campaign_instance_id,
    is_scheduled,
    is_recurring,
    schedule,
    total_messages_sent,
    created_at,
    updated_at,
    instance_updated_at,
    raw,
    content_hash,
    first_seen_at,
    valid_from,
    counted_at,
    last_changed_at,
    last_run_id,
    missing_since,
    deleted_at,
    contact_list_names
   FROM public.campaigns
  WHERE (deleted_at IS NULL);
COMMENT ON VIEW public.live_campaigns IS 'Campaigns not taken as deleted';
COMMENT ON COLUMN public.live_campaigns.campaign_id IS 'Kore.ai campaign id';
COMMENT ON COLUMN public.live_campaigns.account_id IS 'Kore.ai account';
COMMENT ON COLUMN public.live_campaigns.app_id IS 'Kore.ai app that lists it; of several, the one configured first';
COMMENT ON COLUMN public.live_campaigns.channel IS 'sms or voice';
COMMENT ON COLUMN public.live_campaigns.name IS 'Name; not unique';
COMMENT ON COLUMN public.live_campaigns.description IS 'Description';
COMMENT ON COLUMN public.live_campaigns.status IS 'Status as sent: Ready, Active, Paused, Stopped, Completed, ... new values may come';
COMMENT ON COLUMN public.live_campaigns.priority IS 'Priority, 1 lowest to 5 highest';
COMMENT ON COLUMN public.live_campaigns.format IS 'SMS: simple or advanced';
COMMENT ON COLUMN public.live_campaigns.execution_type IS 'campaignExecutionType as sent';
COMMENT ON COLUMN public.live_campaigns.dialing_mode IS 'Voice: Agentless, Progressive, Preview, ...';
COMMENT ON COLUMN public.live_campaigns.connection IS 'Voice: queue name, or flow name for Agentless';
COMMENT ON COLUMN public.live_campaigns.experience_flow_id IS 'Experience flow (cf- id)';
COMMENT ON COLUMN public.live_campaigns.message_text IS 'SMS text, decoded where it came as base64';
COMMENT ON COLUMN public.live_campaigns.dnc_list_name IS 'Do-not-call list';
COMMENT ON COLUMN public.live_campaigns.campaign_instance_id IS 'The campaign''s latest run; null until it has been run';
COMMENT ON COLUMN public.live_campaigns.is_scheduled IS 'schedule.isSchedulingEnabled';
COMMENT ON COLUMN public.live_campaigns.is_recurring IS 'schedule.isRecurrenceEnabled';
COMMENT ON COLUMN public.live_campaigns.schedule IS 'The schedule object as JSON text';
COMMENT ON COLUMN public.live_campaigns.total_messages_sent IS 'Messages of the current instance; falls when the campaign is run again';
COMMENT ON COLUMN public.live_campaigns.created_at IS 'createdAt of the source (UTC)';
COMMENT ON COLUMN public.live_campaigns.updated_at IS 'updatedAt of the source (UTC); can be earlier than created_at';
COMMENT ON COLUMN public.live_campaigns.instance_updated_at IS 'campaignInstanceUpdatedAt of the source (UTC)';
COMMENT ON COLUMN public.live_campaigns.raw IS 'The record''s JSON text exactly as it came';
COMMENT ON COLUMN public.live_campaigns.content_hash IS 'Digest of raw';
COMMENT ON COLUMN public.live_campaigns.first_seen_at IS 'When we first saw it (UTC)';
COMMENT ON COLUMN public.live_campaigns.valid_from IS 'Since when we see these attributes, counters aside (UTC)';
COMMENT ON COLUMN public.live_campaigns.counted_at IS 'Since when we see this counter and instance (UTC)';
COMMENT ON COLUMN public.live_campaigns.last_changed_at IS 'When a read last changed this row (UTC)';
COMMENT ON COLUMN public.live_campaigns.last_run_id IS 'The run that last changed this row';
COMMENT ON COLUMN public.live_campaigns.missing_since IS 'Absent from a proven read since (UTC); a second one makes it deleted';
COMMENT ON COLUMN public.live_campaigns.deleted_at IS 'Taken as deleted in the source since (UTC); null = live';
COMMENT ON COLUMN public.live_campaigns.contact_list_names IS 'Names of its contact lists: a JSON array, ordered by name';
CREATE TABLE public.rejected_records (
    rejected_id bigint NOT NULL,
    run_id text NOT NULL,
    account_id text NOT NULL,
    app_id text NOT NULL,
    channel text NOT NULL,
    campaign_id text,
    reason text NOT NULL,
    detail text,
    occurrences bigint NOT NULL,
    raw text NOT NULL,
    window_start timestamp with time zone NOT NULL,
    window_end timestamp with time zone,
    record_created_at timestamp with time zone,
    first_seen_at timestamp with time zone NOT NULL,
    last_seen_at timestamp with time zone NOT NULL,
    gone_at timestamp with time zone,
    acknowledged_at timestamp with time zone
);
COMMENT ON TABLE public.rejected_records IS 'Records, and single fields, that could not be stored; a record once, however many nights repeat it';
COMMENT ON COLUMN public.rejected_records.rejected_id IS '63-bit digest of the scope and the record, or of the scope and the field';
COMMENT ON COLUMN public.rejected_records.run_id IS 'The run that saw it last';
COMMENT ON COLUMN public.rejected_records.account_id IS 'Kore.ai account';
COMMENT ON COLUMN public.rejected_records.app_id IS 'Kore.ai app';
COMMENT ON COLUMN public.rejected_records.channel IS 'sms or voice';
COMMENT ON COLUMN public.rejected_records.campaign_id IS 'The record''s id, where it has one; for a field: a sample';
COMMENT ON COLUMN public.rejected_records.reason IS 'Why; field:<name> where only that field could not be stored';
COMMENT ON COLUMN public.rejected_records.detail IS 'What was wrong with the field';
COMMENT ON COLUMN public.rejected_records.occurrences IS 'Reads that met the record; for a field: writes of a campaign with it';
COMMENT ON COLUMN public.rejected_records.raw IS 'The record''s text; NUL and lone surrogates shown as escapes';
COMMENT ON COLUMN public.rejected_records.window_start IS 'Start of the window that last met it (UTC)';
COMMENT ON COLUMN public.rejected_records.window_end IS 'Its end (UTC); null = it was read without dates';
COMMENT ON COLUMN public.rejected_records.record_created_at IS 'createdAt of the record, where readable (UTC)';
COMMENT ON COLUMN public.rejected_records.first_seen_at IS 'When we first saw it (UTC)';
COMMENT ON COLUMN public.rejected_records.last_seen_at IS 'When we last saw it (UTC)';
COMMENT ON COLUMN public.rejected_records.gone_at IS 'When a proven read no longer had it (UTC)';
COMMENT ON COLUMN public.rejected_records.acknowledged_at IS 'When somebody acknowledged it (UTC)';
CREATE TABLE public.source_profiles (
    account_id text NOT NULL,
    app_id text NOT NULL,
    channel text NOT NULL,
    filtered_date text,
    start_inclusive boolean,
    end_inclusive boolean,
    order_kept boolean,
    largest_page bigint,
    limit_echoed boolean,
    offset_by text,
    clock_skew_seconds double precision,
    undated_works boolean,
    status_filter_works boolean,
    census_difference bigint NOT NULL,
    census_explained boolean NOT NULL,
    observed_at timestamp with time zone NOT NULL
);
COMMENT ON TABLE public.source_profiles IS 'What was observed about the server; null = not known';
COMMENT ON COLUMN public.source_profiles.account_id IS 'Kore.ai account';
COMMENT ON COLUMN public.source_profiles.app_id IS 'Kore.ai app';
COMMENT ON COLUMN public.source_profiles.channel IS 'sms or voice';
COMMENT ON COLUMN public.source_profiles.filtered_date IS 'createdAt, updatedAt or neither';
COMMENT ON COLUMN public.source_profiles.start_inclusive IS 'Whether startDate includes its instant';
COMMENT ON COLUMN public.source_profiles.end_inclusive IS 'Whether endDate includes its instant';
COMMENT ON COLUMN public.source_profiles.order_kept IS 'Whether rows come in the order asked for';
COMMENT ON COLUMN public.source_profiles.largest_page IS 'Most rows that one page ever held';
COMMENT ON COLUMN public.source_profiles.limit_echoed IS 'Whether the echoed limit is the one in force';
COMMENT ON COLUMN public.source_profiles.offset_by IS 'skip or page: which wins';
COMMENT ON COLUMN public.source_profiles.clock_skew_seconds IS 'Server clock minus ours';
COMMENT ON COLUMN public.source_profiles.undated_works IS 'Whether a request without dates works';
COMMENT ON COLUMN public.source_profiles.status_filter_works IS 'Whether filters.status works';
COMMENT ON COLUMN public.source_profiles.census_difference IS 'Source''s total minus live rows after a whole proven read';
COMMENT ON COLUMN public.source_profiles.census_explained IS 'Whether that read was proven and undated';
COMMENT ON COLUMN public.source_profiles.observed_at IS 'When this was last written (UTC)';
CREATE TABLE public.sync_windows (
    run_id text NOT NULL,
    window_no integer NOT NULL,
    epoch bigint NOT NULL,
    account_id text NOT NULL,
    app_id text NOT NULL,
    channel text NOT NULL,
    window_start timestamp with time zone NOT NULL,
    window_end timestamp with time zone NOT NULL,
    state text NOT NULL,
    proof text,
    why text,
    reason text NOT NULL,
    keep text,
    source_total bigint,
    seen bigint NOT NULL,
    beyond bigint NOT NULL,
    rejected bigint NOT NULL,
    inserted bigint NOT NULL,
    updated bigint NOT NULL,
    unchanged bigint NOT NULL,
    revived bigint NOT NULL,
    older bigint NOT NULL,
    links_added bigint NOT NULL,
    links_removed bigint NOT NULL,
    requests bigint NOT NULL,
    retries bigint NOT NULL,
    throttled_seconds double precision NOT NULL,
    attempts bigint NOT NULL,
    started_at timestamp with time zone NOT NULL,
    finished_at timestamp with time zone NOT NULL,
    error text
);
COMMENT ON TABLE public.sync_windows IS 'One line per window read, written in the window''s own transaction';
COMMENT ON COLUMN public.sync_windows.run_id IS 'sync_runs.run_id';
COMMENT ON COLUMN public.sync_windows.window_no IS 'Counts up within the run';
COMMENT ON COLUMN public.sync_windows.epoch IS 'The account''s lease epoch: (epoch, window_no) orders an account''s reads';
COMMENT ON COLUMN public.sync_windows.account_id IS 'Kore.ai account';
COMMENT ON COLUMN public.sync_windows.app_id IS 'Kore.ai app';
COMMENT ON COLUMN public.sync_windows.channel IS 'sms or voice';
COMMENT ON COLUMN public.sync_windows.window_start IS 'Inclusive (UTC)';
COMMENT ON COLUMN public.sync_windows.window_end IS 'Exclusive (UTC)';
COMMENT ON COLUMN public.sync_windows.state IS 'proven, unproven, open, failed';
COMMENT ON COLUMN public.sync_windows.proof IS 'L1 to L4, where proven';
COMMENT ON COLUMN public.sync_windows.why IS 'Why it is not proven';
COMMENT ON COLUMN public.sync_windows.reason IS 'Why it was read';
COMMENT ON COLUMN public.sync_windows.keep IS 'The filter that was applied after the read, as JSON; null = everything was stored';
COMMENT ON COLUMN public.sync_windows.source_total IS 'The total that the proof established, or the last one sent';
COMMENT ON COLUMN public.sync_windows.seen IS 'Distinct rows read';
COMMENT ON COLUMN public.sync_windows.beyond IS 'Of these, rows at the shared border that belong to the neighbour';
COMMENT ON COLUMN public.sync_windows.rejected IS 'Records rejected as a whole';
COMMENT ON COLUMN public.sync_windows.inserted IS 'Campaigns new to the warehouse';
COMMENT ON COLUMN public.sync_windows.updated IS 'Campaigns whose content changed';
COMMENT ON COLUMN public.sync_windows.unchanged IS 'Campaigns as they were';
COMMENT ON COLUMN public.sync_windows.revived IS 'Campaigns taken as deleted that came back';
COMMENT ON COLUMN public.sync_windows.older IS 'Of the unchanged, older payloads that were refused';
COMMENT ON COLUMN public.sync_windows.links_added IS 'Contact-list links added';
COMMENT ON COLUMN public.sync_windows.links_removed IS 'Contact-list links removed';
COMMENT ON COLUMN public.sync_windows.requests IS 'Attempts on the wire';
COMMENT ON COLUMN public.sync_windows.retries IS 'Of these, repeated ones';
COMMENT ON COLUMN public.sync_windows.throttled_seconds IS 'Seconds waited because the source said so';
COMMENT ON COLUMN public.sync_windows.attempts IS 'Sweeps tried for a proof';
COMMENT ON COLUMN public.sync_windows.started_at IS '(UTC)';
COMMENT ON COLUMN public.sync_windows.finished_at IS '(UTC)';
COMMENT ON COLUMN public.sync_windows.error IS 'Why it failed';
CREATE VIEW public.sync_gaps AS
 WITH lines AS NOT MATERIALIZED (
         SELECT k.run_id,
            k.window_no,
            k.epoch,
            k.account_id,
            k.app_id,
            k.channel,
            k.window_start,
            k.window_end,
            k.reason,
            k.finished_at,
            k.last_run_id,
                CASE
                    WHEN ((k.state = 'open'::text) OR (k.keep_then = k.keep_now)) THEN k.state
                    ELSE 'superseded'::text
                END AS state
           FROM ( SELECT sync_windows.run_id,
                    sync_windows.window_no,
                    sync_windows.epoch,
                    sync_windows.account_id,
                    sync_windows.app_id,
                    sync_windows.channel,
                    sync_windows.window_start,
                    sync_windows.window_end,
                    sync_windows.reason,
                    sync_windows.finished_at,
                    sync_windows.state,
                    COALESCE(sync_windows.keep, ''::text) AS keep_then,
                    last_value(COALESCE(sync_windows.keep, ''::text)) OVER all_lines AS keep_now,
                    last_value(sync_windows.run_id) OVER all_lines AS last_run_id
                   FROM public.sync_windows
                  WINDOW all_lines AS (PARTITION BY sync_windows.account_id, sync_windows.app_id, sync_windows.channel ORDER BY sync_windows.epoch, sync_windows.window_no ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)) k
        ), bounded AS NOT MATERIALIZED (
         SELECT lines.account_id,
            lines.app_id,
            lines.channel,
            lines.window_start,
            lines.window_end,
            lines.state,
            max(lines.window_end) OVER whole AS high,
            COALESCE(min(
                CASE
                    WHEN (lines.reason <> 'backfill'::text) THEN lines.window_start
                    ELSE NULL::timestamp with time zone
                END) OVER whole, min(lines.window_start) OVER whole) AS low
           FROM lines
          WHERE ((lines.state = 'proven'::text) OR ((lines.state <> 'open'::text) AND (lines.reason <> ALL (ARRAY['open tail'::text, 'census'::text, 'change feed'::text, 'unfinished campaigns'::text]))))
          WINDOW whole AS (PARTITION BY lines.account_id, lines.app_id, lines.channel)
        ), covered AS NOT MATERIALIZED (
         SELECT bounded.account_id,
            bounded.app_id,
            bounded.channel,
            bounded.high,
                CASE
                    WHEN ((bounded.state = 'proven'::text) AND (bounded.window_start > bounded.low)) THEN bounded.window_start
                    ELSE bounded.low
                END AS s,
                CASE
                    WHEN ((bounded.state = 'proven'::text) AND (bounded.window_end > bounded.low)) THEN bounded.window_end
                    ELSE bounded.low
                END AS e
           FROM bounded
        ), reached AS NOT MATERIALIZED (
         SELECT covered.account_id,
            covered.app_id,
            covered.channel,
            max(covered.e) OVER upto AS gap_start,
            COALESCE(lead(covered.s) OVER ordered, covered.high) AS gap_end
           FROM covered
          WINDOW upto AS (PARTITION BY covered.account_id, covered.app_id, covered.channel ORDER BY covered.s, covered.e ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW), ordered AS (PARTITION BY covered.account_id, covered.app_id, covered.channel ORDER BY covered.s, covered.e)
        )
 SELECT account_id,
    app_id,
    channel,
    gap_start,
    gap_end
   FROM reached
  WHERE (gap_start < gap_end);
COMMENT ON VIEW public.sync_gaps IS 'Per scope: stretches between the first and the last closed read that no read under the account''s present keep has proven';
COMMENT ON COLUMN public.sync_gaps.account_id IS 'Kore.ai account';
COMMENT ON COLUMN public.sync_gaps.app_id IS 'Kore.ai app';
COMMENT ON COLUMN public.sync_gaps.channel IS 'sms or voice';
COMMENT ON COLUMN public.sync_gaps.gap_start IS 'Inclusive (UTC)';
COMMENT ON COLUMN public.sync_gaps.gap_end IS 'Exclusive (UTC)';
CREATE TABLE public.sync_runs (
    run_id text NOT NULL,
    verb text NOT NULL,
    verdict text NOT NULL,
    exit_code integer,
    started_at timestamp with time zone NOT NULL,
    finished_at timestamp with time zone,
    version text NOT NULL,
    totals text,
    holder text
);
COMMENT ON TABLE public.sync_runs IS 'One line per run';
COMMENT ON COLUMN public.sync_runs.run_id IS 'Start of the run (UTC) and a random tail';
COMMENT ON COLUMN public.sync_runs.verb IS 'sync, backfill, ...';
COMMENT ON COLUMN public.sync_runs.verdict IS 'running, complete, incomplete, refused, unreadable, held, stopped, failed';
COMMENT ON COLUMN public.sync_runs.exit_code IS 'Exit code of the command';
COMMENT ON COLUMN public.sync_runs.started_at IS '(UTC)';
COMMENT ON COLUMN public.sync_runs.finished_at IS '(UTC)';
COMMENT ON COLUMN public.sync_runs.version IS 'Version of the program';
COMMENT ON COLUMN public.sync_runs.totals IS 'The run''s counts as a JSON object';
COMMENT ON COLUMN public.sync_runs.holder IS 'The process that runs it';
CREATE VIEW public.sync_freshness AS
 WITH lines AS NOT MATERIALIZED (
         SELECT k.run_id,
            k.window_no,
            k.epoch,
            k.account_id,
            k.app_id,
            k.channel,
            k.window_start,
            k.window_end,
            k.reason,
            k.finished_at,
            k.last_run_id,
                CASE
                    WHEN ((k.state = 'open'::text) OR (k.keep_then = k.keep_now)) THEN k.state
                    ELSE 'superseded'::text
                END AS state
           FROM ( SELECT sync_windows.run_id,
                    sync_windows.window_no,
                    sync_windows.epoch,
                    sync_windows.account_id,
                    sync_windows.app_id,
                    sync_windows.channel,
                    sync_windows.window_start,
                    sync_windows.window_end,
                    sync_windows.reason,
                    sync_windows.finished_at,
                    sync_windows.state,
                    COALESCE(sync_windows.keep, ''::text) AS keep_then,
                    last_value(COALESCE(sync_windows.keep, ''::text)) OVER all_lines AS keep_now,
                    last_value(sync_windows.run_id) OVER all_lines AS last_run_id
                   FROM public.sync_windows
                  WINDOW all_lines AS (PARTITION BY sync_windows.account_id, sync_windows.app_id, sync_windows.channel ORDER BY sync_windows.epoch, sync_windows.window_no ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)) k
        ), covering AS NOT MATERIALIZED (
         SELECT u.account_id,
            u.app_id,
            u.channel,
            u.run_id,
            u.window_no,
            u.window_end,
                CASE
                    WHEN ((p.state = 'proven'::text) AND (p.window_start > u.window_start)) THEN p.window_start
                    ELSE u.window_start
                END AS s,
                CASE
                    WHEN (p.state <> 'proven'::text) THEN u.window_start
                    WHEN (p.window_end < u.window_end) THEN p.window_end
                    ELSE u.window_end
                END AS e
           FROM (lines u
             JOIN lines p ON (((p.account_id = u.account_id) AND (p.app_id = u.app_id) AND (p.channel = u.channel) AND (p.epoch >= u.epoch) AND (p.window_start < u.window_end) AND (p.window_end > u.window_start) AND (((p.run_id = u.run_id) AND (p.window_no = u.window_no)) OR ((p.state = 'proven'::text) AND ((p.epoch > u.epoch) OR (p.window_no > u.window_no)))))))
          WHERE ((u.state = ANY (ARRAY['unproven'::text, 'failed'::text])) AND (u.reason <> ALL (ARRAY['open tail'::text, 'census'::text, 'change feed'::text, 'unfinished campaigns'::text])))
        ), pieces AS NOT MATERIALIZED (
         SELECT y.account_id,
            y.app_id,
            y.channel,
            y.gap_start,
            y.gap_end
           FROM ( SELECT covering.account_id,
                    covering.app_id,
                    covering.channel,
                    max(covering.e) OVER upto AS gap_start,
                    COALESCE(lead(covering.s) OVER ordered, covering.window_end) AS gap_end
                   FROM covering
                  WINDOW ordered AS (PARTITION BY covering.account_id, covering.app_id, covering.channel, covering.run_id, covering.window_no ORDER BY covering.s, covering.e), upto AS (PARTITION BY covering.account_id, covering.app_id, covering.channel, covering.run_id, covering.window_no ORDER BY covering.s, covering.e ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)) y
          WHERE (y.gap_start < y.gap_end)
        ), unproven AS NOT MATERIALIZED (
         SELECT z.account_id,
            z.app_id,
            z.channel,
            count(*) AS stretches
           FROM ( SELECT pieces.account_id,
                    pieces.app_id,
                    pieces.channel,
                    pieces.gap_start,
                    max(pieces.gap_end) OVER (PARTITION BY pieces.account_id, pieces.app_id, pieces.channel ORDER BY pieces.gap_start, pieces.gap_end ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS reached
                   FROM pieces) z
          WHERE ((z.reached IS NULL) OR (z.gap_start > z.reached))
          GROUP BY z.account_id, z.app_id, z.channel
        ), first_gap AS NOT MATERIALIZED (
         SELECT sync_gaps.account_id,
            sync_gaps.app_id,
            sync_gaps.channel,
            min(sync_gaps.gap_start) AS gap_start
           FROM public.sync_gaps
          GROUP BY sync_gaps.account_id, sync_gaps.app_id, sync_gaps.channel
        ), read AS NOT MATERIALIZED (
         SELECT lines.account_id,
            lines.app_id,
            lines.channel,
            max(lines.last_run_id) AS last_run_id,
            min(
                CASE
                    WHEN (((lines.state = 'proven'::text) OR ((lines.state <> 'open'::text) AND (lines.reason <> ALL (ARRAY['open tail'::text, 'census'::text, 'change feed'::text, 'unfinished campaigns'::text])))) AND (lines.reason <> 'backfill'::text)) THEN lines.window_start
                    ELSE NULL::timestamp with time zone
                END) AS low,
            max(
                CASE
                    WHEN (lines.state = 'proven'::text) THEN lines.window_end
                    ELSE NULL::timestamp with time zone
                END) AS newest_proven_end,
            max(
                CASE
                    WHEN (lines.state = 'proven'::text) THEN lines.finished_at
                    ELSE NULL::timestamp with time zone
                END) AS last_proven_at
           FROM lines
          GROUP BY lines.account_id, lines.app_id, lines.channel
        ), fresh AS NOT MATERIALIZED (
         SELECT r.account_id,
            r.app_id,
            r.channel,
                CASE
                    WHEN (r.low IS NULL) THEN NULL::timestamp with time zone
                    WHEN (g.gap_start IS NULL) THEN r.newest_proven_end
                    WHEN (g.gap_start > r.low) THEN g.gap_start
                    ELSE NULL::timestamp with time zone
                END AS proven_until,
            r.newest_proven_end,
            r.last_proven_at,
            r.last_run_id,
            n.verdict AS last_run_verdict,
            n.finished_at AS last_run_finished_at,
            COALESCE(u.stretches, (0)::bigint) AS unproven_windows,
            ( SELECT count(*) AS count
                   FROM public.campaigns c
                  WHERE ((c.account_id = r.account_id) AND (c.app_id = r.app_id) AND (c.channel = r.channel) AND (c.deleted_at IS NULL))) AS live_rows
           FROM (((read r
             LEFT JOIN first_gap g ON (((g.account_id = r.account_id) AND (g.app_id = r.app_id) AND (g.channel = r.channel))))
             LEFT JOIN public.sync_runs n ON ((n.run_id = r.last_run_id)))
             LEFT JOIN unproven u ON (((u.account_id = r.account_id) AND (u.app_id = r.app_id) AND (u.channel = r.channel))))
        )
 SELECT account_id,
    app_id,
    channel,
    proven_until,
    newest_proven_end,
    last_proven_at,
    last_run_id,
    last_run_verdict,
    last_run_finished_at,
    unproven_windows,
    live_rows,
    (round(EXTRACT(epoch FROM (clock_timestamp() - proven_until))))::bigint AS age_seconds
   FROM fresh;
COMMENT ON VIEW public.sync_freshness IS 'Per scope: everything created before proven_until was proven complete; unproven_windows counts stretches whose last read was not proven; age_seconds is since proven_until; only reads under the account''s present keep count';
COMMENT ON COLUMN public.sync_freshness.account_id IS 'Kore.ai account';
COMMENT ON COLUMN public.sync_freshness.app_id IS 'Kore.ai app';
COMMENT ON COLUMN public.sync_freshness.channel IS 'sms or voice';
COMMENT ON COLUMN public.sync_freshness.proven_until IS 'Everything created before it was proven complete (UTC); null = the beginning is not proven';
COMMENT ON COLUMN public.sync_freshness.newest_proven_end IS 'Latest end of a proven window, gaps before it or not (UTC)';
COMMENT ON COLUMN public.sync_freshness.last_proven_at IS 'When the last proven read ended (UTC)';
COMMENT ON COLUMN public.sync_freshness.last_run_id IS 'The last run that read anything of the scope';
COMMENT ON COLUMN public.sync_freshness.last_run_verdict IS 'That run''s verdict';
COMMENT ON COLUMN public.sync_freshness.last_run_finished_at IS 'When that run ended (UTC); null = it runs, or was killed';
COMMENT ON COLUMN public.sync_freshness.unproven_windows IS 'Stretches whose last read was unproven or failed';
COMMENT ON COLUMN public.sync_freshness.live_rows IS 'Campaigns stored and not taken as deleted';
COMMENT ON COLUMN public.sync_freshness.age_seconds IS 'Seconds since proven_until, by the database''s clock';
CREATE TABLE public.sync_leases (
    account_id text NOT NULL,
    holder text NOT NULL,
    epoch bigint NOT NULL,
    expires_at timestamp with time zone NOT NULL
);
COMMENT ON TABLE public.sync_leases IS 'Who may read and write an account now; rows stay when the lease is given back';
COMMENT ON COLUMN public.sync_leases.account_id IS 'Kore.ai account';
COMMENT ON COLUMN public.sync_leases.holder IS 'Host, process and start of the holder';
COMMENT ON COLUMN public.sync_leases.epoch IS 'Counts up with every take-over, never back';
COMMENT ON COLUMN public.sync_leases.expires_at IS 'By the database''s clock (UTC); in the past = free';
INSERT INTO public.campaign_contact_lists VALUES ('cd-375feda8-b10f-55b9-bea1-5ef95fcafa97', 2113355434760400956, '2026-11-26 02:30:48.592016+00');
INSERT INTO public.campaign_contact_lists VALUES ('cd-375feda8-b10f-55b9-bea1-5ef95fcafa97', 7792041536263004573, '2026-11-26 02:30:48.592016+00');
INSERT INTO public.campaign_contact_lists VALUES ('cd-82e9010c-2695-5f85-a314-74fc14b05a98', 3773404100637902155, '2026-11-26 02:30:48.592016+00');
INSERT INTO public.campaign_contact_lists VALUES ('cd-82e9010c-2695-5f85-a314-74fc14b05a98', 4877973185655945366, '2026-11-26 02:30:48.592016+00');
INSERT INTO public.campaign_contact_lists VALUES ('cd-82e9010c-2695-5f85-a314-74fc14b05a98', 5316791225746117191, '2026-11-26 02:30:48.592016+00');
INSERT INTO public.campaign_contact_lists VALUES ('cd-82e9010c-2695-5f85-a314-74fc14b05a98', 8167421388642466335, '2026-11-26 02:30:48.592016+00');
INSERT INTO public.campaign_contact_lists VALUES ('cd-8f72652f-bccd-5142-9ac0-1946daca155b', 1042319312367753930, '2026-11-26 02:30:48.592016+00');
INSERT INTO public.campaign_contact_lists VALUES ('cd-8f72652f-bccd-5142-9ac0-1946daca155b', 5316791225746117191, '2026-11-26 02:30:48.592016+00');
INSERT INTO public.campaign_contact_lists VALUES ('cd-ddebbf92-0b1a-50b0-aad8-7fc65cfcb858', 541680265999447477, '2026-11-26 02:30:48.592016+00');
INSERT INTO public.campaign_contact_lists VALUES ('cd-ddebbf92-0b1a-50b0-aad8-7fc65cfcb858', 834909710257820863, '2026-11-26 02:30:48.592016+00');
INSERT INTO public.campaign_contact_lists VALUES ('cd-ddebbf92-0b1a-50b0-aad8-7fc65cfcb858', 4877973185655945366, '2026-11-26 02:30:48.592016+00');
INSERT INTO public.campaign_contact_lists VALUES ('cd-561e892-62c8-4a9f-9bea-2f2601f23038', 2913393973986199316, '2026-11-26 02:30:48.595681+00');
INSERT INTO public.campaign_contact_lists VALUES ('cd-561e892-62c8-4a9f-9bea-2f2601f23038', 7553853219464409267, '2026-11-26 02:30:48.595681+00');
INSERT INTO public.campaign_contact_lists VALUES ('cd-72ddd62-1df9-40e1-b421-be30170ca890', 7792041536263004573, '2026-11-26 02:30:48.595681+00');
INSERT INTO public.campaign_contact_lists VALUES ('cd-a56556e-0faa-4c43-b845-b07ba0bd094d', 9153105530632148314, '2026-11-26 02:30:48.595681+00');
INSERT INTO public.campaign_contact_lists VALUES ('cd-fc9b277-3601-4340-896b-c016a761989e', 1105523369864532036, '2026-11-26 02:30:48.595681+00');
INSERT INTO public.campaign_contact_lists VALUES ('cd-fc9b277-3601-4340-896b-c016a761989e', 1798397485011635591, '2026-11-26 02:30:48.595681+00');
INSERT INTO public.campaigns VALUES ('cd-375feda8-b10f-55b9-bea1-5ef95fcafa97', '73bf7939ac50b4f6d9c78045', 'st-c61667e6-529a-5966-aadb-d25076876dd2', 'sms', 'Interactive Support SMS Campaign273', 'Customers can check order status, raise tickets, or get help—all in one conversation.', 'Stopped', 5, 'simple', 'NORMAL', NULL, NULL, NULL, 'Reply YES to confirm, NO to cancel.', NULL, 'cid-78e6d6d6-aacf-5a1e-9d6e-49ac8564bd75', false, false, '{"isSchedulingEnabled":false,"isRecurrenceEnabled":false}', 932, '2025-08-29 04:38:08.004+00', '2025-08-31 06:51:44.195+00', '2025-08-31 07:04:08.827+00', '{"name":"Interactive Support SMS Campaign273","description":"Customers can check order status, raise tickets, or get help—all in one conversation.","status":"Stopped","priority":"5","message":{"message":"Reply YES to confirm, NO to cancel."},"createdAt":"2025-08-29T04:38:08.004Z","updatedAt":"2025-08-31T06:51:44.195Z","schedule":{"isSchedulingEnabled":false,"isRecurrenceEnabled":false},"id":"cd-375feda8-b10f-55b9-bea1-5ef95fcafa97","totalMessagesSent":932,"campaignInstanceId":"cid-78e6d6d6-aacf-5a1e-9d6e-49ac8564bd75","campaignInstanceUpdatedAt":"2025-08-31T07:04:08.827Z","campaignExecutionType":"NORMAL","contactLists":["Branch 0042 ","Walk-ins, Store #12"],"format":"simple"}', '6ea0a3e4a04f48e74d6fcdd0ee788c4e', '2026-11-26 02:30:48.592016+00', '2026-11-26 02:30:48.592016+00', '2026-11-26 02:30:48.592016+00', '2026-11-26 02:30:48.592016+00', '20261126T023048Z-ac1093', NULL, NULL, NULL, '["Branch 0042 ","Walk-ins, Store #12"]');
INSERT INTO public.campaigns VALUES ('cd-82e9010c-2695-5f85-a314-74fc14b05a98', '73bf7939ac50b4f6d9c78045', 'st-c61667e6-529a-5966-aadb-d25076876dd2', 'sms', '予約確認 SMS Campaign191', '予約の前日に確認メッセージを送ります。', 'Completed', 3, 'advanced', 'NORMAL', NULL, NULL, 'cf-bf0e6fd9-3da7-5e0b-9f4f-d34f267e2f9d', NULL, NULL, 'cid-3f13173f-fbf0-5667-a5d2-78caf6308d4b', false, false, '{"isSchedulingEnabled":false,"isRecurrenceEnabled":false}', 707, '2024-07-04 04:10:45.91+00', '2024-07-05 10:41:55.943+00', '2024-07-05 10:06:26.257+00', '{"name":"予約確認 SMS Campaign191","description":"予約の前日に確認メッセージを送ります。","status":"Completed","priority":"3","experienceFlow":"cf-bf0e6fd9-3da7-5e0b-9f4f-d34f267e2f9d","createdAt":"2024-07-04T04:10:45.910Z","updatedAt":"2024-07-05T10:41:55.943Z","schedule":{"isSchedulingEnabled":false,"isRecurrenceEnabled":false},"id":"cd-82e9010c-2695-5f85-a314-74fc14b05a98","totalMessagesSent":707,"campaignInstanceId":"cid-3f13173f-fbf0-5667-a5d2-78caf6308d4b","campaignInstanceUpdatedAt":"2024-07-05T10:06:26.257Z","campaignExecutionType":"NORMAL","contactLists":["VIP 👑","O''Neill & Sons","Überfällig 30+","Paper bill -> e-bill"],"format":"advanced"}', 'c44ed49cc28916b2de5418f8085c487c', '2026-11-26 02:30:48.592016+00', '2026-11-26 02:30:48.592016+00', '2026-11-26 02:30:48.592016+00', '2026-11-26 02:30:48.592016+00', '20261126T023048Z-ac1093', NULL, NULL, NULL, '["O''Neill & Sons","Paper bill -> e-bill","VIP 👑","Überfällig 30+"]');
INSERT INTO public.campaigns VALUES ('cd-8f72652f-bccd-5142-9ac0-1946daca155b', '73bf7939ac50b4f6d9c78045', 'st-c61667e6-529a-5966-aadb-d25076876dd2', 'sms', 'Event Reminder SMS Campaign389 | Trial', 'Sends a one-time message to remind users about an upcoming event. No template—just plain text.', 'Stopped', 5, 'simple', 'NORMAL', NULL, NULL, NULL, 'Planned maintenance tonight 01:00–03:00. Sorry for the trouble!', NULL, 'cid-ad7e8a85-4ee0-5746-a718-eae1ef09d848', true, NULL, '{"isSchedulingEnabled":true}', 878, '2025-04-02 04:57:31.083+00', '2025-04-02 20:49:16.74+00', '2025-04-02 21:06:03.03+00', '{"name":"Event Reminder SMS Campaign389 | Trial","description":"Sends a one-time message to remind users about an upcoming event. No template—just plain text.","status":"Stopped","priority":"5","message":{"templateId":"cmt-65948352-f1fd-5444-bb24-05f0d7b8debd","message":"UGxhbm5lZCBtYWludGVuYW5jZSB0b25pZ2h0IDAxOjAw4oCTMDM6MDAuIFNvcnJ5IGZvciB0aGUgdHJvdWJsZSE%3D"},"createdAt":"2025-04-02T04:57:31.083Z","updatedAt":"2025-04-02T20:49:16.740Z","schedule":{"isSchedulingEnabled":true},"id":"cd-8f72652f-bccd-5142-9ac0-1946daca155b","totalMessagesSent":878,"campaignInstanceId":"cid-ad7e8a85-4ee0-5746-a718-eae1ef09d848","campaignInstanceUpdatedAt":"2025-04-02T21:06:03.030Z","campaignExecutionType":"NORMAL","contactLists":["Gold members | EU","Paper bill -> e-bill"],"format":"simple"}', '5e10e8135fc8aca905f03baa7e6c13b2', '2026-11-26 02:30:48.592016+00', '2026-11-26 02:30:48.592016+00', '2026-11-26 02:30:48.592016+00', '2026-11-26 02:30:48.592016+00', '20261126T023048Z-ac1093', NULL, NULL, NULL, '["Gold members | EU","Paper bill -> e-bill"]');
INSERT INTO public.campaigns VALUES ('cd-ddebbf92-0b1a-50b0-aad8-7fc65cfcb858', '73bf7939ac50b4f6d9c78045', 'st-c61667e6-529a-5966-aadb-d25076876dd2', 'sms', 'Win-back Offer SMS Campaign341 – South', 'For customers who left within 12 months. Legal approved <b>v3</b>.', 'Completed', 5, 'simple', 'NORMAL', NULL, NULL, NULL, 'Your parcel arrives today between 14:00 and 16:00. Change it: https://post.example/c?id=<Order>', NULL, 'cid-ba950829-c64b-5b01-a5bc-1fcca6c5a582', false, false, '{"isSchedulingEnabled":false,"isRecurrenceEnabled":false}', 963, '2024-06-21 02:38:31.121+00', '2024-06-22 11:58:57.277+00', '2024-06-22 12:06:39.119+00', '{"name":"Win-back Offer SMS Campaign341 – South","description":"For customers who left within 12 months. Legal approved <b>v3</b>.","status":"Completed","priority":"5","message":{"message":"WW91ciBwYXJjZWwgYXJyaXZlcyB0b2RheSBiZXR3ZWVuIDE0OjAwIGFuZCAxNjowMC4gQ2hhbmdlIGl0OiBodHRwczovL3Bvc3QuZXhhbXBsZS9jP2lkPTxPcmRlcj4%3D"},"createdAt":"2024-06-21T02:38:31.121Z","updatedAt":"2024-06-22T11:58:57.277Z","schedule":{"isSchedulingEnabled":false,"isRecurrenceEnabled":false},"id":"cd-ddebbf92-0b1a-50b0-aad8-7fc65cfcb858","totalMessagesSent":963,"campaignInstanceId":"cid-ba950829-c64b-5b01-a5bc-1fcca6c5a582","campaignInstanceUpdatedAt":"2024-06-22T12:06:39.119Z","campaignExecutionType":"NORMAL","contactLists":["CL Only 2020 Dec 4","Überfällig 30+","Quoted \"priority\" list"],"format":"simple"}', '1b07ac33b973905e918edfc7fddc9bdf', '2026-11-26 02:30:48.592016+00', '2026-11-26 02:30:48.592016+00', '2026-11-26 02:30:48.592016+00', '2026-11-26 02:30:48.592016+00', '20261126T023048Z-ac1093', NULL, NULL, NULL, '["CL Only 2020 Dec 4","Quoted \"priority\" list","Überfällig 30+"]');
INSERT INTO public.campaigns VALUES ('cd-561e892-62c8-4a9f-9bea-2f2601f23038', '73bf7939ac50b4f6d9c78045', 'st-c61667e6-529a-5966-aadb-d25076876dd2', 'voice', 'Rückruf-Service Voice Campaign191', 'Bietet einen Rückruf am selben Tag an.', 'Completed', 5, NULL, NULL, 'Progressive', 'Default Queue', NULL, NULL, NULL, 'cid-44eef3d-dc3c-4eb0-a6bf-76695adf68c4', false, false, '{"isSchedulingEnabled":false,"isRecurrenceEnabled":false}', NULL, '2025-08-28 10:17:18+00', '2025-08-31 00:49:36.302+00', '2025-08-31 00:23:22.535+00', '{"_id":"cd-561e892-62c8-4a9f-9bea-2f2601f23038","name":"Rückruf-Service Voice Campaign191","description":"Bietet einen Rückruf am selben Tag an.","priority":"5","dialingMode":"Progressive","status":"Completed","createdAt":"2025-08-28T10:17:18.000Z","updatedAt":"2025-08-31T00:49:36.302Z","schedule":{"isSchedulingEnabled":false,"isRecurrenceEnabled":false},"campaignInstanceId":"cid-44eef3d-dc3c-4eb0-a6bf-76695adf68c4","campaignInstanceUpdatedAt":"2025-08-31T00:23:22.535Z","connection":"Default Queue","contactLists":["Survey panel A|B|C","Opt-ins 2024/10"]}', '53a6f708584230adda5c8ebcebe61790', '2026-11-26 02:30:48.595681+00', '2026-11-26 02:30:48.595681+00', '2026-11-26 02:30:48.595681+00', '2026-11-26 02:30:48.595681+00', '20261126T023048Z-ac1093', NULL, NULL, NULL, '["Opt-ins 2024/10","Survey panel A|B|C"]');
INSERT INTO public.campaigns VALUES ('cd-72ddd62-1df9-40e1-b421-be30170ca890', '73bf7939ac50b4f6d9c78045', 'st-c61667e6-529a-5966-aadb-d25076876dd2', 'voice', 'Campaña de vacunación Voice Campaign125', 'Recordatorio de la segunda dosis; incluye dirección y horario.', 'Ready', 5, NULL, NULL, 'Preview', 'Tier 2', NULL, NULL, NULL, NULL, false, NULL, '{"isSchedulingEnabled":false}', NULL, '2025-09-25 04:31:10.27+00', '2025-09-25 10:40:44.164+00', '2025-09-25 10:40:44.164+00', '{"_id":"cd-72ddd62-1df9-40e1-b421-be30170ca890","name":"Campaña de vacunación Voice Campaign125","description":"Recordatorio de la segunda dosis; incluye dirección y horario.","priority":"5","dialingMode":"Preview","status":"Ready","createdAt":"2025-09-25T04:31:10.270Z","updatedAt":"2025-09-25T10:40:44.164Z","schedule":{"isSchedulingEnabled":false},"campaignInstanceUpdatedAt":"2025-09-25T10:40:44.164Z","connection":"Tier 2","contactLists":["Walk-ins, Store #12"]}', '62f0f472a4b72023e86fcb188d5df931', '2026-11-26 02:30:48.595681+00', '2026-11-26 02:30:48.595681+00', '2026-11-26 02:30:48.595681+00', '2026-11-26 02:30:48.595681+00', '20261126T023048Z-ac1093', NULL, NULL, NULL, '["Walk-ins, Store #12"]');
INSERT INTO public.campaigns VALUES ('cd-a56556e-0faa-4c43-b845-b07ba0bd094d', '73bf7939ac50b4f6d9c78045', 'st-c61667e6-529a-5966-aadb-d25076876dd2', 'voice', 'Appointment Confirmation Voice Campaign169 v2', 'Asks patients to confirm or move their appointment.', 'Stopped', 4, NULL, NULL, 'Progressive', 'Collections EN/FR', NULL, NULL, NULL, 'cid-c383edd-5f27-4a85-b100-40f89763c89a', false, NULL, '{"isSchedulingEnabled":false}', NULL, '2026-08-10 13:38:42.045+00', '2026-08-11 05:50:20.33+00', '2026-08-11 06:04:03.353+00', '{"_id":"cd-a56556e-0faa-4c43-b845-b07ba0bd094d","name":"Appointment Confirmation Voice Campaign169 v2","description":"Asks patients to confirm or move their appointment.","priority":"4","dialingMode":"Progressive","status":"Stopped","createdAt":"2026-08-10T13:38:42.045Z","updatedAt":"2026-08-11T05:50:20.330Z","schedule":{"isSchedulingEnabled":false},"campaignInstanceId":"cid-c383edd-5f27-4a85-b100-40f89763c89a","campaignInstanceUpdatedAt":"2026-08-11T06:04:03.353Z","connection":"Collections EN/FR","contactLists":["Étudiants"]}', '161e653c0ed013b790e3d5750c94667d', '2026-11-26 02:30:48.595681+00', '2026-11-26 02:30:48.595681+00', '2026-11-26 02:30:48.595681+00', '2026-11-26 02:30:48.595681+00', '20261126T023048Z-ac1093', NULL, NULL, NULL, '["Étudiants"]');
INSERT INTO public.campaigns VALUES ('cd-fc9b277-3601-4340-896b-c016a761989e', '73bf7939ac50b4f6d9c78045', 'st-c61667e6-529a-5966-aadb-d25076876dd2', 'voice', '予約確認 Voice Campaign182 | Trial', '予約の前日に確認メッセージを送ります。', 'Active', 5, NULL, NULL, 'Progressive', 'Tier 2', NULL, NULL, NULL, 'cid-a8e648d-bf71-407b-93c1-3326ba3be0a9', false, NULL, '{"isSchedulingEnabled":false}', NULL, '2026-11-18 12:48:26.117+00', '2026-11-25 23:32:32.2+00', '2026-11-25 23:44:59+00', '{"_id":"cd-fc9b277-3601-4340-896b-c016a761989e","name":"予約確認 Voice Campaign182 | Trial","description":"予約の前日に確認メッセージを送ります。","priority":"5","dialingMode":"Progressive","status":"Active","createdAt":"2026-11-18T12:48:26.117Z","updatedAt":"2026-11-25T23:32:32.200Z","schedule":{"isSchedulingEnabled":false},"campaignInstanceId":"cid-a8e648d-bf71-407b-93c1-3326ba3be0a9","campaignInstanceUpdatedAt":"2026-11-25T23:44:59.000Z","connection":"Tier 2","contactLists":["Flood area | postcode 01*","Clientes – península | islas"]}', '18dbd10e7e8a8306b3c9447fe5519248', '2026-11-26 02:30:48.595681+00', '2026-11-26 02:30:48.595681+00', '2026-11-26 02:30:48.595681+00', '2026-11-26 02:30:48.595681+00', '20261126T023048Z-ac1093', NULL, NULL, NULL, '["Clientes – península | islas","Flood area | postcode 01*"]');
INSERT INTO public.contact_lists VALUES (541680265999447477, '73bf7939ac50b4f6d9c78045', 'CL Only 2020 Dec 4', '2026-11-26 02:30:48.592016+00');
INSERT INTO public.contact_lists VALUES (834909710257820863, '73bf7939ac50b4f6d9c78045', 'Quoted "priority" list', '2026-11-26 02:30:48.592016+00');
INSERT INTO public.contact_lists VALUES (1042319312367753930, '73bf7939ac50b4f6d9c78045', 'Gold members | EU', '2026-11-26 02:30:48.592016+00');
INSERT INTO public.contact_lists VALUES (2113355434760400956, '73bf7939ac50b4f6d9c78045', 'Branch 0042 ', '2026-11-26 02:30:48.592016+00');
INSERT INTO public.contact_lists VALUES (3773404100637902155, '73bf7939ac50b4f6d9c78045', 'O''Neill & Sons', '2026-11-26 02:30:48.592016+00');
INSERT INTO public.contact_lists VALUES (4877973185655945366, '73bf7939ac50b4f6d9c78045', 'Überfällig 30+', '2026-11-26 02:30:48.592016+00');
INSERT INTO public.contact_lists VALUES (5316791225746117191, '73bf7939ac50b4f6d9c78045', 'Paper bill -> e-bill', '2026-11-26 02:30:48.592016+00');
INSERT INTO public.contact_lists VALUES (7792041536263004573, '73bf7939ac50b4f6d9c78045', 'Walk-ins, Store #12', '2026-11-26 02:30:48.592016+00');
INSERT INTO public.contact_lists VALUES (8167421388642466335, '73bf7939ac50b4f6d9c78045', 'VIP 👑', '2026-11-26 02:30:48.592016+00');
INSERT INTO public.contact_lists VALUES (1105523369864532036, '73bf7939ac50b4f6d9c78045', 'Clientes – península | islas', '2026-11-26 02:30:48.595681+00');
INSERT INTO public.contact_lists VALUES (1798397485011635591, '73bf7939ac50b4f6d9c78045', 'Flood area | postcode 01*', '2026-11-26 02:30:48.595681+00');
INSERT INTO public.contact_lists VALUES (2913393973986199316, '73bf7939ac50b4f6d9c78045', 'Opt-ins 2024/10', '2026-11-26 02:30:48.595681+00');
INSERT INTO public.contact_lists VALUES (7553853219464409267, '73bf7939ac50b4f6d9c78045', 'Survey panel A|B|C', '2026-11-26 02:30:48.595681+00');
INSERT INTO public.contact_lists VALUES (9153105530632148314, '73bf7939ac50b4f6d9c78045', 'Étudiants', '2026-11-26 02:30:48.595681+00');
INSERT INTO public.kore_etl_version VALUES ('0002');
INSERT INTO public.source_profiles VALUES ('73bf7939ac50b4f6d9c78045', 'st-c61667e6-529a-5966-aadb-d25076876dd2', 'sms', 'createdAt', NULL, NULL, true, 4, NULL, NULL, 0, true, NULL, 0, true, '2026-11-26 02:30:48.6423+00');
INSERT INTO public.source_profiles VALUES ('73bf7939ac50b4f6d9c78045', 'st-c61667e6-529a-5966-aadb-d25076876dd2', 'voice', 'createdAt', NULL, NULL, true, 4, NULL, NULL, 0, true, NULL, 0, true, '2026-11-26 02:30:48.649757+00');
INSERT INTO public.sync_leases VALUES ('73bf7939ac50b4f6d9c78045', 'host=elsewhere pid=4711 start=1 boot=00000000-0000-0000-0000-000000000000 pidns=1', 1, '2026-11-26 02:30:48.656525+00');
INSERT INTO public.sync_runs VALUES ('20261126T023048Z-ac1093', 'sync', 'complete', 0, '2026-11-26 02:30:48.548517+00', '2026-11-26 02:30:48.65743+00', '0.1.0', '{"windows": 4, "proven": 2, "open": 2, "unproven": 0, "failed": 0, "source_total": 8, "seen": 8, "inserted": 8, "updated": 0, "unchanged": 0, "missing": 0, "deleted": 0, "revived": 0, "links_added": 17, "links_removed": 0, "rejected": 0, "requests": 10, "retries": 0, "throttled_seconds": 0}', 'host=elsewhere pid=4711 start=1 boot=00000000-0000-0000-0000-000000000000 pidns=1');
INSERT INTO public.sync_windows VALUES ('20261126T023048Z-ac1093', 1, 1, '73bf7939ac50b4f6d9c78045', 'st-c61667e6-529a-5966-aadb-d25076876dd2', 'sms', '2000-01-01 00:00:00+00', '2026-11-26 02:20:48.548+00', 'proven', 'L1', NULL, 'first read', NULL, 4, 4, 0, 0, 4, 0, 0, 0, 0, 11, 0, 3, 0, 0, 1, '2026-11-26 02:30:48.582994+00', '2026-11-26 02:30:48.592016+00', NULL);
INSERT INTO public.sync_windows VALUES ('20261126T023048Z-ac1093', 2, 1, '73bf7939ac50b4f6d9c78045', 'st-c61667e6-529a-5966-aadb-d25076876dd2', 'voice', '2000-01-01 00:00:00+00', '2026-11-26 02:20:48.548+00', 'proven', 'L1', NULL, 'first read', NULL, 4, 4, 0, 0, 4, 0, 0, 0, 0, 6, 0, 3, 0, 0, 1, '2026-11-26 02:30:48.583408+00', '2026-11-26 02:30:48.595681+00', NULL);
INSERT INTO public.sync_windows VALUES ('20261126T023048Z-ac1093', 3, 1, '73bf7939ac50b4f6d9c78045', 'st-c61667e6-529a-5966-aadb-d25076876dd2', 'sms', '2026-11-26 02:20:48.548+00', '2026-11-26 02:30:48.548+00', 'open', 'L2', NULL, 'open tail', NULL, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1, '2026-11-26 02:30:48.596078+00', '2026-11-26 02:30:48.601237+00', NULL);
INSERT INTO public.sync_windows VALUES ('20261126T023048Z-ac1093', 4, 1, '73bf7939ac50b4f6d9c78045', 'st-c61667e6-529a-5966-aadb-d25076876dd2', 'voice', '2026-11-26 02:20:48.548+00', '2026-11-26 02:30:48.548+00', 'open', 'L2', NULL, 'open tail', NULL, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1, '2026-11-26 02:30:48.596206+00', '2026-11-26 02:30:48.601297+00', NULL);
ALTER TABLE ONLY public.campaign_contact_list_history
    ADD CONSTRAINT campaign_contact_list_history_pkey PRIMARY KEY (campaign_id, contact_list_id, valid_from);
ALTER TABLE ONLY public.campaign_contact_lists
    ADD CONSTRAINT campaign_contact_lists_pkey PRIMARY KEY (campaign_id, contact_list_id);
ALTER TABLE ONLY public.campaign_counter_history
    ADD CONSTRAINT campaign_counter_history_pkey PRIMARY KEY (campaign_id, observed_at);
ALTER TABLE ONLY public.campaign_history
    ADD CONSTRAINT campaign_history_pkey PRIMARY KEY (campaign_id, valid_from);
ALTER TABLE ONLY public.campaigns
    ADD CONSTRAINT campaigns_pkey PRIMARY KEY (campaign_id);
ALTER TABLE ONLY public.contact_lists
    ADD CONSTRAINT contact_lists_pkey PRIMARY KEY (contact_list_id);
ALTER TABLE ONLY public.kore_etl_version
    ADD CONSTRAINT kore_etl_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY public.rejected_records
    ADD CONSTRAINT rejected_records_pkey PRIMARY KEY (rejected_id);
ALTER TABLE ONLY public.source_profiles
    ADD CONSTRAINT source_profiles_pkey PRIMARY KEY (account_id, app_id, channel);
ALTER TABLE ONLY public.sync_leases
    ADD CONSTRAINT sync_leases_pkey PRIMARY KEY (account_id);
ALTER TABLE ONLY public.sync_runs
    ADD CONSTRAINT sync_runs_pkey PRIMARY KEY (run_id);
ALTER TABLE ONLY public.sync_windows
    ADD CONSTRAINT sync_windows_pkey PRIMARY KEY (run_id, window_no);
CREATE INDEX campaign_contact_list_history_by_account ON public.campaign_contact_list_history USING btree (account_id, valid_from);
CREATE INDEX campaign_contact_list_history_by_start ON public.campaign_contact_list_history USING btree (valid_from);
CREATE INDEX campaign_contact_lists_by_list ON public.campaign_contact_lists USING btree (contact_list_id, campaign_id, valid_from);
CREATE INDEX campaign_contact_lists_by_start ON public.campaign_contact_lists USING btree (valid_from);
CREATE INDEX campaign_counter_history_by_account ON public.campaign_counter_history USING btree (account_id, day);
CREATE INDEX campaign_counter_history_by_day ON public.campaign_counter_history USING btree (day);
CREATE INDEX campaign_counter_history_by_end ON public.campaign_counter_history USING btree (superseded_at, campaign_id);
CREATE INDEX campaign_counter_history_by_reading ON public.campaign_counter_history USING btree (observed_at);
CREATE INDEX campaign_history_by_account ON public.campaign_history USING btree (account_id, valid_from);
CREATE INDEX campaign_history_by_start ON public.campaign_history USING btree (valid_from);
CREATE INDEX campaigns_by_creation ON public.campaigns USING btree (account_id, app_id, channel, created_at, deleted_at);
CREATE INDEX campaigns_by_date ON public.campaigns USING btree (created_at);
CREATE INDEX campaigns_by_reading ON public.campaigns USING btree (counted_at);
CREATE INDEX campaigns_by_version ON public.campaigns USING btree (valid_from);
CREATE INDEX campaigns_deleted ON public.campaigns USING btree (campaign_id, deleted_at) WHERE (deleted_at IS NOT NULL);
CREATE INDEX contact_lists_by_account ON public.contact_lists USING btree (account_id);
CREATE INDEX rejected_records_by_scope ON public.rejected_records USING btree (account_id, app_id, channel);
CREATE INDEX sync_runs_by_start ON public.sync_runs USING btree (started_at);
CREATE INDEX sync_windows_by_scope ON public.sync_windows USING btree (account_id, app_id, channel, epoch, window_no);
CREATE OR REPLACE VIEW public.campaign_daily_messages AS
 SELECT c.campaign_id,
    h.account_id,
    c.app_id,
    c.channel,
    c.name,
    h.day,
    (LEAST(COALESCE(sum(h.next_messages), (0)::numeric), ('9223372036854775807'::bigint)::numeric))::bigint AS messages,
    count(*) AS readings,
    sum(
        CASE
            WHEN h.next_is_reset THEN 1
            ELSE 0
        END) AS resets
   FROM (public.campaign_counter_history h
     JOIN public.campaigns c ON (((c.campaign_id = h.campaign_id) AND (c.account_id = h.account_id))))
  WHERE (h.next_messages IS NOT NULL)
  GROUP BY c.campaign_id, h.day, h.account_id, c.app_id, c.channel;
CREATE OR REPLACE VIEW public.contact_list_usage AS
 SELECT l.contact_list_id,
    l.account_id,
    l.name,
    count(c.campaign_id) AS campaigns,
    count(
        CASE
            WHEN (c.status = 'Active'::text) THEN 1
            ELSE NULL::integer
        END) AS active_campaigns,
    (LEAST(COALESCE(sum(c.total_messages_sent), (0)::numeric), ('9223372036854775807'::bigint)::numeric))::bigint AS messages_sent,
    max(c.created_at) AS last_campaign_created_at,
    l.first_seen_at
   FROM ((public.contact_lists l
     LEFT JOIN public.campaign_contact_lists k ON ((k.contact_list_id = l.contact_list_id)))
     LEFT JOIN public.campaigns c ON (((c.campaign_id = k.campaign_id) AND (c.account_id = l.account_id) AND (c.deleted_at IS NULL))))
  GROUP BY l.contact_list_id, l.account_id;
