"""How things look: what goes to stdout and stderr, tables, and that text from outside cannot steer a terminal."""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from etl.model import Interval, Scope

if TYPE_CHECKING:
    from rich.console import Console

_UNSAFE = {"Cc", "Cf", "Cs", "Zl", "Zp"}
_JOINERS = "\u200c\u200d"  # harmless, and parts of many an emoji and name


@dataclass(frozen=True, slots=True)
class Column:
    """A table column: its heading, and whether it holds numbers (right-aligned)."""

    name: str
    number: bool = False


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
        return sys.stderr.isatty() and not (self.quiet or self.as_json or self.log_format == "json")

    def document(self, document: Mapping[str, Any]) -> None:
        """The one JSON document, where `--json` asks for it."""
        if self.as_json:
            click.echo(json.dumps(document, default=_json, ensure_ascii=False))

    def say(self, text: str = "") -> None:
        """A line for a person, on stdout."""
        if not (self.as_json or self.quiet):
            click.echo(text)

    def complain(self, text: str) -> None:
        """A line that must be seen even under --quiet, on stderr."""
        click.echo(text, err=True)

    def table(self, columns: Sequence[Column], rows: Sequence[Sequence[str]], *, title: str | None = None) -> None:
        """A table that fits the terminal; numbers right-aligned; text from outside made harmless."""
        if self.as_json or self.quiet:
            return
        from rich import box
        from rich.table import Table
        from rich.text import Text

        table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", pad_edge=False, show_edge=False)
        for column in columns:
            table.add_column(
                column.name,
                justify="right" if column.number else "left",
                no_wrap=column.number,
                overflow="fold",
                header_style="bold",
            )
        for row in rows:
            table.add_row(*(Text(clean(cell)) for cell in row))
        self._console().print(table)

    def _console(self) -> Console:
        from rich.console import Console

        return Console(file=sys.stdout, highlight=False, width=None if sys.stdout.isatty() else 100)


def clean(text: str) -> str:
    """The text with everything that could steer a terminal (escapes, bidi marks, newlines) shown as an escape."""
    return "".join(c.encode("unicode_escape").decode() if _steers(c) else c for c in text)


def _steers(character: str) -> bool:
    return unicodedata.category(character) in _UNSAFE and character not in _JOINERS


def when(instant: datetime | None) -> str:
    """An instant in the reader's own time zone, to the minute, with the zone."""
    return "never" if instant is None else instant.astimezone().strftime("%Y-%m-%d %H:%M %Z")


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
