"""The README's SQL: six questions answer what it prints, on both databases, and the reading role can only read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from warehouse_look import rows
from week import live

from etl.warehouse import schema, views

README = (Path(__file__).resolve().parent.parent / "README.md").read_text()
QUESTIONS = re.findall(r"\*\*([^*\n]+\?)\*\*\n\n```sql\n(.+?)\n```\n```\n(.+?)\n```", README, re.DOTALL)
ROLE = re.search(r"<!-- run: reader -->\n```sql\n(.+?)\n```", README, re.DOTALL)


def printed(names: Sequence[str], found: Sequence[Sequence[Any]]) -> str:
    """A table as the README shows it: numbers to the right, instants to the minute."""
    numeric = [all(isinstance(value, int) for value in column) for column in zip(*found, strict=True)]
    cells = [list(names), *([shown(value) for value in row] for row in found)]
    widths = [max(len(row[place]) for row in cells) for place in range(len(names))]
    lines = [
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, numeric, strict=True)
        ).rstrip()
        for row in cells
    ]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def shown(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M")
    instant = re.fullmatch(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d):.*Z", str(value))
    return f"{instant[1]} {instant[2]}" if instant else str(value)


def columns(sql: str) -> list[str]:
    """The names of what a question selects."""
    selected = sql.split("FROM")[0].removeprefix("SELECT ")
    return [each.split(" AS ")[-1].strip().rpartition(".")[2] for each in selected.split(",")]


def plain(row: Sequence[Any]) -> list[Any]:
    """PostgreSQL's sums are decimals."""
    return [value if value is None or isinstance(value, str | date) else int(value) for value in row]


def answers(url: str) -> list[str]:
    return [printed(columns(sql), [plain(row) for row in rows(url, sql)]) for _, sql, _ in QUESTIONS]


def test_the_six_questions_answer_what_the_readme_prints(warehouse_url: str, tmp_path: Path) -> None:
    """SQL and output, word for word."""
    assert len(QUESTIONS) == 6
    live(warehouse_url, tmp_path / "week")
    assert dict(zip((question for question, *_ in QUESTIONS), answers(warehouse_url), strict=True)) == {
        question: output for question, _, output in QUESTIONS
    }
    if warehouse_url.startswith("postgresql"):
        asked = "SELECT count(*) FROM campaigns_as_of('2026-03-04T12:00:00Z') WHERE channel = 'sms'"
        assert rows(warehouse_url, asked) == [(6,)]


CHANGES = (
    "INSERT INTO campaigns SELECT * FROM campaigns",
    "UPDATE campaigns SET name = 'x'",
    "DELETE FROM campaign_history",
    "UPDATE live_campaigns SET name = 'x'",
    "DELETE FROM live_campaigns",
    "TRUNCATE sync_windows",
    "SELECT * FROM campaigns FOR UPDATE",
    "CREATE TABLE mine (a integer)",
    "CREATE VIEW mine AS SELECT 1",
    "DROP TABLE campaigns",
    "DROP VIEW campaign_overview",
    "ALTER TABLE campaigns ADD COLUMN mine integer",
    "CREATE OR REPLACE VIEW sync_gaps AS SELECT 1",
    "DROP FUNCTION campaigns_as_of",
    "COMMENT ON TABLE campaigns IS 'mine'",
    "LOCK TABLE campaigns IN EXCLUSIVE MODE",
)


async def test_the_reading_role_reads_everything_and_changes_nothing(postgres_url: str) -> None:
    """Made by the README's SQL: every table, view and function can be read, every change is refused."""
    assert ROLE is not None
    owner = await asyncpg.connect(postgres_url)
    try:
        await owner.execute("\n".join(line for line in ROLE[1].splitlines() if not line.startswith("\\")))
        reader = await asyncpg.connect(postgres_url.replace("kore@", "kore_reader@"))
        try:
            for name in (*schema.metadata.tables, *views.definitions("postgresql"), "campaigns_as_of(now())"):
                await reader.fetch(f"SELECT * FROM {name}")
            await reader.execute("GRANT ALL ON campaigns TO kore_reader")  # a warning: nothing is granted
            for change in CHANGES:
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await reader.execute(f"SET default_transaction_read_only = off; {change}")
            await owner.execute("CREATE VIEW of_a_later_version AS SELECT campaign_id FROM campaigns")
            assert await reader.fetch("SELECT * FROM of_a_later_version") == []
        finally:
            await reader.close()
    finally:
        await owner.execute("DROP OWNED BY kore_reader; DROP ROLE kore_reader")
        await owner.close()
