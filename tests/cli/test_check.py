"""What the doctor finds before a run does."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from night import night

from etl.cli.doctor import try_file
from etl.errors import WarehouseError
from etl.warehouse.address import Address, parse


def address(file: Path) -> Address:
    return parse(f"sqlite:///{file}", schema="public", password=None)


def test_a_sqlite_file_in_a_folder_that_is_not_there_is_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 6, and the folder is named; sync would have failed."""
    with night(tmp_path, capsys, f"sqlite:///{tmp_path}/not/there/x.db", accounts=1, campaigns=2) as (_, kore_etl):
        code, out, _ = kore_etl("check")
        assert code == 6
        assert f"The folder {tmp_path}/not/there cannot be written" in out


def test_a_folder_where_no_file_can_be_made_is_found() -> None:
    """Also for root, whom permissions do not stop."""
    with pytest.raises(WarehouseError, match="The folder /proc cannot be written"):
        try_file(address(Path("/proc/x.db")))


def test_a_file_that_cannot_be_opened_for_writing_is_found(tmp_path: Path) -> None:
    """A folder in its place stands for every reason."""
    (tmp_path / "x.db").mkdir()
    with pytest.raises(WarehouseError, match=r"The file .*x\.db cannot be written: Is a directory"):
        try_file(address(tmp_path / "x.db"))


def test_trying_leaves_nothing_behind(tmp_path: Path) -> None:
    """A usable folder is as empty as before, a usable file holds what it held."""
    try_file(address(tmp_path / "new.db"))
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "old.db").write_bytes(b"old")
    try_file(address(tmp_path / "old.db"))
    assert (tmp_path / "old.db").read_bytes() == b"old"


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield server.getsockname()[1]


def test_a_host_that_never_answers_is_told_within_two_timeouts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], silent_port: int
) -> None:
    """Ten accounts side by side, each asked twice and its second channel not at all: exit 5."""
    settings = "[api]\nattempt_timeout_seconds = 0.5\nbackoff_seconds = 0.1\nmax_in_flight = 32\n"
    with night(tmp_path, capsys, f"sqlite:///{tmp_path}/x.db", accounts=10, campaigns=1, settings=settings) as (
        sandbox,
        kore_etl,
    ):
        text = kore_etl.config.read_text()
        kore_etl.config.write_text(text.replace(sandbox.url, f"http://127.0.0.1:{silent_port}"))
        began = time.monotonic()
        document = kore_etl.json("check")
        took = time.monotonic() - began
    assert document["exit_code"] == 5
    assert took < 2 * 0.5 + 1.5, "ten accounts, one after the other, take ten times as long"
    sms, voice = document["steps"][1:3]
    assert "within 0.5 seconds" in sms["result"]
    assert "not asked" in voice["result"]
    assert len(document["steps"]) == 1 + 20


def test_quiet_shows_only_what_failed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From cron: nothing when all is well, the failed step when not."""
    with night(tmp_path, capsys, f"sqlite:///{tmp_path}/x.db", accounts=1, campaigns=2) as (_, kore_etl):
        assert kore_etl("--quiet", "check") == (0, "", "")
        (kore_etl.config.parent / "account-1.secret").write_text("wrong")
        code, out, err = kore_etl("--quiet", "check")
        assert (code, out) == (3, "")
        assert re.match(r"✗ EMEA retail sms +\d\.\d s  Kore.ai refused the token", err)
