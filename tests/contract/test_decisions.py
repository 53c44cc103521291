"""What was decided is written down."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DECISIONS = ROOT / "docs" / "decisions"


def test_every_dependency_has_its_reason_and_every_reason_its_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"].values()
    lists = [project["project"]["dependencies"], *extras, *project["dependency-groups"].values()]
    named = {re.split(r"[\[<>=~!]", wanted)[0] for wanted_list in lists for wanted in wanted_list} - {"skolbro"}
    told = re.findall(r"^\| `([\w-]+)` \| \S", (DECISIONS / "0002-dependencies.md").read_text(), re.MULTILINE)
    assert sorted(told) == sorted(named)


def test_decisions_are_numbered_without_a_gap_and_say_their_number() -> None:
    files = sorted(DECISIONS.glob("*.md"))
    assert [path.name[:4] for path in files] == [f"{number:04}" for number in range(1, len(files) + 1)]
    for number, path in enumerate(files, start=1):
        assert re.match(rf"# 0*{number}\. \S", path.read_text(encoding="utf-8"))
