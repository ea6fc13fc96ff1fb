"""Which campaigns a run was shown: their keys are known again but not kept, so that a million take 9 MB instead of 130.

A key is known by its hash, 64 bits that Python draws anew for every process. Of a million keys two share one in 1 of 40
million runs; a campaign would then be counted once too seldom.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterable
from itertools import chain


class Shown:
    """8 bytes a key. To add costs next to nothing, to ask goes through all there is."""

    def __init__(self) -> None:
        self._hashes: list[array[int]] = []
        """One array for each time: one that grows would leave holes in memory behind, wherever it was."""

    def add(self, keys: Iterable[str]) -> None:
        """They were shown now, and not before."""
        self._hashes.append(array("q", list(map(hash, keys))))

    def again(self, keys: Collection[str]) -> set[str]:
        """Those that were shown before; from now on all of them were."""
        asked = {hash(key): key for key in keys}
        known = {asked[one] for one in set(asked).intersection(chain.from_iterable(self._hashes))}
        self.add(set(keys) - known)
        return known
