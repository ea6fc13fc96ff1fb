"""A record becomes a campaign or a reason, whatever it is."""

import base64
import json
from datetime import UTC, datetime
from hashlib import blake2b
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from etl import transform
from etl.model import Campaign, Channel, FieldProblem, Record, Rejected, Scope, Unread
from etl.transform import decode
from etl.values import readable

SMS = Scope("67777ce93e25326494e9xxxx", "st-0603182c-7ffb-53c3-b307-47ca14b9xxxx", Channel.SMS)
VOICE = replace(SMS, channel=Channel.VOICE)

ADVANCED = """{
                "name": "Interactive Support SMS Campaign",
                "description": "Updated: This campaign sends an SMS with a link or instructions to interact with a Kore.ai bot. Customers can check order status, raise tickets, or get help\u2014all via chat-enabled SMS.",
                "status": "Ready",
                "priority": "5",
                "experienceFlow": "cf-67447605-115e-5dd2-a676-e158cf3bxxxx",
                "createdAt": "2025-06-27T09:25:53.320Z",
                "updatedAt": "2025-06-27T09:31:56.940Z",
                "schedule": {
                    "isSchedulingEnabled": false,
                    "isRecurrenceEnabled": false
                },
                "id": "cd-3aefda80-f98e-5f4f-ad41-92803abbxxxx",
                "totalMessagesSent": 0,
                "campaignInstanceUpdatedAt": "2025-06-27T09:31:56.940Z",
                "campaignExecutionType": "NORMAL",
                "contactLists": [
                    "Renewal Due - May/June 2025"
                ],
                "format": "advanced"
            }"""  # noqa: E501
SIMPLE = """{
                "name": "Event Reminder SMS Campaign",
                "description": "Sends a one-time message to remind users about an upcoming event. No template or personalization is used\u2014just a plain, direct message.",
                "status": "Ready",
                "priority": "5",
                "message": {
                    "message": "Hi, This is just reminder for upcoming event"
                },
                "createdAt": "2025-06-27T08:54:23.418Z",
                "updatedAt": "2025-06-27T08:54:23.466Z",
                "schedule": {
                    "isSchedulingEnabled": false,
                    "isRecurrenceEnabled": false
                },
                "id": "cd-b124b013-95bd-5ff2-ad90-01b8f4eexxxx",
                "totalMessagesSent": 0,
                "campaignInstanceUpdatedAt": "2025-06-27T08:54:23.466Z",
                "campaignExecutionType": "NORMAL",
                "contactLists": [
                    "Renewal Due - May/June 2025"
                ],
                "format": "simple"
            }"""  # noqa: E501
"""The two records of the documented sample response, exactly as the page prints them."""

FLAGS = """{
                    "isSchedulingEnabled": false,
                    "isRecurrenceEnabled": false
                }"""

BASE = {
    "id": "cd-1",
    "name": "n",
    "status": "Ready",
    "createdAt": "2025-06-27T09:25:53.320Z",
    "updatedAt": "2025-06-27T09:25:53.120Z",
}


def raw_of(**fields: object) -> bytes:
    return json.dumps(BASE | fields, ensure_ascii=False).encode(errors="surrogatepass")


def campaign(**fields: object) -> Campaign:
    found = decode(raw_of(**fields), SMS)
    assert isinstance(found, Campaign)
    return found


def of_text(text: str) -> Campaign:
    found = decode(text.encode(), SMS)
    assert isinstance(found, Campaign)
    return found


def with_extra(fragment: str) -> str:
    return json.dumps(BASE)[:-1] + ", " + fragment + "}"


def rejected(raw: bytes) -> Rejected:
    found = decode(raw, SMS)
    assert isinstance(found, Rejected)
    return found


def problems(found: Campaign) -> list[tuple[str, str]]:
    return [(one.field, one.problem) for one in found.problems]


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type,misc]


# -- the documented shapes --------------------------------------------------------------------------------------------


def test_the_documented_advanced_sample_loads_exactly() -> None:
    """Every field of the page's first record arrives, typed, and its text is kept as it came."""
    assert decode(ADVANCED.encode(), SMS) == Campaign(
        campaign_id="cd-3aefda80-f98e-5f4f-ad41-92803abbxxxx",
        raw=ADVANCED.encode(),
        content_hash=blake2b(ADVANCED.encode(), digest_size=16).hexdigest(),
        name="Interactive Support SMS Campaign",
        description=json.loads(ADVANCED)["description"],
        status="Ready",
        priority=5,
        format="advanced",
        execution_type="NORMAL",
        experience_flow_id="cf-67447605-115e-5dd2-a676-e158cf3bxxxx",
        is_scheduled=False,
        is_recurring=False,
        schedule=FLAGS,
        total_messages_sent=0,
        created_at=at(2025, 6, 27, 9, 25, 53, 320000),
        updated_at=at(2025, 6, 27, 9, 31, 56, 940000),
        instance_updated_at=at(2025, 6, 27, 9, 31, 56, 940000),
        contact_lists=("Renewal Due - May/June 2025",),
    )


