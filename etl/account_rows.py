"""How accounts are written in a CSV or JSON file or a database table: which cell becomes which value of [[accounts]].

A row has the keys of an [[accounts]] block, and an empty cell says nothing. A cell of `channels` holds one or both
names, a cell of `keep` an object as JSON. Secrets stay in files: `client_secret_file` names them.
"""

from __future__ import annotations

import csv
import difflib
import io
import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

_LARGEST_MB = 64
_NO_SECRETS = "a secret never belongs there; name a file in a column client_secret_file"


class Row(Struct, frozen=True):
    """One account as written, and where: "accounts.csv line 17"."""

    where: str
    values: Mapping[str, Any]


def from_file(file: Path, shown: str, known: Collection[str]) -> tuple[list[Row], list[str]]:
    """The rows of a .csv or .json file, and a sentence for whatever is wrong with its columns or its form.

    ValueError says, in words that follow the setting's name, why the file as a whole cannot be used.
    """
    readers = {".csv": _from_csv, ".json": _from_json}
    if file.suffix.lower() not in readers:
        raise ValueError("names a file that is neither .csv nor .json")
    try:
        if file.stat().st_size > _LARGEST_MB * 1024 * 1024:
            raise ValueError(f"names a file of more than {_LARGEST_MB} MB")
        text = file.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ValueError(f"names a file that cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError("names a file that is not UTF-8 text") from None
    return readers[file.suffix.lower()](text, shown, known)


def from_table(records: Iterable[Mapping[str, Any]], shown: str, known: Collection[str]) -> tuple[list[Row], list[str]]:
    """The rows of a table; each is told by its account's id, as a table has no lines."""
    rows, problems = [], list[str]()
    for number, record in enumerate(records, 1):
        if number == 1:
            problems = _wrong_columns(list(record), shown, known)
        account_id = record.get("account_id")
        named = isinstance(account_id, str) and account_id.isprintable()
        rows.append(Row(f"{shown} row {account_id if named else number}", _values(record, known)))
    return rows, problems


def _from_csv(text: str, shown: str, known: Collection[str]) -> tuple[list[Row], list[str]]:
    header = text.partition("\n")[0]
    delimiter = ";" if ";" in header and "," not in header else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[Row] = []
    problems: list[str] = []
    columns: list[str] | None = None
    try:
        for cells in reader:
            where = f"{shown} line {reader.line_num}"
            if columns is None:
                columns = [cell.strip() for cell in cells]
                problems += _wrong_columns(columns, where, known)
            elif len(cells) > len(columns):
                problems.append(f"{where}: more cells than the first line has columns.")
            elif any(cell.strip() for cell in cells):
                stripped = (cell.strip() for cell in cells)
                rows.append(Row(where, _values(dict(zip(columns, stripped, strict=False)), known)))
    except csv.Error as error:
        problems.append(f"{shown} line {reader.line_num}: not valid CSV: {error}.")
    return rows, problems


def _from_json(text: str, shown: str, known: Collection[str]) -> tuple[list[Row], list[str]]:
    try:
        written = json.loads(text)
    except (ValueError, RecursionError) as error:
        place = f": {error}" if isinstance(error, json.JSONDecodeError) else ""
        raise ValueError(f"names a file that is not valid JSON{place}") from None
    if not isinstance(written, list):
        raise ValueError("names a JSON file that is no list of objects")  # noqa: TRY004  caught as any other problem
    rows: list[Row] = []
    problems: list[str] = []
    for number, record in enumerate(written, 1):
        where = f"{shown} number {number}"
        if isinstance(record, dict):
            problems += _wrong_columns(list(record), where, known)
            rows.append(Row(where, _values(record, known)))
        else:
            problems.append(f"{where}: must be an object with the keys of an [[accounts]] block.")
    return rows, problems


def _wrong_columns(columns: Sequence[str], where: str, known: Collection[str]) -> list[str]:
    problems = []
    for column in dict.fromkeys(columns):
        if column == "client_secret":
            problems.append(f"{where}: client_secret: {_NO_SECRETS}.")
        elif columns.count(column) > 1:
            problems.append(f"{where}: {json.dumps(column)} stands there twice.")
        elif column not in known:
            near = difflib.get_close_matches(column.lower(), list(known), n=1)
            hint = f"did you mean {near[0]}?" if near else f"known here: {', '.join(known)}."
            problems.append(f"{where}: unknown column {json.dumps(column)}; {hint}")
    return problems


def _values(record: Mapping[str, Any], known: Collection[str]) -> dict[str, Any]:
    return {key: _value(key, cell) for key, cell in record.items() if key in known and cell not in (None, "")}


def _value(key: str, cell: Any) -> Any:
    """A cell as the configuration would have it; what makes no sense is left for the settings to complain about."""
    if not isinstance(cell, str):
        return cell
    if cell.startswith(("[", "{")) and key in ("channels", "keep"):
        try:
            return json.loads(cell)
        except (ValueError, RecursionError):
            return cell
    return re.split(r"[\s,;|+]+", cell) if key == "channels" else cell
