"""`dbt-init`: what it writes, that it destroys nothing and gives nothing away. `tests/dbt/run.py` runs dbt itself."""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from etl.cli.dbt_init import AUTHORITIES, PACKAGE
from etl.cli.main import run
from etl.model import Channel, Proof, State, Verdict
from etl.warehouse import schema, views

SOURCES = (PACKAGE / "models" / "sources.yml").read_text()
PASSWORD = "pa$$w0rd-of-the-warehouse"
NOT_FOR_ANALYSTS = {"rejected_records", "sync_leases", "source_profiles"}
"""Tables of the program itself; the first holds records as they came."""

CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBbzCCARWgAwIBAgIUP7dr7BgG7Ye5ol90wTldkT0z6/0wCgYIKoZIzj0EAwIw
DDEKMAgGA1UEAwwBdDAgFw0yNjExMjUxNjA5MDFaGA8yMTI2MTEwMTE2MDkwMVow
DDEKMAgGA1UEAwwBdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABCr4ekgnE2du
JE29FeV+pZmI7Zz7BpCyV5zrFqeemWZZQ0RZnxkALvJvIIqzzZbCondgAFu8S645
GVj3cDuiYDSjUzBRMB0GA1UdDgQWBBSlOOPOa9EMh1bXokULuMxZByn0cDAfBgNV
HSMEGDAWgBSlOOPOa9EMh1bXokULuMxZByn0cDAPBgNVHRMBAf8EBTADAQH/MAoG
CCqGSM49BAMCA0gAMEUCICIWm9YvXK5DPwYs2/dma+xUtmZQFSChVK1lq95k7a1q
AiEAmXavEpRZhVhsHANzH8HjLlKM9ZNij6k5DzPoAE25RRU=
-----END CERTIFICATE-----
"""
"""An authority of nobody's."""


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("KORE_ETL_CONFIG", "KORE_ETL_WAREHOUSE__URL"):
        monkeypatch.delenv(name, raising=False)


def configured(url: str, *more: str) -> None:
    """A config.toml that names a warehouse."""
    Path("config.toml").write_text("\n".join(["[warehouse]", f"url = {json.dumps(url)}", *more]))


def profile() -> dict[str, str]:
    """What the written profile says, as it is written."""
    return dict(re.findall(r'^      (\w+): "?(.*?)"?(?: #.*)?$', Path("out/profiles.yml").read_text(), re.MULTILINE))


