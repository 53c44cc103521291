"""Sessions, form tokens, paths and limits: what is sealed opens again, what was touched does not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from itsdangerous import URLSafeSerializer
from pydantic import SecretStr
from starlette.requests import Request

from shared.clock import ManualClock
from shared.errors import SkolbroError
from shared.settings import KitSettings
from shared.web.csrf import Forged, from_our_pages
from shared.web.limits import Buckets, Limits
from shared.web.paths import own_path
from shared.web.seals import Session, Sessions, serializer

NOW = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
KEY = SecretStr("k" * 40)
CLOCK = ManualClock(NOW)
SESSIONS = Sessions(KitSettings(session_key=KEY), CLOCK)
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."
seconds = st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)).map(  # noqa: DTZ001
    lambda moment: moment.replace(microsecond=0)
)
sessions = st.builds(
    Session,
    session_id=st.uuids(),
    person_id=st.uuids(),
    tenant_id=st.uuids(),
    provider=st.text(max_size=40),
    acr=st.text(max_size=80),
    began_at=seconds,
    seen_at=seconds,
    level=st.sampled_from(["login", "step_up"]),
)


def begun() -> Session:
    return SESSIONS.begin(uuid4(), uuid4(), "e-id", "loa-high")


@given(sessions)
def test_a_session_comes_out_as_it_was_put_in(session: Session) -> None:
    assert SESSIONS.read(SESSIONS.seal(session)) == session


@given(sessions, st.data())
def test_one_changed_character_makes_it_nobody(session: Session, data: st.DataObject) -> None:
    cookie = SESSIONS.seal(session)
    place = data.draw(st.integers(0, len(cookie) - 1))
    other = data.draw(st.sampled_from([letter for letter in LETTERS if letter != cookie[place]]))
    changed = cookie[:place] + other + cookie[place + 1 :]
    opened = SESSIONS.read(changed)
    # The last character of unpadded base64 has bits that say nothing: another one may mean the same signature.
    assert opened is None or (opened == session and place == len(cookie) - 1)


@given(st.text(max_size=300))
def test_whatever_else_a_cookie_holds_is_nobody(cookie: str) -> None:
    assert SESSIONS.read(cookie) is None


@pytest.mark.parametrize(
    "said", [[], {}, "text", 7, None, ["x"] * 9, ["0" * 32] * 3 + ["p", "a", 1e300, 0, 0, "login"]]
)
def test_even_our_own_signature_under_nonsense_is_nobody(said: object) -> None:
    assert SESSIONS.read(str(serializer(SESSIONS.key, "skolbro.session.1").dumps(said))) is None


def test_neither_another_key_nor_another_purpose_nor_a_weaker_hash_passes() -> None:
    session = begun()
    said = serializer(SESSIONS.key, "skolbro.session.1").loads(SESSIONS.seal(session))
    assert Sessions(KitSettings(session_key=SecretStr("j" * 40))).read(SESSIONS.seal(session)) is None
    assert SESSIONS.read(str(serializer(SESSIONS.key, "skolbro.login.1").dumps(said))) is None
    assert SESSIONS.read(str(URLSafeSerializer(SESSIONS.key, salt="skolbro.session.1").dumps(said))) is None


@given(st.integers(0, 30 * 60 - 1), st.integers(0, 8 * 3600 - 1))
@example(0, 8 * 3600 - 1)
def test_a_session_lasts_while_it_is_used_and_no_longer_than_a_working_day(idle: int, age: int) -> None:
    now = NOW + timedelta(seconds=max(idle, age))
    seen = now - timedelta(seconds=idle)
    session = Session(uuid4(), uuid4(), uuid4(), "p", "a", min(now - timedelta(seconds=age), seen), seen)
    cookie = SESSIONS.seal(session)
    assert SESSIONS.open(cookie, now) == session
    assert SESSIONS.open(cookie, seen + timedelta(minutes=30)) is None
    assert SESSIONS.open(cookie, session.began_at + timedelta(hours=8)) is None


def test_a_session_from_the_future_is_not_trusted_but_clocks_may_differ_a_little() -> None:
    cookie = SESSIONS.seal(begun())
    assert SESSIONS.open(cookie, NOW - timedelta(minutes=1)) is not None
    assert SESSIONS.open(cookie, NOW - timedelta(minutes=5)) is None


def test_a_new_cookie_is_due_once_a_minute() -> None:
    session = begun()
    assert SESSIONS.slid(session, NOW + timedelta(seconds=59)) is None
    slid = SESSIONS.slid(session, NOW + timedelta(seconds=60))
    assert slid is not None
    assert (slid.seen_at, slid.began_at) == (NOW + timedelta(seconds=60), NOW)


def test_who_stepped_in_at_a_demo_is_nobody_where_there_is_no_demo() -> None:
    demo = Sessions(KitSettings(session_key=KEY, demo=True), CLOCK)
    cookie = demo.seal(demo.begin(uuid4(), uuid4(), "demo", "demo", demo=True))
    assert demo.read(cookie) is not None
    assert SESSIONS.read(cookie) is None


@pytest.mark.parametrize("key", [None, SecretStr(""), SecretStr("k" * 31)])
def test_without_a_key_that_is_one_nothing_is_signed(key: SecretStr | None) -> None:
    with pytest.raises(SkolbroError, match="SKOLBRO_SESSION_KEY"):
        Sessions(KitSettings(session_key=key))


@given(st.uuids(), st.uuids())
def test_a_form_token_belongs_to_one_session(one: UUID, other: UUID) -> None:
    first, second = (SESSIONS.csrf(Session(each, each, each, "p", "a", NOW, NOW)) for each in (one, other))
    assert (first == second) == (one == other)


@pytest.mark.parametrize(
    ("headers", "ours"),
    [
        ({}, True),
        ({"origin": "http://portal"}, True),
        ({"origin": "http://portal", "sec-fetch-site": "same-origin"}, True),
        ({"origin": "null", "sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "none"}, True),
        ({"origin": "null"}, False),
        ({"origin": "http://portal:81"}, False),
        ({"origin": "http://portal.evil.example"}, False),
        ({"origin": "http://portal", "sec-fetch-site": "cross-site"}, False),
        ({"origin": "http://portal", "sec-fetch-site": "same-site"}, False),
        ({"origin": ""}, False),
    ],
)
def test_a_browser_says_where_a_form_came_from(headers: dict[str, str], ours: bool) -> None:
    raw = [(name.encode(), value.encode()) for name, value in ({"host": "portal"} | headers).items()]
    request = Request({"type": "http", "method": "POST", "path": "/", "headers": raw})
    if ours:
        from_our_pages(request)
    else:
        with pytest.raises(Forged):
            from_our_pages(request)


@pytest.mark.parametrize(
    "evil",
    [
        "",
        None,
        "home",
        "//evil.example",
        "///evil.example",
        "https://evil.example",
        "javascript:alert(1)",
        "/\\evil.example",
        "\\\\evil.example",
        "/%2fevil.example",
        "/%252fevil.example",
        "/%5cevil.example",
        "/\t/evil.example",
        "/%09/evil.example",
        "/a\r\nSet-Cookie: x",
        "/" + "a" * 3000,
    ],
)
def test_a_path_that_a_browser_may_read_as_another_host_is_the_first_page(evil: str | None) -> None:
    assert own_path(evil) == "/"


@pytest.mark.parametrize("path", ["/", "/home", "/duty/1?status=owed&x=//y", "/class/å", "/n/1%20a"])
def test_our_own_paths_are_kept(path: str) -> None:
    assert own_path(path) == path


@given(st.text())
def test_wherever_one_is_sent_begins_with_one_slash(text: str) -> None:
    path = own_path(text)
    assert path.startswith("/")
    assert path[1:2] not in ("/", "\\")


def test_a_bucket_gives_so_many_a_minute_and_fills_again() -> None:
    now = [0.0]
    buckets = Buckets(60, lambda: now[0])
    assert [buckets.take("a") for _ in range(60)] == [0.0] * 60
    assert 0 < buckets.take("a") <= 1
    assert buckets.take("b") == 0.0
    now[0] += 1.5
    assert [buckets.take("a") > 0 for _ in range(2)] == [False, True]
    now[0] += 1e6
    assert sum(buckets.take("a") == 0 for _ in range(100)) == 60


@given(st.lists(st.tuples(st.floats(0, 10), st.sampled_from("abc")), max_size=200))
def test_nobody_ever_gets_more_than_a_full_bucket_and_what_flowed_in(asks: list[tuple[float, str]]) -> None:
    now, given_out = [0.0], dict.fromkeys("abc", 0)
    buckets = Buckets(30, lambda: now[0])
    for step, key in asks:
        now[0] += step
        given_out[key] += buckets.take(key) == 0
        assert given_out[key] <= 30 + now[0] * 0.5 + 1e-6


def test_however_many_come_only_so_many_are_remembered() -> None:
    buckets = Buckets(1, lambda: 0.0, most=100)
    for number in range(1000):
        buckets.take(str(number))
    assert len(buckets) == 100
    assert buckets.take("999") > 0
    assert buckets.take("0") == 0


def asks(path: str, address: str, session: Session | None = None) -> Request:
    scope = {"type": "http", "method": "GET", "path": path, "headers": [], "client": (address, 1), "query_string": b""}
    request = Request({**scope, "server": ("portal", 80)})
    request.state.session = session
    return request


def test_people_count_by_themselves_strangers_by_address_and_static_files_not_at_all() -> None:
    limits = Limits.of(KitSettings(requests_per_minute=2, visits_per_minute=3, logins_per_minute=1), lambda: 0.0)
    anna, bo = begun(), begun()
    assert [limits.wait(asks("/home", "10.0.0.1", anna)) > 0 for _ in range(3)] == [False, False, True]
    assert limits.wait(asks("/home", "10.0.0.1", bo)) == 0
    assert [limits.wait(asks("/", "10.0.0.1")) > 0 for _ in range(4)] == [False, False, False, True]
    assert [limits.wait(asks("/login/e-id", "10.0.0.2")) > 0 for _ in range(2)] == [False, True]
    assert [limits.wait(asks("/static/x.css", "10.0.0.1")) for _ in range(9)] == [0.0] * 9


def test_a_household_with_a_whole_ipv6_network_counts_as_one() -> None:
    limits = Limits.of(KitSettings(visits_per_minute=2), lambda: 0.0)
    waits = [limits.wait(asks("/", f"2001:db8::{number}")) > 0 for number in range(3)]
    assert waits == [False, False, True]
    assert limits.wait(asks("/", "2001:db8:0:1::1")) == 0
