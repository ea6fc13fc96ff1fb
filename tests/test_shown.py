"""What a run knows again without keeping it."""

from __future__ import annotations

import random
import tracemalloc

from etl.shown import Shown


def test_it_knows_what_a_set_would_know() -> None:
    """Read after read, whatever of them is there again."""
    draw, shown, known = random.Random(1), Shown(), set[str]()
    for _ in range(60):
        keys = {f"cd-{draw.randrange(6_000)}" for _ in range(draw.randrange(150))}
        assert shown.again(keys) == keys & known
        known |= keys


def test_it_keeps_no_key() -> None:
    """However many they are: some 8 bytes each."""
    tracemalloc.start()
    try:
        shown = Shown()
        for start in range(0, 16_000, 2_000):
            keys = [f"cd-{number}" for number in range(start, start + 4_000)]
            assert shown.again(keys) == set(keys[:2_000] if start else [])
        del keys
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 18_000 * 10