def test_the_documented_simple_sample_loads_exactly() -> None:
    """The page's second record: a plain message, no experience flow."""
    assert decode(SIMPLE.encode(), SMS) == Campaign(
        campaign_id="cd-b124b013-95bd-5ff2-ad90-01b8f4eexxxx",
        raw=SIMPLE.encode(),
        content_hash=blake2b(SIMPLE.encode(), digest_size=16).hexdigest(),
        name="Event Reminder SMS Campaign",
        description=json.loads(SIMPLE)["description"],
        status="Ready",
        priority=5,
        format="simple",
        execution_type="NORMAL",
        message_text="Hi, This is just reminder for upcoming event",
        is_scheduled=False,
        is_recurring=False,
        schedule=FLAGS,
        total_messages_sent=0,
        created_at=at(2025, 6, 27, 8, 54, 23, 418000),
        updated_at=at(2025, 6, 27, 8, 54, 23, 466000),
        instance_updated_at=at(2025, 6, 27, 8, 54, 23, 466000),
        contact_lists=("Renewal Due - May/June 2025",),
    )


def test_a_voice_record_of_the_second_generation_loads() -> None:
    """`_id`, dialling fields and the DNC object; what voice lacks is None without complaint."""
    record = {
        "_id": "cd-1a2b3c4-98e0-4f4f-ad41-92803abbxxxx",
        "name": "Collections",
        "description": "",
        "status": "Completed",
        "priority": "3",
        "dialingMode": "Agentless",
        "connection": "Payment flow",
        "experienceFlow": "cf-1",
        "dncLists": {"id": "cl-1", "name": "Do not call"},
        "isFiltersEnabled": False,
        "campaignInstanceId": "cid-1",
        "schedule": {"isSchedulingEnabled": True},
        "createdAt": "2025-12-04T10:00:00.300Z",
        "updatedAt": "2025-12-04T10:00:00.100Z",
        "campaignInstanceUpdatedAt": "2025-12-04T09:00:00.000Z",
        "contactLists": ["A | B", "C/D"],
    }
    raw = json.dumps(record).encode()
    found = decode(raw, VOICE)
    assert found == transform._plain(raw, VOICE)
    assert found == Campaign(
        campaign_id="cd-1a2b3c4-98e0-4f4f-ad41-92803abbxxxx",
        raw=raw,
        content_hash=blake2b(raw, digest_size=16).hexdigest(),
        name="Collections",
        description="",
        status="Completed",
        priority=3,
        dialing_mode="Agentless",
        connection="Payment flow",
        experience_flow_id="cf-1",
        dnc_list_name="Do not call",
        campaign_instance_id="cid-1",
        is_scheduled=True,
        schedule='{"isSchedulingEnabled": true}',
        created_at=at(2025, 12, 4, 10, 0, 0, 300000),
        updated_at=at(2025, 12, 4, 10, 0, 0, 100000),
        instance_updated_at=at(2025, 12, 4, 9),
        contact_lists=("A | B", "C/D"),
    )


def test_documented_records_take_the_fast_path() -> None:
    """Neither sample needs the tolerant reading."""
    for text in (ADVANCED, SIMPLE):
        assert transform._plain(text.encode(), SMS) is not None


def test_both_paths_agree_on_the_samples() -> None:
    """The tolerant reading gives the same values as the fast one."""
    for text in (ADVANCED, SIMPLE):
        assert transform._tolerant(text.encode(), SMS) == decode(text.encode(), SMS)


# -- ids --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("absent", [{}, {"id": None}, {"id": None, "_id": None}])
def test_a_record_without_an_id_is_rejected(absent: dict[str, None]) -> None:
    """No id, or a null one; its dates are still told."""
    found = rejected(json.dumps({k: v for k, v in BASE.items() if k != "id"} | absent).encode())
    assert (found.reason, found.campaign_id) == ("no_id", None)
    assert found.created_at == at(2025, 6, 27, 9, 25, 53, 320000)
    assert found.updated_at == at(2025, 6, 27, 9, 25, 53, 120000)


