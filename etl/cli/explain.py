"""`kore-etl explain`: the life of one campaign, as a timeline or as JSON."""

from __future__ import annotations

import shutil
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from etl.cli.output import Output, clean, many, number, plain, when

if TYPE_CHECKING:
    from rich.console import Console

    from etl.cli.telling import Look
    from etl.model import Scope
    from etl.warehouse.life import Life, Read
    from etl.warehouse.story import Coverage, Event
    from etl.warehouse.warehouse import Warehouse

LISTED = 50
"""Windows in the document of `--json`, the latest ones."""

WIDE = 110
"""Columns from which on the runs have room beside the events."""

TIME_ROOM, RUN_ROOM, BETWEEN = 18, 25, 2
"""Cells of a time, and of a run's id, with the blanks between."""

LEAST_ROOM = 60
"""Cells for an event beside its run, where no terminal tells."""

LONGEST_WHY = 400
"""Cells of the reason why a read was not proven."""

UNREAD = (
    "No window that covers it was read: a hint showed it (change feed, unfinished campaigns), and hints prove nothing."
)
UNDATED = "It has no usable date of creation, and nothing was read without dates: no read proves it."


@click.command("explain", short_help="The life of one campaign.")
@click.argument("campaign_id")
@click.option("--all", "everything", is_flag=True, help="Fold nothing: every reading, every contact list.")
@click.option("--show-text", is_flag=True, help="Also show message texts: personal data.")
@click.pass_obj
def command(output: Output, campaign_id: str, everything: bool, show_text: bool) -> int:
    """The life of one campaign: what changed and when we saw it, and how surely it was read.

    CAMPAIGN_ID may be its beginning. Times are UTC, those of the reads that saw a change: what happened between two
    reads and was undone is invisible. --json has every state in full, and the windows and runs that read it.

    \b
    Examples
      kore-etl explain cc-9acf67dd-b66f-5edb-b4c5-b70dd0b1f8ec
      kore-etl explain cc-9acf --all | less
      kore-etl --json explain cc-9acf | jq '.versions[].status'
    """
    from etl.cli import config
    from etl.cli.reading import nothing_read, read

    output = output.answering()
    settings = config.load(output, "warehouse")
    found = read(settings, lambda store: _find(store, campaign_id), empty=nothing_read(settings))
    if isinstance(found, str):
        output.document({"exit_code": 1, "errors": [found]})
        output.complain(f"kore-etl: {clean(found)}")
        return 1
    output.document(_document(found, show_text=show_text))
    if not output.as_json:
        _show(output, found, config.names(settings), everything=everything, show_text=show_text)
    return 0


async def _find(store: Warehouse, wanted: str) -> Life | str:
    """The campaign of this id, or the only one whose id begins so; else a sentence."""
    if (found := await store.life(wanted)) is not None:
        return found
    near = await store.campaigns_beginning(wanted, limit=4)
    if len(near) > 1:
        return f"{wanted} begins several campaigns: {', '.join(near[:3])}{' ...' * bool(near[3:])}; give more of it."
    found = await store.life(near[0]) if near else None
    unknown = f"there is no campaign '{wanted}'; `kore-etl rejects` lists records that could not be stored."
    return unknown if found is None else found


# -- as JSON ----------------------------------------------------------------------------------------------------------


def _document(life: Life, *, show_text: bool) -> dict[str, Any]:
    from etl.warehouse.story import coverage

    return {
        "campaign_id": life.campaign_id,
        "account_id": life.scope.account_id,
        "app_id": life.scope.app_id,
        "channel": life.scope.channel.value,
        "name": life.name,
        "status": life.status,
        "first_seen_at": life.first_seen_at,
        "created_at": life.created_at,
        "deleted_at": life.deleted_at,
        "missing_since": life.missing_since,
        "versions": _versions(life, show_text=show_text),
        "contact_lists": [plain(link) for link in life.links],
        "counters": [plain(reading) for reading in life.readings],
        "windows": [plain(window) for window in life.reads[-LISTED:]],
        "runs": [plain(run) for run in life.runs],
        "rejects": [plain(reject) for reject in life.rejects],
        "coverage": _coverage(coverage(life)),
        "truncated": life.cut,
        "exit_code": 0,
    }


def _versions(life: Life, *, show_text: bool) -> list[dict[str, Any]]:
    return [
        {"valid_from": version.valid_from, "valid_to": version.valid_to, "run_id": version.run_id}
        | {name: value for name, value in version.columns.items() if show_text or name != "message_text"}
        for version in life.versions
    ]


