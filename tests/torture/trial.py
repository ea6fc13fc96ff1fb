"""One attempt on the command's life and what it came to: begin, break, look, run again, look, run again, look."""

from __future__ import annotations

import errno
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from torture import judge, schema_look
from torture.command import Command, Done
from torture.gate import KILL, NETWORK, TEAR, Call
from torture.judge import Knowledge
from torture.place import Place
from torture.schema_look import Look

TEMPLATE = "three_nights"
OLD = "older_schema"

ERRORS: Mapping[str, Mapping[str, int]] = {
    "full-disk": {"pwrite64": errno.ENOSPC, "ftruncate": errno.ENOSPC},
    "disk-stays-full": {"pwrite64": errno.ENOSPC, "ftruncate": errno.ENOSPC},
    "disk-errors": {"fsync": errno.EIO, "fdatasync": errno.EIO, "pread64": errno.EIO},
    "reset": dict.fromkeys(NETWORK, errno.ECONNRESET),
    "stays-reset": dict.fromkeys(NETWORK, errno.ECONNRESET),
}
"""Scenario -> call -> the error that it is answered with."""

FOR_GOOD = ("disk-stays-full", "stays-reset")
"""Scenarios in which every later call of that kind on the same target fails as well."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One attempt. `point` counts from 1 what the scenario counts: calls, calls of a kind, commits, or attempts."""

    scenario: str
    place: str
    point: int
    kill_after: float | None = None
    """Seconds; a random time in place of a call."""

    def __str__(self) -> str:
        return f"--scenario {self.scenario} --database {self.place} --point {self.point}"


@dataclass(frozen=True, slots=True)
class Result:
    """What a trial came to. `at`: what was going on; None where the run was over before."""

    trial: Trial
    at: str | None
    problems: tuple[str, ...]


class Breaker(Protocol):
    """Decides about calls, and remembers which one it struck."""

    struck: Call | None

    def __call__(self, call: Call) -> object: ...


class Kill:
    """The child dies at a call."""

    def __init__(self, point: int) -> None:
        self._point = point
        self.struck: Call | None = None

    def __call__(self, call: Call) -> object:
        if call.number != self._point:
            return None
        self.struck = call
        return KILL


class Fail:
    """A call of those that the scenario names fails; with `for_good` so do all later ones on the same target."""

    def __init__(self, scenario: str, point: int) -> None:
        self._errors, self._for_good, self._left = ERRORS[scenario], scenario in FOR_GOOD, point
        self.struck: Call | None = None

    def __call__(self, call: Call) -> object:
        if call.name not in self._errors:
            return None
        if self.struck is not None:
            again = self._for_good and family(call) == family(self.struck)
            return self._errors[call.name] if again else None
        self._left -= 1
        if self._left:
            return None
        self.struck = call
        return self._errors[call.name]


class Tear:
    """The child dies inside a write of the database, half of it done."""

    def __init__(self, point: int) -> None:
        self._left = point
        self.struck: Call | None = None

    def __call__(self, call: Call) -> object:
        if call.name != "pwrite64":
            return None
        self._left -= 1
        if self._left:
            return None
        self.struck = call
        return TEAR


def breaking(trial: Trial) -> Breaker:
    """What breaks the trial's run."""
    if trial.scenario in ERRORS:
        return Fail(trial.scenario, trial.point)
    return Tear(trial.point) if trial.scenario == "torn" else Kill(trial.point)


def kinds(scenario: str) -> Collection[str] | None:
    """The calls that a scenario counts; None: all."""
    return ("pwrite64",) if scenario == "torn" else ERRORS.get(scenario)


def family(call: Call) -> str:
    """`database`, `http` or `postgresql`."""
    return call.target.partition("-")[0]


def codes(scenario: str, struck: Call | None) -> tuple[int, ...]:
    """Exit codes that are right: 6 is the warehouse's; a request is tried again until the source is gone for good."""
    if struck is None:
        return (0,)
    if family(struck) != "http":
        return (0, 6)
    return (0, 1, 5) if scenario in FOR_GOOD else (0,)


# -- the nightly run ---------------------------------------------------------------------------------------------------


def sync(trial: Trial, place: Place, command: Command, first: Command, known: Knowledge) -> Result:
    """Kill or disturb a `sync` (`first`), then let clean ones have their way.

    Random kills are many: half of them are followed at once, without a look between, so that a dead session can still
    be there, and a third of them is followed by a second clean run.
    """
    place.begin(TEMPLATE)
    breaker = breaking(trial)
    random = trial.kill_after is not None
    done = first("sync", kill_after=trial.kill_after) if random else first("sync", decide=breaker)
    killed = done.code == -9 and not done.ended.hung
    problems = [] if killed else done.complaint(codes(trial.scenario, breaker.struck))
    if not random or trial.point % 2:
        problems += at_once(done, place, known)
    problems += afterwards(place, command, known, once_more=not random or trial.point % 3 == 0)
    moment = f"{trial.kill_after:.3f} s" if killed and random else None
    return Result(trial, moment or (breaker.struck and str(breaker.struck)), tuple(problems))


def at_once(done: Done, place: Place, known: Knowledge) -> list[str]:
    """What a broken run leaves; one that says 0 all the same must have brought everything."""
    url = place.look()
    left = judge.left_behind(url, known)
    return left + [f"it said 0, and yet {one}" for one in judge.mended(url, known) if done.code == 0]


def afterwards(place: Place, command: Command, known: Knowledge, *, once_more: bool = True) -> list[str]:
    """What is wrong after a clean run, and after a second one, which confirms deletions, and `gaps`."""
    problems = [f"the next run: {one}" for one in command("sync").complaint((0,))]
    url = place.look()
    problems += [f"after the next run: {one}" for one in judge.mended(url, known) + judge.leases(url)]
    if not once_more:
        return problems
    problems += [f"the run after it: {one}" for one in command("sync").complaint((0,))]
    problems += [f"at last: {one}" for one in judge.settled(place.look(), known)]
    return problems + [f"gaps: {one}" for one in command("gaps").complaint((0,))]


# -- migrate -----------------------------------------------------------------------------------------------------------


def migrate(trial: Trial, place: Place, command: Command, after: Look) -> Result:
    """Kill a `migrate`; what it leaves is the schema before or the one after, and the next one brings the one after."""
    place.begin(beginning(trial.scenario))
    before = schema_look.look(place.look())
    breaker = Kill(trial.point)
    done = command("migrate", decide=breaker)
    problems = [] if breaker.struck else done.complaint((0,))
    left = schema_look.look(place.look())
    if left not in (before, after):
        problems.append(f"the kill left half a schema: {unlike(left, after)} are not as they should be")
    problems += command("migrate").complaint((0,))
    now = schema_look.look(place.look())
    if now != after:
        problems.append(f"after the next migrate {unlike(now, after)} are not as they should be")
    problems += schema_look.differences(place.look())
    return Result(trial, breaker.struck and str(breaker.struck), tuple(problems))


def beginning(scenario: str) -> str | None:
    """The template that a scenario begins with."""
    return {"migrate": None, "upgrade": OLD}.get(scenario, TEMPLATE)


def unlike(one: Look, other: Look) -> str:
    return ", ".join(sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name)))