@pytest.mark.parametrize(
    "bad", ["", "x" * 201, "a\0b", "a\nb", "a\x85b", "a\ud800", 17, 1.5, True, {"$oid": "a"}, ["a"]]
)
def test_an_unusable_id_is_rejected(bad: object) -> None:
    """Only text is an id: not empty, at most 200 characters, no control characters, no lone surrogates."""
    found = rejected(json.dumps(BASE | {"id": bad}).encode())
    assert (found.reason, found.campaign_id) == ("bad_id", None)


def test_ids_are_opaque() -> None:
    """Samples are masked, and voice ids have seven digits in front: no shape is asked for."""
    for good in ("x" * 200, "cd-1234567-0000", "é 字 😀", "'; DROP TABLE campaigns; --"):
        assert campaign(id=good).campaign_id == good


def test_two_ids_that_differ_are_noted() -> None:
    """`id` is used; equal ones are no problem; an unusable one gives way to the other."""
    found = campaign(_id="cd-2")
    assert (found.campaign_id, problems(found)) == ("cd-1", [("_id", "another id")])
    assert campaign(_id="cd-1").problems == ()
    found = campaign(id=17, _id="cd-2")
    assert (found.campaign_id, problems(found)) == ("cd-2", [("id", "not a usable id")])


def test_a_record_of_another_account_is_rejected() -> None:
    """Its id is told, so that nobody takes the campaign for gone; its own account's id, or none, is fine."""
    found = rejected(raw_of(accountId="someone else"))
    assert (found.reason, found.campaign_id) == ("foreign_account", "cd-1")
    for own in (SMS.account_id, None, ""):
        assert campaign(accountId=own).problems == ()
    assert problems(campaign(accountId=5)) == [("accountId", "not text")]


# -- what is no record ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "not_json"),
        (b"{", "not_json"),
        (b"\xef\xbb\xbf{}", "not_json"),
        (b'{"id": "a", "x": NaN}', "not_json"),
        (b'{"id": "a", "x": -Infinity}', "not_json"),
        (b'{"id": "a\x01"}', "not_json"),
        (b"[" * 100_000, "too_deep"),
        (b'{"id": "a", "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "too_deep"),
        (b"[]", "not_an_object"),
        (b"null", "not_an_object"),
        (b'"cd-1"', "not_an_object"),
        (b"12", "not_an_object"),
        (b"{}", "no_id"),
        (b"\xff", "not_utf8"),
        (b'{"id": "a"}\0', "nul_byte"),
    ],
)
def test_what_is_no_record_is_rejected_with_a_reason(raw: bytes, reason: str) -> None:
    """The key is a digest of the bytes."""
    found = rejected(raw)
    assert (found.reason, found.key) == (reason, blake2b(raw, digest_size=16).hexdigest())


def test_undecodable_bytes_are_shown_as_escapes() -> None:
    """The raw text is storable, and an id that can still be read is told."""
    found = rejected(b'{"id": "cd-1", "createdAt": "2025-01-01", "name": "caf\xe9"}')
    assert found.raw == '{"id": "cd-1", "createdAt": "2025-01-01", "name": "caf\\xe9"}'
    assert (found.campaign_id, found.created_at) == ("cd-1", at(2025, 1, 1))
    assert rejected(b'{"id": "cd-\xe9"}').campaign_id is None


def test_a_nul_byte_is_shown() -> None:
    """A database text cannot hold it."""
    found = rejected(b'{"id": "cd-1", "name": "a\0b"}')
    assert (found.raw, found.reason, found.campaign_id) == ('{"id": "cd-1", "name": "a\\x00b"}', "nul_byte", "cd-1")


# -- a bad field costs that field -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "extra", ['"x": 1e400', '"x": ' + "9" * 5000, '"x": 18446744073709551616', '"x": "\\ud800"', '"x": "\\u0000"']
)
def test_an_odd_value_in_an_unknown_field_is_no_problem(extra: str) -> None:
    """It is not stored but in the raw text, which keeps it exactly."""
    found = of_text(with_extra(extra))
    assert found.problems == ()
    assert found.raw.endswith(f"{extra}}}".encode())


def test_a_lone_surrogate_in_a_key_is_no_problem() -> None:
    """Nor is it anywhere else outside the typed fields."""
    assert of_text(with_extra('"\\udc00": 1')).campaign_id == "cd-1"


@pytest.mark.parametrize("name", ["name", "status", "createdAt"])
def test_a_missing_required_field_is_noted(name: str) -> None:
    """So that a field the API renames shows as one line; null counts as missing."""
    without = {key: value for key, value in BASE.items() if key != name}
    for record in (without, BASE | {name: None}):
        assert problems(of_text(json.dumps(record))) == [(name, "missing")]


