"""Settings of the notifications service, from the environment with the prefix `NOTIFICATIONS_`."""

from __future__ import annotations

from typing import Literal

from pydantic import EmailStr, Field, SecretStr

from shared.settings import ServiceSettings, settings_config

KEY_NOT_SET = (
    "NOTIFICATIONS_MESSAGE_ID_SECRET is not set. It makes a repeated mail recognisable and must stay the same "
    "over restarts: set it to 32 or more random characters. Only a demo (SKOLBRO_DEMO=true) runs without."
)


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
    retry_seconds: float = Field(25, gt=0, description="Between two tries of one message")
    tries: int = Field(48, ge=1, description="Answered tries before a message is given up")
    simulate: bool = Field(False, description="Let addresses such as simulate:bounce rehearse failures")
    send_batch: int = Field(100, ge=1, description="Most notifications begun in one transaction")

    def secret(self, demo: bool) -> bytes:
        """The key of Message-IDs. Raises ValueError when there is none outside a demo."""
        given = self.message_id_secret.get_secret_value()
        if not given and not demo:
            raise ValueError(KEY_NOT_SET)
        return (given or "demo").encode()
