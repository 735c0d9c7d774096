"""Clock jumps: the wall clock is set by an hour, forth and back; only the monotonic one counts."""

from __future__ import annotations

import pytest
from raccoon_runtime.collector import Collector, Unpublishable

from .conftest import IMPORTED, Run, numbered, stored

JUMPING = f"""
import time
true, offset = (time.time, time.time_ns), 0.0
time.time = lambda: true[0]() + offset
time.time_ns = lambda: true[1]() + int(offset * 1e9)

def jump(seconds):
    global offset
    offset += seconds

{IMPORTED}"""

PROGRAM = """
client = EventClient.connect(**QUICK, retry_budget=60, linger=0.05)
for number in range(100):
    jump({hours} * 3600 * (1 if number % 3 else -1))
    client.submit_nowait(page(number))
    if number % 10 == 0:
        client.flush(timeout=30)
assert client.close(timeout=30) == []
stats = client.stats()
assert (stats.delivered, stats.failed) == (100, 0), stats
assert 0 <= stats.oldest < 60 and 0 < stats.latency.max < 60, stats
"""


@pytest.mark.parametrize("hours", [1, -1, 24 * 365])
def test_while_events_are_under_way(start: Run, collector: Collector, hours: int) -> None:
    ended = start(JUMPING + PROGRAM.format(hours=hours)).finish()
    assert (ended.returncode, ended.stderr) == (0, "")
    assert stored(collector) == numbered(100)


def test_while_the_server_is_down(start: Run, collector: Collector) -> None:
    """Neither the budget of the retries nor a time limit is over because of it."""
    collector.faults.add(Unpublishable(times=5))
    program = """
client = EventClient.connect(retry_wait=0.05, retry_max_wait=0.1, retry_budget=60)
future = client.submit(page(0))
while not future.done():
    jump(3600)
    time.sleep(0.02)
    jump(-7200)
    assert client.stats().oldest < 60
ack = future.result()
assert (ack.attempts, ack.possible_duplicate) == (6, True), ack
client.close()
"""
    ended = start(JUMPING + program).finish()
    assert ended.returncode == 0, ended.stderr
