"""The real command on a real terminal: what a person sees."""

from __future__ import annotations

import re
from pathlib import Path

from cli_terminal import each_on_terminal, on_terminal
from rich.cells import cell_len


def lines_of(drawn: str) -> list[str]:
    """The printed lines, without colours."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", drawn).replace("\r", "").splitlines()


def test_the_demo_runs_on_a_terminal_of_80_columns(tmp_path: Path) -> None:
    """Exit 0, a moving display, no traceback, no table wider than the terminal."""
    code, drawn = on_terminal(["demo", "--campaigns", "150"], tmp_path)
    assert code == 0, drawn
    assert "Traceback" not in drawn
    assert "requests" in drawn
    assert "listings" in drawn
    table = [line for line in lines_of(drawn) if re.search(r"(sms|voice) +1/1 ", line)]
    assert len(table) == 12
    assert max(map(cell_len, table)) <= 80


def test_looking_at_the_demo_afterwards_fits_80_columns(tmp_path: Path) -> None:
    """The demo's configuration serves the verbs that look; names stand instead of ids, no word is broken."""
    verbs = (["status"], ["plan"], ["runs"], ["runs", "show", "latest"])
    looks = [["--config", "kore-etl-demo/config.toml", *verb] for verb in verbs]
    demo, *looked = each_on_terminal([["--quiet", "demo", "--campaigns", "20"], *looks], tmp_path)
    assert demo[0] == 0, demo[1]
    for verb, (code, drawn) in zip(verbs, looked, strict=True):
        assert code == 0, drawn
        assert max(map(cell_len, lines_of(drawn))) <= 80 or verb == ["status"]  # its first line is a path
        assert verb == ["runs"] or "EMEA ret" in drawn
        assert verb != ["runs", "show", "latest"] or "small account" in drawn
