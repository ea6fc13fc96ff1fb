"""How each event of a campaign's life is worded, whatever its texts hold, and how words fill a narrow terminal."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from etl.cli.output import clean, many, number, when
from etl.model import Scope
from etl.warehouse.life import Life, Reject
from etl.warehouse.story import Changed, Counted, Event, Relinked, Turn

NAMES = 6
"""Contact lists named in one event, unless all are asked for."""

NAME_ROOM = 48
"""Cells of a contact list's name, of an account's, of a status."""

LINES, FOLDS = 2, 16
"""How many lines a change may fill, and the cells that are lost where it is folded."""

MARKS = 4
"""So many characters may share a cell (marks above and below a letter) before a text is taken as too long."""

PIPED_ROOM = 160
"""Cells of a change where no terminal limits it."""


class Look(Struct, frozen=True):
    """What wording depends on: the cells of a line (None = any), the names of accounts, and what is shown in full."""

    room: int | None
    names: Mapping[Scope, str]
    everything: bool
    show_text: bool

    def account(self, scope: Scope) -> str:
        return cut(self.names.get(scope, scope.account_id), NAME_ROOM)


def words(event: Event, life: Life, look: Look) -> tuple[str, str]:
    """An event and its colour. A newline stands where a line is best parted: clean texts have none of their own."""
    match event.what:
        case Turn():
            return _turn(event.what, life), COLOURS.get(event.what, "")
        case Changed():
            return _change(event.what, look), ""
        case Relinked():
            return _lists(event.what, look), ""
        case Counted():
            return _count(event.what), ""
        case _:
            return _reject(event.what, life, look), "red"


COLOURS = {Turn.FIRST_SEEN: "green", Turn.BACK: "green", Turn.MISSING: "yellow", Turn.DELETED: "red"}


def folded(line: str, room: int | None) -> list[str]:
    """What `words` gave, in lines of at most `room` cells."""
    if room is None:
        return [line.replace("\n", " ")]
    lines: list[str] = []
    for piece in line.split("\n"):
        joined = f"{lines[-1]} {piece}" if lines else piece
        if cell_len(joined) <= room:
            lines[-1:] = [joined]
        else:
            lines += [part.plain.rstrip() for part in Text(piece).wrap(Console(width=room), room)]
    return lines


def cut(text: str, room: int, differs: int = 0) -> str:
    """The text made harmless, in at most `room` cells, around the character at `differs`; an ellipsis for the rest."""
    longest = MARKS * room
    if len(text) <= longest and cell_len(whole := clean(text)) <= room:
        return whole
    start = _start(text, room, differs)
    shown = Text("…" * bool(start) + clean(text[start : start + longest]) + "…" * bool(text[start + longest :]))
    shown.truncate(room, overflow="ellipsis")
    return shown.plain


def _start(text: str, room: int, differs: int) -> int:
    """From where a text is shown that does not fit: its beginning, so that its end fits, or just before it differs."""
    if differs < room and cell_len(clean(text[: differs + 1])) < room:
        return 0
    last = len(text) - room + 1
    near = max(0, differs - room // 3)
    return last if 0 < last < near and cell_len(clean(text[last:])) < room else near


def value(stored: object) -> str:
    """A column's value as a text, as it came."""
    if isinstance(stored, bool):
        return "yes" if stored else "no"
    return "(none)" if stored is None else str(stored) or '""'


def _turn(turn: Turn, life: Life) -> str:
    if turn is Turn.FIRST_SEEN:
        first = life.versions[0]
        status = first.columns["status"] if first.valid_from == life.first_seen_at else None
        return "first seen" if status is None else f"first seen: {cut(status, NAME_ROOM)}"
    return {
        Turn.UNKEPT: "changed; what it was before was not kept",
        Turn.MISSING: "missing: gone from the source, or left out by `keep`",
        Turn.DELETED: "deleted: a second run missed it as well",
        Turn.BACK: "came back",
    }[turn]


def _change(change: Changed, look: Look) -> str:
    before, after = value(change.before), value(change.after)
    if change.column == "message_text":
        return f"message text: {clean(before)}\n-> {clean(after)}" if look.show_text else "message text changed"
    room = PIPED_ROOM if look.room is None else LINES * look.room - FOLDS
    before, after = _beside(before, after, room - len(change.column) - len(":  -> "))
    return f"{change.column}: {before}\n-> {after}"


def _beside(before: str, after: str, room: int) -> tuple[str, str]:
    """Two texts that share `room` cells: a long one is cut short, around the place where they differ."""
    differ = _alike(before, after)
    needs = [cell_len(cut(text, room)) for text in (before, after)]
    return cut(before, max(room // 2, room - needs[1]), differ), cut(after, max(room // 2, room - needs[0]), differ)


def _alike(one: str, other: str) -> int:
    """How many characters they have in common from the beginning."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(one), len(other)))


def _lists(lists: Relinked, look: Look) -> str:
    signed = [f"+ {cut(name, NAME_ROOM)}" for name in lists.added]
    signed += [f"- {cut(name, NAME_ROOM)}" for name in lists.removed]
    shown = signed if look.everything else signed[:NAMES]
    more = f"\nand {number(len(signed) - NAMES)} more" if len(signed) > len(shown) else ""
    return "contact lists: " + ",\n".join(shown) + more


def _count(count: Counted) -> str:
    last = number(count.last.total_messages_sent)
    if count.before is None:
        return f"messages: {last}"
    before = number(count.before.total_messages_sent)
    if count.readings == 1 and before == last and not count.resets:
        return f"messages: {last},\nnow of instance {cut(value(count.last.campaign_instance_id), NAME_ROOM)}"
    aside = _reading(count) if count.readings == 1 else _readings(count)
    return f"messages: {before} -> {last}" + (f"\n({aside})" if aside else "")


def _reading(count: Counted) -> str:
    more = [] if count.messages is None else [f"+{number(count.messages)}"]
    return ", ".join(more + ["run again, counts from zero"] * count.resets)


def _readings(count: Counted) -> str:
    more = [] if count.messages is None else [f"+{number(count.messages)} messages"]
    again = (
        [] if not count.resets else ["run again" if count.resets == 1 else f"run again {number(count.resets)} times"]
    )
    return ",\n".join([f"{number(count.readings)} readings to {when(count.last.observed_at)}", *more, *again])


def _reject(reject: Reject, life: Life, look: Look) -> str:
    times = many(reject.occurrences, "time")
    detail = "" if reject.detail is None else f": {clean(reject.detail)}"
    if reject.reason.startswith("field:"):
        field = clean(reject.reason.removeprefix("field:"))
        told = f"field {field} could not be stored{detail}\n({times} in this listing)"
    else:
        told = f"rejected: {clean(reject.reason)}{detail} ({times})"
    if reject.scope != life.scope:
        told += f",\nfrom {look.account(reject.scope)} {reject.scope.channel.value}"
    told += "" if reject.gone_at is None else f",\ngone since {when(reject.gone_at)}"
    return told + ("" if reject.acknowledged_at is None else ",\nacknowledged")