@pytest.mark.parametrize(
    ("field", "column"),
    [
        ("name", "name"),
        ("description", "description"),
        ("status", "status"),
        ("format", "format"),
        ("campaignExecutionType", "execution_type"),
        ("executionType", "execution_type"),
        ("dialingMode", "dialing_mode"),
        ("connection", "connection"),
        ("experienceFlow", "experience_flow_id"),
        ("message", "message_text"),
        ("dncLists", "dnc_list_name"),
        ("campaignInstanceId", "campaign_instance_id"),
    ],
)
def test_text_fields(field: str, column: str) -> None:
    """Text is kept; anything else is None and noted; what no database holds becomes U+FFFD and is noted."""
    assert getattr(campaign(**{field: "some text"}), column) == "some text"
    found = campaign(**{field: 5})
    assert (getattr(found, column), problems(found)) == (None, [(field, "not text")])
    found = of_text(json.dumps(BASE | {field: "a \0 b"}))
    assert (getattr(found, column), problems(found)) == ("a \ufffd b", [(field, "NUL character")])
    found = of_text(json.dumps(BASE | {field: "a \ud800 b"}))
    assert (getattr(found, column), problems(found)) == ("a \ufffd b", [(field, "lone surrogate")])


def test_proper_surrogate_pairs_are_text() -> None:
    """An emoji may come escaped."""
    found = of_text(with_extra('"description": "\\ud83d\\ude00"'))
    assert (found.description, found.problems) == ("😀", ())


@pytest.mark.parametrize(
    ("value", "expected", "problem"),
    [
        ("1", 1, None),
        ("5", 5, None),
        (4, 4, None),
        (4.0, 4, None),
        ("-32768", -32768, None),
        (32767, 32767, None),
        (None, None, None),
        (32768, None, "too large"),
        (-32769, None, "too small"),
        ("9" * 5000, None, "too large"),
        ("High", None, "not a whole number"),
        ("", None, "not a whole number"),
        ("٣", None, "not a whole number"),
        (" 5", None, "not a whole number"),
        (2.5, None, "not a whole number"),
        (True, None, "not a whole number"),
        ([5], None, "not a whole number"),
    ],
)
def test_priority(value: object, expected: int | None, problem: str | None) -> None:
    """Documented as text "1" to "5"; any small integer is accepted."""
    found = campaign(priority=value)
    assert (found.priority, problems(found)) == (expected, [("priority", problem)] if problem else [])


@pytest.mark.parametrize(
    ("written", "expected", "problem"),
    [
        ("0", 0, None),
        ("9223372036854775807", 2**63 - 1, None),
        ('"12"', 12, None),
        ("1e3", 1000, None),
        ("12.0", 12, None),
        ("9223372036854775808", None, "too large"),
        ("1e400", None, "too large"),
        ("-1e400", None, "too small"),
        ("1e19", None, "too large"),
        ("9" * 5000, None, "too large"),
        ("-" + "9" * 5000, None, "too small"),
        ("-1", None, "too small"),
        ("1.5", None, "not a whole number"),
        ("true", None, "not a whole number"),
        ('"many"', None, "not a whole number"),
        ("{}", None, "not a whole number"),
    ],
)
def test_messages_sent(written: str, expected: int | None, problem: str | None) -> None:
    """A whole number within 64 bit; a number the API writes otherwise costs the field, not the record."""
    found = of_text(with_extra(f'"totalMessagesSent": {written}'))
    expected_problems = [("totalMessagesSent", problem)] if problem else []
    assert (found.total_messages_sent, problems(found)) == (expected, expected_problems)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2025-06-27T09:25:53.320Z", at(2025, 6, 27, 9, 25, 53, 320000)),
        ("2025-06-27T09:25:53Z", at(2025, 6, 27, 9, 25, 53)),
        ("2025-06-27T09:25:53.123456789Z", at(2025, 6, 27, 9, 25, 53, 123456)),
        ("2025-06-27T09:25:53.9999999Z", at(2025, 6, 27, 9, 25, 53, 999999)),
        ("2025-06-27T09:25:53.3", at(2025, 6, 27, 9, 25, 53, 300000)),
        ("2025-06-27 09:25:53", at(2025, 6, 27, 9, 25, 53)),
        ("2025-06-27T09:25:53+05:30", at(2025, 6, 27, 3, 55, 53)),
        ("2025-06-27T09:25:53.320-0800", at(2025, 6, 27, 17, 25, 53, 320000)),
        ("2025-06-27", at(2025, 6, 27)),
        (1751016353320, at(2025, 6, 27, 9, 25, 53, 320000)),
        (1751016353320.0, at(2025, 6, 27, 9, 25, 53, 320000)),
        ("2000-01-01T00:00:00Z", at(2000, 1, 1)),
        ("2100-12-31T23:59:59Z", at(2100, 12, 31, 23, 59, 59)),
    ],
)
def test_dates(value: object, expected: datetime) -> None:
    """ISO 8601 in any zone, without one UTC, and epoch milliseconds; all three stamps alike."""
    found = campaign(createdAt=value, updatedAt=value, campaignInstanceUpdatedAt=value)
    assert {found.created_at, found.updated_at, found.instance_updated_at} == {expected}
    assert found.created_at is not None
    assert found.created_at.tzinfo is UTC
    assert found.problems == ()


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("0001-01-01T00:00:00+10:00", "year out of range"),
        ("9999-12-31T23:59:59-10:00", "year out of range"),
        ("1999-12-31T23:59:59Z", "year out of range"),
        ("2101-01-01T00:00:00Z", "year out of range"),
        ("2000-01-01T00:00:00+01:00", "year out of range"),
        (0, "year out of range"),
        (1751016353, "year out of range"),
        (10**30, "year out of range"),
        (-(10**50), "year out of range"),
        ("", "not a date"),
        ("yesterday", "not a date"),
        ("1751016353320", "not a date"),
        ("20250627", "not a date"),
        ("2025-02-30", "not a date"),
        ("2025-06-27T25:00:00Z", "not a date"),
        ("2025-06-27\0", "not a date"),
        ("2025-06-27T09:25\ud800", "not a date"),
        (True, "not a date"),
        ({}, "not a date"),
    ],
)
def test_bad_dates_cost_the_field(value: object, problem: str) -> None:
    """Years outside 2000-2100 are bad too."""
    found = of_text(json.dumps(BASE | {"updatedAt": value}))
    assert (found.updated_at, problems(found)) == (None, [("updatedAt", problem)])


