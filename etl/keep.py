"""Which campaigns of a read an account's `keep` stores. Pure.

Applied after the read, so that reads stay provable: what is counted and proven is everything the source has. Only a
value that a campaign has can leave it out: one without a priority, or an SMS campaign (they have no dialing mode, API
page), passes that list. What could not be read at all (`Rejected`) always passes.
"""

from __future__ import annotations

import json

from msgspec.structs import asdict, replace

from etl.model import Campaign, Keep, Rejected, Sweep

EVERYTHING = Keep()


def wants(keep: Keep, campaign: Campaign) -> bool:
    """Whether each list given names the campaign's value, or the campaign has none. Spelling counts, case included."""
    named = (
        (keep.status, campaign.status),
        (keep.priority, campaign.priority),
        (keep.dialing_mode, campaign.dialing_mode),
    )
    return all(not accepted or value is None or value in accepted for accepted, value in named)


def kept(keep: Keep, sweep: Sweep) -> Sweep:
    """The sweep without the campaigns that are left out: their ids are in `unwanted`. Its counts stay as they were."""
    if keep == EVERYTHING:
        return sweep
    unwanted = {one.campaign_id for one in sweep.records if isinstance(one, Campaign) and not wants(keep, one)}
    records = (one for one in sweep.records if isinstance(one, Rejected) or one.campaign_id not in unwanted)
    return replace(sweep, records=tuple(records), unwanted=frozenset(unwanted))


def text(keep: Keep) -> str | None:
    """The ledger's word for it, one for all spellings of the same filter: JSON, sorted; None where nothing is left
    out."""
    lists = {name: sorted(set(accepted)) for name, accepted in asdict(keep).items() if accepted}
    return json.dumps(lists, sort_keys=True) if lists else None
