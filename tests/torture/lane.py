"""A process that does trials one after the other, with a warehouse of its own on each database."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import postgres
from month.oracle import Scope
from month.told import ask
from torture import judge, schema_look, story, trial
from torture.command import Command, warm
from torture.gate import Ended
from torture.judge import Knowledge
from torture.place import Place, PostgresPlace, SqlitePlace, configured
from torture.trial import Result, Trial

MIGRATIONS = ("migrate", "upgrade")


@dataclass(frozen=True, slots=True)
class Setting:
    """What all lanes share."""

    folder: Path
    server: postgres.Server
    told: story.Told
    """The source as it is served while trials run."""
    nights: tuple[dict[str, dict[str, story.Wire]], ...]
    """What it listed in the nights before, and now."""

    def places(self, name: str) -> dict[str, Place]:
        """A warehouse on each database that nobody else uses."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        return {
            "sqlite": SqlitePlace(folder, self.folder),
            "postgresql": PostgresPlace(self.server, name.replace("-", "_")),
        }

    def command(self, place: Place, name: str) -> Command:
        """The command that syncs the source into that warehouse."""
        folder = self.folder / name / place.name
        config = configured(folder, place.url, self.told.url, self.told.accounts, story.SETTINGS)
        return Command(config, place.watched(self.told.url))


class Lane:
    """Does trials on one database."""

    def __init__(self, setting: Setting, place: Place, command: Command) -> None:
        self._setting, self.place, self.command = setting, place, command
        self._after: dict[str, schema_look.Look] = {}
        for template, verb in ((trial.TEMPLATE, "sync"), (None, "migrate")):
            place.begin(template)
            warm(command, command.config.parent, verb)

    def count(self, scenario: str) -> Ended:
        """An undisturbed run of what the scenario disturbs; for random times one that nobody watches."""
        self.place.begin(trial.beginning(scenario))
        verb = "migrate" if scenario in MIGRATIONS else "sync"
        done = self.command(verb) if scenario == "random" else self.command(verb, decide=lambda _: None)
        if done.code:
            raise RuntimeError(f"An undisturbed run ended with {done.code}: {done.said}")
        self._after[scenario] = schema_look.look(self.place.look())
        return done.ended

    def attempt(self, one: Trial) -> Result:
        """Do a trial of the scenarios that need nothing but the command."""
        if one.scenario in MIGRATIONS:
            if one.scenario not in self._after:
                self.count(one.scenario)
            return trial.migrate(one, self.place, self.command, self._after[one.scenario])
        first = replace(self.command, wrong_order=one.scenario == "wrong-order")
        return trial.sync(one, self.place, self.command, first, self.known)

    @cached_property
    def known(self) -> Knowledge:
        """What is known of the warehouse before the run, and of the source."""
        self.place.begin(trial.TEMPLATE)
        url = self.place.look()
        account = self._setting.told.accounts[0]
        runs = ask(url, "SELECT started_at, finished_at FROM sync_runs ORDER BY started_at")[0]
        return Knowledge(
            scopes={
                channel: Scope(account.account_id, account.app_id, channel) for channel in self._setting.told.listings
            },
            source=self._setting.told.listings,
            template=judge.stored(url),
            template_ended=runs[-1][1],
            nights=tuple(began for began, _ in runs),
            oracle=story.oracle(account, list(self._setting.nights)),
        )


_lanes: dict[str, Lane] = {}


def prepare(setting: Setting, databases: tuple[str, ...]) -> None:
    """In a new process: make its lanes."""
    name = f"lane-{os.getpid()}"
    places: Mapping[str, Place] = setting.places(name)
    for database in databases:
        place = places[database]
        _lanes[database] = Lane(setting, place, setting.command(place, name))


def attempt(one: Trial) -> Result:
    """In a lane's process: do a trial."""
    try:
        return _lanes[one.place].attempt(one)
    except Exception as error:  # noqa: BLE001  a database that cannot be looked at is a wrong outcome, not the end
        return Result(one, "a look at it", (f"{type(error).__name__}: {error}",))


def count(place: str, scenario: str) -> Ended:
    """In a lane's process: count the calls of an undisturbed run."""
    return _lanes[place].count(scenario)
