"""A month of a made-up source: who changes what before which read. A cast with written lives, and a seeded crowd.

A night's number says when: what stands at 9 happens in the hours before night 9 reads; 9.5 would be a second run on
that day. Each life shows one behaviour; the crowd shows that none of it depends on being alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from etl.sandbox.catalogue import CHANNELS, Catalogue, build_catalogue
from etl.sandbox.listing import Row, Wire

FIRST_NIGHT = datetime(2025, 3, 1, tzinfo=UTC)
SMALL = timedelta(microseconds=1)
LATE = timedelta(hours=23, minutes=50)
BACKFILLED = (datetime(2024, 3, 1, tzinfo=UTC), datetime(2024, 10, 1, tzinfo=UTC))
"""The interval of creation that the backfill reads again."""


@dataclass(frozen=True, slots=True)
class Read:
    """One run of the command."""

    night: float
    at: datetime
    down: tuple[int, ...] = ()
    """Numbers of the accounts that do not answer."""
    created: tuple[datetime, datetime] | None = None
    """What a backfill reads; None: a sync, which reads all."""

    @property
    def command(self) -> tuple[str, ...]:
        if self.created is None:
            return ("sync",)
        start, end = self.created
        return ("backfill", "--start", start.isoformat(), "--end", end.isoformat())

    @property
    def exit_code(self) -> int:
        return {0: 0, 1: 1, 2: 5}[len(self.down)]


def _at(night: int, hours: timedelta = timedelta(hours=2, minutes=15)) -> datetime:
    return FIRST_NIGHT + timedelta(days=night - 1) + hours + timedelta(microseconds=7_123_456)


def _reads() -> Iterator[Read]:
    for night in range(1, 31):
        yield Read(night, _at(night, LATE) if night == 24 else _at(night), down={9: (0, 1), 20: (0,)}.get(night, ()))
        if night == 12:
            yield Read(12.5, _at(night, timedelta(hours=6)))
        if night == 16:
            yield Read(16.5, _at(night, timedelta(hours=12)), created=BACKFILLED)


READS = tuple(_reads())
"""Thirty nights, in order. Nobody answers in night 9, the first account not in night 20, night 12 is run twice, a
backfill follows at noon after night 16, and night 24 is late."""


# -- what can happen --------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Stage:
    """The source and who is who in it."""

    catalogue: Catalogue
    who: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    """Name -> account, channel and campaign id."""
    gone: dict[str, Row] = field(default_factory=dict)

    def records(self, account_id: str, channel: str) -> dict[str, Wire]:
        """What the source lists, by campaign id."""
        listed = self.catalogue.listing(account_id, channel)
        return {record.get("id") or record["_id"]: record for record in listed}

    def row(self, name: str) -> Row:
        account_id, channel, campaign_id = self.who[name]
        return self.catalogue.of(account_id, channel).rows[campaign_id]

    def put(self, name: str, row: Row) -> None:
        account_id, channel, _ = self.who[name]
        self.catalogue.of(account_id, channel).put(row)

    def update(self, name: str, now: datetime | None, /, **fields: Any) -> None:
        self.catalogue.update(*self.who[name], now=now, **fields)


Act = Callable[[Stage, str, datetime], None]


def sets(**fields: Any) -> Act:
    """Wire fields change; `...` takes one away."""
    return lambda stage, name, now: stage.update(name, now, **fields)


def silently(**fields: Any) -> Act:
    """Wire fields change and `updatedAt` does not tell."""
    return lambda stage, name, _: stage.update(name, None, **fields)


def lists(*names: str) -> Act:
    return sets(contactLists=list(names))


def sent(total: int, instance: str | None = None) -> Act:
    """The counter stands at `total`; with `instance`: of that run of the campaign."""
    return sets(totalMessagesSent=total, **({} if instance is None else {"campaignInstanceId": instance}))


def touched() -> Act:
    """Nothing changes but `updatedAt`."""
    return sets()


def vanishes() -> Act:
    def act(stage: Stage, name: str, now: datetime) -> None:
        stage.gone[name] = stage.row(name)
        stage.catalogue.delete(*stage.who[name])

    return act


def returns(**fields: Any) -> Act:
    """The same id is back, as it was but for these fields."""

    def act(stage: Stage, name: str, now: datetime) -> None:
        stage.put(name, stage.gone.pop(name))
        if fields:
            stage.update(name, now, **fields)

    return act


def appears(*, ago: timedelta = timedelta(hours=2), **fields: Any) -> Act:
    """The campaign is created, so long before the read."""

    def act(stage: Stage, name: str, now: datetime) -> None:
        role, read_at = CAST[name], now + BEFORE
        account_id = stage.catalogue.accounts[role.account].account_id
        campaign_id = stage.catalogue.insert(
            account_id, role.channel, created_at=read_at - ago, now=read_at - min(ago, BEFORE), name=name, **fields
        )
        stage.who[name] = (account_id, role.channel, campaign_id)

    return act


def shuffled() -> Act:
    """The same record in another order of keys, inside the schedule too."""

    def act(stage: Stage, name: str, now: datetime) -> None:
        row = stage.row(name)
        record = dict(reversed(row.record.items()))
        record["schedule"] = dict(reversed(record["schedule"].items()))
        stage.put(name, Row(row.campaign_id, record))

    return act


def undone(act_: Act) -> Act:
    """It happens, and the record is put back as it was."""

    def act(stage: Stage, name: str, now: datetime) -> None:
        row = stage.row(name)
        act_(stage, name, now - BEFORE)
        stage.put(name, row)

    return act


def both(*acts: Act) -> Act:
    def act(stage: Stage, name: str, now: datetime) -> None:
        for one in acts:
            one(stage, name, now)

    return act


# -- the cast ---------------------------------------------------------------------------------------------------------

BEFORE = timedelta(hours=1)
"""How long before a read things happen."""
MINUTE = timedelta(minutes=1)
OLD = timedelta(days=700)

START: Mapping[str, Any] = {
    "description": "",
    "status": "Ready",
    "contactLists": ["Base"],
    "campaignInstanceId": ...,
    "schedule": {"isSchedulingEnabled": False, "isRecurrenceEnabled": False},
}
"""How everybody begins, created outside of what the backfill reads."""


@dataclass(frozen=True, slots=True)
class Role:
    """One campaign's place and life."""

    account: int
    channel: str
    life: Mapping[float, Act]
    start: Mapping[str, Any] | None
    """How it differs from START when the month begins; None: it does not exist yet."""


