"""Every history of a read: all that may happen before each find and each count, followed until the verdict."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import NamedTuple

from proof_model.world import (
    Answer,
    Event,
    Moment,
    Row,
    World,
    answer,
    courses,
    cut,
    finds,
    listed,
    mutations,
    name_of,
    page,
)

from etl.extract.proof import Accepted, Ask, Machine, Refused
from etl.model import PageRequest, Profile

Strategy = Callable[[World], Machine]
Verdict = Ask | Accepted | Refused
Batch = tuple[tuple[object, int | None], ...]
"""Of each request of a batch: what was found, and the total, as far as served."""


@dataclass
class Tally:
    """Histories up to their verdict. Those that meet in one state are followed together and counted apart."""

    histories: int = 0
    accepted: int = 0
    lost: int = 0
    moved: int = 0
    """Accepted although something happened."""
    example: str = ""
    """The first accepted history that misses a stable row."""

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.histories + other.histories,
            self.accepted + other.accepted,
            self.lost + other.lost,
            self.moved + other.moved,
            self.example or other.example,
        )


class State(NamedTuple):
    answers: tuple[tuple[Answer, ...], ...]
    now: Moment


class Mind:
    """A strategy's verdicts: they follow from the answers and from what it was told before, so each is thought once."""

    def __init__(self, strategy: Strategy) -> None:
        self._strategy = strategy
        self._known: dict[tuple[int, Profile], dict[tuple[tuple[Answer, ...], ...], Verdict]] = {}

    def verdict(self, world: World, answers: tuple[tuple[Answer, ...], ...]) -> Verdict:
        known = self._known.setdefault((world.page_size, world.profile), {})
        if answers not in known:
            known[answers] = self._think(world, answers)
        return known[answers]

    def _think(self, world: World, answers: tuple[tuple[Answer, ...], ...]) -> Verdict:
        machine = self._strategy(world)
        verdict = machine.step()
        for batch in answers:
            assert isinstance(verdict, Ask)
            for request, one in zip(verdict.requests, batch, strict=True):
                machine.answer(request, page(one))
            verdict = machine.step()
        return verdict


Traced = tuple[int, str]
"""How many histories lead here, and one of them in words."""


def explore(mind: Mind, world: World, budget: int, again: int = 0) -> Tally:
    """Follow every history of up to `budget` mutations, and `again` more from where the list is begun a second time."""
    tally, start, served = Tally(), world.beginning(budget, again), cache(partial(_served, world))
    layer: dict[State, Traced] = {State((), start): (1, "")}
    for _ in range(40):
        following: dict[State, Traced] = {}
        for state, (weight, trace) in layer.items():
            verdict = mind.verdict(world, state.answers)
            if isinstance(verdict, Ask):
                begun = state.now.second() if state.answers and verdict.requests[0].skip == 0 else state.now
                for now, batch, (ways, steps) in served(verdict.requests, begun):
                    _merge(following, State((*state.answers, batch), now), (weight * ways, trace + steps))
            else:
                tally += _judged(verdict, state.now, weight, trace, moved=_happened(start, state.now))
        layer = following
        if not layer:
            return tally
    raise AssertionError(f"{world.name}: a machine was still asking after 40 rounds")


def _happened(start: Moment, now: Moment) -> bool:
    return now.left + now.again < start.left + start.again and (now != start.second())


def _judged(verdict: Accepted | Refused, now: Moment, weight: int, trace: str, *, moved: bool) -> Tally:
    if isinstance(verdict, Refused):
        return Tally(histories=weight)
    missed = now.stable - {name_of(one) for one in verdict.records}
    return Tally(weight, weight, weight if missed else 0, weight * moved, f"{trace}lost {missed}" if missed else "")


def _merge(into: dict, key: object, traced: Traced) -> None:
    known = into.get(key)
    into[key] = traced if known is None else (known[0] + traced[0], known[1])


