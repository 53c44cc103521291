"""OpenID Connect with one provider: authorization code flow with PKCE, and a proof that is checked in full."""

from __future__ import annotations

import asyncio
import math
import time
import warnings
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import httpx
from joserfc import jwk
from joserfc.errors import JoseError

from services.portal.login.attempt import Attempt
from services.portal.login.errors import LoginFailed, Trouble
from services.portal.login.proof import Proof, checked, has_key, identifier, key_id, key_set, level_of, signing_key
from services.portal.login.provider import Provider, is_here, is_safe
from shared.web.paths import with_query

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # Authlib would rather have httpx2, which we do not use
    from authlib.integrations.base_client import OAuthError
    from authlib.integrations.httpx_client import AsyncOAuth2Client
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from authlib.oauth2.rfc7636 import create_s256_code_challenge

SECONDS = 8.0
METADATA_SECONDS = 3600.0
KEYS_SECONDS = 60.0  # an unknown key is asked for at most so often
NEEDED = ("authorization_endpoint", "token_endpoint", "jwks_uri")


class OidcClient:
    """We at one provider. What it publishes about itself is fetched when first needed and kept for an hour."""

    def __init__(self, provider: Provider, portal_url: str) -> None:
        self.provider = provider
        self.redirect_uri = f"{portal_url.rstrip('/')}/login/callback/{provider.name}"
        self._fetching, self._fetching_keys = asyncio.Lock(), asyncio.Lock()
        self._metadata: tuple[float, Mapping[str, Any]] | None = None
        self._keys: tuple[float, jwk.KeySet] | None = None

    async def begin(self, attempt: Attempt, language: str) -> str:
        """The address at the provider to send the browser to. Raises LoginFailed when the provider is away."""
        provider = self.provider
        asked = provider.step_up_acr if attempt.step_up else provider.accepted
        question = {
            "response_type": "code",
            "client_id": provider.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": provider.scope,
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": create_s256_code_challenge(attempt.verifier),
            "code_challenge_method": "S256",
            "ui_locales": language,
            **({"acr_values": " ".join(asked)} if asked else {}),
            **({"prompt": "login"} if attempt.step_up else {}),
        }
        return with_query((await self.metadata())["authorization_endpoint"], urlencode(question))

    async def finish(self, attempt: Attempt, answer: Mapping[str, str]) -> Proof:
        """What the provider proves by its answer to this attempt. Raises LoginFailed."""
        metadata = await self.metadata()
        self._answered(answer, metadata)
        token = await self._exchange(attempt, answer["code"], metadata)
        id_token = str(token["id_token"])
        keys = await self._key_set(key_id(id_token))
        claims = checked(id_token, keys, self.provider, attempt, token.get("access_token"))
        acr, level = level_of(claims, self.provider, attempt)
        more = await self._userinfo(token, claims["sub"]) if self.provider.userinfo else {}
        return Proof(identifier({**more, **claims}, self.provider), acr, level, id_token)

    async def end(self, id_token: str | None, back: str) -> str | None:
        """Where to send the browser so that the provider forgets the person too; None when it has no such place."""
        try:
            place = (await self.metadata()).get("end_session_endpoint") if self.provider.post_logout else None
        except LoginFailed:
            return None
        if not isinstance(place, str) or not is_safe(place):
            return None
        hint = {"id_token_hint": id_token} if id_token else {}
        return with_query(
            place, urlencode({**hint, "client_id": self.provider.client_id, "post_logout_redirect_uri": back})
        )

    async def metadata(self) -> Mapping[str, Any]:
        """What the provider publishes about itself. Raises LoginFailed when it cannot be had or is not its own."""
        async with self._fetching:
            if self._metadata is None or time.monotonic() - self._metadata[0] > METADATA_SECONDS:
                self._metadata = time.monotonic(), self._sound(await self._get(self.provider.metadata_url))
            return self._metadata[1]

    def _sound(self, metadata: Mapping[str, Any]) -> Mapping[str, Any]:
        if metadata.get("issuer") != self.provider.issuer:
            raise LoginFailed(Trouble.DOWN, "the metadata is another issuer's")
        if not all(isinstance(metadata.get(name), str) and is_safe(metadata[name]) for name in NEEDED):
            raise LoginFailed(Trouble.DOWN, "the metadata lacks an endpoint, or one without HTTPS")
        return metadata

    async def _get(self, url: str, token: str | None = None) -> Mapping[str, Any]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            async with httpx.AsyncClient(timeout=SECONDS, trust_env=not is_here(url)) as client:
                answer = (await client.get(url, headers=headers)).raise_for_status().json()
        except (httpx.HTTPError, ValueError) as fault:
            raise LoginFailed(Trouble.DOWN, type(fault).__name__) from fault
        if not isinstance(answer, dict):
            raise LoginFailed(Trouble.DOWN, "not a JSON object")
        return answer

    def _answered(self, answer: Mapping[str, str], metadata: Mapping[str, Any]) -> None:
        """The provider said yes, and it was this provider (RFC 9207)."""
        if "error" in answer or not answer.get("code"):
            denied = answer.get("error") in ("access_denied", "login_required", "consent_required")
            raise LoginFailed(Trouble.DENIED if denied else Trouble.BAD_PROOF, "the provider answered with an error")
        promised = metadata.get("authorization_response_iss_parameter_supported") is True
        if answer.get("iss", None if promised else self.provider.issuer) != self.provider.issuer:
            raise LoginFailed(Trouble.BAD_PROOF, "the answer names another issuer")

    async def _exchange(self, attempt: Attempt, code: str, metadata: Mapping[str, Any]) -> Mapping[str, Any]:
        """Give the code for tokens, showing that it was we who asked."""
        place = metadata["token_endpoint"]
        try:
            async with self._authenticated(place) as client:
                token: Mapping[str, Any] = await client.fetch_token(
                    place,
                    grant_type="authorization_code",
                    code=code,
                    redirect_uri=self.redirect_uri,
                    code_verifier=attempt.verifier,
                )
        except OAuthError as fault:
            used = fault.error == "invalid_grant"
            raise LoginFailed(Trouble.USED if used else Trouble.DOWN, f"token endpoint: {fault.error}") from fault
        except (httpx.HTTPError, JoseError, ValueError, OSError) as fault:
            raise LoginFailed(Trouble.DOWN, type(fault).__name__) from fault
        if not isinstance(token.get("id_token"), str):
            raise LoginFailed(Trouble.BAD_PROOF, "no id_token")
        return token

    def _authenticated(self, place: str) -> Any:
        provider, by_key = self.provider, self.provider.private_key_file is not None
        secret: Any = provider.secret()
        method = PrivateKeyJWT.name if by_key else provider.client_auth
        kwargs = {"timeout": SECONDS, "trust_env": not is_here(place), "token_endpoint_auth_method": method}
        if not by_key:
            return AsyncOAuth2Client(provider.client_id, secret, **kwargs)
        key, algorithm = signing_key(secret)
        client = AsyncOAuth2Client(provider.client_id, key, **kwargs)
        headers = {"kid": key.kid} if key.kid else None
        client.register_client_auth_method(PrivateKeyJWT(place, headers=headers, alg=algorithm))
        return client

    async def _key_set(self, known: str | None) -> jwk.KeySet:
        """The provider's keys: fetched again every hour, and at most once a minute for a key we have not seen."""
        async with self._fetching_keys:
            age = time.monotonic() - self._keys[0] if self._keys else math.inf
            if self._keys and age < METADATA_SECONDS and (age < KEYS_SECONDS or has_key(self._keys[1], known)):
                return self._keys[1]
            keys = key_set(await self._get((await self.metadata())["jwks_uri"]))
            self._keys = time.monotonic(), keys
            return keys

    async def _userinfo(self, token: Mapping[str, Any], subject: object) -> Mapping[str, Any]:
        """What the provider says beside the id_token, when it is about the same person."""
        place = (await self.metadata()).get("userinfo_endpoint")
        if not isinstance(place, str) or not is_safe(place):
            raise LoginFailed(Trouble.DOWN, "no userinfo endpoint")
        said = await self._get(place, str(token.get("access_token")))
        if said.get("sub") != subject:
            raise LoginFailed(Trouble.BAD_PROOF, "userinfo is about somebody else")
        return said
