"""A scripted month in the sandbox: thirty nights of the real command, and history equals the script at every instant.

`story.py` is what happens, `oracle.py` what must be told, `told.py` what the views tell. The clock stands still while a
read runs, so that every border is the instant of a read and can be said as the number of its night.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from month import story
from month.nights import Clock, Nights, nights
from month.oracle import ATTRIBUTES, Oracle, Scope
from month.story import READS, Read, Stage
from month.told import AS_OF, Told, ask, attributes, text

from etl.sandbox.catalogue import CHANNELS
from etl.sandbox.faults import Fault, OfAccount

DATABASES = ("sqlite", "postgresql")


@dataclass(slots=True)
class Month:
    """A month that was played into one warehouse."""

    told: Told
    stage: Stage
    oracle: Oracle = field(default_factory=Oracle)

    def named(self, name: str) -> str:
        """The campaign id of one of the cast."""
        return self.stage.who[name][2]


def play(url: str, folder: Path) -> Month:
    """The month, read by read: the story goes on, the command runs, the oracle hears what there was to read."""
    month = Month(Told(url, {read.at: read.night for read in READS}), story.stage())
    with nights(month.stage.catalogue, url, folder, Clock(READS[0].at)) as run:
        for read in READS:
            run.clock.now = read.at
            story.before(read, month.stage)
            _read(read, run, month)
    return month


def _read(read: Read, run: Nights, month: Month) -> None:
    accounts = month.stage.catalogue.accounts
    run.sandbox.faults = [Fault("drop", on=OfAccount(accounts[number].account_id)) for number in read.down]
    document = run.kore_etl(*read.command)
    assert document["exit_code"] == read.exit_code, (read, document)
    for number, account in enumerate(accounts):
        for channel in CHANNELS:
            if number not in read.down:
                scope = Scope(account.account_id, account.app_id, channel)
                month.oracle.met(read.night, scope, month.stage.records(scope.account_id, channel), read.created)


@pytest.fixture(scope="module")
def months(
    tmp_path_factory: pytest.TempPathFactory, empty_database: Callable[[], Awaitable[str]]
) -> Callable[[str], Month]:
    """The month by database; each is played once."""
    played: dict[str, Month] = {}

    def month(database: str) -> Month:
        if database not in played:
            folder = tmp_path_factory.mktemp(database)
            url = f"sqlite:///{folder}/month.db"
            if database == "postgresql":
                url = asyncio.run(empty_database())
            played[database] = play(url, folder)
        return played[database]

    return month


@pytest.fixture(scope="module", params=DATABASES)
def month(request: pytest.FixtureRequest, months: Callable[[str], Month]) -> Month:
    return months(request.param)


# -- every instant ----------------------------------------------------------------------------------------------------


def asked() -> Iterator[tuple[datetime, float]]:
    """Just before each read, at it, just after, and an hour later; with the night whose copy is the latest then."""
    for before, read in pairwise((None, *READS)):
        if before is not None:
            yield read.at - story.SMALL, before.night
        for later in (timedelta(), story.SMALL, timedelta(hours=1)):
            yield read.at + later, read.night


def test_attributes_at_every_instant_are_those_of_the_source_then(month: Month) -> None:
    """`campaign_versions` as of an instant is the source as the latest read met it, half-open at every border."""
    instants = list(asked())
    answers = ask(month.told.url, *(AS_OF["versions"].format(text(instant)) for instant, _ in instants))
    for (instant, night), rows in zip(instants, answers, strict=True):
        expected = {key: seen.attributes for key, seen in month.oracle.as_of(night).items()}
        assert differences(expected, {row[0]: attributes(row[1:]) for row in rows}) == {}, instant
        assert len(rows) == len(expected), instant


def test_the_function_of_postgresql_tells_the_same(months: Callable[[str], Month]) -> None:
    """`campaigns_as_of(instant)` is that query by a name."""
    month, instants = months("postgresql"), list(asked())
    answers = ask(month.told.url, *(AS_OF["function"].format(text(instant)) for instant, _ in instants))
    for (instant, night), rows in zip(instants, answers, strict=True):
        expected = {key: seen.attributes for key, seen in month.oracle.as_of(night).items()}
        assert differences(expected, {row[0]: attributes(row[1:]) for row in rows}) == {}, instant
        assert len(rows) == len(expected), instant


def test_contact_lists_at_every_instant_are_those_of_the_source_then(month: Month) -> None:
    """Each link once, from the read that saw it until the read that saw it no more, or the deletion."""
    instants = list(asked())
    answers = ask(month.told.url, *(AS_OF["links"].format(text(instant)) for instant, _ in instants))
    for (instant, night), rows in zip(instants, answers, strict=True):
        expected = {(key, name) for key, seen in month.oracle.as_of(night).items() for name in seen.lists or ()}
        assert set(rows) == expected, instant
        assert len(rows) == len(expected), instant


def test_counters_at_every_instant_are_those_of_the_source_then(month: Month) -> None:
    """Of every campaign that lived then: its value and its run."""
    instants = list(asked())
    answers = ask(month.told.url, *(AS_OF["counters"].format(text(instant)) for instant, _ in instants))
    for (instant, night), rows in zip(instants, answers, strict=True):
        living = month.oracle.as_of(night)
        expected = {
            key: (seen.sent, seen.campaign_instance_id) for key, seen in living.items() if seen.sent is not None
        }
        counted = [row for row in rows if row[0] in living]
        assert differences(expected, {row[0]: row[1:] for row in counted}) == {}, instant
        assert len(counted) == len(expected), instant


def differences(expected: dict[str, Any], told: dict[str, Any]) -> dict[str, Any]:
    return {
        key: (expected.get(key), told.get(key))
        for key in expected.keys() | told.keys()
        if expected.get(key) != told.get(key)
    }


# -- whole histories --------------------------------------------------------------------------------------------------


def test_versions_are_the_scripts_to_the_night(month: Month) -> None:
    """One version for each stretch of unchanged attributes, and nothing besides."""
    assert differences(month.oracle.versions(), month.told.versions()) == {}


def test_links_are_the_scripts_to_the_night(month: Month) -> None:
    """One interval for each stretch in which a campaign had a list: other changes do not cut it."""
    assert differences(month.oracle.links(), month.told.links()) == {}


def test_readings_are_the_scripts_to_the_night(month: Month) -> None:
    """A reading for each change of counter or run, with the messages that it shows beyond the one before."""
    assert differences(month.oracle.readings(), month.told.readings()) == {}


def test_daily_messages_are_the_sums_of_what_the_days_readings_show(month: Month) -> None:
    """Per campaign and UTC day of the read; a baseline and a deletion show nothing."""
    expected = {(key, f"2025-03-{day:02d}"): counts for (key, day), counts in month.oracle.daily().items()}
    assert differences(expected, month.told.daily()) == {}
    assert all(counts[0] >= 0 for counts in expected.values())


def test_status_changes_are_the_scripts(month: Month) -> None:
    """Each once, with the name of then; a campaign that comes back with another status changed it too."""
    told = month.told.status_changes()
    assert set(told) == month.oracle.status_changes()
    assert len(told) == len(set(told))


def test_a_live_campaign_has_one_open_version_and_a_deleted_one_none(month: Month) -> None:
    """`live_campaigns` are those of the source at the end, and those that only one read has missed."""
    open_versions = Counter(key for key, drawn in month.told.versions().items() for one in drawn if one.until is None)
    living = month.oracle.as_of(READS[-1].night)
    assert open_versions == Counter(living.keys())
    live = {row[0]: row[1] for row in month.told.rows("SELECT campaign_id, missing_since FROM live_campaigns")}
    assert live.keys() == living.keys()
    source = {campaign_id for name, (*_, campaign_id) in month.stage.who.items() if name not in month.stage.gone}
    assert {key for key, missing_since in live.items() if missing_since is None} == source


def test_intervals_are_never_empty_and_never_overlap(month: Month) -> None:
    """Versions, links and readings follow each other."""
    told = month.told
    for lines in (told.versions(), told.links(), told.readings()):
        for key, line in lines.items():
            assert all(one.until is None or one.since < one.until for one in line), key
            assert all(one.until is not None and one.until <= other.since for one, other in pairwise(line)), key


def test_the_present_is_the_end_of_the_history(month: Month) -> None:
    """`campaign_overview` and `contact_list_usage` agree with the last night."""
    living = month.oracle.as_of(READS[-1].night)
    overview = month.told.rows(
        "SELECT campaign_id, status, total_messages_sent, contact_lists, contact_list_count FROM campaign_overview "
        "WHERE deleted_at IS NULL"
    )
    told = {row[0]: (*row[1:3], json.loads(row[3]), row[4]) for row in overview}
    expected = {
        key: (seen.status, seen.sent, sorted(seen.lists or ()), len(seen.lists or ())) for key, seen in living.items()
    }
    assert differences(expected, told) == {}

    usage = month.told.rows(
        "SELECT account_id, name, campaigns, active_campaigns, messages_sent FROM contact_list_usage"
    )
    for account_id, name, campaigns, active, messages in usage:
        having = [s for s in living.values() if s.scope.account_id == account_id and name in (s.lists or ())]
        assert campaigns == len(having), name
        assert active == sum(seen.status == "Active" for seen in having), name
        assert messages == sum(seen.sent or 0 for seen in having), name


def test_both_databases_tell_the_same(months: Callable[[str], Month]) -> None:
    """Row by row and instant by instant, whatever was asked of a view above."""
    sqlite, postgresql = (months(database).told for database in DATABASES)
    views = (
        "campaign_versions",
        "campaign_contact_list_versions",
        "campaign_counters",
        "campaign_daily_messages",
        "campaign_status_changes",
        "contact_list_usage",
        "campaign_overview",
    )
    for view in views:
        one, other = (told.rows(f"SELECT * FROM {view}") for told in (sqlite, postgresql))
        assert Counter(one) == Counter(other), view


# -- the cast by hand -------------------------------------------------------------------------------------------------


def column(month: Month, name: str, attribute: str) -> list[tuple[float, float | None, Any]]:
    """One attribute of somebody's versions."""
    place = ATTRIBUTES.index(attribute)
    return [(one.since, one.until, one.value[place]) for one in month.told.versions()[month.named(name)]]


