"""Keeps functions under 45 lines and files under 500: `python -m tests.sizes services shared deploy`."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

LONGEST_FUNCTION = 45
LONGEST_FILE = 500


def offences(folders: list[str]) -> Iterator[str]:
    """What is too long, a line each; migrations are written by a program and do not count."""
    for folder in folders:
        for path in sorted(Path(folder).rglob("*.py")):
            if "migrations" not in path.parts:
                yield from _in_file(path)


def _in_file(path: Path) -> Iterator[str]:
    source = path.read_text(encoding="utf-8")
    lines = source.count("\n")
    if lines > LONGEST_FILE:
        yield f"{path}: {lines} lines (at most {LONGEST_FILE})"
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > LONGEST_FUNCTION:
                yield f"{path}:{node.lineno}: {node.name} has {length} lines (at most {LONGEST_FUNCTION})"


def main(folders: list[str]) -> int:
    """Print the offenders; 1 when there are any."""
    found = list(offences(folders))
    print(*found, sep="\n", end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
