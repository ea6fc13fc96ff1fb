"""`python -m etl` and the command `kore-etl`."""

import sys


def main() -> None:
    """Run the command line and exit with its code."""
    from etl.cli.main import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
