"""The provider's signed word about a person: checked as OpenID Connect Core 3.1.3.7 says, and then by our own rules."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from authlib.oidc.core import CodeIDToken
from joserfc import jwk, jwt
from joserfc.errors import JoseError
from joserfc.jws import JWSRegistry

from services.portal.login.attempt import Attempt
from services.portal.login.errors import LoginFailed, Trouble
from services.portal.login.provider import Provider
from shared.web.seals import LOGIN, STEP_UP

LEEWAY = 60  # seconds that two clocks may differ
SIGNING = ("RSA", "EC")


@dataclass(frozen=True)
class Proof:
    """What a provider has said about a person, checked. `value` is the configured claim's."""

    value: str
    acr: str
    level: str
    id_token: str


def key_set(published: Mapping[str, Any]) -> jwk.KeySet:
    """The provider's keys that may sign; what else it publishes is not for us. Raises LoginFailed."""
    try:
        fit = [one for one in published["keys"] if one.get("kty") in SIGNING and one.get("use", "sig") == "sig"]
        return jwk.KeySet.import_key_set({"keys": fit})
    except (JoseError, ValueError, KeyError, TypeError, AttributeError) as fault:
        raise LoginFailed(Trouble.DOWN, f"keys: {type(fault).__name__}") from fault


def signing_key(text: str) -> tuple[jwk.Key, str]:
    """Our own private key, PEM or JWK, and how it signs. Raises JoseError or ValueError for anything else."""
    given = json.loads(text) if text.startswith("{") else text
    kind: Any = given.get("kty") if isinstance(given, dict) else ("EC" if _is_curve(text) else "RSA")
    return jwk.import_key(given, kind), "ES256" if kind == "EC" else "RS256"


def has_key(keys: jwk.KeySet, wanted: str | None) -> bool:
    """True when the set has a key of this id; a token that names none makes do with what there is."""
    return wanted is None or any(key.kid == wanted for key in keys.keys)


def key_id(id_token: str) -> str | None:
    """Which key the token says it is signed with; nothing is believed of it yet."""
    head = id_token.split(".", 1)[0]
    try:
        said = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4))).get("kid")
    except (ValueError, AttributeError):
        return None
    return said if isinstance(said, str) else None


def _is_curve(pem: str) -> bool:
    try:
        jwk.ECKey.import_key(pem)
    except (JoseError, ValueError, TypeError):
        return False
    return True


def checked(
    id_token: str, keys: jwk.KeySet, provider: Provider, attempt: Attempt, access_token: object
) -> dict[str, Any]:
    """The claims, when signature, issuer, audience, times, nonce and at_hash are right. Raises LoginFailed."""
    wanted = {
        "iss": {"essential": True, "value": provider.issuer},
        "aud": {"essential": True, "value": provider.client_id},
    }
    params = {"nonce": attempt.nonce, "client_id": provider.client_id, "access_token": access_token}
    registry = JWSRegistry(algorithms=list(provider.algorithms), strict_check_header=False)
    try:
        token = jwt.decode(id_token, keys, registry=registry)
        CodeIDToken(token.claims, token.header, wanted, params).validate(leeway=LEEWAY)
    except (JoseError, ValueError, TypeError) as fault:
        raise LoginFailed(Trouble.BAD_PROOF, f"id_token: {type(fault).__name__}") from fault
    return dict(token.claims)


def level_of(claims: Mapping[str, Any], provider: Provider, attempt: Attempt) -> tuple[str, str]:
    """The `acr` and our level for it. Raises LoginFailed when it is not one of those accepted for this attempt."""
    acr = claims.get("acr")
    if acr is None and provider.acr_optional and not attempt.step_up:
        return "", LOGIN
    if not isinstance(acr, str) or acr not in (provider.step_up_acr if attempt.step_up else provider.accepted):
        raise LoginFailed(Trouble.WEAK, "acr is missing or not accepted")
    if attempt.step_up and claims.get("auth_time", attempt.began) < attempt.began - LEEWAY:
        raise LoginFailed(Trouble.WEAK, "the person did not log in anew")
    return acr, STEP_UP if acr in provider.step_up_acr else LOGIN


def identifier(claims: Mapping[str, Any], provider: Provider) -> str:
    """What the provider calls the person by. An address counts only when the provider has verified it."""
    value = claims.get(provider.claim)
    if not isinstance(value, str) or not value.strip():
        raise LoginFailed(Trouble.NOBODY, "the claim is missing")
    if provider.kind == "email" and claims.get("email_verified") is not True:
        raise LoginFailed(Trouble.NOBODY, "the address is not verified")
    return value
