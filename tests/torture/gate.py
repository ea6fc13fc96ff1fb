"""How the kernel asks us before each disk and network call of a child: seccomp's user notification, by way of ctypes.

The child puts a filter on itself and hands the other end of it over. From then on every call of its threads that the
filter names waits for an answer: go on, fail with an errno, or none because the child is killed. The calls come in one
order, whichever thread makes them, so that "the 137th" is one point of the run and each of them can be reached; a count
per thread, which is what strace keeps, cannot reach those of a second thread.

Disk calls are reads, writes, flushes, truncations, locks, removals and openings to write; network calls are connects,
sends and receives. Calls that change nothing and tell nothing of data (stat, close, epoll) are no points of their own.
"""

from __future__ import annotations

import array
import contextlib
import ctypes
import errno
import fcntl
import os
import platform
import select
import signal
import socket
import struct
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

# -- numbers of the kernel ---------------------------------------------------------------------------------------------

_MACHINES = {"x86_64": (0xC000003E, 317), "aarch64": (0xC00000B7, 277)}
"""uname's machine -> how seccomp names it, and the number of the call `seccomp`."""

_NUMBERS = {
    "x86_64": {
        "read": 0,
        "write": 1,
        "open": 2,
        "pread64": 17,
        "pwrite64": 18,
        "readv": 19,
        "writev": 20,
        "connect": 42,
        "sendto": 44,
        "recvfrom": 45,
        "sendmsg": 46,
        "recvmsg": 47,
        "fcntl": 72,
        "fsync": 74,
        "fdatasync": 75,
        "ftruncate": 77,
        "rename": 82,
        "unlink": 87,
        "openat": 257,
        "unlinkat": 263,
    },
    "aarch64": {
        "fcntl": 25,
        "unlinkat": 35,
        "renameat": 38,
        "ftruncate": 46,
        "openat": 56,
        "read": 63,
        "write": 64,
        "readv": 65,
        "writev": 66,
        "pread64": 67,
        "pwrite64": 68,
        "fsync": 82,
        "fdatasync": 83,
        "connect": 203,
        "sendto": 206,
        "recvfrom": 207,
        "sendmsg": 211,
        "recvmsg": 212,
    },
}
NETWORK = ("connect", "sendto", "recvfrom", "sendmsg", "recvmsg", "read", "write", "readv", "writev")
"""The last four are how uvloop uses a socket; of anything but a socket of ours they are no points."""

_PATH_ARGUMENT = {"open": 0, "unlink": 0, "rename": 0, "openat": 1, "unlinkat": 1, "renameat": 1}
_FLAGS_ARGUMENT = {"open": 1, "openat": 2}
_TO_WRITE = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_LOCKS = (6, 7, 37, 38)
"""F_SETLK, F_SETLKW and their kin for open files."""

_NO_NEW_PRIVILEGES, _SET_FILTER, _NEW_LISTENER = 38, 1, 1 << 3
_ALLOW, _ASK = 0x7FFF0000, 0x7FC00000
_RECEIVE, _SEND = 0xC0502100, 0xC0182101
_GO_ON = 1
_NOTIFICATION = struct.Struct("=QIIiIQ6Q")
_ANSWER = struct.Struct("=QqiI")

_LOAD, _EQUAL, _ANY_BIT, _RETURN = 0x20, 0x15, 0x45, 0x06
_HANDOVER = 900
"""The child's end of the socket that the filter goes over; messages on it are not asked about."""


class NoGate(Exception):
    """This machine has no such thing."""


# -- the child's side --------------------------------------------------------------------------------------------------


class _Instruction(ctypes.Structure):
    _fields_ = (("code", ctypes.c_ushort), ("yes", ctypes.c_ubyte), ("no", ctypes.c_ubyte), ("value", ctypes.c_uint))


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.POINTER(_Instruction)))


def _argument(number: int) -> int:
    """Where the low half of an argument is (little endian)."""
    return 16 + 8 * number


