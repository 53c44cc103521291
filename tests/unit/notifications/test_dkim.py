"""DKIM: our signatures, checked by somebody else's reading of RFC 6376."""

from __future__ import annotations

import base64
import re
from email import message_from_bytes
from hashlib import sha256
from typing import Any

import dkim  # type: ignore[import-untyped]
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from dkim.canonicalization import CanonicalizationPolicy  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from services.notifications.dkim_signing import sign, signer_of
from services.notifications.domain.lists import ONE_CLICK
from services.notifications.settings import NotificationsSettings
from shared.errors import SkolbroError

RSA = rsa.generate_private_key(65537, 2048)
ED25519 = Ed25519PrivateKey.generate()
HEAD = (
    b"To: anna@home.example\r\nDate: Mon, 23 Nov 2026 08:00:00 +0000\r\nMessage-ID: <1@skolbro.example>\r\n"
    b"From: =?utf-8?b?QmrDtnJrc2tvbGFu?=\r\n <skolbro@skola.example>\r\nSubject: A  bulletin\t of  class 6A \r\n"
    b'MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary="x"\r\nAuto-Submitted: auto-generated\r\n'
    b"List-Unsubscribe: <https://portal.example/unsubscribe/t>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
)
BODY = b"--x\r\nHej  hej \t\r\n\r\nslut=20\r\n--x--\r\n\r\n\r\n"
MAIL = HEAD + b"\r\n" + BODY


def pem(key: Any) -> SecretStr:
    return SecretStr(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())


def settings(key: Any = RSA, **changes: Any) -> NotificationsSettings:
    usual = {"dkim_key": pem(key), "dkim_selector": "s1", "sender": "skolbro@skola.example"}
    return NotificationsSettings(**{**usual, **changes})


def is_right(message: bytes, key: RSAPrivateKey = RSA) -> bool:
    """What a receiver finds, with this public key in DNS."""
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    record = b"v=DKIM1; k=rsa; p=" + base64.b64encode(public)
    names = []

    def dns(name: bytes, timeout: int = 5) -> bytes:
        names.append(name)
        return record

    found = dkim.verify(message, dnsfunc=dns)
    assert names == [b"s1._domainkey.skola.example."]
    return bool(found)


def test_a_signed_mail_is_the_same_mail_with_a_signature_in_front_that_others_accept() -> None:
    signed = sign(MAIL, settings())
    assert signed.startswith(b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=skola.example; s=s1;\r\n")
    assert signed.endswith(MAIL)
    assert is_right(signed)
    head = signed[: -len(MAIL)]
    assert all(len(line) <= 78 for line in head.split(b"\r\n"))
    assert re.search(rb"(?<!\r)\n", head) is None


def test_without_a_key_a_mail_stays_as_it_is() -> None:
    assert sign(MAIL, NotificationsSettings()) is MAIL


@pytest.mark.parametrize(
    "change",
    [
        (b"anna@home", b"bo@home"),
        (b"08:00:00", b"09:00:00"),
        (b"<1@", b"<2@"),
        (b"<skolbro@", b"<sk0lbro@"),
        (b"bulletin", b"bomb"),
        (b"MIME-Version: 1.0", b"MIME-Version: 1.1"),
        (b'boundary="x"', b'boundary="y"'),
        (b"unsubscribe/t", b"unsubscribe/u"),
        (b"=One-Click", b"=Two-Clicks"),
        (b"hej", b"hoj"),
    ],
)
def test_nothing_that_says_who_what_and_how_to_leave_can_be_changed(change: tuple[bytes, bytes]) -> None:
    signed = sign(MAIL, settings())
    changed = signed.replace(*change)
    assert changed != signed
    assert not is_right(changed)


@pytest.mark.parametrize("name", [b"From", b"To", b"Subject", b"Date"])
def test_nobody_can_put_a_second_one_beside_ours(name: bytes) -> None:
    signed = sign(MAIL, settings())
    assert not is_right(name + b": somebody@else.example\r\n" + signed)


def test_what_mail_servers_do_on_the_way_does_no_harm() -> None:
    signed = sign(MAIL, settings())
    received = b"Received: from a by b;\r\n\tMon, 23 Nov 2026 08:00:01 +0000\r\n" + signed
    refolded = received.replace(b"A  bulletin\t of", b"A bulletin\r\n of").replace(b"hej \t\r\n", b"hej\r\n")
    assert refolded != received
    assert is_right(refolded + b"\r\n\r\n")


@given(
    st.text(st.sampled_from("ab \t\r\n.=-"), max_size=60),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=60),
)
def test_whatever_the_mail_says_others_come_to_the_same(body: str, subject: str) -> None:
    lines = body.replace("\r", "").replace("\n", "\r\n").encode()
    mail = HEAD.replace(b"A  bulletin\t of  class 6A ", subject.encode()) + b"\r\n" + lines
    assert is_right(sign(mail, settings()))


def test_ed25519_is_signed_as_rfc_8463_says() -> None:
    signed = sign(MAIL, settings(ED25519, dkim_domain="kommun.example"))
    field = message_from_bytes(signed)["DKIM-Signature"]
    tags = dict(part.strip().split("=", 1) for part in field.split(";"))
    assert (tags["a"], tags["d"]) == ("ed25519-sha256", "kommun.example")
    signature = base64.b64decode(tags["b"])
    policy = CanonicalizationPolicy.from_c_value(b"relaxed/relaxed")
    assert base64.b64decode(tags["bh"]) == sha256(policy.canonicalize_body(BODY)).digest()
    headers, _ = dkim.rfc822_parse(signed)
    wanted = [name.strip().encode() for name in tags["h"].split(":")]
    ours = re.sub(rb"(?s)(\sb=).*", rb"\1", headers[0][1])
    chosen = dkim.select_headers(policy.canonicalize_headers(headers[1:]), wanted)
    own = policy.canonicalize_headers([(headers[0][0], ours.rstrip())])
    what = b"".join(name + b":" + value for name, value in chosen) + b":".join(own[0]).rstrip(b"\r\n")
    ED25519.public_key().verify(signature, sha256(what).digest())
    with pytest.raises(InvalidSignature):
        ED25519.public_key().verify(signature, sha256(what + b" ").digest())


def test_the_pair_of_one_click_is_always_under_the_signature() -> None:
    field = message_from_bytes(sign(MAIL, settings()))["DKIM-Signature"]
    names = re.sub(r"\s", "", field).split("h=")[1].split(";")[0].split(":")
    assert {"list-unsubscribe", "list-unsubscribe-post"} <= set(names)
    assert names.count("from") == 2
    assert ONE_CLICK.encode() in MAIL


@pytest.mark.parametrize(
    "given",
    [
        {"dkim_key": SecretStr("nonsense")},
        {"dkim_key": pem(ec.generate_private_key(ec.SECP256R1()))},
        {"dkim_selector": None},
    ],
)
def test_a_key_that_cannot_be_used_stops_the_service_with_a_sentence(given: dict[str, Any]) -> None:
    with pytest.raises(SkolbroError, match="NOTIFICATIONS_DKIM"):
        signer_of(settings(**given))
