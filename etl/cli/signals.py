"""How a verb ends on SIGINT or SIGTERM: the first signal asks, the second ends it at once, and so does the clock.

Before and after its event loop there is nothing to close: see `etl.cli.early`.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import click
import uvloop

from etl.cli import early, garbage
from etl.cli.early import CODES
from etl.cli.output import Output
from etl.errors import Interrupted

T = TypeVar("T")

STOP_SECONDS = 9.0
"""So long after the first signal a verb that has not ended is ended as it is: ten seconds are promised."""

CUT_OFF = "Stopped by a signal, without a clean end: what was stored stays, the next run goes on from there."


def run(main: Callable[[Callable[[], int]], Coroutine[Any, Any, T]]) -> T:
    """Run `main(stop_code)`; a signal cancels it, and `stop_code()` then says with which exit code to end.

    Raises Interrupted where the cancellation comes out.
    """
    as_json, code, ended = _as_json(), 130, threading.Event()
    garbage.from_now_on()

    async def supervised() -> T:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        asked = False

        def stop(number: signal.Signals) -> None:
            nonlocal code, asked
            if asked or task is None:
                early.cut_off(CODES[number], CUT_OFF, as_json=as_json)
            asked, code = True, CODES[number]
            threading.Thread(target=_watch, args=(ended, code, as_json), daemon=True).start()
            task.cancel()

        for number in CODES:
            loop.add_signal_handler(number, stop, number)
        return await main(lambda: code)

    try:
        with _restored(), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(supervised())
    except asyncio.CancelledError:
        raise Interrupted(code) from None
    finally:
        ended.set()


@contextmanager
def _restored() -> Iterator[None]:
    """The event loop leaves the system's defaults behind."""
    before = {number: signal.getsignal(number) for number in CODES}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


def _watch(ended: threading.Event, code: int, as_json: bool) -> None:
    """A thread of its own: whatever holds up the event loop does not hold up this."""
    if not ended.wait(STOP_SECONDS):
        early.cut_off(code, CUT_OFF, as_json=as_json)


def _as_json() -> bool:
    context = click.get_current_context(silent=True)
    output = context.find_object(Output) if context else None
    return output is not None and output.as_json