def sms(account: int, life: Mapping[float, Act], **start: Any) -> Role:
    return Role(account, "sms", life, {"totalMessagesSent": 0, **start})


def voice(account: int, life: Mapping[float, Act], **start: Any) -> Role:
    return Role(account, "voice", life, start)


def born(account: int, channel: str, life: Mapping[float, Act]) -> Role:
    return Role(account, channel, life, None)


_INSIDE = "2024-06-01T08:00:00.000Z"

CAST: Mapping[str, Role] = {
    # attributes
    "completed": sms(
        0,
        {
            3: sets(status="Scheduled"),
            5: sets(status="Active", campaignInstanceId="cid-1"),
            8: sets(status="Completed"),
        },
    ),
    "stopped": voice(1, {4: sets(status="Active"), 6: sets(status="Paused"), 7: sets(status="Stopped")}),
    "of a new status": sms(1, {14: sets(status="Archived v2")}),
    "renamed": voice(0, {3: sets(name="Renamed"), 11: sets(name="Renamed again"), 19: sets(name="renamed")}),
    "described": sms(0, {5: sets(description="Now described"), 14: silently(description="Silently"), 22: touched()}),
    "of all fields": sms(
        1,
        {
            4: sets(priority="1"),
            6: sets(message={"message": "Now in plain words"}),
            8: sets(schedule={"isSchedulingEnabled": True}),
            10: sets(campaignExecutionType="RECURRING"),
            18: sets(description=None),
        },
        format="simple",
        experienceFlow=...,
    ),
    "in another queue": voice(1, {6: sets(connection="Another queue", dialingMode="Preview")}),
    "back again": voice(0, {4: sets(status="Active"), 5: sets(status="Ready"), 6: sets(status="Active")}),
    # what no read can see
    "undone": sms(0, {7: undone(sets(name="For an hour", contactLists=[])), 20: undone(sets(status="Stopped"))}),
    "undone but touched": voice(1, {15: both(undone(sets(name="For an hour")), touched())}),
    "away for an hour": sms(1, {10: both(vanishes(), returns()), 16.5: both(vanishes(), returns())}),
    "in another order": voice(0, {5: shuffled(), 21: both(shuffled(), touched())}),
    "in another order, counted": sms(1, {5: both(shuffled(), sent(5)), 8: both(lists("Base"), shuffled(), sent(9))}),
    # contact lists
    "relisted": sms(
        0,
        {
            3: lists("Base", "VIP | EU/West"),
            6: lists("VIP | EU/West"),
            10: lists("Gold"),
            18: lists("VIP | EU/West"),
            25: lists(),
            28: lists("VIP | EU/West", "Base"),
        },
    ),
    "listed in another order": voice(0, {6: sets(contactLists=["B", "A"])}, contactLists=["A", "B"]),
    "relisted and renamed": voice(1, {13: sets(name="Renamed", contactLists=["Gold", "Base"])}),
    "listed nowhere": sms(1, {9: lists("Gold"), 13: lists()}, contactLists=None),
    "without the field": voice(1, {6: sets(contactLists=...), 7: sets(name="Renamed"), 11: lists("Gold")}),
    # counters
    "growing": sms(
        0,
        {3: sent(10), 4: sent(25), 5: touched(), 8: sent(400), 24: sent(401)},
        campaignInstanceId="cid-1",
        status="Active",
    ),
    "first counted late": sms(1, {5: sent(500, "cid-1"), 6: sent(530)}, totalMessagesSent=...),
    "run again": sms(1, {3: sent(100, "cid-1"), 5: sent(180), 8: sent(30, "cid-2"), 12: sent(500, "cid-3")}),
    "run again, as many": sms(0, {4: sent(70, "cid-1"), 6: sent(70, "cid-2"), 7: sent(71)}),
    "falling": sms(0, {3: sent(100, "cid-1"), 7: sent(40), 8: sent(45)}),
    "uncounted": sms(
        0,
        {
            3: sent(100, "cid-1"),
            6: sets(totalMessagesSent=...),
            8: sent(130),
            11: sets(totalMessagesSent=None),
            12: touched(),
            14: sent(20),
            18: both(sets(totalMessagesSent=...), sets(status="Stopped")),
            19: sent(25, "cid-2"),
        },
    ),
    "of an unknown run": sms(
        1,
        {
            3: sent(100, "cid-1"),
            5: both(sent(120), sets(campaignInstanceId=...)),
            7: sent(150, "cid-2"),
            9: sent(10),
            11: sent(160, "cid-3"),
        },
    ),
    "counted twice a day": sms(
        0, {16: sent(50, "cid-1"), 16.5: sent(80), 17: sent(90), 24: sent(95), 25: sent(99)}, createdAt=_INSIDE
    ),
    "a voice that is run again": voice(
        0, {3: sets(campaignInstanceId="cid-1", status="Active"), 9: sets(campaignInstanceId="cid-2")}
    ),
    # gone and back
    "deleted": sms(0, {4: sent(10, "cid-1"), 6: vanishes()}),
    "deleted and back": sms(
        1,
        {
            3: sent(100, "cid-1"),
            5: vanishes(),
            14: returns(name="Back", status="Active", contactLists=["Base", "Gold"], totalMessagesSent=160),
            15: sent(170),
        },
        contactLists=["Base", "VIP | EU/West"],
    ),
    "back as it was": sms(0, {3: sent(100, "cid-1"), 10: vanishes(), 17: returns()}),
    "back, later changed": voice(0, {10: vanishes(), 14: returns(), 17: sets(name="Changed", contactLists=["Gold"])}),
    "back the very next night": voice(1, {18: vanishes(), 20: returns()}, contactLists=["Base", "Gold"]),
    "back from a rerun": sms(1, {4: sent(80, "cid-1"), 11: vanishes(), 15: returns(campaignInstanceId="cid-2")}),
    "missed once": sms(1, {13: vanishes(), 14: returns()}),
    "missed once, changed": voice(0, {13: vanishes(), 14: returns(status="Active", contactLists=["Gold"])}),
    "missed, nobody answers, back": voice(1, {8: vanishes(), 10: returns()}),
    "missed, nobody answers, deleted": voice(0, {8: vanishes(), 12: returns()}),
    "missed twice on one day": sms(1, {12: vanishes(), 14: returns()}),
    "deleted at noon": sms(0, {16: vanishes(), 19: returns()}, createdAt=_INSIDE),
    "gone at noon": sms(1, {16.5: vanishes(), 18: returns()}, createdAt=_INSIDE),
    "deleted twice": voice(1, {3: vanishes(), 6: returns(), 21: vanishes(), 26: returns(name="Third life")}),
    "gone at last": voice(0, {30: vanishes()}),
    # nights that are different
    "changed while nobody answers": sms(0, {9: sets(name="Renamed", contactLists=["Gold"], totalMessagesSent=7)}),
    "changed and undone while nobody answers": sms(1, {9: sets(name="Renamed"), 10: sets(name="as it was")}),
    "changed while half is down": voice(0, {20: sets(status="Active")}),
    "changed while the other half is down": voice(1, {20: sets(status="Active")}),
    "changed at noon": sms(1, {16.5: sets(status="Active", contactLists=["Gold"])}, createdAt=_INSIDE),
    "changed at noon, not backfilled": sms(0, {16.5: sets(status="Active", contactLists=["Gold"])}),
    "changed late": voice(0, {24: sets(status="Active"), 25: sets(status="Completed")}),
    # created during the month
    "newborn": born(1, "sms", {6: appears(totalMessagesSent=0, contactLists=["Base"]), 8: sent(12, "cid-1")}),
    "newborn in the open tail": born(0, "voice", {7: appears(ago=MINUTE), 9: sets(status="Active")}),
    "newborn while nobody answers": born(1, "voice", {9: appears(contactLists=["Gold"])}),
    "born into the past": born(0, "sms", {11: appears(ago=OLD, totalMessagesSent=300), 13: sent(320)}),
    "short-lived": born(1, "sms", {21: appears(totalMessagesSent=5), 23: vanishes()}),
    "never seen": born(0, "voice", {9: appears(), 10: vanishes()}),
}


