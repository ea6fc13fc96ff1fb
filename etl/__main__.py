"""`python -m etl` and the command `kore-etl`."""

import sys

from etl.cli import early, garbage


def main() -> None:
    """Run the command line and exit with its code."""
    early.listen(sys.argv[1:])
    garbage.later()
    from etl.cli.main import run

    code = run(sys.argv[1:])
    early.deaf()
    garbage.no_more()
    sys.exit(code)


if __name__ == "__main__":
    main()
