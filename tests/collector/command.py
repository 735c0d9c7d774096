"""The command as a user runs it: a process, its lines, its end."""

from __future__ import annotations

import json
import queue
import signal
import subprocess
import sys
import sysconfig
import threading
from pathlib import Path
from types import TracebackType
from typing import Any

COMMAND = [str(Path(sysconfig.get_path("scripts")) / "raccoon-collector")]
MODULE = [sys.executable, "-m", "raccoon_runtime.collector"]
ANY_PORT = ["--http-port", "0", "--grpc-port", "0"]
PATIENCE = 30.0


class Running:
    """A collector that was started by its command; its addresses are in `urls`."""

    def __init__(self, *arguments: str, command: list[str] = COMMAND, **options: Any) -> None:
        self.process = subprocess.Popen(
            [*command, *ANY_PORT, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            **options,
        )
        self._lines: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        self.greeting = [self.line()]
        if self.greeting[0].startswith("{"):
            self.urls: dict[str, str] = json.loads(self.greeting[0])["listening"]
        else:
            self.greeting += [self.line() for _ in range(3)]
            self.urls = dict(line.split() for line in self.greeting[1:])

    def line(self) -> str:
        """The next line of its output."""
        return self._lines.get(timeout=PATIENCE)

    def lines_left(self) -> list[str]:
        """The lines that nobody asked for; to be called when it has ended."""
        return list(self._lines.queue)

    def tell(self, line: str) -> Any:
        """Write a line to it, and return what the next line of its output says."""
        assert self.process.stdin is not None
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()
        return json.loads(self.line())

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Stop it by a signal, and return its exit code."""
        self.process.send_signal(number)
        return self.ended()

    def ended(self) -> int:
        """Wait for its end, and return its exit code; it has said nothing on stderr."""
        code = self.process.wait(PATIENCE)
        self._reader.join()
        assert self.process.stderr is not None
        assert self.process.stderr.read() == b""
        return code

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line.decode().rstrip("\n"))

    def __enter__(self) -> Running:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.process.kill()
        with self.process:
            self._reader.join()


def failed(*arguments: str, command: list[str] = COMMAND, **options: Any) -> str:
    """Run it where it cannot start, and return what it says: nothing but why, with exit code 2."""
    done = subprocess.run(
        [*command, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
        **options,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr
    return done.stderr
