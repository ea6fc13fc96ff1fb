"""Every short history of a list that changes while it is read: what the proofs accept misses no stable row.

`python -m pytest tests/extract/test_proof_model.py -s` prints what was counted; with `-m ""` the long runs too.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from proof_model import wrong
from proof_model.history import Strategy, Tally, at_random, explore
from proof_model.world import WINDOW, World

from etl.extract.proof import machine
from etl.model import Profile, Proof

Note = Callable[[str, Tally], None]

INSTANTS = ("find first", "count first", "either")

SERVERS: dict[str, dict[str, object]] = {
    "skip wins": {},
    "page wins": {"page_wins": True},
    "capped, echoed": {"page_size": 5},
    "capped, echo as asked": {"page_size": 5, "echo": "asked"},
    "capped, no echo": {"page_size": 5, "echo": None},
    "capped, page wins": {"page_size": 5, "echo": "asked", "page_wins": True},
    "hasMore of the find": {"more_by": "find"},
    "falsely empty last page": {"empties": True},
    "observed before": {"profile": Profile(largest_page=2, limit_echoed=True)},
}

CLOSED = {
    "three rows": World("three rows"),
    "four rows": World("four rows", minutes=(10, 20, 30, 40)),
    "ties": World("ties", minutes=(10, 20, 20), shuffled=True),
    "one row": World("one row", minutes=(10,)),
    "no ids": World("no ids", nameless=2),
}

# Nothing may enter a closed window (L1). Elsewhere rows come in before, between, at and after the rows of the list,
# and those that left come back; only L4 assumes that none does between its readings.
OPEN = {"inserts": (5, 20, 25, 45), "returns": True}

ORDERED = {
    "five rows": World("five rows", minutes=(10, 20, 30, 40, 50), page_size=3, cap=3, **OPEN),
    "ties": World("ties", minutes=(10, 20, 20, 30), page_size=3, cap=3, shuffled=True, **OPEN),
    "two rows": World("two rows", minutes=(10, 20), page_size=3, cap=3, **OPEN),
    "no ids": World("no ids", minutes=(10, 20, 20, 30), page_size=3, cap=3, nameless=2, **OPEN),
}

ANY = {
    "three rows": World("three rows", inserts=(5, 20, 45)),
    "ties": World("ties", minutes=(20, 20, 20), shuffled=True, inserts=(5,)),
    "no ids": World("no ids", inserts=(5, 45), nameless=2),
}


def proof(one: Proof) -> Strategy:
    return lambda world: machine(one, WINDOW, page_size=world.page_size, profile=world.profile)


def worlds(lists: dict[str, World]) -> Iterator[World]:
    for (server, switches), one, instants in product(SERVERS.items(), lists.values(), INSTANTS):
        yield replace(one, name=f"{one.name}, {server}, {instants}", instants=instants, **switches)


def affordable(world: World) -> bool:
    """L4 reads twice: with ties shuffled at every reading and each request served its own way it takes minutes."""
    return not world.shuffled or world.instants != "either"


@pytest.fixture(scope="module")
def note() -> Iterator[Note]:
    """Collects what was counted, and prints it where the output is shown."""
    table: list[tuple[str, Tally]] = []
    yield lambda name, tally: table.append((name, tally))
    lines = [f"\n{'':58}{'histories':>13}{'accepted':>12}{'of a moving list':>18}{'with a loss':>13}\n"]
    for name, t in table:
        lines.append(f"{name:58}{t.histories:>13,}{t.accepted:>12,}{t.moved:>18,}{t.lost:>13,}\n")
    sys.stdout.write("".join(lines))


def hold(name: str, strategy: Strategy, tried: Iterator[World], note: Note, budget: int = 2, again: int = 0) -> None:
    total = Tally()
    for world in tried:
        tally = explore(strategy, world, budget, again)
        assert not tally.lost, f"{name}, {world.name}: {tally.example}"
        total += tally
    note(name, total)
    assert total.moved > total.histories / 20, f"{name} refuses nearly everything: {total}"


def test_l1_misses_no_stable_row_of_a_closed_window(note: Note) -> None:
    """Whatever two deletions or updates happen anywhere during the sweep, an accepted L1 holds every stable row."""
    hold("L1, closed window, up to 2 mutations", proof(Proof.L1), worlds(CLOSED), note)


@pytest.mark.parametrize("one", [Proof.L2, Proof.L3])
def test_ordered_proofs_miss_no_stable_row_of_an_open_window(one: Proof, note: Note) -> None:
    """Whatever two rows come, leave, return or change during the sweep, an accepted L2 or L3 holds every stable row."""
    hold(f"{one}, open window, up to 2 mutations", proof(one), worlds(ORDERED), note)


def test_l4_misses_no_stable_row_of_an_open_window(note: Note) -> None:
    """Whatever two rows come, leave or change in each of its two sweeps, an accepted L4 holds every stable row."""
    tried = (world for world in worlds(ANY) if affordable(world))
    hold("L4, open window, up to 2 mutations in each sweep", proof(Proof.L4), tried, note, 2, 2)
