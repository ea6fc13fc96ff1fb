"""How tables fit: what is cut, wrapped, left out, and what never is."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.cli.output import BETWEEN, Column, Output, fit, folded, many

COLUMNS = (
    Column("Account", cuts=True),
    Column("Channel"),
    Column("New", number=True),
    Column("Links", number=True, spare=True, hides=True),
    Column("Rejected", number=True, hides=True),
)
ROW = ["A rather long name of an account", "voice", "1,234", "+1", "0"]


def shown(room: int | None, *rows: list[str]) -> tuple[list[str], list[int]]:
    """Headings and widths."""
    columns, _ = fit(COLUMNS, rows or [ROW], room)
    return [column.name for column, _ in columns], [width for _, width in columns]


def test_without_a_terminal_a_table_is_as_wide_as_it_is() -> None:
    """Nothing is cut at an invented width."""
    assert shown(None) == (["Account", "Channel", "New", "Links"], [32, 7, 5, 5])


def test_a_column_of_zeros_is_left_out_only_if_it_may_be() -> None:
    """`New` stays, though it is zero; one row that says something keeps a column."""
    assert shown(None, ["a", "sms", "0", "-", "0"])[0] == ["Account", "Channel", "New"]
    assert shown(None, ["a", "sms", "0", "-", "0"], ["a", "sms", "0", "-", "3"])[0][-1] == "Rejected"


def test_spare_columns_go_before_names_are_cut() -> None:
    """First what is least needed, then names, down to a few letters; numbers never."""
    assert shown(50) == (["Account", "Channel", "New"], [32, 7, 5])
    assert shown(30) == (["Account", "Channel", "New"], [14, 7, 5])
    assert shown(10) == (["Account", "Channel", "New"], [8, 7, 5])


def test_a_cut_name_ends_in_an_ellipsis_and_stays_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No word is broken over two lines."""
    monkeypatch.setenv("COLUMNS", "30")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    Output().table(COLUMNS, [ROW])
    heading, _, line = capsys.readouterr().out.splitlines()
    assert line == "A rather long…  voice    1,234"
    assert "New" in heading
    assert "Links" not in heading


@settings(max_examples=50, deadline=None)
@given(rows=st.lists(st.lists(st.text(max_size=30), min_size=5, max_size=5), max_size=4), room=st.integers(40, 200))
def test_a_fitted_table_fits(rows: list[list[str]], room: int) -> None:
    """Whenever numbers and words leave room for the rest, the sum of widths is within the terminal."""
    columns, kept = fit(COLUMNS, rows, room)
    width = sum(width + BETWEEN for _, width in columns) - BETWEEN
    needed = sum(w + BETWEEN for column, w in columns if not column.cuts) + 8
    assert width <= max(room, needed)
    assert all(len(row) == len(columns) for row in kept)


def test_plurals() -> None:
    """One of a thing is not several."""
    assert [many(count, "account") for count in (0, 1, 2, 1200)] == [
        "0 accounts",
        "1 account",
        "2 accounts",
        "1,200 accounts",
    ]


def test_sentences_are_folded_between_words_and_commands_are_not() -> None:
    """On a terminal; elsewhere a sentence stays one line."""
    text = "one two three\n  kore-etl --config some/where/config.toml"
    assert folded(text, 9) == "one two\nthree\n  kore-etl --config some/where/config.toml"
    assert folded(text, None) == text