def _instructions() -> list[tuple[int, int, int, int]]:
    """Ask about the calls of `_NUMBERS`: of opens those to write, of fcntl locks, and of messages all but our own."""
    numbers = _NUMBERS[platform.machine()]
    program = [(_LOAD, 0, 0, 0)]
    for name, number in numbers.items():
        tests: list[tuple[int, int, int, int]] = []
        if name in _FLAGS_ARGUMENT:
            tests = [
                (_LOAD, 0, 0, _argument(_FLAGS_ARGUMENT[name])),
                (_ANY_BIT, 1, 0, _TO_WRITE),
                (_RETURN, 0, 0, _ALLOW),
            ]
        elif name == "fcntl":
            left = range(len(_LOCKS), 0, -1)
            tests = [(_LOAD, 0, 0, _argument(1))]
            tests += [(_EQUAL, skip, 0, lock) for skip, lock in zip(left, _LOCKS, strict=True)]
            tests += [(_RETURN, 0, 0, _ALLOW)]
        elif name == "sendmsg":
            tests = [(_LOAD, 0, 0, _argument(0)), (_EQUAL, 0, 1, _HANDOVER), (_RETURN, 0, 0, _ALLOW)]
        program += [(_EQUAL, 0, len(tests) + 1, number), *tests, (_RETURN, 0, 0, _ASK)]
    return [*program, (_RETURN, 0, 0, _ALLOW)]


def _shut_behind(handover: socket.socket) -> None:
    """In the child: from here on the calls are asked about; the listening end goes to the parent."""
    end = fcntl.fcntl(handover.fileno(), fcntl.F_DUPFD, _HANDOVER)
    handover.close()
    code = _instructions()
    steps = (_Instruction * len(code))(*(_Instruction(*step) for step in code))
    program = _Program(len(code), steps)
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    seccomp = _MACHINES[platform.machine()][1]
    listener = libc.syscall(seccomp, _SET_FILTER, _NEW_LISTENER, ctypes.byref(program))
    with socket.socket(fileno=end) as sent:
        if listener < 0:
            sent.send(os.strerror(ctypes.get_errno()).encode())
            os._exit(99)
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [listener]))]
        sent.sendmsg([b"+"], rights)
    os.close(listener)


# -- our side ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Call:
    """One disk or network call, before it is made."""

    number: int
    """From 1, in the order of the run."""
    name: str
    target: str
    """`database`, `database-wal` and so on, `http`, `postgresql`."""

    def __str__(self) -> str:
        return f"{self.name} on {self.target}"


KILL = object()
"""A decision: the child dies, the call is not made. None lets it go on; an errno makes it fail."""

TEAR = object()
"""A decision about a pwrite64: the child dies when half of it is written."""

Decide = Callable[[Call], object]


@dataclass(slots=True)
class Ended:
    """How a child ended."""

    code: int
    """Exit code, or minus the signal."""
    calls: list[Call] = field(default_factory=list)
    seconds: float = 0
    hung: bool = False


@dataclass(frozen=True, slots=True)
class Watched:
    """What is asked about: the files whose name begins with `file`, and these ports (port -> name)."""

    file: Path | None
    ports: dict[int, str]


def run(body: Callable[[], int], watched: Watched, decide: Decide, *, seconds: float) -> Ended:
    """Fork; the child runs `body` behind the gate and exits with its result. After `seconds` it counts as hung.

    Raises NoGate where the kernel refuses.
    """
    if sys.platform != "linux" or platform.machine() not in _MACHINES:
        raise NoGate(f"The torture harness needs Linux on {' or '.join(_MACHINES)}: it watches system calls.")
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        ours.close()
        _be_child(body, theirs)
    theirs.close()
    with ours:
        listener = _taken_over(ours, pid)
    try:
        return _Guard(pid, listener, watched, decide).watch(seconds)
    finally:
        os.close(listener)


def run_free(body: Callable[[], int], *, seconds: float, kill_after: float | None = None) -> Ended:
    """As `run`, with no gate; killed `kill_after` seconds from now, wherever it is."""
    began = time.monotonic()
    pid = os.fork()
    if pid == 0:
        _be_child(body, None)
    poll = select.poll()
    process = os.pidfd_open(pid)
    poll.register(process, select.POLLIN)
    late = not poll.poll((seconds if kill_after is None else kill_after) * 1000)
    if late:
        os.kill(pid, signal.SIGKILL)
    os.close(process)
    return _reaped(pid, Ended(0, hung=late and kill_after is None), began)


def _reaped(pid: int, ended: Ended, began: float) -> Ended:
    ended.code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    ended.seconds = time.monotonic() - began
    return ended


def _be_child(body: Callable[[], int], handover: socket.socket | None) -> NoReturn:
    code = 98
    try:
        if handover is not None:
            _shut_behind(handover)
        code = body()
    finally:
        os._exit(code)


