"""What a file that holds one secret must look like."""

from __future__ import annotations

import stat
from pathlib import Path

_LONGEST = 64 * 1024


def read_secret(file: Path) -> tuple[str, bool]:
    """The file's only line, and whether others on this machine may read or change it.

    ValueError says what is wrong without the file's name: who mistakes the key writes the secret itself there.
    """
    try:
        mode = file.stat().st_mode
        if not stat.S_ISREG(mode):
            raise ValueError("names something that is not a file")
        with file.open("rb") as opened:
            text = opened.read(_LONGEST + 1).decode().rstrip("\r\n")
    except OSError as error:
        raise ValueError(f"names a file that cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError("names a file that is not UTF-8 text") from None
    if not text.strip() or not text.isprintable() or len(text) > _LONGEST:
        raise ValueError("names a file that does not hold exactly one line of text")
    return text, bool(mode & (stat.S_IRGRP | stat.S_IROTH | stat.S_IWGRP | stat.S_IWOTH))


def is_anybodys(file: Path) -> bool:
    """Whether every user of this machine may change the file. A group may: on many systems it is one's own."""
    return bool(file.stat().st_mode & stat.S_IWOTH)
