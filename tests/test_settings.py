"""One configuration from a file and the environment, with every problem told at once and no secret in any of them."""

import json
import os
import re
import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme

from etl import settings as settings_module
from etl.errors import ConfigError
from etl.example import example_config
from etl.model import Channel, Keep
from etl.sections import Account, AccountsFrom, Api, Auth, Notify, Sync, Warehouse
from etl.settings import Needs, Settings, find_config, load

EXAMPLE = Path(__file__).resolve().parent.parent / "config.example.toml"
SECRET = "s3cr3t-kanari"
MINIMAL = """
[auth]
client_id = "cs-1"
client_secret_file = "secret"

[[accounts]]
account_id = "67777ce93e25326494e9xxxx"
app_id = "st-1"
"""
SECTIONS = {
    "api": Api,
    "auth": Auth,
    "accounts": Account,
    "accounts_from": AccountsFrom,
    "sync": Sync,
    "warehouse": Warehouse,
    "notify": Notify,
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a secret in it."""
    write_secret(tmp_path / "secret", SECRET + "\n")
    return tmp_path


def write_secret(file: Path, text: str) -> None:
    file.touch(mode=0o600)
    file.write_text(text)


def loaded(
    folder: Path, text: str = MINIMAL, environ: Mapping[str, str] | None = None, needs: Needs = "source"
) -> Settings:
    file = folder / "config.toml"
    file.write_text(text)
    return load(file, environ or {}, needs)


def problems(
    folder: Path, text: str = MINIMAL, environ: Mapping[str, str] | None = None, needs: Needs = "source"
) -> list[str]:
    """The problems, with the file's path shortened; none of them shows a secret."""
    with pytest.raises(ConfigError) as caught:
        loaded(folder, text, environ, needs)
    assert SECRET not in str(caught.value)
    return [one.replace(f"{folder}/", "") for one in caught.value.problems]


# -- what a configuration gives ---------------------------------------------------------------------------------------


def test_a_minimal_configuration_has_every_default(folder: Path) -> None:
    """The contract's defaults."""
    settings = loaded(folder)
    assert settings.api == Api()
    assert settings.sync == Sync()
    assert settings.api.host == "https://platform.kore.ai"
    assert (settings.api.page_size, settings.api.requests_per_minute, settings.api.max_in_flight) == (100, 50, 8)
    assert (settings.api.attempt_timeout_seconds, settings.api.max_attempts, settings.api.max_body_mb) == (30, 5, 32)
    assert (settings.api.backoff_seconds, settings.api.max_wait_seconds) == (1, 120)
    assert (settings.auth.token_ttl_seconds, settings.auth.single_use_tokens) == (300, False)
    assert (settings.sync.lookback_days, settings.sync.settle_minutes, settings.sync.max_window_rows) == (30, 10, 5000)
    assert (settings.sync.full_sweep_rows, settings.sync.resweep_days, settings.sync.lease_seconds) == (5000, 28, 90)
    assert (settings.warehouse.url_text(), settings.warehouse.schema_name) == ("sqlite:///campaigns.db", "public")
    assert settings.warehouse.password() is None
    assert settings.warnings == ()


def test_accounts_are_resolved(folder: Path) -> None:
    """What an account does not say comes from [api] and [auth]."""
    write_secret(folder / "other", "other secret")
    more = """
[[accounts]]
account_id = "b"
app_id = "st-2"
name = "EMEA"
channels = ["voice"]
host = "de-platform.kore.ai/"
client_id = "cs-2"
client_secret_file = "other"
requests_per_minute = 0
"""
    first, second = loaded(folder, MINIMAL + more).resolved_accounts()
    assert (first.account_id, first.app_id, first.name) == (
        "67777ce93e25326494e9xxxx",
        "st-1",
        "67777ce93e25326494e9xxxx",
    )
    assert (first.channels, first.host) == ((Channel.SMS, Channel.VOICE), "https://platform.kore.ai")
    assert (first.client_id, first.client_secret.get_secret_value(), first.requests_per_minute) == ("cs-1", SECRET, 50)
    assert (second.name, second.channels, second.host) == ("EMEA", (Channel.VOICE,), "https://de-platform.kore.ai")
    assert (second.client_id, second.client_secret.get_secret_value()) == ("cs-2", "other secret")
    assert second.requests_per_minute == 0
    assert len({first, second}) == 2


def test_shared_credentials_are_not_needed_where_every_account_has_its_own(folder: Path) -> None:
    """The [auth] table may then say nothing, or name a file that is not there."""
    text = '[[accounts]]\naccount_id = "a"\napp_id = "b"\nclient_id = "cs-9"\nclient_secret_file = "secret"\n'
    for auth in ("", '[auth]\nclient_secret_file = "not there"\n'):
        (account,) = loaded(folder, auth + text).resolved_accounts()
        assert (account.client_id, account.client_secret.get_secret_value()) == ("cs-9", SECRET)


def test_secrets_are_masked(folder: Path) -> None:
    """In every representation."""
    settings = loaded(
        folder,
        environ={
            "KORE_ETL_AUTH__CLIENT_SECRET": SECRET,
            "KORE_ETL_WAREHOUSE__URL": f"postgresql://u:{SECRET}@h/db",
        },
    )
    for text in (repr(settings), str(settings), repr(settings.resolved_accounts()), settings.model_dump_json()):
        assert SECRET not in text
    assert settings.warehouse.url_text() == f"postgresql://u:{SECRET}@h/db"


def test_the_environment_wins_key_by_key(folder: Path) -> None:
    """A variable replaces its key and leaves its neighbours."""
    text = "[api]\npage_size = 10\nmax_attempts = 7\n" + MINIMAL
    settings = loaded(
        folder, text, {"KORE_ETL_API__PAGE_SIZE": "20", "KORE_ETL_AUTH__SINGLE_USE_TOKENS": "true", "OTHER": "x"}
    )
    assert (settings.api.page_size, settings.api.max_attempts) == (20, 7)
    assert (settings.auth.single_use_tokens, settings.auth.client_id) == (True, "cs-1")


def test_the_environment_alone_is_enough() -> None:
    """No file at all; a final line break of the secret does not count."""
    settings = load(
        None,
        {
            "KORE_ETL_AUTH__CLIENT_ID": "cs-1",
            "KORE_ETL_AUTH__CLIENT_SECRET": SECRET + "\n",
            "KORE_ETL_ACCOUNTS": '[{"account_id": "a", "app_id": "b", "channels": ["sms"]}]',
            "KORE_ETL_SYNC__HISTORY_START": "2024-01-01",
            "KORE_ETL_WAREHOUSE__SCHEMA": "kore",
            "KORE_ETL_CONFIG": "",
        },
    )
    (account,) = settings.resolved_accounts()
    assert (account.channels, account.client_secret.get_secret_value()) == ((Channel.SMS,), SECRET)
    assert settings.sync.history_start == datetime(2024, 1, 1, tzinfo=UTC)
    assert settings.warehouse.schema_name == "kore"


def test_accounts_in_the_environment_replace_those_of_the_file(folder: Path) -> None:
    """They are one list."""
    settings = loaded(folder, environ={"KORE_ETL_ACCOUNTS": '[{"account_id": "a", "app_id": "b"}]'})
    assert [account.account_id for account in settings.resolved_accounts()] == ["a"]


def test_an_empty_variable_counts_as_unset(folder: Path) -> None:
    """Container files often set variables to nothing."""
    assert loaded(folder, environ={"KORE_ETL_API__HOST": "", "KORE_ETL_NONSENSE": ""}).api.host == Api().host


def test_the_process_environment_does_not_count(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what is given."""
    monkeypatch.setenv("KORE_ETL_API__PAGE_SIZE", "7")
    assert loaded(folder).api.page_size == 100


def test_a_verb_that_needs_only_the_warehouse_opens_no_client_secret(tmp_path: Path) -> None:
    """An analyst's host has no secrets, perhaps no accounts."""
    settings = loaded(tmp_path, MINIMAL + 'client_secret_file = "not there"\n', needs="warehouse")
    (account,) = settings.resolved_accounts()
    assert (account.account_id, account.client_secret.get_secret_value()) == ("67777ce93e25326494e9xxxx", "")
    assert loaded(tmp_path, "", needs="warehouse").resolved_accounts() == ()
    assert load(None, {}, "warehouse").warehouse == Warehouse()


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2024-05-06", datetime(2024, 5, 6, tzinfo=UTC)),
        ("2024-05-06T07:08:09", datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)),
        ("2024-05-06T07:08:09+02:00", datetime(2024, 5, 6, 5, 8, 9, tzinfo=UTC)),
        ('"2024-05-06T07:08:09Z"', datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)),
    ],
)
def test_history_starts_in_utc(folder: Path, written: str, expected: datetime) -> None:
    """Without a zone it is UTC."""
    found = loaded(folder, f"[sync]\nhistory_start = {written}\n{MINIMAL}").sync.history_start
    assert found == expected
    assert found is not None
    assert found.tzinfo is UTC


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("platform.kore.ai", "https://platform.kore.ai"),
        ("https://platform.kore.ai/", "https://platform.kore.ai"),
        ("https://kore.example:8443", "https://kore.example:8443"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://127.1.2.3", "http://127.1.2.3"),
        ("http://[::1]:99", "http://[::1]:99"),
    ],
)
def test_hosts(given: str, expected: str) -> None:
    """The documentation gives them with a scheme and without."""
    assert Api(host=given).host == expected


