"""How a report looks as one HTML page that needs nothing else: values in, text out. Pure.

Everything put into the page is escaped (jinja2's autoescape), and cleaned of what steers text; no script runs but the
three whose digests the page's own policy names, and that policy forbids every request.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from etl.figures import Calendar, DayState, DayStatus, Report, RunPace, ScopeLine
from etl.harmless import clean
from etl.health import STALE_AFTER, Health, age, verdict, worst_first
from etl.model import UNFINISHED_STATUSES, Verdict

if TYPE_CHECKING:
    from jinja2 import Environment

FOLDER = Path(__file__).parent / "report_page"
SCRIPTS = ("vendor/d3.min.js", "vendor/plot.min.js", "charts.js")

CHANNELS = 5_000
"""Rows of the table of channels; what is left out is in better health."""
DOUBTS = 200
LONGEST_NAME = 60
CHANGES = 100

KEYS = {
    DayState.PROVEN: "p",
    DayState.UNPROVEN: "u",
    DayState.OPEN: "o",
    DayState.FAILED: "f",
    DayState.NEVER: "n",
}
"""A letter for each state of a day: in the data, and in the names of the style."""
GLYPHS = {"p": "", "u": "?", "o": "…", "f": "!", "n": ""}
"""So that no state is told by its colour alone."""
MEANS = {
    DayState.PROVEN: "complete",
    DayState.UNPROVEN: "read, but it could not be shown to be complete",
    DayState.OPEN: "campaigns can still appear",
    DayState.FAILED: "could not be read",
    DayState.NEVER: "before history begins, or a gap",
}
TONES = {
    Health.NEVER: "bad",
    Health.UNPROVEN: "bad",
    Health.STALE: "warn",
    Health.REJECTED: "warn",
    Health.GOOD: "good",
}
LIFE = ("Ready", *UNFINISHED_STATUSES, "Stopped", "Completed")
"""Statuses in the order of a campaign's life; others follow by name."""

NIGHT = {
    "inserted": "New",
    "updated": "Changed",
    "unchanged": "Unchanged",
    "revived": "Came back",
    "missing": "Missing",
    "deleted": "Deleted",
    "links_added": "Lists added",
    "links_removed": "Lists removed",
    "rejected": "Rejected",
}


class Script(Struct, frozen=True):
    """A script, and the digest by which the page's policy lets it run."""

    text: str
    digest: str


def render(report: Report) -> str:
    """The whole page."""
    judged = worst_first([_shortened(line) for line in report.scopes], report.asked.now)
    whole = verdict([line for line, _ in judged], report.asked.now)
    context = {
        "scripts": _scripts(),
        "style": _safe("style.css"),
        "version": report.version,
        "warehouse": report.warehouse,
        "now": report.asked.now,
        "days": report.asked.days,
        "verdict": whole,
        "tone": "none" if whole.worst is None else TONES[whole.worst],
        "stale_hours": round(STALE_AFTER.total_seconds() / 3600),
        "names": report.names,
        "running": next((run for run in reversed(report.figures.runs) if run.verdict is Verdict.RUNNING), None),
        "tiles": list(_tiles(report, judged)),
        "sections": _SECTIONS,
        **_coverage(report, judged),
        **_figures(report),
    }
    context["data"] = _data(report, context)
    template = _environment().get_template("page.html.jinja")
    return template.render(context)


_SECTIONS = (
    ("coverage", "Coverage"),
    ("messages", "Messages"),
    ("statuses", "Statuses"),
    ("lists", "Contact lists"),
    ("night", "Last night"),
    ("rejected", "Rejected"),
    ("runs", "Runs"),
)


@cache
def _environment() -> Environment:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_finalized,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": _number, "when": _when, "iso": _iso}
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":")}
    return environment


