"""How things look: what goes to stdout and stderr, tables, and that text from outside cannot steer a terminal."""

from __future__ import annotations

import json
import os
import shutil
import sys
import textwrap
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any, TextIO

import click
from msgspec import Struct
from msgspec.structs import asdict, replace

from etl.harmless import clean as clean  # the verbs have it from here

SHORTEST = 8
"""Cells that are left of a column that is cut short."""

BETWEEN = 2
"""Blank cells between two columns."""


class Column(Struct, frozen=True):
    """A table column and what may happen to it where the terminal is narrow; numbers and words are never cut."""

    name: str
    number: bool = False
    """Right-aligned."""
    cuts: bool = False
    """A name from outside: cut short with an ellipsis."""
    wraps: bool = False
    """Prose: goes on in the next line, between words."""
    spare: bool = False
    """Left out, from the right, before anything is cut."""
    hides: bool = False
    """Left out where it has nothing to say: only zeros, dashes and blanks."""


class Mark(Struct, frozen=True):
    """A sign before a line, and its word where a terminal has no such character."""

    sign: str
    plain: str
    colour: str

    def on(self, stream: TextIO) -> str:
        """The sign, as far as this stream can show it."""
        try:
            self.sign.encode(stream.encoding or "ascii")
        except (LookupError, UnicodeEncodeError):
            return self.plain
        return self.sign


GOOD, BAD, ODD = Mark("✓", "ok  ", "green"), Mark("✗", "FAIL", "red"), Mark("!", "!   ", "yellow")
ARROW = Mark("→", "->", "cyan")
NOTE = "    "
"""Before what stands below a marked line."""


class Output(Struct, frozen=True):
    """The global options, and everything that is printed under them."""

    config: Path | None = None
    as_json: bool = False
    quiet: bool = False
    verbose: bool = False
    log_format: str = "text"

    @property
    def live(self) -> bool:
        """Whether a person is watching: a moving progress display makes sense."""
        return sys.stderr.isatty() and not (self.quiet or self.as_json or self.verbose or self.log_format == "json")

    def document(self, document: Mapping[str, Any]) -> None:
        """The one JSON document, where `--json` asks for it."""
        if self.as_json:
            click.echo(json.dumps(document, default=_json, ensure_ascii=False))

    def say(self, text: str = "") -> None:
        """A line for a person, on stdout."""
        if not (self.as_json or self.quiet):
            click.echo(folded(text, _columns(sys.stdout)))

    def complain(self, text: str) -> None:
        """A line that must be seen even under --quiet, on stderr; a line of the log where that is JSON."""
        if self.log_format == "json":
            from etl.cli import log

            log.complaint(self, text)
            return
        click.echo(folded(text, _columns(sys.stderr)), err=True)

    def step(
        self, mark: Mark, what: str, room: int, result: str, *, seconds: float = 0.0, notes: Sequence[str] = ()
    ) -> None:
        """A line behind a mark: what was tried, in `room` cells, how long it took, and what came of it, beside it where
        that fits; notes below. A bad one is seen even under --quiet, on stderr."""
        if self.as_json or (self.quiet and mark is not BAD):
            return
        if self.quiet and self.log_format == "json":
            self.complain(" ".join((f"{clean(what)}: {result}", *notes)))
            return
        stream = sys.stderr if self.quiet else sys.stdout
        width = _columns(stream)
        sign, took = mark.on(stream), f"{seconds:.1f} s" if seconds else ""
        head = f"{styled(sign, fg=mark.colour)} {padded(what, room)} {took:>6}  "
        beside = " " * (len(sign) + room + 10)
        if not what:
            lines = [f"{styled(sign, fg=mark.colour)} {_hanging(result, width, ' ' * (len(sign) + 1))}"]
        elif width is None or len(beside) + len(result) <= width or mark is GOOD:
            lines = [head + _hanging(result, width, beside)]
        else:
            lines = [head.rstrip(), NOTE + _hanging(result, width, NOTE)]
        arrow = ARROW.on(stream)
        lines += [f"{NOTE}{arrow} {_hanging(note, width, NOTE + ' ' * (len(arrow) + 1))}" for note in notes]
        click.echo("\n".join(lines), err=self.quiet)

    def fact(self, label: str, text: str) -> None:
        """A line of facts below a marked one: what it is about, and beside it what is so."""
        if not (self.as_json or self.quiet):
            indent = " " * 14
            click.echo(f"  {styled(f'{label:10}', dim=True)}  {_hanging(text, _columns(sys.stdout), indent)}")

    def table(self, columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
        """A table that fits the terminal, elsewhere as wide as it is; text from outside made harmless."""
        if self.as_json or self.quiet:
            return
        from rich import box
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        cells = [[clean(cell) for cell in row] for row in rows]
        room = _columns(sys.stdout)
        fitted, cells = fit(columns, cells, room)
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, BETWEEN - 1, 0, 0))
        for column, width in fitted:
            table.add_column(
                column.name,
                justify="right" if column.number else "left",
                width=width,
                no_wrap=not column.wraps,
                overflow="fold" if column.wraps else "ellipsis",
                header_style="bold",
            )
        for row in cells:
            table.add_row(*map(Text, row))
        # A table that cannot be made narrow enough is folded by the terminal: nothing is lost.
        needed = sum(width + BETWEEN for _, width in fitted)
        Console(file=sys.stdout, highlight=False, width=max(needed, room or 0)).print(table)

    def answering(self) -> Output:
        """For the verbs that only look: what was asked for is printed, --quiet or not."""
        return replace(self, quiet=False)