@pytest.mark.parametrize(
    "host",
    [
        "https://pl\u0430tform.kore.ai",
        "https://platform.kore\u3002ai",
        "https://platform\uff0ekore.ai",
        "https://kore.example\nevil.example",
        "https://kore.example\r\nX-Header: 1",
        "https://kore.example\t",
        "https://kore.example\0",
        "https://kore.example\u200b",
        "https://user@kore.example",
        "https://@kore.example",
        "https://kore.example\\@evil.example",
        "https://kore.example/../..",
        "//kore.example",
    ],
)
def test_hosts_that_are_not_what_they_seem(host: str) -> None:
    """Letters that look like others, line breaks, users, paths: for all accounts and for one."""
    with pytest.raises(ValueError, match="host"):
        Api(host=host)
    with pytest.raises(ValueError, match="host"):
        Account(account_id="a", app_id="b", host=host)


# -- which file -------------------------------------------------------------------------------------------------------


def test_the_file_is_the_option_the_variable_or_the_usual_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In this order; the usual one only if it exists."""
    monkeypatch.chdir(tmp_path)
    assert find_config(None, {}) is None
    (tmp_path / "config.toml").touch()
    assert find_config(None, {}) == Path("config.toml")
    assert find_config(None, {"KORE_ETL_CONFIG": ""}) == Path("config.toml")
    assert find_config(None, {"KORE_ETL_CONFIG": "elsewhere.toml"}) == Path("elsewhere.toml")
    assert find_config(Path("mine.toml"), {"KORE_ETL_CONFIG": "elsewhere.toml"}) == Path("mine.toml")


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """With what the environment has wrong."""
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "none.toml", {"KORE_ETL_X": "1"})
    assert caught.value.problems == (
        (
            "KORE_ETL_X in the environment: unknown setting; "
            "variables are spelt KORE_ETL_SECTION__KEY, as in KORE_ETL_API__HOST."
        ),
        f"{tmp_path}/none.toml: the configuration file cannot be read: No such file or directory.",
    )
    (tmp_path / "latin.toml").write_bytes(b'x = "\xe9"')
    with pytest.raises(ConfigError, match="not UTF-8"):
        load(tmp_path / "latin.toml", {})


def test_broken_toml_is_told_with_its_line(folder: Path) -> None:
    """And its column."""
    (problem,) = problems(folder, '[api]\nhost = "x\n')
    assert re.fullmatch(r"config\.toml: not valid TOML: .* \(at line 2, column 10\)\.", problem)


def test_a_byte_order_mark_is_no_problem(folder: Path) -> None:
    """Some editors write one."""
    assert loaded(folder, "\ufeff" + MINIMAL).auth.client_id == "cs-1"


# -- problems ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("section", "line", "allowed"),
    [
        ("api", "page_size = 0", "between 1 and 100"),
        ("api", "page_size = 101", "between 1 and 100"),
        ("api", "page_size = true", "between 1 and 100"),
        ("api", "page_size = 1.5", "between 1 and 100"),
        ("api", "requests_per_minute = -1", "0 means no limit"),
        ("api", "max_in_flight = 0", "between 1 and 1000"),
        ("api", "max_in_flight = 1001", "between 1 and 1000"),
        ("api", "attempt_timeout_seconds = 0", "above 0"),
        ("api", "attempt_timeout_seconds = nan", "above 0"),
        ("api", "backoff_seconds = -1", "above 0"),
        ("api", "max_wait_seconds = inf", "above 0"),
        ("api", "max_attempts = 0", "between 1 and 100"),
        ("api", "max_body_mb = 0", "between 1 and 1024"),
        ("api", "max_body_mb = 1025", "between 1 and 1024"),
        ("api", 'account_id_in_query = "maybe"', "true or false"),
        ("api", 'path = "/no/app"', "{app_id}"),
        ("api", 'path = "relative/{app_id}"', "{app_id}"),
        ("api", 'path = "/{app_id}/{other}"', "{app_id}"),
        ("api", 'path = "/{app_id}?x=1"', "{app_id}"),
        ("api", 'path = "//evil.example/{app_id}"', "{app_id}"),
        ("api", 'host = ""', "a host such as"),
        ("api", 'host = "ftp://kore.example"', "a host such as"),
        ("api", 'host = "kore example"', "a host such as"),
        ("api", 'host = "kore.example:port"', "a host such as"),
        ("api", 'host = "https://kore.example/agentassist"', "without user, path or query"),
        ("api", 'host = "https://kore.example?x=1"', "without user, path or query"),
        ("api", 'host = "http://platform.kore.ai"', "plain http is only for this machine"),
        ("api", 'host = "http://127.0.0.1.evil.example"', "plain http is only for this machine"),
        ("api", 'host = "http://2130706433"', "plain http is only for this machine"),
        ("api", 'host = "http://0x7f000001"', "plain http is only for this machine"),
        ("api", 'host = "http://0.0.0.0"', "plain http is only for this machine"),
        ("api", 'host = "http://127.1"', "plain http is only for this machine"),
        ("api", 'host = "http://0177.0.0.1"', "plain http is only for this machine"),
        ("api", 'host = "http://[::]"', "plain http is only for this machine"),
        ("api", 'host = "http://localhost.evil.example"', "plain http is only for this machine"),
        ("api", 'host = "http://localhost."', "plain http is only for this machine"),
        ("api", 'host = "http://notlocalhost"', "plain http is only for this machine"),
        ("api", 'host = "HTTP://kore.example"', "plain http is only for this machine"),
        ("api", 'host = "file:///etc/passwd"', "without user, path or query"),
        ("api", 'host = "https://"', "a host such as"),
        ("api", 'host = "https://kore.example:0"', "a host such as"),
        ("api", 'host = "https://kore.example:65536"', "a host such as"),
        ("api", 'host = "https://kore.example#x"', "without user, path or query"),
        ("api", 'host = "https://kore%2eexample"', "a host such as"),
        ("api", 'host = "https://kore.example;x"', "a host such as"),
        ("api", 'host = "https://[::1"', "a host such as"),
        ("api", 'host = "https://platform..kore.ai"', "a host such as"),
        ("api", 'host = ".kore.example"', "a host such as"),
        ("auth", 'client_id = "cs 1"', "the Client ID"),
        ("auth", "token_ttl_seconds = 9", "between 10 and 3600"),
        ("auth", "token_ttl_seconds = 3601", "between 10 and 3600"),
        ("sync", 'history_start = "soon"', "a date and time"),
        ("sync", "history_start = 1999-12-31", "between 2000 and 2100"),
        ("sync", "history_start = 2024", "between 2000 and 2100"),
        ("sync", "lookback_days = -1", "0 or more"),
        ("sync", "settle_minutes = -1", "0 or more"),
        ("sync", "max_window_rows = 0", "1 or more"),
        ("sync", "full_sweep_rows = -1", "0 or more"),
        ("sync", "resweep_days = 0", "1 or more"),
        ("sync", "lease_seconds = 4", "5 or more"),
        ("warehouse", 'schema = "a-b"', "a plain name"),
        ("warehouse", 'schema = ""', "a plain name"),
    ],
)
def test_a_value_that_is_not_allowed(tmp_path: Path, section: str, line: str, allowed: str) -> None:
    """The sentence names file, section, key, value and what is allowed."""
    (problem,) = problems(tmp_path, f"[{section}]\n{line}\n", needs="warehouse")
    key, _, value = line.partition(" = ")
    assert problem.startswith(f"config.toml: [{section}] {key} = ")
    assert value in problem.replace("NaN", "nan").replace("Infinity", "inf")
    assert re.search(allowed, problem)
    assert problem.endswith(".")


def test_the_sentence_in_full(tmp_path: Path) -> None:
    """As it is printed."""
    assert problems(tmp_path, "[api]\npage_size = 0\n", needs="warehouse") == [
        "config.toml: [api] page_size = 0: must be a whole number between 1 and 100."
    ]
    assert problems(tmp_path, "", {"KORE_ETL_API__PAGE_SIZE": "0"}, "warehouse") == [
        'KORE_ETL_API__PAGE_SIZE = "0": must be a whole number between 1 and 100.'
    ]


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ('account_id = "a/b"', 'account_id = "a/b"'),
        ('account_id = ""', 'account_id = ""'),
        ('app_id = "st 1"', 'app_id = "st 1"'),
        ('app_id = ".."', 'app_id = ".."'),
        ('app_id = "st-1?x"', 'app_id = "st-1?x"'),
        ("channels = []", "channels: must be a list"),
        ('channels = ["fax"]', 'channels = "fax"'),
        ('channels = ["sms", "sms"]', "channels: must be a list"),
        ("requests_per_minute = -1", "requests_per_minute = -1"),
    ],
)
def test_a_bad_account(folder: Path, line: str, named: str) -> None:
    """The sentence says which one."""
    base = {"account_id": '"a"', "app_id": '"b"'} | dict([line.split(" = ", 1)])
    second = "\n[[accounts]]\n" + "\n".join(f"{key} = {value}" for key, value in base.items())
    (problem,) = problems(folder, MINIMAL + second)
    assert problem.startswith(f"config.toml: [[accounts]] number 2 {named}")


def test_keep_is_resolved(folder: Path) -> None:
    """From the file, as a table of its own too, and from the environment; nothing is left out by default."""
    block = '\n[[accounts]]\naccount_id = "a"\napp_id = "b"\n'
    lists = 'keep = { status = ["Active"], priority = [4, 5], dialing_mode = ["Preview"] }\n'
    first, second = loaded(folder, MINIMAL + block + lists).resolved_accounts()
    assert (first.keep, second.keep) == (Keep(), Keep(("Active",), (4, 5), ("Preview",)))
    _, dotted = loaded(folder, MINIMAL + block + "keep.priority = [1]\n").resolved_accounts()
    assert dotted.keep == Keep(priority=(1,))
    accounts = json.dumps([{"account_id": "a", "app_id": "b", "keep": {"status": ["Ready"]}}])
    (given,) = loaded(folder, environ={"KORE_ETL_ACCOUNTS": accounts}).resolved_accounts()
    assert given.keep == Keep(status=("Ready",))


@pytest.mark.parametrize(
    ("keep", "told"),
    [
        ("5", "keep = 5: must be a table with at least one of the lists status, priority and dialing_mode."),
        ("{}", "keep: must be a table with at least one of the lists status, priority and dialing_mode."),
        ("{ status = [] }", 'keep.status: must be a list of statuses such as ["Active"], not empty.'),
        ('{ status = "Ready" }', 'keep.status = "Ready": must be a list of statuses such as ["Active"], not empty.'),
        ("{ status = [5] }", 'keep.status = 5: must be a list of statuses such as ["Active"], not empty.'),
        ('{ status = [""] }', 'keep.status = "": must be a list of statuses such as ["Active"], not empty.'),
        (
            '{ status = ["Ready "] }',
            'keep.status = "Ready ": must be a list of statuses such as ["Active"], not empty.',
        ),
        ("{ priority = [] }", "keep.priority: must be a list of priorities, 1 to 5, not empty."),
        ("{ priority = [0] }", "keep.priority = 0: must be a list of priorities, 1 to 5, not empty."),
        ("{ priority = [6] }", "keep.priority = 6: must be a list of priorities, 1 to 5, not empty."),
        ("{ priority = [true] }", "keep.priority = true: must be a list of priorities, 1 to 5, not empty."),
        ("{ dialing_mode = [] }", 'keep.dialing_mode: must be a list of dialing modes such as ["Preview"], not empty.'),
        ("{ statsu = [] }", "keep.statsu: unknown key; did you mean keep.status?"),
        ("{ zzz = [] }", "keep.zzz: unknown key; known here: keep.status, keep.priority, keep.dialing_mode."),
    ],
)
def test_a_bad_keep(folder: Path, keep: str, told: str) -> None:
    """The sentence names the list; a list at the wrong place is told where it belongs."""
    block = '\n[[accounts]]\naccount_id = "a"\napp_id = "b"\n'
    assert problems(folder, f"{MINIMAL}{block}keep = {keep}\n") == [f"config.toml: [[accounts]] number 2 {told}"]
    assert problems(folder, MINIMAL + block + 'status = ["Active"]\n') == [
        "config.toml: [[accounts]] number 2 status: unknown key; did you mean keep.status?"
    ]


def test_a_bad_keep_in_the_environment(folder: Path) -> None:
    """It is named as the JSON has it."""
    accounts = json.dumps([{"account_id": "a", "app_id": "b", "keep": {"priority": [9], "modes": ["x"]}}])
    first, second = problems(folder, environ={"KORE_ETL_ACCOUNTS": accounts})
    assert first.startswith("KORE_ETL_ACCOUNTS[0].keep.priority = 9: must be")
    assert second.startswith("KORE_ETL_ACCOUNTS[0].keep.modes: unknown key;")


def test_missing_ids_are_told(folder: Path) -> None:
    """In the file and in the environment, each by its place."""
    assert problems(folder, MINIMAL + '\n[[accounts]]\naccount_id = "a"\n') == [
        (
            "config.toml: [[accounts]] number 2 app_id is missing; "
            "it must be the app's id (st-...): printable, without spaces, / \\ ? # or %."
        )
    ]
    (problem,) = problems(folder, environ={"KORE_ETL_ACCOUNTS": '[{"app_id": "b"}]'})
    assert problem.startswith("KORE_ETL_ACCOUNTS[0].account_id is missing;")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[api]\npage_sise = 5\n", "config.toml: [api] page_sise: unknown key; did you mean page_size?"),
        ("[auth]\npage_size = 5\n", "config.toml: [auth] page_size: unknown key; did you mean [api] page_size?"),
        ("page_size = 5\n", "config.toml: page_size: unknown key; did you mean [api] page_size?"),
        ("[warehuose]\nx = 1\n", "config.toml: warehuose: unknown key; did you mean warehouse?"),
        (
            "[warehouse]\nzzz = 1\n",
            "config.toml: [warehouse] zzz: unknown key; known here: url, schema, password_file, store_message_text.",
        ),
        ("api = 5\n", "config.toml: api: must be a table, written [api]."),
        ('[accounts]\naccount_id = "a"\n', "config.toml: accounts: must be a table, written [[accounts]]."),
        ("accounts = [5]\n", "config.toml: [[accounts]] number 1: must be a table, written [[accounts]]."),
        (
            '[[accounts]]\naccount_id = "a"\napp_id = "b"\nchanels = ["sms"]\n',
            "config.toml: [[accounts]] number 1 chanels: unknown key; did you mean channels?",
        ),
    ],
)
def test_unknown_keys_name_the_nearest(tmp_path: Path, text: str, expected: str) -> None:
    """In the same section first, then anywhere."""
    assert problems(tmp_path, text, needs="warehouse") == [expected]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("KORE_ETL_API__PAGESIZE", "did you mean KORE_ETL_API__PAGE_SIZE?"),
        ("KORE_ETL_API_PAGE_SIZE", "did you mean KORE_ETL_API__PAGE_SIZE?"),
        ("KORE_ETL_api__page_size", "did you mean KORE_ETL_API__PAGE_SIZE?"),
        ("KORE_ETL_ACCOUNTS__0__APP_ID", "did you mean KORE_ETL_ACCOUNTS?|variables are spelt"),
        ("KORE_ETL_LOG", "did you mean|variables are spelt"),
    ],
)
def test_unknown_variables_name_the_nearest(tmp_path: Path, name: str, hint: str) -> None:
    """Their value, which may be a secret, is not shown."""
    (problem,) = problems(tmp_path, "", {name: SECRET}, "warehouse")
    assert problem.startswith(f"{name} in the environment: unknown setting; ")
    assert re.search(hint, problem)


def test_all_problems_are_told_at_once(folder: Path) -> None:
    """Bad values, unknown keys, missing files and duplicates, from both places."""
    text = """
