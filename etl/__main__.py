"""`python -m etl` and the command `kore-etl`."""

import gc
import sys

from etl.cli import early

NEW_OBJECTS = 50_000
"""So many new objects are looked through for cycles at once: by the default, 700, a load spends a tenth of its time
on that."""


def main() -> None:
    """Run the command line and exit with its code."""
    early.listen(sys.argv[1:])
    gc.set_threshold(NEW_OBJECTS)
    from etl.cli.main import run

    code = run(sys.argv[1:])
    early.deaf()
    gc.freeze()  # what is left goes with the process: to look for cycles in it costs 150 ms
    sys.exit(code)


if __name__ == "__main__":
    main()
