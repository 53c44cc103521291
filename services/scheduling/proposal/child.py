"""Solves in a child process, so that a service that answers people never waits for it, nor carries the solver."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from services.scheduling.proposal.codec import from_json, to_json
from services.scheduling.proposal.model import Answer, Instance, Progress

WORKER = "services.scheduling.proposal.worker"
LONGEST_LINE = 2**26  # bytes; an answer for ten thousand talks is about one million
GRACE = 30.0  # seconds beyond the solver's own until it is given up


class SolverFailed(RuntimeError):
    """The worker process ended without a final answer; the text is its last words. Trying again may help."""


@dataclass(frozen=True, slots=True)
class Told:
    """One line of the worker: an answer (the greedy one first, the final one last) or how far it has come."""

    answer: Answer | None = None
    progress: Progress | None = None
    final: bool = False
    rss_mb: float = 0.0


async def propose(instance: Instance, seconds: float) -> AsyncIterator[Told]:
    """What a worker process says of this instance, as it says it; the last is `final`. Stop listening and it is ended.

    Raises SolverFailed when it ends, or takes `GRACE` seconds too long, without a final answer.
    """
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", WORKER, "--seconds", str(seconds)),
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
        limit=LONGEST_LINE,
    )
    try:
        async with asyncio.timeout(seconds + GRACE):
            await _send(process, instance)
            async for told in _lines(process):
                yield told
                if told.final:
                    return
            raise SolverFailed(await _last_words(process))
    except TimeoutError as error:
        raise SolverFailed(f"No answer in {seconds + GRACE:.0f} seconds.") from error
    finally:
        await _end(process)


async def _send(process: asyncio.subprocess.Process, instance: Instance) -> None:
    if process.stdin is None:
        raise SolverFailed("The worker has no stdin.")
    try:
        process.stdin.write(json.dumps(to_json(instance)).encode())
        await process.stdin.drain()
        process.stdin.close()
    except (BrokenPipeError, ConnectionResetError) as error:
        raise SolverFailed(await _last_words(process)) from error


async def _lines(process: asyncio.subprocess.Process) -> AsyncIterator[Told]:
    while process.stdout is not None and (line := await process.stdout.readline()):
        said: dict[str, Any] = json.loads(line)
        if "error" in said:
            raise SolverFailed(said["error"])
        if "answer" in said:
            answer = from_json(Answer, said["answer"])
            yield Told(answer=answer, final=said.get("final", False), rss_mb=said.get("rss_mb", 0.0))
        else:
            yield Told(progress=Progress(said["progress"], said["cost"], said["bound"]))


async def _last_words(process: asyncio.subprocess.Process) -> str:
    said = await process.stderr.read() if process.stderr is not None else b""
    return said.decode(errors="replace").strip()[-500:] or "The worker ended without a word."


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        try:
            process.kill()
        except ProcessLookupError:
            pass
    await process.wait()
