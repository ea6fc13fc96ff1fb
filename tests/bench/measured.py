"""What a command costs as a whole process tree: `python -S -E measured.py COMMAND ...` prints one JSON line at its end.

Wall seconds from the fork to the exit. CPU seconds: user + system of the process and of every descendant that was
waited for (`wait4`). Peak memory: the larger of the kernel's own peak of one process and the sum over the tree, looked
at every 20 ms. A process of its own and tiny, because a child's peak starts at the peak of what it was forked from.
"""

from __future__ import annotations

import json
import os
import select
import sys
import time

LOOK_SECONDS = 0.02
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def tree_bytes(process: int) -> int:
    """Resident bytes of a process and its descendants; what has just ended counts nothing."""
    try:
        with open(f"/proc/{process}/statm", "rb") as statm:  # noqa: PTH123  no import beyond what this needs
            resident = int(statm.read().split()[1]) * PAGE_BYTES
        with open(f"/proc/{process}/task/{process}/children", "rb") as listed:  # noqa: PTH123
            return resident + sum(tree_bytes(int(child)) for child in listed.read().split())
    except OSError:
        return 0


def main() -> None:
    """Run the command; its exit code is in the line, its stdout goes to our stderr."""
    started = time.perf_counter()
    process = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, 2, 1)])
    ended = select.poll()
    ended.register(os.pidfd_open(process), select.POLLIN)
    peak = 0
    while not ended.poll(LOOK_SECONDS * 1000):
        peak = max(peak, tree_bytes(process))
    seconds = time.perf_counter() - started
    _, status, usage = os.wait4(process, 0)
    told = {
        "code": os.waitstatus_to_exitcode(status),
        "wall_seconds": seconds,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_bytes": max(peak, usage.ru_maxrss * 1024),
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