[api]
page_size = 0
hosst = "x"
[auth]
client_secret_file = "not there"
[[accounts]]
account_id = "a"
app_id = "b"
[[accounts]]
account_id = "a"
app_id = "b"
channels = ["voice"]
"""
    found = problems(folder, text, {"KORE_ETL_SYNC__LEASE_SECONDS": "1", "KORE_ETL_ZZZ": "1"})
    assert [one.split(":")[0] + "|" + one.split(":")[1][:27] for one in found] == [
        "KORE_ETL_ZZZ in the environment| unknown setting; variables",
        "config.toml| [api] page_size = 0",
        "config.toml| [api] hosst",
        'KORE_ETL_SYNC__LEASE_SECONDS = "1"| must be a whole number of ',
        "config.toml| [[accounts]] number 2",
        "config.toml| [auth] client_id is not se",
        "config.toml| [auth] client_secret_file ",
    ]


def test_no_accounts(folder: Path) -> None:
    """A verb that reads needs one; without any file it says how to get one."""
    text = MINIMAL.partition("[[")[0]
    assert problems(folder, text) == [
        "config.toml: no accounts; add an [[accounts]] block for each app of each account, or set KORE_ETL_ACCOUNTS."
    ]
    with pytest.raises(ConfigError, match="`kore-etl init` writes one"):
        load(None, {})


def test_broken_accounts_in_the_environment(folder: Path) -> None:
    """One problem, not three."""
    assert problems(folder, environ={"KORE_ETL_ACCOUNTS": f"[{{{SECRET}"}) == [
        "KORE_ETL_ACCOUNTS in the environment: not valid JSON; write a list of objects."
    ]
    (problem,) = problems(folder, environ={"KORE_ETL_ACCOUNTS": "5"})
    assert problem == "KORE_ETL_ACCOUNTS: must be a table, written [[accounts]]."


def test_a_listing_configured_twice(folder: Path) -> None:
    """Account, app and channel together; the other channel of the same app may stand apart."""
    block = '[[accounts]]\naccount_id = "a"\napp_id = "b"\nchannels = ["{}"]\n'
    assert len(loaded(folder, MINIMAL + block.format("sms") + block.format("voice")).resolved_accounts()) == 3
    assert problems(folder, MINIMAL + block.format("sms") * 2) == [
        "config.toml: [[accounts]] number 3: sms of account a, app b is already in number 2; remove one."
    ]


# -- secrets ----------------------------------------------------------------------------------------------------------


def test_a_client_secret_in_the_file_is_refused(folder: Path) -> None:
    """For all and for one account; with what to do instead."""
    text = MINIMAL.replace("[auth]", f'[auth]\nclient_secret = "{SECRET}"') + f'client_secret = "{SECRET}"\n'
    remedy = (
        "a secret never belongs in this file; name a file with client_secret_file, or set KORE_ETL_AUTH__CLIENT_SECRET."
    )
    assert problems(folder, text) == [
        f"config.toml: [auth] client_secret: {remedy}",
        f"config.toml: [[accounts]] number 1 client_secret: {remedy}",
    ]


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://user:{SECRET}@host/db",
        f"postgresql://host/db?user=u&password={SECRET}",
        f"postgresql://user:{SECRET}@[host/db",
    ],
)
def test_a_database_password_in_the_file_is_refused(folder: Path, url: str) -> None:
    """It comes from the environment, the driver's password file or password_file."""
    assert problems(folder, f'{MINIMAL}\n[warehouse]\nurl = "{url}"\n') == [
        (
            "config.toml: [warehouse] url: a password never belongs in this file; "
            "name a file with password_file, use ~/.pgpass, or set KORE_ETL_WAREHOUSE__URL."
        )
    ]
    assert loaded(folder, environ={"KORE_ETL_WAREHOUSE__URL": url}).warehouse.url_text() == url


