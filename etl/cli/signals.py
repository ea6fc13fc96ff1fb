"""How a verb runs on the event loop and ends on SIGINT or SIGTERM: the first asks, the second ends it at once."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import click

T = TypeVar("T")

_CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}


class Interrupted(click.exceptions.Exit):
    """A signal ended a verb that has no run to close."""


def run(main: Callable[[Callable[[], int]], Coroutine[Any, Any, T]]) -> T:
    """Run `main(stop_code)`; a signal cancels it, and `stop_code()` then says with which exit code to end."""
    code = 130

    async def supervised() -> T:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        asked = False

        def stop(number: signal.Signals) -> None:
            nonlocal code, asked
            if asked or task is None:
                os._exit(_CODES[number])
            asked, code = True, _CODES[number]
            task.cancel()

        for number in _CODES:
            loop.add_signal_handler(number, stop, number)
        return await main(lambda: code)

    try:
        return asyncio.run(supervised())
    except asyncio.CancelledError:
        raise Interrupted(code) from None
