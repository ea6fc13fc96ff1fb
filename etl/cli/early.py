"""What a signal does while no verb's event loop runs: nothing is under way then, so it ends the process on the spot.

No exception: one that is raised while modules are loaded can get lost in them. Imports next to nothing, so that it
holds from the first moment on.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Sequence
from typing import NoReturn

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}


def listen(argv: Sequence[str]) -> None:
    """From now on both signals end the process, with a document where `argv` asks for one."""
    as_json = "--json" in argv

    def end(number: int, _frame: object) -> None:
        cut_off(CODES[signal.Signals(number)], "Stopped by a signal.", as_json=as_json)

    for number in CODES:
        signal.signal(number, end)


def deaf() -> None:
    """All is said and done: the exit code is the verb's, whatever comes."""
    for number in CODES:
        signal.signal(number, signal.SIG_IGN)


def cut_off(code: int, sentence: str, *, as_json: bool) -> NoReturn:
    """End the process now. Written past Python's buffers, whose locks another thread may hold."""
    if as_json:
        os.write(1, f"{json.dumps({'exit_code': code, 'errors': [sentence]})}\n".encode())
    os.write(2, f"kore-etl: {sentence}\n".encode())
    os._exit(code)
