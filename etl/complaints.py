"""How a problem with the configuration is told: where it stands, its value unless secret, the remedy. Pure."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from msgspec import Struct, field

PREFIX = "KORE_ETL_"

Keys = Mapping[str, Mapping[str, str]]
"""Section -> key, dotted inside a table -> what is allowed there, in words that follow "must be"."""

_NEVER_SHOWN = {
    "client_secret",
    "client_secret_file",
    "password_file",
    "url",
    "heartbeat_url",
    "pushgateway_url",
}
"""A file's name too: who mistakes the key writes the secret itself there. See `file_name`."""

_WORDS = re.compile(r"(?:(?:[A-Za-z]{1,15}[0-9]{0,3}|[0-9]{1,3})(?:[._/-]+|$))+")


class Place(Struct, frozen=True):
    """Where the configuration came from: a file, if there is one, and the variables that are set."""

    file: Path | None
    variables: frozenset[str]
    rows: Mapping[int, str] = field(default_factory=dict)
    """Accounts that stand elsewhere: their number, and where that is ("accounts.csv line 17")."""

    def of(self, path: Sequence[str | int]) -> str:
        """Where the value at this path of the configuration was written, or would be."""
        if path[0] == "accounts" and path[1:] and int(path[1]) in self.rows:
            return " ".join(filter(None, (self.rows[int(path[1])], _key(path))))
        if path[0] == "accounts" and f"{PREFIX}ACCOUNTS" in self.variables:
            number = f"[{path[1]}]" if path[1:] else ""
            return f"{PREFIX}ACCOUNTS{number}" + (f".{key}" if (key := _key(path)) else "")
        if variable_of(path) in self.variables:
            return variable_of(path)
        return (f"{self.file}: " if self.file else "") + _heading(path)


def variable_of(path: Sequence[str | int]) -> str:
    """The environment variable of a key."""
    return PREFIX + "__".join(str(part).upper() for part in path[:2])


def _key(path: Sequence[str | int]) -> str | None:
    """The key a path leads to, dotted inside a table; None where it leads to a whole section or account."""
    return ".".join([part for part in path[1:] if isinstance(part, str)][:2]) or None


def _heading(path: Sequence[str | int]) -> str:
    section, key = path[0], _key(path)
    if not path[1:]:
        return str(section)
    if section != "accounts":
        return f"[{section}] {key}"
    return f"[[accounts]] number {int(path[1]) + 1}" + (f" {key}" if key else "")


def complaint(
    place: Place, keys: Keys, *, path: Sequence[str | int], kind: str, value: Any = None, detail: str = ""
) -> str:
    """One sentence for one problem that pydantic found; `kind` is its name there, `detail` a validator's own words."""
    where = place.of(path)
    section, key = str(path[0]), _key(path)
    if kind == "extra_forbidden":
        return f"{where}: unknown key; {_nearest(section, key, keys)}"
    if key is None:
        written = f"[[{section}]]" if section == "accounts" else f"[{section}]"
        return f"{where}: must be a table, written {written}."
    allowed = keys[section][key]
    if kind == "missing":
        return f"{where} is missing; it must be {allowed}."
    return f"{where}{_shown(key, value)}: {detail or f'must be {allowed}'}."


def file_name(name: str, path: Sequence[str | int]) -> str:
    """`"name", ` where it is surely a file's: short words between dots, dashes and slashes. Else nothing.

    A Client Secret pasted there is one long run of letters and digits; a database password may look like a word.
    """
    sure = path[-1] == "client_secret_file" and len(name) < 100 and _WORDS.fullmatch(name.lstrip("./"))
    return f"{json.dumps(name)}, " if sure else ""


def unknown_variable(name: str, known: Iterable[str]) -> str:
    """A variable with our prefix that sets nothing; its value is not shown."""
    near = difflib.get_close_matches(name.upper(), list(known), n=1, cutoff=0.7)
    hint = f"did you mean {near[0]}?" if near else f"variables are spelt {PREFIX}SECTION__KEY, as in {PREFIX}API__HOST."
    return f"{name} in the environment: unknown setting; {hint}"


def _shown(key: str, value: Any) -> str:
    if key in _NEVER_SHOWN or not isinstance(value, str | int | float | date) or "@" in str(value):
        return ""
    text = str(value) if isinstance(value, date) else json.dumps(value)
    return f" = {text if len(text) <= 60 else text[:60] + '...'}"


def _nearest(section: str, key: str | None, keys: Keys) -> str:
    """Among the section's keys, else the sections, else every section's keys."""
    here = dict.fromkeys(keys.get(section, {}), "") if key else dict.fromkeys(keys, "")
    elsewhere = {each: f"[{name}] " for name, inner in keys.items() for each in inner}
    if within := [one for one in here if key and "." in key and one.startswith(key.partition(".")[0] + ".")]:
        here, elsewhere = dict.fromkeys(within, ""), {}
    for candidates in (here, elsewhere):
        near = difflib.get_close_matches((key or section).lower(), list(candidates), n=1)
        if near:
            return f"did you mean {candidates[near[0]]}{near[0]}?"
    return f"known here: {', '.join(here)}."
