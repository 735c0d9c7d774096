"""`close_on_signals()`, and signal handlers of one's own that close."""

from __future__ import annotations

import signal

import pytest
from raccoon_runtime.collector import Collector

from .conftest import Run, numbered, stored
from .test_exits import nobody

SUBMIT = """
for number in range(200):
    client.submit_nowait(page(number))
"""
SYNC = "client = EventClient.connect()\nclient.close_on_signals()\n" + SUBMIT


def asynchronous(body: str, run: str = "asyncio.run(main())") -> str:
    return f"""
async def main():
    client = AsyncEventClient.connect()
    client.close_on_signals()
    for number in range(200):
        client.submit_nowait(page(number))
    {body}
{run}
"""


def test_nothing_is_installed_unasked(start: Run, collector: Collector) -> None:
    program = """
numbers = [number for number in signal.valid_signals() if number not in (9, 19)]
before = [signal.getsignal(number) for number in numbers]
client = EventClient.connect()
client.send_page_event(event_name="0")
assert before == [signal.getsignal(number) for number in numbers]
os.kill(os.getpid(), signal.SIGTERM)
time.sleep(60)
"""
    assert start(program).finish().returncode == -signal.SIGTERM


@pytest.mark.parametrize(
    "program",
    [
        SYNC + "print('ready')\ntime.sleep(60)",
        SYNC + "print('ready')\nthreading.Event().wait()",
        asynchronous("print('ready'); await asyncio.sleep(60)"),
        asynchronous("print('ready'); time.sleep(1); await asyncio.sleep(60)"),
        asynchronous("await client.flush(); print('ready'); await asyncio.sleep(60)"),
    ],
    ids=["sync", "sync, waiting for a lock", "async", "async, its loop held", "async, idle"],
)
def test_the_client_is_closed_and_then_the_signal_does_what_it_did(
    start: Run, collector: Collector, program: str
) -> None:
    # REST, for nothing of it wakes an idle loop now and then.
    running = start(program, RACCOON_URL=collector.http_url)
    running.says("ready")
    running.send_signal()
    ended = running.finish(patience=15)
    assert (ended.returncode, ended.stderr) == (-signal.SIGTERM, "")
    assert stored(collector) == numbered(200)


def test_uvloop(start: Run, collector: Collector) -> None:
    pytest.importorskip("uvloop")
    program = asynchronous("print('ready'); await asyncio.sleep(60)", "uvloop.run(main())")
    running = start("import uvloop\n" + program)
    running.says("ready")
    running.send_signal()
    assert running.finish().returncode == -signal.SIGTERM
    assert stored(collector) == numbered(200)


def test_what_was_there_is_called_afterwards(start: Run, collector: Collector) -> None:
    program = """
def mine(number, frame):
    print("mine", client.stats().pending)
    sys.exit(5)

signal.signal(signal.SIGTERM, mine)
""" + (SYNC + "print('ready')\ntime.sleep(60)")
    running = start(program)
    running.says("ready")
    running.send_signal()
    running.says("mine 0")
    assert running.finish().returncode == 5
    assert stored(collector) == numbered(200)


def test_an_ignored_signal_stays_ignored(start: Run, collector: Collector) -> None:
    program = """
signal.signal(signal.SIGHUP, signal.SIG_IGN)
client = EventClient.connect()
client.close_on_signals(signal.SIGHUP)
client.submit_nowait(page(0))
os.kill(os.getpid(), signal.SIGHUP)
while client.stats().pending:
    time.sleep(0.01)
try:
    client.submit_nowait(page(1))
except Exception as error:
    print(type(error).__name__)
"""
    ended = start(program).finish()
    assert (ended.returncode, ended.stdout.strip()) == (0, "ClosedError"), ended.stderr
    assert stored(collector) == numbered(1)


