"""How things look: what goes to stdout and stderr, tables, and that text from outside cannot steer a terminal."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TextIO

import click

from etl.harmless import clean as clean  # the verbs have it from here
from etl.model import Interval, Scope

SHORTEST = 8
"""Cells that are left of a column that is cut short."""

BETWEEN = 2
"""Blank cells between two columns."""


@dataclass(frozen=True, slots=True)
class Column:
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


@dataclass(frozen=True, slots=True)
class Output:
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

    def item(self, word: str, colour: str, text: str, *, loud: bool = False) -> None:
        """A line of a list behind a coloured word; a `loud` one is seen even under --quiet, on stderr."""
        if self.as_json or (self.quiet and not loud):
            return
        room = _columns(sys.stderr if self.quiet else sys.stdout)
        body = folded(text, room and room - len(word) - 2).replace("\n", "\n" + " " * (len(word) + 2))
        click.echo(f"{click.style(word, fg=colour)}  {body}", err=self.quiet)

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


def when(instant: datetime | None) -> str:
    """An instant in UTC, as windows are cut, to the minute; a heading or the sentence around it says so."""
    return "never" if instant is None else instant.astimezone(UTC).strftime("%Y-%m-%d %H:%M")


def ago(age: timedelta) -> str:
    """A length of time in one readable unit."""
    seconds = max(0, round(age.total_seconds()))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def number(count: float | None) -> str:
    """A count with thousands separators; a dash where there is none."""
    return "-" if count is None else f"{count:,.0f}"


def many(count: float, noun: str) -> str:
    """A count and what is counted: "1 account", "2 accounts"."""
    return f"{number(count)} {noun}" + ("" if count == 1 else "s")


def plain(value: Any) -> dict[str, Any]:
    """A dataclass of the warehouse as one flat JSON object: a scope as its three names, an interval as its bounds."""
    flat: dict[str, Any] = {}
    for each in fields(value):
        inner = getattr(value, each.name)
        if isinstance(inner, Scope):
            flat |= {"account_id": inner.account_id, "app_id": inner.app_id, "channel": inner.channel.value}
        elif isinstance(inner, Interval):
            flat |= {"window_start": inner.start, "window_end": inner.end}
        else:
            flat[each.name] = inner
    return flat


def _json(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    raise TypeError(f"no JSON for {type(value).__name__}")
