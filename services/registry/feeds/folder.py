"""A folder of SS 12000 pages as files: `organisations.json`, `persons-1.json`, `persons-2.json` and so on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from services.registry.domain.kinds import ASKED_FOR, Resource
from services.registry.errors import FileUnusable
from services.registry.feeds.pages import Page, read_page


@dataclass(frozen=True)
class FolderFile:
    """One file of a list."""

    resource: Resource
    path: Path

    def read(self) -> Page:
        """The page in the file. Raises PageUnreadable."""
        return read_page(self.path.read_bytes(), self.resource)


def files(folder: Path) -> list[FolderFile]:
    """The folder's pages in the order they are to be imported. Raises FileUnusable when there are none."""
    if not folder.is_dir():
        raise FileUnusable(f"{folder} is not a folder. Nothing was imported; give the folder that holds the pages.")
    found = list(_files(folder))
    if not found:
        names = ", ".join(f"{resource}*.json" for resource in ASKED_FOR)
        raise FileUnusable(f"{folder} holds no pages. Nothing was imported; the files are to be called {names}.")
    return found


def unused(folder: Path) -> list[str]:
    """The names of JSON files in the folder that are none of the lists."""
    used = {file.path for file in _files(folder)}
    return sorted(path.name for path in folder.glob("*.json") if path not in used)


def _files(folder: Path) -> Iterator[FolderFile]:
    for resource in ASKED_FOR:
        for path in sorted(folder.glob("*.json")):
            if path.name.lower().startswith(resource.value.lower()):
                yield FolderFile(resource, path)