def test_an_interrupt_raises_after_the_close(start: Run, collector: Collector) -> None:
    program = """
client = EventClient.connect()
client.close_on_signals(signal.SIGINT, signal.SIGTERM)
client.submit_nowait(page(0))
try:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(60)
except KeyboardInterrupt:
    print(client.stats().pending)
"""
    ended = start(program).finish()
    assert (ended.returncode, ended.stdout.strip()) == (0, "0"), ended.stderr


@pytest.mark.parametrize(
    "program",
    [
        SYNC + "print('ready'); time.sleep(60)",
        asynchronous("print('ready'); await asyncio.sleep(60)"),
    ],
    ids=["sync", "async"],
)
def test_a_second_signal_does_not_wait(start: Run, program: str) -> None:
    running = start(program, RACCOON_URL=nobody())
    running.says("ready")
    assert running.insist(signal.SIGTERM, patience=8).returncode == -signal.SIGTERM


def test_several_clients_close_one_after_the_other(start: Run, collector: Collector) -> None:
    program = """
clients = [EventClient.connect() for _ in range(3)]
for client in clients:
    client.close_on_signals()
for number in range(300):
    clients[number % 3].submit_nowait(page(number))
print("ready")
time.sleep(60)
"""
    running = start(program)
    running.says("ready")
    running.send_signal()
    assert running.finish().returncode == -signal.SIGTERM
    assert stored(collector) == numbered(300)


def test_a_close_puts_back_what_was_there(start: Run, collector: Collector) -> None:
    program = """
def mine(number, frame): ...

signal.signal(signal.SIGTERM, mine)
with EventClient.connect() as client:
    client.close_on_signals(signal.SIGTERM, signal.SIGHUP)
    assert signal.getsignal(signal.SIGTERM) is not mine
    client.send_page_event(event_name="0")
assert signal.getsignal(signal.SIGTERM) is mine
assert signal.getsignal(signal.SIGHUP) is signal.SIG_DFL

async def main():
    async with AsyncEventClient.connect() as client:
        client.close_on_signals()
    assert signal.getsignal(signal.SIGTERM) is mine

asyncio.run(main())

client = EventClient.connect()
client.close_on_signals()
signal.signal(signal.SIGTERM, signal.SIG_IGN)   # somebody came after
client.close()
assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
"""
    ended = start(program).finish()
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize("how", ["client = None\ngc.collect()", "pass"])
def test_a_signal_with_nothing_to_close_is_not_held_up(start: Run, how: str) -> None:
    """Neither a client that was let go, nor one that was never used."""
    program = f"""
client = EventClient.connect()
client.close_on_signals()
{how}
os.kill(os.getpid(), signal.SIGTERM)
time.sleep(60)
"""
    ended = start(program).finish(patience=30)
    assert (ended.returncode, ended.stderr) == (-signal.SIGTERM, "")


def test_a_signal_after_the_loop_has_ended(start: Run, collector: Collector) -> None:
    program = asynchronous("await client.flush(); return") + (
        "os.kill(os.getpid(), signal.SIGTERM)\ntime.sleep(60)"
    )
    assert start(program).finish(patience=30).returncode == -signal.SIGTERM


@pytest.mark.parametrize("library", ["asyncio", "uvloop"])
def test_where_the_loop_handles_the_signal_the_order_could_not_be_kept(
    start: Run, collector: Collector, library: str
) -> None:
    pytest.importorskip(library)
    program = """
async def main():
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    client = AsyncEventClient.connect()
    try:
        client.close_on_signals(signal.SIGHUP, signal.SIGTERM)
    except Exception as error:
        print(type(error).__name__, error)
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_DFL
    client.submit_nowait(page(0))
    print("ready")
    await stop.wait()
    print(await client.close())
"""
    running = start(f"import {library}\n{program}\n{library}.run(main())")
    running.says(
        "UsageError the event loop handles SIGTERM (add_signal_handler); close the client in its "
        "handler"
    )
    running.says("ready")
    running.send_signal()
    running.says("[]")
    assert running.finish().returncode == 0
    assert stored(collector) == numbered(1)


