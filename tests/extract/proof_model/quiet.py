"""A list that nothing happens to, a server that keeps its promises, and a machine driven to its end."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

from etl.extract.proof import MAX_PAGES, Accepted, Ask, Machine, Refused, machine
from etl.model import Campaign, Channel, Page, PageRequest, Profile, Proof, Record

DAY = datetime(2026, 3, 1, tzinfo=UTC)
WINDOW = PageRequest(Channel.SMS, 1, start=DAY, end=DAY + timedelta(days=30))

Server = Callable[[PageRequest], Page]


def at(minute: int) -> datetime:
    return DAY + timedelta(minutes=minute)


def campaign(n: int, *, updated: int = 0, minute: int | None = None) -> Campaign:
    return Campaign(f"cd-{n:05}", "", "", created_at=at(n if minute is None else minute), updated_at=at(updated))


def rows(number: int) -> list[Campaign]:
    return [campaign(n) for n in range(number)]


def served(records: Iterable[Record], *, cap: int = 100, total: int | None = None) -> Server:
    """A quiet server that keeps its promises."""
    everything = sorted(records, key=lambda one: one.created_at or DAY)

    def page(request: PageRequest) -> Page:
        listed = [r for r in everything if r.created_at is None or not request.start or r.created_at >= request.start]
        limit = min(request.limit, cap)
        part = tuple(listed[request.skip : request.skip + limit])
        more = request.skip + len(part) < len(listed)
        return Page(part, len(listed) if total is None else total, more, limit, request.skip)

    return page


def run(sweep: Machine, server: Server) -> tuple[Accepted | Refused, list[tuple[PageRequest, ...]]]:
    """Drive a machine to its end; also every batch that it asked."""
    asked: list[tuple[PageRequest, ...]] = []
    while isinstance(step := sweep.step(), Ask):
        asked.append(step.requests)
        assert sum(len(batch) for batch in asked) <= MAX_PAGES + 1
        for request in step.requests:
            sweep.answer(request, server(request))
    return step, asked


def proven(
    proof: Proof, server: Server, *, page_size: int = 100, profile: Profile | None = None
) -> tuple[Accepted | Refused, list[tuple[PageRequest, ...]]]:
    return run(machine(proof, WINDOW, page_size=page_size, profile=profile or Profile()), server)


def shape(asked: list[tuple[PageRequest, ...]]) -> list[list[tuple[int, int]]]:
    return [[(request.limit, request.skip) for request in batch] for batch in asked]


def refusal(proof: Proof, server: Server, *, page_size: int = 100) -> Refused:
    end, _ = proven(proof, server, page_size=page_size)
    assert isinstance(end, Refused), end
    return end
