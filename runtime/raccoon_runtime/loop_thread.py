"""An event loop in a thread of its own."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import contextvars
import logging
import sys
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from . import process
from .errors import UsageError

T = TypeVar("T")

_ENDING = 5.0  # seconds for a thread that failed at the start
_ENDINGS = 1000  # how many tasks may end the loop with what they raise, at its end


class LoopThread:
    """Runs in a daemon thread until its last coroutine is through.

    `first` is called in it first, and `begin` waits for that; `finally_` when it is over, however
    that came.
    """

    def __init__(
        self,
        first: Callable[[], object],
        finally_: Callable[[], object],
        logger: logging.Logger,
    ) -> None:
        self.generation = process.generation()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._finally = finally_
        self._log = logger
        self._waiting: set[concurrent.futures.Future[Any]] = set()
        self._ending = False  # what begins now would not be run to its end
        self._over = False
        self._tasks: set[asyncio.Task[Any]] = set()
        self._begun: concurrent.futures.Future[object] = concurrent.futures.Future()
        self._first = first
        self._entrance = threading.Lock()
        self._thread: threading.Thread | None = None
        process.leave_to_parent(self)

    def begin(self) -> None:
        """Start it, and wait until `first` was called; its error is raised, and it is over then.

        To be called again when it was interrupted.
        """
        if not self.runs:
            self._start()
        try:
            self._begun.result()
        except BaseException:
            if self.failed:
                self.join(_ENDING)
            raise

    @property
    def runs(self) -> bool:
        """Whether the thread has come to life."""
        return self._thread is not None

    @property
    def failed(self) -> bool:
        """Whether `first` raised."""
        return self._begun.done() and self._begun.exception() is not None

    def run(self, make: Callable[[], Coroutine[Any, Any, T]]) -> T | None:
        """Run a coroutine there and return what it gives; None when the thread ends before."""
        return result_of(self._begin(make), None)

    def begin_last(
        self, make: Callable[[], Coroutine[Any, Any, T]]
    ) -> concurrent.futures.Future[T]:
        """Begin to run a coroutine there, and end with it; of several with the first of them."""

        async def last() -> T:
            try:
                return await make()
            finally:
                asyncio.get_running_loop().stop()

        return self._begin(last)

    def join(self, patience: float) -> None:
        """Wait for its end."""
        if self._thread is None:
            return
        self._thread.join(min(max(patience, 0.0), threading.TIMEOUT_MAX))
        if self._thread.is_alive():
            self._log.error("the client's thread is held up, and is left to itself")

    def _begin(self, make: Callable[[], Coroutine[Any, Any, T]]) -> concurrent.futures.Future[T]:
        future: concurrent.futures.Future[T] = concurrent.futures.Future()

        def begin() -> None:
            if self._ending:
                return
            task = asyncio.get_running_loop().create_task(make())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            task.add_done_callback(lambda _: _pass_on(task, future))

        # No lock here, for a signal's handler may come in between and do the same. Either this
        # sees that it is over, or the end sees the future.
        self._waiting.add(future)
        future.add_done_callback(self._waiting.discard)
        try:
            if self._loop is not None:
                self._loop.call_soon_threadsafe(begin)
        except RuntimeError:  # it is closed
            future.cancel()
        if self._over or self._loop is None:
            future.cancel()
        return future

    def _start(self) -> None:
        try:
            # Before 3.12 it would be waited for, and never run.
            if sys.is_finalizing():
                raise RuntimeError("the interpreter is ending")
            threading.Thread(target=self._run, name="raccoon-client", daemon=True).start()
        except RuntimeError as error:
            told = "no thread can be started for the client; the interpreter may be ending"
            failure = UsageError(told)
            self._begun.set_exception(failure)
            raise failure from error

    # --- the thread -------------------------------------------------------------------

    def _run(self) -> None:
        # An interrupt of the start does not say whether it came to be, and then there are two.
        if not self._entrance.acquire(blocking=False):
            return
        self._thread = threading.current_thread()
        try:
            # A loop keeps the context in which it is made.
            loop = self._loop = contextvars.Context().run(asyncio.new_event_loop)
        except OSError as error:  # too many open files
            self._begun.set_exception(error)
            return
        asyncio.set_event_loop(loop)
        try:
            loop.run_until_complete(_call(self._first, self._begun))
            if not self.failed:
                loop.run_forever()
        except BaseException as error:
            # SystemExit, say, from the function that makes the headers.
            self._log.exception("the client's event loop ended: %s", type(error).__name__)
        finally:
            self._end(loop)

    def _end(self, loop: asyncio.AbstractEventLoop) -> None:
        for _ in range(_ENDINGS):
            with contextlib.suppress(BaseException):  # what a task raises that is cancelled
                loop.run_until_complete(self._end_tasks(loop))
            if self._ending:
                break
        try:
            self._finally()
        finally:
            self._over = True
            for future in list(self._waiting):
                future.cancel()
            asyncio.set_event_loop(None)
            loop.close()

    async def _end_tasks(self, loop: asyncio.AbstractEventLoop) -> None:
        """Cancel what is left, and what the calls that wait still begin."""
        me = asyncio.current_task()
        await asyncio.sleep(0)
        while left := [task for task in asyncio.all_tasks() if task is not me]:
            for task in left:
                task.cancel()
            await asyncio.wait(left)
        self._ending = True
        await loop.shutdown_asyncgens()


def result_of(future: concurrent.futures.Future[T], patience: float | None) -> T | None:
    """Return what came of it; None when nothing does, or not in time."""
    with contextlib.suppress(concurrent.futures.CancelledError):
        try:
            return future.result(None if patience is None else min(patience, threading.TIMEOUT_MAX))
        except concurrent.futures.TimeoutError:  # of this wait, or what came of it
            if future.done():
                return future.result()
    return None


def _pass_on(task: asyncio.Task[T], future: concurrent.futures.Future[T]) -> None:
    if future.done():
        return
    if task.cancelled():
        future.cancel()
    elif (error := task.exception()) is not None:
        future.set_exception(error)
    else:
        future.set_result(task.result())


async def _call(first: Callable[[], object], begun: concurrent.futures.Future[object]) -> None:
    try:
        begun.set_result(first())
    except BaseException as error:
        begun.set_exception(error)