def test_a_date_that_is_infinite_is_out_of_range() -> None:
    """JSON can write numbers beyond every float."""
    assert problems(of_text(with_extra('"campaignInstanceUpdatedAt": 1e999'))) == [
        ("campaignInstanceUpdatedAt", "year out of range")
    ]


@pytest.mark.parametrize(
    ("value", "expected", "problem"),
    [
        ([], (), None),
        (None, (), None),
        (["A/B", "A/B", "C|D", "A/B"], ("A/B", "C|D"), None),
        ([{"name": "A"}, "B", {"id": "cl-1", "name": "A"}], ("A", "B"), None),
        (["A", None], None, "not a list of names"),
        (["A", {"id": "cl-1"}], None, "not a list of names"),
        (["A", 5], None, "not a list of names"),
        ("A", None, "not a list of names"),
        ({}, None, "not a list of names"),
        (["A\0", "A\ufffd"], ("A\ufffd",), "NUL character"),
    ],
)
def test_contact_lists(value: object, expected: tuple[str, ...] | None, problem: str | None) -> None:
    """Null or empty removes links; one unreadable element makes the whole field unreadable, which keeps them."""
    found = of_text(json.dumps(BASE | {"contactLists": value}))
    assert (found.contact_lists, problems(found)) == (expected, [("contactLists", problem)] if problem else [])


def test_missing_contact_lists_are_not_known() -> None:
    """Not the same as none."""
    assert campaign().contact_lists is None


@pytest.mark.parametrize(
    ("value", "expected", "problem"),
    [
        ({"name": "DNC"}, "DNC", None),
        ({}, None, None),
        ({"name": None}, None, None),
        ([], None, None),
        (["DNC"], "DNC", None),
        ([{"id": "cl-1", "name": "DNC"}, "DNC"], "DNC", None),
        (["A", "B"], None, "more than one name"),
        ([5], None, "not a list of names"),
        ({"name": 5}, None, "not text"),
        (True, None, "not text"),
    ],
)
def test_dnc_list(value: object, expected: str | None, problem: str | None) -> None:
    """An object despite the plural; a list with one name is understood."""
    found = campaign(dncLists=value)
    assert (found.dnc_list_name, problems(found)) == (expected, [("dncLists", problem)] if problem else [])


def test_experience_flow_as_an_object() -> None:
    """Its id is what counts, under either spelling."""
    assert campaign(experienceFlow={"id": "cf-1", "name": "F"}).experience_flow_id == "cf-1"
    assert campaign(experienceFlow={"_id": "cf-2"}).experience_flow_id == "cf-2"
    assert problems(campaign(experienceFlow={"name": "F"})) == [("experienceFlow", "not text")]