# -- the stage --------------------------------------------------------------------------------------------------------


def stage(*, campaigns: int = 40) -> Stage:
    """Two accounts, `campaigns` per channel, the cast among them."""
    set_up = Stage(build_catalogue(accounts=2, campaigns=campaigns, now=FIRST_NIGHT))
    for account in set_up.catalogue.accounts:
        for channel in CHANNELS:
            for campaign_id in set_up.records(account.account_id, channel):
                set_up.who[campaign_id] = (account.account_id, channel, campaign_id)
    for place, (name, role) in enumerate(CAST.items()):
        if role.start is not None:
            _cast(set_up, place, name, role, role.start)
    return set_up


def _cast(set_up: Stage, place: int, name: str, role: Role, start: Mapping[str, Any]) -> None:
    """The role takes the place of somebody of the crowd."""
    account_id = set_up.catalogue.accounts[role.account].account_id
    strangers = sorted(key for key, where in set_up.who.items() if where == (account_id, role.channel, key))
    set_up.who[name] = set_up.who.pop(strangers[0])
    created = {"createdAt": f"2023-06-01T08:{place:02d}:00.000Z"}
    set_up.update(name, FIRST_NIGHT - timedelta(days=9), **{"name": name, **created, **START, **start})


def before(read: Read, set_up: Stage) -> None:
    """What happens before this read, since the one before it."""
    now = read.at - BEFORE
    now = now.replace(microsecond=now.microsecond // 1000 * 1000)
    for name, role in CAST.items():
        if read.night in role.life:
            role.life[read.night](set_up, name, now)
    if read.night not in (1, 2, 12.5):  # the first load, an unchanged night, a night run twice
        _crowd(read, set_up, now)


# -- the crowd --------------------------------------------------------------------------------------------------------

_NEXT_STATUS = {
    "Ready": ("Scheduled", "Active"),
    "Scheduled": ("Active", "Ready"),
    "Active": ("Completed", "Stopped", "Paused"),
    "Paused": ("Active", "Stopped"),
    "Completed": ("Active",),
    "Stopped": ("Ready",),
}
_LISTS = ("Base", "Gold", "VIP | EU/West", "Opt-ins 2025/03", "Zürich ⛰")


def _crowd(read: Read, set_up: Stage, now: datetime) -> None:
    """A tenth of the others do something at random, the same whenever the month is played."""
    rng = Random(f"crowd/{read.night}")
    for name in sorted(set_up.who.keys() - CAST.keys()):
        if name in set_up.gone:
            if rng.random() < 0.25:
                rng.choice((returns(), returns(status="Ready"), returns(contactLists=["Gold"])))(set_up, name, now)
        elif rng.random() < 0.1:
            _something(rng, set_up.row(name).record)(set_up, name, now)


def _something(rng: Random, record: Wire) -> Act:
    counter = record.get("totalMessagesSent")
    acts = [
        sets(name=f"{record['name']} {rng.randrange(9)}"),
        sets(description=f"Described {rng.randrange(9)}"),
        lists(*rng.sample(_LISTS, rng.randrange(3))),
        lists(*record["contactLists"][1:], "Opt-ins 2025/03"),
        _moved_on(rng, record),
        touched(),
        shuffled(),
        vanishes(),
    ]
    if counter is not None:
        grown = sent(counter + rng.randrange(1, 500))
        acts += [grown, grown, grown, sent(rng.randrange(600), f"cid-{rng.randrange(10**6)}"), sent(counter // 2)]
    return rng.choice(acts)


def _moved_on(rng: Random, record: Wire) -> Act:
    return sets(status=rng.choice(_NEXT_STATUS.get(record["status"], ("Ready",))))
