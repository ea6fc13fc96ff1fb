"""Who holds a lease, as text, and whether that process has provably ended.

Proof is possible only on the same boot of the same kernel and in the same process namespace: there a process id names
one process, and its start time tells it from a later one with the same id. Everywhere else a holder counts as alive.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path

from msgspec import Struct

_PROC = Path("/proc")


class Holder(Struct, frozen=True):
    """A process. `boot`, `namespace` and `start` are empty where the system does not tell."""

    host: str
    pid: int
    start: str
    boot: str
    namespace: str

    def __str__(self) -> str:
        return f"host={self.host} pid={self.pid} start={self.start} boot={self.boot} pidns={self.namespace}"


def myself() -> Holder:
    """This process."""
    pid = os.getpid()
    state = _state_and_start(pid)
    return Holder(
        host="".join(socket.gethostname().split()),
        pid=pid,
        start=state[1] if state else "",
        boot=_boot(),
        namespace=_namespace(),
    )


def parse(text: str) -> Holder | None:
    """The holder that `str` wrote; None for anything else."""
    fields = dict(part.partition("=")[::2] for part in text.split())
    if not fields.keys() >= {"host", "pid", "start", "boot", "pidns"} or not fields["pid"].isdecimal():
        return None
    return Holder(fields["host"], int(fields["pid"]), fields["start"], fields["boot"], fields["pidns"])


def provably_dead(holder: Holder, me: Holder) -> bool:
    """Whether `holder` ended, seen from `me`, this process."""
    if not can_be_seen(holder, me):
        return False
    if not _exists(holder.pid):
        return True
    state = _state_and_start(holder.pid)
    if state is None:
        return False
    return state[0] in ("Z", "X") or state[1] != holder.start


def can_be_seen(holder: Holder, me: Holder) -> bool:
    """Whether `me` can tell of `holder` that it ended, or that it did not."""
    known = bool(holder.start and holder.boot and holder.namespace)
    return known and (holder.boot, holder.namespace) == (me.boot, me.namespace)


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _state_and_start(pid: int) -> tuple[str, str] | None:
    """The process's state letter and its start in clock ticks after boot (proc(5), fields 3 and 22)."""
    try:
        text = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    fields = text[text.rindex(")") + 2 :].split()  # the name in parentheses may hold anything
    return fields[0], fields[19]


def _boot() -> str:
    try:
        return (_PROC / "sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _namespace() -> str:
    try:
        return str((_PROC / "self/ns/pid").stat().st_ino)
    except OSError:
        return ""