def test_other_databases_are_refused_without_showing_the_url(folder: Path) -> None:
    """It may hold a password."""
    assert problems(folder, environ={"KORE_ETL_WAREHOUSE__URL": f"mysql://u:{SECRET}@h/db"}) == [
        "KORE_ETL_WAREHOUSE__URL: must be sqlite:///FILE or postgresql://USER@HOST/DATABASE."
    ]


def test_values_that_may_be_secrets_are_not_shown(folder: Path) -> None:
    """Whatever is wrong with them."""
    assert problems(
        folder, environ={"KORE_ETL_WAREHOUSE__URL": SECRET, "KORE_ETL_AUTH__CLIENT_SECRET": f"\t{SECRET}"}
    ) == [
        "KORE_ETL_AUTH__CLIENT_SECRET: must be the Client Secret, one line of text.",
        "KORE_ETL_WAREHOUSE__URL: must be sqlite:///FILE or postgresql://USER@HOST/DATABASE.",
    ]


def test_a_host_with_a_password_is_not_shown(folder: Path) -> None:
    """Users are refused in hosts."""
    assert problems(folder, environ={"KORE_ETL_API__HOST": f"https://u:{SECRET}@h"}) == [
        "KORE_ETL_API__HOST: must be a host name alone, without user, path or query."
    ]


