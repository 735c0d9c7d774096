"""An event loop in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class LoopThread:
    """Runs in a daemon thread until it is stopped; `first` is called in it first."""

    def __init__(self, first: Callable[[], object]) -> None:
        self._loop = asyncio.new_event_loop()
        self._loop.call_soon(first)
        self._last: list[asyncio.Task[None]] = []
        self._thread = threading.Thread(target=self._run, name="raccoon-client", daemon=True)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run it there and return what it gives."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def stop(self) -> None:
        """End the loop and wait for its thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def stop_after(self, coroutine: Coroutine[Any, Any, object]) -> None:
        """End the loop once this has run; nobody waits for it."""

        async def last() -> None:
            try:
                await coroutine
            finally:
                self._loop.stop()

        self._loop.call_soon_threadsafe(lambda: self._last.append(self._loop.create_task(last())))

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
            left = asyncio.all_tasks(self._loop)
            for task in left:
                task.cancel()
            if left:
                self._loop.run_until_complete(asyncio.wait(left))
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        finally:
            asyncio.set_event_loop(None)
            self._loop.close()
