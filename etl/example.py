"""The commented example configuration, and how a first `config.toml` is made of it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

_PACKAGED = Path(__file__).parent / "_config.example.toml"
_CHECKOUT = Path(__file__).parent.parent / "config.example.toml"

_KEYS = {
    "host": ("api", "host"),
    "client_id": ("auth", "client_id"),
    "secret_file": ("auth", "client_secret_file"),
    "account_id": ("accounts", "account_id"),
    "app_id": ("accounts", "app_id"),
    "account_name": ("accounts", "name"),
    "warehouse_url": ("warehouse", "url"),
    "password_file": ("warehouse", "password_file"),
}
"""What can be filled in -> the section and key of the example that hold it."""


def example_config(values: Mapping[str, str], more_accounts: Sequence[Mapping[str, str]] = ()) -> str:
    """The example with these values filled in; names are those of `_KEYS`, anything else is a KeyError.

    `more_accounts`: further blocks after the first one, by the same names.
    """
    text = (_PACKAGED if _PACKAGED.exists() else _CHECKOUT).read_text(encoding="utf-8")
    for name, value in values.items():
        text = _filled(text, *_KEYS[name], value)
    head, heading, rest = text.partition("[sync]\n")
    return head + "".join(map(_block, more_accounts)) + heading + rest


def _block(account: Mapping[str, str]) -> str:
    return "".join(
        ["[[accounts]]\n", *(f"{_KEYS[name][1]} = {_quoted(text)}\n" for name, text in account.items()), "\n"]
    )


def _filled(text: str, section: str, key: str, value: str) -> str:
    """The text with one value replaced; the first line of that key below the section's heading is the one meant, though
    it may be a comment so far."""
    line = re.compile(rf'(^\[+{section}\]+\n(?:(?!\[).*\n)*?)(?:# )?({key} = )"[^"\n]*"', re.MULTILINE)
    filled, count = line.subn(lambda found: found[1] + found[2] + _quoted(value), text, count=1)
    if count != 1:
        raise ValueError(f"The example configuration has no line for [{section}] {key}.")
    return filled


def _quoted(value: str) -> str:
    """A TOML string. JSON's escapes are TOML's, but for DEL."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
