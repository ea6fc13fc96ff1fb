"""The real command on a pseudo-terminal of a given width."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from collections.abc import Mapping
from pathlib import Path


def on_terminal(
    arguments: list[str], folder: Path, *, columns: int = 80, environment: Mapping[str, str] | None = None
) -> tuple[int, str]:
    """Exit code and everything that was drawn, control sequences included."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("KORE_ETL_", "COLUMNS", "LINES"))}
    process = subprocess.Popen(
        [sys.executable, "-m", "etl", *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=folder,
        env=kept | {"TERM": "xterm-256color"} | dict(environment or {}),
    )
    os.close(theirs)
    drawn = b""
    while chunk := _read(ours):
        drawn += chunk
    os.close(ours)
    return process.wait(30), drawn.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # how Linux says that the last writer is gone
        return b""
