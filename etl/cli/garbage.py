"""When Python looks for garbage in cycles: not while modules are loaded nor when the process ends, rarely in between.

Some hundred thousand objects of modules stay to the end: looking through them again and again took a small night
a third of its processor time.
"""

from __future__ import annotations

import gc

NEW_OBJECTS = 50_000
"""So many new objects are looked through at once: by the default, 700, a load spends a tenth of its time on that."""


def later() -> None:
    """Modules are loaded from now on."""
    gc.set_threshold(NEW_OBJECTS)
    gc.disable()


def from_now_on() -> None:
    """All is loaded, and stays: only what comes after it is looked through. Does nothing unless it was put off."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()


def no_more() -> None:
    """The process ends: the system takes back all at once."""
    gc.freeze()
