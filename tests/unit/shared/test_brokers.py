from __future__ import annotations

from pathlib import Path

import pytest

from deploy.embedded.kafka import missing_for_kafka, start_kafka
from deploy.embedded.process import StartFailed
from tests.brokers import NAMED, NoKafka, running_broker


@pytest.fixture
def _bare_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    monkeypatch.delenv(NAMED, raising=False)


@pytest.mark.usefixtures("_bare_machine")
def test_a_machine_without_java_says_what_is_missing(tmp_path: Path) -> None:
    assert missing_for_kafka() == "Java 17 or newer is not installed (Debian: openjdk-17-jre-headless)."
    with pytest.raises(StartFailed, match="Java 17"):
        start_kafka(tmp_path)
    with pytest.raises(NoKafka, match=r"No container engine answers, SKOLBRO_TEST_KAFKA is not set, and: Java 17"):
        running_broker("kafka", tmp_path).__enter__()


@pytest.mark.usefixtures("_bare_machine")
@pytest.mark.parametrize(
    ("version", "sentence"), [("11.0.2", "Java 11 is too old"), ("17.0.1", "Maven is not"), ("21", "Maven is not")]
)
def test_an_old_java_or_a_missing_maven_is_told(
    version: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    java = tmp_path / "java"
    java.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\"' >&2\n")
    java.chmod(0o755)
    monkeypatch.setattr("deploy.embedded.kafka.STAMP", tmp_path / "never resolved")
    assert sentence in (missing_for_kafka() or "")


@pytest.mark.usefixtures("_bare_machine")
def test_a_broker_that_was_named_is_used_and_not_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAMED, "kafka.example:9092")
    with running_broker("kafka", tmp_path) as broker:
        assert broker.bootstrap == "kafka.example:9092"
        assert not broker.child.running()
