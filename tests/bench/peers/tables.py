"""The tables that the hand-made programs of the bench fill: the typed columns of our `campaigns`, and links.

No index but the primary keys. A contact list's id is a digest of its name, so that no program looks one up.
"""

from __future__ import annotations

from hashlib import blake2b

COLUMNS = (
    "campaign_id",
    "account_id",
    "app_id",
    "channel",
    "name",
    "description",
    "status",
    "priority",
    "format",
    "execution_type",
    "dialing_mode",
    "connection",
    "experience_flow_id",
    "message_text",
    "dnc_list_name",
    "campaign_instance_id",
    "is_scheduled",
    "is_recurring",
    "schedule",
    "total_messages_sent",
    "created_at",
    "updated_at",
    "instance_updated_at",
    "raw",
    "content_hash",
)
_TYPES = {
    "priority": "smallint",
    "total_messages_sent": "bigint",
    "is_scheduled": "boolean",
    "is_recurring": "boolean",
    "created_at": "timestamptz",
    "updated_at": "timestamptz",
    "instance_updated_at": "timestamptz",
    "content_hash": "bytea",
}

_KEYS = {
    "campaigns": "campaign_id",
    "contact_lists": "contact_list_id",
    "campaign_contact_lists": "campaign_id, contact_list_id",
}
_COLUMNS = ", ".join(f"{name} {_TYPES.get(name, 'text')}" for name in COLUMNS)
_CREATE = f"""
CREATE TABLE IF NOT EXISTS campaigns ({_COLUMNS}%(campaigns)s);
CREATE TABLE IF NOT EXISTS contact_lists (contact_list_id bigint, account_id text, name text%(contact_lists)s);
CREATE TABLE IF NOT EXISTS campaign_contact_lists
    (campaign_id text, contact_list_id bigint%(campaign_contact_lists)s)"""
CREATE = _CREATE % {table: f", PRIMARY KEY ({columns})" for table, columns in _KEYS.items()}
CREATE_BARE = _CREATE % dict.fromkeys(_KEYS, "")
"""Without the keys, which KEYS adds later: an index is built faster at once than row by row."""
KEYS = tuple(f"ALTER TABLE {table} ADD PRIMARY KEY ({columns})" for table, columns in _KEYS.items())
UPSERT = f"ON CONFLICT (campaign_id) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in COLUMNS[1:])}"


def list_id(account_id: str, name: str) -> int:
    digest = blake2b(f"{account_id}\0{name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1
