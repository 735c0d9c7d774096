"""The spool: processes that are killed at its every step, files that are torn, disks that fail."""

from __future__ import annotations

import asyncio
import random
import resource
import subprocess
from asyncio.subprocess import Process
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from raccoon_runtime.collector import Unpublishable

from ..books import Expected
from ..matrix import WS, row
from ..run import Miss, Run, Skip
from .processes import PROGRAM, ended, start

EACH = 20


async def _spool(run: Run, first: int, count: int, step: int | None = None) -> tuple[int, str]:
    """Run the program, and return its exit code and what it printed."""
    spool = str(run.directory / "spool")
    told = [run.server.url(run.transport), str(run.journal), spool, str(first), str(count)]
    program = await start(run, f"{PROGRAM}spooling", *told, *([] if step is None else [str(step)]))
    out, err = await ended(program, 60)
    if program.returncode not in (0, -9):
        raise Miss(f"the program ended with {program.returncode}: {err[-2000:]}")
    return program.returncode, out + err


@row(limit=600, patient=True)
async def kill_9_of_the_client_at_every_spool_step(run: Run) -> None:
    _, out = await _spool(run, 0, EACH)
    steps = int(out.split()[0])
    points = run.either(6, 120)
    killed = 0
    for point in range(points):
        if point % 3 == 0:  # so that removal, failure and splitting have their steps, too
            await run.server.add(Unpublishable(times=2))
        step = 1 + point * steps // points
        code, _ = await _spool(run, (point + 1) * EACH, EACH, step)
        killed += code == -9
    await _spool(run, (points + 1) * EACH, 1)
    run.notes.append(f"killed {killed} times, at steps 1 to {steps}")


@row(limit=600, patient=True)
async def torn_and_corrupt_spools(run: Run) -> None:
    """Of two files that dead processes left, one is damaged: the other's events all arrive."""
    seed = random.randrange(1 << 32)
    run.notes.append(f"seed {seed}")
    chance = random.Random(seed)
    damaged: set[int] = set()
    for turn in range(run.either(2, 15)):
        torn, whole, after = (turn * 1000 + offset for offset in (0, 100, 200))
        await run.server.stop()
        file = await _leave_two_behind(run, torn, whole)
        log = _damage(file, chance)
        damaged.update(_those(torn))
        run.expected = Expected(damaged=damaged)
        await run.server.start()
        _, out = await _spool(run, after, EACH)
        ledger = await asyncio.to_thread(run.server.ledger)
        missing = [n for n in _those(whole) + _those(after) if n not in ledger]
        if missing:
            raise Miss(f"{len(missing)} events of files that nobody touched were lost: {missing}")
        left = len([n for n in _those(torn) if n in ledger])
        run.notes.append(
            f"of a damaged {'log' if log else 'file'} {left} of {EACH} events were read"
        )
        if left < EACH and "damaged" not in out and "no spool" not in out:
            raise Miss(f"nothing was said of the damage: {out}")


async def _leave_two_behind(run: Run, first: int, second: int) -> Path:
    """Let two processes fill a spool each and be killed; return the first one's file."""
    before = _files(run)
    one = await _filled(run, first)
    (file,) = _files(run) - before
    other = await _filled(run, second)
    for program in (one, other):
        program.kill()
        await program.communicate()
    return file


def _files(run: Run) -> set[Path]:
    return set((run.directory / "spool").glob("*.spool"))


async def _filled(run: Run, first: int) -> Process:
    """Return a process whose events lie in its spool; the server is away."""
    spool = str(run.directory / "spool")
    told = [run.server.url(run.transport), str(run.journal), spool, str(first), str(EACH)]
    program = await start(run, f"{PROGRAM}spooling", *told)
    await run.until(lambda: _submitted(run, first) == EACH, "they are in the spool")
    return program


def _those(first: int) -> list[int]:
    return list(range(first, first + EACH))


def _submitted(run: Run, first: int) -> int:
    text = run.journal.read_text() if run.journal.exists() else ""
    return sum(f'{{"accepted": {number}}}' in text for number in _those(first))


def _damage(path: Path, chance: random.Random) -> bool:
    """Truncate the file or its log, or flip some of its bytes; whether it was the log."""
    log = Path(f"{path}-wal")
    target = log if log.exists() and chance.random() < 0.5 else path
    data = bytearray(target.read_bytes())
    if chance.random() < 0.4:
        del data[chance.randrange(len(data)) :]
    else:
        for _ in range(chance.randint(1, 200)):
            data[chance.randrange(len(data))] ^= chance.randint(1, 255)
    target.write_bytes(data)
    return target is log


@row(WS, quick=False)
async def disk_full(run: Run) -> None:
    """A disk of 1 MB: callers wait until the server has taken what is on it."""
    with _small_disk(run.directory / "disk") as disk:
        await _fill(run, disk)


@row(WS, quick=False)
async def disk_with_errors(run: Run) -> None:
    """Writes beyond 300 kB of a file fail, with EFBIG: an I/O error to SQLite."""
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    disk = run.directory / "limited"
    try:
        await run.server.stop()
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, limit[1]))
        client = run.connect(spool=disk)
        filling = asyncio.create_task(run.submit(client, 100, size=10_000))
        await asyncio.sleep(2)
        if filling.done():
            raise Miss("all were accepted, with no room for them")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        await run.server.start()
    run.healed()
    await filling


async def _fill(run: Run, disk: Path) -> None:
    await run.server.stop()
    client = run.connect(spool=disk)
    filling = asyncio.create_task(run.submit(client, 300, size=10_000))
    await asyncio.sleep(2)
    if filling.done():
        raise Miss("all were accepted, with no room for them")
    run.notes.append(f"{client.stats().pending} events lay on 1 MB")
    await run.server.start()
    run.healed()
    await filling
    await client.flush(60)
    await client.close()


@contextmanager
def _small_disk(path: Path) -> Iterator[Path]:
    """Mount 1 MB of memory as a disk."""
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(path)]
    try:
        made = subprocess.run(mount, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise Skip("there is no mount command") from None
    if made.returncode:
        raise Skip(f"no file system can be mounted here: {made.stderr.strip()}")
    try:
        yield path / "spool"
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)
