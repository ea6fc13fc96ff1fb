"""What the named commands under tests/ tell: a line for each thing that held or did not, and the counts at the end."""

# ruff: noqa: T201  printing is what it is for

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Steps:
    """Counts what held and what did not."""

    passed: int = 0
    failed: int = 0

    def check(self, what: str, *, holds: bool, otherwise: str = "") -> None:
        """Tell one step; `otherwise` is shown where it does not hold."""
        self.passed, self.failed = self.passed + holds, self.failed + (not holds)
        print(f"{'ok    ' if holds else 'FAILED'}  {what}", flush=True)
        if not holds and otherwise:
            print("        " + otherwise.strip()[-6000:].replace("\n", "\n        "), flush=True)

    def equal(self, what: str, found: object, wanted: object) -> None:
        """Tell whether two values are the same."""
        self.check(what, holds=found == wanted, otherwise=f"found:  {found}\nwanted: {wanted}")
