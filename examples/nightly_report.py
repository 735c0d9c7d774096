"""A script for cron: it ends when all is acknowledged, and its exit code says whether that was so.

RACCOON_URL=ws://localhost:8080/api/v1/events python nightly_report.py < plans.csv
"""

from __future__ import annotations

import csv
import sys
from functools import partial

from raccoon_runtime import QueueFull, SendTimeoutError, SyncAckFuture

from generated import EventClient, Plan, PlanChangedEvent

PATIENCE = 600.0  # seconds


def change(row: list[str]) -> PlanChangedEvent:
    """Return the event of a line: user, the plan before, the plan after."""
    user_id, before, after = row
    return PlanChangedEvent(
        user_id=user_id, from_=Plan.from_string(before), to=Plan.from_string(after)
    )


def told(line: int, future: SyncAckFuture) -> None:
    """Tell of an event that was not acknowledged."""
    if error := future.exception():
        print(f"line {line}: {error}", file=sys.stderr)


def main() -> int:
    """Send what can be sent; 1 when a line was wrong or not acknowledged, each told on stderr."""
    wrong = False
    lines = csv.reader(sys.stdin)
    # A line for which there is no room in the queue waits, in an outage as long as for the answers.
    with EventClient.connect(client_name="nightly-report", room_timeout=PATIENCE) as events:
        try:
            for row in lines:
                try:
                    future = events.submit(change(row))
                except ValueError as error:  # a SerializationError is one
                    print(f"line {lines.line_num}: {error}", file=sys.stderr)
                    wrong = True
                else:
                    future.add_done_callback(partial(told, lines.line_num))
            events.flush(PATIENCE)
        except (QueueFull, SendTimeoutError) as error:  # no room in ten minutes, or no answer
            print(f"after line {lines.line_num}: {error}", file=sys.stderr)
            wrong = True
    stats = events.stats()
    print(f"{stats.delivered} acknowledged")
    return 1 if wrong or stats.failed else 0


if __name__ == "__main__":
    sys.exit(main())
