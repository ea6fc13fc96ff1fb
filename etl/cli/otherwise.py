"""Which settings a refused account may want, and whether it answers with them: a remedy that was seen to work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from etl.cli.doctor import Step
    from etl.model import Scope
    from etl.settings import ResolvedAccount, Settings

SECOND_GENERATION = "/campaign/api/v2/public/{app_id}/campaign/getAllCampaignDetails"

OTHERWISE: tuple[tuple[str, Mapping[str, Mapping[str, object]]], ...] = (
    ("single_use_tokens = true under [auth]: the JWT app enforces JTI", {"auth": {"single_use_tokens": True}}),
    ("account_id_in_query = true under [api]", {"api": {"account_id_in_query": True}}),
    (
        f'path = "{SECOND_GENERATION}" and account_id_in_query = true under [api]',
        {"api": {"path": SECOND_GENERATION, "account_id_in_query": True}},
    ),
)
"""Words -> what they change, by section and key. Kore.ai's own pages disagree on all three (facts, 1 and 2.1)."""


def may_help(step: Step) -> bool:
    """Whether another setting may help: the host answers, and its words do not name a cause that no setting mends."""
    from etl.extract import answers, refusals

    settled = step.remedy.startswith((refusals.SCOPE, refusals.PLAIN))
    return (step.trouble == "refused" and not settled) or step.remedy == answers.ELSEWHERE


async def tried(settings: Settings, account: ResolvedAccount, scope: Scope) -> str | None:
    """The remedy that one of OTHERWISE turned out to be; None where none is. One or two requests each."""
    from etl import bootstrap, sources
    from etl.model import BEGINNING, Census, Profile, Reason, Window

    for words, changes in OTHERWISE:
        parts = {part: getattr(settings, part).model_copy(update=dict(values)) for part, values in changes.items()}
        changed = settings.model_copy(update=parts)
        if all(getattr(changed, part) == getattr(settings, part) for part in parts):
            continue
        async with sources.opened(changed, [account], lambda _: None) as opened:
            census = Window(scope, BEGINNING, bootstrap.utc_now(), Reason.CENSUS)
            read = await opened[account].read(census, Profile())
        if isinstance(read, Census):
            return f"Tried, and it answers with {words}."
    return None
