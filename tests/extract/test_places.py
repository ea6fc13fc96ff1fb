"""Who gets the next place in flight, and that none is ever lost."""

from __future__ import annotations

import asyncio

from etl.extract.pace import Pace
from etl.extract.places import Places


async def test_the_next_place_goes_to_the_window_that_began_first() -> None:
    """Whoever came first among those of one window; what belongs to none, as a count does, before all of them."""
    places, got = Places(1), []
    await places.acquire()
    first, second = places.rank(), places.rank()

    async def ask(name: str, *rank: int) -> None:
        await places.acquire(*rank)
        got.append(name)
        places.release()

    asked = (("second", second), ("first, page 1", first), ("first, page 2", first), ("a count",))
    async with asyncio.TaskGroup() as group:
        for one in asked:
            group.create_task(ask(*one))
        await asyncio.sleep(0)
        places.release()
    assert got == ["a count", "first, page 1", "first, page 2", "second"]
    assert not places.are_taken


async def test_without_a_limit_an_account_may_wait_for_many_places_at_once() -> None:
    """With one only the next in line waits: the others of it are not to start in that minute anyway."""
    for limit, waiting in ((0, 3), (50, 1)):
        places, got = Places(1), []
        await places.acquire()
        pace = Pace("a", limit, monotonic=lambda: 0.0, sleep=asyncio.sleep, emit=lambda _: None)

        async def ask(pace: Pace, places: Places, got: list[int]) -> None:
            async with pace.turn(places):
                got.append(1)

        tasks = [asyncio.create_task(ask(pace, places, got)) for _ in range(3)]
        await asyncio.sleep(0)
        for _ in range(3):  # in one moment, as many answers come
            places.release()
        await asyncio.sleep(0)
        assert len(got) == waiting
        await asyncio.gather(*tasks)


async def test_no_more_than_there_are_places_are_under_way() -> None:
    """However many ask, and in whatever order."""
    places, under_way, most = Places(3), 0, 0

    async def one(rank: int) -> None:
        nonlocal under_way, most
        await places.acquire(rank)
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1
        places.release()

    await asyncio.gather(*(one(number % 7) for number in range(50)))
    assert (most, places.are_taken) == (3, False)


async def test_who_is_stopped_while_waiting_leaves_its_place_to_others() -> None:
    """Before its turn, and in the very moment in which it was given a place."""
    places = Places(1)
    await places.acquire()
    early, late, last = (asyncio.create_task(places.acquire(rank)) for rank in (1, 2, 3))
    await asyncio.sleep(0)
    early.cancel()
    await asyncio.sleep(0)
    places.release()
    late.cancel()
    await asyncio.wait_for(last, 1)
    assert (early.cancelled(), late.cancelled()) == (True, True)
    places.release()
    assert not places.are_taken
