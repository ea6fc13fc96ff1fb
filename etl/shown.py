"""Which campaigns a run has been shown before: their keys are known again but not kept, so that a million take 17 MB.

A key is known by its hash, 64 bits that Python draws anew for every process. Of a million keys two share one in 1 of 40
million runs; a campaign would then be counted once too seldom.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection

_FILL = 0.8
_FIRST_SLOTS = 1024


class Shown:
    """A set of hashes that only grows: open addressing, 8 bytes a slot, 0 where a slot is free."""

    def __init__(self) -> None:
        self._slots = array("q", [0]) * _FIRST_SLOTS
        self._used = 0

    def again(self, keys: Collection[str]) -> set[str]:
        """Those that were shown before; from now on all of them were. No key may be there twice."""
        while self._used + len(keys) > _FILL * len(self._slots):
            self._grow()
        slots, known = self._slots, set()
        for key in keys:
            digest = hash(key) or 1
            place = _place(digest, slots)
            if slots[place]:
                known.add(key)
            slots[place] = digest
        self._used += len(keys) - len(known)
        return known

    def _grow(self) -> None:
        wider = array("q", [0]) * (2 * len(self._slots))
        for digest in filter(None, self._slots):
            wider[_place(digest, wider)] = digest
        self._slots = wider


def _place(digest: int, slots: array[int]) -> int:
    """Where the digest is, or the free slot where it belongs."""
    last = len(slots) - 1  # one less than a power of two: a mask
    place = digest & last
    while slots[place] and slots[place] != digest:
        place = (place + 1) & last
    return place
