"""What is seen while a run goes on: a moving display for a person, a line now and then for a log."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from etl.cli.output import Output, clean, number
from etl.model import Began, Emit, Event, PageRead, Planned, RetriesSpent, Scope, State, Waiting, WindowDone

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.spinner import Spinner

SECONDS_BETWEEN_LINES = 15.0
"""How often a run without a terminal says how far it is."""

LONG_WAIT_SECONDS = 5.0
"""A wait worth a line of its own in a log."""

_BAR = 20
_FRAMES_PER_SECOND = 8


@dataclass(slots=True)
class Seen:
    """What has happened so far, and how both displays word it. `now` is a monotonic clock, in seconds."""

    names: Mapping[Scope, str]
    windows: int = 0
    done: int = 0
    rows: int = 0
    pages: int = 0
    troubled: int = 0
    reading: Scope | None = None
    retries_spent: bool = False
    waiting: dict[str, tuple[float, str]] = field(default_factory=dict)
    """Account -> (until when, why)."""

    def add(self, event: Event, now: float) -> None:
        if isinstance(event, Planned):
            self.windows += event.windows
        elif isinstance(event, PageRead):
            self.rows += event.rows
            self.pages += 1
            self.reading = event.scope
            self.waiting.pop(event.scope.account_id, None)
        elif isinstance(event, Waiting):
            self.waiting[event.account_id] = (now + event.seconds, event.why)
        elif isinstance(event, RetriesSpent):
            self.retries_spent = True
        elif isinstance(event, WindowDone):
            self.done += 1
            self.troubled += event.state in (State.UNPROVEN, State.FAILED)

    def counts(self) -> str:
        """How far it is; as wide now as in an hour."""
        windows = f"{number(self.done)}/{number(self.windows)}"
        return f"{windows:>9} windows  {number(self.rows):>9} rows  {number(self.pages):>6} pages"

    def note(self, now: float) -> str:
        """What is going on: a wait, else the listing being read, and what could not be proven so far."""
        doing = self.wait(now)
        if not doing and not self.pages:
            doing = "waiting for the first answer" if self.windows else "planning"
        if not doing and self.reading is not None:
            doing = f"{self.names.get(self.reading, self.reading.account_id)} {self.reading.channel.value}"
        troubled = f"{number(self.troubled)} not proven" if self.troubled else ""
        spent = "retries spent" if self.retries_spent else ""
        return clean(", ".join(filter(None, (doing, troubled, spent))))

    def wait(self, now: float) -> str:
        """Who waits longest, for how long and why; empty when nobody does."""
        # a copy: the display's thread asks while the run goes on
        ends = [(until, account, why) for account, (until, why) in self.waiting.copy().items() if until > now]
        if not ends:
            return ""
        until, account_id, why = max(ends)
        name = next((name for scope, name in self.names.items() if scope.account_id == account_id), account_id)
        others = f", {len(ends) - 1} more waiting" if ends[1:] else ""
        return f"{name} waits {until - now:.0f} s ({why.rstrip('.')}){others}"


@contextmanager
def progress(output: Output, names: Mapping[Scope, str]) -> Iterator[Emit]:
    """The `emit` of a run: events go to the display that fits where stderr leads."""
    if output.live:
        with _live(names) as emit:
            yield emit
    else:
        yield _lines(output, names)


@contextmanager
def _live(names: Mapping[Scope, str]) -> Iterator[Emit]:
    from rich.console import Console
    from rich.live import Live
    from rich.spinner import Spinner

    seen, spinner, began = Seen(names), Spinner("dots"), time.monotonic()

    def render() -> RenderableType:
        return picture(seen, spinner, began, time.monotonic())

    with Live(
        get_renderable=render, console=Console(stderr=True), transient=True, refresh_per_second=_FRAMES_PER_SECOND
    ):
        yield lambda event: seen.add(event, time.monotonic())


def picture(seen: Seen, spinner: Spinner, began: float, now: float) -> RenderableType:
    """Two lines: how far, and what is going on now. They count down by themselves while nothing happens."""
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    line = Table.grid(padding=(0, 1))
    line.add_column(width=1)
    line.add_column(width=_BAR)
    line.add_column(no_wrap=True)
    line.add_column(no_wrap=True, justify="right")
    bar = ProgressBar(
        total=max(seen.windows, 1), completed=seen.done, width=_BAR, pulse=not seen.windows, animation_time=now
    )
    line.add_row(spinner, bar, Text(seen.counts()), Text(_clock(now - began)))
    return Group(line, Text(f"  {seen.note(now)}", no_wrap=True, overflow="ellipsis", style="dim"))


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02}"


def _lines(output: Output, names: Mapping[Scope, str]) -> Emit:
    from etl.cli.log import bind_run, logger

    log = logger(output)
    seen = Seen(names)
    spoke = time.monotonic()

    def emit(event: Event) -> None:
        nonlocal spoke
        now = time.monotonic()
        seen.add(event, now)
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
