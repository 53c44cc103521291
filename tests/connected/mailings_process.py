"""A bulk sender as a process of its own, to be killed: it sends until somebody does.

python -m tests.connected.mailings_process DATABASE_URL SMTP_PORT INSTANT
"""

from __future__ import annotations

import asyncio
import sys
from datetime import datetime

from pydantic import SecretStr

from services.notifications.channels.roads import make_roads
from services.notifications.mailings.sender import MailingSender
from services.notifications.settings import NotificationsSettings
from services.notifications.tables import kit as tables
from shared.clock import ManualClock
from shared.events.notify import Lane
from shared.kit import make_kit
from shared.settings import KitSettings
from tests.connected.mailings_stage import KEY

CONNECTIONS = 4


async def main(url: str, port: int, instant: datetime) -> None:
    """Send."""
    settings = NotificationsSettings(
        database_url=url, smtp_port=port, message_id_secret=SecretStr("test"), bulk_connections=CONNECTIONS
    )
    kit = make_kit("notifications", tables, KitSettings(session_key=SecretStr(KEY)), settings)
    kit.clock = ManualClock(instant)
    await MailingSender(kit, settings, make_roads(kit, settings, Lane.BULK)).run()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), datetime.fromisoformat(sys.argv[3])))
