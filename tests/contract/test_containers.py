"""compose.yaml and the Dockerfile say what the code says."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.embedded.forked import LANES, PROCESSES, service_of
from deploy.embedded.stack import PAGES, ports_from
from services.operations import SERVICES, settings_of
from shared.db.reach import APP_ROLE, MACHINE_ROLE
from shared.events.notify import Lane
from shared.settings import KitSettings, ServiceSettings
from tests.brokers import IMAGE

ROOT = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
CONTAINERS: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")
EXAMPLE = dict(re.findall(r"^(\w+)=(.*)$", (ROOT / "deploy" / "example.env").read_text(encoding="utf-8"), re.MULTILINE))
OURS = [*PROCESSES, "migrate", "topics", "operations"]


def names_of(settings: ServiceSettings | KitSettings) -> set[str]:
    """The environment variables a settings class reads."""
    prefix = settings.model_config["env_prefix"]
    return {f"{prefix}{field}".upper() for field in type(settings).model_fields}


@pytest.mark.parametrize("name", OURS)
def test_every_setting_named_in_compose_is_one_the_code_reads(name: str) -> None:
    known = names_of(KitSettings())
    for service in [service_of(name)] if name in PROCESSES else SERVICES:
        known |= names_of(settings_of(service))
    assert set(CONTAINERS[name]["environment"]) <= known
    for secret in CONTAINERS[name].get("secrets", []):
        assert secret.upper() in known


@pytest.mark.parametrize("process", PROCESSES)
def test_every_process_runs_from_its_services_image_on_its_own_database_and_stops_in_peace(process: str) -> None:
    container, service = CONTAINERS[process], service_of(process)
    assert container["image"] == f"skolbro/{service}"
    assert container["build"]["args"] == {"SERVICE": service}
    assert container["environment"][f"{service.upper()}_DATABASE_URL"].endswith(f"@postgres:5432/{service}")
    assert f"//{service}:" in container["environment"][f"{service.upper()}_DATABASE_URL"]
    assert container["stop_grace_period"] == "30s"
    assert container["read_only"] is True
    assert set(container["depends_on"]) == {"migrate", "topics"}
    assert container["ports"] == [f"127.0.0.1:{ports_from()[process]}:8000"]


def test_every_lane_is_sent_for_by_exactly_one_process_and_both_ways_of_running_agree() -> None:
    for process, lanes in LANES.items():
        assert json.loads(CONTAINERS[process]["environment"]["NOTIFICATIONS_LANES"]) == list(lanes)
    assert sorted(lane for lanes in LANES.values() for lane in lanes) == sorted(Lane)
    assert "bulk" not in LANES["notifications"]


def test_the_processes_of_one_service_differ_in_nothing_but_their_lanes_and_ports() -> None:
    main, bulk = ({**CONTAINERS[name]} for name in LANES)
    for container in (main, bulk):
        container["environment"] = {k: v for k, v in container["environment"].items() if k != "NOTIFICATIONS_LANES"}
        del container["ports"]
    assert main == bulk


def test_the_portal_knows_where_every_page_is() -> None:
    told = json.loads(CONTAINERS["portal"]["environment"]["PORTAL_ELSEWHERE"])
    assert told == {path: f"http://127.0.0.1:{ports_from()[name]}" for path, name in PAGES.items()}


def test_only_the_migrations_know_the_owners_of_the_tables() -> None:
    owners = {f"{service.upper()}_OWNER_URL": service for service in SERVICES}
    told = CONTAINERS["migrate"]["environment"]
    for name, service in owners.items():
        assert f"//{service}_owner:" in told[name]
        assert told[name].endswith(f"@postgres:5432/{service}")
    for name in set(OURS) - {"migrate"}:
        assert not set(CONTAINERS[name]["environment"]) & set(owners)


def test_all_services_are_there_and_everything_is_reachable_from_this_machine_only() -> None:
    assert set(CONTAINERS) == {*OURS, "postgres", "kafka", "mailpit"}
    for container in CONTAINERS.values():
        assert all(port.startswith("127.0.0.1:") for port in container.get("ports", []))


def test_what_compose_refers_to_exists() -> None:
    for container in CONTAINERS.values():
        assert "image" in container
        assert set(container.get("depends_on", {})) <= set(CONTAINERS)
        assert set(container.get("secrets", [])) <= set(COMPOSE["secrets"])
        for volume in container.get("volumes", []):
            source = volume.split(":")[0]
            assert (ROOT / source).exists() if source.startswith(".") else source in COMPOSE["volumes"]
        target = container.get("build", {}).get("target")
        assert target is None or f" AS {target}\n" in DOCKERFILE


def test_no_secret_has_a_default_and_every_one_that_is_needed_is_in_the_example() -> None:
    asked = set(re.findall(r"\$\{(\w+)(?![\w:]*-)", (ROOT / "compose.yaml").read_text()))
    asked |= {secret["environment"] for secret in COMPOSE["secrets"].values()}
    assert {name for name in asked if name != "REGISTRY_SOURCES"} == set(EXAMPLE)
    assert not any(EXAMPLE.values())


def test_the_databases_are_made_for_exactly_the_services() -> None:
    script = (ROOT / "deploy" / "postgres" / "databases.sh").read_text()
    assert re.findall(r"for service in (.*);", script) == [" ".join(SERVICES)]
    for role in (APP_ROLE, MACHINE_ROLE):
        assert f"create role {role};" in script
    logins = re.findall(r"^create role .* login .*", script, re.MULTILINE)
    assert len(logins) == 2
    assert all("nosuperuser nobypassrls" in login for login in logins)


def test_the_image_takes_only_its_own_service_and_does_not_run_as_root() -> None:
    assert "COPY services/${SERVICE} services/${SERVICE}" in DOCKERFILE
    assert "uv sync --frozen --no-dev" in DOCKERFILE
    assert "USER 10001" in DOCKERFILE
    assert "/health/live" in DOCKERFILE


def test_the_broker_is_the_one_that_is_tested() -> None:
    assert CONTAINERS["kafka"]["image"] == IMAGE
    version = re.findall("<kafka.version>(.*)<", (ROOT / "deploy/kafka/pom.xml").read_text())
    assert IMAGE.endswith(f":{version[0]}")


def test_compose_itself_accepts_the_file() -> None:
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode:
        return  # no such plugin here: the structure is checked above
    filled = dict.fromkeys(EXAMPLE, "x")
    command = [docker, "compose", "--file", str(ROOT / "compose.yaml"), "config", "--quiet"]
    subprocess.run(command, env={**os.environ, **filled}, check=True)
