"""Providers of text messages that run here: real HTTP servers on 127.0.0.1 that speak 46elks' and Twilio's form.

async with stub("46elks") as elks:
    settings = settings_for(elks)
    elks.mood = Mood.DOWN               # what every request is answered from now on
    elks.numbers["+46701740605"] = Mood.INVALID     # or those to one number
    [text] = elks.texts                 # what was taken, as it came
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal
from uuid import uuid4

import uvicorn
from fastapi import FastAPI, Request
from pydantic import SecretStr
from starlette.responses import JSONResponse, PlainTextResponse, Response

from deploy.embedded.process import free_port
from services.notifications.settings import NotificationsSettings, SmsProvider

FormName = Literal["46elks", "twilio"]
SECRETS = {"46elks": "whisper of the forest", "twilio": "an auth token"}


class Mood(StrEnum):
    """How a stub answers."""

    WELL = "well"
    DOWN = "down"  # 500
    BUSY = "busy"  # 429
    POOR = "poor"  # our account is empty, or we are not let in
    INVALID = "invalid"  # the number is none
    STOPPED = "stopped"  # whoever has the number has said STOP
    SILENT = "silent"  # takes it, and never answers
    ODD = "odd"  # 200 with something that is no JSON


@dataclass
class Stub:
    """One provider. `texts` has the form of every message it took."""

    form: FormName
    port: int
    mood: Mood = Mood.WELL
    numbers: dict[str, Mood] = field(default_factory=dict)
    texts: list[dict[str, str]] = field(default_factory=list)
    asked: int = 0

    @property
    def name(self) -> str:
        """What it is called in the settings."""
        return self.form

    def provider(self, share: int = 50) -> SmsProvider:
        """It, as the settings name it."""
        return SmsProvider(
            name=self.name,
            form=self.form,
            url=f"http://127.0.0.1:{self.port}",
            username="AC0123" if self.form == "twilio" else "u0123",
            password=SecretStr("an auth token"),
            callback_secret=SecretStr("whisper of the forest" if self.form == "46elks" else ""),
            share=share,
        )

    async def take(self, request: Request) -> Response:
        """Answer one request to send."""
        self.asked += 1
        form = {name: str(value) for name, value in (await request.form()).items()}
        provider = self.provider()
        login = f"{provider.username}:{provider.password.get_secret_value()}"
        if request.headers.get("authorization") != "Basic " + base64.b64encode(login.encode()).decode():
            return self._refuse(Mood.POOR)
        mood = self.numbers.get(form.get("to") or form.get("To") or "", self.mood)
        if mood in (Mood.WELL, Mood.SILENT, Mood.ODD):
            self.texts.append(form)
        if mood is Mood.SILENT:
            await asyncio.sleep(60)
        if mood is Mood.ODD:
            return PlainTextResponse("<html>thank you</html>")
        return self._accept(form) if mood is Mood.WELL else self._refuse(mood)

    def _accept(self, form: Mapping[str, str]) -> Response:
        reference = uuid4().hex
        if self.form == "46elks":
            said = {"id": f"s{reference}", "status": "created", "direction": "outgoing", "cost": 3500}
            return JSONResponse(said | {name: form[name] for name in ("from", "to", "message")})
        said = {"sid": f"SM{reference}", "status": "queued", "error_code": None, "body": form["Body"]}
        return JSONResponse(said, 201)

    def _refuse(self, mood: Mood) -> Response:
        if mood in (Mood.DOWN, Mood.BUSY):
            return PlainTextResponse("not now", 500 if mood is Mood.DOWN else 429)
        if self.form == "46elks":
            texts = {Mood.POOR: ("Not enough credits", 403), Mood.INVALID: ('Invalid "to" number', 400)}
            return PlainTextResponse(*texts.get(mood, ("Bad request: from", 400)))
        codes: dict[Mood, tuple[int, int]] = {
            Mood.POOR: (20003, 401),
            Mood.INVALID: (21211, 400),
            Mood.STOPPED: (21610, 400),
        }
        code, status = codes[mood]
        return JSONResponse({"code": code, "message": "refused", "status": status}, status)


@asynccontextmanager
async def stub(form: FormName) -> AsyncIterator[Stub]:
    """A provider for as long as the block lasts."""
    one = Stub(form, free_port())
    app = FastAPI()
    path = "/a1/sms" if form == "46elks" else "/2010-04-01/Accounts/AC0123/Messages.json"

    @app.post(path)
    async def take(request: Request) -> Response:
        return await one.take(request)

    config = uvicorn.Config(app, host="127.0.0.1", port=one.port, log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    try:
        yield one
    finally:
        server.should_exit = server.force_exit = True
        await task


def settings_for(*stubs: Stub, shares: tuple[int, ...] = (), **more: Any) -> NotificationsSettings:
    """Settings with these providers, at their shares or all alike."""
    wanted = shares or (50,) * len(stubs)
    providers = tuple(one.provider(share) for one, share in zip(stubs, wanted, strict=True))
    return NotificationsSettings(sms_providers=providers, message_id_secret=SecretStr("secret"), **more)
