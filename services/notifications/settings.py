"""Settings of the notifications service, from the environment with the prefix `NOTIFICATIONS_`."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, EmailStr, Field, SecretStr

from shared.clock import DEFAULT_ZONE
from shared.events.notify import Lane
from shared.settings import ServiceSettings, settings_config

KEY_NOT_SET = (
    "NOTIFICATIONS_MESSAGE_ID_SECRET is not set. It makes a repeated mail recognisable and must stay the same "
    "over restarts: set it to 32 or more random characters. Only a demo (SKOLBRO_DEMO=true) runs without."
)


class SmsProvider(BaseModel):
    """One provider of text messages. `form` is how it wants to be spoken to; `share` its part of 100 at rest."""

    name: str
    form: Literal["46elks", "twilio"]
    url: str
    username: str
    password: SecretStr
    callback_secret: SecretStr = SecretStr("")
    share: int = Field(50, ge=0, le=100)


class NotificationsSettings(ServiceSettings):
    """What the notifications service is told from outside."""

    model_config = settings_config("NOTIFICATIONS_")

    smtp_host: str = "127.0.0.1"
    smtp_port: int = 1025
    smtp_username: str | None = None
    smtp_password: SecretStr | None = None
    smtp_security: Literal["none", "starttls", "tls"] = "none"
    smtp_connections: int = Field(8, ge=1, description="Connections kept; also the most repeats a crash can cause")
    smtp_timeout: float = Field(20, gt=0, description="Seconds to wait for each of the server's answers")
    sender: EmailStr = "skolbro@skola.example"
    sender_name: str = Field("Skolbro", description="Who the mail comes from, after “the school via …”")
    neutral_sender: EmailStr | None = Field(None, description="The sender to homes with protected identity")
    neutral_sender_name: str = Field("Skolbro", description="Its name; it must give away no place")
    return_path: EmailStr | None = Field(None, description="Where bounces go; the sender when not set")
    message_id_secret: SecretStr = SecretStr("")
    message_domain: str = "skolbro.example"
    lanes: tuple[Lane, ...] = Field(tuple(Lane), description="The lanes this process sends for")
    retry_seconds: float = Field(25, gt=0, description="Urgent: between two tries of one message")
    tries: int = Field(48, ge=1, description="Urgent: answered tries before a message is given up")
    normal_retry_seconds: float = Field(300, gt=0)
    normal_tries: int = Field(48, ge=1)
    normal_connections: int = Field(4, ge=1)
    bulk_retry_seconds: float = Field(300, gt=0)
    bulk_tries: int = Field(48, ge=1)
    bulk_connections: int = Field(20, ge=1)
    bulk_batch: int = Field(500, ge=1, description="Most addressees of a mailing taken in one transaction")
    lane_pool: int = Field(3, ge=2, description="Connections to the database that each lane keeps for itself")
    ladder_minutes: int = Field(120, ge=0, description="After so long unread, the next channel; 0 never climbs")
    domain_per_minute: dict[str, int] = Field(
        default_factory=dict, description='Most mails a minute to one domain, as JSON: {"gmail.com": 600}'
    )
    return_domain: str | None = Field(None, description="Bounces come to addresses at it, one for each message")
    bounce_port: int = Field(0, ge=0, description="Where this process takes bounces by SMTP or LMTP; 0: nowhere")
    dkim_selector: str | None = None
    dkim_domain: str | None = Field(None, description="The sender's domain when not set")
    dkim_key: SecretStr | None = Field(None, description="The private key as PEM; without it mails are not signed here")
    list_id: str = Field("skolbro.example", description="The domain part of List-Id (RFC 2919)")
    sms_providers: tuple[SmsProvider, ...] = ()
    sms_sender: str = Field("Skolbro", max_length=11)
    sms_region: str = Field("SE", description="Where a number without a country code belongs")
    vapid_key: SecretStr | None = Field(None, description="The private key of Web Push (RFC 8292), base64url or PEM")
    vapid_subject: str = "mailto:skolbro@skola.example"
    zone: str = DEFAULT_ZONE
    simulate: bool = Field(False, description="Let addresses such as simulate:bounce rehearse failures")
    send_batch: int = Field(100, ge=1, description="Most notifications begun in one transaction")

    def secret(self, demo: bool) -> bytes:
        """The key of Message-IDs. Raises ValueError when there is none outside a demo."""
        given = self.message_id_secret.get_secret_value()
        if not given and not demo:
            raise ValueError(KEY_NOT_SET)
        return (given or "demo").encode()
