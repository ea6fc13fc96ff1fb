"""At most N starts in any minute, pauses for the whole account, and nobody blocked by a slow account."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.extract.pace import Pace
from etl.extract.places import Places
from etl.model import Event, Waiting


def most_in_a_minute(starts: list[float]) -> int:
    return max((sum(1 for other in starts if begin <= other < begin + 60) for begin in starts), default=0)


class Clock:
    def __init__(self, overshoot: float) -> None:
        self.now = 0.0
        self.overshoot = overshoot
        self.sleeps = 0

    async def sleep(self, seconds: float) -> None:
        self.sleeps += 1
        self.now += seconds + self.overshoot
        await asyncio.sleep(0)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 7),
    st.lists(st.floats(0, 40), min_size=1, max_size=60),
    st.floats(0, 3),
    st.integers(1, 4),
)
def test_never_more_than_n_starts_in_any_minute(limit: int, gaps: list[float], overshoot: float, tasks: int) -> None:
    """However requests arrive, however late a sleep wakes up, and however long a place in flight is waited for."""
    clock = Clock(overshoot)
    starts: list[float] = []

    async def run() -> None:
        pace = Pace("a", limit, monotonic=lambda: clock.now, sleep=clock.sleep, emit=lambda _: None)
        places = Places(2)

        async def worker(mine: list[float]) -> None:
            for gap in mine:
                await clock.sleep(gap)
                async with pace.turn(places):
                    starts.append(clock.now)
                    await clock.sleep(gap / 3)

        await asyncio.gather(*(worker(gaps[number::tasks]) for number in range(tasks)))

    asyncio.run(run())
    assert len(starts) == len(gaps)
    assert most_in_a_minute(starts) <= limit
    assert clock.sleeps <= 6 * len(gaps) + 10  # it waits, it does not spin


async def test_the_full_rate_is_used(time: Any) -> None:
    """A burst of N goes out at once, and N more each minute: 3 N requests take two minutes, not three."""
    pace = Pace("a", 50, monotonic=time.monotonic, sleep=time.sleep, emit=lambda _: None)
    begun = time.seconds
    for _ in range(150):
        async with pace.turn(Places(1)):
            pass
    assert 120 <= time.seconds - begun < 121


async def test_no_limit_never_waits_and_no_thread_is_started(time: Any) -> None:
    """0 requests a minute means no limit; the limiter library runs nothing in the background."""
    threads = threading.active_count()
    for rate in (0, 5000):
        pace = Pace("a", rate, monotonic=time.monotonic, sleep=time.sleep, emit=lambda _: None)
        for _ in range(500):
            async with pace.turn(Places(1)):
                pass
    assert time.slept == []
    assert threading.active_count() == threads


async def test_a_pause_holds_every_request_of_the_account(time: Any) -> None:
    """Nobody starts before the pause is over, and it is told once; a shorter pause does not shorten it."""
    events: list[Event] = []
    pace = Pace("a", 0, monotonic=time.monotonic, sleep=time.sleep, emit=events.append)
    assert pace.pause(30) == 30
    assert pace.pause(20) == 0
    begun, starts = time.seconds, []

    async def one() -> None:
        async with pace.turn(Places(8)):
            starts.append(time.seconds - begun)

    await asyncio.gather(one(), one(), one())
    assert min(starts) >= 30
    assert events == [Waiting("a", 30, "Kore.ai asked to wait")]


async def test_a_pause_that_comes_while_waiting_for_a_place_counts(time: Any) -> None:
    """The last look is at the very start."""
    pace = Pace("a", 0, monotonic=time.monotonic, sleep=time.sleep, emit=lambda _: None)
    places, starts = Places(1), []
    await places.acquire()

    async def one() -> None:
        async with pace.turn(places):
            starts.append(time.seconds)

    task = asyncio.create_task(one())
    await asyncio.sleep(0)
    pace.pause(10)
    begun = time.seconds
    places.release()
    await task
    assert starts[0] >= begun + 10


async def test_waiting_for_the_minute_takes_no_place_in_flight(time: Any) -> None:
    """An account out of turns leaves the shared places to the others; a cancelled wait gives everything back."""
    pace = Pace("a", 1, monotonic=time.monotonic, sleep=lambda _: asyncio.sleep(3600), emit=lambda _: None)
    places = Places(1)
    async with pace.turn(places):
        pass

    async def second() -> None:
        async with pace.turn(places):
            raise AssertionError("the minute is not over")

    task = asyncio.create_task(second())
    await asyncio.sleep(0)
    assert not places.are_taken
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert not places.are_taken
    time.seconds += 61
    async with pace.turn(places):
        assert places.are_taken
    assert not places.are_taken


async def test_a_wait_for_the_minute_is_told(time: Any) -> None:
    """Waits of more than a second are events."""
    events: list[Event] = []
    pace = Pace("a", 1, monotonic=time.monotonic, sleep=time.sleep, emit=events.append)
    for _ in range(2):
        async with pace.turn(Places(1)):
            pass
    assert [(type(event), getattr(event, "why", "")) for event in events] == [(Waiting, "the rate limit")]


async def test_accounts_that_are_not_answered_leave_places_to_the_others(time: Any) -> None:
    """Together they hold no more than the places set aside, until one of their requests is answered again."""
    places, aside = Places(8), asyncio.Semaphore(2)
    under_way, released = 0, asyncio.Event()

    def pace(name: str) -> Pace:
        return Pace(name, 0, monotonic=time.monotonic, sleep=time.sleep, emit=lambda _: None, aside=aside)

    async def hang(mute: Pace) -> None:
        nonlocal under_way
        async with mute.turn(places):
            under_way += 1
            await released.wait()

    mute = [pace(f"mute-{number}") for number in range(5)]
    for one in mute:
        one.heard(answered=False)
    hanging = [asyncio.create_task(hang(one)) for one in mute for _ in range(2)]
    await asyncio.sleep(0.01)
    assert under_way == 2
    async with pace("good").turn(places):
        pass
    mute[0].heard(answered=True)
    async with mute[0].turn(places):
        pass
    released.set()
    await asyncio.gather(*hanging)


@pytest.mark.parametrize("limit", [0, 60])
async def test_what_waits_for_a_place_when_its_account_falls_silent_goes_aside_too(time: Any, limit: int) -> None:
    """However early its window began: a server that hangs holds the others up once, not page by page."""
    places, aside = Places(4), asyncio.Semaphore(1)
    mute, good = (
        Pace(name, limit, monotonic=time.monotonic, sleep=time.sleep, emit=lambda _: None, aside=aside)
        for name in ("mute", "good")
    )
    first, second = places.rank(), places.rank()
    timed_out, over, under_way = asyncio.Event(), asyncio.Event(), 0

    async def hang(until: asyncio.Event) -> None:
        nonlocal under_way
        async with mute.turn(places, first):
            under_way += 1
            await until.wait()
            under_way -= 1

    async def succeed() -> None:
        async with good.turn(places, second):
            pass

    hanging = [asyncio.create_task(hang(timed_out if page < 4 else over)) for page in range(12)]
    await asyncio.sleep(0.01)
    assert under_way == 4
    mute.heard(answered=False)
    timed_out.set()
    await asyncio.wait_for(succeed(), 1)
    await asyncio.sleep(0.01)
    assert under_way == 1
    over.set()
    await asyncio.gather(*hanging)
    assert not places.are_taken


async def test_what_waits_aside_goes_on_when_its_account_is_answered_again(time: Any) -> None:
    """One dropped connection does not keep the account to the few places aside."""
    places, aside = Places(4), asyncio.Semaphore(1)
    pace = Pace("a", 0, monotonic=time.monotonic, sleep=time.sleep, emit=lambda _: None, aside=aside)
    first, over, under_way = asyncio.Event(), asyncio.Event(), 0

    async def ask(until: asyncio.Event) -> None:
        nonlocal under_way
        async with pace.turn(places):
            under_way += 1
            await until.wait()
            under_way -= 1

    pace.heard(answered=False)
    asking = [asyncio.create_task(ask(over if page else first)) for page in range(6)]
    await asyncio.sleep(0.01)
    assert under_way == 1
    pace.heard(answered=True)
    first.set()
    await asyncio.sleep(0.01)
    assert under_way == 4
    over.set()
    await asyncio.gather(*asking)
    assert (places.are_taken, aside.locked()) == (False, False)
