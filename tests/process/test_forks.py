"""Forks: parent and child deliver what is theirs, whatever the parent was at; nothing crosses."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from raccoon_runtime.collector import Collector

from generated import PageEvent

from .conftest import Run, numbered, stored

URLS = pytest.mark.parametrize("scheme", ["ws", "rest", "grpc"])

FORK = """
def in_child(run):
    \"\"\"Run it in a fork's child, which ends as a program does, and return its number.\"\"\"
    pid = os.fork()
    if pid:
        return pid
    run()
    sys.exit(0)

def ended(*pids):
    for pid in pids:
        _, status = os.waitpid(pid, 0)
        assert status == 0, status
"""


def check(start: Run, collector: Collector, program: str, scheme: str = "ws") -> None:
    urls = {"ws": collector.ws_url, "rest": collector.http_url, "grpc": collector.grpc_url}
    finished = start(FORK + program, RACCOON_URL=urls[scheme]).finish()
    assert finished.returncode == 0, finished.stderr
    assert "Traceback" not in finished.stderr, finished.stderr
    assert not finished.lost()


def identities(collector: Collector) -> dict[str, set[str]]:
    """The identities under which each side's events came, by the start of their names."""
    found: dict[str, set[str]] = {}
    for event in collector.stored:
        name = PageEvent.parse(event.event_bytes).event_name
        found.setdefault(name.rstrip("0123456789"), set()).add(event.identity)
    return found


BOTH = """
client = EventClient.connect()
{before}
def child():
    for number in range(100):
        client.submit_nowait(page(f"child{{number}}"))
    {close}

pid = in_child(child)
for number in range(100):
    client.submit_nowait(page(f"parent{{number}}"))
ended(pid)
for number in range(100, 200):
    assert client.send_page_event(page(f"parent{{number}}")).ok
"""


@URLS
@pytest.mark.parametrize("close", ["client.close()", "pass"])
@pytest.mark.parametrize("before", ["pass", "client.send_page_event(event_name='before0')"])
def test_a_client_from_before_works_in_both(
    start: Run, collector: Collector, scheme: str, close: str, before: str
) -> None:
    """Closed or not, used before or not."""
    check(start, collector, BOTH.format(before=before, close=close), scheme)
    expected = numbered(200, "parent") + numbered(100, "child")
    if before != "pass":
        expected["before0"] = 1
    assert stored(collector) == expected
    found = identities(collector)
    assert len(found["parent"]) == len(found["child"]) == 1
    assert not found["parent"] & found["child"]


def test_what_is_pending_stays_with_the_parent(start: Run, collector: Collector) -> None:
    program = """
client = EventClient.connect(linger=0.5, batch_events=1000)
for number in range(50):
    client.submit_nowait(page(f"parent{number}"))

def child():
    stats = client.stats()
    assert (stats.accepted, stats.pending) == (0, 0), stats
    assert client.close() == []

ended(in_child(child))
client.flush()
"""
    check(start, collector, program)
    assert stored(collector) == numbered(50, "parent")


def test_a_child_that_only_ends_disturbs_nobody(start: Run, collector: Collector) -> None:
    """It finalises what it inherited, the parent's loop and connections among it."""
    program = """
client = EventClient.connect()
client.send_page_event(event_name="0")

def child():
    global client
    del client
    gc.collect()

for number in range(1, 20):
    ended(in_child(child))
    assert client.send_page_event(page(number), timeout=10).attempts == 1
assert client.stats().connections == 1
"""
    check(start, collector, program)
    assert stored(collector) == numbered(20)


