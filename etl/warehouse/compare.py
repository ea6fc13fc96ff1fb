"""What differs between a read of the source and the stored rows, column by column.

Hashes are not trusted here: a stored row may have been changed by hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from etl.model import Campaign, Difference, Scope
from etl.warehouse import absence, rows, same
from etl.warehouse.dialect import in_values
from etl.warehouse.schema import campaign_contact_lists, campaigns
from etl.warehouse.scoped import told


async def live_ids(connection: AsyncConnection, scope: Scope) -> set[str]:
    """Ids of a scope's rows that are neither deleted nor missing."""
    found = await connection.execute(
        select(campaigns.c.campaign_id).where(absence.LIVE, campaigns.c.missing_since.is_(None)), told(scope)
    )
    return {row[0] for row in found}


async def compare(
    connection: AsyncConnection, scope: Scope, read: Sequence[Campaign], withhold: rows.Withhold | None
) -> list[Difference]:
    """What differs between these records and their stored rows; rows of another app of the account are left out.

    A stored text that is not to be stored any more is no difference."""
    ids = [campaign.campaign_id for campaign in read]
    wanted = in_values(campaigns.c.campaign_id, ids, connection.dialect)
    found = await connection.execute(select(campaigns).where(wanted))
    stored = {row["campaign_id"]: rows.without_text(dict(row), withhold) for row in found.mappings()}
    links = await _links(connection, ids)
    differences = (
        _difference(scope, campaign, stored.get(campaign.campaign_id), links.get(campaign.campaign_id, set()))
        for campaign in read
    )
    return [difference for difference in differences if difference is not None]


async def _links(connection: AsyncConnection, ids: Sequence[str]) -> dict[str, set[int]]:
    link = campaign_contact_lists.c
    found: dict[str, set[int]] = {}
    wanted = in_values(link.campaign_id, ids, connection.dialect)
    for campaign_id, list_id in await connection.execute(select(link.campaign_id, link.contact_list_id).where(wanted)):
        found.setdefault(campaign_id, set()).add(list_id)
    return found


def _difference(
    scope: Scope, campaign: Campaign, stored: Mapping[str, Any] | None, links: Iterable[int]
) -> Difference | None:
    if stored is None:
        return Difference(scope, campaign.campaign_id, "not stored")
    if stored["account_id"] == scope.account_id and stored["app_id"] != scope.app_id:
        return None
    if stored["deleted_at"] is not None:
        return Difference(scope, campaign.campaign_id, "marked deleted")
    said = rows.content(campaign, scope)
    fields = [name for name, value in said.items() if not same.is_equal(name, stored[name], value)]
    if campaign.contact_lists is not None:
        wanted = {rows.contact_list_id(scope.account_id, name) for name in campaign.contact_lists}
        fields += ["contact_lists"] if wanted != set(links) else []
    return Difference(scope, campaign.campaign_id, "differs", tuple(fields)) if fields else None
