"""Every way in which a program can end with a client that nobody closed."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from raccoon_runtime.collector import Collector, NoAnswer

from tests.ports import SILENT_PORT

from .conftest import Run, numbered, stored

URLS = pytest.mark.parametrize("scheme", ["ws", "rest", "grpc"])


def url_of(collector: Collector, scheme: str) -> str:
    """By name, so that the address has to be looked up."""
    urls = {"ws": collector.ws_url, "rest": collector.http_url, "grpc": collector.grpc_url}
    return urls[scheme].replace("127.0.0.1", "localhost")


def nobody() -> str:
    """An address where nobody listens."""
    return f"ws://127.0.0.1:{SILENT_PORT}"


SYNC = """
client = EventClient.connect()
for number in range(200):
    client.submit_nowait(page(number))
"""

WAYS = {
    "return": ("", 0),
    "sys.exit": ("sys.exit(3)", 3),
    "exception": ("raise LookupError('mine')", 1),
    "keyboard interrupt": ("os.kill(os.getpid(), signal.SIGINT)\ntime.sleep(60)", -signal.SIGINT),
    "exit of a thread": ("threading.Thread(target=sys.exit, args=(3,)).start()", 0),
    "atexit": ("import atexit\natexit.register(lambda: print('registered later'))", 0),
    "let go": ("del client\ngc.collect()", 0),
    "several": (
        "others = [EventClient.connect() for _ in range(5)]\n"
        "for other in others: other.submit_nowait(page('other'))",
        0,
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_what_a_synchronous_client_accepted_is_delivered(
    start: Run, collector: Collector, way: str
) -> None:
    rest, code = WAYS[way]
    ended = start(SYNC + rest).finish()
    assert ended.returncode == code, ended.stderr
    expected = numbered(200)
    if way == "several":
        expected["other"] = 5
    assert stored(collector) == expected
    assert not ended.lost()
    if code == 0:
        assert not ended.stderr


@URLS
def test_over_every_transport(start: Run, collector: Collector, scheme: str) -> None:
    ended = start(SYNC, RACCOON_URL=url_of(collector, scheme)).finish()
    assert (ended.returncode, ended.stderr) == (0, "")
    assert stored(collector) == numbered(200)


@URLS
def test_with_nothing_left_to_deliver(start: Run, collector: Collector, scheme: str) -> None:
    used = "client = EventClient.connect()\nclient.send_page_event(event_name='0')"
    ended = start(used, "-X", "dev", RACCOON_URL=url_of(collector, scheme)).finish()
    assert (ended.returncode, ended.stderr) == (0, "")
    assert stored(collector) == numbered(1)


def test_with_clients_that_were_never_used(start: Run) -> None:
    program = "client, other = EventClient.connect(), AsyncEventClient.connect()\nother.stats()"
    ended = start(program, "-X", "dev", "-W", "error").finish()
    assert (ended.returncode, ended.stderr) == (0, "")


def test_with_clients_that_were_closed(start: Run, collector: Collector) -> None:
    program = """
with EventClient.connect() as client:
    client.submit_nowait(page(0))

async def main():
    async with AsyncEventClient.connect() as client:
        await client.submit(page(1))

asyncio.run(main())
"""
    ended = start(program, "-X", "dev", "-W", "error").finish()
    assert (ended.returncode, ended.stderr) == (0, "")
    assert stored(collector) == numbered(2)


def test_after_the_client_threads_are_gone(start: Run, collector: Collector) -> None:
    """`close()` leaves no thread behind."""
    program = """
client = EventClient.connect(on_failure=print)
client.send_page_event(event_name="0")
client.close()
print([thread.name for thread in threading.enumerate()])
"""
    ended = start(program).finish()
    assert ended.stdout.strip() == "['MainThread']"


def test_daemon_threads_may_go_on_until_the_end(start: Run, collector: Collector) -> None:
    """What was accepted by then is delivered; what comes later is refused, and nothing hangs."""
    program = """
client = EventClient.connect()
accepted = 0

def hammer():
    global accepted
    while True:
        client.submit(page("x"))
        accepted += 1