def test_under_load(start: Run, collector: Collector) -> None:
    """Other threads are anywhere in the client when it forks: also where a lock is held."""
    program = """
client = EventClient.connect(queue_events=200)
over = threading.Event()
sent = [0] * 4

def hammer(me):
    while not over.is_set():
        client.submit(page(f"parent{me}-{sent[me]}"))
        sent[me] += 1
        client.stats()

threads = [threading.Thread(target=hammer, args=(me,)) for me in range(4)]
for thread in threads:
    thread.start()

def child(me):
    for number in range(10):
        client.send_page_event(page(f"child{me}-{number}"))

for me in range(8):
    ended(in_child(lambda: child(me)))
over.set()
for thread in threads:
    thread.join()
client.close()
print(sum(sent))
"""
    finished = start(FORK + program).finish()
    assert finished.returncode == 0, finished.stderr
    found = stored(collector)
    assert set(found.values()) == {1}
    sides = Counter(name.split("-")[0].rstrip("0123456789") for name in found)
    assert sides == {"child": 80, "parent": int(finished.stdout)}


def test_while_another_thread_closes(start: Run, collector: Collector) -> None:
    """A client that the parent is closing is a closed one in the child."""
    program = """
children = []
for round in range(10):
    client = EventClient.connect()
    for number in range(200):
        client.submit_nowait(page(f"{round}-{number}"))
    thread = threading.Thread(target=client.close)
    thread.start()

    def child():
        try:
            client.submit(page(f"child{round}"))
        except Exception as error:
            assert type(error).__name__ == "ClosedError", error
        client.close()

    children.append(in_child(child))
    thread.join()
    assert client.stats().delivered == 200
ended(*children)
"""
    check(start, collector, program)
    parents = {name for name in stored(collector) if not name.startswith("child")}
    assert len(parents) == 2000


def test_a_closed_client_stays_closed(start: Run, collector: Collector) -> None:
    program = """
client = EventClient.connect()
client.send_page_event(event_name="0")
client.close()

def child():
    for call in (client.submit, client.submit_nowait, client.send_page_event):
        try:
            call(page(1))
        except Exception as error:
            assert type(error).__name__ == "ClosedError", error
        else:
            raise AssertionError
    assert client.close() == []
    client.flush()

ended(in_child(child))
"""
    check(start, collector, program)
    assert stored(collector) == numbered(1)


def test_grandchildren(start: Run, collector: Collector) -> None:
    program = """
client = EventClient.connect()

def descend(depth):
    client.send_page_event(page(f"{depth}"))
    if depth < 4:
        ended(in_child(lambda: descend(depth + 1)))
        client.send_page_event(page(f"{depth} again"))

descend(0)
"""
    check(start, collector, program)
    expected = numbered(5) + Counter(f"{depth} again" for depth in range(4))
    assert stored(collector) == expected
    assert len(collector.received) == 9


def test_a_callback_thread_of_the_parent_is_not_waited_for(
    start: Run, collector: Collector
) -> None:
    program = """
held = threading.Event()
hold = lambda letter: held.wait(60)
client = EventClient.connect("ws://127.0.0.1:1", retry_count=0, on_failure=hold)
client.submit_nowait(page("dead"))
while not client.stats().failed:
    time.sleep(0.01)

def child():
    assert client.close() == []

ended(in_child(child))
held.set()
client.close()
"""
    finished = start(FORK + program).finish(patience=40)
    assert finished.returncode == 0, finished.stderr


@pytest.mark.skipif(sys.version_info < (3, 12), reason="Python warns from 3.12 on")
def test_python_warns_of_no_thread_of_a_client_that_was_not_used(start: Run) -> None:
    program = """
client, other = EventClient.connect(), AsyncEventClient.connect()
client.stats(), client.acks(), repr(client), other.stats()
used = EventClient.connect("null://")
used.send_page_event(event_name="x")
used.close()
ended(in_child(lambda: client.send_page_event(event_name="0")))
"""
    finished = start(FORK + program, "-W", "error").finish()
    assert (finished.returncode, finished.stderr) == (0, "")


# --- asyncio ------------------------------------------------------------------------------