def test_a_secret_written_where_its_file_belongs_is_not_shown(folder: Path) -> None:
    """An easy mistake."""
    text = MINIMAL.replace('"secret"', f'"{SECRET}"') + f'[warehouse]\npassword_file = "{SECRET}"\n'
    missing = "names a file that cannot be read: No such file or directory"
    assert problems(folder, text) == [
        f"config.toml: [warehouse] password_file {missing} (relative names start at {folder}).",
        f"config.toml: [auth] client_secret_file {missing} (relative names start at {folder}).",
    ]


@pytest.mark.parametrize("content", ["", "\n", "  ", f"{SECRET}\nsecond line\n", f"{SECRET}\0", "x" * 70_000])
def test_a_secret_file_holds_one_line(folder: Path, content: str) -> None:
    """Anything else is a mistake."""
    write_secret(folder / "secret", content)
    (problem,) = problems(folder)
    assert problem.startswith("config.toml: [auth] client_secret_file names a file that does not hold exactly one line")


def test_a_secret_file_is_a_text_file(folder: Path) -> None:
    """Not a folder, not bytes."""
    (problem,) = problems(folder, MINIMAL.replace('"secret"', '"."'))
    assert "names something that is not a file" in problem
    (folder / "secret").write_bytes(b"\xff\xfe")
    (problem,) = problems(folder)
    assert "names a file that is not UTF-8 text" in problem


