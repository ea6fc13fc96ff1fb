"""What a made-up campaign looks like: its fields, in the key order of Kore.ai's samples, from a seeded generator."""

from __future__ import annotations

import base64
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate
from random import Random
from typing import Any

from etl.sandbox import words
from etl.sandbox.listing import Wire

_OLD_STATUSES = (("Completed", 70), ("Stopped", 18), ("Ready", 9), ("Paused", 3))
_RECENT_STATUSES = (
    ("Completed", 40),
    ("Stopped", 14),
    ("Ready", 18),
    ("Active", 14),
    ("Scheduled", 7),
    ("Rescheduled", 3),
    ("Paused", 4),
)
_NEW_STATUSES = (("Ready", 40), ("Preparing", 10), ("Scheduled", 20), ("Active", 30))
_EVER_RUN = frozenset({"Completed", "Stopped", "Active", "Paused"})


def seeded(text: str) -> Random:
    """A generator that gives the same for the same text, on every machine."""
    return Random(text)


def wire_time(moment: datetime) -> str:
    """UTC with milliseconds and `Z`, the documented form."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def wire_id(rng: Random, prefix: str, *, short: bool) -> str:
    """`cd-` and the like plus a UUID-like rest; `short`: seven digits in the first group, as in voice samples."""
    digits = f"{rng.getrandbits(128):032x}"
    first = digits[:7] if short else digits[:8]
    version = "4" if short else "5"
    variant = "89ab"[int(digits[16], 16) % 4]
    return f"{prefix}-{first}-{digits[8:12]}-{version}{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


# -- when campaigns were created --------------------------------------------------------------------------------------


def creation_times(rng: Random, count: int, *, first: datetime, last: datetime) -> list[datetime]:
    """`count` instants in `[first, last]`, ascending: growth, weekends, quiet weeks, bursts by script, exact ties."""
    days = max((last - first).days, 1)
    steps = list(accumulate(_busyness(rng, days)))
    bursts = {day: rng.uniform(7, 19) for day in rng.sample(range(days), max(days // 25, 1))}
    moments: list[datetime] = []
    for _ in range(count):
        if moments and rng.random() < 0.02:
            moments.append(moments[-1])
            continue
        day = min(bisect_right(steps, rng.random() * steps[-1]), days - 1)
        moments.append(first + _within(rng, day, bursts.get(day), (last - first) / days))
    return sorted(min(max(moment, first), last) for moment in moments)


def _busyness(rng: Random, days: int) -> Iterator[float]:
    """A weight per day."""
    quiet_from = rng.randrange(days)
    for day in range(days):
        weight = 0.15 if day % 7 in (5, 6) else 1.0
        if 0 <= day - quiet_from < min(21, days // 10):
            weight = 0.0001
        yield weight * (0.5 + day / days) * (8.0 if rng.random() < 0.03 else rng.uniform(0.4, 1.6))


def _within(rng: Random, day: int, burst_hour: float | None, day_length: timedelta) -> timedelta:
    """Offset of a campaign created on `day`: office hours, or within two minutes when a script made many at once."""
    if burst_hour is not None and rng.random() < 0.8:
        seconds = burst_hour * 3600 + rng.expovariate(1 / 40)
    else:
        seconds = rng.gauss(13, 3.5) * 3600
    share = min(max(seconds / 86400, 0.0), 1.0)
    offset = day * day_length + share * day_length
    return timedelta(milliseconds=offset // timedelta(milliseconds=1))


# -- what they hold ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Life:
    """What happened to a campaign since it was created."""

    status: str
    ran: bool
    created: datetime
    updated: datetime
    instance_updated: datetime


def _weighted(rng: Random, choices: tuple[tuple[str, int], ...]) -> str:
    mark = rng.random() * sum(weight for _, weight in choices)
    for value, weight in choices:
        mark -= weight
        if mark < 0:
            return value
    return choices[-1][0]


def live(rng: Random, created: datetime, last: datetime) -> Life:
    """A plausible life between `created` and `last`, after which nothing was touched."""
    age = last - created
    statuses = _RECENT_STATUSES if age < timedelta(days=14) else _OLD_STATUSES
    if age < timedelta(days=1):
        statuses = _NEW_STATUSES
    status = _weighted(rng, statuses)
    ran = status in _EVER_RUN or (status == "Ready" and rng.random() < 0.15)
    if not ran and rng.random() < 0.6:
        # Three v2 samples were updated 0.2 to 0.4 s before they were created; most untouched ones a moment after.
        updated = created + _milliseconds(rng.randint(-400, -200) if rng.random() < 0.12 else rng.randint(0, 400))
        return Life(status, ran, created, updated, updated)
    updated = min(created + _milliseconds(int(rng.expovariate(1 / 2.5) * 86_400_000)), last)
    if status == "Active":
        updated = max(updated, last - _milliseconds(rng.randrange(3_600_000)))
    updated = max(updated, created)
    apart = _milliseconds(int(rng.gauss(0, 1_200_000))) if ran else timedelta()
    return Life(status, ran, created, updated, min(max(updated + apart, created), last))


def _milliseconds(count: int) -> timedelta:
    return timedelta(milliseconds=count)


def sms(rng: Random, life: Life) -> Wire:
    """An SMS campaign, simple or advanced (v1 and v2 samples). v2-only fields included."""
    purpose, description = rng.choice(words.PURPOSES)
    advanced = rng.random() < 0.3
    record: Wire = {"name": _name(rng, purpose, "SMS"), "description": description, "status": life.status}
    if rng.random() < 0.7:
        record["dncLists"] = {"name": rng.choice(words.DNC_LISTS)}
    record["priority"] = _priority(rng)
    if advanced:
        record["experienceFlow"] = wire_id(rng, "cf", short=False)
    else:
        record["message"] = _message(rng)
    record |= {"createdAt": wire_time(life.created), "updatedAt": wire_time(life.updated)}
    record["schedule"] = _schedule(rng, life)
    record["id"] = wire_id(rng, "cd", short=False)
    record["totalMessagesSent"] = int(rng.lognormvariate(6, 1.6)) if life.ran else 0
    if life.ran:
        record["campaignInstanceId"] = wire_id(rng, "cid", short=False)
    record["campaignInstanceUpdatedAt"] = wire_time(life.instance_updated)
    record["campaignExecutionType"] = "NORMAL"
    record["contactLists"] = _contact_lists(rng)
    record["format"] = "advanced" if advanced else "simple"
    return record


def voice(rng: Random, life: Life) -> Wire:
    """A voice campaign (older and v2 voice samples). v2-only fields included."""
    purpose, description = rng.choice(words.PURPOSES)
    mode = _weighted(rng, (("Progressive", 45), ("Preview", 30), ("Agentless", 25)))
    record: Wire = {
        "_id": wire_id(rng, "cd", short=True),
        "name": _name(rng, purpose, "Voice"),
        "description": description,
        "dncLists": {"id": wire_id(rng, "cl", short=True), "name": rng.choice(words.DNC_LISTS)},
        "priority": _priority(rng),
        "dialingMode": mode,
    }
    if mode == "Agentless":
        record["experienceFlow"] = wire_id(rng, "cf", short=False)
    record |= {"status": life.status, "isFiltersEnabled": rng.random() < 0.1}
    record |= {"createdAt": wire_time(life.created), "updatedAt": wire_time(life.updated)}
    record["schedule"] = _schedule(rng, life)
    if life.ran:
        record["campaignInstanceId"] = wire_id(rng, "cid", short=True)
    record["campaignInstanceUpdatedAt"] = wire_time(life.instance_updated)
    record["connection"] = rng.choice(words.VOICE_FLOWS if mode == "Agentless" else words.QUEUES)
    record["contactLists"] = _contact_lists(rng)
    return record


def _name(rng: Random, purpose: str, kind: str) -> str:
    """At most 48 characters (campaigns page); some names occur again and again."""
    number = str(rng.randint(1, 400)) if rng.random() < 0.8 else ""
    return f"{purpose} {kind} Campaign{number}{rng.choice(words.SEGMENTS)}"[:48]


def _priority(rng: Random) -> str:
    """Text in results though a number in filters; 5 is the default."""
    return "5" if rng.random() < 0.7 else str(rng.randint(1, 4))


def _message(rng: Random) -> dict[str, Any]:
    """The text, mostly base64 whose padding is percent-encoded, sometimes plain as on the v1 page."""
    text = rng.choice(words.TEXTS)
    message: dict[str, Any] = {}
    if rng.random() < 0.3:
        message["template_name"] = rng.choice(words.TEMPLATES)
        message["templateId"] = wire_id(rng, "cmt", short=False) if rng.random() < 0.7 else ""
    plain = rng.random() < 0.2
    message["message"] = text if plain else base64.b64encode(text.encode()).decode().replace("=", "%3D")
    return message


def _schedule(rng: Random, life: Life) -> dict[str, bool]:
    """Two flags, the second often missing; no sample shows more."""
    enabled = life.status in ("Scheduled", "Rescheduled") or rng.random() < 0.15
    schedule = {"isSchedulingEnabled": enabled}
    if rng.random() < 0.55:
        schedule["isRecurrenceEnabled"] = enabled and rng.random() < 0.3
    return schedule


def _contact_lists(rng: Random) -> list[str]:
    """One to ten names (at most ten, says the campaigns page), mostly one or two, many shared between campaigns."""
    count = min(1 + int(rng.expovariate(0.9)), 10)
    return rng.sample(words.CONTACT_LISTS, count)


INVENTORS = {"sms": sms, "voice": voice}
