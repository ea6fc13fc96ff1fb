"""When a census agrees."""

import pytest

from etl import census
from etl.model import Stock


@pytest.mark.parametrize(
    ("total", "live", "sure", "known", "found"),
    [
        (100, 100, 100, 0, 0),
        (101, 100, 100, 0, 1),
        (99, 100, 100, 0, -1),
        (97, 100, 97, 0, 0),
        (95, 100, 97, 0, -2),
        (103, 100, 100, 3, 0),
        (102, 100, 99, 3, 0),
        (104, 100, 99, 3, 1),
        (101, 100, 99, 3, -1),
    ],
)
def test_the_total_lies_between_what_must_and_what_may_have_been_counted(
    total: int, live: int, sure: int, known: int, found: int
) -> None:
    """The tolerance for missing rows moves along with the known difference."""
    assert census.difference(total, Stock(live, sure), known) == found


def test_the_difference_is_told_in_words() -> None:
    """One or many, more or fewer."""
    assert census.sentence(1) == "the source counts 1 campaign more than are stored"
    assert census.sentence(-2) == "the source counts 2 campaigns fewer than are stored"
