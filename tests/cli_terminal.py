"""The real command on a pseudo-terminal of a given width."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Mapping, Sequence
from pathlib import Path

CTRL_C = "\x03"
MARK = "\x1e"
ONE_BY_ONE = (
    "import json, sys\n"
    "from etl.cli.main import run\n"
    f"for arguments in json.loads(sys.argv[1]): print(end=f'{MARK}{{run(arguments)}}{MARK}', flush=True)\n"
)


def on_terminal(
    arguments: Sequence[str], folder: Path, *, columns: int = 80, environment: Mapping[str, str] | None = None
) -> tuple[int, str]:
    """Exit code and everything that was drawn, control sequences included."""
    return _drawn(["-m", "etl", *arguments], folder, columns, environment or {})


def talked(
    arguments: Sequence[str], folder: Path, dialogue: Sequence[tuple[str, str]], *, columns: int = 80
) -> tuple[int, str]:
    """The same with a person: each answer is typed once its question has been drawn after the one before. The last one
    may end in CTRL_C, which comes as the signal: this terminal is nobody's controlling one."""
    return _drawn(["-m", "etl", *arguments], folder, columns, {}, dialogue)


def each_on_terminal(commands: Sequence[Sequence[str]], folder: Path, *, columns: int = 80) -> list[tuple[int, str]]:
    """The same of several commands, one after the other in one process: loading the program costs more than they do."""
    _, drawn = _drawn(["-c", ONE_BY_ONE, json.dumps(commands)], folder, columns, {})
    parts = drawn.split(MARK)
    return [(int(code), part) for part, code in zip(parts[:-1:2], parts[1::2], strict=True)]


def _drawn(
    program: Sequence[str],
    folder: Path,
    columns: int,
    environment: Mapping[str, str],
    dialogue: Sequence[tuple[str, str]] = (),
) -> tuple[int, str]:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("KORE_ETL_", "COLUMNS", "LINES"))}
    process = subprocess.Popen(
        [sys.executable, *program],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=folder,
        env=kept | {"TERM": "xterm-256color"} | dict(environment),
    )
    os.close(theirs)
    drawn, answered, left = b"", 0, list(dialogue)
    while chunk := _read(ours, process):
        drawn += chunk
        if left and (place := drawn.find(left[0][0].encode(), answered)) >= 0:
            answered = place + 1
            answer = left.pop(0)[1]
            os.write(ours, answer.removesuffix(CTRL_C).encode())
            if answer.endswith(CTRL_C):
                process.send_signal(signal.SIGINT)
    os.close(ours)
    assert not left, f"never asked: {left[0][0]!r} in {drawn.decode()}"
    return process.wait(60), drawn.decode()


PATIENCE_SECONDS = 60.0


def _read(terminal: int, process: subprocess.Popen[bytes]) -> bytes:
    """What comes next; nothing at the end, or when nothing came for so long that it must be waiting for someone."""
    if not select.select([terminal], [], [], PATIENCE_SECONDS)[0]:
        process.kill()
        return b""
    try:
        return os.read(terminal, 65536)
    except OSError:  # how Linux says that the last writer is gone
        return b""