def test_only_line_breaks_are_taken_off_a_secret(folder: Path) -> None:
    """Spaces may belong to it."""
    write_secret(folder / "secret", " spaced \r\n")
    (account,) = loaded(folder).resolved_accounts()
    assert account.client_secret.get_secret_value() == " spaced "


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602])
def test_a_secret_that_others_can_read_or_change_is_warned_about(folder: Path, mode: int) -> None:
    """A warning, not a problem: containers mount secrets like that."""
    (folder / "secret").chmod(mode)
    (warning,) = loaded(folder).warnings
    assert warning.endswith(
        "[auth] client_secret_file names a file that others on this machine can read or change; run chmod 600 on it."
    )


def test_a_database_password_that_others_can_read_is_warned_about(folder: Path) -> None:
    """The same for its file."""
    write_secret(folder / "db", "pass word\n")
    (folder / "db").chmod(0o644)
    text = '[warehouse]\nurl = "postgresql://user@host/db"\npassword_file = "db"\n'
    (warning,) = loaded(folder, text, needs="warehouse").warnings
    assert "[warehouse] password_file names a file that others on this machine can read or change" in warning


def test_a_configuration_that_everybody_can_change_is_warned_about(folder: Path) -> None:
    """Another host there would get the tokens. It holds no secret: that others can read it is fine."""
    file = folder / "config.toml"
    file.write_text(MINIMAL)
    for mode, warned in ((0o666, True), (0o602, True), (0o664, False), (0o644, False), (0o600, False)):
        file.chmod(mode)
        assert bool(load(file, {}).warnings) == warned
    file.chmod(0o666)
    assert load(file, {}).warnings == (
        f"{file} can be changed by everybody on this machine, and the host in it gets the tokens; run chmod o-w on it.",
    )


