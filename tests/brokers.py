"""Which broker a test gets: one that was named, one in a container, Apache Kafka from jars, or the embedded one."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlparse
from uuid import uuid4

from deploy.embedded.broker import Broker, start_broker
from deploy.embedded.kafka import missing_for_kafka, start_kafka
from deploy.embedded.process import Child, free_port, port_is_busy

Kind = Literal["embedded", "kafka"]
KINDS: tuple[Kind, ...] = ("embedded", "kafka")
NAMED = "SKOLBRO_TEST_KAFKA"
IMAGE = "apache/kafka:4.1.1"
ENGINE_SOCKET = "/var/run/docker.sock"


class NoKafka(RuntimeError):
    """No Apache Kafka can be had here; the text says what is missing."""


@dataclass
class ContainedBroker(Broker):
    """Apache Kafka in a container."""

    container: Any = None

    def stop(self) -> None:
        """Remove the container."""
        self.container.stop()


@contextmanager
def running_broker(kind: Kind, folder: Path) -> Iterator[Broker]:
    """A broker for as long as the block lasts. Raises NoKafka when Apache Kafka is asked for and cannot be had."""
    broker = start_broker(folder) if kind == "embedded" else _apache_kafka(folder)
    try:
        yield broker
    finally:
        broker.stop()


def _apache_kafka(folder: Path) -> Broker:
    if address := os.environ.get(NAMED):
        return Broker(Child(f"the broker named in {NAMED}", (), folder / "unused.log"), address, idempotent=True)
    if container_engine_answers():
        return _from_container(folder)
    if missing := missing_for_kafka():
        raise NoKafka(f"No container engine answers, {NAMED} is not set, and: {missing}")
    return start_kafka(folder / "kafka")


def container_engine_answers() -> bool:
    """True when something listens where a container engine would; does not wait."""
    address = urlparse(os.environ.get("DOCKER_HOST", f"unix://{ENGINE_SOCKET}"))
    unix = address.scheme == "unix"
    with socket.socket(socket.AF_UNIX if unix else socket.AF_INET) as probe:
        probe.settimeout(0.3)
        target: Any = address.path if unix else (address.hostname, address.port or 2375)
        try:
            return probe.connect_ex(target) == 0
        except OSError:
            return False


def _from_container(folder: Path) -> Broker:
    from testcontainers.core.container import DockerContainer

    port = free_port()
    container = DockerContainer(IMAGE).with_bind_ports(9092, port)
    for name, value in _container_settings(port).items():
        container = container.with_env(name, value)
    container.start()
    deadline = time.monotonic() + 60
    while not port_is_busy(port) and time.monotonic() < deadline:
        time.sleep(0.1)
    outside = Child("Apache Kafka in a container", (), folder / "unused.log")
    return ContainedBroker(outside, f"127.0.0.1:{port}", idempotent=True, container=container)


def _container_settings(port: int) -> dict[str, str]:
    return {
        "CLUSTER_ID": uuid4().hex[:22],
        "KAFKA_NODE_ID": "1",
        "KAFKA_PROCESS_ROLES": "broker,controller",
        "KAFKA_LISTENERS": "PLAINTEXT://:9092,CONTROLLER://:9093",
        "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://127.0.0.1:{port}",
        "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
        "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
    }
