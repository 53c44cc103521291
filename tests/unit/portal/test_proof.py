"""What a provider signs about somebody: every check, with proofs that a dishonest or broken provider could send."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from joserfc import jwk, jwt
from pydantic import ValidationError

from services.portal.login.attempt import Attempt
from services.portal.login.client import OidcClient
from services.portal.login.errors import LoginFailed, Trouble
from services.portal.login.proof import checked, has_key, identifier, key_id, key_set, level_of
from services.portal.login.provider import Provider
from services.portal.settings import PortalSettings

ROOT = Path(__file__).parents[3]
ISSUER = "https://id.example"
KEY = jwk.RSAKey.generate_key(2048, {"use": "sig"}, auto_kid=True)
OTHER = jwk.RSAKey.generate_key(2048, {"use": "sig"}, auto_kid=True)
CURVE = jwk.ECKey.generate_key("P-256", auto_kid=True)
KEYS = key_set({"keys": [KEY.as_dict(private=False), {"kty": "oct", "k": "AAAA"}]})
BEGAN = int(time.time())
ATTEMPT = Attempt("e-id", "/", BEGAN, state="s", nonce="n" * 32, verifier="v")
STEP_UP = Attempt("e-id", "/", BEGAN, True, "p", "s", "n" * 32, "v")
ACCESS = "access-token"
HALF = urlsafe_b64encode(hashlib.sha256(ACCESS.encode()).digest()[:16]).rstrip(b"=").decode()


def provider(**more: Any) -> Provider:
    usual: dict[str, Any] = {
        "name": "e-id",
        "label": "E-id",
        "tenant": "Brohamn",
        "issuer": ISSUER,
        "client_id": "skolbro",
    }
    usual |= {"client_secret": "x", "claim": "pid", "kind": "civic_no", "acr": ["low"], "step_up_acr": ["high"]}
    return Provider(**{**usual, **more})


def token(key: Any = KEY, alg: str = "RS256", header: dict[str, Any] | None = None, **claims: Any) -> str:
    """A proof; its times are seconds from now."""
    usual = {"iss": ISSUER, "aud": "skolbro", "sub": "1", "iat": 0, "exp": 300, "nonce": "n" * 32, "at_hash": HALF}
    said = {name: value for name, value in {**usual, **claims}.items() if value is not None}
    now = int(time.time())
    times: dict[str, Any] = {name: said[name] + now for name in ("iat", "exp", "nbf") if name in said}
    return jwt.encode({"alg": alg, "kid": KEY.kid, **(header or {})}, {**said, **times}, key, algorithms=[alg])


def claims_of(id_token: str) -> dict[str, Any]:
    return checked(id_token, KEYS, provider(), ATTEMPT, ACCESS)


@pytest.mark.parametrize(
    "more",
    [{}, {"aud": ["skolbro"]}, {"at_hash": None}, {"exp": -30}, {"aud": ["skolbro", "x"], "azp": "skolbro"}],
)
def test_a_sound_proof_passes(more: dict[str, Any]) -> None:
    assert claims_of(token(**more))["sub"] == "1"


@pytest.mark.parametrize(
    "more",
    [
        {"iss": "https://evil.example"},
        {"iss": None},
        {"aud": "another"},
        {"aud": ["another"]},
        {"aud": None},
        {"aud": ["skolbro", "another"]},
        {"aud": "another", "azp": "skolbro"},
        {"aud": ["skolbro", "another"], "azp": "another"},
        {"exp": -3600},
        {"exp": None},
        {"iat": 3600},
        {"iat": None},
        {"nbf": 3600},
        {"nonce": "m" * 32},
        {"nonce": None},
        {"sub": None},
        {"auth_time": "now"},
        {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"},
    ],
)
def test_a_proof_that_says_something_else_than_it_should_is_refused(more: dict[str, Any]) -> None:
    with pytest.raises(LoginFailed) as failed:
        claims_of(token(**more))
    assert failed.value.trouble is Trouble.BAD_PROOF


def signed_with_the_public_key(body: str) -> str:
    """The old trick: our own library would not sign it, so it is done by hand."""
    head = urlsafe_b64encode(b'{"alg":"HS256"}').rstrip(b"=").decode()
    mac = hmac.digest(KEY.as_pem(private=False), f"{head}.{body}".encode(), "sha256")
    return f"{head}.{body}.{urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def test_a_proof_signed_by_another_or_not_at_all_is_refused() -> None:
    unsigned = token().split(".")
    nothing = urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
    forged = [
        token(OTHER),
        f"{nothing}.{unsigned[1]}.",
        f"{unsigned[0]}.{unsigned[1]}.",
        signed_with_the_public_key(unsigned[1]),
        token(alg="RS512", at_hash=None),
        token(header={"jwk": OTHER.as_dict(private=False)}, key=OTHER),
        "not.a.token",
        "",
    ]
    for one in forged:
        with pytest.raises(LoginFailed):
            claims_of(one)


def test_a_key_we_have_not_seen_is_recognised_before_anything_is_believed() -> None:
    assert key_id(token()) == KEY.kid
    assert has_key(KEYS, KEY.kid)
    assert not has_key(KEYS, OTHER.kid)
    assert [key_id(text) for text in ("", "ä", "e30.x.y", "bm8.x")] == [None] * 4


@pytest.mark.parametrize("published", [{}, {"keys": 3}, {"keys": [{"kty": "RSA"}]}, {"keys": ["x"]}])
def test_keys_that_are_none_are_the_providers_fault(published: dict[str, Any]) -> None:
    with pytest.raises(LoginFailed) as failed:
        key_set(published)
    assert failed.value.trouble is Trouble.DOWN


def test_levels_are_ours_by_the_settings_and_a_step_up_must_be_one_made_now() -> None:
    assert level_of({"acr": "low"}, provider(), ATTEMPT) == ("low", "login")
    assert level_of({"acr": "high"}, provider(), ATTEMPT) == ("high", "step_up")
    assert level_of({"acr": "high", "auth_time": BEGAN}, provider(), STEP_UP) == ("high", "step_up")
    weak: list[tuple[dict[str, Any], Attempt]] = [
        ({}, ATTEMPT),
        ({"acr": "medium"}, ATTEMPT),
        ({"acr": ["high"]}, ATTEMPT),
        ({"acr": "low"}, STEP_UP),
        ({"acr": "high", "auth_time": BEGAN - 3600}, STEP_UP),
    ]
    for claims, attempt in weak:
        with pytest.raises(LoginFailed):
            level_of(claims, provider(), attempt)


def test_a_provider_without_levels_never_gives_the_stronger_one() -> None:
    silent = provider(acr=[], acr_optional=True)
    assert level_of({}, silent, ATTEMPT) == ("", "login")
    with pytest.raises(LoginFailed):
        level_of({}, silent, STEP_UP)


@pytest.mark.parametrize("value", [None, "", "  ", 7, ["1"], {"a": 1}])
def test_an_identifier_is_a_text(value: object) -> None:
    with pytest.raises(LoginFailed):
        identifier({"pid": value}, provider())


def test_a_provider_that_would_let_in_anybody_cannot_be_configured() -> None:
    bad: list[dict[str, Any]] = [
        {"acr": [], "step_up_acr": []},
        {"client_secret": None},
        {"private_key_file": "/key.pem"},
        {"issuer": "http://id.example"},
        {"discovery_url": "ftp://id.example"},
        {"name": "demo"},
        {"name": "callback"},
        {"name": "Ö"},
        {"algorithms": ["none"]},
        {"algorithms": ["HS256"]},
        {"kind": "name"},
        {"acr_option": True},
    ]
    for more in bad:
        with pytest.raises(ValidationError):
            provider(**more)
    with pytest.raises(ValidationError):
        PortalSettings(providers=(provider(), provider()))


def test_providers_come_from_the_environment_and_their_secret_from_a_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("hush\n")
    said = f"""[{{"name": "feide", "label": "Feide", "tenant": "Sundhamn", "issuer": "{ISSUER}", "client_id": "c",
        "client_secret_file": "{tmp_path}/secret", "claim": "eppn", "kind": "eppn", "acr_optional": true}}]"""
    monkeypatch.setenv("PORTAL_PROVIDERS", said)
    [feide] = PortalSettings().providers
    assert (feide.secret(), feide.kind) == ("hush", "eppn")
    assert feide.metadata_url == f"{ISSUER}/.well-known/openid-configuration"


class TokenEndpoint(BaseHTTPRequestHandler):
    """A provider's back room on this machine: keeps what it was sent and refuses the code."""

    def do_GET(self) -> None:
        base = f"http://127.0.0.1:{self.server.server_port}"  # type: ignore[attr-defined]
        if self.path == "/u":
            self._say(200, '{"sub": "2", "pid": "x"}')
            return
        names = {"authorization_endpoint": "a", "token_endpoint": "t", "jwks_uri": "j", "userinfo_endpoint": "u"}
        self._say(200, json.dumps({"issuer": base} | {name: f"{base}/{path}" for name, path in names.items()}))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        self.server.sent = parse_qs(body)  # type: ignore[attr-defined]
        self._say(400, '{"error": "invalid_grant"}')

    def _say(self, status: int, text: str) -> None:
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def back_room() -> Iterator[Any]:
    server = HTTPServer(("127.0.0.1", 0), TokenEndpoint)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(("key", "form"), [(KEY, "pem"), (KEY, "jwk"), (CURVE, "pem"), (CURVE, "jwk")])