def _columns(stream: TextIO) -> int | None:
    """The terminal's width; None where the stream leads elsewhere."""
    return shutil.get_terminal_size().columns if stream.isatty() else None


def folded(text: str, room: int | None) -> str:
    """Long sentences broken between words; indented lines (commands to paste) and everything else as it is."""
    if room is None:
        return text
    lines = (
        line if line.startswith(" ") else textwrap.fill(line, room, break_long_words=False, break_on_hyphens=False)
        for line in text.split("\n")
    )
    return "\n".join(lines)


def _hanging(text: str, width: int | None, indent: str) -> str:
    """Folded to what `indent` leaves of a line, and every line but the first behind it."""
    return folded(text, width and max(width - len(indent), 30)).replace("\n", "\n" + indent)


def fit(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], room: int | None
) -> tuple[list[tuple[Column, int]], list[list[str]]]:
    """The columns to show, each with its width in cells, and their rows; `room` None = as wide as they are."""
    from rich.cells import cell_len

    shown = [
        (column, max(map(cell_len, (column.name, *each))), each)
        for column, each in zip(columns, _turned(rows, len(columns)), strict=True)
        if not (column.hides and all(cell.strip("+-0 ") == "" for cell in each))
    ]

    def excess() -> int:
        return 0 if room is None else sum(width + BETWEEN for _, width, _ in shown) - BETWEEN - room

    while excess() > 0 and (spare := [number for number, (column, *_) in enumerate(shown) if column.spare]):
        del shown[spare[-1]]
    for number, (column, width, each) in enumerate(shown):
        if excess() > 0 and (column.cuts or column.wraps):
            least = max(cell_len(column.name), SHORTEST, _longest_word(each) if column.wraps else 0)
            shown[number] = (column, max(min(width, least), width - excess()), each)
    kept = [[each[row] for _, _, each in shown] for row in range(len(rows))]
    return [(column, width) for column, width, _ in shown], kept


def _turned(rows: Sequence[Sequence[str]], columns: int) -> list[list[str]]:
    return [[row[number] for row in rows] for number in range(columns)]


def _longest_word(cells: Sequence[str]) -> int:
    return min(max((len(word) for cell in cells for word in cell.split()), default=0), 24)


def styled(text: str, **style: Any) -> str:
    """The text in a style of click's, unless NO_COLOR is set; where the stream is no terminal click takes it off."""
    return text if os.environ.get("NO_COLOR") else click.style(text, **style)


def padded(text: str, room: int) -> str:
    """The text made harmless, in exactly `room` cells."""
    from rich.cells import set_cell_size

    cleaned = clean(text)
    return set_cell_size(cleaned, room) if len(cleaned) <= room else set_cell_size(cleaned, room - 1) + "…"


def when(instant: datetime | None) -> str:
    """An instant in UTC, as windows are cut, to the minute; a heading or the sentence around it says so."""
    return "never" if instant is None else instant.astimezone(UTC).strftime("%Y-%m-%d %H:%M")


def here(instant: datetime | None) -> str:
    """An instant in this machine's zone as it is now (`zone`), to the minute: one zone for a whole screen."""
    return "never" if instant is None else instant.astimezone(_here()).strftime("%Y-%m-%d %H:%M")


def zone() -> str:
    """What this machine's zone is called now, such as CET, or UTC-03:00 where it has no name."""
    name = _here().tzname(None) or "UTC"
    return name if name[:1].isalpha() else f"UTC{name[:3]}:{name[3:] or '00'}"


def _here() -> tzinfo:
    return datetime.now(UTC).astimezone().tzinfo or UTC


def ago(age: timedelta) -> str:
    """A length of time in one readable unit."""
    seconds = max(0, round(age.total_seconds()))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def ago_words(seconds: float) -> str:
    """A length of time that is still to come, to the minute where it is long: "1 h 05 min", "12 min", "40 s"."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{max(round(seconds), 1)} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"


def number(count: float | None) -> str:
    """A count with thousands separators; a dash where there is none."""
    return "-" if count is None else f"{count:,.0f}"


def many(count: float, noun: str) -> str:
    """A count and what is counted: "1 account", "2 accounts"."""
    return f"{number(count)} {noun}" + ("" if count == 1 else "s")


def plain(value: Struct) -> dict[str, Any]:
    """A value of the warehouse as one flat JSON object: a scope as its three names, an interval as its bounds."""
    from etl.model import Interval, Scope  # here: 3 ms that `--help` need not pay

    flat: dict[str, Any] = {}
    for name, inner in asdict(value).items():
        if isinstance(inner, Scope):
            flat |= {"account_id": inner.account_id, "app_id": inner.app_id, "channel": inner.channel.value}
        elif isinstance(inner, Interval):
            flat |= {"window_start": inner.start, "window_end": inner.end}
        else:
            flat[name] = inner
    return flat


def _json(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    raise TypeError(f"no JSON for {type(value).__name__}")
