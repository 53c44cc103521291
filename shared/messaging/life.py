"""Which life of the broker this is. A broker that keeps its log in memory starts a new one whenever it starts.

Offsets mean something only within one life, so whoever writes one down (relay, read positions) asks first
whether the broker is still the one that was joined.
"""

from __future__ import annotations

import asyncio

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from shared.errors import SkolbroError
from shared.settings import KitSettings


class BrokerReborn(SkolbroError):
    """The broker has begun a new life: what it held is gone, and everybody must join it again."""


class Life:
    """Asks the broker for its present life, on a connection that is kept. `over` is set once it has changed."""

    def __init__(self, settings: KitSettings) -> None:
        self.settings = settings
        self.over = asyncio.Event()
        self._admin: AIOKafkaAdminClient | None = None
        self._asking = asyncio.Lock()

    async def present(self) -> str:
        """The id of the broker's present life. Raises a KafkaError when no broker answers."""
        async with self._asking:
            try:
                admin = await self._connected()
                return str((await admin.describe_cluster())["cluster_id"])
            except (KafkaError, OSError):
                await self.close()
                raise

    async def confirm(self, joined: str) -> None:
        """Return when the broker is still in the life that was joined.

        Raises BrokerReborn when it is not, a KafkaError when no broker answers.
        """
        present = await self.present()
        if present != joined:
            self.over.set()
            raise BrokerReborn(f"The broker joined as {joined} has begun a new life as {present}.")

    async def close(self) -> None:
        """Let the connection go; the next question opens a new one."""
        admin, self._admin = self._admin, None
        if admin is not None:
            await admin.close()

    async def _connected(self) -> AIOKafkaAdminClient:
        if self._admin is None:
            admin = AIOKafkaAdminClient(bootstrap_servers=self.settings.kafka_bootstrap)
            await admin.start()
            self._admin = admin
        return self._admin