def tree(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_every_file_is_written_filled_in_and_told(capsys: pytest.CaptureFixture[str]) -> None:
    """The document lists what is there, no placeholder is left, and the schema stands where dbt looks for it."""
    configured("postgresql://kore@db.internal:5433/warehouse", 'schema = "Night_Shift"')
    assert run(["--json", "dbt-init", "out"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document == {"exit_code": 0, "path": "out", "files": tree(Path("out"))}
    assert tree(Path("out")) == tree(PACKAGE)
    assert all("$" not in (Path("out") / name).read_text() for name in document["files"])
    assert 'kore_etl_schema: "Night_Shift"' in Path("out/dbt_project.yml").read_text()
    assert 'GRANT USAGE ON SCHEMA "Night_Shift"' in Path("out/README.md").read_text()


def test_the_next_commands_can_be_pasted(capsys: pytest.CaptureFixture[str]) -> None:
    """What was written, for which warehouse, and the same dbt as the project's README names."""
    configured("postgresql://kore@db.internal/warehouse")
    assert run(["dbt-init", "my project"]) == 0
    told = capsys.readouterr().out
    assert "It reads the schema public of postgresql://kore@db.internal/warehouse" in told
    assert "  cd 'my project'\n" in told
    assert (install := re.search(r"\.venv/bin/pip install .*", told))
    assert install[0] in Path("my project/README.md").read_text()


@pytest.mark.parametrize("there", ["out", "out/notes.txt"])
def test_what_is_there_is_left_alone(there: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A file of that name, or a folder that holds anything: exit 2, and nothing is changed."""
    Path(there).parent.mkdir(exist_ok=True)
    Path(there).write_text("mine")
    before = tree(Path())
    assert run(["--json", "dbt-init", "out"]) == 2
    assert "left as it is" in json.loads(capsys.readouterr().out)["errors"][0]
    assert tree(Path()) == before
    assert Path(there).read_text() == "mine"


def test_an_empty_folder_will_do_and_a_second_time_is_refused() -> None:
    """The second call changes no byte."""
    Path("out").mkdir()
    assert run(["dbt-init", "out"]) == 0
    Path("out/dbt_project.yml").write_text("changed")
    assert run(["dbt-init", "out"]) == 2
    assert Path("out/dbt_project.yml").read_text() == "changed"


@pytest.mark.parametrize("place", ["url", "query", "file"])
def test_no_password_is_written_or_told(
    place: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Wherever the password comes from."""
    if place == "file":
        Path("secret").write_text(PASSWORD)
        Path("secret").chmod(stat.S_IRUSR)
        configured("postgresql://kore@db/warehouse", 'password_file = "secret"')
    else:
        url = f"postgresql://kore:{PASSWORD}@db/w" if place == "url" else f"postgresql://kore@db/w?password={PASSWORD}"
        monkeypatch.setenv("KORE_ETL_WAREHOUSE__URL", url)
    assert run(["dbt-init", "out"]) == 0
    assert PASSWORD not in "".join(capsys.readouterr())
    assert not [name for name in tree(Path("out")) if PASSWORD in (Path("out") / name).read_text()]
    assert profile()["password"] == "{{ env_var('DBT_ENV_SECRET_KORE_PASSWORD', '') }}"
    assert profile()["user"] == "{{ env_var('KORE_DBT_USER', 'kore') }}"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://u@db:6432/w", {"host": "db", "port": "6432", "user": "u", "dbname": "w", "sslmode": "prefer"}),
        ("postgresql:///w?host=/run/pg&user=u", {"host": "/run/pg", "port": "5432", "user": "u", "dbname": "w"}),
        ("postgresql+psycopg://u@[::1]/w?sslmode=require", {"host": "::1", "sslmode": "require"}),
        ("postgresql://it%27s@db/a%22b%5Cc", {"user": r"it\\'s", "dbname": r"a\"b\\\\c"}),
        ("postgresql://u@db", {"dbname": "u"}),
    ],
)
def test_the_connection_is_the_configured_one(url: str, expected: dict[str, str]) -> None:
    """Each value is a variable's default, quoted for Jinja inside YAML."""
    configured(url)
    assert run(["dbt-init", "out"]) == 0
    found = profile()
    for key, default in expected.items():
        assert found[key].startswith(f"{{{{ env_var('KORE_DBT_{key.upper()}', '{default}') ")


def test_encryption_is_carried_over() -> None:
    """Certificate files by their absolute path; who names one wants it used, as kore-etl understands it."""
    Path("ca.pem").write_text(CERTIFICATE)
    configured("postgresql://u@db/w?sslrootcert=ca.pem&sslkey=/keys/me")
    assert run(["dbt-init", "out"]) == 0
    found = profile()
    assert found["sslmode"] == "{{ env_var('KORE_DBT_SSLMODE', 'verify-full') }}"
    assert found["sslrootcert"] == f"{{{{ env_var('KORE_DBT_SSLROOTCERT', '{Path.cwd() / 'ca.pem'}') }}}}"
    assert found["sslkey"] == "{{ env_var('KORE_DBT_SSLKEY', '/keys/me') }}"
    assert "sslcert" not in found


@pytest.mark.parametrize("mode", ["verify-ca", "verify-full"])
def test_a_warehouse_that_is_verified_stays_so(mode: str) -> None:
    """Without a certificate file: libpq would refuse to connect if it were not told what to trust."""
    configured(f"postgresql://u@db/w?sslmode={mode}")
    assert run(["dbt-init", "out"]) == 0
    assert re.search(r"'([^']+)'\) }}$", profile()["sslrootcert"])[1] in (*AUTHORITIES, "system")  # type: ignore[index]


@pytest.mark.parametrize("quiet", [[], ["--quiet"]])
@pytest.mark.parametrize(("url", "why"), [("sqlite:///w.db", "dbt needs PostgreSQL"), (None, "no configuration")])
def test_without_postgresql_there_are_placeholders_and_a_warning(
    url: str | None, why: str, quiet: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Everything is written all the same; that the profile has to be filled in is said even under --quiet."""
    if url is not None:
        configured(url)
    assert run([*quiet, "dbt-init", "out"]) == 0
    assert tree(Path("out")) == tree(PACKAGE)
    assert why in (told := capsys.readouterr().err)
    assert "fill in out/profiles.yml" in told
    assert profile()["host"] == "{{ env_var('KORE_DBT_HOST', 'db.example.com') }}"


def test_a_wrong_configuration_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """Placeholders are for those who have none; a mistake is told."""
    configured("postgresql://u@db/w?sslmode=maybe")
    assert run(["dbt-init", "out"]) == 2
    assert "sslmode=maybe" in capsys.readouterr().err
    assert not Path("out").exists()


# -- the package agrees with the warehouse ----------------------------------------------------------------------------


def described() -> Iterator[tuple[str, str, dict[str, str]]]:
    """Name, description, and column -> description of every source; the file is regular enough for that."""
    for block in re.split(r"^      - name: ", SOURCES, flags=re.MULTILINE)[1:]:
        name = block.split("\n", 1)[0]
        (said,) = re.findall(r'^        description: (".*")$', block, re.MULTILINE)
        columns = re.findall(r'^          - name: (\w+)\n            description: (".*")$', block, re.MULTILINE)
        assert block.count("description: ") == len(columns) + 1
        yield name, json.loads(said), {column: json.loads(text) for column, text in columns}


def test_the_sources_are_the_warehouses_tables_and_views() -> None:
    """The same names, columns and order; the descriptions are the comments that PostgreSQL shows."""
    tables = {
        name: (table.comment, {column.name: column.comment for column in table.columns})
        for name, table in schema.metadata.tables.items()
    }
    there = tables | {
        name: (view.comment, dict(view.columns)) for name, view in views.definitions("postgresql").items()
    }
    told = {name: (said, columns) for name, said, columns in described()}
    assert set(told) == set(there) - NOT_FOR_ANALYSTS
    for name, (said, columns) in told.items():
        assert said == there[name][0], name
        assert list(columns.items()) == list(there[name][1].items()), name


def test_values_are_fixed_only_where_the_program_fixes_them() -> None:
    """A new status, priority or format of Kore.ai must never turn a test red."""
    fixed = re.findall(r"- name: (\w+)\n(?:(?! *- name:).*\n)*? +values: \[(.*)\]", SOURCES)
    program = {"channel": Channel, "verdict": Verdict, "state": State, "proof": Proof}
    assert set(fixed) == {(column, ", ".join(words)) for column, words in program.items()}


def test_models_and_tests_name_what_there_is() -> None:
    """Every `source` is one of ours, and the README grants just those."""
    names = {name for name, _, _ in described()}
    files = [path.read_text() for path in PACKAGE.rglob("*") if path.suffix in (".sql", ".yml")]
    used = {name for text in files for name in re.findall(r"source\('kore_etl', '(\w+)'\)", text)}
    assert used
    assert used <= names
    granted = re.search(r"GRANT SELECT ON (.*?) TO analyst;", (PACKAGE / "README.md").read_text(), re.DOTALL)
    assert granted is not None
    assert set(re.split(r",\s+", granted[1])) == names