for _ in range(4):
    threading.Thread(target=hammer, daemon=True).start()
while accepted < 500:
    time.sleep(0.001)
"""
    ended = start(program).finish()
    assert ended.returncode == 0, ended.stderr
    assert not ended.lost()
    assert stored(collector)["x"] >= 500


def test_events_of_exit_handlers(start: Run, collector: Collector) -> None:
    """A handler that was registered after the runtime was imported runs before the close."""
    program = """
import atexit
client = EventClient.connect()
client.send_page_event(event_name="0")
atexit.register(lambda: client.submit(page(1)))
"""
    ended = start(program).finish()
    assert (ended.returncode, ended.stderr) == (0, "")
    assert stored(collector) == numbered(2)


def test_an_exit_handler_that_comes_too_late_is_told(start: Run, collector: Collector) -> None:
    """Those that were registered before the import run after it."""
    program = """
import atexit
atexit._clear()

def late():
    for call in (client.close, client.flush):
        call()
    try:
        client.submit(page("late"))
    except Exception as error:
        print(type(error).__name__)

atexit.register(late)
from raccoon_runtime import exits
atexit.register(exits._end)
client = EventClient.connect()
client.submit(page(0))
"""
    ended = start(program).finish()
    assert (ended.returncode, ended.stdout.strip(), ended.stderr) == (0, "ClosedError", "")
    assert stored(collector) == numbered(1)


def test_a_first_event_when_the_interpreter_ends(start: Run, collector: Collector) -> None:
    """From Python 3.12 on no thread can be started then: it says so, and does not hang."""
    program = """
import atexit
client = EventClient.connect()

def send():
    try:
        client.send_page_event(event_name="0", timeout=20)
    except Exception as error:
        print(type(error).__name__, error)

atexit.register(send)
"""
    ended = start(program).finish()
    assert ended.returncode == 0, ended.stderr
    if ended.stdout:
        assert ended.stdout.startswith("UsageError no thread can be started")
    else:
        assert stored(collector) == numbered(1)


# --- when the server is down ------------------------------------------------------------


def test_the_time_of_one_close_is_shared_and_what_is_lost_is_told(start: Run) -> None:
    program = """
import raccoon_runtime.sync
raccoon_runtime.sync.CLOSE_TIMEOUT = 2.0
clients = [EventClient.connect() for _ in range(20)]
for client in clients:
    for number in range(10):
        client.submit_nowait(page(number))
"""
    ended = start(program, RACCOON_URL=nobody()).finish(patience=30)
    assert ended.returncode == 0
    told = ended.stderr.count("10 events were not delivered when the interpreter ended")
    assert told == 20, ended.stderr


NO_NAME_SERVER = """
import socket
socket.getaddrinfo = lambda *asked, **named: time.sleep(300)
"""


@pytest.mark.parametrize(
    "use",
    [
        """
with EventClient.connect() as client:
    client.submit_nowait(page(1))
    print(len(client.close(0.2)))
""",
        """
async def main():
    async with AsyncEventClient.connect() as client:
        client.submit_nowait(page(1))
        await asyncio.sleep(0)
        print(len(await client.close(0.2)))
asyncio.run(main())
""",
    ],
    ids=["sync", "async"],
)
def test_a_name_server_that_does_not_answer_holds_nobody_up(start: Run, use: str) -> None:
    ended = start(NO_NAME_SERVER + use, RACCOON_URL="ws://raccoon.test").finish(patience=30)
    assert (ended.returncode, ended.stdout) == (0, "1\n"), ended.stderr


def test_a_second_interrupt_does_not_wait(start: Run) -> None:
    program = SYNC + "print('ready')\ntime.sleep(60)"
    running = start(program, RACCOON_URL=nobody())
    running.says("ready")
    ended = running.insist(signal.SIGINT, patience=8)
    assert "before 200 events were acknowledged" in ended.stderr


def test_what_ends_the_loop_again_and_again_leaves_nothing_behind(
    start: Run, collector: Collector
) -> None:
    """The function that makes the headers raises SystemExit for each that asks."""
    program = """
