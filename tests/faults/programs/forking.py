"""Forks while threads send: parent and children go on with the client that they have.

forking.py URL JOURNAL CHILDREN
"""

from __future__ import annotations

import os
import sys
import threading
import traceback

from raccoon_runtime.sync import SyncClient

from tests.faults.events import RAW, event
from tests.faults.journal import Journal

EACH = 50


def main(url: str, journal_path: str, children: str) -> None:
    """Run it."""
    journal = Journal(journal_path)
    client = SyncClient.connect(url, serializer=RAW, retry_wait=0.02)
    journal.follow(client)
    ended = threading.Event()
    threads = [
        threading.Thread(target=_load, args=(client, journal, 1_000_000 * (n + 1), ended))
        for n in range(4)
    ]
    for thread in threads:
        thread.start()
    pids = []
    for child in range(int(children)):
        ended.wait(0.05)
        pid = os.fork()
        if pid == 0:
            _child(client, journal, 1000 * child)
        pids.append(pid)
    codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]
    ended.set()
    for thread in threads:
        thread.join()
    print(codes, len(client.close()))
    sys.exit(any(codes))


def _load(client: SyncClient, journal: Journal, first: int, ended: threading.Event) -> None:
    while not ended.wait(0.002):
        client.submit(event(first))
        journal.accepted(first)
        first += 1


def _child(client: SyncClient, journal: Journal, first: int) -> None:
    """Send on the client that was inherited, as the child of a fork."""
    code = 1
    try:
        acks = [client.send([event(number)])[0] for number in range(first, first + EACH)]
        for number, ack in zip(range(first, first + EACH), acks, strict=True):
            journal.accepted(number)
            journal.ack(ack)
        code = len(client.close())
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


if __name__ == "__main__":
    main(*sys.argv[1:])