def test_only_from_the_main_thread(start: Run) -> None:
    program = """
def run():
    try:
        EventClient.connect().close_on_signals()
    except Exception as error:
        print(type(error).__name__)

thread = threading.Thread(target=run)
thread.start()
thread.join()
"""
    assert start(program).finish().stdout.strip() == "UsageError"


# --- handlers of one's own -----------------------------------------------------------------


@pytest.mark.parametrize("round", range(5))
def test_a_handler_may_close_in_the_middle_of_anything(
    start: Run, collector: Collector, round: int
) -> None:
    """Also while the main thread holds a lock of the client's, as it does most of the time here."""
    program = """
def stop(number, frame):
    client.close()
    sys.exit(0)

client = EventClient.connect(queue_events=10**6)
signal.signal(signal.SIGTERM, stop)
accepted = 0
try:
    while True:
        client.submit_nowait(page(accepted))
        accepted += 1
        if accepted == 100:
            print("ready")
finally:
    print(accepted)
"""
    running = start(program)
    running.says("ready")
    for _ in range(round * 1000):
        pass  # a little later each time
    running.send_signal()
    ended = running.finish()
    assert ended.returncode == 0, ended.stderr
    accepted = int(ended.stdout)
    found = stored(collector)
    # The call that was interrupted may have accepted one more.
    assert accepted <= len(found) <= accepted + 1
    assert set(found.values()) == {1}


def test_a_close_under_a_lock_of_its_own_goes_on_behind(start: Run, collector: Collector) -> None:
    """What the test above meets by chance."""
    program = """
client = EventClient.connect()
for number in range(100):
    client.submit_nowait(page(number))
with client._delivery.handle.lock:
    assert client.close() == []
"""
    ended = start(program).finish()
    assert ended.returncode == 0
    assert "goes on behind it" in ended.stderr
    assert stored(collector) == numbered(100)


def test_a_close_in_the_middle_of_the_start_leaves_no_thread(
    start: Run, collector: Collector
) -> None:
    program = """
import raccoon_runtime.delivery.delivery as module
client = EventClient.connect()
signal.signal(signal.SIGUSR1, lambda *_: client.close())
before = module.Delivery.bind

def bind(delivery):
    os.kill(os.getpid(), signal.SIGUSR1)
    time.sleep(0.2)
    before(delivery)

module.Delivery.bind = bind
try:
    client.submit(page(0))
except Exception as error:
    print(type(error).__name__)
while [thread.name for thread in threading.enumerate()] != ["MainThread"]:
    time.sleep(0.01)
"""
    ended = start(program).finish(patience=30)
    assert (ended.returncode, ended.stdout.strip()) == (0, "ClosedError"), ended.stderr


def test_a_handler_may_close_what_is_being_closed(start: Run, collector: Collector) -> None:
    program = """
def stop(number, frame):
    print("inner", client.close())

signal.signal(signal.SIGALRM, stop)
client = EventClient.connect()
client.submit_nowait(page(0))
signal.setitimer(signal.ITIMER_REAL, 0.2)
print("outer", len(client.close(timeout=1)))
"""
    ended = start(program, RACCOON_URL=nobody()).finish()
    assert sorted(ended.stdout.split("\n")) == ["", "inner []", "outer 1"] or sorted(
        ended.stdout.split("\n")
    ) == ["", "inner [Undelivered", "outer 0"], ended.stdout
    assert ended.returncode == 0


@pytest.mark.parametrize("number", ["signal.SIGKILL", "signal.SIGSTOP", "12345", "'SIGTERM'"])
def test_what_cannot_be_handled_is_refused_and_leaves_nothing(start: Run, number: str) -> None:
    program = f"""
from raccoon_runtime import UsageError
client = EventClient.connect()
before = signal.getsignal(signal.SIGTERM)
try:
    client.close_on_signals(signal.SIGTERM, {number})
except UsageError as error:
    print(error, signal.getsignal(signal.SIGTERM) == before)
"""
    ended = start(program).finish()
    assert "is no signal that can be handled True" in ended.stdout, ended.stderr
