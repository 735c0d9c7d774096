"""A program that forks while its spool is at work.

python -m tests.spool.forks SCENARIO URL DIRECTORY
"""

from __future__ import annotations

import gc
import itertools
import os
import sys
import threading
import time
import warnings
from collections.abc import Callable

from raccoon_runtime import process

from generated import EventClient
from tests.spool.events import OPTIONS, event

CHILDREN, EACH = 12, 5


def fork(child: Callable[[], object], *, finalised: bool = False) -> int:
    """Run this in a child, which ends at once or, `finalised`, as programs do."""
    pid = os.fork()
    if pid:
        return pid
    try:
        child()
    except BaseException:
        sys.excepthook(*sys.exc_info())
        os._exit(1)
    if finalised:
        gc.collect()
        sys.exit()
    os._exit(0)


def wait_for(pid: int) -> None:
    """Wait for a child; it must have ended well, and must not hang."""
    end = time.monotonic() + 30
    while True:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            assert status == 0, status
            return
        assert time.monotonic() < end, "the child hangs"
        time.sleep(0.005)


def children(url: str, directory: str) -> None:
    """Children are forked while threads submit; each child submits and ends in its own way."""
    client = EventClient.connect(url, spool=directory, **OPTIONS)
    numbers = itertools.count()
    ended = threading.Event()

    def submit() -> None:
        while not ended.is_set():
            client.submit(event(next(numbers)))

    def child(first: int) -> None:
        for number in range(first, first + EACH):
            client.submit(event(number))
        if first % 2:
            client.flush(20)
        client.close()

    def idle(first: int) -> None:
        """It never uses what it inherited."""

    threads = [threading.Thread(target=submit) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for n in range(CHILDREN):
            does = idle if n % 4 == 3 else child
            first = 1_000_000 + n * EACH
            wait_for(fork(lambda does=does, first=first: does(first), finalised=n % 2 == 1))
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    client.flush(30)
    assert client.close() == []
    print(next(numbers))


def orphaned(url: str, directory: str) -> None:
    """The parent is killed; its child lives on and has a spool of its own."""
    client = EventClient.connect(url, spool=directory, **OPTIONS)
    for number in range(5):
        client.submit(event(number))

    def child() -> None:
        print("forked", os.getpid(), flush=True)
        sys.stdin.readline()  # until the parent is gone
        client.submit(event(100))
        print("submitted", flush=True)
        sys.stdin.readline()
        client.close(0)
        print("closed", flush=True)

    wait_for(fork(child))


def waiting(url: str, directory: str) -> None:
    """A fork waits for a thread that must not be cut in two."""
    entered, left = threading.Event(), threading.Event()

    def work() -> None:
        with process.undivided():
            entered.set()
            time.sleep(0.2)
            left.set()

    thread = threading.Thread(target=work)
    thread.start()
    entered.wait()
    wait_for(fork(lambda: os._exit(not left.is_set())))
    thread.join()


def handles(url: str, directory: str) -> None:
    """A child closes its parent's lock at once, and its parent's file never."""
    client: EventClient | None = EventClient.connect(url, spool=directory, **OPTIONS)
    assert client is not None
    client.submit(event(1))

    def opened() -> list[str]:
        links = (f"/proc/self/fd/{name}" for name in os.listdir("/proc/self/fd"))
        found = sorted(os.readlink(link) for link in links if os.path.exists(link))
        return [name.partition(".spool")[2] for name in found if ".spool" in name]

    before = opened()

    def child() -> None:
        nonlocal client
        client = None
        gc.collect()
        assert opened() == [name for name in before if name != ".lock"], opened()

    assert ".lock" in before and "" in before
    wait_for(fork(child))
    client.close(0)


if __name__ == "__main__":
    warnings.simplefilter("ignore", DeprecationWarning)  # 3.12 warns of forks beside threads
    scenarios = {f.__name__: f for f in (children, orphaned, waiting, handles)}
    scenarios[sys.argv[1]](*sys.argv[2:])
