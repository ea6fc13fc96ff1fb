BEGIN TRANSACTION;
CREATE TABLE campaign_contact_list_history (
	campaign_id TEXT NOT NULL, 
	contact_list_id BIGINT NOT NULL, 
	valid_from TEXT NOT NULL, 
	valid_to TEXT NOT NULL, 
	run_id TEXT NOT NULL, 
	account_id TEXT, 
	PRIMARY KEY (campaign_id, contact_list_id, valid_from)
);
CREATE TABLE campaign_contact_lists (
	campaign_id TEXT NOT NULL, 
	contact_list_id BIGINT NOT NULL, 
	valid_from TEXT NOT NULL, 
	PRIMARY KEY (campaign_id, contact_list_id)
);
INSERT INTO "campaign_contact_lists" VALUES('cd-375feda8-b10f-55b9-bea1-5ef95fcafa97',2113355434760400956,'2026-11-26T02:30:48.401372Z');
INSERT INTO "campaign_contact_lists" VALUES('cd-375feda8-b10f-55b9-bea1-5ef95fcafa97',7792041536263004573,'2026-11-26T02:30:48.401372Z');
INSERT INTO "campaign_contact_lists" VALUES('cd-82e9010c-2695-5f85-a314-74fc14b05a98',3773404100637902155,'2026-11-26T02:30:48.401372Z');
INSERT INTO "campaign_contact_lists" VALUES('cd-82e9010c-2695-5f85-a314-74fc14b05a98',4877973185655945366,'2026-11-26T02:30:48.401372Z');
INSERT INTO "campaign_contact_lists" VALUES('cd-82e9010c-2695-5f85-a314-74fc14b05a98',5316791225746117191,'2026-11-26T02:30:48.401372Z');
INSERT INTO "campaign_contact_lists" VALUES('cd-82e9010c-2695-5f85-a314-74fc14b05a98',8167421388642466335,'2026-11-26T02:30:48.401372Z');
INSERT INTO "campaign_contact_lists" VALUES('cd-8f72652f-bccd-5142-9ac0-1946daca155b',1042319312367753930,'2026-11-26T02:30:48.401372Z');
INSERT INTO "campaign_contact_lists" VALUES('cd-8f72652f-bccd-5142-9ac0-1946daca155b',5316791225746117191,'2026-11-26T02:30:48.401372Z');
INSERT INTO "campaign_contact_lists" VALUES('cd-ddebbf92-0b1a-50b0-aad8-7fc65cfcb858',541680265999447477,'2026-11-26T02:30:48.401372Z');
INSERT INTO "campaign_contact_lists" VALUES('cd-ddebbf92-0b1a-50b0-aad8-7fc65cfcb858',834909710257820863,'2026-11-26T02:30:48.401372Z');
INSERT INTO "campaign_contact_lists" VALUES('cd-ddebbf92-0b1a-50b0-aad8-7fc65cfcb858',4877973185655945366,'2026-11-26T02:30:48.401372Z');
INSERT INTO "campaign_contact_lists" VALUES('cd-561e892-62c8-4a9f-9bea-2f2601f23038',2913393973986199316,'2026-11-26T02:30:48.401657Z');
INSERT INTO "campaign_contact_lists" VALUES('cd-561e892-62c8-4a9f-9bea-2f2601f23038',7553853219464409267,'2026-11-26T02:30:48.401657Z');
INSERT INTO "campaign_contact_lists" VALUES('cd-72ddd62-1df9-40e1-b421-be30170ca890',7792041536263004573,'2026-11-26T02:30:48.401657Z');
INSERT INTO "campaign_contact_lists" VALUES('cd-a56556e-0faa-4c43-b845-b07ba0bd094d',9153105530632148314,'2026-11-26T02:30:48.401657Z');
INSERT INTO "campaign_contact_lists" VALUES('cd-fc9b277-3601-4340-896b-c016a761989e',1105523369864532036,'2026-11-26T02:30:48.401657Z');
INSERT INTO "campaign_contact_lists" VALUES('cd-fc9b277-3601-4340-896b-c016a761989e',1798397485011635591,'2026-11-26T02:30:48.401657Z');
CREATE TABLE campaign_counter_history (
	campaign_id TEXT NOT NULL, 
	observed_at TEXT NOT NULL, 
	total_messages_sent BIGINT, 
	campaign_instance_id TEXT, 
	run_id TEXT NOT NULL, 
	superseded_at TEXT, 
	day DATE, 
	next_messages BIGINT, 
	next_is_reset BOOLEAN, 
	account_id TEXT, 
	PRIMARY KEY (campaign_id, observed_at)
);
CREATE TABLE campaign_history (
	campaign_id TEXT NOT NULL, 
	valid_from TEXT NOT NULL, 
	valid_to TEXT NOT NULL, 
	account_id TEXT NOT NULL, 
	app_id TEXT NOT NULL, 
	channel TEXT NOT NULL, 
	name TEXT, 
	description TEXT, 
	status TEXT, 
	priority BIGINT, 
	format TEXT, 
	execution_type TEXT, 
	dialing_mode TEXT, 
	connection TEXT, 
	experience_flow_id TEXT, 
	message_text TEXT, 
	dnc_list_name TEXT, 
	campaign_instance_id TEXT, 
	is_scheduled BOOLEAN, 
	is_recurring BOOLEAN, 
	schedule TEXT, 
	created_at TEXT, 
	updated_at TEXT, 
	instance_updated_at TEXT, 
	run_id TEXT NOT NULL, 
	PRIMARY KEY (campaign_id, valid_from)
);
CREATE TABLE campaigns (
	campaign_id TEXT NOT NULL, 
	account_id TEXT NOT NULL, 
	app_id TEXT NOT NULL, 
	channel TEXT NOT NULL, 
	name TEXT, 
	description TEXT, 
	status TEXT, 
	priority BIGINT, 
	format TEXT, 
	execution_type TEXT, 
	dialing_mode TEXT, 
	connection TEXT, 
	experience_flow_id TEXT, 
	message_text TEXT, 
	dnc_list_name TEXT, 
	campaign_instance_id TEXT, 
	is_scheduled BOOLEAN, 
	is_recurring BOOLEAN, 
	schedule TEXT, 
	total_messages_sent BIGINT, 
	created_at TEXT, 
	updated_at TEXT, 
	instance_updated_at TEXT, 
	raw TEXT NOT NULL, 
	content_hash TEXT NOT NULL, 
	first_seen_at TEXT NOT NULL, 
	valid_from TEXT NOT NULL, 
	counted_at TEXT NOT NULL, 
	last_changed_at TEXT NOT NULL, 
	last_run_id TEXT NOT NULL, 
	missing_since TEXT, 
	deleted_at TEXT, 
	older_run_id TEXT, 
	contact_list_names TEXT, 
	PRIMARY KEY (campaign_id)
);
INSERT INTO "campaigns" VALUES('cd-375feda8-b10f-55b9-bea1-5ef95fcafa97','73bf7939ac50b4f6d9c78045','st-c61667e6-529a-5966-aadb-d25076876dd2','sms','Interactive Support SMS Campaign273','Customers can check order status, raise tickets, or get help—all in one conversation.','Stopped',5,'simple','NORMAL',NULL,NULL,NULL,'Reply YES to confirm, NO to cancel.',NULL,'cid-78e6d6d6-aacf-5a1e-9d6e-49ac8564bd75',0,0,'{"isSchedulingEnabled":false,"isRecurrenceEnabled":false}',932,'2025-08-29T04:38:08.004000Z','2025-08-31T06:51:44.195000Z','2025-08-31T07:04:08.827000Z','{"name":"Interactive Support SMS Campaign273","description":"Customers can check order status, raise tickets, or get help—all in one conversation.","status":"Stopped","priority":"5","message":{"message":"Reply YES to confirm, NO to cancel."},"createdAt":"2025-08-29T04:38:08.004Z","updatedAt":"2025-08-31T06:51:44.195Z","schedule":{"isSchedulingEnabled":false,"isRecurrenceEnabled":false},"id":"cd-375feda8-b10f-55b9-bea1-5ef95fcafa97","totalMessagesSent":932,"campaignInstanceId":"cid-78e6d6d6-aacf-5a1e-9d6e-49ac8564bd75","campaignInstanceUpdatedAt":"2025-08-31T07:04:08.827Z","campaignExecutionType":"NORMAL","contactLists":["Branch 0042 ","Walk-ins, Store #12"],"format":"simple"}','6ea0a3e4a04f48e74d6fcdd0ee788c4e','2026-11-26T02:30:48.401372Z','2026-11-26T02:30:48.401372Z','2026-11-26T02:30:48.401372Z','2026-11-26T02:30:48.401372Z','20261126T023048Z-0d36a3',NULL,NULL,NULL,'["Branch 0042 ","Walk-ins, Store #12"]');
INSERT INTO "campaigns" VALUES('cd-82e9010c-2695-5f85-a314-74fc14b05a98','73bf7939ac50b4f6d9c78045','st-c61667e6-529a-5966-aadb-d25076876dd2','sms','予約確認 SMS Campaign191','予約の前日に確認メッセージを送ります。','Completed',3,'advanced','NORMAL',NULL,NULL,'cf-bf0e6fd9-3da7-5e0b-9f4f-d34f267e2f9d',NULL,NULL,'cid-3f13173f-fbf0-5667-a5d2-78caf6308d4b',0,0,'{"isSchedulingEnabled":false,"isRecurrenceEnabled":false}',707,'2024-07-04T04:10:45.910000Z','2024-07-05T10:41:55.943000Z','2024-07-05T10:06:26.257000Z','{"name":"予約確認 SMS Campaign191","description":"予約の前日に確認メッセージを送ります。","status":"Completed","priority":"3","experienceFlow":"cf-bf0e6fd9-3da7-5e0b-9f4f-d34f267e2f9d","createdAt":"2024-07-04T04:10:45.910Z","updatedAt":"2024-07-05T10:41:55.943Z","schedule":{"isSchedulingEnabled":false,"isRecurrenceEnabled":false},"id":"cd-82e9010c-2695-5f85-a314-74fc14b05a98","totalMessagesSent":707,"campaignInstanceId":"cid-3f13173f-fbf0-5667-a5d2-78caf6308d4b","campaignInstanceUpdatedAt":"2024-07-05T10:06:26.257Z","campaignExecutionType":"NORMAL","contactLists":["VIP 👑","O''Neill & Sons","Überfällig 30+","Paper bill -> e-bill"],"format":"advanced"}','c44ed49cc28916b2de5418f8085c487c','2026-11-26T02:30:48.401372Z','2026-11-26T02:30:48.401372Z','2026-11-26T02:30:48.401372Z','2026-11-26T02:30:48.401372Z','20261126T023048Z-0d36a3',NULL,NULL,NULL,'["O''Neill & Sons","Paper bill -> e-bill","VIP 👑","Überfällig 30+"]');
INSERT INTO "campaigns" VALUES('cd-8f72652f-bccd-5142-9ac0-1946daca155b','73bf7939ac50b4f6d9c78045','st-c61667e6-529a-5966-aadb-d25076876dd2','sms','Event Reminder SMS Campaign389 | Trial','Sends a one-time message to remind users about an upcoming event. No template—just plain text.','Stopped',5,'simple','NORMAL',NULL,NULL,NULL,'Planned maintenance tonight 01:00–03:00. Sorry for the trouble!',NULL,'cid-ad7e8a85-4ee0-5746-a718-eae1ef09d848',1,NULL,'{"isSchedulingEnabled":true}',878,'2025-04-02T04:57:31.083000Z','2025-04-02T20:49:16.740000Z','2025-04-02T21:06:03.030000Z','{"name":"Event Reminder SMS Campaign389 | Trial","description":"Sends a one-time message to remind users about an upcoming event. No template—just plain text.","status":"Stopped","priority":"5","message":{"templateId":"cmt-65948352-f1fd-5444-bb24-05f0d7b8debd","message":"UGxhbm5lZCBtYWludGVuYW5jZSB0b25pZ2h0IDAxOjAw4oCTMDM6MDAuIFNvcnJ5IGZvciB0aGUgdHJvdWJsZSE%3D"},"createdAt":"2025-04-02T04:57:31.083Z","updatedAt":"2025-04-02T20:49:16.740Z","schedule":{"isSchedulingEnabled":true},"id":"cd-8f72652f-bccd-5142-9ac0-1946daca155b","totalMessagesSent":878,"campaignInstanceId":"cid-ad7e8a85-4ee0-5746-a718-eae1ef09d848","campaignInstanceUpdatedAt":"2025-04-02T21:06:03.030Z","campaignExecutionType":"NORMAL","contactLists":["Gold members | EU","Paper bill -> e-bill"],"format":"simple"}','5e10e8135fc8aca905f03baa7e6c13b2','2026-11-26T02:30:48.401372Z','2026-11-26T02:30:48.401372Z','2026-11-26T02:30:48.401372Z','2026-11-26T02:30:48.401372Z','20261126T023048Z-0d36a3',NULL,NULL,NULL,'["Gold members | EU","Paper bill -> e-bill"]');
INSERT INTO "campaigns" VALUES('cd-ddebbf92-0b1a-50b0-aad8-7fc65cfcb858','73bf7939ac50b4f6d9c78045','st-c61667e6-529a-5966-aadb-d25076876dd2','sms','Win-back Offer SMS Campaign341 – South','For customers who left within 12 months. Legal approved <b>v3</b>.','Completed',5,'simple','NORMAL',NULL,NULL,NULL,'Your parcel arrives today between 14:00 and 16:00. Change it: https://post.example/c?id=<Order>',NULL,'cid-ba950829-c64b-5b01-a5bc-1fcca6c5a582',0,0,'{"isSchedulingEnabled":false,"isRecurrenceEnabled":false}',963,'2024-06-21T02:38:31.121000Z','2024-06-22T11:58:57.277000Z','2024-06-22T12:06:39.119000Z','{"name":"Win-back Offer SMS Campaign341 – South","description":"For customers who left within 12 months. Legal approved <b>v3</b>.","status":"Completed","priority":"5","message":{"message":"WW91ciBwYXJjZWwgYXJyaXZlcyB0b2RheSBiZXR3ZWVuIDE0OjAwIGFuZCAxNjowMC4gQ2hhbmdlIGl0OiBodHRwczovL3Bvc3QuZXhhbXBsZS9jP2lkPTxPcmRlcj4%3D"},"createdAt":"2024-06-21T02:38:31.121Z","updatedAt":"2024-06-22T11:58:57.277Z","schedule":{"isSchedulingEnabled":false,"isRecurrenceEnabled":false},"id":"cd-ddebbf92-0b1a-50b0-aad8-7fc65cfcb858","totalMessagesSent":963,"campaignInstanceId":"cid-ba950829-c64b-5b01-a5bc-1fcca6c5a582","campaignInstanceUpdatedAt":"2024-06-22T12:06:39.119Z","campaignExecutionType":"NORMAL","contactLists":["CL Only 2020 Dec 4","Überfällig 30+","Quoted \"priority\" list"],"format":"simple"}','1b07ac33b973905e918edfc7fddc9bdf','2026-11-26T02:30:48.401372Z','2026-11-26T02:30:48.401372Z','2026-11-26T02:30:48.401372Z','2026-11-26T02:30:48.401372Z','20261126T023048Z-0d36a3',NULL,NULL,NULL,'["CL Only 2020 Dec 4","Quoted \"priority\" list","Überfällig 30+"]');
INSERT INTO "campaigns" VALUES('cd-561e892-62c8-4a9f-9bea-2f2601f23038','73bf7939ac50b4f6d9c78045','st-c61667e6-529a-5966-aadb-d25076876dd2','voice','Rückruf-Service Voice Campaign191','Bietet einen Rückruf am selben Tag an.','Completed',5,NULL,NULL,'Progressive','Default Queue',NULL,NULL,NULL,'cid-44eef3d-dc3c-4eb0-a6bf-76695adf68c4',0,0,'{"isSchedulingEnabled":false,"isRecurrenceEnabled":false}',NULL,'2025-08-28T10:17:18.000000Z','2025-08-31T00:49:36.302000Z','2025-08-31T00:23:22.535000Z','{"_id":"cd-561e892-62c8-4a9f-9bea-2f2601f23038","name":"Rückruf-Service Voice Campaign191","description":"Bietet einen Rückruf am selben Tag an.","priority":"5","dialingMode":"Progressive","status":"Completed","createdAt":"2025-08-28T10:17:18.000Z","updatedAt":"2025-08-31T00:49:36.302Z","schedule":{"isSchedulingEnabled":false,"isRecurrenceEnabled":false},"campaignInstanceId":"cid-44eef3d-dc3c-4eb0-a6bf-76695adf68c4","campaignInstanceUpdatedAt":"2025-08-31T00:23:22.535Z","connection":"Default Queue","contactLists":["Survey panel A|B|C","Opt-ins 2024/10"]}','53a6f708584230adda5c8ebcebe61790','2026-11-26T02:30:48.401657Z','2026-11-26T02:30:48.401657Z','2026-11-26T02:30:48.401657Z','2026-11-26T02:30:48.401657Z','20261126T023048Z-0d36a3',NULL,NULL,NULL,'["Opt-ins 2024/10","Survey panel A|B|C"]');
INSERT INTO "campaigns" VALUES('cd-72ddd62-1df9-40e1-b421-be30170ca890','73bf7939ac50b4f6d9c78045','st-c61667e6-529a-5966-aadb-d25076876dd2','voice','Campaña de vacunación Voice Campaign125','Recordatorio de la segunda dosis; incluye dirección y horario.','Ready',5,NULL,NULL,'Preview','Tier 2',NULL,NULL,NULL,NULL,0,NULL,'{"isSchedulingEnabled":false}',NULL,'2025-09-25T04:31:10.270000Z','2025-09-25T10:40:44.164000Z','2025-09-25T10:40:44.164000Z','{"_id":"cd-72ddd62-1df9-40e1-b421-be30170ca890","name":"Campaña de vacunación Voice Campaign125","description":"Recordatorio de la segunda dosis; incluye dirección y horario.","priority":"5","dialingMode":"Preview","status":"Ready","createdAt":"2025-09-25T04:31:10.270Z","updatedAt":"2025-09-25T10:40:44.164Z","schedule":{"isSchedulingEnabled":false},"campaignInstanceUpdatedAt":"2025-09-25T10:40:44.164Z","connection":"Tier 2","contactLists":["Walk-ins, Store #12"]}','62f0f472a4b72023e86fcb188d5df931','2026-11-26T02:30:48.401657Z','2026-11-26T02:30:48.401657Z','2026-11-26T02:30:48.401657Z','2026-11-26T02:30:48.401657Z','20261126T023048Z-0d36a3',NULL,NULL,NULL,'["Walk-ins, Store #12"]');
INSERT INTO "campaigns" VALUES('cd-a56556e-0faa-4c43-b845-b07ba0bd094d','73bf7939ac50b4f6d9c78045','st-c61667e6-529a-5966-aadb-d25076876dd2','voice','Appointment Confirmation Voice Campaign169 v2','Asks patients to confirm or move their appointment.','Stopped',4,NULL,NULL,'Progressive','Collections EN/FR',NULL,NULL,NULL,'cid-c383edd-5f27-4a85-b100-40f89763c89a',0,NULL,'{"isSchedulingEnabled":false}',NULL,'2026-08-10T13:38:42.045000Z','2026-08-11T05:50:20.330000Z','2026-08-11T06:04:03.353000Z','{"_id":"cd-a56556e-0faa-4c43-b845-b07ba0bd094d","name":"Appointment Confirmation Voice Campaign169 v2","description":"Asks patients to confirm or move their appointment.","priority":"4","dialingMode":"Progressive","status":"Stopped","createdAt":"2026-08-10T13:38:42.045Z","updatedAt":"2026-08-11T05:50:20.330Z","schedule":{"isSchedulingEnabled":false},"campaignInstanceId":"cid-c383edd-5f27-4a85-b100-40f89763c89a","campaignInstanceUpdatedAt":"2026-08-11T06:04:03.353Z","connection":"Collections EN/FR","contactLists":["Étudiants"]}','161e653c0ed013b790e3d5750c94667d','2026-11-26T02:30:48.401657Z','2026-11-26T02:30:48.401657Z','2026-11-26T02:30:48.401657Z','2026-11-26T02:30:48.401657Z','20261126T023048Z-0d36a3',NULL,NULL,NULL,'["Étudiants"]');
INSERT INTO "campaigns" VALUES('cd-fc9b277-3601-4340-896b-c016a761989e','73bf7939ac50b4f6d9c78045','st-c61667e6-529a-5966-aadb-d25076876dd2','voice','予約確認 Voice Campaign182 | Trial','予約の前日に確認メッセージを送ります。','Active',5,NULL,NULL,'Progressive','Tier 2',NULL,NULL,NULL,'cid-a8e648d-bf71-407b-93c1-3326ba3be0a9',0,NULL,'{"isSchedulingEnabled":false}',NULL,'2026-11-18T12:48:26.117000Z','2026-11-25T23:32:32.200000Z','2026-11-25T23:44:59.000000Z','{"_id":"cd-fc9b277-3601-4340-896b-c016a761989e","name":"予約確認 Voice Campaign182 | Trial","description":"予約の前日に確認メッセージを送ります。","priority":"5","dialingMode":"Progressive","status":"Active","createdAt":"2026-11-18T12:48:26.117Z","updatedAt":"2026-11-25T23:32:32.200Z","schedule":{"isSchedulingEnabled":false},"campaignInstanceId":"cid-a8e648d-bf71-407b-93c1-3326ba3be0a9","campaignInstanceUpdatedAt":"2026-11-25T23:44:59.000Z","connection":"Tier 2","contactLists":["Flood area | postcode 01*","Clientes – península | islas"]}','18dbd10e7e8a8306b3c9447fe5519248','2026-11-26T02:30:48.401657Z','2026-11-26T02:30:48.401657Z','2026-11-26T02:30:48.401657Z','2026-11-26T02:30:48.401657Z','20261126T023048Z-0d36a3',NULL,NULL,NULL,'["Clientes – península | islas","Flood area | postcode 01*"]');
CREATE TABLE contact_lists (
	contact_list_id BIGINT NOT NULL, 
	account_id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	first_seen_at TEXT NOT NULL, 
	PRIMARY KEY (contact_list_id)
);
INSERT INTO "contact_lists" VALUES(541680265999447477,'73bf7939ac50b4f6d9c78045','CL Only 2020 Dec 4','2026-11-26T02:30:48.401372Z');
INSERT INTO "contact_lists" VALUES(834909710257820863,'73bf7939ac50b4f6d9c78045','Quoted "priority" list','2026-11-26T02:30:48.401372Z');
INSERT INTO "contact_lists" VALUES(1042319312367753930,'73bf7939ac50b4f6d9c78045','Gold members | EU','2026-11-26T02:30:48.401372Z');
INSERT INTO "contact_lists" VALUES(2113355434760400956,'73bf7939ac50b4f6d9c78045','Branch 0042 ','2026-11-26T02:30:48.401372Z');
INSERT INTO "contact_lists" VALUES(3773404100637902155,'73bf7939ac50b4f6d9c78045','O''Neill & Sons','2026-11-26T02:30:48.401372Z');
INSERT INTO "contact_lists" VALUES(4877973185655945366,'73bf7939ac50b4f6d9c78045','Überfällig 30+','2026-11-26T02:30:48.401372Z');
INSERT INTO "contact_lists" VALUES(5316791225746117191,'73bf7939ac50b4f6d9c78045','Paper bill -> e-bill','2026-11-26T02:30:48.401372Z');
INSERT INTO "contact_lists" VALUES(7792041536263004573,'73bf7939ac50b4f6d9c78045','Walk-ins, Store #12','2026-11-26T02:30:48.401372Z');
INSERT INTO "contact_lists" VALUES(8167421388642466335,'73bf7939ac50b4f6d9c78045','VIP 👑','2026-11-26T02:30:48.401372Z');
INSERT INTO "contact_lists" VALUES(1105523369864532036,'73bf7939ac50b4f6d9c78045','Clientes – península | islas','2026-11-26T02:30:48.401657Z');
INSERT INTO "contact_lists" VALUES(1798397485011635591,'73bf7939ac50b4f6d9c78045','Flood area | postcode 01*','2026-11-26T02:30:48.401657Z');
INSERT INTO "contact_lists" VALUES(2913393973986199316,'73bf7939ac50b4f6d9c78045','Opt-ins 2024/10','2026-11-26T02:30:48.401657Z');
INSERT INTO "contact_lists" VALUES(7553853219464409267,'73bf7939ac50b4f6d9c78045','Survey panel A|B|C','2026-11-26T02:30:48.401657Z');
INSERT INTO "contact_lists" VALUES(9153105530632148314,'73bf7939ac50b4f6d9c78045','Étudiants','2026-11-26T02:30:48.401657Z');
CREATE TABLE kore_etl_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT kore_etl_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "kore_etl_version" VALUES('0002');
CREATE TABLE rejected_records (
	rejected_id BIGINT NOT NULL, 
	run_id TEXT NOT NULL, 
	account_id TEXT NOT NULL, 
	app_id TEXT NOT NULL, 
	channel TEXT NOT NULL, 
	campaign_id TEXT, 
	reason TEXT NOT NULL, 
	detail TEXT, 
	occurrences BIGINT NOT NULL, 
	raw TEXT NOT NULL, 
	window_start TEXT NOT NULL, 
	window_end TEXT, 
	record_created_at TEXT, 
	first_seen_at TEXT NOT NULL, 
	last_seen_at TEXT NOT NULL, 
	gone_at TEXT, 
	acknowledged_at TEXT, 
	PRIMARY KEY (rejected_id)
);
CREATE TABLE source_profiles (
	account_id TEXT NOT NULL, 
	app_id TEXT NOT NULL, 
	channel TEXT NOT NULL, 
	filtered_date TEXT, 
	start_inclusive BOOLEAN, 
	end_inclusive BOOLEAN, 
	order_kept BOOLEAN, 
	largest_page BIGINT, 
	limit_echoed BOOLEAN, 
	offset_by TEXT, 
	clock_skew_seconds FLOAT, 
	undated_works BOOLEAN, 
	status_filter_works BOOLEAN, 
	census_difference BIGINT NOT NULL, 
	census_explained BOOLEAN NOT NULL, 
	observed_at TEXT NOT NULL, 
	PRIMARY KEY (account_id, app_id, channel)
);
INSERT INTO "source_profiles" VALUES('73bf7939ac50b4f6d9c78045','st-c61667e6-529a-5966-aadb-d25076876dd2','sms','createdAt',NULL,NULL,1,4,NULL,NULL,0.0,1,NULL,0,1,'2026-11-26T02:30:48.439649Z');
INSERT INTO "source_profiles" VALUES('73bf7939ac50b4f6d9c78045','st-c61667e6-529a-5966-aadb-d25076876dd2','voice','createdAt',NULL,NULL,1,4,NULL,NULL,0.0,1,NULL,0,1,'2026-11-26T02:30:48.444494Z');
CREATE TABLE sync_leases (
	account_id TEXT NOT NULL, 
	holder TEXT NOT NULL, 
	epoch BIGINT NOT NULL, 
	expires_at TEXT NOT NULL, 
	PRIMARY KEY (account_id)
);
INSERT INTO "sync_leases" VALUES('73bf7939ac50b4f6d9c78045','host=elsewhere pid=4711 start=1 boot=00000000-0000-0000-0000-000000000000 pidns=1',1,'2026-11-26T02:30:48.448000Z');
CREATE TABLE sync_runs (
	run_id TEXT NOT NULL, 
	verb TEXT NOT NULL, 
	verdict TEXT NOT NULL, 
	exit_code INTEGER, 
	started_at TEXT NOT NULL, 
	finished_at TEXT, 
	version TEXT NOT NULL, 
	totals TEXT, 
	holder TEXT, 
	PRIMARY KEY (run_id)
);
INSERT INTO "sync_runs" VALUES('20261126T023048Z-0d36a3','sync','complete',0,'2026-11-26T02:30:48.289811Z','2026-11-26T02:30:48.449878Z','0.1.0','{"windows": 4, "proven": 2, "open": 2, "unproven": 0, "failed": 0, "source_total": 8, "seen": 8, "inserted": 8, "updated": 0, "unchanged": 0, "missing": 0, "deleted": 0, "revived": 0, "links_added": 17, "links_removed": 0, "rejected": 0, "requests": 10, "retries": 0, "throttled_seconds": 0}','host=elsewhere pid=4711 start=1 boot=00000000-0000-0000-0000-000000000000 pidns=1');
CREATE TABLE sync_windows (
	run_id TEXT NOT NULL, 
	window_no INTEGER NOT NULL, 
	epoch BIGINT NOT NULL, 
	account_id TEXT NOT NULL, 
	app_id TEXT NOT NULL, 
	channel TEXT NOT NULL, 
	window_start TEXT NOT NULL, 
	window_end TEXT NOT NULL, 
	state TEXT NOT NULL, 
	proof TEXT, 
	why TEXT, 
	reason TEXT NOT NULL, 
	keep TEXT, 
	source_total BIGINT, 
	seen BIGINT NOT NULL, 
	beyond BIGINT NOT NULL, 
	rejected BIGINT NOT NULL, 
	inserted BIGINT NOT NULL, 
	updated BIGINT NOT NULL, 
	unchanged BIGINT NOT NULL, 
	revived BIGINT NOT NULL, 
	older BIGINT NOT NULL, 
	links_added BIGINT NOT NULL, 
	links_removed BIGINT NOT NULL, 
	requests BIGINT NOT NULL, 
	retries BIGINT NOT NULL, 
	throttled_seconds FLOAT NOT NULL, 
	attempts BIGINT NOT NULL, 
	started_at TEXT NOT NULL, 
	finished_at TEXT NOT NULL, 
	error TEXT, 
	PRIMARY KEY (run_id, window_no)
);
INSERT INTO "sync_windows" VALUES('20261126T023048Z-0d36a3',1,1,'73bf7939ac50b4f6d9c78045','st-c61667e6-529a-5966-aadb-d25076876dd2','sms','2000-01-01T00:00:00.000000Z','2026-11-26T02:20:48.289000Z','proven','L1',NULL,'first read',NULL,4,4,0,0,4,0,0,0,0,11,0,3,0,0.0,1,'2026-11-26T02:30:48.385026Z','2026-11-26T02:30:48.401372Z',NULL);
INSERT INTO "sync_windows" VALUES('20261126T023048Z-0d36a3',2,1,'73bf7939ac50b4f6d9c78045','st-c61667e6-529a-5966-aadb-d25076876dd2','voice','2000-01-01T00:00:00.000000Z','2026-11-26T02:20:48.289000Z','proven','L1',NULL,'first read',NULL,4,4,0,0,4,0,0,0,0,6,0,3,0,0.0,1,'2026-11-26T02:30:48.385492Z','2026-11-26T02:30:48.401657Z',NULL);
INSERT INTO "sync_windows" VALUES('20261126T023048Z-0d36a3',3,1,'73bf7939ac50b4f6d9c78045','st-c61667e6-529a-5966-aadb-d25076876dd2','sms','2026-11-26T02:20:48.289000Z','2026-11-26T02:30:48.289000Z','open','L2',NULL,'open tail',NULL,0,0,0,0,0,0,0,0,0,0,0,1,0,0.0,1,'2026-11-26T02:30:48.401847Z','2026-11-26T02:30:48.409306Z',NULL);
INSERT INTO "sync_windows" VALUES('20261126T023048Z-0d36a3',4,1,'73bf7939ac50b4f6d9c78045','st-c61667e6-529a-5966-aadb-d25076876dd2','voice','2026-11-26T02:20:48.289000Z','2026-11-26T02:30:48.289000Z','open','L2',NULL,'open tail',NULL,0,0,0,0,0,0,0,0,0,0,0,1,0,0.0,1,'2026-11-26T02:30:48.401958Z','2026-11-26T02:30:48.409395Z',NULL);
CREATE INDEX campaigns_by_reading ON campaigns (counted_at);
CREATE INDEX campaigns_deleted ON campaigns (campaign_id, deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX campaigns_by_version ON campaigns (valid_from);
CREATE INDEX campaigns_by_creation ON campaigns (account_id, app_id, channel, created_at, deleted_at);
CREATE INDEX campaigns_by_date ON campaigns (created_at);
CREATE INDEX contact_lists_by_account ON contact_lists (account_id);
CREATE INDEX campaign_contact_lists_by_list ON campaign_contact_lists (contact_list_id, campaign_id, valid_from);
CREATE INDEX campaign_contact_lists_by_start ON campaign_contact_lists (valid_from);
CREATE INDEX campaign_history_by_account ON campaign_history (account_id, valid_from);
CREATE INDEX campaign_history_by_start ON campaign_history (valid_from);
CREATE INDEX campaign_contact_list_history_by_start ON campaign_contact_list_history (valid_from);
CREATE INDEX campaign_contact_list_history_by_account ON campaign_contact_list_history (account_id, valid_from);
CREATE INDEX campaign_counter_history_by_day ON campaign_counter_history (day);
CREATE INDEX campaign_counter_history_by_reading ON campaign_counter_history (observed_at);
CREATE INDEX campaign_counter_history_by_account ON campaign_counter_history (account_id, day);
CREATE INDEX campaign_counter_history_by_end ON campaign_counter_history (superseded_at, campaign_id);
CREATE INDEX rejected_records_by_scope ON rejected_records (account_id, app_id, channel);
CREATE INDEX sync_runs_by_start ON sync_runs (started_at);
CREATE INDEX sync_windows_by_scope ON sync_windows (account_id, app_id, channel, epoch, window_no);
CREATE VIEW live_campaigns AS SELECT campaign_id, account_id, app_id, channel, name, description, status, priority, format, execution_type, dialing_mode, connection, experience_flow_id, message_text, dnc_list_name, campaign_instance_id, is_scheduled, is_recurring, schedule, total_messages_sent, created_at, updated_at, instance_updated_at, raw, content_hash, first_seen_at, valid_from, counted_at, last_changed_at, last_run_id, missing_since, deleted_at, contact_list_names FROM campaigns WHERE deleted_at IS NULL;
CREATE VIEW campaign_overview AS SELECT c.campaign_id, c.account_id, c.app_id, c.channel, c.name, c.status, c.priority, c.format,
    c.execution_type, c.dialing_mode, c.connection, c.dnc_list_name, c.campaign_instance_id, c.is_scheduled,
    c.is_recurring, c.total_messages_sent, c.created_at, c.updated_at, c.instance_updated_at,
    c.contact_list_names AS contact_lists, json_array_length(c.contact_list_names) AS contact_list_count,
    c.first_seen_at, c.last_changed_at, c.missing_since, c.deleted_at
FROM campaigns c;
CREATE VIEW campaign_versions AS SELECT campaign_id, valid_from, valid_to, account_id, app_id, channel, name, description, status, priority, format, execution_type, dialing_mode, connection, experience_flow_id, message_text, dnc_list_name, campaign_instance_id, is_scheduled, is_recurring, schedule, created_at, updated_at, instance_updated_at FROM campaign_history
UNION ALL SELECT campaign_id, valid_from, deleted_at, account_id, app_id, channel, name, description, status, priority, format, execution_type, dialing_mode, connection, experience_flow_id, message_text, dnc_list_name, campaign_instance_id, is_scheduled, is_recurring, schedule, created_at, updated_at, instance_updated_at FROM campaigns;
CREATE VIEW campaign_contact_list_versions AS SELECT h.campaign_id, h.contact_list_id, h.account_id, l.name, h.valid_from, h.valid_to
FROM campaign_contact_list_history h
JOIN contact_lists l ON l.contact_list_id = h.contact_list_id
UNION ALL SELECT k.campaign_id, k.contact_list_id, l.account_id, l.name, k.valid_from, c.deleted_at
FROM campaign_contact_lists k JOIN contact_lists l ON l.contact_list_id = k.contact_list_id
LEFT JOIN campaigns c ON c.campaign_id = k.campaign_id AND c.deleted_at IS NOT NULL;
CREATE VIEW campaign_counters AS SELECT h.campaign_id, h.account_id, c.app_id, c.channel, h.observed_at, h.superseded_at AS valid_to,
    h.total_messages_sent, h.campaign_instance_id, p.next_messages AS messages,
    coalesce(p.next_is_reset, FALSE) AS is_reset
FROM campaign_counter_history h JOIN campaigns c ON c.campaign_id = h.campaign_id
LEFT JOIN campaign_counter_history p ON p.campaign_id = h.campaign_id AND p.superseded_at = h.observed_at
WHERE h.total_messages_sent IS NOT NULL
UNION ALL SELECT c.campaign_id, c.account_id, c.app_id, c.channel, c.counted_at, NULL,
    c.total_messages_sent, c.campaign_instance_id, p.next_messages, coalesce(p.next_is_reset, FALSE)
FROM campaigns c
LEFT JOIN campaign_counter_history p ON p.campaign_id = c.campaign_id AND p.superseded_at = c.counted_at
WHERE c.total_messages_sent IS NOT NULL;
CREATE VIEW campaign_daily_messages AS SELECT c.campaign_id, h.account_id, c.app_id, c.channel, c.name, h.day,
    CAST(coalesce(sum(h.next_messages >> 31) * 2147483648 + sum(h.next_messages & 2147483647), 0) AS INTEGER) AS messages, count(*) AS readings,
    sum(CASE WHEN h.next_is_reset THEN 1 ELSE 0 END) AS resets
FROM campaign_counter_history h JOIN campaigns c ON c.campaign_id = h.campaign_id
WHERE h.next_messages IS NOT NULL
GROUP BY c.campaign_id, h.day, h.account_id, c.app_id, c.channel;
CREATE VIEW campaign_status_changes AS SELECT v.campaign_id, v.account_id, v.app_id, v.channel, v.name, v.valid_from AS changed_at,
    p.status AS old_status, v.status AS new_status
FROM (
    SELECT campaign_id, account_id, app_id, channel, name, status, valid_from FROM campaign_history
    UNION ALL SELECT campaign_id, account_id, app_id, channel, name, status, valid_from FROM campaigns
    WHERE valid_from > first_seen_at
) v JOIN campaign_history p ON p.campaign_id = v.campaign_id AND p.valid_from = (
    SELECT max(q.valid_from) FROM campaign_history q WHERE q.campaign_id = v.campaign_id AND q.valid_from < v.valid_from
)
WHERE p.status <> v.status OR (p.status IS NULL) <> (v.status IS NULL);
CREATE VIEW contact_list_usage AS SELECT l.contact_list_id, l.account_id, l.name, count(c.campaign_id) AS campaigns,
    count(CASE WHEN c.status = 'Active' THEN 1 END) AS active_campaigns, CAST(coalesce(sum(c.total_messages_sent >> 31) * 2147483648 + sum(c.total_messages_sent & 2147483647), 0) AS INTEGER) AS messages_sent,
    max(c.created_at) AS last_campaign_created_at, l.first_seen_at
FROM contact_lists l LEFT JOIN campaign_contact_lists k ON k.contact_list_id = l.contact_list_id
LEFT JOIN campaigns c ON c.campaign_id = k.campaign_id AND c.deleted_at IS NULL
GROUP BY l.contact_list_id, l.account_id;
CREATE VIEW sync_gaps AS WITH lines AS  (
    SELECT run_id, window_no, epoch, account_id, app_id, channel, window_start, window_end, reason, finished_at, last_run_id,
        CASE WHEN state = 'open' OR keep_then = keep_now THEN state ELSE 'superseded' END AS state
    FROM (
        SELECT run_id, window_no, epoch, account_id, app_id, channel, window_start, window_end, reason, finished_at, state,
            coalesce(keep, '') AS keep_then,
            last_value(coalesce(keep, '')) OVER all_lines AS keep_now, last_value(run_id) OVER all_lines AS last_run_id
        FROM sync_windows WINDOW all_lines AS (
            PARTITION BY account_id, app_id, channel ORDER BY epoch, window_no ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
        )
    ) k
), bounded AS  (
    SELECT account_id, app_id, channel, window_start, window_end, state, max(window_end) OVER whole AS high, coalesce(
        min(CASE WHEN reason <> 'backfill' THEN window_start END) OVER whole, min(window_start) OVER whole) AS low
    FROM lines WHERE (state = 'proven' OR (state <> 'open' AND reason NOT IN ('open tail', 'census', 'change feed', 'unfinished campaigns'))) WINDOW whole AS (PARTITION BY account_id, app_id, channel)
), covered AS  (
    SELECT account_id, app_id, channel, high,
        CASE WHEN state = 'proven' AND window_start > low THEN window_start ELSE low END AS s,
        CASE WHEN state = 'proven' AND window_end > low THEN window_end ELSE low END AS e
    FROM bounded
), reached AS  (
    SELECT account_id, app_id, channel, max(e) OVER upto AS gap_start, coalesce(lead(s) OVER ordered, high) AS gap_end FROM covered
    WINDOW upto AS (PARTITION BY account_id, app_id, channel ORDER BY s, e ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW),
           ordered AS (PARTITION BY account_id, app_id, channel ORDER BY s, e)
)
SELECT account_id, app_id, channel, gap_start, gap_end FROM reached WHERE gap_start < gap_end;
CREATE VIEW sync_freshness AS WITH lines AS  (
    SELECT run_id, window_no, epoch, account_id, app_id, channel, window_start, window_end, reason, finished_at, last_run_id,
        CASE WHEN state = 'open' OR keep_then = keep_now THEN state ELSE 'superseded' END AS state
    FROM (
        SELECT run_id, window_no, epoch, account_id, app_id, channel, window_start, window_end, reason, finished_at, state,
            coalesce(keep, '') AS keep_then,
            last_value(coalesce(keep, '')) OVER all_lines AS keep_now, last_value(run_id) OVER all_lines AS last_run_id
        FROM sync_windows WINDOW all_lines AS (
            PARTITION BY account_id, app_id, channel ORDER BY epoch, window_no ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
        )
    ) k
), covering AS  (
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
    WHERE u.state IN ('unproven', 'failed') AND u.reason NOT IN ('open tail', 'census', 'change feed', 'unfinished campaigns')
), pieces AS  (
    SELECT account_id, app_id, channel, gap_start, gap_end FROM (
        SELECT account_id, app_id, channel, max(e) OVER upto AS gap_start, coalesce(lead(s) OVER ordered, window_end) AS gap_end
        FROM covering
        WINDOW ordered AS (PARTITION BY account_id, app_id, channel, run_id, window_no ORDER BY s, e),
            upto AS (PARTITION BY account_id, app_id, channel, run_id, window_no ORDER BY s, e
                ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
    ) y WHERE gap_start < gap_end
), unproven AS  (
    SELECT account_id, app_id, channel, count(*) AS stretches FROM (
        SELECT account_id, app_id, channel, gap_start, max(gap_end) OVER (PARTITION BY account_id, app_id, channel ORDER BY gap_start, gap_end
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS reached FROM pieces
    ) z WHERE reached IS NULL OR gap_start > reached GROUP BY account_id, app_id, channel
), first_gap AS  (
    SELECT account_id, app_id, channel, min(gap_start) AS gap_start FROM sync_gaps GROUP BY account_id, app_id, channel
), read AS  (
    SELECT account_id, app_id, channel, max(last_run_id) AS last_run_id,
        min(CASE WHEN (state = 'proven' OR (state <> 'open' AND reason NOT IN ('open tail', 'census', 'change feed', 'unfinished campaigns'))) AND reason <> 'backfill' THEN window_start END) AS low,
        max(CASE WHEN state = 'proven' THEN window_end END) AS newest_proven_end,
        max(CASE WHEN state = 'proven' THEN finished_at END) AS last_proven_at
    FROM lines GROUP BY account_id, app_id, channel
), fresh AS  (
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
SELECT account_id, app_id, channel, proven_until, newest_proven_end, last_proven_at, last_run_id, last_run_verdict, last_run_finished_at,
    unproven_windows, live_rows, CAST(round((julianday('now') - julianday(proven_until)) * 86400) AS INTEGER) AS age_seconds
FROM fresh;
COMMIT;
