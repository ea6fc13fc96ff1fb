"""What is tried, how often, and the table of what it came to. Started by `run.py`, which says how."""

# ruff: noqa: T201  a script: printing is what it is for

from __future__ import annotations

import argparse
import asyncio
import contextlib
import multiprocessing
import os
import signal
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import asyncpg
import postgres
from torture import accidents, cutter, lane, story, trial
from torture.gate import Ended, NoGate
from torture.judge import SHOWN
from torture.lane import Lane, Setting
from torture.place import Cluster, Place, PostgresPlace, crashable
from torture.trial import Result, Trial

DATABASES = ("sqlite", "postgresql")
OLDER = Path(__file__).resolve().parent.parent / "warehouse" / "recorded"

CONTROL = "wrong-order"
"""This one must report wrong outcomes."""

TITLES = {
    "kill": "sync killed at a disk or network call",
    "migrate": "migrate of a new database killed at a call",
    "upgrade": "migrate of an older database killed at a call",
    "random": "sync killed at a random time",
    "torn": "sync killed inside a write, half of it done",
    "full-disk": "ENOSPC at one write",
    "disk-stays-full": "ENOSPC at every write from one on",
    "disk-errors": "EIO at one read or flush",
    "reset": "ECONNRESET at one network call",
    "stays-reset": "ECONNRESET at every call to a server from one on",
    "server": "database server killed at a call",
    cutter.UNANSWERED: "connection cut after COMMIT, before its answer",
    cutter.SWALLOWED: "connection cut before COMMIT",
    CONTROL: "control: progress written before rows",
}
"""Scenario -> what the table calls it."""

ONLY = {
    "torn": "sqlite",
    "full-disk": "sqlite",
    "disk-stays-full": "sqlite",
    "disk-errors": "sqlite",
    "server": "postgresql",
    cutter.UNANSWERED: "postgresql",
    cutter.SWALLOWED: "postgresql",
}
"""Scenarios of one database."""

REDUCED = {"kill": 12, "migrate": 4, "upgrade": 4, "random": 10, CONTROL: 6}
USUALLY = 2
"""Points of a scenario in the reduced run, those of one database."""

RANDOM_KILLS = 540
"""Of the full run, on each database."""


