"""What is tried again, after how long, and when it is given up: the whole policy is one frozen value."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from msgspec import Struct
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception

from etl.errors import AccountUnavailable, AttemptFailed, Throttled
from etl.model import Emit, RetriesSpent

T = TypeVar("T")

RETRIES_AT_LEAST = 50
RETRY_SHARE = 0.2
"""A run's retry budget: so many retries, or this share of its requests where that is more."""

_THROTTLED_FACTOR = 15
_THROTTLED_CAP = 60


class Budget:
    """What one run, all accounts together, may spend on trying again, so that an outage is not hammered.

    Once it is spent, what fails has failed, and is left for the next run; every request sent adds to it again.
    """

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._requests = self._retries = 0
        self._told = False

    def sent(self) -> None:
        """A request went out, a retry or not."""
        self._requests += 1

    def take(self) -> bool:
        """Whether one more retry may be made; it is then spent. The first refusal is told."""
        if self._retries < max(RETRIES_AT_LEAST, RETRY_SHARE * self._requests):
            self._retries += 1
            return True
        if not self._told:
            self._told = True
            self._emit(RetriesSpent(self._requests, self._retries))
        return False


class RetryPolicy(Struct, frozen=True):
    """How stubborn we are. All times in seconds.

    `max_attempts` counts the first one; `total_seconds` runs from the first failure to the start of the last attempt.
    """

    max_attempts: int = 5
    backoff_seconds: float = 1.0
    max_wait_seconds: float = 120.0
    total_seconds: float = 600.0

    def wait(self, error: AttemptFailed, attempt: int, chance: float) -> float:
        """Seconds to wait after failed attempt number `attempt` (from 1); `chance` in [0, 1) is the jitter.

        Full jitter around a doubling wait, and never less than the server asked for. Throttled without being told for
        how long: equal jitter, longer, so that a rolling minute of the default backoff passes within the attempts.
        """
        doubled = self.backoff_seconds * 2.0 ** (attempt - 1)
        if isinstance(error, Throttled) and error.retry_after is None:
            longest = min(doubled * _THROTTLED_FACTOR, self.backoff_seconds * _THROTTLED_CAP, self.max_wait_seconds)
            return longest / 2 + chance * longest / 2
        jittered = chance * min(doubled, self.max_wait_seconds)
        return jittered if error.retry_after is None else error.retry_after + chance * self.backoff_seconds


async def persist(
    policy: RetryPolicy,
    attempt: Callable[[], Awaitable[T]],
    *,
    may_retry: Callable[[AttemptFailed], bool],
    before_wait: Callable[[AttemptFailed, float], None],
    sleep: Callable[[float], Awaitable[None]],
    monotonic: Callable[[], float],
    chance: Callable[[], float] = random.random,
) -> T:
    """Make the attempt until it succeeds; AttemptFailed is tried again, everything else ends it.

    `may_retry` is asked last, of a failure that the policy would try again. `before_wait` is told each failure that is
    tried again and the seconds until then. Raises the last AttemptFailed, or AccountUnavailable where the server
    asks to stay away for longer than `max_wait_seconds`.
    """
    try:
        return await attempt()  # most succeed, and what follows costs as much as a request
    except AttemptFailed as error:
        failed = [error]
    retrying = _retrying(policy, may_retry, before_wait, sleep, monotonic, chance)

    async def call() -> T:  # tenacity awaits only what is a coroutine function by itself
        if failed:
            raise failed.pop()
        return await attempt()

    return await retrying(call)


def _retrying(
    policy: RetryPolicy,
    may_retry: Callable[[AttemptFailed], bool],
    before_wait: Callable[[AttemptFailed, float], None],
    sleep: Callable[[float], Awaitable[None]],
    monotonic: Callable[[], float],
    chance: Callable[[], float],
) -> AsyncRetrying:
    """A new object for every call: one that many tasks share mixes up their attempts."""
    first_failure: list[float] = []

    def is_worth_it(error: BaseException) -> bool:
        if isinstance(error, AttemptFailed) and (error.retry_after or 0) > policy.max_wait_seconds:
            raise AccountUnavailable(
                f"{error} It asks to stay away for {error.retry_after:.0f} seconds, longer than max_wait_seconds "
                f"({policy.max_wait_seconds:g}): try again later."
            ) from error
        return isinstance(error, AttemptFailed)

    def wait(state: RetryCallState) -> float:
        return policy.wait(_failure(state), state.attempt_number, chance())

    def stop(state: RetryCallState) -> bool:
        first_failure.append(monotonic())
        spent = first_failure[-1] - first_failure[0] + state.upcoming_sleep
        given_up = state.attempt_number >= policy.max_attempts or spent > policy.total_seconds
        return given_up or not may_retry(_failure(state))

    def tell(state: RetryCallState) -> None:
        before_wait(_failure(state), state.upcoming_sleep)

    return AsyncRetrying(
        retry=retry_if_exception(is_worth_it), wait=wait, stop=stop, before_sleep=tell, sleep=sleep, reraise=True
    )


def _failure(state: RetryCallState) -> AttemptFailed:
    error = state.outcome.exception() if state.outcome is not None else None
    if not isinstance(error, AttemptFailed):
        raise TypeError("only a failed attempt is waited for")
    return error
