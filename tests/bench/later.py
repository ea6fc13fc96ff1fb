"""`kore-etl` on a clock that is some days ahead: `python later.py DAYS ARGUMENT ...`; the source's clock is set as far.

The program takes the time from one function of its composition root; that one is given another clock.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta

from etl import bootstrap
from etl.cli.main import run


def main() -> int:
    """The command's exit code."""
    ahead = timedelta(days=int(sys.argv[1]))
    bootstrap.utc_now = lambda: datetime.now(UTC) + ahead
    return run(sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
