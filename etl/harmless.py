"""How text from outside is shown so that it cannot steer what shows it: a terminal or a page. Pure."""

from __future__ import annotations

import unicodedata

_UNSAFE = {"Cc", "Cf", "Cs", "Zl", "Zp"}
_JOINERS = "\u200c\u200d"  # harmless, and parts of many an emoji and name


def clean(text: str) -> str:
    """The text with everything that could steer (escapes, bidi marks, newlines) shown as an escape."""
    return "".join(c.encode("unicode_escape").decode() if _steers(c) else c for c in text)


def _steers(character: str) -> bool:
    return unicodedata.category(character) in _UNSAFE and character not in _JOINERS
