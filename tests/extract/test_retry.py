"""What is tried again, how often, after how long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.errors import AccountUnavailable, AttemptFailed, Overloaded, Throttled, WindowFailed
from etl.extract.retry import RETRIES_AT_LEAST, Budget, RetryPolicy, persist
from etl.model import Event, RetriesSpent


class Failing:
    """Raises the errors in turn (the last one for ever), then answers if there is an answer."""

    def __init__(self, *errors: BaseException, then: str | None = None) -> None:
        self.errors = errors
        self.then = then
        self.calls = 0

    async def __call__(self) -> str:
        self.calls += 1
        if self.then is not None and self.calls > len(self.errors):
            return self.then
        raise self.errors[min(self.calls, len(self.errors)) - 1]


async def run(
    policy: RetryPolicy,
    attempt: Failing,
    time: Any,
    told: Callable[[AttemptFailed, float], None] = lambda _e, _s: None,
    may: Callable[[AttemptFailed], bool] = lambda _: True,
) -> str:
    return await persist(
        policy, attempt, may_retry=may, before_wait=told, sleep=time.sleep, monotonic=time.monotonic, chance=lambda: 1.0
    )


async def test_a_failed_attempt_is_made_again_with_doubling_waits(time: Any) -> None:
    """Full jitter: at most 1, 2, 4 seconds; each wait is told beforehand."""
    waits: list[float] = []
    attempt = Failing(*[AttemptFailed("x")] * 3, then="page")
    assert await run(RetryPolicy(5), attempt, time, lambda _, seconds: waits.append(seconds)) == "page"
    assert time.slept == waits == [1.0, 2.0, 4.0]


async def test_attempts_are_bounded(time: Any) -> None:
    """The last failure comes out as it was."""
    attempt = Failing(AttemptFailed("still"))
    with pytest.raises(AttemptFailed, match="still"):
        await run(RetryPolicy(4), attempt, time)
    assert attempt.calls == 4


async def test_total_time_is_bounded_from_the_first_failure(time: Any) -> None:
    """No wait is begun that would end after total_seconds; what happened before the first failure does not count."""
    time.seconds += 10_000
    attempt = Failing(AttemptFailed("x"))
    with pytest.raises(AttemptFailed):
        await run(RetryPolicy(50, total_seconds=10), attempt, time)
    assert time.slept == [1.0, 2.0, 4.0]


async def test_only_failed_attempts_are_made_again(time: Any) -> None:
    """A window's or account's end, a bug and a cancellation go straight through."""
    for error in (WindowFailed("w"), AccountUnavailable("a"), KeyError("bug"), asyncio.CancelledError()):
        attempt = Failing(error)
        with pytest.raises(type(error)):
            await run(RetryPolicy(5), attempt, time)
        assert attempt.calls == 1


async def test_retry_after_is_the_least(time: Any) -> None:
    """What the server asks for is waited in full."""
    await run(RetryPolicy(5), Failing(Throttled("t", retry_after=33), then="page"), time)
    assert 33 <= time.slept[0] <= 34


async def test_a_retry_after_beyond_the_bound_ends_the_accounts_turn(time: Any) -> None:
    """We do not sleep for an hour: try later."""
    attempt = Failing(Throttled("Limited.", retry_after=3600))
    with pytest.raises(AccountUnavailable, match=r"Limited\. .*3600 seconds.*try again later"):
        await run(RetryPolicy(5, max_wait_seconds=120), attempt, time)
    assert (attempt.calls, time.slept) == (1, [])


async def test_throttling_without_a_hint_waits_out_the_minute(time: Any) -> None:
    """The default policy's waits after throttling add up to more than a rolling minute, even at the least jitter."""
    policy = RetryPolicy()
    error = Throttled("t")
    assert sum(policy.wait(error, number, 0.0) for number in range(1, policy.max_attempts)) > 60
    with pytest.raises(Throttled):
        await run(policy, Failing(error), time)
    assert time.slept == [15.0, 30.0, 60.0, 60.0]


@settings(max_examples=100)
@given(
    st.floats(0.001, 10), st.floats(0.1, 200), st.integers(1, 60), st.floats(0, 0.999),
    st.none() | st.floats(0, 500), st.sampled_from([AttemptFailed, Throttled]),
)  # fmt: skip
def test_waits_are_bounded_and_scale_with_the_backoff(
    backoff: float, longest: float, attempt: int, chance: float, asked: float | None, kind: type[AttemptFailed]
) -> None:
    """Never negative, never above max_wait_seconds on our own account, never below what was asked."""
    policy = RetryPolicy(5, backoff, longest)
    wait = policy.wait(kind("x", retry_after=asked), attempt, chance)
    if asked is None:
        assert 0 <= wait <= min(longest, max(60 * backoff, backoff * 2.0 ** (attempt - 1)))
    else:
        assert asked <= wait <= asked + backoff


async def test_calls_side_by_side_do_not_mix_up_their_attempts(time: Any) -> None:
    """A thousand concurrent calls, each failing twice, all succeed with three attempts each."""
    attempts = [Failing(AttemptFailed("x"), AttemptFailed("y"), then="page") for _ in range(1000)]
    policy = RetryPolicy(3, backoff_seconds=0.0)
    assert set(await asyncio.gather(*(run(policy, attempt, time) for attempt in attempts))) == {"page"}
    assert {attempt.calls for attempt in attempts} == {3}


async def test_a_retry_that_may_not_be_made_ends_it_at_once(time: Any) -> None:
    """Asked only where the policy would go on; the failure comes out as it was."""
    asked: list[AttemptFailed] = []
    attempt = Failing(AttemptFailed("x"))

    def may(error: AttemptFailed) -> bool:
        asked.append(error)
        return len(asked) < 3

    with pytest.raises(AttemptFailed, match="x"):
        await run(RetryPolicy(5), attempt, time, may=may)
    assert (attempt.calls, len(asked)) == (3, 3)
    with pytest.raises(AttemptFailed):
        await run(RetryPolicy(1), attempt, time, may=lambda _: pytest.fail("The policy had ended it."))


@settings(max_examples=100)
@given(st.lists(st.booleans(), max_size=600))
def test_retries_never_exceed_the_runs_budget(answers: list[bool]) -> None:
    """A fifth of the requests or fifty, whatever succeeds and fails when; the first refusal is told, once."""
    told: list[Event] = []
    budget = Budget(told.append)
    retries = refused = 0
    for requests, answered in enumerate(answers, 1):
        budget.sent()
        if not answered:
            taken = budget.take()
            retries, refused = retries + taken, refused + (not taken)
        assert retries <= max(RETRIES_AT_LEAST, 0.2 * requests + 1)
    assert len(told) == (1 if refused else 0)


def test_a_run_that_succeeds_earns_retries_again() -> None:
    """An outage of an hour does not spoil the rest of a long night."""
    told: list[Event] = []
    budget = Budget(told.append)
    for _ in range(RETRIES_AT_LEAST):
        budget.sent()
        assert budget.take()
    assert not budget.take()
    assert told == [RetriesSpent(RETRIES_AT_LEAST, RETRIES_AT_LEAST)]
    for _ in range(300):
        budget.sent()
    assert budget.take()


def test_too_many_requests_are_no_outage() -> None:
    """Who is told to slow down waits as a whole account; 503 with a Retry-After waits as well, and costs a retry."""
    assert (AttemptFailed.is_outage, Throttled.is_outage, Overloaded.is_outage) == (True, False, True)
