"""`ops-init`: what it writes, and that it agrees with the metrics. `tests/ops/run.py` has the real tools read it."""

from __future__ import annotations

import getpass
import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from etl import metrics
from etl.cli.main import run
from etl.cli.ops_init import PACKAGE
from etl.model import Channel, RunOutcome, Scope, Verb, Verdict
from etl.warehouse.reading import RunSums

AT = datetime(2026, 11, 23, tzinfo=UTC)
FILES = ["cronjob.yaml", "kore-etl.rules.yml", "kore-etl.service", "kore-etl.timer"]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KORE_ETL_CONFIG", raising=False)


def test_every_file_is_written_filled_in_and_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The service runs with the configuration that is found now; only PromQL's own dollars are left."""
    config = tmp_path / "100 % mine" / "config.toml"
    config.parent.mkdir()
    config.touch()
    assert run(["--json", "--config", str(config), "ops-init", "out"]) == 0
    assert json.loads(capsys.readouterr().out) == {"exit_code": 0, "path": "out", "files": FILES}
    service = Path("out/kore-etl.service").read_text()
    assert f'--config "{tmp_path}/100 %% mine/config.toml" --quiet sync' in service
    assert f"WorkingDirectory={tmp_path}/100 %% mine\n" in service
    assert f"User={'kore-etl' if getpass.getuser() == 'root' else getpass.getuser()}\n" in service
    left = {name: set(re.findall(r"\$\w+", (Path("out") / name).read_text())) for name in FILES}
    assert left == {name: {"$labels", "$value"} if name.endswith("rules.yml") else set() for name in FILES}


def test_what_is_there_is_left_alone_and_a_missing_configuration_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """A second call changes no byte."""
    assert run(["--quiet", "ops-init", "out"]) == 0
    assert "there is no configuration here" in capsys.readouterr().err
    Path("out/cronjob.yaml").write_text("mine")
    assert run(["ops-init", "out"]) == 2
    assert Path("out/cronjob.yaml").read_text() == "mine"


def test_alerts_ask_for_metrics_that_are_written() -> None:
    """A name that nobody writes would never fire."""
    outcome = RunOutcome("R1", Verb.SYNC, Verdict.COMPLETE, 0, AT, AT, ())
    sums = RunSums({("sync", "complete"): 1}, dict.fromkeys(metrics.COUNTED, 0.0))
    standing = metrics.Standing(Scope('a"1', "st-1", Channel.SMS))
    written = set(re.findall(r"^(kore_etl_\w+)", metrics.text(outcome, "1", [standing], sums).decode(), re.MULTILINE))
    asked = set(re.findall(r"^ +expr: .*?(kore_etl_\w+)", (PACKAGE / "kore-etl.rules.yml").read_text(), re.MULTILINE))
    assert len(asked) == 6
    assert asked <= written
