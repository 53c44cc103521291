"""A command of one machine finds the servers that run there, or brings its own database along."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest

from deploy.embedded.at_hand import forget, join_running, tell

SETTING = "REGISTRY_DATABASE_URL"
ORGANISATION = {"id": str(uuid4()), "displayName": "Björkskolan", "organisationType": "Skola"}


def test_a_command_joins_what_runs_on_its_data_and_the_environment_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(SETTING, raising=False)
    monkeypatch.setenv("ABSENCE_DATABASE_URL", "mine")
    assert not join_running(tmp_path)
    tell(tmp_path, {SETTING: "theirs", "ABSENCE_DATABASE_URL": "theirs"})
    assert join_running(tmp_path)
    assert (os.environ.pop(SETTING), os.environ["ABSENCE_DATABASE_URL"]) == ("theirs", "mine")
    assert (tmp_path / "running.json").stat().st_mode & 0o077 == 0
    forget(tmp_path)
    assert not join_running(tmp_path)


def test_what_a_dead_process_left_behind_is_not_joined(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    (tmp_path / "running.json").write_text(json.dumps({"pid": ended.pid, SETTING: "theirs"}), encoding="utf-8")
    assert not join_running(tmp_path)


def test_an_import_works_with_no_server_running_and_is_remembered(tmp_path: Path) -> None:
    pages = tmp_path / "pages"
    pages.mkdir()
    (pages / "organisations.json").write_text(json.dumps({"data": [ORGANISATION]}), encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if name != SETTING}
    command = [str(Path(sys.executable).parent / "skolbro"), "import", "ss12000", "--dir", str(pages)]
    for new in ("1", "0"):
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True, timeout=90
        )
        [row] = [line for line in done.stdout.splitlines() if "organisations" in line]
        assert [cell.strip() for cell in row.strip("│ ").split("│")][1:3] == ["1", new]
