"""The whole of Skolbro on one machine: PostgreSQL, a broker and the processes of the six services as our children.

Whatever dies is started again at once; whatever is stopped is stopped in order, and nothing is left behind.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from deploy.embedded.at_hand import forget, tell
from deploy.embedded.broker import Broker, start_broker
from deploy.embedded.forked import (
    FIRST_PORT,
    LANES,
    PROCESSES,
    SERVICES,
    ForkedService,
    get_ready,
    service_of,
)
from deploy.embedded.postgres import Postgres, start_postgres
from deploy.embedded.process import Child, StartFailed, free_port, stop_together
from shared.db.migrate import migrate
from shared.messaging.broker import create_topics
from shared.messaging.reconcile import reconcile
from shared.settings import KitSettings

READY_SECONDS = 40.0
STOP_SECONDS = 5.0
SERVER_STOP_SECONDS = 4.0  # PostgreSQL writes its last checkpoint; on a slow disk that takes a while
LOOK_SECONDS = 0.1
CALM_SECONDS = 30.0
PAUSES = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0)
# Made once and kept with the data: what makes a repeated mail recognisable, signs sessions, and hides identifiers.
SECRETS = {
    "NOTIFICATIONS_MESSAGE_ID_SECRET": "secret",
    "SKOLBRO_SESSION_KEY": "session-key",
    "SKOLBRO_LOGIN_KEY": "login-key",
}
PAGES = {
    "/registry": "registry",
    "/talks": "scheduling",
    "/meetings": "scheduling",
    "/offers": "scheduling",
    "/bulletins": "bulletins",
    "/information": "bulletins",
    "/dialogue": "bulletins",
    "/feedback": "bulletins",
    "/sending": "notifications",
}
FRUGAL = {"MALLOC_ARENA_MAX": "2"}


def ports_from(first: int = FIRST_PORT) -> dict[str, int]:
    """The portal on the first port, the other processes on those after it."""
    return {name: first + number for number, name in enumerate(PROCESSES)}


def free_ports() -> dict[str, int]:
    """A free port for each process."""
    return {name: free_port() for name in PROCESSES}


@dataclass
class Keeper:
    """Starts a child again when it has ended: at once, but after a growing pause when it keeps ending."""

    child: Child | ForkedService
    restarts: int = 0

    async def keep(self) -> None:
        """Watch until cancelled."""
        deaths = 0
        while True:
            began = time.monotonic()
            while self.child.running():  # noqa: ASYNC110 - a child process has no event to wait for
                await asyncio.sleep(LOOK_SECONDS)
            deaths = 0 if time.monotonic() - began > CALM_SECONDS else deaths
            await asyncio.sleep(PAUSES[min(deaths, len(PAUSES) - 1)])
            deaths += 1
            self.restarts += 1
            self.child.start()


@dataclass
class Stack:
    """Everything that runs besides the caller. `data` holds the database and the logs."""

    data: Path
    ports: Mapping[str, int]
    postgres: Postgres | None = None
    broker: Broker | None = None
    keepers: dict[str, Keeper] = field(default_factory=dict)

    def start_servers(self) -> None:
        """Start PostgreSQL and the broker and bring the six databases up to date. Raises StartFailed."""
        get_ready()
        self.data.mkdir(parents=True, exist_ok=True)
        self.broker = start_broker(self.data / "logs")
        self.postgres = start_postgres(self.data / "pg", jit="off")  # a compiler in every connection eats memory
        for name in SERVICES:
            self.postgres.create_database(name)
            self.postgres.admit(name, name)
            migrate(name, self.owner_url(name))
        databases = {f"{name.upper()}_DATABASE_URL": self.database_url(name) for name in SERVICES}
        owners = {f"{name.upper()}_OWNER_URL": self.owner_url(name) for name in SERVICES}
        tell(self.data, {**databases, **owners, **self._kit_env(self._kit_settings())})

    async def start_services(self, env: Mapping[str, str]) -> None:
        """Create the topics, say again what a forgetful broker lost, and start the services with this environment.

        Returns when all are ready; raises StartFailed when one is not within 40 s.
        """
        settings = self._kit_settings()
        await create_topics(settings)
        await reconcile({name: self.database_url(name) for name in SERVICES}, settings)
        for name in PROCESSES:
            self.keepers[name] = Keeper(self._service(name, {**self._kit_env(settings), **env}))
            self.keepers[name].child.start()
        await asyncio.gather(*[self.until_ready(name) for name in PROCESSES])

    async def stop_services(self) -> None:
        """Stop the services; the servers stay up, and the services can be started again with another environment.

        The second process of a service ends as in a power cut, and leaves its consumer groups to time out: the embedded
        broker lets nobody join a group any more that two members have left in order.
        """
        for name, keeper in self.keepers.items():
            if name not in SERVICES:
                keeper.child.kill()
        children = [keeper.child for keeper in self.keepers.values()]
        await asyncio.to_thread(stop_together, children, STOP_SECONDS)
        self.keepers.clear()

    async def keep(self) -> None:
        """Restart what dies, until cancelled."""
        async with asyncio.TaskGroup() as group:
            for keeper in self.keepers.values():
                group.create_task(keeper.keep())

    def stop(self) -> None:
        """Stop the services together, then the broker, then PostgreSQL: within 10 s. Safe to call twice."""
        stop_together([keeper.child for keeper in self.keepers.values()], STOP_SECONDS)
        servers = [server.child for server in (self.broker, self.postgres) if server is not None]
        for child in servers:
            child.stop(SERVER_STOP_SECONDS)
        forget(self.data)

    def database_url(self, name: str, driver: str = "postgresql+psycopg") -> str:
        """How a service reaches its database: as a login that owns nothing and stands behind the walls."""
        return self._server().login_url(name, name, driver)

    def owner_url(self, name: str, driver: str = "postgresql+psycopg") -> str:
        """How the owner of a service's tables reaches its database: migrations, and who looks on from outside."""
        return self._server().url(name, driver)

    def _server(self) -> Postgres:
        if self.postgres is None:
            raise StartFailed("PostgreSQL was not started.")
        return self.postgres

    def _kit_settings(self) -> KitSettings:
        if self.broker is None:
            raise StartFailed("The broker was not started.")
        return self.broker.settings()

    def _kit_env(self, settings: KitSettings) -> dict[str, str]:
        return {
            "SKOLBRO_KAFKA_BOOTSTRAP": settings.kafka_bootstrap,
            "SKOLBRO_KAFKA_IDEMPOTENT": str(settings.kafka_idempotent).lower(),
            "SKOLBRO_KAFKA_FETCH_WAIT_MS": str(settings.kafka_fetch_wait_ms),
            "SKOLBRO_PORTAL_URL": f"http://127.0.0.1:{self.ports['portal']}",
            "PORTAL_ELSEWHERE": json.dumps(
                {path: f"http://127.0.0.1:{self.ports[name]}" for path, name in PAGES.items()}
            ),
            **{name: os.environ.get(name) or self._secret(file) for name, file in SECRETS.items()},
            **FRUGAL,
        }

    def _secret(self, name: str) -> str:
        file = self.data / name
        if not file.exists():
            file.touch(mode=0o600)
            file.write_text(secrets.token_urlsafe(32), encoding="utf-8")
        return file.read_text(encoding="utf-8")

    def _service(self, name: str, env: Mapping[str, str]) -> ForkedService:
        service, port = service_of(name), self.ports[name]
        prefix = service.upper()
        own = {f"{prefix}_DATABASE_URL": self.database_url(service), f"{prefix}_PORT": str(port)}
        if name in LANES:
            own[f"{prefix}_LANES"] = json.dumps(LANES[name])
        return ForkedService(name, port, {**env, **own}, self.data / "logs" / f"{name}.log")

    async def until_ready(self, name: str) -> None:
        """Wait until the process says it is ready. Raises StartFailed when it ends first or 40 s have passed."""
        child, url = self.keepers[name].child, f"http://127.0.0.1:{self.ports[name]}/health/ready"
        deadline = time.monotonic() + READY_SECONDS
        async with httpx.AsyncClient(trust_env=False) as client:
            while time.monotonic() < deadline:
                if not child.running():
                    raise StartFailed(f"{child.name} ended at once. Its last words are in {child.log}.")
                if await _answers(client, url):
                    return
                await asyncio.sleep(LOOK_SECONDS)
        raise StartFailed(f"{child.name} was not ready within {READY_SECONDS:.0f} s. See {child.log}.")


async def _answers(client: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await client.get(url, timeout=3)).is_success
    except httpx.TransportError:
        return False
