"""How sources are described from outside."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from services.registry.settings import RegistrySettings, Source
from shared.errors import Permanent


def test_sources_come_from_one_variable_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    said = [{"name": "kommunen", "base_url": "https://sis.example/v2.0", "token": "t", "nightly_at": "03:15"}]
    monkeypatch.setenv("REGISTRY_SOURCES", json.dumps(said))
    [source] = RegistrySettings().sources
    assert (source.secret("token"), source.poll_seconds, source.nightly_at.hour) == ("t", 60, 3)
    assert "'t'" not in repr(source)


def test_a_secret_may_lie_in_a_file_and_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "token"
    source = Source(name="a", token_file=path)
    path.write_text("one\n")
    assert source.secret("token") == "one"
    path.write_text("two\n")
    assert source.secret("token") == "two"
    path.unlink()
    with pytest.raises(Permanent, match="token_file of source “a” cannot be read"):
        source.secret("token")


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "Å kommun"},
        {"name": "a", "zone": "Europe/Atlantis"},
        {"name": "a", "token_url": "https://x"},
        {"name": "a", "base_url": "ftp://x"},
        {"name": "a", "tokn": "misspelt"},
        {"name": "a", "poll_seconds": 0},
    ],
)
def test_a_description_that_cannot_work_is_refused_at_the_start(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Source.model_validate(wrong)


def test_two_sources_cannot_share_a_name() -> None:
    with pytest.raises(ValidationError, match="two sources are called a"):
        RegistrySettings(sources=(Source(name="a"), Source(name="a")))


def test_a_source_nobody_configured_has_the_usual_settings() -> None:
    assert RegistrySettings().source("folder") == Source(name="folder")
