"""Accidents that are not the command's own: the database server dies, or a commit's answer never comes."""

from __future__ import annotations

from torture import trial
from torture.command import Command
from torture.cutter import Cutter
from torture.gate import Call
from torture.judge import Knowledge
from torture.place import Cluster, Place
from torture.trial import Result, Trial


class _Crash:
    """At a call on the database the server dies; the call itself is made."""

    def __init__(self, point: int, cluster: Cluster) -> None:
        self._left, self._cluster = point, cluster
        self.struck: Call | None = None

    def __call__(self, call: Call) -> object:
        if trial.family(call) == "postgresql":
            self._left -= 1
            if not self._left:
                self.struck = call
                self._cluster.crash()
        return None


def server_dies(one: Trial, cluster: Cluster, place: Place, command: Command, known: Knowledge) -> Result:
    """The server and all its processes are killed, and started again on the same data for the runs that follow."""
    place.begin(trial.TEMPLATE)
    crash = _Crash(one.point, cluster)
    done = command("sync", decide=crash)
    problems = done.complaint((0, 6))
    if crash.struck is not None:
        cluster.start()
    problems += trial.at_once(done, place, known)
    problems += trial.afterwards(place, command, known)
    return Result(one, crash.struck and str(crash.struck), tuple(problems))


def commit_is_cut(one: Trial, cutter: Cutter, place: Place, command: Command, known: Knowledge) -> Result:
    """The run does not learn whether the commit happened."""
    place.begin(trial.TEMPLATE)
    cutter.arm(one.point, one.scenario)
    done = command("sync")
    problems = done.complaint((0, 6))
    reached = cutter.counted() >= one.point
    cutter.arm(0, one.scenario)
    problems += trial.at_once(done, place, known)
    problems += trial.afterwards(place, command, known)
    return Result(one, f"COMMIT {one.point}" if reached else None, tuple(problems))
