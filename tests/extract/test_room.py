"""How many rows may be held at once."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from etl.extract.room import Room
from etl.model import BEGINNING, Channel, Reason, Scope, Window

SMS = Scope("acc-1", "st-1", Channel.SMS)


def window(number: int) -> Window:
    start = BEGINNING + timedelta(days=number)
    return Window(SMS, start, start + timedelta(days=1), Reason.FIRST)


async def begun(room: Room, *rows: int) -> list[asyncio.Task[None]]:
    """Each asks for room in turn; those that got it are done."""
    tasks = [asyncio.create_task(room.take(window(number), many)) for number, many in enumerate(rows)]
    await turns()
    return tasks


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_what_has_no_room_waits_until_another_leaves() -> None:
    """First come, first served: a small one does not overtake a large one, which would wait for ever."""
    room = Room(10)
    tasks = await begun(room, 6, 6, 1)
    assert [task.done() for task in tasks] == [True, False, False]
    assert room.is_full
    room.leave(window(0))
    await turns()
    assert all(task.done() for task in tasks)
    assert not room.is_full


async def test_what_is_larger_than_all_of_it_gets_it_alone() -> None:
    """It could not be read at all otherwise."""
    room = Room(10)
    tasks = await begun(room, 1, 99)
    assert [task.done() for task in tasks] == [True, False]
    room.leave(window(0))
    await asyncio.gather(*tasks)


async def test_a_window_takes_room_once() -> None:
    """Each try at a proof asks again."""
    room = Room(10)
    await room.take(window(0), 6)
    await room.take(window(0), 6)
    room.leave(window(0))
    room.leave(window(0))
    await asyncio.wait_for(room.take(window(1), 10), 1)


async def test_who_is_stopped_while_waiting_leaves_no_gap() -> None:
    """Waiting, and just when it was its turn."""
    room = Room(10)
    tasks = await begun(room, 10, 10, 3)
    tasks[1].cancel()
    await turns()
    assert not tasks[2].done()
    room.leave(window(0))
    await asyncio.wait_for(tasks[2], 1)
    fourth = asyncio.create_task(room.take(window(4), 10))
    await turns()
    room.leave(window(2))
    fourth.cancel()
    await asyncio.gather(fourth, return_exceptions=True)
    await asyncio.wait_for(room.take(window(5), 10), 1)