def _coverage(coverage: Coverage) -> dict[str, Any]:
    last = coverage.last_proven
    return {
        "reads": coverage.reads,
        "proven": coverage.proven,
        "first_read_at": coverage.first and coverage.first.finished_at,
        "last_proven_at": last and last.finished_at,
        "last_proof": last and last.proof,
        "last_proven_run_id": last and last.run_id,
        "not_proven_since": len(coverage.since),
    }


# -- for a person -----------------------------------------------------------------------------------------------------


def _show(output: Output, life: Life, names: Mapping[Scope, str], *, everything: bool, show_text: bool) -> None:
    from rich.console import Console

    from etl.cli.telling import PIPED_ROOM, Look, cut
    from etl.warehouse.life import EVENTS
    from etl.warehouse.story import coverage, events, folded

    columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    wide = columns is None or columns >= WIDE
    room = None if columns is None else columns - TIME_ROOM - (RUN_ROOM if wide else 0)
    look = Look(room, names, everything, show_text)
    story = events(life)
    console = Console(file=sys.stdout, highlight=False)
    _print(console, (cut(life.name or "(no name)", columns or PIPED_ROOM), "bold"))
    for line in _head(life, look):
        output.say(line)
    output.say()
    if life.cut:
        output.say(f"There is more than the latest {number(EVENTS)} of a kind: earlier events are left out.\n")
    _timeline(console, story if everything else folded(story), life, look, wide=wide)
    output.say()
    for line in _foot(life, coverage(life)):
        output.say(line)


def _head(life: Life, look: Look) -> Iterator[str]:
    from etl.cli.telling import NAME_ROOM, cut, value

    standing = "live"
    if life.deleted_at is not None:
        standing = f"taken as deleted since {when(life.deleted_at)}"
    elif life.missing_since is not None:
        standing = f"missing since {when(life.missing_since)}"
    yield f"{life.scope.channel.value} campaign {clean(life.campaign_id)} of {look.account(life.scope)}"
    yield f"Status {cut(value(life.status), NAME_ROOM)}, {standing}."
    created = "at an unknown time" if life.created_at is None else when(life.created_at)
    updated = "" if life.updated_at is None else f", last updated {when(life.updated_at)}"
    yield f"Created {created}{updated}, says the source (UTC)."


def _foot(life: Life, coverage: Coverage) -> Iterator[str]:
    """How surely and when it was last read."""
    if coverage.first is None:
        yield UNREAD if life.created_at is not None else UNDATED
        return
    reads = f"{many(coverage.reads, 'read')} covered it since {when(coverage.first.started_at)}"
    unproven = coverage.reads - coverage.proven
    yield f"{reads}: {number(coverage.proven)} proven, {number(unproven)} not." if unproven else f"{reads}, all proven."
    if coverage.before:
        yield f"{number(coverage.before)} of these, proven before it was first seen, did not have it."
    last = coverage.last_proven
    if last is not None:
        proof = f"{last.proof.value}, " if last.proof else ""
        yield f"Last read and proven {when(last.finished_at)} UTC ({proof}run {clean(last.run_id)})."
    if coverage.since:
        yield _not_proven(coverage.since, "Never proven" if last is None else "Read since then and not proven")


def _not_proven(reads: Sequence[Read], begin: str) -> str:
    from etl.cli.telling import cut

    counts = Counter(read.state.value for read in reads)
    kinds = ", ".join(f"{number(count)} {state}" for state, count in sorted(counts.items()))
    last = reads[-1]
    trouble = last.error or last.why
    return f"{begin}: {kinds}; the last {when(last.finished_at)} UTC, run {clean(last.run_id)}" + (
        f": {cut(trouble, LONGEST_WHY)}" if trouble else "."
    )


def _timeline(console: Console, story: Iterable[Event], life: Life, look: Look, *, wide: bool) -> None:
    from rich.cells import cell_len

    from etl.cli.telling import folded, words

    room = max(look.room or 0, LEAST_ROOM) + BETWEEN
    heading = "What".ljust(room) + "Run" if wide else "What"
    _print(console, ("When (UTC)".ljust(TIME_ROOM) + heading, "bold"))
    before = None
    for event in story:
        line, colour = words(event, life, look)
        first, *rest = folded(line, look.room)
        run = clean(event.run_id) if wide and event.run_id else ""
        aside = (" " * max(BETWEEN, room - cell_len(first)) + run, "dim") if run else ""
        time = (when(event.at).ljust(TIME_ROOM), "dim" if event.at == before else "")
        _print(console, time, (first, colour), aside)
        for more in rest:
            _print(console, " " * TIME_ROOM, (more, colour))
        before = event.at


def _print(console: Console, *parts: tuple[str, str] | str) -> None:
    """One line, never folded; colours where a terminal has them, and none under NO_COLOR."""
    from rich.text import Text

    console.print(Text.assemble(*parts), soft_wrap=True)
