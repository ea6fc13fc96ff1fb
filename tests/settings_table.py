"""The README's table of settings, as the settings model has it; `python tests/settings_table.py` rewrites it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from etl.sections import KeepLists
from etl.settings import SECTIONS

README = Path(__file__).resolve().parent.parent / "README.md"
START, END = "<!-- settings: python tests/settings_table.py writes what follows -->\n", "<!-- /settings -->"
LISTS = {"accounts"}
"""Sections written once for each of their things, in double brackets."""


def table() -> str:
    """Every section with every key: what it is for and what holds where nothing is said."""
    return "\n".join(
        ("| setting | default | what it is |", "|---|---|---|", *(row for name in SECTIONS for row in _rows(name)), "")
    )


def _rows(section: str) -> Iterator[str]:
    model = SECTIONS[section]
    yield f"| **`{f'[[{section}]]' if section in LISTS else f'[{section}]'}`** | | {_sentence(model.__doc__)} |"
    for key, field in _fields(model):
        yield f"| `{key}` | {_default(field)} | {field.title} |"


def _fields(model: type[BaseModel]) -> Iterator[tuple[str, FieldInfo]]:
    for name, field in model.model_fields.items():
        yield field.alias or name, field
        if name == "keep":
            yield from ((f"keep.{inner}", value) for inner, value in _fields(KeepLists))


def _sentence(text: str | None) -> str:
    return (text or "").split(". ")[0].split("; ")[0].rstrip(".")


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.default
    return "" if value in (None, "", ()) else f"`{json.dumps(value, default=_text)}`"


def _text(value: Any) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)


def parts(readme: str) -> tuple[str, str, str]:
    """What stands before the table, the table, and what stands after it."""
    before, found, rest = readme.partition(START)
    inside, ended, after = rest.partition(END)
    if not (found and ended):
        raise ValueError(f"README.md lacks {START.strip()} or {END}.")
    return before + found, inside, ended + after


def main() -> int:
    """Put the table into the README."""
    before, _, after = parts(README.read_text())
    README.write_text(f"{before}\n{table()}\n{after}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