def headers():
    raise SystemExit(3)
client = EventClient.connect(headers=headers, batch_events=1)
for number in range(50):
    try:
        client.submit_nowait(page(number))
    except Exception:
        break
time.sleep(0.3)
client.close(1)
gc.collect()
"""
    ended = start(program, "-W", "error").finish()
    assert "never awaited" not in ended.stderr
    assert "was destroyed" not in ended.stderr


def test_a_first_call_that_is_interrupted_leaves_a_client_that_works(
    start: Run, collector: Collector
) -> None:
    program = """
from raccoon_runtime.delivery import Delivery
bind = Delivery.bind
def slow(delivery):
    time.sleep(0.5)
    return bind(delivery)
Delivery.bind = slow
client = EventClient.connect()
threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
try:
    client.submit(page("0"))
except KeyboardInterrupt:
    client.submit(page("1")).result(20)
    client.close()
    print([thread.name for thread in threading.enumerate() if "raccoon" in thread.name])
"""
    ended = start(program).finish()
    assert (ended.returncode, ended.stdout) == (0, "[]\n"), ended.stderr
    assert stored(collector) == numbered(2) - numbered(1)


def test_a_close_that_is_interrupted_goes_on(start: Run) -> None:
    """What it gives up is handed to whoever closes next."""
    program = """
client = EventClient.connect(**QUICK)
for number in range(200):
    client.submit_nowait(page(number))
threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
try:
    client.close(1.0)
except KeyboardInterrupt:
    print(len(client.close()), len(client.close()))
"""
    ended = start(program, RACCOON_URL=nobody()).finish()
    assert (ended.returncode, ended.stdout) == (0, "200 0\n"), ended.stderr


def test_a_first_event_while_the_interpreter_is_torn_down_is_refused(start: Run) -> None:
    """It is after all that runs at the exit, when no thread begins any more."""
    program = """
class Farewell:
    def __init__(self):
        self.client, self.event = EventClient.connect(), page("x")
    def __del__(self):
        try:
            self.client.submit(self.event)
        except Exception as error:
            print(type(error).__name__, flush=True)
last, used = Farewell(), EventClient.connect()
used.submit(page("y"))
"""
    ended = start(program).finish(patience=30)
    assert (ended.returncode, ended.stdout) == (0, "UsageError\n"), ended.stderr


def test_exit_at_once_is_at_once(start: Run) -> None:
    """`os._exit` ends the process without a word: the recipes say so."""
    ended = start(SYNC + "os._exit(7)", RACCOON_URL=nobody()).finish()
    assert (ended.returncode, ended.lost()) == (7, 0)


# --- asyncio ------------------------------------------------------------------------------


def asynchronous(body: str, run: str = "asyncio.run(main())") -> str:
    return f"async def main():\n    client = AsyncEventClient.connect(**QUICK)\n    {body}\n{run}\n"


BLOCK = """async with client:
        for number in range(200):
            client.submit_nowait(page(number))
        """


@pytest.mark.parametrize(
    ("last", "code"),
    [
        ("return", 0),
        ("sys.exit(3)", 3),
        ("raise LookupError('mine')", 1),
        ("asyncio.current_task().cancel(); await asyncio.sleep(60)", 1),
    ],
)
def test_the_end_of_an_async_with_delivers(
    start: Run, collector: Collector, last: str, code: int
) -> None:
    ended = start(asynchronous(BLOCK + last)).finish()
    assert ended.returncode == code, ended.stderr
    assert stored(collector) == numbered(200)
    assert not ended.lost()


UNCLOSED = """for number in range(300):
        client.submit_nowait(page(number))
    await asyncio.sleep(0.002)
    """


@pytest.mark.parametrize(
    "run",
    [
        "asyncio.run(main())",
        "loop = asyncio.new_event_loop(); loop.run_until_complete(main()); loop.close()",
        "loop = asyncio.new_event_loop(); loop.run_until_complete(main())",
        "threading.Thread(target=lambda: asyncio.run(main())).start()",
    ],
)
@pytest.mark.parametrize("last", ["return", "sys.exit(0)", "raise LookupError('mine')"])
def test_a_loop_that_ends_before_a_close_says_what_is_lost(
    start: Run, collector: Collector, run: str, last: str
) -> None:
    if "loop.close" in run and last != "return":
        pytest.skip("the same as without a close of the loop")
    ended = start(asynchronous(UNCLOSED + last, run)).finish()
    # Events may be on their way when the program ends: told as lost, and published all the same.
    published = len(stored(collector))
    assert 300 - ended.lost() <= published <= 300
    assert not ended.lost() or "acknowledged; close the client first" in ended.stderr


OPEN = """
async def main():
    global client
    client = AsyncEventClient.connect()
    future = await client.submit(page(0))
    while not client.stats().connections:
        await asyncio.sleep(0.001)
    if ANSWERED:
        await future