def test_execution_type_has_two_spellings() -> None:
    """The longer one is the page's and goes first."""
    assert campaign(executionType="A", campaignExecutionType="B").execution_type == "B"
    assert campaign(executionType="A", campaignExecutionType=None).execution_type == "A"


def test_the_schedule_is_kept_as_it_came() -> None:
    """Spaces, unknown keys and number spellings included, on either path."""
    written = '{ "isSchedulingEnabled":true , "startDateTime": "2025-01-01 00:00:00", "n": 1e400 }'
    for extra in (f'"schedule":  {written} ', f'"schedule": {written}, "priority": "x"'):
        found = of_text(with_extra(extra))
        assert (found.schedule, found.is_scheduled, found.is_recurring) == (written, True, None)


def test_a_lone_surrogate_in_the_schedule_is_mended_and_noted() -> None:
    """A database that reads the text as JSON would refuse it."""
    found = of_text(with_extra('"schedule": {"name": "\\ud800", "path": "C:\\\\udata"}'))
    assert found.schedule == '{"name": "\\ufffd", "path": "C:\\\\udata"}'
    assert problems(found) == [("schedule", "lone surrogate")]


def test_schedules_of_another_type_are_noted() -> None:
    """Flags must be booleans, the schedule an object; null is no schedule."""
    assert problems(campaign(schedule="daily")) == [("schedule", "not an object")]
    found = campaign(schedule={"isSchedulingEnabled": "yes", "isRecurrenceEnabled": 1})
    assert (found.is_scheduled, found.is_recurring) == (None, None)
    assert problems(found) == [
        ("schedule.isSchedulingEnabled", "not true or false"),
        ("schedule.isRecurrenceEnabled", "not true or false"),
    ]
    assert (campaign(schedule=None).schedule, campaign(schedule=None).problems) == (None, ())


def test_the_last_of_two_equal_keys_wins() -> None:
    """As in JavaScript."""
    assert of_text(with_extra('"name": "second"')).name == "second"
    assert of_text(with_extra('"name": 5, "name": "third"')).name == "third"


def test_several_bad_fields_are_all_noted() -> None:
    """And every good field is stored."""
    found = campaign(name=5, priority="x", createdAt="x", status="Ready", contactLists=["A"])
    assert (found.status, found.contact_lists) == ("Ready", ("A",))
    assert set(found.problems) == {
        FieldProblem("name", "not text"),
        FieldProblem("priority", "not a whole number"),
        FieldProblem("createdAt", "not a date"),
    }


# -- message texts ----------------------------------------------------------------------------------------------------

WORDS = """
test Test TEST STOP stop Help HELP Hello123 Yes yes YES No OK ok Okay Hi Hey Ping ping done Done help 1443 0589 2025
20250627 12345678 Reynolds demanded ListItem Iterates ReScript Thankyou thankyou Thanks Reminder REMINDER Goodbye
Unsubscribe unsubscribe deactivation circumvented finalization Instantiates Undocumented Congratulations
congratulations Congratulations! CONGRATULATIONS Subscription AppointmentReminder HappyNewYear2026 HELP4INFO/STOP2END
aaaa AAAA abcd ABCDEFGH Stel CUBE csa1 16B2 a ab abc abcde x= == ==== ab== abc= test= 50%25off 100% 100%25 %3D %3D%3D %
http://example.com/aGVsbG8= aGVsbG8-d29ybGQ_d29ybGQ_ internationalization transcontinental responsibilities
"""
PLAIN = [
    *WORDS.split(),
    "",
    " ",
    "Hi, This is just reminder for upcoming event",
    "Your code is 1234",
    "Reply STOP to opt out. Msg&data rates may apply.",
    "Save 50%20 today",
    "Hi <First Name>, see you at 5",
    "Line one\nLine two",
    "Größe",
    "今日は",
]


@pytest.mark.parametrize("text", PLAIN)
def test_plain_texts_stay_plain(text: str) -> None:
    """Also where they could be read as base64."""
    assert readable(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "Hi <First Name>, your order is on its way.",
        "Grüße aus Köln: 20 € Rabatt",
        "नमस्ते, आपका आदेश भेज दिया गया है",
        "今日は、ご注文は発送されました",
        "Sale 🎉🩷\nonly today\r\n\tbye",
        "twelve bytes",
        "a",
        "Hi",
        "Hi B",
    ],
)
def test_encoded_texts_are_decoded(text: str) -> None:
    """Base64 with its padding percent-encoded, as in the samples, or as it is."""
    encoded = base64.b64encode(text.encode()).decode()
    assert readable(quote(encoded, safe="")) == text
    assert readable(encoded) == text


