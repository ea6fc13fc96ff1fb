"""Every short history of a list that changes while it is read: what the proofs accept misses no stable row.

`pytest -n 0 -s tests/extract/test_proof_model.py` prints what was counted; with `-m ""` the long runs too.
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
from proof_model.history import Mind, Strategy, Tally, at_random, explore
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
    "falsely empty last page": {"empties": True, "profile": Profile(largest_page=9)},
    "start excluded": {"dates": "exclusive"},
    "dates ignored": {"dates": "ignored"},
    "asked for less than before": {"cap": 9, "profile": Profile(largest_page=9, limit_echoed=True)},
}

CLOSED = {
    "three rows": World("three rows"),
    "four rows": World("four rows", minutes=(10, 20, 30, 40)),
    "ties": World("ties", minutes=(10, 20, 20), shuffled=True),
    "one row": World("one row", minutes=(10,)),
    "no ids": World("no ids", minutes=(10, 10), nameless=1, page_size=1, cap=1, shuffled=True),
}

# Nothing may enter a closed window (L1). Elsewhere rows come in before, at, between and after the rows of the list,
# and those that left come back; only L4 assumes that none does between its two readings.
OPEN = {"inserts": (5, 20, 45), "returns": True}

BY_DATE = {
    "four rows": World("four rows", minutes=(10, 20, 30, 40), **OPEN),
    "ties": World("ties", minutes=(10, 20, 20, 30), cap=3, page_size=3, shuffled=True, **OPEN),
    "one row": World("one row", minutes=(10,), **OPEN),
    "no ids": World("no ids", minutes=(10, 20, 30), nameless=2, **OPEN),
}

ANCHORED = {
    "five rows": World("five rows", minutes=(10, 20, 30, 40, 50), cap=3, page_size=3, **OPEN),
    "ties": World("ties", minutes=(10, 20, 20, 30, 40), cap=4, page_size=4, shuffled=True, inserts=(5, 20)),
    "ties at a page's end": World("ties at a page's end", (10, 20, 30, 30, 40), 3, 3, shuffled=True),
    "no ids": World("no ids", minutes=(10, 20, 30, 40), cap=3, page_size=3, nameless=2, **OPEN),
}

TWICE = {
    "three rows": World("three rows", inserts=(5, 20, 45)),
    "no ids": World("no ids", inserts=(5, 45), nameless=2),
    "ties": World("ties", minutes=(20, 20, 20), shuffled=True, inserts=(5,)),
}

SHORT = ("find first", "count first")


def proof(one: Proof) -> Strategy:
    return lambda world: machine(one, WINDOW, page_size=world.page_size, profile=world.profile)


def worlds(lists: dict[str, World], instants: tuple[str, ...] = INSTANTS, servers: int = len(SERVERS)) -> list[World]:
    return [
        replace(one, name=f"{one.name}, {server}, {order}", instants=order, **switches)
        for (server, switches), one, order in product(list(SERVERS.items())[:servers], lists.values(), instants)
    ]


@pytest.fixture(scope="module")
def note() -> Iterator[Note]:
    """Collects what was counted, and prints it where the output is shown."""
    table: list[tuple[str, Tally]] = []
    yield lambda name, tally: table.append((name, tally))
    lines = [f"\n{'':58}{'histories':>13}{'accepted':>12}{'of a moving list':>18}{'with a loss':>13}\n"]
    for name, t in table:
        lines.append(f"{name:58}{t.histories:>13,}{t.accepted:>12,}{t.moved:>18,}{t.lost:>13,}\n")
    sys.stdout.write("".join(lines))


def hold(name: str, strategy: Strategy, listings: list[World], note: Note, budget: int = 2, again: int = 0) -> None:
    total, mind = Tally(), Mind(strategy)
    for world in listings:
        tally = explore(mind, world, budget, again)
        assert not tally.lost, f"{name}, {world.name}: {tally.example}"
        total += tally
    note(name, total)
    assert total.moved > total.histories / 20, f"{name} refuses nearly everything: {total}"


PROOFS = {Proof.L1: CLOSED, Proof.L2: BY_DATE, Proof.L3: ANCHORED}


@pytest.mark.parametrize("one", PROOFS)
def test_an_accepted_sweep_misses_no_stable_row(one: Proof, note: Note) -> None:
    """Whatever two mutations happen anywhere during the sweep, an accepted one holds every stable row."""
    listings = worlds(PROOFS[one], SHORT) + worlds(
        {one.name: one for one in list(PROOFS[one].values())[:1]}, ("either",), servers=1
    )
    hold(f"{one}, up to 2 mutations", proof(one), listings, note)


def test_two_accepted_sweeps_miss_no_stable_row(note: Note) -> None:
    """Whatever two mutations happen in each of its two sweeps, an accepted L4 holds every stable row."""
    listings = worlds({"three rows": replace(TWICE["three rows"], inserts=(5,))}, SHORT, servers=1)
    hold("L4, up to 2 mutations in each sweep", proof(Proof.L4), listings, note, 2, 2)
    strict = {name: one for name, one in TWICE.items() if name != "ties"}
    listings = worlds(strict, SHORT) + worlds({"ties": TWICE["ties"]}, SHORT, 1) + worlds(strict, ("either",), 1)
    hold("L4, up to 1 mutation in each sweep, every server", proof(Proof.L4), listings, note, 1, 1)


@pytest.mark.slow
@pytest.mark.parametrize("one", PROOFS)
def test_every_server_with_every_order_of_instants(one: Proof, note: Note) -> None:
    """The same for L1 to L3, each request of each server finding and counting in its own order."""
    hold(f"{one}, up to 2 mutations, every server", proof(one), worlds(PROOFS[one]), note)


@pytest.mark.slow
def test_l4_with_two_mutations_in_each_sweep_of_every_server(note: Note) -> None:
    """The same for L4 with all that may happen; ties are shuffled with one mutation in each sweep."""
    lists = {name: one for name, one in TWICE.items() if name != "ties"}
    listings = worlds(lists, SHORT) + worlds(lists, ("either",), servers=1)
    hold("L4, up to 2 mutations in each sweep, every server", proof(Proof.L4), listings, note, 2, 2)
    tied = worlds({"ties": TWICE["ties"]}, ("either",))
    hold("L4, ties shuffled, 1 mutation in each sweep, every server", proof(Proof.L4), tied, note, 1, 1)


def tried(one: Proof, world: World) -> bool:
    """Whether the proof has what it needs: L2 dates that select and a second row to see a limit by, L3 offsets."""
    dated = world.dates == "inclusive" and len(world.minutes) > 1
    return {Proof.L2: dated, Proof.L3: not world.page_wins}.get(one, True)


@pytest.mark.parametrize(("one", "lists"), [*PROOFS.items(), (Proof.L4, TWICE)])
def test_a_quiet_list_is_accepted(one: Proof, lists: dict[str, World], note: Note) -> None:
    """Nothing happens: every serving is accepted where ties keep their order and the last page comes as it is."""
    total = Tally()
    for world in worlds({name: world for name, world in lists.items() if not world.shuffled}):
        if world.empties or not tried(one, world):
            continue
        tally = explore(Mind(proof(one)), world, 0)
        assert tally.accepted == tally.histories, f"{one}, {world.name}: {tally}"
        total += tally
    note(f"{one}, nothing happens", total)


CLOSED_LIST = CLOSED["three rows"]
OPEN_LIST = replace(CLOSED_LIST, inserts=(5, 20, 25, 45))

WRONG = {
    "count only": (wrong.count_only, CLOSED_LIST, 2),
    "the last page's total only": (wrong.last_total, CLOSED_LIST, 2),
    "advance by the limit asked": (wrong.by_limit, replace(CLOSED_LIST, page_size=3), 0),
    "newest first": (wrong.newest_first, OPEN_LIST, 2),
    "L1 without the head": (wrong.no_head, CLOSED_LIST, 2),
    "one page of a limit not known": (wrong.one_page, replace(CLOSED_LIST, page_size=5, echo="asked"), 1),
    "L4 without the count between": (
        wrong.two_sweeps_no_count,
        World("four rows", minutes=(10, 20, 30, 40), inserts=(5, 20), instants="either"),
        3,
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_strategy_is_seen_to_lose_a_row(name: str, note: Note) -> None:
    """The same model, with strategies known to be wrong: each accepts a history that misses a stable row."""
    course, world, budget = WRONG[name]
    tally = explore(Mind(wrong.wrong(course)), world, budget)
    note(f"WRONG {name}, up to {budget} mutations", tally)
    assert tally.lost


def test_l1_stands_on_a_closed_window(note: Note) -> None:
    """Its assumption is needed: where rows enter the window meanwhile, L1 accepts a history that misses a row."""
    tally = explore(Mind(proof(Proof.L1)), OPEN_LIST, 2)
    note("OUTSIDE L1's assumption: rows enter the window", tally)
    assert tally.lost


def test_l4_stands_on_no_id_returning(note: Note) -> None:
    """Its assumption is needed: where ids leave and return, L4 accepts a history that misses a row."""
    tally = explore(Mind(proof(Proof.L4)), replace(CLOSED_LIST, returns=True), 2, 2)
    note("OUTSIDE L4's assumption: ids leave and return", tally)
    assert tally.lost


def drawn(one: Proof, rng: random.Random) -> World:
    """A larger list and a server, for this proof."""
    rows, cap = rng.randint(0, 40), rng.randint(2, 25)
    step = rng.choice((1, 2, 5))
    entering = tuple(range(0, 10 * rows + 20, 15)) if one is not Proof.L1 else ()
    return World(
        "drawn",
        minutes=tuple(sorted(rng.randint(1, 1 + 10 * rows // step) * step for _ in range(rows))),
        cap=cap,
        page_size=cap + rng.choice((0, 0, 3)),
        echo=rng.choice(("cap", "asked", None)),
        page_wins=rng.random() < 0.2,
        instants=rng.choice(INSTANTS),
        more_by=rng.choice(("find", "count")),
        shuffled=rng.random() < 0.3,
        empties=rng.random() < 0.1,
        inserts=entering,
        returns=one in (Proof.L2, Proof.L3),
        nameless=rng.choice((0, 0, min(3, rows))),
        profile=Profile(largest_page=rng.choice((None, cap))),
    )


def random_histories(one: Proof, number: int, note: Note) -> None:
    total = Tally()
    for seed in range(number):
        rng = random.Random(f"{one}/{seed}")
        world = drawn(one, rng)
        tally = at_random(proof(one), world, rng, chance=rng.choice((0.02, 0.1, 0.4)))
        assert not tally.lost, f"{one}, seed {seed}, {world}: {tally.example}"
        total += tally
    note(f"{one}, random histories of up to 40 rows", total)
    assert total.moved > number / 25


@pytest.mark.parametrize("one", Proof)
def test_random_histories_of_larger_lists(one: Proof, note: Note) -> None:
    """Histories drawn with a seed: many mutations, more rows, more pages; no stable row is missed."""
    random_histories(one, 500, note)


@pytest.mark.slow
@pytest.mark.parametrize("one", Proof)
def test_a_hundred_thousand_random_histories(one: Proof, note: Note) -> None:
    """The same, 25,000 for each proof."""
    random_histories(one, 25_000, note)