def _taken_over(ours: socket.socket, pid: int) -> int:
    message, rights, _, _ = ours.recvmsg(200, socket.CMSG_SPACE(4))
    if rights:
        return int.from_bytes(rights[0][2][:4], "little")
    os.waitpid(pid, 0)
    raise NoGate(
        f"The kernel does not let calls be watched ({message.decode() or 'no answer'}): the torture harness needs "
        "Linux 5.9 or newer with seccomp user notification."
    )


class _Guard:
    """Answers for one child."""

    def __init__(self, pid: int, listener: int, watched: Watched, decide: Decide) -> None:
        self._pid, self._listener, self._watched, self._decide = pid, listener, watched, decide
        self._names = {number: name for name, number in _NUMBERS[platform.machine()].items()}
        self._sockets: dict[str, str] = {}
        self._ended = Ended(0)
        self._proc = Path("/proc") / str(pid)
        self._memory = os.open(self._proc / "mem", os.O_RDONLY)

    def watch(self, seconds: float) -> Ended:
        """Answer until the child has ended."""
        began = time.monotonic()
        poll = select.poll()
        poll.register(self._listener, select.POLLIN)
        try:
            while True:
                left = began + seconds - time.monotonic()
                if left <= 0 and not self._ended.hung:
                    self._ended.hung = True
                    os.kill(self._pid, signal.SIGKILL)
                for _, event in poll.poll(max(left, 1) * 1000):
                    if not event & select.POLLIN:
                        return _reaped(self._pid, self._ended, began)
                    self._answer()
        finally:
            os.close(self._memory)

    def _answer(self) -> None:
        asked = bytearray(_NOTIFICATION.size)
        try:
            fcntl.ioctl(self._listener, _RECEIVE, asked)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.EINTR):  # it died while it waited
                return
            raise
        number, _, _, call, _, _, *arguments = _NOTIFICATION.unpack(asked)
        decision = self._decision(self._names[call], arguments)
        if decision is TEAR:
            self._tear(arguments)
        if decision in (KILL, TEAR):
            os.kill(self._pid, signal.SIGKILL)
            return
        answer = (number, 0, 0, _GO_ON) if decision is None else (number, 0, -int(str(decision)), 0)
        with contextlib.suppress(FileNotFoundError):  # it died meanwhile
            fcntl.ioctl(self._listener, _SEND, bytearray(_ANSWER.pack(*answer)))

    def _tear(self, arguments: list[int]) -> None:
        descriptor, address, length, offset = arguments[:4]
        file = os.open(self._proc / "fd" / str(descriptor), os.O_WRONLY)
        os.pwrite(file, os.pread(self._memory, length // 2, address), offset)
        os.close(file)

    def _decision(self, name: str, arguments: list[int]) -> object:
        target = self._socket(name, arguments) if name in NETWORK else self._file(name, arguments)
        if target is None:
            return None
        call = Call(len(self._ended.calls) + 1, name, target)
        self._ended.calls.append(call)
        return self._decide(call)

    def _file(self, name: str, arguments: list[int]) -> str | None:
        wanted = str(self._watched.file)
        if name in _PATH_ARGUMENT:
            path = self._read(arguments[_PATH_ARGUMENT[name]], 4096).partition(b"\0")[0].decode(errors="replace")
        else:
            path = self._opened(arguments[0])
        return f"database{path.removeprefix(wanted)}" if path.startswith(wanted) else None

    def _socket(self, name: str, arguments: list[int]) -> str | None:
        opened = self._opened(arguments[0])
        if name == "connect":
            family, port = struct.unpack("=H", self._read(arguments[1], 2))[0], self._read(arguments[1] + 2, 2)
            known = self._watched.ports.get(int.from_bytes(port, "big"))
            if family in (socket.AF_INET, socket.AF_INET6) and known is not None:
                self._sockets[opened] = known
        return self._sockets.get(opened)

    def _opened(self, descriptor: int) -> str:
        """The path, or `socket:[inode]`."""
        try:
            return str((self._proc / "fd" / str(descriptor & 0xFFFFFFFF)).readlink())
        except OSError:
            return ""

    def _read(self, address: int, length: int) -> bytes:
        """The child's memory, up to the end of the page at least."""
        found = b""
        with contextlib.suppress(OSError):
            while len(found) < length:
                there = address + len(found)
                part = os.pread(self._memory, min(length - len(found), 4096 - there % 4096), there)
                found += part
                if not part or b"\0" in part[2:]:
                    break
        return found
