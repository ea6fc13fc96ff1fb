"""What is seen while a run goes on: a moving display for a person, a line now and then for a log."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from etl.cli.output import Output, clean, number
from etl.model import Emit, Event, PageRead, Planned, Scope, State, Waiting, WindowDone

SECONDS_BETWEEN_LINES = 15.0
"""How often a run without a terminal says how far it is."""


@dataclass(slots=True)
class Seen:
    """The sums that both displays show."""

    windows: int = 0
    done: int = 0
    rows: int = 0
    pages: int = 0
    troubled: int = 0
    waiting: dict[str, tuple[float, str]] = field(default_factory=dict)
    """Account -> (until when on the monotonic clock, why)."""

    def add(self, event: Event, now: float) -> None:
        if isinstance(event, Planned):
            self.windows += event.windows
        elif isinstance(event, PageRead):
            self.rows += event.rows
            self.pages += 1
            self.waiting.pop(event.scope.account_id, None)
        elif isinstance(event, Waiting):
            self.waiting[event.account_id] = (now + event.seconds, event.why)
        else:
            self.done += 1
            self.troubled += event.state in (State.UNPROVEN, State.FAILED)

    def wait(self, now: float) -> str:
        """Who waits, for how long and why; empty when nobody does."""
        ends = [(until, why) for until, why in self.waiting.values() if until > now]
        if not ends:
            return ""
        until, why = max(ends)
        return f"{len(ends)} waiting for {why}, {until - now:.0f} s" if len(ends) > 1 else f"{why}: {until - now:.0f} s"


@contextmanager
def progress(output: Output, names: dict[Scope, str]) -> Iterator[Emit]:
    """The `emit` of a run: events go to the display that fits where stderr leads."""
    if output.live:
        with _live(names) as emit:
            yield emit
    else:
        yield _lines(output)


@contextmanager
def _live(names: dict[Scope, str]) -> Iterator[Emit]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    seen = Seen()
    last = ""
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.fields[what]}", markup=False),
        BarColumn(bar_width=24),
        TextColumn("{task.completed:.0f}/{task.total:.0f} windows  {task.fields[rows]} rows  {task.fields[note]}"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as display:
        bar = display.add_task("run", total=None, what="planning", rows="0", note="")

        def emit(event: Event) -> None:
            nonlocal last
            now = time.monotonic()
            seen.add(event, now)
            scope = event.window.scope if isinstance(event, WindowDone) else getattr(event, "scope", None)
            last = clean(names.get(scope, last)) if scope is not None else last
            note = seen.wait(now) or (f"{seen.troubled} not proven" if seen.troubled else f"{seen.pages} pages")
            display.update(bar, total=seen.windows, completed=seen.done, what=last, rows=number(seen.rows), note=note)

        yield emit


def _lines(output: Output) -> Emit:
    from etl.cli.log import logger

    log = logger(output)
    seen = Seen()
    spoke = time.monotonic()

    def emit(event: Event) -> None:
        nonlocal spoke
        now = time.monotonic()
        seen.add(event, now)
        if isinstance(event, WindowDone):
            _log_window(event, log.warning if event.error else log.debug)
        elif isinstance(event, Waiting):
            log.debug("waiting", account_id=event.account_id, seconds=round(event.seconds, 1), why=event.why)
        if now - spoke >= SECONDS_BETWEEN_LINES:
            spoke = now
            note = {"note": seen.wait(now)} if seen.wait(now) else {}
            log.info("reading", windows=f"{seen.done}/{seen.windows}", rows=seen.rows, pages=seen.pages, **note)

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