def had(month: Month, name: str, list_name: str) -> list[tuple[float, float | None]]:
    """When somebody had a contact list."""
    return [(one.since, one.until) for one in month.told.links().get((month.named(name), list_name), [])]


def counted(month: Month, name: str) -> list[tuple[float, int, int | None, bool]]:
    """Night, counter, messages beyond the reading before, and whether it counts from zero."""
    return [(one.since, one.sent, one.messages, one.is_reset) for one in month.told.readings()[month.named(name)]]


def test_a_campaign_goes_through_its_statuses(month: Month) -> None:
    """Each status from the night that saw it to the next."""
    expected = [(1, 3, "Ready"), (3, 5, "Scheduled"), (5, 8, "Active"), (8, None, "Completed")]
    assert column(month, "completed", "status") == expected


@pytest.mark.parametrize("name", ["undone", "away for an hour", "in another order, counted", "missed once", "growing"])
def test_what_starts_no_version(month: Month, name: str) -> None:
    """Changes undone between two reads, another order of keys, a single missed night, a counter, a stamp."""
    assert column(month, name, "name") == [(1, None, name)]


def test_a_list_that_comes_back_has_two_intervals(month: Month) -> None:
    """And the time without it belongs to neither."""
    assert had(month, "relisted", "VIP | EU/West") == [(3, 10), (18, 25), (28, None)]
    assert had(month, "relisted", "Base") == [(1, 6), (28, None)]
    assert had(month, "without the field", "Base") == [(1, 11)]


