"""A script for cron: it ends when all is acknowledged, and its exit code says whether that was so.

RACCOON_URL=ws://localhost:8080/api/v1/events python nightly_report.py < plans.csv
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from typing import TextIO

from raccoon_runtime import BatchError, QueueFull, SendError

from generated import EventClient, Plan, PlanChangedEvent


def changes(table: TextIO) -> Iterator[PlanChangedEvent]:
    """Give an event for each line: user, the plan before, the plan after."""
    for user_id, before, after in csv.reader(table):
        yield PlanChangedEvent(user_id=user_id, from_=Plan[before], to=Plan[after])


PATIENCE = 600.0  # seconds


def main() -> int:
    """Send them all; 1 when some were not acknowledged, each told on stderr."""
    # More lines than the queue takes wait for room, in an outage as long as for the answers.
    with EventClient.connect(client_name="nightly-report", room_timeout=PATIENCE) as events:
        try:
            acks = events.send(changes(sys.stdin), timeout=PATIENCE)
        except BatchError as error:
            for failure in error.failures:
                print(f"line {failure.index + 1}: {failure.error}", file=sys.stderr)
            return 1
        except (SendError, QueueFull) as error:  # no answer in ten minutes, or no room
            print(error, file=sys.stderr)
            return 1
    print(f"acknowledged in {len(acks)} requests")
    return 0


if __name__ == "__main__":
    sys.exit(main())
