"""A script for cron: it ends when all is acknowledged, and its exit code says whether that was so.

RACCOON_URL=ws://localhost:8080/api/v1/events python nightly_report.py < plans.csv
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from typing import TextIO

from raccoon_runtime import BatchError, SendError

from generated import EventClient, Plan, PlanChangedEvent


def changes(table: TextIO) -> Iterator[PlanChangedEvent]:
    """Give an event for each line: user, the plan before, the plan after."""
    for user_id, before, after in csv.reader(table):
        yield PlanChangedEvent(user_id=user_id, from_=Plan[before], to=Plan[after])


def main() -> int:
    """Send them all; 1 when some were not acknowledged, each told on stderr."""
    with EventClient.connect(client_name="nightly-report") as events:
        try:
            acks = events.send(changes(sys.stdin), timeout=600)
        except BatchError as error:
            for failure in error.failures:
                print(f"line {failure.index + 1}: {failure.error}", file=sys.stderr)
            return 1
        except SendError as error:  # no answer in ten minutes
            print(error, file=sys.stderr)
            return 1
    print(f"acknowledged in {len(acks)} requests")
    return 0


if __name__ == "__main__":
    sys.exit(main())