async def test_a_provider_that_wants_a_private_key_gets_a_signed_word_and_never_the_key(
    tmp_path: Path, key: Any, form: str
) -> None:
    file = tmp_path / "key"
    file.write_bytes(key.as_pem(private=True) if form == "pem" else json.dumps(key.as_dict(private=True)).encode())
    with back_room() as server:
        issuer = f"http://127.0.0.1:{server.server_port}"
        client = OidcClient(provider(issuer=issuer, client_secret=None, private_key_file=file), "http://127.0.0.1:1")
        with pytest.raises(LoginFailed) as failed:
            await client.finish(ATTEMPT, {"code": "c"})
    assert failed.value.trouble is Trouble.USED
    assert server.sent["code_verifier"] == ["v"]
    signed = jwt.decode(server.sent["client_assertion"][0], key, algorithms=["RS256", "ES256"]).claims
    assert (signed["iss"], signed["sub"], signed["aud"]) == ("skolbro", "skolbro", f"{issuer}/t")
    assert "client_secret" not in server.sent


async def test_a_provider_that_describes_another_is_not_used() -> None:
    with back_room() as server:
        here = f"http://127.0.0.1:{server.server_port}"
        client = OidcClient(provider(issuer=f"{here}/other", discovery_url=here), "http://127.0.0.1:1")
        with pytest.raises(LoginFailed) as failed:
            await client.metadata()
    assert failed.value.trouble is Trouble.DOWN


async def test_what_userinfo_says_about_somebody_else_is_refused() -> None:
    with back_room() as server:
        client = OidcClient(provider(issuer=f"http://127.0.0.1:{server.server_port}"), "http://127.0.0.1:1")
        assert (await client._userinfo({"access_token": "a"}, "2"))["pid"] == "x"
        with pytest.raises(LoginFailed) as failed:
            await client._userinfo({"access_token": "a"}, "1")
    assert failed.value.trouble is Trouble.BAD_PROOF


async def test_an_answer_that_names_another_provider_is_refused() -> None:
    with back_room() as server:
        client = OidcClient(provider(issuer=f"http://127.0.0.1:{server.server_port}"), "http://127.0.0.1:1")
        with pytest.raises(LoginFailed) as failed:
            await client.finish(ATTEMPT, {"code": "c", "iss": "https://evil.example"})
    assert failed.value.trouble is Trouble.BAD_PROOF


def test_the_examples_in_the_documentation_are_providers() -> None:
    written = re.findall(r"```json\n(.*?)```", (ROOT / "docs" / "login.md").read_text(encoding="utf-8"), re.DOTALL)
    names = [Provider.model_validate_json(one).name for one in written]
    assert names == ["keycloak", "idporten", "feide", "freja"]
