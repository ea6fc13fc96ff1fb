"""What the campaigns of the bench's source look like: SMS records shaped like the API page's samples, about 1 KB each.

Seeded: the same arguments make the same bytes. Sizes and numbers are those of `Workload`; statuses are mostly finished
ones, as in a history of years.
"""

from __future__ import annotations

import json
import random
from array import array
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

YEARS = 4
DAY_MS = 86_400_000

FINISHED = ("Completed",) * 40 + ("Stopped",) * 6 + ("Ready",) * 3
UNFINISHED = ("Active", "Paused", "Scheduled")
LISTS_OF_A_CAMPAIGN = (1,) * 7 + (2,) * 6 + (3,) * 4 + (4,) * 2 + (5,)
"""2.2 on average."""

TEXT = (
    "renewal customers reminder order status appointment your account raise tickets café help Kunden für via link "
    "instructions support event launch winter summer line break offer today delivery payment overdue survey"
)
WORDS = TEXT.split()
ESCAPED = ("now.\\n", '\\"today\\"', "and\\\\or", "caf\\u00e9")
"""In JSON's spelling: a line break, quotes, a backslash, a letter by its number."""

SIMPLE = b'"message":{"message":"%s"}'
ADVANCED = b'"experienceFlow":"cf-%s"'
RECORD = (
    b'{"name":"%s","description":"%s","status":"%s","priority":"%d",%s,"createdAt":"%s","updatedAt":"%s",'
    b'"schedule":{"isSchedulingEnabled":%s,"isRecurrenceEnabled":%s},"id":"cd-%s","totalMessagesSent":%d,'
    b'"campaignInstanceUpdatedAt":"%s","campaignInstanceId":"ci-%s","campaignExecutionType":"NORMAL",'
    b'"contactLists":[%s],"format":"%s"}'
)


@dataclass(slots=True)
class Account:
    """One account's campaigns in ascending `createdAt`; times in epoch milliseconds, records as they go on the wire."""

    account_id: str
    app_id: str
    records: list[bytes] = field(default_factory=list)
    created: array[int] = field(default_factory=lambda: array("q"))
    updated: array[int] = field(default_factory=lambda: array("q"))
    statuses: list[str] = field(default_factory=list)

    def change(self, index: int, now_ms: int) -> None:
        """Renamed, updated now, and one more message sent."""
        record: dict[str, Any] = json.loads(self.records[index])
        record["name"] = f"Changed {record['name']}"
        record["updatedAt"] = record["campaignInstanceUpdatedAt"] = stamp(now_ms)
        record["totalMessagesSent"] += 1
        self.records[index] = json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode()
        self.updated[index] = now_ms


def stamp(epoch_ms: int) -> str:
    """`YYYY-MM-DDTHH:mm:ss.sssZ`."""
    return datetime.fromtimestamp(epoch_ms / 1000, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def epoch_ms(text: str) -> int:
    """The instant of a wire date."""
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def name_of(number: int) -> tuple[str, str]:
    """The account id and app id of the source's account of this number."""
    return f"{number:04d}7777ce93e25326494e9", f"st-{number:04d}182c-7ffb-53c3-b307-47ca14b9"


def invented(number: int, campaigns: int, now_ms: int) -> Account:
    """One account with that many campaigns, the newest a day old."""
    draw = random.Random(number)
    account = Account(*name_of(number))
    texts = [_sentence(draw, 150, 250) for _ in range(200)]
    messages = [SIMPLE % _sentence(draw, 150, 320) for _ in range(200)]
    lists = [b'"%s / %d"' % (_sentence(draw, 10, 36), which) for which in range(150)]
    span = YEARS * 365 * DAY_MS
    for index in range(campaigns):
        created = now_ms - DAY_MS - span + span * index // campaigns
        updated = min(created + draw.randrange(20 * DAY_MS), now_ms - DAY_MS // 2)
        status = draw.choice(UNFINISHED if draw.random() < 0.01 else FINISHED)
        account.records.append(_record(draw, texts, messages, lists, index, created, updated, status))
        account.created.append(created)
        account.updated.append(updated)
        account.statuses.append(status)
    return account


def _record(
    draw: random.Random,
    texts: list[bytes],
    messages: list[bytes],
    lists: list[bytes],
    index: int,
    created: int,
    updated: int,
    status: str,
) -> bytes:
    bits = draw.getrandbits(384)
    simple = bits & 3
    touched = stamp(updated).encode()
    return RECORD % (
        b"%s Campaign %d" % (texts[bits % 199][:30].rpartition(b" ")[0], index),
        texts[bits % 200],
        status.encode(),
        1 + (bits >> 3) % 5,
        messages[bits % 197] if simple else ADVANCED % _uuid(bits >> 16),
        stamp(created).encode(),
        touched,
        b"true" if bits & 16 else b"false",
        b"true" if bits & 32 else b"false",
        _uuid(bits >> 128),
        (bits >> 8) % 20_000,
        touched,
        _uuid(bits >> 256),
        b",".join(draw.sample(lists, draw.choice(LISTS_OF_A_CAMPAIGN))),
        b"simple" if simple else b"advanced",
    )


def _uuid(bits: int) -> bytes:
    digits = b"%032x" % (bits & (2**128 - 1))
    return b"-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _sentence(draw: random.Random, shortest: int, longest: int) -> bytes:
    """Words in JSON's spelling; one sentence in ten holds something escaped."""
    length, words = draw.randrange(shortest, longest), [draw.choice(WORDS).capitalize()]
    if draw.random() < 0.1:
        words.append(draw.choice(ESCAPED))
    while len(" ".join(words)) < length:
        words.append(draw.choice(WORDS))
    return " ".join(words).encode()