def main() -> int:
    """Exit code 1 on any wrong outcome, or where the control shows none."""
    chosen = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that servers are stopped
    began = time.monotonic()
    try:
        with _stage(chosen.databases) as stage:
            lines = list(_lines(chosen, stage))
    except NoGate as refused:
        print(f"torture: {refused}")
        return 2
    passed, failed = sum(line.passed for line in lines), sum(line.failed for line in lines)
    print(f"\n{sum(line.tried for line in lines)} points in {time.monotonic() - began:.0f} s, seed {chosen.seed}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="run.py", description="Kill kore-etl wherever it can be killed, and look.")
    parser.add_argument("--full", action="store_true", help="Every point, and 1,080 random kills.")
    parser.add_argument("--database", choices=(*DATABASES, "both"), default="both")
    parser.add_argument("--seed", type=int, default=1, help="Of random times, and of the points of a reduced run.")
    parser.add_argument("--every", type=int, default=1, metavar="K", help="With --full: every K-th point only.")
    parser.add_argument(
        "--random", type=int, default=RANDOM_KILLS, metavar="N", help="With --full: kills per database."
    )
    parser.add_argument("--lanes", type=int, default=os.cpu_count() or 1, help="Trials side by side.")
    parser.add_argument("--scenario", choices=TITLES, action="append", help="Only this one; may be repeated.")
    parser.add_argument("--point", type=int, help="Only this point: repeats one trial.")
    chosen = parser.parse_args()
    chosen.databases = DATABASES if chosen.database == "both" else (chosen.database,)
    chosen.scenarios = chosen.scenario or list(TITLES)
    return chosen


# -- the stage ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything that trials need, running."""

    setting: Setting
    cluster: Cluster | None
    """A server that may be killed."""


@contextlib.contextmanager
def _stage(databases: Sequence[str]) -> Iterator[Stage]:
    """Serve the source, start the servers, and let every database live through the nights before."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kore-etl-torture-")))
        step = stack.enter_context(story.served())
        server, cluster = postgres.Server(0), None
        if "postgresql" in databases:
            server, cluster = stack.enter_context(postgres.running()), stack.enter_context(crashable())
        nights = [step(1)]
        setting = Setting(folder, server, nights[0], ())
        places = {name: place for name, place in setting.places("first").items() if name in databases}
        if cluster is not None:
            places["crashable"] = PostgresPlace(cluster.server, "first")
        _keep_older(places.values())
        for night in range(1, story.NIGHTS + 1):
            nights += [step(night)] if night > 1 else []
            _live_through(setting, places)
        for place in places.values():
            place.keep(trial.TEMPLATE)
        nights.append(step(story.NIGHTS + 1))
        yield Stage(replace(setting, told=nights[-1], nights=tuple(one.listings for one in nights)), cluster)


def _live_through(setting: Setting, places: Mapping[str, Place]) -> None:
    """A night on every database."""
    for name, place in places.items():
        done = setting.command(place, f"first-{name}")("sync")
        if done.code:
            raise RuntimeError(f"A night before the trials ended with {done.code}: {done.said}")


def _keep_older(places: Iterable[Place]) -> None:
    """A template that is a database as the first version of the program left it; then each is empty again."""
    for place in places:
        place.begin(None)
        _older(place)
        place.keep(trial.OLD)
        place.begin(None)


def _older(place: Place) -> None:
    script = (OLDER / f"0001.{place.name}.sql").read_text()
    if place.name == "sqlite":
        with contextlib.closing(sqlite3.connect(place.url.removeprefix("sqlite:///"))) as connection:
            connection.executescript(script)
        return

    async def execute() -> None:
        connection = await asyncpg.connect(place.url)
        await connection.execute(script)
        await connection.close()

    asyncio.run(execute())


# -- the table ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Line:
    """One scenario on one database."""

    scenario: str
    place: str
    points: int
    """That there are."""
    tried: int
    wrong: int
    seconds: float

    @property
    def failed(self) -> int:
        if self.scenario == CONTROL:
            return int(self.wrong == 0)
        return self.wrong

    @property
    def passed(self) -> int:
        return 1 - self.failed if self.scenario == CONTROL else self.tried - self.wrong

    def __str__(self) -> str:
        title, must = TITLES[self.scenario], "  (must not be 0)" if self.scenario == CONTROL else ""
        return (
            f"{title:<50} {self.place:<11}{self.tried:>6} of {self.points:<6}{self.wrong:>6}{self.seconds:>8.0f}{must}"
        )


def _lines(chosen: argparse.Namespace, stage: Stage) -> Iterator[Line]:
    print(f"{'Scenario':<50} {'Database':<11}{'Tried':>6} of {'points':<6}{'Wrong':>6}{'Seconds':>8}", flush=True)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        chosen.lanes, context, initializer=lane.prepare, initargs=(stage.setting, chosen.databases)
    ) as lanes:
        try:
            for scenario, place in _wanted(chosen, on_server=False):
                yield _told(chosen, scenario, place, *_counted(lanes, scenario, place, chosen), _mapped(lanes))
        finally:
            lanes.shutdown(cancel_futures=True)
    yield from _accidents(chosen, stage)


def _wanted(chosen: argparse.Namespace, *, on_server: bool) -> list[tuple[str, str]]:
    accidents_ = ("server", cutter.UNANSWERED, cutter.SWALLOWED)
    return [
        (scenario, place)
        for scenario in TITLES
        for place in chosen.databases
        if scenario in chosen.scenarios and ONLY.get(scenario, place) == place and (scenario in accidents_) == on_server
    ]


Attempts = Callable[[Iterable[Trial]], Iterable[Result]]


def _told(
    chosen: argparse.Namespace, scenario: str, place: str, points: int, seconds: float, attempts: Attempts
) -> Line:
    """Try what is chosen of the points, and print the line."""
    began = time.monotonic()
    trials = [
        _trial(scenario, place, point, seconds, chosen.seed) for point in _points(chosen, scenario, place, points)
    ]
    results = [result for result in attempts(trials) if result.at or result.problems]
    wrong = [result for result in results if result.problems]
    line = Line(scenario, place, points, len(results), len(wrong), time.monotonic() - began)
    print(line, flush=True)
    for result in wrong[:1] if scenario == CONTROL else wrong:
        _explain(result, chosen.seed)
    return line


def _trial(scenario: str, place: str, point: int, seconds: float, seed: int) -> Trial:
    if scenario != "random":
        return Trial(scenario, place, point)
    return Trial(scenario, place, point, kill_after=Random(f"{seed} {place} {point}").uniform(0, seconds))


def _points(chosen: argparse.Namespace, scenario: str, place: str, points: int) -> list[int]:
    """All; every K-th; or a few, spread over the run from a seeded start."""
    if chosen.point is not None:
        return [chosen.point]
    every = list(range(1, points + 1))
    if chosen.full and scenario != CONTROL:
        return every[:: 1 if scenario == "random" else chosen.every]
    few = min(REDUCED.get(scenario, USUALLY) * (5 if chosen.full else 1), points)
    offset = Random(f"{chosen.seed} {scenario} {place}").random()
    return sorted({every[int((number + offset) * points / few)] for number in range(few)})


def _explain(result: Result, seed: int) -> None:
    print(f"  at {result.at}: python tests/torture/run.py {result.trial} --seed {seed}")
    for problem in result.problems[:SHOWN]:
        print(f"    {problem}")
    if len(result.problems) > SHOWN:
        print(f"    and {len(result.problems) - SHOWN} more")


def _counted(lanes: Executor, scenario: str, place: str, chosen: argparse.Namespace) -> tuple[int, float]:
    """How many points a scenario has, and how long its run takes."""
    ended: Ended = lanes.submit(lane.count, place, scenario).result()
    if scenario == "random":
        return (chosen.random if chosen.full else REDUCED[scenario]), ended.seconds
    kinds = trial.kinds(scenario)
    return sum(kinds is None or call.name in kinds for call in ended.calls), ended.seconds


def _mapped(lanes: Executor) -> Attempts:
    def attempts(trials: Iterable[Trial]) -> Iterator[Result]:
        for done in as_completed([lanes.submit(lane.attempt, one) for one in trials]):
            yield done.result()

    return attempts


# -- accidents: one after the other, here ------------------------------------------------------------------------------


def _accidents(chosen: argparse.Namespace, stage: Stage) -> Iterator[Line]:
    wanted = _wanted(chosen, on_server=True)
    if not wanted or stage.cluster is None:
        return
    with cutter.cutting(stage.setting.server.port) as proxy:
        crashed = _lane(stage.setting, PostgresPlace(stage.cluster.server, "crashed"), "crashed")
        cut = _lane(stage.setting, PostgresPlace(stage.setting.server, "cut", proxy.port), "cut")
        for scenario, place in wanted:
            if scenario == "server":
                points = sum(trial.family(call) == "postgresql" for call in crashed.count("sync").calls)
                attempts = _server_dies(stage.cluster, crashed)
            else:
                proxy.arm(0, scenario)
                cut.count("sync")
                points, attempts = proxy.counted(), _commit_is_cut(proxy, cut)
            yield _told(chosen, scenario, place, points, 0, attempts)


def _lane(setting: Setting, place: Place, name: str) -> Lane:
    (setting.folder / name).mkdir()
    return Lane(setting, place, setting.command(place, name))


def _server_dies(cluster: Cluster, here: Lane) -> Attempts:
    return lambda trials: (accidents.server_dies(one, cluster, here.place, here.command, here.known) for one in trials)


def _commit_is_cut(proxy: cutter.Cutter, here: Lane) -> Attempts:
    return lambda trials: (accidents.commit_is_cut(one, proxy, here.place, here.command, here.known) for one in trials)


if __name__ == "__main__":
    raise SystemExit(main())
