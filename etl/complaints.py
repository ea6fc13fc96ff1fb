"""How a problem with the configuration is told: where it stands, its value unless secret, the remedy. Pure."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

PREFIX = "KORE_ETL_"

Keys = Mapping[str, Mapping[str, str]]
"""Section -> key -> what is allowed there, in words that follow "must be"."""

_NEVER_SHOWN = {"client_secret", "client_secret_file", "password_file", "url"}
"""A file's name too: who mistakes the key writes the secret itself there."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the configuration came from: a file, if there is one, and the variables that are set."""

    file: Path | None
    variables: frozenset[str]

    def of(self, path: Sequence[str | int]) -> str:
        """Where the value at this path of the configuration was written, or would be."""
        section, *rest = [str(part) for part in path]
        if section == "accounts" and f"{PREFIX}ACCOUNTS" in self.variables:
            return f"{PREFIX}ACCOUNTS" + "".join(f"[{part}]" if part.isdigit() else f".{part}" for part in rest[:2])
        if variable_of(path) in self.variables:
            return variable_of(path)
        return (f"{self.file}: " if self.file else "") + _heading(section, rest)


def variable_of(path: Sequence[str | int]) -> str:
    """The environment variable of a key."""
    return PREFIX + "__".join(str(part).upper() for part in path[:2])


def _heading(section: str, rest: list[str]) -> str:
    if not rest:
        return section
    if section != "accounts":
        return f"[{section}] {rest[0]}"
    key = f" {rest[1]}" if rest[1:] else ""
    return f"[[accounts]] number {int(rest[0]) + 1}{key}"


def complaint(
    place: Place, keys: Keys, *, path: Sequence[str | int], kind: str, value: Any = None, detail: str = ""
) -> str:
    """One sentence for one problem that pydantic found; `kind` is its name there, `detail` a validator's own words."""
    where = place.of(path)
    section, key = str(path[0]), next((str(part) for part in path[1:] if isinstance(part, str)), None)
    if kind == "extra_forbidden":
        return f"{where}: unknown key; {_nearest(section, key, keys)}"
    if key is None:
        written = f"[[{section}]]" if section == "accounts" else f"[{section}]"
        return f"{where}: must be a table, written {written}."
    allowed = keys[section][key]
    if kind == "missing":
        return f"{where} is missing; it must be {allowed}."
    return f"{where}{_shown(key, value)}: {detail or f'must be {allowed}'}."


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
    for candidates in (here, elsewhere):
        near = difflib.get_close_matches((key or section).lower(), list(candidates), n=1)
        if near:
            return f"did you mean {candidates[near[0]]}{near[0]}?"
    return f"known here: {', '.join(here)}."