def test_a_deletion_needs_two_reads_and_ends_all(month: Month) -> None:
    """Missing in night 5, deleted in 6, back in 14 with new intervals."""
    assert column(month, "deleted and back", "status") == [(1, 3, "Ready"), (3, 6, "Ready"), (14, None, "Active")]
    assert had(month, "deleted and back", "Base") == [(1, 6), (14, None)]
    assert had(month, "deleted and back", "VIP | EU/West") == [(1, 6)]
    assert had(month, "deleted and back", "Gold") == [(14, None)]
    assert counted(month, "deleted and back") == [
        (1, 0, None, False),
        (3, 100, 100, False),
        (14, 160, 60, False),
        (15, 170, 10, False),
    ]
    assert column(month, "back as it was", "status") == [(1, 3, "Ready"), (3, 11, "Ready"), (17, None, "Ready")]
    assert had(month, "back as it was", "Base") == [(1, 11), (17, None)]


def test_a_read_that_did_not_happen_misses_nobody(month: Month) -> None:
    """Night 9 read nothing: what was missing in 8 is deleted in 10 at the earliest, or back; changes show in 10."""
    assert column(month, "missed, nobody answers, back", "status") == [(1, None, "Ready")]
    assert column(month, "missed, nobody answers, deleted", "status") == [(1, 10, "Ready"), (12, None, "Ready")]
    assert column(month, "changed while nobody answers", "name") == [
        (1, 10, "changed while nobody answers"),
        (10, None, "Renamed"),
    ]
    assert column(month, "changed while half is down", "status") == [(1, 21, "Ready"), (21, None, "Active")]
    assert column(month, "changed while the other half is down", "status") == [(1, 20, "Ready"), (20, None, "Active")]


