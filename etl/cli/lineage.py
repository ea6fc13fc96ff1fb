"""Whether OpenLineage is asked for, and what of the configuration its events speak of."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from etl import bootstrap, lineage
from etl.model import Scope
from etl.settings import ResolvedAccount, Settings
from etl.warehouse.schema import campaign_contact_lists, campaigns

ASKED = ("OPENLINEAGE_URL", "OPENLINEAGE_CONFIG", "OPENLINEAGE__TRANSPORT")
"""The beginnings of the variables by which the client is told where to send."""


def teller(settings: Settings, listings: Mapping[ResolvedAccount, Sequence[Scope]]) -> lineage.Teller | None:
    """Who tells this run; None where nobody asked for it."""
    url = settings.notify.openlineage_url
    if url is None and not any(value and name.startswith(ASKED) for name, value in os.environ.items()):
        return None
    http = None if url is None else {"transport": {"type": "http", "url": url.get_secret_value(), "timeout": 5}}
    return lineage.Teller(_ground(settings, listings), http)


def _ground(settings: Settings, listings: Mapping[ResolvedAccount, Sequence[Scope]]) -> lineage.Ground:
    address = bootstrap.address(settings)
    url, dialect = address.url, address.url.get_dialect()()
    if address.file is None:
        place, before = f"postgres://{url.host or 'localhost'}:{url.port or 5432}", f"{url.database}.{address.schema}."
    else:
        place, before = "file", f"{address.file.absolute()}/"

    def columns(table: Any) -> lineage.Columns:
        return [(one.name, one.type.compile(dialect), one.comment or "") for one in table.columns]

    return lineage.Ground(
        listings={scope: account.host for account, listed in listings.items() for scope in listed},
        warehouse=place,
        tables={table.name: (before + table.name, columns(table)) for table in (campaigns, campaign_contact_lists)},
        jobs=os.environ.get("OPENLINEAGE_NAMESPACE") or lineage.JOBS,
    )