asyncio.run(main())
del client
gc.collect()
"""


@URLS
@pytest.mark.parametrize("answered", [False, True])
def test_a_loop_that_ends_leaves_no_connection_to_complain_of(
    start: Run, collector: Collector, scheme: str, answered: bool
) -> None:
    if not answered:
        collector.faults.add(NoAnswer())
    program = OPEN.replace("ANSWERED", str(answered))
    ended = start(program, "-W", "always", RACCOON_URL=url_of(collector, scheme)).finish()
    assert ended.returncode == 0
    lines = ended.stderr.splitlines()
    assert len(lines) == (0 if answered else 1), ended.stderr
    assert ended.lost() == len(lines)


def test_events_that_no_loop_ever_took_are_told(start: Run, collector: Collector) -> None:
    program = "client = AsyncEventClient.connect()\nclient.submit_nowait(page(0))\n"
    for rest in ("", "del client; gc.collect()"):
        ended = start(program + rest).finish()
        assert ended.lost() == 1
        assert "before 1 event was acknowledged; close the client first" in ended.stderr
    assert not collector.stored


def test_an_interrupt_under_asyncio_run(start: Run, collector: Collector) -> None:
    ended = start(
        asynchronous(BLOCK + "print('ready'); await asyncio.sleep(60)"),
    )
    ended.says("ready")
    ended.send_signal(signal.SIGINT)
    over = ended.finish()
    assert over.returncode in (1, -signal.SIGINT)
    assert 200 - over.lost() <= len(stored(collector)) <= 200


@pytest.mark.parametrize("kind", ["ws", "http", "grpc"])
@pytest.mark.parametrize("spool", [False, True])
def test_a_loop_that_ends_with_work_under_way_ends_quietly(
    start: Run, collector: Collector, kind: str, spool: bool, tmp_path: Path
) -> None:
    """One line tells how many were not acknowledged, and nothing else complains."""
    program = """
async def main():
    options = {"spool": sys.argv[2]} if sys.argv[2:] else {}
    client = AsyncEventClient.connect(sys.argv[1], **options)
    async def submit():
        while True:
            await client.submit(page("x"))
    tasks = [asyncio.create_task(submit()) for _ in range(20)]
    await asyncio.sleep(0.1)
for _ in range(4):
    asyncio.run(main())
    gc.collect()
"""
    url = {"ws": collector.ws_url, "http": collector.http_url, "grpc": collector.grpc_url}[kind]
    arguments = f"sys.argv[1:] = {[url, *([str(tmp_path)] if spool else [])]!r}\n"
    ended = start(arguments + program).finish()
    assert ended.returncode == 0
    told = ("an event loop ended before", "left in the spool for the next process")
    told += ("the interpreter ended before",)  # what a slow disk had not taken by then
    lines = ended.stderr.splitlines()
    assert lines or spool  # where nothing is lost
    assert all(any(words in line for words in told) for line in lines), ended.stderr


def test_uvloop(start: Run, collector: Collector) -> None:
    pytest.importorskip("uvloop")
    ended = start("import uvloop\n" + asynchronous(BLOCK, "uvloop.run(main())")).finish()
    assert (ended.returncode, ended.stderr) == (0, "")
    assert stored(collector) == numbered(200)