def _finalized(value: Any) -> Any:
    """Every text that is put into the page passes here; Markup, which is ours, goes on as it is."""
    return clean(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


@cache
def _scripts() -> tuple[Script, ...]:
    texts = [_safe(name) for name in SCRIPTS]
    return tuple(Script(text, base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()) for text in texts)


@cache
def _safe(name: str) -> str:
    """A file of ours that goes into the page as it is."""
    from markupsafe import Markup

    return Markup((FOLDER / name).read_text(encoding="utf-8"))  # noqa: S704  our own files


# -- words and numbers ------------------------------------------------------------------------------------------------


def _number(count: float | None) -> str:
    return "-" if count is None else f"{count:,}" if isinstance(count, int) else f"{count:,.0f}"


def _when(instant: datetime | None) -> str:
    return "never" if instant is None else f"{instant.astimezone(UTC):%Y-%m-%d %H:%M}"


def _iso(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_NAME else text[: LONGEST_NAME - 1] + "…"


def _shortened(line: ScopeLine) -> ScopeLine:
    return ScopeLine(line.scope, _short(line.name), *(getattr(line, name) for name in ScopeLine.__struct_fields__[2:]))


def _took(run: RunPace) -> float | None:
    return None if run.finished_at is None else (run.finished_at - run.started_at).total_seconds()


def _tiles(report: Report, judged: Sequence[tuple[ScopeLine, Health]]) -> Iterator[dict[str, str]]:
    """The six numbers that a person looks for first."""
    now, figures = report.asked.now, report.figures
    proven = sum(one not in (Health.NEVER, Health.UNPROVEN) for _, one in judged)
    yield {"label": "Channels proven", "value": f"{proven:,} of {len(judged):,}", "note": ""}
    until = [line.proven_until for line, one in judged if one not in (Health.NEVER, Health.UNPROVEN)]
    oldest = min((one for one in until if one is not None), default=None)
    behind = f"{age(now - oldest)} ago" if oldest is not None and proven == len(judged) else "not yet"
    yield {"label": "All proven up to", "value": behind, "note": ""}
    yield {"label": "Live campaigns", "value": _number(sum(line.live_rows for line, _ in judged)), "note": ""}
    messages = sum(one.messages for one in figures.messages)
    yield {"label": "Messages seen", "value": _number(messages), "note": f"in {report.asked.days} days"}
    yield {"label": "Rejected, waiting", "value": _number(figures.rejected_in_all), "note": ""}
    last = figures.night
    took = "" if last is None or last.finished_at is None else f"took {age(last.finished_at - last.started_at)}"
    yield {"label": "Last run", "value": "none" if last is None else last.verdict.value, "note": took}


# -- coverage ---------------------------------------------------------------------------------------------------------


def _coverage(report: Report, judged: Sequence[tuple[ScopeLine, Health]]) -> dict[str, Any]:
    lines = {line.scope: (line, health) for line, health in judged}
    doubts = [
        {
            "name": lines[calendar.scope][0].name,
            "channel": calendar.scope.channel.value,
            "start": doubt.interval.start,
            "end": doubt.interval.end,
            "why": doubt.why,
        }
        for calendar in report.calendars
        for doubt in calendar.doubts
    ]
    return {
        "scopes_in_all": len(judged),
        "channels": [_channel(line, health, report.asked.now) for line, health in judged[:CHANNELS]],
        "calendars": [
            {
                "title": f"{lines[one.scope][0].name} {one.scope.channel.value}",
                "health": lines[one.scope][1].value,
                "tone": TONES[lines[one.scope][1]],
            }
            for one in report.calendars
        ],
        "stretches": [row for one in report.calendars for row in _stretches(one, lines[one.scope][0].name, report)],
        "doubts": doubts[:DOUBTS],
        "doubts_in_all": len(doubts),
        "day_states": [(KEYS[state], state.value, MEANS[state]) for state in KEYS],
        "glyphs": GLYPHS,
    }


def _channel(line: ScopeLine, health: Health, now: datetime) -> dict[str, Any]:
    length = None if line.proven_until is None else now - line.proven_until
    return {
        "name": line.name,
        "account_id": "" if line.name == line.scope.account_id else line.scope.account_id,
        "channel": line.scope.channel.value,
        "health": health.value,
        "tone": TONES[health],
        "proven_until": line.proven_until,
        "seconds": 10**12 if length is None else round(length.total_seconds()),
        "age": age(length),
        "live_rows": line.live_rows,
        "unproven": line.unproven_windows,
        "rejects": line.rejects_waiting,
    }


def _first_day(report: Report) -> date:
    return report.asked.now.astimezone(UTC).date() - timedelta(days=report.asked.days - 1)


def _stretches(calendar: Calendar, name: str, report: Report) -> Iterator[dict[str, str]]:
    """A calendar's neighbouring days of one state as one row."""
    first = _first_day(report)
    for state, numbered in groupby(enumerate(calendar.days), key=lambda one: one[1]):
        days = [number for number, _ in numbered]
        yield {
            "name": name,
            "channel": calendar.scope.channel.value,
            "first": (first + timedelta(days=days[0])).isoformat(),
            "last": (first + timedelta(days=days[-1])).isoformat(),
            "state": state.value,
        }


# -- the other sections -----------------------------------------------------------------------------------------------


def _figures(report: Report) -> dict[str, Any]:
    figures, night = report.figures, report.figures.night
    ended = night.finished_at if night else None
    return {
        "messages": figures.messages,
        "statuses": _statuses(figures.statuses),
        "lists": [
            {
                "name": _short(one.name),
                "account": _short(report.names.get(one.account_id, one.account_id)),
                "campaigns": one.campaigns,
                "active": one.active,
                "messages": one.messages,
            }
            for one in figures.lists
        ],
        "lists_in_all": figures.lists_in_all,
        "night": night,
        "night_took": age(ended - night.started_at) if night and ended else "",
        "night_counts": [(label, night.totals[key]) for key, label in NIGHT.items() if key in night.totals]
        if night
        else [],
        "most_changes": CHANGES,
        "rejected": figures.rejected,
        "rejected_in_all": figures.rejected_in_all,
        "runs": [_run(run, report) for run in figures.runs],
        "limit": report.limit,
    }


def _statuses(found: Iterable[DayStatus]) -> dict[str, Any]:
    """A row for each day, a column for each status in the order of a campaign's life."""
    by_day: dict[date, dict[str, int]] = {}
    order: dict[str, tuple[int, str]] = {}
    for one in found:
        name = "all others" if one.status is None else one.status or "no status"
        order[name] = (LIFE.index(name) if name in LIFE else len(LIFE) + (one.status is None), name)
        by_day.setdefault(one.day, {})[name] = by_day.get(one.day, {}).get(name, 0) + one.campaigns
    names = sorted(order, key=lambda name: order[name])
    rows = [
        {"day": day.isoformat(), "counts": [counts.get(name, 0) for name in names]}
        for day, counts in sorted(by_day.items())
    ]
    return {"names": [_short(name) for name in names], "rows": rows}


def _run(run: RunPace, report: Report) -> dict[str, Any]:
    took, busiest = _took(run), run.busiest_account_id
    return {
        "run_id": run.run_id,
        "verb": run.verb,
        "verdict": run.verdict.value,
        "started_at": run.started_at,
        "seconds": -1 if took is None else round(took),
        "took": "-" if took is None else age(timedelta(seconds=took)),
        "requests": run.requests,
        "retries": run.retries,
        "throttled": round(run.throttled_seconds),
        "waited": age(timedelta(seconds=run.throttled_seconds)),
        "busiest": "-" if busiest is None else _short(report.names.get(busiest, busiest)),
        "busiest_requests": run.busiest_requests,
        "rate": run.busiest_requests / max(1.0, run.busiest_seconds / 60),
        "limit": report.limits.get(busiest or "", report.limit),
    }


# -- what the charts draw ---------------------------------------------------------------------------------------------


def _data(report: Report, context: dict[str, Any]) -> dict[str, Any]:
    """The numbers of the charts, as the script reads them; names cleaned, as everywhere."""
    return {
        "first": _first_day(report).isoformat(),
        "glyphs": GLYPHS,
        "states": {KEYS[state]: state.value for state in KEYS},
        "calendars": [
            {"title": clean(shown["title"]), "days": "".join(KEYS[day] for day in calendar.days)}
            for shown, calendar in zip(context["calendars"], report.calendars, strict=True)
        ],
        "messages": [[one.day.isoformat(), one.messages] for one in report.figures.messages],
        "statuses": {
            "names": [clean(name) for name in context["statuses"]["names"]],
            "rows": [[row["day"], *row["counts"]] for row in context["statuses"]["rows"]],
        },
        "lists": [[clean(one["name"]), clean(one["account"]), one["campaigns"]] for one in context["lists"]],
        "runs": [
            [_iso(one["started_at"]), one["seconds"], round(one["rate"], 1), one["limit"], one["verdict"], one["verb"]]
            for one in context["runs"]
        ],
        "limit": report.limit,
    }
