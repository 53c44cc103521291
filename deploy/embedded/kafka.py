"""Apache Kafka itself (KRaft, one node) as a child process, for tests and for trying things by hand.

The jars come from Maven by `deploy/kafka/pom.xml` and are fetched once; Java 17 runs them. Production does not
start Kafka this way.
"""

from __future__ import annotations

import hashlib
import shutil
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

from deploy.embedded.broker import Broker
from deploy.embedded.process import Child, StartFailed, free_port

PROJECT = Path(__file__).resolve().parents[1] / "kafka"
JARS = PROJECT / "target" / "dependency"
STAMP = PROJECT / "target" / "resolved.sha256"
OLDEST_JAVA = 17
MEMORY = ("-Xmx384m", "-Xms128m", "-XX:+UseSerialGC")
SHORT_RUN = ("-Xmx128m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
API_VERSIONS_REQUEST = bytes.fromhex("0000000d 0012 0000 00000001 0003 61 73 6b".replace(" ", ""))

PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listeners=CLIENTS://127.0.0.1:{clients},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=CLIENTS://127.0.0.1:{clients}
inter.broker.listener.name=CLIENTS
listener.security.protocol.map=CLIENTS:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={folder}/data
num.partitions=1
num.network.threads=2
num.io.threads=4
auto.create.topics.enable=false
offsets.topic.num.partitions=5
offsets.topic.replication.factor=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
log.segment.bytes=16777216
log.index.size.max.bytes=1048576
log.cleaner.dedupe.buffer.size=4194304
"""


def missing_for_kafka() -> str | None:
    """What this machine lacks to run Apache Kafka from jars, as a sentence; None when nothing is missing."""
    java = java_version()
    if java is None:
        return f"Java {OLDEST_JAVA} or newer is not installed (Debian: openjdk-17-jre-headless)."
    if java < OLDEST_JAVA:
        return f"Java {java} is too old: Apache Kafka 4 needs {OLDEST_JAVA}."
    if not _resolved() and shutil.which("mvn") is None:
        return "Maven is not installed (Debian: maven), so Apache Kafka's jars cannot be fetched."
    return None


def java_version() -> int | None:
    """The major version of the `java` command; None when there is none."""
    if shutil.which("java") is None:
        return None
    said = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False).stderr  # noqa: S607
    quoted = said.partition('"')[2].partition('"')[0]
    major = quoted.partition(".")[0]
    return int(major) if major.isdigit() else None


def start_kafka(folder: Path) -> Broker:
    """Start Apache Kafka on free ports, with its data in `folder`; a folder used before keeps its log.

    Raises StartFailed when Java or Maven is missing or when Kafka does not answer within 60 s.
    """
    if missing := missing_for_kafka():
        raise StartFailed(missing)
    resolve_jars()
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    clients, controller = free_port(), free_port()
    config = folder / "server.properties"
    config.write_text(PROPERTIES.format(folder=folder, clients=clients, controller=controller), encoding="utf-8")
    if not (folder / "data" / "meta.properties").exists():
        _format(config)
    child = Child("Apache Kafka", _java(MEMORY, "kafka.Kafka", str(config)), folder / "kafka.log")
    child.start()
    child.wait_until(lambda: _answers(clients), seconds=60)
    return Broker(child, f"127.0.0.1:{clients}", idempotent=True)


def resolve_jars() -> Path:
    """The folder with Kafka's jars; Maven fetches them when the pom has changed since the last time."""
    if _resolved():
        return JARS
    shutil.rmtree(JARS, ignore_errors=True)
    command = ["mvn", "-q", "-B", "-f", str(PROJECT / "pom.xml"), "dependency:copy-dependencies"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise StartFailed(f"Maven could not fetch Apache Kafka: {run.stdout.strip()[-600:]}")
    STAMP.write_text(_wanted(), encoding="utf-8")
    return JARS


def _resolved() -> bool:
    return STAMP.exists() and STAMP.read_text(encoding="utf-8") == _wanted()


def _wanted() -> str:
    return hashlib.sha256((PROJECT / "pom.xml").read_bytes()).hexdigest()


def _java(options: Sequence[str], main: str, *arguments: str) -> list[str]:
    return ["java", *options, "-Dfile.encoding=UTF-8", "-cp", f"{JARS}/*", main, *arguments]


def _format(config: Path) -> None:
    """Give the data folder its cluster id, which stays with the data as long as they live."""
    cluster = ("--cluster-id", uuid4().hex[:22])
    command = _java(SHORT_RUN, "kafka.tools.StorageTool", "format", *cluster, "--config", str(config))
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise StartFailed(f"Apache Kafka's storage could not be formatted: {(run.stdout + run.stderr)[-600:]}")


def _answers(port: int) -> bool:
    """True when the broker answers an ApiVersions request, which it does once it is ready for clients."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as line:
            line.sendall(API_VERSIONS_REQUEST)
            return len(line.recv(4)) == 4
    except OSError:
        return False