def test_short_unpadded_base64_stays_as_it_is() -> None:
    """Nothing tells it from a word; the raw text is there for whoever knows better."""
    assert readable("SGkgQm9i") == "SGkgQm9i"


@pytest.mark.parametrize(
    "text",
    ["AAECAwQFBgcICQoLDA0ODw==", "/////////////////////w==", "SGkgPEZpcnN0IE5hbWU+LCB5b3Vy=", "SGkgQm9iLCBoZWxsbx=="],
)
def test_base64_that_is_not_text_stays(text: str) -> None:
    """Control characters, broken UTF-8, wrong padding, stray bits."""
    assert readable(text) == text


def test_messages_come_in_an_object_or_plain() -> None:
    """The object is documented; its other keys stay in the raw text."""
    encoded = "SGkgdGhlcmUsIGhlbGxv"
    assert campaign(message={"message": encoded, "templateId": ""}).message_text == "Hi there, hello"
    assert campaign(message=encoded).message_text == "Hi there, hello"
    assert campaign(message={"message": ""}).message_text == ""
    assert campaign(message={"templateId": "cmt-1"}).message_text is None
    assert problems(campaign(message={"message": 5})) == [("message.message", "not text")]
    assert problems(campaign(message=["x"])) == [("message", "not text")]


@settings(max_examples=100)
@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=12))
def test_every_encoded_text_comes_back(text: str) -> None:
    """From twelve bytes on, padded or not, whatever the script."""
    assert readable(base64.b64encode(text.encode()).decode()) == text


# -- properties -------------------------------------------------------------------------------------------------------

ANY_TEXT = st.text(st.characters(), max_size=12)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=6,
)
DATES = st.datetimes(at(1995, 1, 1).replace(tzinfo=None), at(2105, 1, 1).replace(tzinfo=None)).map(
    lambda moment: moment.isoformat() + "Z"
)
LIKELY = {
    "id": st.sampled_from(["cd-1", "cd-2", ""]) | ANY_TEXT,
    "_id": st.sampled_from(["cd-1", "cd-2"]),
    "accountId": st.sampled_from([SMS.account_id, SMS.account_id, "", "other"]),
    "name": ANY_TEXT,
    "description": ANY_TEXT,
    "status": st.sampled_from(["Ready", "Active"]),
    "priority": st.sampled_from(["1", "5", 5, "x", "05"]),
    "format": st.just("simple"),
    "campaignExecutionType": st.just("NORMAL"),
    "executionType": st.just("EMERGENCY"),
    "dialingMode": st.just("Preview"),
    "connection": ANY_TEXT,
    "experienceFlow": ANY_TEXT,
    "message": st.fixed_dictionaries({}, optional={"message": ANY_TEXT | st.sampled_from(PLAIN), "x": ANY_JSON}),
    "dncLists": st.fixed_dictionaries({}, optional={"name": ANY_TEXT, "id": ANY_TEXT}),
    "campaignInstanceId": ANY_TEXT,
    "schedule": st.fixed_dictionaries(
        {}, optional={"isSchedulingEnabled": st.booleans(), "isRecurrenceEnabled": st.booleans(), "x": ANY_JSON}
    ),
    "totalMessagesSent": st.integers(-1, 2**64),
    "createdAt": DATES,
    "updatedAt": DATES,
    "campaignInstanceUpdatedAt": DATES,
    "contactLists": st.lists(ANY_TEXT, max_size=3),
    "isFiltersEnabled": ANY_JSON,
}
REQUIRED = {name: LIKELY[name] for name in ("name", "status", "createdAt")} | {"id": st.just("cd-1")}
OPTIONAL = {name: values | st.none() for name, values in LIKELY.items() if name not in REQUIRED}
RECORDS = st.fixed_dictionaries(REQUIRED, optional=OPTIONAL)
WILD = st.fixed_dictionaries({}, optional={name: values | ANY_JSON for name, values in LIKELY.items()})


@settings(max_examples=400)
@given(RECORDS | WILD, st.booleans())
def test_where_the_fast_path_succeeds_both_agree(record: dict[str, object], escaped: bool) -> None:
    """The fast reading is nothing but the tolerant one done faster."""
    raw = json.dumps(record, ensure_ascii=escaped).encode(errors="replace")
    fast = transform._plain(raw, SMS)
    if fast is not None:
        assert fast == transform._tolerant(raw, SMS)