def test_a_backfill_is_a_read_like_any_other_within_its_interval(month: Month) -> None:
    """It sees changes and misses campaigns; what was created outside of it waits for the night."""
    assert column(month, "changed at noon", "status") == [(1, 16.5, "Ready"), (16.5, None, "Active")]
    assert column(month, "changed at noon, not backfilled", "status") == [(1, 17, "Ready"), (17, None, "Active")]
    assert column(month, "deleted at noon", "status") == [(1, 16.5, "Ready"), (19, None, "Ready")]
    assert column(month, "gone at noon", "status") == [(1, 17, "Ready"), (18, None, "Ready")]


def test_reruns_and_falls_count_from_zero(month: Month) -> None:
    """Also where the new run's counter is the larger one; what came without a counter is skipped over."""
    assert counted(month, "run again") == [
        (1, 0, None, False),
        (3, 100, 100, False),
        (5, 180, 80, False),
        (8, 30, 30, True),
        (12, 500, 500, True),
    ]
    assert counted(month, "run again, as many")[2:] == [(6, 70, 70, True), (7, 71, 1, False)]
    assert counted(month, "falling")[2:] == [(7, 40, 40, True), (8, 45, 5, False)]
    assert counted(month, "first counted late") == [(5, 500, None, False), (6, 530, 30, False)]
    assert counted(month, "uncounted") == [
        (1, 0, None, False),
        (3, 100, 100, False),
        (8, 130, 30, False),
        (14, 20, 20, True),
        (19, 25, 25, True),
    ]


def test_two_readings_of_one_day_are_one_days_work(month: Month) -> None:
    """The night's and the backfill's at noon; a night that is late counts on its own day."""
    told = {
        day: counts for (key, day), counts in month.told.daily().items() if key == month.named("counted twice a day")
    }
    assert told == {
        "2025-03-16": (80, 2, 0),
        "2025-03-17": (10, 1, 0),
        "2025-03-24": (5, 1, 0),
        "2025-03-25": (4, 1, 0),
    }


def test_a_campaign_begins_when_it_was_first_seen(month: Month) -> None:
    """Also one of the open tail, one that the failed night missed, and one that slipped into the past."""
    firsts = {
        "newborn": 6,
        "newborn in the open tail": 7,
        "newborn while nobody answers": 10,
        "born into the past": 11,
        "short-lived": 21,
    }
    assert {name: column(month, name, "name")[0][0] for name in firsts} == firsts
    assert month.named("never seen") not in month.told.versions()
    assert [one.until for one in month.told.versions()[month.named("short-lived")]] == [24]