def _served(world: World, requests: tuple[PageRequest, ...], now: Moment):
    """Every way in which a batch may be answered, from this moment on."""
    ends: dict[tuple[Moment, tuple[Answer, ...]], Traced] = {}
    for course in courses(world.instants, len(requests)):
        nothing: Batch = tuple((None, None) for _ in requests)
        at_event: dict[tuple[Moment, Batch], Traced] = {(now, nothing): (1, "")}
        for event in course:
            at_event = _passed(world, requests, event, _mutated(world, at_event))
        for (then, batch), traced in at_event.items():
            pages = tuple(answer(world, r, found, total) for r, (found, total) in zip(requests, batch, strict=True))
            _merge(ends, (then, pages), traced)
    return [(then, pages, traced) for (then, pages), traced in ends.items()]


def _mutated(world: World, states: dict[tuple[Moment, Batch], Traced]) -> dict[tuple[Moment, Batch], Traced]:
    """What may have happened before an event: nothing, one mutation, several."""
    reached, fresh = dict(states), states
    while fresh:
        further: dict[tuple[Moment, Batch], Traced] = {}
        for (now, batch), (weight, trace) in fresh.items():
            for what, then in mutations(world.inserts, world.returns, now) if now.left else ():
                _merge(further, (then, batch), (weight, f"{trace}{what}; "))
        for key, traced in further.items():
            _merge(reached, key, traced)
        fresh = further
    return reached


def _passed(world: World, requests: tuple[PageRequest, ...], event: Event, states: dict) -> dict:
    kind, n = event
    passed: dict[tuple[Moment, Batch], Traced] = {}
    for (now, batch), (weight, trace) in states.items():
        found, total = batch[n]
        if kind == "count":
            served = [(found, len(listed(world, requests[n], now.rows)))]
        else:
            served = [(one, total) for one in finds(world, requests[n], now)]
        for one in served:
            shown = f"{kind} {[r[1] for r in one[0][0]] if kind == 'find' else one[1]}; "
            _merge(passed, (now, (*batch[:n], one, *batch[n + 1 :])), (weight, trace + shown))
    return passed


def at_random(strategy: Strategy, world: World, rng: random.Random, chance: float) -> Tally:
    """One history, drawn: before each event a mutation happens with this chance."""
    machine, now, moved = strategy(world), world.beginning(1_000), False
    verdict = machine.step()
    for _ in range(1_000):
        if not isinstance(verdict, Ask):
            return _judged(verdict, now, 1, "", moved=moved)
        found, totals = {}, {}
        for kind, n in _drawn(world, len(verdict.requests), rng):
            if rng.random() < chance:
                now, moved = (
                    rng.choice(mutations.__wrapped__(world.inserts, world.returns, now) or [("", now)])[1],
                    True,
                )
            if kind == "count":
                totals[n] = len(listed(world, verdict.requests[n], now.rows))
            else:
                found[n] = _found(world, verdict.requests[n], now, rng)
        for n, request in enumerate(verdict.requests):
            machine.answer(request, page(answer(world, request, found[n], totals[n])))
        verdict = machine.step()
    raise AssertionError(f"{world.name}: a machine was still asking after 1,000 rounds")


def _drawn(world: World, requests: int, rng: random.Random) -> list[Event]:
    """An order of serving a batch: one by one in any order, or all of it interleaved."""
    served = rng.sample(range(requests), requests)
    waiting = {n: list(rng.choice(courses(world.instants, 1))) for n in served}
    if rng.random() < 0.5:
        return [(kind, n) for n in served for kind, _ in waiting[n]]
    turns = rng.sample(served * 2, requests * 2)
    return [(waiting[n].pop(0)[0], n) for n in turns]


def _found(world: World, request: PageRequest, now: Moment, rng: random.Random) -> tuple[tuple[Row, ...], bool]:
    rows = listed(world, request, now.rows)
    if world.shuffled:
        rows = listed(world, request, tuple(rng.sample(rows, len(rows))))
    rows, more = cut(world, request, rows)
    return ((), False) if world.empties and not more and rng.random() < 0.2 else (rows, more)
