"""What a file of certificate authorities must look like, and the TLS that trusts them besides the system's."""

from __future__ import annotations

import ssl
from pathlib import Path

_LONGEST = 4 * 1024 * 1024


def read_authorities(file: Path) -> str:
    """The file's certificates as PEM text. ValueError says what is wrong without the file's name."""
    try:
        with file.open("rb") as opened:
            text = opened.read(_LONGEST + 1).decode("ascii", "ignore")  # comments between certificates may be anything
    except OSError as error:
        raise ValueError(f"names a file that cannot be read: {error.strerror}") from None
    if len(text) > _LONGEST:
        raise ValueError("names a file that is too large for certificates")
    try:
        context(text)
    except (ssl.SSLError, ValueError):
        raise ValueError("names a file that holds no certificates in PEM form (-----BEGIN CERTIFICATE-----)") from None
    return text


def context(authorities: str) -> ssl.SSLContext:
    """Verifies as always; the system's authorities count as well. Raises ssl.SSLError or ValueError."""
    made = ssl.create_default_context()
    made.load_verify_locations(cadata=authorities)
    return made