def test_the_database_password_comes_from_its_file(folder: Path) -> None:
    """Also for verbs that need only the warehouse."""
    write_secret(folder / "db", "pass word\n")
    text = '[warehouse]\nurl = "postgresql://user@host/db"\npassword_file = "db"\n'
    settings = loaded(folder, text, needs="warehouse")
    assert settings.warehouse.password() == "pass word"
    assert "pass word" not in repr(settings)
    assert load(None, {}, "warehouse").warehouse.password() is None


def test_a_missing_secret_is_told(folder: Path) -> None:
    """With both ways to give it."""
    assert problems(folder, MINIMAL.replace('client_secret_file = "secret"', "")) == [
        (
            "config.toml: [auth] client_secret_file is not set: name a file that holds the Client Secret, "
            "or set KORE_ETL_AUTH__CLIENT_SECRET."
        )
    ]
    assert problems(folder, MINIMAL.replace('client_id = "cs-1"', "")) == [
        (
            "config.toml: [auth] client_id is not set: name the Client ID of the JWT app (cs-...), "
            "or set KORE_ETL_AUTH__CLIENT_ID."
        )
    ]


def test_relative_secret_files_start_at_the_current_directory_without_a_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no configuration file to be beside of."""
    monkeypatch.chdir(folder)
    environ = {
        "KORE_ETL_AUTH__CLIENT_ID": "cs-1",
        "KORE_ETL_AUTH__CLIENT_SECRET_FILE": "secret",
        "KORE_ETL_ACCOUNTS": json.dumps([{"account_id": "a", "app_id": "b"}]),
    }
    assert load(None, environ).resolved_accounts()[0].client_secret.get_secret_value() == SECRET


# -- the example ------------------------------------------------------------------------------------------------------


def keys_of(text: str) -> dict[str, set[str]]:
    values = tomllib.loads(text)
    return {name: set(value[0] if name == "accounts" else value) for name, value in values.items()}


def uncommented() -> str:
    """The example with its optional keys switched on; one that a section has already stays as it is."""
    return re.sub(r"^# (\w+ = )", r"\1", EXAMPLE.read_text(), flags=re.MULTILINE)


def model_keys() -> dict[str, set[str]]:
    keys = {n: {f.alias or k for k, f in model.model_fields.items()} for n, model in SECTIONS.items()}
    keys["auth"].remove("client_secret")  # never in the file
    return keys


def test_the_example_has_every_key() -> None:
    """And no other."""
    assert keys_of(uncommented()) == model_keys()


def test_the_example_shows_the_defaults() -> None:
    """Keys that are not commented out hold the default, except where there is none."""
    values = tomllib.loads(EXAMPLE.read_text())
    for section, model in SECTIONS.items():
        shown = values[section][0] if section == "accounts" else values[section]
        for name, field in model.model_fields.items():
            key = field.alias or name
            if key in shown and not field.is_required() and field.default is not None:
                default = getattr(model.model_construct(), name)
                plain = default.get_secret_value() if key == "url" else default
                assert (section, key, shown[key]) == (section, key, list(plain) if key == "channels" else plain)


def test_the_example_loads(folder: Path) -> None:
    """As it is, and with every optional key switched on."""
    for name in ("client-secret", "other-client-secret", "database-password"):
        write_secret(folder / name, SECRET)
    trustme.CA().cert_pem.write_to_path(folder / "company-ca.pem")
    settings = loaded(folder, EXAMPLE.read_text())
    assert (settings.api, settings.sync, settings.warehouse) == (Api(), Sync(), Warehouse())
    (folder / "accounts.csv").write_text("account_id,app_id\na,b\n")
    one_place = re.sub(r"^table = .*$", "", uncommented(), flags=re.MULTILINE)
    account, another = loaded(folder, one_place).resolved_accounts()
    assert (account.requests_per_minute, another.account_id) == (30, "a")
    assert account.keep == Keep(("Active",), (4, 5), ("Preview",))


def test_the_example_can_be_filled_in(folder: Path) -> None:
    """Values are quoted as TOML wants it, and land in their own section; everything else stays."""
    values = {
        "host": "http://localhost:1",
        "client_id": "cs-mine",
        "secret_file": 'my "secret" \\ file',
        "account_id": "acc",
        "app_id": "st-mine",
        "warehouse_url": "sqlite:///elsewhere é.db",
    }
    write_secret(folder / values["secret_file"], SECRET)
    text = example_config(values)
    settings = loaded(folder, text)
    (account,) = settings.resolved_accounts()
    assert (account.host, account.account_id, account.app_id) == ("http://localhost:1", "acc", "st-mine")
    assert (account.client_id, account.client_secret.get_secret_value()) == ("cs-mine", SECRET)
    assert settings.warehouse.url_text() == "sqlite:///elsewhere é.db"
    differing = [a for a, b in zip(text.splitlines(), EXAMPLE.read_text().splitlines(), strict=True) if a != b]
    assert len(differing) == 6
    assert example_config({}) == EXAMPLE.read_text()


def test_an_unknown_value_is_not_filled_in() -> None:
    """A misspelt name must not be lost."""
    with pytest.raises(KeyError):
        example_config({"hots": "x"})


def test_sections_here_are_those_of_the_settings() -> None:
    """So that no section is forgotten above."""
    assert set(SECTIONS) == set(Settings.model_fields) == set(settings_module.SECTIONS)
    assert os.environ.get("KORE_ETL_API__PAGE_SIZE") is None


def test_authorities_are_read_beside_the_configuration(folder: Path) -> None:
    """As PEM text, whatever stands between the certificates; a verb that asks the source nothing does not open it."""
    write_secret(folder / "secret", SECRET)
    pem = trustme.CA().cert_pem.bytes()
    (folder / "ca.pem").write_bytes("# unsere Behörde\n".encode() + pem + b"\n" + pem)
    text = MINIMAL + '[api]\nca_file = "ca.pem"\n'
    assert pem.decode() in (loaded(folder, text).api.authorities() or "")
    assert loaded(folder, MINIMAL).api.authorities() is None


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "names a file that cannot be read: No such file or directory"),
        (b"", "names a file that holds no certificates in PEM form (-----BEGIN CERTIFICATE-----)"),
        (b"\xff\x00 not PEM", "names a file that holds no certificates in PEM form (-----BEGIN CERTIFICATE-----)"),
        (b"#" * 5_000_000, "names a file that is too large for certificates"),
    ],
)
def test_authorities_that_cannot_be_used_are_a_problem(folder: Path, content: bytes | None, problem: str) -> None:
    """One sentence that names the key; the run does not start."""
    write_secret(folder / "secret", SECRET)
    if content is not None:
        (folder / "ca.pem").write_bytes(content)
    (got,) = problems(folder, MINIMAL + '[api]\nca_file = "ca.pem"\n')
    assert got.startswith(f"config.toml: [api] ca_file {problem} (")