def storable(text: str | None) -> bool:
    return text is None or ("\0" not in text and not any("\ud800" <= char <= "\udfff" for char in text))


@settings(max_examples=300)
@given(WILD.map(json.dumps) | ANY_JSON.map(json.dumps) | st.text(max_size=30))
def test_any_json_is_a_record(written: str) -> None:
    """Campaign or Rejected, never an error; and no typed text that a database refuses."""
    raw = written.encode(errors="surrogatepass")
    found = decode(raw, SMS)
    if isinstance(found, Rejected):
        assert storable(found.raw)
    else:
        assert found.raw == raw
        texts = [getattr(found, name) for name in Campaign.__struct_fields__]
        assert all(storable(text) for text in texts if isinstance(text, str))
        assert all(storable(name) for name in found.contact_lists or ())


@settings(max_examples=200)
@given(st.binary(max_size=60) | st.binary(max_size=8).map(lambda junk: SIMPLE.encode()[:300] + junk + b'"}'))
def test_any_bytes_are_a_record(raw: bytes) -> None:
    """Campaign or Rejected, never an error."""
    assert isinstance(decode(raw, SMS), Campaign | Rejected)


@settings(max_examples=100)
@given(st.integers(0, len(SIMPLE.encode()) - 1), st.binary(min_size=1, max_size=2))
def test_any_damage_to_a_record_is_survived(position: int, junk: bytes) -> None:
    """A record with some bytes overwritten is still a campaign or rejected."""
    raw = SIMPLE.encode()
    assert isinstance(decode(raw[:position] + junk + raw[position + len(junk) :], SMS), Campaign | Rejected)


# -- no more than proofs need -----------------------------------------------------------------------------------------


def glance(*raws: bytes) -> tuple[Record, ...]:
    """What is read of a page of these records."""
    return transform.glance(b"[%b]" % b",".join(raws), raws, SMS)


@settings(max_examples=100, deadline=None)
@given(st.lists(RECORDS | WILD | ANY_JSON, max_size=4))
def test_a_page_is_read_as_its_records_are_one_by_one(records: list[object]) -> None:
    """Whatever is odd about one of them costs the others nothing."""
    raws = [json.dumps(record).encode() for record in records]
    assert glance(*raws) == tuple(record for raw in raws for record in glance(raw))


@pytest.mark.parametrize(
    "odd", [b'"\xff"', b'{"id":"a\0"}', b"nonsense", b"[" * 5_000 + b"]" * 5_000, b'"\\u0000"', b"7"]
)
def test_an_odd_record_leaves_its_neighbours_to_be_glanced_at(odd: bytes) -> None:
    """They are not read whole because of it."""
    before, seen, after = glance(ADVANCED.encode(), odd, SIMPLE.encode())
    assert isinstance(before, Unread)
    assert isinstance(after, Unread)
    assert seen == decode(odd, SMS)


@pytest.mark.parametrize(
    "odd", [{"accountId": "another"}, {"id": "a", "_id": "b"}, {"id": "a\u0007"}, {"id": "a" * 201}]
)
def test_what_is_odd_about_all_records_of_a_page_is_odd_about_each(odd: dict[str, str]) -> None:
    """Their ids are judged at once only where that is how they would be judged one by one."""
    raws = [json.dumps(json.loads(SIMPLE) | {"name": f"n{number}"} | odd).encode() for number in range(3)]
    assert glance(*raws) == tuple(decode(raw, SMS) for raw in raws)


def test_a_record_of_the_documented_shape_is_only_glanced_at() -> None:
    """Its identity, dates, status and digest, as a whole reading gives them."""
    for text in (ADVANCED, SIMPLE):
        (seen,), read = glance(text.encode()), decode(text.encode(), SMS)
        assert isinstance(seen, Unread)
        assert seen == Unread(**{name: getattr(read, name) for name in Unread.__struct_fields__})


@settings(max_examples=300, deadline=None)
@given(RECORDS | WILD | ANY_JSON, st.booleans())
def test_a_glance_tells_what_a_whole_reading_tells(record: object, escaped: bool) -> None:
    """What it calls a campaign is one, with these dates; of everything else it gives the whole reading."""
    raw = json.dumps(record, ensure_ascii=escaped).encode(errors="replace")
    (seen,), read = glance(raw), decode(raw, SMS)
    if isinstance(seen, Unread):
        assert isinstance(read, Campaign)
        assert seen == Unread(**{name: getattr(read, name) for name in Unread.__struct_fields__})
        assert transform.read_on(seen, SMS) == read
    else:
        assert seen == read