def test_an_asynchronous_client_in_both(start: Run, collector: Collector) -> None:
    program = """
client = AsyncEventClient.connect()

async def send(side):
    for number in range(50):
        await client.submit(page(f"{side}{number}"))
    await client.flush()

async def send_all():
    async with client:
        await send("child")

def child(run):
    # The frames of the parent's coroutines are not the child's to unwind: no sys.exit here.
    pid = os.fork()
    if not pid:
        try:
            run()
        finally:
            os._exit(sys.exc_info()[0] is not None)
    return pid

async def main():
    async with client:
        await send("parent")
        pids = [child(lambda: asyncio.run(send_all())), child(gc.collect)]
        await send("again")
        while os.waitpid(pids[0], os.WNOHANG) == (0, 0):
            await asyncio.sleep(0.01)
        ended(pids[1])
        assert (await client.send_page_event(page("last0"), timeout=10)).attempts == 1
        assert client.stats().connections == 1

asyncio.run(main())
"""
    finished = start(FORK + program).finish()
    assert finished.returncode == 0, finished.stderr
    expected = Counter({"last0": 1})
    for side in ("parent", "child", "again"):
        expected += numbered(50, side)
    assert stored(collector) == expected
    found = identities(collector)
    assert not found["parent"] & found["child"]
    assert found["parent"] == found["again"] == found["last"]


# --- multiprocessing ------------------------------------------------------------------------


PROCESSES = '''
import multiprocessing
from generated import EventClient, PageEvent

client = EventClient.connect()

def work(me):
    """Leaves without a close."""
    for number in range(50):
        client.submit_nowait(PageEvent(event_name=f"{me}-{number}"))

def main(method):
    context = multiprocessing.get_context(method)
    client.send_page_event(event_name="before")
    workers = [context.Process(target=work, args=(me,)) for me in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0, worker.exitcode
    with context.Pool(2) as pool:
        pool.map(work, range(3, 9))
        pool.close()
        pool.join()
    client.send_page_event(event_name="after")
'''


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_multiprocessing(start: Run, collector: Collector, tmp_path: Path, method: str) -> None:
    """Its children end without atexit; what they accepted is delivered all the same."""
    (tmp_path / "jobs.py").write_text(PROCESSES)
    program = f"""
if __name__ == "__main__":
    sys.path.insert(0, {str(tmp_path)!r})
    os.environ["PYTHONPATH"] = {str(tmp_path)!r} + os.pathsep + os.environ["PYTHONPATH"]
    import jobs
    jobs.main({method!r})
"""
    finished = start(program).finish()
    assert finished.returncode == 0, finished.stderr
    assert not finished.lost()
    expected = Counter(f"{me}-{number}" for me in range(9) for number in range(50))
    expected.update(["before", "after"])
    assert stored(collector) == expected


def test_subprocesses_inherit_nothing(start: Run, collector: Collector) -> None:
    program = """
import subprocess
client = EventClient.connect()
client.send_page_event(event_name="0")
look = ["ls", "-l", "/proc/self/fd"]
told = subprocess.run(look, capture_output=True, text=True, close_fds=False).stdout
assert "socket" not in told and "eventpoll" not in told, told
assert client.send_page_event(event_name="1").attempts == 1
"""
    check(start, collector, program)
    assert stored(collector) == numbered(2)


UNDIVIDED = """
from raccoon_runtime import process
import logging, os, sys, threading, time

entered, inside = threading.Event(), False

def work():
    global inside
    with process.undivided():
        inside = True
        entered.set()
        {does}
        inside = False

def always():
    while True:
        work()

threading.Thread(target={target}, daemon=True).start()
entered.wait()
pid = os.fork()
if not pid:
    os._exit(inside)
_, status = os.waitpid(pid, 0)
sys.exit(status != 0)
"""


@pytest.mark.parametrize(
    ("target", "does"),
    [
        ("work", "time.sleep(0.3)"),
        # A fork has the lock of logging in hand, if that came first.
        ("work", "time.sleep(0.3); logging.getLogger('as imports do')"),
        ("always", "time.sleep(0.01)"),
    ],
    ids=["once", "needs a lock that forks take", "again and again"],
)
def test_a_fork_waits_for_what_must_not_be_divided(target: str, does: str) -> None:
    program = UNDIVIDED.format(target=target, does=does)
    command = [sys.executable, "-W", "ignore", "-c", program]
    assert subprocess.run(command, timeout=60, check=False).returncode == 0
