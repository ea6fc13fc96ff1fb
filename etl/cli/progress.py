"""What is seen while a run goes on: a moving display for a person, a line now and then for a log."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING

from msgspec.structs import asdict

from etl.cli.output import Output, clean, number
from etl.cli.underway import Underway
from etl.model import Began, Emit, Event, RetriesSpent, Scope, Waiting, WindowDone

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.spinner import Spinner

    from etl.settings import Settings

SECONDS_BETWEEN_LINES = 15.0
"""How often a run without a terminal says how far it is."""

LONG_WAIT_SECONDS = 5.0
"""A wait worth a line of its own in a log."""

_BAR, _SMALL_BAR = 20, 10
_FRAMES_PER_SECOND = 8

LISTINGS_SHOWN = 4
"""Listings under way that have a line of their own."""

NAME_ROOM = 26


@contextmanager
def progress(output: Output, names: Mapping[Scope, str], settings: Settings) -> Iterator[Emit]:
    """The `emit` of a run: events go to the display that fits where stderr leads."""
    limits = {one.account_id: one.requests_per_minute for one in settings.resolved_accounts()}
    run = Underway(names, limits, settings.api.page_size, time.monotonic())
    if output.live:
        with _live(run) as emit:
            yield emit
    else:
        yield _lines(output, run)


@contextmanager
def _live(run: Underway) -> Iterator[Emit]:
    from rich.console import Console
    from rich.live import Live
    from rich.spinner import Spinner

    console, spinner = Console(stderr=True), Spinner("dots")
    lock = Lock()  # the display draws in a thread of its own, and a sum over what grows meanwhile breaks off

    def render() -> RenderableType:
        with lock:
            return picture(run, spinner, time.monotonic(), console.width)

    def add(event: Event) -> None:
        with lock:
            run.add(event, time.monotonic())

    with Live(get_renderable=render, console=console, transient=True, refresh_per_second=_FRAMES_PER_SECOND):
        yield add


def picture(run: Underway, spinner: Spinner, now: float, width: int) -> RenderableType:
    """How far it is; what there is to say; the listings under way. It counts down by itself while nothing happens."""
    from rich.console import Group
    from rich.text import Text

    lines: list[RenderableType] = [_first_line(run, spinner, now, width)]
    lines.append(Text(f"  {run.summary(now)}", no_wrap=True, overflow="ellipsis", style="dim"))
    active = run.active() if len(run.names) > 1 else []
    if active:
        lines.append(_listings(run, active[:LISTINGS_SHOWN], now))
    if active[LISTINGS_SHOWN:]:
        lines.append(Text(f"  and {number(len(active) - LISTINGS_SHOWN)} more under way", style="dim"))
    return Group(*lines)


def _first_line(run: Underway, spinner: Spinner, now: float, width: int) -> RenderableType:
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    expected, clock = run.expected(), _clock(now - run.began)
    parts = [part for part in run.counts(now) if part]
    room = width - 2 - _BAR - 1 - len(clock) - 2
    while parts[1:] and len("  ".join(parts)) > room:
        parts.pop()
    line = Table.grid(padding=(0, 1))
    line.add_column(width=1)
    line.add_column(width=_BAR)
    line.add_column(no_wrap=True)
    line.add_column(no_wrap=True, justify="right")
    bar = ProgressBar(
        total=expected or 1, completed=run.requests, width=_BAR, pulse=expected is None, animation_time=now
    )
    line.add_row(spinner, bar, Text("  ".join(parts)), Text(clock))
    return line


def _listings(run: Underway, shown: Sequence[Scope], now: float) -> RenderableType:
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    lines = Table.grid(padding=(0, 1))
    lines.add_column(width=1)
    lines.add_column(no_wrap=True, overflow="ellipsis", max_width=NAME_ROOM)
    lines.add_column(width=_SMALL_BAR)
    lines.add_column(no_wrap=True, justify="right")
    lines.add_column(no_wrap=True, overflow="ellipsis")
    for scope in shown:
        one = run.listings[scope]
        expected = one.expected(run.page_size)
        bar = ProgressBar(total=expected or 1, completed=one.requests, width=_SMALL_BAR, pulse=expected is None)
        told = number(one.requests) if expected is None else f"{number(one.requests)}/{number(expected)}"
        name = clean(f"{run.names.get(scope, scope.account_id)} {scope.channel.value}")
        lines.add_row("", Text(name), bar, Text(told), Text(run.wait(now, scope.account_id), style="dim"))
    return lines


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02}"


def _lines(output: Output, run: Underway) -> Emit:
    from etl.cli.log import Logger, bind_run

    log = Logger(output)
    spoke = time.monotonic()

    def emit(event: Event) -> None:
        nonlocal spoke
        now = time.monotonic()
        run.add(event, now)
        if isinstance(event, Began):
            bind_run(event.run_id)
            log.info("run begun")
        elif isinstance(event, WindowDone):
            _log_window(event, log.warning if event.error else log.debug)
        elif isinstance(event, Waiting):
            say = log.info if event.seconds >= LONG_WAIT_SECONDS else log.debug
            say("waiting", account_id=event.account_id, seconds=round(event.seconds, 1), why=clean(event.why))
        elif isinstance(event, RetriesSpent):
            log.warning("retries spent: what fails now is left for the next run", **asdict(event))
        if now - spoke >= SECONDS_BETWEEN_LINES:
            spoke = now
            log.info("reading", **_so_far(run, now))

    return emit


def _log_window(event: WindowDone, say: Callable[..., object]) -> None:
    window = event.window
    details = {"error": clean(event.error)} if event.error else {}
    say(
        "window",
        account_id=window.scope.account_id,
        app_id=window.scope.app_id,
        channel=window.scope.channel.value,
        start=window.start.isoformat(),
        end=window.end.isoformat(),
        state=event.state.value,
        rows=event.rows,
        **details,
    )


def _so_far(run: Underway, now: float) -> dict[str, object]:
    expected, left = run.expected(), run.left(now)
    note = {"note": clean(run.wait(now))} if run.wait(now) else {}
    return {
        "listings": f"{run.ended}/{len(run.names)}",
        "requests": f"{run.requests}/{expected or '?'}",
        "rows": run.rows,
        **({} if left is None else {"seconds_left": round(left)}),
        **note,
    }
